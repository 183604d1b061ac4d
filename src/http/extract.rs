//! Extractors: the caller, and a JSON body whose refusal names the field.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::actors::authenticate::Credential;
use crate::auth::identity::{Carrier, Identity};
use crate::http::cookies;
use crate::http::error::ApiError;
use crate::http::sessions::{self, Renewed};
use crate::http::state::State;
use crate::protocol::command::read_json;
use crate::protocol::refusal::{Code, Refusal};

/// The state every handler may reach.
///
/// # Errors
/// `internal` when the server was put together without one.
pub fn state(request: &HttpRequest) -> Result<web::Data<State>, ApiError> {
    request.app_data::<web::Data<State>>().cloned().ok_or_else(|| Refusal::internal().into())
}

/// The credential a request shows: the Authorization header beats the cookie.
pub fn credential(request: &HttpRequest) -> Option<Credential> {
    let shown = authorization(request.headers());
    let cookie = || request.cookie(cookies::SESSION);
    shown.or_else(|| cookie().map(|cookie| Credential::Cookie(cookie.value().to_owned())))
}

/// The credential of the Authorization header, empty when its scheme is not known.
pub fn authorization(headers: &HeaderMap) -> Option<Credential> {
    let text = headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let known = ["bearer", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    Some(Credential::Token(if known { token.trim() } else { "" }.to_owned()))
}

/// Someone signed in. Unsafe requests by cookie alone must carry the CSRF token.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Identity>);

impl Deref for Caller {
    type Target = Arc<Identity>;

    fn deref(&self) -> &Arc<Identity> {
        &self.0
    }
}

/// Someone signed in, or nobody.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Arc<Identity>>);

/// Someone signed in, or a service; for what the policy opens to services.
#[derive(Debug, Clone)]
pub struct CallerOrService(pub Arc<Identity>);

/// A person: what stands on being signed in alone is not a service's.
async fn identify(request: HttpRequest) -> Result<Arc<Identity>, ApiError> {
    let who = identify_any(request).await?;
    match who.carrier {
        Carrier::Service(purpose) => {
            let message = format!("a service token for {} does not open this", purpose.as_str());
            Err(Refusal::forbidden(message).into())
        }
        _ => Ok(who),
    }
}

async fn identify_any(request: HttpRequest) -> Result<Arc<Identity>, ApiError> {
    let state = state(&request)?;
    let shown = credential(&request).ok_or_else(|| Refusal::not_authenticated("sign in first"))?;
    let who = state.house.authenticator.identify(&shown).await?;
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if who.carrier == Carrier::Cookie && !safe {
        cookies::check_csrf_header(&request)?;
    }
    let renewed = sessions::renewed_cookies(&state, &request, &who).await;
    if !renewed.is_empty() {
        request.extensions_mut().insert(Renewed(renewed));
    }
    Ok(who)
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { identify(request).await.map(Caller) })
    }
}

impl FromRequest for MaybeCaller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match identify(request).await {
                Ok(who) => Ok(Self(Some(who))),
                Err(ApiError(refusal)) if refusal.code == Code::NotAuthenticated => Ok(Self(None)),
                Err(fault) => Err(fault),
            }
        })
    }
}

impl FromRequest for CallerOrService {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { identify_any(request).await.map(Self) })
    }
}

/// A JSON body. Its refusal names the field and the rule.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let media = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let is_json = media.eq_ignore_ascii_case("application/json");
        let reading = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            if !is_json {
                return Err(Refusal::field("Content-Type", "application/json").into());
            }
            let bytes = reading.await.map_err(|_| {
                let rule = "within the size limit for requests";
                ApiError(Refusal { code: Code::TooLarge, ..Refusal::field("body", rule) })
            })?;
            read_json(&bytes, "").map(Body).map_err(ApiError)
        })
    }
}

/// A query string. Its refusal names the rule.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        ready(
            parsed
                .map(|query| Self(query.into_inner()))
                .map_err(|fault| ApiError(Refusal::field("query", fault.to_string()))),
        )
    }
}
