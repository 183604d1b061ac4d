//! Pictures of incidents: brought as a form or as they are, and read by who may see the incident.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::actors::dispatch::reads;
use crate::http::attachments::{hand_out, hand_out_small};
use crate::http::dispatch::log_shown;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::Caller;
use crate::http::forms;
use crate::http::intake::{Wish, discard};
use crate::http::rest::{in_body_words, path_id};
use crate::http::state::State;
use crate::ids::{AttachmentId, ImageId, IncidentId};
use crate::models::attachment::AttachmentRow;
use crate::objects::sniff;
use crate::protocol::command::Command;
use crate::protocol::command::dispatch::{DispatchCommand, IncidentImage};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::dispatch::ImageView;

/// Most pictures of one request.
const FILES_MAX: usize = 10;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(bring, show, show_small))]
pub struct Description;

/// The pictures of an incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageList {
    images: Vec<ImageView>,
}

/// How a picture of this uploader's is taken.
pub fn wish(state: &State, who: Option<&Caller>) -> Wish {
    Wish {
        uploader: who.map(|who| who.user),
        max_bytes: state.config.incident_image_max_size as u64,
        types: sniff::PICTURES,
        ..Wish::default()
    }
}

/// Brings pictures of an incident: as the files of a form, or one as the body. What they are is
/// told by their bytes.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/images/upload", tag = "dispatch",
    params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "multipart/form-data"),
    responses((status = 201, body = ImageList), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub async fn bring(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Answered<HttpResponse> {
    let (id, asker): (IncidentId, _) = (path_id("id", &id)?, who.clone());
    // Asked before anything is taken, and again when it is added.
    state.house.lane.read(move |conn| reads::may_add_image(conn, &asker, id)).await?;
    let wish = wish(&state, Some(&who));
    let files: Vec<AttachmentRow> = if forms::is_form(&request) {
        let form = forms::read(&state, &request, payload, &wish, FILES_MAX).await?;
        form.files.into_iter().map(|(_, file)| file).collect()
    } else {
        vec![forms::whole(&state, &request, payload, wish).await?]
    };
    if files.is_empty() {
        return Err(Refusal::field("file", "required: at least one picture").into());
    }
    let files: Vec<AttachmentId> = files.iter().map(|file| file.id).collect();
    add(&state, &who, id, &files).await?;
    let asker = who.clone();
    let seen = state.house.lane.read(move |conn| reads::incident(conn, &asker, id)).await?;
    Ok(HttpResponse::Created().json(ImageList { images: seen.what.incident.images }))
}

/// Adds files one by one; those that cannot be added go.
async fn add(
    state: &State,
    who: &Caller,
    incident: IncidentId,
    files: &[AttachmentId],
) -> Answered<()> {
    let mut refused = None;
    for &attachment in files {
        if refused.is_none() {
            let image = IncidentImage { incident, attachment, client_id: None };
            let command = Command::Dispatch(Box::new(DispatchCommand::IncidentImage(image)));
            let done = state.house.perform(who.0.clone(), None, command).await;
            refused = done.err();
        }
        if refused.is_some() {
            discard(&state.house, attachment).await;
        }
    }
    refused.map_or(Ok(()), |refusal| Err(in_body_words(refusal)))
}

async fn find(
    state: &State,
    who: &Caller,
    (id, image): (String, String),
) -> Answered<AttachmentRow> {
    let (id, image): (IncidentId, ImageId) = (path_id("id", &id)?, path_id("image", &image)?);
    let asker = who.clone();
    let row = state.house.lane.read(move |conn| reads::image(conn, &asker, id, image)).await?;
    log_shown(state, who, vec![id], "image").await?;
    Ok(row)
}

/// Hands out a picture of an incident, to who may see the incident whole.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/images/{image}", tag = "dispatch",
    params(("id" = String, Path), ("image" = String, Path)),
    responses((status = 200, description = "its bytes"), (status = 404, body = ErrorBody)))]
pub async fn show(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answered<HttpResponse> {
    let row = find(&state, &who, path.into_inner()).await?;
    hand_out(&state, &row, &request, false).await
}

/// Hands out the small picture of a picture, or the picture where there is no smaller one.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/images/{image}/thumbnail", tag = "dispatch",
    params(("id" = String, Path), ("image" = String, Path)),
    responses((status = 200, description = "its bytes"), (status = 404, body = ErrorBody)))]
pub async fn show_small(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answered<HttpResponse> {
    let row = find(&state, &who, path.into_inner()).await?;
    match row.thumbnail_type {
        Some(_) => hand_out_small(&state, &row, &request, false).await,
        None => hand_out(&state, &row, &request, false).await,
    }
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/incidents/{id}/images/upload", web::post().to(bring))
        .route("/api/v1/incidents/{id}/images/{image}", web::get().to(show))
        .route("/api/v1/incidents/{id}/images/{image}/thumbnail", web::get().to(show_small));
}
