//! Contacts over REST: whom one knows, likes best and shuts out.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::people_reads;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{in_body_words, number, path_id, perform};
use crate::http::state::State;
use crate::protocol::command::Command;
use crate::protocol::command::people::{
    ContactAdd, ContactChange, ContactList, ContactName, PeopleCommand,
};
use crate::protocol::views::people::{ContactPage, ContactView};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, add, change, remove, block, unblock))]
pub struct Description;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `id` of the entry after which to go on.
    after: Option<String>,
    /// 1 to 200; 200 when absent.
    limit: Option<String>,
}

/// What to note about a contact; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ContactBody {
    /// At most 100 characters; empty for none.
    nickname: Option<String>,
    is_favorite: Option<bool>,
    /// Whether they are shut out.
    is_blocked: Option<bool>,
}

/// Lists one's contacts and whom one has blocked, by when they were noted.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts", params(PageQuery),
    responses((status = 200, body = ContactPage), (status = 400, body = ErrorBody)))]
pub async fn list(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<PageQuery>,
) -> Answered<web::Json<ContactPage>> {
    let after = query.after.as_deref().map(|text| path_id("after", text)).transpose()?;
    let wish = ContactList { after, limit: number("limit", query.limit.as_deref())? };
    let read = state.house.lane.read(move |conn| people_reads::contacts(conn, &who, &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

async fn ask(
    state: &State,
    who: &Caller,
    command: PeopleCommand,
    status: StatusCode,
) -> Answered<HttpResponse> {
    perform(state, who, None, Command::People(command), status).await
}

/// Makes someone a contact.
#[utoipa::path(post, path = "/api/v1/contacts", tag = "contacts", request_body = ContactAdd,
    responses((status = 201, body = ContactView), (status = 400, body = ErrorBody)))]
pub async fn add(
    state: web::Data<State>,
    who: Caller,
    Body(add): Body<ContactAdd>,
) -> Answered<HttpResponse> {
    ask(&state, &who, PeopleCommand::ContactAdd(add), StatusCode::CREATED).await
}

/// Changes what one has noted about a contact.
#[utoipa::path(patch, path = "/api/v1/contacts/{user}", tag = "contacts",
    params(("user" = String, Path)), request_body = ContactBody,
    responses((status = 200, body = ContactView), (status = 404, body = ErrorBody)))]
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    user: web::Path<String>,
    Body(body): Body<ContactBody>,
) -> Answered<HttpResponse> {
    let user = path_id("user", &user)?;
    let ContactBody { nickname, is_favorite, is_blocked } = body;
    let change = ContactChange { user, nickname, is_favorite, is_blocked };
    ask(&state, &who, PeopleCommand::ContactChange(change), StatusCode::OK).await
}

/// Takes a contact away; a block stays.
#[utoipa::path(delete, path = "/api/v1/contacts/{user}", tag = "contacts",
    params(("user" = String, Path)),
    responses((status = 200), (status = 404, body = ErrorBody)))]
pub async fn remove(
    state: web::Data<State>,
    who: Caller,
    user: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = ContactName { user: path_id("user", &user)? };
    ask(&state, &who, PeopleCommand::ContactRemove(name), StatusCode::OK).await
}

/// Blocks someone: neither can reach the other until it is taken back.
#[utoipa::path(post, path = "/api/v1/contacts/{user}/block", tag = "contacts",
    params(("user" = String, Path)),
    responses((status = 200, body = ContactView), (status = 400, body = ErrorBody)))]
pub async fn block(
    state: web::Data<State>,
    who: Caller,
    user: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = ContactName { user: path_id("user", &user)? };
    ask(&state, &who, PeopleCommand::ContactBlock(name), StatusCode::OK).await
}

/// Takes a block back.
#[utoipa::path(delete, path = "/api/v1/contacts/{user}/block", tag = "contacts",
    params(("user" = String, Path)),
    responses((status = 200), (status = 404, body = ErrorBody)))]
pub async fn unblock(
    state: web::Data<State>,
    who: Caller,
    user: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = ContactName { user: path_id("user", &user)? };
    ask(&state, &who, PeopleCommand::ContactUnblock(name), StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/contacts").route(web::get().to(list)).route(web::post().to(add)),
    )
    .service(
        web::resource("/api/v1/contacts/{user}")
            .route(web::patch().to(change))
            .route(web::delete().to(remove)),
    )
    .service(
        web::resource("/api/v1/contacts/{user}/block")
            .route(web::post().to(block))
            .route(web::delete().to(unblock)),
    );
}
