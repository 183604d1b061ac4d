//! `createuser`: makes an account.

use crate::auth::identity::Role;
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::password_entry::{self, Chooser};
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::user::{self, NewUser, User};

/// Longest username, in characters (as Django's).
const MAX_NAME_CHARS: usize = 150;

/// The words behind `createuser`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Works while the server runs.\n\nExamples:\n  \
    switchboard createuser dana --role dispatcher --email dana@example.org\n  \
    echo \"$PASSWORD\" | switchboard createuser dana --role member --password-stdin")]
pub struct Createuser {
    /// The username: letters, digits and @ . + - _
    #[arg(value_name = "NAME")]
    pub name: String,
    /// admin, dispatcher, paramedic or member
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
    /// E-mail address, with which they may sign in too
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub email: String,
    /// The name others see
    #[arg(long, value_name = "NAME", default_value = "")]
    pub display_name: String,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: crate::auth::identity::NotARole| error.to_string())
}

/// Makes the account.
///
/// # Errors
/// A name or password that breaks a rule, or a name or address that is taken.
pub fn run(wish: &Createuser, config: &Config) -> Result<(), Failure> {
    check_name(&wish.name)?;
    check_email(&wish.email)?;
    let store = local::open_ready(config)?;
    let chooser = Chooser { username: &wish.name, email: &wish.email };
    let hash = password_entry::new_hash(chooser, wish.password_stdin)?;
    let new = NewUser {
        email: wish.email.clone(),
        display_name: wish.display_name.clone(),
        role: wish.role,
        is_staff: wish.role == Role::Admin,
        ..NewUser::member(&wish.name, &hash)
    };
    let made = store.write(|conn| user::insert(conn, new))?;
    announce(&made);
    Ok(())
}

/// Says on stderr which account was made.
pub fn announce(made: &User) {
    tell(&format!("created {} with role {}", made.username, made.role));
}

/// Whether someone may be called `name`.
///
/// # Errors
/// A sentence with the rule.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |symbol: char| symbol.is_alphanumeric() || "@.+-_".contains(symbol);
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || !name.chars().all(is_plain) {
        return Err(Failure(format!(
            "a username is 1 to {MAX_NAME_CHARS} letters, digits and @ . + - _"
        )));
    }
    Ok(())
}

/// Whether `email` is empty or looks like an address.
///
/// # Errors
/// A sentence with the rule.
pub fn check_email(email: &str) -> Result<(), Failure> {
    let is_odd = |symbol: char| symbol.is_whitespace() || symbol.is_control();
    let looks_right = email.split_once('@').is_some_and(|(mailbox, host)| {
        !mailbox.is_empty() && !host.is_empty() && !host.contains('@')
    });
    if email.is_empty() || (looks_right && email.len() <= 254 && !email.contains(is_odd)) {
        return Ok(());
    }
    Err(Failure::new("an e-mail address is written like dana@example.org"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_checked() {
        for good in ["dana", "dana.o+x@host", "Zoë", "test_dispatcher"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "two words", "a\nb", "x/y", &"n".repeat(151)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_email("").is_ok() && check_email("a@b").is_ok());
        for bad in ["a", "@b", "a@", "a@b@c", "a b@c"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }
}
