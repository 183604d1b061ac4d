//! REST of what people do with messages: reactions, pins, forwards, versions, receipts.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::looks;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller};
use crate::http::rest::{Changed, chat_topic, client_id, in_body_words, path_id, perform};
use crate::http::state::State;
use crate::ids::MessageId;
use crate::models::receipt;
use crate::protocol::command::talk::{
    DeliveredMark, MessageForward, MessagePin, MessageReact, ReceiptsShare, TalkCommand,
};
use crate::protocol::topic::Topic;
use crate::protocol::views::talk::{PinList, ReactorList, ReceiptSharing, Receipts, VersionList};

/// These routes, for the OpenAPI description.
#[derive(OpenApi)]
#[openapi(paths(
    add_reaction,
    remove_reaction,
    list_reactions,
    pin,
    unpin,
    list_pins,
    forward,
    list_versions,
    show_receipts,
    mark_delivered,
    show_sharing,
    set_sharing,
))]
pub struct Described;

/// Where a message goes to.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ForwardWish {
    /// The topic of the other conversation, like `chat:42`.
    #[schema(value_type = String)]
    to: Topic,
    client_id: Option<String>,
}

/// The message that was made by forwarding.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForwardedMessage {
    #[schema(value_type = String)]
    id: MessageId,
    seq: i64,
    topic: String,
}

/// One message of a conversation.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfMessage {
    /// An id or a room name.
    key: String,
    /// The message.
    id: String,
}

impl OfMessage {
    fn read(&self) -> Answered<(Topic, MessageId)> {
        Ok((chat_topic(&self.key)?, path_id("id", &self.id)?))
    }
}

/// One emoji under a message.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfReaction {
    /// An id or a room name.
    key: String,
    /// The message.
    id: String,
    /// One emoji, percent-encoded.
    emoji: String,
}

async fn react(
    state: &State,
    who: &Caller,
    path: web::Path<OfReaction>,
    on: bool,
) -> Answered<HttpResponse> {
    let OfReaction { key, id, emoji } = path.into_inner();
    let (topic, id) = (chat_topic(&key)?, path_id("id", &id)?);
    let wish = TalkCommand::React(MessageReact { id, emoji, on, client_id: None });
    perform(state, who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Puts an emoji under a message.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/messages/{id}/reactions/{emoji}",
    tag = "messages", params(OfReaction), responses((status = 200, body = Changed)))]
pub async fn add_reaction(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfReaction>,
) -> Answered<HttpResponse> {
    react(&state, &who, path, true).await
}

/// Takes one's emoji away from a message.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/messages/{id}/reactions/{emoji}",
    tag = "messages", params(OfReaction), responses((status = 200, body = Changed)))]
pub async fn remove_reaction(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfReaction>,
) -> Answered<HttpResponse> {
    react(&state, &who, path, false).await
}

/// Lists everyone who reacted to a message, in the order they came.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/messages/{id}/reactions",
    tag = "messages", params(OfMessage), responses((status = 200, body = ReactorList)))]
pub async fn list_reactions(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfMessage>,
) -> Answered<web::Json<ReactorList>> {
    let (topic, id) = path.read()?;
    let read = state.house.lane.read(move |conn| looks::reactions(conn, &who, &topic, id));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

async fn set_pin(
    state: &State,
    who: &Caller,
    path: &OfMessage,
    on: bool,
) -> Answered<HttpResponse> {
    let (topic, id) = path.read()?;
    let wish = TalkCommand::Pin(MessagePin { id, on, client_id: None });
    perform(state, who, Some(topic), wish.into(), StatusCode::OK).await
}

/// Pins a message.
#[utoipa::path(put, path = "/api/v1/conversations/{key}/messages/{id}/pin", tag = "messages",
    params(OfMessage), responses((status = 200, body = Changed)))]
pub async fn pin(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfMessage>,
) -> Answered<HttpResponse> {
    set_pin(&state, &who, &path, true).await
}

/// Unpins a message.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/messages/{id}/pin", tag = "messages",
    params(OfMessage), responses((status = 200, body = Changed)))]
pub async fn unpin(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfMessage>,
) -> Answered<HttpResponse> {
    set_pin(&state, &who, &path, false).await
}

