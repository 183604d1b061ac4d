//! The frame of dashboards.

use std::sync::Arc;

use switchboard::ids::UserId;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::dashboard::{
    ActivityFigures, DashboardView, DispatchFigures, OwnFigures, RoleFigures, ServerFigures,
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
    let count = |word: &str, count| [(word.to_owned(), count)].into();
    let dispatch = DispatchFigures {
        open_incidents: 2,
        by_status: count("EN_ROUTE", 2),
        by_priority: count("HIGH", 2),
        responses: 9,
        response_p50_s: Some(412),
        response_p90_s: Some(688),
        units: 4,
        units_by_status: count("EN_ROUTE", 4),
        units_available: 0,
        units_busy: 4,
        utilization_percent: Some(100),
    };
    let figures = RoleFigures {
        role: "admin".into(),
        activity,
        dispatch: Some(Arc::new(dispatch)),
        server: Some(server),
    };
    let view = DashboardView { own, figures: Arc::new(figures) };
    let (topic, body) = (Topic::Dashboard(UserId(3)), EventBody::Dashboard(view));
    vec![Event { topic, seq: None, at: at(), body }]
}
