//! Messages and rooms with all that the classroom's clients show beside them, read with a constant
//! number of queries.

use serde_json::Value;

use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::http::messenger::Viewer;
use crate::ids::{MessageId, UserId};
use crate::models::conversation;
use crate::models::listing::{self, THREAD_TYPE, Thread};
use crate::models::people::{self, Company};
use crate::models::store::DbConn;
use crate::protocol::dialect::classroom::shapes::{self, Extras, GENERAL, Within};
use crate::protocol::views::{ConversationEntry, MessageView};

/// Most rooms listed.
pub const ROOMS_MAX: i64 = 500;
/// Most people listed with each.
pub const PEOPLE_MAX: i64 = 50;

/// How a reader stands to the room whose messages they read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub reader: UserId,
    /// Up to which position they have read.
    pub read_seq: i64,
    /// Whether replies are threads, as in the general room.
    pub has_threads: bool,
}

/// These messages as the viewer's client reads them, in the same order.
///
/// # Errors
/// When the database failed.
pub fn written(
    conn: &mut DbConn,
    viewer: &Viewer,
    messages: &[MessageView],
    reading: Reading,
) -> Result<Vec<Value>, Fault> {
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let replies = listing::replies(conn, &ids)?;
    let senders = messages.iter().filter_map(|message| message.sender.as_ref());
    let faces = viewer.faces(conn, senders.map(|sender| sender.id))?;
    let write = |message: &MessageView| {
        let is_own = message.sender.as_ref().is_some_and(|sender| sender.id == reading.reader);
        let thread = message.reply_to.as_ref().filter(|_| reading.has_threads);
        let extras = Extras {
            thread: thread.map(|reply| (reply.id, reply.content.clone())),
            is_read: is_own || message.seq <= reading.read_seq,
            replies: replies.get(&message.id).copied().unwrap_or(0),
        };
        shapes::message(message, &extras, &faces, &viewer.base)
    };
    Ok(messages.iter().map(write).collect())
}

/// The rooms that someone is in, last written to first, with the people of each.
///
/// # Errors
/// When the database failed.
pub fn rooms(
    conn: &mut DbConn,
    who: &Identity,
) -> Result<Vec<(ConversationEntry, Company)>, Fault> {
    let mut companies = people::companies(conn, who.user, PEOPLE_MAX)?;
    let listed = conversation::list_of(conn, who.user, ROOMS_MAX, None)?;
    let with = |entry: ConversationEntry| {
        let company = companies.remove(&entry.conversation.id).unwrap_or_default();
        (entry, company)
    };
    Ok(listed.into_iter().map(with).collect())
}

/// Rooms as older clients read them, in the same order.
///
/// # Errors
/// When the database failed.
pub fn written_rooms(
    conn: &mut DbConn,
    rooms: &[(ConversationEntry, Company)],
) -> Result<Vec<Value>, Fault> {
    let fellows = rooms.iter().flat_map(|(_, company)| &company.fellows);
    let senders =
        rooms.iter().filter_map(|(entry, _)| entry.last_message.as_ref()?.sender.as_ref());
    let ids: Vec<UserId> =
        fellows.map(|fellow| fellow.user).chain(senders.map(|sender| sender.id)).collect();
    let faces = people::faces(conn, ids)?;
    let write = |(entry, company): &(ConversationEntry, Company)| {
        let present: Vec<UserId> = company.fellows.iter().map(|fellow| fellow.user).collect();
        let within = Within {
            people: &present,
            people_count: company.count,
            last_message: entry.last_message.as_ref(),
            unread: entry.unread,
        };
        shapes::room(&entry.conversation, &within, &faces)
    };
    Ok(rooms.iter().map(write).collect())
}

/// Threads as the viewer's client reads them, in the same order.
///
/// # Errors
/// When the database failed.
pub fn written_threads(
    conn: &mut DbConn,
    viewer: &Viewer,
    threads: &[Thread],
) -> Result<Vec<Value>, Fault> {
    let told = threads
        .iter()
        .flat_map(|thread| [Some(&thread.root), thread.last_reply.as_ref()].into_iter().flatten());
    let senders = told.filter_map(|message| message.sender.as_ref());
    let faces = viewer.faces(conn, senders.map(|sender| sender.id))?;
    let write = |thread: &Thread| {
        let shown = shapes::Thread {
            root: &thread.root,
            is_titled: thread.root.message_type == THREAD_TYPE,
            replies: thread.replies,
            last_reply: thread.last_reply.as_ref(),
            is_locked: thread.is_locked,
        };
        shapes::thread(&shown, &faces)
    };
    Ok(threads.iter().map(write).collect())
}

/// Whether replies in this room are threads.
pub fn has_threads(entry: &crate::protocol::views::ConversationView) -> bool {
    entry.name.as_deref() == Some(GENERAL)
}
