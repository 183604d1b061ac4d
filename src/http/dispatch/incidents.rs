//! Reading incidents: lists with filters, one whole, its timeline, and who saw whose patient.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::dispatch::reads;
use crate::clock;
use crate::http::dispatch::{filters, show};
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{in_body_words, number, path_id};
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::models::incident_list::{Wanted, Words};
use crate::models::{incident, patient_log};
use crate::protocol::dispatch::{IncidentStatus, IncidentType, Priority};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::dispatch::BoardSnapshot;
use crate::protocol::views::dispatch_pages::{
    IncidentDetail, IncidentPage, PatientReadPage, TimelinePage,
};

/// Longest words looked for, in characters.
const WORDS_MAX: usize = 100;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(board, list, show_one, timeline, readers, patient_log))]
pub struct Description;

/// Which incidents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Statuses with commas between them.
    status: Option<String>,
    /// Priorities with commas between them.
    priority: Option<String>,
    /// Types with commas between them.
    incident_type: Option<String>,
    /// Received at this moment (RFC 3339) or later.
    since: Option<String>,
    /// Received before this moment.
    until: Option<String>,
    /// `true`: those that are not over; `false`: those that are.
    open: Option<String>,
    /// Those this unit is or was ordered to.
    unit: Option<String>,
    /// Words in call id, determinant and, for those who may see them, caller, patient, address and
    /// description.
    q: Option<String>,
    /// Incidents before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

impl ListQuery {
    fn wanted(&self) -> Answered<Wanted> {
        let text = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > WORDS_MAX || text.contains('\0')) {
            let rule = format!("at most {WORDS_MAX} characters, none of them NUL");
            return Err(Refusal::field("q", rule).into());
        }
        let words = |text: &str| Words { text: text.to_owned(), everywhere: false };
        let (status, kind) = (self.status.as_deref(), self.incident_type.as_deref());
        Ok(Wanted {
            statuses: filters::words("status", status, IncidentStatus::ALL, IncidentStatus::parse)?,
            priorities: filters::words(
                "priority",
                self.priority.as_deref(),
                Priority::ALL,
                Priority::parse,
            )?,
            types: filters::words("incident_type", kind, IncidentType::ALL, IncidentType::parse)?,
            since: filters::moment("since", self.since.as_deref())?,
            until: filters::moment("until", self.until.as_deref())?,
            open: filters::choice("open", self.open.as_deref())?,
            unit: self.unit.as_deref().map(|text| path_id("unit", text)).transpose()?,
            words: text.map(words),
            before: self.before.as_deref().map(|text| path_id("before", text)).transpose()?,
        })
    }
}

/// Shows the dispatchers' board as it stands: what a socket gets when it subscribes.
#[utoipa::path(get, path = "/api/v1/board", tag = "dispatch",
    responses((status = 200, body = BoardSnapshot), (status = 403, body = ErrorBody)))]
pub async fn board(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    let reader = who.clone();
    let board = state.house.lane.read(move |conn| reads::board(conn, &reader)).await?;
    // One line for the whole board, as for those who have it open.
    let user = who.user;
    let logged = state.house.lane.write(move |conn| {
        let (way, now) = (incident::BOARD_ONCE, clock::now_naive());
        Ok(incident::note_read(conn, None, user, way, now)?)
    });
    logged.await?;
    Ok(HttpResponse::Ok().json(board))
}

/// Lists incidents, newest first. Caller, patient and place are masked where one may not see them.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "dispatch", params(ListQuery),
    responses((status = 200, body = IncidentPage), (status = 400, body = ErrorBody)))]
pub async fn list(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<ListQuery>,
) -> Answered<HttpResponse> {
    let (wanted, limit) = (query.wanted()?, number("limit", query.limit.as_deref())?);
    let reader = who.clone();
    let read =
        state.house.lane.read(move |conn| reads::incidents(conn, &reader, wanted, limit)).await;
    show(&state, &who, read.map_err(in_body_words)?, "list", None).await
}

/// Shows an incident with all its orders and the beginning of its timeline. The `ETag` is its
/// version.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "dispatch",
    params(("id" = String, Path)),
    responses((status = 200, body = IncidentDetail), (status = 404, body = ErrorBody)))]
pub async fn show_one(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let (id, reader): (IncidentId, _) = (path_id("id", &id)?, who.clone());
    let seen = state.house.lane.read(move |conn| reads::incident(conn, &reader, id)).await?;
    let version = seen.what.incident.version;
    show(&state, &who, seen, "rest", Some(version)).await
}

/// Which page of a timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// The `id` of the entry after which to go on.
    after: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists what happened on an incident, in the order it happened.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/timeline", tag = "dispatch",
    params(("id" = String, Path), TimelineQuery),
    responses((status = 200, body = TimelinePage), (status = 404, body = ErrorBody)))]
pub async fn timeline(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Answered<web::Json<TimelinePage>> {
    let id = path_id("id", &id)?;
    let after = query.after.as_deref().map(|text| path_id("after", text)).transpose()?;
    let limit = number("limit", query.limit.as_deref())?;
    let read = move |conn: &mut _| reads::timeline(conn, &who, id, after, limit);
    Ok(web::Json(state.house.lane.read(read).await.map_err(in_body_words)?))
}

/// Lists who saw an incident's patient, and how; for admins.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/patient-reads", tag = "dispatch",
    params(("id" = String, Path)),
    responses((status = 200, body = PatientReadPage), (status = 403, body = ErrorBody)))]
pub async fn readers(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<PatientReadPage>> {
    let id = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| reads::readers(conn, &who, id));
    Ok(web::Json(read.await?))
}

/// Which lines of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// What this person saw.
    user: Option<String>,
    /// Who saw the patient of this incident, boards left out.
    incident: Option<String>,
    /// Lines before this one.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
}

/// Lists who saw which patient, newest first; for admins.
#[utoipa::path(get, path = "/api/v1/patient-reads", tag = "dispatch", params(LogQuery),
    responses((status = 200, body = PatientReadPage), (status = 403, body = ErrorBody)))]
pub async fn patient_log(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<LogQuery>,
) -> Answered<web::Json<PatientReadPage>> {
    let wanted = patient_log::Wanted {
        user: query.user.as_deref().map(|text| path_id("user", text)).transpose()?,
        incident: query.incident.as_deref().map(|text| path_id("incident", text)).transpose()?,
        before: query.before.as_deref().map(|text| path_id("before", text)).transpose()?,
    };
    let limit = number("limit", query.limit.as_deref())?;
    let read = state.house.lane.read(move |conn| reads::patient_log(conn, &who, &wanted, limit));
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/board", web::get().to(board))
        .route("/api/v1/incidents", web::get().to(list))
        .route("/api/v1/incidents/{id}", web::get().to(show_one))
        .route("/api/v1/incidents/{id}/timeline", web::get().to(timeline))
        .route("/api/v1/incidents/{id}/patient-reads", web::get().to(readers))
        .route("/api/v1/patient-reads", web::get().to(patient_log));
}
