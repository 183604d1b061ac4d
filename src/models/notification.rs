//! The `notifications` table: what waits in people's inboxes.
//!
//! While it is unread there is one notification a group and person; what repeats makes it grow.
//! Its `place` is the position of the inbox event that last put it on top.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::dsl::{count, count_star};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};

use crate::ids::{NotificationId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::notifications;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::views::inbox::{
    InboxCounts, NotificationPage, NotificationView, ObjectView, Priority,
};

/// A row of `notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notifications)]
struct Row {
    id: NotificationId,
    user_id: UserId,
    place: i64,
    kind: String,
    priority: String,
    title: String,
    message: String,
    object_type: Option<String>,
    object_id: Option<String>,
    action_url: Option<String>,
    facts: Option<String>,
    actor_id: Option<UserId>,
    group_key: Option<String>,
    times: i64,
    is_quiet: bool,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    seen_at: Option<NaiveDateTime>,
    read_at: Option<NaiveDateTime>,
}

/// What a notification says, the same to all who get it.
#[derive(Debug, Clone)]
pub struct Content {
    /// A word: `message`, `mention`, `invite` …
    pub kind: String,
    pub priority: Priority,
    pub title: String,
    pub message: String,
    pub object: Option<ObjectView>,
    pub action_url: Option<String>,
    /// A JSON object.
    pub facts: Option<String>,
    pub actor: Option<UserId>,
    pub group: Option<String>,
    /// How many it stands for, 1 or more.
    pub times: i64,
}

/// Where one person's copy goes.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub user: UserId,
    pub place: i64,
    pub is_quiet: bool,
    pub at: NaiveDateTime,
}

/// Which of someone's notifications are meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    One(NotificationId),
    All,
    /// Those of these groups.
    Groups(&'a [String]),
}

/// The unread notification of `group` in each of these inboxes.
pub fn open_in_group(
    conn: &mut DbConn,
    users: &[UserId],
    group: &str,
) -> Result<HashMap<UserId, NotificationId>, StoreError> {
    let rows: Vec<(UserId, NotificationId)> = notifications::table
        .filter(notifications::user_id.eq_any(users))
        .filter(notifications::group_key.eq(group).and(notifications::read_at.is_null()))
        .select((notifications::user_id, notifications::id))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Puts a notification into one inbox.
pub fn insert(
    conn: &mut DbConn,
    content: &Content,
    spot: Spot,
) -> Result<NotificationId, StoreError> {
    let row = (
        notifications::user_id.eq(spot.user),
        notifications::place.eq(spot.place),
        notifications::kind.eq(&content.kind),
        notifications::priority.eq(content.priority.as_str()),
        notifications::title.eq(&content.title),
        notifications::message.eq(&content.message),
        notifications::object_type.eq(content.object.as_ref().map(|object| &object.kind)),
        notifications::object_id.eq(content.object.as_ref().map(|object| &object.id)),
        notifications::action_url.eq(content.action_url.as_deref()),
        notifications::facts.eq(content.facts.as_deref()),
        notifications::actor_id.eq(content.actor),
        notifications::group_key.eq(content.group.as_deref()),
        notifications::times.eq(content.times),
        notifications::is_quiet.eq(spot.is_quiet),
        notifications::created_at.eq(spot.at),
        notifications::updated_at.eq(spot.at),
    );
    let made = diesel::insert_into(notifications::table).values(row);
    Ok(made.returning(notifications::id).get_result(conn)?)
}

/// Makes an unread notification say what it says now, count more, and move up.
///
/// # Errors
/// `Missing` when it is gone.
pub fn grow(
    conn: &mut DbConn,
    id: NotificationId,
    content: &Content,
    spot: Spot,
) -> Result<(), StoreError> {
    let change = (
        notifications::place.eq(spot.place),
        notifications::kind.eq(&content.kind),
        notifications::priority.eq(content.priority.as_str()),
        notifications::title.eq(&content.title),
        notifications::message.eq(&content.message),
        notifications::object_type.eq(content.object.as_ref().map(|object| &object.kind)),
        notifications::object_id.eq(content.object.as_ref().map(|object| &object.id)),
        notifications::action_url.eq(content.action_url.as_deref()),
        notifications::facts.eq(content.facts.as_deref()),
        notifications::actor_id.eq(content.actor),
        notifications::times.eq(notifications::times + content.times),
        notifications::is_quiet.eq(spot.is_quiet),
        notifications::updated_at.eq(spot.at),
        notifications::seen_at.eq(None::<NaiveDateTime>),
    );
    let grown = diesel::update(notifications::table.find(id)).set(change).execute(conn)?;
    if grown == 0 { Err(StoreError::Missing) } else { Ok(()) }
}

/// How many notifications wait in each of these inboxes; one where none waits is left out.
pub fn counts(
    conn: &mut DbConn,
    users: &[UserId],
) -> Result<HashMap<UserId, InboxCounts>, StoreError> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(UserId, i64, i64)> = notifications::table
        .filter(notifications::user_id.eq_any(users).and(notifications::read_at.is_null()))
        .group_by(notifications::user_id)
        .select((notifications::user_id, count_star(), count(notifications::seen_at)))
        .load(conn)?;
    let counts = |(user, unread, seen)| (user, InboxCounts { unread, unseen: unread - seen });
    Ok(rows.into_iter().map(counts).collect())
}

