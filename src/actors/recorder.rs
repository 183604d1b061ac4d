//! The recorder: every connection attempt and how far it came, batched to the database so that no
//! handshake waits for it.

use std::collections::HashMap;
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

/// Something for each of a run of tickets, which are given in order.
#[derive(Debug)]
struct Run<T> {
    first: u64,
    each: Vec<T>,
}

impl<T> Run<T> {
    fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        let index = ticket.0.checked_sub(self.first)?;
        self.each.get_mut(usize::try_from(index).ok()?)
    }
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Self { first: 0, each: Vec::new() }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    fresh: Run<Attempt>,
    /// Rows already written, for the sockets still open.
    rows: HashMap<Ticket, (AttemptId, NaiveDateTime)>,
    updates: Vec<AttemptUpdate>,
    /// Endings and stages of attempts whose rows are being written just now.
    writing: Run<Option<AttemptUpdate>>,
}

/// Where sessions report attempts. Shared by all workers.
#[derive(Debug, Default)]
pub struct Recorder {
    waiting: Mutex<Waiting>,
}

impl Recorder {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an attempt.
    pub fn attempted(&self, attempt: Attempt) -> Option<Ticket> {
        let mut waiting = self.lock();
        let fresh = &mut waiting.fresh;
        if fresh.each.len() >= WAITING_MAX {
            Metrics::get().attempts_dropped.increment(1);
            return None;
        }
        let ticket = Ticket(fresh.first + fresh.each.len() as u64);
        fresh.each.push(attempt);
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
        if let Some(attempt) = waiting.fresh.get_mut(ticket) {
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
        if let Some(kept) = waiting.writing.get_mut(ticket) {
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
        let (first, attempts, updates) = {
            let mut waiting = self.lock();
            let first = waiting.fresh.first;
            let attempts = std::mem::take(&mut waiting.fresh.each);
            waiting.fresh.first = first + attempts.len() as u64;
            waiting.writing = Run { first, each: attempts.iter().map(|_| None).collect() };
            (first, attempts, std::mem::take(&mut waiting.updates))
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
            Ok(ids) => self.settle(first, &ids, &facts),
            Err(refusal) => {
                Metrics::get().attempts_dropped.increment(facts.len() as u64);
                warn!(
                    "connection attempts were not recorded count={} cause={refusal}",
                    facts.len()
                );
                self.lock().writing = Run::default();
            }
        }
    }

    fn settle(
        &self,
        first: u64,
        ids: &[AttemptId],
        facts: &[(NaiveDateTime, Option<NaiveDateTime>)],
    ) {
        let mut waiting = self.lock();
        let noted = std::mem::take(&mut waiting.writing).each;
        let tickets = (first..).map(Ticket);
        for (((ticket, id), (started_at, ended_at)), noted) in
            tickets.zip(ids).zip(facts).zip(noted)
        {
            let mut open = ended_at.is_none();
            if let Some(mut update) = noted {
                update.id = *id;
                update.duration_ms =
                    update.ended_at.map(|ended| (ended - *started_at).num_milliseconds());
                open &= update.ended_at.is_none();
                waiting.updates.push(update);
            }
            if open {
                waiting.rows.insert(ticket, (*id, *started_at));
            }
        }
    }
}
