//! The WebSocket upgrade: who asks, for what, and may they. Whatever can be refused after the
//! handshake is: 101, then a close frame that a browser sees.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use log::{Level, log};

use crate::actors::authenticate::Credential;
use crate::actors::lobby;
use crate::actors::recorder::Ticket;
use crate::actors::session::{Opening, Start};
use crate::actors::throttle::Place;
use crate::auth::identity::{Carrier, Identity};
use crate::clock;
use crate::http::classroom::general;
use crate::http::cookies;
use crate::http::extensions::{self, Taken};
use crate::http::extract;
use crate::http::handshake::{self, Rejected, SUBPROTOCOL, Switching};
use crate::http::paths::{self, Admits, Choice, PathRow, Serves, Shown};
use crate::http::peer;
use crate::http::state::State;
use crate::layer::contract::Manner;
use crate::metrics;
use crate::models::attempt::{Attempt, Outcome, Stage};
use crate::protocol::close::Close;
use crate::protocol::dialect::table::DialectKind;
use crate::protocol::refusal::{Code, Refusal};
use crate::socket::deflate::Window;

/// What to open on the raw stream once the 101 is written.
pub enum Open {
    Session(Box<Opening>),
    Echo { message_bytes: usize, window: Option<Window> },
}

/// What came of an upgrade.
pub enum Answer {
    /// The head of the 101, and what to open behind it.
    Switch(Bytes, Open),
    /// Plain HTTP instead.
    Refuse(HttpResponse),
}

/// Registers every socket path, for requests that are no upgrades; those never reach the App.
pub fn configure(cfg: &mut web::ServiceConfig, has_echo: bool, has_lobby: bool) {
    for row in paths::served(has_echo, has_lobby) {
        let answer = move |request: HttpRequest| async move { plain(&request, row) };
        cfg.route(row.route, web::route().to(answer));
    }
}

fn plain(request: &HttpRequest, row: &PathRow) -> HttpResponse {
    let rejected = handshake::check(request.head()).err().unwrap_or_else(|| {
        let rule = "websocket, alone and without a body";
        let refusal = Refusal::field("Upgrade", rule);
        Rejected { status: StatusCode::UPGRADE_REQUIRED, refusal }
    });
    opened_to_pages(rejected.response(), row)
}

