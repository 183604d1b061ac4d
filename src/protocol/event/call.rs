//! What the server says about calls: on the conversation, and on the inboxes of those called.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::{CallId, UserId};
use crate::protocol::views::call::CallView;

/// A call as it stands now, and who brought it there; nobody for the passing of time.
#[derive(Debug, Clone, Serialize)]
pub struct CallStep {
    pub call: CallView,
    pub by: Option<UserId>,
}

/// What happened to a call.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum CallEvent {
    /// On the inbox of someone who is called.
    Incoming(CallStep),
    Started(CallStep),
    Ringing(CallStep),
    Answered(CallStep),
    Declined(CallStep),
    /// Someone hung up, and the call goes on.
    Left(CallStep),
    Ended(CallStep),
    Missed(CallStep),
    /// Ephemeral, on the inbox of a participant: what another's device hands theirs.
    Signal {
        call: CallId,
        from: UserId,
        payload: Arc<RawValue>,
    },
}

impl CallEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incoming(_) => "call.incoming",
            Self::Started(_) => "call.started",
            Self::Ringing(_) => "call.ringing",
            Self::Answered(_) => "call.answered",
            Self::Declined(_) => "call.declined",
            Self::Left(_) => "call.left",
            Self::Ended(_) => "call.ended",
            Self::Missed(_) => "call.missed",
            Self::Signal { .. } => "call.signal",
        }
    }

    /// The event that a journal entry of this kind was.
    pub fn of_kind(kind: &str, step: CallStep) -> Option<Self> {
        Some(match kind {
            "call.incoming" => Self::Incoming(step),
            "call.started" => Self::Started(step),
            "call.ringing" => Self::Ringing(step),
            "call.answered" => Self::Answered(step),
            "call.declined" => Self::Declined(step),
            "call.left" => Self::Left(step),
            "call.ended" => Self::Ended(step),
            "call.missed" => Self::Missed(step),
            _ => return None,
        })
    }
}
