//! The messenger's REST, for clients that moved here by a host name: JWT, bare lists, numbers for
//! ids. It sits on the same owners, models and policy as the native API.

pub mod accounts;
pub mod avatars;
pub mod calls;
pub mod contacts;
pub mod conversations;
pub mod files;
pub mod letters;
pub mod messages;
pub mod profiles;
pub mod talk;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::actors::faces;
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::http::drf::Known;
use crate::http::peer;
use crate::http::routes::{Access, Route, exempt, row};
use crate::http::state::State;
use crate::ids::UserId;
use crate::models::store::DbConn;
use crate::protocol::dialect::face::Faces;

/// Whoever is signed in; others get 401.
pub type Caller = Known<401>;

/// The prefixes under which accounts are reached: by its code, and by its documents.
const ACCOUNT_PREFIXES: [&str; 2] = ["/api/auth", "/api/accounts"];

/// The routes of this file and its parts.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    row("GET", "/api", Access::Anyone),
    exempt("POST", "/api/auth"),
    exempt("POST", "/api/auth/register"),
    row("GET", "/api/auth/user", Access::SignedIn),
    row("PATCH", "/api/auth/user", Access::SignedIn),
    row("GET", "/api/auth/users", Access::SignedIn),
    row("GET", "/api/auth/users/me", Access::SignedIn),
    row("POST", "/api/auth/users/set-online", Access::SignedIn),
    row("POST", "/api/auth/users/set-offline", Access::SignedIn),
    row("GET", "/api/auth/users/{id}", Access::SignedIn),
    exempt("POST", "/api/auth/phone/request-otp"),
    exempt("POST", "/api/auth/phone/verify-otp"),
    exempt("POST", "/api/auth/google"),
    exempt("POST", "/api/accounts"),
    exempt("POST", "/api/accounts/register"),
    exempt("POST", "/api/accounts/login"),
    exempt("POST", "/api/accounts/token/refresh"),
    exempt("POST", "/api/accounts/refresh"),
    row("POST", "/api/accounts/logout", Access::Anyone),
    row("GET", "/api/accounts/user", Access::SignedIn),
    row("PATCH", "/api/accounts/user", Access::SignedIn),
    row("GET", "/api/accounts/users", Access::SignedIn),
    row("GET", "/api/accounts/users/me", Access::SignedIn),
    row("POST", "/api/accounts/users/set-online", Access::SignedIn),
    row("POST", "/api/accounts/users/set-offline", Access::SignedIn),
    row("GET", "/api/accounts/users/{id}", Access::SignedIn),
    exempt("POST", "/api/accounts/phone/request-otp"),
    exempt("POST", "/api/accounts/phone/verify-otp"),
    exempt("POST", "/api/accounts/google"),
    row("GET", "/api/chat/conversations", Access::SignedIn),
    row("POST", "/api/chat/conversations", Access::SignedIn),
    row("POST", "/api/chat/conversations/create-direct", Access::SignedIn),
    row("GET", "/api/chat/conversations/{id}", Access::SignedIn),
    row("PATCH", "/api/chat/conversations/{id}", Access::SignedIn),
    row("PUT", "/api/chat/conversations/{id}", Access::SignedIn),
    row("DELETE", "/api/chat/conversations/{id}", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/add-member", Access::SignedIn),
    row("GET", "/api/chat/conversations/{id}/messages", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/messages", Access::SignedIn),
    row("PATCH", "/api/chat/conversations/{id}/messages/{message}", Access::SignedIn),
    row("DELETE", "/api/chat/conversations/{id}/messages/{message}", Access::SignedIn),
    row("PATCH", "/api/chat/conversations/{id}/messages/{message}/edit", Access::SignedIn),
    row("DELETE", "/api/chat/conversations/{id}/messages/{message}/soft-delete", Access::SignedIn),
    row("PUT", "/api/chat/conversations/{id}/messages/{message}", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/messages/{message}/react", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/messages/{message}/pin", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/messages/{message}/unpin", Access::SignedIn),
    row("POST", "/api/chat/conversations/{id}/messages/{message}/forward", Access::SignedIn),
    row("GET", "/api/chat/attachments/{id}/download", Access::SignedIn),
    row("GET", "/media/chat/{key}/{name}", Access::Anyone),
    row("GET", "/api/chat/calls", Access::SignedIn),
    row("POST", "/api/chat/calls", Access::SignedIn),
    row("GET", "/api/chat/calls/active", Access::SignedIn),
    row("GET", "/api/chat/calls/{id}", Access::SignedIn),
    row("POST", "/api/chat/calls/{id}/answer", Access::SignedIn),
    row("POST", "/api/chat/calls/{id}/reject", Access::SignedIn),
    row("POST", "/api/chat/calls/{id}/end", Access::SignedIn),
    row("GET", "/api/chat/users/search", Access::SignedIn),
    row("GET", "/api/chat/contacts", Access::SignedIn),
    row("POST", "/api/chat/contacts", Access::SignedIn),
    row("GET", "/api/chat/contacts/{id}", Access::SignedIn),
    row("PATCH", "/api/chat/contacts/{id}", Access::SignedIn),
    row("PUT", "/api/chat/contacts/{id}", Access::SignedIn),
    row("DELETE", "/api/chat/contacts/{id}", Access::SignedIn),
    row("POST", "/api/chat/contacts/{id}/block", Access::SignedIn),
    row("POST", "/api/chat/contacts/{id}/favorite", Access::SignedIn),
    row("GET", "/api/auth/profile/me", Access::SignedIn),
    row("PATCH", "/api/auth/profile/me", Access::SignedIn),
    row("PUT", "/api/auth/profile/me", Access::SignedIn),
    row("GET", "/api/auth/profile/{id}", Access::SignedIn),
    row("POST", "/api/auth/profile/avatar", Access::SignedIn),
    row("PUT", "/api/auth/profile/avatar", Access::SignedIn),
    row("DELETE", "/api/auth/profile/avatar", Access::SignedIn),
    row("POST", "/api/auth/profile/me/avatar", Access::SignedIn),
    row("PUT", "/api/auth/profile/me/avatar", Access::SignedIn),
    row("DELETE", "/api/auth/profile/me/avatar", Access::SignedIn),
    row("POST", "/api/accounts/profile/avatar", Access::SignedIn),
    row("PUT", "/api/accounts/profile/avatar", Access::SignedIn),
    row("DELETE", "/api/accounts/profile/avatar", Access::SignedIn),
    row("POST", "/api/accounts/profile/me/avatar", Access::SignedIn),
    row("PUT", "/api/accounts/profile/me/avatar", Access::SignedIn),
    row("DELETE", "/api/accounts/profile/me/avatar", Access::SignedIn),
    row("GET", "/api/auth/settings", Access::SignedIn),
    row("PATCH", "/api/auth/settings", Access::SignedIn),
    row("PUT", "/api/auth/settings", Access::SignedIn),
    row("GET", "/api/auth/settings/me", Access::SignedIn),
    row("PATCH", "/api/auth/settings/me", Access::SignedIn),
    row("PUT", "/api/auth/settings/me", Access::SignedIn),
    row("POST", "/api/auth/settings/reset", Access::SignedIn),
    row("GET", "/api/accounts/profile/me", Access::SignedIn),
    row("PATCH", "/api/accounts/profile/me", Access::SignedIn),
    row("PUT", "/api/accounts/profile/me", Access::SignedIn),
    row("GET", "/api/accounts/profile/{id}", Access::SignedIn),
    row("GET", "/api/accounts/settings", Access::SignedIn),
    row("PATCH", "/api/accounts/settings", Access::SignedIn),
    row("PUT", "/api/accounts/settings", Access::SignedIn),
    row("GET", "/api/accounts/settings/me", Access::SignedIn),
    row("PATCH", "/api/accounts/settings/me", Access::SignedIn),
    row("PUT", "/api/accounts/settings/me", Access::SignedIn),
    row("POST", "/api/accounts/settings/reset", Access::SignedIn),
];

/// Says what there is, for scripts that look.
pub async fn root() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "message": "Chat API",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoints": {
            "admin": "/admin/",
            "api_docs": "/api/v1/docs/",
            "api_schema": "/api/v1/openapi.json",
            "auth": "/api/auth/",
            "chat": "/api/chat/",
        },
    }))
}

