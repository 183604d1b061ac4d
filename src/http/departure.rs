//! Leaving with what is one's own: exports as JSON, and the erasure of an account.

use std::sync::Arc;

use actix_web::http::header::{CONTENT_DISPOSITION, ContentType};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::actors::authorize::require;
use crate::actors::erasure;
use crate::actors::export::{Export, Exporting};
use crate::auth::policy::{Action, Relation};
use crate::http::error::{Answered, ApiError, ErrorBody};
use crate::http::extract::{Body, Caller};
use crate::http::peer;
use crate::http::rest::{chat_topic, path_id};
use crate::http::state::State;
use crate::ids::UserId;
use crate::models::user;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(export_person, export_conversation, erase))]
pub struct Description;

/// What erasing an account needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// The username of the account, so that none is erased by mistake.
    username: String,
    /// One's password, to erase one's own.
    password: Option<String>,
}

/// What becomes of an account that is being erased.
#[derive(Serialize, ToSchema)]
pub struct EraseAnswer {
    /// Whether its messages are removed, or stay as nobody's.
    removes_messages: bool,
}

/// Begins to answer; a refusal of the first piece is an answer of its own.
async fn send(state: &State, who: &Caller, what: Export, name: &str) -> Answered<HttpResponse> {
    let mut exporting = Exporting::new(state.house.lane.clone(), Arc::clone(&who.0), what);
    let first = exporting.next().await.map_err(ApiError)?.unwrap_or_default();
    let rest = stream::unfold((Some(first), exporting), |(first, mut exporting)| async move {
        if let Some(first) = first {
            return Some((Ok::<Bytes, ApiError>(first), (None, exporting)));
        }
        match exporting.next().await {
            Ok(Some(piece)) => Some((Ok(piece), (None, exporting))),
            Ok(None) => None,
            // The connection is cut, so that nobody takes half for the whole.
            Err(refusal) => Some((Err(ApiError(refusal)), (None, exporting))),
        }
    });
    let file = format!("attachment; filename=\"{name}.json\"");
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header((CONTENT_DISPOSITION, file))
        .streaming(Box::pin(rest)))
}

/// Everything there is about a person, as one JSON object; for themselves and for admins. It is
/// whole when it ends with `"complete":true`.
#[utoipa::path(get, path = "/api/v1/users/{id}/export", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, description = "a JSON object, in pieces"),
        (status = 404, body = ErrorBody)))]
pub async fn export_person(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let id: UserId = path_id("id", &id)?;
    log::info!("personal data exported user={id} by={}", who.user);
    send(&state, &who, Export::Person(id), &format!("user-{id}")).await
}

/// A whole conversation as one JSON object, for its members. It is whole when it ends with
/// `"complete":true`.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/export", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, description = "a JSON object, in pieces"),
        (status = 404, body = ErrorBody)))]
pub async fn export_conversation(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    send(&state, &who, Export::Conversation(topic), &format!("conversation-{key}")).await
}

/// Erases an account, one's own or, for admins, another's. It is shut at once; the rest follows
/// within moments.
#[utoipa::path(post, path = "/api/v1/users/{id}/erase", tag = "people",
    params(("id" = String, Path)), request_body = EraseBody,
    responses((status = 202, body = EraseAnswer), (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn erase(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    id: web::Path<String>,
    Body(body): Body<EraseBody>,
) -> Answered<HttpResponse> {
    let id: UserId = path_id("id", &id)?;
    let own = who.user == id;
    let relation = if own { Relation::Oneself } else { Relation::Stranger };
    require(&who, TopicKind::Inbox, Action::Erase, relation)?;
    let found = state.house.lane.read(move |conn| Ok(user::by_id(conn, id)?)).await?;
    let found = found.ok_or_else(Refusal::not_found)?;
    if user::name_key(&body.username) != found.username_key {
        return Err(Refusal::field("username", "the username of this account").into());
    }
    if own {
        let address = peer::client_address(&request, &state.config);
        let counted = state.house.throttles.login(&format!("#{id}"), address)?;
        let given = body.password.unwrap_or_default();
        if !state.hashing.verify(given, Some(found.password)).await?.is_match() {
            return Err(Refusal::field("password", "your password").into());
        }
        state.house.throttles.forgive(&counted);
    }
    let removes_messages = state.config.erasure_removes_messages;
    erasure::begin(&state.house, &who, id, removes_messages).await?;
    Ok(HttpResponse::Accepted().json(EraseAnswer { removes_messages }))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/users/{id}/export", web::get().to(export_person))
        .route("/api/v1/users/{id}/erase", web::post().to(erase))
        .route("/api/v1/conversations/{key}/export", web::get().to(export_conversation));
}
