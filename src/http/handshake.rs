//! The strict checks of a WebSocket handshake (RFC 6455 section 4.2.1) and of its Origin, done
//! before anything else is.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::Config;
use crate::http::error::ErrorBody;
use crate::http::paths::{Origins, Shown};
use crate::protocol::refusal::{Code, Refusal};

/// The subprotocol of the native protocol.
pub const SUBPROTOCOL: &str = "switchboard.v1";
/// What stands before a credential offered as a subprotocol; never echoed.
const BEARER_PROTOCOL: &str = "bearer.";

/// Why a handshake is answered with plain HTTP.
#[derive(Debug)]
pub struct Rejected {
    pub status: StatusCode,
    pub refusal: Refusal,
}

impl Rejected {
    fn new(status: StatusCode, field: &'static str, rule: &'static str) -> Self {
        Self { status, refusal: Refusal::field(field, rule) }
    }

    /// As the HTTP answer.
    pub fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((header::UPGRADE, "websocket"));
            response.insert_header((header::SEC_WEBSOCKET_VERSION, "13"));
        }
        if let Some(wait_ms) = self.refusal.retry_after_ms {
            response.insert_header((header::RETRY_AFTER, wait_ms.div_ceil(1_000).max(1)));
        }
        response.json(ErrorBody { error: self.refusal.clone() })
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name);
    let only = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(only)
}

fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|given| given.trim().eq_ignore_ascii_case(token))
}

/// Checks the handshake itself.
///
/// # Errors
/// 426 for a plain request or another version, 400 for a malformed handshake.
pub fn check(request: &HttpRequest) -> Result<(), Rejected> {
    let headers = request.headers();
    let bad = |field, rule| Err(Rejected::new(StatusCode::BAD_REQUEST, field, rule));
    if !headers.contains_key(header::UPGRADE) {
        let rule = "websocket: this path is a WebSocket";
        return Err(Rejected::new(StatusCode::UPGRADE_REQUIRED, "Upgrade", rule));
    }
    if request.method() != Method::GET {
        return bad("method", "GET");
    }
    if request.version() != Version::HTTP_11 {
        return bad("version", "HTTP/1.1");
    }
    let upgrade = single(headers, &header::UPGRADE);
    if !upgrade.is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket")) {
        return bad("Upgrade", "websocket, once");
    }
    if !names(headers, &header::CONNECTION, "upgrade") {
        return bad("Connection", "Upgrade");
    }
    match single(headers, &header::SEC_WEBSOCKET_VERSION).map(str::trim) {
        Some("13") => {}
        Some(_) => {
            let rule = "13";
            return Err(Rejected::new(StatusCode::UPGRADE_REQUIRED, "Sec-WebSocket-Version", rule));
        }
        None => return bad("Sec-WebSocket-Version", "13, once"),
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY).map(str::trim);
    let bytes = key.and_then(|key| STANDARD.decode(key).ok());
    if bytes.is_none_or(|bytes| bytes.len() != 16) {
        return bad("Sec-WebSocket-Key", "16 bytes in base64, once");
    }
    Ok(())
}

/// The credential and whether the native subprotocol was offered in `Sec-WebSocket-Protocol`.
pub fn offered(headers: &HeaderMap) -> (Option<String>, bool) {
    let mut bearer = None;
    let mut native = false;
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    for entry in values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
        let entry = entry.trim();
        match entry.strip_prefix(BEARER_PROTOCOL) {
            Some(token) => bearer = Some(token.to_owned()),
            None => native |= entry == SUBPROTOCOL,
        }
    }
    (bearer, native)
}

/// Whether an Origin may talk to us.
///
/// The same host, hosts of ALLOWED_HOSTS and origins of CORS_ALLOWED_ORIGINS may; in development
/// (bound to loopback) any loopback host on any port. `null`, a page opened from a file, may only
/// where `origins` says so. A missing Origin may not with a cookie, for browsers always send one.
///
/// # Errors
/// 403 naming the rule.
pub fn check_origin(
    request: &HttpRequest,
    config: &Config,
    shown: Shown,
    origins: Origins,
) -> Result<(), Rejected> {
    let foreign = |rule| {
        Err(Rejected {
            status: StatusCode::FORBIDDEN,
            refusal: Refusal { code: Code::Forbidden, ..Refusal::field("Origin", rule) },
        })
    };
    let headers = request.headers();
    if !headers.contains_key(header::ORIGIN) {
        return match (origins, shown) {
            (Origins::Demanded, _) => foreign("required here"),
            (_, Shown::Cookie) => foreign("required with a cookie"),
            _ => Ok(()),
        };
    }
    let Some(origin) = single(headers, &header::ORIGIN) else {
        return foreign("one origin");
    };
    if origins == Origins::Files && origin == "null" {
        return Ok(());
    }
    let host = single(headers, &header::HOST).unwrap_or_default();
    if is_allowed(origin, host, config) {
        return Ok(());
    }
    foreign("this server's own, or one that CORS_ALLOWED_ORIGINS or ALLOWED_HOSTS names")
}

/// Whether `origin` may talk to the server that was asked for as `host`.
pub fn is_allowed(origin: &str, host: &str, config: &Config) -> bool {
    let listed = |known: &String| known.eq_ignore_ascii_case(origin) || known == "*";
    if config.cors_allowed_origins.iter().any(listed) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    if !["http", "https"].contains(&scheme) || authority.contains('/') {
        return false;
    }
    let name = host_name(authority);
    if config.is_development() && is_loopback(name) {
        return true;
    }
    let known = |allowed: &String| {
        allowed.eq_ignore_ascii_case(name)
            || allowed.strip_prefix('.').is_some_and(|parent| {
                let name = name.to_ascii_lowercase();
                name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
            })
    };
    if config.allowed_hosts.is_empty() {
        return authority.eq_ignore_ascii_case(host);
    }
    config.allowed_hosts.iter().any(known)
}

fn host_name(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
