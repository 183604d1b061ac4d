//! How units come further on an incident, how they are freed, and where that leaves the incident.

use crate::actors::dispatch::assign::bound_to;
use crate::actors::dispatch::fleet;
use crate::actors::dispatch::incidents::{Changed, set_destination};
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::talk;
use crate::actors::dispatch::work::{
    Moment, Work, broken, check_said, check_text, clash, illegal, span,
};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{UnitId, UserId};
use crate::models::incident::{self, Incident};
use crate::models::lifecycle::{self, Deed};
use crate::models::order::{self, Order};
use crate::models::timeline::NewEntry;
use crate::models::{par, shift, unit};
use crate::protocol::command::dispatch::{IncidentEnd, IncidentStep};
use crate::protocol::dispatch::{IncidentStatus, OrderState, UnitStatus};
use crate::protocol::event::older::CrewNews;
use crate::protocol::topic::{Topic, TopicKind};

/// Brings an open incident to where its units stand, with the first moment each status was reached
/// by any of them, and writes it. Its check-in timer runs while someone is at the scene or beyond.
///
/// # Errors
/// When the database failed.
pub fn settle(work: &mut Work<'_>, mut incident: Incident) -> Result<Incident, Fault> {
    let orders = order::all_of(work.conn, incident.id)?;
    let bound = || orders.iter().filter(|order| order.is_open());
    if !incident.status.is_over() {
        incident.status = lifecycle::standing(bound().map(|order| order.stage));
    }
    for &status in IncidentStatus::ALL {
        let Some(stage) = lifecycle::stage_of(status) else { continue };
        let first = orders.iter().filter_map(|order| order.reached(stage)).min();
        if let Some(moment) = incident.first_reached(status) {
            *moment = first;
        }
    }
    let at_work =
        bound().any(|order| order.stage >= UnitStatus::OnScene) && !incident.status.is_over();
    wind_timer(work, &incident, at_work)?;
    let incident = incident::update(work.conn, &incident, work.now)?;
    work.ledger.note(What::IncidentChanged(incident.id), None);
    Ok(incident)
}

/// Gives the open orders of an incident its priority: an answer that is not there yet is waited
/// for no longer than that allows.
///
/// # Errors
/// When the database failed.
pub fn press_by(work: &mut Work<'_>, incident: &Incident) -> Result<(), Fault> {
    let within = span(work.settings.answer_within(incident.priority));
    for mut bound in order::open_of(work.conn, incident.id)? {
        bound.priority = incident.priority;
        let due = (bound.sent_at + within).max(work.now);
        bound.escalate_at = bound.escalate_at.map(|at| at.min(due));
        order::update(work.conn, &bound)?;
        work.ledger.note(What::OrderChanged(bound.id), None);
    }
    Ok(())
}

fn wind_timer(work: &mut Work<'_>, incident: &Incident, at_work: bool) -> Result<(), Fault> {
    let Some(mut timer) = par::of(work.conn, incident.id)? else { return Ok(()) };
    if at_work == timer.due_at.is_some() {
        return Ok(());
    }
    let every = chrono::Duration::milliseconds(timer.every_ms);
    timer.due_at = (at_work && timer.every_ms > 0).then(|| work.now + every);
    (timer.overdue_since, timer.notices, timer.nobody_heard) = (None, 0, false);
    Ok(par::save(work.conn, &timer)?)
}

/// Everyone an order speaks to: those on shift, and the paramedic it names.
///
/// # Errors
/// When the database failed.
pub fn crew_of(work: &mut Work<'_>, order: &Order) -> Result<Vec<UserId>, Fault> {
    let shifts = shift::of_unit(work.conn, order.unit_id)?;
    let mut users: Vec<UserId> = shifts.iter().map(|shift| shift.user_id).collect();
    users.extend(order.paramedic_id.filter(|named| !users.contains(named)));
    Ok(users)
}

