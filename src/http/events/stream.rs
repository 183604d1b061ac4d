//! Server-sent events: a tap as a body that goes on until its session ends.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream;

use crate::actors::recorder::Ticket;
use crate::clock;
use crate::http::error::Answered;
use crate::http::events::tap::{Tap, Told};
use crate::http::extract::Caller;
use crate::http::peer;
use crate::http::state::State;
use crate::http::upgrade;
use crate::models::attempt::{Attempt, Outcome, Stage};
use crate::protocol::command::Subscribe;
use crate::protocol::topic::Topic;

/// Keeps proxies from collecting what should flow.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Bytes of events joined in one write.
const JOINED_BYTES: usize = 16 * 1_024;

/// Answers with a stream. What is refused is refused with a status, by which a browser knows not to
/// come back.
///
/// # Errors
/// As [`Tap::open`], and `rate_limited` for an address that connects too often.
pub async fn open(
    state: &State,
    who: &Caller,
    request: &HttpRequest,
    topic: &Topic,
    wish: &Subscribe,
) -> Answered<HttpResponse> {
    state.house.throttles.connect(peer::client_address(request, &state.config))?;
    let attempt = || note(state, request, who);
    let (tap, begun) = Tap::open(state, who, request, topic, wish, attempt).await?;
    let epoch: Arc<str> = begun.epoch.into();
    let mut first = String::new();
    let [greeting, reply] = &begun.frames;
    put(&mut first, None, greeting);
    // A snapshot is complete up to its position; a replay has yet to come.
    let id = (!begun.recovered).then(|| format!("{epoch}:{}", begun.seq));
    put(&mut first, id.as_deref(), reply);
    let body = stream::unfold(Some(Flow { tap, epoch, first }), |flow| async move {
        let mut flow = flow?;
        let (bytes, goes_on) = flow.next().await;
        Some((Ok::<Bytes, Infallible>(bytes), goes_on.then_some(flow)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((UNBUFFERED, "no"))
        .streaming(Box::pin(body)))
}

/// Records a stream among the attempts to connect.
fn note(state: &State, request: &HttpRequest, who: &Caller) -> Option<Ticket> {
    let address = peer::client_address(request, &state.config);
    let attempt = Attempt {
        client_ip: Some(address.to_string()),
        user_agent: peer::user_agent(request),
        path: request.path().chars().take(255).collect(),
        user: Some(who.user),
        username: who.username.to_string(),
        role: who.role.to_string(),
        stage: Stage::Connected,
        outcome: Outcome::Accepted,
        close_code: None,
        reason: String::new(),
        started_at: clock::now_naive(),
        ended_at: None,
        duration_ms: None,
    };
    upgrade::record(state, attempt, Ok(()))
}

struct Flow {
    tap: Tap,
    epoch: Arc<str>,
    /// What leads, until it has left.
    first: String,
}

impl Flow {
    /// What leaves next, and whether anything may follow it.
    async fn next(&mut self) -> (Bytes, bool) {
        let mut text = std::mem::take(&mut self.first);
        if !text.is_empty() {
            return (text.into(), true);
        }
        loop {
            let told = self.tap.next().await;
            let goes_on = self.write(&mut text, told);
            if !goes_on || text.len() >= JOINED_BYTES || !self.tap.has_more() {
                return (text.into(), goes_on);
            }
        }
    }

    fn write(&self, text: &mut String, told: Told) -> bool {
        let id = |seq: i64| format!("{}:{seq}", self.epoch);
        match told {
            Told::Pulse => text.push_str(":\n\n"),
            Told::Event { seq, json } => put(text, seq.map(id).as_deref(), &json),
            Told::Live { seq, json } => put(text, Some(&id(seq)), &json),
            Told::Notice { retry_after_ms, json } => {
                if let Some(retry) = retry_after_ms {
                    let _ = writeln!(text, "retry: {retry}");
                }
                put(text, None, &json);
            }
            Told::End { code, reason, json } => {
                if let Some(json) = json {
                    put(text, None, &json);
                }
                let end = serde_json::json!({"code": code, "reason": reason});
                let _ = write!(text, "event: end\ndata: {end}\n\n");
                return false;
            }
        }
        true
    }
}

/// One event; JSON as we write it has no line break.
fn put(text: &mut String, id: Option<&str>, json: &[u8]) {
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "data: {}\n\n", String::from_utf8_lossy(json));
}
