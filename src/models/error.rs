//! What can go wrong between the server and its database, sorted by what the caller can do.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

use crate::protocol::refusal::{Code, Refusal};

/// A database call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("no such row")]
    Missing,
    /// A constraint refused it: `table.column` for a unique column (the same on both engines),
    /// `foreign_key` for a reference, the constraint's own name otherwise, or nothing.
    #[error("a constraint refused it: {}", .0.as_deref().unwrap_or("unnamed"))]
    Conflict(Option<String>),
    /// Locked or overloaded for longer than the time allowed; the same again later can succeed.
    #[error("the database is busy")]
    Busy,
    /// The disk has no room.
    #[error("the disk of the database is full")]
    Full,
    /// The connection is gone; a new one may work.
    #[error("the connection to the database was lost")]
    Lost,
    /// Anything else. The text is for the log, never for a client.
    #[error("{0}")]
    Broken(String),
}

/// Why a database could not be opened, migrated, backed up or restored: a sentence for people.
/// Holds no password: connection strings are never repeated in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

impl OpenError {
    /// An error that says `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self(StoreError::from(error).to_string())
    }
}

/// `table.column` of the unique constraint in a database's own words.
///
/// SQLite says `UNIQUE constraint failed: users.email_key`; PostgreSQL names the constraint
/// `users_email_key_key` by its own convention and the table beside it.
fn unique_name(from_database: &dyn DatabaseErrorInformation) -> Option<String> {
    if let Some(constraint) = from_database.constraint_name() {
        let table = from_database.table_name().unwrap_or_default();
        let column = constraint
            .strip_prefix(table)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| rest.strip_suffix("_key"));
        return Some(match column {
            Some(column) => format!("{table}.{column}"),
            None => constraint.to_owned(),
        });
    }
    from_database.message().split_once("constraint failed: ").map(|(_, name)| name.to_owned())
}

fn from_words(message: &str) -> StoreError {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["database is locked", "database table is locked"])
        || says(&["deadlock detected", "lock timeout", "too many clients", "remaining connection"])
    {
        StoreError::Busy
    } else if says(&["disk is full", "No space left on device"]) {
        StoreError::Full
    } else if says(&["server closed the connection", "no connection to the server"])
        || says(&["terminating connection", "could not receive data", "could not send data"])
    {
        StoreError::Lost
    } else {
        StoreError::Broken(message.to_owned())
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::Error;
        match error {
            Error::NotFound => Self::Missing,
            Error::DatabaseError(kind, from_database) => match kind {
                DatabaseErrorKind::UniqueViolation => {
                    Self::Conflict(unique_name(from_database.as_ref()))
                }
                DatabaseErrorKind::ForeignKeyViolation => {
                    Self::Conflict(Some("foreign_key".to_owned()))
                }
                DatabaseErrorKind::ExclusionViolation => Self::Conflict(None),
                DatabaseErrorKind::SerializationFailure => Self::Busy,
                DatabaseErrorKind::ClosedConnection => Self::Lost,
                _ => from_words(from_database.message()),
            },
            Error::BrokenTransactionManager => Self::Lost,
            Error::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            other => Self::Broken(other.to_string()),
        }
    }
}

/// A pool that has no connection to give in time.
impl From<r2d2::Error> for StoreError {
    fn from(_: r2d2::Error) -> Self {
        Self::Busy
    }
}

impl From<diesel::ConnectionError> for StoreError {
    fn from(error: diesel::ConnectionError) -> Self {
        match from_words(&error.to_string()) {
            Self::Broken(_) => Self::Lost,
            sorted => sorted,
        }
    }
}

/// How long a client is told to wait when the database is busy, in milliseconds.
const BUSY_RETRY_MS: u64 = 1_000;

/// What a client hears. The error itself goes to the log of the caller, never to the client.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing => Self::not_found(),
            StoreError::Conflict(_) => {
                Self::new(Code::Conflict, "it clashes with what is already there")
            }
            StoreError::Busy | StoreError::Lost => Self::unavailable(BUSY_RETRY_MS),
            StoreError::Full => {
                Self { message: "storage is full".into(), ..Self::unavailable(BUSY_RETRY_MS) }
            }
            StoreError::Broken(_) => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_locked_database_are_told_apart_and_both_may_be_tried_again() {
        assert_eq!(from_words("database or disk is full"), StoreError::Full);
        assert_eq!(from_words("database is locked"), StoreError::Busy);
        for error in [StoreError::Full, StoreError::Busy, StoreError::Lost] {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.code, Code::Unavailable);
            assert!(refusal.retry_after_ms.is_some());
        }
    }

    #[test]
    fn what_the_database_says_does_not_reach_a_client() {
        let refusal = Refusal::from(from_words("no such table: secret_plans"));
        assert_eq!(refusal, Refusal::internal());
    }
}
