//! What the server says by itself: one variant an event, its `type` and `data`.

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationView, MemberRole, MemberView, MessageView, PersonView};

/// An event's `type` and `data`. Journaled ones carry a `seq`; the rest are ephemeral.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", content = "data")]
pub enum EventBody {
    #[serde(rename = "message.new")]
    MessageNew(MessageView),
    #[serde(rename = "message.edited")]
    MessageEdited(MessageView),
    #[serde(rename = "message.deleted")]
    MessageDeleted {
        id: MessageId,
        /// Who took it back.
        by: Option<UserId>,
    },
    #[serde(rename = "read.marked")]
    ReadMarked { user: UserId, seq: i64 },
    #[serde(rename = "member.added")]
    MemberAdded { member: MemberView, by: Option<UserId> },
    #[serde(rename = "member.removed")]
    MemberRemoved { user: UserId, by: Option<UserId> },
    #[serde(rename = "member.promoted")]
    MemberPromoted { user: UserId, role: MemberRole, by: Option<UserId> },
    #[serde(rename = "conversation.changed")]
    ConversationChanged(ConversationView),
    /// On a person's inbox: they are now in this conversation.
    #[serde(rename = "conversation.added")]
    ConversationAdded(ConversationView),
    /// On a person's inbox: they no longer are.
    #[serde(rename = "conversation.removed")]
    ConversationRemoved { topic: Topic },
    /// Ephemeral; gone after `expires_ms` unless repeated.
    #[serde(rename = "typing")]
    Typing { user: PersonView, on: bool, expires_ms: u64 },
    /// Ephemeral; who came and who went, by person.
    #[serde(rename = "presence")]
    Presence { joined: Vec<PersonView>, left: Vec<PersonView> },
    /// Ephemeral; what a member told whoever is here.
    #[serde(rename = "topic.published")]
    Published { event: String, from: UserId, data: Option<Arc<RawValue>> },
}

impl EventBody {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageNew(_) => "message.new",
            Self::MessageEdited(_) => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::ReadMarked { .. } => "read.marked",
            Self::MemberAdded { .. } => "member.added",
            Self::MemberRemoved { .. } => "member.removed",
            Self::MemberPromoted { .. } => "member.promoted",
            Self::ConversationChanged(_) => "conversation.changed",
            Self::ConversationAdded(_) => "conversation.added",
            Self::ConversationRemoved { .. } => "conversation.removed",
            Self::Typing { .. } => "typing",
            Self::Presence { .. } => "presence",
            Self::Published { .. } => "topic.published",
        }
    }
}

/// One event on one topic.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    pub topic: Topic,
    /// Its place in the topic's journal; absent for ephemeral events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// Server time.
    #[serde(with = "clock::stamp")]
    pub at: NaiveDateTime,
    #[serde(flatten)]
    pub body: EventBody,
}
