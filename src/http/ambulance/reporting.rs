//! The public form: an emergency reported by anyone, as JSON or as a form of parts.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::actors::dispatch::incidents::Report;
use crate::http::ambulance::input::{Form, is_phone};
use crate::http::ambulance::{error, failed, media};
use crate::http::drf::{Fail, Fields, Told, media_type};
use crate::http::request_form::{self, PICTURES_MAX, Taken};
use crate::http::state::State;
use crate::ids::AttachmentId;
use crate::models::incident_views;
use crate::protocol::command::dispatch::IncidentCreate;
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::dispatch::IncidentType;

/// What a caller must say, and how much of it in characters.
const NEEDED: &[(&str, usize)] = &[
    ("caller_name", 100),
    ("caller_phone", 15),
    ("description", 10_000),
    ("location_address", 200),
];
/// The field by which our own page, which needs no script, tells a second click from a new call.
pub const FORM_KEY: &str = "idempotency_key";
const PHONE_RULE: &str = "Phone number must be in format +232XXXXXXXX or 0XXXXXXXX";

/// The call that a form describes. Its priority is for dispatchers to say.
///
/// # Errors
/// 400 with all that is wrong.
pub fn call_of(fields: Fields) -> Result<IncidentCreate, Fail> {
    let mut form = Form::new(fields);
    let mut said: BTreeMap<&str, String> =
        NEEDED.iter().map(|(name, most)| (*name, form.needed(name, *most))).collect();
    let mut text = |name: &str| said.remove(name).unwrap_or_default();
    if !form.has("emergency_type") {
        form.wrong("emergency_type", "This field is required.");
    }
    let incident_type = form.choice("emergency_type", IncidentType::parse);
    let latitude = form.decimal("latitude", 90, true);
    let longitude = form.decimal("longitude", 180, true);
    let create = IncidentCreate {
        incident_type: incident_type.unwrap_or(IncidentType::Other),
        priority: None,
        determinant: String::new(),
        caller_name: text("caller_name"),
        caller_phone: text("caller_phone"),
        description: text("description"),
        address: text("location_address"),
        // Half a place is none.
        latitude: latitude.filter(|_| longitude.is_some()),
        longitude: longitude.filter(|_| latitude.is_some()),
        patient: None,
        received_at: None,
        client_id: None,
    };
    form.ends()?;
    if is_phone(&create.caller_phone) {
        return Ok(create);
    }
    Err(Fail::field("non_field_errors", PHONE_RULE))
}

/// A report as it came: what it says, and the pictures that came with it.
pub struct Brought {
    pub fields: Fields,
    pub pictures: Vec<AttachmentId>,
    /// By what it is known when it comes once more.
    pub digest: Option<String>,
}

/// Pictures in the field of a JSON body: written as `data:` URLs, or as addresses of such as were
/// brought before. What has no form of a picture is left out, as it always was.
async fn pictures_in(state: &State, fields: &Fields) -> Result<Vec<AttachmentId>, Fail> {
    let listed = match fields.get("emergency_images") {
        Some(Value::Array(listed)) => listed.as_slice(),
        _ => &[],
    };
    if listed.len() > PICTURES_MAX {
        let words = format!("Ensure this field has no more than {PICTURES_MAX} elements.");
        return Err(Fail::field("emergency_images", &words));
    }
    let mut pictures = Vec::new();
    for picture in listed.iter().filter_map(Value::as_str) {
        let row = if picture.starts_with("data:") {
            request_form::take_data_url(state, picture).await.map(Some)
        } else {
            media::waiting(state, picture).await
        };
        match row {
            // An address that stands twice is one picture.
            Ok(row) => pictures.extend(row.map(|row| row.id).filter(|id| !pictures.contains(id))),
            Err(refusal) => {
                request_form::drop_pictures(state, &pictures).await;
                return Err(media::refused(refusal));
            }
        }
    }
    Ok(pictures)
}

/// Reads a report: JSON, or a form of parts whose files are pictures.
///
/// # Errors
/// 400 or 415; then none of its pictures is kept.
pub async fn brought(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Brought, Fail> {
    match media_type(request).as_str() {
        "application/json" => {
            let fields = Fields::from_request(request, &mut payload.into_inner()).await?;
            let digest = request_form::digest(state, request, None, &fields.0);
            let pictures = pictures_in(state, &fields).await?;
            Ok(Brought { fields, pictures, digest })
        }
        "multipart/form-data" => {
            let read = request_form::read_form(state, request, payload, PICTURES_MAX).await;
            let mut read = read.map_err(media::refused)?;
            let key = read.texts.remove(FORM_KEY);
            let said = (&read.texts, request_form::sums(&read));
            let digest = request_form::digest(state, request, key.as_deref(), &said);
            let texts = read.texts.into_iter().map(|(name, text)| (name, Value::String(text)));
            let pictures = read.files.into_iter().map(|(_, row)| row.id).collect();
            Ok(Brought { fields: Fields(texts.collect()), pictures, digest })
        }
        _ => Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported content type")),
    }
}

/// Opens the call that was reported, with its pictures.
///
/// # Errors
/// 400 for what is not well-formed; then none of the pictures is kept.
pub async fn open(state: &State, brought: Brought) -> Result<Taken, Fail> {
    let Brought { fields, pictures, digest } = brought;
    match call_of(fields) {
        Ok(create) => {
            let report = Report { create, images: pictures, digest };
            request_form::open(state, report).await.map_err(failed)
        }
        Err(fail) => {
            request_form::drop_pictures(state, &pictures).await;
            Err(fail)
        }
    }
}

/// Takes a call from whoever reports one, and answers with it.
pub async fn report(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> Told {
    request_form::admit(&state, &request)?;
    let brought = brought(&state, &request, payload).await?;
    let id = open(&state, brought).await?.id;
    let read = state.house.lane.read(move |conn| Ok(incident_views::one(conn, id)?));
    Ok(HttpResponse::Created().json(shapes::call(&read.await?)))
}
