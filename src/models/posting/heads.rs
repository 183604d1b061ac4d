//! Where topics stand before a slice is posted, and after.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamp};

use crate::ids::{ConversationId, TopicId};
use crate::models::error::StoreError;
use crate::models::schema::{conversations, topics};
use crate::models::store::DbConn;

/// Where one topic and its conversation stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub conversation: ConversationId,
    /// The newest position given.
    pub head: i64,
    /// How many messages were ever posted.
    pub posted: i64,
    /// When it was last changed or written to.
    pub updated_at: NaiveDateTime,
}

impl Stand {
    /// The position and the number of one more message, written at `at`. A clock that went back
    /// moves `updated_at` nowhere.
    pub fn next(&mut self, at: NaiveDateTime) -> (i64, i64) {
        self.head += 1;
        self.posted += 1;
        self.updated_at = self.updated_at.max(at);
        (self.head, self.posted)
    }
}

type Row = (TopicId, ConversationId, i64, i64, NaiveDateTime);

fn stand((topic, conversation, head, posted, updated_at): Row) -> (TopicId, Stand) {
    (topic, Stand { conversation, head, posted, updated_at })
}

/// Where each topic stands; on PostgreSQL nobody else can give positions from here on.
pub fn lock(
    conn: &mut DbConn,
    ids: &BTreeSet<TopicId>,
) -> Result<BTreeMap<TopicId, Stand>, StoreError> {
    let columns = (
        topics::id,
        conversations::id,
        topics::head,
        conversations::posted,
        conversations::updated_at,
    );
    let joined = topics::table.inner_join(conversations::table).select(columns);
    match conn {
        DbConn::Sqlite(conn) => {
            let mut heads = BTreeMap::new();
            for &id in ids {
                let row: Option<Row> = joined.filter(topics::id.eq(id)).first(conn).optional()?;
                heads.extend(row.map(stand));
            }
            Ok(heads)
        }
        DbConn::Postgres(conn) => {
            let ids: Vec<TopicId> = ids.iter().copied().collect();
            let rows: Vec<Row> =
                joined.filter(topics::id.eq_any(ids)).order(topics::id).for_update().load(conn)?;
            Ok(rows.into_iter().map(stand).collect())
        }
    }
}

/// Stores where the topics stand now.
pub fn raise(conn: &mut DbConn, heads: &BTreeMap<TopicId, Stand>) -> Result<(), StoreError> {
    match conn {
        DbConn::Sqlite(conn) => {
            for (&id, stand) in heads {
                let topic = topics::table.find(id);
                diesel::update(topic).set(topics::head.eq(stand.head)).execute(conn)?;
                let written = (
                    conversations::posted.eq(stand.posted),
                    conversations::updated_at.eq(stand.updated_at),
                );
                let conversation = conversations::table.find(stand.conversation);
                diesel::update(conversation).set(written).execute(conn)?;
            }
        }
        DbConn::Postgres(_) if heads.is_empty() => {}
        DbConn::Postgres(conn) => {
            let query = diesel::sql_query(
                "UPDATE topics SET head = r.head FROM UNNEST($1, $2) AS r (id, head) \
                 WHERE topics.id = r.id",
            );
            query
                .bind::<Array<BigInt>, _>(heads.keys().copied().collect::<Vec<_>>())
                .bind::<Array<BigInt>, _>(column(heads, |stand| stand.head))
                .execute(conn)?;
            let query = diesel::sql_query(
                "UPDATE conversations SET posted = r.posted, updated_at = r.at \
                 FROM UNNEST($1, $2, $3) AS r (id, posted, at) WHERE conversations.id = r.id",
            );
            query
                .bind::<Array<BigInt>, _>(column(heads, |stand| stand.conversation))
                .bind::<Array<BigInt>, _>(column(heads, |stand| stand.posted))
                .bind::<Array<Timestamp>, _>(column(heads, |stand| stand.updated_at))
                .execute(conn)?;
        }
    }
    Ok(())
}

fn column<T>(heads: &BTreeMap<TopicId, Stand>, pick: impl Fn(&Stand) -> T) -> Vec<T> {
    heads.values().map(pick).collect()
}
