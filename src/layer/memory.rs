//! The channel layer of a single process: what is said is heard at once, on the caller's thread.

use crate::layer::contract::{ChannelLayer, Ear, Envelope, Heard, LayerError};
use crate::protocol::topic::Topic;

/// One process, no other program.
pub struct Memory {
    ear: Ear,
}

impl Memory {
    /// A layer that hands everything published to `ear`.
    pub fn new(ear: Ear) -> Self {
        Self { ear }
    }
}

impl ChannelLayer for Memory {
    fn publish(&self, envelope: Envelope) -> Result<(), LayerError> {
        (self.ear)(Heard::Envelope(envelope));
        Ok(())
    }

    fn listen(&self, _topic: &Topic, _on: bool) {}

    fn health(&self) -> Result<(), LayerError> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
