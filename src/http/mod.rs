//! How it is reached: REST, the WebSocket upgrade, pages, health.
//!
//! Reads go straight to models; anything someone may be watching goes through its owner actor.
//! **Never:** diesel, SQL, decisions that belong to the policy.

pub mod accounts;
pub mod chat;
pub mod contacts;
pub mod cookies;
pub mod dashboard;
pub mod diagnostics;
pub mod envelope;
pub mod error;
pub mod extract;
pub mod handshake;
pub mod hashing;
pub mod invites;
pub mod login_pages;
pub mod member_talks;
pub mod members;
pub mod messages;
pub mod middleware;
pub mod monitoring;
pub mod notifications;
pub mod openapi;
pub mod operations;
pub mod page_frame;
pub mod pages;
pub mod passwords;
pub mod paths;
pub mod peer;
pub mod people;
pub mod profile;
pub mod profiles;
pub mod renewal;
pub mod rest;
pub mod routes;
pub mod search;
pub mod server;
pub mod service_tokens;
pub mod sessions;
pub mod sign_in;
pub mod state;
pub mod talk;
pub mod tls;
pub mod tokens;
pub mod upgrade;
