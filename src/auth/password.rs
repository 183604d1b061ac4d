//! Passwords: hashes new ones with Argon2id, checks old ones and says which may be chosen.
//!
//! Every function but [`check_new`] takes tens of milliseconds and megabytes: call them on the
//! hashing pool only. **Never:** a password in a log or an error.

use std::hint::black_box;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::auth::imported_hash;
use crate::auth::secret::random_bytes;
use crate::protocol::refusal::Refusal;

/// Memory of a new hash, in KiB: 19 MiB (OWASP password storage, Argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const KEY_BYTES: usize = 32;

/// Shortest new password, in bytes.
pub const MIN_PASSWORD_BYTES: usize = 8;
/// Longest password looked at, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Passwords of eight bytes and more that every guesser tries first.
const COMMON: &[&str] = &[
    "1q2w3e4r",
    "1qaz2wsx",
    "aa123456",
    "abc12345",
    "abcd1234",
    "admin123",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "changeme",
    "chocolate",
    "computer",
    "danielle",
    "football",
    "iloveyou",
    "jennifer",
    "letmein1",
    "liverpool",
    "michelle",
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "princess",
    "q1w2e3r4",
    "qwer1234",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "samantha",
    "starwars",
    "sunshine",
    "superman",
    "trustno1",
    "victoria",
    "welcome1",
    "whatever",
    "zxcvbnm1",
    "1q2w3e4r5t",
    "a1b2c3d4",
    "administrator",
    "switchboard",
    "dispatcher",
    "paramedic",
    "ambulance",
];

/// What came of comparing a password with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Match,
    /// It matches, and the stored hash should be replaced by [`hash_new`]'s.
    MatchOutdated,
    NoMatch,
}

impl Verdict {
    /// Whether the password is right.
    pub fn is_match(self) -> bool {
        self != Self::NoMatch
    }
}

#[expect(clippy::expect_used, reason = "the parameters are constants that a test uses")]
fn derive(password: &[u8], salt: &[u8]) -> [u8; KEY_BYTES] {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(KEY_BYTES))
        .expect("the constant parameters are valid");
    let mut key = [0; KEY_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut key)
        .expect("the salt has 16 bytes and the key 32");
    key
}

/// Hashes a new password with Argon2id and a random salt, as a PHC string.
pub fn hash_new(password: &str) -> String {
    let salt: [u8; 16] = random_bytes();
    let key = derive(password.as_bytes(), &salt);
    format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(key)
    )
}

/// What is stored for someone who cannot sign in by password; nothing ever matches it.
pub fn unusable() -> String {
    format!("!{}", crate::auth::secret::opaque_token())
}

/// Compares a password with a stored hash, ours or Django's.
///
/// A malformed, unusable or hostile `stored` costs as much as a wrong password and never matches.
pub fn verify(password: &str, stored: &str) -> Verdict {
    if password.len() > MAX_PASSWORD_BYTES {
        verify_nobody("");
        return Verdict::NoMatch;
    }
    match imported_hash::matches(password.as_bytes(), stored) {
        Ok(true) if is_current(stored) => Verdict::Match,
        Ok(true) => Verdict::MatchOutdated,
        Ok(false) => Verdict::NoMatch,
        Err(imported_hash::NotAHash) => {
            verify_nobody(password);
            Verdict::NoMatch
        }
    }
}

/// Does the work of [`verify`] for an account that does not exist, so that time tells nothing.
pub fn verify_nobody(password: &str) {
    let bytes = password.as_bytes();
    let bytes = &bytes[..bytes.len().min(MAX_PASSWORD_BYTES)];
    black_box(derive(black_box(bytes), b"nobody lives here"));
}

fn is_current(stored: &str) -> bool {
    let Some(rest) = stored.strip_prefix('$') else { return false };
    imported_hash::parse_argon2(rest).is_ok_and(|hash| {
        hash.algorithm == Algorithm::Argon2id
            && hash.params.m_cost() == MEMORY_KIB
            && hash.params.t_cost() == PASSES
            && hash.params.p_cost() == LANES
    })
}

