//! REST of messages, through the same owners as sockets.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::actors::chat_reads;
use crate::http::error::{Answered, ApiError};
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{
    Changed, chat_topic, client_id, in_body_words, number, path_id, perform,
};
use crate::http::state::State;
use crate::ids::MessageId;
use crate::protocol::command::{
    Command, History, MessageDelete, MessageEdit, MessageSend, ReadMark, TopicPublish,
};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::HistoryPage;

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    #[schema(value_type = String)]
    id: MessageId,
    /// Its position in the topic's journal.
    seq: i64,
}

/// New text for one's own message.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MessageChange {
    content: String,
    client_id: Option<String>,
}

/// Something to tell whoever listens now; nothing is kept.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Publish {
    /// A word of at most 64 of `a-z0-9_.-`.
    event: String,
    #[schema(value_type = Option<Object>)]
    data: Option<Box<RawValue>>,
}

/// Which page of history, as the query string says it.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    before: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

impl PageQuery {
    fn read(&self) -> Result<History, Refusal> {
        Ok(History {
            before: number("before", self.before.as_deref())?,
            after: number("after", self.after.as_deref())?,
            limit: number("limit", self.limit.as_deref())?,
        })
    }
}

/// A page of messages, oldest first: before a position, after one, or the newest.
#[utoipa::path(get, path = "/api/v1/conversations/{key}/messages", tag = "messages",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("before" = Option<i64>, Query, description = "messages with a smaller position"),
        ("after" = Option<i64>, Query, description = "messages with a larger position"),
        ("limit" = Option<i64>, Query, description = "1 to 200; 50 when absent"),
    ),
    responses((status = 200, body = HistoryPage)))]
pub async fn list_messages(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    query: Query<PageQuery>,
) -> Answered<web::Json<HistoryPage>> {
    let topic = chat_topic(&key)?;
    let wish = query.0.read()?;
    let read = state.house.lane.read(move |conn| chat_reads::history(conn, &who, &topic, &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Sends a message. With a `client_id` (or `Idempotency-Key`) a repeat gets the first answer.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/messages", tag = "messages",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body = MessageSend,
    responses((status = 201, body = Sent)))]
pub async fn send_message(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    body: Body<MessageSend>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let Body(mut send) = body;
    send.client_id = client_id(&request, send.client_id)?;
    perform(&state, &who, Some(topic), Command::MessageSend(send), StatusCode::CREATED).await
}

/// Changes the text of one's own message.
#[utoipa::path(patch, path = "/api/v1/conversations/{key}/messages/{id}", tag = "messages",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("id" = String, Path, description = "the message"),
    ),
    request_body = MessageChange,
    responses((status = 200, body = Changed)))]
pub async fn edit_message(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: Body<MessageChange>,
) -> Answered<HttpResponse> {
    let (topic, id) = (chat_topic(&path.0)?, path_id("id", &path.1)?);
    let Body(MessageChange { content, client_id: given }) = body;
    let client_id = client_id(&request, given)?;
    let command = Command::MessageEdit(MessageEdit { id, content, client_id });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Takes a message back: its place stays, its content goes.
#[utoipa::path(delete, path = "/api/v1/conversations/{key}/messages/{id}", tag = "messages",
    params(
        ("key" = String, Path, description = "an id or a room name"),
        ("id" = String, Path, description = "the message"),
    ),
    responses((status = 200, body = Changed)))]
pub async fn delete_message(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answered<HttpResponse> {
    let (topic, id) = (chat_topic(&path.0)?, path_id("id", &path.1)?);
    let client_id = client_id(&request, None)?;
    let command = Command::MessageDelete(MessageDelete { id, client_id });
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
}

/// Marks everything up to a position as read.
#[utoipa::path(post, path = "/api/v1/conversations/{key}/read", tag = "messages",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = ReadMark,
    responses((status = 200, body = Changed)))]
pub async fn mark_read(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
    body: Body<ReadMark>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    perform(&state, &who, Some(topic), Command::ReadMark(body.0), StatusCode::OK).await
}

/// Tells whoever listens to a topic now; nothing is kept.
#[utoipa::path(post, path = "/api/v1/topics/{topic}/publish", tag = "topics",
    params(("topic" = String, Path, description = "like chat:general")),
    request_body = Publish,
    responses((status = 204, description = "told")))]
pub async fn publish(
    state: web::Data<State>,
    who: Caller,
    topic: web::Path<String>,
    body: Body<Publish>,
) -> Answered<HttpResponse> {
    let topic: Topic = topic.parse().map_err(|_| {
        ApiError(Refusal::field("topic", "a topic name, like chat:42 or chat:general"))
    })?;
    let Publish { event, data } = body.0;
    let command = Command::TopicPublish(TopicPublish { event, data });
    let done = state.house.perform(Arc::clone(&who.0), Some(topic), command).await;
    done.map_err(in_body_words)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/conversations/{key}/messages")
            .route(web::get().to(list_messages))
            .route(web::post().to(send_message)),
    )
    .service(
        web::resource("/api/v1/conversations/{key}/messages/{id}")
            .route(web::patch().to(edit_message))
            .route(web::delete().to(delete_message)),
    )
    .service(
        web::resource("/api/v1/conversations/{key}/read").route(web::post().to(mark_read)),
    )
    .service(web::resource("/api/v1/topics/{topic}/publish").route(web::post().to(publish)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::read_json;

    #[test]
    fn a_published_event_keeps_its_data_as_it_was_written() {
        let body: Publish = read_json(br#"{"event":"moved","data":{"x": 1.50}}"#, "").unwrap();
        assert_eq!(body.event, "moved");
        assert_eq!(body.data.unwrap().get(), r#"{"x": 1.50}"#);
    }
}
