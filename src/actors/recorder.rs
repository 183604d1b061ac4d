//! The recorder: every connection attempt and how far it came, batched to the database so that no
//! handshake waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDateTime;
use log::warn;

use crate::actors::lane::Lane;
use crate::clock;
use crate::ids::AttemptId;
use crate::metrics::Metrics;
use crate::models::attempt::{self, Attempt, AttemptUpdate, Stage};

/// Attempts that may wait to be written; beyond it they are counted and dropped.
const WAITING_MAX: usize = 20_000;

/// A number that stands for one attempt until its row exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Ending {
    pub close_code: Option<u16>,
    pub reason: String,
}

#[derive(Debug, Default)]
struct Waiting {
    fresh: HashMap<Ticket, Attempt>,
    /// Rows already written, for the sockets still open.
    rows: HashMap<Ticket, (AttemptId, NaiveDateTime)>,
    updates: Vec<AttemptUpdate>,
    /// Endings and stages of attempts whose rows are being written just now.
    writing: HashMap<Ticket, Option<AttemptUpdate>>,
}

/// Where sessions report attempts. Shared by all workers.
#[derive(Debug, Default)]
pub struct Recorder {
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

impl Recorder {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an attempt.
    pub fn attempted(&self, attempt: Attempt) -> Option<Ticket> {
        let mut waiting = self.lock();
        if waiting.fresh.len() >= WAITING_MAX {
            Metrics::get().attempts_dropped.increment(1);
            return None;
        }
        let ticket = Ticket(self.next.fetch_add(1, Ordering::Relaxed));
        waiting.fresh.insert(ticket, attempt);
        Some(ticket)
    }

    /// Notes that the client has said something.
    pub fn spoke(&self, ticket: Ticket) {
        self.note(ticket, Stage::MessageReceived, None);
    }

    /// Notes how it ended.
    pub fn ended(&self, ticket: Ticket, ending: Ending) {
        self.note(ticket, Stage::Disconnected, Some(ending));
    }

    fn note(&self, ticket: Ticket, stage: Stage, ending: Option<Ending>) {
        let now = clock::now_naive();
        let mut waiting = self.lock();
        if let Some(attempt) = waiting.fresh.get_mut(&ticket) {
            attempt.stage = stage;
            if let Some(ending) = ending {
                attempt.close_code = ending.close_code.map(i32::from);
                attempt.reason = ending.reason;
                attempt.ended_at = Some(now);
                attempt.duration_ms = Some((now - attempt.started_at).num_milliseconds());
            }
            return;
        }
        let done = ending.is_some();
        let update = |id: AttemptId, started_at: NaiveDateTime| AttemptUpdate {
            id,
            stage,
            close_code: ending.as_ref().and_then(|ending| ending.close_code).map(i32::from),
            reason: ending.map(|ending| ending.reason).unwrap_or_default(),
            ended_at: done.then_some(now),
            duration_ms: done.then(|| (now - started_at).num_milliseconds()),
        };
        if let Some(kept) = waiting.writing.get_mut(&ticket) {
            // The row's id is not known yet; zero stands in until it is.
            *kept = Some(update(AttemptId(0), now));
        } else if let Some(&(id, started_at)) = waiting.rows.get(&ticket) {
            waiting.updates.push(update(id, started_at));
            if done {
                waiting.rows.remove(&ticket);
            }
        }
    }

    /// Writes what waits. Called by the housekeeper, one call at a time.
    pub async fn flush(&self, lane: &Lane) {
        let (tickets, attempts, updates) = {
            let mut waiting = self.lock();
            let fresh = std::mem::take(&mut waiting.fresh);
            let (tickets, attempts): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
            waiting.writing = tickets.iter().map(|ticket| (*ticket, None)).collect();
            (tickets, attempts, std::mem::take(&mut waiting.updates))
        };
        if attempts.is_empty() && updates.is_empty() {
            return;
        }
        let facts: Vec<_> =
            attempts.iter().map(|attempt| (attempt.started_at, attempt.ended_at)).collect();
        let written = lane.write(move |conn| {
            attempt::update_many(conn, &updates)?;
            Ok(attempt::insert_many(conn, &attempts)?)
        });
        match written.await {
            Ok(ids) => self.settle(&tickets, &ids, &facts),
            Err(refusal) => {
                Metrics::get().attempts_dropped.increment(tickets.len() as u64);
                warn!(
                    "connection attempts were not recorded count={} cause={refusal}",
                    tickets.len()
                );
                self.lock().writing.clear();
            }
        }
    }

    fn settle(
        &self,
        tickets: &[Ticket],
        ids: &[AttemptId],
        facts: &[(NaiveDateTime, Option<NaiveDateTime>)],
    ) {
        let mut waiting = self.lock();
        let mut writing = std::mem::take(&mut waiting.writing);
        for ((ticket, id), (started_at, ended_at)) in tickets.iter().zip(ids).zip(facts) {
            let mut open = ended_at.is_none();
            if let Some(Some(mut update)) = writing.remove(ticket) {
                update.id = *id;
                update.duration_ms =
                    update.ended_at.map(|ended| (ended - *started_at).num_milliseconds());
                open &= update.ended_at.is_none();
                waiting.updates.push(update);
            }
            if open {
                waiting.rows.insert(*ticket, (*id, *started_at));
            }
        }
    }
}
