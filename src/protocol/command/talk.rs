//! Commands about messages beyond sending them: reactions, pins, forwards, marks, and what may be
//! asked about a message.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::ids::MessageId;
use crate::protocol::command::{CommandRow, read_data, row, yes};
use crate::protocol::topic::Topic;

/// Put an emoji under a message, or take it away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessageReact {
    pub id: MessageId,
    /// One emoji.
    pub emoji: String,
    #[serde(default = "yes")]
    pub on: bool,
    pub client_id: Option<String>,
}

/// Pin a message, or unpin it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessagePin {
    pub id: MessageId,
    #[serde(default = "yes")]
    pub on: bool,
    pub client_id: Option<String>,
}

/// Send a message of this conversation to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessageForward {
    pub id: MessageId,
    /// The topic of the conversation it goes to.
    pub to: Topic,
    pub client_id: Option<String>,
}

/// Everything up to here has reached a device of mine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct DeliveredMark {
    pub seq: i64,
}

/// Share read receipts, or send none and see none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReceiptsShare {
    pub on: bool,
}

/// A message asked about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OfMessage {
    pub id: MessageId,
}

/// What changes something about messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TalkCommand {
    React(MessageReact),
    Pin(MessagePin),
    Forward(MessageForward),
    Delivered(DeliveredMark),
    ShareReceipts(ReceiptsShare),
}

impl TalkCommand {
    /// Its `type`, and the `client_id` it came with.
    pub fn once(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::React(react) => ("message.react", react.client_id.as_deref()),
            Self::Pin(pin) => ("message.pin", pin.client_id.as_deref()),
            Self::Forward(forward) => ("message.forward", forward.client_id.as_deref()),
            Self::Delivered(_) => ("delivered.mark", None),
            Self::ShareReceipts(_) => ("receipts.share", None),
        }
    }
}

/// Commands about messages.
#[rustfmt::skip]
pub const TALK: &[CommandRow] = &[
    row("message.react", true, |raw| read_data(raw).map(TalkCommand::React).map(Into::into)),
    row("message.pin", true, |raw| read_data(raw).map(TalkCommand::Pin).map(Into::into)),
    row("message.forward", true, |raw| read_data(raw).map(TalkCommand::Forward).map(Into::into)),
    row("delivered.mark", true, |raw| read_data(raw).map(TalkCommand::Delivered).map(Into::into)),
    row("receipts.share", false, |raw| read_data(raw).map(TalkCommand::ShareReceipts).map(Into::into)),
];
