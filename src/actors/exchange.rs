//! The exchange: which workers listen to a topic, and how frames reach them.
//!
//! Shared by all threads of the process; holds no truth.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use actix::Addr;
use tokio::sync::oneshot;

use crate::actors::fanout::Fanout;
use crate::actors::mail::{Alarm, Outbound, Reply, Revoke, TakeCensus, Unseat, Veil, tell};
use crate::layer::contract::{Delivery, Envelope, Heard};
use crate::metrics::Metrics;
use crate::protocol::topic::Topic;

/// Seats a topic has on each worker.
type Interest = Arc<[AtomicU32]>;

/// An older client of the dispatch board: it hears of alarms as of anything else, but can answer
/// none, so it does not count as someone who heard.
#[derive(Debug)]
pub struct Deaf(Arc<AtomicU32>);

impl Drop for Deaf {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Worker addresses and the interest of each in each topic.
#[derive(Debug)]
pub struct Exchange {
    workers: RwLock<Vec<Option<Addr<Fanout>>>>,
    interest: RwLock<HashMap<Topic, Interest>>,
    width: usize,
    /// Sockets on the dispatch board whose clients can answer no alarm.
    deaf: Arc<AtomicU32>,
    /// Who waits to hear their own probe of the layer.
    probes: Mutex<HashMap<u64, oneshot::Sender<()>>>,
}

impl Exchange {
    /// An exchange for `width` workers, none of them here yet.
    pub fn new(width: usize) -> Self {
        Self {
            workers: RwLock::new(vec![None; width]),
            interest: RwLock::new(HashMap::new()),
            width,
            deaf: Arc::default(),
            probes: Mutex::default(),
        }
    }

    /// A worker's fan-out is ready.
    pub fn register(&self, worker: usize, fanout: Addr<Fanout>) {
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = workers.get_mut(worker) {
            *place = Some(fanout);
        }
    }

    /// The fan-out of a worker.
    pub fn worker(&self, worker: usize) -> Option<Addr<Fanout>> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.get(worker).cloned().flatten()
    }

