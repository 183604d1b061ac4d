//! `send`: posts one message, exactly once, however often the connection breaks.

use std::io::Read;
use std::time::Duration;

use serde_json::json;

use crate::auth::secret::token_id;
use crate::commands::client::{self, Door, Link, Over};
use crate::commands::failure::Failure;
use crate::commands::line::Settings;
use crate::commands::reach::Reach;
use crate::commands::terminal::print;
use crate::protocol::topic::Topic;

/// Longest text read from standard input; the server's own limit is lower.
const INPUT_MAX_BYTES: u64 = 1 << 20;
const REFERENCE: &str = "send";

/// The words behind `send`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Tries again until the server has acknowledged the message; it is \
    stored once, however often that takes.\n\nExamples:\n  \
    switchboard send chat:general hello\n  \
    switchboard send chat:general --user alice see you at eight\n  \
    uptime | switchboard send chat:general -\n  \
    switchboard send chat:42 hello --url https://chat.example.org --token \"$TOKEN\"")]
pub struct Send {
    /// Where to say it: chat:general, chat:42
    #[arg(value_name = "TOPIC")]
    pub topic: Topic,
    /// What to say; - reads it from standard input
    #[arg(value_name = "TEXT", required = true)]
    pub text: Vec<String>,
    #[command(flatten)]
    pub reach: Reach,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// Sends and prints the message's position.
///
/// # Errors
/// When the server refuses it for good, or did not acknowledge it in time.
pub fn run(wish: &Send, settings: &Settings) -> Result<(), Failure> {
    let text = match wish.text.as_slice() {
        [dash] if dash == "-" => from_pipe()?,
        words => words.join(" "),
    };
    client::block_on(async {
        let mut door = wish.reach.door(settings, "switchboard send")?;
        let limit = Duration::from_secs(wish.timeout);
        let sending = tokio::time::timeout(limit, deliver(&mut door, &wish.topic, &text));
        let outcome = sending.await.unwrap_or_else(|_| {
            Err(Failure(format!(
                "not acknowledged within {} s; it may or may not have arrived",
                wish.timeout
            )))
        });
        door.shut();
        print(&format!("sent seq={}", outcome?)).map_err(|error| Failure(error.to_string()))
    })
}

fn from_pipe() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(INPUT_MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure(format!("standard input cannot be read: {error}")))?;
    Ok(text.trim_end().to_owned())
}

async fn deliver(door: &mut Door, topic: &Topic, text: &str) -> Result<i64, Failure> {
    // The same for every attempt: a repeat of what arrived gets the first answer.
    let client_id = token_id();
    loop {
        let attempt = match door.open().await {
            Ok(mut link) => {
                let attempt = post(&mut link, door, topic, text, &client_id).await;
                link.close().await;
                attempt
            }
            Err(over) => Err(over),
        };
        let over = match attempt {
            Ok(seq) => return Ok(seq),
            Err(Over::Ended(ended)) => match door.wait(&ended).await {
                Ok(()) => continue,
                Err(over) => over,
            },
            Err(over) => over,
        };
        return Err(match over {
            Over::Failed(failure) => failure,
            _ => Failure::new("stopped before it was acknowledged; it may or may not have arrived"),
        });
    }
}

async fn post(
    link: &mut Link,
    door: &Door,
    topic: &Topic,
    text: &str,
    client_id: &str,
) -> Result<i64, Over> {
    link.say(&json!({
        "type": "message.send",
        "ref": REFERENCE,
        "topic": topic,
        "data": {"content": text, "client_id": client_id},
    }))
    .await?;
    loop {
        let (frame, _) = link.hear(door).await?;
        if frame["ref"] != REFERENCE {
            continue;
        }
        match (frame["type"].as_str(), frame["data"]["seq"].as_i64()) {
            (Some("ok"), Some(seq)) => return Ok(seq),
            _ => return Err(client::refused(&frame).into()),
        }
    }
}
