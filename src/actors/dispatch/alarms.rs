//! Maydays and check-ins: calls that must be answered by name, and timers that must be reset.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::dispatch::work::{Work, broken, check_said, clash, span};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::{Action, Relation};
use crate::ids::{IncidentId, MaydayId, UnitId};
use crate::models::mayday::{self, Mayday};
use crate::models::timeline::NewEntry;
use crate::models::{order, par, shift};
use crate::protocol::command::fleet::{
    MaydayAcknowledge, MaydayEnd, MaydayRaise, ParCheck, ParSet,
};
use crate::protocol::dispatch::{Degrees, IncidentStatus};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// What raising a mayday answers.
#[derive(Debug, Serialize)]
struct Raised {
    id: MaydayId,
    /// How many sockets of dispatchers it was sent to.
    listening: u32,
    /// Whether it reached no dispatcher: use the radio. It is repeated until one answers.
    nobody_heard: bool,
}

/// What a change of an alarm answers.
#[derive(Debug, Serialize)]
struct Alarm {
    id: MaydayId,
}

/// The unit a mayday is about: the one named, else the doer's own.
fn unit_in_need(work: &mut Work<'_>, named: Option<UnitId>) -> Result<Option<UnitId>, Fault> {
    if let Some(named) = named {
        return Ok(Some(work.unit(named)?.id));
    }
    let Some(user) = work.who.id() else { return Ok(None) };
    if let Some(on) = shift::of_user(work.conn, user)? {
        return Ok(Some(on.unit_id));
    }
    Ok(order::naming(work.conn, user)?.map(|order| order.unit_id))
}

/// `mayday.raise`. Nothing in it can be refused but who raises it: what cannot be used is left out.
/// Raised again before anyone answered, it is the same mayday, told again.
///
/// # Errors
/// The policy's refusal.
pub fn raise(work: &mut Work<'_>, wish: &MaydayRaise) -> Result<Answer, Fault> {
    let relation = match wish.unit {
        Some(unit) => work.relation_to_unit(unit)?,
        None => Relation::Stranger,
    };
    work.require(TopicKind::Board, Action::RaiseMayday, relation)?;
    // An unknown unit is no reason to lose a call for help.
    let unit = match unit_in_need(work, wish.unit) {
        Ok(unit) => unit,
        Err(Fault::Refused(_)) => None,
        Err(fault) => return Err(fault),
    };
    let incident = match unit {
        Some(unit) => order::of_unit(work.conn, unit)?.map(|order| order.incident_id),
        None => None,
    };
    let note: String = wish.note.chars().filter(|c| *c != '\0').take(1_000).collect();
    let repeat_at = Some(work.now + span(work.settings.mayday_repeat));
    let place = place_of(wish);
    if let Some(mut known) = mayday::unanswered_of(work.conn, work.who.id())? {
        if !note.is_empty() {
            known.note = note;
        }
        if let Some((latitude, longitude)) = place {
            (known.latitude, known.longitude) = (Some(latitude), Some(longitude));
        }
        known.unit_id = unit.or(known.unit_id);
        known.incident_id = incident.or(known.incident_id);
        return told_again(work, known, repeat_at);
    }
    let new = Mayday {
        id: MaydayId(0),
        unit_id: unit,
        incident_id: incident,
        raised_by: work.who.id(),
        note,
        latitude: place.map(|(latitude, _)| latitude),
        longitude: place.map(|(_, longitude)| longitude),
        raised_at: work.now,
        device_at: wish.at.map(|at| at.at),
        acknowledged_at: None,
        acknowledged_by: None,
        ended_at: None,
        ended_by: None,
        end_reason: String::new(),
        repeats: 0,
        repeat_at,
        nobody_heard: work.heard() == 0,
    };
    let made = mayday::insert(work.conn, &new)?;
    work.log(NewEntry { incident, unit, kind: "mayday.raised", ..NewEntry::default() })?;
    work.ledger.note(What::MaydayRaised(made.id), None);
    let nobody_heard = missed(work, &made);
    Ok(answer(&Raised { id: made.id, listening: work.heard(), nobody_heard }))
}

/// The place told with a mayday, when it is one.
pub fn place_of(wish: &MaydayRaise) -> Option<(Degrees, Degrees)> {
    wish.latitude.filter(|degrees| degrees.0.abs() <= 90_000_000).zip(wish.longitude)
}

fn told_again(
    work: &mut Work<'_>,
    mut known: Mayday,
    repeat_at: Option<chrono::NaiveDateTime>,
) -> Result<Answer, Fault> {
    known.repeats += 1;
    known.repeat_at = repeat_at;
    let nobody_heard = missed(work, &known);
    known.nobody_heard = nobody_heard;
    mayday::update(work.conn, &known)?;
    work.ledger.note(What::MaydayRepeated(known.id), None);
    Ok(answer(&Raised { id: known.id, listening: work.heard(), nobody_heard }))
}

/// Notes a mayday that reached nobody; whether that is so.
pub fn missed(work: &mut Work<'_>, mayday: &Mayday) -> bool {
    work.missed(Unheard {
        alarm: "mayday",
        id: mayday.id.0,
        unit: mayday.unit_id.map(|unit| unit.0),
        incident: mayday.incident_id.map(|incident| incident.0),
    })
}

