//! People over REST: find someone; and for admins, roles and shutting accounts out or in.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use log::info;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::actors::people_reads;
use crate::auth::identity::{Identity, Role};
use crate::clock;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, Query};
use crate::http::state::State;
use crate::ids::UserId;
use crate::layer::contract::Whom;
use crate::models::login;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::AccountView;
use crate::protocol::views::people::PersonCard;

/// The shortest text searched for, in characters.
const MIN_SEARCH_CHARS: usize = 2;
/// The longest text searched for, in characters.
const MAX_SEARCH_CHARS: usize = 150;
/// The most people found.
const SEARCH_LIMIT: i64 = 20;

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/users/search", web::get().to(search))
        .route("/api/v1/users/{id}/role", web::post().to(set_role))
        .route("/api/v1/users/{id}/deactivate", web::post().to(deactivate))
        .route("/api/v1/users/{id}/activate", web::post().to(activate));
}

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// 2 to 150 characters: the start of a username or part of a display name.
    q: String,
}

/// Who was found, at most 20.
#[derive(Serialize, ToSchema)]
pub struct PeopleAnswer {
    pub users: Vec<PersonCard>,
}

/// The role to give.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    role: Role,
}

/// Finds active people by the start of their username or a part of their display name.
#[utoipa::path(get, path = "/api/v1/users/search", tag = "people", params(SearchQuery),
    responses((status = 200, body = PeopleAnswer), (status = 400, body = ErrorBody)))]
pub async fn search(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<SearchQuery>,
) -> Answered<web::Json<PeopleAnswer>> {
    let text = query.q.trim().to_owned();
    if !(MIN_SEARCH_CHARS..=MAX_SEARCH_CHARS).contains(&text.chars().count()) || text.contains('\0')
    {
        return Err(Refusal::field("q", "2 to 150 characters").into());
    }
    let house = Arc::clone(&state.house);
    let find = move |conn: &mut DbConn| {
        let found = user::search(conn, &text, SEARCH_LIMIT)?;
        people_reads::cards(conn, &house.online, &who, &found)
    };
    Ok(web::Json(PeopleAnswer { users: state.house.lane.read(find).await? }))
}

/// The account an admin acts on; their own is refused, so that none locks themselves out.
fn target(who: &Identity, id: &str) -> Result<UserId, Refusal> {
    if who.role != Role::Admin {
        return Err(Refusal::forbidden("only admins may change accounts"));
    }
    let id = id.parse().map_err(|_| Refusal::not_found())?;
    if id == who.user {
        return Err(Refusal::forbidden("not one's own account"));
    }
    Ok(id)
}

/// Gives someone another role. Their sockets are closed and come back with it.
#[utoipa::path(post, path = "/api/v1/users/{id}/role", tag = "people", request_body = RoleBody,
    params(("id" = String, Path)),
    responses((status = 200, body = AccountView), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn set_role(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    Body(body): Body<RoleBody>,
) -> Answered<web::Json<AccountView>> {
    let (id, role) = (target(&who, &path)?, body.role);
    let write = move |conn: &mut DbConn| {
        let mut user = user::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
        let is_change = user.role != role;
        if is_change {
            user::set_role(conn, id, role)?;
            user.role = role;
        }
        Ok((user, is_change))
    };
    let (changed, is_change) = state.house.lane.write(write).await?;
    if is_change {
        state.house.revoke(Whom::User(id), Refusal::not_authenticated("role changed"));
        info!("role changed user={id} role={role} by={}", who.user);
    }
    Ok(web::Json(user::account_view(&changed)))
}

/// Shuts an account out: its sign-ins end and its sockets are closed.
#[utoipa::path(post, path = "/api/v1/users/{id}/deactivate", tag = "people",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn deactivate(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
) -> Answered<HttpResponse> {
    set_active(&state, &who, &path, false).await
}

/// Lets an account in again; it signs in anew.
#[utoipa::path(post, path = "/api/v1/users/{id}/activate", tag = "people",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn activate(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
) -> Answered<HttpResponse> {
    set_active(&state, &who, &path, true).await
}

async fn set_active(
    state: &State,
    who: &Identity,
    id: &str,
    is_active: bool,
) -> Answered<HttpResponse> {
    let id = target(who, id)?;
    let write = move |conn: &mut DbConn| {
        let now = clock::now_naive();
        let user = user::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
        if user.is_active == is_active {
            return Ok(());
        }
        user::set_active(conn, id, is_active, now)?;
        if !is_active {
            login::revoke_all(conn, id, None, now)?;
        }
        Ok(())
    };
    state.house.lane.write(write).await?;
    let word = if is_active { "activated" } else { "deactivated" };
    let refusal =
        Refusal::not_authenticated(if is_active { word } else { "the account is deactivated" });
    state.house.revoke(Whom::User(id), refusal);
    info!("account {word} user={id} by={}", who.user);
    Ok(HttpResponse::NoContent().finish())
}
