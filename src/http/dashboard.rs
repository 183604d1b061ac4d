//! REST of dashboards: one's own figures, as the topic `dashboard:{user}` tells them live.

use std::sync::Arc;

use actix_web::web;
use utoipa::OpenApi;

use crate::actors::authorize::admit_for;
use crate::actors::dashboards;
use crate::auth::policy::Action;
use crate::http::error::Answered;
use crate::http::extract::Caller;
use crate::http::state::State;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::dashboard::DashboardView;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(show_dashboard))]
pub struct Described;

/// Shows one's dashboard as it is now.
#[utoipa::path(get, path = "/api/v1/dashboard", tag = "dashboard",
    responses((status = 200, body = DashboardView)))]
pub async fn show_dashboard(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<DashboardView>> {
    let house = Arc::clone(&state.house);
    let read = state.house.lane.read(move |conn| {
        admit_for(conn, &who, &Topic::Dashboard(who.user), Action::Read)?;
        dashboards::now(conn, &house, who.user)
    });
    Ok(web::Json(read.await?.ok_or_else(Refusal::not_found)?))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/dashboard").route(web::get().to(show_dashboard)));
}
