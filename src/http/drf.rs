//! The conventions of older REST clients, kept in one place: who asks, how fields are read, and how
//! a request is refused in the shapes of the Django REST framework.
//!
//! Their error shapes, not ours: `{"detail"}`, `{"field": ["…"]}`, `{"non_field_errors": ["…"]}`.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::auth::identity::Identity;
use crate::http::error::ApiError;
use crate::http::extract;
use crate::http::forms;
use crate::http::parcels;
use crate::http::rest;
use crate::protocol::refusal::{Code, Refusal};

/// What is said to someone who shows nothing.
pub const NO_CREDENTIALS: &str = "Authentication credentials were not provided.";
/// What is said of a text that cannot be kept.
pub const NO_NULS: &str = "Null characters are not allowed.";
/// What is said to someone who may not.
pub const NO_PERMISSION: &str = "You do not have permission to perform this action.";

/// A refusal on its way out of a compatibility route.
#[derive(Debug, Clone)]
pub struct Fail {
    status: StatusCode,
    body: Value,
    wait_s: Option<u64>,
}

/// What a compatibility route answers.
pub type Told = Result<HttpResponse, Fail>;

impl Fail {
    /// A status and the whole body.
    pub fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body, wait_s: None }
    }

    /// What it says.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// `{"detail": …}` with this status.
    pub fn detail(status: StatusCode, words: &str) -> Self {
        Self::with(status, json!({"detail": words}))
    }

    /// 400 that names the field.
    pub fn field(name: &str, words: &str) -> Self {
        let mut body = Map::new();
        body.insert(name.to_owned(), json!([words]));
        Self::with(StatusCode::BAD_REQUEST, Value::Object(body))
    }

    /// 400 for a field that must be there.
    pub fn required(name: &str) -> Self {
        Self::field(name, "This field is required.")
    }

    /// 400 for a value that is none of those that may be chosen.
    pub fn no_choice(name: &str, value: &str) -> Self {
        Self::field(name, &format!("\"{value}\" is not a valid choice."))
    }

    /// 400 for the id of something that is not there.
    pub fn no_object(name: &str, id: impl fmt::Display) -> Self {
        Self::field(name, &format!("Invalid pk \"{id}\" - object does not exist."))
    }

    /// 404 that names the kind of thing.
    pub fn missing(model: &str) -> Self {
        let words = format!("No {model} matches the given query.");
        Self::detail(StatusCode::NOT_FOUND, &words)
    }

    /// 403 with words of the route's own.
    pub fn forbidden(words: &str) -> Self {
        Self::detail(StatusCode::FORBIDDEN, words)
    }

    /// The same in an object that says `success: false`, with the first sentence as `error`.
    #[must_use]
    pub fn in_success_shape(self) -> Self {
        if self.body.get("success").is_some() {
            return self;
        }
        let first = match &self.body {
            Value::Object(fields) => fields.values().next().map(|words| match words {
                Value::Array(list) => list.first().cloned().unwrap_or_default(),
                other => other.clone(),
            }),
            _ => None,
        };
        let body = json!({"success": false, "error": first, "errors": self.body});
        Self { body, ..self }
    }

    /// A refusal of what was looked for as `model`: whoever may not see it is told it is not there.
    pub fn of(refusal: Refusal, model: &str) -> Self {
        match refusal.code {
            Code::NotFound => Self::missing(model),
            _ => refusal.into(),
        }
    }
}

/// A rule in the words of older clients, a sentence.
fn sentence(rule: &str) -> String {
    match rule {
        "required" => return "This field is required.".to_owned(),
        "not blank" => return "This field may not be blank.".to_owned(),
        _ => {}
    }
    let mut letters = rule.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        let ApiError(refusal) = rest::in_body_words(refusal);
        let wait_s = refusal.retry_after_ms.map(|wait| wait.div_ceil(1_000).max(1));
        let status = StatusCode::from_u16(refusal.code.row().http_status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let words = match refusal.code {
            Code::NotAuthenticated => NO_CREDENTIALS.to_owned(),
            Code::Forbidden | Code::NotAMember => NO_PERMISSION.to_owned(),
            Code::NotFound => "Not found.".to_owned(),
            Code::RateLimited => {
                let wait = wait_s.unwrap_or(1);
                format!("Request was throttled. Expected available in {wait} seconds.")
            }
            Code::BadRequest | Code::UnknownType | Code::TooLarge | Code::Conflict => {
                let rule = refusal.rule.as_deref().unwrap_or(&refusal.message);
                let name = refusal.field.as_deref().unwrap_or("non_field_errors");
                return Self::field(name, &sentence(rule));
            }
            Code::Unavailable => "Service temporarily unavailable, try again later.".to_owned(),
            Code::Internal => "A server error occurred.".to_owned(),
        };
        Self { wait_s, ..Self::detail(status, &words) }
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.body)
    }
}

