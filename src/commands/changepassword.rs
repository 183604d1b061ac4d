//! `changepassword`: sets someone's password and ends their sign-ins.

use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::password_entry::{self, Chooser};
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::{login, notice, user};

/// The words behind `changepassword`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Everyone signed in as NAME is signed out. A server that is running \
    closes their connections within a second.\n\nExamples:\n  \
    switchboard changepassword dana\n  \
    echo \"$PASSWORD\" | switchboard changepassword dana --password-stdin")]
pub struct Changepassword {
    /// The username (or e-mail address or phone number)
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
}

/// Sets the password.
///
/// # Errors
/// When there is no such account, or the password breaks a rule.
pub fn run(wish: &Changepassword, config: &Config) -> Result<(), Failure> {
    let store = local::open_existing(config)?;
    let account = store
        .read(|conn| user::by_login_name(conn, &wish.name))?
        .ok_or_else(|| Failure(format!("nobody is called {}", wish.name)))?;
    let chooser = Chooser { username: &account.username, email: &account.email };
    let hash = password_entry::new_hash(chooser, wish.password_stdin)?;
    let at = clock::now_naive();
    let ended = store.write(|conn| {
        user::set_password(conn, account.id, &hash, at)?;
        login::drop_api_tokens(conn, account.id)?;
        notice::post(conn, account.id, "the password was changed", at)?;
        login::revoke_all(conn, account.id, None, at)
    })?;
    tell(&format!(
        "the password of {} is changed; sign-ins ended: {}",
        account.username,
        ended.len()
    ));
    Ok(())
}
