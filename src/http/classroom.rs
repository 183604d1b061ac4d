//! The classroom's REST, for clients that moved here by a host name: opaque tokens or the session
//! cookie, numbers for ids. It sits on the same owners, models and policy as the native API.

pub mod forum;
pub mod general;
pub mod letters;
pub mod pages;
pub mod rooms;
pub mod sending;
pub mod threads;

use actix_web::web;

use crate::http::drf::Known;
use crate::http::routes::{Access, Route, row};

/// Whoever is signed in; others get 403.
pub type Caller = Known<403>;

/// The routes of this file's parts.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    row("GET", "/api/profile/{role}", Access::SignedIn),
    row("GET", "/api/materials/student", Access::SignedIn),
    row("GET", "/api/scheduling/lessons/my_schedule", Access::SignedIn),
    row("GET", "/api/chat/notifications", Access::SignedIn),
    row("GET", "/api/chat/forum", Access::SignedIn),
    row("GET", "/api/chat/forum/{id}/messages", Access::SignedIn),
    row("POST", "/api/chat/forum/{id}/send_message", Access::SignedIn),
    row("GET", "/api/chat/general", Access::SignedIn),
    row("GET", "/api/chat/general/messages", Access::SignedIn),
    row("POST", "/api/chat/general/send_message", Access::SignedIn),
    row("GET", "/api/chat/general/threads", Access::SignedIn),
    row("POST", "/api/chat/general/create_thread", Access::SignedIn),
    row("GET", "/api/chat/threads", Access::SignedIn),
    row("POST", "/api/chat/threads", Access::SignedIn),
    row("GET", "/api/chat/threads/{id}", Access::SignedIn),
    row("GET", "/api/chat/threads/{id}/messages", Access::SignedIn),
    row("POST", "/api/chat/threads/{id}/send_message", Access::SignedIn),
    row("POST", "/api/chat/threads/{id}/pin", Access::SignedIn),
    row("POST", "/api/chat/threads/{id}/unpin", Access::SignedIn),
    row("POST", "/api/chat/threads/{id}/lock", Access::SignedIn),
    row("POST", "/api/chat/threads/{id}/unlock", Access::SignedIn),
    row("GET", "/api/chat/rooms", Access::SignedIn),
    row("GET", "/api/chat/rooms/{id}", Access::SignedIn),
    row("GET", "/api/chat/rooms/{id}/messages", Access::SignedIn),
    row("POST", "/api/chat/rooms/{id}/join", Access::SignedIn),
    row("POST", "/api/chat/rooms/{id}/leave", Access::SignedIn),
    row("POST", "/api/chat/rooms/{id}/mark_read", Access::SignedIn),
    row("GET", "/api/chat/rooms/{id}/participants", Access::SignedIn),
];

/// Registers the routes of this file's parts.
pub fn configure(cfg: &mut web::ServiceConfig) {
    pages::configure(cfg);
    forum::configure(cfg);
    general::configure(cfg);
    rooms::configure(cfg);
    threads::configure(cfg);
}
