//! A topic's events without a socket: by polling, by waiting, or as a stream of server-sent events.
//!
//! Each is a session of this worker like any other, with this request as its client: the same
//! joins, replay, limits, bounded outbox and ends, and the same JSON.

pub mod stream;
pub mod tap;

use std::time::Duration;

use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use utoipa::{OpenApi, ToSchema};

use crate::http::error::{Answered, ApiError};
use crate::http::events::tap::{Begun, Tap, Told};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{in_body_words, number};
use crate::http::state::State;
use crate::protocol::command::Subscribe;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Most events in an answer, and how many when the asker does not say.
const PAGE_MAX: i64 = 200;
/// The longest a request may wait for something to happen, in seconds.
const WAIT_MAX_S: i64 = 60;
/// The header by which a browser that lost a stream says what it had last.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// The description of these handlers.
#[derive(OpenApi)]
#[openapi(paths(list_events), components(schemas(EventPage)))]
pub struct Description;

/// From where on, and how much, as the query string says it.
#[derive(Debug, Default, Deserialize)]
pub struct EventsQuery {
    after: Option<String>,
    epoch: Option<String>,
    limit: Option<String>,
    wait: Option<String>,
}

/// What happened on a topic after a position; or, where the journal does not reach back to it or
/// none was named, a snapshot to begin from.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    topic: String,
    /// The newest position when this was read.
    seq: i64,
    /// The history that positions belong to; name it with `after`.
    epoch: String,
    /// Whether `events` go on where `after` left off. If not, throw away what you have.
    recovered: bool,
    #[schema(value_type = Option<Object>)]
    snapshot: Option<Box<RawValue>>,
    /// The same as a socket's frames, in order.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Box<RawValue>>,
    /// Ask next with `after` at this.
    next: i64,
    /// Whether there is more to be had at once.
    more: bool,
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}

/// `after` and `epoch`: those of `Last-Event-ID` before those of the query, which a browser repeats
/// as they once were.
fn position(headers: &HeaderMap, query: &EventsQuery) -> Result<Subscribe, Refusal> {
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(str::trim);
    let limit = number("limit", query.limit.as_deref())?;
    let Some(last) = last.filter(|last| !last.is_empty()) else {
        let after = number("after", query.after.as_deref())?;
        return Ok(Subscribe { after, epoch: query.epoch.clone(), limit });
    };
    let (epoch, seq) = match last.rsplit_once(':') {
        Some((epoch, seq)) => (Some(epoch.to_owned()), seq),
        None => (query.epoch.clone(), last),
    };
    let rule = "a position, or epoch:position";
    let seq = seq.parse().map_err(|_| Refusal::field(LAST_EVENT_ID, rule))?;
    Ok(Subscribe { after: Some(seq), epoch, limit })
}

/// A topic's events after a position, for clients that cannot hold a socket. With `wait` the answer
/// comes when something has happened. With `Accept: text/event-stream` the answer is a stream that
/// goes on: its ids are `epoch:position`, and `Last-Event-ID` resumes it.
#[utoipa::path(get, path = "/api/v1/topics/{topic}/events", tag = "topics",
    params(
        ("topic" = String, Path, description = "like chat:general"),
        ("after" = Option<i64>, Query, description = "the last position you have"),
        ("epoch" = Option<String>, Query, description = "the history that `after` belongs to"),
        ("limit" = Option<i64>, Query, description = "most events or messages, 1 to 200"),
        ("wait" = Option<i64>, Query, description = "seconds to wait for an event: 0 to 60"),
        ("Last-Event-ID" = Option<String>, Header, description = "epoch:position; beats the query"),
    ),
    responses((status = 200, body = EventPage)))]
pub async fn list_events(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    topic: web::Path<String>,
    query: Query<EventsQuery>,
) -> Answered<HttpResponse> {
    let topic: Topic = topic.parse().map_err(|_| {
        ApiError(Refusal::field("topic", "a topic name, like chat:42 or chat:general"))
    })?;
    let wish = position(request.headers(), &query.0)?;
    if wish.limit.is_some_and(|limit| !(1..=PAGE_MAX).contains(&limit)) {
        return Err(Refusal::field("limit", format!("from 1 to {PAGE_MAX}")).into());
    }
    if wants_stream(request.headers()) {
        return stream::open(&state, &who, &request, &topic, &wish).await;
    }
    let wait = number("wait", query.0.wait.as_deref())?.unwrap_or(0);
    let wait = u64::try_from(wait).ok().filter(|wait| *wait <= WAIT_MAX_S.unsigned_abs());
    let wait = wait.ok_or_else(|| Refusal::field("wait", format!("from 0 to {WAIT_MAX_S}")))?;
    let (tap, begun) = Tap::open(&state, &who, &request, &topic, &wish, || None).await?;
    let page = collect(tap, begun, &wish, Duration::from_secs(wait)).await?;
    Ok(HttpResponse::Ok().json(page))
}