impl ResponseError for Fail {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(wait_s) = self.wait_s {
            response.insert_header((RETRY_AFTER, wait_s));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"api\""));
        }
        response.json(&self.body)
    }
}

/// Someone signed in; whoever is not gets the status `REFUSED`: 401 where clients use JWT, 403
/// where they use sessions and opaque tokens.
#[derive(Debug, Clone)]
pub struct Known<const REFUSED: u16>(pub Arc<Identity>);

impl<const REFUSED: u16> Deref for Known<REFUSED> {
    type Target = Arc<Identity>;

    fn deref(&self) -> &Arc<Identity> {
        &self.0
    }
}

fn unknown(refused: u16, refusal: Refusal, has_shown: bool) -> Fail {
    let status = StatusCode::from_u16(refused).unwrap_or(StatusCode::UNAUTHORIZED);
    match refusal.code {
        Code::NotAuthenticated if !has_shown => Fail::detail(status, NO_CREDENTIALS),
        Code::NotAuthenticated if status == StatusCode::UNAUTHORIZED => {
            let words = "Given token not valid for any token type";
            let why = "Token is invalid or expired";
            let token =
                json!({"token_class": "AccessToken", "token_type": "access", "message": why});
            let body = json!({"detail": words, "code": "token_not_valid", "messages": [token]});
            Fail::with(status, body)
        }
        Code::NotAuthenticated => Fail::detail(status, "Invalid token."),
        Code::Forbidden => {
            let rule = refusal.field.as_deref().unwrap_or("token");
            Fail::forbidden(&format!("CSRF Failed: {rule} missing or incorrect."))
        }
        _ => refusal.into(),
    }
}

impl<const REFUSED: u16> FromRequest for Known<REFUSED> {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let has_shown = extract::credential(request).is_some();
        let asking = extract::Caller::from_request(request, payload);
        Box::pin(async move {
            match asking.await {
                Ok(extract::Caller(who)) => Ok(Self(who)),
                Err(ApiError(refusal)) => Err(unknown(REFUSED, refusal, has_shown)),
            }
        })
    }
}

/// The fields of a JSON object or a form; what a route does not ask for is ignored.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub Map<String, Value>);

