//! The lobby's dialect: one room without sign-in, whose clients know three keys and draw a line for
//! every frame they receive.
//!
//! What cannot be read is passed over in silence: an answer would be drawn as a line.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::command::{Command, MessageSend};
use crate::protocol::dialect::contract::{Deed, Dialect, Frame, Here, Request, Said};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::frame::{MAX_DEPTH, depth};
use crate::protocol::views::MessageView;

/// The name of one who gives none, as JSON.
const NAMELESS: &str = "\"Anonymous\"";
/// Longest name kept, in characters.
const NAME_CHARS: usize = 255;
/// The type of a message whose text is JSON other than a string.
const AS_JSON: &str = "json";

/// The codec.
#[derive(Debug)]
pub struct Lobby;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow, default)]
    username: Name<'a>,
}

/// A name as it came: absent is not the same as `null`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] &'a RawValue);

impl Default for Name<'_> {
    fn default() -> Self {
        Self(serde_json::from_str(NAMELESS).unwrap_or(RawValue::NULL))
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    message: T,
    username: &'a str,
    timestamp: String,
}

/// The text of any JSON, and whether it was a string.
fn text_of(raw: &RawValue) -> Option<(String, bool)> {
    if raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).ok().map(|text| (text, true));
    }
    Some((raw.get().to_owned(), false))
}

fn read(text: &str) -> Option<MessageSend> {
    if !text.trim_ascii_start().starts_with('{') || depth(text) > MAX_DEPTH {
        return None;
    }
    let Line { message, username: Name(name) } = serde_json::from_str(text).ok()?;
    if name.get() == "null" {
        return None;
    }
    let name = text_of(name)?.0.chars().take(NAME_CHARS).collect();
    let (content, is_string) = text_of(message)?;
    Some(MessageSend {
        content,
        message_type: (!is_string).then(|| AS_JSON.to_owned()),
        sender_name: Some(name),
        may_be_blank: true,
        ..MessageSend::default()
    })
}

fn write(message: &MessageView) -> Option<String> {
    let signed_in = message.sender.as_ref().map(|sender| sender.display_name.as_str());
    let username = message.sender_name.as_deref().or(signed_in).unwrap_or("Anonymous");
    let timestamp = message.created_at.format("%H:%M:%S").to_string();
    let as_json = (message.message_type == AS_JSON)
        .then(|| serde_json::from_str::<&RawValue>(&message.content).ok())
        .flatten();
    match as_json {
        Some(message) => serde_json::to_string(&Written { message, username, timestamp }),
        None => serde_json::to_string(&Written { message: &message.content, username, timestamp }),
    }
    .ok()
}

impl Dialect for Lobby {
    fn read(&self, said: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        let Said::Text(text) = said else { return Vec::new() };
        let send = read(text).map(Command::MessageSend);
        send.map(Request::silent).map(Deed::Do).into_iter().collect()
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        match &event.body {
            EventBody::MessageNew(message) => {
                write(message).map(Frame::to_all).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;

    use super::*;
    use crate::ids::{ConversationId, MessageId, UserId};
    use crate::protocol::topic::Topic;
    use crate::protocol::views::PersonView;

    fn at() -> NaiveDateTime {
        "2026-11-21T01:36:56.123456".parse().unwrap()
    }

    fn said(text: &str) -> Option<MessageSend> {
        let here = Here { who: None, topic: None, at: at() };
        match Lobby.read(Said::Text(text), &here).pop()? {
            Deed::Do(Request { command: Command::MessageSend(send), memo: None, .. }) => Some(send),
            other => panic!("{other:?}"),
        }
    }

    fn heard(send: MessageSend, sender: Option<PersonView>) -> String {
        let message = MessageView {
            id: MessageId(1),
            conversation: ConversationId(1),
            seq: 1,
            sender,
            sender_name: send.sender_name,
            message_type: send.message_type.unwrap_or_else(|| "text".to_owned()),
            content: send.content,
            reply_to: None,
            client_id: None,
            created_at: at(),
            edited_at: None,
            deleted: false,
            forwarded_from: None,
            reactions: Vec::new(),
            mentions: Vec::new(),
            pinned: None,
            attachments: Vec::new(),
        };
        let body = EventBody::MessageNew(message);
        let event = Event { topic: Topic::room("lobby"), seq: Some(1), at: at(), body };
        let frames = Lobby.event(&event);
        assert_eq!(frames.len(), 1);
        frames[0].text.clone()
    }

    #[test]
    fn a_line_comes_back_with_its_name_and_the_time_of_day() {
        for (line, written) in [
            (r#"{"message":"hi","username":"User12"}"#, (r#""hi""#, "User12")),
            (r#"{"message":"hi"}"#, (r#""hi""#, "Anonymous")),
            (r#"{"message":"","username":""}"#, (r#""""#, "")),
            (r#"{"type":"x","message":5,"username":"A"}"#, ("5", "A")),
            (r#"{"message":{"a":[1]},"username":7}"#, (r#"{"a":[1]}"#, "7")),
            (r#"{"message":null}"#, ("null", "Anonymous")),
            (r#"{"message":"\"5"}"#, (r#""\"5""#, "Anonymous")),
        ] {
            let (message, username) = written;
            let expected = format!(
                r#"{{"message":{message},"username":"{username}","timestamp":"01:36:56"}}"#
            );
            assert_eq!(heard(said(line).expect(line), None), expected, "{line}");
        }
    }

    #[test]
    fn someone_signed_in_is_drawn_under_their_own_name() {
        let send = MessageSend { content: "hello".to_owned(), ..MessageSend::default() };
        let alice = PersonView {
            id: UserId(2),
            username: "alice".to_owned(),
            display_name: "Alice".to_owned(),
            avatar: None,
            profile: None,
        };
        assert_eq!(
            heard(send, Some(alice)),
            r#"{"message":"hello","username":"Alice","timestamp":"01:36:56"}"#
        );
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        let deep = format!(r#"{{"message":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        for text in
            ["", "x", "[]", r#"["hi","User12"]"#, "5", "{}", r#"{"username":"A"}"#, deep.as_str()]
        {
            assert!(said(text).is_none(), "{text}");
        }
        assert!(said(r#"{"message":"hi","username":null}"#).is_none());
        let here = Here { who: None, topic: None, at: at() };
        assert!(Lobby.read(Said::Binary(b"{}"), &here).is_empty());
    }

    #[test]
    fn nothing_but_new_messages_is_heard() {
        for body in [
            EventBody::Presence { joined: vec![], left: vec![] },
            EventBody::MessageDeleted { id: MessageId(1), by: None },
            EventBody::ReadMarked { user: UserId(1), seq: 1 },
        ] {
            let event = Event { topic: Topic::room("lobby"), seq: None, at: at(), body };
            assert_eq!(Lobby.event(&event), []);
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        let send = said(&format!(r#"{{"message":"hi","username":"{}"}}"#, "é".repeat(300)));
        assert_eq!(send.unwrap().sender_name.unwrap().chars().count(), 255);
    }
}
