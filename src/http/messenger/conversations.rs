//! The messenger's conversations over REST, and the search for people to talk to.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::authorize::admit_for;
use crate::actors::lane::Fault;
use crate::actors::{looks, pictures};
use crate::auth::policy::Action;
use crate::http::drf::{Fail, Fields, Told, answered_id, parameter, path_id};
use crate::http::messenger::{Caller, Viewer, absolute, letters};
use crate::http::state::State;
use crate::ids::{ConversationId, UserId};
use crate::models::people::{self, Company};
use crate::models::store::DbConn;
use crate::models::{conversation, membership, message, unread, user};
use crate::protocol::command::rooms::{InviteMake, InviteRevoke, RoomCommand};
use crate::protocol::command::{
    Command, ConversationChange, ConversationCreate, MemberAdd, MemberRemove, Membership,
};
use crate::protocol::dialect::messenger::shapes::{self, Within};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationKind, ConversationView, MemberRole, MessageView};

/// Most conversations listed.
const LIST_MAX: i64 = 500;
/// Most members listed with each.
const MEMBERS_MAX: i64 = 200;
/// The most people found.
const SEARCH_LIMIT: i64 = 20;
/// The shortest text searched for, in characters.
const MIN_SEARCH_CHARS: usize = 2;
/// Longest title, in characters; as long as theirs.
const TITLE_CHARS: usize = 255;

/// What refusals call a conversation.
const MODEL: &str = "Conversation";

/// One conversation and what its reader has of it.
struct Entry {
    found: ConversationView,
    company: Company,
    last: Option<MessageView>,
    unread: i64,
}

fn write(conn: &mut DbConn, viewer: &Viewer, entries: &[Entry]) -> Result<Vec<Value>, Fault> {
    let last: Vec<MessageView> = entries.iter().filter_map(|entry| entry.last.clone()).collect();
    let mut letters = letters::written(conn, viewer, &last)?.into_iter();
    let fellows = entries.iter().flat_map(|entry| &entry.company.fellows);
    let faces = viewer.faces(conn, fellows.map(|fellow| fellow.user))?;
    let mut written = Vec::with_capacity(entries.len());
    let mut pictures = pictures::open_of(conn, entries.iter().map(|entry| &entry.found))?;
    for entry in entries {
        let avatar = pictures.remove(&entry.found.id);
        let within = Within {
            fellows: &entry.company.fellows,
            last_message: entry.last.as_ref().and_then(|_| letters.next()),
            unread: entry.unread,
            invite_link: None,
            avatar: avatar.map(|path| absolute(&viewer.base, path)),
        };
        written.push(shapes::conversation(&entry.found, &within, &faces));
    }
    Ok(written)
}

fn read_one(conn: &mut DbConn, viewer: &Viewer, id: ConversationId) -> Result<Value, Fault> {
    let (topic, who) = (Topic::conversation(id), &viewer.who);
    let (admission, _grant) = admit_for(conn, who, &topic, Action::Read)?;
    // Their clients know no visitors: what one is not in is not there.
    admission.membership.as_ref().ok_or_else(Refusal::not_found)?;
    let found = admission.conversation()?;
    let page = message::page(conn, id, None, None, 1)?;
    let entry = Entry {
        company: people::company(conn, id, who.user, MEMBERS_MAX)?,
        last: page.messages.into_iter().find(|message| !message.deleted),
        unread: unread::of(conn, id, who.user)?.messages,
        found: found.view(),
    };
    write(conn, viewer, &[entry])?.pop().ok_or_else(|| Refusal::internal().into())
}

async fn shown(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    id: ConversationId,
    status: StatusCode,
) -> Told {
    shown_with(state, request, who, id, (status, None)).await
}

/// A conversation with the link by which people come in, when it has just been made.
async fn shown_with(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    id: ConversationId,
    (status, link): (StatusCode, Option<String>),
) -> Told {
    let viewer = Viewer::new(state, request, &who.0);
    let read = state.house.lane.read(move |conn| read_one(conn, &viewer, id));
    let mut found = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    if let (Value::Object(fields), Some(link)) = (&mut found, link) {
        fields.insert("invite_link".to_owned(), Value::String(link));
    }
    Ok(HttpResponse::build(status).json(found))
}

