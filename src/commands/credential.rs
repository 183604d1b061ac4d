//! A token made here, from this machine's settings and database.

use crate::auth::identity::Role;
use crate::auth::token::{Holder, Issued, TokenSettings, Tokens};
use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::config::Config;
use crate::ids::LoginId;
use crate::models::error::StoreError;
use crate::models::login::{self, NewLogin};
use crate::models::store::{DbConn, Store};
use crate::models::user::{self, User};

/// Accounts looked through for the first admin.
const LOOKED_THROUGH: i64 = 1_000;

/// Signs access tokens for one person, all hanging on one sign-in that can be revoked.
pub struct Issuer {
    store: Store,
    tokens: Tokens,
    account: User,
    login: LoginId,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Signs `name` in, or the first admin; `agent` names the command in their list of sign-ins.
    ///
    /// # Errors
    /// When nobody is called so, the account is deactivated, or the database does not open.
    pub fn sign_in(config: &Config, name: Option<&str>, agent: &str) -> Result<Self, Failure> {
        let store = local::open_existing(config)?;
        let account = match name {
            Some(name) => store
                .read(|conn| user::by_login_name(conn, name))?
                .ok_or_else(|| Failure(format!("nobody is called {name}")))?,
            None => store.read(first_admin)?.ok_or_else(|| {
                Failure::new(
                    "there is no admin to sign in as; run `switchboard demo` or `switchboard \
                     createsuperuser`, or give --user",
                )
            })?,
        };
        if !account.is_active {
            return Err(Failure(format!("the account {} is deactivated", account.username)));
        }
        let tokens = Tokens::new(TokenSettings {
            keys: config.token_keys(),
            access_ttl: config.access_ttl,
            refresh_ttl: config.refresh_ttl,
            audience: config.jwt_audience.clone(),
            issuer: config.jwt_issuer.clone(),
        });
        let at = clock::now_naive();
        let ends = at + config.cookie_max_ttl.max(config.access_ttl);
        let login = store.write(|conn| {
            login::insert(
                conn,
                NewLogin {
                    user: account.id,
                    cookie_hash: None,
                    client_ip: "",
                    user_agent: agent,
                    created_at: at,
                    expires_at: ends,
                    ends_at: ends,
                },
            )
        })?;
        Ok(Self { store, tokens, account, login })
    }

    /// Whom it signs for.
    pub fn username(&self) -> &str {
        &self.account.username
    }

    /// A new access token.
    pub fn issue(&self) -> Issued {
        let holder = Holder {
            user: self.account.id,
            username: &self.account.username,
            role: self.account.role,
        };
        self.tokens.issue_access(&holder, self.login)
    }

    /// Ends the sign-in. A failure leaves it to end by itself.
    pub fn sign_out(&self) {
        let at = clock::now_naive();
        drop(self.store.write(|conn| login::revoke(conn, self.login, at)));
    }
}

/// Whoever is called `admin`, or else has been admin longest.
fn first_admin(conn: &mut DbConn) -> Result<Option<User>, StoreError> {
    let is_admin = |account: &User| account.role == Role::Admin && account.is_active;
    if let Some(account) = user::by_username(conn, "admin")?.filter(is_admin) {
        return Ok(Some(account));
    }
    Ok(user::list(conn, None, LOOKED_THROUGH)?.into_iter().find(is_admin))
}
