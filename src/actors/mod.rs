//! What happens: sessions, the owners of topics, fan-out, and the one writer.
//!
//! **Never:** SQL text, HTTP types, status codes.

pub mod authenticate;
pub mod authorize;
pub mod chat_commands;
pub mod chat_reads;
pub mod contact_commands;
pub mod dispatch;
pub mod dispatch_board;
pub mod echo;
pub mod exchange;
pub mod fanout;
pub mod house;
pub mod housekeeping;
pub mod indexer;
pub mod join;
pub mod lane;
pub mod login_throttle;
pub mod looks;
pub mod mail;
pub mod membership_commands;
pub mod message_commands;
pub mod notification_hub;
pub mod online;
pub mod owners;
pub mod people_commands;
pub mod people_reads;
pub mod post;
pub mod presence;
pub mod receipt_commands;
pub mod recorder;
pub mod replay;
pub mod replay_people;
pub mod replay_talk;
pub mod room_commands;
pub mod room_supervisor;
pub mod search_reads;
pub mod seats;
pub mod session;
pub mod session_commands;
pub mod session_topics;
pub mod slow_mode;
pub mod standing;
pub mod switchboard;
pub mod throttle;
pub mod turn;
