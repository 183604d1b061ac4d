//! Why a command did not do what it was asked: one sentence for whoever typed it.

use crate::config::load::ConfigError;
use crate::models::error::{OpenError, StoreError};
use crate::protocol::refusal::Refusal;

/// A sentence for stderr; the process then exits with 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// A failure that says `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self(error.0)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.message.into_owned())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let sentence = match &error {
            StoreError::Conflict(Some(place)) => match place.as_str() {
                "users.username" => "that username is taken",
                "users.email" => "that e-mail address belongs to another account",
                "users.phone" => "that phone number belongs to another account",
                _ => return Self(error.to_string()),
            },
            StoreError::Busy => "the database is busy; try again shortly",
            _ => return Self(error.to_string()),
        };
        Self(sentence.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_told_in_words_for_people() {
        let taken = StoreError::Conflict(Some("users.username".to_owned()));
        assert_eq!(Failure::from(taken).to_string(), "that username is taken");
    }
}
