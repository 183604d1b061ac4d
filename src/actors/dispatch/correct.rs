//! Putting a wrong status right, and undoing an end, before the incident locks.

use crate::actors::dispatch::assign::bound_to;
use crate::actors::dispatch::incidents::Changed;
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::progress::settle;
use crate::actors::dispatch::work::{Work, broken, check_said, clash, illegal};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::{Action, Relation};
use crate::models::incident::Incident;
use crate::models::lifecycle::{self, Deed};
use crate::models::order::{self, Order};
use crate::models::timeline::NewEntry;
use crate::models::unit;
use crate::protocol::command::dispatch::IncidentCorrect;
use crate::protocol::dispatch::{IncidentStatus, OrderState, UnitStatus};
use crate::protocol::event::older::CrewNews;
use crate::protocol::topic::TopicKind;

/// `incident.correct`: puts a wrong status right, backwards too. What it was stays in the timeline.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` by version or lock.
pub fn correct(work: &mut Work<'_>, wish: &IncidentCorrect) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::CorrectStatus, Relation::Stranger)?;
    check_said("data.reason", &wish.reason, 1_000)?;
    let incident = work.incident(wish.incident, wish.version)?;
    let Some(unit) = wish.unit else { return reopen(work, incident, wish) };
    if incident.status.is_over() {
        return Err(clash("data.incident", "open; reopen it first"));
    }
    let Some(stage) = lifecycle::stage_of(wish.status) else {
        return Err(broken("data.status", "one that a unit can stand at"));
    };
    let mut order = bound_to(work, &incident, unit)?;
    let from = order.stage;
    if from == stage {
        return Err(clash("data.status", format!("another one; it is {from} already")));
    }
    rewrite(work, &mut order, stage);
    if order.state.is_unanswered() && stage != UnitStatus::Assigned {
        order.state = OrderState::Accepted;
        (order.answered_at, order.answered_by) = (Some(work.now), work.who.id());
        (order.repeat_at, order.escalate_at, order.nobody_heard) = (None, None, false);
    }
    order.stage = stage;
    order::update(work.conn, &order)?;
    unit::set_status(work.conn, order.unit_id, stage, work.now)?;
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        unit: Some(order.unit_id),
        order: Some(order.id),
        kind: "status.corrected",
        from: Some(from.to_string()),
        to: Some(stage.to_string()),
        detail: wish.reason.clone(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::OrderChanged(order.id), None);
    work.ledger.note(What::UnitChanged(order.unit_id), None);
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    work.ledger.tell_crew(incident.id, CrewNews::Status, Vec::new());
    let incident = settle(work, incident)?;
    Ok(answer(&Changed { version: incident.version }))
}

/// What is skipped forward happened by now at the latest; what is taken back did not happen.
fn rewrite(work: &Work<'_>, order: &mut Order, stage: UnitStatus) {
    let later = lifecycle::stages_after(stage);
    for &gone in &later {
        order.set_reached(gone, None);
    }
    let mut newest = order.sent_at;
    for passed in lifecycle::stages_after(UnitStatus::Assigned) {
        if later.contains(&passed) {
            break;
        }
        let reached = order.reached(passed).unwrap_or(work.now).max(newest);
        order.set_reached(passed, Some(reached));
        newest = reached;
    }
}

fn reopen(
    work: &mut Work<'_>,
    mut incident: Incident,
    wish: &IncidentCorrect,
) -> Result<Answer, Fault> {
    let from = incident.status;
    if !from.is_over() && wish.status != IncidentStatus::Received {
        return Err(broken("data.unit", "required: whose status it is"));
    }
    lifecycle::incident_step(Deed::Reopen, from, wish.status)
        .map_err(|fault| illegal("data.status", &fault))?;
    incident.status = IncidentStatus::Received;
    (incident.closed_at, incident.locks_at) = (None, None);
    incident.close_reason.clear();
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        kind: "incident.reopened",
        from: Some(from.to_string()),
        to: Some(incident.status.to_string()),
        detail: wish.reason.clone(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    let incident = settle(work, incident)?;
    Ok(answer(&Changed { version: incident.version }))
}
