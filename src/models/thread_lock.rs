//! The `thread_locks` table: messages that take no more answers.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::ids::{MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::thread_locks;
use crate::models::store::{DbConn, on_engine};

/// Locks a thread by its first message; one that is locked stays so.
///
/// # Errors
/// `Conflict` when there is no such message.
pub fn add(
    conn: &mut DbConn,
    message: MessageId,
    by: UserId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (
        thread_locks::message_id.eq(message),
        thread_locks::locked_by.eq(by),
        thread_locks::locked_at.eq(at),
    );
    let statement = diesel::insert_into(thread_locks::table).values(row).on_conflict_do_nothing();
    on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(())
}

/// Unlocks a thread.
///
/// # Errors
/// Those of the database.
pub fn remove(conn: &mut DbConn, message: MessageId) -> Result<(), StoreError> {
    diesel::delete(thread_locks::table.find(message)).execute(conn)?;
    Ok(())
}

/// Whether a thread takes no more answers.
///
/// # Errors
/// Those of the database.
pub fn is_on(conn: &mut DbConn, message: MessageId) -> Result<bool, StoreError> {
    Ok(diesel::select(exists(thread_locks::table.find(message))).get_result(conn)?)
}

/// Which of these threads take no more answers.
///
/// # Errors
/// Those of the database.
pub fn among(conn: &mut DbConn, messages: &[MessageId]) -> Result<HashSet<MessageId>, StoreError> {
    let locked = thread_locks::table.filter(thread_locks::message_id.eq_any(messages));
    let ids: Vec<MessageId> = locked.select(thread_locks::message_id).load(conn)?;
    Ok(ids.into_iter().collect())
}
