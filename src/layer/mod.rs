//! Between processes: the channel layer that carries events and notices to every node.
//!
//! Payloads are hints; the journal repairs what a layer loses.
//! **Never:** actors, models, JSON of the domain.

pub mod contract;
pub mod memory;
