//! Reading units and hospitals.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::dispatch::reads;
use crate::http::dispatch::{say, show};
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{in_body_words, number, path_id};
use crate::http::state::State;
use crate::protocol::views::dispatch::{UnitSnapshot, UnitView};
use crate::protocol::views::dispatch_pages::{HospitalList, TimelinePage, UnitList};
use crate::protocol::views::hospitals::HospitalView;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(units, unit, unit_board, unit_timeline, hospitals, hospital))]
pub struct Description;

/// Lists all units, by number.
#[utoipa::path(get, path = "/api/v1/units", tag = "dispatch",
    responses((status = 200, body = UnitList), (status = 403, body = ErrorBody)))]
pub async fn units(state: web::Data<State>, who: Caller) -> Answered<web::Json<UnitList>> {
    Ok(web::Json(state.house.lane.read(move |conn| reads::units(conn, &who)).await?))
}

/// Shows a unit. The `ETag` is its version.
#[utoipa::path(get, path = "/api/v1/units/{id}", tag = "dispatch", params(("id" = String, Path)),
    responses((status = 200, body = UnitView), (status = 404, body = ErrorBody)))]
pub async fn unit(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let id = path_id("id", &id)?;
    let view = state.house.lane.read(move |conn| reads::unit(conn, &who, id)).await?;
    Ok(HttpResponse::Ok().insert_header(say::etag(view.version)).json(view))
}

/// Shows what a unit's crew has before it: what a socket gets when it subscribes to the unit.
#[utoipa::path(get, path = "/api/v1/units/{id}/board", tag = "dispatch",
    params(("id" = String, Path)),
    responses((status = 200, body = UnitSnapshot), (status = 404, body = ErrorBody)))]
pub async fn unit_board(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let (id, reader) = (path_id("id", &id)?, who.clone());
    let seen = state.house.lane.read(move |conn| reads::unit_board(conn, &reader, id)).await?;
    show(&state, &who, seen, "unit", None).await
}

/// Which page of what happened to a unit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// Entries told before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists what happened to a unit, last told first; for dispatchers and its crew.
#[utoipa::path(get, path = "/api/v1/units/{id}/timeline", tag = "dispatch",
    params(("id" = String, Path), TimelineQuery),
    responses((status = 200, body = TimelinePage), (status = 404, body = ErrorBody)))]
pub async fn unit_timeline(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Answered<web::Json<TimelinePage>> {
    let id = path_id("id", &id)?;
    let before = query.before.as_deref().map(|text| path_id("before", text)).transpose()?;
    let limit = number("limit", query.limit.as_deref())?;
    let read = move |conn: &mut _| reads::unit_timeline(conn, &who, id, before, limit);
    Ok(web::Json(state.house.lane.read(read).await.map_err(in_body_words)?))
}

/// Lists all hospitals, by name.
#[utoipa::path(get, path = "/api/v1/hospitals", tag = "dispatch",
    responses((status = 200, body = HospitalList), (status = 403, body = ErrorBody)))]
pub async fn hospitals(state: web::Data<State>, who: Caller) -> Answered<web::Json<HospitalList>> {
    Ok(web::Json(state.house.lane.read(move |conn| reads::hospitals(conn, &who)).await?))
}

/// Shows a hospital. The `ETag` is its version.
#[utoipa::path(get, path = "/api/v1/hospitals/{id}", tag = "dispatch",
    params(("id" = String, Path)),
    responses((status = 200, body = HospitalView), (status = 404, body = ErrorBody)))]
pub async fn hospital(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let id = path_id("id", &id)?;
    let view = state.house.lane.read(move |conn| reads::hospital(conn, &who, id)).await?;
    Ok(HttpResponse::Ok().insert_header(say::etag(view.version)).json(view))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/units", web::get().to(units))
        .route("/api/v1/units/{id}", web::get().to(unit))
        .route("/api/v1/units/{id}/board", web::get().to(unit_board))
        .route("/api/v1/units/{id}/timeline", web::get().to(unit_timeline))
        .route("/api/v1/hospitals", web::get().to(hospitals))
        .route("/api/v1/hospitals/{id}", web::get().to(hospital));
}
