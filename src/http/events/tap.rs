//! A tap: a session of this worker whose client is a request, subscribed to one topic.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_web::HttpRequest;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::actors::recorder::Ticket;
use crate::actors::session::{Opening, Start};
use crate::actors::throttle::Place;
use crate::http::error::ApiError;
use crate::http::events::{code_of, in_words};
use crate::http::extract::Caller;
use crate::http::peer;
use crate::http::server;
use crate::http::state::State;
use crate::layer::contract::Manner;
use crate::protocol::close::Close;
use crate::protocol::command::Subscribe;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::socket::near_end::{self, Heard, NearEnd};

/// The route by which these sessions are counted.
const ROUTE: &str = "/api/v1/topics/{topic}/events";
/// What one should wait who is turned away, in milliseconds.
const BUSY_RETRY_MS: u64 = 2_000;

/// See the module.
pub struct Tap {
    near: NearEnd,
}

/// How a subscription began.
pub struct Begun {
    /// The canonical topic.
    pub topic: String,
    pub seq: i64,
    pub epoch: String,
    pub recovered: bool,
    pub snapshot: Option<Box<RawValue>>,
    /// The frames of the greeting and of the reply.
    pub frames: [Bytes; 2],
}

/// What a tap is told; `json` is the socket's frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Event {
        seq: Option<i64>,
        json: Bytes,
    },
    /// All that was missed has been told.
    Live {
        seq: i64,
        json: Bytes,
    },
    /// About the session: its credential ends soon, or the server stops.
    Notice {
        retry_after_ms: Option<u64>,
        json: Bytes,
    },
    /// The session is alive and nothing happens.
    Pulse,
    /// Nothing more will come. `json` is there when a frame said so.
    End {
        code: u16,
        reason: String,
        json: Option<Bytes>,
    },
}

