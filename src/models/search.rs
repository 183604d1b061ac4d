//! Full-text search of messages: an index beside them, FTS5 on SQLite and GIN on PostgreSQL.
//!
//! Words are folded here, so both engines find the same. Posting a message costs nothing: the index
//! follows in steps, and a kept mark says how far it is. Editing and deleting change the index in
//! their own transaction.

pub mod postgres;
pub mod query;
pub mod snippet;
pub mod sqlite;
pub mod words;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{facts, memberships, messages};
use crate::models::search::query::Query;
use crate::models::search::words::words;
use crate::models::store::DbConn;

/// The name under which `facts` keeps how far the index is: messages up to this id are in it.
const MARK: &str = "search.indexed";
/// Before a number: a word that no text has, for the conversation a message is in.
const HOME: char = '\u{E000}';
/// With more conversations than this, which of them count is asked row by row.
const NAMED_HOMES: usize = 128;
/// How long a hole in the ids may be a message that another process has yet to commit.
const HOLE_PATIENCE_S: i64 = 10;

/// In which conversations to look.
#[derive(Debug, Clone)]
pub enum Homes {
    /// In these.
    Named(Vec<ConversationId>),
    /// In all that this person is a member of; they are many.
    Of(UserId),
}

/// What to look for, and from where on.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub homes: &'a Homes,
    pub query: &'a Query,
    /// Messages before this one.
    pub before: Option<MessageId>,
    /// Most messages to find.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub ids: Vec<MessageId>,
    /// Where to go on, when there is or may be more.
    pub next: Option<MessageId>,
}

/// A message on its way into the index.
struct Indexed {
    id: MessageId,
    home: ConversationId,
    words: Vec<String>,
}

impl Indexed {
    fn new(id: MessageId, home: ConversationId, content: &str) -> Self {
        Self { id, home, words: words(content).into_iter().map(|word| word.text).collect() }
    }
}

/// The word that stands for a conversation.
fn home_word(home: ConversationId) -> String {
    format!("{HOME}{home}")
}

/// The conversations someone is a member of, as a search takes them.
///
/// # Errors
/// Those of the database.
pub fn homes_of(conn: &mut DbConn, user: UserId) -> Result<Homes, StoreError> {
    let named = i64::try_from(NAMED_HOMES).unwrap_or(i64::MAX);
    let homes: Vec<ConversationId> = memberships::table
        .filter(memberships::user_id.eq(user))
        .select(memberships::conversation_id)
        .limit(named + 1)
        .load(conn)?;
    Ok(if homes.len() > NAMED_HOMES { Homes::Of(user) } else { Homes::Named(homes) })
}

/// The newest messages that hold every term.
///
/// # Errors
/// Those of the database.
pub fn find(conn: &mut DbConn, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
    if matches!(wanted.homes, Homes::Named(homes) if homes.is_empty()) {
        return Ok(Found { ids: Vec::new(), next: None });
    }
    match conn {
        DbConn::Sqlite(conn) => sqlite::find(conn, wanted),
        DbConn::Postgres(conn) => postgres::find(conn, wanted),
    }
}

/// How far the index is. With `alone`, nobody else moves or reads the mark until the end of the
/// transaction; without, nobody moves it.
fn mark(conn: &mut DbConn, alone: bool) -> Result<MessageId, StoreError> {
    let row = facts::table.find(MARK).select(facts::value);
    let text: String = match conn {
        DbConn::Sqlite(conn) => row.first(conn)?,
        DbConn::Postgres(conn) if alone => row.for_update().first(conn)?,
        DbConn::Postgres(conn) => row.for_share().first(conn)?,
    };
    text.parse().map(MessageId).map_err(|_| StoreError::Broken(format!("not a mark: {text:?}")))
}

/// Whether there are messages that the index does not have yet.
///
/// # Errors
/// Those of the database.
pub fn is_behind(conn: &mut DbConn) -> Result<bool, StoreError> {
    let mark: String = facts::table.find(MARK).select(facts::value).first(conn)?;
    let mark = MessageId(mark.parse().unwrap_or(0));
    let next = messages::table.filter(messages::id.gt(mark)).select(messages::id);
    Ok(next.first::<MessageId>(conn).optional()?.is_some())
}

type Row = (MessageId, ConversationId, String, Option<NaiveDateTime>, NaiveDateTime);

