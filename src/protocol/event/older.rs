//! What only clients of older systems are told. Ephemeral; the native protocol has no frame for it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::{CallId, MessageId, UserId};
use crate::protocol::views::PersonView;
use crate::protocol::views::dispatch::{IncidentView, MaydayView, UnitView};

/// What happened to an incident, as older clients of crews tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CrewNews {
    /// They were ordered to it.
    Dispatched,
    /// It stands otherwise than before.
    Status,
}

/// Something that dialects alone hear of.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum OlderEvent {
    /// A socket of someone is in the room, or no longer: by socket, not by person.
    Seat { user: PersonView, taken: bool },
    /// Someone has read everything up to a message, or says so though they had before, or of none.
    Read { user: UserId, message: Option<MessageId> },
    /// On the inbox of someone of a crew: their incident.
    Incident { news: CrewNews, incident: Box<IncidentView> },
    /// On the board: a unit is somewhere else.
    Located { unit: Box<UnitView> },
    /// On the board: a mayday that could not be kept, of which no other event tells.
    Alarm { mayday: Box<MaydayView> },
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
            Self::Incident { .. } => "older.incident",
            Self::Located { .. } => "older.located",
            Self::Alarm { .. } => "older.alarm",
            Self::Delivered { .. } => "older.delivered",
            Self::Handed { .. } => "older.handed",
        }
    }
}
