//! Messages by limit and offset, as older clients ask for them, newest first or as threads.
//!
//! Offsets shift under whoever pages while others write; the native protocol goes by positions.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::message;
use crate::models::schema::{memberships, messages};
use crate::models::store::DbConn;
use crate::models::thread_lock;
use crate::protocol::views::MessageView;

/// The views of these messages in the order of their ids.
fn in_order(conn: &mut DbConn, ids: &[MessageId]) -> Result<Vec<MessageView>, StoreError> {
    let mut views = message::views(conn, ids)?;
    Ok(ids.iter().filter_map(|id| views.remove(id)).collect())
}

/// A pattern that finds `text` as it is. Both it and what is searched go through [`lower()`]: an
/// engine must find what is written as it is asked for, whatever letters it can fold.
pub fn holds(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{plain}%")
}

diesel::define_sql_function! {
    /// SQL's `lower`; SQLite folds ASCII only.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// A window of a conversation's messages, newest first, deleted ones among them; with `text` those
/// that hold it.
pub fn newest(
    conn: &mut DbConn,
    conversation: ConversationId,
    text: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<MessageView>, StoreError> {
    let mut query = messages::table
        .filter(messages::conversation_id.eq(conversation))
        .order(messages::seq.desc())
        .limit(limit)
        .offset(offset)
        .select(messages::id)
        .into_boxed();
    if let Some(text) = text {
        query = query.filter(lower(messages::content).like(lower(holds(text))).escape('\\'));
    }
    let ids: Vec<MessageId> = query.load(conn)?;
    in_order(conn, &ids)
}

/// How many replies each of these messages has.
pub fn replies(
    conn: &mut DbConn,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, i64>, StoreError> {
    let rows: Vec<(Option<MessageId>, i64)> = messages::table
        .filter(messages::reply_to.eq_any(ids).and(messages::deleted_at.is_null()))
        .group_by(messages::reply_to)
        .select((messages::reply_to, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, count)| Some((id?, count))).collect())
}

/// The type of a message that is the title of a thread and nothing else.
pub const THREAD_TYPE: &str = "thread";

/// A window of what a thread holds, newest first: what was said in answer to its first message, and
/// that message, unless it is the title alone.
pub fn of_thread(
    conn: &mut DbConn,
    root: MessageId,
    limit: i64,
    offset: i64,
) -> Result<Vec<MessageView>, StoreError> {
    let is_said = messages::id.eq(root).and(messages::message_type.ne(THREAD_TYPE));
    let ids: Vec<MessageId> = messages::table
        .filter(messages::reply_to.eq(root).or(is_said))
        .filter(messages::deleted_at.is_null())
        .order(messages::seq.desc())
        .limit(limit)
        .offset(offset)
        .select(messages::id)
        .load(conn)?;
    in_order(conn, &ids)
}

/// A message that others have answered, how many did, and the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub root: MessageView,
    pub replies: i64,
    pub last_reply: Option<MessageView>,
    /// Whether it takes no more answers.
    pub is_locked: bool,
}

#[derive(QueryableByName)]
struct RootRow {
    #[diesel(sql_type = BigInt)]
    id: MessageId,
    #[diesel(sql_type = BigInt)]
    replies: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<MessageId>,
}

fn threads_of(conn: &mut DbConn, rows: Vec<RootRow>) -> Result<Vec<Thread>, StoreError> {
    let ids: Vec<MessageId> =
        rows.iter().map(|row| row.id).chain(rows.iter().filter_map(|row| row.last)).collect();
    let views = message::views(conn, &ids)?;
    let locked = thread_lock::among(conn, &ids)?;
    let thread = |row: RootRow| {
        let root = views.get(&row.id)?.clone();
        let last_reply = row.last.and_then(|last| views.get(&last).cloned());
        let is_locked = locked.contains(&row.id);
        Some(Thread { root, replies: row.replies, last_reply, is_locked })
    };
    Ok(rows.into_iter().filter_map(thread).collect())
}

/// A window of a conversation's threads, pinned ones first, then last written to first. A thread
/// is a message of the type `thread`, or one that others have answered.
pub fn threads(
    conn: &mut DbConn,
    conversation: ConversationId,
    limit: i64,
    offset: i64,
) -> Result<Vec<Thread>, StoreError> {
    let query = diesel::sql_query(
        "SELECT m.id, COUNT(r.id) AS replies, MAX(r.id) AS last FROM messages m \
         LEFT JOIN messages r ON r.reply_to = m.id AND r.deleted_at IS NULL \
         LEFT JOIN pins p ON p.message_id = m.id \
         WHERE m.conversation_id = $1 AND m.deleted_at IS NULL \
         GROUP BY m.id, m.message_type, p.message_id \
         HAVING COUNT(r.id) > 0 OR m.message_type = 'thread' \
         ORDER BY CASE WHEN p.message_id IS NULL THEN 1 ELSE 0 END, \
         COALESCE(MAX(r.id), m.id) DESC LIMIT $2 OFFSET $3",
    );
    let query = query.bind::<BigInt, _>(conversation);
    let rows = query.bind::<BigInt, _>(limit).bind::<BigInt, _>(offset).load(conn)?;
    threads_of(conn, rows)
}

/// One thread, by its first message.
pub fn thread(conn: &mut DbConn, root: MessageId) -> Result<Option<Thread>, StoreError> {
    let query = diesel::sql_query(
        "SELECT m.id, (SELECT COUNT(*) FROM messages r \
         WHERE r.reply_to = m.id AND r.deleted_at IS NULL) AS replies, \
         (SELECT MAX(r.id) FROM messages r \
         WHERE r.reply_to = m.id AND r.deleted_at IS NULL) AS last \
         FROM messages m WHERE m.id = $1 AND m.deleted_at IS NULL",
    );
    let rows = query.bind::<BigInt, _>(root).load(conn)?;
    Ok(threads_of(conn, rows)?.pop())
}

/// How many messages stand in the conversations that someone is in.
pub fn count_within_reach(conn: &mut DbConn, reader: UserId) -> Result<i64, StoreError> {
    let mine = memberships::table
        .filter(memberships::user_id.eq(reader))
        .select(memberships::conversation_id);
    let rows = messages::table.filter(messages::conversation_id.eq_any(mine));
    Ok(rows.filter(messages::deleted_at.is_null()).count().get_result(conn)?)
}

/// The newest message at or before a position.
pub fn newest_until(
    conn: &mut DbConn,
    conversation: ConversationId,
    seq: i64,
) -> Result<Option<MessageId>, StoreError> {
    let rows = messages::table
        .filter(messages::conversation_id.eq(conversation).and(messages::seq.le(seq)))
        .order(messages::seq.desc())
        .select(messages::id);
    Ok(rows.first(conn).optional()?)
}

/// The position of a message in its conversation, and the conversation.
pub fn place(
    conn: &mut DbConn,
    id: MessageId,
) -> Result<Option<(ConversationId, i64)>, StoreError> {
    let row = messages::table.find(id).select((messages::conversation_id, messages::seq));
    Ok(row.first(conn).optional()?)
}
