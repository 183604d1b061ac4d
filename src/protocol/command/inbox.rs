//! What a client may say to its inbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::ids::NotificationId;
use crate::protocol::command::{Command, CommandRow, read_data, row};
use crate::protocol::views::inbox::{Loudness, QuietHours};

/// A page of notifications, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct InboxList {
    /// Those with a smaller `place`; absent for the newest.
    pub before: Option<i64>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
    /// Only those not read.
    #[serde(default)]
    pub unread: bool,
}

/// I have read this one, or all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct InboxMarkRead {
    #[schema(value_type = Option<String>)]
    pub id: Option<NotificationId>,
    #[serde(default)]
    pub all: bool,
}

/// Take this one away, or all that were read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct InboxDelete {
    #[schema(value_type = Option<String>)]
    pub id: Option<NotificationId>,
    #[serde(default)]
    pub all_read: bool,
}

/// Change how loudly notifications may come; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct InboxPrefer {
    #[serde(default)]
    pub types: BTreeMap<String, Loudness>,
    /// `null` ends them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<QuietHours>)]
    pub quiet_hours: Option<Option<QuietHours>>,
}

/// Tells a `null` from an absent field.
fn given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Option<QuietHours>>, D::Error> {
    Option::<QuietHours>::deserialize(reader).map(Some)
}

/// Everything a client may say to its inbox.
#[derive(Debug, Clone)]
pub enum InboxCommand {
    List(InboxList),
    MarkRead(InboxMarkRead),
    MarkSeen,
    Delete(InboxDelete),
    Preferences,
    Prefer(InboxPrefer),
}

/// The rows of the inbox.
#[rustfmt::skip]
pub const INBOX: &[CommandRow] = &[
    row("inbox.list", true, |raw| read_data(raw).map(|list| Command::Inbox(InboxCommand::List(list)))),
    row("inbox.mark_read", true, |raw| read_data(raw).map(|mark| Command::Inbox(InboxCommand::MarkRead(mark)))),
    row("inbox.mark_seen", true, |_| Ok(Command::Inbox(InboxCommand::MarkSeen))),
    row("inbox.delete", true, |raw| read_data(raw).map(|wish| Command::Inbox(InboxCommand::Delete(wish)))),
    row("inbox.preferences", true, |_| Ok(Command::Inbox(InboxCommand::Preferences))),
    row("inbox.prefer", true, |raw| read_data(raw).map(|wish| Command::Inbox(InboxCommand::Prefer(wish)))),
];
