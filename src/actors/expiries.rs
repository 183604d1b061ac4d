//! When the credentials of a worker's sessions end, soonest first, so that a look at what is due
//! costs nothing while nothing is.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;

/// Entries beyond twice the sessions there are, before those of sessions long gone are dropped.
const SLACK: usize = 1_024;

/// Sessions by the moment at which they are to be looked at next.
#[derive(Debug, Default)]
pub struct Expiries {
    soonest: BTreeSet<(NaiveDateTime, u64)>,
}

impl Expiries {
    /// Looks at `session` again when it is `at`; earlier entries stay as well.
    pub fn watch(&mut self, session: u64, at: NaiveDateTime) {
        self.soonest.insert((at, session));
    }

    /// Takes the next session whose moment has come.
    pub fn next_due(&mut self, now: NaiveDateTime) -> Option<u64> {
        let &(at, session) = self.soonest.first()?;
        if at > now {
            return None;
        }
        self.soonest.pop_first();
        Some(session)
    }

    /// Drops what is of no use any more, once it outgrows the `present` sessions: what was kept for
    /// those that are gone, and of those that are here all but the next moment. Whoever renews a
    /// credential again and again leaves an entry each time; `next_look` says when a session is to
    /// be looked at, `None` when it is gone.
    pub fn thin(&mut self, present: usize, next_look: impl Fn(u64) -> Option<NaiveDateTime>) {
        if self.soonest.len() > 2 * present + SLACK {
            self.soonest.retain(|(at, session)| next_look(*session) == Some(*at));
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> NaiveDateTime {
        DateTime::from_timestamp(second, 0).unwrap().naive_utc()
    }

    #[test]
    fn sessions_come_in_the_order_of_their_moments_and_none_too_early() {
        let mut expiries = Expiries::default();
        for (session, second) in [(1, 30), (2, 10), (3, 20)] {
            expiries.watch(session, at(second));
        }
        assert_eq!(expiries.next_due(at(9)), None);
        assert_eq!(expiries.next_due(at(25)), Some(2));
        assert_eq!(expiries.next_due(at(25)), Some(3));
        assert_eq!(expiries.next_due(at(25)), None);
        assert_eq!(expiries.next_due(at(30)), Some(1));
    }

    #[test]
    fn entries_of_those_who_left_do_not_pile_up() {
        let mut expiries = Expiries::default();
        for session in 0..10_000 {
            expiries.watch(session, at(1_000));
            expiries.thin(1, |here| (here == session).then(|| at(1_000)));
        }
        assert!(expiries.soonest.len() <= SLACK + 2);
        let mut left = std::iter::from_fn(|| expiries.next_due(at(1_000)));
        assert!(left.any(|session| session == 9_999), "who is here is still looked at");
    }

    #[test]
    fn entries_of_who_renews_again_and_again_do_not_pile_up() {
        let mut expiries = Expiries::default();
        for second in 0..10_000 {
            // The same credential once more, or a newer one.
            for ends in [at(20_000), at(30_000 + second)] {
                expiries.watch(7, ends);
                expiries.thin(1, |_| Some(ends));
            }
        }
        assert!(expiries.soonest.len() <= SLACK + 2);
        while expiries.next_due(at(39_998)).is_some() {}
        assert_eq!(expiries.next_due(at(39_999)), Some(7), "the newest is there");
        assert_eq!(expiries.next_due(at(99_999)), None);
    }
}
