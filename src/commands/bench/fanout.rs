//! One speaks, everyone in the room hears: fan-out, and fan-out beside clients that stall.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::commands::bench::client::{Client, Lost, Speaker, said};
use crate::commands::bench::ground::{Ground, Server, topic};
use crate::commands::bench::meter::{Stretch, resident_bytes};
use crate::commands::bench::report::{Figure, figure};
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

/// Who has heard which message. A message is done when every member has it; `window` are on
/// their way at most, so as many counters do.
struct Tally {
    members: usize,
    missing: RefCell<Vec<usize>>,
    sent: Cell<usize>,
    done: Cell<usize>,
    heard: Cell<u64>,
    has_room: Notify,
    fault: RefCell<Option<String>>,
}

impl Tally {
    fn new(members: usize, window: usize) -> Rc<Self> {
        Rc::new(Self {
            members,
            missing: RefCell::new(vec![0; window]),
            sent: Cell::new(0),
            done: Cell::new(0),
            heard: Cell::new(0),
            has_room: Notify::new(),
            fault: RefCell::new(None),
        })
    }

    /// Counts message `at`, which one member has heard; order within a topic is promised, so the
    /// count of what a member heard is the message's number.
    fn hear(&self, at: usize) {
        self.heard.set(self.heard.get() + 1);
        let mut missing = self.missing.borrow_mut();
        let slot = at % missing.len();
        missing[slot] -= 1;
        if missing[slot] == 0 {
            self.done.set(self.done.get() + 1);
            self.has_room.notify_one();
        }
    }

    /// Opens counters for as many messages as may be sent now.
    fn admit(&self) -> usize {
        let mut missing = self.missing.borrow_mut();
        let free = missing.len() - (self.sent.get() - self.done.get());
        for at in self.sent.get()..self.sent.get() + free {
            let slot = at % missing.len();
            missing[slot] = self.members;
        }
        self.sent.set(self.sent.get() + free);
        free
    }

    fn fail(&self, lost: Lost) {
        self.fault.borrow_mut().get_or_insert(lost.into());
    }

    fn check(&self) -> Result<(), String> {
        self.fault.borrow().clone().map_or(Ok(()), Err)
    }
}

async fn listen(mut client: Client, tally: Rc<Tally>) {
    let mut heard = 0;
    let each = |text: &[u8], heard: &mut usize| {
        if text.starts_with(PUBLISHED) {
            tally.hear(*heard);
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
        tally.has_room.notified().await;
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
    let (before, stretch) = (tally.heard.get(), Stretch::begin(server.pid())?);
    tokio::time::sleep(load.seconds).await;
    let (after, spent) = (tally.heard.get(), stretch.end()?);
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
    let heard = tally.heard.get();
    let during = peak(server, load.seconds).await?;
    let heard = tally.heard.get() - heard;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_done_when_every_member_has_it_and_only_then_room_is_made() {
        let tally = Tally::new(2, 3);
        assert_eq!((tally.admit(), tally.admit()), (3, 0));
        tally.hear(0);
        assert_eq!(tally.admit(), 0);
        tally.hear(1);
        tally.hear(0);
        assert_eq!((tally.done.get(), tally.admit(), tally.heard.get()), (1, 1, 3));
        tally.hear(3);
        tally.hear(1);
        assert_eq!((tally.done.get(), tally.admit()), (2, 1));
    }
}
