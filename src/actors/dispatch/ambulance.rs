//! What the older ambulance system asks of the boards, each as one step: a dispatch that finds a
//! paramedic, a status that must be the next one, a list entry with its status and place.

use crate::actors::dispatch::assign;
use crate::actors::dispatch::fleet;
use crate::actors::dispatch::incidents;
use crate::actors::dispatch::positions::{self, Kept};
use crate::actors::dispatch::progress;
use crate::actors::dispatch::work::{Work, broken};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, done};
use crate::auth::identity::Role;
use crate::auth::policy::{Action, Relation};
use crate::ids::{HospitalId, IncidentId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::incident::{self, Incident};
use crate::models::lifecycle;
use crate::models::order::{self, Order};
use crate::models::position::Fix;
use crate::models::unit::{self, Unit};
use crate::models::{hospital, paramedics, shift, user};
use crate::protocol::command::ambulance::{
    AmbulanceCommand, Changing, Dispatching, HospitalKeeping, Place, Stepping, UnitKeeping, words,
};
use crate::protocol::command::dispatch::{
    IncidentAssign, IncidentChange, IncidentEnd, IncidentStep,
};
use crate::protocol::command::fleet::UnitSetStatus;
use crate::protocol::dialect::ambulance::shapes::{call_status, unit_status};
use crate::protocol::dispatch::{IncidentStatus, UnitStatus};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};

/// Does one of them.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict`, or `bad_request`; the rule of some is one of
/// [`words::ALL`].
pub fn obey(work: &mut Work<'_>, command: &AmbulanceCommand) -> Result<Answer, Fault> {
    match command {
        AmbulanceCommand::Dispatch(wish) => dispatch(work, wish),
        AmbulanceCommand::Step(wish) => step(work, wish),
        AmbulanceCommand::Change(wish) => change(work, wish),
        AmbulanceCommand::KeepUnit(wish) => keep_unit(work, wish),
        AmbulanceCommand::Locate(unit, place) => locate(work, *unit, *place),
        AmbulanceCommand::KeepHospital(wish) => keep_hospital(work, wish),
    }
}

/// Whom a dispatch goes to, and why it is given although nobody fit was found, or the one named is
/// not fit: who dispatches has decided so, and the timeline says it.
struct Chosen {
    paramedic: Option<UserId>,
    all_the_same: Option<&'static str>,
}

fn dispatch(work: &mut Work<'_>, wish: &Dispatching) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::AssignUnit, Relation::Stranger)?;
    let call = incident::by_id(work.conn, wish.incident)?;
    let call = call.ok_or_else(|| broken("data.emergency_call_id", words::NO_CALL))?;
    if call.status != IncidentStatus::Received {
        return Err(broken("data.emergency_call_id", words::NOT_RECEIVED));
    }
    let unit = unit::by_id(work.conn, wish.unit)?;
    let unit = unit.ok_or_else(|| broken("data.ambulance_id", words::NO_AMBULANCE))?;
    if unit.status != UnitStatus::Available || order::of_unit(work.conn, unit.id)?.is_some() {
        return Err(broken("data.ambulance_id", words::NOT_AVAILABLE));
    }
    if let Some(hospital) = wish.hospital
        && hospital::by_id(work.conn, hospital)?.is_none()
    {
        return Err(broken("data.hospital_id", words::NO_HOSPITAL));
    }
    let chosen = choose(work, &unit, wish.paramedic)?;
    if let Some(paramedic) = chosen.paramedic
        && unit.paramedic_id != Some(paramedic)
    {
        let usual = Unit { paramedic_id: Some(paramedic), updated_at: work.now, ..unit };
        unit::save(work.conn, &usual)?;
    }
    let order = IncidentAssign {
        incident: wish.incident,
        unit: Some(wish.unit),
        capabilities: Vec::new(),
        paramedic: chosen.paramedic,
        hospital: wish.hospital,
        note: String::new(),
        override_reason: chosen.all_the_same.map(str::to_owned),
        version: None,
        client_id: None,
    };
    assign::assign(work, &order)
}

