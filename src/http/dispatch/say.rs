//! How a request becomes a command: the body's fields, the path's id, the version of `If-Match`,
//! the client's own id of `Idempotency-Key`. And how the answer goes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ContentType, ETAG, HeaderName, IF_MATCH, LOCATION};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::http::dispatch::doors::Door;
use crate::http::error::{Answered, ApiError, ErrorBody};
use crate::http::extract::Caller;
use crate::http::rest::{client_id, in_body_words, path_id};
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::protocol::command::{self, read_json};
use crate::protocol::refusal::{Code, Refusal};

type Fields = BTreeMap<String, Box<RawValue>>;

/// What an answer says that belongs into headers.
#[derive(Deserialize)]
struct Told {
    id: Option<String>,
    order: Option<String>,
    version: Option<i64>,
}

/// The ETag of a thing at a version.
pub fn etag(version: i64) -> (HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}

/// Does what a door stands for.
///
/// # Errors
/// `bad_request` naming what is wrong with the request, or the owner's refusal.
pub async fn obey(
    door: &'static Door,
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Answered<HttpResponse> {
    let mut fields = body(&request, payload).await?;
    let matched = if_match(&request, door)?;
    fill(door, &request, &mut fields, matched)?;
    let data = to_raw_value(&fields).map_err(|_| Refusal::internal())?;
    let (_, command) = command::read(door.command, Some(&data)).map_err(in_body_words)?;
    let done = state.house.perform(Arc::clone(&who.0), None, command).await;
    let answer = match done {
        Ok(answer) => String::from(Box::<str>::from(answer)),
        Err(refusal) if matched.is_some() && is_outdated(&refusal) => {
            let error = Refusal::field("If-Match", refusal.rule.unwrap_or_default());
            let error = Refusal { code: refusal.code, ..error };
            return Ok(HttpResponse::PreconditionFailed().json(ErrorBody { error }));
        }
        Err(refusal) => return Err(in_body_words(refusal)),
    };
    let mut response = HttpResponse::build(door.status());
    let told: Option<Told> = serde_json::from_str(&answer).ok();
    if let Some(told) = told {
        if let Some(version) = told.version {
            response.insert_header(etag(version));
        }
        if let (StatusCode::CREATED, Some(made)) = (door.status(), told.order.or(told.id)) {
            response.insert_header((LOCATION, format!("{}/{made}", door.place)));
        }
    }
    Ok(response.content_type(ContentType::json()).body(answer))
}

fn is_outdated(refusal: &Refusal) -> bool {
    refusal.code == Code::Conflict && refusal.field.as_deref() == Some("data.version")
}

/// The fields of a JSON body; none when there is no body.
async fn body(request: &HttpRequest, payload: web::Payload) -> Answered<Fields> {
    let bytes = web::Bytes::from_request(request, &mut payload.into_inner()).await;
    let bytes = bytes.map_err(|_| {
        let refusal = Refusal::field("body", "within the size limit for requests");
        ApiError(Refusal { code: Code::TooLarge, ..refusal })
    })?;
    if bytes.trim_ascii().is_empty() {
        return Ok(Fields::new());
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::field("Content-Type", "application/json").into());
    }
    read_json(&bytes, "").map_err(ApiError)
}

/// The version a request was decided on; `None` when it names none.
fn if_match(request: &HttpRequest, door: &Door) -> Result<Option<i64>, Refusal> {
    let Some(value) = request.headers().get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    // A condition that is not looked at must not seem to have been met.
    if !door.has_version {
        return Err(Refusal::field("If-Match", "not here: this has no version"));
    }
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = bare.and_then(|bare| bare.parse().ok());
    version.map(Some).ok_or_else(|| Refusal::field("If-Match", "one ETag as it was given, or *"))
}

/// Adds to a body's fields what the path and the headers say.
fn fill(
    door: &Door,
    request: &HttpRequest,
    fields: &mut Fields,
    matched: Option<i64>,
) -> Answered<()> {
    if !door.id.is_empty() {
        let text = request.match_info().get("id").unwrap_or_default();
        let id: IncidentId = path_id("id", text)?;
        if let Some(given) = fields.get(door.id)
            && given.get().trim_matches('"') != id.to_string()
        {
            return Err(Refusal::field(door.id, "absent, or as in the path").into());
        }
        put(fields, door.id, &id)?;
    }
    for (name, value) in door.fixed {
        if fields.get(*name).is_some_and(|given| given.get() != *value) {
            return Err(Refusal::field(*name, "absent: the route says it").into());
        }
        let value = RawValue::from_string((*value).to_owned()).map_err(|_| Refusal::internal())?;
        fields.insert((*name).to_owned(), value);
    }
    if !door.needs.is_empty() && fields.get(door.needs).is_none_or(|given| given.get() == "null") {
        return Err(Refusal::field(door.needs, "required").into());
    }
    if let Some(version) = matched {
        if fields.get("version").is_some_and(|given| given.get() != version.to_string()) {
            return Err(Refusal::field("version", "absent, or as in If-Match").into());
        }
        put(fields, "version", &version)?;
    }
    if !fields.contains_key("client_id")
        && let Some(id) = client_id(request, None)?
    {
        put(fields, "client_id", &id)?;
    }
    Ok(())
}

fn put<T: serde::Serialize>(fields: &mut Fields, name: &str, value: &T) -> Answered<()> {
    let value = to_raw_value(value).map_err(|_| Refusal::internal())?;
    fields.insert(name.to_owned(), value);
    Ok(())
}
