//! The frames of the inbox.

use serde_json::{Value, json};
use switchboard::ids::{NotificationId, UserId};
use switchboard::protocol::event::inbox::InboxEvent;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::frame;
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::inbox::{InboxCounts, NotificationView, ObjectView, Priority};

use super::{alice, at};

fn notification() -> NotificationView {
    NotificationView {
        id: NotificationId(71),
        kind: "message".into(),
        priority: Priority::Normal,
        title: "Alice in General".into(),
        message: "hello".into(),
        object: Some(ObjectView { kind: "message".into(), id: "311".into() }),
        action_url: Some("/conversations/1".into()),
        data: Some(json!({"conversation": "1", "seq": 1300, "topic": "chat:general"})),
        actor: Some(alice()),
        group: Some("message:1".into()),
        count: 3,
        quiet: false,
        place: 14,
        created_at: at(),
        updated_at: at(),
        seen_at: None,
        read_at: None,
    }
}

fn counts(unread: i64, unseen: i64) -> InboxCounts {
    InboxCounts { unread, unseen }
}

/// Every event of an inbox's notifications, in the order of their positions.
pub fn events() -> Vec<Event> {
    let ids = vec![NotificationId(71)];
    let emptied = NotificationView { message: String::new(), ..notification() };
    [
        InboxEvent::New { notification: notification(), counts: counts(1, 1) },
        InboxEvent::Changed { notification: emptied, counts: counts(1, 1) },
        InboxEvent::Read { ids: ids.clone(), all: false, counts: counts(0, 0) },
        InboxEvent::Seen { counts: counts(1, 0) },
        InboxEvent::Deleted { ids, all_read: false, counts: counts(0, 0) },
    ]
    .into_iter()
    .zip(14..)
    .map(|(event, seq)| Event {
        topic: Topic::Inbox(UserId(3)),
        seq: Some(seq),
        at: at(),
        body: EventBody::Inbox(event),
    })
    .collect()
}

/// The replies of the inbox.
pub fn replies() -> Vec<(&'static str, String)> {
    let reference = serde_json::value::RawValue::from_string("\"c1\"".into()).unwrap();
    let snapshot = json!({
        "conversations": [], "notifications": [notification()], "more": false,
        "unread": 1, "unseen": 1,
    });
    let data = json!({
        "seq": 14, "epoch": "5f2c9a", "recovered": false, "snapshot": snapshot,
        "presence": Value::Null,
    });
    let topic = Topic::Inbox(UserId(3));
    vec![("ok to subscribe to an inbox", frame::ok(Some(&reference), Some(&topic), data))]
}
