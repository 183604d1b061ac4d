//! The `pins` table: messages that stand at the top of their conversation.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::message;
use crate::models::schema::pins;
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::MessageView;
use crate::protocol::views::talk::PinView;

/// Pins a message; `false` when it was pinned already.
pub fn add(
    conn: &mut DbConn,
    conversation: ConversationId,
    message: MessageId,
    by: UserId,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let row = (
        pins::message_id.eq(message),
        pins::conversation_id.eq(conversation),
        pins::pinned_by.eq(by),
        pins::pinned_at.eq(at),
    );
    let statement = diesel::insert_into(pins::table).values(row).on_conflict_do_nothing();
    let made: usize = on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(made == 1)
}

/// Unpins a message; `false` when it was not pinned.
pub fn remove(conn: &mut DbConn, message: MessageId) -> Result<bool, StoreError> {
    Ok(diesel::delete(pins::table.find(message)).execute(conn)? == 1)
}

/// How many messages of a conversation are pinned.
pub fn count(conn: &mut DbConn, conversation: ConversationId) -> Result<i64, StoreError> {
    let rows = pins::table.filter(pins::conversation_id.eq(conversation));
    Ok(rows.count().get_result(conn)?)
}

/// Which of these messages are pinned, in one query.
pub fn of(
    conn: &mut DbConn,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, PinView>, StoreError> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(MessageId, Option<UserId>, NaiveDateTime)> = pins::table
        .filter(pins::message_id.eq_any(messages))
        .select((pins::message_id, pins::pinned_by, pins::pinned_at))
        .load(conn)?;
    Ok(rows.into_iter().map(|(message, by, at)| (message, PinView { by, at })).collect())
}

/// The pinned messages of a conversation, the newest pin first, `limit` at most.
pub fn list(
    conn: &mut DbConn,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<MessageView>, StoreError> {
    let ids: Vec<MessageId> = pins::table
        .filter(pins::conversation_id.eq(conversation))
        .order((pins::pinned_at.desc(), pins::message_id.desc()))
        .limit(limit)
        .select(pins::message_id)
        .load(conn)?;
    let mut views = message::views(conn, &ids)?;
    Ok(ids.iter().filter_map(|id| views.remove(id)).collect())
}
