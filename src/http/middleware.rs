//! What every request and answer passes: request ids, the access line, security headers, CORS, and
//! one error shape for what no handler answered.
//!
//! **Never:** query strings in the log; they may hold tokens.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    self, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};
use log::{Level, log};

use crate::config::Config;
use crate::http::error::ErrorBody;
use crate::http::handshake;
use crate::http::routes;
use crate::http::sessions::Renewed;
use crate::metrics::Metrics;
use crate::protocol::refusal::{Code, Refusal};

/// The header that names a request in our log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken from a client.
const REQUEST_ID_BYTES: usize = 64;
/// How long a browser may remember that it may ask, in seconds.
const CORS_MAX_AGE_S: usize = 86_400;
/// What pages may load: our own files alone, framed by nobody.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; \
                           object-src 'none'; base-uri 'none'; form-action 'self'; \
                           frame-ancestors 'none'";
/// What answers that are no pages may load: nothing.
const PLAIN_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Paths asked so often by machines that their lines are for debugging only.
const QUIET_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Cross-origin requests: for the origins of CORS_ALLOWED_ORIGINS and, in development, those of
/// loopback hosts on any port.
pub fn cors(config: &Arc<Config>) -> Cors {
    let config = Arc::clone(config);
    Cors::default()
        .allowed_origin_fn(move |origin, head| {
            let may = |origin: &str| may_cross(origin, &config) || may_probe(origin, head, &config);
            origin.to_str().is_ok_and(may)
        })
        .allowed_methods(["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"])
        .allow_any_header()
        .expose_headers([REQUEST_ID, header::RETRY_AFTER])
        .supports_credentials()
        .max_age(CORS_MAX_AGE_S)
}

fn may_cross(origin: &str, config: &Config) -> bool {
    // A "*" is not honored: with credentials it would open every account to every page.
    let listed = |known: &String| known.eq_ignore_ascii_case(origin);
    config.cors_allowed_origins.iter().any(listed)
        || (config.is_development() && handshake::is_allowed(origin, "", config))
}

/// Whether a page opened from a file asks what the lobby's diagnostics ask: may I ask at all? Of
/// anything but that question it may read no answer.
fn may_probe(origin: &str, head: &RequestHead, config: &Config) -> bool {
    let is_question = head.method == Method::OPTIONS && head.uri.path() == "/";
    origin == "null" && is_question && config.has_lobby()
}

/// Wraps every request: names it, answers what no handler did, adds headers, logs one line.
///
/// # Errors
/// Those of inner middleware.
pub async fn dress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = shape(response, &method, &path);
    let renewed = response.request().extensions_mut().remove::<Renewed>();
    renew(response.response_mut(), renewed);
    secure(response.headers_mut(), &path);
    name(response.headers_mut(), &id);
    note(&method, &path, response.status(), started.elapsed(), &id);
    Ok(response)
}

/// Does the same for the plain answer to an upgrade, which no App has seen.
pub fn dress_refusal(response: &mut HttpResponse, head: &RequestHead, started: Instant) {
    let id = request_id(head.headers());
    secure(response.headers_mut(), head.uri.path());
    name(response.headers_mut(), &id);
    note(&head.method, head.uri.path(), response.status(), started.elapsed(), &id);
}

fn name(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

/// Adds cookies that a handler has not set or taken away itself.
fn renew(response: &mut HttpResponse<BoxBody>, renewed: Option<Renewed>) {
    for cookie in renewed.map(|renewed| renewed.0).unwrap_or_default() {
        if !response.cookies().any(|own| own.name() == cookie.name()) {
            // Only a cookie that is no header would fail, and ours are plain letters and digits.
            drop(response.add_cookie(&cookie));
        }
    }
}

fn note(method: &Method, path: &str, status: StatusCode, took: Duration, id: &str) {
    Metrics::get().request_seconds.record(took.as_secs_f64());
    let level = match status {
        _ if status.is_server_error() => Level::Warn,
        _ if QUIET_PATHS.contains(&path) => Level::Debug,
        _ => Level::Info,
    };
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    log!(
        target: "switchboard::access", level,
        method = method.as_str(), path, status = status.as_u16(), took_ms, id;
        "request"
    );
}

/// The id a client or proxy gave, when it is a word; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits =
        |text: &&str| (1..=REQUEST_ID_BYTES).contains(&text.len()) && text.bytes().all(plain);
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits);
    given.map_or_else(
        || {
            let mut bytes = [0_u8; 8];
            // Without randomness the count alone still tells requests of this process apart.
            let _ = getrandom::fill(&mut bytes);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let mut id = String::with_capacity(32);
            for byte in bytes {
                let _ = write!(id, "{byte:02x}");
            }
            let _ = write!(id, "-{count:x}");
            id
        },
        str::to_owned,
    )
}

/// Answers what no handler did: OPTIONS on any path, and refusals of the router in one shape.
fn shape(
    response: ServiceResponse<BoxBody>,
    method: &Method,
    path: &str,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if method == Method::OPTIONS && status.is_client_error() {
        let allowed = routes::methods_of(path);
        return response.map_body(|head, _| {
            head.status = StatusCode::NO_CONTENT;
            head.headers.remove(CONTENT_TYPE);
            allow(&mut head.headers, &allowed);
            BoxBody::new(())
        });
    }
    if status != StatusCode::METHOD_NOT_ALLOWED || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let allowed = routes::methods_of(path);
    response.map_body(|head, _| {
        allow(&mut head.headers, &allowed);
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        BoxBody::new(wrong_method(&allowed))
    })
}

fn allow(headers: &mut HeaderMap, methods: &[&str]) {
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(header::ALLOW, value);
    }
}

fn wrong_method(allowed: &[&str]) -> String {
    let rule = format!("one of {}", allowed.join(", "));
    let error = Refusal::field("method", rule);
    serde_json::to_string(&ErrorBody { error }).unwrap_or_default()
}

/// Answers for a path that no route has: JSON under `/api/`, a plain page elsewhere.
pub async fn not_found(request: actix_web::HttpRequest) -> HttpResponse {
    let path = request.path();
    let allowed = routes::methods_of(path);
    if !allowed.is_empty() {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, allowed.join(", ")))
            .content_type("application/json")
            .body(wrong_method(&allowed));
    }
    if path.starts_with("/api/") || path == "/api" {
        let error = Refusal::new(Code::NotFound, "no such path");
        return HttpResponse::NotFound().json(ErrorBody { error });
    }
    HttpResponse::NotFound().content_type("text/html; charset=utf-8").body(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not found</title>\
         <h1>Not found</h1><p>There is nothing at this address. \
         <a href=\"/\">Back to the start</a></p></html>",
    )
}

fn secure(headers: &mut HeaderMap, path: &str) {
    let is_page =
        headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { PAGE_POLICY } else { PLAIN_POLICY };
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    let uncached = (header::CACHE_CONTROL, "no-store");
    let uncached = (is_page || path.starts_with("/api/")).then_some(uncached);
    for (name, value) in defaults.into_iter().chain(uncached) {
        // A handler that has set its own knows better.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_an_id_that_is_a_word_and_gets_its_own_otherwise() {
        let named = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(value));
            request_id(&headers)
        };
        assert_eq!(named("abc-1"), "abc-1");
        assert_ne!(named("a b"), "a b");
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn a_handlers_own_policy_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src *"));
        secure(&mut headers, "/");
        assert_eq!(headers.get(CONTENT_SECURITY_POLICY).unwrap(), "default-src *");
        assert_eq!(headers.get(header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
    }
}
