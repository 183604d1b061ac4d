//! The journal: what happened on each topic, in order, under positions without gaps.
//!
//! `topics.head` is the newest position given. It moves in the transaction that writes the
//! entries, and its row lock makes positions dense with several processes too.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamp};

use crate::ids::{TopicId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{journal, topics};
use crate::models::store::{DbConn, on_engine, transaction};

/// Where a topic's journal begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Head {
    pub topic: TopicId,
    /// The newest position given; 0 before the first.
    pub head: i64,
    /// Entries up to here are gone.
    pub pruned: i64,
}

/// What happened, as it is kept: ids and small deltas, never message text.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Entry {
    pub seq: i64,
    pub kind: String,
    pub actor: Option<UserId>,
    pub entity: Option<i64>,
    pub delta: Option<String>,
    pub created_at: NaiveDateTime,
}

/// An entry that has no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub kind: &'static str,
    pub actor: Option<UserId>,
    pub entity: Option<i64>,
    pub delta: Option<String>,
    pub created_at: NaiveDateTime,
}

/// The topic called `name`, when something was ever kept under it.
///
/// # Errors
/// Those of the database.
pub fn find_topic(conn: &mut DbConn, name: &str) -> Result<Option<Head>, StoreError> {
    Ok(topics::table
        .filter(topics::name.eq(name))
        .select((topics::id, topics::head, topics::pruned))
        .first(conn)
        .optional()?)
}

/// The topic called `name`, made when it is not there.
///
/// # Errors
/// Those of the database.
pub fn ensure_topic(conn: &mut DbConn, name: &str) -> Result<Head, StoreError> {
    if let Some(head) = find_topic(conn, name)? {
        return Ok(head);
    }
    on_engine!(conn, |c| diesel::insert_into(topics::table)
        .values(topics::name.eq(name))
        .on_conflict(topics::name)
        .do_nothing()
        .execute(c))?;
    find_topic(conn, name)?.ok_or(StoreError::Missing)
}

/// Waits until nobody else is writing to the topic called `name`, made when it is not there, and
/// keeps it so to the end of the caller's transaction. SQLite has one writer in any case.
///
/// # Errors
/// Those of the database.
pub fn lock(conn: &mut DbConn, name: &str) -> Result<(), StoreError> {
    let topic = ensure_topic(conn, name)?.topic;
    if let DbConn::Postgres(conn) = conn {
        let row = topics::table.find(topic).select(topics::head);
        let _: i64 = row.for_update().first(conn)?;
    }
    Ok(())
}

/// Where `topic` stands now.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such topic.
pub fn head(conn: &mut DbConn, topic: TopicId) -> Result<Head, StoreError> {
    Ok(topics::table.find(topic).select((topics::id, topics::head, topics::pruned)).first(conn)?)
}

/// Writes `entries` after the newest of `topic` and answers the position of the first (with no
/// entries: the position the next would get). Belongs inside the caller's transaction; a caller
/// that appends to several topics does so in the order of their ids.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such topic.
pub fn append(conn: &mut DbConn, topic: TopicId, entries: &[NewEntry]) -> Result<i64, StoreError> {
    if entries.is_empty() {
        return Ok(head(conn, topic)?.head + 1);
    }
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    transaction(conn, |conn| {
        let first = reserve(conn, topic, count)?;
        enter(conn, topic, first, entries)?;
        Ok(first)
    })
}

/// Takes the next `count` positions of `topic` and answers the first; nobody else can give
/// positions of it until the caller's transaction ends, in which [`enter`] must fill them.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such topic.
pub fn reserve(conn: &mut DbConn, topic: TopicId, count: i64) -> Result<i64, StoreError> {
    let head: i64 = diesel::update(topics::table.find(topic))
        .set(topics::head.eq(topics::head + count))
        .returning(topics::head)
        .get_result(conn)?;
    Ok(head - count + 1)
}

/// Writes `entries` at positions that [`reserve`] gave.
///
/// # Errors
/// Those of the database.
pub fn enter(
    conn: &mut DbConn,
    topic: TopicId,
    first: i64,
    entries: &[NewEntry],
) -> Result<(), StoreError> {
    match conn {
        // One round trip for all: what a statement costs PostgreSQL is the waiting.
        DbConn::Postgres(inner) if entries.len() > 1 => {
            append_columns(inner, topic, first, entries)?;
        }
        either => append_rows(either, topic, first, entries)?,
    }
    Ok(())
}

