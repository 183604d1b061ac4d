//! The `incidents` table with patients and the log of who saw which patient.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, HospitalId, IncidentId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{incident_patients, incidents, patient_reads, users};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::dispatch::{Degrees, IncidentStatus, IncidentType, Priority};
use crate::protocol::views::dispatch::PatientView;

/// A row of `incidents`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = incidents)]
#[diesel(treat_none_as_null = true)]
pub struct Incident {
    pub id: IncidentId,
    pub call_id: String,
    pub conversation_id: Option<ConversationId>,
    pub status: IncidentStatus,
    pub incident_type: IncidentType,
    pub determinant: String,
    pub priority: Priority,
    pub caller_name: String,
    pub caller_phone: String,
    pub description: String,
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub dispatcher_id: Option<UserId>,
    pub hospital_id: Option<HospitalId>,
    pub hospital_destination: String,
    pub duplicate_of: Option<IncidentId>,
    pub close_reason: String,
    pub version: i64,
    pub received_at: NaiveDateTime,
    pub dispatched_at: Option<NaiveDateTime>,
    pub en_route_at: Option<NaiveDateTime>,
    pub on_scene_at: Option<NaiveDateTime>,
    pub transporting_at: Option<NaiveDateTime>,
    pub at_hospital_at: Option<NaiveDateTime>,
    /// When it was closed or cancelled.
    pub closed_at: Option<NaiveDateTime>,
    /// From here on nothing of it changes any more.
    pub locks_at: Option<NaiveDateTime>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

impl Incident {
    /// Whether nothing of it may change any more.
    pub fn is_locked(&self, now: NaiveDateTime) -> bool {
        self.locks_at.is_some_and(|locks_at| locks_at <= now)
    }

    /// When it first came to a status; `None` for RECEIVED and what it did not come to.
    pub fn first_reached(&mut self, status: IncidentStatus) -> Option<&mut Option<NaiveDateTime>> {
        match status {
            IncidentStatus::Dispatched => Some(&mut self.dispatched_at),
            IncidentStatus::EnRoute => Some(&mut self.en_route_at),
            IncidentStatus::OnScene => Some(&mut self.on_scene_at),
            IncidentStatus::Transporting => Some(&mut self.transporting_at),
            IncidentStatus::AtHospital => Some(&mut self.at_hospital_at),
            IncidentStatus::Closed | IncidentStatus::Cancelled => Some(&mut self.closed_at),
            IncidentStatus::Received => None,
        }
    }
}

/// An incident to open.
#[derive(Debug, Clone)]
pub struct NewIncident {
    pub incident_type: IncidentType,
    pub determinant: String,
    pub priority: Priority,
    pub caller_name: String,
    pub caller_phone: String,
    pub description: String,
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub dispatcher: Option<UserId>,
    pub patient: PatientView,
    /// When the call came in.
    pub received_at: NaiveDateTime,
    pub at: NaiveDateTime,
}

/// `CALL-` and eight random upper-case hexadecimal digits.
fn new_call_id() -> Result<String, StoreError> {
    match getrandom::u32() {
        Ok(number) => Ok(format!("CALL-{number:08X}")),
        Err(error) => Err(StoreError::Broken(format!("the system gives no randomness: {error}"))),
    }
}

/// Opens an incident under a call id of its own.
///
/// # Errors
/// Those of the database.
pub fn insert(conn: &mut DbConn, new: &NewIncident) -> Result<Incident, StoreError> {
    let id = loop {
        let row = (
            incidents::call_id.eq(new_call_id()?),
            incidents::incident_type.eq(new.incident_type),
            incidents::determinant.eq(&new.determinant),
            incidents::priority.eq(new.priority),
            incidents::caller_name.eq(&new.caller_name),
            incidents::caller_phone.eq(&new.caller_phone),
            incidents::description.eq(&new.description),
            incidents::address.eq(&new.address),
            incidents::latitude.eq(new.latitude),
            incidents::longitude.eq(new.longitude),
            incidents::dispatcher_id.eq(new.dispatcher),
            incidents::received_at.eq(new.received_at),
            incidents::created_at.eq(new.at),
            incidents::updated_at.eq(new.at),
        );
        let statement = diesel::insert_into(incidents::table)
            .values(row)
            .on_conflict_do_nothing()
            .returning(incidents::id);
        let made: Option<IncidentId> =
            on_engine!(&mut *conn, |inner| statement.get_result(inner).optional())?;
        // One in four thousand million clashes with an earlier call: then another is drawn.
        if let Some(made) = made {
            break made;
        }
    };
    set_patient(conn, id, &new.patient, new.at)?;
    by_id(conn, id)?.ok_or(StoreError::Missing)
}

/// Writes an incident as it stands, one version on, and returns it so.
pub fn update(
    conn: &mut DbConn,
    incident: &Incident,
    at: NaiveDateTime,
) -> Result<Incident, StoreError> {
    let next = Incident { version: incident.version + 1, updated_at: at, ..incident.clone() };
    diesel::update(incidents::table.find(incident.id)).set(&next).execute(conn)?;
    Ok(next)
}

/// The incident with this id.
pub fn by_id(conn: &mut DbConn, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    Ok(incidents::table.find(id).select(Incident::as_select()).first(conn).optional()?)
}

/// The ids of all incidents that are not over, newest first.
pub fn open_ids(conn: &mut DbConn) -> Result<Vec<IncidentId>, StoreError> {
    Ok(incidents::table
        .filter(incidents::closed_at.is_null())
        .order((incidents::received_at.desc(), incidents::id.desc()))
        .select(incidents::id)
        .load(conn)?)
}

/// Whether other incidents are duplicates of this one.
pub fn has_duplicates(conn: &mut DbConn, id: IncidentId) -> Result<bool, StoreError> {
    let found = incidents::table.filter(incidents::duplicate_of.eq(id)).select(incidents::id);
    Ok(found.first::<IncidentId>(conn).optional()?.is_some())
}

/// What is known of an incident's patient.
pub fn patient(conn: &mut DbConn, id: IncidentId) -> Result<PatientView, StoreError> {
    let row: Option<(String, Option<i32>, String)> = incident_patients::table
        .find(id)
        .select((incident_patients::name, incident_patients::age, incident_patients::condition))
        .first(conn)
        .optional()?;
    let view = row.map(|(name, age, condition)| PatientView { name, age, condition });
    Ok(view.unwrap_or_default())
}

/// Writes what is known of an incident's patient.
pub fn set_patient(
    conn: &mut DbConn,
    id: IncidentId,
    patient: &PatientView,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let change = (
        incident_patients::name.eq(&patient.name),
        incident_patients::age.eq(patient.age),
        incident_patients::condition.eq(&patient.condition),
        incident_patients::updated_at.eq(at),
    );
    let row = (incident_patients::incident_id.eq(id), change);
    on_engine!(conn, |inner| diesel::insert_into(incident_patients::table)
        .values(row)
        .on_conflict(incident_patients::incident_id)
        .do_update()
        .set(change)
        .execute(inner))?;
    Ok(())
}

/// The way of a line that says that someone no longer looks at the board.
pub const BOARD_LEFT: &str = "board_left";
/// The way of a line that says that someone looked at the board as it stood, once.
pub const BOARD_ONCE: &str = "board_once";
/// How long before a call a board may have been opened that still shows it.
const BOARD_OPEN_DAYS: i64 = 30;

/// Logs that someone saw the patient of an incident, or with none given the whole board. `way` is
/// how: `board`, `unit`, `order`, `rest`, `export` …
pub fn note_read(
    conn: &mut DbConn,
    incident: Option<IncidentId>,
    user: UserId,
    way: &str,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let username: Option<String> =
        users::table.find(user).select(users::username).first(conn).optional()?;
    let row = (
        patient_reads::incident_id.eq(incident),
        patient_reads::user_id.eq(user),
        patient_reads::username.eq(username.unwrap_or_default()),
        patient_reads::way.eq(way),
        patient_reads::at.eq(at),
    );
    diesel::insert_into(patient_reads::table).values(row).execute(conn)?;
    Ok(())
}

/// One line of the log of who saw which patient.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PatientRead {
    /// None: they had the whole board open.
    pub incident: Option<IncidentId>,
    pub user: Option<UserId>,
    pub username: String,
    pub way: String,
    pub at: NaiveDateTime,
}

