//! Calls: who may call whom, and how a call goes from its first ring to its end.
//!
//! States and their events are rows and journal entries like any others, so a restart forgets no
//! call; what devices hand each other while they connect is passed on and kept nowhere.

use std::time::Duration;

use serde_json::json;

use crate::actors::authorize::{admit, admit_for, require};
use crate::actors::chat_commands::{Effect, note};
use crate::actors::contact_commands::unreachable;
use crate::actors::lane::Fault;
use crate::actors::membership_commands::tell_inbox;
use crate::actors::notify::{Notice, notify, posts};
use crate::actors::standing;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{CallId, UserId};
use crate::models::call::{self, Call, NewCall, Part};
use crate::models::conversation::Conversation;
use crate::models::membership as rows;
use crate::models::profile;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::command::call::{CallCommand, CallEnd, CallStart};
use crate::protocol::event::call::{CallEvent, CallStep};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::ConversationKind;
use crate::protocol::views::call::{CallState, PartState};
use crate::protocol::views::inbox::{ObjectView, Priority};

/// Most people called at once.
const MAX_CALLEES: usize = 32;

/// A step of a call before its view is read: the event it becomes.
type Told = fn(CallStep) -> CallEvent;

/// Does a command that changes a call; one that begins rings for `ring`.
///
/// # Errors
/// The policy's refusal, `bad_request`, `conflict`, or a fault.
pub fn perform(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    command: &CallCommand,
    ring: Duration,
) -> Result<Effect, Fault> {
    match command {
        CallCommand::Start(wish) => {
            let topic = topic.ok_or_else(|| Refusal::field("topic", "required"))?;
            start(conn, who, topic, wish, ring)
        }
        CallCommand::Ring(name) => rings(conn, who, name.call),
        CallCommand::Answer(name) => answers(conn, who, name.call),
        CallCommand::Decline(name) => declines(conn, who, name.call),
        CallCommand::End(end) => hangs_up(conn, who, end),
        _ => Err(Refusal::new(Code::UnknownType, "not a change of a call").into()),
    }
}

fn start(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &CallStart,
    ring: Duration,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Call)?;
    let home = admission.conversation()?;
    let callees = callees(conn, who, home, wish)?;
    if call::live_in(conn, home.id)?.is_some() {
        return Err(Refusal::new(Code::Conflict, "there is a call here already").into());
    }
    let at = clock::now_naive();
    let ring_until = at + chrono::Duration::from_std(ring).unwrap_or_default();
    let caller = who.user;
    let new = NewCall {
        conversation: home.id,
        kind: wish.kind,
        caller,
        callees: &callees,
        at,
        ring_until,
    };
    let id = call::insert(conn, &new)?;
    let mut effect = tell(conn, home, id, Some(caller), CallEvent::Started, &[])?;
    let incoming = step(conn, id, Some(caller))?;
    for callee in callees {
        let body = EventBody::Call(CallEvent::Incoming(incoming.clone()));
        effect.events.push(tell_inbox(conn, caller, callee, Some(id.0), None, body)?);
    }
    Ok(effect)
}

/// Whom a call reaches. Those whom the caller names must be reachable; of those nobody named,
/// whoever is.
fn callees(
    conn: &mut DbConn,
    who: &Identity,
    home: &Conversation,
    wish: &CallStart,
) -> Result<Vec<UserId>, Fault> {
    let field = "data.participants";
    let members = rows::member_ids(conn, home.id)?;
    let mut callees: Vec<UserId> = match &wish.participants {
        Some(named) => named.clone(),
        None => members.clone(),
    };
    callees.retain(|user| *user != who.user);
    callees.sort_unstable();
    callees.dedup();
    if let Some(stranger) = callees.iter().find(|user| members.binary_search(user).is_err()) {
        return Err(Refusal::field(field, format!("members; {stranger} is none")).into());
    }
    if callees.len() > MAX_CALLEES {
        return Err(Refusal::field(field, format!("at most {MAX_CALLEES}")).into());
    }
    let standings = standing::to_many(conn, who.user, &callees)?;
    let profiles = profile::of_many(conn, &callees)?;
    let reachable = |user: &UserId| {
        let barred = standings.get(user).is_some_and(standing::Standing::is_barred);
        !barred && profiles.get(user).is_none_or(|profile| profile.allow_calls)
    };
    let out_of_reach = callees.iter().find(|user| !reachable(user)).copied();
    let is_direct = home.kind == ConversationKind::Direct;
    match out_of_reach {
        Some(person) if wish.participants.is_some() || is_direct => {
            return Err(unreachable(field, person).into());
        }
        _ => callees.retain(reachable),
    }
    if callees.is_empty() {
        return Err(Refusal::field(field, "someone to call").into());
    }
    Ok(callees)
}