fn choose(work: &mut Work<'_>, unit: &Unit, named: Option<UserId>) -> Result<Chosen, Fault> {
    if let Some(named) = named {
        let found = user::by_id(work.conn, named)?.filter(|user| user.is_active);
        let found = found.ok_or_else(|| broken("data.paramedic_id", words::NO_PARAMEDIC))?;
        if found.role != Role::Paramedic {
            return Err(broken("data.paramedic_id", words::NOT_A_PARAMEDIC));
        }
        let all_the_same = Some("the dispatcher named this paramedic");
        return Ok(Chosen { paramedic: Some(named), all_the_same });
    }
    if let Some(usual) = unit.paramedic_id
        && is_free_for(work, unit, usual)?
    {
        return Ok(Chosen { paramedic: Some(usual), all_the_same: None });
    }
    for on in shift::of_unit(work.conn, unit.id)? {
        let is_resting = on.rest_until.is_some_and(|until| until > work.now);
        if !is_resting && is_free_for(work, unit, on.user_id)? {
            // The order goes to the whole crew on shift.
            return Ok(Chosen { paramedic: None, all_the_same: None });
        }
    }
    let paramedic = paramedics::first_free(work.conn)?;
    let all_the_same = paramedic.is_none().then_some("no paramedic was free to be found for it");
    Ok(Chosen { paramedic, all_the_same })
}

/// Whether a paramedic is available, on no other unit's shift, and on no call.
fn is_free_for(work: &mut Work<'_>, unit: &Unit, id: UserId) -> Result<bool, StoreError> {
    let found = user::by_id(work.conn, id)?;
    let fits =
        |user: user::User| user.role == Role::Paramedic && user.is_active && user.is_available;
    let elsewhere = shift::of_user(work.conn, id)?.is_some_and(|on| on.unit_id != unit.id);
    Ok(found.is_some_and(fits) && !elsewhere && order::naming(work.conn, id)?.is_none())
}

/// The order a step is about: that of the doer's own unit, else the first one given.
fn order_of(work: &mut Work<'_>, incident: IncidentId) -> Result<Option<Order>, StoreError> {
    let open = order::open_of(work.conn, incident)?;
    for bound in &open {
        if work.relation_to_unit(bound.unit_id)? == Relation::Crew {
            return Ok(Some(bound.clone()));
        }
    }
    Ok(open.into_iter().next())
}

fn call(work: &mut Work<'_>, id: IncidentId) -> Result<Incident, Fault> {
    let found = incident::by_id(work.conn, id)?;
    found.ok_or_else(|| Fault::Refused(Refusal::not_found()))
}

fn step(work: &mut Work<'_>, wish: &Stepping) -> Result<Answer, Fault> {
    let found = call(work, wish.incident)?;
    let relation = work.relation_to(wish.incident)?;
    work.require(TopicKind::Board, Action::AdvanceUnit, relation)?;
    let bound = order_of(work, wish.incident)?;
    let stands = bound.as_ref().and_then(|order| lifecycle::mapped(order.stage));
    let from = call_status(stands.unwrap_or(found.status));
    let next = IncidentStatus::ALL.iter().position(|status| *status == from);
    let next = next.and_then(|at| IncidentStatus::ALL.get(at + 1)).copied().map(call_status);
    let is_next = next == Some(wish.status) && from != wish.status;
    let Some(bound) = bound.filter(|_| is_next) else {
        let rule = format!("{} {from} to {}", words::NO_TRANSITION, wish.status);
        return Err(broken("data.status", rule));
    };
    let step = IncidentStep {
        incident: wish.incident,
        unit: Some(bound.unit_id),
        status: wish.status,
        hospital: None,
        hospital_destination: wish.hospital_destination.clone(),
        patient_condition: wish.patient_condition.clone(),
        at: None,
        version: None,
        client_id: None,
    };
    progress::step(work, &step)
}

fn change(work: &mut Work<'_>, wish: &Changing) -> Result<Answer, Fault> {
    let id = wish.change.incident;
    let found = call(work, id)?;
    let mut change = wish.change.clone();
    let mut patient = incident::patient(work.conn, id)?;
    let known = patient.clone();
    patient.name = wish.patient_name.clone().unwrap_or(patient.name);
    patient.age = wish.patient_age.unwrap_or(patient.age);
    patient.condition = wish.patient_condition.clone().unwrap_or(patient.condition);
    change.patient = (patient != known).then_some(patient);
    if change != blank(id) {
        incidents::change(work, &change)?;
    }
    match wish.status {
        Some(status) if status != call_status(found.status) => bring(work, &found, status),
        _ => {
            // Who may change nothing of it is told so, also when nothing was to change.
            let relation = work.relation_to(id)?;
            work.require(TopicKind::Board, Action::ChangePatient, relation)?;
            Ok(done())
        }
    }
}

fn blank(incident: IncidentId) -> IncidentChange {
    IncidentChange {
        incident,
        version: None,
        incident_type: None,
        priority: None,
        determinant: None,
        caller_name: None,
        caller_phone: None,
        description: None,
        address: None,
        latitude: None,
        longitude: None,
        patient: None,
        hospital: None,
        hospital_destination: None,
        client_id: None,
    }
}