/// Reads what was missed; when nothing was, waits for what happens next.
async fn collect(
    mut tap: Tap,
    begun: Begun,
    wish: &Subscribe,
    wait: Duration,
) -> Result<EventPage, ApiError> {
    let until = Instant::now() + wait;
    let most = usize::try_from(wish.limit.unwrap_or(PAGE_MAX)).unwrap_or(1);
    let from = if begun.recovered { wish.after.unwrap_or(0) } else { begun.seq };
    let mut page = EventPage {
        topic: begun.topic,
        seq: begun.seq,
        epoch: begun.epoch,
        recovered: begun.recovered,
        snapshot: begun.snapshot,
        events: Vec::new(),
        next: from,
        more: false,
    };
    let mut is_live = false;
    loop {
        if page.events.len() >= most {
            page.more = page.next < page.seq || tap.has_more();
            return Ok(page);
        }
        let is_enough = is_live && (!page.events.is_empty() || !page.recovered);
        if is_enough && !tap.has_more() {
            return Ok(page);
        }
        // What was missed comes at once; only what happens next is waited for.
        let told = match is_live {
            true => timeout_at(until, tap.next()).await.ok(),
            false => Some(tap.next().await),
        };
        match told {
            None => return Ok(page),
            Some(Told::Live { seq, .. }) => {
                page.next = page.next.max(seq);
                is_live = true;
            }
            Some(Told::Event { seq: Some(seq), json }) => {
                page.events.push(raw(&json)?);
                page.next = seq;
                page.seq = page.seq.max(seq);
            }
            Some(Told::Event { seq: None, .. } | Told::Notice { .. } | Told::Pulse) => {}
            Some(Told::End { code, reason, .. }) => return Err(tap::ended(code, reason).into()),
        }
    }
}

fn raw(json: &[u8]) -> Result<Box<RawValue>, Refusal> {
    serde_json::from_slice(json).map_err(|_| Refusal::internal())
}

/// A refusal in the words of REST; the topic is a part of the path here.
fn in_words(refusal: Refusal) -> ApiError {
    if refusal.field.as_deref() == Some("topic") {
        return ApiError(refusal);
    }
    in_body_words(refusal)
}

/// Which refusal a code on the wire names.
fn code_of(name: &str) -> Code {
    let rows = crate::protocol::refusal::CODES.iter();
    rows.clone().find(|row| row.name == name).map_or(Code::Internal, |row| row.code)
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/topics/{topic}/events").route(web::get().to(list_events)));
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        headers
    }

    fn query(after: &str) -> EventsQuery {
        let text = |text: &str| Some(text.to_owned());
        EventsQuery { after: text(after), epoch: text("old"), ..EventsQuery::default() }
    }

    #[test]
    fn the_last_event_of_a_browser_beats_what_its_address_says() {
        let wish = position(&headers("last-event-id", "e1:42"), &query("7")).unwrap();
        assert_eq!((wish.after, wish.epoch.as_deref()), (Some(42), Some("e1")));
        let wish = position(&headers("last-event-id", "42"), &query("7")).unwrap();
        assert_eq!((wish.after, wish.epoch.as_deref()), (Some(42), Some("old")));
        let wish = position(&headers("last-event-id", ""), &query("7")).unwrap();
        assert_eq!((wish.after, wish.epoch.as_deref()), (Some(7), Some("old")));
        let refusal = position(&headers("last-event-id", "e1:x"), &query("7")).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(LAST_EVENT_ID));
        assert!(position(&HeaderMap::new(), &query("x")).is_err());
    }

    #[test]
    fn a_stream_is_asked_for_by_its_type() {
        assert!(wants_stream(&headers("accept", "text/event-stream")));
        assert!(wants_stream(&headers("accept", "application/json, Text/Event-Stream;q=0.9")));
        assert!(!wants_stream(&headers("accept", "*/*")));
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
