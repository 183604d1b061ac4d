//! Incidents as their readers see them: rows of six tables joined with a constant number of
//! queries, however many incidents there are.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ImageId, IncidentId, OrderId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::incident::Incident;
use crate::models::schema::{incident_images, incidents, orders, par_timers, units};
use crate::models::store::DbConn;
use crate::models::{incident_image, incident_list, par, shift, user};
use crate::protocol::dispatch::{OrderState, UnitStatus};
use crate::protocol::topic::Topic;
use crate::protocol::views::PersonView;
use crate::protocol::views::dispatch::{
    AssignedUnitView, ImageView, IncidentView, ParView, PatientView,
};
use crate::protocol::views::past_units::PastUnitView;

/// An order with its unit's number.
#[derive(Queryable)]
struct Bound {
    incident: IncidentId,
    order: OrderId,
    state: OrderState,
    stage: UnitStatus,
    paramedic: Option<UserId>,
    answered_by: Option<UserId>,
    ended_at: Option<NaiveDateTime>,
    unit: UnitId,
    unit_number: String,
}

/// What stands beside the rows of `incidents`.
#[derive(Default)]
struct Beside {
    patients: HashMap<IncidentId, PatientView>,
    images: HashMap<IncidentId, Vec<ImageView>>,
    duplicates: HashMap<IncidentId, Vec<IncidentId>>,
    par: HashMap<IncidentId, ParView>,
    units: HashMap<IncidentId, Vec<AssignedUnitView>>,
    past_units: HashMap<IncidentId, Vec<PastUnitView>>,
    people: HashMap<UserId, PersonView>,
}

/// These incidents, in full, in the order of `ids`; those that are not there are left out.
///
/// # Errors
/// Those of the database.
pub fn views(conn: &mut DbConn, ids: &[IncidentId]) -> Result<Vec<IncidentView>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = incidents::table.filter(incidents::id.eq_any(ids));
    let rows: Vec<Incident> = found.select(Incident::as_select()).load(conn)?;
    let mut beside = beside(conn, ids, &rows)?;
    let mut views: HashMap<IncidentId, IncidentView> =
        rows.into_iter().map(|row| (row.id, view(row, &mut beside))).collect();
    Ok(ids.iter().filter_map(|id| views.remove(id)).collect())
}

/// One incident in full.
///
/// # Errors
/// `Missing` when there is no such incident.
pub fn one(conn: &mut DbConn, id: IncidentId) -> Result<IncidentView, StoreError> {
    views(conn, &[id])?.pop().ok_or(StoreError::Missing)
}

fn beside(conn: &mut DbConn, ids: &[IncidentId], rows: &[Incident]) -> Result<Beside, StoreError> {
    let patients = incident_list::patients(conn, ids)?;
    let mut beside = Beside { patients, ..Beside::default() };
    let images: Vec<(IncidentId, ImageId, String, i64)> = incident_images::table
        .filter(incident_images::incident_id.eq_any(ids))
        .order(incident_images::id)
        .select((
            incident_images::incident_id,
            incident_images::id,
            incident_images::content_type,
            incident_images::bytes,
        ))
        .load(conn)?;
    for (incident, id, content_type, bytes) in images {
        let view = incident_image::view(incident, id, content_type, bytes);
        beside.images.entry(incident).or_default().push(view);
    }
    let duplicates: Vec<(Option<IncidentId>, IncidentId)> = incidents::table
        .filter(incidents::duplicate_of.eq_any(ids))
        .order(incidents::id)
        .select((incidents::duplicate_of, incidents::id))
        .load(conn)?;
    for (of, id) in duplicates {
        beside.duplicates.entry(of.unwrap_or(id)).or_default().push(id);
    }
    let timers: Vec<par::Timer> = par_timers::table
        .filter(par_timers::incident_id.eq_any(ids))
        .select(par::Timer::as_select())
        .load(conn)?;
    beside.par = timers.iter().map(|timer| (timer.incident_id, timer.view())).collect();
    assigned(conn, ids, rows, &mut beside)?;
    Ok(beside)
}

/// The units that are or were on each incident, and everyone named beside it.
fn assigned(
    conn: &mut DbConn,
    ids: &[IncidentId],
    rows: &[Incident],
    beside: &mut Beside,
) -> Result<(), StoreError> {
    let bound: Vec<Bound> = orders::table
        .inner_join(units::table)
        .filter(orders::incident_id.eq_any(ids))
        .order(orders::id)
        .select((
            orders::incident_id,
            orders::id,
            orders::state,
            orders::stage,
            orders::paramedic_id,
            orders::answered_by,
            orders::ended_at,
            units::id,
            units::unit_number,
        ))
        .load(conn)?;
    let on = bound.iter().filter(|row| row.ended_at.is_none());
    let unit_ids: Vec<UnitId> = on.map(|row| row.unit).collect();
    let mut crews = shift::crews(conn, &unit_ids)?;
    let mut named: Vec<UserId> = rows.iter().filter_map(|row| row.dispatcher_id).collect();
    named.extend(bound.iter().filter_map(|row| row.paramedic));
    named.extend(bound.iter().filter_map(|row| row.answered_by));
    named.sort_unstable();
    named.dedup();
    beside.people = user::persons(conn, &named)?;
    for row in bound {
        let Bound { incident, unit, unit_number, order, state, stage, ended_at, .. } = row;
        let person = |id: Option<UserId>| id.and_then(|id| beside.people.get(&id).cloned());
        if ended_at.is_some() {
            let paramedic = person(row.paramedic.or(row.answered_by));
            let view = PastUnitView { unit, unit_number, order, state, paramedic, ended_at };
            beside.past_units.entry(incident).or_default().push(view);
            continue;
        }
        let crew = crews.remove(&unit).unwrap_or_default();
        let crew = crew.into_iter().map(|shift| shift.user).collect();
        let paramedic = person(row.paramedic);
        let view = AssignedUnitView { unit, unit_number, order, state, stage, paramedic, crew };
        beside.units.entry(incident).or_default().push(view);
    }
    Ok(())
}

fn view(row: Incident, beside: &mut Beside) -> IncidentView {
    IncidentView {
        id: row.id,
        call_id: row.call_id,
        status: row.status,
        incident_type: row.incident_type,
        determinant: row.determinant,
        priority: row.priority,
        caller_name: row.caller_name,
        caller_phone: row.caller_phone,
        description: row.description,
        address: row.address,
        latitude: row.latitude,
        longitude: row.longitude,
        patient: beside.patients.remove(&row.id).unwrap_or_default(),
        hospital: row.hospital_id,
        hospital_destination: row.hospital_destination,
        dispatcher: row.dispatcher_id.and_then(|id| beside.people.get(&id).cloned()),
        units: beside.units.remove(&row.id).unwrap_or_default(),
        past_units: beside.past_units.remove(&row.id).unwrap_or_default(),
        images: beside.images.remove(&row.id).unwrap_or_default(),
        duplicate_of: row.duplicate_of,
        duplicates: beside.duplicates.remove(&row.id).unwrap_or_default(),
        topic: row.conversation_id.map(|id| Topic::conversation(id).to_string()),
        par: beside.par.remove(&row.id),
        close_reason: row.close_reason,
        version: row.version,
        redacted: false,
        received_at: row.received_at,
        dispatched_at: row.dispatched_at,
        en_route_at: row.en_route_at,
        on_scene_at: row.on_scene_at,
        transporting_at: row.transporting_at,
        at_hospital_at: row.at_hospital_at,
        closed_at: row.closed_at,
        locks_at: row.locks_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
