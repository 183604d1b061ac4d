//! The messenger's contacts over REST. Blocking and liking are switches there: each call turns one
//! over.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::lane::Fault;
use crate::http::drf::{Fail, Fields, Told, path_id};
use crate::http::messenger::{Caller, Viewer, profiles};
use crate::http::state::State;
use crate::ids::{ContactId, UserId};
use crate::models::contact::{self, Contact};
use crate::models::store::DbConn;
use crate::protocol::command::people::{ContactAdd, ContactChange, ContactName, PeopleCommand};
use crate::protocol::dialect::messenger::shapes;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::people::ContactView;

/// Most contacts listed.
const LIST_MAX: i64 = 1_000;
/// What refusals call a contact.
const MODEL: &str = "Contact";
/// Longest nickname, in characters.
const NICKNAME_CHARS: usize = 100;

fn written(
    conn: &mut DbConn,
    viewer: &Viewer,
    contacts: &[ContactView],
) -> Result<Vec<Value>, Fault> {
    let faces = viewer.faces(conn, contacts.iter().map(|contact| contact.user.id))?;
    let write = |contact: &ContactView| {
        json!({
            "id": contact.marks.id.0,
            "contact": shapes::user_of(&faces, Some(contact.user.id)),
            "nickname": contact.marks.nickname,
            "is_blocked": contact.marks.is_blocked,
            "is_favorite": contact.marks.is_favorite,
            "added_at": zulu(contact.created_at),
        })
    };
    Ok(contacts.iter().map(write).collect())
}

/// One's own entry with this number.
async fn own(state: &State, who: &Caller, path: &str) -> Result<Contact, Fail> {
    let id: ContactId = path_id(path)?;
    let owner = who.user;
    let read = state.house.lane.read(move |conn| Ok(contact::by_id(conn, owner, id)?));
    read.await?.ok_or_else(|| Fail::missing(MODEL))
}

async fn shown(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    person: UserId,
    status: StatusCode,
) -> Told {
    let viewer = Viewer::new(state, request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let row = contact::of(conn, viewer.who.user, person)?.ok_or_else(Refusal::not_found)?;
        let views = contact::views(conn, &[row])?;
        written(conn, &viewer, &views)?.pop().ok_or_else(|| Refusal::not_found().into())
    });
    let found = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    Ok(HttpResponse::build(status).json(found))
}

/// One's contacts and whom one has blocked: a bare list.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let contacts = contact::list(conn, viewer.who.user, None, LIST_MAX)?;
        written(conn, &viewer, &contacts)
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

fn complaint(words: &str) -> Fail {
    Fail::with(StatusCode::BAD_REQUEST, json!([words]))
}

/// Makes someone a contact.
pub async fn add(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    let given = fields.number("contact_id")?.ok_or_else(|| complaint("contact_id required."))?;
    let user = UserId(given);
    let nickname = fields.short_text("nickname", NICKNAME_CHARS)?;
    let is_favorite = fields.flag("is_favorite")?;
    let add = PeopleCommand::ContactAdd(ContactAdd { user, nickname, is_favorite });
    profiles::ask(&state, &who, add).await.map_err(|refusal| match refusal.field.as_deref() {
        Some("data.user") => complaint("User not found."),
        _ => refusal.into(),
    })?;
    shown(&state, &request, &who, user, StatusCode::CREATED).await
}

/// One contact.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let found = own(&state, &who, &path).await?;
    shown(&state, &request, &who, found.person_id, StatusCode::OK).await
}

/// Changes what one has noted.
pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let user = own(&state, &who, &path).await?.person_id;
    let nickname = fields.short_text("nickname", NICKNAME_CHARS)?;
    let is_favorite = fields.flag("is_favorite")?;
    let is_blocked = fields.flag("is_blocked")?;
    let change = ContactChange { user, nickname, is_favorite, is_blocked };
    profiles::ask(&state, &who, PeopleCommand::ContactChange(change)).await?;
    shown(&state, &request, &who, user, StatusCode::OK).await
}

/// Takes a contact away.
pub async fn remove(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let user = own(&state, &who, &path).await?.person_id;
    profiles::ask(&state, &who, PeopleCommand::ContactRemove(ContactName { user })).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn turn(state: &State, who: &Caller, user: UserId, is_blocked: bool) -> Result<(), Refusal> {
    let name = ContactName { user };
    let command = match is_blocked {
        true => PeopleCommand::ContactBlock(name),
        false => PeopleCommand::ContactUnblock(name),
    };
    profiles::ask(state, who, command).await
}

/// Blocks someone, or no longer.
pub async fn block(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let found = own(&state, &who, &path).await?;
    turn(&state, &who, found.person_id, !found.is_blocked).await?;
    let status = if found.is_blocked { "unblocked" } else { "blocked" };
    Ok(HttpResponse::Ok().json(json!({"status": status})))
}

/// Likes someone best, or no longer.
pub async fn favorite(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let found = own(&state, &who, &path).await?;
    let change = ContactChange {
        user: found.person_id,
        nickname: None,
        is_favorite: Some(!found.is_favorite),
        is_blocked: None,
    };
    profiles::ask(&state, &who, PeopleCommand::ContactChange(change)).await?;
    let status = if found.is_favorite { "unfavorited" } else { "favorited" };
    Ok(HttpResponse::Ok().json(json!({"status": status})))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/chat/contacts").route(web::get().to(list)).route(web::post().to(add)),
    )
    .service(
        web::resource("/api/chat/contacts/{id}")
            .route(web::get().to(show))
            .route(web::patch().to(change))
            .route(web::put().to(change))
            .route(web::delete().to(remove)),
    )
    .route("/api/chat/contacts/{id}/block", web::post().to(block))
    .route("/api/chat/contacts/{id}/favorite", web::post().to(favorite));
}
