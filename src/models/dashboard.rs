//! Figures of dashboards, counted by the database.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::auth::identity::Role;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::connection_attempts as attempts;
use crate::models::schema::{conversations, journal, memberships, messages, topics, users};
use crate::models::store::{DbConn, on_engine};
use crate::models::unread::UNREAD;
use crate::models::user::StoredRole;

/// The roles of these people; accounts that are gone are left out.
pub fn roles(conn: &mut DbConn, people: &[UserId]) -> Result<Vec<(UserId, Role)>, StoreError> {
    let rows: Vec<(UserId, StoredRole)> = users::table
        .filter(users::id.eq_any(people))
        .order(users::id)
        .select((users::id, users::role))
        .load(conn)?;
    Ok(rows.into_iter().map(|(user, role)| (user, role.into())).collect())
}

/// Unread messages of these people, and in how many conversations they stand; whoever has read
/// everything is left out.
pub fn unread(
    conn: &mut DbConn,
    people: &[UserId],
) -> Result<HashMap<UserId, (i64, i64)>, StoreError> {
    let rows: Vec<(UserId, i64)> = memberships::table
        .inner_join(conversations::table)
        .filter(memberships::user_id.eq_any(people))
        .filter(conversations::posted.gt(memberships::read_number))
        .select((memberships::user_id, sql::<BigInt>(UNREAD)))
        .load(conn)?;
    let mut unread: HashMap<UserId, (i64, i64)> = HashMap::new();
    for (user, count) in rows.into_iter().filter(|(_, count)| *count > 0) {
        let (messages, talks) = unread.entry(user).or_default();
        *messages += count;
        *talks += 1;
    }
    Ok(unread)
}

/// How many conversations were written to at `since` or later.
pub fn conversations_active(conn: &mut DbConn, since: NaiveDateTime) -> Result<i64, StoreError> {
    // The newest message of each, by its index: a change of title moves `updated_at` too.
    let newest = "COALESCE((SELECT m.created_at FROM messages m WHERE m.conversation_id = \
                  conversations.id ORDER BY m.seq DESC LIMIT 1) >= ";
    let active = sql::<diesel::sql_types::Bool>(newest)
        .bind::<diesel::sql_types::Timestamp, _>(since)
        .sql(", FALSE)");
    let recent = conversations::table.filter(conversations::updated_at.ge(since)).filter(active);
    Ok(on_engine!(conn, |c| recent.count().get_result(c))?)
}

/// How many messages were written at `since` or later, those taken back since among them.
pub fn messages_since(conn: &mut DbConn, since: NaiveDateTime) -> Result<i64, StoreError> {
    Ok(messages::table.filter(messages::created_at.ge(since)).count().get_result(conn)?)
}

/// How many attempts to connect there were at `since` or later, and how many of them failed.
pub fn attempts(conn: &mut DbConn, since: NaiveDateTime) -> Result<(i64, i64), StoreError> {
    let all = || attempts::table.filter(attempts::started_at.ge(since));
    let total = all().count().get_result(conn)?;
    let failed = all().filter(attempts::successful.eq(false)).count().get_result(conn)?;
    Ok((total, failed))
}

/// How many commands left something to remember: ever, and at `since` or later.
pub fn commands(conn: &mut DbConn, since: NaiveDateTime) -> Result<(i64, i64), StoreError> {
    let ever: i64 = topics::table
        .select(sql::<BigInt>("CAST(COALESCE(SUM(head), 0) AS BIGINT)"))
        .first(conn)?;
    let lately = journal::table.filter(journal::created_at.ge(since)).count().get_result(conn)?;
    Ok((ever, lately))
}

/// How many bytes the database takes.
pub fn storage_bytes(conn: &mut DbConn) -> Result<i64, StoreError> {
    #[derive(QueryableByName)]
    struct Size {
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let question = match conn {
        DbConn::Sqlite(_) => {
            "SELECT p.page_count * s.page_size AS bytes \
             FROM pragma_page_count() AS p, pragma_page_size() AS s"
        }
        DbConn::Postgres(_) => "SELECT pg_database_size(current_database()) AS bytes",
    };
    Ok(diesel::sql_query(question).get_result::<Size>(conn)?.bytes)
}
