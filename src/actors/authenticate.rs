//! Authentication: a credential becomes an identity, from a short-lived cache or the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::actors::lane::{Fault, Lane};
use crate::auth::identity::{Carrier, Identity};
use crate::auth::secret;
use crate::auth::token::{Claims, TokenKind, Tokens};
use crate::clock;
use crate::ids::{LoginId, UserId};
use crate::layer::contract::Whom;
use crate::models::login::{self, Login};
use crate::models::service_token;
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::refusal::Refusal;

/// How long an identity may be served without asking the database. Revocations on this node and,
/// by the channel layer, on others take effect at once; this bounds what a lost notice can cost.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Identities kept; beyond it the cache starts afresh.
const KEPT_MAX: usize = 50_000;

/// Checked tokens kept.
const CHECKED_MAX: usize = 10_000;

/// What someone shows to prove who they are. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The `sessionid` cookie.
    Cookie(String),
    /// `Authorization: Bearer`, a subprotocol or `?token=`: a JWT or an opaque token.
    Token(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cookie(_) => "Cookie(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A person's account under one sign-in, for JWTs.
    Account(UserId, Option<LoginId>),
    /// A cookie or opaque token, by its hash.
    Secret(String),
}

struct Kept {
    at: Instant,
    identity: Arc<Identity>,
    /// Credentials issued before this no longer count.
    valid_from_s: i64,
}

/// Tokens whose signature was checked a moment ago: pages open several sockets with one token, and
/// the check costs as much as reading the request.
#[derive(Default)]
struct Checked(Mutex<HashMap<String, (Instant, Arc<Claims>)>>);

impl Checked {
    fn recall(&self, token: &str) -> Option<Arc<Claims>> {
        let checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, claims) = checked.get(token).filter(|(at, _)| at.elapsed() < FRESH_FOR)?;
        (clock::now_naive() < claims.expires_at).then(|| Arc::clone(claims))
    }

    fn keep(&self, token: &str, claims: &Arc<Claims>) {
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= CHECKED_MAX {
            checked.retain(|_, (at, _)| at.elapsed() < FRESH_FOR);
        }
        if checked.len() < CHECKED_MAX {
            checked.insert(token.to_owned(), (Instant::now(), Arc::clone(claims)));
        }
    }
}

/// Turns credentials into identities.
pub struct Authenticator {
    tokens: Arc<Tokens>,
    lane: OnceLock<Lane>,
    kept: Mutex<HashMap<Key, Kept>>,
    checked: Checked,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

fn signed_out() -> Refusal {
    Refusal::not_authenticated("signed out, or not known")
}

impl Authenticator {
    /// An authenticator that verifies with `tokens`; reads begin once [`Authenticator::connect`]
    /// was called.
    pub fn new(tokens: Arc<Tokens>) -> Self {
        Self { tokens, lane: OnceLock::new(), kept: Mutex::default(), checked: Checked::default() }
    }

    /// Gives it the database.
    pub fn connect(&self, lane: Lane) {
        drop(self.lane.set(lane));
    }

    /// Who shows this.
    ///
    /// # Errors
    /// `not_authenticated` saying why; `unavailable` or `internal` when the database failed.
    pub async fn identify(&self, credential: &Credential) -> Result<Arc<Identity>, Refusal> {
        match credential {
            Credential::Token(token) if token.contains('.') => self.by_jwt(token).await,
            Credential::Token(token) => self.by_secret(token, Carrier::Opaque).await,
            Credential::Cookie(cookie) => self.by_secret(cookie, Carrier::Cookie).await,
        }
    }

