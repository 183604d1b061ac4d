//! The `users` table: accounts, found by any of their names.
//!
//! Names are unique without regard to case through their key columns.
//! **Never:** plain passwords; a hash comes in and a hash goes out.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::auth::identity::Role;
use crate::clock;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::named;
use crate::models::schema::users;
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::{AccountView, PersonView};

diesel::define_sql_function! {
    /// SQL's `lower`; SQLite folds ASCII only.
    fn lower(text: Text) -> Text;
}

/// A role as stored. A name that is none of the four has the least power.
#[derive(FromSqlRow)]
pub struct StoredRole(Role);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for StoredRole
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_sql(bytes)?.parse().unwrap_or(Role::Member)))
    }
}

impl From<StoredRole> for Role {
    fn from(stored: StoredRole) -> Self {
        stored.0
    }
}

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: UserId,
    pub username: String,
    /// The username as compared: see [`name_key`].
    pub username_key: String,
    pub email: String,
    pub email_key: Option<String>,
    pub phone: Option<String>,
    /// The encoded hash.
    pub password: String,
    pub first_name: String,
    pub last_name: String,
    pub display_name: String,
    #[diesel(deserialize_as = StoredRole)]
    pub role: Role,
    /// For display only; decides nothing.
    pub title: String,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub is_available: bool,
    pub last_login: Option<NaiveDateTime>,
    pub date_joined: NaiveDateTime,
    /// Tokens issued before this moment no longer count.
    pub credentials_changed_at: NaiveDateTime,
    /// Where their picture is, when they show one.
    pub avatar: Option<String>,
}

/// An account to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: String,
    /// Empty for none.
    pub email: String,
    pub phone: Option<String>,
    /// Hashed already.
    pub password: String,
    pub first_name: String,
    pub last_name: String,
    pub display_name: String,
    pub role: Role,
    pub title: String,
    pub is_staff: bool,
    pub is_superuser: bool,
}

impl NewUser {
    /// A plain member with nothing but a name and a hashed password.
    pub fn member(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            email: String::new(),
            phone: None,
            password: password.to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            display_name: String::new(),
            role: Role::Member,
            title: String::new(),
            is_staff: false,
            is_superuser: false,
        }
    }
}

/// What of a profile changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub display_name: Option<String>,
    pub title: Option<String>,
    /// Empty text removes the address.
    pub email: Option<String>,
    /// `Some(None)` and empty text remove the number.
    pub phone: Option<Option<String>>,
    pub is_available: Option<bool>,
}

/// How a username or e-mail address is compared: without outer spaces, in lower case.
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn optional_key(text: &str) -> Option<String> {
    Some(name_key(text)).filter(|key| !key.is_empty())
}

fn phone_key(phone: Option<&str>) -> Option<String> {
    phone.map(str::trim).filter(|phone| !phone.is_empty()).map(str::to_owned)
}

/// Makes an account. A clash is found without spoiling the caller's transaction.
///
/// # Errors
/// `Conflict` naming `users.username`, `users.email` or `users.phone`.
pub fn insert(conn: &mut DbConn, new: NewUser) -> Result<User, StoreError> {
    let username_key = name_key(&new.username);
    let email_key = optional_key(&new.email);
    let phone = phone_key(new.phone.as_deref());
    let now = clock::now_naive();
    let row = (
        users::username.eq(new.username.trim()),
        users::username_key.eq(&username_key),
        users::email.eq(new.email.trim()),
        users::email_key.eq(email_key.as_deref()),
        users::phone.eq(phone.as_deref()),
        users::password.eq(&new.password),
        users::first_name.eq(&new.first_name),
        users::last_name.eq(&new.last_name),
        users::display_name.eq(&new.display_name),
        users::role.eq(new.role.as_str()),
        users::title.eq(&new.title),
        users::is_staff.eq(new.is_staff),
        users::is_superuser.eq(new.is_superuser),
        users::date_joined.eq(now),
        users::credentials_changed_at.eq(now),
    );
    let statement =
        diesel::insert_into(users::table).values(row).on_conflict_do_nothing().returning(users::id);
    let made: Option<UserId> = on_engine!(conn, |inner| statement.get_result(inner).optional())?;
    if let Some(id) = made {
        return by_id(conn, id)?.ok_or(StoreError::Missing);
    }
    let clash = if by_key(conn, &username_key)?.is_some() {
        "users.username"
    } else if email_taken(conn, email_key.as_deref(), None)? {
        "users.email"
    } else {
        "users.phone"
    };
    Err(conflict(clash))
}

