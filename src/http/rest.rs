//! The conventions of REST: keys and ids in paths, refusals in the words of a body, repeats that
//! get the first answer, and commands through the topic's owner.

use std::str::FromStr;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::{Answered, ApiError};
use crate::http::extract::Caller;
use crate::http::state::State;
use crate::protocol::command::Command;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// The header that stands for a body's `client_id`.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changed {
    /// The position of its event in the topic's journal; 0 when nothing had to change.
    seq: i64,
}

/// A whole number of a query string.
///
/// # Errors
/// `bad_request` naming the field.
pub fn number(field: &'static str, text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| Refusal::field(field, "a whole number"));
    text.map(read).transpose()
}

/// The topic of a conversation that a path names by id or room name.
///
/// # Errors
/// `bad_request` naming `key`.
pub fn chat_topic(key: &str) -> Answered<Topic> {
    format!("chat:{key}").parse().map_err(|_| {
        let rule = "a conversation's id, or a room name: 1 to 64 of a-z, 0-9, - and _";
        ApiError(Refusal::field("key", rule))
    })
}

/// An id in a path.
///
/// # Errors
/// `bad_request` naming `field`.
pub fn path_id<T: FromStr>(field: &'static str, text: &str) -> Answered<T> {
    text.parse().map_err(|_| ApiError(Refusal::field(field, "an id: digits")))
}

/// A refusal in the words of REST: a frame's `data.title` is a body's `title`.
pub fn in_body_words(refusal: Refusal) -> ApiError {
    let Some(field) = refusal.field.as_deref() else { return ApiError(refusal) };
    let named = match field {
        "topic" => "key",
        "data" => "body",
        other => other.strip_prefix("data.").unwrap_or(other),
    }
    .to_owned();
    let message = match refusal.message.strip_prefix(field) {
        Some(rest) => format!("{named}{rest}").into(),
        None => refusal.message.clone(),
    };
    ApiError(Refusal { field: Some(named.into()), message, ..refusal })
}

/// The `client_id` of a body, or the header `Idempotency-Key` in its place.
///
/// # Errors
/// `bad_request` for a header that is not text.
pub fn client_id(request: &HttpRequest, given: Option<String>) -> Answered<Option<String>> {
    let header = request.headers().get(IDEMPOTENCY_KEY);
    let (None, Some(value)) = (&given, header) else { return Ok(given) };
    let text = value.to_str().map_err(|_| Refusal::field(IDEMPOTENCY_KEY, "visible ASCII"))?;
    // The header is a structured string in the IETF's draft, so it may come in quotes.
    Ok(Some(text.trim().trim_matches('"').to_owned()))
}

/// Does a command through the topic's owner and answers with what it said.
///
/// # Errors
/// The owner's refusal.
pub async fn perform(
    state: &State,
    who: &Caller,
    topic: Option<Topic>,
    command: Command,
    status: StatusCode,
) -> Answered<HttpResponse> {
    let done = state.house.perform(Arc::clone(&who.0), topic, command).await;
    let answer = done.map_err(in_body_words)?;
    let mut response = HttpResponse::build(status);
    Ok(response.content_type(ContentType::json()).body(String::from(Box::<str>::from(answer))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConversationId;
    use actix_web::test::TestRequest;

    #[test]
    fn a_key_is_an_id_or_a_room_name_and_anything_else_names_the_field() {
        assert_eq!(chat_topic("42").unwrap(), Topic::conversation(ConversationId(42)));
        assert_eq!(chat_topic("general").unwrap(), Topic::room("general"));
        for bad in ["", "0", "-1", "General", "a:b", "9007199254740992"] {
            let ApiError(refusal) = chat_topic(bad).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some("key"), "{bad:?}");
        }
    }

    #[test]
    fn refusals_name_the_fields_of_a_body() {
        let named = |field: &'static str| {
            let ApiError(refusal) = in_body_words(Refusal::field(field, "rule"));
            (refusal.field.unwrap().into_owned(), refusal.message.into_owned())
        };
        assert_eq!(named("data.title"), ("title".into(), "title: rule".into()));
        assert_eq!(named("data"), ("body".into(), "body: rule".into()));
        assert_eq!(named("topic"), ("key".into(), "key: rule".into()));
        assert_eq!(named("seq"), ("seq".into(), "seq: rule".into()));
    }

    #[test]
    fn a_number_that_is_none_names_its_field() {
        assert_eq!(number("limit", Some("5")).unwrap(), Some(5));
        assert_eq!(number("limit", None).unwrap(), None);
        let refusal = number("limit", Some("many")).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("limit"));
    }

    #[test]
    fn the_header_stands_in_for_a_missing_client_id_only() {
        let request =
            TestRequest::default().insert_header((IDEMPOTENCY_KEY, "\"k1\"")).to_http_request();
        assert_eq!(client_id(&request, None).unwrap().as_deref(), Some("k1"));
        assert_eq!(client_id(&request, Some("own".into())).unwrap().as_deref(), Some("own"));
        let bare = TestRequest::default().to_http_request();
        assert_eq!(client_id(&bare, None).unwrap(), None);
    }
}
