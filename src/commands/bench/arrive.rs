//! Coming and staying: what a connection costs to open, and to keep when nothing happens.

use std::time::Duration;

use crate::commands::bench::ground::{Ground, Server};
use crate::commands::bench::meter::{Stretch, resident_bytes};
use crate::commands::bench::report::{Figure, figure};
use crate::commands::bench::{Load, connect};

/// How long the server may take to record what came; counted as its cost.
const RECORDING: Duration = Duration::from_secs(2);

/// Opens `conns` authenticated sockets and then leaves them alone.
///
/// # Errors
/// A sentence when a socket is lost.
pub async fn idle(server: &Server, ground: &Ground, load: &Load) -> Result<Vec<Figure>, String> {
    let before = resident_bytes(server.pid())?;
    let clients = connect(server, ground, load.conns, None).await?;
    tokio::time::sleep(RECORDING).await;
    let after = resident_bytes(server.pid())?;
    let stretch = Stretch::begin(server.pid())?;
    tokio::time::sleep(load.seconds).await;
    let spent = stretch.end()?;
    drop(clients);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let each = after.saturating_sub(before) as f64 / load.conns as f64;
    Ok(vec![
        figure("bytes_per_session", "memory per idle session, bytes", each),
        figure("server_cpu", "cores used while idle", spent.server_cpu_s / spent.seconds),
    ])
}

/// Opens `conns` sockets, each authenticated, welcomed and recorded.
///
/// # Errors
/// A sentence when a socket is lost.
pub async fn arrive(server: &Server, ground: &Ground, load: &Load) -> Result<Vec<Figure>, String> {
    let stretch = Stretch::begin(server.pid())?;
    let clients = connect(server, ground, load.conns, None).await?;
    let came = stretch.end()?;
    tokio::time::sleep(RECORDING).await;
    let recorded = stretch.end()?;
    drop(clients);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let count = load.conns as f64;
    let rate = count / recorded.server_cpu_s;
    Ok(vec![
        figure("connects_per_cpu_s", "connects per CPU-second, recording too", rate),
        figure("connects_per_s", "connects per second", count / came.seconds),
    ])
}
