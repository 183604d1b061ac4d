//! What dispatch commands do to the store: each in one transaction, through the board's owner.
//!
//! **Never:** a step that the lifecycle's table does not have, or that the policy did not allow.

pub mod alarms;
pub mod ambulance;
pub mod answers;
pub mod assign;
pub mod attempt;
pub mod correct;
pub mod crews;
pub mod eta;
pub mod exports;
pub mod fleet;
pub mod incidents;
pub mod job;
pub mod ledger;
pub mod notifier;
pub mod offline;
pub mod pictures;
pub mod positions;
pub mod progress;
pub mod ranking;
pub mod reads;
pub mod recommend;
pub mod replay;
pub mod snapshot;
pub mod sweep;
pub mod talk;
pub mod unkept;
pub mod work;
