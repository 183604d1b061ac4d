//! Notifications as their owner sees them, and how loudly they may come.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock;
use crate::ids::NotificationId;
use crate::protocol::views::{ConversationEntry, PersonView};

/// How much a notification matters, from least to most. An urgent one breaks quiet hours and
/// preferences.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

impl Priority {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High, Self::Urgent]
            .into_iter()
            .find(|priority| priority.as_str() == text)
    }
}

/// How loudly notifications of one type may come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Loudness {
    /// With sound, and to the notifier when nobody is connected to hear.
    #[default]
    Loud,
    /// In the list alone.
    Quiet,
    /// Not at all.
    Off,
}

impl Loudness {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loud => "loud",
            Self::Quiet => "quiet",
            Self::Off => "off",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Loud, Self::Quiet, Self::Off].into_iter().find(|loud| loud.as_str() == text)
    }
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectView {
    /// A word: `message`, `conversation`, `incident` …
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

/// A notification. While it is unread, one that repeats grows: `count` rises and it moves up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    #[schema(value_type = String)]
    pub id: NotificationId,
    /// A word: `message`, `mention`, `invite`, `call_missed`, `assignment`, `broadcast` …
    #[serde(rename = "type")]
    pub kind: String,
    pub priority: Priority,
    pub title: String,
    pub message: String,
    pub object: Option<ObjectView>,
    /// Where a click leads.
    pub action_url: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Who caused it.
    pub actor: Option<PersonView>,
    /// What repeats of it have in common.
    pub group: Option<String>,
    /// How often it has come since it was last read.
    pub count: i64,
    /// Came in quiet hours or by a quiet preference: no sound, please.
    pub quiet: bool,
    /// The position on the inbox of the event that last put it on top; lists are paged by it.
    pub place: i64,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub read_at: Option<NaiveDateTime>,
}

/// How many notifications wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxCounts {
    /// Not read.
    pub unread: i64,
    /// Neither read nor seen in a list: what a badge shows.
    pub unseen: i64,
}

/// A page of notifications, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationPage {
    pub notifications: Vec<NotificationView>,
    /// Whether there are older ones.
    pub more: bool,
    #[serde(flatten)]
    pub counts: InboxCounts,
}

/// A span of each day in which notifications come quietly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// A name of the IANA time zone database: `Europe/Paris`.
    pub time_zone: String,
    /// `HH:MM` by the clocks of that zone.
    pub from: String,
    /// `HH:MM`, not included; before `from` it is the next morning's.
    pub to: String,
}

/// How loudly someone's notifications may come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreferencesView {
    /// By type; one that is not named is loud.
    pub types: BTreeMap<String, Loudness>,
    pub quiet_hours: Option<QuietHours>,
}

/// What an inbox's reader starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InboxSnapshot {
    pub conversations: Vec<ConversationEntry>,
    pub notifications: Vec<NotificationView>,
    /// Whether there are older notifications.
    pub more: bool,
    #[serde(flatten)]
    pub counts: InboxCounts,
}
