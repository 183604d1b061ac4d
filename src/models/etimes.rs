//! The time stamps of a response as NEMSIS names them (eTimes.01 to .17), each with its offset.
//!
//! Pure: from the incident's row, one of its orders, and the timeline.

use chrono::NaiveDateTime;

use crate::models::incident::Incident;
use crate::models::order::Order;
use crate::protocol::dispatch::{Milestone, OrderState, UnitStatus, with_offset};
use crate::protocol::views::dispatch::TimelineEntry;

/// A moment and the minutes east of UTC where it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub at: NaiveDateTime,
    pub utc_offset_min: i32,
}

impl Stamp {
    /// As RFC 3339 with its own offset.
    pub fn text(self) -> String {
        with_offset(self.at, self.utc_offset_min)
    }
}

/// Where a stamp comes from.
#[derive(Debug, Clone, Copy)]
enum From {
    Received,
    Opened,
    Sent,
    Answered,
    Stage(UnitStatus),
    Milestone(Milestone),
    BackInService,
    Canceled,
    Completed,
}

/// One row of [`ETIMES`].
pub struct Row {
    /// `eTimes.01` …
    pub name: &'static str,
    pub meaning: &'static str,
    from: From,
}

const fn row(name: &'static str, meaning: &'static str, from: From) -> Row {
    Row { name, meaning, from }
}

/// Every stamp, in the order of the standard.
#[rustfmt::skip]
pub const ETIMES: &[Row] = &[
    row("eTimes.01", "PSAP call", From::Received),
    row("eTimes.02", "dispatch notified", From::Opened),
    row("eTimes.03", "unit notified by dispatch", From::Sent),
    row("eTimes.04", "dispatch acknowledged", From::Answered),
    row("eTimes.05", "unit en route", From::Stage(UnitStatus::EnRoute)),
    row("eTimes.06", "unit arrived on scene", From::Stage(UnitStatus::OnScene)),
    row("eTimes.07", "arrived at patient", From::Milestone(Milestone::AtPatient)),
    row("eTimes.08", "transfer of EMS patient care", From::Milestone(Milestone::TransferOfCare)),
    row("eTimes.09", "unit left scene", From::Stage(UnitStatus::Transporting)),
    row("eTimes.10", "arrival at landing area", From::Milestone(Milestone::LandingArea)),
    row("eTimes.11", "patient arrived at destination", From::Stage(UnitStatus::AtHospital)),
    row("eTimes.12", "destination patient transfer of care", From::Milestone(Milestone::DestinationTransfer)),
    row("eTimes.13", "unit back in service", From::BackInService),
    row("eTimes.14", "unit canceled", From::Canceled),
    row("eTimes.15", "unit back at home location", From::Milestone(Milestone::HomeLocation)),
    row("eTimes.16", "EMS call completed", From::Completed),
    row("eTimes.17", "unit arrived at staging area", From::Milestone(Milestone::Staging)),
];

/// The stamps of one unit's response to an incident, in the order of [`ETIMES`]; without an order,
/// those of the call alone.
pub fn stamps(
    incident: &Incident,
    order: Option<&Order>,
    entries: &[TimelineEntry],
) -> Vec<Option<Stamp>> {
    ETIMES.iter().map(|row| stamp(row.from, incident, order, entries)).collect()
}

fn stamp(
    from: From,
    incident: &Incident,
    order: Option<&Order>,
    entries: &[TimelineEntry],
) -> Option<Stamp> {
    // The newest entry about it holds: it may have been told again after a correction.
    let told = |kind: &str, to: Option<&str>| {
        entries.iter().rev().find(|entry| {
            let unit = order.is_none_or(|order| entry.unit == Some(order.unit_id));
            let bound = entry.order.is_none() || entry.order == order.map(|order| order.id);
            let about = entry.unit.is_none() || (unit && bound);
            entry.kind == kind && about && (to.is_none() || entry.to.as_deref() == to)
        })
    };
    let with = |at: NaiveDateTime, entry: Option<&TimelineEntry>| {
        let utc_offset_min = entry.map_or(0, |entry| entry.utc_offset_min);
        Stamp { at, utc_offset_min }
    };
    let never_arrived = |order: &&Order| {
        matches!(order.state, OrderState::Released | OrderState::Canceled | OrderState::Declined)
            && order.on_scene_at.is_none()
    };
    match from {
        From::Received => Some(with(incident.received_at, told("incident.opened", None))),
        From::Opened => told("incident.opened", None).map(|entry| with(entry.server_at, None)),
        From::Sent => order.map(|order| with(order.sent_at, None)),
        From::Answered => {
            let at = order.filter(|order| order.decline_reason.is_none())?.answered_at?;
            Some(with(at, told("order.accepted", None)))
        }
        From::Stage(stage) => {
            let at = order?.reached(stage)?;
            Some(with(at, told("unit.status", Some(stage.as_str()))))
        }
        From::Milestone(milestone) => {
            order?;
            let entry = told("unit.milestone", Some(milestone.as_str()))?;
            Some(with(entry.at, Some(entry)))
        }
        From::BackInService => Some(with(order?.ended_at?, told("unit.freed", None))),
        From::Canceled => {
            let order = order.filter(never_arrived)?;
            Some(with(order.ended_at?, told("unit.freed", None)))
        }
        From::Completed => {
            let entry = told("incident.closed", None).or(told("incident.cancelled", None));
            Some(with(incident.closed_at?, entry))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stamp_of_the_standard_has_one_row_in_its_order() {
        let names: Vec<String> = (1..=17).map(|number| format!("eTimes.{number:02}")).collect();
        assert_eq!(ETIMES.iter().map(|row| row.name).collect::<Vec<_>>(), names);
    }
}
