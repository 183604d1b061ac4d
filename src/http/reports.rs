//! Reports over REST: anyone may report; admins list and settle.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::report_commands::{self, Receipt};
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, Query};
use crate::http::rest::{in_body_words, number, path_id, perform};
use crate::http::state::State;
use crate::protocol::command::Command;
use crate::protocol::command::report::{ReportCommand, ReportList, ReportResolve, ReportSend};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::report::{ReportPage, ReportState, ReportView};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(make, list, resolve))]
pub struct Description;

/// Which reports.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// `open`, `resolved` or `dismissed`; `open` when absent.
    state: Option<String>,
    /// Reports before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// What became of it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ResolveBody {
    /// `resolved` or `dismissed`.
    state: ReportState,
    /// At most 1,000 characters.
    resolution: Option<String>,
}

/// Reports a message or a person to the admins.
#[utoipa::path(post, path = "/api/v1/reports", tag = "reports", request_body = ReportSend,
    responses((status = 201, body = Receipt), (status = 400, body = ErrorBody)))]
pub async fn make(
    state: web::Data<State>,
    who: Caller,
    Body(send): Body<ReportSend>,
) -> Answered<HttpResponse> {
    let command = Command::Report(ReportCommand::Send(send));
    perform(&state, &who, None, command, StatusCode::CREATED).await
}

/// Lists reports, newest first.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports", params(ReportQuery),
    responses((status = 200, body = ReportPage), (status = 403, body = ErrorBody)))]
pub async fn list(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<ReportQuery>,
) -> Answered<web::Json<ReportPage>> {
    let read = |text: &str| {
        ReportState::parse(text)
            .ok_or_else(|| Refusal::field("state", "open, resolved or dismissed"))
    };
    let wish = ReportList {
        state: query.state.as_deref().map(read).transpose()?,
        before: query.before.as_deref().map(|text| path_id("before", text)).transpose()?,
        limit: number("limit", query.limit.as_deref())?,
    };
    let read = state.house.lane.read(move |conn| report_commands::list(conn, &who, &wish));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Says what became of a report.
#[utoipa::path(post, path = "/api/v1/reports/{id}/resolve", tag = "reports",
    params(("id" = String, Path)), request_body = ResolveBody,
    responses((status = 200, body = ReportView), (status = 409, body = ErrorBody)))]
pub async fn resolve(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Body(body): Body<ResolveBody>,
) -> Answered<HttpResponse> {
    let ResolveBody { state: outcome, resolution } = body;
    let resolve = ReportResolve { report: path_id("id", &id)?, state: outcome, resolution };
    let command = Command::Report(ReportCommand::Resolve(resolve));
    perform(&state, &who, None, command, StatusCode::OK).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/reports").route(web::get().to(list)).route(web::post().to(make)),
    )
    .route("/api/v1/reports/{id}/resolve", web::post().to(resolve));
}
