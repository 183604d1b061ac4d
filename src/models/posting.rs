//! Where posted messages come to stand: the engine-specific half of `message::post_many`.
//!
//! SQLite goes row by row through statements Diesel keeps prepared (a multi-row insert's text
//! varies, so it is parsed anew each time); PostgreSQL takes whole columns through `UNNEST`, since
//! each statement costs it a round trip.

pub mod heads;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::dsl::max;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::DatabaseError;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamp};
use diesel::sqlite::SqliteConnection;

use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::error::StoreError;
use crate::models::message::{NewPost, Quoted};
use crate::models::posting::heads::Stand;
use crate::models::schema::messages;
use crate::models::store::DbConn;

/// The journal's word for a posted message.
const POSTED: &str = "message.new";

/// Where a post came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    New { id: MessageId, seq: i64 },
    Repeat { id: MessageId, seq: i64 },
    NoSuchReply,
}

/// Inserts what is new, with its journal entry, and moves `heads` past it.
pub(super) fn place(
    conn: &mut DbConn,
    posts: &[NewPost],
    replies: &Quoted,
    heads: &mut BTreeMap<TopicId, Stand>,
) -> Result<Vec<Place>, StoreError> {
    match conn {
        DbConn::Sqlite(conn) => place_rows(conn, posts, replies, heads),
        DbConn::Postgres(conn) => place_all(conn, posts, replies, heads),
    }
}

fn reply_is_here(post: &NewPost, replies: &Quoted) -> bool {
    let here = |id| replies.get(&id).is_some_and(|(home, _)| *home == post.conversation);
    post.reply_to.is_none_or(here)
}

/// A post that is new, with its position and its number in the conversation.
struct Fresh<'a> {
    post: &'a NewPost,
    seq: i64,
    number: i64,
}

/// A post's place as far as it is known before its id is.
enum Plan {
    Known(Place),
    /// The same send as this fresh one of the slice.
    RepeatOf(usize),
    New(usize),
}

