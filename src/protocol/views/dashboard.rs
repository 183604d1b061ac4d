//! The figures of a dashboard: one's own, and those of one's role.

use std::collections::BTreeMap;
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

/// What dispatch does, without a word of callers or patients.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DispatchFigures {
    pub open_incidents: i64,
    /// Open incidents by where they stand.
    pub by_status: BTreeMap<String, i64>,
    /// Open incidents by how much they press.
    pub by_priority: BTreeMap<String, i64>,
    /// Incidents received in the last 24 hours that somebody has reached.
    pub responses: i64,
    /// From the call to the first crew on scene, of half of them at most, in seconds.
    pub response_p50_s: Option<i64>,
    /// The same, of nine in ten.
    pub response_p90_s: Option<i64>,
    /// Units there are.
    pub units: i64,
    pub units_by_status: BTreeMap<String, i64>,
    /// Free to be ordered.
    pub units_available: i64,
    /// On an incident.
    pub units_busy: i64,
    /// Busy of 100 that are free or busy; none when there are none.
    pub utilization_percent: Option<i64>,
}

/// The figures of one role, the same to all who have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleFigures {
    pub role: String,
    pub activity: ActivityFigures,
    /// For those who may read the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DispatchFigures>)]
    pub dispatch: Option<Arc<DispatchFigures>>,
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