    /// Forgets what was kept about these credentials.
    pub fn forget(&self, whom: Whom) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, entry| match whom {
            Whom::Login(login) => entry.identity.login != Some(login),
            Whom::User(user) | Whom::UserExcept(user, _) => entry.identity.user != user,
        });
    }

    async fn by_jwt(&self, token: &str) -> Result<Arc<Identity>, Refusal> {
        let claims = self.claims(token)?;
        let key = Key::Account(claims.user, claims.login);
        let (identity, valid_from_s) = match self.recall(&key) {
            Some(known) => known,
            None => {
                let (user, login) = (claims.user, claims.login);
                let found = self.read(move |conn| account(conn, user, login)).await?;
                self.keep(key, &found.0, found.1);
                found
            }
        };
        admit_claims(&identity, valid_from_s, &claims)
    }

    fn claims(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        if let Some(claims) = self.checked.recall(token) {
            return Ok(claims);
        }
        let verified = self.tokens.verify(token, TokenKind::Access);
        let claims = verified.map_err(|fault| Refusal::not_authenticated(fault.to_string()))?;
        let claims = Arc::new(claims);
        self.checked.keep(token, &claims);
        Ok(claims)
    }

    async fn by_secret(&self, raw: &str, carrier: Carrier) -> Result<Arc<Identity>, Refusal> {
        if raw.is_empty() || raw.len() > 256 {
            return Err(signed_out());
        }
        let hash = secret::hash_at_rest(raw);
        let key = Key::Secret(hash.clone());
        if let Some((identity, _)) = self.recall(&key) {
            return unexpired(identity);
        }
        let (identity, valid_from_s) = self.read(move |conn| by_hash(conn, &hash, carrier)).await?;
        self.keep(key, &identity, valid_from_s);
        unexpired(identity)
    }

    async fn read<F>(&self, work: F) -> Result<(Arc<Identity>, i64), Refusal>
    where
        F: FnOnce(&mut DbConn) -> Result<(Arc<Identity>, i64), Fault> + Send + 'static,
    {
        let lane = self.lane.get().ok_or_else(|| Refusal::unavailable(1_000))?;
        lane.read(work).await
    }

    fn recall(&self, key: &Key) -> Option<(Arc<Identity>, i64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = kept.get(key).filter(|entry| entry.at.elapsed() < FRESH_FOR)?;
        Some((Arc::clone(&entry.identity), entry.valid_from_s))
    }

    fn keep(&self, key: Key, identity: &Arc<Identity>, valid_from_s: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let identity = Arc::clone(identity);
        kept.insert(key, Kept { at: Instant::now(), identity, valid_from_s });
    }
}

fn unexpired(identity: Arc<Identity>) -> Result<Arc<Identity>, Refusal> {
    match identity.expires_at {
        Some(ends) if ends <= clock::now_naive() => {
            Err(Refusal::not_authenticated("the session has expired"))
        }
        _ => Ok(identity),
    }
}

/// The account's identity with this token's end, unless the token is older than the password.
fn admit_claims(
    identity: &Arc<Identity>,
    valid_from_s: i64,
    claims: &Claims,
) -> Result<Arc<Identity>, Refusal> {
    if claims.issued_at_s < valid_from_s {
        return Err(Refusal::not_authenticated("the password was changed since; sign in again"));
    }
    if identity.expires_at == Some(claims.expires_at) {
        return Ok(Arc::clone(identity));
    }
    Ok(Arc::new(Identity { expires_at: Some(claims.expires_at), ..Identity::clone(identity) }))
}

fn identity(user: &User, carrier: Carrier, login: Option<&Login>) -> Identity {
    let person = user::person(user);
    let profile = person.profile;
    Identity {
        user: user.id,
        username: person.username.into(),
        display_name: person.display_name.into(),
        role: user.role,
        carrier,
        login: login.map(|login| login.id),
        expires_at: None,
        profile,
    }
}

fn active(user: &User, login: Option<&Login>) -> Result<(), Fault> {
    if !user.is_active {
        return Err(Refusal::not_authenticated("the account is deactivated").into());
    }
    if login.is_some_and(|login| login.revoked_at.is_some()) {
        return Err(signed_out().into());
    }
    Ok(())
}

/// The account behind a JWT.
fn account(
    conn: &mut DbConn,
    id: UserId,
    login: Option<LoginId>,
) -> Result<(Arc<Identity>, i64), Fault> {
    let (user, login) = match login {
        Some(login) => {
            let found = login::by_id(conn, login)?.filter(|(_, user)| user.id == id);
            let (login, user) = found.ok_or_else(signed_out)?;
            (user, Some(login))
        }
        None => (user::by_id(conn, id)?.ok_or_else(signed_out)?, None),
    };
    active(&user, login.as_ref())?;
    let valid_from_s = user.credentials_changed_at.and_utc().timestamp();
    Ok((Arc::new(identity(&user, Carrier::Access, login.as_ref())), valid_from_s))
}

fn by_hash(conn: &mut DbConn, hash: &str, carrier: Carrier) -> Result<(Arc<Identity>, i64), Fault> {
    let (login, user, ends) = match carrier {
        Carrier::Cookie => {
            let (login, user) = login::by_cookie(conn, hash)?.ok_or_else(signed_out)?;
            let ends = login.expires_at.min(login.ends_at);
            (Some(login), user, Some(ends))
        }
        _ => match login::by_api_token(conn, hash)? {
            Some(found) => found,
            None => return service(conn, hash),
        },
    };
    active(&user, login.as_ref())?;
    let identity = Identity { expires_at: ends, ..identity(&user, carrier, login.as_ref()) };
    Ok((Arc::new(identity), 0))
}

/// The identity of a service: its maker's account, with what its purpose opens alone.
fn service(conn: &mut DbConn, hash: &str) -> Result<(Arc<Identity>, i64), Fault> {
    let (user, purpose, ends) = service_token::by_hash(conn, hash)?.ok_or_else(signed_out)?;
    active(&user, None)?;
    let carrier = Carrier::Service(purpose);
    Ok((Arc::new(Identity { expires_at: ends, ..identity(&user, carrier, None) }), 0))
}
