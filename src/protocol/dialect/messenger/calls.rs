//! Calls in the messenger's words: who rings, who answers, and what devices hand each other.
//!
//! A socket of these clients is about one conversation, so all of a call is told there.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::ids::{CallId, UserId};
use crate::protocol::command::Command;
use crate::protocol::command::call::{CallCommand, CallEnd, CallName, CallSignal, CallStart};
use crate::protocol::dialect::contract::{Audience, Deed, Frame, Request};
use crate::protocol::dialect::incoming;
use crate::protocol::event::call::{CallEvent, CallStep};
use crate::protocol::views::PersonView;
use crate::protocol::views::call::CallKind;

/// What devices hand each other: the name of the frame, and of the one field that matters.
const SIGNALS: &[(&str, &str)] = &[
    ("webrtc.offer", "offer"),
    ("webrtc.answer", "answer"),
    ("webrtc.ice_candidate", "candidate"),
];

fn silent(command: CallCommand) -> Deed {
    Deed::Do(Request::silent(Command::Call(command)))
}

/// What a call shall carry; anything but video is voice, as it always was.
pub fn kind(name: Option<&str>) -> CallKind {
    name.and_then(CallKind::parse).unwrap_or(CallKind::Voice)
}

fn start(fields: &Map<String, Value>) -> Deed {
    let named = fields.get("participant_ids").and_then(Value::as_array);
    let named = named.map(|list| list.iter().filter_map(|id| incoming::id(Some(id))).collect());
    silent(CallCommand::Start(CallStart {
        kind: kind(fields.get("call_type").and_then(Value::as_str)),
        // Nobody named is everybody here.
        participants: named.filter(|named: &Vec<UserId>| !named.is_empty()),
        client_id: None,
    }))
}

/// Ends a call for everyone, which its caller may; whoever may not, leaves it.
pub fn endings(call: CallId) -> [CallCommand; 2] {
    [true, false].map(|for_all| CallCommand::End(CallEnd { call, for_all }))
}

fn signal(call: CallId, name: &str, fields: &Map<String, Value>) -> Vec<Deed> {
    let Some((_, key)) = SIGNALS.iter().find(|(known, _)| *known == name) else {
        return Vec::new();
    };
    let handed = fields.get(*key).cloned().unwrap_or_default();
    let payload = Map::from_iter([((*key).to_owned(), handed)]);
    // Fields with names write without fail.
    let payload: Box<RawValue> = to_raw_value(&payload).unwrap_or_default();
    vec![silent(CallCommand::Signal(CallSignal { call, to: None, payload }))]
}

/// What a frame about calls means; nothing for any other, and for one that names no call.
pub fn read(name: &str, fields: &Map<String, Value>) -> Vec<Deed> {
    if name == "call.initiate" {
        return vec![start(fields)];
    }
    let Some(call) = incoming::id(fields.get("call_id")) else { return Vec::new() };
    match name {
        "call.answer" => vec![silent(CallCommand::Answer(CallName { call }))],
        "call.reject" => vec![silent(CallCommand::Decline(CallName { call }))],
        "call.end" => endings(call).map(silent).into_iter().collect(),
        _ => signal(call, name, fields),
    }
}

fn person(person: Option<&PersonView>) -> Value {
    person.map_or(Value::Null, |person| json!({"id": person.id.0, "username": person.username}))
}

fn caller(step: &CallStep) -> Value {
    let Some(caller) = &step.call.caller else { return Value::Null };
    let face = incoming::face(caller);
    json!({
        "id": face.id.0,
        "username": face.username,
        "first_name": face.first_name,
        "last_name": face.last_name,
    })
}

/// Who brought a call to where it is. Time alone did when nobody did; these clients want a name,
/// so it is the caller's.
fn by(step: &CallStep) -> Value {
    let parts = step.call.participants.iter().map(|part| &part.user);
    let found = parts.chain(&step.call.caller).find(|person| Some(person.id) == step.by);
    person(found.or(step.call.caller.as_ref()))
}

/// What happened to a call, as its conversation is told.
pub fn told(event: &CallEvent) -> Vec<Frame> {
    let frame = |value: Value, to: Audience| vec![Frame { text: value.to_string(), to }];
    let ended = |step: &CallStep| {
        let id = step.call.id.0;
        json!({"type": "call.ended", "call_id": id, "ended_by": by(step)})
    };
    match event {
        CallEvent::Started(step) => {
            let told = json!({
                "type": "call.incoming",
                "call_id": step.call.id.0,
                "caller": caller(step),
                "call_type": step.call.kind.as_str(),
            });
            frame(told, Audience::All)
        }
        CallEvent::Answered(step) => {
            let id = step.call.id.0;
            let told = json!({"type": "call.answered", "call_id": id, "answerer": by(step)});
            frame(told, Audience::All)
        }
        CallEvent::Declined(step) => {
            let id = step.call.id.0;
            let told = json!({"type": "call.rejected", "call_id": id, "rejector": by(step)});
            frame(told, Audience::All)
        }
        CallEvent::Ended(step) => frame(ended(step), Audience::All),
        // It goes on without them.
        CallEvent::Left(step) => match step.by {
            Some(user) => frame(ended(step), Audience::Only(user)),
            None => Vec::new(),
        },
        CallEvent::Missed(step) if step.call.ended_at.is_some() => {
            frame(ended(step), Audience::All)
        }
        _ => Vec::new(),
    }
}

/// What someone's device hands to others', each told alone.
pub fn handed(call: CallId, from: UserId, to: &[UserId], payload: &Arc<RawValue>) -> Vec<Frame> {
    let Ok(Value::Object(fields)) = serde_json::from_str(payload.get()) else { return Vec::new() };
    let known = SIGNALS.iter().find_map(|(name, key)| Some((name, key, fields.get(*key)?)));
    let Some((name, key, value)) = known else { return Vec::new() };
    let mut told = json!({"type": name, "call_id": call.0, "sender_id": from.0});
    if let Value::Object(told) = &mut told {
        told.insert((*key).to_owned(), value.clone());
    }
    let text = told.to_string();
    to.iter().map(|user| Frame { text: text.clone(), to: Audience::Only(*user) }).collect()
}
