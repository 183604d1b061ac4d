//! The classroom's threads over REST: messages of the general room with what was said about them.
//!
//! A thread is known by the number of its first message.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::actors::lane::Fault;
use crate::http::classroom::general::{ensure, error, refused};
use crate::http::classroom::sending::{self, PAGE_MAX, PAGE_USUAL, Wish};
use crate::http::classroom::{Caller, letters};
use crate::http::drf::{Fail, Fields, Told, path_id, window};
use crate::http::messenger::Viewer;
use crate::http::state::State;
use crate::ids::MessageId;
use crate::models::listing::{self, Thread};
use crate::models::store::DbConn;
use crate::protocol::command::Command;
use crate::protocol::command::older::OlderCommand;
use crate::protocol::command::talk::{MessagePin, TalkCommand};
use crate::protocol::dialect::classroom::shapes::GENERAL;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Threads in a page when the asker does not say.
const THREADS_USUAL: i64 = 20;
/// Longest title, in characters.
const TITLE_CHARS: usize = 200;
/// What refusals call a thread.
const MODEL: &str = "MessageThread";

fn root_of(path: &str) -> Result<MessageId, Fail> {
    path_id(path).map_err(|_| Fail::missing(MODEL))
}

/// Of a thread, what is not there and what one may not see are the same.
fn hidden(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::NotFound => Fail::missing(MODEL),
        _ => refused(refusal),
    }
}

/// The thread that this message begins, for someone who may read the room.
fn find(conn: &mut DbConn, viewer: &Viewer, root: MessageId) -> Result<Thread, Fault> {
    let (room, _) = sending::enter(conn, &viewer.who, &Topic::room(GENERAL))?;
    let found = listing::thread(conn, root)?;
    let found = found.filter(|thread| thread.root.conversation == room.id);
    found.ok_or_else(|| Refusal::not_found().into())
}

async fn shown(state: &State, viewer: Viewer, root: MessageId, status: StatusCode) -> Told {
    let read = state.house.lane.read(move |conn| {
        let thread = find(conn, &viewer, root)?;
        let shown = letters::written_threads(conn, &viewer, &[thread])?.pop();
        shown.ok_or_else(|| Refusal::not_found().into())
    });
    Ok(HttpResponse::build(status).json(read.await.map_err(hidden)?))
}

/// The threads of the general room, pinned ones first, then last written to first.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    ensure(&state).await?;
    let (limit, offset) = window(&request, THREADS_USUAL, PAGE_MAX);
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let (room, _) = sending::enter(conn, &viewer.who, &Topic::room(GENERAL))?;
        let threads = listing::threads(conn, room.id, limit, offset)?;
        letters::written_threads(conn, &viewer, &threads)
    });
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

/// Begins a thread by its title.
pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    ensure(&state).await?;
    let title = fields.short_text("title", TITLE_CHARS)?.unwrap_or_default();
    if title.trim().is_empty() {
        return Err(error(StatusCode::BAD_REQUEST, "The title of the thread is required"));
    }
    let viewer = Viewer::new(&state, &request, &who.0);
    let sending = sending::send(&state, viewer.clone(), Topic::room(GENERAL), Wish::title(title));
    let begun = sending.await.map_err(refused)?;
    let root = begun["id"].as_i64().map(MessageId).ok_or_else(Refusal::internal)?;
    shown(&state, viewer, root, StatusCode::CREATED).await
}

/// One thread.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    shown(&state, viewer, root_of(&path)?, StatusCode::OK).await
}

/// A page of a thread's messages, oldest first: a bare list.
pub async fn messages(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let root = root_of(&path)?;
    let (limit, offset) = window(&request, PAGE_USUAL, PAGE_MAX);
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        find(conn, &viewer, root)?;
        let (_, reading) = sending::enter(conn, &viewer.who, &Topic::room(GENERAL))?;
        let mut found = listing::of_thread(conn, root, limit, offset)?;
        found.reverse();
        letters::written(conn, &viewer, &found, reading)
    });
    Ok(HttpResponse::Ok().json(read.await.map_err(hidden)?))
}

/// Says something in a thread; everyone in the room hears it.
pub async fn send(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let root = root_of(&path)?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let looking = viewer.clone();
    let read = state.house.lane.read(move |conn| find(conn, &looking, root).map(|_| ()));
    read.await.map_err(hidden)?;
    if fields.text("content")?.is_none_or(|text| text.trim().is_empty()) {
        return Err(error(StatusCode::BAD_REQUEST, "The content of the message is required"));
    }
    let wish = Wish::read(&fields)?.answering(root);
    let sent = sending::send(&state, viewer, Topic::room(GENERAL), wish).await;
    let sent = sent.map_err(|refusal| match refusal.field.as_deref() {
        Some("data.reply_to") if refusal.code == Code::Forbidden => {
            error(StatusCode::FORBIDDEN, "The thread is locked")
        }
        _ => refused(refusal),
    })?;
    Ok(HttpResponse::Created().json(sent))
}

async fn turn(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    path: &str,
    command: impl FnOnce(MessageId) -> Command,
) -> Told {
    let root = root_of(path)?;
    let viewer = Viewer::new(state, request, &who.0);
    let looking = viewer.clone();
    let read = state.house.lane.read(move |conn| find(conn, &looking, root).map(|_| ()));
    read.await.map_err(hidden)?;
    let topic = Some(Topic::room(GENERAL));
    let done = state.house.perform(Arc::clone(&who.0), topic, command(root)).await;
    done.map_err(|refusal| match refusal.code {
        Code::Forbidden => {
            error(StatusCode::FORBIDDEN, "You may not moderate the threads of this room")
        }
        _ => hidden(refusal),
    })?;
    shown(state, viewer, root, StatusCode::OK).await
}

fn pins(id: MessageId, on: bool) -> Command {
    TalkCommand::Pin(MessagePin { id, on, client_id: None }).into()
}

fn locks(root: MessageId, on: bool) -> Command {
    Command::Older(OlderCommand::LockThread { root, on })
}

/// Puts a thread before all others.
pub async fn pin(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    turn(&state, &request, &who, &path, |root| pins(root, true)).await
}

/// Puts a thread back among the others.
pub async fn unpin(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    turn(&state, &request, &who, &path, |root| pins(root, false)).await
}

/// Keeps a thread from being answered.
pub async fn lock(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    turn(&state, &request, &who, &path, |root| locks(root, true)).await
}

/// Lets a thread be answered again.
pub async fn unlock(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    turn(&state, &request, &who, &path, |root| locks(root, false)).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let one = |rest: &str| format!("/api/chat/threads/{{id}}{rest}");
    cfg.route("/api/chat/general/threads", web::get().to(list))
        .route("/api/chat/general/create_thread", web::post().to(create))
        .service(
            web::resource("/api/chat/threads")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .route(&one(""), web::get().to(show))
        .route(&one("/messages"), web::get().to(messages))
        .route(&one("/send_message"), web::post().to(send))
        .route(&one("/pin"), web::post().to(pin))
        .route(&one("/unpin"), web::post().to(unpin))
        .route(&one("/lock"), web::post().to(lock))
        .route(&one("/unlock"), web::post().to(unlock));
}
