//! Ordering units to incidents, letting them go, and moving them from one to another.

use serde::Serialize;

use crate::actors::dispatch::incidents::{Changed, set_destination};
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::progress::{self, Freed};
use crate::actors::dispatch::recommend;
use crate::actors::dispatch::talk;
use crate::actors::dispatch::work::{
    Moment, Work, broken, check_said, check_text, clash, illegal, span,
};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::actors::notify::{Notice, notify};
use crate::auth::identity::Role;
use crate::auth::policy::{Action, Relation};
use crate::ids::{OrderId, UnitId, UserId};
use crate::models::incident::{self, Incident};
use crate::models::lifecycle::{self, Deed};
use crate::models::order::{self, NewOrder, Order};
use crate::models::timeline::NewEntry;
use crate::models::unit::Unit;
use crate::models::{shift, unit, user};
use crate::protocol::command::dispatch::{IncidentAssign, IncidentReassign, IncidentRelease};
use crate::protocol::dispatch::{OrderState, UnitStatus};
use crate::protocol::event::older::CrewNews;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::inbox::{ObjectView, Priority};
use crate::protocol::views::recommendations::RankedView;

/// What ordering a unit answers.
#[derive(Debug, Serialize)]
struct Ordered {
    order: OrderId,
    unit: UnitId,
    /// Why this one, when the server picked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    picked: Option<RankedView>,
    version: i64,
    /// How many sockets of the crew listened as it was given; repeats go on until one answers.
    listening: u32,
}

/// Who may be ordered, and what speaks against it.
struct Crew {
    users: Vec<UserId>,
    against: Vec<String>,
}

/// Looks at a unit's crew: those on shift, and the paramedic the order names.
fn crew_of(work: &mut Work<'_>, unit: &Unit, named: Option<UserId>) -> Result<Crew, Fault> {
    let mut against = Vec::new();
    if unit.status != UnitStatus::Available {
        against.push(format!("{} is {}", unit.unit_number, unit.status));
    }
    let shifts = shift::of_unit(work.conn, unit.id)?;
    let mut users: Vec<UserId> = shifts.iter().map(|shift| shift.user_id).collect();
    let (mut fit, mut resting, mut off) = (0, 0, 0);
    for on in &shifts {
        let is_available = user::by_id(work.conn, on.user_id)?
            .is_some_and(|user| user.is_active && user.is_available);
        let is_resting = on.rest_until.is_some_and(|until| until > work.now);
        match (is_available, is_resting) {
            (false, _) => off += 1,
            (true, true) => resting += 1,
            (true, false) => fit += 1,
        }
    }
    if let Some(named) = named.filter(|named| !users.contains(named)) {
        let found = user::by_id(work.conn, named)?.filter(|user| user.role == Role::Paramedic);
        let found = found.ok_or_else(|| broken("data.paramedic", "a paramedic"))?;
        let elsewhere = shift::of_user(work.conn, named)?;
        if let Some(elsewhere) = elsewhere {
            let rule =
                format!("of this unit's crew; they are on shift on unit {}", elsewhere.unit_id);
            return Err(clash("data.paramedic", rule));
        }
        users.push(named);
        if found.is_active && found.is_available { fit += 1 } else { off += 1 }
    }
    if users.is_empty() {
        against.push(format!("nobody is on shift on {}", unit.unit_number));
    } else if fit == 0 && resting > 0 {
        against.push(format!("the crew of {} is resting", unit.unit_number));
    } else if fit == 0 && off > 0 {
        against.push(format!("the crew of {} is not available", unit.unit_number));
    }
    Ok(Crew { users, against })
}

/// Says who has the unit, when someone has.
fn refuse_bound(work: &mut Work<'_>, unit: &Unit, wanted: &Incident) -> Result<(), Fault> {
    let Some(bound) = order::of_unit(work.conn, unit.id)? else { return Ok(()) };
    let by = match bound.ordered_by {
        Some(by) => user::persons(work.conn, &[by])?.remove(&by),
        None => None,
    };
    let by = by.map_or_else(|| "the server".to_owned(), |person| person.display_name);
    let at = bound.sent_at.format("%H:%M:%S");
    let place = if bound.incident_id == wanted.id {
        "this incident".to_owned()
    } else {
        format!("incident {}", bound.incident_id)
    };
    let number = &unit.unit_number;
    Err(clash(
        "data.unit",
        format!("a free unit; {number} was ordered to {place} by {by} at {at} UTC"),
    ))
}

