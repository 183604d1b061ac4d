//! `tail`: prints what is said on a topic, and misses nothing over any number of disconnections.

use chrono::Local;
use serde_json::{Value, json};

use crate::commands::client::{self, Door, Link, Over};
use crate::commands::failure::Failure;
use crate::commands::line::Settings;
use crate::commands::reach::Reach;
use crate::commands::terminal::{one_line, print, tell};
use crate::commands::transcript::Transcript;
use crate::protocol::topic::Topic;

/// The largest page a snapshot may have.
const PAGE_MAX: u16 = 200;
const REFERENCE: &str = "tail";

/// The words behind `tail`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Comes back after any disconnection and resumes where it was; Ctrl-C \
    ends it. Events go to standard output, all else to stderr.\n\nExamples:\n  \
    switchboard tail chat:general\n  \
    switchboard tail chat:general --user alice --last 50\n  \
    switchboard tail chat:general --after 0 --json | jq .data.content\n  \
    switchboard tail inbox:2 --url https://chat.example.org --token \"$TOKEN\"")]
pub struct Tail {
    /// What to listen to: chat:general, chat:42, inbox:7
    #[arg(value_name = "TOPIC")]
    pub topic: Topic,
    #[command(flatten)]
    pub reach: Reach,
    /// Messages to show from before, at most 200
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(0..=i64::from(PAGE_MAX)))]
    pub last: u16,
    /// Start with what came after this position instead
    #[arg(long, value_name = "SEQ", conflicts_with = "last",
        value_parser = clap::value_parser!(i64).range(0..))]
    pub after: Option<i64>,
    /// End after this many new messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print the frames as they come, one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Listens until told to stop.
///
/// # Errors
/// When the server says no for good.
pub fn run(wish: &Tail, settings: &Settings) -> Result<(), Failure> {
    client::block_on(async {
        let mut door = wish.reach.door(settings, "switchboard tail")?;
        let outcome = Listener::new(wish).listen(&mut door).await;
        door.shut();
        outcome
    })
}

struct Listener<'a> {
    wish: &'a Tail,
    /// The last position printed, and the history it belongs to.
    after: Option<i64>,
    epoch: Option<String>,
    left: Option<u64>,
    transcript: Transcript<Local>,
    was_connected: bool,
}

impl<'a> Listener<'a> {
    fn new(wish: &'a Tail) -> Self {
        Self {
            wish,
            after: wish.after,
            epoch: None,
            left: wish.count,
            transcript: Transcript::new(Local),
            was_connected: false,
        }
    }

    async fn listen(&mut self, door: &mut Door) -> Result<(), Failure> {
        loop {
            let over = match door.open().await {
                Ok(mut link) => {
                    let over = match self.follow(&mut link, door).await {
                        Ok(()) => Over::Done,
                        Err(over) => over,
                    };
                    if matches!(over, Over::Done | Over::Stopped | Over::Failed(_)) {
                        link.close().await;
                    }
                    over
                }
                Err(over) => over,
            };
            let over = match over {
                Over::Ended(ended) => match door.wait(&ended).await {
                    Ok(()) => continue,
                    Err(over) => over,
                },
                over => over,
            };
            return match over {
                Over::Failed(failure) => Err(failure),
                _ => Ok(()),
            };
        }
    }

    async fn follow(&mut self, link: &mut Link, door: &mut Door) -> Result<(), Over> {
        // A snapshot after a gap shall reach back as far as it can.
        let limit = if self.was_connected { PAGE_MAX } else { self.wish.last };
        link.say(&json!({
            "type": "subscribe",
            "ref": REFERENCE,
            "topic": self.wish.topic,
            "data": {"after": self.after, "epoch": self.epoch, "limit": limit},
        }))
        .await?;
        loop {
            let (frame, raw) = link.hear(door).await?;
            let is_reply = frame["ref"] == REFERENCE;
            match frame["type"].as_str().unwrap_or_default() {
                "ok" if is_reply => {
                    door.settled();
                    self.subscribed(&frame, &raw, door)?;
                }
                "error" if is_reply => return Err(client::refused(&frame).into()),
                "unsubscribed" => {
                    let message = one_line(frame["message"].as_str().unwrap_or("put out"));
                    let sentence = format!("{}: {message}", self.wish.topic);
                    return Err(Over::Failed(Failure(sentence)));
                }
                "ok" | "error" | "goodbye" | "auth.expiring" | "pong" => {}
                "live" => self.reached(frame["seq"].as_i64()),
                _ => self.heard(&frame, &raw)?,
            }
            if self.left == Some(0) {
                return Ok(());
            }
        }
    }

