//! The classroom's forums over REST.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::http::classroom::sending::{self, PAGE_MAX, PAGE_USUAL};
use crate::http::classroom::{Caller, letters};
use crate::http::drf::{Fail, Told, window};
use crate::http::messenger::Viewer;
use crate::http::state::State;
use crate::ids::ConversationId;
use crate::protocol::dialect::classroom::shapes;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

fn error(status: StatusCode, words: &str) -> Fail {
    Fail::with(status, json!({"success": false, "error": words}))
}

fn refused(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::NotFound => error(StatusCode::NOT_FOUND, "Chat not found"),
        Code::Forbidden | Code::NotAMember => error(StatusCode::FORBIDDEN, "Access denied"),
        Code::BadRequest | Code::TooLarge => Fail::from(refusal).in_success_shape(),
        _ => refusal.into(),
    }
}

fn topic_of(path: &str) -> Result<Topic, Fail> {
    let id: Result<ConversationId, _> = path.parse();
    id.map(Topic::conversation).map_err(|_| error(StatusCode::NOT_FOUND, "Chat not found"))
}

/// The forums that one is in.
pub async fn list(state: web::Data<State>, who: Caller) -> Told {
    let read = state.house.lane.read(move |conn| {
        let mut rooms = letters::rooms(conn, &who)?;
        rooms.retain(|(entry, _)| shapes::is_forum(&entry.conversation));
        letters::written_rooms(conn, &rooms)
    });
    let results = read.await?;
    let body = json!({"success": true, "count": results.len(), "results": results});
    Ok(HttpResponse::Ok().json(body))
}

/// A page of a forum's messages, oldest first.
pub async fn messages(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let topic = topic_of(&path)?;
    let (limit, offset) = window(&request, PAGE_USUAL, PAGE_MAX);
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = move |conn: &mut _| sending::page(conn, &viewer, &topic, (limit, offset));
    let read = state.house.lane.read(read);
    let results = read.await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "chat_id": path.as_str(),
        "limit": limit,
        "offset": offset,
        "count": results.len(),
        "results": results,
    })))
}

/// Sends a message to a forum; everyone there hears it.
pub async fn send(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
    body: web::Payload,
) -> Told {
    let topic = topic_of(&path)?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let sent = sending::send_parcel(&state, viewer, &request, topic, body, refused).await;
    let sent = sent.map_err(Fail::in_success_shape)?;
    Ok(HttpResponse::Created().json(json!({"success": true, "message": sent})))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/chat/forum", web::get().to(list))
        .route("/api/chat/forum/{id}/messages", web::get().to(messages))
        .route("/api/chat/forum/{id}/send_message", web::post().to(send));
}
