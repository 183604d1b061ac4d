//! Files of messages: who may have one, what may be sent with a message, and the removal of what
//! nothing keeps.

use std::collections::{HashMap, HashSet};

use log::warn;

use crate::actors::authorize::{Admission, admit_for, require};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{AttachmentId, ConversationId, PartId, UserId};
use crate::models::attachment::{self, AttachmentRow, Doomed};
use crate::models::error::StoreError;
use crate::models::message::{self, Posted};
use crate::models::store::DbConn;
use crate::models::{attachment_part, conversation};
use crate::protocol::command::MessageSend;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// Files removed in one round, so that no round holds up the writer.
const ROUND: i64 = 500;

/// A file, for someone who may have it: one that was sent, for those who may read its conversation;
/// one that was not, for who uploaded it.
///
/// # Errors
/// `not_found` for all else, so that nothing can be told from it.
pub fn admit(conn: &mut DbConn, who: &Identity, id: AttachmentId) -> Result<AttachmentRow, Fault> {
    let missing = || Fault::Refused(Refusal::not_found());
    let row = attachment::by_id(conn, id)?.filter(AttachmentRow::is_ready).ok_or_else(missing)?;
    let Some(message) = row.message_id else {
        // What something else keeps is read where that is read.
        let mine = row.uploader_id == Some(who.user) && row.holder.is_none();
        let relation = if mine { Relation::Author } else { Relation::Stranger };
        require(who, TopicKind::Chat, Action::Download, relation)?;
        return Ok(row);
    };
    let sent = message::by_id(conn, message)?.ok_or_else(missing)?;
    let home = conversation::by_id(conn, sent.conversation_id)?.ok_or_else(missing)?;
    admit_for(conn, who, &home.topic(), Action::Download)?;
    Ok(row)
}

/// A file of one's own that was not sent yet, whole or not.
///
/// # Errors
/// `not_found` for any other.
pub fn own_unsent(
    conn: &mut DbConn,
    who: &Identity,
    id: AttachmentId,
) -> Result<AttachmentRow, Fault> {
    let is_mine = |row: &AttachmentRow| {
        row.uploader_id == Some(who.user)
            && row.doomed_at.is_none()
            && row.message_id.is_none()
            && row.holder.is_none()
    };
    let row = attachment::by_id(conn, id)?.filter(is_mine);
    row.ok_or_else(|| Refusal::not_found().into())
}

/// Checks what the database does not about the files of a message.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check(send: &MessageSend, most: usize) -> Result<(), Refusal> {
    let distinct: HashSet<AttachmentId> = send.attachments.iter().copied().collect();
    if send.attachments.len() > most || distinct.len() < send.attachments.len() {
        return Err(Refusal::field("data.attachments", format!("at most {most}, each once")));
    }
    Ok(())
}

/// Files that earlier posts of a batch send, whither and by which `client_id`.
pub type Claimed = HashMap<AttachmentId, (ConversationId, Option<String>)>;

/// Whether a post may send its files, as things stand after the posts before it.
///
/// # Errors
/// `bad_request` naming the rule, or a store error when the database failed.
pub fn claim(
    conn: &mut DbConn,
    (who, send): (&Identity, &MessageSend),
    admission: &Admission,
    claimed: &mut Claimed,
) -> Result<(), Fault> {
    let files = &send.attachments;
    if files.is_empty() {
        return Ok(());
    }
    // Only a repeat may name a file that is on its way: it will get the first answer.
    let once = (admission.conversation()?.id, send.client_id.clone());
    let is_other = |by: &(_, _)| send.client_id.is_none() || *by != once;
    if files.iter().any(|file| claimed.get(file).is_some_and(is_other)) {
        return Err(Refusal::field("data.attachments", "not sent before").into());
    }
    may_send(conn, who.user, &once, files)??;
    claimed.extend(files.iter().map(|file| (*file, once.clone())));
    Ok(())
}

