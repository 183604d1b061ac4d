//! Replay of the boards: journal entries with their things as they are now, whole or masked as the
//! topic's listeners may see them now.

use std::collections::HashMap;

use crate::actors::dispatch::ledger::{Things, Trace, What};
use crate::ids::EntryId;
use crate::models::error::StoreError;
use crate::models::journal::Entry;
use crate::models::store::DbConn;
use crate::models::timeline;
use crate::protocol::event::Event;
use crate::protocol::topic::Topic;

/// The events that these entries were. What is gone for good keeps its position and is passed over.
///
/// # Errors
/// When the database failed.
pub fn events(
    conn: &mut DbConn,
    topic: &Topic,
    entries: &[Entry],
) -> Result<Vec<Event>, StoreError> {
    let read = |entry: &Entry| What::read(&entry.kind, entry.entity?);
    let things = Things::load(conn, entries.iter().filter_map(read))?;
    let traced = |entry: &Entry| {
        let trace: Option<Trace> = serde_json::from_str(entry.delta.as_deref()?).ok();
        trace.and_then(|trace| trace.entry)
    };
    let ids: Vec<EntryId> = entries.iter().filter_map(traced).collect();
    let logged = timeline::by_ids(conn, &ids)?;
    let logged: HashMap<_, _> = logged.into_iter().map(|entry| (entry.id, entry)).collect();
    let event = |entry: &Entry| {
        let happened = traced(entry).and_then(|id| logged.get(&id).cloned());
        let body = things.body(topic, read(entry)?, happened)?;
        Some(Event { topic: topic.clone(), seq: Some(entry.seq), at: entry.created_at, body })
    };
    Ok(entries.iter().filter_map(event).collect())
}
