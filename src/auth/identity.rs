//! Identity: who is asking, under which sign-in, with which role, and until when.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::ids::{LoginId, UserId};
use crate::protocol::views::Profile;

/// The four roles that decide. Titles (student, teacher …) are for display and decide nothing.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    Dispatcher,
    Paramedic,
    Member,
}

impl Role {
    /// All roles, in the order of `docs/AUTHORIZATION.md`.
    pub const ALL: [Role; 4] = [Role::Admin, Role::Dispatcher, Role::Paramedic, Role::Member];

    /// The name on the wire, in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Dispatcher => "dispatcher",
            Self::Paramedic => "paramedic",
            Self::Member => "member",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role name that is none of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: expected admin, dispatcher, paramedic or member")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

/// What a service token is for; it opens that and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Making notifications.
    Notify,
}

impl Purpose {
    /// All purposes.
    pub const ALL: &'static [Self] = &[Self::Notify];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
        }
    }

    /// Reads the name; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.as_str() == text)
    }
}

/// By which credential someone is known; logs and diagnostics name it, never its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The `sessionid` cookie: unsafe REST requests need a CSRF token too.
    Cookie,
    /// A JWT access token.
    Access,
    /// An opaque API token.
    Opaque,
    /// A service token, on behalf of the admin who made it.
    Service(Purpose),
    /// None at all, where none is needed.
    Nothing,
}

/// Someone who has proved who they are. Shared by everything they have open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub username: Arc<str>,
    pub display_name: Arc<str>,
    pub role: Role,
    pub carrier: Carrier,
    /// The sign-in this credential belongs to; `None` for a JWT by another issuer with our key.
    pub login: Option<LoginId>,
    /// When the credential ends; `None` when it does not end by itself.
    pub expires_at: Option<NaiveDateTime>,
    /// What dialects need of the person beside their names.
    pub profile: Option<Arc<Profile>>,
}

/// The id that stands for nobody; the database never gives it out.
pub const NOBODY: UserId = UserId(0);

impl Identity {
    /// Someone who has not signed in, where no sign-in is needed. The policy table takes them for
    /// anyone, and nothing that is a person's own can be theirs.
    pub fn nobody() -> Arc<Self> {
        static NOBODY_AT_ALL: LazyLock<Arc<Identity>> = LazyLock::new(|| {
            Arc::new(Identity {
                user: NOBODY,
                username: "".into(),
                display_name: "".into(),
                role: Role::Member,
                carrier: Carrier::Nothing,
                login: None,
                expires_at: None,
                profile: None,
            })
        });
        Arc::clone(&NOBODY_AT_ALL)
    }

    /// Whether this is [`Identity::nobody`].
    pub fn is_nobody(&self) -> bool {
        self.user == NOBODY
    }
}
