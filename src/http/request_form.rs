//! Help asked for by whoever comes: a form without an account, with pictures. Each address may
//! send so many in a while.
//!
//! Clients of the older form come by a route of their own and through the same functions:
//! [`admit`], [`read_form`] or [`take_data_url`], then [`open`].

use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::{OpenApi, ToSchema};

use crate::actors::dispatch::incidents::Report;
use crate::actors::dispatch::job;
use crate::auth::secret;
use crate::http::dispatch::images;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::Body;
use crate::http::forms::{self, Form};
use crate::http::intake::{Wish, discard};
use crate::http::peer::client_address;
use crate::http::rest::{IDEMPOTENCY_KEY, in_body_words};
use crate::http::routes::{Route, exempt};
use crate::http::state::State;
use crate::ids::{AttachmentId, IncidentId};
use crate::models::attachment::AttachmentRow;
use crate::protocol::command::dispatch::IncidentCreate;
use crate::protocol::command::read_json;
use crate::protocol::dispatch::{Degrees, IncidentType};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::views::dispatch::PatientView;

/// Most pictures of one form.
pub const PICTURES_MAX: usize = 5;

/// The route of this file.
pub const ROUTES: &[Route] = &[exempt("POST", "/api/v1/emergency-requests")];

/// The description of it.
#[derive(OpenApi)]
#[openapi(paths(ask_for_help))]
pub struct Description;

/// A call for help.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct HelpForm {
    /// 1 to 100 characters.
    pub caller_name: String,
    /// 6 to 14 digits, with a plus before them if need be.
    pub caller_phone: String,
    pub incident_type: IncidentType,
    /// What has happened.
    pub description: String,
    /// Where.
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    #[serde(default)]
    pub patient_name: String,
    pub patient_age: Option<i32>,
    #[serde(default)]
    pub patient_condition: String,
}

/// What became of a call for help.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct Taken {
    /// Not for the public.
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub id: IncidentId,
    /// By which dispatchers know it: `CALL-` and eight digits.
    pub call_id: String,
    /// Whether the same had come before, and opened nothing now.
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub repeated: bool,
}

impl HelpForm {
    /// A form of several parts, where all is text and what was left empty is absent.
    ///
    /// # Errors
    /// `bad_request` naming field and rule.
    pub fn of(form: &Form) -> Result<Self, Refusal> {
        let mut fields = Map::new();
        for (name, text) in form.texts.iter().filter(|(_, text)| !text.trim().is_empty()) {
            let number = text.trim().parse::<i32>().ok().filter(|_| name == "patient_age");
            let value = number.map_or_else(|| Value::from(text.as_str()), Value::from);
            fields.insert(name.clone(), value);
        }
        read_json(Value::Object(fields).to_string().as_bytes(), "")
    }

    /// The incident it asks for. Its priority is for dispatchers to say.
    ///
    /// # Errors
    /// `bad_request` naming field and rule.
    pub fn call(self) -> Result<IncidentCreate, Refusal> {
        let said = [
            ("caller_name", &self.caller_name),
            ("description", &self.description),
            ("address", &self.address),
        ];
        if let Some((field, _)) = said.into_iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(Refusal::field(field, "not blank"));
        }
        Ok(IncidentCreate {
            incident_type: self.incident_type,
            priority: None,
            determinant: String::new(),
            caller_name: self.caller_name,
            caller_phone: phone(&self.caller_phone)?,
            description: self.description,
            address: self.address,
            latitude: self.latitude,
            longitude: self.longitude,
            patient: Some(PatientView {
                name: self.patient_name,
                age: self.patient_age,
                condition: self.patient_condition,
            }),
            received_at: None,
            client_id: None,
        })
    }
}

/// A phone number without what people put between its digits.
fn phone(text: &str) -> Result<String, Refusal> {
    let between = |c: char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')');
    let plain: String = text.chars().filter(|c| !between(*c)).collect();
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    if (6..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(plain);
    }
    let rule = "6 to 14 digits, with a plus before them if need be";
    Err(Refusal::field("caller_phone", rule))
}

/// Counts one more form of this address.
///
/// # Errors
/// `rate_limited` with the wait.
pub fn admit(state: &State, request: &HttpRequest) -> Result<(), Refusal> {
    state.house.throttles.public_form(client_address(request, &state.config))
}

/// Counts one more picture that comes by itself from this address.
///
/// # Errors
/// `rate_limited` with the wait.
pub fn admit_picture(state: &State, request: &HttpRequest) -> Result<(), Refusal> {
    state.house.throttles.public_picture(client_address(request, &state.config))
}

/// Reads a form of several parts with at most `files_max` pictures.
///
/// # Errors
/// `bad_request` or `too_large`; then none of its pictures is kept.
pub async fn read_form(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
    files_max: usize,
) -> Result<Form, Refusal> {
    forms::read(state, request, payload, &images::wish(state, None), files_max).await
}

