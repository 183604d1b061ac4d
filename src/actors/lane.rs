//! The lane to the database: one writer thread with natural batches, and a bounded pool of readers.
//!
//! The writer takes all that queued during its last commit, runs it as one transaction, and only
//! then answers and publishes: commit, then ack, then publish. There is no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use log::{error, warn};
use tokio::sync::{Semaphore, oneshot};

use crate::actors::exchange::Exchange;
use crate::actors::mail::Reply;
use crate::actors::notifier::{self, Notifier, Unheard};
use crate::actors::notify;
use crate::actors::post::delivery;
use crate::layer::contract::{ChannelLayer, Envelope};
use crate::metrics::Metrics;
use crate::models::error::StoreError;
use crate::models::store::{self, DbConn, Store};
use crate::protocol::event::Event;
use crate::protocol::refusal::Refusal;

/// Jobs that may wait for the writer; beyond it the answer is `unavailable`.
const QUEUE: usize = 16_384;
/// Reads that may run or wait at once, beyond the pool's own threads.
const READS: usize = 256;
/// The hint given with `unavailable` when a queue is full, in milliseconds.
const BUSY_RETRY_MS: u64 = 500;

/// Why a job did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An expected no. The job has written nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed; the whole batch is undone and each job tried once more alone.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault {
    /// What the asker is told; a fault of ours is logged here, once.
    pub fn into_refusal(self, during: &str) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Store(fault) => {
                if matches!(fault, StoreError::Broken(_) | StoreError::Full) {
                    error!("the database failed during={during} cause={fault:?}");
                }
                fault.into()
            }
        }
    }
}

/// What a batch leaves to be said once it is committed.
#[derive(Default)]
pub struct Aftermath {
    pub replies: Vec<Reply>,
    /// Go ahead of everything else that is published, in order.
    pub alarms: Vec<Event>,
    pub envelopes: Vec<Envelope>,
    /// What goes to the notifier unless somebody is connected to hear it.
    pub alerts: Vec<Unheard>,
}

impl Aftermath {
    /// Events to publish, in order.
    pub fn publish(&mut self, events: Vec<Event>) {
        if !events.is_empty() {
            self.alerts.extend(events.iter().filter_map(notify::alert));
            self.envelopes.push(Envelope::Events(events.into_iter().map(delivery).collect()));
        }
    }
}

/// A unit of work for the writer.
pub trait Job: Send {
    /// Does the work inside the batch's transaction. May be called again when a batch is retried,
    /// so it starts afresh each time.
    ///
    /// # Errors
    /// Only when the database failed; a refusal is kept for [`Job::committed`].
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError>;

    /// The transaction is committed: answer and hand over what is to be published.
    fn committed(self: Box<Self>, aftermath: &mut Aftermath);

    /// The transaction failed for good: answer with this.
    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath);

    /// This job as a post, when it is one; neighbouring posts are stored together.
    fn as_post(&mut self) -> Option<&mut crate::actors::post::PostJob> {
        None
    }
}

/// A handle to the writer and the readers. Cheap to clone.
#[derive(Clone)]
pub struct Lane {
    queue: SyncSender<Box<dyn Job>>,
    waiting: Arc<AtomicUsize>,
    alive: Arc<AtomicBool>,
    closing: Arc<AtomicBool>,
    reads: Arc<Semaphore>,
    store: Store,
    voice: Arc<Voice>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Lane {
    /// Starts the writer thread. It ends when its queue is empty and the last handle is dropped, or
    /// [`Lane::close`] was called.
    ///
    /// # Errors
    /// When the writer's connection or thread cannot be made.
    pub fn start(
        store: Store,
        batch_cap: usize,
        exchange: Arc<Exchange>,
        layer: Arc<dyn ChannelLayer>,
        notifier: Arc<dyn Notifier>,
    ) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (queue, jobs) = sync_channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let alive = Arc::new(AtomicBool::new(true));
        let closing = Arc::new(AtomicBool::new(false));
        let voice = Arc::new(Voice { exchange, layer, notifier });
        let writer = Writer {
            conn: store.writer()?,
            store: store.clone(),
            jobs,
            batch_cap: batch_cap.max(1),
            waiting: Arc::clone(&waiting),
            alive: Arc::clone(&alive),
            closing: Arc::clone(&closing),
            voice: Arc::clone(&voice),
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|cause| StoreError::Broken(cause.to_string()))?;
        let reads = Arc::new(Semaphore::new(READS));
        let lane = Self { queue, waiting, alive, closing, reads, store, voice };
        Ok((lane, thread))
    }

