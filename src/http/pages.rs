//! The pages: what stands at each address, by one table.
//!
//! **Never:** scripts but of our own files; a text from outside that is not escaped.

use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::auth::identity::{Identity, Role};
use crate::http::ambulance;
use crate::http::extract::MaybeCaller;
use crate::http::login_pages;
use crate::http::messenger;
use crate::http::page_frame::{STYLE, STYLE_PATH, asset, escape, page, redirect};

/// One row of [`PAGES`].
#[derive(Debug)]
pub struct PageRow {
    /// As people type it.
    pub path: &'static str,
    /// As the router sees it, once the final slash is trimmed.
    pub route: &'static str,
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub purpose: &'static str,
    /// Who may see it; nobody named is everybody, signed in or not.
    pub roles: &'static [Role],
    /// The addresses of the API that serve the same.
    pub api: &'static [&'static str],
}

const fn row(
    route: (&'static str, &'static str),
    (title, purpose): (&'static str, &'static str),
    roles: &'static [Role],
    api: &'static [&'static str],
) -> PageRow {
    PageRow { path: route.0, route: route.1, title, purpose, roles, api }
}

/// The route of the dispatchers' page; below it stand its filters.
const DASHBOARD: &str = "/dashboard";

/// Every page beside `/`, `/login/`, `/logout/` and `/password/reset/`.
#[rustfmt::skip]
pub const PAGES: &[PageRow] = &[
    row(("/dashboard/", "/dashboard"), ("Dispatch dashboard", "Calls, units and orders, for those who dispatch."),
        &[Role::Admin, Role::Dispatcher], &[]),
    row(("/dispatch/fleet/", "/dispatch/fleet"), ("Fleet", "Every ambulance, its status and who drives it."),
        &[Role::Admin, Role::Dispatcher, Role::Paramedic], &[]),
    row(("/paramedic/", "/paramedic"), ("Crew", "The call one is on, and its next step."),
        &[Role::Paramedic], &[]),
    row(("/admin-dashboard/", "/admin-dashboard"), ("Administration dashboard", "The server at a glance, for admins."),
        &[Role::Admin], &["/healthz", "/readyz", "/metrics"]),
    row(("/emergency/", "/emergency"), ("Report an emergency", "The public form."),
        &[], &[]),
    row(("/test/websocket/", "/test/websocket"), ("WebSocket test", "Opens a socket and shows what comes; a refusal is a visible close code."),
        &[], &[]),
    row(("/admin/", "/admin"), ("Administration", "Accounts and roles, for admins."),
        &[Role::Admin], &["/api/v1/users/search", "/api/v1/users/{id}/role"]),
];

/// Registers the plain pages, their style, and the pages for signing in and out.
pub fn configure(cfg: &mut web::ServiceConfig) {
    login_pages::configure(cfg);
    cfg.route("/", web::get().to(home)).route(STYLE_PATH, web::get().to(style));
    for row in PAGES {
        let serve = move |who: MaybeCaller| async move { show(who.0.as_deref(), row) };
        cfg.route(row.route, web::get().to(serve));
        if row.route == DASHBOARD {
            cfg.route("/dashboard/{filter}", web::get().to(serve));
        }
    }
}

/// Where someone with this role goes once signed in.
pub fn home_of(role: Role) -> &'static str {
    match role {
        Role::Admin => "/admin-dashboard/",
        Role::Dispatcher => "/dashboard/",
        Role::Paramedic => "/paramedic/",
        Role::Member => "/",
    }
}

async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLE)
}

fn facts(who: Option<&Identity>) -> String {
    match who {
        Some(who) => format!(
            "<dl><dt>Signed in as</dt><dd>{} <span class=\"faint\">({})</span></dd>\
             <dt>Role</dt><dd>{}</dd></dl>",
            escape(&who.display_name),
            escape(&who.username),
            who.role
        ),
        None => "<p class=\"faint\">You are not signed in.</p>".to_owned(),
    }
}

fn may_see(row: &PageRow, who: Option<&Identity>) -> bool {
    row.roles.is_empty() || who.is_some_and(|who| row.roles.contains(&who.role))
}

/// Whether whoever asks for the first page reads JSON and no pages. Browsers name HTML first.
fn is_script(request: &HttpRequest) -> bool {
    let wanted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|wanted| {
        let wanted = wanted.to_ascii_lowercase();
        wanted.contains("application/json") && !wanted.contains("text/html")
    })
}

async fn home(MaybeCaller(who): MaybeCaller, request: HttpRequest) -> HttpResponse {
    if is_script(&request) {
        let mut answer = messenger::root().await;
        answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
        return answer;
    }
    let who = who.as_deref();
    let mut links = String::new();
    for row in PAGES.iter().filter(|row| may_see(row, who)) {
        let _ = write!(links, "<li><a href=\"{}\">{}</a></li>", row.path, escape(row.title));
    }
    let body = format!(
        "<div class=\"sheet\"><h1>Switchboard</h1>\
         <p>Real-time messaging for teams: rooms, notifications and dispatch boards in one \
         server.</p>{facts}<h2>Pages</h2><ul>{links}</ul><h2>Interfaces</h2>\
         <ul><li><code>/ws/v1/</code> the WebSocket, subprotocol <code>switchboard.v1</code></li>\
         <li><code>/api/v1/</code> the same over REST: \
         <a href=\"/api/v1/docs/\">every route with its fields</a></li>\
         <li><a href=\"/healthz\"><code>/healthz</code></a> \
         <a href=\"/readyz\"><code>/readyz</code></a> whether it is well</li></ul></div>",
        facts = facts(who),
    );
    page(StatusCode::OK, "Home", who, &body)
}

fn show(who: Option<&Identity>, row: &PageRow) -> HttpResponse {
    if who.is_none() && !row.roles.is_empty() {
        return redirect(&format!("/login/?next={}", row.path));
    }
    if may_see(row, who) {
        page(StatusCode::OK, row.title, who, &board(row, who))
    } else {
        page(StatusCode::OK, "Access Required", who, &turned_away(row, who))
    }
}

fn board(row: &PageRow, who: Option<&Identity>) -> String {
    if let Some(own) = ambulance::pages::body(row.route, who) {
        return own;
    }
    let mut api = String::new();
    for address in row.api {
        let _ = write!(api, "<li><code>{}</code></li>", escape(address));
    }
    let api = if api.is_empty() { api } else { format!("<h2>API</h2><ul>{api}</ul>") };
    format!(
        "<div class=\"sheet\"><h1>{}</h1><p>{}</p>{}\
         <h2>Status</h2><p>The server is up. The web app comes to this address later; until then \
         this page stands here.</p>{api}</div>",
        escape(row.title),
        escape(row.purpose),
        facts(who),
    )
}

fn turned_away(row: &PageRow, who: Option<&Identity>) -> String {
    let names: Vec<&str> = row.roles.iter().map(|role| role.as_str()).collect();
    let back = home_of(who.map_or(Role::Member, |who| who.role));
    format!(
        "<div class=\"sheet\"><h1>Access Required</h1>\
         <p>{} needs the role <strong>{}</strong>, which your account does not have.</p>{}\
         <p><a href=\"{back}\">Go to your own page</a> or \
         <a href=\"/logout/\">sign in as someone else</a>.</p></div>",
        escape(row.title),
        escape(&names.join(" or ")),
        facts(who),
    )
}
