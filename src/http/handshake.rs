//! The strict checks of a WebSocket handshake (RFC 6455 section 4.2.1) and of its Origin, done
//! before anything else is.

use std::net::IpAddr;

use actix_http::ws::hash_key;
use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode, Version};
use actix_web_actors::ws::HandshakeError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};

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

impl From<HandshakeError> for Rejected {
    fn from(fault: HandshakeError) -> Self {
        let (status, field, rule) = match fault {
            HandshakeError::GetMethodRequired => (StatusCode::BAD_REQUEST, "method", "GET"),
            HandshakeError::NoWebsocketUpgrade => {
                (StatusCode::BAD_REQUEST, "Upgrade", "websocket, once")
            }
            HandshakeError::NoConnectionUpgrade => {
                (StatusCode::BAD_REQUEST, "Connection", "Upgrade")
            }
            HandshakeError::NoVersionHeader => {
                (StatusCode::BAD_REQUEST, "Sec-WebSocket-Version", "13, once")
            }
            HandshakeError::UnsupportedVersion => {
                (StatusCode::UPGRADE_REQUIRED, "Sec-WebSocket-Version", "13")
            }
            HandshakeError::BadWebsocketKey => {
                (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key", "16 bytes in base64, once")
            }
        };
        Self::new(status, field, rule)
    }
}

/// Checks the handshake itself, and answers its key.
///
/// # Errors
/// 426 for a plain request or another version, 400 for a malformed handshake.
pub fn check(head: &RequestHead) -> Result<&str, Rejected> {
    let headers = head.headers();
    if !headers.contains_key(header::UPGRADE) {
        let rule = "websocket: this path is a WebSocket";
        return Err(Rejected::new(StatusCode::UPGRADE_REQUIRED, "Upgrade", rule));
    }
    if head.version != Version::HTTP_11 && head.method == Method::GET {
        return Err(Rejected::new(StatusCode::BAD_REQUEST, "version", "HTTP/1.1"));
    }
    Ok(key_of(head)?)
}

fn key_of(head: &RequestHead) -> Result<&str, HandshakeError> {
    let headers = head.headers();
    if head.method != Method::GET {
        return Err(HandshakeError::GetMethodRequired);
    }
    let upgrade = single(headers, &header::UPGRADE);
    if !upgrade.is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket")) {
        return Err(HandshakeError::NoWebsocketUpgrade);
    }
    if !names(headers, &header::CONNECTION, "upgrade") {
        return Err(HandshakeError::NoConnectionUpgrade);
    }
    match single(headers, &header::SEC_WEBSOCKET_VERSION).map(str::trim) {
        Some("13") => {}
        Some(_) => return Err(HandshakeError::UnsupportedVersion),
        None => return Err(HandshakeError::NoVersionHeader),
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY).map(str::trim);
    let mut bytes = [0_u8; 18];
    let is_key = |key: &&str| STANDARD.decode_slice(key, &mut bytes) == Ok(16);
    key.filter(is_key).ok_or(HandshakeError::BadWebsocketKey)
}

/// What a 101 says besides its acceptance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Switching<'a> {
    /// The subprotocol chosen among those offered.
    pub protocol: Option<&'a str>,
    /// The extension that was agreed on, with its parameters.
    pub extension: Option<&'a str>,
}

/// The head of the 101 that answers `key`. It carries no `Date`, as an interim answer need not
/// (RFC 9110 section 6.6.1).
pub fn switching(key: &str, switching: Switching<'_>) -> Bytes {
    let mut head = BytesMut::with_capacity(256);
    head.put_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    head.put_slice(&hash_key(key.as_bytes()));
    if let Some(protocol) = switching.protocol {
        head.put_slice(b"\r\nSec-WebSocket-Protocol: ");
        head.put_slice(protocol.as_bytes());
    }
    if let Some(extension) = switching.extension {
        head.put_slice(b"\r\nSec-WebSocket-Extensions: ");
        head.put_slice(extension.as_bytes());
    }
    head.put_slice(b"\r\n\r\n");
    head.freeze()
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
    headers: &HeaderMap,
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