/// A call that is not over, its conversation, the asker's standing in both.
struct Joined {
    call: Call,
    home: Conversation,
    relation: Relation,
    parts: Vec<Part>,
}

impl Joined {
    fn mine(&self, user: UserId) -> Option<PartState> {
        self.parts.iter().find(|part| part.user_id == user).map(Part::state)
    }
}

/// Finds a call for one of its participants, or for a member who may come into it.
fn find(conn: &mut DbConn, who: &Identity, id: CallId) -> Result<Joined, Fault> {
    let call = call::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    let home = call::home(conn, &call)?;
    let admission = admit(conn, who, &home.topic())?;
    require(who, TopicKind::Chat, Action::TakeCall, admission.relation)?;
    if call.is_over() {
        return Err(Refusal::new(Code::Conflict, "the call is over").into());
    }
    let parts = call::participants(conn, id)?;
    Ok(Joined { call, home, relation: admission.relation, parts })
}

fn rings(conn: &mut DbConn, who: &Identity, id: CallId) -> Result<Effect, Fault> {
    let found = find(conn, who, id)?;
    match found.mine(who.user) {
        Some(PartState::Invited) => {}
        Some(_) => return quiet(conn, id),
        None => return Err(Refusal::not_found().into()),
    }
    call::set_part(conn, id, who.user, PartState::Ringing, clock::now_naive())?;
    if found.call.state() == CallState::Initiated {
        call::set_state(conn, id, CallState::Ringing, None)?;
    }
    tell(conn, &found.home, id, Some(who.user), CallEvent::Ringing, &[])
}

fn answers(conn: &mut DbConn, who: &Identity, id: CallId) -> Result<Effect, Fault> {
    let found = find(conn, who, id)?;
    match found.mine(who.user) {
        Some(PartState::Joined) => return quiet(conn, id),
        Some(_) => {}
        // A member who was not called may come in while others talk.
        None if found.call.state() == CallState::Active => {
            if found.parts.len() > MAX_CALLEES {
                let rule = format!("at most {} participants", MAX_CALLEES + 1);
                return Err(Refusal::new(Code::TooLarge, rule).into());
            }
        }
        None => return Err(Refusal::not_found().into()),
    }
    let at = clock::now_naive();
    call::set_part(conn, id, who.user, PartState::Joined, at)?;
    call::set_state(conn, id, CallState::Active, Some(found.call.answered_at.unwrap_or(at)))?;
    // Their other devices stop to ring.
    tell(conn, &found.home, id, Some(who.user), CallEvent::Answered, &[who.user])
}

fn declines(conn: &mut DbConn, who: &Identity, id: CallId) -> Result<Effect, Fault> {
    let found = find(conn, who, id)?;
    match found.mine(who.user) {
        Some(state) if state.is_waiting() => {}
        Some(PartState::Declined) => return quiet(conn, id),
        Some(_) => return Err(Refusal::new(Code::Conflict, "hang up instead").into()),
        None => return Err(Refusal::not_found().into()),
    }
    let at = clock::now_naive();
    call::set_part(conn, id, who.user, PartState::Declined, at)?;
    let others = found.parts.iter().filter(|part| part.user_id != who.user);
    let is_on = others
        .filter(|part| Some(part.user_id) != found.call.caller_id)
        .any(|part| part.state().is_waiting() || part.state() == PartState::Joined);
    if !is_on {
        call::end(conn, id, CallState::Declined, Some(who.user), at)?;
    }
    tell(conn, &found.home, id, Some(who.user), CallEvent::Declined, &[who.user])
}

fn hangs_up(conn: &mut DbConn, who: &Identity, end: &CallEnd) -> Result<Effect, Fault> {
    let found = find(conn, who, end.call)?;
    if end.for_all {
        let is_caller = found.call.caller_id == Some(who.user);
        let relation = if is_caller { Relation::Author } else { found.relation };
        require(who, TopicKind::Chat, Action::EndCall, relation)?;
    } else if found.mine(who.user).is_none() {
        return Err(Refusal::not_found().into());
    }
    let at = clock::now_naive();
    let goes_on = found
        .parts
        .iter()
        .filter(|part| part.user_id != who.user)
        .filter(|part| part.state().is_waiting() || part.state() == PartState::Joined)
        .count();
    // Whoever is left alone, or leaves before anybody came, ends it for all.
    let is_caller_alone =
        found.call.answered_at.is_none() && found.call.caller_id == Some(who.user);
    if !end.for_all && goes_on > 1 && !is_caller_alone {
        if found.mine(who.user) == Some(PartState::Left) {
            return quiet(conn, end.call);
        }
        call::set_part(conn, end.call, who.user, PartState::Left, at)?;
        return tell(conn, &found.home, end.call, Some(who.user), CallEvent::Left, &[]);
    }
    let waiting = waiting(&found.parts);
    call::end(conn, end.call, CallState::Ended, Some(who.user), at)?;
    let mut effect = tell(conn, &found.home, end.call, Some(who.user), CallEvent::Ended, &waiting)?;
    let missed: Vec<UserId> = waiting.into_iter().filter(|user| *user != who.user).collect();
    notify_missed(conn, &found.home, &found.call, &missed, &mut effect.events)?;
    Ok(effect)
}

