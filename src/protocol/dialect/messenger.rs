//! The messenger's dialect: conversations by number, JWT, dotted names of frames.
//!
//! Silence is the answer to whatever fails, and nothing is acknowledged: a send makes exactly one
//! frame for each member. What is no JSON object closes the socket, as it always did.

pub mod calls;
pub mod shapes;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ids::{MessageId, UserId};
use crate::protocol::close::Close;
use crate::protocol::command::older::OlderCommand;
use crate::protocol::command::{Command, MessageEdit, MessageSend, Typing};
use crate::protocol::dialect::contract::{
    Audience, Deed, Dialect, Frame, Here, Parting, Request, Said,
};
use crate::protocol::dialect::face::Faces;
use crate::protocol::dialect::incoming;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::views::MessageView;

use self::shapes::Extras;

/// The codec.
#[derive(Debug)]
pub struct Messenger;

fn frame<T: Serialize>(value: &T) -> String {
    // Our own frames have string keys only, so writing them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn silent(command: Command) -> Vec<Deed> {
    vec![Deed::Do(Request::silent(command))]
}

fn send(fields: &Map<String, Value>) -> Vec<Deed> {
    let kind = fields.get("message_type").and_then(Value::as_str).unwrap_or("text");
    let known = shapes::MESSAGE_TYPES.contains(&kind);
    silent(Command::MessageSend(MessageSend {
        content: incoming::text(fields.get("content")).unwrap_or_default(),
        message_type: Some(if known { kind } else { "text" }.to_owned()),
        may_be_blank: true,
        ..MessageSend::default()
    }))
}

fn edit(fields: &Map<String, Value>) -> Vec<Deed> {
    let content = incoming::text(fields.get("content")).filter(|text| !text.is_empty());
    match (incoming::id(fields.get("message_id")), content) {
        (Some(id), Some(content)) => {
            silent(Command::MessageEdit(MessageEdit { id, content, client_id: None }))
        }
        _ => Vec::new(),
    }
}

fn understand(fields: &Map<String, Value>) -> Vec<Deed> {
    let message_id = || incoming::id::<MessageId>(fields.get("message_id"));
    match fields.get("type").and_then(Value::as_str).unwrap_or_default() {
        "ping" => vec![Deed::Say(r#"{"type":"pong"}"#.to_owned())],
        "message.send" => send(fields),
        "typing" => {
            let on = fields.get("is_typing").is_none_or(incoming::truthy);
            silent(Command::Typing(Typing { on }))
        }
        "message.read" => silent(Command::Older(OlderCommand::ReadTo { message: message_id() })),
        "message.edit" => edit(fields),
        "message.delete" => message_id()
            .map_or_else(Vec::new, |id| silent(Command::Older(OlderCommand::DeleteOwn { id }))),
        other => calls::read(other, fields),
    }
}

/// A message as its readers' sockets are told it.
fn message(message: &MessageView) -> Value {
    let faces: Faces = incoming::faces(message);
    shapes::message(message, &Extras::of(message), &faces, "")
}

fn read(message: Option<MessageId>, user: UserId) -> Vec<Frame> {
    let message = message.map(|id| id.0);
    let told = json!({"type": "message.read", "message_id": message, "user_id": user.0});
    vec![Frame::to_all(frame(&told))]
}

impl Dialect for Messenger {
    fn read(&self, said: Said<'_>, _here: &Here<'_>) -> Vec<Deed> {
        match incoming::object(said) {
            Ok(fields) => understand(&fields),
            Err(_) => vec![Deed::Close {
                close: Close::InternalFault,
                reason: "not a JSON object".to_owned(),
            }],
        }
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let all = |value: Value| vec![Frame::to_all(frame(&value))];
        match &event.body {
            EventBody::MessageNew(new) => all(json!({"type": "message.new", "data": message(new)})),
            EventBody::MessageEdited(edited) => {
                all(json!({"type": "message.edited", "data": message(edited)}))
            }
            EventBody::MessageDeleted { id, .. } => {
                all(json!({"type": "message.deleted", "message_id": id.0}))
            }
            EventBody::Typing { user, on, .. } => {
                let told = json!({
                    "type": "typing",
                    "user_id": user.id.0,
                    "username": user.username,
                    "is_typing": on,
                });
                vec![Frame { text: frame(&told), to: Audience::AllBut(user.id) }]
            }
            EventBody::Call(event) => calls::told(event),
            EventBody::Older(OlderEvent::Read { user, message }) => read(*message, *user),
            EventBody::Older(OlderEvent::Handed { call, from, to, payload }) => {
                calls::handed(*call, *from, to, payload)
            }
            _ => Vec::new(),
        }
    }

    fn parting(&self, close: Close, refusal: &Refusal) -> Parting {
        let close = match (close, refusal.code) {
            (_, Code::NotAuthenticated) => Close::NotAuthorized,
            (_, Code::NotFound | Code::Forbidden | Code::NotAMember)
            | (Close::NoSuchTopic | Close::BadRequest, _) => Close::NotYours,
            (close, _) => close,
        };
        Parting { frames: Vec::new(), close, reason: refusal.message.to_string() }
    }
}
