//! What is said: topics, frames, commands, events, refusals and close codes of the native protocol.
//!
//! Pure values and serde. The same sentences are written for people in `docs/PROTOCOL.md` and as
//! fixtures under `tests/fixtures/frames/`.
//! **Never:** actix, diesel, input or output, clocks, decisions.

pub mod close;
pub mod command;
pub mod dialect;
pub mod dispatch;
pub mod emoji;
pub mod event;
pub mod frame;
pub mod mention;
pub mod opaque;
pub mod refusal;
pub mod topic;
pub mod views;
