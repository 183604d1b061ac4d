//! The classroom's rooms over REST, in pages of twenty, and the counts beside the bell.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::http::classroom::sending::{self, PAGE_MAX, PAGE_USUAL};
use crate::http::classroom::{Caller, letters};
use crate::http::drf::{Fail, Told, parameter, path_id, window};
use crate::http::messenger::{Viewer, base};
use crate::http::state::State;
use crate::models::{journal, listing, membership, people};
use crate::protocol::command::{Command, Membership, ReadMark};
use crate::protocol::dialect::classroom::shapes;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::protocol::views::MemberRole;

/// Rooms in a page.
const PAGE_SIZE: usize = 20;
/// What refusals call a room.
const MODEL: &str = "ChatRoom";
/// Most people listed.
const PARTICIPANTS_MAX: i64 = 500;

/// A room that one may not see is not there.
fn refused(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::Forbidden | Code::NotAMember => Fail::missing(MODEL),
        _ => Fail::of(refusal, MODEL),
    }
}

fn topic_of(path: &str) -> Result<Topic, Fail> {
    path_id(path).map(Topic::conversation).map_err(|_| Fail::missing(MODEL))
}

/// One page of a list with the addresses of those beside it.
fn paged(all: Vec<Value>, request: &HttpRequest, base: &str) -> Told {
    let page = parameter(request, "page").map_or(Ok(1), |page| page.parse::<usize>());
    let count = all.len();
    let pages = count.div_ceil(PAGE_SIZE).max(1);
    let page = page.ok().filter(|page| (1..=pages).contains(page));
    let page = page.ok_or_else(|| Fail::detail(StatusCode::NOT_FOUND, "Invalid page."))?;
    let address = |page: usize| format!("{base}{}/?page={page}", request.path());
    let results: Vec<Value> =
        all.into_iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE).collect();
    Ok(HttpResponse::Ok().json(json!({
        "count": count,
        "next": (page < pages).then(|| address(page + 1)),
        "previous": (page > 1).then(|| address(page - 1)),
        "results": results,
    })))
}

/// The rooms that one is in, last written to first.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let read = state.house.lane.read(move |conn| {
        let rooms = letters::rooms(conn, &who)?;
        letters::written_rooms(conn, &rooms)
    });
    paged(read.await?, &request, &base(&request, &state))
}

/// One room that one is in.
pub async fn show(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let id = path_id(&path).map_err(|_| Fail::missing(MODEL))?;
    let read = state.house.lane.read(move |conn| {
        let mut rooms = letters::rooms(conn, &who)?;
        rooms.retain(|(entry, _)| entry.conversation.id == id);
        letters::written_rooms(conn, &rooms)?.pop().ok_or_else(|| Refusal::not_found().into())
    });
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

/// A page of its messages, oldest first: a bare list.
pub async fn messages(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let topic = topic_of(&path)?;
    let page = window(&request, PAGE_USUAL, PAGE_MAX);
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| sending::page(conn, &viewer, &topic, page));
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

async fn do_in(state: &State, who: &Caller, topic: Topic, command: Command) -> Result<(), Refusal> {
    state.house.perform(Arc::clone(&who.0), Some(topic), command).await.map(|_| ())
}

fn already(words: &str) -> Fail {
    Fail::with(StatusCode::BAD_REQUEST, json!({"error": words}))
}

/// Becomes one of the room.
pub async fn join(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let topic = topic_of(&path)?;
    let command = Command::ConversationJoin(Membership { client_id: None });
    match do_in(&state, &who, topic, command).await {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({"message": "You joined the chat"}))),
        Err(refusal) if refusal.code == Code::Forbidden => {
            Err(already("You are in this chat already"))
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

/// Leaves the room.
pub async fn leave(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let topic = topic_of(&path)?;
    let command = Command::ConversationLeave(Membership { client_id: None });
    match do_in(&state, &who, topic, command).await {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({"message": "You left the chat"}))),
        Err(refusal) if [Code::Forbidden, Code::NotAMember].contains(&refusal.code) => {
            Err(already("You are not in this chat"))
        }
        Err(refusal) if refusal.code == Code::Conflict => Err(already(&refusal.message)),
        Err(refusal) => Err(refused(refusal)),
    }
}

/// Marks everything in the room as read.
pub async fn mark_read(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let topic = topic_of(&path)?;
    let (asker, asked) = (Arc::clone(&who.0), topic.clone());
    let read = state.house.lane.read(move |conn| {
        let (found, _) = sending::enter(conn, &asker, &asked)?;
        Ok(journal::head(conn, found.topic_id)?.head)
    });
    let seq = read.await.map_err(refused)?;
    do_in(&state, &who, topic, Command::ReadMark(ReadMark { seq })).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(json!({"message": "Messages marked as read"})))
}

/// The people of the room.
pub async fn participants(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let topic = topic_of(&path)?;
    let read = state.house.lane.read(move |conn| {
        let (found, _) = sending::enter(conn, &who, &topic)?;
        let members = membership::members(conn, found.id, who.user, PARTICIPANTS_MAX)?;
        let faces = people::faces(conn, members.iter().map(|member| member.user.id))?;
        let write = |member: crate::protocol::views::MemberView| {
            let face = faces.get(&member.user.id)?;
            Some(json!({
                "id": face.id.0,
                "user": shapes::participant(face),
                "joined_at": zulu(member.joined_at),
                "is_muted": false,
                "is_admin": member.role != MemberRole::Member,
            }))
        };
        Ok(members.into_iter().filter_map(write).collect::<Vec<_>>())
    });
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

/// The counts beside the bell.
pub async fn notifications(state: web::Data<State>, who: Caller) -> Told {
    let read = state.house.lane.read(move |conn| {
        let rooms = letters::rooms(conn, &who)?;
        let unread: i64 = rooms.iter().map(|(entry, _)| entry.unread).sum();
        let unread_rooms = rooms.iter().filter(|(entry, _)| entry.unread > 0).count();
        let participants: i64 = rooms.iter().map(|(_, company)| company.count).sum();
        Ok(json!({
            "total_rooms": rooms.len(),
            "active_rooms": rooms.len(),
            "total_messages": listing::count_within_reach(conn, who.user)?,
            "unread_messages": unread,
            "unread_threads": unread_rooms,
            "participants_count": participants,
        }))
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/chat/notifications", web::get().to(notifications))
        .route("/api/chat/rooms", web::get().to(list))
        .route("/api/chat/rooms/{id}", web::get().to(show))
        .route("/api/chat/rooms/{id}/messages", web::get().to(messages))
        .route("/api/chat/rooms/{id}/join", web::post().to(join))
        .route("/api/chat/rooms/{id}/leave", web::post().to(leave))
        .route("/api/chat/rooms/{id}/mark_read", web::post().to(mark_read))
        .route("/api/chat/rooms/{id}/participants", web::get().to(participants));
}
