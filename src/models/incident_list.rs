//! Lists of incidents: by status, priority, time, unit and words, newest first, by a cursor.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{IncidentId, UnitId};
use crate::models::error::StoreError;
use crate::models::incident::Incident;
use crate::models::listing::{holds, lower};
use crate::models::schema::{incident_patients, incidents, orders};
use crate::models::store::DbConn;
use crate::protocol::dispatch::{IncidentStatus, IncidentType, Priority};
use crate::protocol::views::dispatch::PatientView;

/// Which incidents to list; what is empty or absent does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub statuses: Vec<IncidentStatus>,
    pub priorities: Vec<Priority>,
    pub types: Vec<IncidentType>,
    /// Received at this moment or later.
    pub since: Option<NaiveDateTime>,
    /// Received before this moment.
    pub until: Option<NaiveDateTime>,
    /// Whether they are over or not.
    pub open: Option<bool>,
    /// Those a unit is or was ordered to.
    pub unit: Option<UnitId>,
    pub words: Option<Words>,
    /// Those opened before this one.
    pub before: Option<IncidentId>,
}

/// What an incident must hold.
#[derive(Debug, Clone)]
pub struct Words {
    pub text: String,
    /// Whether caller, patient, place and description are searched too. They must not be for
    /// someone who may not see them: what is found would tell what is masked.
    pub everywhere: bool,
}

/// The ids of up to `limit` such incidents, newest first.
///
/// # Errors
/// Those of the database.
pub fn ids(conn: &mut DbConn, wanted: &Wanted, limit: i64) -> Result<Vec<IncidentId>, StoreError> {
    let mut query = incidents::table
        .order(incidents::id.desc())
        .limit(limit)
        .select(incidents::id)
        .into_boxed();
    if !wanted.statuses.is_empty() {
        query = query.filter(incidents::status.eq_any(&wanted.statuses));
    }
    if !wanted.priorities.is_empty() {
        query = query.filter(incidents::priority.eq_any(&wanted.priorities));
    }
    if !wanted.types.is_empty() {
        query = query.filter(incidents::incident_type.eq_any(&wanted.types));
    }
    if let Some(since) = wanted.since {
        query = query.filter(incidents::received_at.ge(since));
    }
    if let Some(until) = wanted.until {
        query = query.filter(incidents::received_at.lt(until));
    }
    match wanted.open {
        Some(true) => query = query.filter(incidents::closed_at.is_null()),
        Some(false) => query = query.filter(incidents::closed_at.is_not_null()),
        None => {}
    }
    if let Some(unit) = wanted.unit {
        let theirs = orders::table.filter(orders::unit_id.eq(unit)).select(orders::incident_id);
        query = query.filter(incidents::id.eq_any(theirs));
    }
    if let Some(words) = &wanted.words {
        let found = holds(&words.text);
        let call = lower(incidents::call_id).like(lower(found.clone())).escape('\\');
        let code = lower(incidents::determinant).like(lower(found.clone())).escape('\\');
        if words.everywhere {
            let name = lower(incidents::caller_name).like(lower(found.clone())).escape('\\');
            let phone = lower(incidents::caller_phone).like(lower(found.clone())).escape('\\');
            let place = lower(incidents::address).like(lower(found.clone())).escape('\\');
            let story = lower(incidents::description).like(lower(found.clone())).escape('\\');
            let patient = lower(incident_patients::name).like(lower(found)).escape('\\');
            let patients = incident_patients::table.filter(patient);
            let patients = incidents::id.eq_any(patients.select(incident_patients::incident_id));
            query = query.filter(call.or(code).or(name).or(phone).or(place).or(story).or(patients));
        } else {
            query = query.filter(call.or(code));
        }
    }
    if let Some(before) = wanted.before {
        query = query.filter(incidents::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Up to `limit` incidents received within a span, those after `after` alone, oldest first.
///
/// # Errors
/// Those of the database.
pub fn received(
    conn: &mut DbConn,
    (from, to): (Option<NaiveDateTime>, Option<NaiveDateTime>),
    after: Option<IncidentId>,
    limit: i64,
) -> Result<Vec<Incident>, StoreError> {
    let mut query = incidents::table
        .filter(incidents::id.gt(after.unwrap_or(IncidentId(0))))
        .order(incidents::id)
        .limit(limit)
        .select(Incident::as_select())
        .into_boxed();
    if let Some(from) = from {
        query = query.filter(incidents::received_at.ge(from));
    }
    if let Some(to) = to {
        query = query.filter(incidents::received_at.lt(to));
    }
    Ok(query.load(conn)?)
}

/// The call ids of these incidents.
///
/// # Errors
/// Those of the database.
pub fn call_ids(
    conn: &mut DbConn,
    ids: &[IncidentId],
) -> Result<HashMap<IncidentId, String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = incidents::table.filter(incidents::id.eq_any(ids));
    let rows: Vec<(IncidentId, String)> =
        found.select((incidents::id, incidents::call_id)).load(conn)?;
    Ok(rows.into_iter().collect())
}

/// What is known of the patients of these incidents.
///
/// # Errors
/// Those of the database.
pub fn patients(
    conn: &mut DbConn,
    ids: &[IncidentId],
) -> Result<HashMap<IncidentId, PatientView>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(IncidentId, String, Option<i32>, String)> = incident_patients::table
        .filter(incident_patients::incident_id.eq_any(ids))
        .select((
            incident_patients::incident_id,
            incident_patients::name,
            incident_patients::age,
            incident_patients::condition,
        ))
        .load(conn)?;
    let view = |(id, name, age, condition)| (id, PatientView { name, age, condition });
    Ok(rows.into_iter().map(view).collect())
}