/// Brings up to `limit` messages into the index, oldest first, in the caller's transaction.
/// Returns how many it went on by: fewer than `limit` means there is no more for now.
///
/// # Errors
/// Those of the database.
pub fn index_next(
    conn: &mut DbConn,
    limit: usize,
    now: NaiveDateTime,
) -> Result<usize, StoreError> {
    let mark = mark(conn, true)?;
    let mut rows: Vec<Row> = messages::table
        .filter(messages::id.gt(mark))
        .order(messages::id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((
            messages::id,
            messages::conversation_id,
            messages::content,
            messages::deleted_at,
            messages::created_at,
        ))
        .load(conn)?;
    if matches!(conn, DbConn::Postgres(_)) {
        rows.truncate(settled(&rows, mark, now));
    }
    let Some(last) = rows.last().map(|row| row.0) else { return Ok(0) };
    let live = rows.iter().filter(|row| row.3.is_none() && !row.2.is_empty());
    let indexed: Vec<Indexed> =
        live.map(|(id, home, content, ..)| Indexed::new(*id, *home, content)).collect();
    insert(conn, &indexed)?;
    diesel::update(facts::table.find(MARK))
        .set(facts::value.eq(last.0.to_string()))
        .execute(conn)?;
    Ok(rows.len())
}

/// Does after very many messages came at once what the engine does by itself within minutes.
///
/// # Errors
/// Those of the database.
pub fn settle(conn: &mut DbConn) -> Result<(), StoreError> {
    if let DbConn::Postgres(conn) = conn {
        conn.batch_execute("SELECT gin_clean_pending_list('message_search_terms'); ANALYZE")?;
    }
    Ok(())
}

/// How many of these rows no message can come before any more.
///
/// Processes on one PostgreSQL commit in another order than they take ids: behind a hole it waits,
/// until what would fill it must have been given up.
fn settled(rows: &[Row], mark: MessageId, now: NaiveDateTime) -> usize {
    let old = now - chrono::Duration::seconds(HOLE_PATIENCE_S);
    let before = std::iter::once(mark).chain(rows.iter().map(|row| row.0));
    let is_open = |(before, row): (MessageId, &Row)| row.0.0 != before.0 + 1 && row.4 > old;
    before.zip(rows).position(is_open).unwrap_or(rows.len())
}

fn insert(conn: &mut DbConn, indexed: &[Indexed]) -> Result<(), StoreError> {
    match conn {
        DbConn::Sqlite(conn) => sqlite::insert(conn, indexed),
        DbConn::Postgres(conn) => postgres::insert(conn, indexed),
    }
}

/// Takes messages out of the index, in the transaction that takes them back.
///
/// # Errors
/// Those of the database.
pub fn remove(conn: &mut DbConn, ids: &[MessageId]) -> Result<(), StoreError> {
    // A step of the index that is under way has read them already: wait for it.
    mark(conn, false)?;
    match conn {
        DbConn::Sqlite(conn) => sqlite::remove(conn, ids),
        DbConn::Postgres(conn) => postgres::remove(conn, ids),
    }
}

/// Brings a message's new text into the index, in the transaction that changes it. What the index
/// has not come to yet it will find as it is then.
///
/// # Errors
/// Those of the database.
pub fn replace(
    conn: &mut DbConn,
    id: MessageId,
    home: ConversationId,
    content: &str,
) -> Result<(), StoreError> {
    if mark(conn, false)? < id {
        return Ok(());
    }
    remove(conn, &[id])?;
    insert(conn, &[Indexed::new(id, home, content)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_hole_in_the_ids_the_index_waits_until_it_is_old() {
        let now: NaiveDateTime = "2026-01-01T10:00:00".parse().unwrap();
        let row = |id, age_s| {
            let at = now - chrono::Duration::seconds(age_s);
            (MessageId(id), ConversationId(1), String::new(), None, at)
        };
        let rows = [row(5, 1), row(6, 1), row(8, 1), row(9, 1)];
        assert_eq!(settled(&rows, MessageId(4), now), 2);
        assert_eq!(settled(&rows, MessageId(3), now), 0);
        let rows = [row(5, 30), row(8, 20), row(9, 1)];
        assert_eq!(settled(&rows, MessageId(3), now), 3);
        assert_eq!(settled(&[], MessageId(3), now), 0);
    }
}