    fn subscribed(&mut self, frame: &Value, raw: &str, door: &Door) -> Result<(), Over> {
        let data = &frame["data"];
        let again = if self.was_connected { "connected again" } else { "connected" };
        let name = door.username().map_or_else(String::new, |name| format!(" as {name}"));
        let here = self.transcript.people(&data["presence"]);
        let here = if here.is_empty() { here } else { format!("; here now: {here}") };
        let topic = &self.wish.topic;
        tell(&format!("{again} to {}{name}, listening to {topic}{here}", door.shown()));
        self.was_connected = true;
        let epoch = data["epoch"].as_str().map(str::to_owned);
        if data["recovered"] != true {
            self.restart(data, epoch == self.epoch)?;
            self.after = data["seq"].as_i64();
        }
        self.epoch = epoch;
        if self.wish.json { write(raw) } else { Ok(()) }
    }

    /// Starts from a snapshot, for want of a position or of events that old.
    fn restart(&mut self, data: &Value, same_history: bool) -> Result<(), Over> {
        if self.after.is_some() {
            tell("what came in between is no longer kept; going on from the latest messages");
        }
        let known = self.after.filter(|_| same_history).unwrap_or(0);
        let page = self.transcript.page(&data["snapshot"], known);
        if self.wish.json {
            return Ok(());
        }
        page.iter().try_for_each(|line| write(line))
    }

    fn reached(&mut self, seq: Option<i64>) {
        self.after = self.after.max(seq);
    }

    fn heard(&mut self, frame: &Value, raw: &str) -> Result<(), Over> {
        let seq = frame["seq"].as_i64();
        if seq.is_some() && seq <= self.after {
            return Ok(());
        }
        self.reached(seq);
        let line = self.transcript.event(frame);
        if self.wish.json {
            write(raw)?;
        } else if let Some(line) = line {
            write(&line)?;
        }
        if frame["type"] == "message.new" {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        Ok(())
    }
}

/// Prints a line; when nobody reads any more, what was wanted is done.
fn write(line: &str) -> Result<(), Over> {
    print(line).map_err(|_| Over::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(words: &[&str]) -> Tail {
        let line = crate::commands::line::Line::parse([&["switchboard", "tail"], words].concat());
        match line.unwrap().verb {
            crate::commands::line::Verb::Tail(tail) => tail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_heard_twice_is_printed_and_counted_once() {
        let wish = tail(&["chat:general", "--json", "--count", "3"]);
        let mut listener = Listener::new(&wish);
        let event = |seq: i64| json!({"type": "message.new", "seq": seq, "data": {}});
        for seq in [1, 2, 2, 1] {
            assert!(listener.heard(&event(seq), "{}").is_ok());
        }
        assert_eq!((listener.after, listener.left), (Some(2), Some(1)));
    }

    #[test]
    fn wrong_words_are_refused() {
        use crate::commands::line::Line;
        for words in [
            &["nonsense"][..],
            &["chat:1", "--last", "201"],
            &["chat:1", "--after", "1", "--last", "5"],
            &["chat:1", "--token", "t", "--user", "u"],
            &["chat:1", "--count", "0"],
        ] {
            assert!(Line::parse([&["switchboard", "tail"], words].concat()).is_err(), "{words:?}");
        }
        assert_eq!(tail(&["chat:1", "--after", "7"]).after, Some(7));
    }
}
