//! Signing in and out: what the native routes, the merged older ones and the login form share.
//!
//! **Never:** an answer, or a time to it, that tells whether an account exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use chrono::{NaiveDateTime, TimeDelta};
use log::info;

use crate::actors::authenticate::Credential;
use crate::actors::lane::Fault;
use crate::auth::identity::{Carrier, Identity};
use crate::auth::password::Verdict;
use crate::auth::secret;
use crate::auth::token::{Holder, Issued, TokenKind, Tokens};
use crate::clock;
use crate::config::Config;
use crate::http::cookies;
use crate::http::extract;
use crate::http::peer;
use crate::http::state::State;
use crate::ids::LoginId;
use crate::layer::contract::Whom;
use crate::models::login::{self, NewApiToken, NewLogin};
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::refusal::Refusal;

/// The longest name looked at, in bytes.
const MAX_NAME_BYTES: usize = 254;

/// Someone who has just signed in, with the only copies of their secrets.
pub struct SignedIn {
    pub user: User,
    pub login: LoginId,
    pub cookie: String,
    pub csrf: String,
    pub opaque: String,
    pub access: Issued,
    pub refresh: Issued,
}

impl SignedIn {
    /// The cookies to set.
    pub fn cookies(&self, request: &HttpRequest, config: &Config) -> [Cookie<'static>; 2] {
        [
            cookies::session(request, config, &self.cookie),
            cookies::csrf(request, config, &self.csrf),
        ]
    }
}

/// Someone whose password has been found right, not signed in yet.
pub struct Checked {
    pub user: User,
    /// A new hash of the same password, when the stored one is outdated.
    upgraded: Option<String>,
}

impl Checked {
    /// An account that was made a moment ago by the one who asks.
    pub fn new_account(user: User) -> Self {
        Self { user, upgraded: None }
    }
}

/// The one answer to a sign-in that fails, whatever the reason.
pub fn wrong_credentials() -> Refusal {
    Refusal::not_authenticated("wrong name or password")
}

/// `span` later than `at`, or as late as can be said.
pub fn later(at: NaiveDateTime, span: Duration) -> NaiveDateTime {
    let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
    at.checked_add_signed(span).unwrap_or(NaiveDateTime::MAX)
}

/// Checks a name (username, email address or telephone) with a password.
///
/// # Errors
/// [`wrong_credentials`]; `rate_limited`; `unavailable` when too many passwords are being hashed.
pub async fn check(
    state: &State,
    address: IpAddr,
    name: &str,
    password: &str,
) -> Result<Checked, Refusal> {
    let name = name.trim().to_owned();
    let found = if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains('\0') {
        None
    } else {
        let name = name.clone();
        state.house.lane.read(move |conn| Ok(user::by_login_name(conn, &name)?)).await?
    };
    // By whichever of its names an account is tried, its attempts are counted together.
    let account = found.as_ref().map_or(name, |user| format!("#{}", user.id));
    let counted = state.house.throttles.login(&account, address)?;
    let stored = found.as_ref().map(|user| user.password.clone());
    let verdict = state.hashing.verify(password.to_owned(), stored).await?;
    let user = found.filter(|user| verdict.is_match() && user.is_active);
    let Some(user) = user else {
        info!("sign-in refused address={address}");
        return Err(wrong_credentials());
    };
    state.house.throttles.forgive(&counted);
    let upgraded = match verdict {
        Verdict::MatchOutdated => Some(state.hashing.hash(password.to_owned()).await?),
        _ => None,
    };
    Ok(Checked { user, upgraded })
}

/// What one write of a sign-in needs.
struct Opening {
    tokens: Arc<Tokens>,
    checked: User,
    upgraded: Option<String>,
    old_cookie: Option<String>,
    client_ip: String,
    user_agent: String,
    cookie_ttl: Duration,
    cookie_max_ttl: Duration,
    refresh_ttl: Duration,
}

impl Opening {
    /// Writes the sign-in; also returns the one its cookie stood for before.
    fn write(&self, conn: &mut DbConn) -> Result<(SignedIn, Option<LoginId>), Fault> {
        let now = clock::now_naive();
        let user = user::by_id(conn, self.checked.id)?.filter(|user| {
            user.is_active && user.credentials_changed_at == self.checked.credentials_changed_at
        });
        let user = user.ok_or_else(wrong_credentials)?;
        let old = match &self.old_cookie {
            Some(hash) => login::by_cookie(conn, hash)?.map(|(login, _)| login.id),
            None => None,
        };
        if let Some(old) = old {
            login::revoke(conn, old, now)?;
        }
        if let Some(new) = &self.upgraded {
            user::upgrade_hash(conn, user.id, &self.checked.password, new)?;
        }
        user::touch_login(conn, user.id, now)?;
        let cookie = secret::cookie_key();
        let new = NewLogin {
            user: user.id,
            cookie_hash: Some(&secret::hash_at_rest(&cookie)),
            client_ip: &self.client_ip,
            user_agent: &self.user_agent,
            created_at: now,
            expires_at: later(now, self.cookie_ttl.min(self.cookie_max_ttl)),
            ends_at: later(now, self.cookie_max_ttl.max(self.refresh_ttl)),
        };
        let login = login::insert(conn, new)?;
        let issued = issue(conn, &self.tokens, &user, login, self.refresh_ttl)?;
        let user = User { last_login: Some(now), ..user };
        let Credentials { opaque, access, refresh } = issued;
        let csrf = secret::cookie_key();
        Ok((SignedIn { user, login, cookie, csrf, opaque, access, refresh }, old))
    }
}

