//! The conversation of an incident: its dispatchers and the crews on it are its members.

use crate::actors::dispatch::ledger::Aside;
use crate::actors::dispatch::work::Work;
use crate::actors::replay::Delta;
use crate::auth::identity::Role;
use crate::ids::{ConversationId, UserId};
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::incident::Incident;
use crate::models::membership;
use crate::models::{recipients, user};
use crate::protocol::event::EventBody;
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationKind, MemberRole, MemberView};

/// Most dispatchers brought into a new incident's conversation; others join by acting on it.
const DISPATCHERS_MAX: i64 = 200;

/// Opens the conversation of a new incident for all dispatchers.
///
/// # Errors
/// When the database failed.
pub fn open(work: &mut Work<'_>, call_id: &str) -> Result<ConversationId, StoreError> {
    let made = conversation::insert(
        work.conn,
        NewConversation {
            kind: ConversationKind::Group,
            name: None,
            direct: None,
            title: call_id.to_owned(),
            description: String::new(),
            owner: None,
            is_public: false,
            at: work.now,
        },
    )?;
    let dispatchers = recipients::active_with_role(work.conn, Role::Dispatcher, DISPATCHERS_MAX)?;
    seat(work, &made, &dispatchers, MemberRole::Admin)?;
    if let Some(doer) = work.who.id() {
        seat(work, &made, &[doer], MemberRole::Admin)?;
    }
    Ok(made.id)
}

/// Brings people into an incident's conversation.
///
/// # Errors
/// When the database failed.
pub fn add(work: &mut Work<'_>, incident: &Incident, people: &[UserId]) -> Result<(), StoreError> {
    let Some(found) = of(work, incident)? else { return Ok(()) };
    seat(work, &found, people, MemberRole::Member)
}

/// Brings in a dispatcher who acts on an incident, unless they are in already.
///
/// # Errors
/// When the database failed.
pub fn add_dispatcher(
    work: &mut Work<'_>,
    incident: &Incident,
    dispatcher: UserId,
) -> Result<(), StoreError> {
    let Some(found) = of(work, incident)? else { return Ok(()) };
    seat(work, &found, &[dispatcher], MemberRole::Admin)
}

/// Puts people out of an incident's conversation; dispatchers stay.
///
/// # Errors
/// When the database failed.
pub fn remove(
    work: &mut Work<'_>,
    incident: &Incident,
    people: &[UserId],
) -> Result<(), StoreError> {
    let Some(found) = of(work, incident)? else { return Ok(()) };
    for &user in people {
        let row = membership::membership(work.conn, found.id, user)?;
        if row.is_none_or(|row| row.role != MemberRole::Member) {
            continue;
        }
        membership::remove_member(work.conn, found.id, user)?;
        let by = work.who.id();
        let (topic, entity) = (found.topic(), Some(user.0));
        let body = EventBody::MemberRemoved { user, by };
        work.ledger.aside(Aside { topic: topic.clone(), entity, delta: None, body });
        let delta = Delta { topic: Some(topic.clone()), ..Delta::default() }.text();
        let body = EventBody::ConversationRemoved { topic: topic.clone() };
        work.ledger.aside(Aside { topic: Topic::Inbox(user), entity: None, delta, body });
        work.ledger.unseated.push((topic, user));
    }
    Ok(())
}

fn of(work: &mut Work<'_>, incident: &Incident) -> Result<Option<Conversation>, StoreError> {
    match incident.conversation_id {
        Some(id) => conversation::by_id(work.conn, id),
        None => Ok(None),
    }
}

fn seat(
    work: &mut Work<'_>,
    conversation: &Conversation,
    people: &[UserId],
    role: MemberRole,
) -> Result<(), StoreError> {
    let persons = user::persons(work.conn, people)?;
    for user in people {
        let Some(person) = persons.get(user).cloned() else { continue };
        if !membership::add_member(work.conn, conversation.id, *user, role, work.now)? {
            continue;
        }
        let nickname = String::new();
        let member = MemberView {
            user: person,
            role,
            nickname,
            joined_at: work.now,
            read_seq: 0,
            delivered_seq: 0,
        };
        let body = EventBody::MemberAdded { member, by: work.who.id() };
        let delta = Delta { role: Some(role), ..Delta::default() }.text();
        let topic = conversation.topic();
        work.ledger.aside(Aside { topic, entity: Some(user.0), delta, body });
        let body = EventBody::ConversationAdded(conversation.view());
        let (topic, entity) = (Topic::Inbox(*user), Some(conversation.id.0));
        work.ledger.aside(Aside { topic, entity, delta: None, body });
    }
    Ok(())
}
