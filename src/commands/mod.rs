//! Commands: one file a verb of the command line, and what several of them share.
//!
//! The verbs are listed in `line.rs`, which reads the command line, and done in their own files.
//! **Never:** SQL, routes, rules of the domain; a command asks the rooms below.

pub mod backoff;
pub mod backup;
pub mod bench;
pub mod changepassword;
pub mod check;
pub mod client;
pub mod createsuperuser;
pub mod createuser;
pub mod credential;
pub mod demo;
pub mod demo_dispatch;
pub mod demo_talk;
pub mod failure;
pub mod import_django;
pub mod line;
pub mod local;
pub mod logging;
pub mod migrate;
pub mod password_entry;
pub mod reach;
pub mod restore;
pub mod run;
pub mod send;
pub mod serve;
pub mod tail;
pub mod terminal;
pub mod token;
pub mod transcript;