/// Lists the pinned messages, the newest pin first.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/pins", tag = "messages",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = PinList)))]
pub async fn list_pins(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<web::Json<PinList>> {
    let topic = chat_topic(&key)?;
    let read = state.house.lane.read(move |conn| looks::pins(conn, &who, &topic));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Sends a message to another conversation, with its author's name.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/messages/{id}/forward", tag = "messages",
    params(OfMessage, ("Idempotency-Key" = Option<String>, Header)),
    request_body = ForwardWish,
    responses((status = 201, body = ForwardedMessage)))]
pub async fn forward(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<OfMessage>,
    body: Body<ForwardWish>,
) -> Answered<HttpResponse> {
    let (topic, id) = path.read()?;
    let Body(ForwardWish { to, client_id: given }) = body;
    let client_id = client_id(&request, given)?;
    let wish = TalkCommand::Forward(MessageForward { id, to, client_id });
    perform(&state, &who, Some(topic), wish.into(), StatusCode::CREATED).await
}

/// Lists all that a message has said, oldest first.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/messages/{id}/versions", tag = "messages",
    params(OfMessage), responses((status = 200, body = VersionList)))]
pub async fn list_versions(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfMessage>,
) -> Answered<web::Json<VersionList>> {
    let (topic, id) = path.read()?;
    let read = state.house.lane.read(move |conn| looks::versions(conn, &who, &topic, id));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Says whom a message has reached, and who has read it.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/messages/{id}/receipts", tag = "messages",
    params(OfMessage), responses((status = 200, body = Receipts)))]
pub async fn show_receipts(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<OfMessage>,
) -> Answered<web::Json<Receipts>> {
    let (topic, id) = path.read()?;
    let read = state.house.lane.read(move |conn| looks::receipts(conn, &who, &topic, id));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Marks everything up to a position as having reached a device of one's own.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/delivered", tag = "messages",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = DeliveredMark,
    responses((status = 200, body = Changed)))]
pub async fn mark_delivered(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    body: Body<DeliveredMark>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let mark = TalkCommand::Delivered(body.0);
    perform(&state, &who, Some(topic), mark.into(), StatusCode::OK).await
}

/// Says whether one shares read receipts.
#[utoipa::path(get, path = "/api/v1/receipts", tag = "messages",
    responses((status = 200, body = ReceiptSharing)))]
pub async fn show_sharing(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<ReceiptSharing>> {
    let user = who.user;
    let read = state.house.lane.read(move |conn| Ok(receipt::is_shared_by(conn, user)?));
    Ok(web::Json(ReceiptSharing { on: read.await? }))
}

/// Sets whether one shares read receipts; who shares none sees none.
#[utoipa::path(put, path = "/api/v1/receipts", tag = "messages",
    request_body = ReceiptSharing,
    responses((status = 200, body = ReceiptSharing)))]
pub async fn set_sharing(
    state: web::Data<State>,
    who: Caller,
    body: Body<ReceiptSharing>,
) -> Answered<HttpResponse> {
    let wish = TalkCommand::ShareReceipts(ReceiptsShare { on: body.0.on });
    perform(&state, &who, None, wish.into(), StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let of = |rest: &str| web::resource(format!("/api/v1/conversations/{{key}}/{rest}"));
    cfg.service(
        of("messages/{id}/reactions/{emoji}")
            .route(web::put().to(add_reaction))
            .route(web::delete().to(remove_reaction)),
    )
    .service(of("messages/{id}/reactions").route(web::get().to(list_reactions)))
    .service(of("messages/{id}/pin").route(web::put().to(pin)).route(web::delete().to(unpin)))
    .service(of("messages/{id}/forward").route(web::post().to(forward)))
    .service(of("messages/{id}/versions").route(web::get().to(list_versions)))
    .service(of("messages/{id}/receipts").route(web::get().to(show_receipts)))
    .service(of("pins").route(web::get().to(list_pins)))
    .service(of("delivered").route(web::post().to(mark_delivered)))
    .service(
        web::resource("/api/v1/receipts")
            .route(web::get().to(show_sharing))
            .route(web::put().to(set_sharing)),
    );
}
