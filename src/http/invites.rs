//! REST of one's place in a conversation, and of the links by which people come into it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use crate::actors::looks;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller};
use crate::http::rest::{Changed, chat_topic, client_id, in_body_words, path_id, perform};
use crate::http::state::State;
use crate::ids::UserId;
use crate::protocol::command::rooms::{
    ConversationMute, ConversationTransfer, InviteMake, InviteRevoke, InviteToken, MemberNickname,
    RoomCommand,
};
use crate::protocol::views::ConversationView;
use crate::protocol::views::rooms::{InviteList, InviteMade, InvitePreview, InviteView};

/// These routes, for the OpenAPI description.
#[derive(OpenApi)]
#[openapi(paths(
    name_oneself,
    name_member,
    mute,
    transfer,
    list_invites,
    make_invite,
    revoke_invite,
    look_at_invite,
    join_by_invite,
))]
pub struct Described;

/// What a member is called in a conversation.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Nickname {
    /// At most 64 characters; empty for none.
    nickname: String,
}

async fn set_nickname(
    state: &State,
    who: &Caller,
    key: &str,
    user: Option<UserId>,
    nickname: String,
) -> Answered<HttpResponse> {
    let topic = chat_topic(key)?;
    let wish = RoomCommand::Nickname(MemberNickname { user, nickname, client_id: None });
    perform(state, who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Chooses one's own nickname in a conversation.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/nickname", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = Nickname,
    responses((status = 200, body = Changed)))]
pub async fn name_oneself(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    body: Body<Nickname>,
) -> Answered<HttpResponse> {
    set_nickname(&state, &who, &key, None, body.0.nickname).await
}

/// Chooses a member's nickname in a conversation.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/members/{user}/nickname", tag = "members",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("user" = String, Path, description = "the member's user id"),
    ),
    request_body = Nickname,
    responses((status = 200, body = Changed)))]
pub async fn name_member(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<(String, String)>,
    body: Body<Nickname>,
) -> Answered<HttpResponse> {
    let user = path_id("user", &path.1)?;
    set_nickname(&state, &who, &path.0, Some(user), body.0.nickname).await
}

/// Says until when one wants no notifications of a conversation.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/mute", tag = "members",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = ConversationMute,
    responses((status = 200, body = Changed)))]
pub async fn mute(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    body: Body<ConversationMute>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let wish = RoomCommand::Mute(body.0);
    perform(&state, &who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Hands a conversation to another member; one stays as an admin.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/transfer", tag = "members",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body = ConversationTransfer,
    responses((status = 200, body = Changed)))]
pub async fn transfer(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    body: Body<ConversationTransfer>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let Body(mut wish) = body;
    wish.client_id = client_id(&request, wish.client_id)?;
    let wish = RoomCommand::Transfer(wish);
    perform(&state, &who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Lists a conversation's invite links, newest first.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/invites", tag = "invites",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = InviteList)))]
pub async fn list_invites(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<web::Json<InviteList>> {
    let topic = chat_topic(&key)?;
    let read = state.house.lane.read(move |conn| looks::invites(conn, &who, &topic));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Makes an invite link. Its token is told in this answer and never again.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/invites", tag = "invites",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = InviteMake,
    responses((status = 201, body = InviteMade)))]
pub async fn make_invite(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    body: Body<InviteMake>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let wish = RoomCommand::InviteMake(body.0);
    perform(&state, &who, Some(topic), wish.into(), StatusCode::CREATED).await
}

/// Ends an invite link; who has joined by it stays.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/invites/{id}", tag = "invites",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("id" = String, Path, description = "the link"),
    ),
    responses((status = 200, body = InviteView)))]
pub async fn revoke_invite(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<(String, String)>,
) -> Answered<HttpResponse> {
    let (topic, id) = (chat_topic(&path.0)?, path_id("id", &path.1)?);
    let wish = RoomCommand::InviteRevoke(InviteRevoke { id });
    perform(&state, &who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Shows where an invite link leads, without joining.
#[utoipa::path(post, path = "/api/v1/invites/look", tag = "invites",
    request_body = InviteToken,
    responses((status = 200, body = InvitePreview)))]
pub async fn look_at_invite(
    state: web::Data<State>,
    who: Caller,
    body: Body<InviteToken>,
) -> Answered<web::Json<InvitePreview>> {
    let read = state.house.lane.read(move |conn| looks::preview(conn, &who, &body.0));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Joins a conversation by an invite link.
#[utoipa::path(post, path = "/api/v1/invites/join", tag = "invites",
    request_body = InviteToken,
    responses((status = 200, body = ConversationView)))]
pub async fn join_by_invite(
    state: web::Data<State>,
    who: Caller,
    body: Body<InviteToken>,
) -> Answered<HttpResponse> {
    let wish = RoomCommand::InviteJoin(body.0);
    perform(&state, &who, None, wish.into(), StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let of = |rest: &str| web::resource(format!("/api/v1/conversations/{{key}}/{rest}"));
    cfg.service(of("nickname").route(web::put().to(name_oneself)))
        .service(of("members/{user}/nickname").route(web::put().to(name_member)))
        .service(of("mute").route(web::put().to(mute)))
        .service(of("transfer").route(web::post().to(transfer)))
        .service(
            of("invites").route(web::get().to(list_invites)).route(web::post().to(make_invite)),
        )
        .service(of("invites/{id}").route(web::delete().to(revoke_invite)))
        .service(web::resource("/api/v1/invites/look").route(web::post().to(look_at_invite)))
        .service(web::resource("/api/v1/invites/join").route(web::post().to(join_by_invite)));
}
