//! What a crew's device kept while it had no connection, merged in the order things happened:
//! never backwards, repeats ignored, conflicts told one by one and kept in the timeline.

use serde::Serialize;

use crate::actors::dispatch::attempt::attempt;
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::progress;
use crate::actors::dispatch::work::{Moment, Work, broken, clash};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::actors::post::check_client_id;
use crate::auth::policy::{Action, Relation};
use crate::models::error::StoreError;
use crate::models::incident::{self, Incident};
use crate::models::lifecycle;
use crate::models::order::{self, Order};
use crate::models::timeline::{self, NewEntry};
use crate::protocol::command::dispatch::{KeptChange, StatusBatch};
use crate::protocol::dispatch::IncidentStatus;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// Most changes in one batch.
const CHANGES_MAX: usize = 500;

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Applied,
    /// It came before.
    Duplicate,
    /// It does not fit what has happened since; nothing changed.
    Conflict,
}

#[derive(Debug, Serialize)]
struct Merged {
    client_id: String,
    result: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
}

/// What a batch answers: one result a change, in the order they were sent.
#[derive(Debug, Serialize)]
struct Results {
    results: Vec<Merged>,
}

/// `status.batch`.
///
/// # Errors
/// `bad_request` for a batch that cannot be read as one; what is wrong with a single change is
/// told with its result.
pub fn merge(work: &mut Work<'_>, batch: &StatusBatch) -> Result<Answer, Fault> {
    let count = batch.changes.len();
    if !(1..=CHANGES_MAX).contains(&count) {
        return Err(broken("data.changes", format!("from 1 to {CHANGES_MAX}")));
    }
    for change in &batch.changes {
        check_client_id(Some(&change.client_id))?;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&index| batch.changes[index].at.at);
    let mut results: Vec<Option<Merged>> = (0..count).map(|_| None).collect();
    for index in order {
        let change = &batch.changes[index];
        let (result, refusal) = merge_one(work, change)?;
        let client_id = change.client_id.clone();
        results[index] = Some(Merged { client_id, result, refusal });
    }
    Ok(answer(&Results { results: results.into_iter().flatten().collect() }))
}

fn merge_one(
    work: &mut Work<'_>,
    change: &KeptChange,
) -> Result<(Verdict, Option<Refusal>), StoreError> {
    if let Some(actor) = work.who.id()
        && timeline::has_client_id(work.conn, actor, &change.client_id)?
    {
        return Ok((Verdict::Duplicate, None));
    }
    match attempt(work, |work| apply(work, change))? {
        Ok(()) => Ok((Verdict::Applied, None)),
        Err(refusal) => {
            // Kept, for the device's word may be the truer one; a dispatcher can correct by it.
            drop(attempt(work, |work| keep_conflict(work, change, &refusal))?);
            Ok((Verdict::Conflict, Some(refusal)))
        }
    }
}

/// The incident and the order of the doer's unit on it, ended or not.
fn place(work: &mut Work<'_>, change: &KeptChange) -> Result<(Incident, Order), Fault> {
    let found = incident::by_id(work.conn, change.incident)?;
    let mut mine = None;
    for order in order::all_of(work.conn, change.incident)? {
        if work.relation_to_unit(order.unit_id)? == Relation::Crew {
            mine = Some(order);
        }
    }
    let relation = if mine.is_some() { Relation::Crew } else { Relation::Stranger };
    work.require(TopicKind::Board, Action::AdvanceUnit, relation)?;
    match (found, mine) {
        (Some(found), Some(mine)) => Ok((found, mine)),
        _ => Err(clash("data.incident", "one that your unit was ordered to")),
    }
}

fn moment_of(work: &Work<'_>, change: &KeptChange) -> Result<Moment, Fault> {
    let client_id = Some(change.client_id.clone());
    Ok(Moment { client_id, ..work.moment(Some(change.at))? })
}

fn apply(work: &mut Work<'_>, change: &KeptChange) -> Result<(), Fault> {
    let (found, order) = place(work, change)?;
    let moment = moment_of(work, change)?;
    match (change.status, change.milestone) {
        (Some(status), None) => {
            let incident = work.open_incident(found.id, None)?;
            if let Some(ended_at) = order.ended_at {
                let at = ended_at.format("%H:%M:%S");
                return Err(clash(
                    "data.status",
                    format!("of a unit on the incident; it was freed at {at} UTC"),
                ));
            }
            match lifecycle::stage_of(status) {
                Some(stage) => {
                    progress::advance(work, &incident, order, stage, &moment)?;
                    progress::settle(work, incident)?;
                }
                None if status == IncidentStatus::Closed => {
                    progress::clear(work, incident, order, &moment)?;
                }
                None => return Err(broken("data.status", "one that a unit can come to")),
            }
        }
        (None, Some(milestone)) => {
            let incident = work.incident(found.id, None)?;
            let entry = NewEntry {
                incident: Some(incident.id),
                unit: Some(order.unit_id),
                order: Some(order.id),
                to: Some(milestone.to_string()),
                ..moment.entry("unit.milestone")
            };
            let entry = work.log(entry)?;
            work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
        }
        _ => return Err(broken("data.status", "either a status or a milestone")),
    }
    Ok(())
}

/// Keeps what a device said that did not fit.
fn keep_conflict(work: &mut Work<'_>, change: &KeptChange, refusal: &Refusal) -> Result<(), Fault> {
    let (found, order) = place(work, change)?;
    let moment = moment_of(work, change)?;
    let status = change.status.map(|status| status.to_string());
    let milestone = change.milestone.map(|milestone| milestone.to_string());
    let entry = work.log(NewEntry {
        incident: Some(found.id),
        unit: Some(order.unit_id),
        order: Some(order.id),
        from: Some(order.stage.to_string()),
        to: status.or(milestone),
        detail: refusal.message.to_string(),
        ..moment.entry("status.conflict")
    })?;
    work.ledger.note(What::IncidentChanged(found.id), Some(entry));
    Ok(())
}