/// The wish behind an order, from either command.
struct Wish<'a> {
    paramedic: Option<UserId>,
    note: &'a str,
    override_reason: Option<&'a str>,
    /// Why the server picked this unit, when it did.
    picked: Option<&'a RankedView>,
}

/// Gives an order for an open incident to a unit that no order binds.
fn give(
    work: &mut Work<'_>,
    incident: &mut Incident,
    unit: &Unit,
    wish: &Wish<'_>,
) -> Result<Order, Fault> {
    refuse_bound(work, unit, incident)?;
    let crew = crew_of(work, unit, wish.paramedic)?;
    let reason = wish.override_reason.map(str::trim).filter(|reason| !reason.is_empty());
    let overridden = reason.filter(|_| !crew.against.is_empty());
    let deed = if overridden.is_some() { Deed::Override } else { Deed::Order };
    if !crew.against.is_empty() {
        if reason.is_none() {
            let rule = format!(
                "free and manned: {}; give override_reason to order it all the same",
                crew.against.join(", ")
            );
            return Err(clash("data.unit", rule));
        }
        work.require(TopicKind::Board, Action::OverrideUnit, Relation::Stranger)?;
    }
    lifecycle::unit_step(deed, unit.status, UnitStatus::Assigned)
        .map_err(|fault| illegal("data.unit", &fault))?;
    let within = span(work.settings.answer_within(incident.priority));
    let given = order::give(
        work.conn,
        &NewOrder {
            incident: incident.id,
            unit: unit.id,
            priority: incident.priority,
            note: wish.note.to_owned(),
            ordered_by: work.who.id(),
            paramedic: wish.paramedic,
            override_reason: overridden.map(ToOwned::to_owned),
            at: work.now,
            repeat_at: Some(work.now + span(work.settings.order_repeat)),
            escalate_at: Some(work.now + within),
            crew: crew.users.clone(),
        },
    )?;
    unit::set_status(work.conn, unit.id, UnitStatus::Assigned, work.now)?;
    incident.dispatcher_id = incident.dispatcher_id.or(work.who.id());
    bring_in(work, incident, unit, &crew.users)?;
    let from = Some(unit.status.to_string());
    let to = Some(UnitStatus::Assigned.to_string());
    let (kind, detail) = match overridden {
        Some(reason) => {
            ("order.overridden", format!("{}; because: {reason}", crew.against.join(", ")))
        }
        None => ("order.given", wish.picked.map(recommend::why).unwrap_or_default()),
    };
    let (incident, unit, order) = (Some(incident.id), Some(unit.id), Some(given.id));
    let entry = NewEntry { incident, unit, order, kind, from, to, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::OrderGiven(given.id), None);
    work.ledger.note(What::UnitChanged(given.unit_id), Some(entry.clone()));
    work.ledger.note(What::IncidentChanged(given.incident_id), Some(entry));
    work.ledger.tell_crew(given.incident_id, CrewNews::Dispatched, crew.users);
    Ok(given)
}

/// Brings a crew into an incident: they see its patient, talk in its conversation, and find the
/// order in their inboxes on every device.
fn bring_in(
    work: &mut Work<'_>,
    incident: &Incident,
    unit: &Unit,
    crew: &[UserId],
) -> Result<(), Fault> {
    for &user in crew {
        incident::note_read(work.conn, Some(incident.id), user, "order", work.now)?;
    }
    talk::add(work, incident, crew)?;
    if let Some(doer) = work.who.id() {
        talk::add_dispatcher(work, incident, doer)?;
    }
    let title = format!("{} is ordered to {}", unit.unit_number, incident.call_id);
    // Inboxes are kept longer than orders: nothing of caller, patient or place goes there.
    let message = format!("{} {}", incident.priority, incident.incident_type);
    let notice = Notice {
        priority: Priority::Urgent,
        object: Some(ObjectView { kind: "incident".to_owned(), id: incident.id.to_string() }),
        actor: work.who.id(),
        ..Notice::new("assignment", title, message)
    };
    Ok(notify(work.conn, &notice, crew, &mut work.ledger.told)?)
}

