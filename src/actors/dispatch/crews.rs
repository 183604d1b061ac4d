//! Shifts: who comes onto a unit, who leaves it, who rests, also while it is under an order.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::progress;
use crate::actors::dispatch::sweep;
use crate::actors::dispatch::talk;
use crate::actors::dispatch::work::{Work, broken, check_said, check_text, clash};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::identity::Role;
use crate::auth::policy::{Action, Relation};
use crate::ids::{OrderId, ShiftId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::incident;
use crate::models::order::{self, Order};
use crate::models::shift::{self, Shift};
use crate::models::timeline::NewEntry;
use crate::models::user;
use crate::protocol::command::fleet::{ShiftEnd, ShiftRest, ShiftStart};
use crate::protocol::topic::{Topic, TopicKind};

/// What a change of shift answers.
#[derive(Debug, Serialize)]
struct OnShift {
    shift: ShiftId,
    unit: UnitId,
}

/// Whose shift it is; of others only for those who may arrange shifts.
fn whose(work: &mut Work<'_>, named: Option<UserId>, own: Action) -> Result<UserId, Fault> {
    let named = named.or(work.who.id());
    let user = named.ok_or_else(|| broken("data.user", "required"))?;
    if Some(user) == work.who.id() {
        work.require(TopicKind::Board, own, Relation::Stranger)?;
    } else {
        work.require(TopicKind::Board, Action::ArrangeShifts, Relation::Stranger)?;
    }
    Ok(user)
}

/// `shift.start`.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` when they are on a unit already.
pub fn start(work: &mut Work<'_>, wish: &ShiftStart) -> Result<Answer, Fault> {
    let user_id = whose(work, wish.user, Action::KeepShift)?;
    check_text("data.duty", &wish.duty, 40)?;
    let unit = work.unit(wish.unit)?;
    let until = wish.until.map(|until| until.at);
    if until.is_some_and(|until| until <= work.now) {
        return Err(broken("data.until", "later than now"));
    }
    let found = user::by_id(work.conn, user_id)?.filter(|user| user.is_active);
    let found = found.ok_or_else(|| broken("data.user", "someone who has an account"))?;
    if found.role != Role::Paramedic {
        return Err(broken("data.user", "a paramedic"));
    }
    if let Some(on) = shift::of_user(work.conn, user_id)? {
        if on.unit_id == unit.id {
            return Ok(answer(&OnShift { shift: on.id, unit: unit.id }));
        }
        return Err(clash("data.user", format!("off shift; they are on unit {}", on.unit_id)));
    }
    let on = shift::start(work.conn, unit.id, user_id, &wish.duty, work.now, until)?;
    let name = user::person(&found).display_name;
    let bound = order::of_unit(work.conn, unit.id)?;
    let entry = work.log(NewEntry {
        incident: bound.as_ref().map(|order| order.incident_id),
        unit: Some(unit.id),
        order: bound.as_ref().map(|order| order.id),
        kind: "shift.started",
        detail: name,
        ..NewEntry::default()
    })?;
    work.ledger.note(What::UnitChanged(unit.id), Some(entry));
    // Whoever comes onto a unit under an order must learn of it as the others did.
    if let Some(bound) = bound {
        order::add_crew(work.conn, bound.id, user_id)?;
        if let Some(incident) = incident::by_id(work.conn, bound.incident_id)? {
            talk::add(work, &incident, &[user_id])?;
            incident::note_read(work.conn, Some(incident.id), user_id, "order", work.now)?;
            work.ledger.note(What::IncidentChanged(incident.id), None);
        }
        work.ledger.note(What::OrderRepeated(bound.id), None);
    }
    Ok(answer(&OnShift { shift: on.id, unit: unit.id }))
}

fn running(work: &mut Work<'_>, user: UserId) -> Result<Shift, Fault> {
    let on = shift::of_user(work.conn, user)?;
    on.ok_or_else(|| clash("data.user", "someone on shift"))
}

/// `shift.end`. A unit under an order is not left without a crew: someone must relieve it first,
/// or a dispatcher says why, which is logged.
///
/// # Errors
/// The policy's refusal, or `conflict`.
pub fn end(work: &mut Work<'_>, wish: &ShiftEnd) -> Result<Answer, Fault> {
    let user_id = whose(work, wish.user, Action::KeepShift)?;
    let on = running(work, user_id)?;
    let bound = order::of_unit(work.conn, on.unit_id)?;
    let crew = shift::of_unit(work.conn, on.unit_id)?;
    let mut reason = String::new();
    if let Some(bound) = bound.as_ref().filter(|_| crew.len() == 1) {
        let Some(why) = &wish.override_reason else {
            let rule = format!(
                "relieved first: the unit is on incident {} and would have no crew",
                bound.incident_id
            );
            return Err(clash("data.user", rule));
        };
        work.require(TopicKind::Board, Action::OverrideUnit, Relation::Stranger)?;
        check_said("data.override_reason", why, 500)?;
        reason = format!("; the unit is left without a crew because: {why}");
    }
    let detail = format!("{}{reason}", name_of(work, user_id)?);
    leave(work, &on, bound.as_ref(), detail)?;
    Ok(answer(&OnShift { shift: on.id, unit: on.unit_id }))
}

fn name_of(work: &mut Work<'_>, user: UserId) -> Result<String, StoreError> {
    let person = user::persons(work.conn, &[user])?.remove(&user);
    Ok(person.map(|person| person.display_name).unwrap_or_default())
}

/// Ends a shift: they leave the unit, its topic and the conversation of its incident.
fn leave(
    work: &mut Work<'_>,
    on: &Shift,
    bound: Option<&Order>,
    detail: String,
) -> Result<(), Fault> {
    let user = on.user_id;
    shift::end(work.conn, on.id, work.now, work.who.id())?;
    let entry = work.log(NewEntry {
        incident: bound.map(|order| order.incident_id),
        unit: Some(on.unit_id),
        order: bound.map(|order| order.id),
        kind: "shift.ended",
        detail,
        ..NewEntry::default()
    })?;
    work.ledger.note(What::UnitChanged(on.unit_id), Some(entry));
    if let Some(bound) = bound {
        order::drop_crew(work.conn, bound.id, user)?;
        part_with(work, bound, user)?;
    }
    if !shift::is_crew(work.conn, on.unit_id, user)? {
        work.ledger.unseated.push((Topic::Unit(on.unit_id), user));
    }
    Ok(())
}

/// Puts someone out of the conversation of an order's incident, unless they are of its crew still.
fn part_with(work: &mut Work<'_>, bound: &Order, user: UserId) -> Result<(), Fault> {
    let still_named = progress::crew_of(work, bound)?.contains(&user);
    if let Some(incident) = incident::by_id(work.conn, bound.incident_id)?
        && !still_named
    {
        talk::remove(work, &incident, &[user])?;
        work.ledger.note(What::IncidentChanged(incident.id), None);
    }
    work.ledger.note(What::OrderChanged(bound.id), None);
    Ok(())
}

/// Takes someone off duty whose account was shut or is no paramedic's any more: their shift ends,
/// no order names them, and an order that is left with nobody comes before the dispatchers at once.
///
/// # Errors
/// When the database failed.
pub fn dismiss(work: &mut Work<'_>, user: UserId) -> Result<(), Fault> {
    let mut left: Vec<OrderId> = Vec::new();
    if let Some(on) = shift::of_user(work.conn, user)? {
        let bound = order::of_unit(work.conn, on.unit_id)?;
        let detail = format!("{}; the account may not be ordered", name_of(work, user)?);
        leave(work, &on, bound.as_ref(), detail)?;
        left.extend(bound.map(|order| order.id));
    }
    while let Some(mut named) = order::naming(work.conn, user)? {
        named.paramedic_id = None;
        order::update(work.conn, &named)?;
        part_with(work, &named, user)?;
        work.ledger.note(What::UnitChanged(named.unit_id), None);
        work.ledger.unseated.push((Topic::Unit(named.unit_id), user));
        left.push(named.id);
    }
    left.sort_unstable();
    left.dedup();
    for id in left {
        let Some(order) = order::by_id(work.conn, id)?.filter(Order::is_open) else { continue };
        if progress::crew_of(work, &order)?.is_empty() {
            sweep::leave_alone(work, order)?;
        }
    }
    Ok(())
}

/// `shift.rest`: not to be ordered for a while; 0 minutes ends it.
///
/// # Errors
/// The policy's refusal, or `conflict` for someone who is not on shift.
pub fn rest(work: &mut Work<'_>, wish: &ShiftRest) -> Result<Answer, Fault> {
    let user_id = whose(work, wish.user, Action::KeepShift)?;
    if wish.minutes > 24 * 60 {
        return Err(broken("data.minutes", "at most 1440"));
    }
    let on = running(work, user_id)?;
    let until = chrono::Duration::minutes(i64::from(wish.minutes));
    let until = (wish.minutes > 0).then(|| work.now + until);
    shift::rest(work.conn, on.id, until)?;
    let kind = if until.is_some() { "shift.rests" } else { "shift.rested" };
    let entry = work.log(NewEntry { unit: Some(on.unit_id), kind, ..NewEntry::default() })?;
    work.ledger.note(What::UnitChanged(on.unit_id), Some(entry));
    Ok(answer(&OnShift { shift: on.id, unit: on.unit_id }))
}
