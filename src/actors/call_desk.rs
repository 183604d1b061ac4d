//! Where calls meet the room supervisor and the clock: commands on their way, signals passed on,
//! calls that rang out.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;
use serde_json::value::RawValue;

use crate::actors::call_commands;
use crate::actors::call_reads;
use crate::actors::chat_commands::Effect;
use crate::actors::effect_job::{self, EffectJob};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, Perform, answer, done};
use crate::actors::post::check_client_id;
use crate::actors::switchboard::Owner;
use crate::auth::identity::Identity;
use crate::clock;
use crate::ids::{CallId, UserId};
use crate::models::error::StoreError;
use crate::models::store::DbConn;
use crate::models::{answer as answers, call};
use crate::protocol::command::call::{CallCommand, CallSignal};
use crate::protocol::event::EventBody;
use crate::protocol::event::call::CallEvent;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::call::{CallState, PartState};

/// Calls looked at in one round.
const CALLS_A_ROUND: i64 = 100;

/// Serves a command about a call.
pub fn serve<A: Owner>(
    owner: &mut A,
    perform: Perform,
    command: CallCommand,
    ctx: &mut Context<A>,
) {
    let house = Arc::clone(&owner.switchboard().house);
    match command {
        CallCommand::Signal(signal) => relay(owner, perform, signal, ctx),
        question @ (CallCommand::Show(_) | CallCommand::List(_)) => {
            let Perform { who, topic, reply, .. } = perform;
            let reading = async move {
                let read = move |conn: &mut DbConn| ask(conn, &who, topic.as_ref(), &question);
                reply.send(house.lane.read(read).await);
            };
            ctx.spawn(reading.into_actor(owner));
        }
        command => {
            let Perform { who, topic, reply, .. } = perform;
            let ring = house.settings.call_ring;
            let work = move |conn: &mut DbConn| {
                once(conn, &who, topic.as_ref(), &command, |conn| {
                    call_commands::perform(conn, &who, topic.as_ref(), &command, ring)
                })
            };
            house.lane.submit(Box::new(EffectJob::new(reply, work)));
        }
    }
}

fn ask(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    question: &CallCommand,
) -> Result<Answer, Fault> {
    match question {
        CallCommand::Show(name) => Ok(answer(&call_reads::show(conn, who, name.call)?)),
        CallCommand::List(wish) => Ok(answer(&call_reads::list(conn, who, topic, wish)?)),
        _ => Err(Refusal::field("type", "a question").into()),
    }
}

/// A call begun twice under one `client_id` is begun once.
fn once(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    command: &CallCommand,
    work: impl FnOnce(&mut DbConn) -> Result<Effect, Fault>,
) -> Result<Effect, Fault> {
    let CallCommand::Start(start) = command else { return work(conn) };
    check_client_id(start.client_id.as_deref())?;
    let Some(client_id) = start.client_id.as_deref() else { return work(conn) };
    let topic = topic.map(ToString::to_string).unwrap_or_default();
    if let Some(first) = answers::find(conn, who.user, "call.start", &topic, client_id)? {
        let first =
            RawValue::from_string(first).map_err(|cause| StoreError::Broken(cause.to_string()))?;
        return Ok(Effect { answer: first, events: Vec::new(), unseated: Vec::new() });
    }
    let effect = work(conn)?;
    let kept = effect.answer.get();
    answers::keep(conn, who.user, "call.start", &topic, client_id, kept, clock::now_naive())?;
    Ok(effect)
}

/// Passes a signal on to the inboxes of those it is for, and to their older clients where those
/// listen.
fn relay<A: Owner>(owner: &mut A, perform: Perform, signal: CallSignal, ctx: &mut Context<A>) {
    let house = Arc::clone(&owner.switchboard().house);
    let Perform { who, reply, .. } = perform;
    let (call, from) = (signal.call, who.user);
    let payload: Arc<RawValue> = Arc::from(signal.payload.clone());
    let asking = async move {
        house.lane.read(move |conn| call_reads::addressees(conn, &who, &signal)).await
    };
    ctx.spawn(asking.into_actor(owner).map(move |to, owner, _| {
        reply.send(to.map(|(home, to): (Topic, Vec<UserId>)| {
            for user in &to {
                let payload = Arc::clone(&payload);
                let body = EventBody::Call(CallEvent::Signal { call, from, payload });
                owner.switchboard().tell_listeners(Topic::Inbox(*user), body);
            }
            let body = EventBody::Older(OlderEvent::Handed { call, from, to, payload });
            owner.switchboard().tell_listeners(home, body);
            done()
        }));
    }));
}

/// Ends calls that rang out, and those that everyone left without hanging up. Called by the
/// housekeeper, on any process: each call is ended once.
pub async fn sweep(house: &House) {
    let found = house.lane.read(|conn| {
        let now = clock::now_naive();
        let mut due = Vec::new();
        for row in call::rung_out(conn, now, CALLS_A_ROUND)? {
            let parts = call::participants(conn, row.id)?;
            let waits = parts.iter().any(|part| part.state().is_waiting());
            let here = parts.iter().filter(|part| part.state() == PartState::Joined);
            let here: Vec<UserId> = here.map(|part| part.user_id).collect();
            due.push((row.id, waits, row.state(), here));
        }
        Ok(due)
    });
    let Ok(due) = found.await else { return };
    for (id, waits, state, here) in due {
        let ended = if waits {
            effect_job::write(house, move |conn| rings_out(conn, id)).await
        } else if state == CallState::Active && !any_online(house, here).await {
            effect_job::write(house, move |conn| {
                let events = call_commands::abandon(conn, id)?;
                Ok(Effect { events, ..Effect::quiet(&()) })
            })
            .await
        } else {
            continue;
        };
        if let Err(refusal) = ended {
            warn!("a call was not ended and will be tried again call={id} cause={refusal}");
        }
    }
}

async fn any_online(house: &House, people: Vec<UserId>) -> bool {
    let here = people.iter().any(|user| house.online.is_here(*user));
    if here {
        return true;
    }
    let online = Arc::clone(&house.online);
    let asked = house.lane.read(move |conn| Ok(!online.among(conn, &people)?.is_empty()));
    asked.await.unwrap_or(true)
}

fn rings_out(conn: &mut DbConn, id: CallId) -> Result<Effect, Fault> {
    let events = call_commands::ring_out(conn, id)?;
    Ok(Effect { events, ..Effect::quiet(&()) })
}
