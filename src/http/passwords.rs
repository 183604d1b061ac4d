//! Passwords over REST: change one's own, ask for a reset, set a new one by the reset's token.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDateTime;
use log::{info, warn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actors::lane::Fault;
use crate::auth::password;
use crate::auth::secret;
use crate::clock;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller};
use crate::http::peer;
use crate::http::sign_in;
use crate::http::state::State;
use crate::ids::UserId;
use crate::layer::contract::Whom;
use crate::models::login;
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::refusal::Refusal;

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/auth/password", web::post().to(change))
        .route("/api/v1/auth/password/reset", web::post().to(ask_reset))
        .route("/api/v1/auth/password/reset/confirm", web::post().to(confirm_reset));
}

/// Brings a person what only they may have. Another one is put in as app data.
pub trait Notifier: Send + Sync {
    /// Brings `user` the link by which they can set a new password.
    fn password_reset(&self, user: &User, link: &str);
}

/// The notifier that is there without any setting: the admin reads the log and passes it on.
#[derive(Debug, Clone, Copy)]
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn password_reset(&self, user: &User, link: &str) {
        info!("a password reset was asked for user={} link={link}", user.username);
    }
}

/// A password to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    old_password: String,
    new_password: String,
}

/// New tokens for the sign-in that stays; those from before the change no longer count.
#[derive(Serialize, ToSchema)]
pub struct CredentialsAnswer {
    pub access: Option<String>,
    pub refresh: Option<String>,
    pub token: Option<String>,
    /// When `access` ends.
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<NaiveDateTime>,
}

/// Whose password is to be reset.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    email: Option<String>,
    username: Option<String>,
}

/// A reset's token and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    token: String,
    new_password: String,
}

/// A sentence, where there is nothing else to say.
#[derive(Serialize, ToSchema)]
pub struct Notice {
    pub detail: &'static str,
}

/// Names `new_password` where the rules of a password speak of `password`.
fn check_new(new: &str, username: &str, email: &str) -> Result<(), Refusal> {
    password::check_new(new, username, email).map_err(|refusal| match refusal.rule {
        Some(rule) => Refusal::field("new_password", rule),
        None => refusal,
    })
}

/// Changes one's own password. All other sign-ins end; this one gets new tokens.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "accounts", request_body = PasswordBody,
    responses((status = 200, body = CredentialsAnswer), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    Body(body): Body<PasswordBody>,
) -> Answered<web::Json<CredentialsAnswer>> {
    let (id, kept) = (who.user, who.login);
    let address = peer::client_address(&request, &state.config);
    let counted = state.house.throttles.login(&format!("#{id}"), address)?;
    let found = state.house.lane.read(move |conn| Ok(user::by_id(conn, id)?)).await?;
    let found = found.ok_or_else(|| Refusal::not_authenticated("the account is gone"))?;
    check_new(&body.new_password, &found.username, &found.email)?;
    let stored = found.password.clone();
    if !state.hashing.verify(body.old_password, Some(stored.clone())).await?.is_match() {
        return Err(Refusal::field("old_password", "your password").into());
    }
    state.house.throttles.forgive(&counted);
    let hash = state.hashing.hash(body.new_password).await?;
    let (tokens, refresh_ttl) = (Arc::clone(&state.tokens), state.config.refresh_ttl);
    let write = move |conn: &mut DbConn| {
        let user = user::by_id(conn, id)?.filter(|user| user.password == stored);
        let user = user.ok_or_else(|| Refusal::field("old_password", "your password"))?;
        replace(conn, id, &hash, kept)?;
        kept.map(|login| sign_in::issue(conn, &tokens, &user, login, refresh_ttl)).transpose()
    };
    let issued = state.house.lane.write(write).await?;
    let whom = kept.map_or(Whom::User(id), |login| Whom::UserExcept(id, login));
    state.house.revoke(whom, Refusal::not_authenticated("the password was changed"));
    info!("password changed user={id} address={address}");
    Ok(web::Json(CredentialsAnswer {
        expires_at: issued.as_ref().map(|issued| issued.access.expires_at),
        access: issued.as_ref().map(|issued| issued.access.token.clone()),
        refresh: issued.as_ref().map(|issued| issued.refresh.token.clone()),
        token: issued.map(|issued| issued.opaque),
    }))
}

