//! Settings: one table of them all, from which [`Config`], the flags and the documentation come.
//!
//! Flags beat the environment, which beats `switchboard.toml`, which beats the defaults.
//! The only reader of the environment. **Never:** input or output beyond settings and the kept key.

pub mod load;
pub mod network;
pub mod parse;
pub mod secret_key;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::load::{ConfigError, Given, Source};
use crate::config::network::Network;
use crate::config::parse::{
    LogFormat, addresses, cores, count, duration, hosts, key, keys, log_format, media_types,
    networks, optional, origins, path, rate, size, switch, text, url,
};

/// One row of [`SETTINGS`].
pub struct Setting {
    /// As in `switchboard.toml`: `ws_max_size`.
    pub key: &'static str,
    /// The text that holds when nothing else is said; empty for none.
    pub default: &'static str,
    doc: &'static str,
    words: fn() -> String,
}

impl Setting {
    /// As in the environment: `WS_MAX_SIZE`.
    pub fn name(&self) -> String {
        self.key.to_uppercase()
    }

    /// As on the command line, less the dashes before it: `ws-max-size`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// What it is for, in a sentence.
    pub fn doc(&self) -> &'static str {
        self.doc.trim()
    }

    /// What it must be.
    pub fn words(&self) -> String {
        (self.words)()
    }

    /// `text` in quotes, or masked where it may hold a secret.
    fn show(&self, text: &str) -> String {
        let masked = self.mask(text);
        if masked == text { format!("\"{text}\"") } else { masked }
    }

    fn mask(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        if self.key.ends_with("secret_key") || self.key.ends_with("secret_keys") {
            return "••••".to_owned();
        }
        if !self.key.ends_with("_url") {
            return text.to_owned();
        }
        // A password may stand before the host or among the parameters.
        let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
        let ending = if parameters.is_empty() { "" } else { "?••••" };
        let parts = address.split_once("://").zip(address.rsplit_once('@'));
        match parts {
            Some(((scheme, rest), (_, host))) => {
                let user = rest.split([':', '@']).next().unwrap_or_default();
                format!("{scheme}://{user}:••••@{host}{ending}")
            }
            None => format!("{address}{ending}"),
        }
    }
}

/// What is in force for one setting, fit to be shown.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub shown: String,
    pub source: Source,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:literal, $rule:expr;)+) => {
        /// Every setting, read and checked. Printing it masks secrets.
        #[derive(Clone)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $type,)+
            entries: Vec<Entry>,
        }

        /// Every setting, in the order of `docs/CONFIGURATION.md`.
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                key: stringify!($field),
                default: $default,
                doc: concat!($($doc),+),
                words: || $rule.words,
            },
        )+];

        impl Config {
            fn read(given: &Given) -> Result<Self, ConfigError> {
                let mut rows = SETTINGS.iter();
                let mut entries = Vec::with_capacity(SETTINGS.len());
                Ok(Self {
                    $($field: {
                        // Fields and rows are made by one macro in one order.
                        let setting = rows.next().unwrap_or(&SETTINGS[0]);
                        let value = given.read(setting, &$rule)?;
                        let (text, source) = given.text(setting);
                        entries.push(Entry {
                            name: setting.name(),
                            shown: setting.mask(text),
                            source,
                        });
                        value
                    },)+
                    entries,
                })
            }
        }
    };
}