/// Tokens of a sign-in, the only copies.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub opaque: String,
    pub access: Issued,
    pub refresh: Issued,
}

/// Issues an access, a refresh and an opaque token for a sign-in and keeps their hashes.
///
/// # Errors
/// The database's.
pub fn issue(
    conn: &mut DbConn,
    tokens: &Tokens,
    user: &User,
    login: LoginId,
    opaque_ttl: Duration,
) -> Result<Credentials, Fault> {
    let now = clock::now_naive();
    let (access, refresh) = pair(conn, tokens, user, login)?;
    let opaque = secret::opaque_token();
    let new = NewApiToken {
        user: user.id,
        login: Some(login),
        hash: &secret::hash_at_rest(&opaque),
        name: "sign-in",
        at: now,
        expires_at: Some(later(now, opaque_ttl)),
    };
    login::add_api_token(conn, new)?;
    Ok(Credentials { opaque, access, refresh })
}

/// Issues an access and a refresh token for a sign-in and keeps the refresh token's hash.
///
/// # Errors
/// The database's.
pub fn pair(
    conn: &mut DbConn,
    tokens: &Tokens,
    user: &User,
    login: LoginId,
) -> Result<(Issued, Issued), Fault> {
    let holder = Holder { user: user.id, username: &user.username, role: user.role };
    let refresh = tokens.issue_refresh(&holder, login);
    let hash = secret::hash_at_rest(&refresh.token);
    login::add_refresh(conn, login, &hash, clock::now_naive(), refresh.expires_at)?;
    Ok((tokens.issue_access(&holder, login), refresh))
}

/// Signs in someone whose password was checked; a session that the cookie stood for ends.
///
/// # Errors
/// [`wrong_credentials`] when the account changed meanwhile; the database's.
pub async fn open(
    state: &State,
    request: &HttpRequest,
    checked: Checked,
) -> Result<SignedIn, Refusal> {
    let old = request.cookie(cookies::SESSION).filter(|cookie| !cookie.value().is_empty());
    let opening = Opening {
        tokens: Arc::clone(&state.tokens),
        checked: checked.user,
        upgraded: checked.upgraded,
        old_cookie: old.map(|cookie| secret::hash_at_rest(cookie.value())),
        client_ip: peer::client_address(request, &state.config).to_string(),
        user_agent: peer::user_agent(request),
        cookie_ttl: state.config.cookie_ttl,
        cookie_max_ttl: state.config.cookie_max_ttl,
        refresh_ttl: state.config.refresh_ttl,
    };
    let address = opening.client_ip.clone();
    let (signed_in, old) = state.house.lane.write(move |conn| opening.write(conn)).await?;
    if let Some(old) = old {
        state.house.revoke(Whom::Login(old), Refusal::not_authenticated("signed in anew"));
    }
    info!("signed in user={} login={} address={address}", signed_in.user.id, signed_in.login);
    Ok(signed_in)
}

/// Checks name and password and signs in.
///
/// # Errors
/// As [`check`] and [`open`].
pub async fn sign_in(
    state: &State,
    request: &HttpRequest,
    name: &str,
    password: &str,
) -> Result<SignedIn, Refusal> {
    let address = peer::client_address(request, &state.config);
    let checked = check(state, address, name, password).await?;
    open(state, request, checked).await
}

/// Ends one sign-in, and what it opened; `false` when it was over already.
///
/// # Errors
/// The database's.
pub async fn revoke_login(state: &State, login: LoginId) -> Result<bool, Refusal> {
    let write = move |conn: &mut DbConn| Ok(login::revoke(conn, login, clock::now_naive())?);
    let was_live = state.house.lane.write(write).await?;
    state.house.revoke(Whom::Login(login), Refusal::not_authenticated("signed out"));
    Ok(was_live)
}

/// The sign-in that a refresh token belongs to, if we signed it and it has not expired.
pub fn login_of_refresh(state: &State, refresh: &str) -> Option<LoginId> {
    state.tokens.verify(refresh, TokenKind::Refresh).ok()?.login
}

/// Signs out whoever asks, by the credential shown or by the refresh token given.
///
/// # Errors
/// `not_authenticated` when there is neither; `forbidden` when a foreign token has no sign-in.
pub async fn sign_out(
    state: &State,
    request: &HttpRequest,
    who: Option<&Identity>,
    refresh: Option<&str>,
) -> Result<(), Refusal> {
    let by_refresh = refresh.and_then(|refresh| login_of_refresh(state, refresh));
    let Some(login) = who.and_then(|who| who.login).or(by_refresh) else {
        return drop_lone_token(state, request, who).await;
    };
    let was_live = revoke_login(state, login).await?;
    if was_live { Ok(()) } else { Err(Refusal::not_authenticated("signed out already")) }
}

/// Forgets an opaque token that belongs to no sign-in.
async fn drop_lone_token(
    state: &State,
    request: &HttpRequest,
    who: Option<&Identity>,
) -> Result<(), Refusal> {
    let Some(who) = who else { return Err(Refusal::not_authenticated("sign in first")) };
    let Some(Credential::Token(raw)) = extract::credential(request) else {
        return Err(Refusal::not_authenticated("sign in first"));
    };
    if who.carrier != Carrier::Opaque {
        return Err(Refusal::forbidden("this token belongs to no sign-in; it ends by itself"));
    }
    let hash = secret::hash_at_rest(&raw);
    state.house.lane.write(move |conn| Ok(login::drop_api_token(conn, &hash)?)).await?;
    state.house.revoke(Whom::User(who.user), Refusal::not_authenticated("signed out"));
    Ok(())
}
