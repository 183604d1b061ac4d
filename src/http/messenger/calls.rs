//! The messenger's calls over REST: begun, answered, rejected, ended, listed.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::call_reads;
use crate::actors::lane::Fault;
use crate::http::drf::{Fail, Fields, Told, answered_id, path_id};
use crate::http::messenger::messages::check_member;
use crate::http::messenger::{Caller, Viewer};
use crate::http::state::State;
use crate::ids::{CallId, ConversationId, UserId};
use crate::models::call;
use crate::models::store::DbConn;
use crate::protocol::command::Command;
use crate::protocol::command::call::{CallCommand, CallName, CallStart};
use crate::protocol::dialect::messenger::calls::{endings, kind};
use crate::protocol::dialect::messenger::shapes;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::protocol::views::call::CallView;

/// Most calls listed.
const LIST_MAX: i64 = 500;
/// What refusals call a call.
const MODEL: &str = "Call";

fn written(conn: &mut DbConn, viewer: &Viewer, calls: &[CallView]) -> Result<Vec<Value>, Fault> {
    let people = calls.iter().flat_map(|call| {
        let parts = call.participants.iter().map(|part| part.user.id);
        parts.chain(call.caller.iter().map(|caller| caller.id))
    });
    let faces = viewer.faces(conn, people)?;
    Ok(calls.iter().map(|call| shapes::call(call, &faces)).collect())
}

/// A call of a conversation that one is in; any other is not there.
async fn find(state: &State, who: &Caller, id: CallId) -> Result<CallView, Fail> {
    let who = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| {
        let found = call_reads::show(conn, &who, id)?;
        check_member(conn, &who, found.conversation)?;
        Ok(found)
    });
    read.await.map_err(refused)
}

/// Whoever may not see a call is told it is not there, as all are of what is not theirs.
fn refused(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::NotFound | Code::NotAMember => Fail::missing(MODEL),
        // These clients know of no call that is over, so it has no words of its own.
        Code::Conflict => Fail::detail(StatusCode::CONFLICT, &refusal.message),
        _ => refusal.into(),
    }
}

async fn shown(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    id: CallId,
    status: StatusCode,
) -> Told {
    let found = find(state, who, id).await?;
    let viewer = Viewer::new(state, request, &who.0);
    let read = state.house.lane.read(move |conn| written(conn, &viewer, &[found]));
    let shown = read.await?.pop().ok_or_else(|| Fail::missing(MODEL))?;
    Ok(HttpResponse::build(status).json(shown))
}

async fn list_of(state: &State, request: &HttpRequest, who: &Caller, are_on: bool) -> Told {
    let viewer = Viewer::new(state, request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let reader = viewer.who.user;
        let rows = match are_on {
            true => call::on_with(conn, reader, LIST_MAX)?,
            false => call::within_reach(conn, reader, LIST_MAX)?,
        };
        let calls = call::views(conn, &rows)?;
        written(conn, &viewer, &calls)
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// The calls of the conversations that one is in, newest first: a bare list.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    list_of(&state, &request, &who, false).await
}

/// The calls that one takes part in and that are not over.
pub async fn active(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    list_of(&state, &request, &who, true).await
}

/// Calls the people of a conversation, or those who are named.
pub async fn start(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    let missing = || Fail::missing("Conversation");
    let given = fields.number("conversation_id")?.ok_or_else(missing)?;
    let id: ConversationId = given.to_string().parse().map_err(|_| missing())?;
    let asked = fields.text("call_type")?;
    if let Some(name) = asked.as_deref().filter(|name| !["voice", "video"].contains(name)) {
        return Err(Fail::no_choice("call_type", name));
    }
    let asker = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| check_member(conn, &asker, id));
    read.await.map_err(|refusal| match refusal.code {
        Code::NotFound => Fail::forbidden("You are not a member of this conversation."),
        _ => refusal.into(),
    })?;
    let named = Some(fields.ids::<UserId>("participant_ids")).filter(|named| !named.is_empty());
    let start = CallStart { kind: kind(asked.as_deref()), participants: named, client_id: None };
    let command = Command::Call(CallCommand::Start(start));
    let done = state.house.perform(Arc::clone(&who.0), Some(Topic::conversation(id)), command);
    let answer = done.await.map_err(refused)?;
    shown(&state, &request, &who, answered_id(&answer)?, StatusCode::CREATED).await
}

/// One call.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    shown(&state, &request, &who, path_id(&path)?, StatusCode::OK).await
}

async fn ask(state: &State, who: &Caller, command: CallCommand) -> Result<(), Refusal> {
    state.house.perform(Arc::clone(&who.0), None, Command::Call(command)).await.map(|_| ())
}

/// Answers a call.
pub async fn answer(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let call = find(&state, &who, path_id(&path)?).await?.id;
    ask(&state, &who, CallCommand::Answer(CallName { call })).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(json!({"status": "answered"})))
}

/// Declines a call.
pub async fn reject(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let call = find(&state, &who, path_id(&path)?).await?.id;
    ask(&state, &who, CallCommand::Decline(CallName { call })).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(json!({"status": "rejected"})))
}

/// Ends a call, as far as one may: for everyone, or for oneself. One that is over stays so.
pub async fn end(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let found = find(&state, &who, path_id(&path)?).await?;
    if found.ended_at.is_none() {
        let [for_all, for_me] = endings(found.id);
        match ask(&state, &who, for_all).await {
            Err(refusal) if refusal.code == Code::Forbidden => {
                ask(&state, &who, for_me).await.map_err(refused)?;
            }
            other => other.map_err(refused)?,
        }
    }
    let now = find(&state, &who, found.id).await?;
    let duration = shapes::call_seconds(&now);
    Ok(HttpResponse::Ok().json(json!({"status": "ended", "duration": duration})))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/chat/calls").route(web::get().to(list)).route(web::post().to(start)),
    )
    .route("/api/chat/calls/active", web::get().to(active))
    .route("/api/chat/calls/{id}", web::get().to(show))
    .route("/api/chat/calls/{id}/answer", web::post().to(answer))
    .route("/api/chat/calls/{id}/reject", web::post().to(reject))
    .route("/api/chat/calls/{id}/end", web::post().to(end));
}