    /// All fan-outs.
    pub fn workers(&self) -> Vec<Addr<Fanout>> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.iter().flatten().cloned().collect()
    }

    /// One more seat for `topic` on `worker`. Every call is matched by one [`Exchange::ebb`].
    pub fn rise(&self, topic: &Topic, worker: usize) {
        let known = {
            let interest = self.interest.read().unwrap_or_else(PoisonError::into_inner);
            interest.get(topic).and_then(|seats| seats.get(worker)).map(|seats| {
                seats.fetch_add(1, Ordering::Relaxed);
            })
        };
        if known.is_none() {
            let mut interest = self.interest.write().unwrap_or_else(PoisonError::into_inner);
            let seats = interest
                .entry(topic.clone())
                .or_insert_with(|| (0..self.width).map(|_| AtomicU32::new(0)).collect());
            if let Some(seats) = seats.get(worker) {
                seats.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// One seat less for `topic` on `worker`; the topic is forgotten with its last seat.
    pub fn ebb(&self, topic: &Topic, worker: usize) {
        let mut interest = self.interest.write().unwrap_or_else(PoisonError::into_inner);
        let Some(seats) = interest.get(topic) else { return };
        if let Some(seats) = seats.get(worker) {
            seats.fetch_sub(1, Ordering::Relaxed);
        }
        if seats.iter().all(|seats| seats.load(Ordering::Relaxed) == 0) {
            interest.remove(topic);
        }
    }

    /// How many topics have listeners in this process.
    pub fn topics(&self) -> usize {
        self.interest.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What `pick` makes of the topics with listeners in this process.
    pub fn listened<T>(&self, pick: impl Fn(&Topic) -> Option<T>) -> Vec<T> {
        let interest = self.interest.read().unwrap_or_else(PoisonError::into_inner);
        interest.keys().filter_map(pick).collect()
    }

    /// How many seats a topic has in this process.
    pub fn seats(&self, topic: &Topic) -> u32 {
        let interest = self.interest.read().unwrap_or_else(PoisonError::into_inner);
        interest
            .get(topic)
            .map_or(0, |seats| seats.iter().map(|seats| seats.load(Ordering::Relaxed)).sum())
    }

    /// How many older clients look at the dispatch board of this process.
    pub fn deaf(&self) -> u32 {
        self.deaf.load(Ordering::Relaxed)
    }

    /// How many sockets look at the dispatch board and can answer what they hear.
    pub fn hearing(&self) -> u32 {
        self.seats(&Topic::Board).saturating_sub(self.deaf.load(Ordering::Relaxed))
    }

    /// Counts an older client of the dispatch board for as long as what is returned lives.
    pub fn count_deaf(&self) -> Deaf {
        self.deaf.fetch_add(1, Ordering::Relaxed);
        Deaf(Arc::clone(&self.deaf))
    }

    /// Hands one reply to its session.
    pub fn reply(&self, reply: Reply) {
        if let Some(worker) = self.worker(reply.to.worker) {
            tell(&worker, Outbound { replies: vec![reply], events: Vec::new() });
        }
    }

    /// Hands a batch of replies to their sessions, one message a worker.
    pub fn reply_all(&self, replies: Vec<Reply>) {
        let mut shares: Vec<Vec<Reply>> = (0..self.width).map(|_| Vec::new()).collect();
        for reply in replies {
            if let Some(share) = shares.get_mut(reply.to.worker) {
                share.push(reply);
            }
        }
        for (worker, replies) in shares.into_iter().enumerate().filter(|share| !share.1.is_empty())
        {
            if let Some(worker) = self.worker(worker) {
                tell(&worker, Outbound { replies, events: Vec::new() });
            }
        }
    }

    /// Receives what the channel layer hears and passes it to the workers that care.
    pub fn hear(&self, heard: Heard) {
        match heard {
            Heard::Envelope(Envelope::Events(events)) => self.deliver(events),
            Heard::Envelope(Envelope::Alarm(alarm)) => {
                for worker in self.workers() {
                    tell(&worker, Alarm(Arc::clone(&alarm)));
                }
            }
            Heard::Envelope(Envelope::Revoked { whom, refusal }) => {
                for worker in self.workers() {
                    tell(&worker, Revoke { whom, refusal: refusal.clone() });
                }
            }
            Heard::Envelope(Envelope::Unseated { topic, user, refusal }) => {
                for worker in self.workers() {
                    let unseat = Unseat { topic: topic.clone(), user, refusal: refusal.clone() };
                    tell(&worker, unseat);
                }
            }
            Heard::Envelope(Envelope::Veiled { user, is_veiled }) => {
                for worker in self.workers() {
                    tell(&worker, Veil { user, is_veiled });
                }
            }
            Heard::Envelope(Envelope::Probe(number)) => {
                let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(heard) = probes.remove(&number) {
                    // Whoever no longer waits does not mind.
                    let _ = heard.send(());
                }
            }
            Heard::Gap => Metrics::get().layer_disconnects.increment(1),
        }
    }

    /// Waits to hear the probe with this number.
    pub fn await_probe(&self, number: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that were never heard are not kept for ever.
        probes.retain(|_, waiting| !waiting.is_closed());
        probes.insert(number, sender);
        receiver
    }

    /// Asks every worker to tell the owners again who is listening.
    pub fn take_census(&self) {
        for worker in self.workers() {
            tell(&worker, TakeCensus);
        }
    }

    fn deliver(&self, events: Vec<Arc<Delivery>>) {
        let mut shares: Vec<Vec<Arc<Delivery>>> = (0..self.width).map(|_| Vec::new()).collect();
        {
            let interest = self.interest.read().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                let Some(seats) = interest.get(event.topic()) else { continue };
                for (share, seats) in shares.iter_mut().zip(seats.iter()) {
                    if seats.load(Ordering::Relaxed) > 0 {
                        share.push(Arc::clone(&event));
                    }
                }
            }
        }
        for (worker, events) in shares.into_iter().enumerate().filter(|share| !share.1.is_empty()) {
            if let Some(worker) = self.worker(worker) {
                tell(&worker, Outbound { replies: Vec::new(), events });
            }
        }
    }
}
