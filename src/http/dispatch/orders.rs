//! Reading orders, shifts and maydays.

use actix_web::web;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::dispatch::reads;
use crate::http::dispatch::filters;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{in_body_words, number, path_id};
use crate::http::state::State;
use crate::models::{order, shift};
use crate::protocol::views::dispatch::{MaydayView, OrderView};
use crate::protocol::views::dispatch_pages::{MaydayPage, OrderPage, ShiftPage};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, show_one, shifts, maydays, mayday))]
pub struct Description;

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    incident: Option<String>,
    unit: Option<String>,
    /// `true`: those that bind a unit; `false`: those that have ended.
    open: Option<String>,
    /// Orders before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists orders, newest first: for dispatchers all, for crews those of their unit.
#[utoipa::path(get, path = "/api/v1/orders", tag = "dispatch", params(OrderQuery),
    responses((status = 200, body = OrderPage), (status = 400, body = ErrorBody)))]
pub async fn list(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<OrderQuery>,
) -> Answered<web::Json<OrderPage>> {
    let unit = query.unit.as_deref().map(|text| path_id("unit", text)).transpose()?;
    let wanted = order::Wanted {
        incident: query.incident.as_deref().map(|text| path_id("incident", text)).transpose()?,
        units: unit.map(|unit| vec![unit]),
        open: filters::choice("open", query.open.as_deref())?,
        before: query.before.as_deref().map(|text| path_id("before", text)).transpose()?,
    };
    let limit = number("limit", query.limit.as_deref())?;
    let read = state.house.lane.read(move |conn| reads::orders(conn, &who, wanted, limit));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Shows an order, for dispatchers and the crew of its unit.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "dispatch", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ErrorBody)))]
pub async fn show_one(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<OrderView>> {
    let id = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| reads::order(conn, &who, id));
    Ok(web::Json(read.await?))
}

/// Which shifts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShiftQuery {
    unit: Option<String>,
    user: Option<String>,
    /// `true`: those that run; `false`: those that have ended.
    open: Option<String>,
    /// Shifts before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists shifts, newest first: for dispatchers all, for crews their own.
#[utoipa::path(get, path = "/api/v1/shifts", tag = "dispatch", params(ShiftQuery),
    responses((status = 200, body = ShiftPage), (status = 403, body = ErrorBody)))]
pub async fn shifts(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<ShiftQuery>,
) -> Answered<web::Json<ShiftPage>> {
    let wanted = shift::Wanted {
        unit: query.unit.as_deref().map(|text| path_id("unit", text)).transpose()?,
        user: query.user.as_deref().map(|text| path_id("user", text)).transpose()?,
        open: filters::choice("open", query.open.as_deref())?,
        before: query.before.as_deref().map(|text| path_id("before", text)).transpose()?,
    };
    let limit = number("limit", query.limit.as_deref())?;
    let read = state.house.lane.read(move |conn| reads::shifts(conn, &who, wanted, limit));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Which maydays to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MaydayQuery {
    /// `true`: those that have not ended; `false`: those that have.
    open: Option<String>,
    /// Maydays before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists maydays, newest first; for dispatchers.
#[utoipa::path(get, path = "/api/v1/maydays", tag = "dispatch", params(MaydayQuery),
    responses((status = 200, body = MaydayPage), (status = 403, body = ErrorBody)))]
pub async fn maydays(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<MaydayQuery>,
) -> Answered<web::Json<MaydayPage>> {
    let open = filters::choice("open", query.open.as_deref())?;
    let before = query.before.as_deref().map(|text| path_id("before", text)).transpose()?;
    let limit = number("limit", query.limit.as_deref())?;
    let read = state.house.lane.read(move |conn| reads::maydays(conn, &who, open, before, limit));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Shows a mayday, for dispatchers, who raised it and the crew of its unit.
#[utoipa::path(get, path = "/api/v1/maydays/{id}", tag = "dispatch", params(("id" = String, Path)),
    responses((status = 200, body = MaydayView), (status = 404, body = ErrorBody)))]
pub async fn mayday(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<MaydayView>> {
    let id = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| reads::mayday(conn, &who, id));
    Ok(web::Json(read.await?))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/orders", web::get().to(list))
        .route("/api/v1/orders/{id}", web::get().to(show_one))
        .route("/api/v1/shifts", web::get().to(shifts))
        .route("/api/v1/maydays", web::get().to(maydays))
        .route("/api/v1/maydays/{id}", web::get().to(mayday));
}
