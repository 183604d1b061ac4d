//! The older dashboard's dialect: a stream of figures that anyone may open, a stream of
//! notifications, and talks between two members.

use serde_json::{Map, Value, json};

use crate::clock;
use crate::protocol::close::Close;
use crate::protocol::command::Command;
use crate::protocol::command::older::OlderCommand;
use crate::protocol::dialect::contract::{
    Audience, Deed, Dialect, Frame, Here, Opening, Request, Said,
};
use crate::protocol::dialect::incoming::object;
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::opaque;
use crate::protocol::views::MessageView;
use crate::protocol::views::inbox::NotificationView;

/// The figures, at `/ws/dashboard/`.
#[derive(Debug)]
pub struct Figures;

/// The notifications, at `/ws/notifications/`.
#[derive(Debug)]
pub struct Notices;

/// A talk between two members, at `/ws/member-chat/{uuid}/`.
#[derive(Debug)]
pub struct MemberTalk;

/// The `type` of a message as these clients are shown it; without one, the word they know for that.
fn type_of(said: &Map<String, Value>) -> String {
    match said.get("type") {
        None | Some(Value::Null) => "None".to_owned(),
        Some(Value::String(kind)) => kind.chars().take(64).collect(),
        Some(other) => other.to_string().chars().take(64).collect(),
    }
}

fn say(frame: &Value) -> Vec<Deed> {
    vec![Deed::Say(frame.to_string())]
}

impl Dialect for Figures {
    fn read(&self, said: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        match object(said) {
            Ok(said) => {
                let message = format!("Received: {}", type_of(&said));
                say(&json!({"type": "echo", "message": message}))
            }
            Err(_) => vec![Deed::Close {
                close: Close::InternalFault,
                reason: "not a JSON object".to_owned(),
            }],
        }
    }

    fn opening(&self, opening: &Opening<'_>) -> Vec<String> {
        let user = match &opening.here.who {
            Some(who) => {
                let email = who.profile.map(|profile| &*profile.email);
                email.filter(|email| !email.is_empty()).unwrap_or(who.username)
            }
            None => "anonymous",
        };
        let connected = json!({
            "type": "connection", "message": "Connected to dashboard", "user": user,
        });
        vec![connected.to_string()]
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let EventBody::Dashboard(view) = &event.body else { return Vec::new() };
        // Of the words these clients know, the one at which they look at the figures again.
        let word = "agent_status_change";
        let frame = json!({"type": word, "update_type": word, "payload": view});
        vec![Frame::to_all(frame.to_string())]
    }
}

/// A notification as it is pushed.
fn notice(notification: &NotificationView) -> Value {
    let data = |key: &str| notification.data.as_ref().and_then(|data| data.get(key));
    let talk = data("conversation").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let message = notification.object.as_ref().and_then(|object| object.id.parse().ok());
    if let ("message", Some(talk), Some(message)) = (notification.kind.as_str(), talk, message) {
        return json!({
            "type": "member_message",
            "conversation_id": opaque::of_conversation(talk),
            "message_id": opaque::of_message(message),
            "sender": notification.actor.as_ref().map(|actor| &actor.username),
            "content": notification.message,
            "title": notification.title,
        });
    }
    json!({
        "type": "notification",
        "notification": {
            "id": notification.id,
            "type": notification.kind,
            "title": notification.title,
            "message": notification.message,
            "is_read": notification.read_at.is_some(),
            "created_at": clock::rfc3339(notification.created_at),
            "project": Value::Null,
            "story": Value::Null,
        },
    })
}

impl Dialect for Notices {
    fn read(&self, said: Said<'_>, here: &Here<'_>) -> Vec<Deed> {
        let Ok(said) = object(said) else {
            return say(&json!({"type": "error", "message": "Invalid JSON"}));
        };
        match said.get("type").and_then(Value::as_str) {
            Some("ping") => {
                say(&json!({"type": "pong", "timestamp": here.at.and_utc().to_rfc3339()}))
            }
            _ => {
                let message = format!("Unknown message type: {}", type_of(&said));
                say(&json!({"type": "error", "message": message}))
            }
        }
    }

