//! The messages that more than one actor receives, and `tell`, the one way to send without waiting.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::actors::exchange::Exchange;
use crate::auth::identity::Identity;
use crate::auth::policy::Relation;
use crate::ids::UserId;
use crate::layer::contract::{Delivery, Whom};
use crate::protocol::command::{Command, Subscribe};
use crate::protocol::dialect::contract::Answered;
use crate::protocol::dialect::table::DialectKind;
use crate::protocol::frame::{self, Reference};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::{PersonView, Snapshot};
use crate::socket::wire;

/// Sends without waiting and without a bound.
///
/// Only for actors that never block and whose work per message is bounded (owners, fan-outs,
/// sessions): their mailboxes drain as fast as they fill, and what waits for a slow client waits in
/// its bounded outbox, not here.
pub fn tell<A, M>(to: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send,
    M::Result: Send,
{
    #[expect(clippy::disallowed_methods, reason = "the one place; see above")]
    to.do_send(message);
}

/// Where a session lives: its worker and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub worker: usize,
    pub number: u64,
}

/// The JSON of a reply's `data`.
pub type Answer = Box<RawValue>;

/// Writes a reply's `data`.
pub fn answer<T: serde::Serialize>(value: &T) -> Answer {
    // Our own views have string keys only, so writing them cannot fail.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// The `data` of a reply that has nothing to tell but that it was done.
pub fn done() -> Answer {
    answer(&serde_json::Map::new())
}

/// Who waits for the outcome of a command. Dropped unanswered, it answers `unavailable`, so that
/// nobody waits for an actor that died.
#[derive(Debug)]
pub struct ReplyTo(Option<Asker>);

#[derive(Debug)]
enum Asker {
    Socket {
        at: SessionKey,
        reference: Option<Reference>,
        topic: Option<Topic>,
        dialect: Option<DialectKind>,
        via: Arc<Exchange>,
    },
    Call(oneshot::Sender<Result<Answer, Refusal>>),
}

impl ReplyTo {
    /// A reply that goes to a socket with the request's `ref` (in a dialect its memo) and `topic`.
    pub fn socket(
        at: SessionKey,
        dialect: Option<DialectKind>,
        reference: Option<Reference>,
        topic: Option<Topic>,
        via: Arc<Exchange>,
    ) -> Self {
        Self(Some(Asker::Socket { at, reference, topic, dialect, via }))
    }

    /// No reply: nobody waits for one.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// A reply to a caller in this process (REST, the command line).
    pub fn call() -> (Self, oneshot::Receiver<Result<Answer, Refusal>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(Asker::Call(sender))), receiver)
    }

    /// Answers at once.
    pub fn send(mut self, outcome: Result<Answer, Refusal>) {
        if let Some(asker) = self.0.take() {
            asker.send(outcome);
        }
    }

    /// Answers through `batch` when the asker is a socket, at once otherwise.
    pub fn send_with(mut self, outcome: Result<Answer, Refusal>, batch: &mut Vec<Reply>) {
        match self.0.take() {
            Some(Asker::Socket { at, reference, topic, dialect, .. }) => {
                let frames = replied(dialect, reference.as_deref(), topic.as_ref(), &outcome);
                batch.extend(frames.into_iter().map(|frame| Reply { to: at, frame }));
            }
            Some(call) => call.send(outcome),
            None => {}
        }
    }
}

impl Asker {
    fn send(self, outcome: Result<Answer, Refusal>) {
        match self {
            Self::Socket { at, reference, topic, dialect, via } => {
                for frame in replied(dialect, reference.as_deref(), topic.as_ref(), &outcome) {
                    via.reply(Reply { to: at, frame });
                }
            }
            // A caller that went away no longer wants the answer.
            Self::Call(sender) => drop(sender.send(outcome)),
        }
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        if let Some(asker) = self.0.take() {
            asker.send(Err(Refusal::unavailable(1_000)));
        }
    }
}

/// Who waits for a seat. Dropped unanswered, it answers `unavailable`, so that nobody waits for an
/// owner that died.
#[derive(Debug)]
pub struct Seeker(Option<Seeking>);

#[derive(Debug)]
struct Seeking {
    at: SessionKey,
    ticket: u64,
    reference: Option<Reference>,
    topic: Topic,
    via: Arc<Exchange>,
}

impl Seeker {
    /// The session `at`, whose join with this ticket asked for `topic` with this `ref`.
    pub fn new(
        at: SessionKey,
        ticket: u64,
        reference: Option<Reference>,
        topic: Topic,
        via: Arc<Exchange>,
    ) -> Self {
        Self(Some(Seeking { at, ticket, reference, topic, via }))
    }

    /// The topic has another name than it was asked for by; from here on it is answered by that.
    pub fn rename(&mut self, topic: &Topic) {
        if let Some(seeking) = &mut self.0 {
            seeking.topic = topic.clone();
        }
    }

    /// Which of the session's joins this is.
    pub fn ticket(&self) -> u64 {
        self.0.as_ref().map_or(0, |seeking| seeking.ticket)
    }

    /// Hands the outcome to the session's fan-out.
    pub fn answer(mut self, outcome: Result<Welcome, Refusal>) {
        if let Some(seeking) = self.0.take() {
            seeking.answer(outcome);
        }
    }
}

