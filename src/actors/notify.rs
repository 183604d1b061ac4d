//! Putting notifications into inboxes, inside whichever transaction causes them.
//!
//! The one place that makes them: chat, membership, calls and dispatch call [`notify`] with the
//! writer's connection, so that a notification is committed with what it is about, or not at all.

pub mod posts;
pub mod quiet;

use std::collections::HashMap;

use serde_json::Value;

use crate::actors::notifier::Unheard;
use crate::actors::replay_inbox::InboxDelta;
use crate::clock;
use crate::ids::{NotificationId, TopicId, UserId};
use crate::metrics::Metrics;
use crate::models::error::StoreError;
use crate::models::journal::{self, NewEntry};
use crate::models::notification::{self, Content, Spot, Which};
use crate::models::preference;
use crate::models::store::DbConn;
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::{InboxCounts, Loudness, ObjectView, Priority};

/// Longest title kept, in characters; a longer one is cut.
pub const TITLE_CHARS: usize = 200;
/// Longest message kept, in characters; a longer one is cut.
pub const MESSAGE_CHARS: usize = 1_000;

/// What to notify of.
#[derive(Debug, Clone)]
pub struct Notice {
    /// A word: `message`, `mention`, `invite`, `call_missed`, `assignment`, `broadcast` …
    pub kind: &'static str,
    pub priority: Priority,
    pub title: String,
    pub message: String,
    pub object: Option<ObjectView>,
    pub action_url: Option<String>,
    pub data: Option<Value>,
    /// Who caused it.
    pub actor: Option<UserId>,
    /// What repeats of it have in common; while one is unread, a repeat makes it grow.
    pub group: Option<String>,
    /// How many it stands for.
    pub times: i64,
}

impl Notice {
    /// A notice of normal priority that stands for one, with nothing but its words.
    pub fn new(kind: &'static str, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            priority: Priority::Normal,
            title: title.into(),
            message: message.into(),
            object: None,
            action_url: None,
            data: None,
            actor: None,
            group: None,
            times: 1,
        }
    }

    /// As its row keeps it.
    fn content(&self) -> Content {
        Content {
            kind: self.kind.to_owned(),
            priority: self.priority,
            title: cut(&self.title, TITLE_CHARS),
            message: cut(&self.message, MESSAGE_CHARS),
            object: self.object.clone(),
            action_url: self.action_url.clone(),
            facts: self.data.as_ref().map(Value::to_string),
            actor: self.actor,
            group: self.group.clone(),
            times: self.times,
        }
    }
}

/// The first `chars` characters of a text, with a sign that some are missing.
pub fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Notifies these people in the caller's transaction; the events it leaves in `events` are to be
/// published after the commit. Whoever does not want this type is passed over.
///
/// # Errors
/// When the database failed.
pub fn notify(
    conn: &mut DbConn,
    notice: &Notice,
    to: &[UserId],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    put(conn, &notice.content(), to, events)
}

/// [`notify`] with a content whose type is not one of this server's own.
///
/// # Errors
/// When the database failed.
pub fn put(
    conn: &mut DbConn,
    content: &Content,
    to: &[UserId],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    if to.is_empty() {
        return Ok(());
    }
    let at = clock::now_naive();
    let mut inboxes: Vec<(TopicId, UserId, bool)> = Vec::with_capacity(to.len());
    let wishes = preference::wishes(conn, to, &content.kind)?;
    for user in to {
        let loudness = quiet::loudness(wishes.get(user), content.priority, at);
        if loudness != Loudness::Off {
            let topic = journal::ensure_topic(conn, &Topic::Inbox(*user).to_string())?.topic;
            inboxes.push((topic, *user, loudness == Loudness::Quiet));
        }
    }
    inboxes.sort_unstable();
    inboxes.dedup_by_key(|(topic, ..)| *topic);
    // Positions first: they lock the inboxes, so that no other process opens the same group.
    let mut spots = Vec::with_capacity(inboxes.len());
    for (topic, user, is_quiet) in inboxes {
        let place = journal::reserve(conn, topic, 1)?;
        spots.push((topic, Spot { user, place, is_quiet, at }));
    }
    let users: Vec<UserId> = spots.iter().map(|(_, spot)| spot.user).collect();
    let open = match &content.group {
        Some(group) => notification::open_in_group(conn, &users, group)?,
        None => HashMap::new(),
    };
    let mut placed: Vec<(TopicId, Spot, NotificationId)> = Vec::with_capacity(spots.len());
    for (topic, spot) in spots {
        let id = match open.get(&spot.user) {
            Some(&id) => {
                notification::grow(conn, id, content, spot)?;
                id
            }
            None => notification::insert(conn, content, spot)?,
        };
        placed.push((topic, spot, id));
    }
    announce(conn, &placed, content.actor, &users, events)
}

