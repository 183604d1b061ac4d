//! Profiles over REST: one's own, others' as they show themselves, client settings, who is online.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::people_reads;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{in_body_words, path_id, perform};
use crate::http::state::State;
use crate::ids::UserId;
use crate::protocol::command::Command;
use crate::protocol::command::people::{PeopleCommand, ProfileChange, SettingsChange};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::people::{ClientSettingsView, OwnProfile, ProfileView, SeenView};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(
    show_own,
    change_own,
    show_person,
    show_settings,
    change_settings,
    reset_settings,
    ask_presence
))]
pub struct Description;

/// About whom to ask.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PresenceQuery {
    /// Up to 200 user ids with commas between them.
    users: String,
}

/// Who is online.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresenceList {
    people: Vec<SeenView>,
}

/// Shows one's own profile, privacy included.
#[utoipa::path(get, path = "/api/v1/profile", tag = "people",
    responses((status = 200, body = OwnProfile)))]
pub async fn show_own(state: web::Data<State>, who: Caller) -> Answered<web::Json<OwnProfile>> {
    let read = state.house.lane.read(move |conn| people_reads::own(conn, who.user));
    Ok(web::Json(read.await?))
}

/// Changes what one says of oneself, and what one shows and allows.
#[utoipa::path(patch, path = "/api/v1/profile", tag = "people", request_body = ProfileChange,
    responses((status = 200, body = OwnProfile), (status = 400, body = ErrorBody)))]
pub async fn change_own(
    state: web::Data<State>,
    who: Caller,
    Body(change): Body<ProfileChange>,
) -> Answered<HttpResponse> {
    let command = Command::People(PeopleCommand::ProfileChange(change));
    perform(&state, &who, None, command, StatusCode::OK).await
}

/// Shows someone as they show themselves to the one who asks.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, body = ProfileView), (status = 404, body = ErrorBody)))]
pub async fn show_person(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<ProfileView>> {
    let id: UserId = path_id("id", &id)?;
    let house = std::sync::Arc::clone(&state.house);
    let read = state.house.lane.read(move |conn| people_reads::show(conn, &house.online, &who, id));
    Ok(web::Json(read.await?))
}

/// Shows how one's own clients behave.
#[utoipa::path(get, path = "/api/v1/settings", tag = "people",
    responses((status = 200, body = ClientSettingsView)))]
pub async fn show_settings(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<ClientSettingsView>> {
    let read = state.house.lane.read(move |conn| people_reads::settings(conn, who.user));
    Ok(web::Json(read.await?))
}

/// Changes how one's own clients behave.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "people", request_body = SettingsChange,
    responses((status = 200, body = ClientSettingsView), (status = 400, body = ErrorBody)))]
pub async fn change_settings(
    state: web::Data<State>,
    who: Caller,
    Body(change): Body<SettingsChange>,
) -> Answered<HttpResponse> {
    let command = Command::People(PeopleCommand::SettingsChange(change));
    perform(&state, &who, None, command, StatusCode::OK).await
}

/// Sets one's client settings back to what they are for someone new.
#[utoipa::path(post, path = "/api/v1/settings/reset", tag = "people",
    responses((status = 200, body = ClientSettingsView)))]
pub async fn reset_settings(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    let command = Command::People(PeopleCommand::SettingsReset);
    perform(&state, &who, None, command, StatusCode::OK).await
}

/// Says who of these people is online and when the others were, as far as they show it.
#[utoipa::path(get, path = "/api/v1/presence", tag = "people", params(PresenceQuery),
    responses((status = 200, body = PresenceList), (status = 400, body = ErrorBody)))]
pub async fn ask_presence(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<PresenceQuery>,
) -> Answered<web::Json<PresenceList>> {
    let ids = query.users.split(',').map(str::trim).filter(|id| !id.is_empty());
    let ids: Result<Vec<UserId>, _> = ids.map(str::parse).collect();
    let ids = ids.map_err(|_| Refusal::field("users", "ids with commas between them"))?;
    let house = std::sync::Arc::clone(&state.house);
    let read =
        state.house.lane.read(move |conn| people_reads::seen(conn, &house.online, &who, &ids));
    Ok(web::Json(PresenceList { people: read.await.map_err(in_body_words)? }))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/profile")
            .route(web::get().to(show_own))
            .route(web::patch().to(change_own)),
    )
    .service(
        web::resource("/api/v1/settings")
            .route(web::get().to(show_settings))
            .route(web::patch().to(change_settings)),
    )
    .route("/api/v1/settings/reset", web::post().to(reset_settings))
    .route("/api/v1/presence", web::get().to(ask_presence))
    .route("/api/v1/users/{id}", web::get().to(show_person));
}
