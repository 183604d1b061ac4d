//! Chores: what is due by the clock and may take long, apart from the heartbeat: calls that rang
//! out, erasures under way.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::house::House;
use crate::actors::{call_desk, erasure};

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_millis(500);

/// Runs until the process ends.
pub async fn run(house: Arc<House>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        call_desk::sweep(&house).await;
        erasure::go_on(&house).await;
    }
}