/// How a unit is freed.
pub struct Freed<'a> {
    pub deed: Deed,
    /// What becomes of the order; `None` leaves it as the crew answered it.
    pub state: Option<OrderState>,
    pub reason: &'a str,
    pub moment: &'a Moment,
}

/// Frees a unit: its order ends, it is available again, its crew leaves the conversation.
///
/// # Errors
/// `conflict` when the lifecycle does not have the step.
pub fn free(
    work: &mut Work<'_>,
    incident: &Incident,
    mut order: Order,
    how: &Freed<'_>,
) -> Result<(), Fault> {
    lifecycle::unit_step(how.deed, order.stage, UnitStatus::Available)
        .map_err(|fault| illegal("data.status", &fault))?;
    let crew = crew_of(work, &order)?;
    order.state = match how.state {
        Some(state) => state,
        // Whom nobody answered before it was over: the order was called off.
        None if order.state.is_unanswered() => OrderState::Canceled,
        None => order.state,
    };
    order.ended_at = Some(how.moment.at.max(order.newest()));
    order.ended_by = work.who.id();
    order.end_reason = Some(how.reason.to_owned()).filter(|reason| !reason.is_empty());
    (order.repeat_at, order.escalate_at, order.nobody_heard) = (None, None, false);
    order::update(work.conn, &order)?;
    unit::set_status(work.conn, order.unit_id, UnitStatus::Available, work.now)?;
    talk::remove(work, incident, &crew)?;
    // Who was of the crew by this order alone hears nothing of the unit's next incident.
    if let Some(named) = order.paramedic_id
        && !shift::is_crew(work.conn, order.unit_id, named)?
    {
        work.ledger.unseated.push((Topic::Unit(order.unit_id), named));
    }
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        unit: Some(order.unit_id),
        order: Some(order.id),
        from: Some(order.stage.to_string()),
        to: Some(UnitStatus::Available.to_string()),
        detail: match how.reason {
            "" => how.deed.words().to_owned(),
            reason => format!("{}: {reason}", how.deed.words()),
        },
        ..how.moment.entry("unit.freed")
    })?;
    work.ledger.note(What::OrderChanged(order.id), Some(entry.clone()));
    work.ledger.note(What::UnitChanged(order.unit_id), Some(entry.clone()));
    let freed = vec![order.unit_id];
    work.ledger.note_also(What::IncidentChanged(incident.id), Some(entry), freed);
    work.ledger.tell_crew(incident.id, CrewNews::Status, crew);
    fleet::set_aside_again(work, &order)
}

/// The order a step is about: of the unit named, of the doer's own unit, or the only one.
fn order_of_step(
    work: &mut Work<'_>,
    incident: &Incident,
    named: Option<UnitId>,
) -> Result<Order, Fault> {
    if let Some(unit) = named {
        return bound_to(work, incident, unit);
    }
    let mut open = order::open_of(work.conn, incident.id)?;
    for bound in &open {
        if work.relation_to_unit(bound.unit_id)? == Relation::Crew {
            return Ok(bound.clone());
        }
    }
    match (open.pop(), open.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => {
            let rule = format!("one that a unit can reach; none is on {}", incident.call_id);
            Err(clash("data.status", rule))
        }
        (Some(_), _) => Err(broken("data.unit", "required: several units are on this incident")),
    }
}

/// The unit a mark is about: one that is or was on the incident.
///
/// # Errors
/// `conflict` when there is none; `bad_request` when it must be named.
pub fn unit_that_served(
    work: &mut Work<'_>,
    incident: &Incident,
    named: Option<UnitId>,
) -> Result<UnitId, Fault> {
    let mut units: Vec<UnitId> = Vec::new();
    for order in order::all_of(work.conn, incident.id)? {
        if !units.contains(&order.unit_id) {
            units.push(order.unit_id);
        }
    }
    if let Some(named) = named {
        let served = units.contains(&named);
        let rule = || clash("data.unit", format!("a unit that was on {}", incident.call_id));
        return if served { Ok(named) } else { Err(rule()) };
    }
    for unit in &units {
        if work.relation_to_unit(*unit)? == Relation::Crew {
            return Ok(*unit);
        }
    }
    match units.as_slice() {
        [only] => Ok(*only),
        [] => Err(clash("data.unit", format!("a unit that was on {}", incident.call_id))),
        _ => Err(broken("data.unit", "required: several units were on this incident")),
    }
}

