//! What uploaded files are called: by us, by their uploaders, and by their checksums.

use crate::auth::secret;
use crate::protocol::refusal::Refusal;

/// Longest name of a file, in bytes.
const NAME_BYTES: usize = 255;

/// A key that nobody can guess, in one of 256 folders.
pub fn new_key() -> String {
    let name = secret::token_id();
    format!("{}/{name}", &name[..2])
}

/// The key that ends in this word, if any can.
pub fn key_of(word: &str) -> Option<String> {
    let is_word = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_word.then(|| format!("{}/{word}", &word[..2]))
}

/// The last part of a path that a client calls a file by, without what could confuse a reader.
pub fn file_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default().trim().trim_matches('.');
    let plain = last.chars().filter(|symbol| !symbol.is_control() && !is_direction(*symbol));
    let mut name = String::new();
    for symbol in plain {
        if name.len() + symbol.len_utf8() > NAME_BYTES {
            break;
        }
        name.push(symbol);
    }
    if name.is_empty() { "file".to_owned() } else { name }
}

/// Marks that make text run backwards, by which `exe.gpj` looks like `jpg.exe`.
fn is_direction(symbol: char) -> bool {
    matches!(symbol, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks a checksum a client announces.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check_sha256(given: Option<String>) -> Result<Option<String>, Refusal> {
    let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match given.filter(|given| !given.is_empty()) {
        Some(given) if !is_hex(&given) => {
            Err(Refusal::field("sha256", "64 hexadecimal digits, or nothing"))
        }
        given => Ok(given.map(|given| given.to_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_one_word_of_a_path_without_tricks() {
        assert_eq!(file_name("holiday.jpg"), "holiday.jpg");
        assert_eq!(file_name("C:\\Users\\ada\\a b.txt"), "a b.txt");
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("photo\u{202e}gpj.exe"), "photogpj.exe");
        assert_eq!(file_name("a\r\nSet-Cookie: x"), "aSet-Cookie: x");
        assert_eq!(file_name(" .. "), "file");
        assert_eq!(file_name(""), "file");
        assert_eq!(file_name(&"é".repeat(200)).len(), 254);
    }

    #[test]
    fn a_checksum_is_64_hexadecimal_digits() {
        let given = Some("AB".repeat(32));
        assert_eq!(check_sha256(given), Ok(Some("ab".repeat(32))));
        assert_eq!(check_sha256(Some(String::new())), Ok(None));
        assert!(check_sha256(Some("ab".to_owned())).is_err());
        assert!(check_sha256(Some("zz".repeat(32))).is_err());
    }

    #[test]
    fn keys_are_spread_over_folders() {
        let key = new_key();
        assert_eq!(key.len(), 35);
        assert_eq!(key[..2], key[3..5]);
    }
}
