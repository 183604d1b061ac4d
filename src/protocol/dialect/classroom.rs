//! The classroom's dialect: rooms of a school, opaque tokens, acknowledged messages.
//!
//! Its clients raise an alarm for a type they do not know, so they are sent none. Errors say their
//! words twice, for the servers wrote `message` and the clients read `error`.

pub mod shapes;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ids::MessageId;
use crate::protocol::close::Close;
use crate::protocol::command::older::{OlderCommand, Side};
use crate::protocol::command::{Command, MessageEdit, MessageSend, Subscribe, Typing};
use crate::protocol::dialect::contract::{
    Answered, Deed, Dialect, Frame, Here, Opening, Parting, Request, Said,
};
use crate::protocol::dialect::face::{Face, Faces};
use crate::protocol::dialect::incoming::{self, NoObject};
use crate::protocol::dialect::moment::offset;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{ChatKey, Topic};
use crate::protocol::views::{MessageView, Snapshot};

use self::shapes::{Extras, GENERAL};

/// Messages that a socket begins with.
const HISTORY: i64 = 50;

/// The codec.
#[derive(Debug)]
pub struct Classroom {
    /// Whether people come and go with a frame each; in the general room they do not.
    pub tells_arrivals: bool,
}

/// What is remembered of a request until its answer.
#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    Send,
    Edit(i64),
}

fn frame<T: Serialize>(value: &T) -> String {
    // Our own frames have string keys only, so writing them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn error(words: &str, code: Option<&str>) -> String {
    let mut told = json!({"type": "error", "error": words, "message": words});
    if let (Some(code), Value::Object(fields)) = (code, &mut told) {
        fields.insert("code".to_owned(), json!(code));
    }
    frame(&told)
}

fn invalid(words: &str) -> Vec<Deed> {
    vec![Deed::Say(error(words, Some("validation_error")))]
}

/// A field at the top, where the servers read it, or in `data`, where the clients write it.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let given = |value: &&Value| !value.is_null();
    fields.get(name).filter(given).or_else(|| fields.get("data")?.get(name).filter(given))
}

fn send(fields: &Map<String, Value>) -> Vec<Deed> {
    let on_top = fields.get("content").is_some_and(|value| !value.is_null());
    let content = match field(fields, "content") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        _ => return invalid("Message content required"),
    };
    let kind = field(fields, "message_type").and_then(Value::as_str);
    let kind = kind.filter(|kind| shapes::MESSAGE_TYPES.contains(kind));
    let send = MessageSend {
        content,
        message_type: kind.map(str::to_owned),
        reply_to: incoming::id(field(fields, "reply_to")),
        ..MessageSend::default()
    };
    // The nested form is what the pages send, and they send it over REST as well.
    let command = match on_top {
        true => Command::MessageSend(send),
        false => Command::Older(OlderCommand::SendTwice { send, side: Side::Socket }),
    };
    vec![Deed::Do(Request::answered(command, &Asked::Send))]
}

fn edit(fields: &Map<String, Value>) -> Vec<Deed> {
    let Some(id) = incoming::id::<MessageId>(field(fields, "message_id")) else {
        return invalid("Message ID required");
    };
    let content = match field(fields, "content") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        _ => return invalid("Message content required"),
    };
    let command = Command::MessageEdit(MessageEdit { id, content, client_id: None });
    vec![Deed::Do(Request::answered(command, &Asked::Edit(id.0)))]
}

