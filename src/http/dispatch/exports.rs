//! Exports: one incident as a document in the manner of EIDO, many as CSV, a piece at a time.

use std::pin::Pin;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::dispatch::exports::{self, Piece, Span};
use crate::http::dispatch::{filters, log_shown, show};
use crate::http::error::{Answered, ApiError, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::path_id;
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::models::incident_csv;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::eido::Eido;

/// Incidents read at once.
const PIECE: i64 = 200;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(document, lines))]
pub struct Description;

/// Exports an incident with its whole timeline in the manner of NENA's EIDO. What one may not see
/// is masked.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/export", tag = "dispatch",
    params(("id" = String, Path)),
    responses((status = 200, body = Eido), (status = 404, body = ErrorBody)))]
pub async fn document(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let (id, reader): (IncidentId, _) = (path_id("id", &id)?, who.clone());
    let seen = state.house.lane.read(move |conn| exports::document(conn, &reader, id)).await?;
    show(&state, &who, seen, "export", None).await
}

/// Which incidents to export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpanQuery {
    /// Received at this moment (RFC 3339) or later.
    from: Option<String>,
    /// Received before this moment.
    to: Option<String>,
}

/// Where an export has come to.
struct Place {
    state: web::Data<State>,
    who: Caller,
    span: Span,
    after: Option<IncidentId>,
    is_over: bool,
}

impl Place {
    /// The next lines; the asker's authority is asked anew, and who sees whom is logged first.
    async fn next(&mut self) -> Answered<Bytes> {
        let (reader, span, after) = (self.who.clone(), self.span, self.after);
        let read = move |conn: &mut _| exports::piece(conn, &reader, span, after, PIECE);
        let seen = self.state.house.lane.read(read).await?;
        log_shown(&self.state, &self.who, seen.patients, "export").await?;
        let Piece { text, last } = seen.what;
        self.is_over = last.is_none();
        self.after = last;
        Ok(Bytes::from(text))
    }
}

/// Exports incidents as CSV with every stamp of NEMSIS eTimes, one line a unit's response, oldest
/// first; for dispatchers. What people wrote cannot become a formula in a spreadsheet.
#[utoipa::path(get, path = "/api/v1/incidents/export.csv", tag = "dispatch", params(SpanQuery),
    responses((status = 200, content_type = "text/csv", body = String),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn lines(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<SpanQuery>,
) -> Answered<HttpResponse> {
    let span = Span {
        from: filters::moment("from", query.from.as_deref())?,
        to: filters::moment("to", query.to.as_deref())?,
    };
    if let (Some(from), Some(to)) = (span.from, span.to)
        && from >= to
    {
        return Err(Refusal::field("to", "later than from").into());
    }
    let mut place = Place { state, who, span, after: None, is_over: false };
    // The first piece before anything is answered, so that a refusal has its status.
    let first = place.next().await?;
    let head = stream::iter([Ok::<_, ApiError>(Bytes::from(incident_csv::head())), Ok(first)]);
    let rest = stream::unfold(place, |mut place| async move {
        if place.is_over {
            return None;
        }
        let piece = place.next().await;
        // One that fails cuts the answer: nobody takes a part of it for the whole.
        place.is_over |= piece.is_err();
        Some((piece, place))
    });
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>>>> = Box::pin(head.chain(rest));
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"incidents.csv\""))
        .streaming(body))
}

/// Registers these routes. That of the lines comes before that of one incident.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/incidents/export.csv", web::get().to(lines))
        .route("/api/v1/incidents/{id}/export", web::get().to(document));
}
