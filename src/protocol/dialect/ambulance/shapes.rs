//! Calls, ambulances, hospitals and people as clients of the older ambulance system read them, over
//! sockets and REST alike.
//!
//! Decimals are texts with six digits. Names beside a relation are absent while it is null.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::ids::UnitId;
use crate::protocol::dialect::incoming;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::dispatch::{
    Degrees, IncidentStatus, IncidentType, Load, OrderState, Priority, UnitStatus, UnitType,
};
use crate::protocol::views::PersonView;
use crate::protocol::views::dispatch::{IncidentView, UnitView};
use crate::protocol::views::hospitals::HospitalView;

/// The status of a call as those clients know it: what was called off is closed.
pub fn call_status(status: IncidentStatus) -> IncidentStatus {
    match status {
        IncidentStatus::Cancelled => IncidentStatus::Closed,
        other => other,
    }
}

/// The status of an ambulance as those clients know it: ordered is on its way, and at the hospital
/// it still has its patient.
pub fn unit_status(status: UnitStatus) -> UnitStatus {
    match status {
        UnitStatus::Assigned => UnitStatus::EnRoute,
        UnitStatus::AtHospital => UnitStatus::Transporting,
        other => other,
    }
}

/// `EN_ROUTE` for people to read: En Route.
fn spoken(word: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{first}{}", rest.to_lowercase())
    };
    word.split('_').map(part).collect::<Vec<_>>().join(" ")
}

/// What kind of emergency it is, for people to read.
pub fn type_display(kind: IncidentType) -> &'static str {
    match kind {
        IncidentType::Medical => "Medical Emergency",
        IncidentType::Trauma => "Trauma",
        IncidentType::Cardiac => "Cardiac Arrest",
        IncidentType::Stroke => "Stroke",
        IncidentType::Respiratory => "Respiratory Distress",
        IncidentType::Fire => "Fire Emergency",
        IncidentType::Other => "Other",
    }
}

fn unit_type_display(kind: UnitType) -> &'static str {
    match kind {
        UnitType::Basic => "Basic Life Support",
        UnitType::Advanced => "Advanced Life Support",
        UnitType::Critical => "Critical Care",
    }
}

/// How full a hospital is, for people to read.
pub fn load_display(load: Load) -> &'static str {
    match load {
        Load::Low => "Low Load",
        Load::Moderate => "Moderate Load",
        Load::High => "High Load",
        Load::Full => "At Capacity",
    }
}

/// The status of a call, for people to read.
pub fn status_display(status: IncidentStatus) -> String {
    spoken(call_status(status).as_str())
}

/// The status of an ambulance, for people to read.
pub fn unit_status_display(status: UnitStatus) -> String {
    match unit_status(status) {
        UnitStatus::OutOfService => "Out of Service".to_owned(),
        other => spoken(other.as_str()),
    }
}

/// How much a call presses, for people to read.
pub fn priority_display(priority: Priority) -> String {
    spoken(priority.as_str())
}

/// A decimal with six digits.
pub fn decimal(degrees: Degrees) -> String {
    let sign = if degrees.0 < 0 { "-" } else { "" };
    let micro = degrees.0.unsigned_abs();
    format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

fn decimal_or_null(degrees: Option<Degrees>) -> Value {
    degrees.map_or(Value::Null, |degrees| Value::String(decimal(degrees)))
}

fn moment(at: Option<NaiveDateTime>) -> Value {
    at.map_or(Value::Null, |at| Value::String(zulu(at)))
}

fn name(person: &PersonView) -> String {
    incoming::face(person).full_name()
}

/// Who is on a call, for clients that know of one ambulance and one paramedic.
struct Assigned<'a> {
    unit: UnitId,
    unit_number: &'a str,
    paramedic: Option<&'a PersonView>,
}

/// The first unit that is on it; once it is over, the last that was and was not let go.
fn assigned(call: &IncidentView) -> Option<Assigned<'_>> {
    if let Some(on) = call.units.first() {
        let paramedic = on.paramedic.as_ref().or(on.crew.first());
        return Some(Assigned { unit: on.unit, unit_number: &on.unit_number, paramedic });
    }
    if !call.status.is_over() {
        return None;
    }
    let served = |state: OrderState| !matches!(state, OrderState::Declined | OrderState::Released);
    let last = call.past_units.iter().rev().find(|past| served(past.state))?;
    let paramedic = last.paramedic.as_ref();
    Some(Assigned { unit: last.unit, unit_number: &last.unit_number, paramedic })
}

/// Whether a call has a paramedic.
pub fn has_paramedic(call: &IncidentView) -> bool {
    assigned(call).is_some_and(|assigned| assigned.paramedic.is_some())
}

