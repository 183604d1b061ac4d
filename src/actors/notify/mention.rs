//! Mentions: the people a text names with `@username`.

/// Most people that one message may mention.
pub const MENTIONS_MAX: usize = 50;

/// The names a text mentions, each once, in lower case and in order. A name ends where no letter,
/// digit, `.`, `_` or `-` follows; a full stop behind it is the sentence's.
pub fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut before = None;
    for (at, symbol) in text.char_indices() {
        // An address like ada@example.org mentions nobody.
        let is_start = symbol == '@' && before.is_none_or(|before: char| !is_part(before));
        before = Some(symbol);
        if !is_start {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|symbol| !is_part(symbol)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', '-']).to_lowercase();
        if !name.is_empty() && !names.contains(&name) && names.len() < MENTIONS_MAX {
            names.push(name);
        }
    }
    names
}

fn is_part(symbol: char) -> bool {
    symbol.is_alphanumeric() || matches!(symbol, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_with_the_word_and_is_counted_once() {
        assert_eq!(names("@Ada, have you seen @bob.b and @ada?"), ["ada", "bob.b"]);
        assert_eq!(names("ask @ada."), ["ada"]);
        assert_eq!(names("(@zoë)"), ["zoë"]);
    }

    #[test]
    fn an_email_address_mentions_nobody() {
        assert_eq!(names("write to ada@example.org or @"), [""; 0]);
        assert_eq!(names("@@ada"), ["ada"]);
    }

    #[test]
    fn no_message_mentions_more_than_the_limit() {
        let text: String = (0..60).map(|number| format!("@u{number} ")).collect();
        assert_eq!(names(&text).len(), MENTIONS_MAX);
    }
}
