//! One WebSocket: an actor that lives on its worker, reads its client's frames, asks owners, and
//! ends with a close code.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, AsyncContext, Context, Handler, Message as ActorMessage, StreamHandler,
};
use bytes::{Bytes, BytesMut};
use governor::DefaultDirectRateLimiter;
use serde::Serialize;

use crate::actors::fanout::{Resident, with_floor};
use crate::actors::house::House;
use crate::actors::mail::{Collapse, Farewell, Leave, Revoke, SessionKey, Unseat, person};
use crate::actors::recorder::{Ending, Ticket};
use crate::actors::session_topics::Seated;
use crate::actors::throttle::{self, Place};
use crate::auth::identity::Identity;
use crate::clock;
use crate::metrics::{self, Metrics};
use crate::protocol::close::Close;
use crate::protocol::frame;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::PersonView;
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
    /// The native protocol; with a topic for paths that name one.
    Native { lone: Option<Topic> },
    /// A close that the client shall see, after a moment for those who keep trying.
    Refused { close: Close, reason: String, refusal: Refusal, delay: Duration },
}

/// Everything a session is opened with.
pub struct Opening {
    /// The route of the path table, for counting.
    pub route: &'static str,
    pub who: Option<Arc<Identity>>,
    pub start: Start,
    pub address: IpAddr,
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
    start: Option<Box<Start>>,
    /// The topic of a path that names one; such a socket ends with its topic.
    pub(super) lone: Option<Box<Topic>>,
    pub(super) seated: Vec<Seated>,
    pub(super) tickets: u64,
    limiter: Option<Box<DefaultDirectRateLimiter>>,
    strikes: u32,
    attempt: Option<Ticket>,
    spoke: bool,
    route: &'static str,
    ending: Option<Box<Ending>>,
    _place: Option<Place>,
}

#[derive(Serialize)]
struct Limit {
    max_frame_bytes: usize,
    topics: usize,
    rate: u32,
    burst: u32,
}

#[derive(Serialize)]
struct Welcome<'a> {
    session: String,
    user: Option<PersonView>,
    role: Option<&'a str>,
    server_time: String,
    heartbeat_ms: u64,
    expires_at: Option<String>,
    epoch: &'a str,
    limits: Limit,
}

#[derive(Serialize)]
struct Goodbye {
    code: u16,
    retry_after_ms: u64,
}