/// Takes a picture that is written as a `data:` URL in base64.
///
/// # Errors
/// `bad_request` or `too_large`.
pub async fn take_data_url(state: &State, url: &str) -> Result<AttachmentRow, Refusal> {
    let malformed = || Refusal::field("images", "pictures as data: URLs in base64");
    let wish = images::wish(state, None);
    if url.len() as u64 > wish.max_bytes.saturating_mul(4) / 3 + 200 {
        let rule = format!("at most {} bytes", wish.max_bytes);
        return Err(Refusal { code: Code::TooLarge, ..Refusal::field("images", rule) });
    }
    let (head, text) = url.split_once(',').ok_or_else(malformed)?;
    if !head.starts_with("data:") || !head.ends_with(";base64") {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(text.trim()).map_err(|_| malformed())?;
    let size = Some(bytes.len() as u64);
    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    state.intake.take(&state.house, Wish { size, ..wish }, body).await
}

/// By what a call for help is known when it comes once more: where it came from, the key its client
/// gave it, and all that it says. Without a key, of the header or the form itself, it is a new one
/// each time; so is one that says something else, for no call for help may be lost to a mix-up.
pub fn digest(
    state: &State,
    request: &HttpRequest,
    form_key: Option<&str>,
    said: &impl Serialize,
) -> Option<String> {
    let header = request.headers().get(IDEMPOTENCY_KEY).map(HeaderValue::as_bytes);
    let key = header.or(form_key.map(str::as_bytes))?.trim_ascii();
    let quoted = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\""));
    let key = quoted.unwrap_or(key);
    if key.is_empty() {
        return None;
    }
    let address = client_address(request, &state.config).to_string();
    let said = serde_json::to_string(&(address, key, said)).ok()?;
    Some(secret::hex(&Sha256::digest(said.as_bytes())))
}

/// What the pictures of a form are, whatever they are called.
pub fn sums(form: &Form) -> Vec<&str> {
    form.files.iter().map(|(_, row)| row.sha256.as_deref().unwrap_or_default()).collect()
}

/// Opens an incident for someone without an account, with the pictures they brought.
///
/// # Errors
/// Why it cannot be opened; then none of the pictures is kept.
pub async fn open(state: &State, report: Report) -> Result<Taken, Refusal> {
    let pictures = report.images.clone();
    match job::report(&state.house, report).await {
        Ok(answer) => {
            let taken: Taken =
                serde_json::from_str(answer.get()).map_err(|_| Refusal::internal())?;
            if taken.repeated {
                drop_pictures(state, &pictures).await;
            }
            Ok(taken)
        }
        Err(refusal) => {
            drop_pictures(state, &pictures).await;
            Err(in_body_words(refusal).0)
        }
    }
}

/// Pictures of a form that came to nothing go.
pub async fn drop_pictures(state: &State, pictures: &[AttachmentId]) {
    for &picture in pictures {
        discard(&state.house, picture).await;
    }
}

/// Asks for help, without an account: JSON, or a form whose files are pictures. What they are is
/// told by their bytes. The same once more from the same address under the same `Idempotency-Key`
/// gets the first answer.
#[utoipa::path(post, path = "/api/v1/emergency-requests", tag = "dispatch",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body(content((HelpForm = "application/json"), (HelpForm = "multipart/form-data"))),
    responses((status = 201, body = Taken), (status = 400, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn ask_for_help(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Answered<HttpResponse> {
    admit(&state, &request)?;
    let (form, files) = if forms::is_form(&request) {
        let read = read_form(&state, &request, payload, PICTURES_MAX).await?;
        (HelpForm::of(&read), read)
    } else {
        let Body(form) = Body::from_request(&request, &mut payload.into_inner()).await?;
        (Ok(form), Form::default())
    };
    let images: Vec<AttachmentId> = files.files.iter().map(|(_, file)| file.id).collect();
    let read = form.and_then(|form| {
        let digest = digest(&state, &request, None, &(&form, sums(&files)));
        Ok((form.call()?, digest))
    });
    let (create, digest) = match read {
        Ok(read) => read,
        Err(refusal) => {
            drop_pictures(&state, &images).await;
            return Err(refusal.into());
        }
    };
    let report = Report { create, images, digest };
    Ok(HttpResponse::Created().json(open(&state, report).await?))
}

/// Registers this route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/emergency-requests", web::post().to(ask_for_help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_its_digits() {
        assert_eq!(phone("+232 76-000 001").unwrap(), "+23276000001");
        assert_eq!(phone("(076) 000.001").unwrap(), "076000001");
        for bad in ["", "12345", "+", "0123456789012345", "call me", "=1+1"] {
            assert_eq!(phone(bad).unwrap_err().field.as_deref(), Some("caller_phone"), "{bad}");
        }
    }

    #[test]
    fn a_forms_texts_are_read_as_json_would_be_and_what_is_left_empty_is_absent() {
        let texts = [
            ("caller_name", "Isatu"),
            ("caller_phone", "076000001"),
            ("incident_type", "FIRE"),
            ("description", "smoke"),
            ("address", "12 Hill Road"),
            ("latitude", ""),
            ("patient_age", "61"),
        ];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut form = Form { texts: texts.into(), files: Vec::new() };
        let call = HelpForm::of(&form).unwrap().call().unwrap();
        assert_eq!((call.latitude, call.patient.unwrap().age), (None, Some(61)));
        form.texts.insert("patient_age".to_owned(), "old".to_owned());
        assert_eq!(HelpForm::of(&form).unwrap_err().field.as_deref(), Some("patient_age"));
        form.texts.remove("address");
        form.texts.remove("patient_age");
        assert_eq!(HelpForm::of(&form).unwrap_err().field.as_deref(), Some("address"));
    }
}
