//! What came from another database: which row here stands for which row there, and rows that are
//! made as they were and not as if they happened now.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::journal::{self, NewEntry};
use crate::models::schema::{conversations, imported_rows, memberships, messages, topics, users};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::topic::Topic;
use crate::protocol::views::MemberRole;

/// The rows of one table of one other database.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Which database: whoever imports it names it.
    pub origin: &'a str,
    pub table: &'a str,
}

/// All rows that were imported from `source`: their ids there and here.
///
/// # Errors
/// Those of the database.
pub fn known(conn: &mut DbConn, source: Source<'_>) -> Result<HashMap<String, i64>, StoreError> {
    let rows: Vec<(String, i64)> = imported_rows::table
        .filter(imported_rows::origin.eq(source.origin))
        .filter(imported_rows::source_table.eq(source.table))
        .select((imported_rows::source_id, imported_rows::local_id))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Those of `ids` that were imported from `source`.
///
/// # Errors
/// Those of the database.
pub fn among(
    conn: &mut DbConn,
    source: Source<'_>,
    ids: &[String],
) -> Result<HashMap<String, i64>, StoreError> {
    let rows: Vec<(String, i64)> = imported_rows::table
        .filter(imported_rows::origin.eq(source.origin))
        .filter(imported_rows::source_table.eq(source.table))
        .filter(imported_rows::source_id.eq_any(ids))
        .select((imported_rows::source_id, imported_rows::local_id))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Notes that the row `id` of `source` is `local` here.
///
/// # Errors
/// `Conflict` when it was noted before.
pub fn note(
    conn: &mut DbConn,
    source: Source<'_>,
    id: &str,
    local: i64,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (
        imported_rows::origin.eq(source.origin),
        imported_rows::source_table.eq(source.table),
        imported_rows::source_id.eq(id),
        imported_rows::local_id.eq(local),
        imported_rows::imported_at.eq(at),
    );
    diesel::insert_into(imported_rows::table).values(row).execute(conn)?;
    Ok(())
}

/// What of an account is not given when people make one.
#[derive(Debug, Clone)]
pub struct OldAccount {
    pub is_active: bool,
    pub is_available: bool,
    pub last_login: Option<NaiveDateTime>,
    pub date_joined: Option<NaiveDateTime>,
    /// The id it should keep, where that is free.
    pub id: Option<i64>,
}

/// Brings an account that was just made to what it was. Answers its id from now on.
///
/// # Errors
/// Those of the database.
pub fn settle_account(
    conn: &mut DbConn,
    user: UserId,
    old: &OldAccount,
) -> Result<UserId, StoreError> {
    let row = users::table.find(user);
    diesel::update(row)
        .set((
            users::is_active.eq(old.is_active),
            users::is_available.eq(old.is_available),
            users::last_login.eq(old.last_login),
            old.date_joined.map(|at| users::date_joined.eq(at)),
        ))
        .execute(conn)?;
    let Some(wanted) = old.id.map(UserId).filter(|wanted| *wanted != user) else {
        return Ok(user);
    };
    if diesel::select(diesel::dsl::exists(users::table.find(wanted))).get_result(conn)? {
        return Ok(user);
    }
    diesel::update(row).set(users::id.eq(wanted)).execute(conn)?;
    count_on(conn, "users")?;
    Ok(wanted)
}

/// Has a conversation that was just made keep the id it had, where that is free.
///
/// # Errors
/// Those of the database.
pub fn settle_conversation(
    conn: &mut DbConn,
    mut made: Conversation,
    wanted: Option<i64>,
) -> Result<Conversation, StoreError> {
    let Some(wanted) = wanted.map(ConversationId).filter(|wanted| *wanted != made.id) else {
        return Ok(made);
    };
    let topic = Topic::conversation(wanted).to_string();
    let is_taken = diesel::select(diesel::dsl::exists(conversations::table.find(wanted)));
    let is_named =
        diesel::select(diesel::dsl::exists(topics::table.filter(topics::name.eq(&topic))));
    if is_taken.get_result(conn)? || is_named.get_result(conn)? {
        return Ok(made);
    }
    let row = conversations::table.find(made.id);
    diesel::update(row).set(conversations::id.eq(wanted)).execute(conn)?;
    if made.name.is_none() {
        let row = topics::table.find(made.topic_id);
        diesel::update(row).set(topics::name.eq(topic)).execute(conn)?;
    }
    count_on(conn, "conversations")?;
    made.id = wanted;
    Ok(made)
}

/// Has PostgreSQL count on from the highest id of a table, and never back; SQLite does so by
/// itself.
fn count_on(conn: &mut DbConn, table: &str) -> Result<(), StoreError> {
    #[derive(QueryableByName)]
    struct Set {
        #[diesel(sql_type = BigInt)]
        #[expect(dead_code, reason = "asked for its effect")]
        set: i64,
    }
    if let DbConn::Postgres(conn) = conn {
        let text = format!(
            "SELECT setval('{table}_id_seq', GREATEST((SELECT max(id) FROM {table}), \
             (SELECT last_value FROM {table}_id_seq))) AS set"
        );
        diesel::sql_query(text).load::<Set>(conn)?;
    }
    Ok(())
}

/// A membership as it was.
#[derive(Debug, Clone)]
pub struct OldSeat {
    pub role: MemberRole,
    pub nickname: String,
    pub joined_at: NaiveDateTime,
    pub muted_until: Option<NaiveDateTime>,
}

/// Brings someone in; `false` when they were in already, as whatever they are.
///
/// # Errors
/// Those of the database.
pub fn add_seat(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    seat: &OldSeat,
) -> Result<bool, StoreError> {
    let row = (
        memberships::conversation_id.eq(conversation),
        memberships::user_id.eq(user),
        memberships::role.eq(seat.role.as_str()),
        memberships::nickname.eq(&seat.nickname),
        memberships::joined_at.eq(seat.joined_at),
        memberships::muted_until.eq(seat.muted_until),
    );
    let statement = diesel::insert_into(memberships::table).values(row).on_conflict_do_nothing();
    let made: usize = on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(made == 1)
}

/// A message as it was.
#[derive(Debug, Clone)]
pub struct OldMessage {
    pub conversation: ConversationId,
    /// `None` when the account is gone.
    pub sender: Option<UserId>,
    /// The name of someone who wrote without an account.
    pub sender_name: Option<String>,
    pub message_type: String,
    /// Empty once deleted.
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub created_at: NaiveDateTime,
    pub edited_at: Option<NaiveDateTime>,
    pub deleted_at: Option<NaiveDateTime>,
}

/// Puts a message at the end of its conversation, with its journal entry.
///
/// # Errors
/// `Conflict` when a message stands there already, which only a second writer could cause.
pub fn add_message(
    conn: &mut DbConn,
    topic: TopicId,
    old: &OldMessage,
) -> Result<MessageId, StoreError> {
    let seq = journal::reserve(conn, topic, 1)?;
    let taken_back = i64::from(old.deleted_at.is_some());
    let number: i64 = diesel::update(conversations::table.find(old.conversation))
        .set((
            conversations::posted.eq(conversations::posted + 1),
            conversations::deleted.eq(conversations::deleted + taken_back),
        ))
        .returning(conversations::posted)
        .get_result(conn)?;
    let row = (
        messages::conversation_id.eq(old.conversation),
        messages::seq.eq(seq),
        messages::number.eq(number),
        messages::sender_id.eq(old.sender),
        messages::sender_name.eq(old.sender_name.as_deref()),
        messages::message_type.eq(&old.message_type),
        messages::content.eq(&old.content),
        messages::reply_to.eq(old.reply_to),
        messages::created_at.eq(old.created_at),
        messages::edited_at.eq(old.edited_at),
        messages::deleted_at.eq(old.deleted_at),
    );
    let insert = diesel::insert_into(messages::table).values(row).returning(messages::id);
    let id: MessageId = insert.get_result(conn)?;
    let entry = NewEntry {
        kind: "message.new",
        actor: old.sender,
        entity: Some(id.0),
        delta: None,
        created_at: old.created_at,
    };
    journal::enter(conn, topic, seq, &[entry])?;
    Ok(id)
}

/// What was imported counts as read: moves every member's mark to the end, and the conversation's
/// last change to its newest message.
///
/// # Errors
/// Those of the database.
pub fn settle_talk(
    conn: &mut DbConn,
    conversation: ConversationId,
    topic: TopicId,
    newest: NaiveDateTime,
) -> Result<(), StoreError> {
    let head = journal::head(conn, topic)?.head;
    let row = conversations::table.find(conversation);
    let posted: i64 = row.select(conversations::posted).first(conn)?;
    let seats = memberships::table.filter(memberships::conversation_id.eq(conversation));
    diesel::update(seats.filter(memberships::read_seq.lt(head)))
        .set((
            memberships::read_seq.eq(head),
            memberships::read_number.eq(posted),
            memberships::delivered_seq.eq(head),
        ))
        .execute(conn)?;
    diesel::update(row.filter(conversations::updated_at.lt(newest)))
        .set(conversations::updated_at.eq(newest))
        .execute(conn)?;
    Ok(())
}

/// The account of this name, exactly as written.
///
/// # Errors
/// Those of the database.
pub fn account_named(conn: &mut DbConn, name: &str) -> Result<Option<UserId>, StoreError> {
    let named = users::table.filter(users::username.eq(name));
    Ok(named.select(users::id).first(conn).optional()?)
}
