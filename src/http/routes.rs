//! ROUTES: every REST route and page on one page, and how they are put together.

use actix_web::web;

use crate::http::state::State;
use crate::http::{
    accounts, ambulance, calls, chat, classroom, contacts, departure, diagnostics, dispatch,
    invites, lobby, members, messages, messenger, middleware, openapi, operations, pages, pictures,
    profiles, reports, search, sessions, talk, tokens, upgrade,
};
use crate::http::{
    dashboard, member_talks, monitoring, notifications, request_form, service_tokens,
};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    SignedIn,
    Admin,
}

/// One row of [`ROUTES`].
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// Without a trailing slash; `{name}` stands for one segment.
    pub path: &'static str,
    pub access: Access,
    /// Whether an unsafe request by cookie alone needs no CSRF token.
    pub csrf_exempt: bool,
}

/// A row that needs a CSRF token when asked by the cookie alone.
pub const fn row(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access, csrf_exempt: false }
}

/// A row for anyone that is safe without a CSRF token: it opens nothing by the cookie.
pub const fn exempt(method: &'static str, path: &'static str) -> Route {
    Route { method, path, access: Access::Anyone, csrf_exempt: true }
}

/// Every route but those of sockets, which are `paths::PATHS`; a table for each part.
pub const ROUTES: &[&[Route]] = &[
    OPERATIONS,
    ACCOUNTS,
    PAGES,
    CHAT,
    TALK,
    FILES,
    PEOPLE,
    pictures::ROUTES,
    NOTIFICATIONS,
    FIGURES,
    LOBBY,
    dispatch::READS,
    dispatch::doors::ROUTES,
    request_form::ROUTES,
    messenger::ROUTES,
    classroom::ROUTES,
    ambulance::ROUTES,
];

/// All rows of [`ROUTES`], one after the other.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().flat_map(|part| part.iter())
}

/// Whether it lives, how it does, and who came.
#[rustfmt::skip]
const OPERATIONS: &[Route] = &[
    row("GET", "/healthz", Access::Anyone),
    row("GET", "/readyz", Access::Anyone),
    row("GET", "/metrics", Access::Admin),
    row("GET", "/api/v1/server", Access::Anyone),
    row("GET", "/api/v1/openapi.json", Access::Anyone),
    row("GET", "/api/v1/diagnostics/self", Access::Anyone),
    row("GET", "/api/v1/diagnostics/attempts", Access::Admin),
    row("GET", "/api/v1/diagnostics/statistics", Access::Admin),
];

/// Accounts and sign-in, the merged login of older clients among it.
#[rustfmt::skip]
const ACCOUNTS: &[Route] = &[
    row("POST", "/api/v1/auth/login", Access::Anyone),
    row("POST", "/api/v1/auth/logout", Access::Anyone),
    row("POST", "/api/v1/auth/token/refresh", Access::Anyone),
    row("POST", "/api/v1/auth/register", Access::Anyone),
    row("POST", "/api/v1/auth/password/reset", Access::Anyone),
    row("POST", "/api/v1/auth/password/reset/confirm", Access::Anyone),
    row("GET", "/api/v1/auth/me", Access::SignedIn),
    row("PATCH", "/api/v1/auth/me", Access::SignedIn),
    row("POST", "/api/v1/auth/password", Access::SignedIn),
    row("GET", "/api/v1/auth/sessions", Access::SignedIn),
    row("DELETE", "/api/v1/auth/sessions", Access::SignedIn),
    row("DELETE", "/api/v1/auth/sessions/{id}", Access::SignedIn),
    row("GET", "/api/v1/users/search", Access::SignedIn),
    row("POST", "/api/v1/users/{id}/role", Access::Admin),
    row("POST", "/api/v1/users/{id}/activate", Access::Admin),
    row("POST", "/api/v1/users/{id}/deactivate", Access::Admin),
    exempt("POST", "/api/auth/login"),
    exempt("POST", "/api/auth/token/refresh"),
    exempt("POST", "/api/auth/refresh"),
    row("POST", "/api/auth/logout", Access::Anyone),
];

/// Pages for people.
#[rustfmt::skip]
const PAGES: &[Route] = &[
    row("GET", "/", Access::Anyone),
    row("GET", "/assets/plain.css", Access::Anyone),
    row("GET", "/login", Access::Anyone),
    row("POST", "/login", Access::Anyone),
    row("GET", "/logout", Access::Anyone),
    row("POST", "/logout", Access::Anyone),
    row("GET", "/password/reset", Access::Anyone),
    row("POST", "/password/reset", Access::Anyone),
    row("GET", "/dashboard", Access::Anyone),
    row("GET", "/dashboard/{filter}", Access::Anyone),
    row("GET", "/dispatch/fleet", Access::Anyone),
    row("GET", "/paramedic", Access::Anyone),
    row("GET", "/admin-dashboard", Access::Anyone),
    row("GET", "/emergency", Access::Anyone),
    row("GET", "/test/websocket", Access::Anyone),
    row("GET", "/admin", Access::Anyone),
];

