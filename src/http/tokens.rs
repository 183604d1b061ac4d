//! The older clients' sign-in at `/api/auth/`: one answer that holds what each of them reads.
//!
//! Their error shapes, not ours; every one keeps its own keys.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::identity::Role;
use crate::clock;
use crate::http::cookies;
use crate::http::extract::MaybeCaller;
use crate::http::renewal;
use crate::http::sign_in::{self, SignedIn};
use crate::http::state::State;
use crate::models::user::User;
use crate::protocol::refusal::{Code, Refusal};

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/auth/login", web::post().to(login))
        .route("/api/auth/logout", web::post().to(logout))
        .route("/api/auth/token/refresh", web::post().to(refresh))
        .route("/api/auth/refresh", web::post().to(refresh));
}

/// The fields that any of these requests may have; others are ignored, as they always were.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    username: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    refresh: Option<String>,
}

/// Reads JSON or a form; `None` when it is neither.
fn fields(request: &HttpRequest, bytes: &[u8]) -> Option<Fields> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = kind.is_some_and(|kind| {
        let media = kind.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if bytes.trim_ascii().is_empty() {
        return Some(Fields::default());
    }
    if !is_form {
        return serde_json::from_slice(bytes).ok();
    }
    // A form is written as a query string is.
    let text = std::str::from_utf8(bytes).ok()?;
    web::Query::<Fields>::from_query(text).ok().map(web::Query::into_inner)
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

fn role_display(role: Role) -> &'static str {
    match role {
        Role::Admin => "Administrator",
        Role::Dispatcher => "Dispatcher",
        Role::Paramedic => "Paramedic",
        Role::Member => "Member",
    }
}

/// The union of what the older clients read of a user; ids are numbers to them.
pub fn older_user(user: &User) -> Value {
    let full_name = format!("{} {}", user.first_name, user.last_name);
    let shown = if user.display_name.is_empty() { &user.username } else { &user.display_name };
    let is_staff = user.is_staff || user.role == Role::Admin;
    json!({
        "id": user.id.0,
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "full_name": full_name.trim(),
        "display_name": shown,
        "role": user.role.as_str(),
        "role_display": if user.title.is_empty() { role_display(user.role) } else { &user.title },
        "phone": user.phone.as_deref().unwrap_or_default(),
        "phone_number": user.phone,
        "avatar": null,
        "avatar_url": null,
        "is_verified": true,
        "is_online": true,
        "is_active": user.is_active,
        "is_staff": is_staff,
        "is_superuser": user.is_superuser,
        "is_available_for_dispatch": user.is_available,
        "date_joined": clock::rfc3339(user.date_joined),
        "last_login": user.last_login.map(clock::rfc3339),
    })
}

fn welcome(state: &State, request: &HttpRequest, signed_in: &SignedIn) -> HttpResponse {
    let user = older_user(&signed_in.user);
    let mut response = HttpResponse::Ok();
    for cookie in signed_in.cookies(request, &state.config) {
        response.cookie(cookie);
    }
    response.json(json!({
        "success": true,
        "data": {"token": signed_in.opaque, "user": user, "message": "Login successful"},
        "user": user,
        "access": signed_in.access.token,
        "refresh": signed_in.refresh.token,
    }))
}

/// Signs in for the older clients. It needs no CSRF token, for it uses no cookie.
pub async fn login(
    state: web::Data<State>,
    request: HttpRequest,
    bytes: web::Bytes,
) -> HttpResponse {
    let Some(fields) = fields(&request, &bytes) else { return malformed() };
    let name = fields.username.or(fields.email).or(fields.phone_number).or(fields.phone);
    let (Some(name), Some(password)) = (name, fields.password) else {
        let rule = "Must include \"username\", \"email\" or \"phone_number\" and \"password\".";
        return HttpResponse::BadRequest()
            .json(json!({"success": false, "error": rule, "non_field_errors": [rule]}));
    };
    match sign_in::sign_in(&state, &request, &name, &password).await {
        Ok(signed_in) => welcome(&state, &request, &signed_in),
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
    bytes: web::Bytes,
) -> HttpResponse {
    let Some(fields) = fields(&request, &bytes) else { return malformed() };
    let refresh = fields.refresh.as_deref();
    match sign_in::sign_out(&state, &request, who.as_deref(), refresh).await {
        Ok(()) => {
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
pub async fn refresh(
    state: web::Data<State>,
    request: HttpRequest,
    bytes: web::Bytes,
) -> HttpResponse {
    let Some(fields) = fields(&request, &bytes) else { return malformed() };
    let Some(token) = fields.refresh.filter(|token| !token.is_empty()) else {
        return HttpResponse::BadRequest().json(json!({"detail": "Refresh token required."}));
    };
    match renewal::renew(&state, &token, false).await {
        Ok(renewed) => HttpResponse::Ok().json(json!({"access": renewed.access.token})),
        Err(refusal) if [Code::NotAuthenticated, Code::Conflict].contains(&refusal.code) => {
            let detail = "Token is invalid or expired";
            HttpResponse::Unauthorized().json(json!({"detail": detail, "code": "token_not_valid"}))
        }
        Err(refusal) => plainly(&refusal),
    }
}
