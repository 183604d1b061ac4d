//! A person's view from the columns it is made of, for queries that need no more of them.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::users;
use crate::models::store::DbConn;
use crate::models::user::User;
use crate::protocol::views::{PersonView, Profile};

/// The columns that a person's view is made of.
pub type Named = (UserId, String, String, Option<String>);

/// Those columns, to select.
pub const NAMED: (users::id, users::username, users::display_name, users::avatar) =
    (users::id, users::username, users::display_name, users::avatar);

/// A person's view from the columns it is made of.
pub fn named((id, username, display_name, avatar): Named) -> PersonView {
    let display_name = if display_name.is_empty() { username.clone() } else { display_name };
    PersonView { id, username, display_name, avatar, profile: None }
}

/// Where the pictures of these people are, of those who show one.
pub fn avatars(conn: &mut DbConn, ids: &[UserId]) -> Result<HashMap<UserId, String>, StoreError> {
    let rows: Vec<(UserId, Option<String>)> = users::table
        .filter(users::id.eq_any(ids).and(users::avatar.is_not_null()))
        .select((users::id, users::avatar))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, avatar)| Some((id, avatar?))).collect())
}

/// Sets which picture of someone is shown to all.
pub fn show_avatar(conn: &mut DbConn, id: UserId, avatar: Option<&str>) -> Result<(), StoreError> {
    diesel::update(users::table.find(id)).set(users::avatar.eq(avatar)).execute(conn)?;
    Ok(())
}

/// What dialects may need of a user beside the names that all see.
pub fn profile(user: &User) -> Profile {
    Profile {
        first_name: user.first_name.as_str().into(),
        last_name: user.last_name.as_str().into(),
        email: user.email.as_str().into(),
        phone: user.phone.as_deref().map(Into::into),
        role: user.role.as_str().into(),
        title: user.title.as_str().into(),
        avatar: user.avatar.as_deref().map(Into::into),
    }
}