/// How many notifications wait in one inbox.
pub fn counts_of(conn: &mut DbConn, user: UserId) -> Result<InboxCounts, StoreError> {
    Ok(counts(conn, &[user])?.remove(&user).unwrap_or_default())
}

fn as_views(conn: &mut DbConn, rows: Vec<Row>) -> Result<Vec<NotificationView>, StoreError> {
    let actors: BTreeSet<UserId> = rows.iter().filter_map(|row| row.actor_id).collect();
    let actors: Vec<UserId> = actors.into_iter().collect();
    let actors = user::persons(conn, &actors)?;
    let view = |row: Row| NotificationView {
        id: row.id,
        kind: row.kind,
        priority: Priority::parse(&row.priority).unwrap_or_default(),
        title: row.title,
        message: row.message,
        object: row.object_type.zip(row.object_id).map(|(kind, id)| ObjectView { kind, id }),
        action_url: row.action_url,
        data: row.facts.and_then(|facts| serde_json::from_str(&facts).ok()),
        actor: row.actor_id.and_then(|id| actors.get(&id).cloned()),
        group: row.group_key,
        count: row.times,
        quiet: row.is_quiet,
        place: row.place,
        created_at: row.created_at,
        updated_at: row.updated_at,
        seen_at: row.seen_at,
        read_at: row.read_at,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The notifications with these ids, as their owners see them.
pub fn views(
    conn: &mut DbConn,
    ids: &[NotificationId],
) -> Result<HashMap<NotificationId, NotificationView>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = notifications::table.filter(notifications::id.eq_any(ids));
    let rows: Vec<Row> = found.select(Row::as_select()).load(conn)?;
    Ok(as_views(conn, rows)?.into_iter().map(|view| (view.id, view)).collect())
}

/// One of someone's notifications.
pub fn one(
    conn: &mut DbConn,
    user: UserId,
    id: NotificationId,
) -> Result<Option<NotificationView>, StoreError> {
    let mine = notifications::table.find(id).filter(notifications::user_id.eq(user));
    let row: Option<Row> = mine.select(Row::as_select()).first(conn).optional()?;
    Ok(as_views(conn, row.into_iter().collect())?.pop())
}

/// A page of someone's notifications, the newest first, below the place `before`.
pub fn page(
    conn: &mut DbConn,
    user: UserId,
    before: Option<i64>,
    only_unread: bool,
    limit: i64,
) -> Result<NotificationPage, StoreError> {
    let size = usize::try_from(limit).unwrap_or(0);
    let mut query = notifications::table
        .filter(notifications::user_id.eq(user))
        .order(notifications::place.desc())
        .limit(limit.max(0).saturating_add(1))
        .select(Row::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(notifications::place.lt(before));
    }
    if only_unread {
        query = query.filter(notifications::read_at.is_null());
    }
    let mut rows: Vec<Row> = query.load(conn)?;
    let more = rows.len() > size;
    rows.truncate(size);
    Ok(NotificationPage {
        notifications: as_views(conn, rows)?,
        more,
        counts: counts_of(conn, user)?,
    })
}

/// Marks unread notifications read, and so seen; answers which were.
pub fn mark_read(
    conn: &mut DbConn,
    user: UserId,
    which: Which<'_>,
    at: NaiveDateTime,
) -> Result<Vec<NotificationId>, StoreError> {
    let mine = notifications::user_id.eq(user).and(notifications::read_at.is_null());
    let read = notifications::read_at.eq(at);
    let ids: Vec<NotificationId> = match which {
        Which::One(id) => {
            diesel::update(notifications::table.filter(mine.and(notifications::id.eq(id))))
                .set(read)
                .returning(notifications::id)
                .get_results(conn)?
        }
        Which::All => diesel::update(notifications::table.filter(mine))
            .set(read)
            .returning(notifications::id)
            .get_results(conn)?,
        Which::Groups(groups) => diesel::update(
            notifications::table.filter(mine.and(notifications::group_key.eq_any(groups))),
        )
        .set(read)
        .returning(notifications::id)
        .get_results(conn)?,
    };
    if !ids.is_empty() {
        let unseen = notifications::table
            .filter(notifications::user_id.eq(user).and(notifications::seen_at.is_null()))
            .filter(notifications::read_at.is_not_null());
        diesel::update(unseen).set(notifications::seen_at.eq(at)).execute(conn)?;
    }
    Ok(ids)
}

/// Marks all unread notifications seen; answers how many were not yet.
pub fn mark_seen(conn: &mut DbConn, user: UserId, at: NaiveDateTime) -> Result<usize, StoreError> {
    let unseen = notifications::table
        .filter(notifications::user_id.eq(user).and(notifications::read_at.is_null()))
        .filter(notifications::seen_at.is_null());
    Ok(diesel::update(unseen).set(notifications::seen_at.eq(at)).execute(conn)?)
}

/// Takes one away; `false` when there was none.
pub fn delete(conn: &mut DbConn, user: UserId, id: NotificationId) -> Result<bool, StoreError> {
    let mine = notifications::table.find(id).filter(notifications::user_id.eq(user));
    Ok(diesel::delete(mine).execute(conn)? == 1)
}

/// Takes away all that were read; answers how many.
pub fn delete_read(conn: &mut DbConn, user: UserId) -> Result<usize, StoreError> {
    let read = notifications::user_id.eq(user).and(notifications::read_at.is_not_null());
    Ok(diesel::delete(notifications::table.filter(read)).execute(conn)?)
}

/// Replaces what notifications quote of an object; answers which, with their owners.
pub fn requote(
    conn: &mut DbConn,
    object: &ObjectView,
    message: &str,
) -> Result<Vec<(UserId, NotificationId)>, StoreError> {
    let quoting = notifications::table
        .filter(notifications::object_type.eq(&object.kind))
        .filter(notifications::object_id.eq(&object.id));
    let mut changed: Vec<(UserId, NotificationId)> = diesel::update(quoting)
        .set(notifications::message.eq(message))
        .returning((notifications::user_id, notifications::id))
        .get_results(conn)?;
    changed.sort_unstable();
    Ok(changed)
}

/// Removes up to `limit` notifications last changed before `before`; answers which went unread,
/// with their owners, and how many went.
pub fn prune(conn: &mut DbConn, before: NaiveDateTime, limit: i64) -> Result<Pruned, StoreError> {
    let old = notifications::table
        .filter(notifications::updated_at.lt(before))
        .order(notifications::updated_at)
        .limit(limit);
    let picked: Vec<Picked> = old.select(PICKED).load(conn)?;
    take_away(conn, picked)
}

/// Removes the oldest of those inboxes that hold more than `keep`, up to `limit`.
pub fn prune_overfull(conn: &mut DbConn, keep: i64, limit: i64) -> Result<Pruned, StoreError> {
    let sql = "SELECT id, user_id, read_at FROM (SELECT n.id, n.user_id, n.read_at, ROW_NUMBER() \
               OVER (PARTITION BY n.user_id ORDER BY n.place DESC) AS rank FROM notifications n \
               WHERE n.user_id IN (SELECT user_id FROM notifications GROUP BY user_id \
               HAVING COUNT(*) > $1)) AS ranked WHERE rank > $1 LIMIT $2";
    let query = diesel::sql_query(sql).bind::<BigInt, _>(keep).bind::<BigInt, _>(limit);
    let rows: Vec<OldRow> = query.load(conn)?;
    take_away(conn, rows.into_iter().map(|row| (row.id, row.user_id, row.read_at)).collect())
}

#[derive(QueryableByName)]
struct OldRow {
    #[diesel(sql_type = BigInt)]
    id: NotificationId,
    #[diesel(sql_type = BigInt)]
    user_id: UserId,
    #[diesel(sql_type = diesel::sql_types::Nullable<Timestamp>)]
    read_at: Option<NaiveDateTime>,
}

type Picked = (NotificationId, UserId, Option<NaiveDateTime>);

const PICKED: (notifications::id, notifications::user_id, notifications::read_at) =
    (notifications::id, notifications::user_id, notifications::read_at);

/// What a pruning took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    pub gone: usize,
    /// Those that had not been read, by owner.
    pub unread: Vec<(UserId, NotificationId)>,
}

fn take_away(conn: &mut DbConn, picked: Vec<Picked>) -> Result<Pruned, StoreError> {
    let ids: Vec<NotificationId> = picked.iter().map(|(id, ..)| *id).collect();
    let gone = diesel::delete(notifications::table.filter(notifications::id.eq_any(ids)));
    let gone = gone.execute(conn)?;
    let unread = picked.into_iter().filter(|(.., read)| read.is_none());
    let mut unread: Vec<_> = unread.map(|(id, user, _)| (user, id)).collect();
    unread.sort_unstable();
    Ok(Pruned { gone, unread })
}
