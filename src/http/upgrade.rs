//! The WebSocket upgrade: who asks, for what, and may they. Whatever can be refused after the
//! handshake is: 101, then a close frame that a browser sees.

use std::cell::RefCell;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use log::{Level, log};

use crate::actors::authenticate::Credential;
use crate::actors::echo::Echo;
use crate::actors::recorder::Ticket;
use crate::actors::session::{Opening, Start};
use crate::actors::throttle::Place;
use crate::auth::identity::{Carrier, Identity};
use crate::clock;
use crate::http::cookies;
use crate::http::handshake::{self, Rejected, SUBPROTOCOL};
use crate::http::paths::{PATHS, PathRow, Serves};
use crate::http::peer;
use crate::http::state::State;
use crate::metrics;
use crate::models::attempt::{Attempt, Outcome, Stage};
use crate::protocol::close::Close;
use crate::protocol::refusal::{Code, Refusal};

/// Marks a request that came by the upgrade service, which alone can serve a 101.
#[derive(Debug, Clone, Copy)]
pub struct Raw;

/// What to open on the raw stream once the 101 is written; travels in the response's extensions.
pub enum Open {
    Session(Box<Opening>),
    Echo { message_bytes: usize },
}

/// Carries [`Open`] through extensions, which hand out shared references only.
pub struct Handed(pub RefCell<Option<Open>>);

/// Registers every socket path.
pub fn configure(cfg: &mut web::ServiceConfig, echo: bool) {
    for row in PATHS {
        if matches!(row.serves, Serves::Echo(_)) && !echo {
            continue;
        }
        let serve = move |request: HttpRequest, state: web::Data<State>| async move {
            socket(&request, &state, row).await
        };
        cfg.route(row.route, web::route().to(serve));
    }
}

/// A decided upgrade.
struct Decided {
    who: Option<std::sync::Arc<Identity>>,
    start: Start,
    has_place: bool,
}

async fn socket(request: &HttpRequest, state: &State, row: &'static PathRow) -> HttpResponse {
    if let Err(rejected) = handshake::check(request) {
        return rejected.response();
    }
    if !request.extensions().contains::<Raw>() {
        let rule = "websocket, alone and without a body";
        let refusal = Refusal::field("Upgrade", rule);
        return Rejected { status: StatusCode::UPGRADE_REQUIRED, refusal }.response();
    }
    if let Serves::Echo(limit) = row.serves {
        let ordinary = state.house.settings.ws_message_bytes;
        let message_bytes = limit.unwrap_or(ordinary);
        return switch(request, Open::Echo { message_bytes });
    }
    let (credential, is_token) = credential(request);
    if let Err(rejected) = admit(request, state, credential.is_some(), is_token) {
        let attempt = attempt(request, state, None, Stage::PreHandshake);
        let code = i32::from(rejected.status.as_u16());
        record(state, attempt, Err((Some(code), rejected.refusal.message.to_string())));
        return rejected.response();
    }
    let decided = decide(request, state, row, credential).await;
    let address = peer::client_address(request, &state.config);
    let ticket = note(request, state, &decided);
    let place = decided.has_place.then(|| {
        let user = decided.who.as_ref().map(|who| who.user);
        Place::new(std::sync::Arc::clone(&state.house), address, user)
    });
    let Decided { who, start, .. } = decided;
    let route = row.route;
    let opening = Opening { route, who, start, address, attempt: ticket, place };
    switch(request, Open::Session(Box::new(opening)))
}

/// The credential an upgrade shows, and whether it is a token: the header beats the subprotocol,
/// that the query, and all of them the cookie.
fn credential(request: &HttpRequest) -> (Option<Credential>, bool) {
    if request.headers().contains_key(actix_web::http::header::AUTHORIZATION) {
        return (crate::http::extract::credential(request), true);
    }
    if let (Some(token), _) = handshake::offered(request.headers()) {
        return (Some(Credential::Token(token)), true);
    }
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let token = query.ok().and_then(|query| {
        query.into_inner().into_iter().find(|(name, _)| name == "token").map(|(_, token)| token)
    });
    if let Some(token) = token {
        return (Some(Credential::Token(token)), true);
    }
    let cookie = request.cookie(cookies::SESSION);
    (cookie.map(|cookie| Credential::Cookie(cookie.value().to_owned())), false)
}

/// What is refused before the upgrade: a foreign Origin, and everyone while draining or full.
fn admit(
    request: &HttpRequest,
    state: &State,
    has_credential: bool,
    is_token: bool,
) -> Result<(), Rejected> {
    let has_cookie = has_credential && !is_token;
    handshake::check_origin(request, &state.config, is_token, has_cookie)?;
    let draining = state.house.draining.load(std::sync::atomic::Ordering::Relaxed);
    if draining || state.house.throttles.is_full() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Rejected { status, refusal: Refusal::unavailable(2_000) });
    }
    Ok(())
}

async fn decide(
    request: &HttpRequest,
    state: &State,
    row: &'static PathRow,
    credential: Option<Credential>,
) -> Decided {
    let address = peer::client_address(request, &state.config);
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
        Serves::Lone(topic) => {
            match topic(request.match_info().get("key").unwrap_or_default(), &who) {
                Ok(topic) => Some(topic),
                Err(close) => {
                    let refusal = Refusal::field("path", "a topic that is well-formed");
                    return refuse(Some(who), close, refusal);
                }
            }
        }
        _ => None,
    };
    if let Err(refusal) = state.house.throttles.enter(address, Some(who.user)) {
        return refuse(Some(who), Close::TooMany, refusal);
    }
    Decided { who: Some(who), start: Start::Native { lone }, has_place: true }
}

fn attempt(request: &HttpRequest, state: &State, who: Option<&Identity>, stage: Stage) -> Attempt {
    Attempt {
        client_ip: Some(peer::client_address(request, &state.config).to_string()),
        user_agent: peer::user_agent(request),
        path: path_of(request),
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

/// The path as documents write it, with its closing slash, which routing takes away.
fn path_of(request: &HttpRequest) -> String {
    let path: String = request.path().trim_end_matches('/').chars().take(254).collect();
    path + "/"
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

fn note(request: &HttpRequest, state: &State, decided: &Decided) -> Option<Ticket> {
    let stage = match decided.start {
        Start::Native { .. } => Stage::Connected,
        Start::Refused { .. } => Stage::Handshake,
    };
    let attempt = attempt(request, state, decided.who.as_deref(), stage);
    match &decided.start {
        Start::Native { .. } => record(state, attempt, Ok(())),
        Start::Refused { close, reason, .. } => {
            record(state, attempt, Err((Some(i32::from(close.code())), reason.clone())))
        }
    }
}

/// The 101 itself, with what to open in its extensions.
fn switch(request: &HttpRequest, open: Open) -> HttpResponse {
    match ws::handshake_with_protocols(request, &[SUBPROTOCOL]) {
        Ok(mut builder) => {
            let mut response = builder.finish();
            response.head_mut().no_chunking(true);
            response.extensions_mut().insert(Handed(RefCell::new(Some(open))));
            response
        }
        Err(_) => {
            let refusal = Refusal::field("handshake", "as RFC 6455 section 4.2.1 says");
            Rejected { status: StatusCode::BAD_REQUEST, refusal }.response()
        }
    }
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
