//! The `conversations` table, and a person's list of theirs.
//!
//! Each conversation owns one topic, named as its [`Topic`].

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::error::StoreError;
use crate::models::membership::StoredMemberRole;
use crate::models::schema::{conversations, memberships, topics};
use crate::models::store::{DbConn, on_engine};
use crate::models::unread::{MENTIONED, UNREAD};
use crate::models::{discover, journal, message, user};
use crate::protocol::topic::{ChatKey, Topic};
use crate::protocol::views::{ConversationEntry, ConversationKind, ConversationView};

/// The name of the room that older clients enter without an account.
pub const LOBBY: &str = "lobby";

/// A kind of conversation as stored.
#[derive(FromSqlRow)]
pub struct StoredKind(ConversationKind);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for StoredKind
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(bytes)?;
        let kind = ConversationKind::parse(&text);
        kind.map(Self).ok_or_else(|| format!("no kind of conversation: {text:?}").into())
    }
}

impl From<StoredKind> for ConversationKind {
    fn from(stored: StoredKind) -> Self {
        stored.0
    }
}

/// A row of `conversations`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = conversations)]
pub struct Conversation {
    pub id: ConversationId,
    pub topic_id: TopicId,
    #[diesel(deserialize_as = StoredKind)]
    pub kind: ConversationKind,
    /// The room name, for named rooms.
    pub name: Option<String>,
    /// `lower:higher` user id, for direct ones.
    pub direct_key: Option<String>,
    pub title: String,
    pub description: String,
    pub owner_id: Option<UserId>,
    pub is_public: bool,
    pub invite_link: Option<String>,
    pub created_at: NaiveDateTime,
    /// When it last changed or was last written to.
    pub updated_at: NaiveDateTime,
    /// Seconds a member waits between two messages; 0 for none.
    pub slow_mode_s: i64,
    /// Where its picture is.
    pub avatar: Option<String>,
}

impl Conversation {
    /// The topic to subscribe to.
    pub fn topic(&self) -> Topic {
        match &self.name {
            Some(name) => Topic::room(name),
            None => Topic::conversation(self.id),
        }
    }

    /// Whether it is the room that older clients enter without an account.
    pub fn is_lobby(&self) -> bool {
        self.name.as_deref() == Some(LOBBY)
    }

