//! What commands do to a message: editing, taking back, reacting, pinning, forwarding.

use crate::actors::authorize::{admit, admit_for, require};
use crate::actors::chat_commands::{Effect, Noted, note};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::mail::person;
use crate::actors::notify::posts::{self, QUOTE_CHARS, Said, quoted_message};
use crate::actors::notify::{self, cut};
use crate::actors::post::{check_content, mentioned};
use crate::actors::replay::Delta;
use crate::actors::slow_mode;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::models::conversation::Conversation;
use crate::models::message::{Forward, MessageRow, NewPost, Posted};
use crate::models::store::DbConn;
use crate::models::{attachment, mention, message, pin, reaction, user};
use crate::protocol::command::talk::{MessageForward, MessagePin, MessageReact};
use crate::protocol::command::{MessageDelete, MessageEdit};
use crate::protocol::emoji;
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};

/// What the sender of a forwarded message is told.
#[derive(Debug, serde::Serialize)]
struct Forwarded {
    id: MessageId,
    seq: i64,
    topic: Topic,
}

/// A message of a topic that the asker may read, and how they relate to it.
///
/// # Errors
/// `not_found` when there is none, or it is deleted, or not theirs to see.
pub fn find_message(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
) -> Result<(Conversation, MessageRow, Relation), Fault> {
    let admission = admit(conn, who, topic)?;
    let conversation = admission.conversation()?.clone();
    // Whoever may not even read gets the one answer that tells nothing.
    require(who, TopicKind::Chat, Action::Read, admission.relation)?;
    let row = message::by_id(conn, id)?
        .filter(|row| row.conversation_id == conversation.id && row.deleted_at.is_none())
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    Ok((conversation, row, admission.relation))
}

/// How someone who wants `to` do something relates to a message: who wrote it may do what others
/// may not. Changing what was said is one more way to talk; taking it back is none.
fn relation_to(who: &Identity, row: &MessageRow, relation: Relation, to: Action) -> Relation {
    let may = to == Action::Delete || relation != Relation::Barred;
    if may && row.sender_id == Some(who.user) { Relation::Author } else { relation }
}

/// The effect of one event, answered with its position.
fn told(event: Event) -> Effect {
    Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event)
}

/// `message.edit`: new text for one's own message, within the time for it.
///
/// # Errors
/// The policy's refusal, `bad_request`, `conflict` when it is too late, or a fault.
pub fn edit(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    edit: &MessageEdit,
    house: &House,
) -> Result<Effect, Fault> {
    check_content(&edit.content, house.settings.message_bytes)?;
    let (conversation, row, relation) = find_message(conn, who, topic, edit.id)?;
    let relation = relation_to(who, &row, relation, Action::Edit);
    require(who, TopicKind::Chat, Action::Edit, relation)?;
    let (now, window) = (clock::now_naive(), house.settings.edit_window);
    let age = (now - row.created_at).to_std().unwrap_or_default();
    if !window.is_zero() && age > window {
        let rule = format!("within {} s of being sent", window.as_secs());
        let late = Refusal::field("data.id", rule);
        return Err(Refusal { code: Code::Conflict, ..late }.into());
    }
    // What was mentioned before may be mentioned no more; forwarded text mentions nobody here.
    let people = match row.forward_of {
        Some(_) => Vec::new(),
        None => mentioned(conn, conversation.id, who.user, &edit.content)?,
    };
    let before = mention::of(conn, &[row.id])?.remove(&row.id).unwrap_or_default();
    mention::forget(conn, row.id)?;
    mention::insert(conn, conversation.id, row.id, row.seq, &people)?;
    let view = message::edit(conn, row.id, &edit.content, now)?;
    let body = EventBody::MessageEdited(view.clone());
    let mut effect = told(note(conn, &conversation, who.user, Some(row.id.0), None, body)?);
    let quoted = cut(&edit.content, QUOTE_CHARS);
    notify::requote(conn, &quoted_message(row.id), &quoted, &mut effect.events)?;
    // Whom it named before was notified then.
    let is_new = |id: &UserId| before.iter().all(|person| person.id != *id);
    let named: Vec<UserId> = people.iter().map(|person| person.id).filter(is_new).collect();
    let said = Said { conversation: &conversation, topic: &conversation.topic(), message: &view };
    posts::notify_mentioned(conn, said, &named, &mut effect.events)?;
    Ok(effect)
}

/// `message.delete`: takes a message back.
///
/// # Errors
/// The policy's refusal or a fault.
pub fn delete(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    delete: &MessageDelete,
) -> Result<Effect, Fault> {
    let (conversation, row, relation) = find_message(conn, who, topic, delete.id)?;
    let relation = relation_to(who, &row, relation, Action::Delete);
    require(who, TopicKind::Chat, Action::Delete, relation)?;
    message::delete(conn, row.id, who.user, clock::now_naive())?;
    let body = EventBody::MessageDeleted { id: row.id, by: Some(who.user) };
    let mut effect = told(note(conn, &conversation, who.user, Some(row.id.0), None, body)?);
    notify::requote(conn, &quoted_message(row.id), "", &mut effect.events)?;
    Ok(effect)
}