/// Row by row through one prepared statement: what a new statement costs SQLite is the parsing.
fn append_rows(
    conn: &mut DbConn,
    topic: TopicId,
    first: i64,
    entries: &[NewEntry],
) -> QueryResult<()> {
    for (entry, seq) in entries.iter().zip(first..) {
        let row = (
            journal::topic_id.eq(topic),
            journal::seq.eq(seq),
            journal::kind.eq(entry.kind),
            journal::actor_id.eq(entry.actor),
            journal::entity_id.eq(entry.entity),
            journal::delta.eq(entry.delta.as_deref()),
            journal::created_at.eq(entry.created_at),
        );
        on_engine!(&mut *conn, |c| diesel::insert_into(journal::table).values(row).execute(c))?;
    }
    Ok(())
}

fn append_columns(
    conn: &mut PgConnection,
    topic: TopicId,
    first: i64,
    entries: &[NewEntry],
) -> QueryResult<()> {
    let column = |get: fn(&NewEntry) -> Option<i64>| entries.iter().map(get).collect::<Vec<_>>();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind).collect();
    let deltas: Vec<Option<&str>> = entries.iter().map(|entry| entry.delta.as_deref()).collect();
    let moments: Vec<NaiveDateTime> = entries.iter().map(|entry| entry.created_at).collect();
    diesel::sql_query(
        "INSERT INTO journal (topic_id, seq, kind, actor_id, entity_id, delta, created_at)
         SELECT $1, $2 + place - 1, kind, actor, entity, delta, at
         FROM UNNEST($3, $4, $5, $6, $7) WITH ORDINALITY
              AS entry (kind, actor, entity, delta, at, place)",
    )
    .bind::<BigInt, _>(topic)
    .bind::<BigInt, _>(first)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<Nullable<BigInt>>, _>(column(|entry| entry.actor.map(|user| user.0)))
    .bind::<Array<Nullable<BigInt>>, _>(column(|entry| entry.entity))
    .bind::<Array<Nullable<Text>>, _>(deltas)
    .bind::<Array<Timestamp>, _>(moments)
    .execute(conn)?;
    Ok(())
}

/// Up to `limit` entries of `topic` after the position `after`, oldest first.
///
/// # Errors
/// Those of the database.
pub fn since(
    conn: &mut DbConn,
    topic: TopicId,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    Ok(journal::table
        .filter(journal::topic_id.eq(topic).and(journal::seq.gt(after)))
        .order(journal::seq)
        .limit(limit)
        .select((
            journal::seq,
            journal::kind,
            journal::actor_id,
            journal::entity_id,
            journal::delta,
            journal::created_at,
        ))
        .load(conn)?)
}

/// How many overfull topics one call of [`prune`] looks at.
const TOPICS_A_CALL: i64 = 1_000;

/// Removes entries written before `older_than` and those beyond the newest `keep_per_topic`,
/// about `limit` in one call, and notes in the same transaction that they are gone. Answers how
/// many went: fewer than `limit` means there is no more to do.
///
/// Always the oldest of a topic go: when clocks of several processes disagree, an entry leaves
/// with a later one that looks older.
///
/// # Errors
/// Those of the database.
pub fn prune(
    conn: &mut DbConn,
    older_than: NaiveDateTime,
    keep_per_topic: i64,
    limit: i64,
) -> Result<usize, StoreError> {
    transaction(conn, |conn| {
        let aged: Vec<(TopicId, i64)> = journal::table
            .filter(journal::created_at.lt(older_than))
            .order(journal::created_at)
            .limit(limit)
            .select((journal::topic_id, journal::seq))
            .load(conn)?;
        let mut room = limit.saturating_sub(i64::try_from(aged.len()).unwrap_or(i64::MAX));
        let mut cuts = BTreeMap::new();
        for (topic, seq) in aged {
            let cut = cuts.entry(topic).or_insert(seq);
            *cut = seq.max(*cut);
        }
        let overfull: Vec<Head> = topics::table
            .filter((topics::head - topics::pruned).gt(keep_per_topic))
            .order(topics::id)
            .limit(TOPICS_A_CALL)
            .select((topics::id, topics::head, topics::pruned))
            .load(conn)?;
        for topic in overfull {
            let gone = (topic.head - topic.pruned - keep_per_topic.max(0)).min(room);
            if gone <= 0 {
                break;
            }
            room -= gone;
            let cut = cuts.entry(topic.topic).or_insert(0);
            *cut = (topic.pruned + gone).max(*cut);
        }
        let mut removed = 0;
        // In the order of ids, as writers lock them: two that lock in two orders can block.
        for (topic, cut) in cuts {
            diesel::update(topics::table.find(topic).filter(topics::pruned.lt(cut)))
                .set(topics::pruned.eq(cut))
                .execute(conn)?;
            removed += diesel::delete(
                journal::table.filter(journal::topic_id.eq(topic).and(journal::seq.le(cut))),
            )
            .execute(conn)?;
        }
        Ok(removed)
    })
}
