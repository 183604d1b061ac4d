//! The `messages` table: posting, reading, changing and taking back.
//!
//! A deleted message keeps its row and its place; its content is gone from the database.
//! Posting many at once is the hot path: what differs by engine is in [`posting`].

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};

use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::error::StoreError;
use crate::models::posting::heads;
use crate::models::posting::{self, Place};
use crate::models::schema::{conversations, messages};
use crate::models::search;
use crate::models::store::DbConn;
use crate::models::{attachment, mention, pin, reaction, user, version};
use crate::protocol::views::talk::ForwardView;
use crate::protocol::views::{HistoryPage, MessageView, PersonView, ReplyView};

/// Most characters of a message that a reply to it quotes.
pub const EXCERPT_CHARS: usize = 100;

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct MessageRow {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// Its position in the topic's journal.
    pub seq: i64,
    /// `None` once the account is erased.
    pub sender_id: Option<UserId>,
    pub client_id: Option<String>,
    pub message_type: String,
    /// Empty once deleted.
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub created_at: NaiveDateTime,
    pub edited_at: Option<NaiveDateTime>,
    pub deleted_at: Option<NaiveDateTime>,
    pub deleted_by: Option<UserId>,
    /// The how manyth message of its conversation, from 1.
    pub number: i64,
    /// The message it was forwarded from, which may be gone.
    pub forward_of: Option<MessageId>,
    /// Who wrote that one, whose account may be gone.
    pub forward_sender: Option<UserId>,
    /// The name that someone not signed in gave.
    pub sender_name: Option<String>,
}

/// Where a forwarded message comes from.
#[derive(Debug, Clone)]
pub struct Forward {
    pub of: MessageId,
    /// Who wrote it; `None` when their account is erased.
    pub sender: Option<PersonView>,
}

/// A message to post. The caller has checked that the sender may and that the text fits.
#[derive(Debug, Clone)]
pub struct NewPost {
    pub conversation: ConversationId,
    /// That conversation's topic.
    pub topic: TopicId,
    /// `None` for someone not signed in.
    pub sender: Option<PersonView>,
    /// The name they gave then.
    pub sender_name: Option<String>,
    /// Makes the post idempotent for this sender and conversation.
    pub client_id: Option<String>,
    pub message_type: String,
    pub content: String,
    /// A message of the same conversation.
    pub reply_to: Option<MessageId>,
    /// Members of the conversation whom it mentions, the sender not among them.
    pub mentions: Vec<PersonView>,
    pub forward: Option<Forward>,
    pub at: NaiveDateTime,
}

impl NewPost {
    /// Who posts; `None` for someone not signed in.
    pub fn sender_id(&self) -> Option<UserId> {
        self.sender.as_ref().map(|sender| sender.id)
    }
}

/// What became of a [`NewPost`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every value is the large one")]
pub enum Posted {
    New(MessageView),
    /// Its `client_id` was posted before; this is the first one's place.
    Repeat {
        id: MessageId,
        seq: i64,
    },
    /// `reply_to` is not a message of this conversation.
    NoSuchReply,
}

/// Posts messages in the order given, inside the caller's transaction; one outcome a post.
///
/// Positions are dense in each topic; a repeat or refusal takes none. The journal gets one
/// `message.new` a message. Topics are locked in the order of their ids, so that two processes on
/// one PostgreSQL wait for each other and never in a circle.
///
/// # Errors
/// `Missing` when a topic is not there; then nothing of the transaction may be kept.
pub fn post_many(conn: &mut DbConn, posts: &[NewPost]) -> Result<Vec<Posted>, StoreError> {
    let topics: BTreeSet<TopicId> = posts.iter().map(|post| post.topic).collect();
    let mut heads = heads::lock(conn, &topics)?;
    if heads.len() != topics.len() {
        return Err(StoreError::Missing);
    }
    let before = heads.clone();
    let replies = quoted(conn, posts)?;
    let places = posting::place(conn, posts, &replies, &mut heads)?;
    heads.retain(|topic, head| before.get(topic) != Some(head));
    heads::raise(conn, &heads)?;
    for (post, place) in posts.iter().zip(&places) {
        if let Place::New { id, seq } = place
            && !post.mentions.is_empty()
        {
            mention::insert(conn, post.conversation, *id, *seq, &post.mentions)?;
        }
    }
    let outcomes = posts.iter().zip(places).map(|(post, place)| match place {
        Place::New { id, seq } => Posted::New(posted_view(post, &replies, id, seq)),
        Place::Repeat { id, seq } => Posted::Repeat { id, seq },
        Place::NoSuchReply => Posted::NoSuchReply,
    });
    Ok(outcomes.collect())
}