/// One's own conversations, last written to first: a bare list.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let mut companies = people::companies(conn, viewer.who.user, MEMBERS_MAX)?;
        let listed = conversation::list_of(conn, viewer.who.user, LIST_MAX, None)?;
        let entry = |listed: crate::protocol::views::ConversationEntry| Entry {
            company: companies.remove(&listed.conversation.id).unwrap_or_default(),
            last: listed.last_message.filter(|message| !message.deleted),
            unread: listed.unread,
            found: listed.conversation,
        };
        let entries: Vec<Entry> = listed.into_iter().map(entry).collect();
        write(conn, &viewer, &entries)
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// One conversation.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    shown(&state, &request, &who, path_id(&path)?, StatusCode::OK).await
}

fn kind_of(fields: &Fields) -> Result<ConversationKind, Fail> {
    // A direct one by this route would be a second one between two people; they have their own.
    match fields.text("conversation_type")?.as_deref() {
        None | Some("group") => Ok(ConversationKind::Group),
        Some("channel") => Ok(ConversationKind::Channel),
        Some("direct") => Ok(ConversationKind::Direct),
        Some(other) => Err(Fail::no_choice("conversation_type", other)),
    }
}

/// Opens a conversation.
async fn made(
    state: &State,
    who: &Caller,
    create: ConversationCreate,
) -> Result<ConversationId, Refusal> {
    let command = Command::ConversationCreate(create);
    let answer = state.house.perform(Arc::clone(&who.0), None, command).await?;
    answered_id(&answer)
}

fn creation(kind: ConversationKind, members: Vec<UserId>) -> ConversationCreate {
    ConversationCreate {
        kind,
        name: None,
        title: None,
        description: None,
        members,
        is_public: false,
        client_id: None,
    }
}

/// Opens a conversation; people who have no account are left out, as they always were.
pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    let kind = kind_of(&fields)?;
    let title = fields.short_text("title", TITLE_CHARS)?;
    let description = fields.text("description")?;
    let is_public = fields.flag("is_public")?.unwrap_or(false);
    let wanted = fields.ids::<UserId>("member_ids");
    let known = state.house.lane.read(move |conn| Ok(people::faces(conn, wanted)?)).await?;
    let members = known.into_keys().collect();
    let create = ConversationCreate {
        title: title.filter(|_| kind != ConversationKind::Direct),
        description,
        is_public,
        ..creation(kind, members)
    };
    let id = made(&state, &who, create).await?;
    shown(&state, &request, &who, id, StatusCode::CREATED).await
}

fn error(status: StatusCode, words: &str) -> Fail {
    Fail::with(status, json!({"error": words}))
}

/// Opens the direct conversation with someone, or finds the one there is.
pub async fn create_direct(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    let bad = |words| error(StatusCode::BAD_REQUEST, words);
    let peer = fields.number("user_id").map_err(|_| bad("user_id must be a number."))?;
    let peer = UserId(peer.ok_or_else(|| bad("user_id required."))?);
    if peer == who.user {
        return Err(bad("You cannot talk to yourself."));
    }
    let me = who.user;
    let read = state.house.lane.read(move |conn| {
        let known = user::by_id(conn, peer)?.is_some_and(|user| user.is_active);
        Ok((known, conversation::direct_between(conn, me, peer)?))
    });
    let (known, found) = read.await?;
    if !known {
        return Err(error(StatusCode::NOT_FOUND, "User not found."));
    }
    if let Some(found) = found {
        return shown(&state, &request, &who, found.id, StatusCode::OK).await;
    }
    let create = creation(ConversationKind::Direct, vec![peer]);
    let id = made(&state, &who, create).await.map_err(|refusal| match refusal.code {
        Code::Forbidden => error(StatusCode::FORBIDDEN, &refusal.message),
        _ => refusal.into(),
    })?;
    shown(&state, &request, &who, id, StatusCode::CREATED).await
}

/// Changes title, description and whether it is public.
pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let id: ConversationId = path_id(&path)?;
    let title = fields.short_text("title", TITLE_CHARS)?;
    let description = fields.text("description")?;
    let is_public = fields.flag("is_public")?;
    if title.is_some() || description.is_some() || is_public.is_some() {
        let change = ConversationChange {
            title,
            description,
            is_public,
            slow_mode_s: None,
            client_id: None,
        };
        let command = Command::ConversationChange(change);
        let done = state.house.perform(Arc::clone(&who.0), Some(Topic::conversation(id)), command);
        done.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    }
    if !fields.0.contains_key("invite_link") {
        return shown(&state, &request, &who, id, StatusCode::OK).await;
    }
    let link = invite(&state, &who, id, fields.text("invite_link")?).await?;
    shown_with(&state, &request, &who, id, (StatusCode::OK, link)).await
}

