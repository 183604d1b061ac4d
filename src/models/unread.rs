//! How much a reader has not read, without counting messages.
//!
//! Every message has a number in its conversation, a conversation knows how many were posted, and a
//! membership the number its read mark stands at: the difference is what came since. Of that the
//! reader's own messages and deleted ones are taken off, each counted in an index of their own.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::ids::{ConversationId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{conversations, memberships};
use crate::models::store::DbConn;
use crate::protocol::topic::Topic;

/// Messages by others after a membership's read mark, as SQL over the two tables joined.
pub(super) const UNREAD: &str = "(CASE WHEN conversations.posted <= memberships.read_number THEN 0 \
     ELSE conversations.posted - memberships.read_number \
     - (SELECT COUNT(*) FROM messages m WHERE m.sender_id = memberships.user_id \
        AND m.conversation_id = memberships.conversation_id AND m.seq > memberships.read_seq) \
     - (CASE WHEN conversations.deleted = 0 THEN 0 ELSE (SELECT COUNT(*) FROM messages m \
        WHERE m.conversation_id = memberships.conversation_id AND m.seq > memberships.read_seq \
        AND m.deleted_at IS NOT NULL \
        AND (m.sender_id IS NULL OR m.sender_id <> memberships.user_id)) END) END)";

/// Those of them that mention the reader.
pub(super) const MENTIONED: &str = "(CASE WHEN memberships.mentioned_seq <= memberships.read_seq \
     THEN 0 ELSE (SELECT COUNT(*) FROM mentions n WHERE n.user_id = memberships.user_id \
     AND n.conversation_id = memberships.conversation_id AND n.seq > memberships.read_seq) END)";

/// What one reader has not read of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Messages by others after the read mark; deleted ones do not count.
    pub messages: i64,
    /// How many of them mention the reader.
    pub mentions: i64,
}

/// What a member has not read of a conversation; nothing for whoever is no member.
pub fn of(
    conn: &mut DbConn,
    conversation: ConversationId,
    reader: UserId,
) -> Result<Unread, StoreError> {
    let found: Option<(i64, i64)> = memberships::table
        .inner_join(conversations::table)
        .filter(memberships::conversation_id.eq(conversation).and(memberships::user_id.eq(reader)))
        .select((sql::<BigInt>(UNREAD), sql::<BigInt>(MENTIONED)))
        .first(conn)
        .optional()?;
    Ok(found.map_or_else(Unread::default, |(messages, mentions)| Unread { messages, mentions }))
}

/// The conversations of which a reader has not read all, last written to first, in one query.
pub fn all(conn: &mut DbConn, reader: UserId) -> Result<Vec<(Topic, Unread)>, StoreError> {
    let rows: Vec<(ConversationId, Option<String>, i64, i64)> = memberships::table
        .inner_join(conversations::table)
        .filter(memberships::user_id.eq(reader))
        .filter(sql::<Bool>("conversations.posted > memberships.read_number"))
        .order((conversations::updated_at.desc(), conversations::id.desc()))
        .select((
            conversations::id,
            conversations::name,
            sql::<BigInt>(UNREAD),
            sql::<BigInt>(MENTIONED),
        ))
        .load(conn)?;
    let entries = rows.into_iter().filter(|row| row.2 > 0).map(|(id, name, messages, mentions)| {
        let topic = name.map_or_else(|| Topic::conversation(id), |name| Topic::room(&name));
        (topic, Unread { messages, mentions })
    });
    Ok(entries.collect())
}