    /// Queues a job. A full queue answers it `unavailable` at once, and what is told of a failure
    /// is told.
    pub fn submit(&self, job: Box<dyn Job>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = self.queue.try_send(job) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let (TrySendError::Full(job) | TrySendError::Disconnected(job)) = refused;
            let mut aftermath = Aftermath::default();
            job.failed(Refusal::unavailable(BUSY_RETRY_MS), &mut aftermath);
            self.voice.say(aftermath);
        }
    }

    /// Says what must be said before a job of the writer is through.
    pub fn say(&self, aftermath: Aftermath) {
        self.voice.say(aftermath);
    }

    /// Lets the writer end once all that is queued now is committed; later jobs are answered
    /// `unavailable`.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        // A writer that waits for work looks up.
        self.submit(Box::new(Call {
            work: |_: &mut DbConn| Ok(()),
            outcome: None,
            sender: oneshot::channel().0,
        }));
    }

    /// Jobs that wait for the writer.
    pub fn depth(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the writer thread lives.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// The store behind the lane.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs `work` in the writer's next transaction. It may run twice; it must refuse before it
    /// writes.
    ///
    /// # Errors
    /// The refusal of `work`, or `unavailable`/`internal` when the database failed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnMut(&mut DbConn) -> Result<T, Fault> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.submit(Box::new(Call { work, outcome: None, sender }));
        receiver.await.unwrap_or_else(|_| Err(Refusal::unavailable(BUSY_RETRY_MS)))
    }

    /// Runs `work` on a reader's connection, off the workers.
    ///
    /// # Errors
    /// The refusal of `work`, or `unavailable`/`internal` when the database failed or too many
    /// reads wait.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut DbConn) -> Result<T, Fault> + Send + 'static,
    {
        let permit = Arc::clone(&self.reads).acquire_owned().await;
        let Ok(permit) = permit else { return Err(Refusal::unavailable(BUSY_RETRY_MS)) };
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut outcome = None;
            store.read(|conn| {
                outcome = Some(work(conn));
                Ok(())
            })?;
            outcome.unwrap_or_else(|| Err(StoreError::Missing.into()))
        });
        match reading.await {
            Ok(outcome) => outcome.map_err(|fault| fault.into_refusal("a read")),
            Err(panic) => {
                Metrics::get().panics.increment(1);
                error!("a read panicked cause={panic}");
                Err(Refusal::internal())
            }
        }
    }
}

struct Call<T, F> {
    work: F,
    outcome: Option<Result<T, Refusal>>,
    sender: oneshot::Sender<Result<T, Refusal>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut DbConn) -> Result<T, Fault> + Send + 'static,
{
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        self.outcome = Some(match (self.work)(conn) {
            Ok(done) => Ok(done),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::Store(fault)) => return Err(fault),
        });
        Ok(())
    }

    fn committed(self: Box<Self>, _: &mut Aftermath) {
        let outcome = self.outcome.unwrap_or_else(|| Err(Refusal::internal()));
        drop(self.sender.send(outcome));
    }

    fn failed(self: Box<Self>, refusal: Refusal, _: &mut Aftermath) {
        drop(self.sender.send(Err(refusal)));
    }
}

struct Writer {
    conn: DbConn,
    store: Store,
    jobs: Receiver<Box<dyn Job>>,
    batch_cap: usize,
    waiting: Arc<AtomicUsize>,
    alive: Arc<AtomicBool>,
    closing: Arc<AtomicBool>,
    voice: Arc<Voice>,
}

