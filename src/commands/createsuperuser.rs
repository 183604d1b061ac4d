//! `createsuperuser`: makes an account with role admin, asking for what was not given.

use crate::auth::identity::Role;
use crate::commands::createuser::{announce, check_email, check_name};
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::password_entry::{self, Chooser};
use crate::config::Config;
use crate::models::user::{self, NewUser};

/// The words behind `createsuperuser`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Works while the server runs.\n\nExamples:\n  \
    switchboard createsuperuser\n  \
    echo \"$PASSWORD\" | switchboard createsuperuser --username root --email root@example.org \
    --password-stdin")]
pub struct Createsuperuser {
    /// The username; asked for when absent
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// E-mail address; asked for when absent and a username is asked for too
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
}

/// Makes the account.
///
/// # Errors
/// A name or password that breaks a rule, a name or address that is taken, or nobody to ask.
pub fn run(wish: &Createsuperuser, config: &Config) -> Result<(), Failure> {
    let store = local::open_ready(config)?;
    let is_asking = wish.username.is_none();
    let username = match &wish.username {
        Some(name) => name.clone(),
        None => password_entry::ask("Username: ", "--username")?,
    };
    check_name(&username)?;
    let email = match &wish.email {
        Some(email) => email.clone(),
        None if is_asking => password_entry::ask("E-mail address (may be empty): ", "--email")?,
        None => String::new(),
    };
    check_email(&email)?;
    let chooser = Chooser { username: &username, email: &email };
    let hash = password_entry::new_hash(chooser, wish.password_stdin)?;
    let new = NewUser {
        email: email.clone(),
        role: Role::Admin,
        is_staff: true,
        is_superuser: true,
        ..NewUser::member(&username, &hash)
    };
    let made = store.write(|conn| user::insert(conn, new))?;
    announce(&made);
    Ok(())
}
