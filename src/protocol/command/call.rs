//! What a client may say about calls.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ids::{CallId, UserId};
use crate::protocol::views::call::CallKind;

/// Call the people of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct CallStart {
    pub kind: CallKind,
    /// Whom, at most 32; everyone in the conversation when absent.
    #[schema(value_type = Option<Vec<String>>)]
    pub participants: Option<Vec<UserId>>,
    pub client_id: Option<String>,
}

/// Which call: to say that it rings, to answer, to decline, to show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallName {
    pub call: CallId,
}

/// Hang up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallEnd {
    pub call: CallId,
    /// Whether it ends for everyone: for the caller, and who keeps the conversation.
    #[serde(default)]
    pub for_all: bool,
}

/// Hand something to the other participants' devices: an offer, an answer, a candidate.
#[derive(Debug, Clone, Deserialize)]
pub struct CallSignal {
    pub call: CallId,
    /// One participant; all others when absent.
    pub to: Option<UserId>,
    /// Anything, at most 32 KiB of JSON; nothing in it is read.
    pub payload: Box<RawValue>,
}

/// List one's calls, or those of the frame's topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct CallList {
    /// Calls before this one.
    pub before: Option<CallId>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// Everything a client may say about calls.
#[derive(Debug, Clone)]
pub enum CallCommand {
    Start(CallStart),
    Ring(CallName),
    Answer(CallName),
    Decline(CallName),
    End(CallEnd),
    Signal(CallSignal),
    Show(CallName),
    List(CallList),
}
