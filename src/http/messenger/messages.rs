//! The messenger's messages over REST: newest first, deleted ones among them.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::authorize::admit_for;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::drf::{Fail, Fields, NO_NULS, Told, answered_id, parameter, path_id, window};
use crate::http::messenger::{Caller, Viewer, letters};
use crate::http::parcels::Parcel;
use crate::http::state::State;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::store::DbConn;
use crate::models::{listing, message};
use crate::protocol::command::{Command, MessageDelete, MessageEdit, MessageSend};
use crate::protocol::dialect::messenger::shapes::MESSAGE_TYPES;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Messages in a list when the asker does not say; their clients expect all there are.
const LIST_USUAL: i64 = 500;
/// Most messages in a list.
const LIST_MAX: i64 = 1_000;
/// What refusals call a message.
pub(super) const MODEL: &str = "Message";
/// What is said to someone who is not in the conversation.
const NO_MEMBER: &str = "You are not a member of this conversation.";

/// Whether the asker is in the conversation, by the same rule as everything else.
///
/// # Errors
/// `not_found` when they are not.
pub fn check_member(conn: &mut DbConn, who: &Identity, id: ConversationId) -> Result<(), Fault> {
    let (admission, _grant) = admit_for(conn, who, &Topic::conversation(id), Action::Read)?;
    admission.membership.map(|_| ()).ok_or_else(|| Refusal::not_found().into())
}

/// The messages of a conversation, or those that hold `search`; none for whoever is not in it.
pub async fn list(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let id: ConversationId = path_id(&path)?;
    let (limit, offset) = window(&request, LIST_USUAL, LIST_MAX);
    let text = parameter(&request, "search").filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Fail::field("search", NO_NULS));
    }
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        check_member(conn, &viewer.who, id)?;
        let found = listing::newest(conn, id, text.as_deref(), limit, offset)?;
        letters::written(conn, &viewer, &found)
    });
    let found = match read.await {
        Err(refusal) if refusal.code == Code::NotFound => Vec::new(),
        other => other?,
    };
    Ok(HttpResponse::Ok().json(found))
}

/// One message of the conversation and who sent it; who may not see it is told it is not there.
pub(super) async fn sender_of(
    state: &State,
    who: &Caller,
    id: ConversationId,
    message: MessageId,
) -> Result<Option<UserId>, Fail> {
    let who = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| {
        check_member(conn, &who, id)?;
        let row = message::by_id(conn, message)?.filter(|row| row.conversation_id == id);
        row.map(|row| row.sender_id).ok_or_else(|| Refusal::not_found().into())
    });
    read.await.map_err(|refusal| Fail::of(refusal, MODEL))
}

/// A message as it is now.
///
/// # Errors
/// When the database failed.
pub async fn shown(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    message: MessageId,
    status: StatusCode,
) -> Told {
    let viewer = Viewer::new(state, request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let found: Vec<_> = message::views(conn, &[message])?.into_values().collect();
        letters::written(conn, &viewer, &found)?.pop().ok_or_else(|| Refusal::not_found().into())
    });
    let found: Value = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    Ok(HttpResponse::build(status).json(found))
}

/// What a message is to be, whichever way it was written.
struct Wanted {
    content: String,
    kind: Option<String>,
    reply_to: Option<MessageId>,
}

impl Wanted {
    fn read(fields: &Fields) -> Result<Self, Fail> {
        let kind = fields.text("message_type")?;
        if let Some(kind) = kind.as_deref().filter(|kind| !MESSAGE_TYPES.contains(kind)) {
            return Err(Fail::no_choice("message_type", kind));
        }
        let content = fields.text("content")?.unwrap_or_default();
        Ok(Self { content, kind, reply_to: fields.id("reply_to")? })
    }
}

