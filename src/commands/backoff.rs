//! When a client comes back: growing delays with jitter, and the close-code table's last column.

use std::time::Duration;

use crate::protocol::close::{CLOSES, ComeBack};

/// First delay, in milliseconds.
const FIRST_MS: u64 = 500;
/// Longest delay, in milliseconds.
const LONGEST_MS: u64 = 30_000;

/// Growing delays: each doubles the last, and a random half of it is taken away.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay after one more failure. `random` spreads it over the upper half of its range.
    pub fn next(&mut self, random: u64) -> Duration {
        let whole = FIRST_MS.saturating_mul(1 << self.failures.min(10)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        Duration::from_millis(half + random % (half + 1))
    }

    /// It works again: the next delay is the first.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether the last attempt succeeded.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// A close frame came; with the hint of the `goodbye` before it.
    Closed { code: u16, reason: String, hint_ms: Option<u64> },
    /// The handshake was answered with something other than 101.
    NotUpgraded { status: u16, hint_ms: Option<u64> },
    /// A command was refused.
    Refused { sentence: String, retry: bool, hint_ms: Option<u64> },
    /// No connection, or it broke.
    Lost(String),
}

/// What to do after a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Wait this long, then connect again.
    Again(Duration),
    /// Coming back cannot help; a sentence says why.
    GiveUp(String),
}

impl Ended {
    /// What to do next.
    pub fn next(&self, backoff: &mut Backoff, random: u64) -> Next {
        match self.come_back() {
            ComeBack::No | ComeBack::WithNewCredentials => Next::GiveUp(self.sentence()),
            ComeBack::AtOnce if backoff.is_fresh() => {
                backoff.next(random);
                Next::Again(Duration::ZERO)
            }
            ComeBack::AfterHint => {
                let delay = backoff.next(random);
                Next::Again(self.hint_ms().map_or(delay, Duration::from_millis))
            }
            ComeBack::AtOnce | ComeBack::WithBackoff => {
                let delay = backoff.next(random);
                let least = Duration::from_millis(self.hint_ms().unwrap_or(0));
                Next::Again(delay.max(least))
            }
        }
    }

    fn come_back(&self) -> ComeBack {
        match self {
            Self::Lost(_) => ComeBack::WithBackoff,
            Self::Refused { retry: true, .. } => ComeBack::WithBackoff,
            Self::Refused { .. } => ComeBack::No,
            Self::NotUpgraded { status: 429 | 500..=599, .. } => ComeBack::WithBackoff,
            Self::NotUpgraded { .. } => ComeBack::No,
            Self::Closed { code, .. } => match CLOSES.iter().find(|row| row.code == *code) {
                Some(row) => row.come_back,
                None if *code >= 4000 => ComeBack::No,
                None => ComeBack::WithBackoff,
            },
        }
    }

    fn hint_ms(&self) -> Option<u64> {
        match self {
            Self::Closed { hint_ms, .. }
            | Self::NotUpgraded { hint_ms, .. }
            | Self::Refused { hint_ms, .. } => *hint_ms,
            Self::Lost(_) => None,
        }
    }

    /// What happened, for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Closed { code: 4001, reason, .. } => format!(
                "the server refuses us: {reason} (4001); sign in again, or give another --token \
                 or --user"
            ),
            Self::Closed { code, reason, .. } => {
                let row = CLOSES.iter().find(|row| row.code == *code);
                let meaning = row.map_or("an unknown close code", |row| row.meaning);
                let reason = if reason.is_empty() { meaning } else { reason };
                format!("the server closed the connection: {reason} ({code})")
            }
            Self::NotUpgraded { status: 403, .. } => {
                "the server does not talk to this origin (HTTP 403)".to_owned()
            }
            Self::NotUpgraded { status: 404, .. } => {
                "there is no switchboard at this address (HTTP 404); check --url".to_owned()
            }
            Self::NotUpgraded { status, .. } => {
                format!("the server does not open a WebSocket (HTTP {status})")
            }
            Self::Refused { sentence, .. } => sentence.clone(),
            Self::Lost(cause) => format!("no connection: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: u16, hint_ms: Option<u64>) -> Ended {
        Ended::Closed { code, reason: "because".to_owned(), hint_ms }
    }

    #[test]
    fn delays_double_up_to_a_limit_and_are_spread_over_their_upper_half() {
        for random in [0, 7, u64::MAX] {
            let mut backoff = Backoff::default();
            for whole in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
                let delay = backoff.next(random).as_millis();
                assert!((whole / 2..=whole).contains(&delay), "{delay} of {whole}");
            }
        }
    }

    #[test]
    fn every_close_code_is_obeyed_as_the_table_says() {
        for row in CLOSES {
            let next = closed(row.code, Some(77)).next(&mut Backoff::default(), 3);
            match (row.come_back, next) {
                (ComeBack::No | ComeBack::WithNewCredentials, Next::GiveUp(sentence)) => {
                    assert!(sentence.contains(&row.code.to_string()), "{sentence}");
                }
                (ComeBack::AfterHint, Next::Again(delay)) => {
                    assert_eq!(delay, Duration::from_millis(77), "{}", row.code);
                }
                (ComeBack::AtOnce, Next::Again(delay)) => assert!(delay.is_zero()),
                (ComeBack::WithBackoff, Next::Again(delay)) => assert!(delay.as_millis() >= 250),
                (_, next) => panic!("{} gave {next:?}", row.code),
            }
        }
    }

    #[test]
    fn a_client_that_is_too_slow_again_and_again_waits() {
        let mut backoff = Backoff::default();
        assert_eq!(closed(4008, None).next(&mut backoff, 0), Next::Again(Duration::ZERO));
        let Next::Again(delay) = closed(4008, None).next(&mut backoff, 0) else { panic!() };
        assert!(!delay.is_zero());
    }

    #[test]
    fn a_lost_connection_and_a_busy_server_are_tried_again_and_a_foreign_page_is_not() {
        let again = |ended: Ended| matches!(ended.next(&mut Backoff::default(), 1), Next::Again(_));
        assert!(again(Ended::Lost("reset".to_owned())));
        assert!(again(closed(1006, None)));
        assert!(again(Ended::NotUpgraded { status: 503, hint_ms: None }));
        assert!(!again(Ended::NotUpgraded { status: 403, hint_ms: None }));
        assert!(!again(closed(4999, None)));
    }
}
