//! The figures of a dashboard: one's own, and those of one's role.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

/// What waits for one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnFigures {
    /// Messages by others after one's read marks, in all one's conversations.
    pub unread_messages: i64,
    /// Conversations with such messages.
    pub unread_conversations: i64,
    /// Notifications not read.
    pub unread_notifications: i64,
    /// Notifications neither read nor seen.
    pub unseen_notifications: i64,
}

/// What goes on among people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActivityFigures {
    /// Conversations written to in the last 24 hours.
    pub conversations_active: i64,
    /// Messages since midnight, UTC.
    pub messages_today: i64,
    /// People with a connection, on any node.
    pub people_online: i64,
}

/// How the server does, of this node since its start unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServerFigures {
    /// Connections open now.
    pub connections: i64,
    /// Events handed to connections in the last second.
    pub deliveries_per_second: i64,
    /// Attempts to connect in the last hour, on any node.
    pub attempts: i64,
    /// Those of them that were refused or failed.
    pub attempts_failed: i64,
    /// Commands that wait for the writer.
    pub writer_queue: i64,
    /// Topics somebody listens to.
    pub topics_live: i64,
    /// Connections closed because they read too slowly.
    pub slow_sockets: i64,
    pub uptime_seconds: i64,
}

/// The figures of one role, the same to all who have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleFigures {
    pub role: String,
    pub activity: ActivityFigures,
    /// For admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFigures>,
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DashboardView {
    pub own: OwnFigures,
    #[serde(flatten)]
    #[schema(value_type = RoleFigures)]
    pub figures: Arc<RoleFigures>,
}
