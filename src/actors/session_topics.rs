//! A session's topics: joining them, catching up at the pace its client reads, going live, leaving.

use std::rc::Rc;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use bytes::Bytes;
use serde::Serialize;

use crate::actors::fanout::with_floor;
use crate::actors::lane::Lane;
use crate::actors::mail::{Join, Joined, Leave, Owed, Seeker, SessionKey, Welcome, tell};
use crate::actors::replay;
use crate::actors::session::Session;
use crate::actors::veil;
use crate::auth::policy::Relation;
use crate::ids::UserId;
use crate::models::journal;
use crate::protocol::close::Close;
use crate::protocol::command::Subscribe;
use crate::protocol::frame::{self, Reference};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::socket::outbox::Outbox;
use crate::socket::wire;

/// Bytes of a snapshot or replay that may wait in an outbox before the next are added.
const PACE_BYTES: usize = 64 * 1024;

/// A topic of a session.
#[derive(Debug)]
pub struct Seated {
    topic: Topic,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Asked for, with the ticket the answer will carry.
    Joining(u64),
    /// Being caught up or live.
    Joined(Relation),
}

impl Seated {
    /// The canonical topic, once joined.
    pub fn live_topic(&self) -> Option<&Topic> {
        self.live().map(|(topic, _)| topic)
    }

    /// The same with how the person stands to it.
    pub fn live(&self) -> Option<(&Topic, Relation)> {
        match self.state {
            State::Joined(relation) => Some((&self.topic, relation)),
            State::Joining(_) => None,
        }
    }
}

impl Session {
    /// The relation of a joined topic.
    pub(super) fn relation(&self, topic: &Topic) -> Option<Relation> {
        self.seated.iter().find(|seated| seated.topic == *topic).and_then(|seated| {
            match seated.state {
                State::Joined(relation) => Some(relation),
                State::Joining(_) => None,
            }
        })
    }

    pub(super) fn subscribe_lone(&mut self, topic: Topic) {
        let dialect = self.manner.dialect;
        let wish = dialect.map_or_else(Subscribe::default, |dialect| dialect.codec().wish(&topic));
        if let Err(refusal) = self.subscribe(topic, wish, None) {
            self.part(close_for(&refusal), &refusal);
        }
    }

    pub(super) fn subscribe(
        &mut self,
        topic: Topic,
        wish: Subscribe,
        reference: Option<Reference>,
    ) -> Result<(), Refusal> {
        let who = self.who.clone().ok_or_else(|| Refusal::not_authenticated("sign in first"))?;
        let limit = self.house.settings.topics_per_connection;
        let again = self.seated.iter().any(|seated| seated.topic == topic);
        if !again && self.seated.len() >= limit {
            let rule = format!("at most {limit} topics on one connection");
            return Err(Refusal { code: Code::TooLarge, ..Refusal::field("topic", rule) });
        }
        self.leave(&topic);
        self.tickets += 1;
        let ticket = self.tickets;
        let via = Arc::clone(&self.house.exchange);
        let (at, dialect) = (self.at, self.manner.dialect);
        let seeker = Seeker::new(at, ticket, reference, topic.clone(), via);
        self.house.owners.join(Join { at, who, topic: topic.clone(), wish, dialect, seeker });
        self.seated.push(Seated { topic, state: State::Joining(ticket) });
        Ok(())
    }

    /// Leaves a topic, joined or still being joined. Whether it was there.
    pub(super) fn leave(&mut self, topic: &Topic) -> bool {
        let Some(index) = self.seated.iter().position(|seated| seated.topic == *topic) else {
            return false;
        };
        let seated = self.seated.swap_remove(index);
        if seated.live_topic().is_some() {
            self.stand_up(topic);
        }
        true
    }

    pub(super) fn stand_up(&self, topic: &Topic) {
        let (number, worker) = (self.at.number, self.at.worker);
        if with_floor(|floor| floor.seats.remove(topic, number)) {
            self.house.exchange.ebb(topic, worker);
        }
        if let Some(who) = &self.who {
            self.house.owners.leave(Leave { topic: topic.clone(), user: who.user });
        }
    }

    fn joined(&mut self, joined: Joined, ctx: &mut Context<Self>) {
        let Joined { ticket, reference, topic, outcome, .. } = joined;
        let asked = self.seated.iter().position(
            |seated| matches!(seated.state, State::Joining(waiting) if waiting == ticket),
        );
        let Some(asked) = asked else {
            return self.joined_in_vain(ticket, reference, topic, outcome);
        };
        match outcome {
            Err(refusal) => {
                self.seated.swap_remove(asked);
                self.refused(reference, &topic, &refusal);
            }
            Ok(welcome) => {
                let named = self.seated.swap_remove(asked).topic;
                // A path may name a room by number; from here on it has its one name.
                if self.lone.as_deref() == Some(&named) {
                    self.lone = Some(Box::new(topic.clone()));
                }
                // The same topic under its other name: one seat, one presence.
                if let Some(twin) =
                    self.seated.iter().position(|seated| seated.live_topic() == Some(&topic))
                {
                    self.seated.swap_remove(twin);
                    self.house.owners.leave(Leave { topic: topic.clone(), user: welcome.user });
                }
                let state = State::Joined(welcome.relation);
                self.seated.push(Seated { topic: topic.clone(), state });
                self.catch_up(reference, topic, welcome, ctx);
            }
        }
    }