impl Seeking {
    fn answer(self, outcome: Result<Welcome, Refusal>) {
        let Self { at, ticket, reference, topic, via } = self;
        if let Some(fanout) = via.worker(at.worker) {
            tell(&fanout, Joined { session: at.number, ticket, reference, topic, outcome });
        }
    }
}

impl Drop for Seeker {
    fn drop(&mut self) {
        if let Some(seeking) = self.0.take() {
            seeking.answer(Err(Refusal::unavailable(1_000)));
        }
    }
}

/// The frames of a reply: one in the native protocol, any number in a dialect.
pub fn replied(
    dialect: Option<DialectKind>,
    reference: Option<&RawValue>,
    topic: Option<&Topic>,
    outcome: &Result<Answer, Refusal>,
) -> Vec<Bytes> {
    let Some(dialect) = dialect else {
        return vec![wire::text(&match outcome {
            Ok(answer) => frame::ok(reference, topic, answer),
            Err(refusal) => frame::error(reference, topic, refusal),
        })];
    };
    let outcome = outcome.as_ref().map(AsRef::as_ref);
    let frames = dialect.codec().answer(&Answered { memo: reference, topic, outcome });
    frames.iter().map(|text| wire::text(text)).collect()
}

/// A frame for one session.
#[derive(Debug)]
pub struct Reply {
    pub to: SessionKey,
    pub frame: Bytes,
}

/// To a worker's fan-out: replies first, then events, in order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Outbound {
    pub replies: Vec<Reply>,
    pub events: Vec<Arc<Delivery>>,
}

/// To a worker's fan-out: a seat of this topic went live, and is owed newest values or what a hole
/// keeps back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Owed(pub Topic);

/// To a worker's fan-out: an alarm, ahead of all that waits for its listeners.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Alarm(pub Arc<Delivery>);

/// To a worker's fan-out: hold events of `topic` for this session until it goes live.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Seat {
    pub session: u64,
    /// Which of the session's joins it is for.
    pub ticket: u64,
    pub topic: Topic,
    /// Whether the read marks of others are kept from it.
    pub is_veiled: bool,
}

/// To a worker's fan-out: a join ended; hand the outcome to the session.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Joined {
    pub session: u64,
    /// Which of the session's joins this answers.
    pub ticket: u64,
    pub reference: Option<Reference>,
    /// The canonical topic, or the one asked for when refused.
    pub topic: Topic,
    pub outcome: Result<Welcome, Refusal>,
}

/// What a session needs to start serving a topic.
#[derive(Debug)]
pub struct Welcome {
    pub user: UserId,
    pub relation: Relation,
    /// The position everything below is complete up to.
    pub seq: i64,
    pub start: Start,
    /// The first missed events, encoded, in order.
    pub missed: Vec<Bytes>,
    /// Up to where `missed` reaches; below `seq` when more are to be read.
    pub missed_to: i64,
}

/// What a session begins a topic with.
#[derive(Debug)]
pub enum Start {
    /// The `data` of the native `ok` reply.
    Native(Answer),
    /// What a dialect makes its opening frames of.
    Typed { snapshot: Option<Box<Snapshot>>, people: Vec<PersonView> },
}

/// To every worker's fan-out: close what these credentials opened.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Revoke {
    pub whom: Whom,
    pub refusal: Refusal,
}

/// To every worker's fan-out: this person lost this topic.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Unseat {
    pub topic: Topic,
    pub user: UserId,
    pub refusal: Refusal,
}

/// To every worker's fan-out: the read marks of others are kept from this person, or no longer.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Veil {
    pub user: UserId,
    pub is_veiled: bool,
}

/// To every worker's fan-out: the server stops; say goodbye with this frame pair and close.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Farewell {
    /// True for a restart (1012), false for a stop (1001).
    pub restarting: bool,
    /// The widest of the random delays hinted to clients, in milliseconds.
    pub spread_ms: u64,
}

/// To an owner: someone wants to listen.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Join {
    pub at: SessionKey,
    pub who: Arc<Identity>,
    pub topic: Topic,
    pub wish: Subscribe,
    pub dialect: Option<DialectKind>,
    pub seeker: Seeker,
}

/// To an owner: a session no longer listens.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave {
    pub topic: Topic,
    pub user: UserId,
}

/// To an owner: do this command for this person.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Perform {
    pub who: Arc<Identity>,
    pub topic: Option<Topic>,
    pub command: Command,
    /// The relation of the asker's live seat, which membership changes end at once; absent for
    /// callers without a seat.
    pub seat: Option<Relation>,
    pub reply: ReplyTo,
}

/// To an owner after it was rebuilt: these people are listening on one worker.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Census {
    pub present: Vec<(Topic, PersonView)>,
}

/// To every worker's fan-out: tell the owners of these topics again who is listening.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct TakeCensus;

/// A probe: an owner that answers is alive.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Probe;

/// Makes its receiver panic. Sent by fault tests alone; no client can reach it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Collapse;

/// To a worker's fan-out: makes one session panic. Sent by fault tests alone, too.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CollapseSession {
    pub session: u64,
}

/// The identity as others see it.
pub fn person(who: &Identity) -> PersonView {
    PersonView {
        id: who.user,
        username: who.username.to_string(),
        display_name: who.display_name.to_string(),
        avatar: who.profile.as_ref().and_then(|more| more.avatar.as_deref()).map(str::to_owned),
        profile: who.profile.clone(),
    }
}
