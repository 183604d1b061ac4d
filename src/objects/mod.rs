//! Bytes at rest: objects in a folder, what they are by their first bytes, and small pictures.
//!
//! **Never:** who may have them; rows, requests or names that people gave.

pub mod sniff;
pub mod store;
pub mod thumbnail;
