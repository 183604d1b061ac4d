//! A search as people write it: words, `"phrases"`, beginnings of words with a star.

use crate::models::search::words::{Word, words};

/// Longest search, in characters.
const MAX_CHARS: usize = 200;
/// Most words of a search.
const MAX_WORDS: usize = 16;
/// Fewest characters before a star: shorter ones would find nearly everything.
const MIN_PREFIX_CHARS: usize = 3;

/// Words that stand one after the other; one for most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub words: Vec<String>,
    /// Whether the last word is the beginning of one.
    pub is_prefix: bool,
}

/// What is looked for: every term of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub terms: Vec<Term>,
}

/// Reads a search.
///
/// # Errors
/// The rule it breaks.
pub fn parse(text: &str) -> Result<Query, &'static str> {
    if text.chars().count() > MAX_CHARS {
        return Err("at most 200 characters");
    }
    let mut terms = Vec::new();
    // Every second part stands in quotes; a quote that is not closed reaches to the end.
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            terms.extend(term(part, false));
            continue;
        }
        for word in part.split_whitespace() {
            let (plain, is_prefix) = match word.strip_suffix('*') {
                Some(plain) => (plain, true),
                None => (word, false),
            };
            terms.extend(term(plain, is_prefix));
        }
    }
    let count: usize = terms.iter().map(|term| term.words.len()).sum();
    let too_short = |term: &Term| {
        let last = term.words.last().map_or(0, |word| word.chars().count());
        term.is_prefix && last < MIN_PREFIX_CHARS
    };
    match count {
        0 => Err("at least one word"),
        _ if count > MAX_WORDS => Err("at most 16 words"),
        _ if terms.iter().any(too_short) => Err("at least 3 letters before a star"),
        _ => Ok(Query { terms }),
    }
}

fn term(text: &str, is_prefix: bool) -> Option<Term> {
    let words: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    (!words.is_empty()).then_some(Term { words, is_prefix })
}

impl Term {
    /// Whether it stands in a text's words from the place `at` on.
    pub fn stands_at(&self, text: &[Word], at: usize) -> bool {
        let last = self.words.len() - 1;
        text.get(at..at + self.words.len()).is_some_and(|here| {
            here.iter().zip(&self.words).enumerate().all(|(index, (found, wanted))| {
                found.text == *wanted
                    || (self.is_prefix && index == last && found.text.starts_with(wanted))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<(String, bool)> {
        let query = parse(text).unwrap();
        query.terms.into_iter().map(|term| (term.words.join(" "), term.is_prefix)).collect()
    }

    #[test]
    fn words_phrases_and_beginnings_are_told_apart() {
        let found = terms("Späte \"frohe Ernte\" wein* e-mail");
        let plain = |text: &str| (text.to_owned(), false);
        assert_eq!(
            found,
            [plain("spate"), plain("frohe ernte"), ("wein".to_owned(), true), plain("e mail")]
        );
        assert_eq!(terms("\"not closed"), [plain("not closed")]);
        assert_eq!(terms("AND OR NOT NEAR"), ["and", "or", "not", "near"].map(plain));
    }

    #[test]
    fn a_search_that_looks_for_nothing_or_too_much_is_refused() {
        for bad in ["", "  ", "\"\"", "*", "… !", "ab*", &"x".repeat(201), &"a ".repeat(17)] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
