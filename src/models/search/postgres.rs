//! The index on PostgreSQL: a `tsvector` a message, which this server writes word by word itself.
//!
//! A GIN index gives what it finds in no order, so a word that half of all messages hold would be
//! gathered and sorted to show fifty. Therefore: first a look at the newest messages alone, which
//! are read backwards and asked one by one; a common word fills its page there. What is left is
//! rare and is asked of the index, up to a bound; beyond it there is so much that looking further
//! back fills the page soon. Each step is bounded, and so is the whole.

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::ids::{ConversationId, MessageId};
use crate::models::error::StoreError;
use crate::models::search::query::{Query, Term};
use crate::models::search::{Found, Homes, Indexed, Wanted, home_word};

/// Messages read in the first look.
const FIRST_LOOK: i64 = 2_000;
/// Most hits taken from the index.
const MOST_HITS: i64 = 5_000;
/// Messages read in each further look …
const FURTHER_LOOK: i64 = 20_000;
/// … and in how many of them at most, before what was found is given with the place to go on.
const FURTHER_LOOKS: usize = 10;

/// With more conversations than this, the index is asked for words alone: reading the list of each
/// conversation would cost a hundred times what the words do.
const CROSSED_MAX: usize = 4;

/// A hit, or how far back a look reached.
#[derive(QueryableByName)]
struct FloorRow {
    #[diesel(sql_type = BigInt)]
    id: MessageId,
    #[diesel(sql_type = Bool)]
    is_hit: bool,
}

