//! Accounts over REST: sign in and out, renew tokens, register, see and change one's own profile.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::actors::chat_commands::Effect;
use crate::actors::effect_job;
use crate::actors::lane::Fault;
use crate::actors::people_commands;
use crate::auth::password;
use crate::clock;
use crate::http::cookies;
use crate::http::envelope;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, MaybeCaller};
use crate::http::passwords;
use crate::http::peer;
use crate::http::people;
use crate::http::profile;
use crate::http::renewal;
use crate::http::sign_in::{self, Checked, SignedIn};
use crate::http::state::State;
use crate::ids::UserId;
use crate::layer::contract::Whom;
use crate::models::store::DbConn;
use crate::models::user::{self, NewUser, ProfileChange, User};
use crate::protocol::command::read_json;
use crate::protocol::event::Event;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::AccountView;

/// Registers this file's routes, and those of passwords and people.
pub fn configure(cfg: &mut web::ServiceConfig) {
    passwords::configure(cfg);
    people::configure(cfg);
    cfg.route("/api/v1/auth/login", web::post().to(login))
        .route("/api/v1/auth/logout", web::post().to(logout))
        .route("/api/v1/auth/token/refresh", web::post().to(refresh))
        .route("/api/v1/auth/register", web::post().to(register))
        .route("/api/v1/auth/profile", web::get().to(self::profile))
        .service(
            web::resource("/api/v1/auth/me")
                .route(web::get().to(me))
                .route(web::patch().to(change)),
        );
}

/// A sign-in: one name and the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// Username, email address or telephone number.
    login: Option<String>,
    username: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    password: String,
}

/// What a sign-in gives. The session cookie is set beside it.
#[derive(Serialize, ToSchema)]
pub struct SignedInAnswer {
    pub user: AccountView,
    /// A JWT for `Authorization: Bearer`.
    pub access: String,
    /// A JWT that gets a new pair once.
    pub refresh: String,
    /// An opaque token for `Authorization: Token`.
    pub token: String,
    /// When `access` ends.
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: NaiveDateTime,
}

/// The refresh token to use up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    refresh: String,
}

/// A new pair of tokens.
#[derive(Serialize, ToSchema)]
pub struct RenewedAnswer {
    pub access: String,
    pub refresh: Option<String>,
    /// When `access` ends.
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: NaiveDateTime,
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    pub username: String,
    pub password: String,
    #[serde(default)]
    pub email: String,
    pub phone: Option<String>,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: String,
    #[serde(default)]
    pub display_name: String,
}

/// What of one's profile changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    display_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// Empty text removes the address.
    email: Option<String>,
    /// `null` or empty text removes the number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    is_available: Option<bool>,
}

/// Tells a `null` from an absent field.
fn given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(reader).map(Some)
}

fn answer(
    state: &State,
    request: &HttpRequest,
    signed_in: SignedIn,
    created: bool,
) -> HttpResponse {
    let mut response = if created { HttpResponse::Created() } else { HttpResponse::Ok() };
    for cookie in signed_in.cookies(request, &state.config) {
        response.cookie(cookie);
    }
    response.json(SignedInAnswer {
        user: user::account_view(&signed_in.user),
        access: signed_in.access.token,
        refresh: signed_in.refresh.token,
        token: signed_in.opaque,
        expires_at: signed_in.access.expires_at,
    })
}

/// Signs in by username, email address or telephone number.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "accounts", request_body = LoginBody,
    responses((status = 200, body = SignedInAnswer), (status = 401, body = ErrorBody),
        (status = 429, body = ErrorBody)))]
pub async fn login(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<LoginBody>,
) -> Answered<HttpResponse> {
    let name = body.login.or(body.username).or(body.email).or(body.phone);
    let name = name.ok_or_else(|| Refusal::field("login", "required"))?;
    let signed_in = sign_in::sign_in(&state, &request, &name, &body.password).await?;
    if envelope::is_worn(&request) {
        return Ok(envelope::signed_in(&state, &request, &signed_in));
    }
    Ok(answer(&state, &request, signed_in, false))
}

/// Signs out: the sign-in of the cookie, bearer or refresh token ends, its sockets are closed.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "accounts",
    request_body(content = Option<RefreshBody>),
    responses((status = 204), (status = 401, body = ErrorBody)))]
pub async fn logout(
    state: web::Data<State>,
    request: HttpRequest,
    MaybeCaller(who): MaybeCaller,
    bytes: web::Bytes,
) -> Answered<HttpResponse> {
    let body: Option<RefreshBody> =
        if bytes.trim_ascii().is_empty() { None } else { read_json(&bytes, "")? };
    let refresh = body.as_ref().map(|body| body.refresh.as_str());
    sign_in::sign_out(&state, &request, who.as_deref(), refresh).await?;
    let mut response = HttpResponse::NoContent();
    for cookie in cookies::cleared(&request, &state.config) {
        response.cookie(cookie);
    }
    Ok(response.finish())
}

