//! The index on SQLite: an FTS5 table without content, whose rows are numbered as messages are.
//!
//! FTS5 walks what it finds by row number, also backwards, so the newest come first and no more are
//! read than are asked for. A conversation is a word too: it is crossed with what is looked for.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::ids::MessageId;
use crate::models::error::StoreError;
use crate::models::search::query::{Query, Term};
use crate::models::search::{Found, Homes, Indexed, Wanted, home_word};

#[derive(QueryableByName)]
struct HitRow {
    #[diesel(sql_type = BigInt)]
    id: MessageId,
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
fn expression(query: &Query, homes: &Homes) -> String {
    let term = |term: &Term| {
        format!("\"{}\"{}", term.words.join(" "), if term.is_prefix { " *" } else { "" })
    };
    let mut parts: Vec<String> = query.terms.iter().map(term).collect();
    if let Homes::Named(homes) = homes {
        let named: Vec<String> =
            homes.iter().map(|home| format!("\"{}\"", home_word(*home))).collect();
        parts.push(format!("({})", named.join(" OR ")));
    }
    parts.join(" AND ")
}

/// The look at the message keeps out what was deleted by other ways, and CROSS JOIN keeps the index
/// in front.
const FIND_NAMED: &str = "SELECT message_search.rowid AS id FROM message_search \
     CROSS JOIN messages m ON m.id = message_search.rowid \
     WHERE message_search MATCH $1 AND message_search.rowid < $2 AND m.deleted_at IS NULL \
     ORDER BY message_search.rowid DESC LIMIT $3";

/// SQLite counts such names as they first appear.
const FIND_OF: &str = "SELECT message_search.rowid AS id FROM message_search \
     CROSS JOIN messages m ON m.id = message_search.rowid \
     WHERE message_search MATCH $1 AND message_search.rowid < $2 AND m.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM memberships s \
         WHERE s.conversation_id = m.conversation_id AND s.user_id = $3) \
     ORDER BY message_search.rowid DESC LIMIT $4";

pub(super) fn find(conn: &mut SqliteConnection, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
    let before = wanted.before.map_or(i64::MAX, |id| id.0);
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX).saturating_add(1);
    let expression = expression(wanted.query, wanted.homes);
    let rows: Vec<HitRow> = match wanted.homes {
        Homes::Named(_) => diesel::sql_query(FIND_NAMED)
            .bind::<Text, _>(expression)
            .bind::<BigInt, _>(before)
            .bind::<BigInt, _>(limit)
            .load(conn)?,
        Homes::Of(user) => diesel::sql_query(FIND_OF)
            .bind::<Text, _>(expression)
            .bind::<BigInt, _>(before)
            .bind::<BigInt, _>(user)
            .bind::<BigInt, _>(limit)
            .load(conn)?,
    };
    let mut ids: Vec<MessageId> = rows.into_iter().map(|row| row.id).collect();
    let more = ids.len() > wanted.limit;
    ids.truncate(wanted.limit);
    let next = ids.last().copied().filter(|_| more);
    Ok(Found { ids, next })
}