/// Sends a message, with files if there are any; everyone in the conversation hears it.
pub async fn send(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
    body: web::Payload,
) -> Told {
    let id: ConversationId = path_id(&path)?;
    // Asked first, so that no file is taken from whoever may not send it.
    let asker = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| check_member(conn, &asker, id));
    read.await.map_err(|refusal| match refusal.code {
        Code::NotFound => Fail::forbidden(NO_MEMBER),
        _ => refusal.into(),
    })?;
    let most = state.house.settings.attachments_per_message;
    let parcel = Parcel::read(&state, &request, body, who.user, most).await?;
    let files = parcel.ids();
    let posted = post(&state, &who, id, parcel).await;
    let sent = Parcel::settle(&state, &files, posted).await?;
    shown(&state, &request, &who, sent, StatusCode::CREATED).await
}

async fn post(
    state: &State,
    who: &Caller,
    id: ConversationId,
    parcel: Parcel,
) -> Result<MessageId, Fail> {
    let Wanted { content, kind, reply_to } = Wanted::read(&parcel.fields)?;
    let send = MessageSend {
        content,
        message_type: kind,
        reply_to,
        attachments: parcel.ids(),
        may_be_blank: true,
        ..MessageSend::default()
    };
    let command = Command::MessageSend(send);
    let done = state.house.perform(Arc::clone(&who.0), Some(Topic::conversation(id)), command);
    let answer = done.await.map_err(|refusal| match (refusal.field.as_deref(), reply_to) {
        (Some("data.reply_to"), Some(reply_to)) => Fail::no_object("reply_to", reply_to),
        _ => refusal.into(),
    })?;
    Ok(answered_id(&answer)?)
}

async fn edited(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    (id, message): (ConversationId, MessageId),
    content: Option<String>,
) -> Told {
    let sender = sender_of(state, who, id, message).await?;
    if sender != Some(who.user) {
        return Err(Fail::forbidden("You can only edit your own messages."));
    }
    let content = content.filter(|content| !content.is_empty());
    let content =
        content.ok_or_else(|| Fail::detail(StatusCode::BAD_REQUEST, "content required."))?;
    let edit = Command::MessageEdit(MessageEdit { id: message, content, client_id: None });
    let done = state.house.perform(Arc::clone(&who.0), Some(Topic::conversation(id)), edit);
    done.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    shown(state, request, who, message, StatusCode::OK).await
}

/// Changes the text of one's own message.
pub async fn edit(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<(String, String)>,
    fields: Fields,
) -> Told {
    let place = (path_id(&path.0)?, path_id(&path.1)?);
    edited(&state, &request, &who, place, fields.text("content")?).await
}

async fn deleted(
    state: &State,
    who: &Caller,
    (id, message): (ConversationId, MessageId),
) -> Result<(), Fail> {
    let sender = sender_of(state, who, id, message).await?;
    if sender != Some(who.user) {
        return Err(Fail::forbidden("You can only delete your own messages."));
    }
    let delete = Command::MessageDelete(MessageDelete { id: message, client_id: None });
    let done = state.house.perform(Arc::clone(&who.0), Some(Topic::conversation(id)), delete);
    match done.await {
        // Taken back already: nothing is left to do.
        Err(refusal) if refusal.code == Code::NotFound => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}

/// Takes one's own message back.
pub async fn soft_delete(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<(String, String)>,
) -> Told {
    deleted(&state, &who, (path_id(&path.0)?, path_id(&path.1)?)).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "message deleted"})))
}

/// The same by the plain method.
pub async fn delete(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<(String, String)>,
) -> Told {
    deleted(&state, &who, (path_id(&path.0)?, path_id(&path.1)?)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let one = "/api/chat/conversations/{id}/messages/{message}";
    cfg.service(
        web::resource("/api/chat/conversations/{id}/messages")
            .route(web::get().to(list))
            .route(web::post().to(send)),
    )
    .service(
        web::resource(one)
            .route(web::patch().to(edit))
            .route(web::put().to(edit))
            .route(web::delete().to(delete)),
    )
    .route(&format!("{one}/edit"), web::patch().to(edit))
    .route(&format!("{one}/soft-delete"), web::delete().to(soft_delete));
}