/// A whole number, as JSON or as digits.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl Fields {
    /// Reads a body by its media type; an empty one has no fields.
    ///
    /// # Errors
    /// 400 for what cannot be read, 415 for another media type.
    pub fn read(media: &str, bytes: &[u8]) -> Result<Self, Fail> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        match media {
            "application/json" | "" => Self::from_json(bytes),
            "application/x-www-form-urlencoded" => Self::from_form(bytes),
            other => Err(Fail::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("Unsupported media type \"{other}\" in request."),
            )),
        }
    }

    fn from_json(bytes: &[u8]) -> Result<Self, Fail> {
        let kind = match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => return Ok(Self(fields)),
            Err(fault) => {
                let words = format!("JSON parse error - {fault}");
                return Err(Fail::detail(StatusCode::BAD_REQUEST, &words));
            }
            Ok(Value::Array(_)) => "list",
            Ok(Value::String(_)) => "str",
            Ok(Value::Bool(_)) => "bool",
            Ok(Value::Number(_)) => "int",
            Ok(Value::Null) => "NoneType",
        };
        let words = format!("Invalid data. Expected a dictionary, but got {kind}.");
        Err(Fail::field("non_field_errors", &words))
    }

    fn from_form(bytes: &[u8]) -> Result<Self, Fail> {
        let malformed = || Fail::detail(StatusCode::BAD_REQUEST, "Malformed form.");
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        // A form is written as a query string is.
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
        let mut fields = Self::default();
        for (name, value) in pairs.map_err(|_| malformed())?.into_inner() {
            fields.add(name, value);
        }
        Ok(fields)
    }

    /// Adds a field of a form; a name that comes again makes a list.
    pub fn add(&mut self, name: String, value: String) {
        match self.0.get_mut(&name) {
            None => drop(self.0.insert(name, Value::String(value))),
            Some(Value::Array(values)) => values.push(Value::String(value)),
            Some(first) => *first = Value::Array(vec![first.take(), Value::String(value)]),
        }
    }

    /// A field that is there and not `null`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Text; a number counts as its digits.
    ///
    /// # Errors
    /// 400 naming the field for anything else.
    pub fn text(&self, name: &str) -> Result<Option<String>, Fail> {
        match self.get(name) {
            None => Ok(None),
            // PostgreSQL has no place for them in a text.
            Some(Value::String(text)) if text.contains('\0') => Err(Fail::field(name, NO_NULS)),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Fail::field(name, "Not a valid string.")),
        }
    }

    /// Text of at most this many characters.
    ///
    /// # Errors
    /// As [`Fields::text`], and when it is longer.
    pub fn short_text(&self, name: &str, most: usize) -> Result<Option<String>, Fail> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            let words = format!("Ensure this field has no more than {most} characters.");
            return Err(Fail::field(name, &words));
        }
        Ok(text)
    }

    /// A whole number; empty text is none.
    ///
    /// # Errors
    /// 400 naming the field for anything else.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Fail> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(value) => match whole(value) {
                Some(number) => Ok(Some(number)),
                None => Err(Fail::field(name, "A valid integer is required.")),
            },
        }
    }

    /// An id; absent when it is not there.
    ///
    /// # Errors
    /// 400 naming the field for what is no number, or none that an id can be.
    pub fn id<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fail> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        number.to_string().parse().map(Some).map_err(|_| Fail::no_object(name, number))
    }

    /// Ids in a list, or a single one; what is no id is left out, as it always was.
    pub fn ids<T: FromStr>(&self, name: &str) -> Vec<T> {
        let values = match self.get(name) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        values.iter().filter_map(whole).filter_map(|id| id.to_string().parse().ok()).collect()
    }

    /// Yes or no, in any of the words that count as such.
    ///
    /// # Errors
    /// 400 naming the field for anything else.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fail> {
        let yes = ["true", "t", "1", "yes", "y", "on"];
        let no = ["false", "f", "0", "no", "n", "off"];
        let Some(value) = self.get(name) else { return Ok(None) };
        let word = match value {
            Value::Bool(flag) => return Ok(Some(*flag)),
            Value::String(word) => word.to_ascii_lowercase(),
            other => other.to_string(),
        };
        match word.as_str() {
            word if yes.contains(&word) => Ok(Some(true)),
            word if no.contains(&word) => Ok(Some(false)),
            _ => Err(Fail::field(name, "Must be a valid boolean.")),
        }
    }
}

/// The id in the answer to a command that made something, a message or a call.
///
/// # Errors
/// `internal` when it names none.
pub fn answered_id<T: FromStr>(answer: &RawValue) -> Result<T, Refusal> {
    let made: Value = serde_json::from_str(answer.get()).unwrap_or_default();
    made["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(Refusal::internal)
}

/// The media type of a request, without its parameters, in lower case.
pub fn media_type(request: &HttpRequest) -> String {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl FromRequest for Fields {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media = media_type(request);
        if forms::is_form(request) {
            return Box::pin(parcels::fields(request.clone(), payload.take()));
        }
        let reading = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let too_large =
                |_| Fail::detail(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.");
            Self::read(&media, &reading.await.map_err(too_large)?)
        })
    }
}

/// The numeric id in a path.
///
/// # Errors
/// 404 for what is no number: no such address.
pub fn path_id<T: FromStr>(text: &str) -> Result<T, Fail> {
    text.parse().map_err(|_| Fail::detail(StatusCode::NOT_FOUND, "Not found."))
}