#[derive(Serialize)]
struct Expiring {
    in_ms: u64,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
        let limits = Limits { message_bytes, fragments: FRAGMENTS };
        // A refused socket is nobody's: it hears nothing and may ask nothing.
        let who = match opening.start {
            Start::Native { .. } => opening.who,
            Start::Refused { .. } => None,
        };
        Session::create(|ctx| {
            ctx.add_stream(Frames::new(Rc::clone(&outbox), first_bytes, limits));
            let resident = Resident {
                address: ctx.address(),
                outbox: Rc::clone(&outbox),
                identity: who.clone(),
                warned: false,
            };
            with_floor(|floor| floor.residents.insert(at.number, resident));
            Session {
                limiter: house.settings.frames.single(),
                house,
                at,
                outbox,
                who,
                start: Some(Box::new(opening.start)),
                lone: None,
                seated: Vec::new(),
                tickets: 0,
                strikes: 0,
                attempt: opening.attempt,
                spoke: false,
                route: opening.route,
                ending: None,
                _place: opening.place,
            }
        });
    }

    /// Puts a frame into the outbox.
    pub(super) fn say(&self, text: &str) {
        self.outbox.push(wire::text(text));
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

    fn welcome(&self) {
        let settings = &self.house.settings;
        let who = self.who.as_deref();
        self.say(&frame::notice(
            "welcome",
            None,
            None,
            Some(Welcome {
                session: format!("{:x}-{:x}", self.at.worker, self.at.number),
                user: who.map(person),
                role: who.map(|who| who.role.as_str()),
                server_time: clock::rfc3339(clock::now_naive()),
                heartbeat_ms: millis(settings.heartbeat),
                expires_at: who.and_then(|who| who.expires_at).map(clock::rfc3339),
                epoch: &self.house.epoch,
                limits: Limit {
                    max_frame_bytes: settings.ws_message_bytes,
                    topics: settings.topics_per_connection,
                    rate: settings.frames.per_second,
                    burst: settings.frames.burst,
                },
            }),
        ));
    }

    fn within_rate(&mut self, text: &str) -> bool {
        let Some(limiter) = &self.limiter else { return true };
        let Err(refusal) = throttle::ask(limiter) else {
            self.strikes = 0;
            return true;
        };
        // A crew's call for help is never one too many.
        if frame::parse(text).is_ok_and(|inbound| inbound.kind == MAYDAY) {
            return true;
        }
        self.strikes += 1;
        self.say(&frame::error(None, None, &refusal));
        if self.strikes >= STRIKES {
            self.close(Close::TooMany, "too many messages");
        }
        false
    }

    fn on_text(&mut self, text: &str, ctx: &mut Context<Self>) {
        if !self.spoke {
            self.spoke = true;
            if let Some(attempt) = self.attempt {
                self.house.recorder.spoke(attempt);
            }
        }
        if !self.within_rate(text) {
            return;
        }
        if let Err(refused) = self.obey(text, ctx) {
            let (reference, topic, refusal) = *refused;
            self.say(&frame::error(reference.as_deref(), topic.as_ref(), &refusal));
        }
    }

    fn forget(&mut self) {
        for seated in self.seated.drain(..) {
            let Some(topic) = seated.live_topic() else { continue };
            if let Some(who) = &self.who {
                self.house.owners.leave(Leave { topic: topic.clone(), user: who.user });
            }
            let (house, number) = (&self.house, self.at.number);
            with_floor(|floor| {
                if floor.seats.remove(topic, number) {
                    house.exchange.ebb(topic, self.at.worker);
                }
            });
        }
        with_floor(|floor| floor.residents.remove(&self.at.number));
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
            Some(Start::Native { lone }) => {
                self.welcome();
                if let Some(topic) = lone {
                    self.lone = Some(Box::new(topic.clone()));
                    self.subscribe_lone(topic);
                }
            }
            Some(Start::Refused { close, reason, refusal, delay }) => {
                let refuse = move |session: &mut Session| {
                    session.say(&frame::error(None, None, &refusal));
                    session.close(close, &reason);
                };
                if delay.is_zero() {
                    refuse(self);
                } else {
                    ctx.run_later(delay, move |session, _| refuse(session));
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
                    self.on_text(text.as_str(), ctx);
                }
            }
            Incoming::Message(Message::Binary(_)) => {
                self.close(Close::BinaryNotAccepted, Close::BinaryNotAccepted.reason());
            }
            Incoming::Message(Message::Ping(payload)) => self.outbox.push(wire::pong(&payload)),
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
        match expiry {
            Expiry::Soon { left } => {
                let data = Expiring { in_ms: millis(left) };
                self.say(&frame::notice("auth.expiring", None, None, Some(data)));
            }
            Expiry::Ended => self.close(Close::NotAuthorized, "token expired"),
        }
    }
}

impl Handler<Revoke> for Session {
    type Result = ();

    fn handle(&mut self, revoke: Revoke, _: &mut Context<Self>) {
        self.close(Close::NotAuthorized, &revoke.refusal.message);
    }
}

impl Handler<Unseat> for Session {
    type Result = ();

    fn handle(&mut self, unseat: Unseat, _: &mut Context<Self>) {
        if self.lone.is_some() {
            self.close(Close::NotAuthorized, &unseat.refusal.message);
            return;
        }
        self.lose(&unseat.topic);
        let code = Close::NotYours.code();
        self.say(&frame::unsubscribed(&unseat.topic, code, &unseat.refusal.message));
    }
}

impl Handler<Farewell> for Session {
    type Result = ();

    fn handle(&mut self, farewell: Farewell, _: &mut Context<Self>) {
        let close = if farewell.restarting { Close::Restarting } else { Close::GoingAway };
        // Spread by the session's number: as even as chance, and free.
        let steps = self.at.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let retry_after_ms = farewell.spread_ms.saturating_mul(steps) >> 32;
        let data = Goodbye { code: close.code(), retry_after_ms };
        self.say(&frame::notice("goodbye", None, None, Some(data)));
        self.close(close, &format!("{}; come back in {retry_after_ms} ms", close.reason()));
    }
}

impl Handler<Collapse> for Session {
    type Result = ();

    fn handle(&mut self, _: Collapse, _: &mut Context<Self>) {
        panic!("a session was asked to collapse by a fault test");
    }
}
