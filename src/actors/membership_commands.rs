//! What membership commands do to the store: bringing in, putting out, promoting, joining, leaving.

use serde_json::json;

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_commands::{Effect, Noted, note};
use crate::actors::contact_commands::may_bring;
use crate::actors::lane::Fault;
use crate::actors::notify::{Notice, notify, posts};
use crate::actors::replay::Delta;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::UserId;
use crate::models::conversation::{self, Conversation};
use crate::models::error::StoreError;
use crate::models::journal::{self, NewEntry};
use crate::models::membership as rows;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::command::{MemberAdd, MemberPromote, MemberRemove};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::inbox::ObjectView;
use crate::protocol::views::{ConversationKind, MemberRole, MemberView};

/// Brings people in: membership rows, `member.added` on the conversation and `conversation.added`
/// on each inbox, in one transaction. People who are members already are passed over.
///
/// # Errors
/// When the database failed.
pub fn seat_members(
    conn: &mut DbConn,
    by: &Identity,
    conversation: &Conversation,
    people: &[(UserId, MemberRole)],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let ids: Vec<UserId> = people.iter().map(|(user, _)| *user).collect();
    let persons = user::persons(conn, &ids)?;
    let mut invited = Vec::new();
    for (id, role) in people {
        let at = clock::now_naive();
        let Some(person) = persons.get(id) else { continue };
        if !rows::add_member(conn, conversation.id, *id, *role, at)? {
            continue;
        }
        let member = MemberView {
            user: person.clone(),
            role: *role,
            nickname: String::new(),
            joined_at: at,
            read_seq: 0,
            delivered_seq: 0,
        };
        let body = EventBody::MemberAdded { member, by: Some(by.user) };
        let delta = Delta { role: Some(*role), ..Delta::default() };
        events.push(note(conn, conversation, by.user, Some(id.0), Some(&delta), body)?);
        let added = EventBody::ConversationAdded(conversation.view());
        events.push(tell_inbox(conn, by.user, *id, Some(conversation.id.0), None, added)?);
        if *id != by.user {
            invited.push(*id);
        }
    }
    // A direct conversation is noticed by its first message.
    if conversation.kind != ConversationKind::Direct {
        notify(conn, &invitation(by, conversation), &invited, events)?;
    }
    Ok(())
}

fn invitation(by: &Identity, conversation: &Conversation) -> Notice {
    let id = conversation.id;
    let title = format!("{} added you to {}", by.display_name, posts::name(conversation));
    Notice {
        object: Some(ObjectView { kind: "conversation".to_owned(), id: id.to_string() }),
        action_url: Some(format!("/conversations/{id}")),
        data: Some(json!({"conversation": id, "topic": conversation.topic()})),
        actor: Some(by.user),
        group: Some(format!("invite:{id}")),
        ..Notice::new("invite", title, "")
    }
}

/// Appends one entry to a person's inbox and returns the event it stands for.
///
/// # Errors
/// When the database failed.
pub fn tell_inbox(
    conn: &mut DbConn,
    actor: UserId,
    to: UserId,
    entity: Option<i64>,
    delta: Option<&Delta>,
    body: EventBody,
) -> Result<Event, StoreError> {
    let topic = Topic::Inbox(to);
    let at = clock::now_naive();
    let head = journal::ensure_topic(conn, &topic.to_string())?;
    let entry = NewEntry {
        kind: body.name(),
        actor: Some(actor),
        entity,
        delta: delta.and_then(Delta::text),
        created_at: at,
    };
    let seq = journal::append(conn, head.topic, &[entry])?;
    Ok(Event { topic, seq: Some(seq), at, body })
}

/// `member.add`.
///
/// # Errors
/// The policy's refusal, `bad_request` for a direct conversation or an unknown person, or a fault.
pub fn add(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    add: &MemberAdd,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::AddMember)?;
    let conversation = admission.conversation()?;
    let role = add.role.unwrap_or(MemberRole::Member);
    if role != MemberRole::Member {
        require(who, TopicKind::Chat, Action::PromoteMember, admission.relation)?;
    }
    if role == MemberRole::Owner {
        return Err(Refusal::field("data.role", "admin or member; there is one owner").into());
    }
    not_direct(conversation)?;
    if user::by_id(conn, add.user)?.is_none_or(|user| !user.is_active) {
        return Err(Refusal::field("data.user", "someone who has an account").into());
    }
    may_bring(conn, who, &[add.user], false, "data.user")?;
    let mut events = Vec::new();
    seat_members(conn, who, conversation, &[(add.user, role)], &mut events)?;
    if events.is_empty() {
        return Err(Refusal::new(Code::Conflict, "they are a member already").into());
    }
    Ok(told(events))
}

