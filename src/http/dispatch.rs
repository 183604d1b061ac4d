//! Dispatch over REST: every command through its owner, by one table, and what is read of it.

pub mod doors;
pub mod exports;
pub mod filters;
pub mod fleet;
pub mod images;
pub mod incidents;
pub mod orders;
pub mod recommend;
pub mod say;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::OpenApi;

use crate::actors::dispatch::reads::Seen;
use crate::clock;
use crate::http::error::Answered;
use crate::http::extract::Caller;
use crate::http::request_form;
use crate::http::routes::{Access, Route, row};
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::models::patient_log;
use crate::models::store::DbConn;

/// For how long one who asks for the same list again is not logged again.
const LOG_AGAIN_MIN: i64 = 10;

/// What is read, and pictures. What is done else stands in [`doors::DOORS`].
#[rustfmt::skip]
pub const READS: &[Route] = &[
    row("GET", "/api/v1/board", Access::SignedIn),
    row("GET", "/api/v1/incidents", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}", Access::SignedIn),
    row("GET", "/api/v1/incidents/export.csv", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}/export", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}/timeline", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}/patient-reads", Access::Admin),
    row("GET", "/api/v1/incidents/{id}/recommendations", Access::SignedIn),
    row("POST", "/api/v1/incidents/{id}/images/upload", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}/images/{image}", Access::SignedIn),
    row("GET", "/api/v1/incidents/{id}/images/{image}/thumbnail", Access::SignedIn),
    row("GET", "/api/v1/patient-reads", Access::Admin),
    row("GET", "/api/v1/orders", Access::SignedIn),
    row("GET", "/api/v1/orders/{id}", Access::SignedIn),
    row("GET", "/api/v1/units", Access::SignedIn),
    row("GET", "/api/v1/units/{id}", Access::SignedIn),
    row("GET", "/api/v1/units/{id}/board", Access::SignedIn),
    row("GET", "/api/v1/units/{id}/timeline", Access::SignedIn),
    row("GET", "/api/v1/hospitals", Access::SignedIn),
    row("GET", "/api/v1/hospitals/{id}", Access::SignedIn),
    row("GET", "/api/v1/shifts", Access::SignedIn),
    row("GET", "/api/v1/maydays", Access::SignedIn),
    row("GET", "/api/v1/maydays/{id}", Access::SignedIn),
];

/// The description of all of it.
pub fn described() -> utoipa::openapi::OpenApi {
    let mut api = doors::described();
    api.merge(incidents::Description::openapi());
    api.merge(orders::Description::openapi());
    api.merge(fleet::Description::openapi());
    api.merge(images::Description::openapi());
    api.merge(recommend::Description::openapi());
    api.merge(exports::Description::openapi());
    api.merge(request_form::Description::openapi());
    api
}

/// Hands out what shows patients, once it is logged who sees them.
///
/// # Errors
/// When it could not be logged: then nothing is shown.
pub async fn show<T: Serialize>(
    state: &State,
    who: &Caller,
    seen: Seen<T>,
    way: &'static str,
    version: Option<i64>,
) -> Answered<HttpResponse> {
    log_shown(state, who, seen.patients, way).await?;
    let mut response = HttpResponse::Ok();
    if let Some(version) = version {
        response.insert_header(say::etag(version));
    }
    Ok(response.json(seen.what))
}

/// Logs that someone is about to be shown the patients of these incidents.
///
/// # Errors
/// When the database failed.
pub async fn log_shown(
    state: &State,
    who: &Caller,
    patients: Vec<IncidentId>,
    way: &'static str,
) -> Answered<()> {
    if patients.is_empty() {
        return Ok(());
    }
    let (user, now) = (who.user, clock::now_naive());
    let again_after = now - chrono::Duration::minutes(LOG_AGAIN_MIN);
    let asked = move |conn: &mut DbConn| {
        Ok(patient_log::not_noted(conn, &patients, user, way, again_after)?)
    };
    let new = state.house.lane.read(asked).await?;
    if new.is_empty() {
        return Ok(());
    }
    let logged = state
        .house
        .lane
        .write(move |conn| Ok(patient_log::note_shown(conn, &new, user, way, now, again_after)?));
    Ok(logged.await?)
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    exports::configure(cfg);
    images::configure(cfg);
    recommend::configure(cfg);
    incidents::configure(cfg);
    orders::configure(cfg);
    fleet::configure(cfg);
    doors::configure(cfg);
    request_form::configure(cfg);
}
