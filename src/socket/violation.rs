//! How a peer can break the rules of the wire; the caller maps each to a close code.

use thiserror::Error;

/// The peer sent what RFC 6455 or our limits forbid. Nothing after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Violation {
    /// A frame breaks RFC 6455 section 5; close code 1002 belongs to it.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// A text message or close reason is not UTF-8 (RFC 6455 section 8.1); 1007.
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// A message that says it is compressed is no whole message of that kind; 1007.
    #[error("message does not inflate")]
    NotDeflate,
    /// A message is, or declares itself, longer than allowed; 1009.
    #[error("message is longer than {limit_bytes} bytes")]
    TooBig {
        /// The most bytes one message may have.
        limit_bytes: usize,
    },
    /// A message came in more frames than allowed; 1009.
    #[error("message has more than {limit} fragments")]
    TooManyFragments {
        /// The most frames one message may have.
        limit: usize,
    },
}
