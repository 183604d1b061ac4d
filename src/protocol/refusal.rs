//! Refusals: every way the server says no, with one shape for sockets and REST.
//!
//! **Never:** causes, SQL text or anything that tells a stranger how the house is built.

use std::borrow::Cow;

use serde::Serialize;

/// The closed list of error codes. Each is one row of [`CODES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BadRequest,
    UnknownType,
    NotAuthenticated,
    Forbidden,
    NotAMember,
    NotFound,
    Conflict,
    TooLarge,
    RateLimited,
    Unavailable,
    Internal,
}

/// One row of [`CODES`].
#[derive(Debug, Clone, Copy)]
pub struct CodeRow {
    pub code: Code,
    /// How it is written on the wire.
    pub name: &'static str,
    /// The HTTP status REST answers with.
    pub http_status: u16,
    /// Whether trying the same again later can help.
    pub retry: bool,
    pub meaning: &'static str,
}

const fn row(
    code: Code,
    name: &'static str,
    http_status: u16,
    retry: bool,
    meaning: &'static str,
) -> CodeRow {
    CodeRow { code, name, http_status, retry, meaning }
}

/// Every error code, in the order of `docs/PROTOCOL.md`.
#[rustfmt::skip]
pub const CODES: &[CodeRow] = &[
    row(Code::BadRequest, "bad_request", 400, false, "the request breaks a rule; `field` and `rule` name it"),
    row(Code::UnknownType, "unknown_type", 400, false, "no command has this type"),
    row(Code::NotAuthenticated, "not_authenticated", 401, false, "sign in first, or sign in again"),
    row(Code::Forbidden, "forbidden", 403, false, "you are known, and you may not"),
    row(Code::NotAMember, "not_a_member", 403, false, "only members may do this here"),
    row(Code::NotFound, "not_found", 404, false, "there is no such thing, or it is not yours to see"),
    row(Code::Conflict, "conflict", 409, false, "it clashes with what is already there"),
    row(Code::TooLarge, "too_large", 413, false, "larger than the limit that `rule` names"),
    row(Code::RateLimited, "rate_limited", 429, true, "too many; wait `retry_after_ms`"),
    row(Code::Unavailable, "unavailable", 503, true, "overloaded, starting or stopping; try again"),
    row(Code::Internal, "internal", 500, true, "our fault; the reference is in our log"),
];

impl Code {
    /// This code's row of [`CODES`].
    pub fn row(self) -> &'static CodeRow {
        CODES.iter().find(|row| row.code == self).unwrap_or(&CODES[CODES.len() - 1])
    }
}

/// An expected no. Serialises as the body of an error frame and of a REST error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error, utoipa::ToSchema)]
#[error("{message}")]
pub struct Refusal {
    pub code: Code,
    /// A sentence for people, lower case, without a full stop.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
    /// The field at fault, as a path: `data.content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub field: Option<Cow<'static, str>>,
    /// The rule that field breaks, for people: `at most 16384 bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rule: Option<Cow<'static, str>>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal with a code and a sentence.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: None, rule: None, retry_after_ms: None }
    }

    /// A `bad_request` that names the field and the rule it breaks.
    pub fn field(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        let (field, rule) = (field.into(), rule.into());
        let message = format!("{field}: {rule}");
        Self { field: Some(field), rule: Some(rule), ..Self::new(Code::BadRequest, message) }
    }

    /// A `rate_limited` that says how long to wait.
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::new(Code::RateLimited, "too many requests; slow down")
        }
    }

    /// Not signed in, or no longer.
    pub fn not_authenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotAuthenticated, message)
    }

    /// Known, and may not.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// One answer for "not there" and "not yours", so that neither can be told from the other.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "not found, or not yours to see")
    }

    /// Overloaded, starting or stopping.
    pub fn unavailable(retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::new(Code::Unavailable, "busy; try again shortly")
        }
    }

    /// A fault of ours. What happened is in the log, once, at the boundary that met it.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "something went wrong on our side")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_name_of_every_code_is_its_row_name() {
        for row in CODES {
            assert_eq!(serde_json::to_value(row.code).unwrap(), row.name);
            assert_eq!(row.code.row().name, row.name);
        }
    }

    #[test]
    fn a_field_refusal_names_the_field_and_the_rule() {
        let refusal = Refusal::field("data.content", "at most 16384 bytes");
        assert_eq!(
            serde_json::to_value(&refusal).unwrap(),
            serde_json::json!({
                "code": "bad_request", "message": "data.content: at most 16384 bytes",
                "field": "data.content", "rule": "at most 16384 bytes"
            })
        );
    }
}
