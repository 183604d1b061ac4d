//! REST of recommendations: which units would serve an incident best.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{number, path_id, perform};
use crate::http::state::State;
use crate::protocol::command::Command;
use crate::protocol::command::dispatch::{DispatchCommand, IncidentRecommend};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::recommendations::RecommendationView;

/// The description of this route.
#[derive(OpenApi)]
#[openapi(paths(recommend_units))]
pub struct Description;

/// What units must be like, and how many to name.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecommendQuery {
    /// What a unit must be capable of: words with commas between.
    capabilities: Option<String>,
    /// 1 to 200; 25 when absent.
    limit: Option<String>,
}

/// Ranks the units for an incident, best first, each with reasons; what is missing is named.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/recommendations", tag = "dispatch",
    params(("id" = String, Path), RecommendQuery),
    responses((status = 200, body = RecommendationView), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn recommend_units(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Query(query): Query<RecommendQuery>,
) -> Answered<HttpResponse> {
    let limit = number("limit", query.limit.as_deref())?;
    let limit = limit.map(u16::try_from).transpose();
    let limit = limit.map_err(|_| Refusal::field("limit", "from 1 to 200"))?;
    let words = query.capabilities.unwrap_or_default();
    let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
    let wish = IncidentRecommend {
        incident: path_id("id", &id)?,
        capabilities: words.map(ToOwned::to_owned).collect(),
        limit,
    };
    let command = Command::Dispatch(Box::new(DispatchCommand::IncidentRecommend(wish)));
    perform(&state, &who, None, command, StatusCode::OK).await
}

/// Registers the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let resource = web::resource("/api/v1/incidents/{id}/recommendations");
    cfg.service(resource.route(web::get().to(recommend_units)));
}
