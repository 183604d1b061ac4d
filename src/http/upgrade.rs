//! The WebSocket upgrade: who asks, for what, and may they. Whatever can be refused after the
//! handshake is: 101, then a close frame that a browser sees.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use log::{Level, log};

use crate::actors::authenticate::Credential;
use crate::actors::echo::Echo;
use crate::actors::lobby;
use crate::actors::recorder::Ticket;
use crate::actors::session::{Opening, Start};
use crate::actors::throttle::Place;
use crate::auth::identity::Identity;
use crate::clock;
use crate::http::classroom::general;
use crate::http::cookies;
use crate::http::handshake::{self, Rejected, SUBPROTOCOL};
use crate::http::paths::{Admits, Choice, PATHS, PathRow, Serves, Shown};
use crate::http::peer;
use crate::http::state::State;
use crate::layer::contract::Manner;
use crate::metrics;
use crate::models::attempt::{Attempt, Outcome, Stage};
use crate::protocol::close::Close;
use crate::protocol::dialect::table::DialectKind;
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
pub fn configure(cfg: &mut web::ServiceConfig, has_echo: bool, has_lobby: bool) {
    for row in PATHS {
        let is_there = row.choices.iter().all(|choice| match choice.serves {
            Serves::Echo(_) => has_echo,
            Serves::Dialect(DialectKind::Lobby, _) => has_lobby,
            _ => true,
        });
        if !is_there {
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
    who: Option<Arc<Identity>>,
    start: Start,
    has_place: bool,
}

/// What is asked, and how the path's table answers who asks like this.
struct Asked<'a> {
    request: &'a HttpRequest,
    state: &'a State,
    choice: &'static Choice,
    credential: Option<Credential>,
    shown: Shown,
    address: IpAddr,
}

async fn socket(request: &HttpRequest, state: &State, row: &'static PathRow) -> HttpResponse {
    if let Err(rejected) = handshake::check(request) {
        return opened_to_pages(rejected.response(), row);
    }
    if !request.extensions().contains::<Raw>() {
        let rule = "websocket, alone and without a body";
        let refusal = Refusal::field("Upgrade", rule);
        return Rejected { status: StatusCode::UPGRADE_REQUIRED, refusal }.response();
    }
    let (credential, shown) = credential(request);
    let choice = row.choice(shown);
    if let Serves::Echo(limit) = choice.serves {
        let ordinary = state.house.settings.ws_message_bytes;
        let message_bytes = limit.unwrap_or(ordinary);
        return switch(request, Open::Echo { message_bytes });
    }
    let address = peer::client_address(request, &state.config);
    let asked = Asked { request, state, choice, credential, shown, address };
    if let Err(rejected) = asked.admit() {
        let attempt = attempt(request, state, None, Stage::PreHandshake);
        let code = i32::from(rejected.status.as_u16());
        record(state, attempt, Err((Some(code), rejected.refusal.message.to_string())));
        return opened_to_pages(rejected.response(), row);
    }
    let decided = asked.decide().await;
    let ticket = note(request, state, &decided);
    let place = decided.has_place.then(|| {
        let user = decided.who.as_ref().map(|who| who.user);
        Place::new(Arc::clone(&state.house), address, user)
    });
    let Decided { who, start, .. } = decided;
    let route = row.route;
    let dialect = match choice.serves {
        Serves::Dialect(dialect, _) => Some(dialect),
        _ => None,
    };
    let manner = Manner { dialect };
    let opening = Opening { route, who, manner, start, attempt: ticket, place };
    switch(request, Open::Session(Box::new(opening)))
}

/// Lets any page read why there is no socket, where nothing hangs on who asks.
fn opened_to_pages(mut response: HttpResponse, row: &PathRow) -> HttpResponse {
    if row.choices.iter().all(|choice| choice.admits == Admits::Nobody) {
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

/// The credential an upgrade shows, and by what: the header beats the subprotocol, that the query,
/// and all of them the cookie.
fn credential(request: &HttpRequest) -> (Option<Credential>, Shown) {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return (crate::http::extract::credential(request), Shown::Header);
    }
    if let (Some(token), _) = handshake::offered(request.headers()) {
        return (Some(Credential::Token(token)), Shown::Subprotocol);
    }
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let token = query.ok().and_then(|query| {
        query.into_inner().into_iter().find(|(name, _)| name == "token").map(|(_, token)| token)
    });
    if let Some(token) = token {
        let shown = if token.contains('.') { Shown::QueryJwt } else { Shown::QueryOpaque };
        return (Some(Credential::Token(token)), shown);
    }
    match request.cookie(cookies::SESSION) {
        Some(cookie) => (Some(Credential::Cookie(cookie.value().to_owned())), Shown::Cookie),
        None => (None, Shown::Nothing),
    }
}

impl Asked<'_> {
    /// What is refused before the upgrade: a foreign Origin, and everyone while draining or full.
    fn admit(&self) -> Result<(), Rejected> {
        let shown = match self.choice.admits {
            Admits::Nobody => Shown::Nothing,
            _ => self.shown,
        };
        handshake::check_origin(self.request, &self.state.config, shown, self.choice.origins)?;
        let house = &self.state.house;
        if house.draining.load(Ordering::Relaxed) || house.throttles.is_full() {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Rejected { status, refusal: Refusal::unavailable(2_000) });
        }
        Ok(())
    }

    fn refuse(&self, who: Option<Arc<Identity>>, close: Close, refusal: Refusal) -> Decided {
        let delay = self.state.house.throttles.refusal_delay(self.address);
        let reason = refusal.message.to_string();
        let start = Start::Refused { close, reason, refusal, delay };
        Decided { who, start, has_place: false }
    }

    async fn decide(&self) -> Decided {
        let house = &self.state.house;
        if let Err(refusal) = house.throttles.connect(self.address) {
            return self.refuse(None, Close::TooMany, refusal);
        }
        let who = match self.identify().await {
            Ok(who) => who,
            Err((close, refusal)) => return self.refuse(None, close, refusal),
        };
        let nobody = Identity::nobody();
        let subject = who.as_ref().unwrap_or(&nobody);
        let roles = self.choice.roles;
        if !roles.is_empty() && !roles.contains(&subject.role) {
            let wanted: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let role = subject.role;
            let message = format!("role {role} is not allowed here: {}", wanted.join(" or "));
            return self.refuse(who, Close::NotAuthorized, Refusal::forbidden(message));
        }
        let key = self.request.match_info().get("key").unwrap_or_default();
        let topics = match self.choice.serves {
            Serves::Lone(topic) => topic(key, subject).map(|topic| vec![topic]),
            Serves::Dialect(_, topics) => topics(key, subject),
            Serves::Native | Serves::Echo(_) => Ok(Vec::new()),
        };
        let topics = match topics {
            Ok(topics) => topics,
            Err(close) => {
                let refusal = Refusal::field("path", "a topic that is well-formed");
                return self.refuse(who, close, refusal);
            }
        };
        // Rooms that everyone expects are made for the first who comes.
        let ready = match self.choice.serves {
            Serves::Dialect(DialectKind::Lobby, _) => lobby::ensure(house).await,
            Serves::Dialect(DialectKind::ClassroomGeneral, _) => general::ensure(self.state).await,
            _ => Ok(()),
        };
        if let Err(refusal) = ready {
            return self.refuse(who, Close::Overloaded, refusal);
        }
        if let Err(refusal) = house.throttles.enter(self.address, who.as_ref().map(|who| who.user))
        {
            return self.refuse(who, Close::TooMany, refusal);
        }
        Decided { who, start: Start::Served { topics }, has_place: true }
    }

    /// Who asks; nobody where nobody needs to be known.
    async fn identify(&self) -> Result<Option<Arc<Identity>>, (Close, Refusal)> {
        let credential = match (self.choice.admits, &self.credential) {
            (Admits::Nobody, _) | (Admits::Anyone, None) => return Ok(None),
            (Admits::SignedIn, None) => {
                let refusal = Refusal::not_authenticated("sign in first: no credential was shown");
                return Err((Close::NotAuthorized, refusal));
            }
            (_, Some(credential)) => credential,
        };
        match self.state.house.authenticator.identify(credential).await {
            Ok(who) => Ok(Some(who)),
            Err(refusal) => {
                let close = match refusal.code {
                    Code::NotAuthenticated if self.choice.admits == Admits::Anyone => {
                        return Ok(None);
                    }
                    Code::NotAuthenticated => Close::NotAuthorized,
                    Code::Unavailable => Close::Overloaded,
                    _ => Close::InternalFault,
                };
                metrics::auth_failed("credential");
                Err((close, refusal))
            }
        }
    }
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
        Start::Served { .. } => Stage::Connected,
        Start::Refused { .. } => Stage::Handshake,
    };
    let attempt = attempt(request, state, decided.who.as_deref(), stage);
    match &decided.start {
        Start::Served { .. } => record(state, attempt, Ok(())),
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
