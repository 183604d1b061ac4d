//! REST of the pictures of people and of conversations: given, taken away, and handed out small.

use std::sync::Arc;

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::OpenApi;

use crate::actors::chat_commands::Effect;
use crate::actors::effect_job;
use crate::actors::lane::Fault;
use crate::actors::pictures;
use crate::http::attachments::hand_out_small;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::Caller;
use crate::http::file_names;
use crate::http::forms;
use crate::http::intake::{Wish, discard};
use crate::http::rest::{chat_topic, in_body_words, path_id};
use crate::http::routes::{Access, Route, row};
use crate::http::state::State;
use crate::ids::{AttachmentId, UserId};
use crate::models::attachment::AttachmentRow;
use crate::models::store::DbConn;
use crate::objects::sniff;
use crate::objects::thumbnail::Small;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::ConversationView;
use crate::protocol::views::people::OwnProfile;

/// The routes of this file.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    row("PUT", "/api/v1/profile/avatar", Access::SignedIn),
    row("DELETE", "/api/v1/profile/avatar", Access::SignedIn),
    row("GET", "/api/v1/users/{id}/avatar", Access::SignedIn),
    row("PUT", "/api/v1/conversations/{key}/avatar", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/avatar", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/avatar", Access::SignedIn),
    row("GET", "/media/pictures/{name}", Access::Anyone),
];

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(
    give_own,
    remove_own,
    show_person,
    give_conversation,
    remove_conversation,
    show_conversation,
    show_open
))]
pub struct Description;

/// How a picture of this uploader's is taken.
pub fn wish(state: &State, uploader: UserId) -> Wish {
    Wish {
        uploader: Some(uploader),
        name: "picture".to_owned(),
        max_bytes: state.intake.avatar_bytes,
        types: sniff::PICTURES,
        small: Small::OfAll,
        ..Wish::default()
    }
}

/// Takes a picture from a body, or from the one file of a form.
///
/// # Errors
/// `bad_request` for what is no picture, `too_large`, and those of the intake. Nothing is left of
/// what was refused.
pub async fn take(
    state: &State,
    who: &Caller,
    request: &HttpRequest,
    body: web::Payload,
) -> Answered<AttachmentRow> {
    let row = forms::one(state, request, body, wish(state, who.user)).await?;
    check(state, &row).await?;
    Ok(row)
}

/// Checks that a file that was taken can be shown small; else it is removed.
///
/// # Errors
/// `bad_request` with what a picture must be.
pub async fn check(state: &State, row: &AttachmentRow) -> Result<(), Refusal> {
    if row.thumbnail_type.is_some() {
        return Ok(());
    }
    discard(&state.house, row.id).await;
    let rule = match row.width {
        None => "a picture that can be read".to_owned(),
        Some(_) => format!("a picture of at most {} pixels", state.intake.max_pixels),
    };
    Err(Refusal::field("body", rule))
}

/// Does the change and answers with what it said; a file that was not kept is removed.
async fn change<F>(state: &State, file: Option<AttachmentId>, work: F) -> Answered<HttpResponse>
where
    F: FnMut(&mut DbConn) -> Result<Effect, Fault> + Send + 'static,
{
    let done = effect_job::write(&state.house, work).await;
    if let (Err(_), Some(file)) = (&done, file) {
        discard(&state.house, file).await;
    }
    let answer = done.map_err(in_body_words)?;
    let text = String::from(Box::<str>::from(answer));
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(text))
}

/// Gives oneself a picture: the bytes of a JPEG, PNG, GIF or WebP as the body, or a form with one
/// file in it. Others are shown a copy of 320 pixels at most, without what a camera notes.
#[utoipa::path(put, path = "/api/v1/profile/avatar", tag = "people",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = OwnProfile), (status = 400, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
pub async fn give_own(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Answered<HttpResponse> {
    let file = Some(take(&state, &who, &request, body).await?.id);
    change(&state, file, move |conn| pictures::portray_oneself(conn, &who, file)).await
}

/// Takes one's own picture away.
#[utoipa::path(delete, path = "/api/v1/profile/avatar", tag = "people",
    responses((status = 200, body = OwnProfile)))]
pub async fn remove_own(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    change(&state, None, move |conn| pictures::portray_oneself(conn, &who, None)).await
}

/// Hands out the picture of someone, to those to whom they show it.
#[utoipa::path(get, path = "/api/v1/users/{id}/avatar", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, description = "a JPEG or PNG, 320 pixels at most"),
        (status = 304, description = "the client has it"), (status = 404, body = ErrorBody)))]
pub async fn show_person(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let id: UserId = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| pictures::see_person(conn, &who, id));
    hand_out_small(&state, &read.await?, &request, false).await
}

/// Gives a conversation a picture, as its owner and admins may.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/avatar", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ConversationView), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub async fn give_conversation(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    body: web::Payload,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let (asker, asked) = (Arc::clone(&who.0), topic.clone());
    // Before any byte of it is taken.
    let may = move |conn: &mut DbConn| pictures::may_portray(conn, &asker, &asked);
    state.house.lane.read(may).await.map_err(in_body_words)?;
    let file = Some(take(&state, &who, &request, body).await?.id);
    change(&state, file, move |conn| pictures::portray(conn, &who, &topic, file)).await
}

/// Takes the picture of a conversation away.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/avatar", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = ConversationView), (status = 403, body = ErrorBody)))]
pub async fn remove_conversation(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    change(&state, None, move |conn| pictures::portray(conn, &who, &topic, None)).await
}

/// Hands out the picture of a conversation, to those who may read it.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/avatar", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, description = "a JPEG or PNG, 320 pixels at most"),
        (status = 304, description = "the client has it"), (status = 404, body = ErrorBody)))]
pub async fn show_conversation(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let read = state.house.lane.read(move |conn| pictures::see_conversation(conn, &who, &topic));
    hand_out_small(&state, &read.await?, &request, false).await
}

/// Hands out a picture by a name that nobody can guess, for older clients, whose pages show no
/// credential with it.
#[utoipa::path(get, path = "/media/pictures/{name}", tag = "compatibility",
    params(("name" = String, Path)),
    responses((status = 200, description = "a JPEG or PNG, 320 pixels at most"),
        (status = 304, description = "the client has it"), (status = 404, body = ErrorBody)))]
pub async fn show_open(
    state: web::Data<State>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Answered<HttpResponse> {
    let key = file_names::key_of(&name).ok_or_else(Refusal::not_found)?;
    let read = state.house.lane.read(move |conn| pictures::see_open(conn, &key));
    hand_out_small(&state, &read.await?, &request, true).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/profile/avatar")
            .route(web::put().to(give_own))
            .route(web::delete().to(remove_own)),
    )
    .service(
        web::resource("/api/v1/conversations/{key}/avatar")
            .route(web::put().to(give_conversation))
            .route(web::delete().to(remove_conversation))
            .route(web::get().to(show_conversation)),
    )
    .route("/api/v1/users/{id}/avatar", web::get().to(show_person))
    .route("/media/pictures/{name}", web::get().to(show_open));
}