/// Sets a password and ends every sign-in and opaque token but those of `kept`.
fn replace(
    conn: &mut DbConn,
    id: UserId,
    hash: &str,
    kept: Option<crate::ids::LoginId>,
) -> Result<(), Fault> {
    let now = clock::now_naive();
    user::set_password(conn, id, hash, now)?;
    login::revoke_all(conn, id, kept, now)?;
    login::drop_api_tokens(conn, id)?;
    Ok(())
}

/// Asks for a link to reset a password. The answer is the same for everybody.
#[utoipa::path(post, path = "/api/v1/auth/password/reset", tag = "accounts",
    request_body = ResetBody,
    responses((status = 202, body = Notice), (status = 429, body = ErrorBody)))]
pub async fn ask_reset(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<ResetBody>,
) -> Answered<HttpResponse> {
    let name = body.email.or(body.username).ok_or_else(|| Refusal::field("email", "required"))?;
    let address = peer::client_address(&request, &state.config);
    state.house.throttles.login(&format!("reset {name}"), address)?;
    let given = request.app_data::<web::Data<dyn Notifier>>().cloned();
    let notifier =
        given.map_or_else(|| Arc::new(LogNotifier) as Arc<dyn Notifier>, web::Data::into_inner);
    // Done after the answer, so that its time does not tell whether there is such an account.
    actix_web::rt::spawn(async move {
        if let Err(refusal) = send_reset(&state, &*notifier, name).await {
            warn!("a password reset could not be prepared cause={refusal}");
        }
    });
    let detail = "if there is such an account, a link to reset its password is on its way";
    Ok(HttpResponse::Accepted().json(Notice { detail }))
}

async fn send_reset(state: &State, notifier: &dyn Notifier, name: String) -> Result<(), Refusal> {
    let find = move |conn: &mut DbConn| Ok(user::by_login_name(conn, &name)?);
    let Some(user) = state.house.lane.read(find).await?.filter(|user| user.is_active) else {
        return Ok(());
    };
    let token = secret::reset_token();
    let (id, hash) = (user.id, secret::hash_at_rest(&token));
    let ttl = state.config.reset_ttl;
    let write = move |conn: &mut DbConn| {
        let now = clock::now_naive();
        Ok(login::add_reset(conn, id, &hash, now, sign_in::later(now, ttl))?)
    };
    state.house.lane.write(write).await?;
    notifier.password_reset(&user, &link(state, &token));
    Ok(())
}

/// The page of a reset. Never made of the Host header, which whoever asks may choose.
fn link(state: &State, token: &str) -> String {
    let config = &state.config;
    let base = config.public_url.clone().unwrap_or_else(|| {
        let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
        let address = config.bind.first().map_or_else(String::new, ToString::to_string);
        format!("{scheme}://{address}")
    });
    format!("{}/password/reset/?token={token}", base.trim_end_matches('/'))
}

/// Sets a new password by a reset's token, once. All sign-ins end.
///
/// # Errors
/// A refusal of `token` or `new_password`; `rate_limited`.
pub async fn confirm(
    state: &State,
    request: &HttpRequest,
    token: &str,
    new_password: String,
) -> Result<(), Refusal> {
    let hash = secret::hash_at_rest(token);
    let address = peer::client_address(request, &state.config);
    state.house.throttles.login(&format!("confirm {hash}"), address)?;
    check_new(&new_password, "", "")?;
    let new_hash = state.hashing.hash(new_password).await?;
    let write = move |conn: &mut DbConn| {
        let user = login::use_reset(conn, &hash, clock::now_naive())?;
        let user = user.ok_or_else(|| Refusal::field("token", "unused and not expired"))?;
        replace(conn, user, &new_hash, None)?;
        Ok(user)
    };
    let id = state.house.lane.write(write).await?;
    state.house.revoke(Whom::User(id), Refusal::not_authenticated("the password was changed"));
    info!("password reset user={id} address={address}");
    Ok(())
}

/// Sets a new password by a reset's token, once. All sign-ins end.
#[utoipa::path(post, path = "/api/v1/auth/password/reset/confirm", tag = "accounts",
    request_body = ConfirmBody,
    responses((status = 200, body = Notice), (status = 400, body = ErrorBody)))]
pub async fn confirm_reset(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<ConfirmBody>,
) -> Answered<web::Json<Notice>> {
    confirm(&state, &request, &body.token, body.new_password).await?;
    Ok(web::Json(Notice { detail: "the password is set; sign in with it" }))
}
