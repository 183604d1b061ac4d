//! The `contacts` table: whom a person knows, likes best and shuts out.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ContactId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{contacts, users};
use crate::models::store::{DbConn, on_engine};
use crate::models::user;
use crate::protocol::views::people::{ContactMarks, ContactView};

/// A row of `contacts`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = contacts)]
pub struct Contact {
    pub id: ContactId,
    pub owner_id: UserId,
    pub person_id: UserId,
    /// What the owner calls them; empty for none.
    pub nickname: String,
    /// One of the owner's contacts; `false` for a block alone.
    pub is_listed: bool,
    pub is_favorite: bool,
    pub is_blocked: bool,
    pub created_at: NaiveDateTime,
}

impl Contact {
    /// What the owner has noted.
    pub fn marks(&self) -> ContactMarks {
        ContactMarks {
            id: self.id,
            nickname: self.nickname.clone(),
            is_contact: self.is_listed,
            is_favorite: self.is_favorite,
            is_blocked: self.is_blocked,
        }
    }
}

/// What of a contact changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Marking {
    pub nickname: Option<String>,
    pub is_listed: Option<bool>,
    pub is_favorite: Option<bool>,
    pub is_blocked: Option<bool>,
}

/// What `owner` has noted about `person`.
///
/// # Errors
/// Those of the database.
pub fn of(conn: &mut DbConn, owner: UserId, person: UserId) -> Result<Option<Contact>, StoreError> {
    let row =
        contacts::table.filter(contacts::owner_id.eq(owner).and(contacts::person_id.eq(person)));
    Ok(row.select(Contact::as_select()).first(conn).optional()?)
}

/// The entry with this id, when it is `owner`'s.
///
/// # Errors
/// Those of the database.
pub fn by_id(
    conn: &mut DbConn,
    owner: UserId,
    id: ContactId,
) -> Result<Option<Contact>, StoreError> {
    let row = contacts::table.find(id).filter(contacts::owner_id.eq(owner));
    Ok(row.select(Contact::as_select()).first(conn).optional()?)
}

/// Makes or changes an entry, and returns it as it is now.
///
/// # Errors
/// `Conflict` when there is no such account.
pub fn mark(
    conn: &mut DbConn,
    owner: UserId,
    person: UserId,
    marking: &Marking,
    at: NaiveDateTime,
) -> Result<Contact, StoreError> {
    let key = (
        contacts::owner_id.eq(owner),
        contacts::person_id.eq(person),
        contacts::is_listed.eq(false),
        contacts::created_at.eq(at),
    );
    let row = diesel::insert_into(contacts::table).values(key).on_conflict_do_nothing();
    on_engine!(&mut *conn, |inner| row.execute(inner))?;
    let mut contact = of(conn, owner, person)?.ok_or(StoreError::Missing)?;
    contact.nickname = marking.nickname.clone().unwrap_or(contact.nickname);
    contact.is_listed = marking.is_listed.unwrap_or(contact.is_listed);
    contact.is_favorite = marking.is_favorite.unwrap_or(contact.is_favorite);
    contact.is_blocked = marking.is_blocked.unwrap_or(contact.is_blocked);
    diesel::update(contacts::table.find(contact.id))
        .set((
            contacts::nickname.eq(&contact.nickname),
            contacts::is_listed.eq(contact.is_listed),
            contacts::is_favorite.eq(contact.is_favorite),
            contacts::is_blocked.eq(contact.is_blocked),
        ))
        .execute(conn)?;
    Ok(contact)
}

