//! Sign-ins and everything that hangs on one: cookie, API tokens, refresh tokens, resets.
//!
//! A revoked sign-in is never returned, nor is anything that hangs on it.
//! **Never:** raw secrets; only their hashes come in here.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{LoginId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{api_tokens, logins, password_resets, refresh_tokens, users};
use crate::models::store::DbConn;
use crate::models::user::User;

/// A row of `logins`: one sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = logins)]
pub struct Login {
    pub id: LoginId,
    pub user_id: UserId,
    pub client_ip: String,
    pub user_agent: String,
    pub created_at: NaiveDateTime,
    /// When it was last used.
    pub seen_at: NaiveDateTime,
    /// Sliding end: [`touch`] moves it.
    pub expires_at: NaiveDateTime,
    /// Absolute end: nothing moves it.
    pub ends_at: NaiveDateTime,
    pub revoked_at: Option<NaiveDateTime>,
}

impl Login {
    /// Whether this sign-in still counts at `at`: neither revoked nor over.
    pub fn is_live(&self, at: NaiveDateTime) -> bool {
        self.revoked_at.is_none() && at < self.expires_at && at < self.ends_at
    }
}

/// A sign-in to record.
#[derive(Debug, Clone)]
pub struct NewLogin<'a> {
    pub user: UserId,
    /// Hash of the session cookie; `None` when the sign-in gave none.
    pub cookie_hash: Option<&'a str>,
    pub client_ip: &'a str,
    pub user_agent: &'a str,
    pub created_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub ends_at: NaiveDateTime,
}

/// Records a sign-in.
pub fn insert(conn: &mut DbConn, new: NewLogin<'_>) -> Result<LoginId, StoreError> {
    let row = (
        logins::user_id.eq(new.user),
        logins::cookie_hash.eq(new.cookie_hash),
        logins::client_ip.eq(new.client_ip),
        logins::user_agent.eq(new.user_agent),
        logins::created_at.eq(new.created_at),
        logins::seen_at.eq(new.created_at),
        logins::expires_at.eq(new.expires_at),
        logins::ends_at.eq(new.ends_at),
    );
    Ok(diesel::insert_into(logins::table).values(row).returning(logins::id).get_result(conn)?)
}

/// The unrevoked sign-in of this cookie, with its user. The caller checks the ends.
pub fn by_cookie(conn: &mut DbConn, hash: &str) -> Result<Option<(Login, User)>, StoreError> {
    Ok(logins::table
        .inner_join(users::table)
        .filter(logins::cookie_hash.eq(hash).and(logins::revoked_at.is_null()))
        .select((Login::as_select(), User::as_select()))
        .first(conn)
        .optional()?)
}

/// The unrevoked sign-in with this id, with its user. The caller checks the ends.
pub fn by_id(conn: &mut DbConn, id: LoginId) -> Result<Option<(Login, User)>, StoreError> {
    Ok(logins::table
        .inner_join(users::table)
        .filter(logins::id.eq(id).and(logins::revoked_at.is_null()))
        .select((Login::as_select(), User::as_select()))
        .first(conn)
        .optional()?)
}

/// Remembers that a sign-in was used and moves its sliding end.
pub fn touch(
    conn: &mut DbConn,
    id: LoginId,
    seen_at: NaiveDateTime,
    expires_at: NaiveDateTime,
) -> Result<(), StoreError> {
    let change = (logins::seen_at.eq(seen_at), logins::expires_at.eq(expires_at));
    diesel::update(logins::table.find(id)).set(change).execute(conn)?;
    Ok(())
}

/// A person's unrevoked sign-ins, newest first. The caller checks the ends.
pub fn of_user(conn: &mut DbConn, user: UserId) -> Result<Vec<Login>, StoreError> {
    Ok(logins::table
        .filter(logins::user_id.eq(user).and(logins::revoked_at.is_null()))
        .order((logins::created_at.desc(), logins::id.desc()))
        .select(Login::as_select())
        .load(conn)?)
}

