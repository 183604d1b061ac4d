//! Calls over REST: begin, answer, decline, hang up, pass signals on, and what calls there were.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::call_reads;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{chat_topic, client_id, in_body_words, number, path_id, perform};
use crate::http::state::State;
use crate::ids::UserId;
use crate::protocol::command::Command;
use crate::protocol::command::call::{
    CallCommand, CallEnd, CallList, CallName, CallSignal, CallStart,
};
use crate::protocol::views::call::{CallPage, CallView};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(start, list_here, list_own, show, ring, answer, decline, end, signal))]
pub struct Description;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Calls before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

impl PageQuery {
    fn wish(&self) -> Answered<CallList> {
        let before = self.before.as_deref().map(|text| path_id("before", text)).transpose()?;
        Ok(CallList { before, limit: number("limit", self.limit.as_deref())? })
    }
}

/// How to hang up.
#[derive(Debug, Deserialize, Default, ToSchema)]
pub struct EndBody {
    /// Whether it ends for everyone.
    #[serde(default)]
    for_all: bool,
}

/// What to hand to other participants' devices.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SignalBody {
    /// One participant; all others when absent.
    #[schema(value_type = Option<String>)]
    to: Option<UserId>,
    /// Anything, at most 32 KiB of JSON.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
}

async fn ask(
    state: &State,
    who: &Caller,
    command: CallCommand,
    status: StatusCode,
) -> Answered<HttpResponse> {
    perform(state, who, None, Command::Call(command), status).await
}

/// Calls the people of a conversation.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/calls", tag = "calls",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = CallStart,
    responses((status = 201, body = CallView), (status = 409, body = ErrorBody)))]
pub async fn start(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    Body(mut start): Body<CallStart>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    start.client_id = client_id(&request, start.client_id)?;
    let command = Command::Call(CallCommand::Start(start));
    perform(&state, &who, Some(topic), command, StatusCode::CREATED).await
}

/// Lists a conversation's calls, newest first.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/calls", tag = "calls",
    params(("key" = String, Path, description = "an id or a room name"), PageQuery),
    responses((status = 200, body = CallPage)))]
pub async fn list_here(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    Query(query): Query<PageQuery>,
) -> Answered<web::Json<CallPage>> {
    let (topic, wish) = (chat_topic(&key)?, query.wish()?);
    let read = state.house.lane.read(move |conn| call_reads::list(conn, &who, Some(&topic), &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Lists one's own calls, newest first.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(PageQuery),
    responses((status = 200, body = CallPage)))]
pub async fn list_own(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<PageQuery>,
) -> Answered<web::Json<CallPage>> {
    let wish = query.wish()?;
    let read = state.house.lane.read(move |conn| call_reads::list(conn, &who, None, &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Shows a call.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallView), (status = 404, body = ErrorBody)))]
pub async fn show(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<CallView>> {
    let id = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| call_reads::show(conn, &who, id));
    Ok(web::Json(read.await?))
}

/// Says that one's device rings.
#[utoipa::path(post, path = "/api/v1/calls/{id}/ring", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallView), (status = 409, body = ErrorBody)))]
pub async fn ring(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = CallName { call: path_id("id", &id)? };
    ask(&state, &who, CallCommand::Ring(name), StatusCode::OK).await
}

/// Answers a call, or comes into one that is on.
#[utoipa::path(post, path = "/api/v1/calls/{id}/answer", tag = "calls",
    params(("id" = String, Path)),
    responses((status = 200, body = CallView), (status = 409, body = ErrorBody)))]
pub async fn answer(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = CallName { call: path_id("id", &id)? };
    ask(&state, &who, CallCommand::Answer(name), StatusCode::OK).await
}

/// Declines a call.
#[utoipa::path(post, path = "/api/v1/calls/{id}/decline", tag = "calls",
    params(("id" = String, Path)),
    responses((status = 200, body = CallView), (status = 409, body = ErrorBody)))]
pub async fn decline(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let name = CallName { call: path_id("id", &id)? };
    ask(&state, &who, CallCommand::Decline(name), StatusCode::OK).await
}

/// Hangs up, for oneself or for everyone.
#[utoipa::path(post, path = "/api/v1/calls/{id}/end", tag = "calls", params(("id" = String, Path)),
    request_body = EndBody,
    responses((status = 200, body = CallView), (status = 409, body = ErrorBody)))]
pub async fn end(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Body(body): Body<EndBody>,
) -> Answered<HttpResponse> {
    let end = CallEnd { call: path_id("id", &id)?, for_all: body.for_all };
    ask(&state, &who, CallCommand::End(end), StatusCode::OK).await
}

/// Hands something to other participants' devices; it is kept nowhere.
#[utoipa::path(post, path = "/api/v1/calls/{id}/signal", tag = "calls",
    params(("id" = String, Path)), request_body = SignalBody,
    responses((status = 200), (status = 413, body = ErrorBody)))]
pub async fn signal(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Body(body): Body<SignalBody>,
) -> Answered<HttpResponse> {
    let SignalBody { to, payload } = body;
    let signal = CallSignal { call: path_id("id", &id)?, to, payload };
    ask(&state, &who, CallCommand::Signal(signal), StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/conversations/{key}/calls")
            .route(web::get().to(list_here))
            .route(web::post().to(start)),
    )
    .route("/api/v1/calls", web::get().to(list_own))
    .route("/api/v1/calls/{id}", web::get().to(show))
    .route("/api/v1/calls/{id}/ring", web::post().to(ring))
    .route("/api/v1/calls/{id}/answer", web::post().to(answer))
    .route("/api/v1/calls/{id}/decline", web::post().to(decline))
    .route("/api/v1/calls/{id}/end", web::post().to(end))
    .route("/api/v1/calls/{id}/signal", web::post().to(signal));
}
