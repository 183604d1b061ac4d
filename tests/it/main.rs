//! Stories told against the real thing: real databases, real sockets.

mod harness;

mod attempts;
mod browser;
mod chat;
mod close_codes;
mod command_line;
mod contacts;
mod crash;
mod dashboards;
mod dispatch;
mod dispatch_offline;
mod dispatch_orders;
mod dispatch_random;
mod dispatch_shift;
mod hostile;
mod limits;
mod membership;
mod messages;
mod model_accounts;
mod model_chat;
mod model_talk;
mod monitoring;
mod notifications;
mod owners;
mod presence;
mod privacy;
mod replay;
mod search;
mod slow_reader;
mod store_contract;
