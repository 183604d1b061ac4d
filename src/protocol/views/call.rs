//! Calls as clients see them.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{CallId, ConversationId, UserId};
use crate::protocol::views::PersonView;

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    Voice,
    Video,
}

impl CallKind {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Video => "video",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Voice, Self::Video].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How far a call has come. The last three are its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Begun; no device of anyone called has said that it rings.
    Initiated,
    Ringing,
    /// Someone has answered.
    Active,
    Ended,
    /// Nobody answered in time.
    Missed,
    /// Everyone called has declined.
    Declined,
}

impl CallState {
    /// All states, in the order a call may come through them.
    pub const ALL: [Self; 6] =
        [Self::Initiated, Self::Ringing, Self::Active, Self::Ended, Self::Missed, Self::Declined];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Missed => "missed",
            Self::Declined => "declined",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// How far one participant has come. The last three are their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    Invited,
    Ringing,
    Joined,
    Declined,
    Missed,
    Left,
}

impl PartState {
    const ALL: [Self; 6] =
        [Self::Invited, Self::Ringing, Self::Joined, Self::Declined, Self::Missed, Self::Left];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Ringing => "ringing",
            Self::Joined => "joined",
            Self::Declined => "declined",
            Self::Missed => "missed",
            Self::Left => "left",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether they have been called and have not said anything yet.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Invited | Self::Ringing)
    }
}

/// One participant of a call, the caller among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    pub user: PersonView,
    pub state: PartState,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub joined_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub left_at: Option<NaiveDateTime>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    #[schema(value_type = String)]
    pub id: CallId,
    #[schema(value_type = String)]
    pub conversation: ConversationId,
    /// The topic of its conversation.
    pub topic: String,
    pub kind: CallKind,
    pub state: CallState,
    /// `null` once the account is erased.
    pub caller: Option<PersonView>,
    pub participants: Vec<PartView>,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    /// Until when it rings.
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub ring_until: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<NaiveDateTime>,
    #[schema(value_type = Option<String>)]
    pub ended_by: Option<UserId>,
}

/// A page of calls, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallPage {
    pub calls: Vec<CallView>,
    /// Whether there are more before the last of these.
    pub more: bool,
}
