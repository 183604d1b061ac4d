//! What an inbox says: each event carries how many notifications wait after it.

use serde::Serialize;

use crate::ids::NotificationId;
use crate::protocol::views::inbox::{InboxCounts, NotificationView};

/// An inbox event's `data`, with its `type` by [`InboxEvent::name`].
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum InboxEvent {
    /// A notification came, or grew and moved up.
    New {
        notification: NotificationView,
        #[serde(flatten)]
        counts: InboxCounts,
    },
    /// What it quotes has changed; it stays where it is.
    Changed {
        notification: NotificationView,
        #[serde(flatten)]
        counts: InboxCounts,
    },
    /// These were read, or all that came before this event.
    Read {
        ids: Vec<NotificationId>,
        all: bool,
        #[serde(flatten)]
        counts: InboxCounts,
    },
    /// All that came before this event were seen in a list.
    Seen {
        #[serde(flatten)]
        counts: InboxCounts,
    },
    /// These are gone, or all that were read.
    Deleted {
        ids: Vec<NotificationId>,
        all_read: bool,
        #[serde(flatten)]
        counts: InboxCounts,
    },
}

impl InboxEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New { .. } => "notification.new",
            Self::Changed { .. } => "notification.changed",
            Self::Read { .. } => "notification.read",
            Self::Seen { .. } => "notification.seen",
            Self::Deleted { .. } => "notification.deleted",
        }
    }
}
