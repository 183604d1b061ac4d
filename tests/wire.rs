//! The frames of the native protocol, as fixtures that the server and every client read alike.
//!
//! A client's fixture says what its frame is read as, or how it is refused; a server's is exactly
//! what the encoder writes. No command and no event is without one.

#[path = "wire/calls.rs"]
mod calls;
#[path = "wire/dashboard.rs"]
mod dashboard;
#[path = "wire/dispatch.rs"]
mod dispatch;
#[path = "wire/inbox.rs"]
mod inbox;
#[path = "wire/people.rs"]
mod people;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use switchboard::ids::{AttachmentId, ConversationId, MessageId, UnitId, UserId};
use switchboard::protocol::command;
use switchboard::protocol::event::talk::TalkEvent;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::frame;
use switchboard::protocol::refusal::Refusal;
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::attachment::AttachmentView;
use switchboard::protocol::views::positions::PositionView;
use switchboard::protocol::views::talk::{
    ForwardView, PinView, ReactionView, ReactorView, ReceiptSharing,
};
use switchboard::protocol::views::{
    ChatSnapshot, ConversationKind, ConversationView, HistoryPage, MemberRole, MemberView,
    MessageView, PersonView, ReplyView,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    name: String,
    direction: Direction,
    says: String,
    frame: Value,
    /// A client's: the command it is read as, in Rust's debug form.
    reads_as: Option<String>,
    /// A client's: why it is not read.
    refused: Option<Expected>,
}

#[derive(Deserialize, PartialEq, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Client,
    Server,
}

#[derive(Deserialize)]
struct Expected {
    code: String,
    field: String,
}

fn fixtures(direction: Direction) -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/frames");
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let fixture: Fixture =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(!fixture.says.is_empty(), "{path:?}");
        if fixture.direction == direction {
            out.push(fixture);
        }
    }
    out
}

/// What the command reader makes of a whole frame, as the session does.
fn read(text: &str) -> Result<String, Refusal> {
    let inbound = frame::parse(text)?;
    let (row, command) = command::read(&inbound.kind, inbound.data)?;
    if let Some(topic) = &inbound.topic {
        assert!(topic.parse::<Topic>().is_ok(), "{text}");
    }
    assert!(!row.needs_topic || inbound.topic.is_some(), "needs a topic: {text}");
    Ok(format!("{command:?}"))
}

#[test]
fn every_client_frame_is_read_or_refused_as_its_fixture_says() {
    let fixtures = fixtures(Direction::Client);
    assert!(fixtures.len() > command::commands().count(), "only {} were found", fixtures.len());
    for fixture in fixtures {
        let name = &fixture.name;
        match (read(&fixture.frame.to_string()), fixture.reads_as, fixture.refused) {
            (Ok(command), Some(expected), None) => assert_eq!(command, expected, "{name}"),
            (Err(refusal), None, Some(expected)) => {
                assert_eq!(refusal.code.row().name, expected.code, "{name}");
                assert_eq!(refusal.field.as_deref(), Some(expected.field.as_str()), "{name}");
                assert!(refusal.rule.is_some(), "{name}: a refused field names its rule");
            }
            (read, ..) => panic!("{name}: read as {read:?}"),
        }
    }
}

#[test]
fn every_command_has_a_fixture_of_its_name() {
    let fixtures = fixtures(Direction::Client);
    for row in command::commands() {
        let fixture = fixtures.iter().find(|fixture| fixture.name == row.name);
        let fixture = fixture.unwrap_or_else(|| panic!("no fixture for {}", row.name));
        assert_eq!(fixture.frame["type"], row.name);
        assert_eq!(fixture.frame.get("topic").is_some(), row.needs_topic, "{}", row.name);
    }
}

fn at() -> NaiveDateTime {
    "2026-11-21T10:00:00.123456".parse().unwrap()
}

fn alice() -> PersonView {
    PersonView {
        id: UserId(2),
        username: "alice".into(),
        display_name: "Alice".into(),
        avatar: None,
        profile: None,
    }
}

fn bob() -> PersonView {
    PersonView {
        id: UserId(3),
        username: "bob".into(),
        display_name: "bob".into(),
        avatar: None,
        profile: None,
    }
}

fn message() -> MessageView {
    MessageView {
        id: MessageId(311),
        conversation: ConversationId(1),
        seq: 1300,
        sender: Some(alice()),
        sender_name: None,
        message_type: "text".into(),
        content: "hello".into(),
        reply_to: Some(ReplyView {
            id: MessageId(310),
            sender: Some(UserId(3)),
            content: "good morning".into(),
            author: Some(bob()),
        }),
        client_id: Some("3d1b7c7e".into()),
        created_at: at(),
        edited_at: None,
        deleted: false,
        forwarded_from: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        pinned: None,
        attachments: Vec::new(),
    }
}

