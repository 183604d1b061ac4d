//! Units and hospitals: the lists, who is out of service, beds, load and diversion.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::work::{
    Work, broken, check_said, check_text, check_version, clash, illegal,
};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::identity::Role;
use crate::auth::policy::{Action, Relation};
use crate::ids::{HospitalId, UnitId};
use crate::models::error::StoreError;
use crate::models::hospital::{self, Hospital};
use crate::models::lifecycle::{self, Deed};
use crate::models::order::{self, Order};
use crate::models::timeline::{self, NewEntry};
use crate::models::unit::{self, Unit};
use crate::models::{shift, user};
use crate::protocol::command::fleet::{
    HospitalBeds, HospitalDivert, HospitalSave, UnitSave, UnitSetStatus,
};
use crate::protocol::dispatch::{Degrees, UnitStatus};
use crate::protocol::topic::TopicKind;

/// What a change of a unit answers.
#[derive(Debug, Serialize)]
struct UnitKept {
    id: UnitId,
    version: i64,
}

/// What a change of a hospital answers.
#[derive(Debug, Serialize)]
struct HospitalKept {
    id: HospitalId,
    version: i64,
}

fn put<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        *field = given.clone();
    }
}

fn check_latitude(field: &'static str, latitude: Option<Degrees>) -> Result<(), Fault> {
    if latitude.is_some_and(|degrees| degrees.0.abs() > 90_000_000) {
        return Err(broken(field, "from -90 to 90"));
    }
    Ok(())
}

fn check_unit(unit: &Unit) -> Result<(), Fault> {
    check_said("data.unit_number", &unit.unit_number, 10)?;
    check_text("data.capabilities", &unit.capabilities, 1_000)?;
    check_text("data.equipment", &unit.equipment, 5_000)?;
    check_text("data.home_name", &unit.home_name, 200)?;
    check_latitude("data.home_latitude", unit.home_latitude)?;
    if !(0..=100).contains(&unit.max_patients) {
        return Err(broken("data.max_patients", "from 0 to 100"));
    }
    Ok(())
}

/// `unit.save`: puts a unit on the list, changes it, or takes it off.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`: by version, a number that is
/// taken, or taking off a unit that is bound or manned.
pub fn save_unit(work: &mut Work<'_>, wish: &UnitSave) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::ChangeFleet, Relation::Stranger)?;
    let mut unit = match wish.unit {
        Some(id) => work.unit(id)?,
        None => Unit::new("", work.now),
    };
    check_version(wish.version, unit.version)?;
    put(&mut unit.unit_number, wish.unit_number.as_ref());
    put(&mut unit.unit_type, wish.unit_type.as_ref());
    if let Some(words) = &wish.capabilities {
        if words.iter().any(|word| word.contains(',') || word.trim().is_empty()) {
            return Err(broken("data.capabilities", "words without commas"));
        }
        unit.capabilities = words.join(",");
    }
    put(&mut unit.equipment, wish.equipment.as_ref());
    put(&mut unit.max_patients, wish.max_patients.as_ref());
    put(&mut unit.home_name, wish.home_name.as_ref());
    unit.home_latitude = wish.home_latitude.or(unit.home_latitude);
    unit.home_longitude = wish.home_longitude.or(unit.home_longitude);
    check_unit(&unit)?;
    if let Some(paramedic) = wish.paramedic {
        let found = user::by_id(work.conn, paramedic)?;
        if found.is_none_or(|user| user.role != Role::Paramedic || !user.is_active) {
            return Err(broken("data.paramedic", "a paramedic"));
        }
        unit.paramedic_id = Some(paramedic);
    }
    if wish.retire {
        let is_bound = order::of_unit(work.conn, unit.id)?.is_some();
        if is_bound || !shift::of_unit(work.conn, unit.id)?.is_empty() {
            return Err(clash("data.retire", "only of a unit without an order and without a crew"));
        }
        unit.retired_at = Some(work.now);
    }
    unit.updated_at = work.now;
    let kept = unit::save(work.conn, &unit).map_err(|fault| match fault {
        StoreError::Conflict(_) => clash("data.unit_number", "not the number of another unit"),
        fault => fault.into(),
    })?;
    if wish.retire {
        work.log(NewEntry { unit: Some(kept.id), kind: "unit.retired", ..NewEntry::default() })?;
        work.ledger.note(What::UnitRemoved(kept.id), None);
    } else {
        work.ledger.note(What::UnitChanged(kept.id), None);
    }
    Ok(answer(&UnitKept { id: kept.id, version: kept.version }))
}

