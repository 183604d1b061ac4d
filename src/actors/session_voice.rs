//! How a session speaks: the native protocol, or its dialect and then nothing else.

use std::sync::Arc;
use std::time::Duration;

use actix::Context;
use bytes::Bytes;
use serde::Serialize;

use crate::actors::fanout::with_floor;
use crate::actors::mail::{Answer, Farewell, Perform, ReplyTo, Start, person, replied};
use crate::actors::session::{Expiry, Session};
use crate::auth::policy::Relation;
use crate::clock;
use crate::protocol::close::Close;
use crate::protocol::dialect::contract::{Answered, Deed, Here, Opening, Request, Said, Speaker};
use crate::protocol::frame::{self, Reference};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::PersonView;
use crate::socket::wire;

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

/// Most messages that wait for a socket's topics.
const HELD_MAX: usize = 64;

/// A message that waits.
#[derive(Debug)]
pub enum Held {
    Text(String),
    Binary(Vec<u8>),
}

impl Held {
    fn said(&self) -> Said<'_> {
        match self {
            Self::Text(text) => Said::Text(text),
            Self::Binary(bytes) => Said::Binary(bytes),
        }
    }
}

impl From<Said<'_>> for Held {
    fn from(said: Said<'_>) -> Self {
        match said {
            Said::Text(text) => Self::Text(text.to_owned()),
            Said::Binary(bytes) => Self::Binary(bytes.to_vec()),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Session {
    /// Puts a frame into the outbox.
    pub(super) fn say(&self, text: &str) {
        self.outbox.push(wire::text(text));
    }

    /// The first words on a socket that is served.
    pub(super) fn greet(&self, has_topics: bool) {
        match self.manner.dialect {
            None => self.welcome(),
            Some(dialect) if !has_topics => {
                let here = self.here();
                let opening = Opening { here, joined: None, snapshot: None, people: &[] };
                for text in dialect.codec().opening(&opening) {
                    self.say(&text);
                }
            }
            Some(_) => {}
        }
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

    /// Where and by whom things are said here.
    pub(super) fn here(&self) -> Here<'_> {
        let who = self.who.as_deref().filter(|who| !who.is_nobody()).map(|who| Speaker {
            id: who.user,
            username: &who.username,
            display_name: &who.display_name,
            role: who.role.as_str(),
            profile: who.profile.as_deref(),
        });
        Here { who, topic: self.lone.as_deref(), at: clock::now_naive() }
    }

    /// What a topic that was joined begins with.
    pub(super) fn opening_frames(
        &self,
        reference: Option<&Reference>,
        topic: &Topic,
        start: &Start,
    ) -> Vec<Bytes> {
        match (start, self.manner.dialect) {
            (Start::Native(answer), _) => {
                let reference = reference.map(AsRef::as_ref);
                vec![wire::text(&frame::ok(reference, Some(topic), answer))]
            }
            (Start::Typed { snapshot, people }, Some(dialect)) => {
                let opening = Opening {
                    here: self.here(),
                    joined: Some(topic),
                    snapshot: snapshot.as_deref(),
                    people,
                };
                let frames = dialect.codec().opening(&opening);
                frames.iter().map(|text| wire::text(text)).collect()
            }
            (Start::Typed { .. }, None) => Vec::new(),
        }
    }

    /// Answers a request of the client.
    pub(super) fn reply(
        &self,
        reference: Option<Reference>,
        topic: Option<Topic>,
        outcome: Result<Answer, Refusal>,
    ) {
        let dialect = self.manner.dialect;
        // In a dialect a request without a memo wants no answer.
        if dialect.is_some() && reference.is_none() {
            return;
        }
        for frame in replied(dialect, reference.as_deref(), topic.as_ref(), &outcome) {
            self.outbox.push(frame);
        }
    }

    /// Refuses a message that is not obeyed. A native request is answered by its `ref` all the
    /// same: whoever gave an order must not wait for an answer that never comes.
    pub(super) fn turn_down(&self, said: Said<'_>, refusal: &Refusal) {
        let Some(dialect) = self.manner.dialect else {
            let inbound = match said {
                Said::Text(text) => frame::parse(text).ok(),
                Said::Binary(_) => None,
            };
            let reference = inbound.and_then(|inbound| inbound.reference);
            return self.say(&frame::error(reference, None, refusal));
        };
        let topic = self.lone.as_deref();
        let answered = Answered { memo: None, topic, outcome: Err(refusal) };
        for text in dialect.codec().answer(&answered) {
            self.say(&text);
        }
    }

    /// Closes because this client may not be here, or no longer.
    pub(super) fn part(&mut self, close: Close, refusal: &Refusal) {
        let Some(dialect) = self.manner.dialect else {
            return self.close(close, &refusal.message);
        };
        let parting = dialect.codec().parting(close, refusal);
        for text in &parting.frames {
            self.say(text);
        }
        self.close(parting.close, &parting.reason);
    }

    /// Closes a socket that was never to be served.
    pub(super) fn refuse(&mut self, close: Close, refusal: &Refusal, reason: &str) {
        if self.manner.dialect.is_some() {
            return self.part(close, refusal);
        }
        self.say(&frame::error(None, None, refusal));
        self.close(close, reason);
    }

    /// Tells of a credential's end.
    pub(super) fn expire(&mut self, expiry: Expiry) {
        match expiry {
            Expiry::Soon { left } if self.manner.dialect.is_none() => {
                let data = Expiring { in_ms: millis(left) };
                self.say(&frame::notice("auth.expiring", None, None, Some(data)));
            }
            Expiry::Soon { .. } => {}
            Expiry::Ended => {
                self.part(Close::NotAuthorized, &Refusal::not_authenticated("token expired"));
            }
        }
    }

    /// Says goodbye as the server stops.
    pub(super) fn bid_farewell(&mut self, farewell: &Farewell) {
        let close = if farewell.restarting { Close::Restarting } else { Close::GoingAway };
        // Spread by the session's number: as even as chance, and free.
        let steps = self.at.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let retry_after_ms = farewell.spread_ms.saturating_mul(steps) >> 32;
        if self.manner.dialect.is_none() {
            let data = Goodbye { code: close.code(), retry_after_ms };
            self.say(&frame::notice("goodbye", None, None, Some(data)));
        }
        self.close(close, &format!("{}; come back in {retry_after_ms} ms", close.reason()));
    }

    /// One more topic of the path is live; with the last one, what was said meanwhile is done.
    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        self.unsettled = self.unsettled.saturating_sub(1);
        if self.unsettled > 0 {
            return;
        }
        for held in std::mem::take(&mut self.held) {
            // Nothing is done for what was said behind a message that closed the socket.
            if !self.outbox.is_open() {
                return;
            }
            self.interpret(held.said(), ctx);
        }
    }

    /// Does what a message means in this session's dialect. What is said while the path's topics
    /// are still being joined waits, for older servers had joined before they opened.
    pub(super) fn interpret(&mut self, said: Said<'_>, ctx: &mut Context<Self>) {
        let Some(dialect) = self.manner.dialect else { return };
        if self.unsettled > 0 {
            if self.held.len() >= HELD_MAX {
                return self.close(Close::TooMany, Close::TooMany.reason());
            }
            return self.held.push(Held::from(said));
        }
        let deeds = dialect.codec().read(said, &self.here());
        for deed in deeds {
            if !self.outbox.is_open() {
                return;
            }
            match deed {
                Deed::Say(text) => self.say(&text),
                Deed::Close { close, reason } => self.close(close, &reason),
                Deed::Do(request) => self.request(request, ctx),
            }
        }
    }

    fn request(&mut self, request: Request, ctx: &mut Context<Self>) {
        let Some(who) = self.who.clone() else { return };
        let topic = request.topic.or_else(|| self.lone.as_deref().cloned());
        // Nobody has no account to be counted by, so their address is.
        let guest = self.place.as_ref().filter(|_| who.is_nobody());
        let allowed =
            guest.map_or(Ok(()), |place| self.house.throttles.guest_message(place.address()));
        let done = match allowed {
            Ok(()) => self.dispatch(who, topic, request.memo, request.command, ctx),
            Err(refusal) => Err(Box::new((request.memo, topic, refusal))),
        };
        if let Err(refused) = done {
            let (memo, topic, refusal) = *refused;
            self.reply(memo, topic, Err(refusal));
        }
    }

    /// Does what the dialect has to do for someone who now sits on this topic.
    pub(super) fn arrive(&self, topic: &Topic, relation: Relation) {
        let Some(dialect) = self.manner.dialect else { return };
        let here = Here { topic: Some(topic), ..self.here() };
        self.perform_silently(dialect.codec().arriving(&here), topic, relation);
    }

    /// Does what the dialect has to do for someone who sat on this topic and has gone.
    fn leave_behind(&self, topic: &Topic, relation: Relation) {
        let Some(dialect) = self.manner.dialect else { return };
        let here = Here { topic: Some(topic), ..self.here() };
        self.perform_silently(dialect.codec().leaving(&here), topic, relation);
    }

    fn perform_silently(&self, requests: Vec<Request>, topic: &Topic, relation: Relation) {
        let Some(who) = &self.who else { return };
        for Request { command, topic: other, .. } in requests {
            let seat = other.is_none().then_some(relation);
            let topic = Some(other.unwrap_or_else(|| topic.clone()));
            let reply = ReplyTo::nobody();
            let who = Arc::clone(who);
            self.house.owners.perform(Perform { who, topic, command, seat, reply });
        }
    }

    /// Gives back every seat.
    pub(super) fn forget(&mut self) {
        for seated in std::mem::take(&mut self.seated) {
            let Some((topic, relation)) = seated.live() else { continue };
            self.leave_behind(topic, relation);
            self.stand_up(topic);
        }
        with_floor(|floor| floor.residents.remove(&self.at.number));
    }
}
