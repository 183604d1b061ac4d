//! What dispatch commands do to the store: each in one transaction, through the board's owner.
//!
//! **Never:** a step that the lifecycle's table does not have, or that the policy did not allow.

pub mod alarms;
pub mod answers;
pub mod assign;
pub mod correct;
pub mod crews;
pub mod exports;
pub mod fleet;
pub mod incidents;
pub mod job;
pub mod ledger;
pub mod notifier;
pub mod offline;
pub mod pictures;
pub mod progress;
pub mod reads;
pub mod replay;
pub mod snapshot;
pub mod sweep;
pub mod talk;
pub mod work;
