//! How many wrong passwords an account or address may try: counted before the check, given back
//! when the password was right, so that guesses made at once cannot slip through together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics;
use crate::protocol::refusal::Refusal;

/// An address may stand for an office: it may try this many times what one account may.
const OFFICE: u32 = 5;
/// Longest account name that is told apart, in characters.
const NAME_CHARS: usize = 150;

/// What one attempt was counted against; hand it back when the password was right.
#[derive(Debug)]
pub struct Counted {
    account: String,
    address: IpAddr,
}

/// Wrong passwords of accounts and addresses. Each key holds the moment at which all its attempts
/// will be forgotten; an attempt puts that moment one share of the window later.
#[derive(Debug)]
pub struct LoginThrottle {
    /// Attempts within `window`; 0 is unlimited.
    attempts: u32,
    window: Duration,
    accounts: Mutex<HashMap<String, Instant>>,
    addresses: Mutex<HashMap<IpAddr, Instant>>,
}

impl LoginThrottle {
    /// A throttle of `attempts` within `window` for each account.
    pub fn new(attempts: u32, window: Duration) -> Self {
        Self { attempts, window, accounts: Mutex::default(), addresses: Mutex::default() }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn count(&self, account: &str, address: IpAddr, now: Instant) -> Result<Counted, Refusal> {
        let account = account.chars().take(NAME_CHARS).collect::<String>().to_lowercase();
        if self.attempts > 0 {
            charge(&self.accounts, account.clone(), self.share(1), self.window, now)?;
            let charged = charge(&self.addresses, address, self.share(OFFICE), self.window, now);
            if let Err(refusal) = charged {
                // The attempt is not made, so it is not one against the account.
                refund(&self.accounts, &account, self.share(1));
                return Err(refusal);
            }
        }
        Ok(Counted { account, address })
    }

    /// Takes an attempt back: its password was right.
    pub fn forgive(&self, counted: &Counted) {
        if self.attempts > 0 {
            refund(&self.accounts, &counted.account, self.share(1));
            refund(&self.addresses, &counted.address, self.share(OFFICE));
        }
    }

    /// Forgets who has been quiet.
    pub fn tidy(&self, now: Instant) {
        lock(&self.accounts).retain(|_, forgotten_at| *forgotten_at > now);
        lock(&self.addresses).retain(|_, forgotten_at| *forgotten_at > now);
    }

    /// The part of the window that one attempt uses up.
    fn share(&self, times: u32) -> Duration {
        self.window / self.attempts.saturating_mul(times).max(1)
    }
}

fn lock<K>(counts: &Mutex<HashMap<K, Instant>>) -> std::sync::MutexGuard<'_, HashMap<K, Instant>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn charge<K: std::hash::Hash + Eq>(
    counts: &Mutex<HashMap<K, Instant>>,
    key: K,
    share: Duration,
    window: Duration,
    now: Instant,
) -> Result<(), Refusal> {
    let mut counts = lock(counts);
    let forgotten_at = counts.entry(key).or_insert(now);
    let after = (*forgotten_at).max(now) + share;
    let over = after.duration_since(now).saturating_sub(window);
    if !over.is_zero() {
        metrics::rate_limited("login");
        let wait = u64::try_from(over.as_millis()).unwrap_or(u64::MAX).max(1);
        return Err(Refusal::rate_limited(wait));
    }
    *forgotten_at = after;
    Ok(())
}

fn refund<K: std::hash::Hash + Eq>(counts: &Mutex<HashMap<K, Instant>>, key: &K, share: Duration) {
    if let Some(forgotten_at) = lock(counts).get_mut(key) {
        *forgotten_at = forgotten_at.checked_sub(share).unwrap_or(*forgotten_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn throttle() -> LoginThrottle {
        LoginThrottle::new(5, Duration::from_secs(60))
    }

    #[test]
    fn the_sixth_wrong_password_within_the_window_waits_and_the_next_window_is_fresh() {
        let (throttle, now) = (throttle(), Instant::now());
        for _ in 0..5 {
            throttle.count("alice", HOME, now).unwrap();
        }
        let refusal = throttle.count("Alice", HOME, now).unwrap_err();
        assert_eq!(refusal.retry_after_ms, Some(12_000), "one share of the window");
        throttle.count("bob", HOME, now).unwrap();
        throttle.count("alice", HOME, now + Duration::from_secs(12)).unwrap();
        let later = now + Duration::from_secs(200);
        for _ in 0..5 {
            throttle.count("alice", HOME, later).unwrap();
        }
    }

    #[test]
    fn right_passwords_are_not_counted() {
        let (throttle, now) = (throttle(), Instant::now());
        for _ in 0..50 {
            let counted = throttle.count("alice", HOME, now).unwrap();
            throttle.forgive(&counted);
        }
    }

    #[test]
    fn guesses_made_at_once_are_all_counted_before_any_is_judged() {
        let (throttle, now) = (throttle(), Instant::now());
        let at_once: Vec<_> = (0..20).map(|_| throttle.count("alice", HOME, now)).collect();
        assert_eq!(at_once.iter().filter(|counted| counted.is_ok()).count(), 5);
    }

    #[test]
    fn one_address_that_tries_many_accounts_is_stopped_too() {
        let (throttle, now) = (throttle(), Instant::now());
        let tried = (0..40).map(|name| throttle.count(&name.to_string(), HOME, now));
        assert_eq!(tried.filter(Result::is_ok).count(), 25);
    }

    #[test]
    fn what_is_refused_for_its_address_is_not_held_against_the_account() {
        let (throttle, now) = (throttle(), Instant::now());
        for name in 0..25 {
            throttle.count(&name.to_string(), HOME, now).unwrap();
        }
        for _ in 0..5 {
            throttle.count("alice", HOME, now).unwrap_err();
        }
        let elsewhere = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
        for _ in 0..5 {
            throttle.count("alice", elsewhere, now).unwrap();
        }
        throttle.count("alice", elsewhere, now).unwrap_err();
    }

    #[test]
    fn without_a_limit_nothing_is_counted_and_the_quiet_are_forgotten() {
        let now = Instant::now();
        let open = LoginThrottle::new(0, Duration::from_secs(60));
        assert!((0..100).all(|_| open.count("alice", HOME, now).is_ok()));
        let throttle = throttle();
        throttle.count("alice", HOME, now).unwrap();
        throttle.tidy(now + Duration::from_secs(61));
        assert!(lock(&throttle.accounts).is_empty() && lock(&throttle.addresses).is_empty());
    }
}
