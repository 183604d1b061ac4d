//! Replay of what people did with messages and with their own place in a conversation.

use std::collections::{BTreeSet, HashMap};

use crate::actors::replay::Delta;
use crate::ids::{MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::journal::Entry;
use crate::models::reaction;
use crate::models::store::DbConn;
use crate::protocol::event::EventBody;
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::views::talk::ReceiptSharing;

/// The rows that such entries speak of.
#[derive(Debug, Default)]
pub struct TalkRows {
    /// How many people each emoji stands for under a message now.
    reactions: HashMap<(MessageId, String), i64>,
}

impl TalkRows {
    /// Reads what `entries` speak of, and nothing when they do not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn load(conn: &mut DbConn, entries: &[Entry]) -> Result<Self, StoreError> {
        let reacted = entries.iter().filter(|entry| entry.kind == "message.reacted");
        let reacted: BTreeSet<_> = reacted.filter_map(|entry| entry.entity).collect();
        let reacted: Vec<_> = reacted.into_iter().map(MessageId).collect();
        Ok(Self { reactions: reaction::counts(conn, &reacted)? })
    }

    /// The event that an entry was, when it is of this part.
    pub fn body(&self, entry: &Entry, delta: Delta) -> Option<EventBody> {
        let message = || entry.entity.map(MessageId);
        Some(EventBody::Talk(match entry.kind.as_str() {
            "message.reacted" => {
                let (id, emoji) = (message()?, delta.emoji?);
                let count = self.reactions.get(&(id, emoji.clone())).copied().unwrap_or(0);
                TalkEvent::Reacted { id, user: entry.actor?, emoji, on: delta.on?, count }
            }
            "message.pinned" => {
                TalkEvent::Pinned { id: message()?, on: delta.on?, by: entry.actor }
            }
            "delivered.marked" => {
                TalkEvent::DeliveredMarked { user: entry.actor?, seq: delta.seq? }
            }
            "conversation.read" => {
                TalkEvent::ConversationRead { topic: delta.topic?, seq: delta.seq? }
            }
            "member.nicknamed" => TalkEvent::MemberNicknamed {
                user: UserId(entry.entity?),
                nickname: delta.nickname?,
                by: entry.actor,
            },
            "conversation.muted" => {
                TalkEvent::ConversationMuted { topic: delta.topic?, until: delta.until }
            }
            "receipts.shared" => TalkEvent::ReceiptsShared(ReceiptSharing { on: delta.on? }),
            _ => return None,
        }))
    }
}
