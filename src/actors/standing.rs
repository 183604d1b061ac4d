//! How two people stand to each other: contacts, strangers, and those of whom one has blocked the
//! other.
//!
//! **Never:** anything from which one could tell who of two has blocked the other.

use std::collections::HashMap;

use crate::auth::policy::Relation;
use crate::ids::UserId;
use crate::models::contact::{self, Contact};
use crate::models::error::StoreError;
use crate::models::store::DbConn;

/// How one person stands to another whom they look at.
#[derive(Debug, Clone)]
pub struct Standing {
    /// `Oneself`, `Contact` when the other has them among their contacts, else `Stranger`.
    pub relation: Relation,
    /// The other has blocked them. For what is shown alone: it looks like privacy.
    pub is_shut_out: bool,
    /// What the one who looks has noted about the other.
    pub noted: Option<Contact>,
}

impl Standing {
    /// Whether one of the two has blocked the other.
    pub fn is_barred(&self) -> bool {
        self.is_shut_out || self.noted.as_ref().is_some_and(|noted| noted.is_blocked)
    }
}

/// How `viewer` stands to each of these people, in two queries.
///
/// # Errors
/// Those of the database.
pub fn to_many(
    conn: &mut DbConn,
    viewer: UserId,
    people: &[UserId],
) -> Result<HashMap<UserId, Standing>, StoreError> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let mut noted = contact::noted_by(conn, viewer, people)?;
    let about = contact::noted_about(conn, viewer, people)?;
    let standing = |person: &UserId| {
        let theirs = about.get(person);
        let is_shut_out = theirs.is_some_and(|theirs| theirs.is_blocked);
        let is_known = theirs.is_some_and(|theirs| theirs.is_listed) && !is_shut_out;
        let relation = if *person == viewer {
            Relation::Oneself
        } else if is_known {
            Relation::Contact
        } else {
            Relation::Stranger
        };
        (*person, Standing { relation, is_shut_out, noted: noted.remove(person) })
    };
    Ok(people.iter().map(standing).collect())
}

/// How `viewer` stands to one person.
///
/// # Errors
/// Those of the database.
pub fn to_one(conn: &mut DbConn, viewer: UserId, person: UserId) -> Result<Standing, StoreError> {
    let mut all = to_many(conn, viewer, &[person])?;
    all.remove(&person).ok_or(StoreError::Missing)
}
