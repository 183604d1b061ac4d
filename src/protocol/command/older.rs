//! What clients of older systems ask for and the native protocol has no word for. No row of the
//! command tables names these: only dialects and compatibility routes can say them.

use crate::ids::MessageId;
use crate::protocol::command::MessageSend;

/// By which way a client says something that it also says by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Socket,
    Rest,
}

impl Side {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Rest => "rest",
        }
    }

    /// The other way.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Socket => Self::Rest,
            Self::Rest => Self::Socket,
        }
    }
}

/// A request of an older client.
#[derive(Debug, Clone)]
pub enum OlderCommand {
    /// A message that the same client sends by both ways: what comes by the other within a moment,
    /// with the same text, is the same message.
    SendTwice { send: MessageSend, side: Side },
    /// Everything up to this message has been read; without one, that something was.
    ReadTo { message: Option<MessageId> },
    /// Everything there is has been read.
    ReadAll,
    /// Takes one's own message back, whatever else one may do here.
    DeleteOwn { id: MessageId },
    /// Locks the thread that a message began, so that it takes no more answers, or unlocks it.
    LockThread { root: MessageId, on: bool },
    /// Tells the room that another socket of someone is in it, or no longer.
    Seat { taken: bool },
}
