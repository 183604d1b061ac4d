//! Mentions: which usernames a text names with `@`.

/// Most different names read from one text.
const MAX_NAMES: usize = 50;

fn is_of_name(symbol: char) -> bool {
    symbol.is_alphanumeric() || "._-".contains(symbol)
}

/// The names behind `@`, each once, in lower case as usernames are compared. `@` inside a word, as
/// in an e-mail address, names nobody; a full stop or dash at the end belongs to the sentence.
pub fn names(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('@') {
        if text[..at].chars().next_back().is_some_and(|before| is_of_name(before) || before == '@')
        {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|symbol| !is_of_name(symbol)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', '-']).to_lowercase();
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
        if found.len() == MAX_NAMES {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_behind_an_at_sign_that_begins_a_word() {
        assert_eq!(names("@ada and (@Bob), @c.d_e-f."), ["ada", "bob", "c.d_e-f"]);
        assert_eq!(names("@Ädä, @ada @ADA"), ["ädä", "ada"]);
    }

    #[test]
    fn an_email_address_and_a_bare_sign_name_nobody() {
        let none: [&str; 0] = [];
        assert_eq!(names("write to ada@example.org @ noon, @@ada or @."), none);
        assert_eq!(names("no sign"), none);
    }

    #[test]
    fn a_text_full_of_names_gives_fifty() {
        let text: String = (0..200).map(|number| format!("@n{number} ")).collect();
        assert_eq!(names(&text).len(), MAX_NAMES);
    }
}
