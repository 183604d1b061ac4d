//! Durable messages, acknowledged after the commit: many a transaction against one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;

use crate::commands::bench::Load;
use crate::commands::bench::client::{Client, Lost, said};
use crate::commands::bench::connect;
use crate::commands::bench::ground::{Ground, Server, topic};
use crate::commands::bench::meter::Stretch;

/// How the answer to a request begins on the wire.
const OK: &[u8] = b"{\"type\":\"ok\"";
/// Runs before what is measured.
const WARM_UP: Duration = Duration::from_millis(700);

/// What one run came to.
pub struct Acked {
    pub per_second: f64,
    pub per_cpu_second: f64,
}

/// Keeps `window` messages in flight in its own room.
async fn post(mut client: Client, room: usize, window: usize, acked: Rc<Cell<u64>>) -> Lost {
    let topic = topic(room);
    let pad = "x".repeat(100);
    let frame = said(&format!(
        r#"{{"type":"message.send","ref":1,"topic":"{topic}","data":{{"content":"{pad}"}}}}"#
    ));
    let speaker = client.speaker();
    let mut free = window;
    loop {
        if free > 0
            && let Err(lost) = speaker.write(&frame.repeat(free)).await
        {
            return lost;
        }
        free = 0;
        if let Err(lost) = client.read(|text| free += usize::from(text.starts_with(OK))).await {
            return lost;
        }
        acked.set(acked.get() + free as u64);
    }
}

/// `window` messages in flight over `conns` connections, each alone in its room.
///
/// # Errors
/// A sentence when a socket is lost.
pub async fn ingest(server: &Server, ground: &Ground, load: &Load) -> Result<Acked, String> {
    let clients = connect(server, ground, load.conns, Some(topic)).await?;
    let acked = Rc::new(Cell::new(0));
    let fault = Rc::new(RefCell::new(None));
    let each = (load.window / load.conns).max(1);
    for (room, client) in clients.into_iter().enumerate() {
        let (acked, fault) = (Rc::clone(&acked), Rc::clone(&fault));
        spawn_local(async move {
            let lost = post(client, room, each, acked).await;
            fault.borrow_mut().get_or_insert(String::from(lost));
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, stretch) = (acked.get(), Stretch::begin(server.pid())?);
    tokio::time::sleep(load.seconds).await;
    let (after, spent) = (acked.get(), stretch.end()?);
    if let Some(fault) = fault.borrow_mut().take() {
        return Err(fault);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let count = (after - before) as f64;
    Ok(Acked { per_second: count / spent.seconds, per_cpu_second: count / spent.server_cpu_s })
}
