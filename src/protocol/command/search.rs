//! Looking for messages.

use serde::Deserialize;

use crate::ids::MessageId;

/// Look for messages in one's own conversations, or in that of the frame's topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Search {
    /// Words, `"phrases"`, and beginnings of words with a star; at most 200 characters.
    pub q: String,
    /// Messages before this one.
    pub before: Option<MessageId>,
    /// 1 to 50; 50 when absent.
    pub limit: Option<i64>,
}
