//! How a topic's frames read on a terminal: one line an event, `12:03:04 alice: hello`.

use std::collections::HashMap;
use std::fmt::Display;

use chrono::{DateTime, TimeZone};
use serde_json::Value;

use crate::commands::terminal::{indented, one_line};

/// Characters of a quoted message that are shown.
const QUOTE_CHARS: usize = 30;

/// Turns frames into lines, learning who is who on the way.
#[derive(Debug)]
pub struct Transcript<Z> {
    zone: Z,
    names: HashMap<String, String>,
}

impl<Z: TimeZone> Transcript<Z>
where
    Z::Offset: Display,
{
    /// A transcript with times in `zone`.
    pub fn new(zone: Z) -> Self {
        Self { zone, names: HashMap::new() }
    }

    /// The messages of a snapshot that lie after position `after`, oldest first.
    pub fn page(&mut self, snapshot: &Value, after: i64) -> Vec<String> {
        for member in list(&snapshot["members"]) {
            self.learn(&member["user"]);
        }
        let messages = list(&snapshot["messages"]).iter();
        messages
            .filter(|message| message["seq"].as_i64().is_some_and(|seq| seq > after))
            .filter(|message| message["deleted"] != true)
            .map(|message| {
                let at = self.time(&message["created_at"]);
                format!("{at} {}", self.said(message))
            })
            .collect()
    }

    /// The names of people, as in a list of who is here.
    pub fn people(&mut self, people: &Value) -> String {
        let names: Vec<String> = list(people).iter().map(|person| self.learn(person)).collect();
        names.join(", ")
    }

    /// The line for an event; none for what would only be noise (typing, read marks).
    pub fn event(&mut self, frame: &Value) -> Option<String> {
        let words = self.words(frame["type"].as_str()?, &frame["data"])?;
        Some(format!("{} {words}", self.time(&frame["at"])))
    }

    fn words(&mut self, kind: &str, data: &Value) -> Option<String> {
        Some(match kind {
            "message.new" => self.said(data),
            "message.edited" => {
                let content = indented(data["content"].as_str().unwrap_or_default());
                format!("{} corrects {}: {content}", self.learn(&data["sender"]), mark(data))
            }
            "message.deleted" => {
                format!("* {} deleted message {}", self.name(&data["by"]), word(&data["id"]))
            }
            "presence" => return self.presence(data),
            "member.added" => {
                let who = self.learn(&data["member"]["user"]);
                if data["by"] == data["member"]["user"]["id"] {
                    format!("* {who} joined")
                } else {
                    format!("* {} brought {who} in", self.name(&data["by"]))
                }
            }
            "member.removed" if data["by"] == data["user"] => {
                format!("* {} left the conversation", self.name(&data["user"]))
            }
            "member.removed" => {
                format!("* {} put {} out", self.name(&data["by"]), self.name(&data["user"]))
            }
            "member.promoted" => {
                format!("* {} is {} now", self.name(&data["user"]), word(&data["role"]))
            }
            "conversation.changed" => {
                format!("* the conversation is called \"{}\" now", word(&data["title"]))
            }
            "conversation.added" => format!("* you are in {} now", word(&data["topic"])),
            "conversation.removed" => {
                format!("* you are no longer in {}", word(&data["topic"]))
            }
            "topic.published" => {
                let text = one_line(&data["data"].to_string());
                format!("* {} publishes {} {text}", self.name(&data["from"]), word(&data["event"]))
            }
            "typing" | "read.marked" => return None,
            other => format!("* {} {}", one_line(other), one_line(&data.to_string())),
        })
    }

    fn said(&mut self, message: &Value) -> String {
        let who = self.learn(&message["sender"]);
        let quote = match message["reply_to"]["content"].as_str() {
            Some(text) => {
                let short: String = text.chars().take(QUOTE_CHARS).collect();
                format!(" (to \"{}\")", one_line(&short))
            }
            None => String::new(),
        };
        let kind = match message["message_type"].as_str() {
            None | Some("text") => String::new(),
            Some(other) => format!(" [{}]", one_line(other)),
        };
        let content = indented(message["content"].as_str().unwrap_or_default());
        format!("{who}{quote}{kind}: {content}")
    }

    fn presence(&mut self, data: &Value) -> Option<String> {
        let came = self.people(&data["joined"]);
        let went = self.people(&data["left"]);
        match (came.as_str(), went.as_str()) {
            ("", "") => None,
            (came, "") => Some(format!("* here now: {came}")),
            ("", went) => Some(format!("* gone: {went}")),
            (came, went) => Some(format!("* here now: {came}; gone: {went}")),
        }
    }

    /// The name of a person, kept for when only their id is told.
    fn learn(&mut self, person: &Value) -> String {
        let Some(name) = person["username"].as_str() else { return self.name(&person["id"]) };
        let name = one_line(name);
        if let Some(id) = person["id"].as_str() {
            self.names.insert(id.to_owned(), name.clone());
        }
        name
    }

    fn name(&self, id: &Value) -> String {
        match id.as_str() {
            Some(id) => self.names.get(id).cloned().unwrap_or_else(|| format!("#{}", one_line(id))),
            None => "someone".to_owned(),
        }
    }

    fn time(&self, at: &Value) -> String {
        match at.as_str().map(DateTime::parse_from_rfc3339) {
            Some(Ok(at)) => at.with_timezone(&self.zone).format("%H:%M:%S").to_string(),
            _ => "--:--:--".to_owned(),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    match value.as_str() {
        Some(text) => one_line(text),
        None => value.to_string(),
    }
}

/// How a message is referred to.
fn mark(message: &Value) -> String {
    format!("message {}", word(&message["id"]))
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;
    use serde_json::json;

    use super::*;

    fn line(kind: &str, data: Value) -> Option<String> {
        let mut transcript = Transcript::new(FixedOffset::east_opt(3600).unwrap());
        transcript.names.insert("2".to_owned(), "bob".to_owned());
        let at = "2026-11-21T11:03:04.000001Z";
        transcript.event(&json!({"type": kind, "topic": "chat:7", "at": at, "data": data}))
    }

    fn message(content: &str) -> Value {
        let sender = json!({"id": "1", "username": "alice", "display_name": "Alice"});
        json!({"id": "9", "seq": 3, "sender": sender, "message_type": "text", "content": content,
            "reply_to": null, "created_at": "2026-11-21T11:03:04.000001Z", "deleted": false})
    }

    #[test]
    fn a_message_is_its_time_its_sender_and_its_text() {
        assert_eq!(line("message.new", message("hello")).unwrap(), "12:03:04 alice: hello");
        let mut reply = message("yes");
        reply["reply_to"] = json!({"id": "8", "content": "coming?"});
        assert_eq!(line("message.new", reply).unwrap(), "12:03:04 alice (to \"coming?\"): yes");
    }

    #[test]
    fn edits_deletions_and_presence_are_told_briefly() {
        for (kind, data, expected) in [
            ("message.edited", message("hallo"), "alice corrects message 9: hallo"),
            ("message.deleted", json!({"id": "9", "by": "2"}), "* bob deleted message 9"),
            (
                "presence",
                json!({"joined": [{"id": "3", "username": "carol"}], "left": []}),
                "* here now: carol",
            ),
            ("member.removed", json!({"user": "2", "by": "2"}), "* bob left the conversation"),
            ("member.promoted", json!({"user": "2", "role": "admin"}), "* bob is admin now"),
            ("conversation.removed", json!({"topic": "chat:7"}), "* you are no longer in chat:7"),
        ] {
            assert_eq!(line(kind, data).unwrap(), format!("12:03:04 {expected}"));
        }
        assert_eq!(line("typing", json!({"user": {"id": "2"}, "on": true})), None);
    }

    #[test]
    fn no_message_can_drive_the_terminal_or_forge_a_line() {
        let text = line("message.new", message("a\x1b[2J\n12:00:00 bob: forged")).unwrap();
        assert_eq!(text, "12:03:04 alice: a\\u{1b}[2J\n    12:00:00 bob: forged");
    }

    #[test]
    fn a_page_shows_what_lies_after_a_position_and_is_not_deleted() {
        let mut transcript = Transcript::new(FixedOffset::east_opt(0).unwrap());
        let mut gone = message("gone");
        gone["deleted"] = true.into();
        let snapshot = json!({"messages": [message("kept"), gone], "members": []});
        assert_eq!(transcript.page(&snapshot, 2), ["11:03:04 alice: kept"]);
        assert_eq!(transcript.page(&snapshot, 3), Vec::<String>::new());
    }
}