/// The messages that posts reply to, each with its conversation.
pub(super) type Quoted = HashMap<MessageId, (ConversationId, ReplyView)>;

fn quoted(conn: &mut DbConn, posts: &[NewPost]) -> Result<Quoted, StoreError> {
    let ids: BTreeSet<MessageId> = posts.iter().filter_map(|post| post.reply_to).collect();
    replies(conn, ids)
}

fn posted_view(post: &NewPost, replies: &Quoted, id: MessageId, seq: i64) -> MessageView {
    MessageView {
        id,
        conversation: post.conversation,
        seq,
        sender: post.sender.clone(),
        sender_name: post.sender_name.clone(),
        message_type: post.message_type.clone(),
        content: post.content.clone(),
        reply_to: post.reply_to.and_then(|id| replies.get(&id)).map(|(_, view)| view.clone()),
        client_id: post.client_id.clone(),
        created_at: post.at,
        edited_at: None,
        deleted: false,
        forwarded_from: post
            .forward
            .as_ref()
            .map(|forward| ForwardView { sender: forward.sender.clone(), of: Some(forward.of) }),
        mentions: post.mentions.clone(),
        reactions: Vec::new(),
        pinned: None,
        attachments: Vec::new(),
    }
}

/// The message with this id, deleted or not.
pub fn by_id(conn: &mut DbConn, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
    Ok(messages::table.find(id).select(MessageRow::as_select()).first(conn).optional()?)
}

/// The newest message of all.
pub fn newest_id(conn: &mut DbConn) -> Result<Option<MessageId>, StoreError> {
    Ok(messages::table.select(diesel::dsl::max(messages::id)).first(conn)?)
}

/// The messages with these ids as their readers see them, in eight queries at most.
pub fn views(
    conn: &mut DbConn,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, MessageView>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = messages::table.filter(messages::id.eq_any(ids));
    let rows: Vec<MessageRow> = found.select(MessageRow::as_select()).load(conn)?;
    Ok(as_views(conn, rows)?.into_iter().map(|view| (view.id, view)).collect())
}

fn as_views(conn: &mut DbConn, rows: Vec<MessageRow>) -> Result<Vec<MessageView>, StoreError> {
    let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
    let people = rows.iter().flat_map(|row| [row.sender_id, row.forward_sender]).flatten();
    let people: Vec<UserId> = people.collect::<BTreeSet<_>>().into_iter().collect();
    let people = user::persons(conn, &people)?;
    let quoted = replies(conn, rows.iter().filter_map(|row| row.reply_to).collect())?;
    let mut mentions = mention::of(conn, &ids)?;
    let mut reactions = reaction::of(conn, &ids)?;
    let mut pins = pin::of(conn, &ids)?;
    let person = |id: Option<UserId>| people.get(&id?).cloned();
    let mut files = attachment::of_messages(conn, &ids)?;
    let view = |row: MessageRow| MessageView {
        id: row.id,
        conversation: row.conversation_id,
        seq: row.seq,
        sender: person(row.sender_id),
        sender_name: row.sender_name,
        message_type: row.message_type,
        content: row.content,
        reply_to: row.reply_to.and_then(|id| quoted.get(&id)).map(|(_, view)| view.clone()),
        client_id: row.client_id,
        created_at: row.created_at,
        edited_at: row.edited_at,
        deleted: row.deleted_at.is_some(),
        forwarded_from: row
            .forward_of
            .map(|of| ForwardView { sender: person(row.forward_sender), of: Some(of) }),
        mentions: mentions.remove(&row.id).unwrap_or_default(),
        reactions: reactions.remove(&row.id).unwrap_or_default(),
        pinned: pins.remove(&row.id),
        attachments: files.remove(&row.id).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(view).collect())
}

fn replies(conn: &mut DbConn, ids: BTreeSet<MessageId>) -> Result<Quoted, StoreError> {
    if ids.is_empty() {
        return Ok(Quoted::new());
    }
    let ids: Vec<MessageId> = ids.into_iter().collect();
    let rows: Vec<(MessageId, ConversationId, Option<UserId>, String)> = messages::table
        .filter(messages::id.eq_any(ids))
        .select((messages::id, messages::conversation_id, messages::sender_id, messages::content))
        .load(conn)?;
    let authors: BTreeSet<UserId> = rows.iter().filter_map(|row| row.2).collect();
    let authors = user::persons(conn, &authors.into_iter().collect::<Vec<_>>())?;
    let reply = |(id, conversation, sender, content): (_, _, Option<UserId>, String)| {
        let content = content.chars().take(EXCERPT_CHARS).collect();
        let author = sender.and_then(|sender| authors.get(&sender).cloned());
        (id, (conversation, ReplyView { id, sender, content, author }))
    };
    Ok(rows.into_iter().map(reply).collect())
}

