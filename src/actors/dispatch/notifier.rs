//! Who is told when an alarm reached no dispatcher. The default writes the log; a pager or web hook
//! is another implementation of the same trait.

use log::error;

use crate::metrics::Metrics;

/// An alarm that nobody heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// `mayday`, `escalation`, `check-in` or `declined order`.
    pub alarm: &'static str,
    /// Which one, by id.
    pub id: i64,
    /// The unit it is about, if one.
    pub unit: Option<i64>,
    /// The incident it is about, if one.
    pub incident: Option<i64>,
}

/// Takes alarms that nobody heard. Called after the commit, on the writer's thread, so it must not
/// block.
pub trait Notifier: Send + Sync {
    /// An alarm reached no dispatcher.
    fn nobody_heard(&self, unheard: &Unheard);
}

/// Writes the log at error level and counts.
#[derive(Debug, Default)]
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn nobody_heard(&self, unheard: &Unheard) {
        Metrics::get().alarms_unheard.increment(1);
        let Unheard { alarm, id, unit, incident } = unheard;
        error!("nobody heard alarm={alarm} id={id} unit={unit:?} incident={incident:?}");
    }
}
