//! One WebSocket: an actor that lives on its worker, reads its client's frames, asks owners, and
//! ends with a close code.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, AsyncContext, Context, Handler, Message as ActorMessage, StreamHandler,
};
use bytes::{Bytes, BytesMut};
use governor::DefaultDirectRateLimiter;

use crate::actors::exchange::Deaf;
use crate::actors::fanout::{Resident, with_floor};
use crate::actors::house::House;
use crate::actors::mail::{Collapse, Farewell, Revoke, SessionKey, Unseat};
use crate::actors::recorder::{Ending, Ticket};
use crate::actors::session_topics::Seated;
use crate::actors::session_voice::Held;
use crate::actors::throttle::{self, Place};
use crate::auth::identity::Identity;
use crate::layer::contract::Manner;
use crate::metrics::{self, Metrics};
use crate::protocol::close::Close;
use crate::protocol::dialect::contract::Said;
use crate::protocol::dialect::table::DialectKind;
use crate::protocol::frame;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::socket::decoder::{Limits, Message};
use crate::socket::frames::{Frames, Incoming};
use crate::socket::outbox::Outbox;
use crate::socket::wire;

/// The command that no limit holds up.
const MAYDAY: &str = "mayday.raise";
/// Frames refused in a row by the rate limit before the socket is closed.
const STRIKES: u32 = 100;
/// Fragments a message may come in.
const FRAGMENTS: usize = 1_024;

/// How a socket begins.
#[derive(Debug)]
pub enum Start {
    /// Served, with the topics that the path names, the one it is about first.
    Served { topics: Vec<Topic> },
    /// A close that the client shall see, after a moment for those who keep trying.
    Refused { close: Close, reason: String, refusal: Refusal, delay: Duration },
}

/// Everything a session is opened with.
pub struct Opening {
    /// The route of the path table, for counting.
    pub route: &'static str,
    /// Who it is; `None` for a refused socket and for one that needs no sign-in.
    pub who: Option<Arc<Identity>>,
    /// How it hears and speaks.
    pub manner: Manner,
    pub start: Start,
    pub attempt: Option<Ticket>,
    /// The socket's place among the open ones.
    pub place: Option<Place>,
}

/// A credential is about to end, or has.
#[derive(Debug, Clone, Copy, ActorMessage)]
#[rtype(result = "()")]
pub enum Expiry {
    Soon { left: Duration },
    Ended,
}

/// One WebSocket.
pub struct Session {
    pub(super) house: Arc<House>,
    pub(super) at: SessionKey,
    pub(super) outbox: Rc<Outbox>,
    pub(super) who: Option<Arc<Identity>>,
    pub(super) manner: Manner,
    start: Option<Box<Start>>,
    /// The first topic of a path that names any; such a socket ends with its topics.
    pub(super) lone: Option<Box<Topic>>,
    pub(super) seated: Vec<Seated>,
    /// What a dialect's client said before all topics of its path were live.
    pub(super) held: Vec<Held>,
    /// Topics of the path that are not live yet.
    pub(super) unsettled: usize,
    pub(super) tickets: u64,
    limiter: Option<Box<DefaultDirectRateLimiter>>,
    strikes: u32,
    attempt: Option<Ticket>,
    spoke: bool,
    route: &'static str,
    ending: Option<Box<Ending>>,
    pub(super) place: Option<Place>,
    /// Counts it among those who can answer no alarm.
    _deaf: Option<Deaf>,
}

