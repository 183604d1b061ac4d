//! The older clients' sign-in at `/api/auth/`: one answer that holds what each of them reads.
//!
//! Their error shapes, not ours; every one keeps its own keys.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::{faces, people_reads};
use crate::auth::token::Issued;
use crate::http::cookies;
use crate::http::drf::{self, Fail};
use crate::http::extract::MaybeCaller;
use crate::http::messenger::{absolute, base};
use crate::http::renewal;
use crate::http::sign_in::{self, SignedIn};
use crate::http::state::State;
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::dialect::classroom::shapes as classroom;
use crate::protocol::dialect::messenger::shapes as messenger;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::refusal::{Code, Refusal};

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    configure_at(cfg, "/api/auth");
}

/// Registers them below another prefix.
pub fn configure_at(cfg: &mut web::ServiceConfig, prefix: &str) {
    cfg.route(&format!("{prefix}/login"), web::post().to(login))
        .route(&format!("{prefix}/logout"), web::post().to(logout))
        .route(&format!("{prefix}/token/refresh"), web::post().to(refresh))
        .route(&format!("{prefix}/refresh"), web::post().to(refresh_or_reissue));
}

/// A body that was read, JSON or a form, or why it was not.
type Body = Result<drf::Fields, Fail>;

/// The fields that any of these requests may have; others are ignored, as they always were.
struct Fields {
    username: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    refresh: Option<String>,
}

/// What the body says; `None` when it cannot be read.
fn fields(body: Body) -> Option<Fields> {
    let body = body.ok()?;
    let text = |name: &str| body.text(name).ok();
    Some(Fields {
        username: text("username")?,
        email: text("email")?,
        phone_number: text("phone_number")?,
        phone: text("phone")?,
        password: text("password")?,
        refresh: text("refresh")?,
    })
}

fn malformed() -> HttpResponse {
    let detail = "JSON or form parse error";
    HttpResponse::BadRequest().json(json!({"success": false, "error": detail, "detail": detail}))
}

/// A refusal that is nobody's wrong password: too many, too busy, not allowed, our fault.
fn plainly(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.code.row().http_status)
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    let mut detail = refusal.message.to_string();
    if let Some(wait_ms) = refusal.retry_after_ms {
        let seconds = wait_ms.div_ceil(1_000).max(1);
        response.insert_header((RETRY_AFTER, seconds));
        if refusal.code == Code::RateLimited {
            detail = format!("Request was throttled. Expected available in {seconds} seconds.");
        }
    }
    response.json(json!({"success": false, "error": detail, "detail": detail}))
}

/// The union of what the older clients read of themselves; ids are numbers to them.
async fn older_user(state: &State, request: &HttpRequest, user: User) -> Result<Value, Refusal> {
    let base = base(request, state);
    let read = state.house.lane.read(move |conn| {
        let mut face = faces::oneself(conn, &user)?;
        face.about.avatar = face.about.avatar.take().map(|path| absolute(&base, path));
        let kept = people_reads::settings(conn, user.id)?;
        let shares = people_reads::own(conn, user.id)?.privacy.show_read_receipts;
        Ok((face, messenger::settings(user.id, &kept, shares)))
    });
    let (face, settings) = read.await?;
    let mut shown = classroom::account(&face);
    if let Value::Object(fields) = messenger::user(&face, Some(settings)) {
        shown.extend(fields);
    }
    let more = json!({
        "avatar_url": face.about.avatar,
        "is_superuser": face.is_superuser,
        "is_available_for_dispatch": face.is_available,
        "last_login": face.last_login.map(zulu),
    });
    if let Value::Object(fields) = more {
        shown.extend(fields);
    }
    Ok(Value::Object(shown))
}

/// The answer to a sign-in, in which each of the older clients finds what it reads.
pub async fn welcome(
    state: &State,
    request: &HttpRequest,
    signed_in: SignedIn,
    status: StatusCode,
) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    for cookie in signed_in.cookies(request, &state.config) {
        response.cookie(cookie);
    }
    let SignedIn { user, opaque, access, refresh, .. } = signed_in;
    // Whoever signs in is here, with a socket or without.
    state.house.online.words.here(user.id);
    match older_user(state, request, user).await {
        Ok(user) => response.json(union(&user, (&opaque, &access, &refresh), "Login successful")),
        Err(refusal) => plainly(&refusal),
    }
}

fn union(user: &Value, issued: (&str, &Issued, &Issued), words: &str) -> Value {
    let (opaque, access, refresh) = issued;
    json!({
        "success": true,
        "data": {"token": opaque, "user": user, "message": words},
        "user": user,
        "access": access.token,
        "refresh": refresh.token,
    })
}

