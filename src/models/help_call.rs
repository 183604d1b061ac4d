//! The `help_calls` table: which incident each call for help without an account opened.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::IncidentId;
use crate::models::error::StoreError;
use crate::models::schema::help_calls;
use crate::models::store::DbConn;

/// The incident that the call with this digest opened.
///
/// # Errors
/// Those of the database.
pub fn find(conn: &mut DbConn, digest: &str) -> Result<Option<IncidentId>, StoreError> {
    let found = help_calls::table.find(digest).select(help_calls::incident_id);
    Ok(found.first(conn).optional()?)
}

/// Remembers which incident a call opened.
///
/// # Errors
/// `Conflict` when one with this digest is remembered.
pub fn keep(
    conn: &mut DbConn,
    digest: &str,
    incident: IncidentId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (
        help_calls::digest.eq(digest),
        help_calls::incident_id.eq(incident),
        help_calls::created_at.eq(at),
    );
    diesel::insert_into(help_calls::table).values(row).execute(conn)?;
    Ok(())
}

/// Forgets those of before `before` and tells how many.
///
/// # Errors
/// Those of the database.
pub fn prune(conn: &mut DbConn, before: NaiveDateTime) -> Result<usize, StoreError> {
    Ok(diesel::delete(help_calls::table.filter(help_calls::created_at.lt(before))).execute(conn)?)
}