fn understand(fields: &Map<String, Value>) -> Vec<Deed> {
    let silent = |command| vec![Deed::Do(Request::silent(command))];
    match fields.get("type").and_then(Value::as_str).unwrap_or_default() {
        "chat_message" => send(fields),
        "message_edit" => edit(fields),
        "typing" => silent(Command::Typing(Typing { on: true })),
        "typing_stop" => silent(Command::Typing(Typing { on: false })),
        "mark_read" => match incoming::id(field(fields, "message_id")) {
            Some(id) => silent(Command::Older(OlderCommand::ReadTo { message: Some(id) })),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Whether replies in this room are threads.
fn has_threads(topic: &Topic) -> bool {
    matches!(topic, Topic::Chat(ChatKey::Name(name)) if **name == *GENERAL)
}

fn message(message: &MessageView, topic: &Topic, is_read: bool) -> Value {
    let faces: Faces = incoming::faces(message);
    let thread = message.reply_to.as_ref().filter(|_| has_threads(topic));
    let extras = Extras {
        thread: thread.map(|reply| (reply.id, reply.content.clone())),
        is_read,
        ..Extras::default()
    };
    shapes::message(message, &extras, &faces, "")
}

fn history(opening: &Opening<'_>, topic: &Topic) -> Value {
    let Some(Snapshot::Chat(snapshot)) = opening.snapshot else { return json!([]) };
    let reader = opening.here.who.map(|who| who.id);
    let mine = snapshot.members.iter().find(|member| Some(member.user.id) == reader);
    let read_seq = mine.map_or(0, |mine| mine.read_seq);
    let there = snapshot.messages.iter().filter(|message| !message.deleted);
    let written = there.map(|one| {
        let is_read = incoming::is_by(one, reader) || one.seq <= read_seq;
        message(one, topic, is_read)
    });
    Value::Array(written.collect())
}

fn edited(view: &MessageView) -> Value {
    let at = view.edited_at.unwrap_or(view.created_at);
    json!({
        "type": "message_edited",
        "message_id": view.id.0,
        "content": view.content,
        "is_edited": true,
        "edited_at": offset(at),
    })
}

fn typing(face: &Face, on: bool) -> Value {
    match on {
        true => json!({"type": "typing", "user": shapes::arrival(face)}),
        false => json!({"type": "typing_stop", "user": shapes::departure(face)}),
    }
}

impl Classroom {
    fn seat(&self, face: &Face, taken: bool) -> Vec<Value> {
        match (self.tells_arrivals, taken) {
            (false, _) => Vec::new(),
            (true, true) => vec![json!({"type": "user_joined", "user": shapes::arrival(face)})],
            (true, false) => vec![
                typing(face, false),
                json!({"type": "user_left", "user": shapes::departure(face)}),
            ],
        }
    }
}

/// The words and the code of a refusal.
fn refused(asked: &Asked, refusal: &Refusal) -> (String, &'static str) {
    let (words, code) = match (refusal.code, asked) {
        (Code::NotFound, Asked::Edit(_)) => ("Message not found", "not_found"),
        (Code::Forbidden, Asked::Edit(_)) => {
            ("You can only edit your own messages", "access_denied")
        }
        (Code::NotFound | Code::Forbidden | Code::NotAMember, Asked::Send) => {
            ("Access denied to this room", "access_denied")
        }
        (Code::BadRequest | Code::TooLarge, _) => {
            return (refusal.message.to_string(), "validation_error");
        }
        (Code::NotAuthenticated, _) => ("Authentication required", "auth_error"),
        (_, Asked::Send) => return (refusal.message.to_string(), "save_error"),
        (_, Asked::Edit(_)) => return (refusal.message.to_string(), "edit_error"),
    };
    (words.to_owned(), code)
}

impl Dialect for Classroom {
    fn wish(&self, _topic: &Topic) -> Subscribe {
        Subscribe { limit: Some(HISTORY), ..Subscribe::default() }
    }

    fn read(&self, said: Said<'_>, _here: &Here<'_>) -> Vec<Deed> {
        match incoming::object(said) {
            Ok(fields) => understand(&fields),
            Err(NoObject::Unreadable) => vec![Deed::Say(error("Invalid JSON", None))],
            Err(NoObject::Other) => vec![Deed::Say(error("Internal server error", None))],
        }
    }

    fn opening(&self, opening: &Opening<'_>) -> Vec<String> {
        let Some(topic) = opening.joined else { return Vec::new() };
        let messages = history(opening, topic);
        vec![frame(&json!({"type": "room_history", "messages": messages}))]
    }

    fn arriving(&self, _here: &Here<'_>) -> Vec<Request> {
        let seat = Command::Older(OlderCommand::Seat { taken: true });
        self.tells_arrivals.then(|| Request::silent(seat)).into_iter().collect()
    }

    fn leaving(&self, _here: &Here<'_>) -> Vec<Request> {
        let seat = Command::Older(OlderCommand::Seat { taken: false });
        self.tells_arrivals.then(|| Request::silent(seat)).into_iter().collect()
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let told = match &event.body {
            EventBody::MessageNew(new) => {
                vec![json!({"type": "chat_message", "message": message(new, &event.topic, false)})]
            }
            EventBody::MessageEdited(view) => vec![edited(view)],
            EventBody::Typing { user, on, .. } => vec![typing(&incoming::face(user), *on)],
            EventBody::Older(OlderEvent::Seat { user, taken }) => {
                self.seat(&incoming::face(user), *taken)
            }
            _ => Vec::new(),
        };
        told.iter().map(|value| Frame::to_all(frame(value))).collect()
    }

    fn answer(&self, answered: &Answered<'_>) -> Vec<String> {
        let asked = answered.memo.and_then(|memo| serde_json::from_str(memo.get()).ok());
        let asked: Asked = asked.unwrap_or(Asked::Send);
        let outcome = match answered.outcome {
            Ok(outcome) => outcome,
            Err(refusal) => {
                let (words, code) = refused(&asked, refusal);
                return vec![error(&words, Some(code))];
            }
        };
        match asked {
            Asked::Send => {
                let sent: Value = serde_json::from_str(outcome.get()).unwrap_or_default();
                let id: Option<MessageId> = incoming::id(sent.get("id"));
                let id = id.map(|id| id.0);
                vec![frame(
                    &json!({"type": "message_sent", "message_id": id, "status": "delivered"}),
                )]
            }
            Asked::Edit(id) => vec![frame(&json!({
                "type": "message_edit_confirmed",
                "message_id": id,
                "status": "edited",
            }))],
        }
    }

    fn parting(&self, close: Close, refusal: &Refusal) -> Parting {
        let (words, code, close) = match (close, refusal.code) {
            (_, Code::NotAuthenticated) => {
                ("Authentication required", "auth_error", Close::NotAuthorized)
            }
            (_, Code::NotFound | Code::Forbidden | Code::NotAMember)
            | (Close::NoSuchTopic | Close::BadRequest | Close::NotYours, _) => {
                ("Access denied to this room", "access_error", Close::BadRequest)
            }
            (close, _) => {
                let reason = refusal.message.to_string();
                return Parting { frames: Vec::new(), close, reason };
            }
        };
        let frames = vec![error(words, Some(code))];
        Parting { frames, close, reason: words.to_owned() }
    }
}
