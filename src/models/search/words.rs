//! Words: how text is parted and folded for search, the same for both engines.
//!
//! Case, accents and forms of writing do not count: `Ärger` and `arger` are one word. Scripts that
//! put no spaces between words are parted sign by sign.

use unicode_normalization::char::decompose_compatible;
use unicode_normalization::char::is_combining_mark;

/// Longest word kept, in characters; what is longer counts by its beginning.
const MAX_WORD_CHARS: usize = 64;
/// Most words of one text; what comes after is not searched.
const MAX_WORDS: usize = 10_000;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Folded.
    pub text: String,
    /// Where it stands in the text, in bytes.
    pub start: usize,
    pub end: usize,
}

/// The words of `text`, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    let mut folded = String::new();
    for (start, symbol) in text.char_indices() {
        let end = start + symbol.len_utf8();
        folded.clear();
        fold(symbol, &mut folded);
        if folded.is_empty() {
            // A mark belongs to the letter before it; anything else ends the word.
            match words.last_mut() {
                Some(word) if open && is_combining_mark(symbol) => word.end = end,
                _ => open = false,
            }
            continue;
        }
        let alone = stands_alone(symbol);
        let is_full = words.len() >= MAX_WORDS;
        match words.last_mut() {
            Some(word) if open && !alone => {
                word.end = end;
                if word.text.chars().count() < MAX_WORD_CHARS {
                    word.text.push_str(&folded);
                }
            }
            _ if is_full => break,
            _ => words.push(Word { text: folded.clone(), start, end }),
        }
        open = !alone;
    }
    words
}

/// A word's letters as they are compared; nothing for what is no letter or digit.
fn fold(symbol: char, into: &mut String) {
    if symbol.is_ascii() {
        if symbol.is_ascii_alphanumeric() {
            into.push(symbol.to_ascii_lowercase());
        }
        return;
    }
    decompose_compatible(symbol, |part| {
        if is_combining_mark(part) {
            return;
        }
        for lower in part.to_lowercase().filter(|lower| lower.is_alphanumeric()) {
            match plain(lower) {
                Some(letters) => into.push_str(letters),
                None => into.push(lower),
            }
        }
    });
}

/// Letters that Unicode does not take apart, as people without them on the keyboard write them.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ŧ' => "t",
        'ς' => "σ",
        _ => return None,
    })
}

/// Whether a sign is a word of its own: scripts without spaces.
fn stands_alone(symbol: char) -> bool {
    matches!(u32::from(symbol),
        0x0E00..=0x0EFF            // Thai, Lao
        | 0x1000..=0x109F          // Burmese
        | 0x1780..=0x17FF          // Khmer
        | 0x3040..=0x30FF          // Kana
        | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF          // Han
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9D          // narrow Kana
        | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn case_accents_and_forms_do_not_count() {
        assert_eq!(folded("Ärger ARGER a\u{308}rger"), ["arger"; 3]);
        assert_eq!(folded("Straße STRASSE"), ["strasse"; 2]);
        assert_eq!(folded("ﬁne ＦＩＮＥ"), ["fine"; 2]);
        assert_eq!(folded("Łódź Ølen Ægir"), ["lodz", "olen", "aegir"]);
        assert_eq!(folded("Σίσυφος σισυφοσ"), ["σισυφοσ"; 2]);
        assert_eq!(folded("Ёлка елка"), ["елка"; 2]);
    }

    #[test]
    fn whatever_is_no_letter_or_digit_parts_words() {
        assert_eq!(
            folded("don't e-mail me@x.org, v1.2!"),
            ["don", "t", "e", "mail", "me", "x", "org", "v1", "2"]
        );
        assert_eq!(folded(" \u{e000}… 🙂 "), Vec::<String>::new());
    }

    #[test]
    fn scripts_without_spaces_are_parted_sign_by_sign() {
        assert_eq!(folded("東京tower"), ["東", "京", "tower"]);
        assert_eq!(folded("カメラ"), ["カ", "メ", "ラ"]);
    }

    #[test]
    fn a_word_knows_where_it_stands() {
        let text = "é, a\u{301}b!";
        let found = words(text);
        assert_eq!((found[0].start, found[0].end), (0, 2));
        assert_eq!(&text[found[1].start..found[1].end], "a\u{301}b");
    }

    #[test]
    fn a_word_and_a_text_have_their_limits() {
        assert_eq!(folded(&"x".repeat(100)), ["x".repeat(64)]);
        assert_eq!(words(&"a ".repeat(20_000)).len(), 10_000);
    }
}
