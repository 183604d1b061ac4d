//! What the clients of the older dashboard read: their envelope of errors, and their account.
//!
//! One table says on which paths. Those that the native API has too wear it only when asked with
//! the closing slash that these clients always write, and native clients need not.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use crate::http::error::ApiError;
use crate::http::sign_in::SignedIn;
use crate::http::state::State;
use crate::models::user::User;
use crate::protocol::opaque;
use crate::protocol::refusal::Refusal;

/// When a path wears the older envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// The native API does not have it.
    Always,
    /// The native API has it too.
    WithSlash,
}

/// The compatibility paths; one that ends in `/*` stands for all below it.
const WORN: &[(&str, When)] = &[
    ("/api/v1/auth/login", When::WithSlash),
    ("/api/v1/auth/token/refresh", When::WithSlash),
    ("/api/v1/auth/me", When::WithSlash),
    ("/api/v1/auth/profile", When::Always),
    ("/api/v1/monitoring/*", When::Always),
    ("/api/v1/chat/member-conversations", When::Always),
    ("/api/v1/chat/member-conversations/*", When::Always),
];

/// Marks a request whose answer wears the envelope.
#[derive(Debug, Clone, Copy)]
struct Worn;

fn is_worn_on(path: &str) -> bool {
    let (bare, has_slash) = (path.trim_end_matches('/'), path.ends_with('/'));
    WORN.iter().any(|(known, when)| {
        let fits = match known.strip_suffix('*') {
            Some(below) => bare.len() > below.len() && bare.starts_with(below),
            None => bare == *known,
        };
        fits && (*when == When::Always || has_slash)
    })
}

/// Whether this request's answer wears the envelope.
pub fn is_worn(request: &HttpRequest) -> bool {
    request.extensions().contains::<Worn>()
}

/// Puts refusals into the older envelope where it is worn. Stands outside the middleware that
/// takes closing slashes away.
///
/// # Errors
/// Those of inner middleware.
pub async fn wear(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let worn = is_worn_on(request.path());
    if worn {
        request.extensions_mut().insert(Worn);
    }
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(if worn { put_on(response) } else { response })
}

fn put_on(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let refusal = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(ApiError(refusal)) = refusal.cloned() else { return response };
    let status = response.status();
    let mut answer = HttpResponse::build(status);
    for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            answer.insert_header((name, value.clone()));
        }
    }
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer.json(envelope(&refusal, status.as_u16())))
}

/// A refusal in the older envelope.
fn envelope(refusal: &Refusal, status: u16) -> Value {
    let mut details = Map::new();
    if let (Some(field), Some(rule)) = (&refusal.field, &refusal.rule) {
        details.insert(field.to_string(), json!([rule]));
    }
    json!({
        "error": true,
        "message": refusal.message,
        "details": details,
        "status_code": status,
    })
}

/// An account as the older dashboard reads it.
pub fn account(user: &User) -> Value {
    json!({
        "id": opaque::of_user(user.id),
        "email": user.email,
        "username": user.username,
        "role": user.role.as_str(),
        "first_name": user.first_name,
        "last_name": user.last_name,
        // This server signs in by password alone.
        "two_factor_enabled": false,
        "is_superuser": user.is_superuser,
    })
}

/// A sign-in as the older dashboard reads it, with the session's cookies.
pub fn signed_in(state: &State, request: &HttpRequest, signed_in: &SignedIn) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for cookie in signed_in.cookies(request, &state.config) {
        response.cookie(cookie);
    }
    response.json(json!({
        "refresh": signed_in.refresh.token,
        "access": signed_in.access.token,
        "user": account(&signed_in.user),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_both_apis_is_the_older_one_with_its_closing_slash_alone() {
        for (path, worn) in [
            ("/api/v1/auth/login/", true),
            ("/api/v1/auth/login", false),
            ("/api/v1/auth/profile", true),
            ("/api/v1/auth/logout/", false),
            ("/api/v1/monitoring/dashboard/stats", true),
            ("/api/v1/monitoring/", false),
            ("/api/v1/chat/member-conversations/", true),
            ("/api/v1/chat/member-conversations/x/send_message/", true),
            ("/api/v1/conversations/", false),
        ] {
            assert_eq!(is_worn_on(path), worn, "{path}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_words_and_names_the_field_in_the_details() {
        let refused = envelope(&Refusal::field("content", "not blank"), 400);
        let expected = json!({"error": true, "message": "content: not blank",
            "details": {"content": ["not blank"]}, "status_code": 400});
        assert_eq!(refused, expected);
        let refused = envelope(&Refusal::not_found(), 404);
        assert_eq!((&refused["details"], &refused["status_code"]), (&json!({}), &json!(404)));
    }
}
