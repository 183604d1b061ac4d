//! REST of conversations, through the same owners as sockets.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actors::authorize::admit_for;
use crate::actors::chat_reads;
use crate::actors::lane::Fault;
use crate::actors::looks;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{Changed, chat_topic, client_id, in_body_words, number, perform};
use crate::http::state::State;
use crate::models::store::DbConn;
use crate::models::{journal, message, unread, user};
use crate::protocol::command::look::Discover;
use crate::protocol::command::{Command, ConversationChange, ConversationCreate};
use crate::protocol::topic::Topic;
use crate::protocol::views::rooms::DiscoveryPage;
use crate::protocol::views::{ConversationEntry, ConversationView};

/// The asker's conversations, most recently active first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationList {
    conversations: Vec<ConversationEntry>,
}

/// What to look for, as the query string says it.
#[derive(Debug, Deserialize)]
pub struct DiscoverQuery {
    q: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

/// How much the asker has not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    total: i64,
    /// How many of them mention the asker.
    mentions: i64,
    /// Conversations with something unread.
    conversations: Vec<UnreadEntry>,
}

/// How much the asker has not read of one conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadEntry {
    topic: String,
    unread: i64,
    /// How many of them mention the asker.
    mentions: i64,
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

/// Finds public conversations by their words, last written to first.
#[utoipa::path(get, path = "/api/v1/conversations/public", tag = "conversations",
    params(
        ("q" = Option<String>, Query, description = "words of its name, title and description"),
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 when absent"),
        ("after" = Option<String>, Query, description = "the `next` of the page before"),
    ),
    responses((status = 200, body = DiscoveryPage)))]
pub async fn list_public(
    state: web::Data<State>,
    who: Caller,
    query: Query<DiscoverQuery>,
) -> Answered<web::Json<DiscoveryPage>> {
    let DiscoverQuery { q, limit, after } = query.0;
    let wish = Discover { q, limit: number("limit", limit.as_deref())?, after };
    let read = state.house.lane.read(move |conn| looks::public(conn, &who, &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Says how much one has not read.
#[utoipa::path(get, path = "/api/v1/conversations/unread", tag = "conversations",
    responses((status = 200, body = Unread)))]
pub async fn count_unread(state: web::Data<State>, who: Caller) -> Answered<web::Json<Unread>> {
    let read = state.house.lane.read(move |conn| Ok(unread::all(conn, who.user)?)).await?;
    let entry = |(topic, unread): (Topic, unread::Unread)| UnreadEntry {
        topic: topic.to_string(),
        unread: unread.messages,
        mentions: unread.mentions,
    };
    let conversations: Vec<_> = read.into_iter().map(entry).collect();
    let total = conversations.iter().map(|entry| entry.unread).sum();
    let mentions = conversations.iter().map(|entry| entry.mentions).sum();
    Ok(web::Json(Unread { total, mentions, conversations }))
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
    let unread = unread::of(conn, found.id, who.user)?;
    let peers: Vec<_> = found.peer_of(who.user).into_iter().collect();
    Ok(ConversationEntry {
        conversation: found.view(),
        my_role: mine.map(|mine| mine.role),
        unread: unread.messages,
        mentions: unread.mentions,
        read_seq,
        muted_until: mine.and_then(|mine| mine.muted_until),
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

/// Changes a conversation: title, description, whether it is public, slow mode.
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
