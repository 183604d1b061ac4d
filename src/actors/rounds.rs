//! The rounds of housekeeping: what is under way, and when each was last done.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDateTime;

use crate::clock;

/// What is known of one kind of round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    pub started_at: NaiveDateTime,
    /// `None` while it is under way.
    pub completed_at: Option<NaiveDateTime>,
}

/// The last round of each kind, by name.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<BTreeMap<&'static str, Round>>);

/// A round under way; it is done when this is dropped.
#[derive(Debug)]
pub struct UnderWay<'a> {
    rounds: &'a Rounds,
    name: &'static str,
}

impl Rounds {
    /// A round begins.
    pub fn begin(&self, name: &'static str) -> UnderWay<'_> {
        let round = Round { started_at: clock::now_naive(), completed_at: None };
        self.lock().insert(name, round);
        UnderWay { rounds: self, name }
    }

    /// The last round of each kind, by name.
    pub fn all(&self) -> Vec<(&'static str, Round)> {
        self.lock().iter().map(|(name, round)| (*name, *round)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(round) = self.rounds.lock().get_mut(self.name) {
            round.completed_at = Some(clock::now_naive());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_under_way_until_it_is_dropped() {
        let rounds = Rounds::default();
        let round = rounds.begin("prune");
        assert_eq!(rounds.all()[0].1.completed_at, None);
        drop(round);
        let (name, done) = rounds.all()[0];
        assert_eq!(name, "prune");
        assert!(done.completed_at.is_some_and(|at| at >= done.started_at));
        assert_eq!(rounds.all().len(), 1);
    }
}
