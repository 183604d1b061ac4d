//! The older dashboard's talks between two members: direct conversations under names it knows.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::chat_commands::Effect;
use crate::actors::chat_reads;
use crate::actors::effect_job;
use crate::actors::lane::Fault;
use crate::actors::receipt_commands;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{in_body_words, number};
use crate::http::state::State;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::store::DbConn;
use crate::models::user::User;
use crate::models::{conversation, membership, message, user};
use crate::protocol::command::{Command, ConversationCreate, MessageSend, read_json};
use crate::protocol::opaque;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationEntry, ConversationKind, ConversationView, MessageView};

/// Talks on a page.
const PAGE: i64 = 25;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(list_talks, create_talk, show_talk, send))]
pub struct Described;

/// A talk to open.
#[derive(Deserialize, ToSchema)]
pub struct TalkBody {
    /// The other's id.
    participant2: Value,
    title: Option<String>,
    initial_message: Option<String>,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
pub struct SendBody {
    content: String,
    /// Must be empty: this path carries text alone.
    #[serde(default)]
    attachments: Vec<Value>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From 1.
    page: Option<String>,
}

/// A page of talks.
#[derive(Serialize, ToSchema)]
pub struct TalkPage {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Value>,
}

/// The people of some talks, by id.
type People = HashMap<UserId, User>;

fn people_of(conn: &mut DbConn, ids: impl IntoIterator<Item = UserId>) -> Result<People, Fault> {
    let mut people = People::new();
    for id in ids {
        if !people.contains_key(&id)
            && let Some(found) = user::by_id(conn, id)?
        {
            people.insert(id, found);
        }
    }
    Ok(people)
}

fn participant(person: &User) -> Value {
    json!({
        "id": opaque::of_user(person.id),
        "email": person.email,
        "username": person.username,
        "first_name": person.first_name,
        "last_name": person.last_name,
    })
}

/// What became of a message at its other end.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    is_delivered: bool,
    is_read: bool,
}

fn written(message: &MessageView, people: &People, arrival: Arrival) -> Value {
    let sender = message.sender.as_ref();
    let account = sender.and_then(|sender| people.get(&sender.id));
    json!({
        "id": opaque::of_message(message.id),
        "conversation": opaque::of_conversation(message.conversation),
        "sender": sender.map(|sender| opaque::of_user(sender.id)),
        "sender_email": account.map_or("", |account| &account.email),
        "sender_username": sender.map_or("", |sender| &sender.username),
        "role": account.map_or("", |account| account.role.as_str()),
        "content": message.content,
        "attachments": [],
        "created_at": crate::clock::rfc3339(message.created_at),
        "updated_at": crate::clock::rfc3339(message.edited_at.unwrap_or(message.created_at)),
        "is_delivered": arrival.is_delivered || arrival.is_read,
        // When each happened is kept for nobody.
        "delivered_at": Value::Null,
        "is_read": arrival.is_read,
        "read_at": Value::Null,
    })
}

/// How far the other has read a talk.
fn read_seq_of(conn: &mut DbConn, talk: ConversationId, other: UserId) -> Result<i64, Fault> {
    Ok(membership::membership(conn, talk, other)?.map_or(0, |row| row.read_seq))
}

fn shown(conn: &mut DbConn, who: UserId, entry: &ConversationEntry) -> Result<Value, Fault> {
    let peer = entry.peer.as_ref().map(|peer| peer.id);
    let people = people_of(conn, [Some(who), peer].into_iter().flatten())?;
    let (mine, theirs) = (people.get(&who), peer.and_then(|peer| people.get(&peer)));
    let last_message = match &entry.last_message {
        Some(last) => {
            let by_me = last.sender.as_ref().is_some_and(|sender| sender.id == who);
            let read_seq = match peer {
                Some(peer) if by_me => read_seq_of(conn, entry.conversation.id, peer)?,
                _ => entry.read_seq,
            };
            let is_read = last.seq <= read_seq;
            written(last, &people, Arrival { is_delivered: is_read, is_read })
        }
        None => Value::Null,
    };
    Ok(json!({
        "id": opaque::of_conversation(entry.conversation.id),
        "participant1": opaque::of_user(who),
        "participant2": peer.map(opaque::of_user),
        "participants": [mine.map(participant), theirs.map(participant)],
        "title": entry.conversation.title,
        "created_at": crate::clock::rfc3339(entry.conversation.created_at),
        "updated_at": crate::clock::rfc3339(entry.conversation.updated_at),
        "last_message": last_message,
        "unread_count": entry.unread,
    }))
}

