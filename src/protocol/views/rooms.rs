//! How people find conversations and come into them, as clients see it.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{InviteId, UserId};
use crate::protocol::views::{ConversationView, MemberRole};

/// A public conversation, as someone who looks around sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiscoveredView {
    #[serde(flatten)]
    pub conversation: ConversationView,
    pub member_count: i64,
    /// The reader's role in it; `null` when they have not joined.
    pub my_role: Option<MemberRole>,
}

/// A page of public conversations, last written to first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiscoveryPage {
    pub conversations: Vec<DiscoveredView>,
    /// What to give as `after` for the next page; `null` at the end.
    pub next: Option<String>,
}

/// An invite link, as those who keep the conversation see it. Its secret is told once, when it is
/// made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteView {
    #[schema(value_type = String)]
    pub id: InviteId,
    #[schema(value_type = Option<String>)]
    pub by: Option<UserId>,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<NaiveDateTime>,
    /// How many may join by it; `null` for any number.
    pub max_uses: Option<i64>,
    /// How many have.
    pub uses: i64,
    /// Whether it still lets people in.
    pub works: bool,
}

/// A link just made. The token is not kept: it cannot be told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteMade {
    #[serde(flatten)]
    pub invite: InviteView,
    pub token: String,
}

/// The invite links of a conversation, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    pub invites: Vec<InviteView>,
}

/// What a link leads to, for someone who has not joined yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitePreview {
    pub title: String,
    pub description: String,
    pub member_count: i64,
    /// Whether the asker is a member already.
    pub joined: bool,
}
