//! One speaks, everyone in the room hears: fan-out, and fan-out beside clients that stall.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::commands::bench::client::{Client, Speaker, said};
use crate::commands::bench::ground::{Ground, Server, topic};
use crate::commands::bench::meter::{Stretch, resident_bytes};
use crate::commands::bench::report::{Figure, figure};
use crate::commands::bench::tally::Tally;
use crate::commands::bench::{Load, connect};
use crate::protocol::close::Close;

/// How an ephemeral event begins on the wire.
const PUBLISHED: &[u8] = b"{\"type\":\"topic.published\"";
/// Characters of a published message.
const TEXT_CHARS: usize = 100;
/// Characters of a published message where the point is to fill what waits for a client.
const LONG_CHARS: usize = 8_000;
/// The receive buffer of a client that will stall, in bytes, so that little hides in the kernel.
const NARROW_BYTES: u32 = 4_096;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Runs before what is measured.
const WARM_UP: Duration = Duration::from_millis(700);

async fn listen(mut client: Client, tally: Rc<Tally>) {
    let mut heard = 0;
    let each = |text: &[u8], heard: &mut usize| {
        if text.starts_with(PUBLISHED) {
            tally.hear(*heard, text.len());
            *heard += 1;
        }
    };
    loop {
        if let Err(lost) = client.read(|text| each(text, &mut heard)).await {
            return tally.fail(lost);
        }
    }
}

async fn speak(speaker: Speaker, tally: Rc<Tally>, chars: usize) {
    let topic = topic(0);
    let pad = "x".repeat(chars);
    let frame = said(&format!(
        r#"{{"type":"topic.publish","topic":"{topic}","data":{{"event":"bench","data":"{pad}"}}}}"#
    ));
    loop {
        let written = speaker.write(&frame.repeat(tally.admit())).await;
        if let Err(lost) = written {
            return tally.fail(lost);
        }
        tally.room().await;
    }
}

/// Starts the listeners; the first of them speaks.
fn begin(clients: Vec<Client>, window: usize, chars: usize) -> Rc<Tally> {
    let tally = Tally::new(clients.len(), window.max(1));
    if let Some(first) = clients.first() {
        spawn_local(speak(first.speaker(), Rc::clone(&tally), chars));
    }
    for client in clients {
        spawn_local(listen(client, Rc::clone(&tally)));
    }
    tally
}

/// N subscribers of one room, W ephemeral messages in flight.
///
/// # Errors
/// A sentence when a socket is lost.
pub async fn fanout(server: &Server, ground: &Ground, load: &Load) -> Result<Vec<Figure>, String> {
    let clients = connect(server, ground, load.conns, Some(|_| topic(0))).await?;
    let tally = begin(clients, load.window, TEXT_CHARS);
    tokio::time::sleep(WARM_UP).await;
    let (before, stretch) = (tally.heard(), Stretch::begin(server.pid())?);
    tokio::time::sleep(load.seconds).await;
    let (after, spent) = (tally.heard(), stretch.end()?);
    tally.check()?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let heard = (after - before) as f64;
    Ok(vec![
        figure("deliveries_per_cpu_s", "deliveries per CPU-second", heard / spent.server_cpu_s),
        figure("deliveries_per_s", "deliveries per second", heard / spent.seconds),
        figure("server_cpu", "cores used by the server", spent.server_cpu_s / spent.seconds),
        figure("client_cpu", "cores used by the generator", spent.own_cpu_s / spent.seconds),
    ])
}

/// A client that reads until told to stall, and is told how it ended.
async fn stall(mut client: Client, stop: Rc<Cell<bool>>, go_on: Rc<Notify>) -> Option<u16> {
    while !stop.get() {
        if let Err(lost) = client.read(|_| ()).await {
            return lost.code;
        }
    }
    go_on.notified().await;
    loop {
        if let Err(lost) = client.read(|_| ()).await {
            return lost.code;
        }
    }
}

/// Most memory the server has within `time`, in bytes.
async fn peak(server: &Server, time: Duration) -> Result<u64, String> {
    let end = tokio::time::Instant::now() + time;
    let mut most = 0;
    while tokio::time::Instant::now() < end {
        most = most.max(resident_bytes(server.pid())?);
        tokio::time::sleep(LOOK).await;
    }
    Ok(most)
}

/// Readers as many as stalled clients; first all read, then the stalled ones stop.
///
/// # Errors
/// A sentence when a reader is lost.
pub async fn stalled(server: &Server, ground: &Ground, load: &Load) -> Result<Vec<Figure>, String> {
    let readers = connect(server, ground, load.conns, Some(|_| topic(0))).await?;
    let (stop, go_on) = (Rc::new(Cell::new(false)), Rc::new(Notify::new()));
    let mut slow = Vec::with_capacity(load.conns);
    for number in 0..load.conns {
        let token = ground.token(number);
        let mut client = Client::open(server.at, token, Some(NARROW_BYTES)).await?;
        client.subscribe(&topic(0)).await?;
        slow.push(spawn_local(stall(client, Rc::clone(&stop), Rc::clone(&go_on))));
    }
    let tally = begin(readers, load.window, LONG_CHARS);
    tokio::time::sleep(WARM_UP).await;
    let before = peak(server, load.seconds).await?;
    stop.set(true);
    let heard = tally.heard();
    let during = peak(server, load.seconds).await?;
    let heard = tally.heard() - heard;
    tally.check()?;
    go_on.notify_waiters();
    let mut closed = 0_u32;
    for task in slow {
        let ended = tokio::time::timeout(Duration::from_secs(20), task).await;
        let is_told = matches!(ended, Ok(Ok(Some(code))) if code == Close::TooSlow.code());
        closed += u32::from(is_told);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let (growth, heard, count) =
        (during.saturating_sub(before) as f64, heard as f64, load.conns as f64);
    let heard_per_s = heard / load.seconds.as_secs_f64();
    Ok(vec![
        figure("bytes_per_stalled", "memory growth per stalled client, bytes", growth / count),
        figure("closed_too_slow", "stalled clients closed with 4008", f64::from(closed)),
        figure("deliveries_per_s", "deliveries per second to those who read", heard_per_s),
    ])
}
