//! First answers: what a command with a `client_id` was told, so that a repeat is told the same.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::answers;
use crate::models::store::{DbConn, on_engine};

/// The answer `user` got to `command` on `topic` under `client_id`, if that was already asked.
///
/// # Errors
/// Those of the database.
pub fn find(
    conn: &mut DbConn,
    user: UserId,
    command: &str,
    topic: &str,
    client_id: &str,
) -> Result<Option<String>, StoreError> {
    Ok(answers::table
        .find((user, command, topic, client_id))
        .select(answers::answer)
        .first(conn)
        .optional()?)
}

/// Keeps `answer`, in the transaction that carries the command out. The first one stays.
///
/// # Errors
/// [`StoreError::Conflict`] when there is no such user.
#[expect(clippy::too_many_arguments, reason = "four of them are the key, as in `find`")]
pub fn keep(
    conn: &mut DbConn,
    user: UserId,
    command: &str,
    topic: &str,
    client_id: &str,
    answer: &str,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    on_engine!(conn, |c| diesel::insert_into(answers::table)
        .values((
            answers::user_id.eq(user),
            answers::command.eq(command),
            answers::topic.eq(topic),
            answers::client_id.eq(client_id),
            answers::answer.eq(answer),
            answers::created_at.eq(at),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Forgets answers given before `before` and tells how many.
///
/// # Errors
/// Those of the database.
pub fn prune(conn: &mut DbConn, before: NaiveDateTime) -> Result<usize, StoreError> {
    Ok(diesel::delete(answers::table.filter(answers::created_at.lt(before))).execute(conn)?)
}
