//! Deadlines that have come: orders nobody answered, maydays nobody answered, check-ins nobody
//! made, diversions that end. All stand in the database, so a restart goes on where it was.

use chrono::NaiveDateTime;

use crate::actors::dispatch::alarms;
use crate::actors::dispatch::attempt::one_of_many;
use crate::actors::dispatch::crews;
use crate::actors::dispatch::fleet;
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::dispatch::positions;
use crate::actors::dispatch::work::{DispatchSettings, Work, span};
use crate::actors::lane::Fault;
use crate::models::error::StoreError;
use crate::models::hospital::{self, Hospital};
use crate::models::mayday::{self, Mayday};
use crate::models::order::{self, Order};
use crate::models::par::{self, Timer};
use crate::models::store::DbConn;
use crate::models::timeline::NewEntry;
use crate::models::{incident, shift};
use crate::protocol::dispatch::OrderState;

/// Deadlines of a kind served in one transaction; the rest waits for the next look.
const AT_ONCE: i64 = 200;

/// Whether a unit fell silent or someone of a crew may be ordered no more, which no deadline tells.
///
/// # Errors
/// When the database failed.
pub fn is_amiss(
    conn: &mut DbConn,
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<bool, StoreError> {
    Ok(positions::has_silent(conn, settings, now)? || !shift::dismissed(conn, 1)?.is_empty())
}

/// Serves what is due, maydays first. One that cannot be served holds up no other.
///
/// # Errors
/// When the connection to the database is lost.
pub fn sweep(work: &mut Work<'_>) -> Result<(), Fault> {
    for due in mayday::due(work.conn, work.now, AT_ONCE)? {
        one_of_many(work, "mayday", |work| repeat_mayday(work, due))?;
    }
    for user in shift::dismissed(work.conn, AT_ONCE)? {
        one_of_many(work, "shift", |work| crews::dismiss(work, user))?;
    }
    for due in order::due(work.conn, work.now, AT_ONCE)? {
        one_of_many(work, "order", |work| press(work, due))?;
    }
    for due in par::due(work.conn, work.now, AT_ONCE)? {
        one_of_many(work, "check-in", |work| miss_check_in(work, due))?;
    }
    one_of_many(work, "position", positions::mark_silent)?;
    for due in hospital::diversions_over(work.conn, work.now)? {
        one_of_many(work, "diversion", |work| end_diversion(work, due))?;
    }
    Ok(())
}

fn end_diversion(work: &mut Work<'_>, mut due: Hospital) -> Result<(), Fault> {
    (due.diversion_reason, due.diversion_since) = (None, None);
    (due.diversion_ends_at, due.diversion_by) = (None, None);
    if due.retired_at.is_some() {
        return Ok(hospital::retire(work.conn, &due)?);
    }
    let detail = format!("{}: the diversion ended", due.name);
    let entry = NewEntry { kind: "hospital.takes", detail, ..NewEntry::default() };
    fleet::keep(work, due, Some(entry)).map(|_| ())
}

fn repeat_mayday(work: &mut Work<'_>, mut due: Mayday) -> Result<(), Fault> {
    due.repeats += 1;
    due.repeat_at = Some(work.now + span(work.settings.mayday_repeat));
    due.nobody_heard = alarms::missed(work, &due);
    mayday::update(work.conn, &due)?;
    work.ledger.note(What::MaydayRepeated(due.id), None);
    Ok(())
}

/// Presses for an answer to an order: again on the crew's devices, or before the dispatchers.
fn press(work: &mut Work<'_>, mut due: Order) -> Result<(), Fault> {
    if !due.is_open() || !due.state.is_unanswered() {
        (due.repeat_at, due.escalate_at) = (None, None);
        return Ok(order::update(work.conn, &due)?);
    }
    if due.repeat_at.is_some_and(|at| at <= work.now) {
        due.repeats += 1;
        due.repeat_at = Some(work.now + span(work.settings.order_repeat));
        work.ledger.note(What::OrderRepeated(due.id), None);
    }
    if due.escalate_at.is_some_and(|at| at <= work.now) {
        escalate(work, &mut due)?;
    }
    Ok(order::update(work.conn, &due)?)
}

fn escalate(work: &mut Work<'_>, due: &mut Order) -> Result<(), Fault> {
    due.escalate_at = Some(work.now + span(work.settings.answer_within(due.priority)));
    let first = due.state != OrderState::TimedOut;
    due.state = OrderState::TimedOut;
    bring_before(work, due, if first { "order.timed_out" } else { "order.escalated" })
}

/// An order whose unit has nobody on it any more: nobody will answer it, or go on with it.
///
/// # Errors
/// When the database failed.
pub fn leave_alone(work: &mut Work<'_>, mut order: Order) -> Result<(), Fault> {
    if order.state.is_unanswered() {
        order.state = OrderState::TimedOut;
        order.escalate_at = Some(work.now + span(work.settings.answer_within(order.priority)));
    }
    bring_before(work, &mut order, "order.unmanned")?;
    Ok(order::update(work.conn, &order)?)
}

/// Brings an order before the dispatchers.
fn bring_before(work: &mut Work<'_>, due: &mut Order, kind: &'static str) -> Result<(), Fault> {
    due.escalations += 1;
    due.escalated_at = Some(work.now);
    due.nobody_heard = work.missed(Unheard {
        alarm: "escalation",
        id: due.id.0,
        unit: Some(due.unit_id.0),
        incident: Some(due.incident_id.0),
    });
    let entry = work.log(NewEntry {
        incident: Some(due.incident_id),
        unit: Some(due.unit_id),
        order: Some(due.id),
        kind,
        detail: if due.nobody_heard { "nobody heard".to_owned() } else { String::new() },
        ..NewEntry::default()
    })?;
    work.ledger.note(What::OrderEscalated(due.id), None);
    work.ledger.note(What::IncidentChanged(due.incident_id), Some(entry));
    Ok(())
}

fn miss_check_in(work: &mut Work<'_>, mut due: Timer) -> Result<(), Fault> {
    let found = incident::by_id(work.conn, due.incident_id)?;
    if found.is_none_or(|incident| incident.status.is_over()) {
        due.due_at = None;
        return Ok(par::save(work.conn, &due)?);
    }
    due.overdue_since = due.overdue_since.or(Some(work.now));
    due.notices += 1;
    due.due_at = Some(work.now + span(work.settings.par_repeat));
    due.nobody_heard = work.missed(Unheard {
        alarm: "check-in",
        id: due.incident_id.0,
        unit: None,
        incident: Some(due.incident_id.0),
    });
    par::save(work.conn, &due)?;
    if due.notices == 1 {
        let (incident, kind) = (Some(due.incident_id), "par.overdue");
        let entry = work.log(NewEntry { incident, kind, ..NewEntry::default() })?;
        work.ledger.note(What::IncidentChanged(due.incident_id), Some(entry));
    }
    work.ledger.note(What::ParOverdue(due.incident_id), None);
    Ok(())
}
