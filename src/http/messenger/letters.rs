//! Messages with all that the messenger's clients show beside them, read with a constant number of
//! queries.

use std::collections::HashMap;

use serde_json::Value;

use crate::actors::lane::Fault;
use crate::http::messenger::Viewer;
use crate::ids::{ConversationId, UserId};
use crate::models::membership;
use crate::models::store::DbConn;
use crate::protocol::dialect::messenger::shapes::{self, Extras, Receipt};
use crate::protocol::views::{MemberView, MessageView};

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
    let readers = readers(conn, viewer, messages)?;
    let extras = |message: &MessageView| {
        let mut extras = Extras::of_new(message);
        let sender = message.sender.as_ref().map(|sender| sender.id);
        let members = readers.get(&message.conversation).map_or(&[][..], Vec::as_slice);
        let has_read =
            |member: &&MemberView| member.read_seq >= message.seq && Some(member.user.id) != sender;
        let receipt = |member: &MemberView| Receipt {
            user: member.user.id,
            state: "read",
            at: message.created_at,
        };
        extras.receipts.extend(members.iter().filter(has_read).map(receipt));
        extras
    };
    Ok(messages.iter().map(extras).collect())
}

/// The members of the conversation, when all are of one and they are few.
fn readers(
    conn: &mut DbConn,
    viewer: &Viewer,
    messages: &[MessageView],
) -> Result<HashMap<ConversationId, Vec<MemberView>>, Fault> {
    let mut readers = HashMap::new();
    let Some(first) = messages.first() else { return Ok(readers) };
    let home = first.conversation;
    if messages.iter().all(|message| message.conversation == home)
        && membership::member_count(conn, home)? <= RECEIPTS_MAX
    {
        readers.insert(home, membership::members(conn, home, viewer.who.user, RECEIPTS_MAX)?);
    }
    Ok(readers)
}
