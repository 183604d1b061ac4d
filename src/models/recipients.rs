//! Whom something may be for: active accounts by id or by role.

use diesel::prelude::*;

use crate::auth::identity::Role;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::users;
use crate::models::store::DbConn;

/// Those of these accounts that are active, by id.
pub fn active_of(conn: &mut DbConn, ids: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let active = users::id.eq_any(ids).and(users::is_active.eq(true));
    Ok(users::table.filter(active).order(users::id).select(users::id).load(conn)?)
}

/// Up to `limit` active accounts in these roles, or in any, by id, after `after`.
pub fn active_ids(
    conn: &mut DbConn,
    roles: Option<&[Role]>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    let mut query = users::table
        .filter(users::is_active.eq(true).and(users::id.gt(after.unwrap_or(UserId(0)))))
        .order(users::id)
        .limit(limit)
        .select(users::id)
        .into_boxed();
    if let Some(roles) = roles {
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        query = query.filter(users::role.eq_any(names));
    }
    Ok(query.load(conn)?)
}

/// Up to `limit` active accounts of a role, in the order they were made.
pub fn active_with_role(
    conn: &mut DbConn,
    role: Role,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    Ok(users::table
        .filter(users::role.eq(role.as_str()).and(users::is_active.eq(true)))
        .order(users::id)
        .limit(limit)
        .select(users::id)
        .load(conn)?)
}