/// What matters of a frame.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    seq: Option<i64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rule: Option<Cow<'a, str>>,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Subscribed {
    seq: i64,
    epoch: String,
    recovered: bool,
    snapshot: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Goodbye {
    retry_after_ms: Option<u64>,
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

/// What a request is told of a session that ended before it had its answer.
pub fn ended(code: u16, reason: String) -> Refusal {
    match code {
        code if code == Close::NotAuthorized.code() => Refusal::not_authenticated(reason),
        code if code == Close::NotYours.code() => Refusal::not_found(),
        _ => Refusal::unavailable(BUSY_RETRY_MS),
    }
}

impl Tap {
    /// Opens a session for this caller and subscribes. Counts as a connection of theirs while it
    /// lasts; `attempt` is its line in the record of attempts, if it is to have one.
    ///
    /// # Errors
    /// `unavailable` when the server is full or stops, `rate_limited` when the caller has too many
    /// connections, and whatever a subscription is refused with.
    pub async fn open(
        state: &State,
        who: &Caller,
        request: &HttpRequest,
        topic: &Topic,
        wish: &Subscribe,
        attempt: impl FnOnce() -> Option<Ticket>,
    ) -> Result<(Self, Begun), ApiError> {
        let house = &state.house;
        if house.draining.load(Ordering::Relaxed) || house.throttles.is_full() {
            return Err(Refusal::unavailable(BUSY_RETRY_MS).into());
        }
        let address = peer::client_address(request, &state.config);
        house.throttles.enter(address, Some(who.user))?;
        let place = Place::new(Arc::clone(house), address, Some(who.user));
        let said = json!({
            "type": "subscribe", "topic": topic,
            "data": {"after": wish.after, "epoch": wish.epoch, "limit": wish.limit},
        });
        let opening = Opening {
            route: ROUTE,
            who: Some(Arc::clone(&who.0)),
            manner: Manner::default(),
            start: Start::Served { topics: Vec::new() },
            // Once nothing more refuses: an attempt that is noted must also end.
            attempt: attempt(),
            place: Some(place),
        };
        let near = server::open_within(opening, near_end::said(&said.to_string()));
        let mut tap = Self { near: near.ok_or_else(|| Refusal::unavailable(BUSY_RETRY_MS))? };
        let begun = tap.begin().await?;
        Ok((tap, begun))
    }

    async fn begin(&mut self) -> Result<Begun, ApiError> {
        let mut greeting = Bytes::new();
        loop {
            let json = match self.near.next().await {
                Heard::Text(json) => json,
                Heard::Ping => continue,
                Heard::End(end) => {
                    let (code, reason) = end.unwrap_or_default();
                    return Err(ended(code, reason).into());
                }
            };
            let Some(frame) = read::<Frame<'_>>(&json) else { continue };
            match &*frame.kind {
                "welcome" => greeting = json.clone(),
                "ok" => {
                    let data = frame.data.and_then(|data| read(data.get().as_bytes()));
                    let topic = frame.topic.map(Cow::into_owned).unwrap_or_default();
                    let Some(Subscribed { seq, epoch, recovered, snapshot }) = data else {
                        return Err(Refusal::internal().into());
                    };
                    let frames = [greeting, json.clone()];
                    return Ok(Begun { topic, seq, epoch, recovered, snapshot, frames });
                }
                "error" => return Err(in_words(refusal(frame))),
                _ => {}
            }
        }
    }

    /// What is told next. May be dropped while it waits; nothing is lost.
    pub async fn next(&mut self) -> Told {
        match self.near.next().await {
            Heard::Ping => Told::Pulse,
            Heard::Text(json) => told(json),
            Heard::End(end) => {
                let (code, reason) = end.unwrap_or_default();
                Told::End { code, reason, json: None }
            }
        }
    }

    /// Whether something is here to be told without waiting.
    pub fn has_more(&self) -> bool {
        self.near.has_more()
    }
}

fn told(json: Bytes) -> Told {
    let Some(frame) = read::<Frame<'_>>(&json) else { return Told::Pulse };
    let (kind, seq) = (frame.kind.into_owned(), frame.seq);
    match kind.as_str() {
        "live" => Told::Live { seq: seq.unwrap_or(0), json },
        "unsubscribed" => {
            let code = frame.code.and_then(|code| code.get().parse().ok());
            let reason = frame.message.map(Cow::into_owned).unwrap_or_default();
            let code = code.unwrap_or(Close::NotYours.code());
            Told::End { code, reason, json: Some(json) }
        }
        "goodbye" => {
            let data = frame.data.and_then(|data| read::<Goodbye>(data.get().as_bytes()));
            let retry_after_ms = data.and_then(|data| data.retry_after_ms);
            Told::Notice { retry_after_ms, json }
        }
        "auth.expiring" => Told::Notice { retry_after_ms: None, json },
        _ => Told::Event { seq, json },
    }
}

fn refusal(frame: Frame<'_>) -> Refusal {
    let code = frame.code.map(|code| code.get().trim_matches('"'));
    let message = frame.message.map(Cow::into_owned).unwrap_or_default();
    Refusal {
        field: frame.field.map(|field| field.into_owned().into()),
        rule: frame.rule.map(|rule| rule.into_owned().into()),
        retry_after_ms: frame.retry_after_ms,
        ..Refusal::new(code_of(code.unwrap_or_default()), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::refusal::Code;

    #[test]
    fn frames_are_sorted_by_what_a_reader_does_with_them() {
        let event =
            Bytes::from_static(br#"{"type":"message.new","topic":"chat:a","seq":7,"data":{}}"#);
        assert_eq!(told(event.clone()), Told::Event { seq: Some(7), json: event });
        let typing = Bytes::from_static(br#"{"type":"typing","topic":"chat:a","data":{}}"#);
        assert_eq!(told(typing.clone()), Told::Event { seq: None, json: typing });
        let bye = br#"{"type":"goodbye","data":{"code":1012,"retry_after_ms":1830}}"#;
        let Told::Notice { retry_after_ms, .. } = told(Bytes::from_static(bye)) else {
            panic!("a goodbye is a notice")
        };
        assert_eq!(retry_after_ms, Some(1_830));
        let gone = br#"{"type":"unsubscribed","topic":"chat:a","code":4003,"message":"no longer"}"#;
        let Told::End { code, reason, .. } = told(Bytes::from_static(gone)) else {
            panic!("a lost topic is the end")
        };
        assert_eq!((code, reason.as_str()), (4003, "no longer"));
    }

    #[test]
    fn an_error_frame_becomes_the_refusal_it_was() {
        let json = br#"{"type":"error","code":"bad_request","message":"data.after: 0 or more",
                        "field":"data.after","rule":"0 or more"}"#;
        let refusal = refusal(read(json).unwrap());
        assert_eq!(refusal, Refusal::field("data.after", "0 or more"));
        let json = br#"{"type":"error","code":"not_found","message":"x"}"#;
        assert_eq!(super::refusal(read(json).unwrap()).code, Code::NotFound);
    }
}
