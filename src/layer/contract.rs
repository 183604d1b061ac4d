//! The contract every channel layer keeps.
//!
//! - **Order:** what one node publishes on one topic arrives on every node in that order.
//! - **At most once:** a layer may lose, and says so with [`Heard::Gap`]; it never repeats.
//! - **To all, itself included:** a node hears what it publishes.
//! - **No waiting:** `publish` never blocks on another node; a full or broken link is an error,
//!   counted by the caller, because the journal still holds the event.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::ids::{LoginId, UserId};
use crate::protocol::dialect::contract::Audience;
use crate::protocol::dialect::table::DialectKind;
use crate::protocol::event::Event;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::socket::deflate::Window;
use crate::socket::parcel::Parcel;

/// An event ready to be written to sockets.
#[derive(Debug)]
pub struct Delivery {
    pub event: Event,
    /// The WebSocket frame, the same for every native subscriber; empty when it is for dialects
    /// alone.
    pub frame: Parcel,
    /// The same in other manners, each made for the first who listens in it.
    forms: OnceLock<Box<[OnceLock<Vec<Form>>]>>,
}

impl Delivery {
    /// An event with its native frame.
    pub fn new(event: Event, frame: Bytes) -> Self {
        Self { event, frame: Parcel::from(frame), forms: OnceLock::new() }
    }

    /// What it is about.
    pub fn topic(&self) -> &Topic {
        &self.event.topic
    }

    /// Its place in the topic's journal; absent for ephemeral events.
    pub fn seq(&self) -> Option<i64> {
        self.event.seq
    }

    /// Its frames in another manner, whatever the window: made by `make` once, and the same for all
    /// from then on.
    pub fn forms(&self, manner: Manner, make: impl FnOnce(&Event) -> Vec<Form>) -> &[Form] {
        let slots = self
            .forms
            .get_or_init(|| std::iter::repeat_with(OnceLock::new).take(Manner::slots()).collect());
        slots.get(manner.slot()).map_or(&[], |slot| slot.get_or_init(|| make(&self.event)))
    }
}

/// A frame of an event in another manner than the plain native one.
#[derive(Debug, Clone)]
pub struct Form {
    /// The WebSocket frame.
    pub frame: Parcel,
    pub to: Audience,
}

/// How a socket hears events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// In which dialect; `None` for the native protocol.
    pub dialect: Option<DialectKind>,
    /// Whether the read marks of others are kept from it: its person shares no read receipts.
    pub is_veiled: bool,
    /// With what long frames are compressed for it, if they are.
    pub window: Option<Window>,
}

impl Manner {
    /// Whether it takes the native frame, compressed or not.
    pub fn is_plain(self) -> bool {
        self.dialect.is_none() && !self.is_veiled
    }

    fn slot(self) -> usize {
        2 * self.dialect.map_or(0, |dialect| 1 + dialect as usize) + usize::from(self.is_veiled)
    }

    fn slots() -> usize {
        2 * (1 + DialectKind::ALL.len())
    }
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
    /// Whether the read marks of others are kept from someone, from now on.
    Veiled { user: UserId, is_veiled: bool },
    /// Asks whether the layer carries: whoever sent it waits to hear it.
    Probe(u64),
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
