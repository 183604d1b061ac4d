//! What stories stand on: databases of both engines.
//!
//! **Never:** assertions about the product; those are the stories' own.

pub mod engines;
