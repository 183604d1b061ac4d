//! What admins hear of reports, on `admin:reports`.

use serde::Serialize;

use crate::protocol::views::report::ReportView;

/// What happened to a report.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ReportEvent {
    Opened(ReportView),
    Resolved(ReportView),
}

impl ReportEvent {
    /// The `type` on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "report.opened",
            Self::Resolved(_) => "report.resolved",
        }
    }
}
