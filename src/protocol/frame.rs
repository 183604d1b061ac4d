//! Frames: one JSON object each way, parsed within limits and encoded once.
//!
//! Text only; how it is put on the wire is the business of `socket/`.

use std::borrow::Cow;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock;
use crate::protocol::event::Event;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// Deepest nesting of JSON accepted from a client.
pub const MAX_DEPTH: usize = 32;
/// Longest `ref` accepted, in bytes of JSON.
pub const MAX_REF_BYTES: usize = 128;

/// A client's reference for a request: any JSON string or number, given back as it came.
pub type Reference = Box<RawValue>;

/// A frame from a client, before its command is read.
#[derive(Debug, Deserialize)]
pub struct Inbound<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(rename = "ref", borrow, default)]
    pub reference: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub topic: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

/// Reads a client's frame. Unknown keys are ignored.
///
/// # Errors
/// `bad_request` for text that is not one JSON object, nests deeper than [`MAX_DEPTH`], has no
/// string `type`, or whose `ref` is not a string or number of at most [`MAX_REF_BYTES`].
pub fn parse(text: &str) -> Result<Inbound<'_>, Refusal> {
    if depth(text) > MAX_DEPTH {
        return Err(Refusal::field("frame", "JSON nested at most 32 deep"));
    }
    let shape = || Refusal::field("type", "a frame is a JSON object with a string `type`");
    let mut inbound: Inbound<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() { shape() } else { Refusal::field("frame", "one JSON object") }
    })?;
    // Serde reads a struct from an array too, by position; a frame is an object alone.
    if !text.trim_start().starts_with('{') {
        return Err(shape());
    }
    inbound.data = inbound.data.filter(|raw| raw.get() != "null");
    inbound.reference = inbound.reference.filter(|raw| raw.get() != "null");
    if let Some(reference) = inbound.reference {
        let first = reference.get().as_bytes().first().copied().unwrap_or(b'n');
        let scalar = first == b'"' || first == b'-' || first.is_ascii_digit();
        if !scalar || reference.get().len() > MAX_REF_BYTES {
            inbound.reference = None;
            return Err(Refusal::field("ref", "a string or number of at most 128 bytes"));
        }
    }
    Ok(inbound)
}

/// How deep the brackets of `text` nest, strings left out. Cheap, and right for any valid JSON.
pub fn depth(text: &str) -> usize {
    let (mut deepest, mut open, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Serialize)]
struct Outbound<'a, T: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a Topic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

#[derive(Serialize)]
struct ErrorFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a Topic>,
    #[serde(flatten)]
    refusal: &'a Refusal,
}

/// The room most frames need, in bytes; one that needs more finds it.
const FRAME_BYTES: usize = 512;

fn text<T: Serialize>(frame: &T) -> String {
    let mut text = Vec::with_capacity(FRAME_BYTES);
    // Our own frames hold no map with non-string keys, so writing them cannot fail.
    let written = serde_json::to_writer(&mut text, frame);
    let text = written.ok().and_then(|()| String::from_utf8(text).ok());
    text.unwrap_or_else(|| r#"{"type":"error"}"#.to_owned())
}

/// An event, as every native subscriber receives it.
pub fn event(event: &Event) -> String {
    text(event)
}

/// The reply to a request that was done.
pub fn ok<T: Serialize>(reference: Option<&RawValue>, topic: Option<&Topic>, data: T) -> String {
    text(&Outbound { kind: "ok", reference, topic, seq: None, data: Some(data) })
}

/// The reply to a request that was refused.
pub fn error(reference: Option<&RawValue>, topic: Option<&Topic>, refusal: &Refusal) -> String {
    text(&ErrorFrame { kind: "error", reference, topic, refusal })
}

/// A frame about the connection or a subscription itself: `welcome`, `live`, `unsubscribed` ….
pub fn notice<T: Serialize>(
    kind: &'static str,
    topic: Option<&Topic>,
    seq: Option<i64>,
    data: Option<T>,
) -> String {
    text(&Outbound { kind, reference: None, topic, seq, data })
}

#[derive(Serialize)]
struct Pong {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(with = "clock::stamp")]
    at: NaiveDateTime,
}

/// The answer to a client's `ping`, with server time.
pub fn pong(at: NaiveDateTime) -> String {
    text(&Pong { kind: "pong", at })
}

#[derive(Serialize)]
struct Unsubscribed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    topic: &'a Topic,
    code: u16,
    message: &'a str,
}

/// The end of one subscription that the client did not ask for, with a close code's number.
pub fn unsubscribed(topic: &Topic, code: u16, message: &str) -> String {
    text(&Unsubscribed { kind: "unsubscribed", topic, code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_its_type_topic_ref_and_data() {
        let frame =
            parse(r#"{"type":"typing","ref":"c1","topic":"chat:7","data":{"on":true},"x":1}"#)
                .unwrap();
        assert_eq!(frame.kind, "typing");
        assert_eq!(frame.reference.unwrap().get(), "\"c1\"");
        assert_eq!(frame.topic.as_deref(), Some("chat:7"));
        assert_eq!(frame.data.unwrap().get(), r#"{"on":true}"#);
    }

    #[test]
    fn what_is_not_a_frame_is_refused_with_a_field() {
        for (text, field) in [
            ("", "frame"),
            ("nonsense", "frame"),
            ("[1,2]", "type"),
            (r#"["ping"]"#, "type"),
            ("5", "type"),
            ("{}", "type"),
            (r#"{"type":5}"#, "type"),
            (r#"{"type":"ping","ref":{}}"#, "ref"),
        ] {
            assert_eq!(parse(text).unwrap_err().field.as_deref(), Some(field), "{text}");
        }
        let deep = format!(r#"{{"type":"ping","data":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        assert_eq!(parse(&deep).unwrap_err().field.as_deref(), Some("frame"));
    }

    #[test]
    fn brackets_inside_strings_do_not_count_as_depth() {
        assert_eq!(depth(r#"{"a":"[[[[\"[["}"#), 1);
    }

    #[test]
    fn a_reply_carries_the_ref_as_it_came() {
        let reference = RawValue::from_string("7".to_owned()).unwrap();
        assert_eq!(
            ok(Some(&reference), Some(&Topic::room("general")), serde_json::json!({"seq": 3})),
            r#"{"type":"ok","ref":7,"topic":"chat:general","data":{"seq":3}}"#
        );
    }
}
