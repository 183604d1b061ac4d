//! REST of conversations and messages, through the same owners as sockets.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::actors::authorize::admit_for;
use crate::actors::chat_reads;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::error::{Answered, ApiError};
use crate::http::extract::{Body, Caller, Query};
use crate::http::state::State;
use crate::ids::MessageId;
use crate::models::store::DbConn;
use crate::models::{conversation, journal, message, user};
use crate::protocol::command::{
    Command, ConversationChange, ConversationCreate, History, MessageDelete, MessageEdit,
    MessageSend, ReadMark, TopicPublish,
};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationEntry, ConversationView, HistoryPage};

/// Most public conversations listed.
const PUBLIC_MAX: i64 = 200;
/// The header that stands for a body's `client_id`.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The asker's conversations, most recently active first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationList {
    conversations: Vec<ConversationEntry>,
}

/// Public conversations, last written to first.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicList {
    conversations: Vec<ConversationView>,
}

/// How much the asker has not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    total: i64,
    /// Conversations with something unread.
    conversations: Vec<UnreadEntry>,
}

/// How much the asker has not read of one conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadEntry {
    topic: String,
    unread: i64,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    #[schema(value_type = String)]
    id: MessageId,
    /// Its position in the topic's journal.
    seq: i64,
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changed {
    /// The position of its event in the topic's journal; 0 when nothing had to change.
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

/// A whole number of a query string.
///
/// # Errors
/// `bad_request` naming the field.
pub fn number(field: &'static str, text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| Refusal::field(field, "a whole number"));
    text.map(read).transpose()
}

/// The topic of a conversation that a path names by id or room name.
///
/// # Errors
/// `bad_request` naming `key`.
pub fn chat_topic(key: &str) -> Answered<Topic> {
    format!("chat:{key}").parse().map_err(|_| {
        let rule = "a conversation's id, or a room name: 1 to 64 of a-z, 0-9, - and _";
        ApiError(Refusal::field("key", rule))
    })
}

/// An id in a path.
///
/// # Errors
/// `bad_request` naming `field`.
pub fn path_id<T: std::str::FromStr>(field: &'static str, text: &str) -> Answered<T> {
    text.parse().map_err(|_| ApiError(Refusal::field(field, "an id: digits")))
}

/// A refusal in the words of REST: a frame's `data.title` is a body's `title`.
pub fn in_body_words(refusal: Refusal) -> ApiError {
    let Some(field) = refusal.field.as_deref() else { return ApiError(refusal) };
    let named = match field {
        "topic" => "key",
        "data" => "body",
        other => other.strip_prefix("data.").unwrap_or(other),
    }
    .to_owned();
    let message = match refusal.message.strip_prefix(field) {
        Some(rest) => format!("{named}{rest}").into(),
        None => refusal.message.clone(),
    };
    ApiError(Refusal { field: Some(named.into()), message, ..refusal })
}

/// The `client_id` of a body, or the header `Idempotency-Key` in its place.
///
/// # Errors
/// `bad_request` for a header that is not text.
pub fn client_id(request: &HttpRequest, given: Option<String>) -> Answered<Option<String>> {
    let header = request.headers().get(IDEMPOTENCY_KEY);
    let (None, Some(value)) = (&given, header) else { return Ok(given) };
    let text = value.to_str().map_err(|_| Refusal::field(IDEMPOTENCY_KEY, "visible ASCII"))?;
    // The header is a structured string in the IETF's draft, so it may come in quotes.
    Ok(Some(text.trim().trim_matches('"').to_owned()))
}

/// Does a command through the topic's owner and answers with what it said.
///
/// # Errors
/// The owner's refusal.
pub async fn perform(
    state: &State,
    who: &Caller,
    topic: Option<Topic>,
    command: Command,
    status: StatusCode,
) -> Answered<HttpResponse> {
    let done = state.house.perform(Arc::clone(&who.0), topic, command).await;
    let answer = done.map_err(in_body_words)?;
    let mut response = HttpResponse::build(status);
    Ok(response.content_type(ContentType::json()).body(String::from(Box::<str>::from(answer))))
}

/// Lists one's conversations, most recently active first.
#[utoipa::path(get, path = "/api/v1/conversations", tag = "conversations",
    responses((status = 200, body = ConversationList)))]
pub async fn list_conversations(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<ConversationList>> {
    let read = state.house.lane.read(move |conn| chat_reads::conversations(conn, &who));
    Ok(web::Json(ConversationList { conversations: read.await? }))
}

/// Lists public conversations, last written to first.
#[utoipa::path(get, path = "/api/v1/conversations/public", tag = "conversations",
    responses((status = 200, body = PublicList)))]
pub async fn list_public(state: web::Data<State>, _who: Caller) -> Answered<web::Json<PublicList>> {
    let read = state.house.lane.read(|conn| Ok(conversation::public(conn, PUBLIC_MAX)?));
    Ok(web::Json(PublicList { conversations: read.await? }))
}

/// Says how much one has not read.
#[utoipa::path(get, path = "/api/v1/conversations/unread", tag = "conversations",
    responses((status = 200, body = Unread)))]
pub async fn count_unread(state: web::Data<State>, who: Caller) -> Answered<web::Json<Unread>> {
    let read = state.house.lane.read(move |conn| chat_reads::conversations(conn, &who)).await?;
    let conversations: Vec<_> = read
        .into_iter()
        .filter(|entry| entry.unread > 0)
        .map(|entry| UnreadEntry { topic: entry.conversation.topic, unread: entry.unread })
        .collect();
    let total = conversations.iter().map(|entry| entry.unread).sum();
    Ok(web::Json(Unread { total, conversations }))
}

