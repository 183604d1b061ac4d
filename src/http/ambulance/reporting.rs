//! The public form: an emergency reported by anyone, as JSON or as a form of parts.

use std::collections::BTreeMap;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::actors::dispatch::job;
use crate::http::ambulance::input::{Form, is_phone};
use crate::http::ambulance::{error, failed, id_in};
use crate::http::drf::{Fail, Fields, Told, media_type};
use crate::http::forms;
use crate::http::intake::Wish;
use crate::http::peer;
use crate::http::state::State;
use crate::ids::IncidentId;
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

/// Opens a call and answers with it.
///
/// # Errors
/// The refusal of a call that is not well-formed.
pub async fn open(state: &State, create: IncidentCreate) -> Result<Value, Fail> {
    let opened = job::report(&state.house, create).await.map_err(failed)?;
    let id: IncidentId = id_in(&opened)?;
    let read = state.house.lane.read(move |conn| Ok(incident_views::one(conn, id)?));
    Ok(shapes::call(&read.await?))
}

/// Takes a call from whoever reports one.
pub async fn report(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> Told {
    state.house.throttles.public(peer::client_address(&request, &state.config))?;
    let mut payload = payload.into_inner();
    let fields = match media_type(&request).as_str() {
        "application/json" => Fields::from_request(&request, &mut payload).await?,
        "multipart/form-data" => {
            let form = Multipart::from_request(&request, &mut payload).await;
            let form =
                form.map_err(|_| Fail::detail(StatusCode::BAD_REQUEST, "Malformed form."))?;
            let read = forms::read(&state, form, &Wish::default(), 0).await.map_err(failed)?;
            let texts = read.texts.into_iter().map(|(name, text)| (name, Value::String(text)));
            Fields(texts.collect())
        }
        _ => return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported content type")),
    };
    let call = open(&state, call_of(fields)?).await?;
    Ok(HttpResponse::Created().json(call))
}
