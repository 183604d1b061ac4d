//! Stories told against the real thing: real databases, real sockets.

mod harness;

mod chat;
mod close_codes;
mod model_accounts;
mod model_chat;
mod store_contract;
