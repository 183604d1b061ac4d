//! How clients of older systems say and hear the same things: one codec a system.
//!
//! A dialect holds no state and decides nothing; quirks of older clients live in its file and
//! nowhere else. How to add one stands in `docs/decisions/0012-dialect-seam.md`.
//! **Never:** actix, input or output, clocks, decisions, anything kept between two calls.

pub mod bulletin;
pub mod classroom;
pub mod contract;
pub mod dashboard;
pub mod face;
pub mod incoming;
pub mod links;
pub mod lobby;
pub mod messenger;
pub mod moment;
pub mod table;