fn conflict(constraint: &str) -> StoreError {
    StoreError::Conflict(Some(constraint.to_owned()))
}

/// The account with this id.
pub fn by_id(conn: &mut DbConn, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(users::table.find(id).select(User::as_select()).first(conn).optional()?)
}

fn by_key(conn: &mut DbConn, key: &str) -> Result<Option<User>, StoreError> {
    let found = users::table.filter(users::username_key.eq(key));
    Ok(found.select(User::as_select()).first(conn).optional()?)
}

/// The account with this username, without regard to case.
pub fn by_username(conn: &mut DbConn, username: &str) -> Result<Option<User>, StoreError> {
    by_key(conn, &name_key(username))
}

/// The account with this e-mail address, without regard to case; never one for empty text.
pub fn by_email(conn: &mut DbConn, email: &str) -> Result<Option<User>, StoreError> {
    let Some(key) = optional_key(email) else { return Ok(None) };
    let found = users::table.filter(users::email_key.eq(key));
    Ok(found.select(User::as_select()).first(conn).optional()?)
}

/// The account with this telephone number; never one for empty text.
pub fn by_phone(conn: &mut DbConn, phone: &str) -> Result<Option<User>, StoreError> {
    let Some(key) = phone_key(Some(phone)) else { return Ok(None) };
    let found = users::table.filter(users::phone.eq(key));
    Ok(found.select(User::as_select()).first(conn).optional()?)
}

/// The account that a sign-in names: by username, else by e-mail address, else by telephone.
pub fn by_login_name(conn: &mut DbConn, name: &str) -> Result<Option<User>, StoreError> {
    if let Some(user) = by_username(conn, name)? {
        return Ok(Some(user));
    }
    if let Some(user) = by_email(conn, name)? {
        return Ok(Some(user));
    }
    by_phone(conn, name)
}

/// The people with these ids, as others see them; ids without an account are left out.
pub fn persons(
    conn: &mut DbConn,
    ids: &[UserId],
) -> Result<HashMap<UserId, PersonView>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<User> =
        users::table.filter(users::id.eq_any(ids)).select(User::as_select()).load(conn)?;
    Ok(rows.iter().map(|user| (user.id, person(user))).collect())
}

/// A user as others in a room see them.
pub fn person(user: &User) -> PersonView {
    PersonView {
        profile: Some(Arc::new(named::profile(user))),
        ..named::named((
            user.id,
            user.username.clone(),
            user.display_name.clone(),
            user.avatar.clone(),
        ))
    }
}

/// A user as they themselves and admins see them.
pub fn account_view(user: &User) -> AccountView {
    AccountView {
        id: user.id,
        username: user.username.clone(),
        email: user.email.clone(),
        phone: user.phone.clone(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        display_name: user.display_name.clone(),
        role: user.role.as_str().to_owned(),
        title: user.title.clone(),
        is_active: user.is_active,
        is_available: user.is_available,
        date_joined: user.date_joined,
        last_login: user.last_login,
    }
}

fn one_row(changed: usize) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::Missing) } else { Ok(()) }
}

/// Sets a new password hash; tokens issued before `at` no longer count.
///
/// # Errors
/// `Missing` when there is no such account.
pub fn set_password(
    conn: &mut DbConn,
    id: UserId,
    hash: &str,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let change = (users::password.eq(hash), users::credentials_changed_at.eq(at));
    one_row(diesel::update(users::table.find(id)).set(change).execute(conn)?)
}