/// `incident.status`: a unit has come further, or is done.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`: no such step (the answer says
/// what is possible), the incident is over, locked or has moved on.
pub fn step(work: &mut Work<'_>, step: &IncidentStep) -> Result<Answer, Fault> {
    let relation = work.relation_to(step.incident)?;
    work.require(TopicKind::Board, Action::AdvanceUnit, relation)?;
    let mut incident = work.open_incident(step.incident, step.version)?;
    let order = order_of_step(work, &incident, step.unit)?;
    let relation = work.relation_to_unit(order.unit_id)?;
    work.require(TopicKind::Board, Action::AdvanceUnit, relation)?;
    let moment = work.moment(step.at)?;
    note_care(work, &mut incident, step)?;
    match lifecycle::stage_of(step.status) {
        Some(stage) => {
            advance(work, &incident, order, stage, &moment)?;
        }
        None if step.status == IncidentStatus::Closed => {
            return clear(work, incident, order, &moment);
        }
        None => {
            let from = lifecycle::mapped(order.stage).unwrap_or(incident.status);
            lifecycle::incident_step(Deed::Advance, from, step.status)
                .map_err(|fault| illegal("data.status", &fault))?;
        }
    }
    let incident = settle(work, incident)?;
    Ok(answer(&Changed { version: incident.version }))
}

/// The destination and the patient's condition, which a crew may tell with a step.
fn note_care(
    work: &mut Work<'_>,
    incident: &mut Incident,
    step: &IncidentStep,
) -> Result<(), Fault> {
    set_destination(work, incident, step.hospital, step.hospital_destination.as_deref())?;
    if let Some(condition) = &step.patient_condition {
        check_text("data.patient_condition", condition, 2_000)?;
        let mut patient = incident::patient(work.conn, incident.id)?;
        patient.condition.clone_from(condition);
        incident::set_patient(work.conn, incident.id, &patient, work.now)?;
    }
    Ok(())
}

/// Brings a unit one stage further. The first step counts as accepting an order nobody answered.
///
/// # Errors
/// `conflict` when the lifecycle does not have the step; `bad_request` for a moment before what
/// has happened already.
pub fn advance(
    work: &mut Work<'_>,
    incident: &Incident,
    mut order: Order,
    to: UnitStatus,
    moment: &Moment,
) -> Result<Order, Fault> {
    let from = order.stage;
    lifecycle::unit_step(Deed::Advance, from, to)
        .map_err(|fault| illegal("data.status", &fault))?;
    let newest = order.newest();
    if moment.device_at.is_some() && moment.at < newest {
        let rule = format!("not before {}, the step before it", clock::rfc3339(newest));
        return Err(broken("data.at", rule));
    }
    let at = moment.at.max(newest);
    if order.state.is_unanswered() {
        order.state = OrderState::Accepted;
        (order.answered_at, order.answered_by) = (Some(at), work.who.id());
        (order.repeat_at, order.escalate_at, order.nobody_heard) = (None, None, false);
    }
    order.stage = to;
    order.set_reached(to, Some(at));
    order::update(work.conn, &order)?;
    unit::set_status(work.conn, order.unit_id, to, work.now)?;
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        unit: Some(order.unit_id),
        order: Some(order.id),
        from: Some(from.to_string()),
        to: Some(to.to_string()),
        ..moment.entry("unit.status")
    })?;
    work.ledger.note(What::OrderChanged(order.id), None);
    work.ledger.note(What::UnitChanged(order.unit_id), None);
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    let crew = crew_of(work, &order)?;
    work.ledger.tell_crew(incident.id, CrewNews::Status, crew);
    Ok(order)
}

