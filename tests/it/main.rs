//! Stories told against the real thing: real databases, real sockets.

mod harness;

mod attempts;
mod browser;
mod chat;
mod close_codes;
mod command_line;
mod contacts;
mod crash;
mod hostile;
mod import_django;
mod limits;
mod model_accounts;
mod model_chat;
mod owners;
mod presence;
mod privacy;
mod replay;
mod slow_reader;
mod store_contract;
