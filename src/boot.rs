//! Boot: puts the parts together in order, config → store → layer → actors → http, and takes them
//! apart in reverse. The only file that knows all of them.
//!
//! **Never:** decisions.

pub mod translate;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix::{Arbiter, System};
use actix_server::Server;
use log::{error, info, warn};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OnceCell, watch};

use crate::actors::authenticate::Authenticator;
use crate::actors::dashboards::{self, Pulse};
use crate::actors::exchange::Exchange;
use crate::actors::house::House;
use crate::actors::lane::Lane;
use crate::actors::mail::{Farewell, tell};
use crate::actors::notifier::{LogNotifier, Notifier};
use crate::actors::online::Online;
use crate::actors::owners::{Owners, Watch};
use crate::actors::recorder::Recorder;
use crate::actors::rounds::Rounds;
use crate::actors::throttle::Throttles;
use crate::actors::{chores, housekeeping, indexer};
use crate::auth::secret;
use crate::auth::token::Tokens;
use crate::boot::translate::{limits, narrow, settings, token_settings, transport};
use crate::clock;
use crate::config::Config;
use crate::http::hashing::Hashing;
use crate::http::intake::Intake;
use crate::http::server::{self, Workers};
use crate::http::state::State;
use crate::http::tls::Certificate;
use crate::layer::contract::{ChannelLayer, Ear, Envelope, Heard};
use crate::layer::memory::Memory;
use crate::metrics;
use crate::models::facts::{self, NODE_FRESH_S};
use crate::models::store::{Engine, Store, StoreOptions};
use crate::objects::store::Objects;
use crate::socket::{census, io};

/// How often a starting node looks whether others are still there.
const NODE_LOOK: Duration = Duration::from_secs(1);
/// How often the drain looks whether all sockets are gone.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// How `serve` begins.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Whether to bring the schema up to date first.
    pub migrate: bool,
}

/// Why the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Goes on; nothing was asked.
    NotAsked,
    /// A restart: clients are told 1012.
    Restart,
    /// A stop: clients are told 1001.
    Stop,
    /// Owners died too often.
    Ruin,
}

