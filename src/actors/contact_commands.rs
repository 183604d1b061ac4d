//! Contacts: whom a person knows, likes best and shuts out, and what that keeps others from.
//!
//! Of two people of whom one has blocked the other, neither can begin a direct conversation with
//! the other, write in the one they have, call, or bring the other in anywhere. Both are told the
//! same, so that neither learns who did it; and the same as where privacy says no.

use crate::actors::authorize::require;
use crate::actors::chat_commands::Effect;
use crate::actors::lane::Fault;
use crate::actors::mail::done;
use crate::actors::membership_commands::tell_inbox;
use crate::actors::standing;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::UserId;
use crate::models::contact::{self, Contact, Marking};
use crate::models::profile;
use crate::models::store::DbConn;
use crate::protocol::command::people::{ContactAdd, ContactChange};
use crate::protocol::event::EventBody;
use crate::protocol::event::people::PeopleEvent;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::TopicKind;

/// Longest nickname, in characters.
const MAX_NICKNAME_CHARS: usize = 100;
/// Most people one person may have noted.
const MAX_CONTACTS: usize = 10_000;

/// What everyone is told of a person whom they cannot reach so, whatever the reason.
pub fn unreachable(field: &'static str, person: UserId) -> Refusal {
    let rule = format!("people whom you can reach; {person} is none");
    Refusal { code: Code::Forbidden, ..Refusal::field(field, rule) }
}

/// `contact.add`.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn add(conn: &mut DbConn, who: &Identity, add: &ContactAdd) -> Result<Effect, Fault> {
    let marking = Marking {
        nickname: add.nickname.clone(),
        is_listed: Some(true),
        is_favorite: add.is_favorite,
        is_blocked: None,
    };
    check_nickname(add.nickname.as_deref())?;
    mark(conn, who, add.user, &marking)
}

/// `contact.change`.
///
/// # Errors
/// `not_found` for someone who is no contact, `bad_request` naming the rule.
pub fn change(conn: &mut DbConn, who: &Identity, change: &ContactChange) -> Result<Effect, Fault> {
    check_nickname(change.nickname.as_deref())?;
    let found = noted(conn, who, change.user)?;
    if change.is_blocked == Some(false) && !found.is_listed {
        return forget(conn, who, &found);
    }
    let marking = Marking {
        nickname: change.nickname.clone(),
        is_listed: None,
        is_favorite: change.is_favorite,
        is_blocked: change.is_blocked,
    };
    mark(conn, who, change.user, &marking)
}

/// `contact.block`: needs no contact, and keeps one that is there.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn block(conn: &mut DbConn, who: &Identity, person: UserId) -> Result<Effect, Fault> {
    mark(conn, who, person, &Marking { is_blocked: Some(true), ..Marking::default() })
}

/// `contact.unblock`.
///
/// # Errors
/// `not_found` for someone about whom nothing is noted.
pub fn unblock(conn: &mut DbConn, who: &Identity, person: UserId) -> Result<Effect, Fault> {
    let found = noted(conn, who, person)?;
    if found.is_listed {
        return mark(conn, who, person, &Marking { is_blocked: Some(false), ..Marking::default() });
    }
    forget(conn, who, &found)
}

/// `contact.remove`: a block stays.
///
/// # Errors
/// `not_found` for someone about whom nothing is noted.
pub fn remove(conn: &mut DbConn, who: &Identity, person: UserId) -> Result<Effect, Fault> {
    let found = noted(conn, who, person)?;
    if !found.is_blocked {
        return forget(conn, who, &found);
    }
    let marking = Marking {
        nickname: Some(String::new()),
        is_listed: Some(false),
        is_favorite: Some(false),
        is_blocked: None,
    };
    mark(conn, who, person, &marking)
}

fn check_nickname(nickname: Option<&str>) -> Result<(), Refusal> {
    let fits = |name: &str| {
        name.chars().count() <= MAX_NICKNAME_CHARS && !name.chars().any(char::is_control)
    };
    if nickname.is_none_or(fits) {
        return Ok(());
    }
    Err(Refusal::field("data.nickname", "at most 100 characters, no controls"))
}

fn noted(conn: &mut DbConn, who: &Identity, person: UserId) -> Result<Contact, Fault> {
    Ok(contact::of(conn, who.user, person)?.ok_or_else(Refusal::not_found)?)
}

fn mark(
    conn: &mut DbConn,
    who: &Identity,
    person: UserId,
    marking: &Marking,
) -> Result<Effect, Fault> {
    require(who, TopicKind::Inbox, Action::KeepContacts, Relation::Oneself)?;
    if person == who.user {
        return Err(Refusal::field("data.user", "someone other than yourself").into());
    }
    if !contact::is_reachable(conn, person)? {
        return Err(Refusal::field("data.user", "someone who has an account").into());
    }
    if contact::count(conn, who.user)? >= MAX_CONTACTS {
        let rule = format!("at most {MAX_CONTACTS} contacts");
        return Err(Refusal { code: Code::TooLarge, ..Refusal::field("data.user", rule) }.into());
    }
    let kept = contact::mark(conn, who.user, person, marking, clock::now_naive())?;
    let view = contact::views(conn, &[kept])?.pop().ok_or_else(Refusal::not_found)?;
    let body = EventBody::People(PeopleEvent::ContactChanged(view.clone()));
    let event = tell_inbox(conn, who.user, who.user, Some(person.0), None, body)?;
    Ok(Effect::with_event(&view, event))
}

fn forget(conn: &mut DbConn, who: &Identity, found: &Contact) -> Result<Effect, Fault> {
    require(who, TopicKind::Inbox, Action::KeepContacts, Relation::Oneself)?;
    contact::remove(conn, found.id)?;
    let user = found.person_id;
    let body = EventBody::People(PeopleEvent::ContactRemoved { user });
    let event = tell_inbox(conn, who.user, who.user, Some(user.0), None, body)?;
    Ok(Effect { answer: done(), events: vec![event], unseated: Vec::new() })
}

/// Whether `who` may bring these people into a conversation: nobody of whom one has blocked the
/// other, and into more than a direct one nobody who keeps that to contacts.
///
/// # Errors
/// That of a person who cannot be reached, naming the first whom they may not bring.
pub fn may_bring(
    conn: &mut DbConn,
    who: &Identity,
    people: &[UserId],
    into_direct: bool,
    field: &'static str,
) -> Result<(), Fault> {
    let standings = standing::to_many(conn, who.user, people)?;
    let profiles = profile::of_many(conn, people)?;
    for person in people {
        let Some(standing) = standings.get(person) else { continue };
        let invites = profiles.get(person).is_none_or(|profile| profile.allow_group_invite);
        let may = into_direct || invites || standing.relation == Relation::Contact;
        if standing.is_barred() || !may {
            return Err(unreachable(field, *person).into());
        }
    }
    Ok(())
}