/// Says what followed from jobs.
struct Voice {
    exchange: Arc<Exchange>,
    layer: Arc<dyn ChannelLayer>,
    notifier: Arc<dyn Notifier>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.next() {
            let mut batch = vec![first];
            batch.extend(self.jobs.try_iter().take(self.batch_cap - 1));
            self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            Metrics::get().writer_batch.record(batch.len() as f64);
            self.commit(batch);
        }
    }

    /// The next job; `None` when there will be none.
    fn next(&self) -> Option<Box<dyn Job>> {
        if self.closing.load(Ordering::Relaxed) {
            return self.jobs.try_recv().ok();
        }
        self.jobs.recv().ok()
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let started = Instant::now();
        match self.attempt(&mut batch) {
            Ok(()) => self.conclude(batch),
            // A connection lost in a commit may have committed: to try again could do it twice.
            Err(fault) if batch.len() > 1 && !matches!(fault, StoreError::Lost) => {
                warn!(
                    "a batch failed and is retried job by job jobs={} cause={fault}",
                    batch.len()
                );
                for job in batch {
                    self.commit_alone(job);
                }
            }
            Err(fault) => self.fail(batch, fault),
        }
        Metrics::get().commit_seconds.record(started.elapsed().as_secs_f64());
    }

    fn commit_alone(&mut self, job: Box<dyn Job>) {
        let mut batch = vec![job];
        match self.attempt(&mut batch) {
            Ok(()) => self.conclude(batch),
            Err(fault) => self.fail(batch, fault),
        }
    }

    /// One transaction; a panic inside is contained and counts as a failure of the database.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let conn = &mut self.conn;
        let guarded = std::panic::AssertUnwindSafe(|| {
            store::transaction(conn, |conn| crate::actors::post::run_batch(conn, batch))
        });
        match std::panic::catch_unwind(guarded) {
            Ok(outcome) => {
                if matches!(outcome, Err(StoreError::Broken(_) | StoreError::Lost)) {
                    self.reconnect();
                }
                outcome
            }
            Err(_) => {
                Metrics::get().panics.increment(1);
                self.reconnect();
                Err(StoreError::Broken("a job panicked in the writer".to_owned()))
            }
        }
    }

    /// A connection that failed may be half way through a transaction or gone: take a new one.
    fn reconnect(&mut self) {
        match self.store.writer() {
            Ok(conn) => self.conn = conn,
            Err(fault) => error!("the writer cannot reconnect cause={fault}"),
        }
    }

    fn conclude(&self, batch: Vec<Box<dyn Job>>) {
        let mut aftermath = Aftermath::default();
        for job in batch {
            contained(|| job.committed(&mut aftermath));
        }
        contained(|| self.voice.say(aftermath));
    }

    fn fail(&self, batch: Vec<Box<dyn Job>>, fault: StoreError) {
        let refusal = Fault::Store(fault).into_refusal("a write");
        let mut aftermath = Aftermath::default();
        for job in batch {
            contained(|| job.failed(refusal.clone(), &mut aftermath));
        }
        contained(|| self.voice.say(aftermath));
    }
}

impl Drop for Writer {
    /// However the thread ends, it is known, and nothing that still waits is lost without a word.
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
        let left: Vec<_> = self.jobs.try_iter().collect();
        self.waiting.fetch_sub(left.len(), Ordering::Relaxed);
        self.fail(left, StoreError::Lost);
    }
}

/// Runs what must not end the writer: a panic is counted, and whoever it was for is answered when
/// what it dropped is.
fn contained(work: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        Metrics::get().panics.increment(1);
        error!("the writer panicked after a transaction; it goes on with the next");
    }
}

impl Voice {
    /// Acks first, then events: a sender's reply never comes after its own event.
    fn say(&self, aftermath: Aftermath) {
        if !aftermath.replies.is_empty() {
            self.exchange.reply_all(aftermath.replies);
        }
        let alarms = aftermath.alarms.into_iter().map(|alarm| Envelope::Alarm(delivery(alarm)));
        for envelope in alarms.chain(join_events(aftermath.envelopes)) {
            if let Err(fault) = self.layer.publish(envelope) {
                Metrics::get().layer_errors.increment(1);
                warn!("an event is committed but was not carried cause={fault}");
            }
        }
        for alert in aftermath.alerts {
            if self.exchange.seats(&alert.topic) == 0 {
                notifier::hand_over(&*self.notifier, &alert);
            }
        }
    }
}

/// Neighbouring event envelopes become one, in order.
fn join_events(envelopes: Vec<Envelope>) -> Vec<Envelope> {
    let mut joined: Vec<Envelope> = Vec::new();
    for envelope in envelopes {
        match (joined.last_mut(), envelope) {
            (Some(Envelope::Events(all)), Envelope::Events(more)) => all.extend(more),
            (_, envelope) => joined.push(envelope),
        }
    }
    joined
}