/// Conversations and topics.
#[rustfmt::skip]
const CHAT: &[Route] = &[
    row("GET", "/api/v1/conversations", Access::SignedIn),
    row("POST", "/api/v1/conversations", Access::SignedIn),
    row("GET", "/api/v1/conversations/public", Access::SignedIn),
    row("GET", "/api/v1/conversations/unread", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}", Access::SignedIn),
    row("PATCH", "/api/v1/conversations/{key}", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/messages", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/messages", Access::SignedIn),
    row("PATCH", "/api/v1/conversations/{key}/messages/{id}", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/messages/{id}", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/read", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/members", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/members", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/members/{user}", Access::SignedIn),
    row("PATCH", "/api/v1/conversations/{key}/members/{user}", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/join", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/leave", Access::SignedIn),
    row("GET", "/api/v1/search/messages", Access::SignedIn),
    row("POST", "/api/v1/topics/{topic}/publish", Access::SignedIn),
];

/// What clients of the room without sign-in ask.
#[rustfmt::skip]
const LOBBY: &[Route] = &[
    row("GET", "/chat/status", Access::Anyone),
    row("GET", "/chat/diagnostics", Access::Anyone),
    exempt("POST", "/chat/diagnostics"),
];

/// What people do with messages, and how they come into conversations.
#[rustfmt::skip]
const TALK: &[Route] = &[
    row("PUT", "/api/v1/conversations/{key}/messages/{id}/reactions/{emoji}", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/messages/{id}/reactions/{emoji}", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/messages/{id}/reactions", Access::SignedIn),
    row("PUT", "/api/v1/conversations/{key}/messages/{id}/pin", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/messages/{id}/pin", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/messages/{id}/forward", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/messages/{id}/versions", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/messages/{id}/receipts", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/pins", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/delivered", Access::SignedIn),
    row("PUT", "/api/v1/conversations/{key}/nickname", Access::SignedIn),
    row("PUT", "/api/v1/conversations/{key}/members/{user}/nickname", Access::SignedIn),
    row("PUT", "/api/v1/conversations/{key}/mute", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/transfer", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/invites", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/invites", Access::SignedIn),
    row("DELETE", "/api/v1/conversations/{key}/invites/{id}", Access::SignedIn),
    row("POST", "/api/v1/invites/look", Access::SignedIn),
    row("POST", "/api/v1/invites/join", Access::SignedIn),
    row("GET", "/api/v1/receipts", Access::SignedIn),
    row("PUT", "/api/v1/receipts", Access::SignedIn),
];

/// Files, events without a socket, and the page that documents all of it.
#[rustfmt::skip]
const FILES: &[Route] = &[
    row("POST", "/api/v1/uploads", Access::SignedIn),
    row("GET", "/api/v1/uploads/{id}", Access::SignedIn),
    row("PATCH", "/api/v1/uploads/{id}", Access::SignedIn),
    row("DELETE", "/api/v1/uploads/{id}", Access::SignedIn),
    row("POST", "/api/v1/attachments", Access::SignedIn),
    row("GET", "/api/v1/attachments/{id}", Access::SignedIn),
    row("DELETE", "/api/v1/attachments/{id}", Access::SignedIn),
    row("GET", "/api/v1/attachments/{id}/content", Access::SignedIn),
    row("GET", "/api/v1/attachments/{id}/thumbnail", Access::SignedIn),
    row("GET", "/api/v1/topics/{topic}/events", Access::SignedIn),
    row("GET", "/api/v1/docs", Access::Anyone),
    row("GET", "/assets/docs.css", Access::Anyone),
    row("GET", "/assets/docs.js", Access::Anyone),
];

/// People: oneself and others.
#[rustfmt::skip]
const PEOPLE: &[Route] = &[
    row("GET", "/api/v1/profile", Access::SignedIn),
    row("PATCH", "/api/v1/profile", Access::SignedIn),
    row("GET", "/api/v1/settings", Access::SignedIn),
    row("PATCH", "/api/v1/settings", Access::SignedIn),
    row("POST", "/api/v1/settings/reset", Access::SignedIn),
    row("GET", "/api/v1/presence", Access::SignedIn),
    row("GET", "/api/v1/users/{id}", Access::SignedIn),
    row("GET", "/api/v1/contacts", Access::SignedIn),
    row("POST", "/api/v1/contacts", Access::SignedIn),
    row("PATCH", "/api/v1/contacts/{user}", Access::SignedIn),
    row("DELETE", "/api/v1/contacts/{user}", Access::SignedIn),
    row("POST", "/api/v1/contacts/{user}/block", Access::SignedIn),
    row("DELETE", "/api/v1/contacts/{user}/block", Access::SignedIn),
    row("POST", "/api/v1/conversations/{key}/calls", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/calls", Access::SignedIn),
    row("GET", "/api/v1/calls", Access::SignedIn),
    row("GET", "/api/v1/calls/{id}", Access::SignedIn),
    row("POST", "/api/v1/calls/{id}/ring", Access::SignedIn),
    row("POST", "/api/v1/calls/{id}/answer", Access::SignedIn),
    row("POST", "/api/v1/calls/{id}/decline", Access::SignedIn),
    row("POST", "/api/v1/calls/{id}/end", Access::SignedIn),
    row("POST", "/api/v1/calls/{id}/signal", Access::SignedIn),
    row("POST", "/api/v1/reports", Access::SignedIn),
    row("GET", "/api/v1/reports", Access::Admin),
    row("POST", "/api/v1/reports/{id}/resolve", Access::Admin),
    row("GET", "/api/v1/users/{id}/export", Access::SignedIn),
    row("POST", "/api/v1/users/{id}/erase", Access::SignedIn),
    row("GET", "/api/v1/conversations/{key}/export", Access::SignedIn),
];

/// Dashboards, and what the clients of the older dashboard know; its own envelope of errors stands
/// in `envelope.rs`.
#[rustfmt::skip]
const FIGURES: &[Route] = &[
    row("GET", "/api/v1/dashboard", Access::SignedIn),
    row("GET", "/api/v1/auth/profile", Access::SignedIn),
    row("GET", "/api/v1/monitoring/dashboard/stats", Access::SignedIn),
    row("GET", "/api/v1/monitoring/dashboard/agents", Access::SignedIn),
    row("GET", "/api/v1/monitoring/dashboard/workflows", Access::SignedIn),
    row("GET", "/api/v1/monitoring/dashboard/health", Access::SignedIn),
    row("GET", "/api/v1/chat/member-conversations", Access::SignedIn),
    row("POST", "/api/v1/chat/member-conversations", Access::SignedIn),
    row("GET", "/api/v1/chat/member-conversations/{id}", Access::SignedIn),
    row("POST", "/api/v1/chat/member-conversations/{id}/send_message", Access::SignedIn),
];

/// Notifications, and the tokens of services that make them.
#[rustfmt::skip]
const NOTIFICATIONS: &[Route] = &[
    row("GET", "/api/v1/notifications", Access::SignedIn),
    row("POST", "/api/v1/notifications", Access::Admin),
    row("GET", "/api/v1/notifications/unread", Access::SignedIn),
    row("POST", "/api/v1/notifications/read", Access::SignedIn),
    row("DELETE", "/api/v1/notifications/read", Access::SignedIn),
    row("POST", "/api/v1/notifications/seen", Access::SignedIn),
    row("GET", "/api/v1/notifications/preferences", Access::SignedIn),
    row("PATCH", "/api/v1/notifications/preferences", Access::SignedIn),
    row("GET", "/api/v1/notifications/{id}", Access::SignedIn),
    row("DELETE", "/api/v1/notifications/{id}", Access::SignedIn),
    row("POST", "/api/v1/notifications/{id}/read", Access::SignedIn),
    row("GET", "/api/v1/service-tokens", Access::Admin),
    row("POST", "/api/v1/service-tokens", Access::Admin),
    row("DELETE", "/api/v1/service-tokens/{id}", Access::Admin),
];

/// The methods that routes with this path have; none when no route has it.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    let path = path.trim_end_matches('/');
    let mut found: Vec<&'static Route> = routes().filter(|route| meets(route.path, path)).collect();
    // Paths without variables are registered first, so their methods alone count.
    if found.iter().any(|route| !route.path.contains('{')) {
        found.retain(|route| !route.path.contains('{'));
    }
    found.into_iter().map(|route| route.method).collect()
}

fn meets(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.trim_end_matches('/').split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {}
            (Some(name), Some(part)) if name == part => {}
            _ => return false,
        }
    }
}