fn attachment() -> AttachmentView {
    AttachmentView {
        id: AttachmentId(71),
        name: "roof.jpg".into(),
        content_type: "image/jpeg".into(),
        size: 48_213,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        width: Some(1_600),
        height: Some(1_200),
        url: "/api/v1/attachments/71/content".into(),
        thumbnail_url: Some("/api/v1/attachments/71/thumbnail".into()),
        key: "b0f00a089f86d081884c7d659a2feaa0".into(),
    }
}

fn conversation() -> ConversationView {
    ConversationView {
        id: ConversationId(1),
        topic: "chat:general".into(),
        kind: ConversationKind::Room,
        name: Some("general".into()),
        title: "General".into(),
        description: String::new(),
        owner: Some(UserId(2)),
        is_public: true,
        avatar: None,
        slow_mode_s: 0,
        created_at: at(),
        updated_at: at(),
    }
}

fn member() -> MemberView {
    MemberView {
        user: bob(),
        role: MemberRole::Member,
        nickname: String::new(),
        joined_at: at(),
        read_seq: 0,
        delivered_seq: 0,
    }
}

/// What people do with messages, and with their own place.
fn talk_events() -> Vec<TalkEvent> {
    let (id, user, by) = (MessageId(311), UserId(3), Some(UserId(2)));
    let topic = Topic::room("general");
    vec![
        TalkEvent::Reacted { id, user, emoji: "👍".into(), on: true, count: 2 },
        TalkEvent::Pinned { id, on: true, by },
        TalkEvent::DeliveredMarked { user, seq: 1299 },
        TalkEvent::ConversationRead { topic: topic.clone(), seq: 1299 },
        TalkEvent::MemberNicknamed { user, nickname: "Bobby".into(), by },
        TalkEvent::ConversationMuted { topic, until: Some(at()) },
        TalkEvent::ReceiptsShared(ReceiptSharing { on: false }),
        TalkEvent::Passed {},
    ]
}

/// Every event, with its topic and position.
fn events() -> Vec<Event> {
    let chat = Topic::room("general");
    let inbox = Topic::Inbox(UserId(3));
    let by = Some(UserId(2));
    let edited = MessageView {
        content: "hello, all".into(),
        edited_at: Some(at()),
        forwarded_from: Some(ForwardView { sender: Some(bob()), of: Some(MessageId(3)) }),
        mentions: vec![bob()],
        reactions: vec![ReactionView {
            emoji: "👍".into(),
            count: 1,
            users: vec![UserId(3)],
            each: vec![ReactorView { emoji: "👍".into(), user: bob(), at: at() }],
        }],
        pinned: Some(PinView { by, at: at() }),
        ..message()
    };
    let bodies = [
        EventBody::MessageNew(MessageView { attachments: vec![attachment()], ..message() }),
        EventBody::MessageEdited(edited),
        EventBody::MessageDeleted { id: MessageId(311), by },
        EventBody::ReadMarked { user: UserId(3), seq: 1299 },
        EventBody::MemberAdded { member: member(), by },
        EventBody::MemberRemoved { user: UserId(3), by },
        EventBody::MemberPromoted { user: UserId(3), role: MemberRole::Admin, by },
        EventBody::ConversationChanged(conversation()),
        EventBody::ConversationAdded(conversation()),
        EventBody::ConversationRemoved { topic: chat.clone() },
        EventBody::Typing { user: alice(), on: true, expires_ms: 6000 },
        EventBody::Presence { joined: vec![alice()], left: vec![bob()] },
        EventBody::Published {
            event: "cursor".into(),
            from: UserId(2),
            data: Some(to_raw_value(&json!({"x": 3, "y": 4})).unwrap().into()),
        },
        EventBody::Positions {
            positions: vec![PositionView {
                unit: UnitId(3),
                latitude: 8.48,
                longitude: -13.23,
                accuracy_m: Some(8),
                heading_deg: Some(270),
                speed_kmh: Some(54),
                fixed_at: Some(at()),
                received_at: at(),
            }],
        },
    ];
    let bodies = bodies.into_iter().chain(talk_events().into_iter().map(EventBody::Talk));
    let place = |body: &EventBody| match body {
        EventBody::Talk(
            TalkEvent::ConversationRead { .. }
            | TalkEvent::ConversationMuted { .. }
            | TalkEvent::ReceiptsShared(_),
        )
        | EventBody::ConversationAdded(_) => (inbox.clone(), Some(12)),
        EventBody::ConversationRemoved { .. } => (inbox.clone(), Some(13)),
        // No wildcard: a new event must be given its place here, and then above.
        EventBody::MessageNew(_)
        | EventBody::MessageEdited(_)
        | EventBody::MessageDeleted { .. }
        | EventBody::ReadMarked { .. }
        | EventBody::MemberAdded { .. }
        | EventBody::MemberRemoved { .. }
        | EventBody::MemberPromoted { .. }
        | EventBody::Talk(_)
        | EventBody::ConversationChanged(_) => (chat.clone(), Some(1300)),
        // Parts with a file of their own have their places there.
        EventBody::People(_)
        | EventBody::Call(_)
        | EventBody::Report(_)
        | EventBody::Dispatch(_)
        | EventBody::Inbox(_)
        | EventBody::Dashboard(_) => (inbox.clone(), None),
        EventBody::Positions { .. } => (Topic::Positions, None),
        EventBody::Typing { .. } | EventBody::Presence { .. } | EventBody::Published { .. } => {
            (chat.clone(), None)
        }
        // On no native wire, so there is no fixture for it.
        EventBody::Older(_) => (chat.clone(), None),
    };
    bodies
        .map(|body| {
            let (topic, seq) = place(&body);
            Event { topic, seq, at: at(), body }
        })
        .chain(people::events())
        .chain(dispatch::events())
        .chain(inbox::events())
        .chain(dashboard::events())
        .chain(calls::events())
        .collect()
}

