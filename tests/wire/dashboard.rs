//! The frame of dashboards.

use std::sync::Arc;

use switchboard::ids::UserId;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::dashboard::{
    ActivityFigures, DashboardView, OwnFigures, RoleFigures, ServerFigures,
};

use super::at;

/// The one event of a dashboard, as an admin sees it.
pub fn events() -> Vec<Event> {
    let own = OwnFigures {
        unread_messages: 3,
        unread_conversations: 1,
        unread_notifications: 2,
        unseen_notifications: 1,
    };
    let activity =
        ActivityFigures { conversations_active: 4, messages_today: 57, people_online: 12 };
    let server = ServerFigures {
        connections: 40,
        deliveries_per_second: 310,
        attempts: 91,
        attempts_failed: 3,
        writer_queue: 0,
        topics_live: 22,
        slow_sockets: 1,
        uptime_seconds: 86_400,
    };
    let figures = RoleFigures { role: "admin".into(), activity, server: Some(server) };
    let view = DashboardView { own, figures: Arc::new(figures) };
    let (topic, body) = (Topic::Dashboard(UserId(3)), EventBody::Dashboard(view));
    vec![Event { topic, seq: None, at: at(), body }]
}
