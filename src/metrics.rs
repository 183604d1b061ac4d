//! Counters, gauges and histograms, by name, and their Prometheus text.
//!
//! Hot paths hold a handle from [`Metrics::get`]: one atomic addition each.
//! **Never:** labels with anything a user chose; label values are `&'static str` or close codes.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Seconds from 50 microseconds to 10 seconds.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 10.0,
];
/// Numbers of things, doubling twice a step.
const COUNTS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0, 1024.0, 4096.0, 16_384.0, 65_536.0];

const SOCKETS_OPEN: &str = "switchboard_sockets_open";
const SOCKETS_ACCEPTED: &str = "switchboard_sockets_accepted_total";
const SOCKETS_CLOSED: &str = "switchboard_sockets_closed_total";
const AUTH_FAILURES: &str = "switchboard_auth_failures_total";
const RATE_LIMITED: &str = "switchboard_rate_limited_total";
const OWNER_RESTARTS: &str = "switchboard_owner_restarts_total";

macro_rules! make {
    (Counter, $name:literal, $doc:literal) => {{
        metrics::describe_counter!($name, $doc.trim());
        metrics::counter!($name)
    }};
    (Tally, $name:literal, $doc:literal) => {
        Tally::new(make!(Counter, $name, $doc))
    };
    (Timing, $name:literal, $doc:literal) => {
        Timing::new(make!(Histogram, $name, $doc))
    };
    (Gauge, $name:literal, $doc:literal) => {{
        metrics::describe_gauge!($name, $doc.trim());
        metrics::gauge!($name)
    }};
    (Histogram, $name:literal, $doc:literal) => {{
        metrics::describe_histogram!($name, $doc.trim());
        metrics::histogram!($name)
    }};
}

/// A counter that this process reads too.
pub struct Tally {
    counter: Counter,
    total: AtomicU64,
}

impl Tally {
    fn new(counter: Counter) -> Self {
        Self { counter, total: AtomicU64::new(0) }
    }

    /// Counts `by` more.
    pub fn increment(&self, by: u64) {
        self.counter.increment(by);
        self.total.fetch_add(by, Ordering::Relaxed);
    }

