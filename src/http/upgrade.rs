//! The WebSocket upgrade: who asks, for what, and may they. Whatever can be refused after the
//! handshake is: 101, then a close frame that a browser sees.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use log::{Level, log};

use crate::actors::authenticate::Credential;
use crate::actors::echo::Echo;
use crate::actors::recorder::Ticket;
use crate::actors::session::{Opening, Start};
use crate::actors::throttle::Place;
use crate::auth::identity::{Carrier, Identity};
use crate::clock;
use crate::http::cookies;
use crate::http::extract;
use crate::http::handshake::{self, Rejected, SUBPROTOCOL, Switching};
use crate::http::paths::{PATHS, PathRow, Serves};
use crate::http::peer;
use crate::http::state::State;
use crate::metrics;
use crate::models::attempt::{Attempt, Outcome, Stage};
use crate::protocol::close::Close;
use crate::protocol::refusal::{Code, Refusal};

/// What to open on the raw stream once the 101 is written.
pub enum Open {
    Session(Box<Opening>),
    Echo { message_bytes: usize },
}

/// What came of an upgrade.
pub enum Answer {
    /// The head of the 101, and what to open behind it.
    Switch(Bytes, Open),
    /// Plain HTTP instead.
    Refuse(HttpResponse),
}

/// Registers every socket path, for requests that are no upgrades; those never reach the App.
pub fn configure(cfg: &mut web::ServiceConfig, echo: bool) {
    for row in PATHS {
        if !matches!(row.serves, Serves::Echo(_)) || echo {
            cfg.route(row.route, web::route().to(plain));
        }
    }
}

async fn plain(request: HttpRequest) -> HttpResponse {
    let rejected = handshake::check(request.head()).err().unwrap_or_else(|| {
        let rule = "websocket, alone and without a body";
        let refusal = Refusal::field("Upgrade", rule);
        Rejected { status: StatusCode::UPGRADE_REQUIRED, refusal }
    });
    rejected.response()
}

/// A decided upgrade.
struct Decided {
    who: Option<Arc<Identity>>,
    start: Start,
    has_place: bool,
}

/// An upgrade request for a socket path.
struct Asked<'a> {
    head: &'a RequestHead,
    address: IpAddr,
    row: &'static PathRow,
    /// What the path has for `{key}`.
    key: &'a str,
}

/// Answers an upgrade request for the path of `row`.
pub async fn answer(head: &RequestHead, state: &State, row: &'static PathRow, key: &str) -> Answer {
    let accept_key = match handshake::check(head) {
        Ok(accept_key) => accept_key,
        Err(rejected) => return Answer::Refuse(rejected.response()),
    };
    if let Serves::Echo(limit) = row.serves {
        let message_bytes = limit.unwrap_or(state.house.settings.ws_message_bytes);
        let (_, native) = handshake::offered(head.headers());
        return switch(accept_key, native, Open::Echo { message_bytes });
    }
    let asked = Asked { head, address: peer::address_of(head, &state.config), row, key };
    let (shown, native) = credential(head);
    if let Err(rejected) = admit(&asked, state, shown.as_ref()) {
        let attempt = attempt(&asked, None, Stage::PreHandshake);
        let code = i32::from(rejected.status.as_u16());
        record(state, attempt, Err((Some(code), rejected.refusal.message.to_string())));
        return Answer::Refuse(rejected.response());
    }
    let decided = decide(&asked, state, shown).await;
    let ticket = note(&asked, state, &decided);
    let Decided { who, start, has_place } = decided;
    let place = has_place.then(|| {
        let user = who.as_ref().map(|who| who.user);
        Place::new(Arc::clone(&state.house), asked.address, user)
    });
    let (route, address) = (row.route, asked.address);
    let opening = Opening { route, who, start, address, attempt: ticket, place };
    switch(accept_key, native, Open::Session(Box::new(opening)))
}

/// The credential an upgrade shows (the header beats the subprotocol, that the query, and all of
/// them the cookie), and whether our subprotocol was offered.
fn credential(head: &RequestHead) -> (Option<Credential>, bool) {
    let (bearer, native) = handshake::offered(head.headers());
    let shown = extract::authorization(head.headers())
        .or_else(|| bearer.map(Credential::Token))
        .or_else(|| query_token(head.uri.query()?).map(Credential::Token))
        .or_else(|| cookies::session_of(head.headers()).map(Credential::Cookie));
    (shown, native)
}

fn query_token(query: &str) -> Option<String> {
    // Most tokens are all there is in the query, and hold nothing that is escaped.
    if let Some(token) = query.strip_prefix("token=")
        && !token.contains(['&', '%', '+'])
    {
        return Some(token.to_owned());
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).ok()?.into_inner();
    pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token)
}

/// What is refused before the upgrade: a foreign Origin, and everyone while draining or full.
fn admit(asked: &Asked<'_>, state: &State, shown: Option<&Credential>) -> Result<(), Rejected> {
    let has_cookie = matches!(shown, Some(Credential::Cookie(_)));
    let has_token = matches!(shown, Some(Credential::Token(_)));
    let headers = asked.head.headers();
    handshake::check_origin(headers, &state.config, has_token, has_cookie)?;
    let draining = state.house.draining.load(std::sync::atomic::Ordering::Relaxed);
    if draining || state.house.throttles.is_full() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Rejected { status, refusal: Refusal::unavailable(2_000) });
    }
    Ok(())
}