/// Notifies those who have missed a call.
fn notify_missed(
    conn: &mut DbConn,
    home: &Conversation,
    call: &Call,
    missed: &[UserId],
    events: &mut Vec<Event>,
) -> Result<(), Fault> {
    let caller = match call.caller_id {
        Some(caller) => user::persons(conn, &[caller])?.remove(&caller),
        None => None,
    };
    let caller = caller.map_or_else(|| "someone".to_owned(), |caller| caller.display_name);
    let kind = call.kind().as_str();
    let title = match home.kind {
        ConversationKind::Direct => format!("Missed {kind} call from {caller}"),
        _ => format!("Missed {kind} call from {caller} in {}", posts::name(home)),
    };
    let notice = Notice {
        priority: Priority::High,
        object: Some(ObjectView { kind: "call".to_owned(), id: call.id.to_string() }),
        action_url: Some(format!("/conversations/{}", home.id)),
        data: Some(json!({
            "conversation": home.id, "topic": home.topic(), "call": call.id, "kind": kind,
        })),
        actor: call.caller_id,
        group: posts::groups(home.id).into_iter().next_back(),
        ..Notice::new("call_missed", title, "")
    };
    Ok(notify(conn, &notice, missed, events)?)
}

fn waiting(parts: &[Part]) -> Vec<UserId> {
    let waiting = parts.iter().filter(|part| part.state().is_waiting());
    waiting.map(|part| part.user_id).collect()
}

/// Ends what has rung out at `now`; of a call that was answered, who has not come has missed it.
/// Returns what to tell.
///
/// # Errors
/// When the database failed.
pub fn ring_out(conn: &mut DbConn, id: CallId) -> Result<Vec<Event>, Fault> {
    let now = clock::now_naive();
    let Some(found) = call::by_id(conn, id)? else { return Ok(Vec::new()) };
    let parts = call::participants(conn, id)?;
    let missed = waiting(&parts);
    // Another process was faster, or nobody waits any more.
    if found.is_over() || found.ring_until > now || missed.is_empty() {
        return Ok(Vec::new());
    }
    if found.answered_at.is_none() {
        call::end(conn, id, CallState::Missed, None, now)?;
    } else {
        for user in &missed {
            call::set_part(conn, id, *user, PartState::Missed, now)?;
        }
    }
    let home = call::home(conn, &found)?;
    let mut told = tell(conn, &home, id, None, CallEvent::Missed, &missed)?;
    notify_missed(conn, &home, &found, &missed, &mut told.events)?;
    Ok(told.events)
}

/// Ends a call whose participants have all gone offline without hanging up.
///
/// # Errors
/// When the database failed.
pub fn abandon(conn: &mut DbConn, id: CallId) -> Result<Vec<Event>, Fault> {
    let Some(found) = call::by_id(conn, id)?.filter(|found| !found.is_over()) else {
        return Ok(Vec::new());
    };
    call::end(conn, id, CallState::Ended, None, clock::now_naive())?;
    let home = call::home(conn, &found)?;
    Ok(tell(conn, &home, id, None, CallEvent::Ended, &[])?.events)
}

fn step(conn: &mut DbConn, id: CallId, by: Option<UserId>) -> Result<CallStep, Fault> {
    let call = call::views_of(conn, &[id])?.remove(&id).ok_or_else(Refusal::not_found)?;
    Ok(CallStep { call, by })
}

fn quiet(conn: &mut DbConn, id: CallId) -> Result<Effect, Fault> {
    Ok(Effect::quiet(&step(conn, id, None)?.call))
}

/// Journals a step on the conversation and on the inboxes of `also`.
fn tell(
    conn: &mut DbConn,
    home: &Conversation,
    id: CallId,
    by: Option<UserId>,
    told: Told,
    also: &[UserId],
) -> Result<Effect, Fault> {
    let step = step(conn, id, by)?;
    let body = || EventBody::Call(told(step.clone()));
    let actor = by.or(step.call.caller.as_ref().map(|caller| caller.id));
    let mut effect = Effect::quiet(&step.call);
    let Some(actor) = actor else { return Ok(effect) };
    effect.events.push(note(conn, home, actor, Some(id.0), None, body())?);
    for user in also {
        effect.events.push(tell_inbox(conn, actor, *user, Some(id.0), None, body())?);
    }
    Ok(effect)
}