/// Registers everything that is served.
pub fn configure(cfg: &mut web::ServiceConfig, state: &State) {
    cfg.app_data(web::Data::new(state.clone()))
        .app_data(web::PayloadConfig::new(state.config.request_max_size));
    register(cfg, state.config.echo, state.config.has_lobby());
}

fn register(cfg: &mut web::ServiceConfig, has_echo: bool, has_lobby: bool) {
    operations::configure(cfg);
    openapi::configure(cfg);
    diagnostics::configure(cfg);
    accounts::configure(cfg);
    sessions::configure(cfg);
    tokens::configure(cfg);
    profiles::configure(cfg);
    pictures::configure(cfg);
    contacts::configure(cfg);
    calls::configure(cfg);
    reports::configure(cfg);
    departure::configure(cfg);
    search::configure(cfg);
    chat::configure(cfg);
    messages::configure(cfg);
    members::configure(cfg);
    talk::configure(cfg);
    invites::configure(cfg);
    dashboard::configure(cfg);
    member_talks::configure(cfg);
    monitoring::configure(cfg);
    notifications::configure(cfg);
    service_tokens::configure(cfg);
    crate::http::attachments::configure(cfg);
    crate::http::events::configure(cfg);
    crate::http::docs_page::configure(cfg);
    dispatch::configure(cfg);
    messenger::configure(cfg);
    classroom::configure(cfg);
    ambulance::configure(cfg);
    pages::configure(cfg);
    lobby::configure(cfg, has_lobby);
    upgrade::configure(cfg, has_echo, has_lobby);
    cfg.default_service(web::to(middleware::not_found));
}

