//! What every handler may reach.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::actors::house::House;
use crate::auth::token::Tokens;
use crate::config::Config;
use crate::http::hashing::Hashing;
use crate::http::intake::Intake;
use crate::metrics;

/// What every handler may reach; cloned once a worker.
#[derive(Clone)]
pub struct State {
    pub house: Arc<House>,
    pub config: Arc<Config>,
    pub tokens: Arc<Tokens>,
    pub hashing: Hashing,
    pub intake: Intake,
    pub metrics: metrics::Handle,
    /// Where this process listens, as BIND names it.
    pub addresses: Arc<[SocketAddr]>,
}
