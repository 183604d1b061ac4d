//! Search over REST.

use actix_web::web;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::search_reads;
use crate::http::error::{Answered, ApiError, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::rest::{number, path_id};
use crate::http::state::State;
use crate::protocol::command::search::Search;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::search::SearchPage;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(search_messages))]
pub struct Description;

/// What to look for, and where.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Words, `"phrases"`, and beginnings of words with a star.
    q: String,
    /// The topic of one conversation; all one's own when absent.
    topic: Option<String>,
    /// Messages before this id: the `before` of the page before.
    before: Option<String>,
    /// 1 to 50; 50 when absent.
    limit: Option<String>,
}

/// Finds messages in one's own conversations, newest first.
#[utoipa::path(get, path = "/api/v1/search/messages", tag = "search", params(SearchQuery),
    responses((status = 200, body = SearchPage), (status = 400, body = ErrorBody)))]
pub async fn search_messages(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<SearchQuery>,
) -> Answered<web::Json<SearchPage>> {
    let topic = query.topic.as_deref().map(str::parse::<Topic>).transpose();
    let topic = topic.map_err(|fault| Refusal::field("topic", fault.to_string()))?;
    let wish = Search {
        q: query.q,
        before: query.before.as_deref().map(|text| path_id("before", text)).transpose()?,
        limit: number("limit", query.limit.as_deref())?,
    };
    let read =
        state.house.lane.read(move |conn| search_reads::search(conn, &who, topic.as_ref(), &wish));
    Ok(web::Json(read.await.map_err(in_query_words)?))
}

/// A refusal in the words of a query string: `data.q` is `q`, and a topic stays one.
fn in_query_words(refusal: Refusal) -> ApiError {
    match refusal.field.as_deref() {
        Some("topic") | None => ApiError(refusal),
        Some(_) => crate::http::rest::in_body_words(refusal),
    }
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/search/messages", web::get().to(search_messages));
}