/// Opens a conversation. A direct one that exists already is returned, not made again.
#[utoipa::path(post, path = "/api/v1/conversations", tag = "conversations",
    request_body = ConversationCreate,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = ConversationView)))]
pub async fn create_conversation(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    body: Body<ConversationCreate>,
) -> Answered<HttpResponse> {
    let Body(mut create) = body;
    create.client_id = client_id(&request, create.client_id)?;
    perform(&state, &who, None, Command::ConversationCreate(create), StatusCode::CREATED).await
}

fn read_entry(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
) -> Result<ConversationEntry, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
    let found = admission.conversation()?;
    let mine = admission.membership.as_ref();
    let read_seq = mine.map_or(0, |mine| mine.read_seq);
    let unread = match mine {
        Some(_) => message::unread(conn, found.id, who.user, read_seq)?,
        None => 0,
    };
    let peers: Vec<_> = found.peer_of(who.user).into_iter().collect();
    Ok(ConversationEntry {
        conversation: found.view(),
        my_role: mine.map(|mine| mine.role),
        unread,
        read_seq,
        head: journal::head(conn, found.topic_id)?.head,
        last_message: message::page(conn, found.id, None, None, 1)?.messages.pop(),
        peer: user::persons(conn, &peers)?.into_values().next(),
    })
}

/// Shows one conversation as it stands in one's list.
#[utoipa::path(get, path = "/api/v1/conversations/{key}", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    responses((status = 200, body = ConversationEntry)))]
pub async fn show_conversation(
    state: web::Data<State>,
    who: Caller,
    key: web::Path<String>,
) -> Answered<web::Json<ConversationEntry>> {
    let topic = chat_topic(&key)?;
    let read = state.house.lane.read(move |conn| read_entry(conn, &who, &topic));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Changes a conversation's title or description.
#[utoipa::path(patch, path = "/api/v1/conversations/{key}", tag = "conversations",
    params(("key" = String, Path, description = "an id or a room name")),
    request_body = ConversationChange,
    responses((status = 200, body = Changed)))]
pub async fn change_conversation(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    key: web::Path<String>,
    body: Body<ConversationChange>,
) -> Answered<HttpResponse> {
    let topic = chat_topic(&key)?;
    let Body(mut change) = body;
    change.client_id = client_id(&request, change.client_id)?;
    let command = Command::ConversationChange(change);
    perform(&state, &who, Some(topic), command, StatusCode::OK).await
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
        web::resource("/api/v1/conversations")
            .route(web::get().to(list_conversations))
            .route(web::post().to(create_conversation)),
    )
    .service(web::resource("/api/v1/conversations/public").route(web::get().to(list_public)))
    .service(web::resource("/api/v1/conversations/unread").route(web::get().to(count_unread)))
    .service(
        web::resource("/api/v1/conversations/{key}")
            .route(web::get().to(show_conversation))
            .route(web::patch().to(change_conversation)),
    )
    .service(
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
    use crate::ids::ConversationId;
    use crate::protocol::command::read_json;
    use actix_web::test::TestRequest;

    #[test]
    fn a_key_is_an_id_or_a_room_name_and_anything_else_names_the_field() {
        assert_eq!(chat_topic("42").unwrap(), Topic::conversation(ConversationId(42)));
        assert_eq!(chat_topic("general").unwrap(), Topic::room("general"));
        for bad in ["", "0", "-1", "General", "a:b", "9007199254740992"] {
            let ApiError(refusal) = chat_topic(bad).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some("key"), "{bad:?}");
        }
    }

    #[test]
    fn refusals_name_the_fields_of_a_body() {
        let named = |field: &'static str| {
            let ApiError(refusal) = in_body_words(Refusal::field(field, "rule"));
            (refusal.field.unwrap().into_owned(), refusal.message.into_owned())
        };
        assert_eq!(named("data.title"), ("title".into(), "title: rule".into()));
        assert_eq!(named("data"), ("body".into(), "body: rule".into()));
        assert_eq!(named("topic"), ("key".into(), "key: rule".into()));
        assert_eq!(named("seq"), ("seq".into(), "seq: rule".into()));
    }

    #[test]
    fn a_number_that_is_none_names_its_field() {
        assert_eq!(number("limit", Some("5")).unwrap(), Some(5));
        assert_eq!(number("limit", None).unwrap(), None);
        let refusal = number("limit", Some("many")).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("limit"));
    }

    #[test]
    fn the_header_stands_in_for_a_missing_client_id_only() {
        let request =
            TestRequest::default().insert_header((IDEMPOTENCY_KEY, "\"k1\"")).to_http_request();
        assert_eq!(client_id(&request, None).unwrap().as_deref(), Some("k1"));
        assert_eq!(client_id(&request, Some("own".into())).unwrap().as_deref(), Some("own"));
        let bare = TestRequest::default().to_http_request();
        assert_eq!(client_id(&bare, None).unwrap(), None);
    }

    #[test]
    fn a_published_event_keeps_its_data_as_it_was_written() {
        let body: Publish = read_json(br#"{"event":"moved","data":{"x": 1.50}}"#, "").unwrap();
        assert_eq!(body.event, "moved");
        assert_eq!(body.data.unwrap().get(), r#"{"x": 1.50}"#);
    }
}