/// What the notifier is to be told of an event that nobody heard: of a new notification that did
/// not come quietly.
pub fn alert(event: &Event) -> Option<Unheard> {
    let EventBody::Inbox(InboxEvent::New { notification, .. }) = &event.body else { return None };
    (!notification.quiet).then(|| Unheard {
        topic: event.topic.clone(),
        user: event.topic.person(),
        kind: notification.kind.clone(),
        priority: notification.priority,
        id: Some(notification.id.0),
    })
}

/// Journals what was placed and makes its events.
fn announce(
    conn: &mut DbConn,
    placed: &[(TopicId, Spot, NotificationId)],
    actor: Option<UserId>,
    users: &[UserId],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let ids: Vec<NotificationId> = placed.iter().map(|(.., id)| *id).collect();
    let mut views = notification::views(conn, &ids)?;
    let counts = notification::counts(conn, users)?;
    for (topic, spot, id) in placed {
        let Some(notification) = views.remove(id) else { continue };
        let counts = counts.get(&spot.user).copied().unwrap_or_default();
        let body = EventBody::Inbox(InboxEvent::New { notification, counts });
        let entry = NewEntry {
            kind: body.name(),
            actor,
            entity: Some(id.0),
            delta: InboxDelta { counts, ..InboxDelta::default() }.text(),
            created_at: spot.at,
        };
        journal::enter(conn, *topic, spot.place, &[entry])?;
        let topic = Topic::Inbox(spot.user);
        events.push(Event { topic, seq: Some(spot.place), at: spot.at, body });
        Metrics::get().notifications.increment(1);
    }
    Ok(())
}

/// Journals an event of one inbox and answers it, with the counts after it.
///
/// # Errors
/// When the database failed.
pub fn tell(
    conn: &mut DbConn,
    user: UserId,
    make: impl FnOnce(InboxCounts) -> (InboxEvent, InboxDelta, Option<i64>),
) -> Result<Event, StoreError> {
    let counts = notification::counts_of(conn, user)?;
    let (event, delta, entity) = make(counts);
    let (topic, at, body) = (Topic::Inbox(user), clock::now_naive(), EventBody::Inbox(event));
    let head = journal::ensure_topic(conn, &topic.to_string())?;
    let delta = InboxDelta { counts, ..delta }.text();
    let entry = NewEntry { kind: body.name(), actor: Some(user), entity, delta, created_at: at };
    let seq = journal::append(conn, head.topic, &[entry])?;
    Ok(Event { topic, seq: Some(seq), at, body })
}

/// Marks notifications read and tells the person's other devices. No event when none was unread.
///
/// # Errors
/// When the database failed.
pub fn read(
    conn: &mut DbConn,
    user: UserId,
    which: Which<'_>,
) -> Result<Option<Event>, StoreError> {
    let ids = notification::mark_read(conn, user, which, clock::now_naive())?;
    if ids.is_empty() {
        return Ok(None);
    }
    let all = matches!(which, Which::All);
    let ids = if all { Vec::new() } else { ids };
    let told = tell(conn, user, |counts| {
        let delta = InboxDelta { ids: ids.clone(), all, ..InboxDelta::default() };
        (InboxEvent::Read { ids, all, counts }, delta, None)
    })?;
    Ok(Some(told))
}

/// What notifications quote of an object is no longer what it says: rows and devices learn it.
///
/// # Errors
/// When the database failed.
pub fn requote(
    conn: &mut DbConn,
    object: &ObjectView,
    message: &str,
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let changed = notification::requote(conn, object, &cut(message, MESSAGE_CHARS))?;
    let ids: Vec<NotificationId> = changed.iter().map(|(_, id)| *id).collect();
    let mut views = notification::views(conn, &ids)?;
    for (user, id) in changed {
        let Some(notification) = views.remove(&id) else { continue };
        events.push(tell(conn, user, |counts| {
            let entity = Some(id.0);
            (InboxEvent::Changed { notification, counts }, InboxDelta::default(), entity)
        })?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("déjà vu", 7), "déjà vu");
        assert_eq!(cut("déjà vu", 5), "déjà…");
        assert_eq!(cut("", 5), "");
    }
}
