//! The classroom's general room over REST: the one that everyone is in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::lane::Fault;
use crate::clock;
use crate::http::classroom::sending::{self, PAGE_MAX, PAGE_USUAL};
use crate::http::classroom::{Caller, letters};
use crate::http::drf::{Fail, Told, window};
use crate::http::messenger::Viewer;
use crate::http::state::State;
use crate::models::conversation::{self, NewConversation};
use crate::models::people;
use crate::models::store::DbConn;
use crate::models::{message, unread};
use crate::protocol::dialect::classroom::shapes::{self, GENERAL, Within};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::protocol::views::ConversationKind;

/// Makes the general room where there is none yet: public, and nobody's. Looked for once.
///
/// # Errors
/// When the database failed.
pub async fn ensure(state: &State) -> Result<(), Refusal> {
    let making = || async {
        let read = |conn: &mut DbConn| Ok(conversation::by_name(conn, GENERAL)?.is_some());
        if state.house.lane.read(read).await? {
            return Ok(());
        }
        state.house.lane.write(make).await
    };
    state.house.general.get_or_try_init(making).await.copied()
}

fn make(conn: &mut DbConn) -> Result<(), Fault> {
    // Another process may have been first.
    if conversation::by_name(conn, GENERAL)?.is_some() {
        return Ok(());
    }
    let new = NewConversation {
        kind: ConversationKind::Room,
        name: Some(GENERAL.to_owned()),
        direct: None,
        title: "General".to_owned(),
        description: String::new(),
        owner: None,
        is_public: true,
        at: clock::now_naive(),
    };
    conversation::insert(conn, new)?;
    Ok(())
}

pub(super) fn error(status: StatusCode, words: &str) -> Fail {
    Fail::with(status, json!({"error": words}))
}

pub(super) fn refused(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::NotFound => error(StatusCode::NOT_FOUND, "Chat not found"),
        Code::Forbidden | Code::NotAMember => error(StatusCode::FORBIDDEN, "Access denied"),
        _ => refusal.into(),
    }
}

/// The room, its people and its newest messages.
pub async fn show(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    ensure(&state).await?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let topic = Topic::room(GENERAL);
        let (found, _) = sending::enter(conn, &who, &topic)?;
        let company = people::company(conn, found.id, who.user, letters::PEOPLE_MAX)?;
        let present: Vec<_> = company.fellows.iter().map(|fellow| fellow.user).collect();
        let newest = message::page(conn, found.id, None, None, 1)?.messages;
        let senders = newest.iter().filter_map(|message| message.sender.as_ref());
        let ids: Vec<_> = senders.map(|sender| sender.id).chain(present.iter().copied()).collect();
        let faces = people::faces(conn, ids)?;
        let within = Within {
            people: &present,
            people_count: company.count,
            last_message: newest.first(),
            unread: unread::of(conn, found.id, who.user)?.messages,
        };
        let mut room = shapes::room(&found.view(), &within, &faces);
        let messages = sending::page(conn, &viewer, &topic, (PAGE_USUAL, 0))?;
        if let Value::Object(fields) = &mut room {
            fields.insert("messages".to_owned(), Value::Array(messages));
        }
        Ok(room)
    });
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

/// A page of its messages, oldest first.
pub async fn messages(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    ensure(&state).await?;
    let page = window(&request, PAGE_USUAL, PAGE_MAX);
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = move |conn: &mut _| sending::page(conn, &viewer, &Topic::room(GENERAL), page);
    let read = state.house.lane.read(read);
    Ok(HttpResponse::Ok().json(read.await.map_err(refused)?))
}

/// Sends a message to it; everyone there hears it.
pub async fn send(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    body: web::Payload,
) -> Told {
    ensure(&state).await?;
    let (viewer, topic) = (Viewer::new(&state, &request, &who.0), Topic::room(GENERAL));
    let sent = sending::send_parcel(&state, viewer, &request, topic, body, refused).await?;
    Ok(HttpResponse::Created().json(sent))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/chat/general", web::get().to(show))
        .route("/api/chat/general/messages", web::get().to(messages))
        .route("/api/chat/general/send_message", web::post().to(send));
}