impl Session {
    /// Opens a session on this worker's thread. `first_bytes` came behind the handshake.
    pub fn open(
        house: Arc<House>,
        at: SessionKey,
        opening: Opening,
        outbox: Rc<Outbox>,
        first_bytes: BytesMut,
    ) {
        let message_bytes = house.settings.ws_message_bytes;
        let window = opening.manner.window;
        let limits = Limits { message_bytes, fragments: FRAGMENTS, deflate: window.is_some() };
        outbox.deflate(window);
        // A refused socket hears nothing and may ask nothing.
        let who = match opening.start {
            Start::Served { .. } => Some(opening.who.unwrap_or_else(Identity::nobody)),
            Start::Refused { .. } => None,
        };
        let is_deaf = who.is_some() && opening.manner.dialect == Some(DialectKind::Dispatchers);
        let deaf = is_deaf.then(|| house.exchange.count_deaf());
        Session::create(|ctx| {
            ctx.add_stream(Frames::new(Rc::clone(&outbox), first_bytes, limits));
            let resident = Resident {
                address: ctx.address(),
                outbox: Rc::clone(&outbox),
                identity: who.clone().filter(|who| !who.is_nobody()),
                manner: opening.manner,
                warned: false,
            };
            let warn_ahead = house.settings.auth_warning;
            with_floor(|floor| floor.admit(at.number, resident, warn_ahead));
            Session {
                limiter: house.settings.frames.single(),
                house,
                at,
                outbox,
                who,
                manner: opening.manner,
                start: Some(Box::new(opening.start)),
                lone: None,
                seated: Vec::new(),
                held: Vec::new(),
                unsettled: 0,
                tickets: 0,
                strikes: 0,
                attempt: opening.attempt,
                spoke: false,
                route: opening.route,
                ending: None,
                place: opening.place,
                _deaf: deaf,
            }
        });
    }

    /// Closes with this code; the client's own close or end follows.
    pub(super) fn close(&mut self, close: Close, reason: &str) {
        if self.ending.is_some() {
            return;
        }
        metrics::socket_closed(close.code());
        let ending = Ending { close_code: Some(close.code()), reason: reason.to_owned() };
        self.ending = Some(Box::new(ending));
        self.outbox.close(wire::close(close.code(), reason));
    }

    /// Whether one more frame is within the limit; a ping, which says nothing, is not answered when
    /// it is not.
    fn within_rate(&mut self, said: Option<Said<'_>>) -> bool {
        let Some(limiter) = &self.limiter else { return true };
        let Err(refusal) = throttle::ask(limiter) else {
            self.strikes = 0;
            return true;
        };
        // A crew's call for help is never one too many.
        if said.is_some_and(|said| self.is_mayday(said)) {
            return true;
        }
        self.strikes += 1;
        if let Some(said) = said {
            self.turn_down(said, &refusal);
        }
        if self.strikes >= STRIKES {
            self.close(Close::TooMany, "too many messages");
        }
        false
    }

    fn is_mayday(&self, said: Said<'_>) -> bool {
        if let Some(dialect) = self.manner.dialect {
            return dialect.codec().is_mayday(said);
        }
        let Said::Text(text) = said else { return false };
        frame::parse(text).is_ok_and(|inbound| inbound.kind == MAYDAY)
    }

    fn on_said(&mut self, said: Said<'_>, ctx: &mut Context<Self>) {
        if !self.spoke {
            self.spoke = true;
            if let Some(attempt) = self.attempt {
                self.house.recorder.spoke(attempt);
            }
        }
        if !self.within_rate(Some(said)) {
            return;
        }
        match said {
            _ if self.manner.dialect.is_some() => self.interpret(said, ctx),
            Said::Text(text) => {
                if let Err(refused) = self.obey(text, ctx) {
                    let (reference, topic, refusal) = *refused;
                    self.reply(reference, topic, Err(refusal));
                }
            }
            Said::Binary(_) => {
                self.close(Close::BinaryNotAccepted, Close::BinaryNotAccepted.reason());
            }
        }
    }
}