fn own_talks(conn: &mut DbConn, who: &Caller) -> Result<Vec<ConversationEntry>, Fault> {
    let mut talks = chat_reads::conversations(conn, who)?;
    talks.retain(|entry| entry.conversation.kind == ConversationKind::Direct);
    Ok(talks)
}

/// Lists one's talks, the last written to first.
#[utoipa::path(get, path = "/api/v1/chat/member-conversations", tag = "compatibility",
    params(PageQuery), responses((status = 200, body = TalkPage)))]
pub async fn list_talks(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<PageQuery>,
) -> Answered<web::Json<TalkPage>> {
    let page = number("page", query.page.as_deref())?.unwrap_or(1);
    if page < 1 {
        return Err(Refusal::field("page", "from 1").into());
    }
    let read = state.house.lane.read(move |conn| {
        let talks = own_talks(conn, &who)?;
        let count = i64::try_from(talks.len()).unwrap_or(i64::MAX);
        let before = usize::try_from((page - 1).saturating_mul(PAGE)).unwrap_or(usize::MAX);
        let size = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut results = Vec::new();
        for talk in talks.iter().skip(before).take(size) {
            results.push(shown(conn, who.user, talk)?);
        }
        let at = |page: i64| format!("/api/v1/chat/member-conversations/?page={page}");
        Ok(TalkPage {
            count,
            next: (page.saturating_mul(PAGE) < count).then(|| at(page + 1)),
            previous: (page > 1).then(|| at(page - 1)),
            results,
        })
    });
    Ok(web::Json(read.await?))
}

/// A command as its JSON would be read, so that what it does not name is as when absent.
fn from_json<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    read_json(value.to_string().as_bytes(), "")
}

async fn post(
    state: &State,
    who: &Caller,
    talk: ConversationId,
    text: &str,
) -> Answered<MessageId> {
    #[derive(Deserialize)]
    struct Sent {
        id: MessageId,
    }
    let send: MessageSend = from_json(&json!({"content": text}))?;
    let (topic, command) = (Topic::conversation(talk), Command::MessageSend(send));
    let done = state.house.perform(std::sync::Arc::clone(&who.0), Some(topic), command).await;
    let sent: Sent = serde_json::from_str(done.map_err(in_body_words)?.get())
        .map_err(|_| Refusal::internal())?;
    Ok(sent.id)
}

/// Opens a talk with someone; the one that exists already is returned.
#[utoipa::path(post, path = "/api/v1/chat/member-conversations", tag = "compatibility",
    request_body = TalkBody, responses((status = 201)))]
pub async fn create_talk(
    state: web::Data<State>,
    who: Caller,
    Body(body): Body<TalkBody>,
) -> Answered<HttpResponse> {
    let other = match &body.participant2 {
        Value::String(text) => opaque::user(text),
        Value::Number(number) => opaque::user(&number.to_string()),
        _ => None,
    };
    let other = other.ok_or_else(|| Refusal::field("participant2", "a person's id"))?;
    let wish = json!({
        "kind": "direct", "members": [other], "title": body.title.unwrap_or_default(),
    });
    let create: ConversationCreate = from_json(&wish)?;
    let command = Command::ConversationCreate(create);
    let done = state.house.perform(std::sync::Arc::clone(&who.0), None, command).await;
    let answer = done.map_err(|refusal| match refusal.field.as_deref() {
        Some("data.members") => {
            let rule = refusal.rule.clone().unwrap_or_default();
            Refusal::field("participant2", rule).into()
        }
        _ => in_body_words(refusal),
    })?;
    let made: ConversationView =
        serde_json::from_str(answer.get()).map_err(|_| Refusal::internal())?;
    if let Some(text) = body.initial_message.as_deref().filter(|text| !text.trim().is_empty()) {
        post(&state, &who, made.id, text).await?;
    }
    Ok(HttpResponse::build(StatusCode::CREATED).json(find(&state, who, made.id).await?))
}

