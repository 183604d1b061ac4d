//! The veil over read marks: whoever shares no read receipts is shown none of others.
//!
//! In place of a mark the native protocol says `passed`, so that positions have no holes. A seat
//! knows whether the veil is over it; when its person changes their mind, every seat is told.

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::receipt;
use crate::models::store::DbConn;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::Topic;

/// Who has read, when an event says so to others.
pub fn reader(event: &Event) -> Option<UserId> {
    match &event.body {
        EventBody::ReadMarked { user, .. } => Some(*user),
        EventBody::Older(OlderEvent::Read { user, .. }) => Some(*user),
        _ => None,
    }
}

/// For whom an event says that the veil is drawn, `true`, or lifted.
pub fn drawn(event: &Event) -> Option<(UserId, bool)> {
    match (&event.body, &event.topic) {
        (EventBody::Talk(TalkEvent::ReceiptsShared(sharing)), Topic::Inbox(user)) => {
            Some((*user, !sharing.on))
        }
        _ => None,
    }
}

/// What stands in an event's place.
pub fn passed(event: &Event) -> Event {
    Event { body: EventBody::Talk(TalkEvent::Passed {}), ..event.clone() }
}

/// Whether the marks of others are kept from someone.
///
/// # Errors
/// When the database failed.
pub fn is_over(conn: &mut DbConn, user: UserId) -> Result<bool, StoreError> {
    Ok(!receipt::is_shared_by(conn, user)?)
}

/// Puts the veil over events that are read for one person, if it is over them. Asks nothing when
/// no mark of another is among them.
///
/// # Errors
/// When the database failed.
pub fn cover(conn: &mut DbConn, user: UserId, events: &mut [Event]) -> Result<(), StoreError> {
    let is_foreign = |event: &Event| reader(event).is_some_and(|reader| reader != user);
    if !events.iter().any(is_foreign) || !is_over(conn, user)? {
        return Ok(());
    }
    for event in events.iter_mut().filter(|event| is_foreign(event)) {
        *event = passed(event);
    }
    Ok(())
}