    /// How many were counted since the start of the process.
    pub fn get(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// A histogram of seconds whose mean this process reads too.
pub struct Timing {
    histogram: Histogram,
    count: AtomicU64,
    micros: AtomicU64,
}

impl Timing {
    fn new(histogram: Histogram) -> Self {
        Self { histogram, count: AtomicU64::new(0), micros: AtomicU64::new(0) }
    }

    /// Takes one measure, in seconds.
    pub fn record(&self, seconds: f64) {
        self.histogram.record(seconds);
        self.count.fetch_add(1, Ordering::Relaxed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "durations are positive, and a cast saturates"
        )]
        let micros = (seconds * 1_000_000.0) as u64;
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many measures were taken since the start of the process.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Their mean in milliseconds; 0 before the first.
    pub fn mean_ms(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (micros, count) = (self.micros.load(Ordering::Relaxed) as f64, self.count() as f64);
        if count == 0.0 { 0.0 } else { micros / count / 1_000.0 }
    }
}

macro_rules! metrics_table {
    ($(#[doc = $doc:literal] $field:ident: $kind:ident = $name:literal;)+) => {
        /// A handle for every metric without labels, made once for the process.
        pub struct Metrics {
            $(#[doc = $doc] pub $field: $kind,)+
        }

        impl Metrics {
            fn make() -> Self {
                Self { $($field: make!($kind, $name, $doc),)+ }
            }
        }
    };
}

metrics_table! {
    /// Frames received from clients.
    frames_in: Counter = "switchboard_frames_in_total";
    /// Frames handed to sockets.
    frames_out: Counter = "switchboard_frames_out_total";
    /// Bytes received from clients' sockets.
    bytes_in: Counter = "switchboard_bytes_in_total";
    /// Bytes written to clients' sockets.
    bytes_out: Counter = "switchboard_bytes_out_total";
    /// Messages and events compressed: once for all who hear them.
    messages_compressed: Counter = "switchboard_messages_compressed_total";
    /// Messages stored and acknowledged.
    messages_acked: Counter = "switchboard_messages_acked_total";
    /// Events handed to listeners, once for each listener.
    deliveries: Tally = "switchboard_deliveries_total";
    /// Resumed subscriptions whose missed events were all there.
    replays_recovered: Counter = "switchboard_replays_recovered_total";
    /// Resumed subscriptions that had to start from a snapshot.
    replays_lost: Counter = "switchboard_replays_lost_total";
    /// Sockets closed because they read too slowly.
    outbox_overflows: Tally = "switchboard_outbox_overflows_total";
    /// Figures of a role put together for the dashboards of all who have it.
    dashboard_figures: Counter = "switchboard_dashboard_figures_total";
    /// Panics caught.
    panics: Counter = "switchboard_panics_total";
    /// Connection attempts that were not recorded because too many waited.
    attempts_dropped: Counter = "switchboard_attempts_dropped_total";
    /// Notifications put into inboxes, those that grew among them.
    notifications: Counter = "switchboard_notifications_total";
    /// Notifications and alarms that nobody was connected to hear.
    notifications_unheard: Counter = "switchboard_notifications_unheard_total";
    /// Alarms that reached nobody who could answer.
    alarms_unheard: Counter = "switchboard_alarms_unheard_total";
    /// Times the layer between nodes was lost.
    layer_disconnects: Counter = "switchboard_layer_disconnects_total";
    /// Events that were committed but that the layer between nodes could not carry.
    layer_errors: Counter = "switchboard_layer_errors_total";
    /// Commands waiting for the writer.
    writer_queue: Gauge = "switchboard_writer_queue";
    /// Topics with at least one listener here.
    topics_live: Gauge = "switchboard_topics_live";
    /// Commands written in one transaction.
    writer_batch: Histogram = "switchboard_writer_batch_commands";
    /// Seconds a transaction of the writer takes, from begin to the end of commit.
    commit_seconds: Timing = "switchboard_commit_seconds";
    /// Listeners reached by one published event.
    fan_out: Histogram = "switchboard_fan_out_listeners";
    /// Seconds a password check takes, without its wait for a thread.
    hashing_seconds: Histogram = "switchboard_hashing_seconds";
    /// Seconds a REST request takes.
    request_seconds: Timing = "switchboard_request_seconds";
}

static HANDLE: OnceLock<Handle> = OnceLock::new();
static METRICS: OnceLock<Metrics> = OnceLock::new();

/// Reads what has been counted.
#[derive(Clone)]
pub struct Handle(PrometheusHandle);

impl Handle {
    /// Everything counted so far, as Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Folds histogram samples together. Call it every few seconds, or they pile up unread.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Installs the process's recorder at the first call; later calls return the same handle.
pub fn install() -> Handle {
    HANDLE.get_or_init(build).clone()
}

/// Makes sure that what is counted next is seen.
fn ready() {
    HANDLE.get_or_init(build);
}

fn build() -> Handle {
    use metrics_exporter_prometheus::Matcher::Suffix;
    let builder = PrometheusBuilder::new();
    // Only empty bucket lists are refused; should that happen, summaries are drawn instead.
    let builder = builder
        .set_buckets_for_metric(Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Suffix("_commands".to_owned()), COUNTS))
        .and_then(|builder| builder.set_buckets_for_metric(Suffix("_listeners".to_owned()), COUNTS))
        .unwrap_or_default();
    let recorder = builder.build_recorder();
    let handle = Handle(recorder.handle());
    if metrics::set_global_recorder(recorder).is_err() {
        log::warn!("another metrics recorder is installed; /metrics will be empty");
    }
    metrics::describe_gauge!(SOCKETS_OPEN, "Sockets open now, by path.");
    metrics::describe_counter!(SOCKETS_ACCEPTED, "Sockets upgraded, by path.");
    metrics::describe_counter!(SOCKETS_CLOSED, "Sockets closed, by close code.");
    metrics::describe_counter!(AUTH_FAILURES, "Credentials not accepted, by reason.");
    metrics::describe_counter!(RATE_LIMITED, "Requests refused as too many, by limit.");
    metrics::describe_counter!(OWNER_RESTARTS, "Owner actors rebuilt after their death.");
    handle
}

impl Metrics {
    /// The handles of this process; installs the recorder if nobody has.
    pub fn get() -> &'static Self {
        METRICS.get_or_init(|| {
            ready();
            Self::make()
        })
    }
}

/// What is counted of the sockets of one path.
#[derive(Clone)]
pub struct Sockets {
    pub open: Gauge,
    pub accepted: Counter,
}

thread_local! {
    /// Handles by path: to look one up by its labels costs as much as all else that is counted.
    static SOCKETS: RefCell<Vec<(&'static str, Sockets)>> = const { RefCell::new(Vec::new()) };
}

/// The counts of a path of the route table (`/ws/v1/`, never as a client wrote it).
pub fn sockets(path: &'static str) -> Sockets {
    ready();
    // A socket that is dropped while its thread ends finds the thread's handles gone.
    let known = SOCKETS.try_with(|known| {
        let mut known = known.borrow_mut();
        if let Some((_, sockets)) = known.iter().find(|(name, _)| *name == path) {
            return sockets.clone();
        }
        let sockets = look_up(path);
        known.push((path, sockets.clone()));
        sockets
    });
    known.unwrap_or_else(|_| look_up(path))
}

fn look_up(path: &'static str) -> Sockets {
    Sockets {
        open: metrics::gauge!(SOCKETS_OPEN, "path" => path),
        accepted: metrics::counter!(SOCKETS_ACCEPTED, "path" => path),
    }
}

/// Counts a socket's end by its close code; a code that only a client would think of is `other`.
pub fn socket_closed(code: u16) {
    ready();
    let label = match code {
        1000..=1015 | 4000..=4029 => code.to_string(),
        _ => "other".to_owned(),
    };
    metrics::counter!(SOCKETS_CLOSED, "code" => label).increment(1);
}

/// Counts a credential that was not accepted: `token_expired`, `password`, `login_ended` …
pub fn auth_failed(reason: &'static str) {
    ready();
    metrics::counter!(AUTH_FAILURES, "reason" => reason).increment(1);
}

/// Counts a refusal by a limit: `login`, `frames`, `connects` …
pub fn rate_limited(limit: &'static str) {
    ready();
    metrics::counter!(RATE_LIMITED, "limit" => limit).increment(1);
}

/// Counts the rebuilding of an owner actor.
pub fn owner_restarted(owner: &'static str) {
    ready();
    metrics::counter!(OWNER_RESTARTS, "owner" => owner).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_with_its_description() {
        let metrics = Metrics::get();
        metrics.frames_in.increment(3);
        metrics.commit_seconds.record(0.003);
        metrics.writer_batch.record(17.0);
        for _ in 0..2 {
            sockets("/ws/test-of-metrics/").open.increment(1.0);
        }
        sockets("/ws/test-of-metrics/").accepted.increment(1);
        socket_closed(4001);
        auth_failed("test_of_metrics");
        rate_limited("test_of_metrics");
        owner_restarted("test_of_metrics");
        let handle = install();
        handle.upkeep();
        let text = handle.render();
        for line in [
            "# HELP switchboard_frames_in_total Frames received from clients.",
            "# TYPE switchboard_commit_seconds histogram",
            "switchboard_commit_seconds_bucket{le=\"0.005\"}",
            "switchboard_writer_batch_commands_bucket{le=\"64\"}",
            "switchboard_sockets_open{path=\"/ws/test-of-metrics/\"} 2",
            "switchboard_sockets_accepted_total{path=\"/ws/test-of-metrics/\"} 1",
            "switchboard_sockets_closed_total{code=\"4001\"}",
            "switchboard_auth_failures_total{reason=\"test_of_metrics\"} 1",
            "switchboard_rate_limited_total{limit=\"test_of_metrics\"} 1",
            "switchboard_owner_restarts_total{owner=\"test_of_metrics\"} 1",
            "# HELP switchboard_sockets_open Sockets open now, by path.",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
