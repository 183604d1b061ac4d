//! People: accounts made straight in the database, with every credential they may show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use switchboard::auth::identity::Role;
use switchboard::auth::secret;
use switchboard::auth::token::{Holder, TokenSettings, Tokens};
use switchboard::clock;
use switchboard::config::Config;
use switchboard::ids::{LoginId, UserId};
use switchboard::models::error::StoreError;
use switchboard::models::login::{self, NewApiToken, NewLogin};
use switchboard::models::store::DbConn;
use switchboard::models::user::{self, NewUser};

use super::socket::Socket;

/// The signing key of every server in these stories. Public: it guards nothing.
pub const SECRET_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

/// Someone with an account, signed in once.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub role: Role,
    pub id: UserId,
    pub login: LoginId,
    /// A JWT access token.
    pub token: String,
    /// An opaque token.
    pub opaque: String,
    /// The value of the `sessionid` cookie.
    pub cookie: String,
    /// Where they connect to.
    pub server: SocketAddr,
}

impl Person {
    /// Makes the account, a sign-in and its credentials.
    pub fn enroll(conn: &mut DbConn, name: &str, role: Role) -> Result<Self, StoreError> {
        let user = user::insert(conn, NewUser { role, ..NewUser::member(name, "!") })?;
        let (cookie, opaque) = (secret::cookie_key(), secret::opaque_token());
        let at = clock::now_naive();
        let ends_at = at + chrono::Duration::days(90);
        let login = login::insert(
            conn,
            NewLogin {
                user: user.id,
                cookie_hash: Some(&secret::hash_at_rest(&cookie)),
                client_ip: "127.0.0.1",
                user_agent: "stories",
                created_at: at,
                expires_at: ends_at,
                ends_at,
            },
        )?;
        let hash = secret::hash_at_rest(&opaque);
        let kept = NewApiToken {
            user: user.id,
            login: Some(login),
            hash: &hash,
            name: "story",
            at,
            expires_at: None,
        };
        login::add_api_token(conn, kept)?;
        let mut person = Self {
            name: name.to_owned(),
            role,
            id: user.id,
            login,
            token: String::new(),
            opaque,
            cookie,
            server: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        person.token = person.token_for(Duration::from_secs(3_600));
        Ok(person)
    }

    /// An access token that lives this long.
    pub fn token_for(&self, ttl: Duration) -> String {
        let holder = Holder { user: self.id, username: &self.name, role: self.role };
        tokens(ttl).issue_access(&holder, self.login).token
    }

    /// A refresh token, which opens no socket.
    pub fn refresh_token(&self) -> String {
        let holder = Holder { user: self.id, username: &self.name, role: self.role };
        tokens(Duration::from_secs(3_600)).issue_refresh(&holder, self.login).token
    }

    /// A well-signed access token that ended a minute ago.
    pub fn expired_token(&self) -> String {
        self.token_until(clock::now_unix_s() - 60)
    }

    /// A well-signed access token that ends at this second of the Unix epoch.
    pub fn token_until(&self, ends: i64) -> String {
        let now = clock::now_unix_s();
        let issued = if ends > now { now } else { ends - 900 };
        let claims = serde_json::json!({
            "token_type": "access", "exp": ends, "iat": issued,
            "jti": secret::token_id(), "user_id": self.id.0, "sid": self.login.0,
        });
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET_KEY.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    }

    /// The same person at another address.
    pub fn at(&self, server: SocketAddr) -> Self {
        Self { server, ..self.clone() }
    }

    /// A socket on `/ws/v1/`, welcomed.
    pub async fn connects(&self) -> Socket {
        let mut socket = self.opens("/ws/v1/").await;
        socket.hears("welcome").await;
        socket
    }

    /// A socket on any path, with nothing read from it yet.
    pub async fn opens(&self, path: &str) -> Socket {
        let bearer = format!("Bearer {}", self.token);
        Socket::open(self.server, path, &[("authorization", &bearer)]).await
    }
}

fn tokens(access_ttl: Duration) -> Tokens {
    Tokens::new(TokenSettings {
        keys: vec![SECRET_KEY.to_owned()],
        access_ttl,
        refresh_ttl: Duration::from_secs(3_600),
        audience: None,
        issuer: None,
    })
}

/// Settings for a story: quiet limits and short waits, unless the story says otherwise.
pub fn settings(database_url: &str, wanted: &[(&str, &str)]) -> BTreeMap<String, String> {
    let usual = [
        ("bind", "127.0.0.1:0"),
        ("database_url", database_url),
        ("secret_key", SECRET_KEY),
        ("workers", "2"),
        ("refusal_delay_max", "0s"),
        ("connects_per_second_per_address", "0"),
        ("flood_messages", "0"),
        ("public_forms", "0"),
        ("max_connections_per_address", "0"),
        ("drain_timeout", "2s"),
        ("restart_spread", "1s"),
        ("allow_isolated_nodes", "true"),
    ];
    usual
        .iter()
        .chain(wanted)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// The same, read and checked.
pub fn config(database_url: &str, wanted: &[(&str, &str)]) -> Config {
    Config::load(&settings(database_url, wanted), &|_| None, None).unwrap()
}
