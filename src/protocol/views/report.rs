//! Reports as admins see them.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{ConversationId, MessageId, ReportId, UserId};
use crate::protocol::views::PersonView;

/// Why something is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportReason {
    Spam,
    Abuse,
    Threat,
    Impersonation,
    Illegal,
    Other,
}

impl ReportReason {
    const ALL: [Self; 6] =
        [Self::Spam, Self::Abuse, Self::Threat, Self::Impersonation, Self::Illegal, Self::Other];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Abuse => "abuse",
            Self::Threat => "threat",
            Self::Impersonation => "impersonation",
            Self::Illegal => "illegal",
            Self::Other => "other",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportState {
    Open,
    Resolved,
    Dismissed,
}

impl ReportState {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Dismissed => "dismissed",
        }
    }

    /// Reads the name on the wire; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Resolved, Self::Dismissed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    #[schema(value_type = String)]
    pub id: ReportId,
    /// `null` once that account is erased.
    pub reporter: Option<PersonView>,
    /// The one reported; `null` once erased.
    pub person: Option<PersonView>,
    #[schema(value_type = Option<String>)]
    pub message: Option<MessageId>,
    #[schema(value_type = Option<String>)]
    pub conversation: Option<ConversationId>,
    pub reason: ReportReason,
    pub note: String,
    /// The message as it was when it was reported, at most 500 characters; gone once resolved.
    pub excerpt: String,
    pub state: ReportState,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<NaiveDateTime>,
    #[schema(value_type = Option<String>)]
    pub resolved_by: Option<UserId>,
    pub resolution: String,
}

/// A page of reports, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPage {
    pub reports: Vec<ReportView>,
    /// Whether there are more before the last of these.
    pub more: bool,
}
