//! Service tokens: opaque tokens with a purpose, for programs. They open what the purpose names
//! and nothing else, and end with the account of the admin who made them.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::auth::identity::Purpose;
use crate::ids::{ApiTokenId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{api_tokens, users};
use crate::models::store::DbConn;
use crate::models::user::User;

/// A service token as admins see it; the secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ServiceToken {
    pub id: ApiTokenId,
    pub name: String,
    pub purpose: Option<String>,
    pub owner: UserId,
    pub created_at: NaiveDateTime,
    pub expires_at: Option<NaiveDateTime>,
}

/// A service token to keep.
#[derive(Debug, Clone)]
pub struct NewServiceToken<'a> {
    /// The admin who makes it.
    pub owner: UserId,
    pub hash: &'a str,
    pub name: &'a str,
    pub purpose: Purpose,
    pub at: NaiveDateTime,
    /// `None` for one that does not end by itself.
    pub expires_at: Option<NaiveDateTime>,
}

/// Keeps a service token's hash.
pub fn insert(conn: &mut DbConn, new: NewServiceToken<'_>) -> Result<ApiTokenId, StoreError> {
    let row = (
        api_tokens::user_id.eq(new.owner),
        api_tokens::token_hash.eq(new.hash),
        api_tokens::name.eq(new.name),
        api_tokens::purpose.eq(new.purpose.as_str()),
        api_tokens::created_at.eq(new.at),
        api_tokens::expires_at.eq(new.expires_at),
    );
    let made = diesel::insert_into(api_tokens::table).values(row);
    Ok(made.returning(api_tokens::id).get_result(conn)?)
}

/// Whose service token this is, for what, and when it ends; the caller checks the end. A purpose
/// that this version does not know opens nothing.
pub fn by_hash(
    conn: &mut DbConn,
    hash: &str,
) -> Result<Option<(User, Purpose, Option<NaiveDateTime>)>, StoreError> {
    let found: Option<(User, Option<String>, Option<NaiveDateTime>)> = api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::token_hash.eq(hash).and(api_tokens::purpose.is_not_null()))
        .select((User::as_select(), api_tokens::purpose, api_tokens::expires_at))
        .first(conn)
        .optional()?;
    let known = |(user, purpose, ends): (User, Option<String>, _)| {
        purpose.as_deref().and_then(Purpose::parse).map(|purpose| (user, purpose, ends))
    };
    Ok(found.and_then(known))
}

/// All service tokens, the newest first.
pub fn list(conn: &mut DbConn) -> Result<Vec<ServiceToken>, StoreError> {
    Ok(api_tokens::table
        .filter(api_tokens::purpose.is_not_null())
        .order(api_tokens::id.desc())
        .select((
            api_tokens::id,
            api_tokens::name,
            api_tokens::purpose,
            api_tokens::user_id,
            api_tokens::created_at,
            api_tokens::expires_at,
        ))
        .load(conn)?)
}

/// Ends a service token; answers whose it was.
pub fn delete(conn: &mut DbConn, id: ApiTokenId) -> Result<Option<UserId>, StoreError> {
    let token = api_tokens::table.find(id).filter(api_tokens::purpose.is_not_null());
    Ok(diesel::delete(token).returning(api_tokens::user_id).get_result(conn).optional()?)
}
