//! How it is reached: REST, the WebSocket upgrade, pages, health.
//!
//! Reads go straight to models; anything someone may be watching goes through its owner actor.
//! **Never:** diesel, SQL, decisions that belong to the policy.

pub mod state;
pub mod error;
pub mod peer;
pub mod extract;
pub mod cookies;
pub mod hashing;
pub mod sign_in;
pub mod accounts;
pub mod sessions;
pub mod tokens;
pub mod rest;
pub mod chat;
pub mod messages;
pub mod members;
pub mod diagnostics;
pub mod operations;
pub mod openapi;
pub mod pages;
pub mod paths;
pub mod handshake;
pub mod upgrade;
pub mod tls;
pub mod middleware;
pub mod routes;
pub mod server;
