//! The classroom's dialect: rooms of a school, opaque tokens, acknowledged messages.

pub mod shapes;