/// Whether `password` may be chosen by someone called `username` with this `email`.
///
/// # Errors
/// A refusal of the field `password` that names the rule it breaks.
pub fn check_new(password: &str, username: &str, email: &str) -> Result<(), Refusal> {
    let refuse = |rule: &'static str| Err(Refusal::field("password", rule));
    if password.len() < MIN_PASSWORD_BYTES {
        return refuse("at least 8 bytes");
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return refuse("at most 1024 bytes");
    }
    if password.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse("not digits alone");
    }
    let lower = password.to_lowercase();
    let mailbox = email.split('@').next().unwrap_or_default();
    if [username, email, mailbox].iter().any(|name| name.to_lowercase() == lower) {
        return refuse("not the username or email");
    }
    let is_one_symbol = lower.chars().all(|symbol| lower.starts_with(symbol));
    if is_one_symbol || COMMON.contains(&lower.as_str()) {
        return refuse("not one that everybody guesses first");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/fixtures/django_vectors.json")).unwrap()
    }

    #[test]
    fn a_new_hash_matches_its_password_only_and_is_current() {
        let stored = hash_new("correct horse");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verify("correct horse", &stored), Verdict::Match);
        assert_eq!(verify("correct hors", &stored), Verdict::NoMatch);
        assert_ne!(stored, hash_new("correct horse"));
    }

    #[test]
    fn every_hash_that_django_made_matches_and_is_outdated() {
        let vectors = vectors();
        let password = vectors["password"].as_str().unwrap();
        let mut count = 0;
        for (kind, stored) in vectors["hashes"].as_object().unwrap() {
            let stored = stored.as_str().unwrap();
            if kind == "unusable" {
                assert_eq!(verify(password, stored), Verdict::NoMatch);
                continue;
            }
            count += 1;
            assert_eq!(verify(password, stored), Verdict::MatchOutdated, "{kind}");
            assert_eq!(verify("wrong-p455", stored), Verdict::NoMatch, "{kind}");
        }
        assert!(count >= 5);
    }

    #[test]
    fn plain_bcrypt_matches_too() {
        let stored = format!("bcrypt${}", bcrypt::hash("s3cret-p455", 4).unwrap());
        assert_eq!(verify("s3cret-p455", &stored), Verdict::MatchOutdated);
        assert_eq!(verify("s3cret-p45", &stored), Verdict::NoMatch);
    }

    #[test]
    fn unusable_malformed_and_hostile_hashes_match_nothing() {
        let long = "$".repeat(4096);
        for stored in [
            "",
            "!",
            "!abc",
            "$",
            "$$$$$$",
            "plain",
            "md5$salt$0123456789abcdef0123456789abcdef",
            "pbkdf2_sha256$",
            "pbkdf2_sha256$0$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "pbkdf2_sha256$4294967295$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "pbkdf2_sha256$-1$salt$AAAA",
            "pbkdf2_sha256$1$salt$",
            "pbkdf2_sha256$1$salt$é",
            "argon2$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "argon2$argon2id$v=19$m=1024,t=4294967295,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "argon2$argon2id$v=19$m=8,t=1,p=16777215$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "argon2$argon2id$v=19$m=1024,t=1,p=1$$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$AAAA",
            "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$$$",
            "scrypt$16384$salt$8$1$",
            "scrypt$16383$salt$8$1$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "scrypt$2147483648$salt$8$1$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "scrypt$16$salt$4294967295$4294967295$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "scrypt$16384$salt$8$4294967295$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "scrypt$0$salt$0$0$AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "bcrypt$$2b$31$udlNQbIsBx4eGLufVAOOb.ZUd8k4oaGmOoLNpKt/9/mLMve5TCJaG",
            "bcrypt$$2b$12$short",
            "bcrypt_sha256$$2b$99$udlNQbIsBx4eGLufVAOOb.ZUd8k4oaGmOoLNpKt/9/mLMve5TCJaG",
            &long,
        ] {
            assert_eq!(verify("s3cret-p455", stored), Verdict::NoMatch, "{stored}");
            assert_eq!(verify("", stored), Verdict::NoMatch, "{stored}");
        }
    }

    #[test]
    fn an_overlong_password_matches_nothing() {
        let long = "é".repeat(600);
        let stored = hash_new(&long);
        assert_eq!(verify(&long, &stored), Verdict::NoMatch);
        verify_nobody(&long);
        assert_eq!(verify(&long, &unusable()), Verdict::NoMatch);
    }

    #[test]
    fn a_new_password_is_refused_with_its_rule() {
        let rule = |password: &str| {
            check_new(password, "Alice-in-chains", "bobby.tables@example.org")
                .err()
                .map(|refusal| (refusal.field.unwrap(), refusal.rule.unwrap().into_owned()))
        };
        let refused = |password: &str, wanted: &str| {
            assert_eq!(rule(password), Some(("password".into(), wanted.to_owned())), "{password}");
        };
        refused("seven77", "at least 8 bytes");
        refused(&"a1".repeat(513), "at most 1024 bytes");
        refused("9182736450", "not digits alone");
        refused("alice-IN-chains", "not the username or email");
        refused("bobby.tables", "not the username or email");
        refused("bobby.tables@example.org", "not the username or email");
        refused("Password123", "not one that everybody guesses first");
        refused("aaaaaaaaaa", "not one that everybody guesses first");
        assert_eq!(rule("switchboard-demo"), None);
        assert_eq!(rule("pässwörd"), None);
    }
}
