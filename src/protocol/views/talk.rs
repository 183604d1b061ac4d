//! What people do with messages, as clients see it: reactions, pins, forwards, versions, receipts.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::protocol::views::{MessageView, PersonView};

/// Who wrote a forwarded message. Where it stood is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForwardView {
    /// `null` once that account is erased.
    pub sender: Option<PersonView>,
    /// The message itself, for dialects whose clients know it by number; never on the native wire.
    #[serde(skip)]
    pub of: Option<MessageId>,
}

/// One emoji under a message, and who put it there.
#[derive(Debug, Clone, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReactionView {
    pub emoji: String,
    /// How many people.
    pub count: i64,
    /// The first of them, at most 20.
    #[schema(value_type = Vec<String>)]
    pub users: Vec<UserId>,
    /// The same people with their names, for dialects that are told of a change; never on the
    /// native wire.
    #[serde(skip)]
    pub each: Vec<ReactorView>,
}

/// Two views are the same when they show the same.
impl PartialEq for ReactionView {
    fn eq(&self, other: &Self) -> bool {
        (&self.emoji, self.count, &self.users) == (&other.emoji, other.count, &other.users)
    }
}

/// Who pinned a message, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PinView {
    /// `null` once the account is erased.
    #[schema(value_type = Option<String>)]
    pub by: Option<UserId>,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub at: NaiveDateTime,
}

/// The pinned messages of a conversation, the newest pin first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PinList {
    pub messages: Vec<MessageView>,
}

/// Everyone who reacted to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReactorList {
    /// In the order they came, at most 1,000.
    pub reactions: Vec<ReactorView>,
}

/// One person's reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReactorView {
    pub emoji: String,
    pub user: PersonView,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub at: NaiveDateTime,
}

/// What a message said, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    pub content: String,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub written_at: NaiveDateTime,
}

/// All that a message has said, oldest first; the last is what it says now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionList {
    /// The newest 100 when there were more.
    pub versions: Vec<VersionView>,
}

/// Someone whom a message has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    pub user: PersonView,
    /// When their mark last moved: it was then, or before. `null` when it is not known.
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<NaiveDateTime>,
}

/// Whom a message has reached, and who has read it; its sender is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipts {
    #[schema(value_type = String)]
    pub id: MessageId,
    /// At most 500.
    pub delivered: Vec<ReceiptView>,
    /// At most 500; `null` for a reader who shares no read receipts. Members who share none are
    /// left out.
    pub read: Option<Vec<ReceiptView>>,
}

/// Whether one shares read receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptSharing {
    /// With `false` one sends none, and sees none of others.
    pub on: bool,
}