/// Ends a sign-in and all that hangs on it; `false` when it was over already.
pub fn revoke(conn: &mut DbConn, id: LoginId, at: NaiveDateTime) -> Result<bool, StoreError> {
    let live = logins::table.filter(logins::id.eq(id).and(logins::revoked_at.is_null()));
    Ok(diesel::update(live).set(logins::revoked_at.eq(at)).execute(conn)? == 1)
}

/// Ends all of a person's sign-ins but `except`; returns those that were live.
pub fn revoke_all(
    conn: &mut DbConn,
    user: UserId,
    except: Option<LoginId>,
    at: NaiveDateTime,
) -> Result<Vec<LoginId>, StoreError> {
    let kept = except.unwrap_or(LoginId(0));
    let others =
        logins::user_id.eq(user).and(logins::id.ne(kept)).and(logins::revoked_at.is_null());
    Ok(diesel::update(logins::table.filter(others))
        .set(logins::revoked_at.eq(at))
        .returning(logins::id)
        .get_results(conn)?)
}

/// An opaque token to keep.
#[derive(Debug, Clone)]
pub struct NewApiToken<'a> {
    pub user: UserId,
    /// The sign-in it ends with; `None` for one that stands alone.
    pub login: Option<LoginId>,
    pub hash: &'a str,
    pub name: &'a str,
    pub at: NaiveDateTime,
    /// `None` for one that does not end by itself.
    pub expires_at: Option<NaiveDateTime>,
}

/// Keeps an opaque token's hash.
pub fn add_api_token(conn: &mut DbConn, new: NewApiToken<'_>) -> Result<(), StoreError> {
    let row = (
        api_tokens::user_id.eq(new.user),
        api_tokens::login_id.eq(new.login),
        api_tokens::token_hash.eq(new.hash),
        api_tokens::name.eq(new.name),
        api_tokens::created_at.eq(new.at),
        api_tokens::expires_at.eq(new.expires_at),
    );
    diesel::insert_into(api_tokens::table).values(row).execute(conn)?;
    Ok(())
}

/// Whom an opaque token stands for, and when it ends.
pub type TokenHolder = (Option<Login>, User, Option<NaiveDateTime>);

/// The holder of this opaque token unless its sign-in is revoked. The caller checks the ends. A
/// token with a purpose is not a person's: see `service_token.rs`.
pub fn by_api_token(conn: &mut DbConn, hash: &str) -> Result<Option<TokenHolder>, StoreError> {
    let found: Option<TokenHolder> = api_tokens::table
        .inner_join(users::table)
        .left_join(logins::table)
        .filter(api_tokens::token_hash.eq(hash).and(logins::revoked_at.is_null()))
        .filter(api_tokens::purpose.is_null())
        .select((Option::<Login>::as_select(), User::as_select(), api_tokens::expires_at))
        .first(conn)
        .optional()?;
    Ok(found)
}

/// Forgets one opaque token; `false` when there was none.
pub fn drop_api_token(conn: &mut DbConn, hash: &str) -> Result<bool, StoreError> {
    let token = api_tokens::table.filter(api_tokens::token_hash.eq(hash));
    Ok(diesel::delete(token).execute(conn)? == 1)
}

/// Forgets all of a person's opaque tokens, those that stand alone too.
pub fn drop_api_tokens(conn: &mut DbConn, user: UserId) -> Result<usize, StoreError> {
    let tokens = api_tokens::table.filter(api_tokens::user_id.eq(user));
    Ok(diesel::delete(tokens).execute(conn)?)
}

/// Keeps a refresh token's hash.
pub fn add_refresh(
    conn: &mut DbConn,
    login: LoginId,
    hash: &str,
    at: NaiveDateTime,
    expires_at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (
        refresh_tokens::login_id.eq(login),
        refresh_tokens::token_hash.eq(hash),
        refresh_tokens::created_at.eq(at),
        refresh_tokens::expires_at.eq(expires_at),
    );
    diesel::insert_into(refresh_tokens::table).values(row).execute(conn)?;
    Ok(())
}

