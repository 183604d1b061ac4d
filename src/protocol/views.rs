//! Things as clients see them: people, messages, members, conversations.
//!
//! Ids are strings, moments RFC 3339 with six digits.
//! **Never:** secrets, or anything its reader may not see.

pub mod attachment;
pub mod call;
pub mod dashboard;
pub mod dispatch;
pub mod dispatch_pages;
pub mod eido;
pub mod hospitals;
pub mod inbox;
pub mod people;
pub mod positions;
pub mod report;
pub mod rooms;
pub mod search;
pub mod talk;

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::protocol::views::attachment::AttachmentView;
use crate::protocol::views::dashboard::DashboardView;
use crate::protocol::views::dispatch::{BoardSnapshot, UnitSnapshot};
use crate::protocol::views::inbox::InboxSnapshot;
use crate::protocol::views::talk::{ForwardView, PinView, ReactionView};

/// A person, as others in a room see them.
#[derive(Debug, Clone, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    #[schema(value_type = String)]
    pub id: UserId,
    pub username: String,
    /// What to show; the username when no display name is set.
    pub display_name: String,
    /// Where their picture is: a path of this server or an `https` address. Absent when they show
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// For dialects whose clients need more names; never on the native wire.
    #[serde(skip)]
    pub profile: Option<Arc<Profile>>,
}

/// Two views are the same when they show the same.
impl PartialEq for PersonView {
    fn eq(&self, other: &Self) -> bool {
        (self.id, &self.username, &self.display_name, &self.avatar)
            == (other.id, &other.username, &other.display_name, &other.avatar)
    }
}

/// More of a person than the native protocol shows to others; only what a dialect's clients need
/// is written, and only where they may see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    pub first_name: Box<str>,
    pub last_name: Box<str>,
    pub email: Box<str>,
    pub phone: Option<Box<str>>,
    /// One of the four that decide.
    pub role: Box<str>,
    /// For display only (student, teacher …); decides nothing.
    pub title: Box<str>,
    /// Where their picture was when they signed in, if they showed one.
    pub avatar: Option<Box<str>>,
}

/// The excerpt of the message that a reply answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplyView {
    #[schema(value_type = String)]
    pub id: MessageId,
    #[schema(value_type = Option<String>)]
    pub sender: Option<UserId>,
    /// At most 100 characters; empty once that message is deleted.
    pub content: String,
    /// Who wrote it, for dialects whose clients show more than a number; never on the native wire.
    #[serde(skip)]
    pub author: Option<PersonView>,
}

/// A message. A deleted one keeps its place and loses its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    #[schema(value_type = String)]
    pub id: MessageId,
    #[schema(value_type = String)]
    pub conversation: ConversationId,
    /// Its position in the topic's journal.
    pub seq: i64,
    /// `null` once the account is erased, and for a message of someone not signed in.
    pub sender: Option<PersonView>,
    /// The name that someone not signed in gave; nobody has checked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    pub message_type: String,
    pub content: String,
    pub reply_to: Option<ReplyView>,
    /// The sender's own id for this send, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<NaiveDateTime>,
    pub deleted: bool,
    /// Present when it was forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_from: Option<ForwardView>,
    /// Members whom it mentions; absent for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<PersonView>,
    /// Absent for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<ReactionView>,
    /// Present while it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<PinView>,
    /// Files sent with it, in the sender's order; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentView>,
}

/// What a member may do in a conversation, from most to least.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    Owner,
    Admin,
    Member,
}

impl MemberRole {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == text)
    }
}

/// A member of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    pub user: PersonView,
    pub role: MemberRole,
    pub nickname: String,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: NaiveDateTime,
    /// How far this member has read, as a journal position; 0 when they share no read receipts, or
    /// the reader shares none.
    pub read_seq: i64,
    /// How far events have reached a device of theirs, as a journal position.
    pub delivered_seq: i64,
}

/// The kinds of conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConversationKind {
    /// Two people; there is one for each pair.
    Direct,
    Group,
    /// Many listen; owners and admins speak.
    Channel,
    /// A named room, `chat:general`.
    Room,
}

impl ConversationKind {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
            Self::Room => "room",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Direct, Self::Group, Self::Channel, Self::Room]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A conversation, as one of its readers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationView {
    #[schema(value_type = String)]
    pub id: ConversationId,
    /// The topic to subscribe to.
    pub topic: String,
    pub kind: ConversationKind,
    /// The room name, for named rooms.
    pub name: Option<String>,
    pub title: String,
    pub description: String,
    #[schema(value_type = Option<String>)]
    pub owner: Option<UserId>,
    pub is_public: bool,
    /// Where its picture is, a path of this server; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Seconds a member waits between two messages; 0 for none. Those who keep it do not wait.
    pub slow_mode_s: i64,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: NaiveDateTime,
}

/// A conversation in its reader's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationEntry {
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// The reader's role in it; `null` for a public one they have not joined.
    pub my_role: Option<MemberRole>,
    /// Messages by others after the reader's read mark.
    pub unread: i64,
    /// How many of them mention the reader.
    pub mentions: i64,
    /// How far the reader has read, as a journal position.
    pub read_seq: i64,
    /// Until when the reader wants no notifications of it.
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muted_until: Option<NaiveDateTime>,
    /// The journal position of the newest event.
    pub head: i64,
    pub last_message: Option<MessageView>,
    /// The other person of a direct conversation.
    pub peer: Option<PersonView>,
}

/// What a subscriber needs to start from nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatSnapshot {
    pub conversation: ConversationView,
    /// The reader's role in it; `null` for a public one they have not joined.
    pub my_role: Option<MemberRole>,
    /// The last page, oldest first.
    pub messages: Vec<MessageView>,
    /// Whether there are messages before this page.
    pub more: bool,
    /// At most 500, owner and admins first; read marks are in here.
    pub members: Vec<MemberView>,
    pub member_count: i64,
    pub unread: i64,
    /// How many of the unread messages mention the reader.
    pub mentions: i64,
    /// Until when the reader wants no notifications of it.
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muted_until: Option<NaiveDateTime>,
    /// The pinned messages, the newest pin first.
    pub pins: Vec<MessageView>,
}

/// What a subscriber starts from, by kind of topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Snapshot {
    Chat(ChatSnapshot),
    Inbox(InboxSnapshot),
    Dashboard(DashboardView),
    Board(BoardSnapshot),
    Unit(Box<UnitSnapshot>),
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    pub messages: Vec<MessageView>,
    /// Whether there are more in the direction asked for.
    pub more: bool,
}

/// An account, as its owner and admins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    #[schema(value_type = String)]
    pub id: UserId,
    pub username: String,
    pub email: String,
    pub phone: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub display_name: String,
    pub role: String,
    /// For display only (student, teacher …); decides nothing.
    pub title: String,
    pub is_active: bool,
    pub is_available: bool,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub date_joined: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login: Option<NaiveDateTime>,
}
