//! The receiving end of a body: into an object, counted, hashed and looked at on the way.

use bytes::Bytes;
use log::warn;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Receiver;

use crate::auth::secret;
use crate::http::intake::broken;
use crate::objects::sniff;
use crate::objects::store::{Objects, Writing};
use crate::protocol::refusal::Refusal;

/// What the bytes of a file are.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pub size: u64,
    pub sha256: String,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// What a body brought.
pub struct Brought {
    pub content: Content,
    /// Whether the client said all it had to say.
    pub is_whole: bool,
    writing: Writing,
}

impl Brought {
    /// Makes the object be there.
    ///
    /// # Errors
    /// `unavailable` or `internal` when it cannot.
    pub async fn keep(self) -> Result<(), Refusal> {
        self.writing.finish().await.map_err(broken)
    }

    /// Gives it up.
    pub async fn drop_it(self) {
        if let Err(fault) = self.writing.abort().await {
            warn!("the beginning of an upload was not removed cause={fault}");
        }
    }
}

/// What happens to a body on its way.
pub(super) enum Feed {
    Bytes(Bytes),
    End,
}

/// The receiving end of a body.
pub struct Fed(Receiver<Feed>);

impl Fed {
    /// What comes out of this channel.
    pub(super) fn new(receiver: Receiver<Feed>) -> Self {
        Self(receiver)
    }

    /// Writes the body into a new object, which is not there before it is kept. `check` sees the
    /// first bytes once there are enough.
    ///
    /// # Errors
    /// When it cannot be written, or `check` refuses; then nothing is left of it.
    pub async fn swallow(
        mut self,
        objects: &Objects,
        key: &str,
        check: impl Fn(&[u8]) -> Result<(), Refusal>,
    ) -> Result<Brought, Refusal> {
        let mut writing = objects.begin(key).await.map_err(broken)?;
        let (mut hash, mut size, mut head) = (Sha256::new(), 0_u64, Vec::new());
        let is_whole = loop {
            let bytes = match self.0.recv().await {
                Some(Feed::Bytes(bytes)) => bytes,
                Some(Feed::End) => break true,
                None => break false,
            };
            hash.update(&bytes);
            size += bytes.len() as u64;
            let missing = sniff::HEAD_BYTES - head.len();
            if missing > 0 {
                head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
                if head.len() == sniff::HEAD_BYTES
                    && let Err(refusal) = check(&head)
                {
                    drop(writing.abort().await);
                    return Err(refusal);
                }
            }
            if let Err(fault) = writing.write(bytes).await {
                drop(writing.abort().await);
                return Err(broken(fault));
            }
        };
        let content = Content { size, sha256: secret::hex(&hash.finalize()), head };
        Ok(Brought { content, is_whole, writing })
    }
}
