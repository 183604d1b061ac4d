//! Events about messages beyond their text, and about one's own place in a conversation.

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::protocol::topic::Topic;
use crate::protocol::views::talk::ReceiptSharing;

/// An event's `data`, with its `type` by [`TalkEvent::name`].
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum TalkEvent {
    Reacted {
        id: MessageId,
        user: UserId,
        emoji: String,
        on: bool,
        /// How many people it stands there for now.
        count: i64,
    },
    Pinned {
        id: MessageId,
        on: bool,
        by: Option<UserId>,
    },
    DeliveredMarked {
        user: UserId,
        seq: i64,
    },
    /// On one's own inbox: a read mark of which nobody else is told.
    ConversationRead {
        topic: Topic,
        seq: i64,
    },
    MemberNicknamed {
        user: UserId,
        nickname: String,
        by: Option<UserId>,
    },
    /// On one's own inbox.
    ConversationMuted {
        topic: Topic,
        #[serde(with = "clock::stamp_option")]
        until: Option<NaiveDateTime>,
    },
    /// On one's own inbox.
    ReceiptsShared(ReceiptSharing),
    /// Something that is not for this reader; its position counts all the same.
    Passed {},
}

impl TalkEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reacted { .. } => "message.reacted",
            Self::Pinned { .. } => "message.pinned",
            Self::DeliveredMarked { .. } => "delivered.marked",
            Self::ConversationRead { .. } => "conversation.read",
            Self::MemberNicknamed { .. } => "member.nicknamed",
            Self::ConversationMuted { .. } => "conversation.muted",
            Self::ReceiptsShared(_) => "receipts.shared",
            Self::Passed {} => "passed",
        }
    }
}
