//! The `twin_sends` table: messages whose other half, by the other way, is still to come.
//!
//! A row goes when its other half comes, or with the next one after its time.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{messages, topics, twin_sends};
use crate::models::store::DbConn;
use crate::protocol::command::older::Side;

/// What makes two sends halves of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    pub conversation: ConversationId,
    pub sender: UserId,
    pub content_hash: String,
    /// The way it came by.
    pub side: Side,
    pub at: NaiveDateTime,
}

/// Keeps other processes from deciding about the same conversation until the transaction ends; the
/// one writer of a SQLite file needs no lock.
pub fn lock(conn: &mut DbConn, topic: TopicId) -> Result<(), StoreError> {
    if let DbConn::Postgres(conn) = conn {
        let row = topics::table.find(topic).select(topics::id).for_update();
        let _held: TopicId = row.first(conn)?;
    }
    Ok(())
}

/// The oldest message that came by the other way within `window` and waits for this half, with its
/// position. From here on it waits no more.
pub fn meet(
    conn: &mut DbConn,
    twin: &Twin,
    window: TimeDelta,
) -> Result<Option<(MessageId, i64)>, StoreError> {
    let over = twin_sends::table
        .filter(twin_sends::sender_id.eq(twin.sender))
        .filter(twin_sends::created_at.lt(twin.at - window));
    diesel::delete(over).execute(conn)?;
    let found: Option<(MessageId, i64)> = twin_sends::table
        .inner_join(messages::table)
        .filter(twin_sends::sender_id.eq(twin.sender))
        .filter(twin_sends::conversation_id.eq(twin.conversation))
        .filter(twin_sends::side.eq(twin.side.other().as_str()))
        .filter(twin_sends::content_hash.eq(&twin.content_hash))
        .order(twin_sends::message_id)
        .select((messages::id, messages::seq))
        .first(conn)
        .optional()?;
    if let Some((id, _)) = found {
        diesel::delete(twin_sends::table.find(id)).execute(conn)?;
    }
    Ok(found)
}

/// Adds to a message what the half that came second knows: which one of the same conversation it
/// answers.
pub fn complete(conn: &mut DbConn, id: MessageId, reply_to: MessageId) -> Result<(), StoreError> {
    let home = messages::conversation_id;
    let mine: Option<ConversationId> =
        messages::table.find(id).select(home).first(conn).optional()?;
    let its: Option<ConversationId> =
        messages::table.find(reply_to).select(home).first(conn).optional()?;
    if mine.is_some() && mine == its && id != reply_to {
        let row = messages::table.find(id).filter(messages::reply_to.is_null());
        diesel::update(row).set(messages::reply_to.eq(reply_to)).execute(conn)?;
    }
    Ok(())
}

/// Lets a message wait for its other half.
pub fn await_other(conn: &mut DbConn, twin: &Twin, message: MessageId) -> Result<(), StoreError> {
    let row = (
        twin_sends::message_id.eq(message),
        twin_sends::conversation_id.eq(twin.conversation),
        twin_sends::sender_id.eq(twin.sender),
        twin_sends::content_hash.eq(&twin.content_hash),
        twin_sends::side.eq(twin.side.as_str()),
        twin_sends::created_at.eq(twin.at),
    );
    diesel::insert_into(twin_sends::table).values(row).execute(conn)?;
    Ok(())
}
