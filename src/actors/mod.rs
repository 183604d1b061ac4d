//! What happens: sessions, the owners of topics, fan-out, and the one writer.
//!
//! **Never:** SQL text, HTTP types, status codes.

pub mod mail;
pub mod lane;
pub mod exchange;
pub mod turn;
pub mod seats;
pub mod fanout;
pub mod presence;
pub mod authorize;
pub mod replay;
pub mod chat_commands;
pub mod chat_reads;
pub mod membership_commands;
pub mod post;
pub mod join;
pub mod switchboard;
pub mod room_supervisor;
pub mod notification_hub;
pub mod dispatch_board;
pub mod owners;
pub mod recorder;
pub mod authenticate;
pub mod throttle;
pub mod house;
pub mod session;
pub mod session_commands;
pub mod session_topics;
pub mod echo;
pub mod housekeeping;