/// A running server.
pub struct Running {
    pub house: Arc<House>,
    pub addresses: Vec<SocketAddr>,
    pub certificate: Option<Arc<Certificate>>,
    server: Server,
    stop: watch::Sender<Stop>,
    writer: std::thread::JoinHandle<()>,
    node: String,
    owners_arbiter: Arbiter,
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// A sentence when it cannot start, or ended because its owners kept dying.
pub fn serve(config: Config, options: ServeOptions) -> Result<(), String> {
    System::new().block_on(async move {
        let running = start(config, options).await?;
        let stop = running.stop.clone();
        let certificate = running.certificate.clone();
        actix::spawn(async move { listen_to_signals(stop, certificate).await });
        running.finish().await
    })
}

fn store_options(config: &Config) -> StoreOptions {
    StoreOptions {
        url: config.database_url.clone(),
        readers: narrow(config.db_readers),
        busy_timeout: Duration::from_secs(5),
        pool_wait: Duration::from_secs(5),
        exclusive: true,
    }
}

fn open_store(config: &Config, options: ServeOptions) -> Result<Store, String> {
    let store = Store::open(store_options(config)).map_err(|fault| fault.to_string())?;
    if options.migrate {
        for name in store.migrate().map_err(|fault| fault.to_string())? {
            info!("applied a migration name={name}");
        }
    } else {
        let schema = store.schema_state().map_err(|fault| fault.to_string())?;
        if !schema.is_current() {
            return Err(format!(
                "the schema is not this version's: {} migration(s) to apply, {} unknown; run \
                 `switchboard migrate`, or start without --no-migrate",
                schema.pending.len(),
                schema.unknown.len()
            ));
        }
    }
    Ok(store)
}

fn live_nodes(store: &Store, node: &str) -> Result<Vec<String>, String> {
    let since = clock::now_naive() - chrono::Duration::seconds(NODE_FRESH_S);
    store
        .read(|conn| facts::others(conn, node, since))
        .map_err(|fault| format!("the database cannot be asked for other nodes: {fault}"))
}

/// PostgreSQL is shared: a second node without a layer between them would lose live events.
fn check_nodes(store: &Store, config: &Config, node: &str) -> Result<(), String> {
    let alone = store.engine() == Engine::Sqlite
        || config.redis_url.is_some()
        || config.allow_isolated_nodes;
    // A node that was killed leaves a heartbeat that goes stale: that one is waited out.
    let deadline = Instant::now() + Duration::from_secs(NODE_FRESH_S.unsigned_abs());
    let mut others = live_nodes(store, node)?;
    while !alone && !others.is_empty() && Instant::now() < deadline {
        info!("waiting for the heartbeat of {} other node(s) to go stale", others.len());
        std::thread::park_timeout(NODE_LOOK);
        others = live_nodes(store, node)?;
    }
    let beaten =
        store.write(|conn| facts::beat(conn, node, clock::now_naive(), config.redis_url.is_some()));
    beaten.map_err(|fault| format!("the heartbeat of this node cannot be written: {fault}"))?;
    if !alone && !others.is_empty() {
        return Err(format!(
            "{} other node(s) use this database, and events would not reach the clients of each \
             other: stop them, or set ALLOW_ISOLATED_NODES=1 if you know better",
            others.len()
        ));
    }
    Ok(())
}

/// Makes the house: everything the actors share, with its writer running and no owner yet.
fn furnish(
    config: &Config,
    store: Store,
    tokens: &Arc<Tokens>,
    node: &str,
) -> Result<(Arc<House>, std::thread::JoinHandle<()>), String> {
    let exchange = Arc::new(Exchange::new(config.workers));
    let authenticator = Arc::new(Authenticator::new(Arc::clone(tokens)));
    // The writer holds the layer, which holds this ear: a strong hold on the authenticator, which
    // holds the lane, would keep the writer and its database for good.
    let (hears, forgets) = (Arc::clone(&exchange), Arc::downgrade(&authenticator));
    let ear: Ear = Arc::new(move |heard: Heard| {
        if let Heard::Envelope(Envelope::Revoked { whom, .. }) = &heard
            && let Some(authenticator) = forgets.upgrade()
        {
            authenticator.forget(*whom);
        }
        hears.hear(heard);
    });
    if config.redis_url.is_some() {
        return Err("REDIS_URL is set, but this build has no Redis layer yet".to_owned());
    }
    let layer: Arc<dyn ChannelLayer> = Arc::new(Memory::new(ear));
    let epoch = store.epoch();
    let notifier: Arc<dyn Notifier> = Arc::new(LogNotifier);
    let told = Arc::clone(&notifier);
    // On SQLite there is no other process to tell.
    let node = (store.engine() == Engine::Postgres).then(|| node.to_owned());
    let (lane, writer) =
        Lane::start(store, config.write_batch, Arc::clone(&exchange), Arc::clone(&layer), told)
            .map_err(|fault| format!("the writer cannot start: {fault}"))?;
    authenticator.connect(lane.clone());
    let house = House {
        settings: settings(config),
        lane,
        exchange,
        layer,
        objects: Objects::new(config.attachments_folder())?,
        owners: Owners::default(),
        started: Instant::now(),
        pulse: Pulse::default(),
        rounds: Rounds::default(),
        positions: Arc::default(),
        presence: Arc::default(),
        notifier,
        authenticator,
        recorder: Recorder::default(),
        throttles: Throttles::new(limits(config)),
        online: Arc::new(Online::new(config.presence_grace, config.online_said, node)),
        draining: AtomicBool::new(false),
        lobby: OnceCell::new(),
        general: OnceCell::new(),
        epoch,
    };
    Ok((Arc::new(house), writer))
}

fn bind(config: &Config) -> Result<Vec<TcpListener>, String> {
    config
        .bind
        .iter()
        .map(|address| {
            let listener = TcpListener::bind(address).map_err(|fault| {
                format!("BIND: {address} cannot be listened on: {fault}; is another server there?")
            })?;
            let set = listener.set_nonblocking(true).and(io::configure_listener(&listener));
            set.map_err(|fault| format!("BIND: {address}: {fault}"))?;
            Ok(listener)
        })
        .collect()
}

/// Starts a server inside a running actix system.
///
/// # Errors
/// A sentence naming what stands in the way and, for settings, the fix.
pub async fn start(config: Config, options: ServeOptions) -> Result<Running, String> {
    // A second start in one process finds it installed; that is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let listeners = bind(&config)?;
    let addresses: Vec<SocketAddr> =
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let certificate = match (&config.tls_cert, &config.tls_key) {
        (Some(chain), Some(key)) => Some(Certificate::load(chain, key)?),
        _ => None,
    };
    let config = Arc::new(config);
    let node = secret::cookie_key();
    let opening = Arc::clone(&config);
    let name = node.clone();
    let store = tokio::task::spawn_blocking(move || {
        let store = open_store(&opening, options)?;
        check_nodes(&store, &opening, &name)?;
        Ok::<Store, String>(store)
    });
    let store = store.await.map_err(|fault| format!("the store cannot be opened: {fault}"))??;
    let tokens = Arc::new(Tokens::new(token_settings(&config)));
    let (house, writer) = furnish(&config, store, &tokens, &node)?;
    let owners_arbiter = Arbiter::new();
    house.owners.start(&house, &owners_arbiter.handle());
    let state = State {
        house: Arc::clone(&house),
        config: Arc::clone(&config),
        tokens,
        hashing: Hashing::new(config.hashing_threads),
        intake: Intake::new(&config),
        metrics: install_metrics(),
        addresses: addresses.as_slice().into(),
    };
    let (stop, stopped) = watch::channel(Stop::NotAsked);
    let server = serve_http(&state, listeners, certificate.as_ref(), stopped)?;
    watch_over(&house, &owners_arbiter, config.watchdog, stop.clone());
    actix::spawn(dashboards::run(Arc::clone(&house), config.dashboard_every));
    actix::spawn(housekeeping::run(Arc::clone(&house), node.clone()));
    actix::spawn(chores::run(Arc::clone(&house)));
    actix::spawn(indexer::run(Arc::clone(&house), config.search_every));
    announce(&config, &addresses, certificate.is_some());
    Ok(Running { house, addresses, certificate, server, stop, writer, node, owners_arbiter })
}

/// One recorder serves a process; a second server in it (a test) shares it.
fn install_metrics() -> metrics::Handle {
    static INSTALLED: OnceLock<metrics::Handle> = OnceLock::new();
    INSTALLED.get_or_init(metrics::install).clone()
}

fn announce(config: &Config, addresses: &[SocketAddr], is_tls: bool) {
    let scheme = if is_tls { "https" } else { "http" };
    for address in addresses {
        info!("serving at {scheme}://{address} workers={}", config.workers);
    }
    match (config.has_lobby(), config.is_loopback()) {
        (true, false) => {
            warn!("the lobby at /ws/chat/ is open: whoever reaches this server may write there");
        }
        (false, false) if config.lobby.is_none() => {
            info!("the lobby at /ws/chat/ is closed on public addresses; LOBBY=true opens it");
        }
        _ => {}
    }
}

fn serve_http(
    state: &State,
    listeners: Vec<TcpListener>,
    certificate: Option<&Arc<Certificate>>,
    stopped: watch::Receiver<Stop>,
) -> Result<Server, String> {
    let config = &state.config;
    let workers = Workers::new(state.clone(), transport(config));
    let draining =
        drain(Arc::clone(&state.house), stopped, config.drain_timeout, config.restart_spread);
    let builder = Server::build()
        .workers(config.workers)
        .max_concurrent_connections(config.max_connections.max(1_024))
        .shutdown_timeout(5)
        .shutdown_signal(draining);
    server::build(builder, listeners, state, &workers, certificate)
}

/// Waits for the stop, says goodbye to every socket and waits until they are gone.
async fn drain(
    house: Arc<House>,
    mut stopped: watch::Receiver<Stop>,
    patience: Duration,
    spread: Duration,
) {
    // A sender that is gone asks for a stop too.
    drop(stopped.wait_for(|stop| *stop != Stop::NotAsked).await);
    let stop = *stopped.borrow();
    house.draining.store(true, Ordering::Relaxed);
    info!("stopping: saying goodbye sockets={}", census::alive_in_process());
    let spread_ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    for worker in house.exchange.workers() {
        tell(&worker, Farewell { restarting: stop == Stop::Restart, spread_ms });
    }
    let deadline = Instant::now() + patience;
    while census::alive_in_process() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

fn watch_over(house: &Arc<House>, arbiter: &Arbiter, every: Duration, stop: watch::Sender<Stop>) {
    let mut watch = Watch::new(Arc::clone(house), arbiter.handle());
    actix::spawn(async move {
        let mut tick = tokio::time::interval((every / 4).max(Duration::from_millis(10)));
        loop {
            tick.tick().await;
            if let Err(ruin) = watch.look() {
                error!("giving up: {ruin}");
                let _ = stop.send(Stop::Ruin);
                return;
            }
        }
    });
}

async fn listen_to_signals(stop: watch::Sender<Stop>, certificate: Option<Arc<Certificate>>) {
    let streams = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = streams else {
        return warn!("signals cannot be listened to: stop the server by killing it");
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                let _ = stop.send(Stop::Restart);
                return;
            }
            _ = interrupt.recv() => {
                let _ = stop.send(Stop::Stop);
                return;
            }
            _ = hangup.recv() => match certificate.as_deref().map(Certificate::reload) {
                Some(Ok(())) => info!("the TLS certificate was read again"),
                Some(Err(fault)) => error!("the TLS certificate in use stays: {fault}"),
                None => info!("SIGHUP: there is no TLS certificate to read again"),
            },
        }
    }
}

