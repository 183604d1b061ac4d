//! What a search found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::MessageId;
use crate::protocol::views::MessageView;

/// A piece of a snippet: plain text, to be escaped like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Piece {
    pub text: String,
    /// Whether this is what was looked for.
    pub hit: bool,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    pub message: MessageView,
    /// The topic of its conversation.
    pub topic: String,
    /// The part of the text around the first hit, at most 160 characters.
    pub snippet: Vec<Piece>,
}

/// A page of what was found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchPage {
    pub hits: Vec<SearchHit>,
    /// Whether to ask on: there is more, or it has not been looked at yet.
    pub more: bool,
    /// What to give as `before` to go on.
    #[schema(value_type = Option<String>)]
    pub before: Option<MessageId>,
}
