//! Messages with all that the messenger's clients show beside them, read with a constant number of
//! queries.

use std::collections::HashMap;

use serde_json::Value;

use crate::actors::lane::Fault;
use crate::http::messenger::Viewer;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::reaction::{self, Reactor};
use crate::models::receipt::{self, Marks};
use crate::models::store::DbConn;
use crate::protocol::dialect::messenger::shapes::{self, Extras, Reaction, Receipt};
use crate::protocol::views::MessageView;

/// Most people whose receipts are told with each message; in larger company the sender's alone.
const RECEIPTS_MAX: i64 = 20;

/// These messages as the viewer's client reads them, in the same order.
///
/// # Errors
/// When the database failed.
pub fn written(
    conn: &mut DbConn,
    viewer: &Viewer,
    messages: &[MessageView],
) -> Result<Vec<Value>, Fault> {
    let extras = extras(conn, viewer, messages)?;
    let people: Vec<UserId> =
        messages.iter().zip(&extras).flat_map(|(message, extras)| extras.people(message)).collect();
    let faces = viewer.faces(conn, people)?;
    let write = |(message, extras)| shapes::message(message, extras, &faces, &viewer.base);
    Ok(messages.iter().zip(&extras).map(write).collect())
}

fn extras(
    conn: &mut DbConn,
    viewer: &Viewer,
    messages: &[MessageView],
) -> Result<Vec<Extras>, Fault> {
    let marks = marks(conn, viewer, messages)?;
    let felt = messages.iter().filter(|message| !message.reactions.is_empty());
    let felt: Vec<MessageId> = felt.map(|message| message.id).collect();
    let mut reactors = reaction::each(conn, &felt)?;
    let reaction = |one: Reactor| Reaction { user: one.user, emoji: one.emoji, at: one.at };
    let extras = |message: &MessageView| {
        let mut extras = Extras::of(message);
        let members = marks.get(&message.conversation).map_or(&[][..], Vec::as_slice);
        let sender = message.sender.as_ref().map(|sender| sender.id);
        let others = members.iter().filter(|member| Some(member.user) != sender);
        extras.receipts.extend(others.filter_map(|member| receipt_of(member, message)));
        let felt = reactors.remove(&message.id).unwrap_or_default();
        extras.reactions = felt.into_iter().map(reaction).collect();
        extras
    };
    Ok(messages.iter().map(extras).collect())
}

/// How far a message has come with someone it was not from; nothing when it has not.
fn receipt_of(member: &Marks, message: &MessageView) -> Option<Receipt> {
    let reached = |(seq, at): (i64, Option<_>)| {
        (seq >= message.seq).then(|| at.unwrap_or(message.created_at).max(message.created_at))
    };
    let user = member.user;
    let read = member.read.and_then(reached).map(|at| Receipt { user, state: "read", at });
    let delivered = || reached(member.delivered).map(|at| Receipt { user, state: "delivered", at });
    read.or_else(delivered)
}

/// The marks of the members of the conversation, when all are of one and they are few.
fn marks(
    conn: &mut DbConn,
    viewer: &Viewer,
    messages: &[MessageView],
) -> Result<HashMap<ConversationId, Vec<Marks>>, Fault> {
    let mut marks = HashMap::new();
    let Some(first) = messages.first() else { return Ok(marks) };
    let home = first.conversation;
    if messages.iter().all(|message| message.conversation == home) {
        let found = receipt::marks(conn, home, viewer.who.user, RECEIPTS_MAX + 1)?;
        if i64::try_from(found.len()).is_ok_and(|members| members <= RECEIPTS_MAX) {
            marks.insert(home, found);
        }
    }
    Ok(marks)
}
