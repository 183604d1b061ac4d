//! The contract every channel layer keeps.
//!
//! - **Order:** what one node publishes on one topic arrives on every node in that order.
//! - **At most once:** a layer may lose, and says so with [`Heard::Gap`]; it never repeats.
//! - **To all, itself included:** a node hears what it publishes.
//! - **No waiting:** `publish` never blocks on another node; a full or broken link is an error,
//!   counted by the caller, because the journal still holds the event.

use std::sync::Arc;

use bytes::Bytes;

use crate::ids::{LoginId, UserId};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// An event ready to be written to sockets.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub topic: Topic,
    /// Its place in the topic's journal; absent for ephemeral events.
    pub seq: Option<i64>,
    /// The WebSocket frame, header included, the same for every native subscriber.
    pub frame: Bytes,
}

/// Whose credentials or seats a notice ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Everything opened under one sign-in.
    Login(LoginId),
    /// Everything a person has open.
    User(UserId),
    /// Everything a person has open but under one sign-in.
    UserExcept(UserId, LoginId),
}

/// What nodes tell each other.
#[derive(Debug, Clone)]
pub enum Envelope {
    /// Events, in order.
    Events(Vec<Arc<Delivery>>),
    /// An alarm: to every listener at once, ahead of all that waits for them. Not numbered; the
    /// numbered event it is about comes by itself.
    Alarm(Arc<Delivery>),
    /// Credentials ended: close their sockets and forget what was cached about them.
    Revoked { whom: Whom, refusal: Refusal },
    /// A person lost one topic.
    Unseated { topic: Topic, user: UserId, refusal: Refusal },
}

/// What a node hears from its layer.
#[derive(Debug, Clone)]
pub enum Heard {
    Envelope(Envelope),
    /// The link was down; events may be missing and must be read from the journal.
    Gap,
}

/// Receives what a layer hears; called on the layer's own thread, so it must not block.
pub type Ear = Arc<dyn Fn(Heard) + Send + Sync>;

/// The layer cannot carry: the link is down or full.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the channel layer cannot carry: {0}")]
pub struct LayerError(pub String);

/// A channel layer; see the module's contract.
pub trait ChannelLayer: Send + Sync {
    /// Sends to every node, this one included.
    ///
    /// # Errors
    /// When the link is down or full; nothing was sent.
    fn publish(&self, envelope: Envelope) -> Result<(), LayerError>;

    /// Says whether this node has listeners on `topic`.
    fn listen(&self, topic: &Topic, on: bool);

    /// Whether the layer carries now.
    ///
    /// # Errors
    /// With the reason when it does not.
    fn health(&self) -> Result<(), LayerError>;

    /// Its name for people: `memory`, `redis`.
    fn name(&self) -> &'static str;
}
