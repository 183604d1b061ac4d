//! What people say about being here, as clients of an older messenger do when they come to the
//! front and go to the back: it counts beside their sockets, until they say otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::UserId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Until then.
    Here(Instant),
    /// Whatever sockets they have open.
    Gone,
}

/// Who has said what, on this process.
#[derive(Debug)]
pub struct Words {
    people: Mutex<HashMap<UserId, Word>>,
    keep: Duration,
}

impl Words {
    /// Nobody has said anything; that someone is here holds for `keep`, for a device that dies says
    /// nothing more.
    pub fn new(keep: Duration) -> Self {
        Self { people: Mutex::default(), keep }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<UserId, Word>) -> T) -> T {
        work(&mut self.people.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Someone says that they are here.
    pub fn here(&self, user: UserId) {
        let until = Instant::now() + self.keep;
        self.with(|people| people.insert(user, Word::Here(until)));
    }

    /// Someone says that they have gone.
    pub fn gone(&self, user: UserId) {
        self.with(|people| people.insert(user, Word::Gone));
    }

    /// A new socket of theirs says more than what they said before.
    pub fn came(&self, user: UserId) {
        self.with(|people| {
            if people.get(&user) == Some(&Word::Gone) {
                people.remove(&user);
            }
        });
    }

    /// Someone's word counts no more, as when they have signed out.
    pub fn forget(&self, user: UserId) {
        self.with(|people| people.remove(&user));
    }

    /// What someone's word makes of it; nothing when they said none that holds.
    pub fn of(&self, user: UserId) -> Option<bool> {
        self.with(|people| match people.get(&user)? {
            Word::Gone => Some(false),
            Word::Here(until) if Instant::now() < *until => Some(true),
            Word::Here(_) => None,
        })
    }

    /// Forgets words that no longer hold: those that ended, and "gone" of whoever `has_socket` says
    /// has none anyway.
    pub fn tidy(&self, has_socket: impl Fn(UserId) -> bool) {
        let now = Instant::now();
        self.with(|people| {
            people.retain(|user, word| match word {
                Word::Here(until) => now < *until,
                Word::Gone => has_socket(*user),
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: UserId = UserId(1);

    #[test]
    fn a_word_counts_until_the_next_one_or_until_its_time_is_over() {
        let words = Words::new(Duration::from_secs(60));
        assert_eq!(words.of(ADA), None);
        words.here(ADA);
        assert_eq!(words.of(ADA), Some(true));
        words.gone(ADA);
        assert_eq!(words.of(ADA), Some(false));
        words.came(ADA);
        assert_eq!(words.of(ADA), None, "a new socket says more");
        let words = Words::new(Duration::ZERO);
        words.here(ADA);
        assert_eq!(words.of(ADA), None);
    }

    #[test]
    fn words_that_no_longer_hold_are_forgotten() {
        let words = Words::new(Duration::from_secs(60));
        words.gone(ADA);
        words.here(UserId(2));
        words.tidy(|_| true);
        assert_eq!((words.of(ADA), words.of(UserId(2))), (Some(false), Some(true)));
        words.tidy(|_| false);
        assert_eq!((words.of(ADA), words.of(UserId(2))), (None, Some(true)));
    }
}