impl Drop for Session {
    /// Cleans up in every case, a panic in a handler included.
    fn drop(&mut self) {
        if std::thread::panicking() {
            Metrics::get().panics.increment(1);
            self.close(Close::InternalFault, Close::InternalFault.reason());
        }
        self.forget();
        metrics::sockets(self.route).open.decrement(1.0);
        if let Some(attempt) = self.attempt {
            let ending = self.ending.take().map_or_else(
                || Ending { close_code: None, reason: "connection lost".to_owned() },
                |ending| *ending,
            );
            self.house.recorder.ended(attempt, ending);
        }
        if self.outbox.is_open() {
            self.outbox.abort();
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let sockets = metrics::sockets(self.route);
        sockets.accepted.increment(1);
        sockets.open.increment(1.0);
        match self.start.take().map(|start| *start) {
            Some(Start::Served { topics }) => {
                self.greet(!topics.is_empty());
                self.lone = topics.first().cloned().map(Box::new);
                self.unsettled = topics.len();
                for topic in topics {
                    self.subscribe_lone(topic);
                }
            }
            Some(Start::Refused { close, reason, refusal, delay }) => {
                if delay.is_zero() {
                    self.refuse(close, &refusal, &reason);
                } else {
                    ctx.run_later(delay, move |session, _| {
                        session.refuse(close, &refusal, &reason);
                    });
                }
            }
            None => ctx.stop(),
        }
    }
}

impl StreamHandler<Incoming> for Session {
    fn handle(&mut self, incoming: Incoming, ctx: &mut Context<Self>) {
        if self.ending.is_some() && !matches!(incoming, Incoming::Message(Message::Close { .. })) {
            return;
        }
        Metrics::get().frames_in.increment(1);
        match incoming {
            Incoming::Message(Message::Text(text)) => {
                if self.who.is_some() {
                    self.on_said(Said::Text(text.as_str()), ctx);
                }
            }
            Incoming::Message(Message::Binary(bytes)) => {
                if self.who.is_some() {
                    self.on_said(Said::Binary(&bytes), ctx);
                }
            }
            Incoming::Message(Message::Ping(payload)) => {
                if self.within_rate(None) {
                    self.outbox.push(wire::pong(&payload));
                }
            }
            // Most were asked for, and none is answered.
            Incoming::Message(Message::Pong(_)) => {}
            Incoming::Message(Message::Close { code, reason }) => {
                if self.ending.is_none() {
                    self.ending = Some(Box::new(Ending { close_code: code, reason }));
                    let echo = code.map_or_else(close_without_code, |code| wire::close(code, ""));
                    self.outbox.close(echo);
                }
                self.outbox.peer_closed();
                ctx.stop();
            }
            Incoming::Violation(violation) => {
                let close = Close::from(&violation);
                self.close(close, &violation.to_string());
            }
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        if self.ending.is_none()
            && let Some(ended) = self.outbox.ended()
        {
            let (close_code, reason) = ended_words(ended);
            if let Some(code) = close_code {
                metrics::socket_closed(code);
                Metrics::get().outbox_overflows.increment(1);
            }
            self.ending = Some(Box::new(Ending { close_code, reason: reason.to_owned() }));
        }
        ctx.stop();
    }
}

/// The answer to a close without a code: one without a code (RFC 6455 section 5.5.1).
fn close_without_code() -> Bytes {
    wire::close_empty()
}

fn ended_words(ended: crate::socket::outbox::Ended) -> (Option<u16>, &'static str) {
    use crate::socket::outbox::Ended;
    match ended {
        Ended::TooSlow => (Some(Close::TooSlow.code()), Close::TooSlow.reason()),
        Ended::PingTimeout => (None, "no answer to pings"),
        Ended::PeerGone => (None, "connection lost"),
        Ended::Closed => (None, "closed"),
        Ended::Aborted => (None, "aborted"),
    }
}

impl Handler<Expiry> for Session {
    type Result = ();

    fn handle(&mut self, expiry: Expiry, _: &mut Context<Self>) {
        self.expire(expiry);
    }
}

impl Handler<Revoke> for Session {
    type Result = ();

    fn handle(&mut self, revoke: Revoke, _: &mut Context<Self>) {
        self.part(Close::NotAuthorized, &revoke.refusal);
    }
}

impl Handler<Unseat> for Session {
    type Result = ();

    fn handle(&mut self, unseat: Unseat, _: &mut Context<Self>) {
        if self.lone.is_some() {
            return self.part(Close::NotAuthorized, &unseat.refusal);
        }
        self.leave(&unseat.topic);
        let code = Close::NotYours.code();
        self.say(&frame::unsubscribed(&unseat.topic, code, &unseat.refusal.message));
    }
}

impl Handler<Farewell> for Session {
    type Result = ();

    fn handle(&mut self, farewell: Farewell, _: &mut Context<Self>) {
        self.bid_farewell(&farewell);
    }
}

impl Handler<Collapse> for Session {
    type Result = ();

    fn handle(&mut self, _: Collapse, _: &mut Context<Self>) {
        panic!("a session was asked to collapse by a fault test");
    }
}
