//! REST of conversations, through the same owners as sockets.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::authorize::admit_for;
use crate::actors::chat_reads;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller};
use crate::http::rest::{Changed, chat_topic, client_id, in_body_words, perform};
use crate::http::state::State;
use crate::models::store::DbConn;
use crate::models::{conversation, journal, message, user};
use crate::protocol::command::{Command, ConversationChange, ConversationCreate};
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationEntry, ConversationView};

/// Most public conversations listed.
const PUBLIC_MAX: i64 = 200;

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
    );
}
