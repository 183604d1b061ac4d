//! What marks do: how far someone has read and how far events have reached them, and whether
//! others are told.
//!
//! A mark is told on the conversation's topic when it is a receipt: its owner shares receipts and
//! the conversation is not too large for them. Else a read mark goes to its owner's inbox alone, so
//! that their other devices follow; a delivery mark is kept and not told.

use crate::actors::authorize::admit_for;
use crate::actors::chat_commands::{Effect, Noted, note};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::membership_commands::tell_inbox;
use crate::actors::notify::{self, posts};
use crate::actors::older_commands;
use crate::actors::replay::Delta;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::ids::UserId;
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::notification::Which;
use crate::models::store::DbConn;
use crate::models::{journal, membership as rows, receipt, unread};
use crate::protocol::command::ReadMark;
use crate::protocol::command::talk::{DeliveredMark, ReceiptsShare};
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::talk::ReceiptSharing;

fn check_seq(conn: &mut DbConn, conversation: &Conversation, seq: i64) -> Result<(), Fault> {
    let head = journal::head(conn, conversation.topic_id)?.head;
    if !(0..=head).contains(&seq) {
        return Err(Refusal::field("data.seq", format!("from 0 to {head}, the newest")).into());
    }
    Ok(())
}

/// Whether the members of a conversation are told of each other's marks.
///
/// # Errors
/// When the database failed.
pub fn are_told(
    conn: &mut DbConn,
    found: &Conversation,
    house: &House,
) -> Result<bool, StoreError> {
    rows::is_at_most(conn, found.id, house.settings.receipts_members)
}

/// `read.mark`: one has read everything up to a position.
///
/// # Errors
/// The policy's refusal, `bad_request` beyond the newest position, or a fault.
pub fn mark_read(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    mark: &ReadMark,
    house: &House,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::MarkRead)?;
    let conversation = admission.conversation()?;
    check_seq(conn, conversation, mark.seq)?;
    // A mark that does not move forward tells nobody anything.
    if !rows::mark_read(conn, conversation.id, who.user, mark.seq)? {
        let read_seq = admission.membership.as_ref().map_or(0, |row| row.read_seq);
        return Ok(Effect::quiet(&Noted { seq: read_seq }));
    }
    let seq = mark.seq;
    let events = if receipt::is_shared_by(conn, who.user)? && are_told(conn, conversation, house)? {
        let body = EventBody::ReadMarked { user: who.user, seq };
        let delta = Delta { seq: Some(seq), ..Delta::default() };
        let event = note(conn, conversation, who.user, None, Some(&delta), body)?;
        vec![event, older_commands::read_by(conn, conversation, who.user, seq)?]
    } else {
        let topic = conversation.topic();
        let delta = Delta { seq: Some(seq), topic: Some(topic.clone()), ..Delta::default() };
        let body = EventBody::Talk(TalkEvent::ConversationRead { topic, seq });
        vec![tell_inbox(conn, who.user, who.user, None, Some(&delta), body)?]
    };
    let mut effect = Effect { events, ..Effect::quiet(&Noted { seq }) };
    // What was read in the conversation needs no notification any more.
    if unread::of(conn, conversation.id, who.user)?.messages == 0 {
        let groups = posts::groups(conversation.id);
        effect.events.extend(notify::read(conn, who.user, Which::Groups(&groups))?);
    }
    Ok(effect)
}

/// `delivered.mark`: everything up to a position has reached a device of theirs.
///
/// # Errors
/// The policy's refusal, `bad_request` beyond the newest position, or a fault.
pub fn mark_delivered(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    mark: &DeliveredMark,
    house: &House,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::MarkDelivered)?;
    let conversation = admission.conversation()?;
    check_seq(conn, conversation, mark.seq)?;
    let kept = admission.membership.as_ref().map_or(0, |row| row.delivered_seq);
    let events = reached(conn, conversation, who.user, mark.seq, house)?;
    Ok(Effect { events, ..Effect::quiet(&Noted { seq: kept.max(mark.seq) }) })
}

/// Everything up to a position has reached a device of a member: what to tell of it, nothing when
/// it had before.
///
/// # Errors
/// When the database failed.
pub fn reached(
    conn: &mut DbConn,
    conversation: &Conversation,
    user: UserId,
    seq: i64,
    house: &House,
) -> Result<Vec<Event>, StoreError> {
    if !rows::mark_delivered(conn, conversation.id, user, seq)?
        || !are_told(conn, conversation, house)?
    {
        return Ok(Vec::new());
    }
    let body = EventBody::Talk(TalkEvent::DeliveredMarked { user, seq });
    let delta = Delta { seq: Some(seq), ..Delta::default() };
    let event = note(conn, conversation, user, None, Some(&delta), body)?;
    let older = older_commands::delivered_to(conn, conversation, user, seq)?;
    Ok([event].into_iter().chain(older).collect())
}

/// `receipts.share`: whether one sends read receipts, and so sees those of others.
///
/// # Errors
/// A fault.
pub fn share(conn: &mut DbConn, who: &Identity, wish: &ReceiptsShare) -> Result<Effect, Fault> {
    let sharing = ReceiptSharing { on: wish.on };
    if receipt::is_shared_by(conn, who.user)? == wish.on {
        return Ok(Effect::quiet(&sharing));
    }
    receipt::share(conn, who.user, wish.on)?;
    let event = told_of_sharing(conn, who.user, wish.on)?;
    Ok(Effect::with_event(&sharing, event))
}

/// What one's other devices, and one's seats, are told when one shares read receipts or no longer.
///
/// # Errors
/// When the database failed.
pub fn told_of_sharing(conn: &mut DbConn, user: UserId, on: bool) -> Result<Event, StoreError> {
    let body = EventBody::Talk(TalkEvent::ReceiptsShared(ReceiptSharing { on }));
    let delta = Delta { on: Some(on), ..Delta::default() };
    tell_inbox(conn, user, user, None, Some(&delta), body)
}
