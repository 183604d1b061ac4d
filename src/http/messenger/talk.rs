//! What the messenger's clients do with messages over REST: react, pin, forward.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::http::drf::{Fail, Fields, Told, answered_id, path_id};
use crate::http::messenger::messages::{MODEL, check_member, sender_of, shown};
use crate::http::messenger::{Caller, Viewer, letters};
use crate::http::state::State;
use crate::ids::{ConversationId, MessageId};
use crate::models::{message, reaction};
use crate::protocol::command::talk::{MessageForward, MessagePin, MessageReact, TalkCommand};
use crate::protocol::dialect::messenger::shapes::{self, Reaction};
use crate::protocol::emoji;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

type Place = (ConversationId, MessageId);

fn place(path: &(String, String)) -> Result<Place, Fail> {
    Ok((path_id(&path.0)?, path_id(&path.1)?))
}

async fn ask(state: &State, who: &Caller, at: Place, wish: TalkCommand) -> Result<(), Refusal> {
    let topic = Some(Topic::conversation(at.0));
    state.house.perform(Arc::clone(&who.0), topic, wish.into()).await.map(|_| ())
}

fn wanted(words: &str) -> Fail {
    Fail::detail(StatusCode::BAD_REQUEST, words)
}

/// Puts one's emoji under a message, or takes it away when it is there: a switch.
pub async fn react(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<(String, String)>,
    fields: Fields,
) -> Told {
    let at = place(&path)?;
    sender_of(&state, &who, at.0, at.1).await?;
    let given = fields.text("emoji")?.filter(|emoji| !emoji.is_empty());
    let given = given.ok_or_else(|| wanted("emoji required."))?;
    let emoji = emoji::read(&given).unwrap_or(given);
    let (user, sought) = (who.user, emoji.clone());
    let read = state.house.lane.read(move |conn| Ok(reaction::of_one(conn, at.1, user, &sought)?));
    let on = read.await?.is_none();
    let wish = MessageReact { id: at.1, emoji: emoji.clone(), on, client_id: None };
    let done = ask(&state, &who, at, TalkCommand::React(wish)).await;
    done.map_err(|refusal| Fail::of(refusal, MODEL))?;
    if !on {
        return Ok(HttpResponse::Ok().json(json!({"status": "reaction removed"})));
    }
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let put = reaction::of_one(conn, at.1, user, &emoji)?.ok_or_else(Refusal::not_found)?;
        let faces = viewer.faces(conn, [user])?;
        Ok(shapes::reaction(at.1, &Reaction { user, emoji, at: put }, &faces))
    });
    let put = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    Ok(HttpResponse::Created().json(put))
}

/// Pins or unpins; `true` when that changed anything.
async fn turn(state: &State, who: &Caller, at: Place, on: bool) -> Result<bool, Fail> {
    sender_of(state, who, at.0, at.1).await?;
    let read = move |conn: &mut _| Ok(message::views(conn, &[at.1])?.remove(&at.1));
    let found = state.house.lane.read(read).await?;
    let was_on = found.is_some_and(|message| message.pinned.is_some());
    let wish = TalkCommand::Pin(MessagePin { id: at.1, on, client_id: None });
    ask(state, who, at, wish).await.map_err(|refusal| match refusal.code {
        Code::Forbidden => Fail::forbidden("Only admins can pin messages."),
        _ => Fail::of(refusal, MODEL),
    })?;
    Ok(was_on != on)
}

/// Pins a message; one that is pinned stays so.
pub async fn pin(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<(String, String)>,
) -> Told {
    let at = place(&path)?;
    let is_new = turn(&state, &who, at, true).await?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let found: Vec<_> = message::views(conn, &[at.1])?.into_values().collect();
        let pin = found.first().and_then(|found| found.pinned.clone());
        let (pin, letter) = pin
            .zip(letters::written(conn, &viewer, &found)?.pop())
            .ok_or_else(Refusal::not_found)?;
        let faces = viewer.faces(conn, pin.by)?;
        Ok(shapes::pin(letter, at.1, &pin, &faces))
    });
    let pinned = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(pinned))
}

/// Unpins a message.
pub async fn unpin(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<(String, String)>,
) -> Told {
    turn(&state, &who, place(&path)?, false).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "message unpinned"})))
}

/// Sends a message to another conversation that one is in.
pub async fn forward(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<(String, String)>,
    fields: Fields,
) -> Told {
    let at = place(&path)?;
    sender_of(&state, &who, at.0, at.1).await?;
    let given = fields.number("conversation_id")?;
    let given = given.ok_or_else(|| wanted("conversation_id required."))?;
    let missing = || Fail::detail(StatusCode::NOT_FOUND, "Conversation not found.");
    let to: ConversationId = given.to_string().parse().map_err(|_| missing())?;
    let asker = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| check_member(conn, &asker, to));
    read.await.map_err(|refusal| match refusal.code {
        Code::NotFound => missing(),
        _ => refusal.into(),
    })?;
    let wish = MessageForward { id: at.1, to: Topic::conversation(to), client_id: None };
    let topic = Some(Topic::conversation(at.0));
    let command = TalkCommand::Forward(wish).into();
    let done = state.house.perform(Arc::clone(&who.0), topic, command);
    let answer = done.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    shown(&state, &request, &who, answered_id(&answer)?, StatusCode::CREATED).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let one = "/api/chat/conversations/{id}/messages/{message}";
    cfg.route(&format!("{one}/react"), web::post().to(react))
        .route(&format!("{one}/pin"), web::post().to(pin))
        .route(&format!("{one}/unpin"), web::post().to(unpin))
        .route(&format!("{one}/forward"), web::post().to(forward));
}
