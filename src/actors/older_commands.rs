//! What older clients ask of conversations and the native protocol has no word for.

use std::sync::Arc;

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_commands::{Effect, Noted};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::mail::{Perform, done, person};
use crate::actors::message_commands;
use crate::actors::post::{self, PostJob};
use crate::actors::receipt_commands;
use crate::actors::switchboard::Switchboard;
use crate::actors::threads;
use crate::actors::twins::TwinJob;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::store::DbConn;
use crate::models::{listing, message, receipt};
use crate::protocol::command::older::{OlderCommand, Side};
use crate::protocol::command::{MessageDelete, MessageSend, ReadMark};
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Queues a message that its client sends by two ways.
pub fn send_twice(house: &Arc<House>, perform: Perform, send: MessageSend, side: Side) {
    let Perform { who, topic, reply, .. } = perform;
    let Some(topic) = topic else {
        return reply.send(Err(Refusal::field("topic", "required")));
    };
    if let Err(refusal) =
        post::check(&send, house.settings.message_bytes, house.settings.attachments_per_message)
    {
        return reply.send(Err(refusal));
    }
    let window = house.settings.twin_window;
    let post = PostJob::new(who, topic, send, Arc::clone(house), reply);
    house.lane.submit(Box::new(TwinJob::new(post, side, window)));
}

/// Tells the room that a socket of someone is in it, or no longer.
pub fn tell_seat(switchboard: &Switchboard, perform: Perform, taken: bool) {
    let Perform { who, topic, seat, reply, .. } = perform;
    let (Some(topic), Some(relation)) = (topic, seat) else {
        return reply.send(Err(Refusal::field("topic", "one you are subscribed to")));
    };
    if let Err(refusal) = require(&who, topic.kind(), Action::Subscribe, relation) {
        return reply.send(Err(refusal));
    }
    let user = person(&who);
    switchboard.tell_listeners(topic, EventBody::Older(OlderEvent::Seat { user, taken }));
    reply.send(Ok(done()));
}

/// Does those that write, in the writer's transaction.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn perform(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    command: &OlderCommand,
    house: &House,
) -> Result<Effect, Fault> {
    match command {
        OlderCommand::ReadTo { message } => read_to(conn, who, topic, *message, house),
        OlderCommand::ReadAll => read_all(conn, who, topic, house),
        OlderCommand::DeleteOwn { id } => delete_own(conn, who, topic, *id),
        OlderCommand::LockThread { root, on } => threads::lock(conn, who, topic, *root, *on),
        OlderCommand::SendTwice { .. } | OlderCommand::Seat { .. } => {
            Err(Refusal::new(Code::UnknownType, "not a command that writes").into())
        }
    }
}

fn told(conversation: &Conversation, user: UserId, message: Option<MessageId>) -> Event {
    let body = EventBody::Older(OlderEvent::Read { user, message });
    Event { topic: conversation.topic(), seq: None, at: clock::now_naive(), body }
}

/// The word of older clients for a read mark: the newest message that it covers.
///
/// # Errors
/// When the database failed.
pub fn read_by(
    conn: &mut DbConn,
    conversation: &Conversation,
    user: UserId,
    seq: i64,
) -> Result<Event, StoreError> {
    let newest = listing::newest_until(conn, conversation.id, seq)?;
    Ok(told(conversation, user, newest))
}

/// The word of older clients for a delivery mark: the newest message that it covers, if any.
///
/// # Errors
/// When the database failed.
pub fn delivered_to(
    conn: &mut DbConn,
    conversation: &Conversation,
    user: UserId,
    seq: i64,
) -> Result<Option<Event>, StoreError> {
    let newest = listing::newest_until(conn, conversation.id, seq)?;
    Ok(newest.map(|message| {
        let body = EventBody::Older(OlderEvent::Delivered { user, message });
        Event { topic: conversation.topic(), seq: None, at: clock::now_naive(), body }
    }))
}

/// Marks everything up to a message as read, and tells of it also when it was read before; a
/// message that is not there is told of and marks nothing.
fn read_to(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    message: Option<MessageId>,
    house: &House,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::MarkRead)?;
    let conversation = admission.conversation()?;
    let place = match message {
        Some(id) => listing::place(conn, id)?.filter(|(home, _)| *home == conversation.id),
        None => None,
    };
    let mut effect = match place {
        Some((_, seq)) => receipt_commands::mark_read(conn, who, topic, &ReadMark { seq }, house)?,
        None => Effect::quiet(&Noted { seq: 0 }),
    };
    // The mark's own word for it names the same message, or there was nothing to mark.
    effect.events.retain(|event| event.body.is_native());
    if receipt::is_shared_by(conn, who.user)?
        && receipt_commands::are_told(conn, conversation, house)?
    {
        effect.events.push(told(conversation, who.user, message));
    }
    Ok(effect)
}

/// Marks everything there is as read, and tells of it.
fn read_all(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    house: &House,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::MarkRead)?;
    let newest = listing::newest_until(conn, admission.conversation()?.id, i64::MAX)?;
    match newest {
        Some(newest) => read_to(conn, who, topic, Some(newest), house),
        None => Ok(Effect::quiet(&Noted { seq: 0 })),
    }
}

/// Takes one's own message back; another's is not there, whatever one may do with it otherwise.
fn delete_own(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
) -> Result<Effect, Fault> {
    let is_own = message::by_id(conn, id)?.is_some_and(|row| row.sender_id == Some(who.user));
    if !is_own {
        return Err(Refusal::not_found().into());
    }
    let delete = MessageDelete { id, client_id: None };
    message_commands::delete(conn, who, topic, &delete)
}
