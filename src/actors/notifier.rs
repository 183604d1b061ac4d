//! The notifier: who is told of what nobody is connected to hear, to carry it further.

use log::{error, info};

use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::Priority;

/// Something that was said and reached no connection. Names things by their ids alone: what they
/// say is for their owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// Where it was said.
    pub topic: Topic,
    /// Whom it was for; `None` for whoever should have listened.
    pub user: Option<UserId>,
    /// A word: `message`, `mayday`, `escalation` …
    pub kind: String,
    pub priority: Priority,
    /// The id of what it is about.
    pub id: Option<i64>,
}

/// Carries what nobody heard to where they will: push, mail, a telephone.
///
/// Called on the writer's thread after the commit, so it must not block: whoever needs time hands
/// the case to a queue of its own.
pub trait Notifier: Send + Sync {
    /// Takes one case.
    fn unheard(&self, case: &Unheard);
}

/// Writes the log: a line for what can wait, an error for an alarm.
#[derive(Debug, Default)]
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn unheard(&self, case: &Unheard) {
        let (topic, kind) = (&case.topic, case.kind.as_str());
        let id = case.id.unwrap_or(0);
        if case.priority == Priority::Urgent {
            error!("nobody heard an alarm topic={topic} kind={kind} id={id}");
        } else {
            info!("nobody heard topic={topic} kind={kind} id={id}");
        }
    }
}

/// Counts a case and hands it over.
pub fn hand_over(notifier: &dyn Notifier, case: &Unheard) {
    let metrics = Metrics::get();
    metrics.notifications_unheard.increment(1);
    if case.priority == Priority::Urgent {
        metrics.alarms_unheard.increment(1);
    }
    notifier.unheard(case);
}
