//! What dispatch says when an alarm reached no dispatcher; the house's notifier carries it further.

use log::error;

use crate::actors::notifier;
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::Priority;

/// An alarm that nobody heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// `mayday`, `escalation`, `check-in`, `declined order` or `call for help`.
    pub alarm: &'static str,
    /// Which one, by id.
    pub id: i64,
    /// The unit it is about, if one.
    pub unit: Option<i64>,
    /// The incident it is about, if one.
    pub incident: Option<i64>,
}

impl Unheard {
    /// Logs what it is about and hands it to the notifier, as urgent as can be.
    pub fn hand_over(&self, to: &dyn notifier::Notifier) {
        let Self { alarm, id, unit, incident } = self;
        error!("no dispatcher heard alarm={alarm} id={id} unit={unit:?} incident={incident:?}");
        let case = notifier::Unheard {
            topic: Topic::Board,
            user: None,
            kind: (*alarm).to_owned(),
            priority: Priority::Urgent,
            id: Some(*id),
        };
        notifier::hand_over(to, &case);
    }
}