/// Brings a call to a status as the lifecycle has it. A dispatcher who closes one that nobody has
/// come to calls it off.
fn bring(work: &mut Work<'_>, found: &Incident, status: IncidentStatus) -> Result<Answer, Fault> {
    let incident = found.id;
    let is_crew = work.relation_to(incident)? == Relation::Crew;
    if status != IncidentStatus::Closed || is_crew {
        let unit = order_of(work, incident)?.map(|order| order.unit_id);
        let step = IncidentStep {
            incident,
            unit,
            status,
            hospital: None,
            hospital_destination: None,
            patient_condition: None,
            at: None,
            version: None,
            client_id: None,
        };
        return progress::step(work, &step);
    }
    let reason = "closed by the dispatcher".to_owned();
    let end = IncidentEnd { incident, reason, version: None, client_id: None };
    if found.status >= IncidentStatus::OnScene {
        progress::close(work, &end)
    } else {
        progress::cancel(work, &end)
    }
}

/// The id that an answer about a list entry names.
fn id_of(answer: &Answer) -> Option<i64> {
    let fields: serde_json::Value = serde_json::from_str(answer.get()).ok()?;
    fields.get("id")?.as_str()?.parse().ok()
}

fn keep_unit(work: &mut Work<'_>, wish: &UnitKeeping) -> Result<Answer, Fault> {
    let mut kept = done();
    let id = match wish.save.unit {
        Some(id) if !wish.has_fields && !wish.frees_paramedic => id,
        _ => {
            kept = fleet::save_unit(work, &wish.save)?;
            UnitId(id_of(&kept).ok_or_else(|| Fault::Refused(Refusal::internal()))?)
        }
    };
    if wish.frees_paramedic {
        let unit = work.unit(id)?;
        unit::save(work.conn, &Unit { paramedic_id: None, updated_at: work.now, ..unit })?;
    }
    if wish.save.retire {
        return Ok(kept);
    }
    let stands = unit_status(work.unit(id)?.status);
    if let Some(status) = wish.status.filter(|status| unit_status(*status) != stands) {
        let set = UnitSetStatus {
            unit: id,
            status,
            reason: String::new(),
            version: None,
            client_id: None,
        };
        let relation = work.relation_to_unit(id)?;
        require_unit(work, relation)?;
        fleet::set_status(work, &set)?;
    }
    match wish.place {
        Some(place) => drop(locate(work, id, place)?),
        // Whoever asks for nothing must still be one who may.
        None if !wish.has_fields && !wish.frees_paramedic && wish.status.is_none() => {
            let relation = work.relation_to_unit(id)?;
            require_unit(work, relation)?;
        }
        None => {}
    }
    Ok(kept)
}

/// That a unit is there is known to everyone who works with ambulances, so whoever may not change
/// it is told that, and not that it is not there.
fn require_unit(work: &Work<'_>, relation: Relation) -> Result<(), Fault> {
    let required = work.require(TopicKind::Unit, Action::SetUnitStatus, relation);
    required.map(|_| ()).map_err(|fault| match fault {
        Fault::Refused(_) => Refusal::forbidden("you may not change this unit here").into(),
        fault => fault,
    })
}

/// Says where a unit is: crews of their own unit, dispatchers of any.
fn locate(work: &mut Work<'_>, id: UnitId, place: Place) -> Result<Answer, Fault> {
    let unit = work.unit(id)?;
    let is_own = unit.paramedic_id.is_some() && unit.paramedic_id == work.who.id();
    let relation = if is_own { Relation::Crew } else { work.relation_to_unit(id)? };
    require_unit(work, relation)?;
    let fix = Fix {
        latitude: place.latitude,
        longitude: place.longitude,
        accuracy_m: None,
        heading_deg: None,
        speed_kmh: None,
        fixed_at: work.now,
        received_at: work.now,
    };
    positions::keep(work, &[Kept { unit: id, fix, is_traced: true }])?;
    let body = EventBody::Positions { positions: vec![fix.view(id)] };
    work.ledger.told.push(Event { topic: Topic::Positions, seq: None, at: work.now, body });
    Ok(done())
}

fn keep_hospital(work: &mut Work<'_>, wish: &HospitalKeeping) -> Result<Answer, Fault> {
    let kept = fleet::save_hospital(work, &wish.save)?;
    let id = HospitalId(id_of(&kept).ok_or_else(|| Fault::Refused(Refusal::internal()))?);
    let mut found = work.hospital(id)?;
    let before = found.clone();
    found.total_beds = wish.total_beds.unwrap_or(found.total_beds);
    found.available_beds = wish.available_beds.unwrap_or(found.available_beds);
    found.emergency_load = wish.emergency_load.unwrap_or(found.emergency_load);
    if found != before {
        fleet::check_beds(&found)?;
        fleet::keep(work, found, None)?;
    }
    Ok(kept)
}
