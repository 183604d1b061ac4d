//! `token`: prints an access token.

use crate::commands::credential::Issuer;
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::{print, tell};
use crate::config::Config;

/// The words behind `token`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "The token goes to standard output, when it ends to stderr. It \
    belongs to a sign-in of NAME, which they can see and end.\n\nExamples:\n  \
    switchboard token alice\n  \
    curl -H \"Authorization: Bearer $(switchboard token alice)\" \
    http://127.0.0.1:8000/api/v1/me")]
pub struct Token {
    /// The username (or e-mail address or phone number)
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Signs in and prints the token.
///
/// # Errors
/// When nobody is called so, or the account is deactivated.
pub fn run(wish: &Token, config: &Config) -> Result<(), Failure> {
    let issued = Issuer::sign_in(config, Some(&wish.name), "switchboard token")?.issue();
    print(&issued.token).map_err(|error| Failure(error.to_string()))?;
    tell(&format!("ends at {}", local::moment(issued.expires_at)));
    Ok(())
}
