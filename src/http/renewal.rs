//! Renewal: a refresh token gets a new access token, and its reuse is noticed.

use std::sync::Arc;
use std::time::Duration;

use log::info;

use crate::actors::lane::Fault;
use crate::auth::secret;
use crate::auth::token::{Holder, Issued, TokenKind, Tokens};
use crate::clock;
use crate::http::sign_in;
use crate::http::state::State;
use crate::ids::{LoginId, UserId};
use crate::layer::contract::Whom;
use crate::models::login::{self, Refreshed};
use crate::models::store::DbConn;
use crate::protocol::refusal::{Code, Refusal};

/// For how long a refresh token that was just used is a race of one client rather than a theft.
const REUSE_GRACE: Duration = Duration::from_secs(2);
/// What a refresh token got; without rotation there is no new refresh token.
pub struct Renewed {
    pub access: Issued,
    pub refresh: Option<Issued>,
}

enum Outcome {
    Renewed(Renewed),
    Reused(LoginId, UserId),
    Refused(Refusal),
}

/// Uses a refresh token. With `rotate` it is used up, and using it again later ends its sign-in.
///
/// # Errors
/// `not_authenticated`; `conflict` when another request of the same client was a moment earlier.
pub async fn renew(state: &State, token: &str, rotate: bool) -> Result<Renewed, Refusal> {
    let claims = state
        .tokens
        .verify(token, TokenKind::Refresh)
        .map_err(|fault| Refusal::not_authenticated(fault.to_string()))?;
    let hash = secret::hash_at_rest(token);
    let tokens = Arc::clone(&state.tokens);
    let holder = claims.user;
    let write = move |conn: &mut DbConn| use_up(conn, &tokens, &hash, (holder, rotate));
    match state.house.lane.write(write).await? {
        Outcome::Renewed(renewed) => Ok(renewed),
        Outcome::Refused(refusal) => Err(refusal),
        Outcome::Reused(login, user) => {
            info!("a refresh token was used twice: its sign-in ends user={user} login={login}");
            let refusal = Refusal::not_authenticated("a refresh token was used twice");
            state.house.revoke(Whom::Login(login), refusal.clone());
            Err(refusal)
        }
    }
}

fn use_up(
    conn: &mut DbConn,
    tokens: &Tokens,
    hash: &str,
    (holder, rotate): (UserId, bool),
) -> Result<Outcome, Fault> {
    let over = |why: &'static str| Ok(Outcome::Refused(Refusal::not_authenticated(why)));
    match login::use_refresh(conn, hash, clock::now_naive(), rotate, REUSE_GRACE)? {
        Refreshed::Ok(login, user) => {
            let renewed = if rotate {
                let (access, refresh) = sign_in::pair(conn, tokens, &user, login.id)?;
                Renewed { access, refresh: Some(refresh) }
            } else {
                let (username, role) = (user.username.as_str(), user.role);
                let holder = Holder { user: user.id, username, role };
                Renewed { access: tokens.issue_access(&holder, login.id), refresh: None }
            };
            Ok(Outcome::Renewed(renewed))
        }
        // What was written must be committed, so this is not a refusal of the write.
        Refreshed::Reused(login) => Ok(Outcome::Reused(login, holder)),
        Refreshed::Raced => {
            let message = "another request has just used this refresh token";
            Ok(Outcome::Refused(Refusal::new(Code::Conflict, message)))
        }
        Refreshed::Expired => over("the refresh token has expired"),
        Refreshed::Unknown => over("the refresh token is not known"),
        Refreshed::Revoked => over("signed out"),
    }
}