    fn opening(&self, opening: &Opening<'_>) -> Vec<String> {
        let connected = json!({
            "type": "connection",
            "message": "Connected to notification stream",
            "user_id": opening.here.who.as_ref().map(|who| opaque::of_user(who.id)),
        });
        vec![connected.to_string()]
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        match &event.body {
            EventBody::Inbox(InboxEvent::New { notification, .. }) => {
                vec![Frame::to_all(notice(notification).to_string())]
            }
            _ => Vec::new(),
        }
    }
}

/// A message of a talk.
fn written(message: &MessageView) -> Value {
    let sender = message.sender.as_ref();
    let profile = sender.and_then(|sender| sender.profile.as_deref());
    json!({
        "id": opaque::of_message(message.id),
        "conversation": opaque::of_conversation(message.conversation),
        "sender": sender.map(|sender| opaque::of_user(sender.id)),
        "sender_email": profile.map_or("", |profile| &*profile.email),
        "sender_username": sender.map_or("", |sender| &sender.username),
        "role": profile.map_or("", |profile| &*profile.role),
        "content": message.content,
        "attachments": [],
        "created_at": clock::rfc3339(message.created_at),
        "updated_at": clock::rfc3339(message.edited_at.unwrap_or(message.created_at)),
        // Whoever reads this frame has it.
        "is_delivered": true,
        "delivered_at": clock::rfc3339(message.created_at),
        "is_read": false,
        "read_at": Value::Null,
    })
}

impl Dialect for MemberTalk {
    fn read(&self, said: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        let said = object(said).unwrap_or_default();
        if said.get("type").and_then(Value::as_str) != Some("mark_read") {
            return Vec::new();
        }
        let id = match said.get("message_id") {
            Some(Value::String(text)) => opaque::message(text),
            Some(Value::Number(number)) => opaque::message(&number.to_string()),
            _ => None,
        };
        let read = id.map(|id| Command::Older(OlderCommand::ReadTo { message: Some(id) }));
        read.map(|read| Deed::Do(Request::silent(read))).into_iter().collect()
    }

    fn opening(&self, _: &Opening<'_>) -> Vec<String> {
        let connected = json!({"type": "connection", "message": "Connected to member chat"});
        vec![connected.to_string()]
    }

    fn arriving(&self, _: &Here<'_>) -> Vec<Request> {
        vec![Request::silent(Command::Older(OlderCommand::ReadAll))]
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let (frame, to) = match &event.body {
            EventBody::MessageNew(message) => {
                let frame = json!({"type": "member_message", "message": written(message)});
                (frame, Audience::All)
            }
            EventBody::Older(OlderEvent::Read { user, message: Some(message) }) => {
                let id = opaque::of_message(*message);
                (json!({"type": "message_read", "message_id": id}), Audience::AllBut(*user))
            }
            EventBody::Older(OlderEvent::Delivered { user, message }) => {
                let id = opaque::of_message(*message);
                (json!({"type": "message_delivered", "message_id": id}), Audience::AllBut(*user))
            }
            _ => return Vec::new(),
        };
        vec![Frame { text: frame.to_string(), to }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ConversationId, MessageId, NotificationId, UserId};
    use crate::protocol::topic::Topic;
    use crate::protocol::views::inbox::{InboxCounts, ObjectView, Priority};

    fn here() -> Here<'static> {
        Here { who: None, topic: None, at: "2026-11-21T01:36:56.123456".parse().unwrap() }
    }

