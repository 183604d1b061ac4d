//! The mechanism all owners share: join, leave, announce, publish. An owner *has* one of these.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use serde_json::value::RawValue;

use crate::actors::authorize::{admit_for, require};
use crate::actors::dashboards;
use crate::actors::house::House;
use crate::actors::join::{self, Prepared};
use crate::actors::mail::{Census, Join, Leave, Perform, Start, Welcome, done, person};
use crate::actors::post::delivery;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::UserId;
use crate::layer::contract::Envelope;
use crate::metrics::Metrics;
use crate::protocol::command::TopicPublish;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// Announcements of presence are gathered this long in a small room …
const ANNOUNCE_BASE: Duration = Duration::from_millis(50);
/// … and this much longer for each person in it, so that a full room is not told of each arrival.
const ANNOUNCE_PER_PERSON: Duration = Duration::from_micros(200);

/// An actor that owns topics.
pub trait Owner: Actor<Context = Context<Self>> {
    /// The mechanism this owner has.
    fn switchboard(&mut self) -> &mut Switchboard;

    /// Someone was seated and sent what the topic holds.
    fn seated(&mut self, _who: &Identity, _topic: &Topic, _ctx: &mut Context<Self>) {}

    /// Someone's last seat on a topic with presence was given up.
    fn left(&mut self, _user: UserId, _topic: &Topic, _ctx: &mut Context<Self>) {}
}

/// What an owner needs to run its topics. Holds no truth: presence is counted anew from the
/// fan-outs when an owner is rebuilt.
#[derive(Debug)]
pub struct Switchboard {
    pub house: Arc<House>,
}

impl Switchboard {
    /// An empty one.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    /// Sends an event that is not kept to whoever listens now, on every node.
    pub fn tell_listeners(&self, topic: Topic, body: EventBody) {
        let event = Event { topic, seq: None, at: clock::now_naive(), body };
        let sent = self.house.layer.publish(Envelope::Events(vec![delivery(event)]));
        if sent.is_err() {
            Metrics::get().layer_errors.increment(1);
        }
    }

    /// Welcomes whoever waits. Whether their arrival is to be announced.
    fn welcome(&mut self, join: Join, topic: &Topic, prepared: Prepared) -> bool {
        let mut announce = false;
        let here = topic.kind().row().presence.then(|| {
            let mut presence = self.house.presence.lock();
            // Nobody in particular is not present.
            if !join.who.is_nobody() {
                announce = presence.arrive(topic, &person(&join.who));
            }
            (presence.here(topic), presence.head_count(topic))
        });
        let start = if join.dialect.is_none() {
            let here = here.as_ref().map(|(people, count)| (people.as_slice(), *count));
            Start::Native(prepared.answer(&self.house.epoch, here))
        } else {
            let people = here.map(|(people, _)| people).unwrap_or_default();
            Start::Typed { snapshot: prepared.snapshot.map(Box::new), people }
        };
        let welcome = Welcome {
            user: join.who.user,
            relation: prepared.relation,
            seq: prepared.seq,
            start,
            missed: prepared.missed,
            missed_to: prepared.missed_to,
        };
        if prepared.recovered {
            Metrics::get().replays_recovered.increment(1);
        } else if join.wish.after.is_some() {
            Metrics::get().replays_lost.increment(1);
        }
        join.seeker.answer(Ok(welcome));
        announce
    }
}

/// Serves one join.
pub fn join<A: Owner>(owner: &mut A, join: Join, ctx: &mut Context<A>) {
    let house = Arc::clone(&owner.switchboard().house);
    let preparing = async move {
        let (exchange, epoch) = (Arc::clone(&house.exchange), Arc::clone(&house.epoch));
        let (at_home, mut join) = (Arc::clone(&house), join);
        let read = house.lane.read(move |conn| {
            let (topic, prepared) = join::prepare(conn, &exchange, &epoch, &mut join);
            let prepared = prepared.and_then(|prepared| {
                dashboards::begin(conn, &at_home, &topic, join.who.user, prepared)
            });
            let settings = &at_home.settings.dispatch;
            let prepared = prepared.map(|prepared| at_home.positions.freshen(prepared, settings));
            let prepared = prepared.map_err(|fault| fault.into_refusal("a join"));
            Ok((join, topic, prepared))
        });
        // A join that was not even begun has answered by itself.
        read.await.ok()
    };
    ctx.spawn(preparing.into_actor(owner).map(move |outcome, owner, ctx| {
        let Some((join, topic, prepared)) = outcome else { return };
        match prepared {
            Ok(prepared) => {
                owner.seated(&join.who, &topic, ctx);
                if owner.switchboard().welcome(join, &topic, prepared) {
                    announce_later(owner, topic, ctx);
                }
            }
            Err(refusal) => join.seeker.answer(Err(refusal)),
        }
    }));
}