/// Replaces hash `old` by `new` of the same password; `false` when it is no longer `old`.
pub fn upgrade_hash(
    conn: &mut DbConn,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<bool, StoreError> {
    let unchanged = users::table.find(id).filter(users::password.eq(old));
    Ok(diesel::update(unchanged).set(users::password.eq(new)).execute(conn)? == 1)
}

/// Gives an account another role.
///
/// # Errors
/// `Missing` when there is no such account.
pub fn set_role(conn: &mut DbConn, id: UserId, role: Role) -> Result<(), StoreError> {
    let change = users::role.eq(role.as_str());
    one_row(diesel::update(users::table.find(id)).set(change).execute(conn)?)
}

/// Lets an account in, or shuts it out: tokens issued before `at` no longer count either way.
///
/// # Errors
/// `Missing` when there is no such account.
pub fn set_active(
    conn: &mut DbConn,
    id: UserId,
    is_active: bool,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let change = (users::is_active.eq(is_active), users::credentials_changed_at.eq(at));
    one_row(diesel::update(users::table.find(id)).set(change).execute(conn)?)
}

/// Remembers when an account last signed in.
///
/// # Errors
/// `Missing` when there is no such account.
pub fn touch_login(conn: &mut DbConn, id: UserId, at: NaiveDateTime) -> Result<(), StoreError> {
    one_row(diesel::update(users::table.find(id)).set(users::last_login.eq(at)).execute(conn)?)
}

/// Erases an account: sign-ins and memberships go, messages and conversations stay without it.
/// Returns whether it was there.
pub fn erase(conn: &mut DbConn, id: UserId) -> Result<bool, StoreError> {
    Ok(diesel::delete(users::table.find(id)).execute(conn)? == 1)
}

fn email_taken(
    conn: &mut DbConn,
    key: Option<&str>,
    by_other_than: Option<UserId>,
) -> Result<bool, StoreError> {
    let Some(key) = key else { return Ok(false) };
    let owner = by_email(conn, key)?;
    Ok(owner.is_some_and(|user| Some(user.id) != by_other_than))
}

fn phone_taken(
    conn: &mut DbConn,
    phone: Option<&str>,
    by_other_than: Option<UserId>,
) -> Result<bool, StoreError> {
    let Some(phone) = phone else { return Ok(false) };
    let owner = by_phone(conn, phone)?;
    Ok(owner.is_some_and(|user| Some(user.id) != by_other_than))
}

/// Changes a profile and returns the account as it is now.
///
/// # Errors
/// `Missing` when there is no such account; `Conflict` naming `users.email` or `users.phone`.
pub fn change_profile(
    conn: &mut DbConn,
    id: UserId,
    change: ProfileChange,
) -> Result<User, StoreError> {
    let mut user = by_id(conn, id)?.ok_or(StoreError::Missing)?;
    if let Some(email) = change.email {
        email.trim().clone_into(&mut user.email);
        user.email_key = optional_key(&email);
        if email_taken(conn, user.email_key.as_deref(), Some(id))? {
            return Err(conflict("users.email"));
        }
    }
    if let Some(phone) = change.phone {
        user.phone = phone_key(phone.as_deref());
        if phone_taken(conn, user.phone.as_deref(), Some(id))? {
            return Err(conflict("users.phone"));
        }
    }
    user.first_name = change.first_name.unwrap_or(user.first_name);
    user.last_name = change.last_name.unwrap_or(user.last_name);
    user.display_name = change.display_name.unwrap_or(user.display_name);
    user.title = change.title.unwrap_or(user.title);
    user.is_available = change.is_available.unwrap_or(user.is_available);
    diesel::update(users::table.find(id))
        .set((
            users::email.eq(&user.email),
            users::email_key.eq(user.email_key.as_deref()),
            users::phone.eq(user.phone.as_deref()),
            users::first_name.eq(&user.first_name),
            users::last_name.eq(&user.last_name),
            users::display_name.eq(&user.display_name),
            users::title.eq(&user.title),
            users::is_available.eq(user.is_available),
        ))
        .execute(conn)?;
    Ok(user)
}

/// How many accounts there are.
pub fn count(conn: &mut DbConn) -> Result<i64, StoreError> {
    Ok(users::table.count().get_result(conn)?)
}

/// Up to `limit` accounts in the order they were made, after `after`.
pub fn list(conn: &mut DbConn, after: Option<UserId>, limit: i64) -> Result<Vec<User>, StoreError> {
    Ok(users::table
        .filter(users::id.gt(after.unwrap_or(UserId(0))))
        .order(users::id)
        .limit(limit)
        .select(User::as_select())
        .load(conn)?)
}

/// Up to `limit` active accounts whose username starts with `text` or whose display name holds it.
pub fn search(conn: &mut DbConn, text: &str, limit: i64) -> Result<Vec<User>, StoreError> {
    let plain = name_key(text).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let starts = users::username_key.like(format!("{plain}%")).escape('\\');
    let holds = lower(users::display_name).like(format!("%{plain}%")).escape('\\');
    Ok(users::table
        .filter(users::is_active.eq(true).and(starts.or(holds)))
        .order(users::username_key)
        .limit(limit)
        .select(User::as_select())
        .load(conn)?)
}
