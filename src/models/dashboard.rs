//! Figures of dashboards, counted by the database.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::auth::identity::Role;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::connection_attempts as attempts;
use crate::models::schema::{conversations, journal, memberships, messages, topics, users};
use crate::models::store::{DbConn, on_engine};
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
    let distinct = "COUNT(DISTINCT messages.conversation_id)";
    let by_others = messages::sender_id
        .is_null()
        .or(messages::sender_id.assume_not_null().ne(memberships::user_id));
    let rows: Vec<(UserId, i64, i64)> = memberships::table
        .inner_join(
            messages::table.on(messages::conversation_id
                .eq(memberships::conversation_id)
                .and(messages::seq.gt(memberships::read_seq))),
        )
        .filter(memberships::user_id.eq_any(people))
        .filter(messages::deleted_at.is_null().and(by_others))
        .group_by(memberships::user_id)
        .select((memberships::user_id, count_star(), sql::<BigInt>(distinct)))
        .load(conn)?;
    Ok(rows.into_iter().map(|(user, count, talks)| (user, (count, talks))).collect())
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