    /// A topic was left, or asked for once more, before the answer came. A later join keeps its
    /// seat; what the owner counted for this one is given back.
    fn joined_in_vain(
        &self,
        ticket: u64,
        reference: Option<Reference>,
        topic: Topic,
        outcome: Result<Welcome, Refusal>,
    ) {
        let SessionKey { worker, number } = self.at;
        if with_floor(|floor| floor.seats.remove_of(&topic, number, ticket)) {
            self.house.exchange.ebb(&topic, worker);
        }
        let refusal = match outcome {
            Ok(welcome) => {
                self.house.owners.leave(Leave { topic: topic.clone(), user: welcome.user });
                Refusal::new(Code::Conflict, "left or asked for again before it was joined")
            }
            Err(refusal) => refusal,
        };
        if reference.is_some() {
            self.reply(reference, Some(topic), Err(refusal));
        }
    }

    fn refused(&mut self, reference: Option<Reference>, topic: &Topic, refusal: &Refusal) {
        let (number, worker) = (self.at.number, self.at.worker);
        if with_floor(|floor| floor.seats.remove(topic, number)) {
            self.house.exchange.ebb(topic, worker);
        }
        self.reply(reference, Some(topic.clone()), Err(refusal.clone()));
        if self.lone.is_some() {
            self.part(close_for(refusal), refusal);
        }
    }

    fn catch_up(
        &mut self,
        reference: Option<Reference>,
        topic: Topic,
        welcome: Welcome,
        ctx: &mut Context<Self>,
    ) {
        let mut frames = self.opening_frames(reference.as_ref(), &topic, &welcome.start);
        frames.extend(welcome.missed);
        let seq = welcome.seq;
        let bytes = frames.iter().map(Bytes::len).sum::<usize>();
        let fits = self.outbox.waiting_bytes() + bytes < pace_bytes(&self.outbox);
        if fits && welcome.missed_to >= seq {
            for frame in frames {
                self.outbox.push(frame);
            }
            return self.go_live(&topic, seq, ctx);
        }
        let pace = Pace {
            outbox: Rc::clone(&self.outbox),
            lane: self.house.lane.clone(),
            topic: topic.clone(),
            user: welcome.user,
        };
        let catching = async move {
            for frame in frames {
                pace.push(frame).await;
            }
            pace.replay(welcome.missed_to, seq).await
        };
        ctx.spawn(catching.into_actor(self).map(move |outcome, session, ctx| match outcome {
            Ok(()) => session.go_live(&topic, seq, ctx),
            Err(_) => session.close(Close::InternalFault, Close::InternalFault.reason()),
        }));
    }

    fn go_live(&mut self, topic: &Topic, seq: i64, ctx: &mut Context<Self>) {
        let Some(relation) = self.relation(topic) else { return };
        if self.manner.dialect.is_none() {
            self.say(&frame::notice::<()>("live", Some(topic), Some(seq), None));
        }
        let SessionKey { worker, number } = self.at;
        let is_owed = with_floor(|floor| floor.seats.go_live(topic, number, seq));
        if let Some(fanout) = self.house.exchange.worker(worker).filter(|_| is_owed) {
            tell(&fanout, Owed(topic.clone()));
        }
        self.arrive(topic, relation);
        self.settle(ctx);
    }
}

impl Handler<Joined> for Session {
    type Result = ();

    fn handle(&mut self, joined: Joined, ctx: &mut Context<Self>) {
        self.joined(joined, ctx);
    }
}

/// Bytes that may wait in this outbox before more of a replay is added: never so many that the
/// replay itself would fill it.
fn pace_bytes(outbox: &Outbox) -> usize {
    PACE_BYTES.min(outbox.limit_bytes())
}

/// Feeds an outbox no faster than its client reads.
struct Pace {
    outbox: Rc<Outbox>,
    lane: Lane,
    topic: Topic,
    user: UserId,
}

impl Pace {
    async fn push(&self, frame: Bytes) {
        if self.outbox.waiting_bytes() + frame.len() > pace_bytes(&self.outbox) {
            self.outbox.drained().await;
        }
        self.outbox.push(frame);
    }

    /// Reads and sends the events after `from` up to and with `to`, page by page.
    async fn replay(&self, mut from: i64, to: i64) -> Result<(), Refusal> {
        while from < to && self.outbox.is_open() {
            let (topic, user) = (self.topic.clone(), self.user);
            let page = self.lane.read(move |conn| {
                let head = journal::find_topic(conn, &topic.to_string())?;
                let Some(head) = head else { return Ok(Vec::new()) };
                let mut events = replay::page(conn, &topic, head.topic, from, to)?;
                veil::cover(conn, user, &mut events)?;
                Ok(events)
            });
            for event in page.await? {
                self.push(wire::text(&frame::event(&event))).await;
            }
            from += replay::PAGE;
        }
        Ok(())
    }
}

/// What the reply to `unsubscribe` says.
#[derive(Debug, Serialize)]
pub struct Unsubscribed {
    /// Whether there was a subscription to end.
    pub subscribed: bool,
}

/// Which close a one-topic socket ends with when its topic is refused.
fn close_for(refusal: &Refusal) -> Close {
    match refusal.code {
        Code::NotAuthenticated | Code::Forbidden => Close::NotAuthorized,
        Code::NotFound | Code::NotAMember => Close::NotYours,
        Code::RateLimited => Close::TooMany,
        Code::Unavailable => Close::Overloaded,
        Code::Internal => Close::InternalFault,
        _ => Close::BadRequest,
    }
}