/// About how many people someone has noted something.
///
/// # Errors
/// Those of the database.
pub fn count(conn: &mut DbConn, owner: UserId) -> Result<usize, StoreError> {
    let rows = contacts::table.filter(contacts::owner_id.eq(owner));
    let count: i64 = rows.count().get_result(conn)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Takes an entry away.
///
/// # Errors
/// Those of the database.
pub fn remove(conn: &mut DbConn, id: ContactId) -> Result<(), StoreError> {
    diesel::delete(contacts::table.find(id)).execute(conn)?;
    Ok(())
}

/// Up to `limit` of someone's entries after the entry `after`: favorites and contacts, and those
/// who are blocked alone.
///
/// # Errors
/// Those of the database.
pub fn list(
    conn: &mut DbConn,
    owner: UserId,
    after: Option<ContactId>,
    limit: i64,
) -> Result<Vec<ContactView>, StoreError> {
    let rows: Vec<Contact> = contacts::table
        .filter(contacts::owner_id.eq(owner).and(contacts::id.gt(after.unwrap_or(ContactId(0)))))
        .order(contacts::id)
        .limit(limit)
        .select(Contact::as_select())
        .load(conn)?;
    views(conn, &rows)
}

/// Entries as their owner sees them.
///
/// # Errors
/// Those of the database.
pub fn views(conn: &mut DbConn, rows: &[Contact]) -> Result<Vec<ContactView>, StoreError> {
    let ids: Vec<UserId> = rows.iter().map(|row| row.person_id).collect();
    let people = user::persons(conn, &ids)?;
    let view = |row: &Contact| {
        let user = people.get(&row.person_id)?.clone();
        Some(ContactView { user, marks: row.marks(), created_at: row.created_at })
    };
    Ok(rows.iter().filter_map(view).collect())
}

/// What `owner` has noted about each of these people.
///
/// # Errors
/// Those of the database.
pub fn noted_by(
    conn: &mut DbConn,
    owner: UserId,
    people: &[UserId],
) -> Result<HashMap<UserId, Contact>, StoreError> {
    let rows: Vec<Contact> = contacts::table
        .filter(contacts::owner_id.eq(owner).and(contacts::person_id.eq_any(people)))
        .select(Contact::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
}

/// What each of these people has noted about `person`.
///
/// # Errors
/// Those of the database.
pub fn noted_about(
    conn: &mut DbConn,
    person: UserId,
    owners: &[UserId],
) -> Result<HashMap<UserId, Contact>, StoreError> {
    let rows: Vec<Contact> = contacts::table
        .filter(contacts::person_id.eq(person).and(contacts::owner_id.eq_any(owners)))
        .select(Contact::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.owner_id, row)).collect())
}

/// Who of `owners` has blocked whom of `people`, in this order.
///
/// # Errors
/// Those of the database.
pub fn shut_out(
    conn: &mut DbConn,
    owners: &[UserId],
    people: &[UserId],
) -> Result<HashSet<(UserId, UserId)>, StoreError> {
    if owners.is_empty() || people.is_empty() {
        return Ok(HashSet::new());
    }
    let blocks = contacts::table
        .filter(contacts::owner_id.eq_any(owners).and(contacts::person_id.eq_any(people)))
        .filter(contacts::is_blocked.eq(true));
    let rows: Vec<(UserId, UserId)> =
        blocks.select((contacts::owner_id, contacts::person_id)).load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Who of these people has blocked `person`, or is blocked by them: the answer is the same both
/// ways.
///
/// # Errors
/// Those of the database.
pub fn barred(
    conn: &mut DbConn,
    person: UserId,
    people: &[UserId],
) -> Result<HashSet<UserId>, StoreError> {
    if people.is_empty() {
        return Ok(HashSet::new());
    }
    let by: Vec<UserId> = contacts::table
        .filter(contacts::owner_id.eq(person).and(contacts::person_id.eq_any(people)))
        .filter(contacts::is_blocked.eq(true))
        .select(contacts::person_id)
        .load(conn)?;
    let of: Vec<UserId> = contacts::table
        .filter(contacts::person_id.eq(person).and(contacts::owner_id.eq_any(people)))
        .filter(contacts::is_blocked.eq(true))
        .select(contacts::owner_id)
        .load(conn)?;
    Ok(by.into_iter().chain(of).collect())
}

/// Whether there is an active account with this id.
///
/// # Errors
/// Those of the database.
pub fn is_reachable(conn: &mut DbConn, person: UserId) -> Result<bool, StoreError> {
    let found = users::table.find(person).filter(users::is_active.eq(true));
    Ok(found.count().get_result::<i64>(conn)? == 1)
}