fn not_direct(conversation: &Conversation) -> Result<(), Refusal> {
    if conversation.kind == ConversationKind::Direct {
        return Err(Refusal::field("topic", "a conversation that is not direct"));
    }
    Ok(())
}

fn told(events: Vec<Event>) -> Effect {
    let seq = events.first().and_then(|event| event.seq).unwrap_or(0);
    Effect { events, ..Effect::quiet(&Noted { seq }) }
}

/// `member.remove`: puts someone out, or leaves when it names oneself.
///
/// # Errors
/// The policy's refusal, `not_found` for someone who is no member, `conflict` for the owner.
pub fn remove(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    remove: &MemberRemove,
) -> Result<Effect, Fault> {
    let leaving = remove.user == who.user;
    let action = if leaving { Action::Leave } else { Action::RemoveMember };
    let (admission, _grant) = admit_for(conn, who, topic, action)?;
    let conversation = admission.conversation()?;
    not_direct(conversation)?;
    let target = rows::membership(conn, conversation.id, remove.user)?
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    if target.role == MemberRole::Owner {
        let alone = rows::member_count(conn, conversation.id)? == 1;
        if !(leaving && alone) {
            let rule = "the owner stays; make someone else the owner first";
            return Err(Refusal::new(Code::Conflict, rule).into());
        }
    }
    if !leaving && target.role == MemberRole::Admin {
        require(who, TopicKind::Chat, Action::PromoteMember, admission.relation)?;
    }
    rows::remove_member(conn, conversation.id, remove.user)?;
    if target.role == MemberRole::Owner {
        conversation::set_owner(conn, conversation.id, None)?;
    }
    let body = EventBody::MemberRemoved { user: remove.user, by: Some(who.user) };
    let event = note(conn, conversation, who.user, Some(remove.user.0), None, body)?;
    let lost = conversation.topic();
    let delta = Delta { topic: Some(lost.clone()), ..Delta::default() };
    let gone = EventBody::ConversationRemoved { topic: lost.clone() };
    let inbox = tell_inbox(conn, who.user, remove.user, None, Some(&delta), gone)?;
    // A public conversation stays open to whoever was put out of its members.
    let unseated = if conversation.is_public { vec![] } else { vec![(lost, remove.user)] };
    Ok(Effect { unseated, ..told(vec![event, inbox]) })
}

/// `member.promote`: changes a member's role; making someone the owner hands ownership over.
///
/// # Errors
/// The policy's refusal, `not_found` for someone who is no member.
pub fn promote(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    promote: &MemberPromote,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::PromoteMember)?;
    let conversation = admission.conversation()?;
    not_direct(conversation)?;
    if promote.user == who.user {
        return Err(Refusal::field("data.user", "someone other than yourself").into());
    }
    let target = rows::membership(conn, conversation.id, promote.user)?
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    if target.role == promote.role {
        return Ok(Effect::quiet(&Noted { seq: 0 }));
    }
    let mut changes = vec![(promote.user, promote.role)];
    if promote.role == MemberRole::Owner {
        changes.push((who.user, MemberRole::Admin));
        conversation::set_owner(conn, conversation.id, Some(promote.user))?;
    }
    let mut events = Vec::new();
    for (user, role) in changes {
        rows::set_role(conn, conversation.id, user, role)?;
        let body = EventBody::MemberPromoted { user, role, by: Some(who.user) };
        let delta = Delta { role: Some(role), ..Delta::default() };
        events.push(note(conn, conversation, who.user, Some(user.0), Some(&delta), body)?);
    }
    Ok(told(events))
}

/// `conversation.join`: becomes a member of a public conversation.
///
/// # Errors
/// The policy's refusal.
pub fn join(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Join)?;
    let conversation = admission.conversation()?;
    let mut events = Vec::new();
    let newcomer = [(who.user, MemberRole::Member)];
    seat_members(conn, who, conversation, &newcomer, &mut events)?;
    Ok(told(events))
}

/// `conversation.leave`.
///
/// # Errors
/// The policy's refusal, `conflict` for an owner who is not alone.
pub fn leave(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<Effect, Fault> {
    remove(conn, who, topic, &MemberRemove { user: who.user, client_id: None })
}
