//! REST of notifications: one's own inbox through its owner, and making them for others.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::actors::announce::{self, Announced, Announcement};
use crate::actors::authorize::admit_for;
use crate::auth::policy::Action;
use crate::http::error::{Answered, ErrorBody};
use crate::http::extract::{Body, Caller, CallerOrService, Query};
use crate::http::rest::{client_id, in_body_words, path_id, perform};
use crate::http::state::State;
use crate::ids::NotificationId;
use crate::models::notification;
use crate::protocol::command::Command;
use crate::protocol::command::inbox::{
    InboxCommand, InboxDelete, InboxList, InboxMarkRead, InboxPrefer,
};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::{
    InboxCounts, NotificationPage, NotificationView, PreferencesView,
};

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(
    list_notifications,
    create_notification,
    count_waiting,
    mark_read,
    mark_seen,
    delete_read,
    show_notification,
    mark_one_read,
    delete_notification,
    show_preferences,
    change_preferences,
))]
pub struct Described;

/// Which notifications to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Those with a smaller `place`.
    before: Option<String>,
    /// 1 to 200; 50 when absent.
    limit: Option<String>,
    /// Only those not read.
    #[serde(default)]
    unread: bool,
}

async fn ask(state: &State, who: &Caller, command: InboxCommand) -> Answered<HttpResponse> {
    let topic = Some(Topic::Inbox(who.user));
    perform(state, who, topic, Command::Inbox(command), StatusCode::OK).await
}

/// Lists one's notifications, the newest first.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(ListQuery),
    responses((status = 200, body = NotificationPage)))]
pub async fn list_notifications(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<ListQuery>,
) -> Answered<HttpResponse> {
    let before = crate::http::rest::number("before", query.before.as_deref())?;
    let limit = crate::http::rest::number("limit", query.limit.as_deref())?;
    let wish = InboxList { before, limit, unread: query.unread };
    ask(&state, &who, InboxCommand::List(wish)).await
}

/// Makes a notification for others: for admins, and for services with a token for it.
#[utoipa::path(post, path = "/api/v1/notifications", tag = "notifications",
    request_body = Announcement, params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = Announced), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub async fn create_notification(
    state: web::Data<State>,
    CallerOrService(who): CallerOrService,
    request: HttpRequest,
    Body(mut wish): Body<Announcement>,
) -> Answered<HttpResponse> {
    wish.client_id = client_id(&request, wish.client_id)?;
    let announced = announce::announce(&state.house, &who, wish).await?;
    Ok(HttpResponse::Created().json(announced))
}

/// Says how many notifications wait.
#[utoipa::path(get, path = "/api/v1/notifications/unread", tag = "notifications",
    responses((status = 200, body = InboxCounts)))]
pub async fn count_waiting(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<InboxCounts>> {
    let counts = state.house.lane.read(move |conn| {
        admit_for(conn, &who, &Topic::Inbox(who.user), Action::Read)?;
        Ok(notification::counts_of(conn, who.user)?)
    });
    Ok(web::Json(counts.await?))
}

/// Marks one (`id`) or all (`all: true`) read, on every device.
#[utoipa::path(post, path = "/api/v1/notifications/read", tag = "notifications",
    request_body = InboxMarkRead, responses((status = 200, body = InboxCounts)))]
pub async fn mark_read(
    state: web::Data<State>,
    who: Caller,
    Body(mark): Body<InboxMarkRead>,
) -> Answered<HttpResponse> {
    ask(&state, &who, InboxCommand::MarkRead(mark)).await
}

/// Marks all seen in a list: the badge is cleared on every device, and what is unread stays so.
#[utoipa::path(post, path = "/api/v1/notifications/seen", tag = "notifications",
    responses((status = 200, body = InboxCounts)))]
pub async fn mark_seen(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    ask(&state, &who, InboxCommand::MarkSeen).await
}

/// Takes away all that were read.
#[utoipa::path(delete, path = "/api/v1/notifications/read", tag = "notifications",
    responses((status = 200, body = InboxCounts)))]
pub async fn delete_read(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    ask(&state, &who, InboxCommand::Delete(InboxDelete { id: None, all_read: true })).await
}

/// Shows one notification.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", tag = "notifications",
    params(("id" = String, Path)),
    responses((status = 200, body = NotificationView), (status = 404, body = ErrorBody)))]
pub async fn show_notification(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<NotificationView>> {
    let id: NotificationId = path_id("id", &id)?;
    let read = state.house.lane.read(move |conn| {
        admit_for(conn, &who, &Topic::Inbox(who.user), Action::Read)?;
        notification::one(conn, who.user, id)?.ok_or_else(|| Refusal::not_found().into())
    });
    Ok(web::Json(read.await.map_err(in_body_words)?))
}

/// Marks one read.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/read", tag = "notifications",
    params(("id" = String, Path)),
    responses((status = 200, body = InboxCounts), (status = 404, body = ErrorBody)))]
pub async fn mark_one_read(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let mark = InboxMarkRead { id: Some(path_id("id", &id)?), all: false };
    ask(&state, &who, InboxCommand::MarkRead(mark)).await
}

/// Takes one away.
#[utoipa::path(delete, path = "/api/v1/notifications/{id}", tag = "notifications",
    params(("id" = String, Path)),
    responses((status = 200, body = InboxCounts), (status = 404, body = ErrorBody)))]
pub async fn delete_notification(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let wish = InboxDelete { id: Some(path_id("id", &id)?), all_read: false };
    ask(&state, &who, InboxCommand::Delete(wish)).await
}

/// Shows how loudly one's notifications may come.
#[utoipa::path(get, path = "/api/v1/notifications/preferences", tag = "notifications",
    responses((status = 200, body = PreferencesView)))]
pub async fn show_preferences(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    ask(&state, &who, InboxCommand::Preferences).await
}

/// Changes how loudly one's notifications may come; what is absent stays.
#[utoipa::path(patch, path = "/api/v1/notifications/preferences", tag = "notifications",
    request_body = InboxPrefer,
    responses((status = 200, body = PreferencesView), (status = 400, body = ErrorBody)))]
pub async fn change_preferences(
    state: web::Data<State>,
    who: Caller,
    Body(wish): Body<InboxPrefer>,
) -> Answered<HttpResponse> {
    ask(&state, &who, InboxCommand::Prefer(wish)).await
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/v1/notifications")
            .route(web::get().to(list_notifications))
            .route(web::post().to(create_notification)),
    )
    .service(web::resource("/api/v1/notifications/unread").route(web::get().to(count_waiting)))
    .service(
        web::resource("/api/v1/notifications/read")
            .route(web::post().to(mark_read))
            .route(web::delete().to(delete_read)),
    )
    .service(web::resource("/api/v1/notifications/seen").route(web::post().to(mark_seen)))
    .service(
        web::resource("/api/v1/notifications/preferences")
            .route(web::get().to(show_preferences))
            .route(web::patch().to(change_preferences)),
    )
    .service(
        web::resource("/api/v1/notifications/{id}")
            .route(web::get().to(show_notification))
            .route(web::delete().to(delete_notification)),
    )
    .service(web::resource("/api/v1/notifications/{id}/read").route(web::post().to(mark_one_read)));
}