/// A unit is done and back in service; the last one closes the incident.
///
/// # Errors
/// `conflict` when the lifecycle does not have the step.
pub fn clear(
    work: &mut Work<'_>,
    incident: Incident,
    order: Order,
    moment: &Moment,
) -> Result<Answer, Fault> {
    let newest = order.newest();
    if moment.device_at.is_some() && moment.at < newest {
        let rule = format!("not before {}, the step before it", clock::rfc3339(newest));
        return Err(broken("data.at", rule));
    }
    let how = Freed { deed: Deed::Clear, state: None, reason: "", moment };
    free(work, &incident, order, &how)?;
    let incident = if order::open_of(work.conn, incident.id)?.is_empty() {
        finish(work, incident, IncidentStatus::Closed, "", &moment.again())?
    } else {
        settle(work, incident)?
    };
    Ok(answer(&Changed { version: incident.version }))
}

/// Ends an incident whose units are free.
fn finish(
    work: &mut Work<'_>,
    mut incident: Incident,
    to: IncidentStatus,
    reason: &str,
    moment: &Moment,
) -> Result<Incident, Fault> {
    let from = incident.status;
    let orders = order::all_of(work.conn, incident.id)?;
    let newest = orders.iter().filter_map(|order| order.ended_at).max();
    let at = moment.at.max(newest.unwrap_or(incident.received_at)).max(incident.received_at);
    incident.status = to;
    incident.closed_at = Some(at);
    incident.locks_at = Some(work.now + span(work.settings.lock_after));
    reason.clone_into(&mut incident.close_reason);
    let kind = if to == IncidentStatus::Closed { "incident.closed" } else { "incident.cancelled" };
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        from: Some(from.to_string()),
        to: Some(to.to_string()),
        detail: reason.to_owned(),
        ..moment.entry(kind)
    })?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    work.ledger.tell_crew(incident.id, CrewNews::Status, Vec::new());
    settle(work, incident)
}

fn end(
    work: &mut Work<'_>,
    end: &IncidentEnd,
    deed: Deed,
    to: IncidentStatus,
) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::EndIncident, Relation::Stranger)?;
    check_text("data.reason", &end.reason, 1_000)?;
    let incident = work.open_incident(end.incident, end.version)?;
    lifecycle::incident_step(deed, incident.status, to)
        .map_err(|fault| illegal("data.incident", &fault))?;
    let state = (deed == Deed::Cancel).then_some(OrderState::Canceled);
    let moment = Moment::at(work.now);
    for bound in order::open_of(work.conn, incident.id)? {
        let how = Freed { deed, state, reason: &end.reason, moment: &moment };
        free(work, &incident, bound, &how)?;
    }
    let incident = finish(work, incident, to, &end.reason, &moment)?;
    Ok(answer(&Changed { version: incident.version }))
}

/// `incident.close`: it is over, and all its units are free.
///
/// # Errors
/// The policy's refusal, `not_found`, or `conflict`: nobody has arrived, or someone has a patient
/// aboard.
pub fn close(work: &mut Work<'_>, wish: &IncidentEnd) -> Result<Answer, Fault> {
    end(work, wish, Deed::Close, IncidentStatus::Closed)
}

/// `incident.cancel`: it is called off before anyone arrived.
///
/// # Errors
/// The policy's refusal, `not_found`, or `conflict`: someone has arrived.
pub fn cancel(work: &mut Work<'_>, wish: &IncidentEnd) -> Result<Answer, Fault> {
    check_said("data.reason", &wish.reason, 1_000)?;
    end(work, wish, Deed::Cancel, IncidentStatus::Cancelled)
}