/// Makes a link by which people come in when there is to be one, whatever it was called; its word
/// is told this once. With none, those there are let nobody in any more.
async fn invite(
    state: &State,
    who: &Caller,
    id: ConversationId,
    wanted: Option<String>,
) -> Result<Option<String>, Fail> {
    let topic = Topic::conversation(id);
    let ask = async |wish: RoomCommand| {
        let done = state.house.perform(Arc::clone(&who.0), Some(topic.clone()), wish.into());
        done.await.map_err(|refusal| Fail::of(refusal, MODEL))
    };
    if wanted.is_some_and(|wanted| !wanted.is_empty()) {
        let answer = ask(RoomCommand::InviteMake(InviteMake::default())).await?;
        let made: Value = serde_json::from_str(answer.get()).unwrap_or_default();
        return Ok(made["token"].as_str().map(str::to_owned));
    }
    let (asker, asked) = (Arc::clone(&who.0), topic.clone());
    let read = state.house.lane.read(move |conn| looks::invites(conn, &asker, &asked));
    let links = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?.invites;
    for link in links.into_iter().filter(|link| link.works) {
        ask(RoomCommand::InviteRevoke(InviteRevoke { id: link.id })).await?;
    }
    Ok(None)
}

/// Ends a conversation: its owner puts everyone out and leaves it, anyone else leaves it.
pub async fn end(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let id: ConversationId = path_id(&path)?;
    let topic = Topic::conversation(id);
    let (asker, asked) = (Arc::clone(&who.0), topic.clone());
    let read = state.house.lane.read(move |conn| {
        let (admission, _grant) = admit_for(conn, &asker, &asked, Action::Read)?;
        let mine = admission.membership.ok_or_else(Refusal::not_found)?;
        let others = membership::member_ids(conn, id)?;
        Ok((mine.role, others.into_iter().filter(|user| *user != asker.user).collect::<Vec<_>>()))
    });
    let (role, others) = read.await.map_err(|refusal| Fail::of(refusal, MODEL))?;
    let perform = |command| state.house.perform(Arc::clone(&who.0), Some(topic.clone()), command);
    if role == MemberRole::Owner {
        for user in others {
            perform(Command::MemberRemove(MemberRemove { user, client_id: None })).await?;
        }
    }
    perform(Command::ConversationLeave(Membership { client_id: None })).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Brings someone in; whoever is in already stays.
pub async fn add_member(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let topic = Topic::conversation(path_id(&path)?);
    let given = fields.number("user_id")?;
    let given = given.ok_or_else(|| Fail::detail(StatusCode::BAD_REQUEST, "user_id required."))?;
    let add = MemberAdd { user: UserId(given), role: None, client_id: None };
    let done = state.house.perform(Arc::clone(&who.0), Some(topic), Command::MemberAdd(add));
    match done.await {
        Err(refusal) if refusal.field.as_deref() == Some("data.user") => {
            Err(Fail::no_object("user_id", given))
        }
        Err(refusal) if refusal.code != Code::Conflict => Err(Fail::of(refusal, MODEL)),
        _ => Ok(HttpResponse::Ok().json(json!({"status": "member added"}))),
    }
}

/// Finds people by a part of their name or number; less than two characters find nobody.
pub async fn search(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let text = parameter(&request, "q").or_else(|| parameter(&request, "search"));
    let text = text.unwrap_or_default().trim().to_owned();
    if text.chars().count() < MIN_SEARCH_CHARS || text.contains('\0') {
        return Ok(HttpResponse::Ok().json(json!([])));
    }
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let found = people::found(conn, viewer.who.user, &text, SEARCH_LIMIT)?;
        viewer.faces(conn, found.iter().map(|user| user.id))
    });
    let mut found: Vec<_> = read.await?.into_values().collect();
    found.sort_by(|a, b| a.username.cmp(&b.username));
    let users: Vec<Value> = found.iter().map(|face| shapes::user(face, None)).collect();
    Ok(HttpResponse::Ok().json(users))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/chat/conversations")
            .route(web::get().to(list))
            .route(web::post().to(create)),
    )
    .route("/api/chat/conversations/create-direct", web::post().to(create_direct))
    .service(
        web::resource("/api/chat/conversations/{id}")
            .route(web::get().to(show))
            .route(web::patch().to(change))
            .route(web::put().to(change))
            .route(web::delete().to(end)),
    )
    .route("/api/chat/conversations/{id}/add-member", web::post().to(add_member))
    .route("/api/chat/users/search", web::get().to(search));
}