/// `unit.status`: takes a unit out of service, or brings it back.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict`: by version, or no such step.
pub fn set_status(work: &mut Work<'_>, wish: &UnitSetStatus) -> Result<Answer, Fault> {
    let relation = work.relation_to_unit(wish.unit)?;
    work.require(TopicKind::Unit, Action::SetUnitStatus, relation)?;
    check_text("data.reason", &wish.reason, 500)?;
    let unit = work.unit(wish.unit)?;
    check_version(wish.version, unit.version)?;
    let deed = match wish.status {
        UnitStatus::Available => Deed::Restore,
        _ => Deed::SetAside,
    };
    lifecycle::unit_step(deed, unit.status, wish.status)
        .map_err(|fault| illegal("data.status", &fault))?;
    unit::set_status(work.conn, unit.id, wish.status, work.now)?;
    let entry = work.log(NewEntry {
        unit: Some(unit.id),
        kind: "unit.status",
        from: Some(unit.status.to_string()),
        to: Some(wish.status.to_string()),
        detail: wish.reason.clone(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::UnitChanged(unit.id), Some(entry));
    Ok(answer(&UnitKept { id: unit.id, version: unit.version + 1 }))
}

/// Takes a unit out of service again that was ordered although it was, once it is free: its reason
/// holds until someone restores it.
///
/// # Errors
/// When the database failed.
pub fn set_aside_again(work: &mut Work<'_>, ended: &Order) -> Result<(), Fault> {
    if ended.override_reason.is_none() {
        return Ok(());
    }
    let (incident, order) = (ended.incident_id, ended.id);
    let before = timeline::status_before_override(work.conn, incident, order)?;
    let Some(before) = before else { return Ok(()) };
    if lifecycle::unit_step(Deed::SetAside, UnitStatus::Available, before).is_err() {
        return Ok(());
    }
    unit::set_status(work.conn, ended.unit_id, before, work.now)?;
    let entry = work.log(NewEntry {
        unit: Some(ended.unit_id),
        kind: "unit.status",
        from: Some(UnitStatus::Available.to_string()),
        to: Some(before.to_string()),
        detail: "as before the order that overrode it".to_owned(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::UnitChanged(ended.unit_id), Some(entry));
    Ok(())
}

/// Writes a hospital, logs what happened to it, and tells the boards and the units on their way to
/// it.
///
/// # Errors
/// When the database failed.
pub fn keep(
    work: &mut Work<'_>,
    mut hospital: Hospital,
    happened: Option<NewEntry>,
) -> Result<Hospital, Fault> {
    hospital.updated_at = work.now;
    let kept = hospital::save(work.conn, &hospital)?;
    let bound = order::units_bound_for(work.conn, kept.id)?;
    let entry = happened.map(|entry| work.log(entry)).transpose()?;
    work.ledger.note_also(What::HospitalChanged(kept.id), entry, bound);
    Ok(kept)
}

/// `hospital.save`: puts a hospital on the list, changes it, or takes it off.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` by version.
pub fn save_hospital(work: &mut Work<'_>, wish: &HospitalSave) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::ChangeHospital, Relation::Stranger)?;
    let mut found = match wish.hospital {
        Some(id) => work.hospital(id)?,
        None => Hospital::new("", work.now),
    };
    check_version(wish.version, found.version)?;
    put(&mut found.name, wish.name.as_ref());
    put(&mut found.address, wish.address.as_ref());
    put(&mut found.phone, wish.phone.as_ref());
    put(&mut found.specialties, wish.specialties.as_ref());
    found.latitude = wish.latitude.or(found.latitude);
    found.longitude = wish.longitude.or(found.longitude);
    check_said("data.name", &found.name, 200)?;
    check_text("data.address", &found.address, 300)?;
    check_text("data.phone", &found.phone, 15)?;
    check_text("data.specialties", &found.specialties, 2_000)?;
    check_latitude("data.latitude", found.latitude)?;
    if wish.retire {
        found.retired_at = Some(work.now);
        found.updated_at = work.now;
        let (id, version) = (found.id, found.version + 1);
        hospital::retire(work.conn, &found)?;
        work.ledger.note(What::HospitalRemoved(id), None);
        return Ok(answer(&HospitalKept { id, version }));
    }
    let kept = keep(work, found, None)?;
    Ok(answer(&HospitalKept { id: kept.id, version: kept.version }))
}

/// Whether a hospital can have so many beds.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check_beds(hospital: &Hospital) -> Result<(), Fault> {
    if !(0..=100_000).contains(&hospital.total_beds) {
        return Err(broken("data.total_beds", "from 0 to 100000"));
    }
    if !(0..=hospital.total_beds).contains(&hospital.available_beds) {
        let rule = format!("from 0 to the {} there are", hospital.total_beds);
        return Err(broken("data.available_beds", rule));
    }
    Ok(())
}

/// `hospital.beds`: beds and load.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` by version.
pub fn set_beds(work: &mut Work<'_>, wish: &HospitalBeds) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::ChangeBeds, Relation::Stranger)?;
    let mut found = work.hospital(wish.hospital)?;
    check_version(wish.version, found.version)?;
    put(&mut found.available_beds, wish.available_beds.as_ref());
    put(&mut found.total_beds, wish.total_beds.as_ref());
    put(&mut found.emergency_load, wish.emergency_load.as_ref());
    check_beds(&found)?;
    let (name, beds, load) = (&found.name, found.available_beds, found.emergency_load);
    let detail = format!("{name}: {beds} of {} beds free, load {load}", found.total_beds);
    let entry = NewEntry { kind: "hospital.beds", detail, ..NewEntry::default() };
    let kept = keep(work, found, Some(entry))?;
    Ok(answer(&HospitalKept { id: kept.id, version: kept.version }))
}

/// `hospital.divert`: it turns patients away until a moment, or no longer.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or `conflict` by version.
pub fn divert(work: &mut Work<'_>, wish: &HospitalDivert) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::ChangeBeds, Relation::Stranger)?;
    let mut found = work.hospital(wish.hospital)?;
    check_version(wish.version, found.version)?;
    let ends_at = wish.ends_at.map(|ends| ends.at);
    if let Some(reason) = &wish.reason {
        check_said("data.reason", reason, 500)?;
        if ends_at.is_some_and(|ends| ends <= work.now) {
            return Err(broken("data.ends_at", "later than now"));
        }
        found.diversion_since = found.diversion_since.or(Some(work.now));
        found.diversion_by = work.who.id();
    } else {
        found.diversion_since = None;
        found.diversion_by = None;
    }
    found.diversion_ends_at = ends_at.filter(|_| wish.reason.is_some());
    found.diversion_reason.clone_from(&wish.reason);
    let kind = if wish.reason.is_some() { "hospital.diverts" } else { "hospital.takes" };
    let reason = wish.reason.as_deref().unwrap_or_default();
    let detail = format!("{}: {reason}", found.name);
    let kept = keep(work, found, Some(NewEntry { kind, detail, ..NewEntry::default() }))?;
    Ok(answer(&HospitalKept { id: kept.id, version: kept.version }))
}