fn known(work: &mut Work<'_>, id: MaydayId) -> Result<Mayday, Fault> {
    let found = mayday::by_id(work.conn, id)?;
    found.ok_or_else(|| Fault::Refused(Refusal::not_found()))
}

/// `mayday.acknowledge`: by name; repeats end.
///
/// # Errors
/// The policy's refusal, `not_found`, or `conflict` when someone else has answered.
pub fn acknowledge(work: &mut Work<'_>, wish: &MaydayAcknowledge) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AnswerMayday, Relation::Stranger)?;
    let mut found = known(work, wish.mayday)?;
    if found.acknowledged_at.is_some() {
        return Err(clash("data.mayday", "one that nobody has answered yet"));
    }
    found.acknowledged_at = Some(work.now);
    found.acknowledged_by = work.who.id();
    (found.repeat_at, found.nobody_heard) = (None, false);
    mayday::update(work.conn, &found)?;
    work.log(NewEntry {
        incident: found.incident_id,
        unit: found.unit_id,
        kind: "mayday.acknowledged",
        ..NewEntry::default()
    })?;
    work.ledger.note(What::MaydayChanged(found.id), None);
    Ok(answer(&Alarm { id: found.id }))
}

/// `mayday.end`: it is over. Only once someone has answered it.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`.
pub fn end(work: &mut Work<'_>, wish: &MaydayEnd) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AnswerMayday, Relation::Stranger)?;
    check_said("data.reason", &wish.reason, 500)?;
    let mut found = known(work, wish.mayday)?;
    if found.acknowledged_at.is_none() {
        return Err(clash("data.mayday", "answered by someone first"));
    }
    if found.ended_at.is_some() {
        return Err(clash("data.mayday", "one that is not over"));
    }
    found.ended_at = Some(work.now);
    found.ended_by = work.who.id();
    found.end_reason.clone_from(&wish.reason);
    mayday::update(work.conn, &found)?;
    work.log(NewEntry {
        incident: found.incident_id,
        unit: found.unit_id,
        kind: "mayday.ended",
        detail: wish.reason.clone(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::MaydayChanged(found.id), None);
    Ok(answer(&Alarm { id: found.id }))
}

/// What a check-in answers.
#[derive(Debug, Serialize)]
struct Checked {
    incident: IncidentId,
    #[serde(with = "crate::clock::stamp_option")]
    due_at: Option<chrono::NaiveDateTime>,
}

fn timer(work: &mut Work<'_>, id: IncidentId) -> Result<par::Timer, Fault> {
    let every = i64::try_from(work.settings.par_every.as_millis()).unwrap_or(i64::MAX);
    let found = par::of(work.conn, id)?;
    Ok(found.unwrap_or_else(|| par::Timer::resting(id, every)))
}

/// `par.check`: all on the incident are well; the timer starts anew.
///
/// # Errors
/// The policy's refusal, `not_found`, or `conflict` when it is over.
pub fn check_in(work: &mut Work<'_>, wish: &ParCheck) -> Result<Answer, Fault> {
    let relation = work.relation_to(wish.incident)?;
    work.require(TopicKind::Board, Action::CheckIn, relation)?;
    let incident = work.open_incident(wish.incident, None)?;
    let mut timer = timer(work, incident.id)?;
    let every = chrono::Duration::milliseconds(timer.every_ms);
    timer.due_at = timer.due_at.map(|_| work.now + every);
    (timer.checked_at, timer.checked_by) = (Some(work.now), work.who.id());
    (timer.overdue_since, timer.notices, timer.nobody_heard) = (None, 0, false);
    par::save(work.conn, &timer)?;
    let kind = "par.checked";
    let entry = NewEntry { incident: Some(incident.id), kind, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    Ok(answer(&Checked { incident: incident.id, due_at: timer.due_at }))
}

/// `par.set`: how often crews must check in; 0 stops the timer.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` when it is over.
pub fn set_timer(work: &mut Work<'_>, wish: &ParSet) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::SetTimer, Relation::Stranger)?;
    if wish.every_s > 86_400 {
        return Err(broken("data.every_s", "from 0 to 86400"));
    }
    let incident = work.open_incident(wish.incident, None)?;
    let mut timer = timer(work, incident.id)?;
    timer.every_ms = i64::from(wish.every_s) * 1_000;
    // By where its units stand now: one that was there and has left needs no check-in.
    let at_work = incident.status >= IncidentStatus::OnScene;
    let due = work.now + chrono::Duration::milliseconds(timer.every_ms);
    timer.due_at = (at_work && timer.every_ms > 0).then_some(due);
    (timer.overdue_since, timer.notices, timer.nobody_heard) = (None, 0, false);
    par::save(work.conn, &timer)?;
    let (kind, detail) = ("par.set", format!("every {} s", wish.every_s));
    let entry = NewEntry { incident: Some(incident.id), kind, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    Ok(answer(&Checked { incident: incident.id, due_at: timer.due_at }))
}