/// `message.react`: puts an emoji under a message or takes one's own away.
///
/// # Errors
/// The policy's refusal, `bad_request` for what is no emoji, `conflict` when there are too many
/// different ones, or a fault.
pub fn react(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &MessageReact,
    house: &House,
) -> Result<Effect, Fault> {
    let emoji = emoji::read(&wish.emoji)
        .ok_or_else(|| Refusal::field("data.emoji", "one emoji and nothing else"))?;
    let (conversation, row, relation) = find_message(conn, who, topic, wish.id)?;
    require(who, TopicKind::Chat, Action::React, relation)?;
    let changed = if wish.on {
        let limit = house.settings.reactions_per_message;
        if reaction::is_full(conn, row.id, &emoji, limit)? {
            let rule = format!("one of the {limit} different ones that are there");
            let full = Refusal::field("data.emoji", rule);
            return Err(Refusal { code: Code::Conflict, ..full }.into());
        }
        reaction::add(conn, row.id, who.user, &emoji, clock::now_naive())?
    } else {
        reaction::remove(conn, row.id, who.user, &emoji)?
    };
    if !changed {
        return Ok(Effect::quiet(&Noted { seq: 0 }));
    }
    let count = reaction::count(conn, row.id, &emoji)?;
    let delta = Delta { emoji: Some(emoji.clone()), on: Some(wish.on), ..Delta::default() };
    let reacted = TalkEvent::Reacted { id: row.id, user: who.user, emoji, on: wish.on, count };
    let body = EventBody::Talk(reacted);
    Ok(told(note(conn, &conversation, who.user, Some(row.id.0), Some(&delta), body)?))
}

/// `message.pin`: pins a message or unpins it.
///
/// # Errors
/// The policy's refusal, `conflict` when too many are pinned, or a fault.
pub fn pin(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &MessagePin,
    house: &House,
) -> Result<Effect, Fault> {
    let (conversation, row, relation) = find_message(conn, who, topic, wish.id)?;
    require(who, TopicKind::Chat, Action::Pin, relation)?;
    let changed = if wish.on {
        let limit = house.settings.pins_per_conversation;
        let made = pin::add(conn, conversation.id, row.id, who.user, clock::now_naive())?;
        if made && pin::count(conn, conversation.id)? > limit {
            pin::remove(conn, row.id)?;
            let rule = format!("at most {limit} are pinned; unpin another first");
            return Err(Refusal::new(Code::Conflict, rule).into());
        }
        made
    } else {
        pin::remove(conn, row.id)?
    };
    if !changed {
        return Ok(Effect::quiet(&Noted { seq: 0 }));
    }
    let delta = Delta { on: Some(wish.on), ..Delta::default() };
    let pinned = TalkEvent::Pinned { id: row.id, on: wish.on, by: Some(who.user) };
    let body = EventBody::Talk(pinned);
    Ok(told(note(conn, &conversation, who.user, Some(row.id.0), Some(&delta), body)?))
}

/// `message.forward`: sends what a message says to another conversation, with its author's name
/// and nothing else of where it stood.
///
/// # Errors
/// The policy's refusal for either conversation, `rate_limited`, or a fault.
pub fn forward(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &MessageForward,
    house: &House,
) -> Result<Effect, Fault> {
    let (_, row, relation) = find_message(conn, who, topic, wish.id)?;
    require(who, TopicKind::Chat, Action::Forward, relation)?;
    let (admission, _grant) = admit_for(conn, who, &wish.to, Action::Post)?;
    let to = admission.conversation()?;
    slow_mode::check(conn, who, &admission, &house.throttles)?;
    // Handed on, a message still names who first wrote it.
    let (of, author) = match row.forward_of {
        Some(first) => (first, row.forward_sender),
        None => (row.id, row.sender_id),
    };
    let ids: Vec<_> = author.into_iter().chain([who.user]).collect();
    let people = user::persons(conn, &ids)?;
    let sender = author.and_then(|author| people.get(&author).cloned());
    let at = clock::now_naive();
    let post = NewPost {
        conversation: to.id,
        topic: to.topic_id,
        sender: Some(people.get(&who.user).cloned().unwrap_or_else(|| person(who))),
        sender_name: None,
        client_id: None,
        message_type: row.message_type,
        content: row.content,
        reply_to: None,
        mentions: Vec::new(),
        forward: Some(Forward { of, sender }),
        at,
    };
    let Some(Posted::New(mut view)) = message::post_many(conn, &[post])?.pop() else {
        return Err(Refusal::internal().into());
    };
    attachment::copy_to(conn, row.id, view.id, at)?;
    view.attachments =
        attachment::of_messages(conn, &[view.id])?.remove(&view.id).unwrap_or_default();
    let done = Forwarded { id: view.id, seq: view.seq, topic: admission.topic.clone() };
    let said = Said { conversation: to, topic: &admission.topic, message: &view };
    let mut notices = Vec::new();
    posts::notify_of(conn, house, &[said], &mut notices)?;
    let (topic, seq) = (admission.topic.clone(), Some(view.seq));
    let event = Event { topic, seq, at, body: EventBody::MessageNew(view) };
    let mut effect = Effect::with_event(&done, event);
    effect.events.extend(notices);
    Ok(effect)
}
