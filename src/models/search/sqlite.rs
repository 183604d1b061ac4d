//! The index on SQLite: an FTS5 table without content, whose rows are numbered as messages are.
//!
//! FTS5 walks what it finds by row number, also backwards, so the newest come first and no more are
//! read than are asked for. First come the newest hits wherever they are: of a rare word there are
//! no more, and a common one fills its page from them. Only then is the search crossed with its
//! conversations, each of which is a word too: crossing many costs more than all that is found of a
//! rare word.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::ids::{ConversationId, MessageId};
use crate::models::error::StoreError;
use crate::models::search::query::{Query, Term};
use crate::models::search::{Found, Homes, Indexed, Wanted, home_word};

/// Hits of the first look.
const FIRST_LOOK: usize = 200;

#[derive(QueryableByName)]
struct HitRow {
    #[diesel(sql_type = BigInt)]
    id: MessageId,
    #[diesel(sql_type = BigInt)]
    home: ConversationId,
}

pub(super) fn insert(conn: &mut SqliteConnection, indexed: &[Indexed]) -> Result<(), StoreError> {
    for message in indexed {
        let mut terms = home_word(message.home);
        for word in &message.words {
            terms.push(' ');
            terms.push_str(word);
        }
        diesel::sql_query("INSERT INTO message_search (rowid, terms) VALUES ($1, $2)")
            .bind::<BigInt, _>(message.id)
            .bind::<Text, _>(terms)
            .execute(conn)?;
    }
    Ok(())
}

pub(super) fn remove(conn: &mut SqliteConnection, ids: &[MessageId]) -> Result<(), StoreError> {
    for id in ids {
        diesel::sql_query("DELETE FROM message_search WHERE rowid = $1")
            .bind::<BigInt, _>(id)
            .execute(conn)?;
    }
    Ok(())
}

/// The words of a search as FTS5 reads them. Words hold letters and digits alone, so nothing in
/// them is a sign to it.
fn expression(query: &Query) -> String {
    let term = |term: &Term| {
        format!("\"{}\"{}", term.words.join(" "), if term.is_prefix { " *" } else { "" })
    };
    query.terms.iter().map(term).collect::<Vec<_>>().join(" AND ")
}

/// The same within conversations.
fn crossed(query: &Query, homes: &[ConversationId]) -> String {
    let named: Vec<String> = homes.iter().map(|home| format!("\"{}\"", home_word(*home))).collect();
    format!("{} AND ({})", expression(query), named.join(" OR "))
}

/// The look at the message keeps out what was deleted by other ways, and CROSS JOIN keeps the index
/// in front.
const FIND: &str = "SELECT message_search.rowid AS id, m.conversation_id AS home \
     FROM message_search CROSS JOIN messages m ON m.id = message_search.rowid \
     WHERE message_search MATCH $1 AND message_search.rowid < $2 AND m.deleted_at IS NULL \
     ORDER BY message_search.rowid DESC LIMIT $3";

/// SQLite counts such names as they first appear.
const FIND_OF: &str = "SELECT message_search.rowid AS id, m.conversation_id AS home \
     FROM message_search CROSS JOIN messages m ON m.id = message_search.rowid \
     WHERE message_search MATCH $1 AND message_search.rowid < $2 AND m.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM memberships s \
         WHERE s.conversation_id = m.conversation_id AND s.user_id = $3) \
     ORDER BY message_search.rowid DESC LIMIT $4";

fn hits(
    conn: &mut SqliteConnection,
    expression: String,
    before: MessageId,
    limit: usize,
) -> Result<Vec<HitRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = diesel::sql_query(FIND).bind::<Text, _>(expression).bind::<BigInt, _>(before);
    Ok(query.bind::<BigInt, _>(limit).load(conn)?)
}

/// Up to `limit` hits in these conversations, newest first.
fn within(
    conn: &mut SqliteConnection,
    query: &Query,
    homes: &[ConversationId],
    before: MessageId,
    limit: usize,
) -> Result<Vec<MessageId>, StoreError> {
    let found = hits(conn, expression(query), before, FIRST_LOOK)?;
    let rest = found.last().map(|row| row.id).filter(|_| found.len() == FIRST_LOOK);
    let counted: HashSet<ConversationId> = homes.iter().copied().collect();
    let found = found.into_iter().filter(|row| counted.contains(&row.home));
    let mut ids: Vec<MessageId> = found.map(|row| row.id).take(limit).collect();
    if let Some(rest) = rest.filter(|_| ids.len() < limit) {
        let left = limit - ids.len();
        let more = hits(conn, crossed(query, homes), rest, left)?;
        ids.extend(more.into_iter().map(|row| row.id));
    }
    Ok(ids)
}

pub(super) fn find(conn: &mut SqliteConnection, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
    let before = wanted.before.unwrap_or(MessageId(i64::MAX));
    // One more than asked for, to know whether there are more.
    let limit = wanted.limit.saturating_add(1);
    let mut ids = match wanted.homes {
        Homes::Named(homes) => within(conn, wanted.query, homes, before, limit)?,
        Homes::Of(user) => {
            let rows: Vec<HitRow> = diesel::sql_query(FIND_OF)
                .bind::<Text, _>(expression(wanted.query))
                .bind::<BigInt, _>(before)
                .bind::<BigInt, _>(user)
                .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(conn)?;
            rows.into_iter().map(|row| row.id).collect()
        }
    };
    let more = ids.len() > wanted.limit;
    ids.truncate(wanted.limit);
    let next = ids.last().copied().filter(|_| more);
    Ok(Found { ids, next })
}
