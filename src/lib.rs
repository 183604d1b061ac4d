//! Switchboard: rooms, notifications and dispatch boards over WebSocket and REST, in one process.
//!
//! The house has nine floors; a room imports only from floors below its own, and `tests/tidy.rs`
//! holds it to that. From the street upwards:
//!
//! | floor | rooms | what lives there |
//! | --- | --- | --- |
//! | 1 | `ids`, `clock`, `metrics`, `config`, `socket` | typed ids, time, counters, settings, RFC 6455 on a raw stream |
//! | 1 | `objects` | bytes at rest: files that were uploaded |
//! | 2 | `protocol` | what is said: topics, frames, commands, events, refusals, close codes |
//! | 3 | `auth`, `layer` | who, and may they; what travels between processes |
//! | 4 | `models` | what is: Diesel on SQLite and PostgreSQL |
//! | 5 | `actors` | what happens: sessions, owners, fan-out, the writer |
//! | 6 | `http` | how it is reached: routes, upgrade, pages |
//! | 7 | `boot` | puts the parts together and takes them apart |
//! | 8 | `commands` | one file a verb of the command line |
//! | 9 | `main` | the process |
//!
//! **Never:** items or re-exports in this file; internal imports name the defining file.

pub mod actors;
pub mod auth;
pub mod boot;
pub mod clock;
pub mod commands;
pub mod config;
pub mod http;
pub mod ids;
pub mod layer;
pub mod metrics;
pub mod models;
pub mod objects;
pub mod protocol;
pub mod socket;
