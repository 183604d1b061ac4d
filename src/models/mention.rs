//! The `mentions` table: which members a message names with `@`.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId};
use crate::models::error::StoreError;
use crate::models::named;
use crate::models::schema::{memberships, mentions, users};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::PersonView;

/// Those members of a conversation with an active account whose username is one of `keys`, folded
/// as [`crate::models::user::name_key`] does, by id.
pub fn members_called(
    conn: &mut DbConn,
    conversation: ConversationId,
    keys: &[String],
) -> Result<Vec<PersonView>, StoreError> {
    let rows: Vec<named::Named> = users::table
        .inner_join(memberships::table)
        .filter(memberships::conversation_id.eq(conversation))
        .filter(users::username_key.eq_any(keys).and(users::is_active.eq(true)))
        .order(users::id)
        .select(named::NAMED)
        .load(conn)?;
    Ok(rows.into_iter().map(named::named).collect())
}

/// Notes that a message mentions these members, and for each of them how far they are mentioned.
pub fn insert(
    conn: &mut DbConn,
    conversation: ConversationId,
    message: MessageId,
    seq: i64,
    people: &[PersonView],
) -> Result<(), StoreError> {
    for person in people {
        let row = (
            mentions::message_id.eq(message),
            mentions::user_id.eq(person.id),
            mentions::conversation_id.eq(conversation),
            mentions::seq.eq(seq),
        );
        let statement = diesel::insert_into(mentions::table).values(row).on_conflict_do_nothing();
        on_engine!(&mut *conn, |inner| statement.execute(inner))?;
        let behind = memberships::table
            .find((conversation, person.id))
            .filter(memberships::mentioned_seq.lt(seq));
        diesel::update(behind).set(memberships::mentioned_seq.eq(seq)).execute(conn)?;
    }
    Ok(())
}

/// Forgets whom a message mentions.
pub fn forget(conn: &mut DbConn, message: MessageId) -> Result<(), StoreError> {
    diesel::delete(mentions::table.filter(mentions::message_id.eq(message))).execute(conn)?;
    Ok(())
}

/// Whom these messages mention, by id, in one query.
pub fn of(
    conn: &mut DbConn,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<PersonView>>, StoreError> {
    let mut found: HashMap<MessageId, Vec<PersonView>> = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(MessageId, named::Named)> = mentions::table
        .inner_join(users::table)
        .filter(mentions::message_id.eq_any(messages))
        .order((mentions::message_id, mentions::user_id))
        .select((mentions::message_id, named::NAMED))
        .load(conn)?;
    for (message, person) in rows {
        found.entry(message).or_default().push(named::named(person));
    }
    Ok(found)
}
