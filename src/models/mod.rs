//! What is: tables and rows, through Diesel, the same source for SQLite and PostgreSQL.
//!
//! Synchronous functions over `&mut DbConn`; a caller off the blocking pool is a mistake.
//! **Never:** async, actix, JSON frames, authorization.

pub mod schema;

pub mod error;

pub mod store;

pub mod engine;

pub mod migrate;

pub mod facts;