settings! {
    /// Where to listen; several are possible.
    bind: Vec<SocketAddr> = "127.0.0.1:8000", addresses();
    /// The database: a SQLite file, or PostgreSQL.
    database_url: String = "sqlite://switchboard.db",
        url(&["sqlite:", "postgres://", "postgresql://"], "sqlite://switchboard.db");
    /// Redis, through which several nodes will hear each other. Not built yet: refused at start.
    redis_url: Option<String> = "",
        optional(url(&["redis://", "rediss://"], "redis://127.0.0.1:6379/0"));
    /// Signs tokens. Made and kept beside the database when absent, on loopback with SQLite.
    secret_key: String = "", key();
    /// Earlier signing keys; they still verify, and never sign.
    old_secret_keys: Vec<String> = "", keys();
    /// Hosts by which browsers may reach this server, beside the one they ask.
    allowed_hosts: Vec<String> = "", hosts();
    /// Foreign origins whose pages may talk to this server.
    cors_allowed_origins: Vec<String> = "", origins();
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    trusted_proxies: Vec<Network> = "", networks();
    /// How people reach this server, for the links it writes.
    public_url: Option<String> = "",
        optional(url(&["https://", "http://"], "https://chat.example.org"));
    /// Certificate chain in PEM; read again on SIGHUP.
    tls_cert: Option<PathBuf> = "", optional(path("chain.pem"));
    /// The certificate's private key in PEM.
    tls_key: Option<PathBuf> = "", optional(path("key.pem"));
    /// Threads that serve connections.
    workers: usize = "auto", cores();

    /// Largest WebSocket message taken.
    ws_max_size: usize = "64KiB", size(1024..=10 << 20);
    /// Whether messages are compressed for clients that offer permessage-deflate.
    ws_deflate: bool = "true", switch();
    /// Largest text of a chat message.
    message_max_size: usize = "16KiB", size(1..=1 << 20);
    /// How long after it was sent a message may be edited; 0 is for ever.
    edit_window: Duration = "0s", duration("0s", "3650d");
    /// Different emojis that people may put under one message.
    reactions_per_message: usize = "20", count(1..=1_000);
    /// Messages that may be pinned in one conversation.
    pins_per_conversation: usize = "100", count(1..=1_000);
    /// Invite links that one conversation may have at once.
    invites_per_conversation: usize = "50", count(1..=1_000);
    /// Most members of a conversation who are told how far each of them has read.
    receipts_members: usize = "256", count(0..=100_000);
    /// Largest body of a REST request.
    request_max_size: usize = "1MiB", size(1024..=64 << 20);
    /// How long a client may take to send the head of a request.
    request_timeout: Duration = "5s", duration("10ms", "10m");
    /// Time between pings to a client.
    heartbeat: Duration = "25s", duration("10ms", "1h");
    /// How long a client may take to answer a ping.
    pong_timeout: Duration = "10s", duration("10ms", "1h");
    /// How much may wait for a client that reads slowly.
    outbox_bytes: usize = "256KiB", size(4096..=64 << 20);
    /// How long a client with something waiting may take nothing.
    outbox_stall: Duration = "10s", duration("10ms", "1h");
    /// How long a socket that was closed waits for its close frame to leave.
    outbox_linger: Duration = "5s", duration("10ms", "10m");
    /// Topics that one connection may listen to.
    topics_per_connection: usize = "128", count(1..=10_000);

    /// Connections open at once; keep it below the limit of file descriptors.
    max_connections: usize = "15000", count(1..=1_000_000);
    /// Connections open at once from one address; 0 is unlimited.
    max_connections_per_address: u32 = "1000", rate();
    /// Connections open at once of one person; 0 is unlimited.
    max_connections_per_user: u32 = "100", rate();
    /// New connections a second from one address; 0 is unlimited.
    connects_per_second_per_address: u32 = "200", rate();
    /// Frames a second that one connection may send; 0 is unlimited.
    frames_per_second: u32 = "50", rate();
    /// Frames that one connection may send at once.
    frames_burst: u32 = "200", rate();
    /// Messages a second that one person may post; 0 is unlimited.
    messages_per_second_per_user: u32 = "50", rate();
    /// Messages that one person may post at once.
    messages_burst: u32 = "200", rate();
    /// Messages that one member may post in one conversation within `FLOOD_WINDOW`; 0 is unlimited.
    flood_messages: u32 = "100", rate();
    /// The time in which messages of one member in one conversation are counted.
    flood_window: Duration = "10s", duration("10ms", "1d");
    /// Longest delay put before refusing an address that keeps being refused.
    refusal_delay_max: Duration = "1s", duration("0s", "30s");

    /// Life of an access token.
    access_ttl: Duration = "15m", duration("1s", "30d");
    /// Life of a refresh token.
    refresh_ttl: Duration = "30d", duration("1s", "365d");
    /// How long a session cookie lives after its last use.
    cookie_ttl: Duration = "14d", duration("1s", "365d");
    /// How long a session cookie lives at most, used or not.
    cookie_max_ttl: Duration = "30d", duration("1s", "365d");
    /// Life of a link to reset a password.
    reset_ttl: Duration = "1h", duration("1s", "7d");
    /// Written into tokens as `aud`, and demanded of them.
    jwt_audience: Option<String> = "", optional(text("rooms"));
    /// Written into tokens as `iss`, and demanded of them.
    jwt_issuer: Option<String> = "", optional(text("https://chat.example.org"));
    /// How long before its credential ends a connection is warned.
    auth_warning: Duration = "30s", duration("0s", "1h");
    /// Whether people may make accounts for themselves.
    registration: bool = "true", switch();
    /// Wrong passwords for one account or address within `LOGIN_WINDOW`; 0 is unlimited.
    login_attempts: u32 = "5", rate();
    /// The time in which wrong passwords are counted.
    login_window: Duration = "60s", duration("10ms", "1d");
    /// Passwords hashed at once; each takes 19 MiB, imported ones up to 256 MiB.
    hashing_threads: usize = "2", count(1..=64);

    /// Connections that read the database.
    db_readers: usize = "4", count(1..=64);
    /// Most commands written in one transaction.
    write_batch: usize = "512", count(1..=10_000);
    /// How long events are kept for those who come back.
    journal_keep: Duration = "30d", duration("1s", "3650d");
    /// Most events kept of one topic.
    journal_keep_events: usize = "100000", count(1..=100_000_000);
    /// How long the answer to a `client_id` is kept for a repeat.
    client_id_keep: Duration = "24h", duration("1s", "30d");
    /// How long the same text of an older client, sent by socket and by REST, is one message.
    twin_window: Duration = "10s", duration("10ms", "10m");
    /// How long connection attempts are kept.
    attempts_keep: Duration = "30d", duration("1s", "3650d");
    /// Most connection attempts kept.
    attempts_keep_rows: usize = "100000", count(1..=100_000_000);

    /// The folder of uploaded files; beside the database when absent.
    attachments_url: Option<String> = "",
        optional(url(&["file://"], "file:///var/lib/switchboard/attachments"));
    /// Largest file that may be uploaded.
    attachment_max_size: usize = "100MiB", size(1024..=100 << 30);
    /// Largest picture of a person or a conversation.
    avatar_max_size: usize = "5MiB", size(1024..=1 << 30);
    /// What may be uploaded, by what the bytes are; empty is anything.
    attachment_types: Vec<String> = "", media_types();
    /// Most files sent with one message.
    attachments_per_message: usize = "10", count(1..=100);
    /// What one person may have uploaded and not sent yet.
    uploads_waiting_size: usize = "1GiB", size(1024..=1 << 40);
    /// How long an upload that is not gone on with, or not sent, is kept.
    uploads_keep: Duration = "24h", duration("10ms", "365d");
    /// Uploads taken at once; beyond it clients are told to wait.
    uploads_at_once: usize = "16", count(1..=1_000);
    /// How long an upload may bring nothing before it is cut.
    upload_stall: Duration = "30s", duration("10ms", "1h");
    /// Largest picture, in pixels, of which a thumbnail is made; decoding takes four bytes a pixel.
    picture_max_pixels: usize = "32000000", count(1..=1_000_000_000);
    /// Pictures decoded at once.
    picture_threads: usize = "1", count(1..=64);

    /// Whether the messages of an erased account are removed with it, or stay as nobody's.
    erasure_removes_messages: bool = "false", switch();
    /// How often new messages are brought into the search index.
    search_every: Duration = "200ms", duration("10ms", "1m");

    /// How long notifications are kept after they last changed.
    notifications_keep: Duration = "90d", duration("1s", "3650d");
    /// Most notifications kept of one person.
    notifications_keep_rows: usize = "1000", count(1..=1_000_000);
    /// In conversations with more members only mentions notify.
    notify_members_max: usize = "200", count(0..=10_000);

    /// Time between looks at the figures of dashboards; a socket is told at most once in it.
    dashboard_every: Duration = "1s", duration("10ms", "1m");
    /// How long someone counts as present after their last connection ended.
    presence_grace: Duration = "15s", duration("0s", "1h");
    /// How long a call rings before it is missed.
    call_ring: Duration = "45s", duration("10ms", "10m");
    /// How long older clients count as online after they said so, unless they say more.
    online_said: Duration = "15m", duration("10ms", "1d");
    /// How long "is typing" holds unless repeated.
    typing_ttl: Duration = "6s", duration("10ms", "10m");
    /// How long an order of priority CRITICAL may go unanswered before dispatchers are told.
    answer_critical: Duration = "30s", duration("10ms", "1h");
    /// The same for HIGH.
    answer_high: Duration = "60s", duration("10ms", "1h");
    /// The same for MEDIUM.
    answer_medium: Duration = "2m", duration("10ms", "1h");
    /// The same for LOW.
    answer_low: Duration = "5m", duration("10ms", "1d");
    /// Time between the repeats of an unanswered order on the crew's devices.
    order_repeat: Duration = "10s", duration("10ms", "1h");
    /// Time between the repeats of an unanswered mayday.
    mayday_repeat: Duration = "5s", duration("10ms", "1h");
    /// How often the crews of an incident must check in, unless it is set otherwise.
    par_every: Duration = "20m", duration("10ms", "1d");
    /// Time between the notices of a missed check-in.
    par_repeat: Duration = "1m", duration("10ms", "1h");
    /// How long after its end an incident can still be corrected.
    incident_lock: Duration = "24h", duration("10ms", "365d");
    /// How far the clock of a crew's device may be ahead of the server's.
    device_ahead: Duration = "2m", duration("0s", "1d");
    /// How long ago something may have happened that a device tells late.
    device_behind: Duration = "24h", duration("1s", "30d");
    /// Most pictures of one incident.
    incident_images: usize = "20", count(1..=200);
    /// Largest picture of an incident, from its crew or the public.
    incident_image_max_size: usize = "5MiB", size(1024..=1 << 30);
    /// Public forms of one address in `PUBLIC_FORM_WINDOW`, and a fifth of its pictures; 0: any.
    public_forms: u32 = "10", rate();
    /// The window of `PUBLIC_FORMS`.
    public_form_window: Duration = "10m", duration("10ms", "1d");
    /// Time between looks at the deadlines of dispatch.
    dispatch_sweep: Duration = "250ms", duration("10ms", "10s");
    /// Most positions a second of one unit that are told; of more the newest. 0: all.
    positions_per_second: u32 = "5", rate();
    /// Time between writes of positions to the database; a crash loses what came since the last.
    position_keep: Duration = "1s", duration("10ms", "1m");
    /// How long a unit may be silent before its position is marked as stale.
    position_stale: Duration = "1m", duration("10ms", "1h");
    /// How long before it is marked as lost, and no longer relied on.
    position_lost: Duration = "30m", duration("10ms", "1d");
    /// Time between samples of a unit's trail …
    trail_every: Duration = "15s", duration("10ms", "1h");
    /// … unless it has gone so many meters before.
    trail_meters: usize = "100", count(1..=100_000);
    /// How long trails are kept.
    trail_keep: Duration = "30d", duration("1m", "3650d");
    /// How long a crew should rest between shifts; less speaks against it in recommendations.
    crew_rest: Duration = "8h", duration("0s", "2d");
    /// How long on shift speaks against a crew in recommendations.
    shift_long: Duration = "12h", duration("1m", "7d");
    /// How fast units come nearer in a straight line, in km/h, for estimates of arrival.
    travel_kmh: usize = "40", count(1..=500);

    /// Least time between two values of a dashboard on one connection.
    latest_every: Duration = "1s", duration("1ms", "1m");
    /// Time over which positions of units are gathered into one frame.
    positions_every: Duration = "100ms", duration("1ms", "1m");
    /// Time between the watchdog's looks at the owners.
    watchdog: Duration = "1s", duration("10ms", "1m");
    /// How long stopping may take; after it connections are cut.
    drain_timeout: Duration = "20s", duration("0s", "30s");
    /// Over how long clients are told to spread their return after a restart.
    restart_spread: Duration = "10s", duration("0s", "10m");
    /// Whether several nodes may share PostgreSQL, not hearing each other.
    allow_isolated_nodes: bool = "false", switch();
    /// Whether `/ws/chat/` is there, the room without sign-in; unless set, on loopback alone.
    lobby: Option<bool> = "", optional(switch());
    /// Whether the links to files that older clients are given open for whoever has one, as those
    /// of their own servers did; else for signed-in readers of the conversation alone.
    file_links: bool = "true", switch();
    /// Whether `/ws/echo/` is there, for conformance tests.
    echo: bool = "false", switch();
    /// How log lines are written.
    log_format: LogFormat = "human", log_format();
}

impl Config {
    /// Reads this process's settings. Without `file`, `switchboard.toml` is read if it is here.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_process(
        flags: &BTreeMap<String, String>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let usual = Path::new("switchboard.toml");
        let file = file.or_else(|| usual.exists().then_some(usual));
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::load(flags, &|name| std::env::var(name).ok(), file)
    }

    /// What is in force, fit to be shown, in the order of [`SETTINGS`].
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Records that a value was made here rather than given.
    fn note(&mut self, key: &str, source: Source) {
        let name = key.to_uppercase();
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.shown = "••••".to_owned();
            entry.source = source;
        }
    }
}

/// [`SETTINGS`] as the Markdown table of `docs/CONFIGURATION.md`.
pub fn table() -> String {
    let mut text =
        String::from("| setting | default | must be | what for |\n| --- | --- | --- | --- |\n");
    for setting in SETTINGS {
        let default = match setting.default {
            "" => "-".to_owned(),
            default => format!("`{default}`"),
        };
        let (name, words, doc) = (setting.name(), setting.words(), setting.doc());
        let _ = writeln!(text, "| `{name}` | {default} | {words} | {doc} |");
    }
    text
}
