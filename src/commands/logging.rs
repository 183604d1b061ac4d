//! How a log line looks: a sentence with `key=value` for people, or one JSON object.

pub mod outlet;

use std::cell::RefCell;
use std::fmt::{Display, Write};

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Log, Metadata, Record};

use crate::clock;
use crate::commands::logging::outlet::Outlet;
use crate::commands::terminal::one_line;
use crate::config::parse::LogFormat;

/// What is logged when `RUST_LOG` does not say.
pub const DEFAULT_FILTER: &str = "info,actix_server=warn";
/// What is written before the pairs in a JSON line; these names win over a pair's.
const OWN: [&str; 4] = ["ts", "level", "target", "message"];
/// The room kept for a thread's next line, in bytes.
const KEPT_BYTES: usize = 1_024;

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Whether a record is wanted.
type Filter = Box<dyn Fn(&Record<'_>) -> bool + Send + Sync>;

/// The logger of a process: what its filter lets through, as lines in one format.
pub struct Journal {
    filter: Filter,
    format: LogFormat,
    outlet: Outlet,
}

impl Journal {
    /// A logger to stderr of what `filter` wants.
    pub fn to_stderr(filter: Filter, format: LogFormat) -> Self {
        Self { filter, format, outlet: Outlet::new(Box::new(std::io::stderr())) }
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        (self.filter)(&Record::builder().metadata(metadata.clone()).build())
    }

    fn log(&self, record: &Record<'_>) {
        if !(self.filter)(record) {
            return;
        }
        let is_urgent = record.level() == Level::Error;
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => {
                line.clear();
                write_line(&mut line, self.format, record);
                self.outlet.line(&line, is_urgent);
                line.shrink_to(KEPT_BYTES);
            }
            // A value that logs while it is being logged.
            Err(_) => self.outlet.line(&line_of(self.format, record), is_urgent),
        });
    }

    fn flush(&self) {
        self.outlet.flush();
    }
}

fn line_of(format: LogFormat, record: &Record<'_>) -> String {
    let mut line = String::new();
    write_line(&mut line, format, record);
    line
}

/// One line for `record`, without its line end. Writing to a String cannot fail.
fn write_line(line: &mut String, format: LogFormat, record: &Record<'_>) {
    let ts = clock::rfc3339(clock::now_naive());
    match format {
        LogFormat::Human => {
            let _ = write!(line, "{ts} {:5} ", record.level());
            safely(line, record.args());
        }
        LogFormat::Json => {
            let level = record.level().as_str().to_ascii_lowercase();
            let message = record.args().to_string();
            let own = [ts.as_str(), &level, record.target(), &message];
            for (name, text) in OWN.iter().zip(own) {
                line.push(if line.is_empty() { '{' } else { ',' });
                let _ = write!(line, "\"{name}\":{}", serde_json::Value::from(text));
            }
        }
    }
    // Visiting fails only when a visitor does, and ours does not.
    drop(record.key_values().visit(&mut Pairs { line, format }));
    if format == LogFormat::Json {
        line.push('}');
    }
}

/// Writes text that is already safe as it is, which most is.
fn safely(line: &mut String, text: impl Display) {
    let start = line.len();
    let _ = write!(line, "{text}");
    if line[start..].bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        let safe = one_line(&line[start..]);
        line.truncate(start);
        line.push_str(&safe);
    }
}

/// Writes a record's pairs behind its message.
struct Pairs<'a> {
    line: &'a mut String,
    format: LogFormat,
}

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match self.format {
            LogFormat::Human => {
                self.line.push(' ');
                safely(self.line, &key);
                self.line.push('=');
                value.visit(HumanValue(self.line))
            }
            LogFormat::Json if OWN.contains(&key.as_str()) => Ok(()),
            LogFormat::Json => {
                // What JSON cannot hold (a non-finite number) is kept as its text.
                let value =
                    serde_json::to_value(&value).unwrap_or_else(|_| value.to_string().into());
                let _ = write!(self.line, ",{}:{value}", serde_json::Value::from(key.as_str()));
                Ok(())
            }
        }
    }
}

/// Writes a value for people: quoted when it would not be told from what is around it.
struct HumanValue<'a>(&'a mut String);

impl HumanValue<'_> {
    fn text(&mut self, text: &str) {
        if text.is_empty() || text.contains([' ', '"', '=']) {
            let _ = write!(self.0, "{text:?}");
        } else {
            safely(self.0, text);
        }
    }

    fn plain(&mut self, value: impl Display) -> Result<(), Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }
}

impl<'v> VisitValue<'v> for HumanValue<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.text(&value.to_string());
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.text(value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.plain(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: LogFormat, message: &str, pairs: &[(&str, &str)]) -> String {
        line_of(
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