/// Lets any page read why there is no socket, where nothing hangs on who asks.
fn opened_to_pages(mut response: HttpResponse, row: &PathRow) -> HttpResponse {
    if row.choices.iter().all(|choice| choice.admits == Admits::Nobody) {
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

/// A decided upgrade.
struct Decided {
    who: Option<Arc<Identity>>,
    start: Start,
}

/// An upgrade request for a socket path.
struct Asked<'a> {
    head: &'a RequestHead,
    state: &'a State,
    address: IpAddr,
    choice: &'static Choice,
    shown: Shown,
    /// What the path has for `{key}`.
    key: &'a str,
}

/// Answers an upgrade request for the path of `row`.
pub async fn answer(head: &RequestHead, state: &State, row: &'static PathRow, key: &str) -> Answer {
    let accept_key = match handshake::check(head) {
        Ok(accept_key) => accept_key,
        Err(rejected) => return Answer::Refuse(opened_to_pages(rejected.response(), row)),
    };
    let deflate = match state.config.ws_deflate {
        true => extensions::choose(head.headers()),
        false => Ok(None),
    };
    let deflate = match deflate {
        Ok(deflate) => deflate,
        Err(rejected) => return Answer::Refuse(opened_to_pages(rejected.response(), row)),
    };
    let window = deflate.map(|taken| taken.window);
    let (credential, shown, native) = credential(head);
    let switching = Switching {
        protocol: native.then_some(SUBPROTOCOL),
        extension: deflate.map(Taken::answer),
    };
    let choice = row.choice(shown);
    if let Serves::Echo(limit) = choice.serves {
        let message_bytes = limit.unwrap_or(state.house.settings.ws_message_bytes);
        return switch(accept_key, switching, Open::Echo { message_bytes, window });
    }
    let address = peer::address_of(head, &state.config);
    let asked = Asked { head, state, address, choice, shown, key };
    if let Err(rejected) = asked.admit() {
        let attempt = attempt(&asked, None, Stage::PreHandshake);
        let code = i32::from(rejected.status.as_u16());
        record(state, attempt, Err((Some(code), rejected.refusal.message.to_string())));
        return Answer::Refuse(opened_to_pages(rejected.response(), row));
    }
    let decided = asked.decide(credential).await;
    let ticket = note(&asked, state, &decided);
    let Decided { who, start } = decided;
    // Who is served was counted in, and is counted out with the place.
    let place = matches!(start, Start::Served { .. }).then(|| {
        let user = who.as_ref().map(|who| who.user);
        Place::new(Arc::clone(&state.house), address, user)
    });
    let dialect = match choice.serves {
        Serves::Dialect(dialect, _) => Some(dialect),
        _ => None,
    };
    let (route, manner) = (row.route, Manner { dialect, window, ..Manner::default() });
    let opening = Opening { route, who, manner, start, attempt: ticket, place };
    switch(accept_key, switching, Open::Session(Box::new(opening)))
}

/// The credential an upgrade shows, by what (the header beats the subprotocol, that the query, and
/// all of them the cookie), and whether our subprotocol was offered.
fn credential(head: &RequestHead) -> (Option<Credential>, Shown, bool) {
    let (bearer, native) = handshake::offered(head.headers());
    let (credential, shown) = if let Some(header) = extract::authorization(head.headers()) {
        (Some(header), Shown::Header)
    } else if let Some(bearer) = bearer {
        (Some(Credential::Token(bearer)), Shown::Subprotocol)
    } else if let Some(token) = head.uri.query().and_then(query_token) {
        let shown = if token.contains('.') { Shown::QueryJwt } else { Shown::QueryOpaque };
        (Some(Credential::Token(token)), shown)
    } else if let Some(cookie) = cookies::session_of(head.headers()) {
        (Some(Credential::Cookie(cookie)), Shown::Cookie)
    } else {
        (None, Shown::Nothing)
    };
    (credential, shown, native)
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

impl Asked<'_> {
    /// What is refused before the upgrade: a foreign Origin, and everyone while draining or full.
    fn admit(&self) -> Result<(), Rejected> {
        let shown = match self.choice.admits {
            Admits::Nobody => Shown::Nothing,
            _ => self.shown,
        };
        let headers = self.head.headers();
        handshake::check_origin(headers, &self.state.config, shown, self.choice.origins)?;
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
        Decided { who, start }
    }

    async fn decide(&self, credential: Option<Credential>) -> Decided {
        let house = &self.state.house;
        if let Err(refusal) = house.throttles.connect(self.address) {
            return self.refuse(None, Close::TooMany, refusal);
        }
        let who = match self.identify(credential).await {
            Ok(who) => who,
            Err((close, refusal)) => return self.refuse(None, close, refusal),
        };
        if who.as_ref().is_some_and(|who| matches!(who.carrier, Carrier::Service(_))) {
            let refusal = Refusal::forbidden("a service token opens no socket");
            return self.refuse(who, Close::NotAuthorized, refusal);
        }
        let subject = who.clone().unwrap_or_else(Identity::nobody);
        let roles = self.choice.roles;
        if !roles.is_empty() && !roles.contains(&subject.role) {
            let wanted: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let role = subject.role;
            let message = format!("role {role} is not allowed here: {}", wanted.join(" or "));
            return self.refuse(who, Close::NotAuthorized, Refusal::forbidden(message));
        }
        let topics = match self.choice.serves {
            Serves::Lone(topic) => topic(self.key, &subject).map(|topic| vec![topic]),
            Serves::Dialect(_, topics) => topics(self.key, &subject),
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
        Decided { who, start: Start::Served { topics } }
    }

    /// Who asks; nobody where nobody needs to be known.
    async fn identify(
        &self,
        credential: Option<Credential>,
    ) -> Result<Option<Arc<Identity>>, (Close, Refusal)> {
        let credential = match (self.choice.admits, credential) {
            (Admits::Nobody, _) | (Admits::Anyone, None) => return Ok(None),
            (Admits::SignedIn, None) => {
                let refusal = Refusal::not_authenticated("sign in first: no credential was shown");
                return Err((Close::NotAuthorized, refusal));
            }
            (_, Some(credential)) => credential,
        };
        match self.state.house.authenticator.identify(&credential).await {
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
pub fn record(
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
        Start::Served { .. } => Stage::Connected,
        Start::Refused { .. } => Stage::Handshake,
    };
    let attempt = attempt(asked, decided.who.as_deref(), stage);
    match &decided.start {
        Start::Served { .. } => record(state, attempt, Ok(())),
        Start::Refused { close, reason, .. } => {
            record(state, attempt, Err((Some(i32::from(close.code())), reason.clone())))
        }
    }
}

/// The 101 itself, with what to open behind it.
fn switch(accept_key: &str, switching: Switching<'_>, open: Open) -> Answer {
    Answer::Switch(handshake::switching(accept_key, switching), open)
}

/// How long an upgrade's handler may take before the answer is 503.
pub const HANDLER_PATIENCE: Duration = Duration::from_secs(10);
