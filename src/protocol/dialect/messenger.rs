//! The messenger's dialect: conversations by number, JWT, dotted names of frames.

pub mod shapes;
