//! Pictures of the public form: brought one by one before the form is sent, and seen by whoever may
//! see the call.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::actors::dispatch::reads::Eyes;
use crate::http::ambulance::error;
use crate::http::attachments::hand_out;
use crate::http::dispatch::log_shown;
use crate::http::drf::{Fail, Told};
use crate::http::error::ApiError;
use crate::http::extract::{Caller, MaybeCaller};
use crate::http::file_names;
use crate::http::forms;
use crate::http::request_form;
use crate::http::state::State;
use crate::models::attachment::AttachmentRow;
use crate::models::incident_image;
use crate::models::store::DbConn;
use crate::objects::sniff;
use crate::protocol::refusal::{Code, Refusal};

/// The folder of these pictures in addresses.
const FOLDER: &str = "emergency_images";
/// Where the dashes of a UUID stand in its 32 digits.
const DASHES: [usize; 4] = [8, 12, 16, 20];

/// What a picture is called: a UUID made of its key, which nobody can guess.
fn name_of(row: &AttachmentRow) -> String {
    let digits = row.object_key.rsplit('/').next().unwrap_or_default();
    let mut name = String::with_capacity(digits.len() + 8);
    for (at, digit) in digits.chars().enumerate() {
        if DASHES.contains(&at) {
            name.push('-');
        }
        name.push(digit);
    }
    format!("{name}{}", sniff::ending(&row.content_type))
}

/// The key behind a name.
fn key_of(name: &str) -> Option<String> {
    let uuid = name.split('.').next()?;
    let digits: String = uuid.chars().filter(|digit| *digit != '-').collect();
    file_names::key_of(&digits)
}

/// The picture that an address of an earlier answer names, while no call holds it.
///
/// # Errors
/// When the database failed.
pub async fn waiting(state: &State, address: &str) -> Result<Option<AttachmentRow>, Refusal> {
    let name = address.rsplit('/').next().unwrap_or_default();
    let Some(key) = key_of(name) else { return Ok(None) };
    let read = move |conn: &mut DbConn| Ok(incident_image::of_public(conn, &key)?);
    let found = state.house.lane.read(read).await?;
    Ok(found.filter(|(_, holder)| holder.is_none()).map(|(row, _)| row))
}

/// A refusal of a picture, in the words of a handler of theirs.
pub fn refused(refusal: Refusal) -> Fail {
    match refusal.code {
        Code::RateLimited | Code::Unavailable | Code::Internal => refusal.into(),
        _ => {
            let rule = refusal.rule.as_deref().unwrap_or(&refusal.message);
            error(StatusCode::BAD_REQUEST, &format!("Invalid image: {rule}"))
        }
    }
}

/// Takes one picture of a form that is still being written.
pub async fn upload(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> Told {
    let none = || error(StatusCode::BAD_REQUEST, "No image file provided");
    request_form::admit_picture(&state, &request)?;
    if !forms::is_form(&request) {
        return Err(none());
    }
    let read = request_form::read_form(&state, &request, payload, 1).await.map_err(refused)?;
    let (field, row) = read.files.into_iter().next().ok_or_else(none)?;
    if field != "image" {
        request_form::drop_pictures(&state, &[row.id]).await;
        return Err(none());
    }
    let filename = format!("{FOLDER}/{}", name_of(&row));
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "image_url": format!("/media/{filename}"),
        "filename": filename,
    })))
}

/// A picture: of a call for those who see whom it is about, of a form that is still being written
/// for whoever knows its name.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    MaybeCaller(who): MaybeCaller,
    file: web::Path<String>,
) -> Told {
    let missing = || Fail::detail(StatusCode::NOT_FOUND, "Not found.");
    let key = key_of(&file).ok_or_else(missing)?;
    let reader = who.clone();
    let read = state.house.lane.read(move |conn| {
        let Some((row, incident)) = incident_image::of_public(conn, &key)? else {
            return Ok(None);
        };
        let Some(incident) = incident else { return Ok(Some((row, None))) };
        let Some(reader) = reader else { return Ok(None) };
        let sees = Eyes::of(conn, &reader)?.see(incident);
        Ok(sees.then_some((row, Some(incident))))
    });
    let found = read.await.map_err(|refusal| match refusal.code {
        Code::Forbidden => missing(),
        _ => refusal.into(),
    })?;
    let (row, incident) = found.ok_or_else(missing)?;
    let told = |ApiError(refusal): ApiError| Fail::from(refusal);
    if let (Some(incident), Some(who)) = (incident, who) {
        log_shown(&state, &Caller(who), vec![incident], "picture").await.map_err(told)?;
    }
    hand_out(&state, &row, &request, false).await.map_err(told)
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/emergencies/upload-image", web::post().to(upload))
        .route("/media/emergency_images/{file}", web::get().to(show));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_key_and_nothing_else_does() {
        let key = key_of("0123abcd-4567-89ab-cdef-0123456789ab.png");
        assert_eq!(key.as_deref(), Some("01/0123abcd456789abcdef0123456789ab"));
        for bad in ["", "x.png", "../../etc/passwd", "0123abcd-4567-89ab-cdef-0123456789a.png"] {
            assert_eq!(key_of(bad), None, "{bad}");
        }
    }
}