/// Who saw the patient of an incident, oldest first: those who opened it, those whose unit was
/// ordered to it, and those who had a board open while it stood there, also when they had opened
/// it before the call came in.
pub fn reads_of(conn: &mut DbConn, incident: &Incident) -> Result<Vec<PatientRead>, StoreError> {
    let since = incident.received_at - chrono::Duration::days(BOARD_OPEN_DAYS);
    let until = incident.closed_at.unwrap_or_else(far_future);
    let columns = (
        patient_reads::incident_id,
        patient_reads::user_id,
        patient_reads::username,
        patient_reads::way,
        patient_reads::at,
    );
    let mut reads: Vec<PatientRead> = patient_reads::table
        .filter(patient_reads::incident_id.eq(incident.id))
        .order((patient_reads::at, patient_reads::id))
        .select(columns)
        .load(conn)?;
    let boards: Vec<PatientRead> = patient_reads::table
        .filter(patient_reads::incident_id.is_null())
        .filter(patient_reads::at.ge(since).and(patient_reads::at.le(until)))
        .order((patient_reads::at, patient_reads::id))
        .select(columns)
        .load(conn)?;
    let mut open: HashMap<Option<UserId>, PatientRead> = HashMap::new();
    for line in boards {
        if line.way == BOARD_ONCE {
            if line.at >= incident.received_at {
                reads.push(line);
            }
            continue;
        }
        match (line.way == BOARD_LEFT, line.at < incident.received_at) {
            (true, true) => drop(open.remove(&line.user)),
            (false, true) => drop(open.insert(line.user, line)),
            (true, false) => {}
            (false, false) => reads.push(line),
        }
    }
    reads.extend(open.into_values());
    reads.sort_by_key(|read| read.at);
    Ok(reads)
}

/// The newest lines about whole boards, newest first.
pub fn board_reads(conn: &mut DbConn, limit: i64) -> Result<Vec<PatientRead>, StoreError> {
    Ok(patient_reads::table
        .filter(patient_reads::incident_id.is_null())
        .order(patient_reads::id.desc())
        .limit(limit)
        .select((
            patient_reads::incident_id,
            patient_reads::user_id,
            patient_reads::username,
            patient_reads::way,
            patient_reads::at,
        ))
        .load(conn)?)
}

/// Later than any clock here will show, and still a moment to both engines.
fn far_future() -> NaiveDateTime {
    chrono::DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default().naive_utc()
}
