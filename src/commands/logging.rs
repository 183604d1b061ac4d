//! How a log line looks: a sentence with `key=value` for people, or one JSON object.

use std::fmt::Write;

use log::Record;
use log::kv::{Error, Key, Value, VisitSource};

use crate::clock;
use crate::commands::terminal::one_line;
use crate::config::parse::LogFormat;

/// What is logged when `RUST_LOG` does not say.
pub const DEFAULT_FILTER: &str = "info,actix_server=warn";

/// A record's key-value pairs, in order.
#[derive(Default)]
struct Pairs(Vec<(String, serde_json::Value)>);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        // What JSON cannot hold (a non-finite number) is kept as its text.
        let value = serde_json::to_value(&value).unwrap_or_else(|_| value.to_string().into());
        self.0.push((key.to_string(), value));
        Ok(())
    }
}

/// One line for `record`, without its line end.
pub fn line(format: LogFormat, record: &Record<'_>) -> String {
    let mut pairs = Pairs::default();
    // Visiting fails only when a visitor does, and ours does not.
    drop(record.key_values().visit(&mut pairs));
    let event = Event {
        ts: clock::rfc3339(clock::now_naive()),
        level: record.level().as_str(),
        target: record.target(),
        message: record.args().to_string(),
        pairs: pairs.0,
    };
    match format {
        LogFormat::Human => human(&event),
        LogFormat::Json => json(event),
    }
}

struct Event<'a> {
    ts: String,
    level: &'static str,
    target: &'a str,
    message: String,
    pairs: Vec<(String, serde_json::Value)>,
}

fn human(event: &Event<'_>) -> String {
    let mut line = format!("{} {:5} {}", event.ts, event.level, one_line(&event.message));
    for (key, value) in &event.pairs {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let is_plain = !text.is_empty() && !text.contains([' ', '"', '=']);
        let text = if is_plain { one_line(&text) } else { format!("{text:?}") };
        // Writing to a String cannot fail.
        let _ = write!(line, " {}={text}", one_line(key));
    }
    line
}

/// The event's own names win over a pair of the same name.
fn json(event: Event<'_>) -> String {
    const OWN: [&str; 4] = ["ts", "level", "target", "message"];
    let own = [event.ts, event.level.to_lowercase(), event.target.to_owned(), event.message];
    let own = OWN.iter().zip(own).map(|(name, text)| ((*name).to_owned(), text.into()));
    let rest = event.pairs.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let members: Vec<String> = own
        .chain(rest)
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: LogFormat, message: &str, pairs: &[(&str, &str)]) -> String {
        line(
            format,
            &Record::builder()
                .args(format_args!("{message}"))
                .level(log::Level::Warn)
                .target("switchboard::socket")
                .key_values(&pairs)
                .build(),
        )
    }

    #[test]
    fn a_line_for_people_is_a_sentence_and_its_pairs() {
        let pairs = [("user", "alice"), ("reason", "not a member"), ("empty", "")];
        let line = written(LogFormat::Human, "websocket connection attempt", &pairs);
        let (stamp, rest) = line.split_once(' ').unwrap();
        assert!(stamp.ends_with('Z'), "{line}");
        let expected = "WARN  websocket connection attempt user=alice \
                        reason=\"not a member\" empty=\"\"";
        assert_eq!(rest, expected);
    }

    #[test]
    fn one_event_is_one_line_whatever_a_stranger_put_into_it() {
        let pairs = [("user", "eve\nforged line"), ("path", "/\x1b[2J")];
        for format in [LogFormat::Human, LogFormat::Json] {
            let line = written(format, "first\nsecond", &pairs);
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn a_json_line_holds_time_level_target_message_and_pairs() {
        let line = written(LogFormat::Json, "hello", &[("user", "alice"), ("level", "forged")]);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["level"], "warn");
        assert_eq!(event["target"], "switchboard::socket");
        assert_eq!(event["message"], "hello");
        assert_eq!(event["user"], "alice");
        assert!(line.starts_with("{\"ts\":\""), "{line}");
        assert!(event["ts"].as_str().unwrap().ends_with('Z'));
    }
}
