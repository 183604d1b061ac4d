//! The lifecycle of incidents and of the units on them: one table of what may follow what.
//!
//! Pure. Who may make a step is `auth/policy`'s business. With one unit a row moves both; with
//! several the incident stands where the furthest of its units stands ([`standing`]). The table is
//! printed in `docs/DISPATCH.md`.

use std::fmt::Write;

use crate::protocol::dispatch::{IncidentStatus as I, UnitStatus as U};

/// What is done to an incident or a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// A unit is ordered to an incident.
    Order,
    /// The same although the unit is not available, with a reason that is logged.
    Override,
    /// The unit has come further.
    Advance,
    /// The unit is done and back in service. The last one closes the incident.
    Clear,
    /// A dispatcher lets the unit go; the incident stays open.
    Release,
    /// The crew declines the order.
    Decline,
    /// The incident is called off before anyone arrived.
    Cancel,
    /// The incident is over, and all its units are free.
    Close,
    /// An incident that was closed or cancelled by mistake, before it locks.
    Reopen,
    /// The unit leaves service.
    SetAside,
    /// The unit comes back to service.
    Restore,
}

impl Deed {
    /// All deeds, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::Order,
        Self::Override,
        Self::Advance,
        Self::Clear,
        Self::Release,
        Self::Decline,
        Self::Cancel,
        Self::Close,
        Self::Reopen,
        Self::SetAside,
        Self::Restore,
    ];

    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Override => "order with an override",
            Self::Advance => "advance",
            Self::Clear => "clear",
            Self::Release => "release",
            Self::Decline => "decline",
            Self::Cancel => "cancel",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::SetAside => "set aside",
            Self::Restore => "restore",
        }
    }
}

/// One row: what a deed does to an incident with one unit, and to that unit.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub deed: Deed,
    pub incident: Option<(I, I)>,
    pub unit: Option<(U, U)>,
}

const fn both(deed: Deed, incident: (I, I), unit: (U, U)) -> Row {
    Row { deed, incident: Some(incident), unit: Some(unit) }
}

const fn incident(deed: Deed, from: I, to: I) -> Row {
    Row { deed, incident: Some((from, to)), unit: None }
}

const fn unit(deed: Deed, from: U, to: U) -> Row {
    Row { deed, incident: None, unit: Some((from, to)) }
}

/// Every step there is. What has no row here does not happen.
#[rustfmt::skip]
pub const LIFECYCLE: &[Row] = &[
    both(Deed::Order, (I::Received, I::Dispatched), (U::Available, U::Assigned)),
    both(Deed::Override, (I::Received, I::Dispatched), (U::Available, U::Assigned)),
    both(Deed::Override, (I::Received, I::Dispatched), (U::Maintenance, U::Assigned)),
    both(Deed::Override, (I::Received, I::Dispatched), (U::OutOfService, U::Assigned)),
    both(Deed::Advance, (I::Dispatched, I::EnRoute), (U::Assigned, U::EnRoute)),
    both(Deed::Advance, (I::EnRoute, I::OnScene), (U::EnRoute, U::OnScene)),
    both(Deed::Advance, (I::OnScene, I::Transporting), (U::OnScene, U::Transporting)),
    both(Deed::Advance, (I::Transporting, I::AtHospital), (U::Transporting, U::AtHospital)),
    both(Deed::Clear, (I::AtHospital, I::Closed), (U::AtHospital, U::Available)),
    both(Deed::Clear, (I::OnScene, I::Closed), (U::OnScene, U::Available)),
    both(Deed::Release, (I::Dispatched, I::Received), (U::Assigned, U::Available)),
    both(Deed::Release, (I::EnRoute, I::Received), (U::EnRoute, U::Available)),
    both(Deed::Release, (I::OnScene, I::Received), (U::OnScene, U::Available)),
    both(Deed::Decline, (I::Dispatched, I::Received), (U::Assigned, U::Available)),
    incident(Deed::Cancel, I::Received, I::Cancelled),
    both(Deed::Cancel, (I::Dispatched, I::Cancelled), (U::Assigned, U::Available)),
    both(Deed::Cancel, (I::EnRoute, I::Cancelled), (U::EnRoute, U::Available)),
    both(Deed::Close, (I::OnScene, I::Closed), (U::OnScene, U::Available)),
    both(Deed::Close, (I::AtHospital, I::Closed), (U::AtHospital, U::Available)),
    // Units that never arrived are freed when others end the incident.
    unit(Deed::Close, U::Assigned, U::Available),
    unit(Deed::Close, U::EnRoute, U::Available),
    incident(Deed::Reopen, I::Closed, I::Received),
    incident(Deed::Reopen, I::Cancelled, I::Received),
    unit(Deed::SetAside, U::Available, U::Maintenance),
    unit(Deed::SetAside, U::Available, U::OutOfService),
    unit(Deed::SetAside, U::Maintenance, U::OutOfService),
    unit(Deed::SetAside, U::OutOfService, U::Maintenance),
    unit(Deed::Restore, U::Maintenance, U::Available),
    unit(Deed::Restore, U::OutOfService, U::Available),
];

