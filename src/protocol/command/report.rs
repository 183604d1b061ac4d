//! Reporting a message or a person, and what admins do about it.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::ids::{MessageId, ReportId, UserId};
use crate::protocol::views::report::{ReportReason, ReportState};

/// Report a message, or a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ReportSend {
    /// A message one may read; its sender is reported with it.
    #[schema(value_type = Option<String>)]
    pub message: Option<MessageId>,
    /// A person, when it is not about one message.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    pub reason: ReportReason,
    /// What happened, at most 1,000 characters.
    pub note: Option<String>,
}

/// List reports, newest first; for admins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct ReportList {
    /// Open ones when absent.
    pub state: Option<ReportState>,
    /// Reports before this one.
    pub before: Option<ReportId>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// Say what became of a report; for admins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReportResolve {
    pub report: ReportId,
    /// `resolved` or `dismissed`.
    pub state: ReportState,
    /// At most 1,000 characters.
    pub resolution: Option<String>,
}

/// Everything a client may say about reports.
#[derive(Debug, Clone)]
pub enum ReportCommand {
    Send(ReportSend),
    List(ReportList),
    Resolve(ReportResolve),
}