/// Gets a new pair of tokens for a refresh token, which is used up; using it again ends the
/// sign-in.
#[utoipa::path(post, path = "/api/v1/auth/token/refresh", tag = "accounts",
    request_body = RefreshBody,
    responses((status = 200, body = RenewedAnswer), (status = 401, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn refresh(
    state: web::Data<State>,
    Body(body): Body<RefreshBody>,
) -> Answered<web::Json<RenewedAnswer>> {
    let renewed = renewal::renew(&state, &body.refresh, true).await?;
    Ok(web::Json(RenewedAnswer {
        expires_at: renewed.access.expires_at,
        access: renewed.access.token,
        refresh: renewed.refresh.map(|refresh| refresh.token),
    }))
}

/// Makes an account with the role of a member and signs it in.
///
/// # Errors
/// `forbidden` where accounts are made by admins; a refusal that names the field; `conflict`.
pub async fn enroll(
    state: &State,
    request: &HttpRequest,
    body: RegisterBody,
) -> Result<SignedIn, Refusal> {
    if !state.config.registration {
        return Err(Refusal::forbidden("accounts are made by an admin here"));
    }
    let address = peer::client_address(request, &state.config);
    state.house.throttles.login(&format!("register {address}"), address)?;
    profile::check_username(&body.username)?;
    let names = [("first_name", &body.first_name), ("last_name", &body.last_name)];
    for (field, text) in names.into_iter().chain([("display_name", &body.display_name)]) {
        profile::check_name(field, text)?;
    }
    profile::check_email(&body.email)?;
    profile::check_phone(body.phone.as_deref().unwrap_or_default())?;
    password::check_new(&body.password, &body.username, &body.email)?;
    let hash = state.hashing.hash(body.password).await?;
    let new = NewUser {
        email: body.email,
        phone: body.phone,
        first_name: body.first_name,
        last_name: body.last_name,
        display_name: body.display_name,
        ..NewUser::member(&body.username, &hash)
    };
    let write = move |conn: &mut _| user::insert(conn, new.clone()).map_err(profile::clash);
    let made = state.house.lane.write(write).await?;
    sign_in::open(state, request, Checked::new_account(made)).await
}

/// Makes an account with the role of a member and signs it in.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "accounts", request_body = RegisterBody,
    responses((status = 201, body = SignedInAnswer), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn register(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<RegisterBody>,
) -> Answered<HttpResponse> {
    let signed_in = enroll(&state, &request, body).await?;
    Ok(answer(&state, &request, signed_in, true))
}

/// One's own account.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "accounts",
    responses((status = 200, body = AccountView), (status = 401, body = ErrorBody)))]
pub async fn me(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
) -> Answered<HttpResponse> {
    let found = own_account(&state, &who).await?;
    Ok(match envelope::is_worn(&request) {
        true => HttpResponse::Ok().json(envelope::account(&found)),
        false => HttpResponse::Ok().json(user::account_view(&found)),
    })
}

/// One's own account as the older dashboard reads it.
#[utoipa::path(get, path = "/api/v1/auth/profile", tag = "compatibility",
    responses((status = 200)))]
pub async fn profile(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<serde_json::Value>> {
    Ok(web::Json(envelope::account(&own_account(&state, &who).await?)))
}

async fn own_account(state: &State, who: &Caller) -> Result<user::User, Refusal> {
    let id = who.user;
    let found = state.house.lane.read(move |conn| Ok(user::by_id(conn, id)?)).await?;
    found.ok_or_else(|| Refusal::not_authenticated("the account is gone"))
}

/// Changes one's own profile.
#[utoipa::path(patch, path = "/api/v1/auth/me", tag = "accounts", request_body = ProfileBody,
    responses((status = 200, body = AccountView), (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    Body(body): Body<ProfileBody>,
) -> Answered<web::Json<AccountView>> {
    let change = ProfileChange {
        first_name: body.first_name,
        last_name: body.last_name,
        display_name: body.display_name,
        title: None,
        email: body.email,
        phone: body.phone,
        is_available: body.is_available,
    };
    let changed = apply(&state, who.user, change).await?;
    Ok(web::Json(user::account_view(&changed)))
}

/// Checks and makes a change of someone's profile.
///
/// # Errors
/// A refusal that names the field; `conflict` when another has it.
pub async fn apply(state: &State, id: UserId, change: ProfileChange) -> Result<User, Refusal> {
    check(&change)?;
    let work = move |conn: &mut DbConn| {
        let mut effect = Effect::quiet(&());
        write(conn, id, &change, &mut effect.events)?;
        Ok(effect)
    };
    effect_job::write(&state.house, work).await?;
    // The next request finds the new name; what is open keeps the old one until it comes again.
    state.house.authenticator.forget(Whom::User(id));
    let read = state.house.lane.read(move |conn| Ok(user::by_id(conn, id)?));
    read.await?.ok_or_else(Refusal::not_found)
}

/// Makes a checked change, and tells of a new name those who see the person.
///
/// # Errors
/// `conflict` when another has what is to be unique; those of the database.
pub fn write(
    conn: &mut DbConn,
    id: UserId,
    change: &ProfileChange,
    events: &mut Vec<Event>,
) -> Result<(), Fault> {
    user::change_profile(conn, id, change.clone()).map_err(profile::clash)?;
    match change.display_name {
        Some(_) => Ok(people_commands::tell_of(conn, id, events)?),
        None => Ok(()),
    }
}

/// Checks what the database does not about a change of an account.
///
/// # Errors
/// A refusal that names the field.
pub fn check(change: &ProfileChange) -> Result<(), Refusal> {
    let names = [("display_name", &change.display_name), ("first_name", &change.first_name)];
    for (field, text) in names.into_iter().chain([("last_name", &change.last_name)]) {
        profile::check_name(field, text.as_deref().unwrap_or_default())?;
    }
    profile::check_email(change.email.as_deref().unwrap_or_default())?;
    profile::check_phone(change.phone.as_ref().and_then(Option::as_deref).unwrap_or_default())
}