    fn said(dialect: &dyn Dialect, text: &str) -> Option<Value> {
        match dialect.read(Said::Text(text), &here()).pop()? {
            Deed::Say(text) => Some(serde_json::from_str(&text).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_dashboard_echoes_any_object_a_ping_too() {
        for (text, word) in
            [(r#"{"type":"ping"}"#, "ping"), (r#"{"type":5}"#, "5"), (r#"{"a":1}"#, "None")]
        {
            let expected = json!({"type": "echo", "message": format!("Received: {word}")});
            assert_eq!(said(&Figures, text), Some(expected), "{text}");
        }
        for text in ["", "x", "[]", "5", "{"] {
            let deeds = Figures.read(Said::Text(text), &here());
            let is_closed =
                matches!(deeds.as_slice(), [Deed::Close { close: Close::InternalFault, .. }]);
            assert!(is_closed, "{text}: {deeds:?}");
        }
    }

    #[test]
    fn nobody_is_greeted_as_anonymous() {
        let opening = Opening { here: here(), joined: None, snapshot: None, people: &[] };
        let expected =
            r#"{"message":"Connected to dashboard","type":"connection","user":"anonymous"}"#;
        assert_eq!(Figures.opening(&opening), [expected]);
    }

    #[test]
    fn the_notification_stream_answers_pings_and_names_what_it_does_not_know() {
        let pong = json!({"type": "pong", "timestamp": "2026-11-21T01:36:56.123456+00:00"});
        assert_eq!(said(&Notices, r#"{"type":"ping"}"#), Some(pong));
        let unknown = json!({"type": "error", "message": "Unknown message type: x"});
        assert_eq!(said(&Notices, r#"{"type":"x"}"#), Some(unknown));
        let invalid = json!({"type": "error", "message": "Invalid JSON"});
        for text in ["x", "[]", ""] {
            assert_eq!(said(&Notices, text), Some(invalid.clone()), "{text}");
        }
    }

    fn notification(kind: &str) -> NotificationView {
        NotificationView {
            id: NotificationId(71),
            kind: kind.into(),
            priority: Priority::Normal,
            title: "Alice".into(),
            message: "hello".into(),
            object: Some(ObjectView { kind: "message".into(), id: "311".into() }),
            action_url: None,
            data: Some(json!({"conversation": "9"})),
            actor: None,
            group: None,
            count: 1,
            quiet: false,
            place: 1,
            created_at: here().at,
            updated_at: here().at,
            seen_at: None,
            read_at: None,
        }
    }

    #[test]
    fn a_message_and_any_other_notification_are_pushed_in_their_own_frames() {
        let pushed = |kind| {
            let notification = notification(kind);
            let body = InboxEvent::New { notification, counts: InboxCounts::default() };
            let topic = Topic::Inbox(UserId(3));
            let body = EventBody::Inbox(body);
            let frames = Notices.event(&Event { topic, seq: Some(1), at: here().at, body });
            serde_json::from_str::<Value>(&frames[0].text).unwrap()
        };
        let message = pushed("message");
        assert_eq!(message["type"], "member_message");
        assert_eq!(message["conversation_id"], opaque::of_conversation(ConversationId(9)));
        assert_eq!(message["message_id"], opaque::of_message(MessageId(311)));
        let other = pushed("broadcast");
        assert_eq!(other["type"], "notification");
        assert_eq!(other["notification"]["is_read"], false);
        assert_eq!(other["notification"]["title"], "Alice");
    }

    #[test]
    fn a_talk_reads_marks_alone() {
        let id = opaque::of_message(MessageId(311));
        let deeds = MemberTalk
            .read(Said::Text(&json!({"type": "mark_read", "message_id": id}).to_string()), &here());
        let is_read = matches!(
            deeds.as_slice(),
            [Deed::Do(Request {
                command: Command::Older(OlderCommand::ReadTo { message: Some(MessageId(311)) }),
                ..
            })]
        );
        assert!(is_read, "{deeds:?}");
        for text in ["x", "{}", r#"{"type":"chat"}"#, r#"{"type":"mark_read","message_id":"x"}"#] {
            assert!(MemberTalk.read(Said::Text(text), &here()).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_one_has_read_is_told_to_the_other() {
        let body =
            EventBody::Older(OlderEvent::Read { user: UserId(3), message: Some(MessageId(311)) });
        let topic = Topic::conversation(ConversationId(9));
        let frames = MemberTalk.event(&Event { topic, seq: None, at: here().at, body });
        assert_eq!(frames[0].to, Audience::AllBut(UserId(3)));
        assert!(frames[0].text.contains(r#""message_read""#));
    }
}
