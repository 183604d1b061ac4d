//! REST of membership, through the same owner as sockets.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actors::authorize::admit_for;
use crate::auth::policy::Action;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller};
use crate::http::rest::{Changed, chat_topic, client_id, in_body_words, path_id, perform};
use crate::http::state::State;
use crate::models::membership;
use crate::protocol::command::{Command, MemberAdd, MemberPromote, MemberRemove, Membership};
use crate::protocol::views::{MemberRole, MemberView};

/// Most members listed.
const MEMBERS_MAX: i64 = 500;

/// Members of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberList {
    /// At most 500, owner and admins first.
    members: Vec<MemberView>,
    /// How many there are.
    member_count: i64,
}

/// What a member may do from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RoleChange {
    role: MemberRole,
    client_id: Option<String>,
}

/// Lists members: owner and admins first.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/members", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = MemberList)))]
pub async fn list_members(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<web::Json<MemberList>> {
    let topic = chat_topic(&key)?;
    let read = state.house.lane.read(move |conn| {
        let (admission, _grant) = admit_for(conn, &who, &topic, Action::Read)?;
        let id = admission.conversation()?.id;
        let members = membership::members(conn, id, who.user, MEMBERS_MAX)?;
        Ok(MemberList { members, member_count: membership::member_count(conn, id)? })
    });
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Brings someone in.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/members", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = MemberAdd,
    responses((status = 201, body = Changed)))]
pub async fn add_member(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    body: Body<MemberAdd>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let Body(mut add) = body;
    add.client_id = client_id(&request, add.client_id)?;
    perform(&state, &who, Some(topic), Command::MemberAdd(add), StatusCode::CREATED).await
}

/// Puts someone out, or leaves when it names oneself.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/members/{user}", tag = "members",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("user" = String, Path, description = "the member's user id"),
    ),
    responses((status = 200, body = Changed)))]
pub async fn remove_member(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answered<HttpResponse> {
    let (topic, user) = (chat_topic(&path.0)?, path_id("user", &path.1)?);
    let client_id = client_id(&request, None)?;
    let command = Command::MemberRemove(MemberRemove { user, client_id });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Changes what a member may do; making someone the owner hands ownership over.
#[utoipa::path(patch, path = "/api/v1/conversations/{key}/members/{user}", tag = "members",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("user" = String, Path, description = "the member's user id"),
    ),
    request_body = RoleChange,
    responses((status = 200, body = Changed)))]
pub async fn change_member(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: Body<RoleChange>,
) -> Answered<HttpResponse> {
    let (topic, user) = (chat_topic(&path.0)?, path_id("user", &path.1)?);
    let Body(RoleChange { role, client_id: given }) = body;
    let client_id = client_id(&request, given)?;
    let command = Command::MemberPromote(MemberPromote { user, role, client_id });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Becomes a member of a public conversation.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/join", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = Changed)))]
pub async fn join(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let command = Command::ConversationJoin(Membership { client_id: client_id(&request, None)? });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Leaves a conversation.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/leave", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = Changed)))]
pub async fn leave(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let command = Command::ConversationLeave(Membership { client_id: client_id(&request, None)? });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/conversations/{key}/members")
            .route(web::get().to(list_members))
            .route(web::post().to(add_member)),
    )
    .service(
        web::resource("/api/v1/conversations/{key}/members/{user}")
            .route(web::delete().to(remove_member))
            .route(web::patch().to(change_member)),
    )
    .service(web::resource("/api/v1/conversations/{key}/join").route(web::post().to(join)))
    .service(web::resource("/api/v1/conversations/{key}/leave").route(web::post().to(leave)));
}
