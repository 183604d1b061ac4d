//! The `patient_reads` table as lists fill it and as admins read it.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{IncidentId, ReadId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{patient_reads, users};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::dispatch_pages::PatientReadView;

/// Rows of one statement: well below what either engine binds at most.
const ROWS_A_STATEMENT: usize = 100;

/// Which of these incidents' patients someone was not shown in this way since `again_after`:
/// whoever asks for the same list again and again is logged once for each incident in that while.
///
/// # Errors
/// Those of the database.
pub fn not_noted(
    conn: &mut DbConn,
    incidents: &[IncidentId],
    user: UserId,
    way: &str,
    again_after: NaiveDateTime,
) -> Result<Vec<IncidentId>, StoreError> {
    let known: Vec<Option<IncidentId>> = patient_reads::table
        .filter(patient_reads::incident_id.eq_any(incidents.iter().map(|id| Some(*id))))
        .filter(patient_reads::user_id.eq(user).and(patient_reads::way.eq(way)))
        .filter(patient_reads::at.gt(again_after))
        .select(patient_reads::incident_id)
        .load(conn)?;
    let known: HashSet<IncidentId> = known.into_iter().flatten().collect();
    Ok(incidents.iter().copied().filter(|id| !known.contains(id)).collect())
}

/// Logs that someone was shown the patients of these incidents, one line each, but for those of
/// which [`not_noted`] tells that it is logged.
///
/// # Errors
/// Those of the database.
pub fn note_shown(
    conn: &mut DbConn,
    incidents: &[IncidentId],
    user: UserId,
    way: &str,
    at: NaiveDateTime,
    again_after: NaiveDateTime,
) -> Result<(), StoreError> {
    let new = not_noted(conn, incidents, user, way, again_after)?;
    if new.is_empty() {
        return Ok(());
    }
    let username: Option<String> =
        users::table.find(user).select(users::username).first(conn).optional()?;
    let username = username.unwrap_or_default();
    for some in new.chunks(ROWS_A_STATEMENT) {
        let row = |incident: &IncidentId| {
            (
                patient_reads::incident_id.eq(*incident),
                patient_reads::user_id.eq(user),
                patient_reads::username.eq(&username),
                patient_reads::way.eq(way),
                patient_reads::at.eq(at),
            )
        };
        let rows: Vec<_> = some.iter().map(row).collect();
        on_engine!(&mut *conn, |inner| {
            diesel::insert_into(patient_reads::table).values(&rows).execute(inner)
        })?;
    }
    Ok(())
}

/// Which lines of the log.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub user: Option<UserId>,
    pub incident: Option<IncidentId>,
    /// Lines before this one.
    pub before: Option<ReadId>,
}

/// Up to `limit` lines, newest first.
///
/// # Errors
/// Those of the database.
pub fn page(
    conn: &mut DbConn,
    wanted: &Wanted,
    limit: i64,
) -> Result<Vec<PatientReadView>, StoreError> {
    let mut query = patient_reads::table
        .order(patient_reads::id.desc())
        .limit(limit)
        .select((
            patient_reads::id,
            patient_reads::incident_id,
            patient_reads::user_id,
            patient_reads::username,
            patient_reads::way,
            patient_reads::at,
        ))
        .into_boxed();
    if let Some(user) = wanted.user {
        query = query.filter(patient_reads::user_id.eq(user));
    }
    if let Some(incident) = wanted.incident {
        query = query.filter(patient_reads::incident_id.eq(incident));
    }
    if let Some(before) = wanted.before {
        query = query.filter(patient_reads::id.lt(before));
    }
    type Row = (ReadId, Option<IncidentId>, Option<UserId>, String, String, NaiveDateTime);
    let rows: Vec<Row> = query.load(conn)?;
    let view = |(id, incident, user, username, way, at): Row| PatientReadView {
        id: Some(id),
        incident,
        user,
        username,
        way,
        at,
    };
    Ok(rows.into_iter().map(view).collect())
}