async fn decide(asked: &Asked<'_>, state: &State, credential: Option<Credential>) -> Decided {
    let (row, address) = (asked.row, asked.address);
    let refuse = |who, close: Close, refusal: Refusal| {
        let delay = state.house.throttles.refusal_delay(address);
        let reason = refusal.message.to_string();
        let start = Start::Refused { close, reason, refusal, delay };
        Decided { who, start, has_place: false }
    };
    if let Err(refusal) = state.house.throttles.connect(address) {
        return refuse(None, Close::TooMany, refusal);
    }
    let Some(credential) = credential else {
        let refusal = Refusal::not_authenticated("sign in first: no credential was shown");
        return refuse(None, Close::NotAuthorized, refusal);
    };
    let who = match state.house.authenticator.identify(&credential).await {
        Ok(who) => who,
        Err(refusal) => {
            let close = match refusal.code {
                Code::NotAuthenticated => Close::NotAuthorized,
                Code::Unavailable => Close::Overloaded,
                _ => Close::InternalFault,
            };
            metrics::auth_failed("credential");
            return refuse(None, close, refusal);
        }
    };
    if let Carrier::Service(_) = who.carrier {
        let refusal = Refusal::forbidden("a service token opens no socket");
        return refuse(Some(who), Close::NotAuthorized, refusal);
    }
    if !row.roles.is_empty() && !row.roles.contains(&who.role) {
        let wanted: Vec<&str> = row.roles.iter().map(|role| role.as_str()).collect();
        let message = format!("role {} is not allowed here: {}", who.role, wanted.join(" or "));
        return refuse(Some(who), Close::NotAuthorized, Refusal::forbidden(message));
    }
    let lone = match row.serves {
        Serves::Lone(topic) => match topic(asked.key, &who) {
            Ok(topic) => Some(topic),
            Err(close) => {
                let refusal = Refusal::field("path", "a topic that is well-formed");
                return refuse(Some(who), close, refusal);
            }
        },
        _ => None,
    };
    if let Err(refusal) = state.house.throttles.enter(address, Some(who.user)) {
        return refuse(Some(who), Close::TooMany, refusal);
    }
    Decided { who: Some(who), start: Start::Native { lone }, has_place: true }
}

fn attempt(asked: &Asked<'_>, who: Option<&Identity>, stage: Stage) -> Attempt {
    Attempt {
        client_ip: Some(asked.address.to_string()),
        user_agent: peer::agent_of(asked.head),
        path: path_of(asked.head),
        user: who.map(|who| who.user),
        username: who.map(|who| who.username.to_string()).unwrap_or_default(),
        role: who.map(|who| who.role.to_string()).unwrap_or_default(),
        stage,
        outcome: Outcome::Accepted,
        close_code: None,
        reason: String::new(),
        started_at: clock::now_naive(),
        ended_at: None,
        duration_ms: None,
    }
}

/// The path as documents write it, with its closing slash and nothing of its query.
fn path_of(head: &RequestHead) -> String {
    let path = head.uri.path().trim_end_matches('/');
    let end = path.char_indices().nth(254).map_or(path.len(), |(end, _)| end);
    let mut kept = String::with_capacity(end + 1);
    kept.push_str(&path[..end]);
    kept.push('/');
    kept
}

/// Records and logs one attempt: one line and one row each.
fn record(
    state: &State,
    mut attempt: Attempt,
    outcome: Result<(), (Option<i32>, String)>,
) -> Option<Ticket> {
    let level = if outcome.is_ok() { Level::Info } else { Level::Warn };
    let (user, role) = match attempt.username.as_str() {
        "" => ("-", "-"),
        name => (name, attempt.role.as_str()),
    };
    let (said, code, reason) = match &outcome {
        Ok(()) => ("accepted", None, ""),
        Err((code, reason)) => ("refused", *code, reason.as_str()),
    };
    log!(
        target: "switchboard::attempts", level,
        user, authenticated = attempt.user.is_some(), role, path = attempt.path.as_str(),
        outcome = said, code = code.unwrap_or(0), reason,
        address = attempt.client_ip.as_deref().unwrap_or("-");
        "websocket connection attempt"
    );
    if let Err((code, reason)) = outcome {
        attempt.outcome = Outcome::Refused;
        attempt.close_code = code;
        attempt.reason = reason;
        if attempt.stage == Stage::PreHandshake {
            attempt.ended_at = Some(attempt.started_at);
            attempt.duration_ms = Some(0);
        }
    }
    state.house.recorder.attempted(attempt)
}

fn note(asked: &Asked<'_>, state: &State, decided: &Decided) -> Option<Ticket> {
    let stage = match decided.start {
        Start::Native { .. } => Stage::Connected,
        Start::Refused { .. } => Stage::Handshake,
    };
    let attempt = attempt(asked, decided.who.as_deref(), stage);
    match &decided.start {
        Start::Native { .. } => record(state, attempt, Ok(())),
        Start::Refused { close, reason, .. } => {
            record(state, attempt, Err((Some(i32::from(close.code())), reason.clone())))
        }
    }
}

/// The 101 itself, with what to open behind it.
fn switch(accept_key: &str, native: bool, open: Open) -> Answer {
    let protocol = native.then_some(SUBPROTOCOL);
    Answer::Switch(handshake::switching(accept_key, Switching { protocol }), open)
}

/// How long an upgrade's handler may take before the answer is 503.
pub const HANDLER_PATIENCE: Duration = Duration::from_secs(10);

/// Opens an echo on a raw stream; sessions are opened by the server, which knows the worker.
pub fn open_echo(
    outbox: std::rc::Rc<crate::socket::outbox::Outbox>,
    first_bytes: bytes::BytesMut,
    message_bytes: usize,
) {
    Echo::open(outbox, first_bytes, message_bytes);
}
