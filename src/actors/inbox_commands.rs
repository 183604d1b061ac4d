//! What inbox commands do to the store: marking, taking away, wishing; and what its reader asks.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::actors::authorize::admit_for;
use crate::actors::chat_commands::Effect;
use crate::actors::chat_reads;
use crate::actors::lane::Fault;
use crate::actors::notify::{self, quiet};
use crate::actors::replay_inbox::InboxDelta;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::{NotificationId, UserId};
use crate::models::conversation;
use crate::models::error::StoreError;
use crate::models::notification::{self, Which};
use crate::models::preference;
use crate::models::store::DbConn;
use crate::protocol::command::inbox::{InboxDelete, InboxList, InboxMarkRead, InboxPrefer};
use crate::protocol::event::Event;
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::{
    InboxCounts, InboxSnapshot, Loudness, NotificationPage, PreferencesView,
};

/// Most types that one person may have wishes for.
const TYPES_MAX: usize = 100;
/// Most conversations in a snapshot.
const CONVERSATIONS_MAX: i64 = 200;

/// What an inbox's reader starts from, with up to `limit` notifications.
///
/// # Errors
/// When the database failed.
pub fn snapshot(conn: &mut DbConn, user: UserId, limit: i64) -> Result<InboxSnapshot, StoreError> {
    let conversations = conversation::list_of(conn, user, CONVERSATIONS_MAX, None)?;
    let page = notification::page(conn, user, None, false, limit)?;
    let NotificationPage { notifications, more, counts } = page;
    Ok(InboxSnapshot { conversations, notifications, more, counts })
}

/// What a change of the inbox is answered with.
#[derive(Debug, Serialize)]
struct Changed {
    /// The position of its event; 0 when nothing had to change.
    seq: i64,
    #[serde(flatten)]
    counts: InboxCounts,
}

/// Checks whether `kind` may be a type of notification.
///
/// # Errors
/// `bad_request` naming `field`.
pub fn check_kind(field: &'static str, kind: &str) -> Result<(), Refusal> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=64).contains(&kind.len()) && kind.bytes().all(plain) {
        return Ok(());
    }
    Err(Refusal::field(field, "1 to 64 of a-z, 0-9 and _"))
}

fn changed(conn: &mut DbConn, user: UserId, event: Option<Event>) -> Result<Effect, Fault> {
    let counts = notification::counts_of(conn, user)?;
    let seq = event.as_ref().and_then(|event| event.seq).unwrap_or(0);
    let effect = Effect::quiet(&Changed { seq, counts });
    Ok(Effect { events: event.into_iter().collect(), ..effect })
}

/// `inbox.mark_read`.
///
/// # Errors
/// The policy's refusal, `bad_request`, `not_found`, or a fault.
pub fn mark_read(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    mark: &InboxMarkRead,
) -> Result<Effect, Fault> {
    admit_for(conn, who, topic, Action::MarkRead)?;
    let which = match (mark.id, mark.all) {
        (Some(id), false) => Which::One(id),
        (None, true) => Which::All,
        _ => return Err(Refusal::field("data.id", "an id, or all: true in its place").into()),
    };
    if let Which::One(id) = which
        && notification::one(conn, who.user, id)?.is_none()
    {
        return Err(Refusal::not_found().into());
    }
    let event = notify::read(conn, who.user, which)?;
    changed(conn, who.user, event)
}

/// `inbox.mark_seen`.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn mark_seen(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<Effect, Fault> {
    admit_for(conn, who, topic, Action::MarkRead)?;
    let marked = notification::mark_seen(conn, who.user, clock::now_naive())?;
    let event = match marked {
        0 => None,
        _ => Some(notify::tell(conn, who.user, |counts| {
            (InboxEvent::Seen { counts }, InboxDelta::default(), None)
        })?),
    };
    changed(conn, who.user, event)
}