/// Fills in the ids of the fresh posts.
fn settle(plans: Vec<Plan>, fresh: &[Fresh<'_>], ids: &[MessageId]) -> Vec<Place> {
    let settle = |plan| match plan {
        Plan::Known(place) => place,
        Plan::RepeatOf(index) => Place::Repeat { id: ids[index], seq: fresh[index].seq },
        Plan::New(index) => Place::New { id: ids[index], seq: fresh[index].seq },
    };
    plans.into_iter().map(settle).collect()
}

/// One id for each fresh post, or the insert was not what was asked for.
fn one_each(ids: Vec<MessageId>, fresh: &[Fresh<'_>]) -> Result<Vec<MessageId>, StoreError> {
    if ids.len() == fresh.len() {
        return Ok(ids);
    }
    Err(StoreError::Broken(format!("{} messages were made, not {}", ids.len(), fresh.len())))
}

/// Asking each insert for its id costs a quarter of the throughput. This connection has the write
/// lock and ids only grow, so what is above the newest id of before is this slice, in its order.
fn place_rows(
    conn: &mut SqliteConnection,
    posts: &[NewPost],
    replies: &Quoted,
    heads: &mut BTreeMap<TopicId, Stand>,
) -> Result<Vec<Place>, StoreError> {
    let newest: Option<MessageId> = messages::table.select(max(messages::id)).first(conn)?;
    let newest = newest.unwrap_or(MessageId(0));
    let mut fresh: Vec<Fresh<'_>> = Vec::with_capacity(posts.len());
    let mut plans = Vec::with_capacity(posts.len());
    for post in posts {
        let stand = heads.get_mut(&post.topic).ok_or(StoreError::Missing)?;
        let known = if reply_is_here(post, replies) {
            insert_row(conn, &Fresh { post, seq: stand.head + 1, number: stand.posted + 1 })?
        } else {
            Some(first_place(conn, post)?.unwrap_or(Place::NoSuchReply))
        };
        if let Some(place) = known {
            plans.push(Plan::Known(place));
        } else {
            let (seq, number) = stand.next(post.at);
            plans.push(Plan::New(fresh.len()));
            fresh.push(Fresh { post, seq, number });
        }
    }
    let made = messages::table.filter(messages::id.gt(newest)).order(messages::id);
    let ids = one_each(made.select(messages::id).load(conn)?, &fresh)?;
    journal_above(conn, newest)?;
    Ok(settle(plans, &fresh, &ids))
}

/// Inserts a message; the place of the first one when it is a repeat.
fn insert_row(conn: &mut SqliteConnection, fresh: &Fresh<'_>) -> Result<Option<Place>, StoreError> {
    let post = fresh.post;
    let row = (
        messages::conversation_id.eq(post.conversation),
        messages::seq.eq(fresh.seq),
        messages::number.eq(fresh.number),
        messages::sender_id.eq(post.sender_id()),
        messages::sender_name.eq(post.sender_name.as_deref()),
        messages::client_id.eq(post.client_id.as_deref()),
        messages::message_type.eq(&post.message_type),
        messages::content.eq(&post.content),
        messages::reply_to.eq(post.reply_to),
        messages::created_at.eq(post.at),
        messages::forward_of.eq(post.forward.as_ref().map(|forward| forward.of)),
        messages::forward_sender.eq(forward_sender(post)),
    );
    // A look-up first would cost every post; the index refuses the few repeats by itself.
    match diesel::insert_into(messages::table).values(row).execute(conn) {
        Ok(_) => Ok(None),
        Err(error @ DatabaseError(UniqueViolation, _)) => {
            first_place(conn, post)?.map(Some).ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn forward_sender(post: &NewPost) -> Option<UserId> {
    Some(post.forward.as_ref()?.sender.as_ref()?.id)
}

/// Journals every message above `newest`, in one statement.
fn journal_above(conn: &mut SqliteConnection, newest: MessageId) -> Result<(), StoreError> {
    let query = diesel::sql_query(
        "INSERT INTO journal (topic_id, seq, kind, actor_id, entity_id, created_at) \
         SELECT c.topic_id, m.seq, $1, m.sender_id, m.id, m.created_at \
         FROM messages m JOIN conversations c ON c.id = m.conversation_id \
         WHERE m.id > $2 ORDER BY m.id",
    );
    query.bind::<Text, _>(POSTED).bind::<BigInt, _>(newest).execute(conn)?;
    Ok(())
}

fn first_place(conn: &mut SqliteConnection, post: &NewPost) -> QueryResult<Option<Place>> {
    let Some((sender, _, client_id)) = once(post) else { return Ok(None) };
    let first: Option<(MessageId, i64)> = messages::table
        .filter(messages::sender_id.eq(sender))
        .filter(messages::conversation_id.eq(post.conversation))
        .filter(messages::client_id.eq(client_id))
        .select((messages::id, messages::seq))
        .first(conn)
        .optional()?;
    Ok(first.map(|(id, seq)| Place::Repeat { id, seq }))
}

/// What makes a send the same send.
type Once<'a> = (UserId, ConversationId, &'a str);

fn once(post: &NewPost) -> Option<Once<'_>> {
    Some((post.sender_id()?, post.conversation, post.client_id.as_deref()?))
}

fn place_all(
    conn: &mut PgConnection,
    posts: &[NewPost],
    replies: &Quoted,
    heads: &mut BTreeMap<TopicId, Stand>,
) -> Result<Vec<Place>, StoreError> {
    let firsts = first_places(conn, posts)?;
    let mut first_here: HashMap<Once<'_>, usize> = HashMap::new();
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
    let mut plans = Vec::with_capacity(posts.len());
    for post in posts {
        let key = once(post);
        let known = key.and_then(|(user, home, id)| firsts.get(&(user, home, id.to_owned())));
        if let Some(&(id, seq)) = known {
            plans.push(Plan::Known(Place::Repeat { id, seq }));
        } else if let Some(&index) = key.and_then(|key| first_here.get(&key)) {
            plans.push(Plan::RepeatOf(index));
        } else if reply_is_here(post, replies) {
            let stand = heads.get_mut(&post.topic).ok_or(StoreError::Missing)?;
            let (seq, number) = stand.next(post.at);
            first_here.extend(key.map(|key| (key, fresh.len())));
            plans.push(Plan::New(fresh.len()));
            fresh.push(Fresh { post, seq, number });
        } else {
            plans.push(Plan::Known(Place::NoSuchReply));
        }
    }
    let ids = insert_messages(conn, &fresh)?;
    insert_entries(conn, &fresh, &ids)?;
    Ok(settle(plans, &fresh, &ids))
}

type Firsts = HashMap<(UserId, ConversationId, String), (MessageId, i64)>;

/// Which of these sends are in the database. Safe since the topics are locked: see [`heads::lock`].
fn first_places(conn: &mut PgConnection, posts: &[NewPost]) -> Result<Firsts, StoreError> {
    let keys: BTreeSet<Once<'_>> = posts.iter().filter_map(once).collect();
    if keys.is_empty() {
        return Ok(Firsts::new());
    }
    let query = diesel::sql_query(
        "SELECT m.sender_id, m.conversation_id, m.client_id, m.id, m.seq \
         FROM UNNEST($1, $2, $3) AS k (sender_id, conversation_id, client_id) \
         JOIN messages m ON m.sender_id = k.sender_id \
         AND m.conversation_id = k.conversation_id AND m.client_id = k.client_id",
    );
    let rows: Vec<FirstRow> = query
        .bind::<Array<BigInt>, _>(keys.iter().map(|key| key.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(keys.iter().map(|key| key.1).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys.iter().map(|key| key.2).collect::<Vec<_>>())
        .load(conn)?;
    let first =
        |row: FirstRow| ((row.sender_id, row.conversation_id, row.client_id), (row.id, row.seq));
    Ok(rows.into_iter().map(first).collect())
}

#[derive(QueryableByName)]
struct FirstRow {
    #[diesel(sql_type = BigInt)]
    sender_id: UserId,
    #[diesel(sql_type = BigInt)]
    conversation_id: ConversationId,
    #[diesel(sql_type = Text)]
    client_id: String,
    #[diesel(sql_type = BigInt)]
    id: MessageId,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

#[derive(QueryableByName)]
struct MadeRow {
    #[diesel(sql_type = BigInt)]
    id: MessageId,
    #[diesel(sql_type = BigInt)]
    conversation_id: ConversationId,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// One array of a column of `rows`, to bind.
fn column<'a, T>(rows: &[Fresh<'a>], pick: impl Fn(&'a NewPost, i64) -> T) -> Vec<T> {
    rows.iter().map(|row| pick(row.post, row.seq)).collect()
}

/// Inserts the messages; returns their ids in the order of `rows`.
fn insert_messages(
    conn: &mut PgConnection,
    rows: &[Fresh<'_>],
) -> Result<Vec<MessageId>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let query = diesel::sql_query(
        "INSERT INTO messages (conversation_id, seq, sender_id, client_id, message_type, content, \
         reply_to, created_at, number, forward_of, forward_sender, sender_name) \
         SELECT * FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         RETURNING id, conversation_id, seq",
    );
    let made: Vec<MadeRow> = query
        .bind::<Array<BigInt>, _>(column(rows, |post, _| post.conversation))
        .bind::<Array<BigInt>, _>(column(rows, |_, seq| seq))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |post, _| post.sender_id()))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |post, _| post.client_id.as_deref()))
        .bind::<Array<Text>, _>(column(rows, |post, _| post.message_type.as_str()))
        .bind::<Array<Text>, _>(column(rows, |post, _| post.content.as_str()))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |post, _| post.reply_to))
        .bind::<Array<Timestamp>, _>(column(rows, |post, _| post.at))
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.number).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |post, _| Some(post.forward.as_ref()?.of)))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |post, _| forward_sender(post)))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |post, _| post.sender_name.as_deref()))
        .load(conn)?;
    let ids: HashMap<(ConversationId, i64), MessageId> =
        made.into_iter().map(|row| ((row.conversation_id, row.seq), row.id)).collect();
    let id = |row: &Fresh<'_>| ids.get(&(row.post.conversation, row.seq)).copied();
    one_each(rows.iter().filter_map(id).collect(), rows)
}

fn insert_entries(
    conn: &mut PgConnection,
    rows: &[Fresh<'_>],
    ids: &[MessageId],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = diesel::sql_query(
        "INSERT INTO journal (topic_id, seq, kind, actor_id, entity_id, created_at) \
         SELECT t, s, $1, a, e, c FROM UNNEST($2, $3, $4, $5, $6) AS r (t, s, a, e, c)",
    );
    query
        .bind::<Text, _>(POSTED)
        .bind::<Array<BigInt>, _>(column(rows, |post, _| post.topic))
        .bind::<Array<BigInt>, _>(column(rows, |_, seq| seq))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |post, _| post.sender_id()))
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<Timestamp>, _>(column(rows, |post, _| post.at))
        .execute(conn)?;
    Ok(())
}
