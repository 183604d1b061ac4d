//! Replay of an inbox: its journal entries turned back into the events they were.

use std::collections::HashMap;

use crate::ids::NotificationId;
use crate::models::error::StoreError;
use crate::models::journal::Entry;
use crate::models::notification;
use crate::models::store::DbConn;
use crate::protocol::event::EventBody;
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::views::inbox::{InboxCounts, NotificationView};

/// What the journal keeps of an inbox event beside the notification's id.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct InboxDelta {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<NotificationId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    #[serde(flatten)]
    pub counts: InboxCounts,
}

impl InboxDelta {
    /// As the journal keeps it.
    pub fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// The notifications that a page of entries speaks of, as they are now.
#[derive(Debug, Default)]
pub struct InboxRows {
    notifications: HashMap<NotificationId, NotificationView>,
}

impl InboxRows {
    /// Loads them with one query, and none when no entry speaks of one.
    ///
    /// # Errors
    /// When the database failed.
    pub fn load(conn: &mut DbConn, entries: &[Entry]) -> Result<Self, StoreError> {
        let shown = entries.iter().filter(|entry| {
            matches!(entry.kind.as_str(), "notification.new" | "notification.changed")
        });
        let ids: Vec<_> = shown.filter_map(|entry| entry.entity).map(NotificationId).collect();
        Ok(Self { notifications: notification::views(conn, &ids)? })
    }

    /// The event an entry was; `None` when it is not an inbox's, or what it speaks of is gone.
    pub fn body(&self, entry: &Entry) -> Option<EventBody> {
        let delta: InboxDelta = entry
            .delta
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let InboxDelta { ids, all, counts } = delta;
        let notification = || self.notifications.get(&NotificationId(entry.entity?)).cloned();
        Some(EventBody::Inbox(match entry.kind.as_str() {
            "notification.new" => InboxEvent::New { notification: notification()?, counts },
            "notification.changed" => InboxEvent::Changed { notification: notification()?, counts },
            "notification.read" => InboxEvent::Read { ids, all, counts },
            "notification.seen" => InboxEvent::Seen { counts },
            "notification.deleted" => InboxEvent::Deleted { ids, all_read: all, counts },
            _ => return None,
        }))
    }
}