/// Serves one leave: the person counts as gone after the grace, unless they come back.
pub fn leave<A: Owner>(owner: &mut A, leave: Leave, ctx: &mut Context<A>) {
    let switchboard = owner.switchboard();
    if !leave.topic.kind().row().presence {
        return;
    }
    let departure = switchboard.house.presence.lock().depart(&leave.topic, leave.user);
    let Some(departure) = departure else { return };
    let grace = switchboard.house.settings.presence_grace;
    owner.left(leave.user, &leave.topic, ctx);
    ctx.run_later(grace, move |owner, ctx| {
        let house = &owner.switchboard().house;
        let announce = house.presence.lock().expire(&leave.topic, leave.user, departure);
        if announce {
            announce_later(owner, leave.topic, ctx);
        }
    });
}

/// Counts who is here after this owner was rebuilt.
pub fn census<A: Owner>(owner: &mut A, census: &Census) {
    for (topic, person) in &census.present {
        if topic.kind().row().presence {
            owner.switchboard().house.presence.lock().count(topic, person);
        }
    }
}

fn announce_later<A: Owner>(owner: &mut A, topic: Topic, ctx: &mut Context<A>) {
    let people = owner.switchboard().house.presence.lock().head_count(&topic);
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let delay = ANNOUNCE_BASE + ANNOUNCE_PER_PERSON.saturating_mul(people);
    ctx.run_later(delay, move |owner, _| {
        let switchboard = owner.switchboard();
        let diff = switchboard.house.presence.lock().announce(&topic);
        if let Some(diff) = diff {
            let body = EventBody::Presence { joined: diff.joined, left: diff.left };
            switchboard.tell_listeners(topic, body);
        }
    });
}

/// Serves `topic.publish`: told to whoever is here now, kept nowhere.
pub fn publish<A: Owner>(
    owner: &mut A,
    perform: Perform,
    wish: TopicPublish,
    ctx: &mut Context<A>,
) {
    let house = Arc::clone(&owner.switchboard().house);
    let Perform { who, topic, seat, reply, .. } = perform;
    let Some(topic) = topic else { return reply.send(Err(Refusal::field("topic", "required"))) };
    if let Err(refusal) = check_publish(&wish) {
        return reply.send(Err(refusal));
    }
    let from = who.user;
    let body = move |wish: TopicPublish| EventBody::Published {
        event: wish.event,
        from,
        data: wish.data.map(Arc::<RawValue>::from),
    };
    if let Some(relation) = seat {
        let granted = require(&who, topic.kind(), Action::Publish, relation);
        if granted.is_ok() {
            owner.switchboard().tell_listeners(topic, body(wish));
        }
        return reply.send(granted.map(|_| done()));
    }
    let asking = async move {
        house
            .lane
            .read(move |conn| admit_for(conn, &who, &topic, Action::Publish).map(|found| found.0))
            .await
    };
    ctx.spawn(asking.into_actor(owner).map(move |admitted, owner, _| {
        reply.send(admitted.map(|admission| {
            owner.switchboard().tell_listeners(admission.topic, body(wish));
            done()
        }));
    }));
}

fn check_publish(wish: &TopicPublish) -> Result<(), Refusal> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-')
    };
    if (1..=64).contains(&wish.event.len()) && wish.event.bytes().all(plain) {
        return Ok(());
    }
    Err(Refusal::field("data.event", "1 to 64 of a-z, 0-9, _, . and -"))
}

/// The handlers that every owner has, each one line into this file.
macro_rules! own_topics {
    ($owner:ty $(, $seated:path, $left:path)?) => {
        impl $crate::actors::switchboard::Owner for $owner {
            fn switchboard(&mut self) -> &mut $crate::actors::switchboard::Switchboard {
                &mut self.switchboard
            }
            $(
                fn seated(
                    &mut self,
                    who: &$crate::auth::identity::Identity,
                    topic: &$crate::protocol::topic::Topic,
                    ctx: &mut Self::Context,
                ) {
                    $seated(self, who, topic, ctx);
                }
                fn left(
                    &mut self,
                    user: $crate::ids::UserId,
                    topic: &$crate::protocol::topic::Topic,
                    ctx: &mut Self::Context,
                ) {
                    $left(self, user, topic, ctx);
                }
            )?
        }
        impl actix::Handler<$crate::actors::mail::Join> for $owner {
            type Result = ();
            fn handle(&mut self, join: $crate::actors::mail::Join, ctx: &mut Self::Context) {
                $crate::actors::switchboard::join(self, join, ctx);
            }
        }
        impl actix::Handler<$crate::actors::mail::Leave> for $owner {
            type Result = ();
            fn handle(&mut self, leave: $crate::actors::mail::Leave, ctx: &mut Self::Context) {
                $crate::actors::switchboard::leave(self, leave, ctx);
            }
        }
        impl actix::Handler<$crate::actors::mail::Census> for $owner {
            type Result = ();
            fn handle(&mut self, census: $crate::actors::mail::Census, _: &mut Self::Context) {
                $crate::actors::switchboard::census(self, &census);
            }
        }
        impl actix::Handler<$crate::actors::mail::Probe> for $owner {
            type Result = ();
            fn handle(&mut self, _: $crate::actors::mail::Probe, _: &mut Self::Context) {}
        }
        impl actix::Handler<$crate::actors::mail::Collapse> for $owner {
            type Result = ();
            fn handle(&mut self, _: $crate::actors::mail::Collapse, _: &mut Self::Context) {
                panic!("an owner was asked to collapse by a fault test");
            }
        }
    };
}
pub(crate) use own_topics;