/// Puts the middleware around an App; a macro because the result's type has no name.
macro_rules! wrap {
    ($app:expr, $state:expr) => {
        $app.wrap($crate::http::middleware::cors(&$state.config))
            .wrap(actix_web::middleware::NormalizePath::trim())
            .wrap(actix_web::middleware::from_fn($crate::http::envelope::wear))
            .wrap(actix_web::middleware::from_fn($crate::http::middleware::dress))
    };
}
pub(crate) use wrap;

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::http::{Method, StatusCode};
    use actix_web::middleware::{NormalizePath, from_fn};
    use actix_web::test::{self, TestRequest};

    use super::*;

    fn example(path: &str) -> String {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "7" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn no_route_stands_twice_in_the_table() {
        for route in routes() {
            let same = |other: &&Route| (other.method, other.path) == (route.method, route.path);
            assert_eq!(routes().filter(same).count(), 1, "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn a_path_without_variables_wins_over_one_with() {
        assert_eq!(methods_of("/api/v1/conversations/public"), ["GET"]);
        assert_eq!(methods_of("/api/v1/conversations/7/"), ["GET", "PATCH"]);
        assert!(methods_of("/api/v1/nothing").is_empty());
    }

    #[actix_web::test]
    async fn every_route_of_the_table_is_served() {
        let app = App::new().configure(|cfg| register(cfg, false, true));
        let app = app.wrap(NormalizePath::trim()).wrap(from_fn(middleware::dress));
        let app = test::init_service(app).await;
        for route in routes() {
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            for ending in ["", "/"] {
                let uri = format!("{}{ending}", example(route.path));
                let request = TestRequest::with_uri(&uri).method(method.clone()).to_request();
                let status = test::call_service(&app, request).await.status();
                assert_ne!(status, StatusCode::NOT_FOUND, "{} {uri}", route.method);
                assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{} {uri}", route.method);
            }
        }
    }

    #[actix_web::test]
    async fn what_no_route_serves_is_answered_in_one_shape() {
        let app = App::new().configure(|cfg| register(cfg, false, true));
        let app = app.wrap(NormalizePath::trim()).wrap(from_fn(middleware::dress));
        let app = test::init_service(app).await;
        let call = |method: Method, uri: &str| {
            test::call_service(&app, TestRequest::with_uri(uri).method(method).to_request())
        };
        let missing = call(Method::GET, "/api/v1/nothing?token=secret").await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert!(missing.headers().contains_key("x-request-id"));
        let body: serde_json::Value = test::read_body_json(missing).await;
        assert_eq!(body["error"]["code"], "not_found");

        let wrong = call(Method::DELETE, "/api/v1/conversations").await;
        assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(wrong.headers().get("allow").unwrap(), "GET, POST");
        let body: serde_json::Value = test::read_body_json(wrong).await;
        assert_eq!(body["error"]["field"], "method");

        let options = call(Method::OPTIONS, "/api/v1/nothing").await;
        assert_eq!(options.status(), StatusCode::NO_CONTENT);

        let page = call(Method::GET, "/nothing").await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        let kind = page.headers().get("content-type").unwrap();
        assert_eq!(kind, "text/html; charset=utf-8");
    }
}