/// What became of a refresh token that someone showed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one value a refresh, taken apart at once")]
pub enum Refreshed {
    /// It is good; when rotating, nobody else gets this answer for it.
    Ok(Login, User),
    /// No such token.
    Unknown,
    /// The token or its sign-in is over.
    Expired,
    /// It was used before and the grace is over: a thief or a lost answer. The sign-in is revoked.
    Reused(LoginId),
    /// It was used a moment ago, by another request of the same client; nothing is revoked.
    Raced,
    /// The sign-in is revoked, or the account shut out.
    Revoked,
}

/// Uses a refresh token. With `rotate` it is used up (RFC 9700, 4.14.2: reuse revokes).
///
/// Runs in the caller's transaction, which must commit for a `Reused` too.
pub fn use_refresh(
    conn: &mut DbConn,
    hash: &str,
    at: NaiveDateTime,
    rotate: bool,
    grace: Duration,
) -> Result<Refreshed, StoreError> {
    type Row = (i64, NaiveDateTime, Option<NaiveDateTime>, Login, User);
    let found: Option<Row> = refresh_tokens::table
        .inner_join(logins::table.inner_join(users::table))
        .filter(refresh_tokens::token_hash.eq(hash))
        .select((
            refresh_tokens::id,
            refresh_tokens::expires_at,
            refresh_tokens::used_at,
            Login::as_select(),
            User::as_select(),
        ))
        .first(conn)
        .optional()?;
    let Some((id, expires_at, used_at, login, user)) = found else {
        return Ok(Refreshed::Unknown);
    };
    if login.revoked_at.is_some() || !user.is_active {
        return Ok(Refreshed::Revoked);
    }
    if let Some(used_at) = used_at {
        if (at - used_at).to_std().unwrap_or_default() <= grace {
            return Ok(Refreshed::Raced);
        }
        revoke(conn, login.id, at)?;
        return Ok(Refreshed::Reused(login.id));
    }
    if at >= expires_at || at >= login.ends_at {
        return Ok(Refreshed::Expired);
    }
    let unused = refresh_tokens::table.find(id).filter(refresh_tokens::used_at.is_null());
    if rotate && diesel::update(unused).set(refresh_tokens::used_at.eq(at)).execute(conn)? == 0 {
        return Ok(Refreshed::Raced);
    }
    Ok(Refreshed::Ok(login, user))
}

/// Keeps a password reset token's hash.
pub fn add_reset(
    conn: &mut DbConn,
    user: UserId,
    hash: &str,
    at: NaiveDateTime,
    expires_at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = (
        password_resets::user_id.eq(user),
        password_resets::token_hash.eq(hash),
        password_resets::created_at.eq(at),
        password_resets::expires_at.eq(expires_at),
    );
    diesel::insert_into(password_resets::table).values(row).execute(conn)?;
    Ok(())
}

/// Uses up a password reset token: the first to show it in time gets its user.
pub fn use_reset(
    conn: &mut DbConn,
    hash: &str,
    at: NaiveDateTime,
) -> Result<Option<UserId>, StoreError> {
    let open = password_resets::token_hash
        .eq(hash)
        .and(password_resets::used_at.is_null())
        .and(password_resets::expires_at.gt(at));
    Ok(diesel::update(password_resets::table.filter(open))
        .set(password_resets::used_at.eq(at))
        .returning(password_resets::user_id)
        .get_result(conn)
        .optional()?)
}

/// Deletes what was over before `before`: sign-ins with all that hangs on them, tokens, resets.
pub fn purge(conn: &mut DbConn, before: NaiveDateTime) -> Result<usize, StoreError> {
    let over = logins::ends_at.lt(before).or(logins::revoked_at.lt(before));
    let mut gone = diesel::delete(logins::table.filter(over)).execute(conn)?;
    let tokens = refresh_tokens::table.filter(refresh_tokens::expires_at.lt(before));
    gone += diesel::delete(tokens).execute(conn)?;
    let opaque = api_tokens::table.filter(api_tokens::expires_at.lt(before));
    gone += diesel::delete(opaque).execute(conn)?;
    let resets = password_resets::table.filter(password_resets::expires_at.lt(before));
    gone += diesel::delete(resets).execute(conn)?;
    Ok(gone)
}