/// Signs in for the older clients. It needs no CSRF token, for it uses no cookie.
pub async fn login(state: web::Data<State>, request: HttpRequest, body: Body) -> HttpResponse {
    let Some(fields) = fields(body) else { return malformed() };
    let name = fields.username.or(fields.email).or(fields.phone_number).or(fields.phone);
    let Some(name) = name else {
        let rule = "Username or phone number is required.";
        return HttpResponse::BadRequest()
            .json(json!({"success": false, "error": rule, "non_field_errors": [rule]}));
    };
    let Some(password) = fields.password else {
        let rule = "This field is required.";
        return HttpResponse::BadRequest()
            .json(json!({"success": false, "error": rule, "password": [rule]}));
    };
    match sign_in::sign_in(&state, &request, &name, &password).await {
        Ok(signed_in) => welcome(&state, &request, signed_in, StatusCode::OK).await,
        Err(refusal) if refusal.code == Code::NotAuthenticated => {
            let rule = "Unable to log in with provided credentials.";
            HttpResponse::BadRequest()
                .json(json!({"success": false, "error": rule, "non_field_errors": [rule]}))
        }
        Err(refusal) => plainly(&refusal),
    }
}

/// Signs out by Bearer, Token, cookie or refresh token.
pub async fn logout(
    state: web::Data<State>,
    request: HttpRequest,
    MaybeCaller(who): MaybeCaller,
    body: Body,
) -> HttpResponse {
    let Some(fields) = fields(body) else { return malformed() };
    let refresh = fields.refresh.as_deref();
    match sign_in::sign_out(&state, &request, who.as_deref(), refresh).await {
        Ok(()) => {
            if let Some(who) = &who {
                state.house.online.words.forget(who.user);
            }
            let mut response = HttpResponse::Ok();
            for cookie in cookies::cleared(&request, &state.config) {
                response.cookie(cookie);
            }
            response.json(json!({"detail": "Successfully logged out.", "success": true}))
        }
        Err(refusal) if refusal.code == Code::NotAuthenticated && refresh.is_some() => {
            let detail = "Invalid token.";
            HttpResponse::BadRequest()
                .json(json!({"detail": detail, "success": false, "error": detail}))
        }
        Err(refusal) if refusal.code == Code::NotAuthenticated => {
            let detail = "Authentication credentials were not provided.";
            HttpResponse::Unauthorized()
                .json(json!({"detail": detail, "success": false, "error": detail}))
        }
        Err(refusal) => plainly(&refusal),
    }
}

/// Gets a new access token; the refresh token stays good, for these clients keep it.
pub async fn refresh(state: web::Data<State>, body: Body) -> HttpResponse {
    let Some(fields) = fields(body) else { return malformed() };
    match fields.refresh.filter(|token| !token.is_empty()) {
        Some(token) => renew(&state, &token).await,
        None => refresh_token_required(),
    }
}

fn refresh_token_required() -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"detail": "Refresh token required."}))
}

async fn renew(state: &State, token: &str) -> HttpResponse {
    match renewal::renew(state, token, false).await {
        Ok(renewed) => HttpResponse::Ok().json(json!({"access": renewed.access.token})),
        Err(refusal) if [Code::NotAuthenticated, Code::Conflict].contains(&refusal.code) => {
            let detail = "Token is invalid or expired";
            HttpResponse::Unauthorized().json(json!({"detail": detail, "code": "token_not_valid"}))
        }
        Err(refusal) => plainly(&refusal),
    }
}

/// The same by the path that two systems share: without a refresh token, whoever is signed in gets
/// new tokens in the answer of a sign-in. The old ones stay good until their end.
pub async fn refresh_or_reissue(
    state: web::Data<State>,
    request: HttpRequest,
    MaybeCaller(who): MaybeCaller,
    body: Body,
) -> HttpResponse {
    let Some(fields) = fields(body) else { return malformed() };
    if let Some(token) = fields.refresh.filter(|token| !token.is_empty()) {
        return renew(&state, &token).await;
    }
    let Some((who, login)) = who.and_then(|who| Some((who.user, who.login?))) else {
        return refresh_token_required();
    };
    let (tokens, ttl) = (Arc::clone(&state.tokens), state.config.refresh_ttl);
    let write = move |conn: &mut DbConn| {
        let user = user::by_id(conn, who)?.ok_or_else(Refusal::not_found)?;
        let issued = sign_in::issue(conn, &tokens, &user, login, ttl)?;
        Ok((user, issued))
    };
    let (user, issued) = match state.house.lane.write(write).await {
        Ok(reissued) => reissued,
        Err(refusal) => return plainly(&refusal),
    };
    match older_user(&state, &request, user).await {
        Ok(user) => {
            let tokens = (issued.opaque.as_str(), &issued.access, &issued.refresh);
            HttpResponse::Ok().json(union(&user, tokens, "Token refreshed"))
        }
        Err(refusal) => plainly(&refusal),
    }
}
