//! Secrets: how they are made, kept at rest and compared.
//!
//! **Never:** a secret in a log; [`Secret`] prints dots.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A value that must not be printed. Both `Debug` and `Display` write `••••`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text` so that printing it by accident shows nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that hands it to its owner or checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

/// Fills an array from the kernel's random source.
///
/// # Panics
/// When the kernel has no randomness to give.
#[expect(clippy::expect_used, reason = "going on without randomness would make guessable secrets")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A new session cookie value: 32 characters of `a-z0-9` (165 bits), as Django's are.
pub fn cookie_key() -> String {
    const SYMBOLS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut key = String::with_capacity(32);
    while key.len() < 32 {
        // 252 is the largest multiple of 36 in a byte; what is above it would favor some symbols.
        let usable = random_bytes::<48>().into_iter().filter(|byte| *byte < 252);
        key.extend(
            usable.take(32 - key.len()).map(|byte| char::from(SYMBOLS[usize::from(byte % 36)])),
        );
    }
    key
}

/// A new opaque API token: 40 hexadecimal digits (160 bits), as Django REST framework's are.
pub fn opaque_token() -> String {
    hex(&random_bytes::<20>())
}

/// A new password reset token: 64 hexadecimal digits (256 bits).
pub fn reset_token() -> String {
    hex(&random_bytes::<32>())
}

/// A new token id (`jti`): 32 hexadecimal digits.
pub fn token_id() -> String {
    hex(&random_bytes::<16>())
}

/// What is stored in place of a random secret: its SHA-256 in hexadecimal.
///
/// Only for secrets made here, which nobody can guess; passwords need `auth/password.rs`.
pub fn hash_at_rest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_secrets_have_their_form_and_differ() {
        for _ in 0..200 {
            let key = cookie_key();
            assert_eq!(key.len(), 32);
            assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            assert_ne!(key, cookie_key());
        }
        assert_eq!(opaque_token().len(), 40);
        assert_eq!(reset_token().len(), 64);
        assert_ne!(opaque_token(), opaque_token());
    }

    #[test]
    fn a_secret_at_rest_is_its_sha_256() {
        assert_eq!(
            hash_at_rest("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("canary");
        assert_eq!(format!("{secret} {secret:?}"), "•••• ••••");
        assert_eq!(secret.expose(), "canary");
    }

    #[test]
    fn same_tells_equal_from_different() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "ab"));
    }
}
