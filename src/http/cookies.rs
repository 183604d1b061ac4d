//! Cookies: the session's and the CSRF token's, how they are made, cleared and checked.
//!
//! CSRF is refused by double submit and, where the browser names its page, by that page's host.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{COOKIE, HOST, HeaderMap, ORIGIN, REFERER};
use actix_web::web;

use crate::auth::secret;
use crate::config::Config;
use crate::http::error::ApiError;
use crate::http::handshake;
use crate::http::peer;
use crate::http::state::State;
use crate::protocol::refusal::{Code, Refusal};

/// The session cookie: scripts cannot read it.
pub const SESSION: &str = "sessionid";
/// The CSRF cookie: scripts must read it to repeat it.
pub const CSRF: &str = "csrftoken";
/// The header that repeats the CSRF cookie.
pub const CSRF_HEADER: &str = "X-CSRFToken";
/// The form field that repeats the CSRF cookie.
pub const CSRF_FIELD: &str = "csrfmiddlewaretoken";
/// How long a CSRF cookie lives, in days; as long as Django's.
const CSRF_DAYS: i64 = 364;

fn cookie(
    request: &HttpRequest,
    config: &Config,
    name: &'static str,
    value: &str,
) -> Cookie<'static> {
    Cookie::build(name, value.to_owned())
        .path("/")
        .same_site(SameSite::Lax)
        .secure(peer::is_secure(request, config))
        .http_only(name == SESSION)
        .finish()
}

/// The session cookie with this value, for as long as the settings say.
pub fn session(request: &HttpRequest, config: &Config, value: &str) -> Cookie<'static> {
    let mut made = cookie(request, config, SESSION, value);
    let age_s = i64::try_from(config.cookie_ttl.as_secs()).unwrap_or(i64::MAX);
    made.set_max_age(CookieAge::seconds(age_s));
    made
}

/// The CSRF cookie with this value.
pub fn csrf(request: &HttpRequest, config: &Config, value: &str) -> Cookie<'static> {
    let mut made = cookie(request, config, CSRF, value);
    made.set_max_age(CookieAge::days(CSRF_DAYS));
    made
}

/// The session cookie's value in these headers.
pub fn session_of(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let mut shown = lines.flat_map(|line| line.split(';')).map(str::trim);
    shown.find_map(|pair| {
        let cookie = Cookie::parse_encoded(pair).ok()?;
        (cookie.name() == SESSION).then(|| cookie.value().to_owned())
    })
}

/// Both cookies, emptied and expired, for an answer that signs out.
pub fn cleared(request: &HttpRequest, config: &Config) -> [Cookie<'static>; 2] {
    [SESSION, CSRF].map(|name| {
        let mut made = cookie(request, config, name, "");
        made.make_removal();
        made
    })
}

/// The CSRF token that the client holds, if its form is one of ours.
pub fn held_csrf(request: &HttpRequest) -> Option<String> {
    let value = request.cookie(CSRF)?.value().to_owned();
    let is_ours =
        (16..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ours.then_some(value)
}

fn refuse(field: &'static str, rule: &'static str) -> Refusal {
    Refusal { code: Code::Forbidden, ..Refusal::field(field, rule) }
}

/// The double submit: what the cookie holds must come a second time, by header or field.
fn check_double_submit(request: &HttpRequest, field: Option<&str>) -> Result<(), Refusal> {
    let held = held_csrf(request).ok_or_else(|| refuse(CSRF, "a cookie set by this server"))?;
    let header = request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    let repeats = |given: &str| secret::same(&held, given);
    if header.is_some_and(repeats) || field.is_some_and(repeats) {
        Ok(())
    } else {
        Err(refuse(CSRF_HEADER, "the value of the cookie csrftoken"))
    }
}

/// `scheme://host:port` of an address.
fn origin_of(address: &str) -> Option<&str> {
    let start = address.find("://")? + 3;
    let end = address[start..].find(['/', '?', '#']).map_or(address.len(), |end| start + end);
    Some(&address[..end])
}

/// The page a request comes from, when the browser says, must be one that may talk to us.
fn check_source(request: &HttpRequest, config: &Config) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_ours = |origin: &str| handshake::is_allowed(origin, host, config);
    if let Some(origin) = headers.get(ORIGIN) {
        let fits = origin.to_str().is_ok_and(is_ours);
        return if fits { Ok(()) } else { Err(refuse("Origin", "a page of this server")) };
    }
    let Some(referer) = headers.get(REFERER) else { return Ok(()) };
    let fits = referer.to_str().ok().and_then(origin_of).is_some_and(is_ours);
    if fits { Ok(()) } else { Err(refuse("Referer", "a page of this server")) }
}

