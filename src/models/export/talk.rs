//! What one person did with messages: reactions, pins, earlier versions, files, notifications.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

use crate::clock;
use crate::ids::{AttachmentId, ConversationId, MessageId, NotificationId, UserId};
use crate::models::attachment::{self, AttachmentRow};
use crate::models::error::StoreError;
use crate::models::export::{PAGE, Rows, next, page, written};
use crate::models::message::MessageRow;
use crate::models::schema::{
    attachments, message_versions as versions, messages, notifications, pins, reactions,
};
use crate::models::store::DbConn;
use crate::models::{notification, version};
use crate::protocol::views::attachment::AttachmentView;
use crate::protocol::views::talk::VersionView;

/// Messages whose versions are read at a time: each has several.
const EDITED: i64 = 20;

#[derive(Serialize)]
struct OwnReaction {
    message: MessageId,
    emoji: String,
    #[serde(with = "clock::stamp")]
    at: NaiveDateTime,
}

pub(super) fn own_reactions(
    conn: &mut DbConn,
    user: UserId,
    after: i64,
) -> Result<Rows, StoreError> {
    let mut rows: Vec<(MessageId, String, NaiveDateTime)> = reactions::table
        .filter(reactions::user_id.eq(user).and(reactions::message_id.gt(MessageId(after))))
        .order((reactions::message_id, reactions::emoji))
        .limit(PAGE)
        .select((reactions::message_id, reactions::emoji, reactions::created_at))
        .load(conn)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= PAGE);
    let last = rows.last().map(|row| row.0).filter(|_| is_full);
    // The page may end among the reactions to one message: the next begins with all of them.
    if let Some(last) = last.filter(|last| rows.iter().any(|row| row.0 != *last)) {
        rows.retain(|row| row.0 != last);
    }
    let next = rows.last().map(|row| row.0.0).filter(|_| is_full);
    let own = |(message, emoji, at)| OwnReaction { message, emoji, at };
    let rows: Vec<OwnReaction> = rows.into_iter().map(own).collect();
    written(&rows, next)
}

#[derive(Serialize)]
struct OwnPin {
    message: MessageId,
    conversation: ConversationId,
    #[serde(with = "clock::stamp")]
    at: NaiveDateTime,
}

pub(super) fn own_pins(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let rows: Vec<(MessageId, ConversationId, NaiveDateTime)> = pins::table
        .filter(pins::pinned_by.eq(user).and(pins::message_id.gt(MessageId(after))))
        .order(pins::message_id)
        .limit(PAGE)
        .select((pins::message_id, pins::conversation_id, pins::pinned_at))
        .load(conn)?;
    let own = |(message, conversation, at)| OwnPin { message, conversation, at };
    let rows: Vec<OwnPin> = rows.into_iter().map(own).collect();
    page(&rows, |row| row.message.0)
}

#[derive(Serialize)]
struct Edited {
    message: MessageId,
    /// Oldest first; what it says now is the last.
    versions: Vec<VersionView>,
}

pub(super) fn edited_messages(
    conn: &mut DbConn,
    user: UserId,
    after: i64,
) -> Result<Rows, StoreError> {
    let edited = versions::table.select(versions::message_id);
    let found: Vec<MessageRow> = messages::table
        .filter(messages::sender_id.eq(user).and(messages::id.gt(MessageId(after))))
        .filter(messages::edited_at.is_not_null().and(messages::id.eq_any(edited)))
        .order(messages::id)
        .limit(EDITED)
        .select(MessageRow::as_select())
        .load(conn)?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        rows.push(Edited { message: row.id, versions: version::list(conn, row)? });
    }
    written(&rows, next(&found, EDITED, |row| row.id.0))
}

#[derive(Serialize)]
struct OwnFile {
    #[serde(flatten)]
    file: AttachmentView,
    /// With which message it was sent; none for a picture and for what was not sent.
    message: Option<MessageId>,
}

/// The files themselves are at the `url` of each.
pub(super) fn own_files(conn: &mut DbConn, user: UserId, after: i64) -> Result<Rows, StoreError> {
    let ids: Vec<AttachmentId> = attachments::table
        .filter(attachments::uploader_id.eq(user).and(attachments::id.gt(AttachmentId(after))))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .order(attachments::id)
        .limit(PAGE)
        .select(attachments::id)
        .load(conn)?;
    let own = |row: AttachmentRow| OwnFile { file: row.view(), message: row.message_id };
    let rows: Vec<OwnFile> = attachment::by_ids(conn, &ids)?.into_iter().map(own).collect();
    written(&rows, next(&ids, PAGE, |id| id.0))
}

pub(super) fn own_notifications(
    conn: &mut DbConn,
    user: UserId,
    after: i64,
) -> Result<Rows, StoreError> {
    let ids: Vec<NotificationId> = notifications::table
        .filter(notifications::user_id.eq(user))
        .filter(notifications::id.gt(NotificationId(after)))
        .order(notifications::id)
        .limit(PAGE)
        .select(notifications::id)
        .load(conn)?;
    let mut views = notification::views(conn, &ids)?;
    let rows: Vec<_> = ids.iter().filter_map(|id| views.remove(id)).collect();
    written(&rows, next(&ids, PAGE, |id| id.0))
}