/// A step that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{from} → {to} is no step ({}); from {from} it can {}", .deed.words(), .allowed)]
pub struct Illegal {
    pub deed: Deed,
    pub from: &'static str,
    pub to: &'static str,
    /// What is possible from there, in words.
    pub allowed: String,
}

fn in_words(steps: impl Iterator<Item = (Deed, &'static str)>) -> String {
    let steps: Vec<String> = steps.map(|(deed, to)| format!("{} to {to}", deed.words())).collect();
    if steps.is_empty() { "go nowhere".to_owned() } else { steps.join(", ") }
}

/// Whether a unit may be brought from one status to another by a deed.
///
/// # Errors
/// [`Illegal`], which says what is possible instead.
pub fn unit_step(deed: Deed, from: U, to: U) -> Result<(), Illegal> {
    let steps = LIFECYCLE.iter().filter_map(|row| Some((row.deed, row.unit?)));
    if steps.clone().any(|step| step == (deed, (from, to))) {
        return Ok(());
    }
    let allowed = steps.filter(|(_, (start, _))| *start == from);
    let allowed = in_words(allowed.map(|(deed, (_, to))| (deed, to.as_str())));
    Err(Illegal { deed, from: from.as_str(), to: to.as_str(), allowed })
}

/// Whether an incident may be brought from one status to another by a deed.
///
/// # Errors
/// [`Illegal`], which says what is possible instead.
pub fn incident_step(deed: Deed, from: I, to: I) -> Result<(), Illegal> {
    let steps = LIFECYCLE.iter().filter_map(|row| Some((row.deed, row.incident?)));
    if steps.clone().any(|step| step == (deed, (from, to))) {
        return Ok(());
    }
    let allowed = steps.filter(|(_, (start, _))| *start == from);
    let allowed = in_words(allowed.map(|(deed, (_, to))| (deed, to.as_str())));
    Err(Illegal { deed, from: from.as_str(), to: to.as_str(), allowed })
}

/// What an incident's status is while a unit stands so; `None` for a unit that is on none.
pub fn mapped(stage: U) -> Option<I> {
    match stage {
        U::Assigned => Some(I::Dispatched),
        U::EnRoute => Some(I::EnRoute),
        U::OnScene => Some(I::OnScene),
        U::Transporting => Some(I::Transporting),
        U::AtHospital => Some(I::AtHospital),
        U::Available | U::Maintenance | U::OutOfService => None,
    }
}

/// The stage of a unit that an incident's status stands for; `None` for those that are no stage.
pub fn stage_of(status: I) -> Option<U> {
    match status {
        I::Dispatched => Some(U::Assigned),
        I::EnRoute => Some(U::EnRoute),
        I::OnScene => Some(U::OnScene),
        I::Transporting => Some(U::Transporting),
        I::AtHospital => Some(U::AtHospital),
        I::Received | I::Closed | I::Cancelled => None,
    }
}

/// The status of an open incident whose units stand so: that of the furthest; RECEIVED without any.
pub fn standing(stages: impl IntoIterator<Item = U>) -> I {
    stages.into_iter().filter_map(mapped).max().unwrap_or(I::Received)
}

/// The next stages after `stage` by advancing, nearest first: what an offline crew may have gone
/// through.
pub fn stages_after(stage: U) -> Vec<U> {
    let mut out = Vec::new();
    let mut at = stage;
    let next = |at: U| {
        LIFECYCLE.iter().find_map(|row| match row.unit {
            Some((from, to)) if row.deed == Deed::Advance && from == at => Some(to),
            _ => None,
        })
    };
    while let Some(to) = next(at) {
        out.push(to);
        at = to;
    }
    out
}

/// The table as `docs/DISPATCH.md` shows it.
pub fn table() -> String {
    let mut text = String::from("| deed | incident | unit |\n| --- | --- | --- |\n");
    for row in LIFECYCLE {
        let incident = row.incident.map_or("–".to_owned(), |(from, to)| format!("{from} → {to}"));
        let unit = row.unit.map_or("–".to_owned(), |(from, to)| format!("{from} → {to}"));
        let _ = writeln!(text, "| {} | {incident} | {unit} |", row.deed.words());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_statuses_and_every_deed_is_answered_by_the_table_alone() {
        let (mut yes, mut no) = (0, 0);
        for &deed in Deed::ALL {
            for &from in U::ALL {
                for &to in U::ALL {
                    let listed = LIFECYCLE
                        .iter()
                        .any(|row| row.deed == deed && row.unit == Some((from, to)));
                    let answer = unit_step(deed, from, to);
                    assert_eq!(answer.is_ok(), listed, "{deed:?} {from} {to}");
                    if let Err(illegal) = answer {
                        assert!(!illegal.allowed.is_empty());
                        no += 1;
                    } else {
                        yes += 1;
                    }
                }
            }
            for &from in I::ALL {
                for &to in I::ALL {
                    let listed = LIFECYCLE
                        .iter()
                        .any(|row| row.deed == deed && row.incident == Some((from, to)));
                    assert_eq!(incident_step(deed, from, to).is_ok(), listed);
                }
            }
        }
        assert_eq!((yes, yes + no), (26, Deed::ALL.len() * U::ALL.len() * U::ALL.len()));
    }

    #[test]
    fn a_row_that_moves_both_moves_them_as_the_mapping_says() {
        for row in LIFECYCLE {
            let (Some((incident_from, incident_to)), Some((unit_from, unit_to))) =
                (row.incident, row.unit)
            else {
                continue;
            };
            if let Some(mapped_from) = mapped(unit_from) {
                assert_eq!(mapped_from, incident_from, "{row:?}");
            }
            match mapped(unit_to) {
                Some(mapped_to) => assert_eq!(mapped_to, incident_to, "{row:?}"),
                None => assert!(incident_to.is_over() || incident_to == I::Received, "{row:?}"),
            }
        }
    }

    #[test]
    fn nobody_with_a_patient_aboard_is_freed() {
        for row in LIFECYCLE {
            assert_ne!(row.unit, Some((U::Transporting, U::Available)), "{row:?}");
        }
    }

    #[test]
    fn an_illegal_step_says_what_is_possible() {
        let illegal = unit_step(Deed::Advance, U::OnScene, U::EnRoute).unwrap_err();
        assert_eq!(
            illegal.to_string(),
            "ON_SCENE → EN_ROUTE is no step (advance); from ON_SCENE it can \
             advance to TRANSPORTING, clear to AVAILABLE, release to AVAILABLE, close to AVAILABLE"
        );
        let over = incident_step(Deed::Close, I::Closed, I::Closed).unwrap_err();
        assert!(over.to_string().ends_with("from CLOSED it can reopen to RECEIVED"));
    }

    #[test]
    fn an_incident_stands_where_its_furthest_unit_stands() {
        assert_eq!(standing([]), I::Received);
        assert_eq!(standing([U::Assigned, U::OnScene, U::EnRoute]), I::OnScene);
        assert_eq!(standing([U::Available]), I::Received);
        for &stage in U::ALL {
            if let Some(status) = mapped(stage) {
                assert_eq!(stage_of(status), Some(stage));
            }
        }
    }

    #[test]
    fn the_way_forward_is_one_line() {
        let way = [U::EnRoute, U::OnScene, U::Transporting, U::AtHospital];
        assert_eq!(stages_after(U::Assigned), way);
        assert_eq!(stages_after(U::AtHospital), []);
        assert_eq!(stages_after(U::Available), []);
    }
}