/// Adds the id of a relation, and what it is called only when there is one.
fn relate(
    fields: &mut Map<String, Value>,
    key: &str,
    id: Option<i64>,
    named: (&str, Option<String>),
) {
    fields.insert(key.to_owned(), json!(id));
    if let Some(called) = named.1 {
        fields.insert(named.0.to_owned(), Value::String(called));
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A call.
pub fn call(call: &IncidentView) -> Value {
    let status = call_status(call.status);
    let mut fields = object(json!({
        "id": call.id.0,
        "call_id": call.call_id,
        "caller_name": call.caller_name,
        "caller_phone": call.caller_phone,
        "emergency_type": call.incident_type,
        "emergency_type_display": type_display(call.incident_type),
        "description": call.description,
        "location_address": call.address,
        "latitude": decimal_or_null(call.latitude),
        "longitude": decimal_or_null(call.longitude),
        "status": status,
        "status_display": status_display(status),
        "priority": call.priority,
        "priority_display": priority_display(call.priority),
        "patient_name": call.patient.name,
        "patient_age": call.patient.age,
        "patient_condition": call.patient.condition,
        "hospital_destination": call.hospital_destination,
        "received_at": zulu(call.received_at),
        "dispatched_at": moment(call.dispatched_at),
        "en_route_at": moment(call.en_route_at),
        "on_scene_at": moment(call.on_scene_at),
        "transporting_at": moment(call.transporting_at),
        "at_hospital_at": moment(call.at_hospital_at),
        "closed_at": moment(call.closed_at),
        "created_at": zulu(call.created_at),
        "updated_at": zulu(call.updated_at),
    }));
    let on = assigned(call);
    let paramedic = on.as_ref().and_then(|on| on.paramedic);
    let unit = on.as_ref().map(|on| on.unit.0);
    let number = on.as_ref().map(|on| on.unit_number.to_owned());
    relate(&mut fields, "assigned_ambulance", unit, ("assigned_ambulance_unit", number));
    for (key, named, person) in [
        ("assigned_paramedic", "assigned_paramedic_name", paramedic),
        ("dispatcher", "dispatcher_name", call.dispatcher.as_ref()),
    ] {
        let id = person.map(|person| person.id.0);
        relate(&mut fields, key, id, (named, person.map(name)));
    }
    Value::Object(fields)
}

/// An ambulance.
pub fn ambulance(unit: &UnitView) -> Value {
    let status = unit_status(unit.status);
    let mut fields = object(json!({
        "id": unit.id.0,
        "unit_number": unit.unit_number,
        "unit_type": unit.unit_type,
        "unit_type_display": unit_type_display(unit.unit_type),
        "status": status,
        "status_display": unit_status_display(status),
        "current_latitude": decimal_or_null(unit.latitude),
        "current_longitude": decimal_or_null(unit.longitude),
        "last_location_update": moment(unit.position_at),
        "equipment_list": unit.equipment,
        "max_patients": unit.max_patients,
        "created_at": zulu(unit.created_at),
        "updated_at": zulu(unit.updated_at),
    }));
    let crew = unit.crew.first().map(|shift| &shift.user);
    let paramedic = unit.paramedic.as_ref().or(crew);
    let id = paramedic.map(|person| person.id.0);
    let called = ("assigned_paramedic_name", paramedic.map(name));
    relate(&mut fields, "assigned_paramedic", id, called);
    let called = ("current_emergency_id", unit.call_id.clone());
    relate(&mut fields, "current_emergency", unit.incident.map(|id| id.0), called);
    Value::Object(fields)
}

/// A hospital.
pub fn hospital(hospital: &HospitalView) -> Value {
    json!({
        "id": hospital.id.0,
        "name": hospital.name,
        "address": hospital.address,
        "latitude": decimal_or_null(hospital.latitude),
        "longitude": decimal_or_null(hospital.longitude),
        "phone_number": hospital.phone,
        "total_beds": hospital.total_beds,
        "available_beds": hospital.available_beds,
        "emergency_capacity": hospital.emergency_load,
        "emergency_capacity_display": load_display(hospital.emergency_load),
        "specialties": hospital.specialties,
        "created_at": zulu(hospital.created_at),
        "updated_at": zulu(hospital.updated_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_six_digits_on_either_side_of_zero() {
        for (micro, text) in [
            (40_712_800, "40.712800"),
            (-13_228_718, "-13.228718"),
            (-500, "-0.000500"),
            (0, "0.000000"),
        ] {
            assert_eq!(decimal(Degrees(micro)), text);
        }
    }

    #[test]
    fn words_are_spoken_as_people_read_them() {
        let statuses: Vec<String> =
            IncidentStatus::ALL.iter().map(|status| status_display(*status)).collect();
        let expected = [
            "Received",
            "Dispatched",
            "En Route",
            "On Scene",
            "Transporting",
            "At Hospital",
            "Closed",
            "Closed",
        ];
        assert_eq!(statuses, expected);
        assert_eq!(unit_status_display(UnitStatus::OutOfService), "Out of Service");
        assert_eq!(unit_status_display(UnitStatus::Assigned), "En Route");
        assert_eq!(unit_status_display(UnitStatus::AtHospital), "Transporting");
        assert_eq!(priority_display(Priority::Critical), "Critical");
    }
}
