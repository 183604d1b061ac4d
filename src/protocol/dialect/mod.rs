//! How clients of older systems say and hear the same things: one codec a system.
//!
//! A dialect holds no state and decides nothing; quirks of older clients live in its file and
//! nowhere else.
//! **Never:** actix, input or output, clocks, decisions, anything kept between two calls.

pub mod classroom;
pub mod face;
pub mod messenger;
pub mod moment;