impl Running {
    /// A sender that stops the server.
    pub fn stopper(&self) -> watch::Sender<Stop> {
        self.stop.clone()
    }

    /// Serves until stopped, then finishes what was begun: commits, records, heartbeat.
    ///
    /// # Errors
    /// A sentence when the server failed or its owners kept dying.
    pub async fn finish(self) -> Result<(), String> {
        let stopped = self.stop.subscribe();
        self.server.await.map_err(|fault| format!("the server failed: {fault}"))?;
        let house = &self.house;
        house.recorder.flush(&house.lane).await;
        house.online.finish(&house.lane).await;
        let node = self.node.clone();
        // The writer works in order: once this is done, so is everything before it.
        let left = house.lane.write(move |conn| Ok(facts::leave(conn, &node)?)).await;
        if let Err(refusal) = left {
            warn!("this node's heartbeat stays until it is stale cause={refusal}");
        }
        self.owners_arbiter.stop();
        let ruined = *stopped.borrow() == Stop::Ruin;
        house.lane.close();
        let writer = self.writer;
        let ended = tokio::task::spawn_blocking(move || writer.join());
        if !matches!(ended.await, Ok(Ok(()))) {
            warn!("the writer ended badly; all that was acknowledged is committed");
        }
        info!("stopped");
        if ruined { Err("owners died too often; see the log".to_owned()) } else { Ok(()) }
    }
}