/// One parameter of the query string.
pub fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    query.into_inner().into_iter().find(|(given, _)| given == name).map(|(_, value)| value)
}

/// A page's size and start as these clients ask for them; what is no number counts as not given.
pub fn window(request: &HttpRequest, usual: i64, most: i64) -> (i64, i64) {
    let asked = |name: &str| parameter(request, name).and_then(|text| text.parse::<i64>().ok());
    let limit = asked("limit").filter(|limit| *limit > 0).unwrap_or(usual).min(most);
    (limit, asked("offset").unwrap_or(0).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fail: &Fail) -> (u16, Value) {
        (fail.status.as_u16(), fail.body.clone())
    }

    #[test]
    fn a_refusal_is_told_in_the_shapes_of_older_clients() {
        let blank = Fail::from(Refusal::field("data.content", "not blank"));
        assert_eq!(body(&blank), (400, json!({"content": ["This field may not be blank."]})));
        let taken = Refusal { code: Code::Conflict, ..Refusal::field("username", "not in use") };
        assert_eq!(body(&Fail::from(taken)), (400, json!({"username": ["Not in use."]})));
        let slow = Fail::from(Refusal::rate_limited(38_200));
        let words = "Request was throttled. Expected available in 39 seconds.";
        assert_eq!(body(&slow), (429, json!({"detail": words})));
        assert_eq!(slow.error_response().headers().get(RETRY_AFTER).unwrap(), "39");
        let gone = Fail::of(Refusal::not_found(), "Message");
        let words = "No Message matches the given query.";
        assert_eq!(body(&gone), (404, json!({"detail": words})));
        let no = Fail::from(Refusal::forbidden("you may not"));
        assert_eq!(body(&no), (403, json!({"detail": NO_PERMISSION})));
    }

    #[test]
    fn whoever_shows_nothing_and_whoever_shows_a_bad_token_are_told_apart() {
        let refusal = || Refusal::not_authenticated("x");
        let words = json!({"detail": NO_CREDENTIALS});
        assert_eq!(body(&unknown(401, refusal(), false)), (401, words.clone()));
        assert_eq!(body(&unknown(403, refusal(), false)), (403, words));
        assert_eq!(unknown(401, refusal(), true).body["code"], "token_not_valid");
        let invalid = json!({"detail": "Invalid token."});
        assert_eq!(body(&unknown(403, refusal(), true)), (403, invalid));
    }

    #[test]
    fn fields_are_read_from_json_and_from_forms() {
        let json = Fields::read("application/json", br#"{"a":"x","n":"7","ids":[1,"2","x"]}"#);
        let json = json.unwrap();
        assert_eq!(json.text("a").unwrap().as_deref(), Some("x"));
        assert_eq!(json.number("n").unwrap(), Some(7));
        assert_eq!(json.ids::<crate::ids::UserId>("ids").len(), 2);
        assert_eq!(json.text("none").unwrap(), None);
        assert_eq!(body(&json.number("a").unwrap_err()).0, 400);

        let kind = "application/x-www-form-urlencoded";
        let form = Fields::read(kind, b"a=x+y&ids=1&ids=2&on=True").unwrap();
        assert_eq!(form.text("a").unwrap().as_deref(), Some("x y"));
        assert_eq!(form.ids::<crate::ids::UserId>("ids").len(), 2);
        assert_eq!(form.flag("on").unwrap(), Some(true));
    }

    #[test]
    fn a_body_that_cannot_be_read_says_so() {
        let refused = |media: &str, text: &str| {
            let fail = Fields::read(media, text.as_bytes()).unwrap_err();
            (fail.status.as_u16(), fail.body)
        };
        assert_eq!(refused("application/json", "{").0, 400);
        let words = "Invalid data. Expected a dictionary, but got list.";
        let list = refused("application/json", "[1]");
        assert_eq!(list, (400, json!({"non_field_errors": [words]})));
        assert_eq!(refused("text/plain", "x").0, 415);
        assert!(Fields::read("text/plain", b"").unwrap().0.is_empty());
    }
}