/// Gives a message that was just stored its files.
///
/// # Errors
/// `Conflict` when another process has sent one of them meanwhile.
pub fn attach(
    conn: &mut DbConn,
    send: &MessageSend,
    stored: &mut Posted,
) -> Result<(), StoreError> {
    if let Posted::New(view) = stored
        && !send.attachments.is_empty()
    {
        attachment::attach(conn, view.id, &send.attachments, view.created_at)?;
        view.attachments =
            attachment::of_messages(conn, &[view.id])?.remove(&view.id).unwrap_or_default();
    }
    Ok(())
}

/// Whether `user` may send these files: their own, here whole, and kept by nothing. A message that
/// is sent again to the same conversation with the same `client_id` finds them with itself.
fn may_send(
    conn: &mut DbConn,
    user: UserId,
    once: &(ConversationId, Option<String>),
    ids: &[AttachmentId],
) -> Result<Result<(), Refusal>, StoreError> {
    let rows = attachment::by_ids(conn, ids)?;
    let mut fits = rows.len() == ids.len();
    for row in &rows {
        fits &= row.is_ready() && row.holder.is_none() && row.uploader_id == Some(user);
        if let (true, Some(sent)) = (fits, row.message_id) {
            let sent = message::by_id(conn, sent)?;
            fits = sent.is_some_and(|sent| {
                sent.sender_id == Some(user)
                    && sent.client_id.is_some()
                    && (sent.conversation_id, sent.client_id) == *once
            });
        }
    }
    let rule = "files you have uploaded whole and not sent before";
    Ok(if fits { Ok(()) } else { Err(Refusal::field("data.attachments", rule)) })
}

/// Removes what nothing keeps: dooms rows, removes their objects, forgets the rows, in this order,
/// so that a crash leaves rows to begin again from and never an object without one.
///
/// # Errors
/// When the database failed.
pub async fn sweep(house: &House) -> Result<(), Refusal> {
    let now = clock::now_naive();
    let keep = chrono::Duration::from_std(house.settings.uploads_keep).unwrap_or_default();
    loop {
        let found = house.lane.write(move |conn| -> Result<_, Fault> {
            attachment::doom_unkept(conn, now - keep, now, ROUND)?;
            let doomed = attachment::doomed(conn, ROUND)?;
            Ok((attachment_part::left_over(conn, now - keep, ROUND)?, doomed))
        });
        let (parts, doomed) = found.await?;
        let full = usize::try_from(ROUND).unwrap_or(usize::MAX);
        let is_last = parts.len() < full && doomed.len() < full;
        let mut gone_parts: Vec<PartId> = Vec::new();
        for part in parts {
            if removed(house, &part.object_key).await {
                gone_parts.push(part.id);
            }
        }
        let mut gone: Vec<AttachmentId> = Vec::new();
        for file in doomed {
            if removed_all(house, &file).await {
                gone.push(file.id);
            }
        }
        let is_stuck = gone.is_empty() && gone_parts.is_empty();
        if !is_stuck {
            forget(house, gone, gone_parts).await?;
        }
        if is_last || is_stuck {
            return Ok(());
        }
    }
}

async fn forget(house: &House, gone: Vec<AttachmentId>, parts: Vec<PartId>) -> Result<(), Refusal> {
    let forgotten = house.lane.write(move |conn| -> Result<(), Fault> {
        attachment_part::forget(conn, &parts)?;
        for &id in &gone {
            // Pieces that could not be removed keep their upload for the next round.
            if attachment_part::all(conn, id)?.is_empty() {
                attachment::forget(conn, id)?;
            }
        }
        Ok(())
    });
    forgotten.await
}

async fn removed_all(house: &House, file: &Doomed) -> bool {
    let mut all = true;
    for key in &file.keys {
        all &= removed(house, key).await;
    }
    all
}

async fn removed(house: &House, key: &str) -> bool {
    let removed = house.objects.remove(key).await;
    if let Err(fault) = &removed {
        warn!("an object was not removed and will be tried again key={key} cause={fault}");
    }
    removed.is_ok()
}
