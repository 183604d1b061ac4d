//! Notices: what a command beside a running server tells it, by a row that the server looks for.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::notices;
use crate::models::store::DbConn;

/// All credentials of someone have ended.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Notice {
    pub id: i64,
    pub user: UserId,
    /// Why, as their sockets are told.
    pub reason: String,
}

/// Leaves a notice, in the transaction that ends the credentials.
///
/// # Errors
/// Those of the database.
pub fn post(
    conn: &mut DbConn,
    user: UserId,
    reason: &str,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (notices::user_id.eq(user), notices::reason.eq(reason), notices::created_at.eq(at));
    diesel::insert_into(notices::table).values(row).execute(conn)?;
    Ok(())
}

/// The notices left since `since`. Read by age and not by id, for a smaller id may be committed
/// after a larger one.
///
/// # Errors
/// Those of the database.
pub fn recent(conn: &mut DbConn, since: NaiveDateTime) -> Result<Vec<Notice>, StoreError> {
    Ok(notices::table
        .filter(notices::created_at.ge(since))
        .order(notices::id)
        .select((notices::id, notices::user_id, notices::reason))
        .load(conn)?)
}

/// Forgets notices left before `before` and tells how many.
///
/// # Errors
/// Those of the database.
pub fn prune(conn: &mut DbConn, before: NaiveDateTime) -> Result<usize, StoreError> {
    Ok(diesel::delete(notices::table.filter(notices::created_at.lt(before))).execute(conn)?)
}
