//! The `people_online` table: who has a connection to which process, for the other processes.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::{nodes, people_online, users};
use crate::models::store::{DbConn, on_engine};

/// Notes who came to the process `node` and who went; accounts that are gone are passed over.
///
/// # Errors
/// `Conflict` when the process has no heartbeat.
pub fn note(
    conn: &mut DbConn,
    node: &str,
    came: &[UserId],
    went: &[UserId],
) -> Result<(), StoreError> {
    if !went.is_empty() {
        let rows = people_online::table
            .filter(people_online::node_id.eq(node).and(people_online::user_id.eq_any(went)));
        diesel::delete(rows).execute(conn)?;
    }
    if came.is_empty() {
        return Ok(());
    }
    let there: Vec<UserId> =
        users::table.filter(users::id.eq_any(came)).select(users::id).load(conn)?;
    for user in there {
        let row = (people_online::node_id.eq(node), people_online::user_id.eq(user));
        let statement = diesel::insert_into(people_online::table).values(row);
        let statement = statement.on_conflict_do_nothing();
        on_engine!(&mut *conn, |inner| statement.execute(inner))?;
    }
    Ok(())
}

/// How many people are online by processes whose heartbeat is no older than `since`.
///
/// # Errors
/// Those of the database.
pub fn count(conn: &mut DbConn, since: NaiveDateTime) -> Result<i64, StoreError> {
    let online = people_online::table.inner_join(nodes::table).filter(nodes::seen_at.ge(since));
    let people = sql::<BigInt>("COUNT(DISTINCT people_online.user_id)");
    Ok(online.select(people).first(conn)?)
}

/// Who of these people is online by a process whose heartbeat is no older than `since`.
///
/// # Errors
/// Those of the database.
pub fn among(
    conn: &mut DbConn,
    people: &[UserId],
    since: NaiveDateTime,
) -> Result<HashSet<UserId>, StoreError> {
    let rows: Vec<UserId> = people_online::table
        .inner_join(nodes::table)
        .filter(people_online::user_id.eq_any(people).and(nodes::seen_at.ge(since)))
        .select(people_online::user_id)
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
