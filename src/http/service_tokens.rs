//! REST of service tokens: admins make them for programs, list them, and end them.

use actix_web::{HttpResponse, web};
use chrono::{NaiveDateTime, TimeDelta};
use log::info;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::actors::authorize::require;
use crate::auth::identity::Purpose;
use crate::auth::policy::{Action, Relation};
use crate::auth::secret;
use crate::clock;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller};
use crate::http::rest::path_id;
use crate::http::state::State;
use crate::ids::{ApiTokenId, UserId};
use crate::layer::contract::Whom;
use crate::models::service_token::{self, NewServiceToken, ServiceToken};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// Longest name, in characters.
const NAME_CHARS: usize = 100;
/// Longest life that may be asked for, in days.
const DAYS_MAX: i64 = 3_650;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(list_tokens, create_token, end_token))]
pub struct Described;

/// A service token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What the program is called, 1 to 100 characters.
    name: String,
    purpose: Purpose,
    /// After how many days it ends; absent for one that does not end by itself.
    days: Option<i64>,
}

/// A service token, without its secret.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    #[schema(value_type = String)]
    id: ApiTokenId,
    name: String,
    purpose: String,
    /// The admin who made it, with whose account it ends.
    #[schema(value_type = String)]
    owner: UserId,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    created_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<NaiveDateTime>,
}

impl From<ServiceToken> for TokenView {
    fn from(row: ServiceToken) -> Self {
        Self {
            id: row.id,
            name: row.name,
            purpose: row.purpose.unwrap_or_default(),
            owner: row.owner,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// A new token, with the only copy of its secret.
#[derive(Serialize, ToSchema)]
pub struct NewTokenView {
    #[schema(value_type = String)]
    id: ApiTokenId,
    /// For `Authorization: Token`; it is shown this once.
    token: String,
}

/// All service tokens, the newest first.
#[derive(Serialize, ToSchema)]
pub struct TokenList {
    tokens: Vec<TokenView>,
}

/// Lists the service tokens.
#[utoipa::path(get, path = "/api/v1/service-tokens", tag = "accounts",
    responses((status = 200, body = TokenList), (status = 403, body = ErrorBody)))]
pub async fn list_tokens(state: web::Data<State>, who: Caller) -> Answered<web::Json<TokenList>> {
    require(&who, TopicKind::Admin, Action::Read, Relation::Stranger)?;
    let rows = state.house.lane.read(|conn| Ok(service_token::list(conn)?)).await?;
    Ok(web::Json(TokenList { tokens: rows.into_iter().map(TokenView::from).collect() }))
}

/// Makes a service token. Its secret is in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/service-tokens", tag = "accounts", request_body = TokenBody,
    responses((status = 201, body = NewTokenView), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub async fn create_token(
    state: web::Data<State>,
    who: Caller,
    Body(body): Body<TokenBody>,
) -> Answered<HttpResponse> {
    require(&who, TopicKind::Admin, Action::Create, Relation::Stranger)?;
    let name = body.name.trim().to_owned();
    if !(1..=NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Refusal::field("name", format!("1 to {NAME_CHARS} characters")).into());
    }
    if body.days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(Refusal::field("days", format!("from 1 to {DAYS_MAX}")).into());
    }
    let (token, owner, purpose) = (secret::opaque_token(), who.user, body.purpose);
    let (hash, at) = (secret::hash_at_rest(&token), clock::now_naive());
    let expires_at = body.days.map(|days| at + TimeDelta::days(days));
    let id = state.house.lane.write(move |conn| {
        let new = NewServiceToken { owner, hash: &hash, name: &name, purpose, at, expires_at };
        Ok(service_token::insert(conn, new)?)
    });
    let id = id.await?;
    info!("a service token was made id={id} purpose={} by={owner}", purpose.as_str());
    Ok(HttpResponse::Created().json(NewTokenView { id, token }))
}

/// Ends a service token at once.
#[utoipa::path(delete, path = "/api/v1/service-tokens/{id}", tag = "accounts",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn end_token(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    require(&who, TopicKind::Admin, Action::Delete, Relation::Stranger)?;
    let id: ApiTokenId = path_id("id", &id)?;
    let owner = state.house.lane.write(move |conn| Ok(service_token::delete(conn, id)?)).await?;
    let owner = owner.ok_or_else(Refusal::not_found)?;
    // What is kept of identities goes; the owner's own sign-ins are found again at once.
    state.house.authenticator.forget(Whom::User(owner));
    info!("a service token was ended id={id} by={}", who.user);
    Ok(HttpResponse::NoContent().finish())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/service-tokens")
            .route(web::get().to(list_tokens))
            .route(web::post().to(create_token)),
    )
    .service(web::resource("/api/v1/service-tokens/{id}").route(web::delete().to(end_token)));
}
