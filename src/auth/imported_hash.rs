//! Stored password hashes of every kind accepted: ours and those that came with a Django database.
//!
//! A stored hash may come from anywhere, so its cost is bounded before any work is done for it.
//! **Never:** new hashes; those are made in `auth/password.rs`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::auth::secret::hex;

/// Longest stored hash looked at, in bytes.
const MAX_STORED_BYTES: usize = 512;
/// Django 5.2 writes 1,000,000.
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;
/// Django writes 100 MiB.
const MAX_ARGON2_KIB: u32 = 256 * 1024;
/// Memory in KiB times passes: the time it takes.
const MAX_ARGON2_WORK: u64 = 1024 * 1024;
const MAX_ARGON2_LANES: u32 = 16;
/// Django writes 12; each step doubles the time.
const MAX_BCRYPT_COST: u32 = 14;
const MAX_SCRYPT_BYTES: u64 = 128 << 20;
/// Django's 16384 x 8 x 5 takes 80 MiB of work; eight times that is allowed.
const MAX_SCRYPT_WORK_BYTES: u64 = 640 << 20;
/// Shortest and longest key compared; below it, chance would do.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// A stored hash that is unusable, malformed, of an unknown kind or dearer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHash;

/// A parsed Argon2 PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$key`.
pub struct Argon2Hash {
    pub algorithm: Algorithm,
    version: Version,
    pub params: Params,
    salt: Vec<u8>,
    key: Vec<u8>,
}

/// Whether `password` is the one `stored` was made of.
///
/// # Errors
/// [`NotAHash`] when `stored` can match nothing.
pub fn matches(password: &[u8], stored: &str) -> Result<bool, NotAHash> {
    if stored.len() > MAX_STORED_BYTES {
        return Err(NotAHash);
    }
    let (kind, rest) = stored.split_once('$').ok_or(NotAHash)?;
    match kind {
        "" => parse_argon2(rest)?.matches(password),
        "argon2" => parse_argon2(rest)?.matches(password),
        "pbkdf2_sha256" => pbkdf2_matches(password, rest, pbkdf2::pbkdf2_hmac::<Sha256>),
        "pbkdf2_sha1" => pbkdf2_matches(password, rest, pbkdf2::pbkdf2_hmac::<sha1::Sha1>),
        "scrypt" => scrypt_matches(password, rest),
        "bcrypt" => bcrypt_matches(password, rest),
        // Django hashes first because bcrypt reads no more than 72 bytes.
        "bcrypt_sha256" => bcrypt_matches(hex(&Sha256::digest(password)).as_bytes(), rest),
        _ => Err(NotAHash),
    }
}

fn same_key(made: &[u8], stored: &[u8]) -> bool {
    made.ct_eq(stored).into()
}

fn decode_key(encoded: &str) -> Result<Vec<u8>, NotAHash> {
    let key = STANDARD.decode(encoded).map_err(|_| NotAHash)?;
    if KEY_BYTES.contains(&key.len()) { Ok(key) } else { Err(NotAHash) }
}

/// Reads what follows the first `$` of a PHC string.
///
/// # Errors
/// [`NotAHash`] when it is malformed or dearer than allowed.
pub fn parse_argon2(text: &str) -> Result<Argon2Hash, NotAHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [kind, version, costs, salt, key] = parts[..] else { return Err(NotAHash) };
    let algorithm = match kind {
        "argon2id" => Algorithm::Argon2id,
        "argon2i" => Algorithm::Argon2i,
        "argon2d" => Algorithm::Argon2d,
        _ => return Err(NotAHash),
    };
    let version = match version {
        "v=19" => Version::V0x13,
        "v=16" => Version::V0x10,
        _ => return Err(NotAHash),
    };
    let costs: Vec<&str> = costs.split(',').collect();
    let [memory, passes, lanes] = costs[..] else { return Err(NotAHash) };
    let number = |text: &str, name: &str| -> Result<u32, NotAHash> {
        text.strip_prefix(name).and_then(|digits| digits.parse().ok()).ok_or(NotAHash)
    };
    let (memory_kib, passes, lanes) =
        (number(memory, "m=")?, number(passes, "t=")?, number(lanes, "p=")?);
    let is_dear = memory_kib > MAX_ARGON2_KIB
        || u64::from(memory_kib) * u64::from(passes) > MAX_ARGON2_WORK
        || lanes > MAX_ARGON2_LANES;
    let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| NotAHash)?;
    let key = STANDARD_NO_PAD.decode(key).map_err(|_| NotAHash)?;
    if is_dear || !KEY_BYTES.contains(&key.len()) {
        return Err(NotAHash);
    }
    let params = Params::new(memory_kib, passes, lanes, Some(key.len())).map_err(|_| NotAHash)?;
    Ok(Argon2Hash { algorithm, version, params, salt, key })
}

impl Argon2Hash {
    fn matches(&self, password: &[u8]) -> Result<bool, NotAHash> {
        let mut made = vec![0; self.key.len()];
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into(password, &self.salt, &mut made)
            .map_err(|_| NotAHash)?;
        Ok(same_key(&made, &self.key))
    }
}

/// `rounds$salt$key`
fn pbkdf2_matches(
    password: &[u8],
    text: &str,
    derive: fn(&[u8], &[u8], u32, &mut [u8]),
) -> Result<bool, NotAHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [rounds, salt, key] = parts[..] else { return Err(NotAHash) };
    let rounds: u32 = rounds.parse().map_err(|_| NotAHash)?;
    if !(1..=MAX_PBKDF2_ROUNDS).contains(&rounds) {
        return Err(NotAHash);
    }
    let key = decode_key(key)?;
    let mut made = vec![0; key.len()];
    derive(password, salt.as_bytes(), rounds, &mut made);
    Ok(same_key(&made, &key))
}

/// `n$salt$r$p$key`
fn scrypt_matches(password: &[u8], text: &str) -> Result<bool, NotAHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let [n, salt, r, p, key] = parts[..] else { return Err(NotAHash) };
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| NotAHash);
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let memory_bytes = u64::from(n).saturating_mul(u64::from(r)).saturating_mul(128);
    let is_dear = memory_bytes > MAX_SCRYPT_BYTES
        || memory_bytes.saturating_mul(u64::from(p)) > MAX_SCRYPT_WORK_BYTES
        || u64::from(r) * u64::from(p) > 1024;
    if !n.is_power_of_two() || n < 2 || is_dear {
        return Err(NotAHash);
    }
    let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| NotAHash)?;
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| NotAHash)?;
    let key = decode_key(key)?;
    let mut made = vec![0; key.len()];
    scrypt::scrypt(password, salt.as_bytes(), &params, &mut made).map_err(|_| NotAHash)?;
    Ok(same_key(&made, &key))
}

/// `$2b$12$…`, after Django's prefix.
fn bcrypt_matches(password: &[u8], text: &str) -> Result<bool, NotAHash> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| NotAHash)?;
    if parts.get_cost() > MAX_BCRYPT_COST {
        return Err(NotAHash);
    }
    bcrypt::verify(password, text).map_err(|_| NotAHash)
}