/// Checks an unsafe request that is authenticated by cookie, with the token in the header.
///
/// # Errors
/// `forbidden` naming the rule.
pub fn check_csrf_header(request: &HttpRequest) -> Result<(), ApiError> {
    check_csrf(request, None)
}

/// As [`check_csrf_header`], with the token perhaps in the form's field instead.
///
/// # Errors
/// `forbidden` naming the rule.
pub fn check_csrf(request: &HttpRequest, field: Option<&str>) -> Result<(), ApiError> {
    let state = request.app_data::<web::Data<State>>().ok_or_else(Refusal::internal)?;
    check_source(request, &state.config)?;
    Ok(check_double_submit(request, field)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use actix_web::test::TestRequest;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn config() -> Config {
        let key = "a-key-for-tests-of-at-least-32-bytes".to_owned();
        let flags = BTreeMap::from([
            ("secret_key".to_owned(), key),
            ("cors_allowed_origins".to_owned(), "https://app.example.org".to_owned()),
        ]);
        Config::load(&flags, &|_| None, None).unwrap()
    }

    fn submitted(cookie: Option<&str>, header: Option<&str>, field: Option<&str>) -> bool {
        let mut request = TestRequest::post();
        if let Some(value) = cookie {
            request = request.cookie(Cookie::new(CSRF, value.to_owned()));
        }
        if let Some(value) = header {
            request = request.insert_header((CSRF_HEADER, value));
        }
        check_double_submit(&request.to_http_request(), field).is_ok()
    }

    #[test]
    fn the_csrf_token_must_come_twice() {
        assert!(submitted(Some(TOKEN), Some(TOKEN), None));
        assert!(submitted(Some(TOKEN), None, Some(TOKEN)));
        assert!(!submitted(Some(TOKEN), None, None));
        assert!(!submitted(Some(TOKEN), Some("x"), Some("y")));
        assert!(!submitted(None, Some(TOKEN), Some(TOKEN)));
    }

    #[test]
    fn an_empty_or_foreign_csrf_cookie_is_none() {
        assert!(!submitted(Some(""), Some(""), Some("")));
        assert!(!submitted(Some("short"), Some("short"), None));
        let long = "a".repeat(200);
        assert!(!submitted(Some(&long), Some(&long), None));
    }

    #[test]
    fn a_request_from_a_foreign_page_is_refused() {
        let config = config();
        let from = |name: &'static str, value: &'static str| {
            let request = TestRequest::post().insert_header((HOST, "chat.example.org"));
            let request = request.insert_header((name, value)).to_http_request();
            check_source(&request, &config).map_err(|refusal| refusal.code)
        };
        assert_eq!(from("Origin", "http://chat.example.org"), Ok(()));
        assert_eq!(from("Origin", "https://app.example.org"), Ok(()));
        assert_eq!(from("Origin", "https://evil.example.net"), Err(Code::Forbidden));
        assert_eq!(from("Origin", "null"), Err(Code::Forbidden));
        assert_eq!(from("Referer", "http://chat.example.org/login/?next=/"), Ok(()));
        assert_eq!(
            from("Referer", "https://evil.example.net/chat.example.org"),
            Err(Code::Forbidden)
        );
        assert_eq!(from("Referer", "chat.example.org"), Err(Code::Forbidden));
        assert_eq!(from("X-Other", "x"), Ok(()));
    }

    #[test]
    fn the_session_cookie_is_hidden_from_scripts_and_the_csrf_cookie_is_not() {
        let request = TestRequest::get().to_http_request();
        let config = config();
        let session = session(&request, &config, "s");
        assert_eq!(session.http_only(), Some(true));
        assert_eq!(session.same_site(), Some(SameSite::Lax));
        assert_eq!(session.path(), Some("/"));
        assert_eq!(session.secure(), Some(false));
        assert_eq!(session.max_age(), Some(CookieAge::days(14)));
        assert_ne!(csrf(&request, &config, "c").http_only(), Some(true));
        for gone in cleared(&request, &config) {
            assert_eq!((gone.value(), gone.max_age()), ("", Some(CookieAge::ZERO)));
            assert_eq!(gone.path(), Some("/"));
        }
    }
}
