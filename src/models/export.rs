//! What there is about one person, page by page, for them to take with them.
//!
//! [`SECTIONS`] names every table that holds something of a person; a new one gets its row there.

pub mod talk;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

use crate::clock;
use crate::ids::{CallId, ContactId, ConversationId, MessageId, ReportId, UnitId, UserId};
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::schema::{
    api_tokens, call_participants, connection_attempts as attempts, conversations, logins,
    memberships, messages, shifts,
};
use crate::models::store::DbConn;
use crate::models::{call, contact, message, report};

/// Rows read at a time.
pub const PAGE: i64 = 200;

/// Rows of a section as JSON, and the place to go on from; none when these were the last.
pub struct Rows {
    pub rows: Vec<String>,
    pub next: Option<i64>,
}

/// Reads a page of one section after a place; 0 is its beginning.
pub type Read = fn(&mut DbConn, UserId, i64) -> Result<Rows, StoreError>;

/// The lists of an export, in order, by the names they have in it.
pub const SECTIONS: &[(&str, Read)] = &[
    ("contacts", contacts),
    ("memberships", own_memberships),
    ("messages", own_messages),
    ("edited_messages", talk::edited_messages),
    ("reactions", talk::own_reactions),
    ("pins", talk::own_pins),
    ("attachments", talk::own_files),
    ("notifications", talk::own_notifications),
    ("calls", calls),
    ("reports", reports),
    ("sign_ins", sign_ins),
    ("api_tokens", tokens),
    ("connection_attempts", connection_attempts),
    ("shifts", shifts),
];

/// Where to go on after `found`, which are `most` when there may be more. What was found decides,
/// not what is left of it: a row may go between two reads.
fn next<T>(found: &[T], most: i64, place: impl Fn(&T) -> i64) -> Option<i64> {
    let is_full = i64::try_from(found.len()).unwrap_or(i64::MAX) >= most;
    found.last().map(place).filter(|_| is_full)
}

fn page<T: Serialize>(rows: &[T], place: impl Fn(&T) -> i64) -> Result<Rows, StoreError> {
    written(rows, next(rows, PAGE, place))
}

fn written<T: Serialize>(rows: &[T], next: Option<i64>) -> Result<Rows, StoreError> {
    let written: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let rows = written.map_err(|cause| StoreError::Broken(cause.to_string()))?;
    Ok(Rows { rows, next })
}

fn contacts(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows = contact::list(conn, user, Some(ContactId(after)), PAGE)?;
    page(&rows, |row| row.marks.id.0)
}

#[derive(Serialize)]
struct OwnMembership {
    conversation: ConversationId,
    topic: String,
    title: String,
    role: String,
    nickname: String,
    #[serde(with = "clock::stamp")]
    joined_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    muted_until: Option<NaiveDateTime>,
    read_seq: i64,
    #[serde(with = "clock::stamp_option")]
    read_at: Option<NaiveDateTime>,
    delivered_seq: i64,
}

fn own_memberships(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    type Place = (i64, Option<NaiveDateTime>, i64);
    type Columns = (String, String, NaiveDateTime, Option<NaiveDateTime>, Place);
    let rows: Vec<(Conversation, Columns)> = memberships::table
        .inner_join(conversations::table)
        .filter(memberships::user_id.eq(user))
        .filter(memberships::conversation_id.gt(ConversationId(after)))
        .order(memberships::conversation_id)
        .limit(PAGE)
        .select((
            Conversation::as_select(),
            (
                memberships::role,
                memberships::nickname,
                memberships::joined_at,
                memberships::muted_until,
                (memberships::read_seq, memberships::read_at, memberships::delivered_seq),
            ),
        ))
        .load(conn)?;
    let own = |(home, columns): (Conversation, Columns)| {
        let (role, nickname, joined_at, muted_until, place) = columns;
        let (read_seq, read_at, delivered_seq) = place;
        OwnMembership {
            conversation: home.id,
            topic: home.topic().to_string(),
            title: home.title,
            role,
            nickname,
            joined_at,
            muted_until,
            read_seq,
            read_at,
            delivered_seq,
        }
    };
    let rows: Vec<OwnMembership> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.conversation.0)
}

fn own_messages(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let ids: Vec<MessageId> = messages::table
        .filter(messages::sender_id.eq(user).and(messages::id.gt(MessageId(after))))
        .order(messages::id)
        .limit(PAGE)
        .select(messages::id)
        .load(conn)?;
    let mut views = message::views(conn, &ids)?;
    let rows: Vec<_> = ids.iter().filter_map(|id| views.remove(id)).collect();
    written(&rows, next(&ids, PAGE, |id| id.0))
}