/// The replies and notices, by the name of their fixture.
fn replies() -> Vec<(&'static str, String)> {
    let chat = Topic::room("general");
    let text = RawValue::from_string("\"c1\"".into()).unwrap();
    let number = RawValue::from_string("7".into()).unwrap();
    let ok = |data: Value| frame::ok(Some(&text), Some(&chat), data);
    let about = |kind, data: Value| frame::notice(kind, None, None, Some(data));
    let snapshot = ChatSnapshot {
        conversation: conversation(),
        my_role: Some(MemberRole::Member),
        messages: vec![message()],
        more: true,
        members: vec![member()],
        member_count: 1,
        unread: 2,
        mentions: 1,
        muted_until: None,
        pins: Vec::new(),
    };
    let page = HistoryPage { messages: vec![message()], more: true };
    let stamp = "2026-11-21T10:00:00.123456Z";
    let subscribed = |recovered: bool, snapshot: Value| {
        ok(json!({
            "seq": 1300, "epoch": "5f2c9a", "recovered": recovered,
            "snapshot": snapshot, "presence": [alice()], "presence_count": 1,
        }))
    };
    let limits = json!({"max_frame_bytes": 65536, "topics": 128, "rate": 50, "burst": 200});
    let welcome = json!({
        "session": "9c1f", "user": alice(), "role": "member", "server_time": stamp,
        "heartbeat_ms": 25000, "expires_at": stamp, "epoch": "5f2c9a", "limits": limits,
    });
    let missing = Refusal::field("data.content", "required");
    vec![
        ("welcome", about("welcome", welcome)),
        ("ok", ok(json!({"id": "311", "seq": 1300}))),
        ("ok to subscribe from nothing", subscribed(false, json!(snapshot))),
        ("ok to subscribe after a position", subscribed(true, Value::Null)),
        ("ok to history", ok(json!(page))),
        ("live", frame::notice("live", Some(&chat), Some(1300), None::<()>)),
        ("unsubscribed", frame::unsubscribed(&chat, 4003, "no longer a member")),
        ("auth.expiring", about("auth.expiring", json!({"in_ms": 30000}))),
        ("goodbye", about("goodbye", json!({"code": 1012, "retry_after_ms": 1830}))),
        ("pong", frame::pong(at())),
        ("error", frame::error(Some(&text), Some(&chat), &missing)),
        ("error to too many", frame::error(Some(&number), None, &Refusal::rate_limited(1200))),
    ]
}

#[test]
fn every_server_frame_is_written_as_its_fixture_says() {
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for event in events() {
        let twice = written.insert(event.body.name().to_owned(), frame::event(&event));
        assert!(twice.is_none(), "two events are called {}", event.body.name());
    }
    written.extend(
        replies().into_iter().chain(inbox::replies()).map(|(name, text)| (name.to_owned(), text)),
    );
    for fixture in fixtures(Direction::Server) {
        assert!(fixture.reads_as.is_none() && fixture.refused.is_none(), "{}", fixture.name);
        let text = written
            .remove(&fixture.name)
            .unwrap_or_else(|| panic!("no frame is written for the fixture {}", fixture.name));
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(frame, fixture.frame, "{}", fixture.name);
    }
    let names: Vec<&String> = written.keys().collect();
    assert!(names.is_empty(), "written, but without a fixture: {names:?}");
}

#[test]
fn no_event_is_left_out_and_each_has_its_type_on_the_wire() {
    let sources = [
        include_str!("../src/protocol/event.rs"),
        include_str!("../src/protocol/event/dispatch.rs"),
        include_str!("../src/protocol/event/people.rs"),
        include_str!("../src/protocol/event/talk.rs"),
        include_str!("../src/protocol/event/inbox.rs"),
        include_str!("../src/protocol/event/call.rs"),
        include_str!("../src/protocol/event/report.rs"),
    ];
    let named = sources.map(|source| source.matches(" => \"").count());
    assert_eq!(events().len(), named.iter().sum::<usize>());
    for event in events() {
        let frame: Value = serde_json::from_str(&frame::event(&event)).unwrap();
        assert_eq!(frame["type"], event.body.name());
    }
}