pub(super) fn insert(conn: &mut PgConnection, indexed: &[Indexed]) -> Result<(), StoreError> {
    if indexed.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO message_search (message_id, conversation_id, terms) \
         SELECT id, home, terms::tsvector FROM UNNEST($1, $2, $3) AS r (id, home, terms) \
         ON CONFLICT (message_id) DO UPDATE SET terms = EXCLUDED.terms",
    )
    .bind::<Array<BigInt>, _>(indexed.iter().map(|message| message.id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(indexed.iter().map(|message| message.home).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(indexed.iter().map(vector).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// A message's words with their places, as a `tsvector` is written.
fn vector(message: &Indexed) -> String {
    let mut text = format!("'{}'", home_word(message.home));
    for (word, place) in message.words.iter().zip(1..) {
        // Places end there; a phrase further back is not found as one.
        let place: usize = place;
        text.push_str(&format!(" '{word}':{}", place.min(16_383)));
    }
    text
}

pub(super) fn remove(conn: &mut PgConnection, ids: &[MessageId]) -> Result<(), StoreError> {
    diesel::sql_query("DELETE FROM message_search WHERE message_id = ANY($1)")
        .bind::<Array<BigInt>, _>(ids)
        .execute(conn)?;
    Ok(())
}

fn word(term: &Term, index: usize) -> String {
    let is_prefix = term.is_prefix && index + 1 == term.words.len();
    format!("'{}'{}", term.words[index], if is_prefix { ":*" } else { "" })
}

/// The search as a `tsquery`: words next to each other where they stand in one term.
fn exact(query: &Query) -> String {
    let term = |term: &Term| {
        let words: Vec<String> = (0..term.words.len()).map(|index| word(term, index)).collect();
        format!("({})", words.join(" <-> "))
    };
    query.terms.iter().map(term).collect::<Vec<_>>().join(" & ")
}

/// The same without regard to order: what the index can answer without reading a row.
fn loose(query: &Query, homes: &Homes) -> String {
    let words = |term: &Term| -> Vec<String> {
        (0..term.words.len()).map(|index| word(term, index)).collect()
    };
    let mut parts: Vec<String> = query.terms.iter().flat_map(words).collect();
    if let Homes::Named(homes) = homes
        && homes.len() <= CROSSED_MAX
    {
        let named: Vec<String> =
            homes.iter().map(|home| format!("'{}'", home_word(*home))).collect();
        parts.push(format!("({})", named.join(" | ")));
    }
    parts.join(" & ")
}

/// The conversations that count, as rows are asked for them.
fn named(conn: &mut PgConnection, homes: &Homes) -> Result<Vec<ConversationId>, StoreError> {
    use crate::models::schema::memberships;
    Ok(match homes {
        Homes::Named(homes) => homes.clone(),
        Homes::Of(user) => memberships::table
            .filter(memberships::user_id.eq(user))
            .select(memberships::conversation_id)
            .load(conn)?,
    })
}

pub(super) fn find(conn: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
    conn.transaction(|conn| {
        // The index is asked on purpose: what the planner reckons of common words misleads it.
        conn.batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")?;
        let search = Search {
            exact: exact(wanted.query),
            loose: loose(wanted.query, wanted.homes),
            homes: named(conn, wanted.homes)?,
            wanted: wanted.limit + 1,
        };
        search.run(conn, wanted)
    })
}

struct Search {
    exact: String,
    loose: String,
    homes: Vec<ConversationId>,
    /// One more than asked for, to know whether there are more.
    wanted: usize,
}

impl Search {
    fn run(&self, conn: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
        let before = wanted.before.map_or(i64::MAX, |id| id.0);
        let mut ids = Vec::new();
        let mut floor = self.look(conn, before, FIRST_LOOK, &mut ids)?;
        if let Some(from) = floor
            && ids.len() < self.wanted
        {
            match self.ask_index(conn, from)? {
                Some(rest) => {
                    ids.extend(rest);
                    floor = None;
                }
                None => {
                    for _ in 0..FURTHER_LOOKS {
                        let Some(from) = floor.filter(|_| ids.len() < self.wanted) else { break };
                        floor = self.look(conn, from, FURTHER_LOOK, &mut ids)?;
                    }
                }
            }
        }
        if ids.len() >= self.wanted {
            ids.truncate(wanted.limit);
            let next = ids.last().copied();
            return Ok(Found { ids, next });
        }
        Ok(Found { ids, next: floor.map(MessageId) })
    }

    /// Reads `count` messages before `before`, newest first, and keeps the hits. Returns how far it
    /// came, or nothing when there are no more messages.
    fn look(
        &self,
        conn: &mut PgConnection,
        before: i64,
        count: i64,
        ids: &mut Vec<MessageId>,
    ) -> Result<Option<i64>, StoreError> {
        let query = diesel::sql_query(
            "WITH look AS MATERIALIZED ( \
                 SELECT message_id, conversation_id, terms FROM message_search \
                 WHERE message_id < $1 ORDER BY message_id DESC LIMIT $2), \
             hits AS ( \
                 SELECT message_id FROM look \
                 WHERE terms @@ $3::tsquery AND conversation_id = ANY($4) \
                 ORDER BY message_id DESC LIMIT $5) \
             SELECT message_id AS id, TRUE AS is_hit FROM hits \
             UNION ALL SELECT MIN(message_id), FALSE FROM look HAVING COUNT(*) = $2 \
             ORDER BY is_hit DESC, id DESC",
        );
        let rows: Vec<FloorRow> = query
            .bind::<BigInt, _>(before)
            .bind::<BigInt, _>(count)
            .bind::<Text, _>(&self.exact)
            .bind::<Array<BigInt>, _>(&self.homes)
            .bind::<BigInt, _>(i64::try_from(self.wanted - ids.len()).unwrap_or(i64::MAX))
            .load(conn)?;
        let floor = rows.iter().find(|row| !row.is_hit).map(|row| row.id.0);
        ids.extend(rows.into_iter().filter(|row| row.is_hit).map(|row| row.id));
        Ok(floor)
    }

    /// What the index has before `before`, newest first; nothing when that is too much.
    fn ask_index(
        &self,
        conn: &mut PgConnection,
        before: i64,
    ) -> Result<Option<Vec<MessageId>>, StoreError> {
        let query = diesel::sql_query(
            "WITH candidates AS MATERIALIZED ( \
                 SELECT message_id, conversation_id, terms FROM message_search \
                 WHERE terms @@ $1::tsquery AND message_id < $2 LIMIT $3), \
             hits AS ( \
                 SELECT message_id FROM candidates \
                 WHERE terms @@ $4::tsquery AND conversation_id = ANY($5) \
                 ORDER BY message_id DESC LIMIT $6) \
             SELECT message_id AS id, TRUE AS is_hit FROM hits \
             UNION ALL SELECT 0, FALSE FROM candidates HAVING COUNT(*) = $3 \
             ORDER BY is_hit DESC, id DESC",
        );
        let rows: Vec<FloorRow> = query
            .bind::<Text, _>(&self.loose)
            .bind::<BigInt, _>(before)
            .bind::<BigInt, _>(MOST_HITS)
            .bind::<Text, _>(&self.exact)
            .bind::<Array<BigInt>, _>(&self.homes)
            .bind::<BigInt, _>(i64::try_from(self.wanted).unwrap_or(i64::MAX))
            .load(conn)?;
        if rows.iter().any(|row| !row.is_hit) {
            return Ok(None);
        }
        Ok(Some(rows.into_iter().map(|row| row.id).collect()))
    }
}
