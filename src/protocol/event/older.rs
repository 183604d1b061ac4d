//! What only clients of older systems are told. Ephemeral; the native protocol has no frame for it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::{CallId, MessageId, UserId};
use crate::protocol::views::PersonView;

/// Something that dialects alone hear of.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum OlderEvent {
    /// A socket of someone is in the room, or no longer: by socket, not by person.
    Seat { user: PersonView, taken: bool },
    /// Someone has read everything up to a message, or says so though they had before, or of none.
    Read { user: UserId, message: Option<MessageId> },
    /// Everything up to a message has reached a device of someone.
    Delivered { user: UserId, message: MessageId },
    /// What a device hands to those of others in a call, whose inboxes are told too: sockets of
    /// older clients are about one conversation.
    Handed { call: CallId, from: UserId, to: Vec<UserId>, payload: Arc<RawValue> },
}

impl OlderEvent {
    /// The name, for people; it is on no wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Seat { .. } => "older.seat",
            Self::Read { .. } => "older.read",
            Self::Delivered { .. } => "older.delivered",
            Self::Handed { .. } => "older.handed",
        }
    }
}