async fn find(state: &State, who: Caller, talk: ConversationId) -> Answered<Value> {
    let read = state.house.lane.read(move |conn| {
        let talks = own_talks(conn, &who)?;
        let entry = talks.iter().find(|entry| entry.conversation.id == talk);
        shown(conn, who.user, entry.ok_or_else(Refusal::not_found)?)
    });
    Ok(read.await?)
}

fn talk_id(text: &str) -> Result<ConversationId, Refusal> {
    opaque::conversation(text).ok_or_else(Refusal::not_found)
}

/// Shows one talk.
#[utoipa::path(get, path = "/api/v1/chat/member-conversations/{id}", tag = "compatibility",
    params(("id" = String, Path)), responses((status = 200)))]
pub async fn show_talk(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<Value>> {
    let talk = talk_id(&id)?;
    Ok(web::Json(find(&state, who, talk).await?))
}

/// Sends a message in a talk; the other hears it at once, or is notified.
#[utoipa::path(post, path = "/api/v1/chat/member-conversations/{id}/send_message",
    tag = "compatibility", params(("id" = String, Path)), request_body = SendBody,
    responses((status = 201)))]
pub async fn send(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Body(body): Body<SendBody>,
) -> Answered<HttpResponse> {
    let talk = talk_id(&id)?;
    if !body.attachments.is_empty() {
        return Err(Refusal::field("attachments", "none; this path carries text alone").into());
    }
    let sent = post(&state, &who, talk, &body.content).await?;
    let me = who.user;
    let read = state.house.lane.read(move |conn| {
        let view = message::views(conn, &[sent])?.remove(&sent).ok_or_else(Refusal::not_found)?;
        let others = membership::member_ids(conn, talk)?;
        let other = others.into_iter().find(|user| *user != me);
        Ok((view, other, people_of(conn, [me])?))
    });
    let (view, other, people) = read.await?;
    let topic = Topic::conversation(talk);
    let is_delivered =
        other.is_some_and(|other| state.house.presence.lock().is_listening(&topic, other));
    if let Some(other) = other.filter(|_| is_delivered) {
        reaches(&state, talk, other, view.seq).await?;
    }
    let arrival = Arrival { is_delivered, is_read: false };
    Ok(HttpResponse::build(StatusCode::CREATED).json(written(&view, &people, arrival)))
}

/// What was sent has reached a socket of the other. Their client does not say so by itself.
async fn reaches(
    state: &State,
    talk: ConversationId,
    other: UserId,
    seq: i64,
) -> Result<(), Refusal> {
    let house = std::sync::Arc::clone(&state.house);
    let mark = move |conn: &mut DbConn| {
        let home = conversation::by_id(conn, talk)?.ok_or_else(Refusal::not_found)?;
        let events = receipt_commands::reached(conn, &home, other, seq, &house)?;
        Ok(Effect { events, ..Effect::quiet(&()) })
    };
    effect_job::write(&state.house, mark).await.map(|_| ())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/chat/member-conversations")
            .route(web::get().to(list_talks))
            .route(web::post().to(create_talk)),
    )
    .service(
        web::resource("/api/v1/chat/member-conversations/{id}").route(web::get().to(show_talk)),
    )
    .service(
        web::resource("/api/v1/chat/member-conversations/{id}/send_message")
            .route(web::post().to(send)),
    );
}
