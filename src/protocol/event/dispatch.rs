//! What the boards say by themselves. Each event carries the whole thing as it is now, and what
//! happened to it, so that a reader needs no earlier event to understand it.

use serde::Serialize;

use crate::ids::{HospitalId, UnitId};
use crate::protocol::views::dispatch::{
    IncidentView, MaydayView, OrderView, TimelineEntry, UnitView,
};
use crate::protocol::views::hospitals::HospitalView;

/// An event of the boards.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum DispatchEvent {
    IncidentOpened {
        incident: IncidentView,
        entry: Option<TimelineEntry>,
    },
    IncidentChanged {
        incident: IncidentView,
        /// What happened; absent when only something beside it changed.
        entry: Option<TimelineEntry>,
    },
    UnitChanged {
        unit: UnitView,
        entry: Option<TimelineEntry>,
    },
    /// It was taken off the list.
    UnitRemoved {
        unit: UnitId,
    },
    HospitalChanged {
        hospital: HospitalView,
        /// What happened; absent when only something beside it changed.
        entry: Option<TimelineEntry>,
    },
    /// It was taken off the list.
    HospitalRemoved {
        hospital: HospitalId,
    },
    /// A unit was ordered to an incident; its crew must answer.
    OrderGiven {
        order: OrderView,
    },
    OrderChanged {
        order: OrderView,
        entry: Option<TimelineEntry>,
    },
    /// Nobody has answered yet: for the crew's devices.
    OrderRepeated {
        order: OrderView,
    },
    /// Nobody has answered in time: for the dispatchers.
    OrderEscalated {
        order: OrderView,
    },
    /// A crew needs help.
    MaydayRaised {
        mayday: MaydayView,
    },
    /// Ephemeral; sent ahead of all that waits for a dispatcher, at once and with each repeat. The
    /// numbered event comes in its place.
    MaydayAlarm {
        mayday: MaydayView,
    },
    /// Nobody has answered it by name yet.
    MaydayRepeated {
        mayday: MaydayView,
    },
    MaydayChanged {
        mayday: MaydayView,
    },
    /// The crews of an incident have not checked in.
    ParOverdue {
        incident: IncidentView,
    },
}

impl DispatchEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IncidentOpened { .. } => "incident.opened",
            Self::IncidentChanged { .. } => "incident.changed",
            Self::UnitChanged { .. } => "unit.changed",
            Self::UnitRemoved { .. } => "unit.removed",
            Self::HospitalChanged { .. } => "hospital.changed",
            Self::HospitalRemoved { .. } => "hospital.removed",
            Self::OrderGiven { .. } => "order.given",
            Self::OrderChanged { .. } => "order.changed",
            Self::OrderRepeated { .. } => "order.repeated",
            Self::OrderEscalated { .. } => "order.escalated",
            Self::MaydayRaised { .. } => "mayday.raised",
            Self::MaydayAlarm { .. } => "mayday.alarm",
            Self::MaydayRepeated { .. } => "mayday.repeated",
            Self::MaydayChanged { .. } => "mayday.changed",
            Self::ParOverdue { .. } => "par.overdue",
        }
    }
}