/// `incident.assign`.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`: the incident is over or has
/// moved on, the unit is someone else's (who is named), not available or not manned; with none
/// named, none fits (what is missing is named).
pub fn assign(work: &mut Work<'_>, assign: &IncidentAssign) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AssignUnit, Relation::Stranger)?;
    check_text("data.note", &assign.note, 1_000)?;
    if let Some(reason) = &assign.override_reason {
        check_said("data.override_reason", reason, 500)?;
    }
    let mut incident = work.open_incident(assign.incident, assign.version)?;
    let (unit, picked) = match assign.unit {
        Some(named) => (named, None),
        None => pick(work, &incident, assign).map(|best| (best.unit, Some(best)))?,
    };
    let unit = work.unit(unit)?;
    let wish = Wish {
        paramedic: assign.paramedic,
        note: &assign.note,
        override_reason: assign.override_reason.as_deref(),
        picked: picked.as_ref(),
    };
    let given = give(work, &mut incident, &unit, &wish)?;
    set_destination(work, &mut incident, assign.hospital, None)?;
    let incident = progress::settle(work, incident)?;
    let (order, unit, version) = (given.id, unit.id, incident.version);
    let listening = work.listening(unit);
    Ok(answer(&Ordered { order, unit, picked, version, listening }))
}

/// The unit that fits best, for a dispatcher who names none.
fn pick(
    work: &mut Work<'_>,
    incident: &Incident,
    assign: &IncidentAssign,
) -> Result<RankedView, Fault> {
    if assign.override_reason.is_some() {
        return Err(broken("data.override_reason", "only with a unit"));
    }
    if assign.paramedic.is_some() {
        return Err(broken("data.paramedic", "only with a unit"));
    }
    recommend::check(&assign.capabilities)?;
    let words = &assign.capabilities;
    let (_, ranking) = recommend::rank(work.conn, incident, words, work.settings, work.now)?;
    let best = ranking.best().cloned();
    best.ok_or_else(|| clash("data.unit", recommend::none_fits(&ranking)))
}

/// The order that binds a unit to an incident.
///
/// # Errors
/// `conflict` when it is not on it.
pub fn bound_to(work: &mut Work<'_>, incident: &Incident, unit: UnitId) -> Result<Order, Fault> {
    let bound = order::of_unit(work.conn, unit)?;
    bound
        .filter(|order| order.incident_id == incident.id)
        .ok_or_else(|| clash("data.unit", format!("a unit that is on {}", incident.call_id)))
}

/// `incident.release`: lets a unit go; the incident stays open.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`.
pub fn release(work: &mut Work<'_>, release: &IncidentRelease) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AssignUnit, Relation::Stranger)?;
    check_said("data.reason", &release.reason, 500)?;
    let incident = work.open_incident(release.incident, release.version)?;
    let bound = bound_to(work, &incident, release.unit)?;
    let how = Freed {
        deed: Deed::Release,
        state: Some(OrderState::Released),
        reason: &release.reason,
        moment: &Moment::at(work.now),
    };
    progress::free(work, &incident, bound, &how)?;
    let incident = progress::settle(work, incident)?;
    Ok(answer(&Changed { version: incident.version }))
}

/// `incident.reassign`: moves a unit from one incident to another in one step, so that nobody else
/// can take it in between.
///
/// # Errors
/// Those of [`release`] and [`assign`].
pub fn reassign(work: &mut Work<'_>, wish: &IncidentReassign) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AssignUnit, Relation::Stranger)?;
    check_said("data.reason", &wish.reason, 500)?;
    if wish.incident == wish.to {
        return Err(broken("data.to", "another incident"));
    }
    let from = work.open_incident(wish.incident, None)?;
    let mut to = work.open_incident(wish.to, wish.version)?;
    let bound = bound_to(work, &from, wish.unit)?;
    let how = Freed {
        deed: Deed::Release,
        state: Some(OrderState::Released),
        reason: &wish.reason,
        moment: &Moment::at(work.now),
    };
    progress::free(work, &from, bound, &how)?;
    progress::settle(work, from)?;
    let unit = work.unit(wish.unit)?;
    let override_reason = wish.override_reason.as_deref();
    let order = Wish { paramedic: None, note: &wish.reason, override_reason, picked: None };
    let given = give(work, &mut to, &unit, &order)?;
    let to = progress::settle(work, to)?;
    let (order, unit, version) = (given.id, unit.id, to.version);
    let listening = work.listening(unit);
    Ok(answer(&Ordered { order, unit, picked: None, version, listening }))
}
