//! The indexer: brings new messages into the search index when the writer has nothing better to do.
//!
//! Posting does not wait for it. While posts queue it steps aside, but never for longer than a
//! second, so that the index always moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;

use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::clock;
use crate::metrics::Metrics;
use crate::models::search;
use crate::models::store::Engine;
use crate::protocol::refusal::Refusal;

/// Messages of one step on SQLite, whose one writer it holds up: a few milliseconds.
const STEP_IN_LANE: usize = 200;
/// Messages of one step on PostgreSQL, where it writes beside the writer.
const STEP_BESIDE: usize = 1_000;
/// How long it may step aside while posts queue.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it trusts that nothing is new while this node commits nothing: another may have died
/// with messages that it had not brought into the index.
const TRUST: Duration = Duration::from_secs(5);

/// Looks every `every` for new messages, until the process ends.
pub async fn run(house: Arc<House>, every: Duration) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut whole_at = None;
    loop {
        tick.tick().await;
        let commits = Metrics::get().commit_seconds.count();
        let is_whole = whole_at == Some(commits) && last.elapsed() < TRUST;
        if is_whole || (house.lane.depth() > 0 && last.elapsed() < PATIENCE) {
            continue;
        }
        last = Instant::now();
        match catch_up(&house).await {
            Ok(()) => whole_at = Some(commits),
            Err(refusal) => {
                warn!("the search index did not move on and will be tried again cause={refusal}");
            }
        }
    }
}

/// Goes on until there is nothing new, or posts queue.
async fn catch_up(house: &House) -> Result<(), Refusal> {
    if !house.lane.read(|conn| Ok(search::is_behind(conn)?)).await? {
        return Ok(());
    }
    let size = match house.lane.store().engine() {
        Engine::Sqlite => STEP_IN_LANE,
        Engine::Postgres => STEP_BESIDE,
    };
    while step(house, size).await? == size && house.lane.depth() == 0 {}
    Ok(())
}

async fn step(house: &House, size: usize) -> Result<usize, Refusal> {
    if house.lane.store().engine() == Engine::Sqlite {
        let work = move |conn: &mut _| -> Result<usize, Fault> {
            Ok(search::index_next(conn, size, clock::now_naive())?)
        };
        return house.lane.write(work).await;
    }
    let store = house.lane.store().clone();
    let working = tokio::task::spawn_blocking(move || {
        store.write(|conn| search::index_next(conn, size, clock::now_naive()))
    });
    let worked = working.await.map_err(|_| Refusal::internal())?;
    worked.map_err(|fault| Fault::Store(fault).into_refusal("the search index"))
}
