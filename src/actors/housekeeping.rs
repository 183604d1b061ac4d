//! Housekeeping: what must be done now and then. Attempts are written, old rows pruned, throttles
//! tidied, gauges set, the node's heartbeat kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use log::warn;

use crate::actors::attachments;
use crate::actors::effect_job;
use crate::actors::house::House;
use crate::actors::inbox_commands;
use crate::actors::lane::Fault;
use crate::clock;
use crate::layer::contract::Whom;
use crate::metrics::Metrics;
use crate::models::position;
use crate::models::{answer, attempt, facts, help_call, journal, login, message, notice};
use crate::protocol::refusal::Refusal;

/// How often attempts are written.
pub const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// How often old rows are pruned.
pub const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How often the node's heartbeat is written.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Rows pruned in one transaction, so that no prune holds up the writer.
const PRUNE_ROWS: i64 = 5_000;

/// How long a notice is looked for: longer than any transaction takes to commit.
const NOTICE_AGE: chrono::Duration = chrono::Duration::seconds(60);

/// The notices that were heeded.
#[derive(Default)]
struct Heeded(Option<HashSet<i64>>);

/// Runs until the process ends.
pub async fn run(house: Arc<House>, node: String) {
    let mut heeded = Heeded::default();
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            _ = flush.tick() => {
                let _round = house.rounds.begin("records");
                house.recorder.flush(&house.lane).await;
                house.online.flush(&house.lane).await;
                heeded.look(&house).await;
                let metrics = Metrics::get();
                metrics.writer_queue.set(house.lane.depth() as f64);
                metrics.topics_live.set(house.exchange.topics() as f64);
            }
            _ = prune.tick() => {
                let _round = house.rounds.begin("pruning");
                house.throttles.tidy();
                if let Err(refusal) = prune_once(&house).await {
                    warn!("pruning failed and will be tried again cause={refusal}");
                }
                if let Err(refusal) = attachments::sweep(&house).await {
                    warn!("files were not tidied and will be tried again cause={refusal}");
                }
            }
            _ = beat.tick() => {
                let _round = house.rounds.begin("heartbeat");
                let (node, has_layer) = (node.clone(), house.layer.name() != "memory");
                let beaten = house.lane.write(move |conn| {
                    Ok(facts::beat(conn, &node, clock::now_naive(), has_layer)?)
                });
                if let Err(refusal) = beaten.await {
                    warn!("the heartbeat of this node was not written cause={refusal}");
                }
            }
        }
    }
}

impl Heeded {
    /// Closes what commands beside this server ended. What was there at the start is old: whoever
    /// connects now shows credentials that are checked.
    async fn look(&mut self, house: &House) {
        let since = clock::now_naive() - NOTICE_AGE;
        let found = house.lane.read(move |conn| Ok(notice::recent(conn, since)?)).await;
        let found = match found {
            Ok(found) => found,
            Err(refusal) => return warn!("notices were not read cause={refusal}"),
        };
        let ids = found.iter().map(|notice| notice.id).collect();
        if let Some(before) = self.0.replace(ids) {
            for notice in found.into_iter().filter(|notice| !before.contains(&notice.id)) {
                let refusal = Refusal::not_authenticated(notice.reason);
                house.revoke(Whom::User(notice.user), refusal);
            }
        }
    }
}

/// Prunes once what is older than the settings say.
///
/// # Errors
/// When the database failed.
pub async fn prune_once(house: &House) -> Result<(), Refusal> {
    let settings = &house.settings;
    let now = clock::now_naive();
    let before = |age: Duration| now - chrono::Duration::from_std(age).unwrap_or_default();
    let (journal_before, keep_events) =
        (before(settings.journal_keep), settings.journal_keep_events);
    let (attempts_before, keep_rows) =
        (before(settings.attempts_keep), settings.attempts_keep_rows);
    let answers_before = before(settings.client_id_keep);
    let trail_before = before(settings.trail_keep);
    let (notices_before, keep_notices) =
        (before(settings.notifications_keep), settings.notifications_keep_rows);
    loop {
        let pruned = house.lane.write(move |conn| -> Result<usize, Fault> {
            Ok(journal::prune(conn, journal_before, keep_events, PRUNE_ROWS)?)
        });
        if pruned.await? < usize::try_from(PRUNE_ROWS).unwrap_or(usize::MAX) {
            break;
        }
    }
    let pruned = effect_job::write(house, move |conn| {
        inbox_commands::prune(conn, notices_before, keep_notices, PRUNE_ROWS)
    });
    pruned.await?;
    house
        .lane
        .write(move |conn| -> Result<(), Fault> {
            attempt::prune(conn, attempts_before, keep_rows, PRUNE_ROWS)?;
            answer::prune(conn, answers_before)?;
            help_call::prune(conn, answers_before)?;
            message::forget_client_ids(conn, answers_before, PRUNE_ROWS)?;
            login::purge(conn, now)?;
            notice::prune(conn, now - NOTICE_AGE * 2)?;
            position::prune_trail(conn, trail_before, PRUNE_ROWS)?;
            Ok(())
        })
        .await
}
