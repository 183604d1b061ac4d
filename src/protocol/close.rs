//! Close codes: the one table of how a socket ends and whether to come back.
//!
//! The only file with close numbers. Codes below 4000 are RFC 6455 section 7.4.1.

use crate::socket::violation::Violation;

/// Whether a client should open a new socket after this close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComeBack {
    /// No: the same again would end the same way.
    No,
    /// After the hinted delay.
    AfterHint,
    /// With growing delays.
    WithBackoff,
    /// At once, resuming with `after`.
    AtOnce,
    /// Only with new credentials.
    WithNewCredentials,
}

impl ComeBack {
    /// The words of the table in `docs/PROTOCOL.md`.
    pub fn words(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::AfterHint => "after the hinted delay",
            Self::WithBackoff => "with backoff",
            Self::AtOnce => "at once, with `after`",
            Self::WithNewCredentials => "only with new credentials",
        }
    }
}

/// How a socket ends. Each is one row of [`CLOSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    Done,
    GoingAway,
    ProtocolError,
    BinaryNotAccepted,
    InvalidUtf8,
    TooBig,
    InternalFault,
    Restarting,
    Overloaded,
    NotAuthorized,
    BadRequest,
    NotYours,
    NoSuchTopic,
    TooSlow,
    TooMany,
}

/// One row of [`CLOSES`].
#[derive(Debug, Clone, Copy)]
pub struct CloseRow {
    pub close: Close,
    /// The number on the wire.
    pub code: u16,
    /// The reason on the wire when nothing more exact is said; at most 123 bytes.
    pub reason: &'static str,
    pub come_back: ComeBack,
    pub meaning: &'static str,
}

const fn row(
    close: Close,
    code: u16,
    reason: &'static str,
    come_back: ComeBack,
    meaning: &'static str,
) -> CloseRow {
    CloseRow { close, code, reason, come_back, meaning }
}

/// Every close code we send, in ascending order.
#[rustfmt::skip]
pub const CLOSES: &[CloseRow] = &[
    row(Close::Done, 1000, "done", ComeBack::No, "the client said goodbye"),
    row(Close::GoingAway, 1001, "going away", ComeBack::AfterHint, "the server stops"),
    row(Close::ProtocolError, 1002, "protocol error", ComeBack::No, "a frame breaks RFC 6455"),
    row(Close::BinaryNotAccepted, 1003, "binary frames are not accepted here", ComeBack::No, "the native protocol is text"),
    row(Close::InvalidUtf8, 1007, "invalid utf-8", ComeBack::No, "a text message is not UTF-8, or a compressed one does not inflate"),
    row(Close::TooBig, 1009, "message too big", ComeBack::No, "a message is over the limit in `welcome`"),
    row(Close::InternalFault, 1011, "internal error", ComeBack::WithBackoff, "our fault"),
    row(Close::Restarting, 1012, "restarting", ComeBack::AfterHint, "the server restarts"),
    row(Close::Overloaded, 1013, "try again later", ComeBack::WithBackoff, "overloaded"),
    row(Close::NotAuthorized, 4001, "unauthorized", ComeBack::WithNewCredentials, "not signed in, expired, signed out, deactivated, wrong role, or membership removed"),
    row(Close::BadRequest, 4002, "bad request", ComeBack::No, "the path or its query cannot be served"),
    row(Close::NotYours, 4003, "not yours or not there", ComeBack::No, "signed in, but it is not there or not yours; one code for both"),
    row(Close::NoSuchTopic, 4004, "no such topic", ComeBack::No, "the topic name is not well-formed"),
    row(Close::TooSlow, 4008, "too slow", ComeBack::AtOnce, "the client reads more slowly than events come"),
    row(Close::TooMany, 4029, "too many", ComeBack::AfterHint, "too many connections or messages"),
];

impl Close {
    /// This close's row of [`CLOSES`].
    pub fn row(self) -> &'static CloseRow {
        CLOSES.iter().find(|row| row.close == self).unwrap_or(&CLOSES[0])
    }

    /// The number on the wire.
    pub fn code(self) -> u16 {
        self.row().code
    }

    /// The reason on the wire when nothing more exact is said.
    pub fn reason(self) -> &'static str {
        self.row().reason
    }
}

impl From<&Violation> for Close {
    fn from(violation: &Violation) -> Self {
        match violation {
            Violation::Protocol(_) => Self::ProtocolError,
            Violation::InvalidUtf8 | Violation::NotDeflate => Self::InvalidUtf8,
            Violation::TooBig { .. } | Violation::TooManyFragments { .. } => Self::TooBig,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_has_one_row_a_legal_code_and_a_reason_that_fits() {
        for row in CLOSES {
            assert_eq!(CLOSES.iter().filter(|other| other.code == row.code).count(), 1);
            assert_eq!(row.close.row().code, row.code);
            assert!((1000..=1014).contains(&row.code) || (4000..=4999).contains(&row.code));
            assert!(row.reason.len() <= 123);
        }
        assert!(CLOSES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