/// Who reads, and how: what handlers hand to a reader's thread.
#[derive(Clone)]
pub struct Viewer {
    pub who: Arc<Identity>,
    /// What stands before the paths of files.
    pub base: String,
    house: Arc<House>,
}

impl Viewer {
    /// Whoever asks with this request.
    pub fn new(state: &State, request: &HttpRequest, who: &Arc<Identity>) -> Self {
        let (who, house) = (Arc::clone(who), Arc::clone(&state.house));
        Self { who, base: base(request, state), house }
    }

    /// These people as the viewer may see them.
    ///
    /// # Errors
    /// When the database failed.
    pub fn faces(
        &self,
        conn: &mut DbConn,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<Faces, Fault> {
        let mut faces = faces::seen_by(conn, &self.house.online, &self.who, ids)?;
        for face in faces.values_mut() {
            face.about.avatar = face.about.avatar.take().map(|path| absolute(&self.base, path));
        }
        Ok(faces)
    }
}

/// The whole address of what stands under a path of this server; others stay as they are.
pub fn absolute(base: &str, path: String) -> String {
    if path.starts_with('/') { format!("{base}{path}") } else { path }
}

/// What stands before a path in an absolute address of this server.
pub fn base(request: &HttpRequest, state: &State) -> String {
    let scheme = if peer::is_secure(request, &state.config) { "https" } else { "http" };
    let host = request.headers().get("host").and_then(|value| value.to_str().ok());
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// Registers the routes of this file and its parts.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api", web::get().to(root));
    for prefix in ACCOUNT_PREFIXES {
        accounts::configure(cfg, prefix);
        avatars::configure(cfg, prefix);
        profiles::configure(cfg, prefix);
    }
    contacts::configure(cfg);
    conversations::configure(cfg);
    messages::configure(cfg);
    talk::configure(cfg);
    files::configure(cfg);
    calls::configure(cfg);
}