/// `inbox.delete`.
///
/// # Errors
/// The policy's refusal, `bad_request`, `not_found`, or a fault.
pub fn delete(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &InboxDelete,
) -> Result<Effect, Fault> {
    admit_for(conn, who, topic, Action::Delete)?;
    let (ids, gone) = match (wish.id, wish.all_read) {
        (Some(id), false) => {
            if !notification::delete(conn, who.user, id)? {
                return Err(Refusal::not_found().into());
            }
            (vec![id], 1)
        }
        (None, true) => (Vec::new(), notification::delete_read(conn, who.user)?),
        _ => return Err(Refusal::field("data.id", "an id, or all_read: true in its place").into()),
    };
    let all = wish.all_read;
    let event = match gone {
        0 => None,
        _ => Some(notify::tell(conn, who.user, |counts| {
            let delta = InboxDelta { ids: ids.clone(), all, ..InboxDelta::default() };
            (InboxEvent::Deleted { ids, all_read: all, counts }, delta, None)
        })?),
    };
    changed(conn, who.user, event)
}

/// Takes away, in one go of up to `limit` each, what is older than `before` and what is more than
/// `keep` of one person. Devices learn only of what had not been read, for that changes counts.
///
/// # Errors
/// When the database failed.
pub fn prune(
    conn: &mut DbConn,
    before: NaiveDateTime,
    keep: i64,
    limit: i64,
) -> Result<Effect, Fault> {
    let mut unread = notification::prune(conn, before, limit)?.unread;
    unread.extend(notification::prune_overfull(conn, keep, limit)?.unread);
    let mut lost: BTreeMap<UserId, Vec<NotificationId>> = BTreeMap::new();
    for (user, id) in unread {
        lost.entry(user).or_default().push(id);
    }
    let mut effect = Effect::quiet(&lost.len());
    for (user, ids) in lost {
        effect.events.push(notify::tell(conn, user, |counts| {
            let delta = InboxDelta { ids: ids.clone(), ..InboxDelta::default() };
            (InboxEvent::Deleted { ids, all_read: false, counts }, delta, None)
        })?);
    }
    Ok(effect)
}

/// `inbox.prefer`: changes what is named and leaves the rest.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn prefer(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &InboxPrefer,
) -> Result<Effect, Fault> {
    admit_for(conn, who, topic, Action::Prefer)?;
    for kind in wish.types.keys() {
        check_kind("data.types", kind)?;
    }
    let hours = wish.quiet_hours.as_ref().map(|hours| hours.as_ref().map(quiet::parse).transpose());
    let hours = hours.transpose()?;
    let (mut types, _) = preference::of(conn, who.user)?;
    types.extend(wish.types.clone());
    types.retain(|_, loudness| *loudness != Loudness::Loud);
    if types.len() > TYPES_MAX {
        let rule = format!("at most {TYPES_MAX} types that are not loud");
        return Err(Refusal::field("data.types", rule).into());
    }
    for (kind, loudness) in &wish.types {
        preference::set(conn, who.user, kind, *loudness)?;
    }
    if let Some(hours) = &hours {
        preference::set_quiet(conn, who.user, hours.as_ref())?;
    }
    Ok(Effect::quiet(&wishes_of(conn, who.user)?))
}

/// How loudly someone wants to be notified.
///
/// # Errors
/// When the database failed.
pub fn wishes_of(conn: &mut DbConn, user: UserId) -> Result<PreferencesView, StoreError> {
    let (types, hours) = preference::of(conn, user)?;
    Ok(PreferencesView { types, quiet_hours: hours.as_ref().map(quiet::view) })
}

/// `inbox.preferences`.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn preferences(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
) -> Result<PreferencesView, Fault> {
    admit_for(conn, who, topic, Action::Read)?;
    Ok(wishes_of(conn, who.user)?)
}

/// `inbox.list`.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn list(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &InboxList,
) -> Result<NotificationPage, Fault> {
    let limit = chat_reads::page_size(wish.limit, 1)?;
    admit_for(conn, who, topic, Action::Read)?;
    Ok(notification::page(conn, who.user, wish.before, wish.unread, limit)?)
}
