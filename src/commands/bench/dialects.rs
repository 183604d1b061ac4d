//! One writes in a room of many, who hear it in the native protocol or in an older dialect.

use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::task::spawn_local;

use crate::auth::secret;
use crate::clock;
use crate::commands::bench::client::{Client, Lost, Speaker, said};
use crate::commands::bench::ground::{Ground, Server, room, topic};
use crate::commands::bench::meter::Stretch;
use crate::commands::bench::report::{Figure, figure};
use crate::commands::bench::tally::Tally;
use crate::commands::bench::{Load, OPENING};
use crate::models::conversation;
use crate::models::error::StoreError;
use crate::models::login::{self, NewApiToken};
use crate::models::membership;
use crate::models::store::Store;
use crate::models::user;
use crate::protocol::views::MemberRole;

/// Letters of a message, by which it is known in any dialect.
const TEXT_CHARS: usize = 100;
/// As many of them in a row are found wherever they stand, looking at each of these steps.
const STEP: usize = TEXT_CHARS / 2;
/// Runs before what is measured.
const WARM_UP: Duration = Duration::from_millis(700);

/// In what the people of a room hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    Native,
    Classroom,
    Messenger,
}

/// What one run came to, in microseconds of the server's processor a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub micros: f64,
    pub bytes: f64,
}

/// Brings everyone into the first room, and gives each an opaque token.
///
/// # Errors
/// Those of the database.
pub fn fill(store: &Store, people: usize) -> Result<(), StoreError> {
    store.write(|conn| {
        let at = clock::now_naive();
        let found = conversation::by_name(conn, &room(0))?.ok_or(StoreError::Missing)?;
        let limit = i64::try_from(people).unwrap_or(i64::MAX);
        for (number, one) in user::list(conn, None, limit)?.iter().enumerate() {
            membership::add_member(conn, found.id, one.id, MemberRole::Member, at)?;
            let hash = secret::hash_at_rest(&opaque(number));
            let (user, name) = (one.id, "bench");
            let token = NewApiToken { user, login: None, hash: &hash, name, at, expires_at: None };
            login::add_api_token(conn, token)?;
        }
        Ok(())
    })
}

/// The opaque token of a person; no secret, for it opens a database that lasts as long as a run.
fn opaque(number: usize) -> String {
    format!("{number:040x}")
}

async fn open(
    server: &Server,
    ground: &Ground,
    tongue: Tongue,
    number: usize,
) -> Result<Client, Lost> {
    let (token, room) = (ground.token(number), ground.first_room);
    match tongue {
        Tongue::Native => {
            let mut client = Client::open(server.at, token, None).await?;
            client.subscribe(&topic(0)).await?;
            Ok(client)
        }
        Tongue::Classroom => {
            let token = opaque(number % ground.tokens.len());
            let path = format!("/ws/chat/{room}/?token={token}");
            let origin = format!("Origin: http://{}\r\n", server.at);
            let mut client = Client::upgrade(server.at, &path, &origin, None).await?;
            client.wait_until(|text| text.windows(12).any(|part| part == b"room_history")).await?;
            Ok(client)
        }
        Tongue::Messenger => {
            let path = format!("/ws/conversations/{room}/?token={token}");
            let mut client = Client::upgrade(server.at, &path, "", None).await?;
            client.speaker().write(&said(r#"{"type":"ping"}"#)).await?;
            client.wait_until(|text| text.windows(4).any(|part| part == b"pong")).await?;
            Ok(client)
        }
    }
}

/// Whether a frame holds a message of ours.
fn is_message(text: &[u8]) -> bool {
    let mut steps = (0..text.len()).step_by(STEP);
    steps.any(|at| text.get(at..at + STEP).is_some_and(|part| part.iter().all(|one| *one == b'x')))
}

async fn listen(mut client: Client, tally: Rc<Tally>) {
    let mut heard = 0;
    loop {
        let read = client.read(|text| {
            if is_message(text) {
                tally.hear(heard, text.len());
                heard += 1;
            }
        });
        if let Err(lost) = read.await {
            return tally.fail(lost);
        }
    }
}

async fn write(speaker: Speaker, tally: Rc<Tally>) {
    let (topic, pad) = (topic(0), "x".repeat(TEXT_CHARS));
    let frame = said(&format!(
        r#"{{"type":"message.send","ref":1,"topic":"{topic}","data":{{"content":"{pad}"}}}}"#
    ));
    loop {
        if let Err(lost) = speaker.write(&frame.repeat(tally.admit())).await {
            return tally.fail(lost);
        }
        tally.room().await;
    }
}

/// Reads the answers that the writer gets.
async fn drain(mut client: Client, tally: Rc<Tally>) {
    loop {
        if let Err(lost) = client.read(|_| ()).await {
            return tally.fail(lost);
        }
    }
}

/// N readers of one room, W messages in flight, kept and acknowledged like any.
///
/// # Errors
/// A sentence when a socket is lost.
pub async fn read(
    server: &Server,
    ground: &Ground,
    load: &Load,
    tongue: Tongue,
) -> Result<Cost, String> {
    let tally = Tally::new(load.conns, load.window.max(1));
    let opened = |number: usize| {
        let tally = Rc::clone(&tally);
        async move {
            // Each reads from the first, for the others' arrivals are told it.
            let client = open(server, ground, tongue, number).await?;
            spawn_local(listen(client, tally));
            Ok::<(), String>(())
        }
    };
    stream::iter(0..load.conns).map(opened).buffer_unordered(OPENING).try_collect::<()>().await?;
    let writer = Client::open(server.at, ground.token(0), None).await?;
    spawn_local(write(writer.speaker(), Rc::clone(&tally)));
    spawn_local(drain(writer, Rc::clone(&tally)));
    tokio::time::sleep(WARM_UP).await;
    let (before, stretch) = (tally.heard(), Stretch::begin(server.pid())?);
    tokio::time::sleep(load.seconds).await;
    let (after, spent) = (tally.heard(), stretch.end()?);
    tally.check()?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let (heard, bytes) = ((after - before) as f64, tally.last_bytes() as f64);
    Ok(Cost { micros: spent.server_cpu_s * 1_000_000.0 / heard.max(1.0), bytes })
}

/// The figures of one round: what a delivery costs in each, and the two ratios.
pub fn figures(native: Cost, classroom: Cost, messenger: Cost) -> Vec<Figure> {
    vec![
        figure("native_us", "microseconds of CPU a delivery, native", native.micros),
        figure("classroom_us", "the same in the classroom's dialect", classroom.micros),
        figure("messenger_us", "the same in the messenger's dialect", messenger.micros),
        figure("classroom_ratio", "classroom against native", classroom.micros / native.micros),
        figure("messenger_ratio", "messenger against native", messenger.micros / native.micros),
        figure("native_bytes", "bytes of a message, native", native.bytes),
        figure("classroom_bytes", "the same in the classroom's dialect", classroom.bytes),
        figure("messenger_bytes", "the same in the messenger's dialect", messenger.bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_wherever_its_text_stands() {
        let text = "x".repeat(TEXT_CHARS);
        for before in 0..STEP * 2 {
            let frame = format!("{}{text}{}", "-".repeat(before), "-".repeat(70));
            assert!(is_message(frame.as_bytes()), "{before}");
        }
        for other in [r#"{"type":"ok","ref":1}"#, r#"{"type":"user_joined","user":"xxxxxxxx"}"#, ""]
        {
            assert!(!is_message(other.as_bytes()), "{other}");
        }
    }
}
