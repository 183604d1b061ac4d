//! The house: what every actor of this process shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::actors::authenticate::Authenticator;
use crate::actors::dashboards::Pulse;
use crate::actors::dispatch::work::DispatchSettings;
use crate::actors::exchange::Exchange;
use crate::actors::lane::Lane;
use crate::actors::mail::{Answer, Joined, Leave, Perform, ReplyTo};
use crate::actors::notifier::Notifier;
use crate::actors::online::Online;
use crate::actors::owners::Owners;
use crate::actors::presence::SharedPresence;
use crate::actors::recorder::Recorder;
use crate::actors::rounds::Rounds;
use crate::actors::throttle::{Rate, Throttles};
use crate::auth::identity::Identity;
use crate::layer::contract::{ChannelLayer, Envelope, Whom};
use crate::metrics::Metrics;
use crate::objects::store::Objects;
use crate::protocol::command::Command;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// How long the channel layer may take to bring a probe back.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// Numbers the probes of this process.
static PROBES: AtomicU64 = AtomicU64::new(0);

/// The settings that actors act by; durations and sizes as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    pub ws_message_bytes: usize,
    pub message_bytes: usize,
    /// How long a message may be edited; zero for ever.
    pub edit_window: Duration,
    /// Different emojis under one message.
    pub reactions_per_message: i64,
    pub pins_per_conversation: i64,
    pub invites_per_conversation: i64,
    /// Most members of a conversation who are told of each other's marks.
    pub receipts_members: i64,
    pub heartbeat: Duration,
    pub auth_warning: Duration,
    pub frames: Rate,
    pub topics_per_connection: usize,
    pub presence_grace: Duration,
    pub typing_ttl: Duration,
    /// How long a call rings.
    pub call_ring: Duration,
    /// How often at most one connection is told a newest value.
    pub latest_every: Duration,
    /// How often at most one connection is told of positions.
    pub positions_every: Duration,
    pub journal_keep: Duration,
    pub journal_keep_events: i64,
    /// How long a repeated `client_id` gets the first answer.
    pub client_id_keep: Duration,
    /// For how long what an older client says by another way is the same message.
    pub twin_window: Duration,
    pub attempts_keep: Duration,
    pub attempts_keep_rows: i64,
    pub attachments_per_message: usize,
    /// How long an upload that is not gone on with, or not sent, is kept.
    pub uploads_keep: Duration,
    pub dispatch: DispatchSettings,
    pub notifications_keep: Duration,
    /// Notifications kept of one person.
    pub notifications_keep_rows: i64,
    /// In conversations with more members only mentions notify.
    pub notify_members_max: i64,
}

/// What every actor of this process shares.
pub struct House {
    pub settings: Settings,
    pub lane: Lane,
    pub exchange: Arc<Exchange>,
    pub layer: Arc<dyn ChannelLayer>,
    /// Uploaded files.
    pub objects: Objects,
    pub owners: Owners,
    /// When this process began.
    pub started: Instant,
    pub pulse: Pulse,
    /// The rounds of housekeeping.
    pub rounds: Rounds,
    /// Who is here, on the topics that have presence.
    pub presence: Arc<SharedPresence>,
    /// Who is told of what nobody is connected to hear.
    pub notifier: Arc<dyn Notifier>,
    pub authenticator: Arc<Authenticator>,
    pub recorder: Recorder,
    pub throttles: Throttles,
    /// Who has a connection open.
    pub online: Arc<Online>,
    /// Set once the server is stopping: no new sockets, readiness red.
    pub draining: AtomicBool,
    /// Set once the room without sign-in is known to be there.
    pub lobby: OnceCell<()>,
    /// Set once the room of a whole school is known to be there.
    pub general: OnceCell<()>,
    /// Names the database's history; changes when a backup is restored.
    pub epoch: Arc<str>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("House")
    }
}

impl House {
    /// Does a command for someone without a socket, through the same owner a socket would ask.
    ///
    /// # Errors
    /// The owner's refusal; `unavailable` when it died on the way.
    pub async fn perform(
        &self,
        who: Arc<Identity>,
        topic: Option<Topic>,
        command: Command,
    ) -> Result<Answer, Refusal> {
        let (reply, answer) = ReplyTo::call();
        self.owners.perform(Perform { who, topic, command, seat: None, reply });
        answer.await.unwrap_or_else(|_| Err(Refusal::unavailable(1_000)))
    }

    /// Ends credentials everywhere: forgets them and closes what they opened. Call it after the
    /// change is committed.
    pub fn revoke(&self, whom: Whom, refusal: Refusal) {
        self.authenticator.forget(whom);
        if self.layer.publish(Envelope::Revoked { whom, refusal }).is_err() {
            Metrics::get().layer_errors.increment(1);
        }
    }

    /// Sends a message through the channel layer and waits to hear it.
    ///
    /// # Errors
    /// A sentence when it did not come back.
    pub async fn probe_layer(&self) -> Result<(), &'static str> {
        let number = PROBES.fetch_add(1, Ordering::Relaxed) ^ u64::from(std::process::id()) << 32;
        let heard = self.exchange.await_probe(number);
        if self.layer.publish(Envelope::Probe(number)).is_err() {
            return Err("the channel layer does not carry");
        }
        match tokio::time::timeout(PROBE_PATIENCE, heard).await {
            Ok(Ok(())) => Ok(()),
            _ => Err("the channel layer did not bring the test message back"),
        }
    }

    /// A join ended after its session had: gives back what it took.
    pub fn leave_for_ghost(&self, joined: Joined) {
        if let Ok(welcome) = joined.outcome {
            self.owners.leave(Leave { topic: joined.topic, user: welcome.user });
        }
    }
}