/// Replaces the text of a message, keeps what it said as a version, and returns it as it is now.
/// The caller journals it.
///
/// # Errors
/// `Missing` when there is no such message or it is deleted.
pub fn edit(
    conn: &mut DbConn,
    id: MessageId,
    content: &str,
    at: NaiveDateTime,
) -> Result<MessageView, StoreError> {
    let row = by_id(conn, id)?.filter(|row| row.deleted_at.is_none()).ok_or(StoreError::Missing)?;
    version::keep(conn, &row)?;
    let change = (messages::content.eq(content), messages::edited_at.eq(at));
    diesel::update(messages::table.find(id)).set(change).execute(conn)?;
    search::replace(conn, id, row.conversation_id, content)?;
    let mut view = views(conn, &[id])?.remove(&id).ok_or(StoreError::Missing)?;
    reaction::name(conn, &mut view)?;
    Ok(view)
}

/// Takes a message back: its text and files go for good, and with them its versions, mentions,
/// reactions, pin and origin; its place stays. The caller journals it.
///
/// # Errors
/// `Missing` when there is no such message or it is deleted already.
pub fn delete(
    conn: &mut DbConn,
    id: MessageId,
    by: UserId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let live = messages::table.find(id).filter(messages::deleted_at.is_null());
    let change = (
        messages::content.eq(""),
        messages::deleted_at.eq(at),
        messages::deleted_by.eq(by),
        messages::forward_of.eq(None::<MessageId>),
        messages::forward_sender.eq(None::<UserId>),
    );
    let home = diesel::update(live)
        .set(change)
        .returning(messages::conversation_id)
        .get_result::<ConversationId>(conn)?;
    let conversation = conversations::table.find(home);
    let counted = conversations::deleted.eq(conversations::deleted + 1);
    diesel::update(conversation).set(counted).execute(conn)?;
    version::forget(conn, id)?;
    mention::forget(conn, id)?;
    reaction::forget(conn, id)?;
    pin::remove(conn, id)?;
    attachment::doom_of_message(conn, id, at)?;
    search::remove(conn, &[id])
}

/// A page of a conversation: the first after `after`, else the last before `before`, else the last.
pub fn page(
    conn: &mut DbConn,
    conversation: ConversationId,
    before: Option<i64>,
    after: Option<i64>,
    limit: i64,
) -> Result<HistoryPage, StoreError> {
    let size = usize::try_from(limit).unwrap_or(0);
    let mut query = messages::table
        .filter(messages::conversation_id.eq(conversation))
        .select(MessageRow::as_select())
        .limit(limit.max(0).saturating_add(1))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(messages::seq.lt(before));
    }
    query = match after {
        Some(after) => query.filter(messages::seq.gt(after)).order(messages::seq.asc()),
        None => query.order(messages::seq.desc()),
    };
    let mut rows: Vec<MessageRow> = query.load(conn)?;
    let more = rows.len() > size;
    rows.truncate(size);
    if after.is_none() {
        rows.reverse();
    }
    Ok(HistoryPage { messages: as_views(conn, rows)?, more })
}

/// Whether a send with this `client_id` is stored already, so that it is a repeat.
pub fn is_repeat(
    conn: &mut DbConn,
    conversation: ConversationId,
    sender: UserId,
    client_id: &str,
) -> Result<bool, StoreError> {
    let first = messages::table
        .filter(messages::sender_id.eq(sender))
        .filter(messages::conversation_id.eq(conversation))
        .filter(messages::client_id.eq(client_id));
    Ok(diesel::select(diesel::dsl::exists(first)).get_result(conn)?)
}

/// When someone last wrote in a conversation, deleted messages counted.
pub fn last_written(
    conn: &mut DbConn,
    conversation: ConversationId,
    sender: UserId,
) -> Result<Option<NaiveDateTime>, StoreError> {
    Ok(messages::table
        .filter(messages::sender_id.eq(sender).and(messages::conversation_id.eq(conversation)))
        .order(messages::seq.desc())
        .select(messages::created_at)
        .first(conn)
        .optional()?)
}

/// Forgets up to `limit` client ids of messages from before `before`; a repeat is then a new one.
pub fn forget_client_ids(
    conn: &mut DbConn,
    before: NaiveDateTime,
    limit: i64,
) -> Result<usize, StoreError> {
    let sql = "UPDATE messages SET client_id = NULL WHERE id IN (SELECT id FROM messages \
               WHERE client_id IS NOT NULL AND created_at < $1 LIMIT $2)";
    let query = diesel::sql_query(sql).bind::<Timestamp, _>(before).bind::<BigInt, _>(limit);
    Ok(query.execute(conn)?)
}