    /// The conversation as its readers see it.
    pub fn view(&self) -> ConversationView {
        ConversationView {
            id: self.id,
            topic: self.topic().to_string(),
            kind: self.kind,
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            owner: self.owner_id,
            is_public: self.is_public,
            avatar: self.avatar.clone(),
            slow_mode_s: self.slow_mode_s,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The other person of a direct conversation that `reader` is in, also after they left.
    pub fn peer_of(&self, reader: UserId) -> Option<UserId> {
        let (low, high) = self.direct_key.as_deref()?.split_once(':')?;
        let (low, high) = (low.parse().ok()?, high.parse().ok()?);
        Some(if low == reader { high } else { low })
    }
}

/// A conversation to make.
#[derive(Debug, Clone)]
pub struct NewConversation {
    pub kind: ConversationKind,
    /// For named rooms; checked with [`crate::protocol::topic::is_name`].
    pub name: Option<String>,
    /// For direct ones: the two people, in any order.
    pub direct: Option<(UserId, UserId)>,
    pub title: String,
    pub description: String,
    pub owner: Option<UserId>,
    pub is_public: bool,
    pub at: NaiveDateTime,
}

fn direct_key(a: UserId, b: UserId) -> String {
    format!("{}:{}", a.min(b), a.max(b))
}

/// Makes a conversation and its topic; two people's direct one that exists already is returned.
///
/// # Errors
/// `Conflict` naming `conversations.name` when the room name is taken.
pub fn insert(conn: &mut DbConn, new: NewConversation) -> Result<Conversation, StoreError> {
    open(conn, new).map(|(conversation, _)| conversation)
}

/// [`insert`], and whether the conversation is new.
///
/// # Errors
/// `Conflict` naming `conversations.name` when the room name is taken.
pub fn open(conn: &mut DbConn, new: NewConversation) -> Result<(Conversation, bool), StoreError> {
    if let Some((a, b)) = new.direct
        && let Some(found) = direct_between(conn, a, b)?
    {
        return Ok((found, false));
    }
    let topic = match &new.name {
        Some(name) => journal::ensure_topic(conn, &Topic::room(name).to_string())?.topic,
        None => provisional_topic(conn, &new)?,
    };
    if let Some(id) = insert_row(conn, &new, topic)? {
        if new.name.is_none() {
            let name = Topic::conversation(id).to_string();
            let topic = topics::table.find(topic);
            diesel::update(topic).set(topics::name.eq(name)).execute(conn)?;
        }
        let made = by_id(conn, id)?.ok_or(StoreError::Missing)?;
        return Ok((made, true));
    }
    let Some((a, b)) = new.direct else {
        return Err(StoreError::Conflict(Some("conversations.name".to_owned())));
    };
    // Another process opened the same direct conversation meanwhile: theirs is the one.
    diesel::delete(topics::table.find(topic)).execute(conn)?;
    let theirs = direct_between(conn, a, b)?.ok_or(StoreError::Missing)?;
    Ok((theirs, false))
}

/// A topic named so that no client can say it, until its conversation's id is known.
fn provisional_topic(conn: &mut DbConn, new: &NewConversation) -> Result<TopicId, StoreError> {
    let opener = new.owner.or(new.direct.map(|(a, _)| a)).map_or(0, |user| user.0);
    let name = format!("new:{opener}:{}", new.at.and_utc().timestamp_micros());
    let row = topics::name.eq(name);
    Ok(diesel::insert_into(topics::table).values(row).returning(topics::id).get_result(conn)?)
}

fn insert_row(
    conn: &mut DbConn,
    new: &NewConversation,
    topic: TopicId,
) -> Result<Option<ConversationId>, StoreError> {
    let key = discover::search_key(new.name.as_deref(), &new.title, &new.description);
    let row = (
        conversations::topic_id.eq(topic),
        conversations::search_key.eq(key),
        conversations::kind.eq(new.kind.as_str()),
        conversations::name.eq(new.name.as_deref()),
        conversations::direct_key.eq(new.direct.map(|(a, b)| direct_key(a, b))),
        conversations::title.eq(&new.title),
        conversations::description.eq(&new.description),
        conversations::owner_id.eq(new.owner),
        conversations::is_public.eq(new.is_public),
        conversations::created_at.eq(new.at),
        conversations::updated_at.eq(new.at),
    );
    let statement = diesel::insert_into(conversations::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(conversations::id);
    Ok(on_engine!(conn, |inner| statement.get_result(inner).optional())?)
}

/// The conversation with this id.
pub fn by_id(conn: &mut DbConn, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
    Ok(conversations::table.find(id).select(Conversation::as_select()).first(conn).optional()?)
}

/// The room with this name.
pub fn by_name(conn: &mut DbConn, name: &str) -> Result<Option<Conversation>, StoreError> {
    let found = conversations::table.filter(conversations::name.eq(name));
    Ok(found.select(Conversation::as_select()).first(conn).optional()?)
}

/// The conversation a chat topic names. A named room answers to its id as well.
pub fn by_key(conn: &mut DbConn, key: &ChatKey) -> Result<Option<Conversation>, StoreError> {
    match key {
        ChatKey::Id(id) => by_id(conn, *id),
        ChatKey::Name(name) => by_name(conn, name),
    }
}

/// Waits until no other process writes to a conversation, and keeps it so to the end of the
/// caller's transaction. Whoever changes its rows does this first, as posting does: two who lock in
/// two orders would block each other. The one writer of a SQLite file needs no lock.
///
/// # Errors
/// Those of the database.
pub fn hold(conn: &mut DbConn, key: &ChatKey) -> Result<(), StoreError> {
    let DbConn::Postgres(conn) = conn else { return Ok(()) };
    let of = match key {
        ChatKey::Id(id) => conversations::table.filter(conversations::id.eq(*id)).into_boxed(),
        ChatKey::Name(name) => {
            conversations::table.filter(conversations::name.eq(name.as_ref())).into_boxed()
        }
    };
    let topic: Option<TopicId> = of.select(conversations::topic_id).first(conn).optional()?;
    if let Some(topic) = topic {
        let row = topics::table.find(topic).select(topics::id).for_update();
        let _held: Option<TopicId> = row.first(conn).optional()?;
    }
    Ok(())
}

/// The one direct conversation of two people, in any order.
pub fn direct_between(
    conn: &mut DbConn,
    a: UserId,
    b: UserId,
) -> Result<Option<Conversation>, StoreError> {
    let found = conversations::table.filter(conversations::direct_key.eq(direct_key(a, b)));
    Ok(found.select(Conversation::as_select()).first(conn).optional()?)
}

/// What of a conversation changes; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub is_public: Option<bool>,
    pub slow_mode_s: Option<i64>,
}

impl Change<'_> {
    /// Whether it leaves everything as it is.
    pub fn is_nothing(&self) -> bool {
        self.title.or(self.description).is_none()
            && self.is_public.is_none()
            && self.slow_mode_s.is_none()
    }
}

/// Changes a conversation and returns it as it is now.
///
/// # Errors
/// `Missing` when there is no such conversation.
pub fn change(
    conn: &mut DbConn,
    id: ConversationId,
    change: &Change<'_>,
    at: NaiveDateTime,
) -> Result<Conversation, StoreError> {
    let mut found = by_id(conn, id)?.ok_or(StoreError::Missing)?;
    if let Some(title) = change.title {
        title.clone_into(&mut found.title);
    }
    if let Some(text) = change.description {
        text.clone_into(&mut found.description);
    }
    found.is_public = change.is_public.unwrap_or(found.is_public);
    found.slow_mode_s = change.slow_mode_s.unwrap_or(found.slow_mode_s);
    found.updated_at = at;
    let key = discover::search_key(found.name.as_deref(), &found.title, &found.description);
    let row = (
        conversations::title.eq(&found.title),
        conversations::description.eq(&found.description),
        conversations::search_key.eq(key),
        conversations::is_public.eq(found.is_public),
        conversations::slow_mode_s.eq(found.slow_mode_s),
        conversations::updated_at.eq(at),
    );
    diesel::update(conversations::table.find(id)).set(row).execute(conn)?;
    Ok(found)
}

/// Points a conversation at another picture, or at none, and returns it as it is now.
///
/// # Errors
/// `Missing` when there is no such conversation.
pub fn set_avatar(
    conn: &mut DbConn,
    id: ConversationId,
    avatar: Option<&str>,
    at: NaiveDateTime,
) -> Result<Conversation, StoreError> {
    let change = (conversations::avatar.eq(avatar), conversations::updated_at.eq(at));
    diesel::update(conversations::table.find(id)).set(change).execute(conn)?;
    by_id(conn, id)?.ok_or(StoreError::Missing)
}

/// Hands a conversation to another owner, or to nobody. Roles are the membership's.
///
/// # Errors
/// `Missing` when there is no such conversation.
pub fn set_owner(
    conn: &mut DbConn,
    id: ConversationId,
    owner: Option<UserId>,
) -> Result<(), StoreError> {
    let row = conversations::table.find(id);
    let changed = diesel::update(row).set(conversations::owner_id.eq(owner)).execute(conn)?;
    if changed == 0 { Err(StoreError::Missing) } else { Ok(()) }
}

/// One index probe a conversation; counting or grouping would read every message of each.
const NEWEST_MESSAGE: &str = "(SELECT m.id FROM messages m \
     WHERE m.conversation_id = conversations.id ORDER BY m.seq DESC LIMIT 1)";

type Listed = (StoredMemberRole, i64, Option<NaiveDateTime>, i64, i64);
type ListedRow = (Conversation, Listed, i64, Option<MessageId>);

/// A page of a person's conversations, last written to first, after the `before` entry.
///
/// The number of queries does not depend on the number of conversations.
pub fn list_of(
    conn: &mut DbConn,
    reader: UserId,
    limit: i64,
    before: Option<(NaiveDateTime, ConversationId)>,
) -> Result<Vec<ConversationEntry>, StoreError> {
    let mut query = memberships::table
        .inner_join(conversations::table.inner_join(topics::table))
        .filter(memberships::user_id.eq(reader))
        .order((conversations::updated_at.desc(), conversations::id.desc()))
        .limit(limit)
        .select((
            Conversation::as_select(),
            (
                memberships::role,
                memberships::read_seq,
                memberships::muted_until,
                sql::<BigInt>(UNREAD),
                sql::<BigInt>(MENTIONED),
            ),
            topics::head,
            sql::<Nullable<BigInt>>(NEWEST_MESSAGE),
        ))
        .into_boxed();
    if let Some((at, id)) = before {
        let earlier = conversations::updated_at.lt(at);
        let beside = conversations::updated_at.eq(at).and(conversations::id.lt(id));
        query = query.filter(earlier.or(beside));
    }
    let rows: Vec<ListedRow> = query.load(conn)?;
    let newest: Vec<MessageId> = rows.iter().filter_map(|row| row.3).collect();
    let mut messages = message::views(conn, &newest)?;
    let peers: Vec<UserId> = rows.iter().filter_map(|row| row.0.peer_of(reader)).collect();
    let peers = user::persons(conn, &peers)?;
    let entries = rows.into_iter().map(|(conversation, mine, head, newest)| {
        let (role, read_seq, muted_until, unread, mentions) = mine;
        ConversationEntry {
            my_role: Some(role.into()),
            unread,
            mentions,
            read_seq,
            muted_until,
            head,
            last_message: newest.and_then(|id| messages.remove(&id)),
            peer: conversation.peer_of(reader).and_then(|id| peers.get(&id).cloned()),
            conversation: conversation.view(),
        }
    });
    Ok(entries.collect())
}