fn calls(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let ids: Vec<CallId> = call_participants::table
        .filter(call_participants::user_id.eq(user))
        .filter(call_participants::call_id.gt(CallId(after)))
        .order(call_participants::call_id)
        .limit(PAGE)
        .select(call_participants::call_id)
        .load(conn)?;
    let mut views = call::views_of(conn, &ids)?;
    let rows: Vec<_> = ids.iter().filter_map(|id| views.remove(id)).collect();
    written(&rows, next(&ids, PAGE, |id| id.0))
}

fn reports(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows = report::made_by(conn, user, ReportId(after), PAGE)?;
    let views = report::views(conn, &rows)?;
    page(&views, |row| row.id.0)
}

#[derive(Serialize)]
struct SignIn {
    #[serde(skip)]
    id: i64,
    address: String,
    user_agent: String,
    #[serde(with = "clock::stamp")]
    created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    seen_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    ended_at: Option<NaiveDateTime>,
}

type LoginColumns = (i64, String, String, NaiveDateTime, NaiveDateTime, Option<NaiveDateTime>);

fn sign_ins(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows: Vec<LoginColumns> = logins::table
        .filter(logins::user_id.eq(user).and(logins::id.gt(after)))
        .order(logins::id)
        .limit(PAGE)
        .select((
            logins::id,
            logins::client_ip,
            logins::user_agent,
            logins::created_at,
            logins::seen_at,
            logins::revoked_at,
        ))
        .load(conn)?;
    let own = |(id, address, user_agent, created_at, seen_at, ended_at)| SignIn {
        id,
        address,
        user_agent,
        created_at,
        seen_at,
        ended_at,
    };
    let rows: Vec<SignIn> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.id)
}

#[derive(Serialize)]
struct ApiToken {
    #[serde(skip)]
    id: i64,
    name: String,
    #[serde(with = "clock::stamp")]
    created_at: NaiveDateTime,
}

fn tokens(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows: Vec<(i64, String, NaiveDateTime)> = api_tokens::table
        .filter(api_tokens::user_id.eq(user).and(api_tokens::id.gt(after)))
        .order(api_tokens::id)
        .limit(PAGE)
        .select((api_tokens::id, api_tokens::name, api_tokens::created_at))
        .load(conn)?;
    let own = |(id, name, created_at)| ApiToken { id, name, created_at };
    let rows: Vec<ApiToken> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.id)
}

#[derive(Serialize)]
struct OwnAttempt {
    #[serde(skip)]
    id: i64,
    address: Option<String>,
    user_agent: String,
    path: String,
    #[serde(with = "clock::stamp")]
    started_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    ended_at: Option<NaiveDateTime>,
    reason: String,
}

type AttemptColumns =
    (i64, Option<String>, String, String, NaiveDateTime, Option<NaiveDateTime>, String);

fn connection_attempts(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows: Vec<AttemptColumns> = attempts::table
        .filter(attempts::user_id.eq(user).and(attempts::id.gt(after)))
        .order(attempts::id)
        .limit(PAGE)
        .select((
            attempts::id,
            attempts::client_ip,
            attempts::user_agent,
            attempts::path,
            attempts::started_at,
            attempts::ended_at,
            attempts::reason,
        ))
        .load(conn)?;
    let own = |(id, address, user_agent, path, started_at, ended_at, reason)| OwnAttempt {
        id,
        address,
        user_agent,
        path,
        started_at,
        ended_at,
        reason,
    };
    let rows: Vec<OwnAttempt> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.id)
}

#[derive(Serialize)]
struct OwnShift {
    #[serde(skip)]
    id: i64,
    unit: UnitId,
    duty: String,
    #[serde(with = "clock::stamp")]
    since: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    ended_at: Option<NaiveDateTime>,
}

fn shifts(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows: Vec<(i64, UnitId, String, NaiveDateTime, Option<NaiveDateTime>)> = shifts::table
        .filter(shifts::user_id.eq(user).and(shifts::id.gt(after)))
        .order(shifts::id)
        .limit(PAGE)
        .select((shifts::id, shifts::unit_id, shifts::duty, shifts::since, shifts::ended_at))
        .load(conn)?;
    let own = |(id, unit, duty, since, ended_at)| OwnShift { id, unit, duty, since, ended_at };
    let rows: Vec<OwnShift> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.id)
}
