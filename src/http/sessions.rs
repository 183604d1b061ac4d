//! One's own sign-ins over REST: see them, end them; and the sliding of the one in use.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDateTime, TimeDelta};
use log::warn;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::identity::{Carrier, Identity};
use crate::auth::secret;
use crate::clock;
use crate::http::cookies;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::Caller;
use crate::http::sign_in;
use crate::http::state::State;
use crate::ids::LoginId;
use crate::layer::contract::Whom;
use crate::models::login::{self, Login};
use crate::models::store::DbConn;
use crate::protocol::refusal::Refusal;

/// How often at most the use of a sign-in is written down.
const TOUCH_EVERY: TimeDelta = TimeDelta::seconds(60);

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/auth/sessions")
            .route(web::get().to(list))
            .route(web::delete().to(end_others)),
    )
    .route("/api/v1/auth/sessions/{id}", web::delete().to(end));
}

/// A sign-in, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    #[schema(value_type = String)]
    pub id: LoginId,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    /// When it was last used, to the minute.
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: NaiveDateTime,
    pub address: String,
    pub agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// One's own sign-ins.
#[derive(Serialize, ToSchema)]
pub struct SessionsAnswer {
    pub sessions: Vec<SessionView>,
}

fn view(login: Login, current: Option<LoginId>) -> SessionView {
    SessionView {
        id: login.id,
        created_at: login.created_at,
        seen_at: login.seen_at,
        address: login.client_ip,
        agent: login.user_agent,
        current: current == Some(login.id),
    }
}

/// Whether anything of a sign-in can still be used: its cookie, or its refresh tokens.
fn is_open(login: &Login, now: NaiveDateTime) -> bool {
    login.revoked_at.is_none() && now < login.ends_at
}

/// One's own live sign-ins, newest first.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "sessions",
    responses((status = 200, body = SessionsAnswer), (status = 401, body = ErrorBody)))]
pub async fn list(state: web::Data<State>, who: Caller) -> Answered<web::Json<SessionsAnswer>> {
    let id = who.user;
    let mut logins = state.house.lane.read(move |conn| Ok(login::of_user(conn, id)?)).await?;
    let now = clock::now_naive();
    logins.retain(|login| is_open(login, now));
    let sessions = logins.into_iter().map(|login| view(login, who.login)).collect();
    Ok(web::Json(SessionsAnswer { sessions }))
}

/// Ends one of one's own sign-ins and closes its sockets.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "sessions",
    params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn end(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Answered<HttpResponse> {
    let id: LoginId = path.parse().map_err(|_| Refusal::not_found())?;
    let found = state.house.lane.read(move |conn| Ok(login::by_id(conn, id)?)).await?;
    if found.is_none_or(|(login, _)| login.user_id != who.user) {
        return Err(Refusal::not_found().into());
    }
    sign_in::revoke_login(&state, id).await?;
    let mut response = HttpResponse::NoContent();
    if who.login == Some(id) {
        for cookie in cookies::cleared(&request, &state.config) {
            response.cookie(cookie);
        }
    }
    Ok(response.finish())
}

/// Ends all of one's own sign-ins but the one that asks.
#[utoipa::path(delete, path = "/api/v1/auth/sessions", tag = "sessions",
    responses((status = 204), (status = 401, body = ErrorBody)))]
pub async fn end_others(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    let (id, kept) = (who.user, who.login);
    let write = move |conn: &mut DbConn| Ok(login::revoke_all(conn, id, kept, clock::now_naive())?);
    state.house.lane.write(write).await?;
    let whom = kept.map_or(Whom::User(id), |login| Whom::UserExcept(id, login));
    state.house.revoke(whom, Refusal::not_authenticated("signed out"));
    Ok(HttpResponse::NoContent().finish())
}

/// Where the sliding end of a cookie's sign-in belongs now; `None` while it was used just now.
fn slid(login: &Login, now: NaiveDateTime, state: &State) -> Option<NaiveDateTime> {
    if now - login.seen_at < TOUCH_EVERY || !login.is_live(now) {
        return None;
    }
    let latest = sign_in::later(login.created_at, state.config.cookie_max_ttl);
    Some(sign_in::later(now, state.config.cookie_ttl).min(latest))
}

/// Slides the sign-in of a cookie that was used, at most once a minute. Returns whether it moved;
/// a fault is logged and costs nothing, for the sign-in is good until its end.
pub async fn slide(state: &State, who: &Identity) -> bool {
    let (Carrier::Cookie, Some(id), Some(ends)) = (who.carrier, who.login, who.expires_at) else {
        return false;
    };
    let fresh = sign_in::later(clock::now_naive(), state.config.cookie_ttl) - TOUCH_EVERY;
    if ends > fresh {
        return false;
    }
    let found = state.house.lane.read(move |conn| Ok(login::by_id(conn, id)?)).await;
    let moved = match found {
        Ok(Some((login, _))) => slid(&login, clock::now_naive(), state),
        Ok(None) => None,
        Err(refusal) => {
            warn!("a session could not be read cause={refusal}");
            None
        }
    };
    let Some(expires_at) = moved else { return false };
    let touch =
        move |conn: &mut DbConn| Ok(login::touch(conn, id, clock::now_naive(), expires_at)?);
    if let Err(refusal) = state.house.lane.write(touch).await {
        warn!("a session could not be extended cause={refusal}");
        return false;
    }
    state.house.authenticator.forget(Whom::Login(id));
    true
}

/// Cookies that the answer to a request must carry; travels in the request's extensions.
pub struct Renewed(pub Vec<Cookie<'static>>);

/// Slides the sign-in in use and gives the cookies that the browser needs for it: the session's
/// when it moved, the CSRF token when there is none.
pub async fn renewed_cookies(
    state: &State,
    request: &HttpRequest,
    who: &Identity,
) -> Vec<Cookie<'static>> {
    let mut renewed = Vec::new();
    if who.carrier != Carrier::Cookie {
        return renewed;
    }
    if slide(state, who).await
        && let Some(cookie) = request.cookie(cookies::SESSION)
    {
        renewed.push(cookies::session(request, &state.config, cookie.value()));
    }
    if cookies::held_csrf(request).is_none() {
        renewed.push(cookies::csrf(request, &state.config, &secret::cookie_key()));
    }
    renewed
}
