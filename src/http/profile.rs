//! The rules of an account's fields, and the refusal when one is taken.

use crate::actors::lane::Fault;
use crate::models::error::StoreError;
use crate::protocol::refusal::{Code, Refusal};

const MAX_NAME_CHARS: usize = 150;
const MAX_EMAIL_BYTES: usize = 254;
const MAX_PHONE_BYTES: usize = 32;

/// Whether a username may be chosen: nothing that could be another's email address or telephone
/// number, for people sign in by those too.
///
/// # Errors
/// A refusal of `username`.
pub fn check_username(name: &str) -> Result<(), Refusal> {
    let fits = name.chars().all(|symbol| symbol.is_alphanumeric() || "._-".contains(symbol))
        && name.chars().any(char::is_alphabetic)
        && name.chars().count() <= MAX_NAME_CHARS;
    if fits {
        return Ok(());
    }
    Err(Refusal::field("username", "1 to 150 letters, digits and . _ -, at least one letter"))
}

/// Whether a person may be called so; empty is none.
///
/// # Errors
/// A refusal of `field`.
pub fn check_name(field: &'static str, name: &str) -> Result<(), Refusal> {
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(Refusal::field(field, "at most 150 characters, none of them a control"));
    }
    Ok(())
}

/// Whether it looks like an email address; empty is none.
///
/// # Errors
/// A refusal of `email`.
pub fn check_email(email: &str) -> Result<(), Refusal> {
    let email = email.trim();
    let has_both_sides = email
        .rsplit_once('@')
        .is_some_and(|(mailbox, host)| !mailbox.is_empty() && !host.is_empty());
    let is_plain = !email.chars().any(|symbol| symbol.is_control() || symbol.is_whitespace());
    if email.is_empty() || (email.len() <= MAX_EMAIL_BYTES && has_both_sides && is_plain) {
        return Ok(());
    }
    Err(Refusal::field("email", "an email address of at most 254 bytes"))
}

/// Whether it looks like a telephone number; empty is none.
///
/// # Errors
/// A refusal of `phone`.
pub fn check_phone(phone: &str) -> Result<(), Refusal> {
    let fits = phone.len() <= MAX_PHONE_BYTES
        && phone.bytes().all(|byte| byte.is_ascii_digit() || b"+-() ".contains(&byte));
    let has_digits = phone.bytes().any(|byte| byte.is_ascii_digit());
    if phone.trim().is_empty() || (fits && has_digits) {
        return Ok(());
    }
    Err(Refusal::field("phone", "at most 32 digits, spaces and + - ( )"))
}

/// Names the field when an account clashes with another.
pub fn clash(error: StoreError) -> Fault {
    let field = match &error {
        StoreError::Conflict(Some(column)) => match column.as_str() {
            "users.username" => "username",
            "users.email" => "email",
            "users.phone" => "phone",
            _ => return error.into(),
        },
        _ => return error.into(),
    };
    let refusal = Refusal::field(field, "not in use by another account");
    Refusal { code: Code::Conflict, ..refusal }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_cannot_pass_for_an_email_address_or_a_number() {
        for good in ["alice", "a.b-c_d", "álice", "user1"] {
            assert_eq!(check_username(good), Ok(()), "{good}");
        }
        let long = "a".repeat(151);
        for bad in ["", "a b", "bob@example.org", "+2325550100", "5550100", "a\n", "a/b", &long] {
            assert!(check_username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn email_addresses_and_numbers_are_checked_for_their_form() {
        for good in ["", "a@b", "a@example.org", " a@example.org "] {
            assert_eq!(check_email(good), Ok(()), "{good}");
        }
        for bad in ["a", "@", "a@", "@b", "a b@c", "a@b\r\nBcc: x"] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_phone("+232 (76) 555-010"), Ok(()));
        assert!(check_phone("abc").is_err());
        assert!(check_phone("+").is_err());
    }
}
