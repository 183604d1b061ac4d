//! Reads Rust source the way the rules need it: code apart from comments, strings and tests.

/// One source file, split into what the rules look at. All three texts have the same lines.
pub struct Source {
    /// Path below the checkout, with `/`.
    pub path: String,
    pub raw: String,
    /// `raw` with comments, and the insides of strings and characters, blanked.
    pub code: String,
    /// `code` with `#[cfg(test)]` items blanked too; all blank for a file under `tests/`.
    pub shipped: String,
}

impl Source {
    /// Splits `raw`, found at `path`.
    pub fn new(path: &str, raw: &str) -> Self {
        let code = blank_words(raw);
        let shipped = if path.starts_with("tests/") || path.starts_with("benches/") {
            keep_lines(&code)
        } else {
            blank_tests(&code)
        };
        Self { path: path.to_owned(), raw: raw.to_owned(), code, shipped }
    }

    /// The room (folder or file of `src/`) this file belongs to; `None` outside `src/`.
    pub fn room(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// The file's name without folder and ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.strip_suffix(".rs").unwrap_or(name)
    }

    /// A finding of a rule, pointing at the line that holds byte `at` of one of the texts.
    pub fn finding(&self, at: usize, says: impl std::fmt::Display) -> String {
        let line = self.raw.as_bytes()[..at.min(self.raw.len())]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        format!("{}:{}: {says}", self.path, line + 1)
    }
}

/// Blanks every byte but line ends, so that positions and line numbers stay.
fn keep_lines(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Where the item that starts at `from` ends: after its closing brace or its semicolon.
pub fn item_end(code: &str, from: usize) -> usize {
    let (mut braces, mut others) = (0usize, 0usize);
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && others == 0 {
                    return at + 1;
                }
            }
            b';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]") {
        let end = item_end(&out, at + "#[cfg(test)]".len());
        let blank = keep_lines(&out[at..end]);
        out.replace_range(at..end, &blank);
    }
    out
}

/// How many bytes of `rest` one comment, string or character takes, and how many of those at its
/// start and end stay; `None` when `rest` starts with none of them.
fn word_at(rest: &[u8], after_ident: bool) -> Option<(usize, usize, usize)> {
    let found = |needle: &[u8], from: usize| {
        rest[from..].windows(needle.len()).position(|part| part == needle).map(|at| at + from)
    };
    if rest.starts_with(b"//") {
        return Some((found(b"\n", 0).unwrap_or(rest.len()), 0, 0));
    }
    if rest.starts_with(b"/*") {
        return Some((block_comment(rest), 0, 0));
    }
    if !after_ident && matches!(rest[0], b'r' | b'b' | b'c') {
        let prefix = rest.iter().take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
        let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
        let raw = rest[..prefix].contains(&b'r');
        if raw && prefix <= 2 && rest.get(prefix + hashes) == Some(&b'"') {
            let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let end = found(&closing, prefix + hashes + 1).map_or(rest.len(), |at| at + hashes + 1);
            return Some((end, prefix + hashes + 1, hashes + 1));
        }
    }
    match rest[0] {
        b'"' => Some((quoted(rest, b'"'), 1, 1)),
        // A quote opens a character, not a lifetime, when an escape or a closing quote follows.
        b'\'' if rest.get(1) == Some(&b'\\') => Some((quoted(rest, b'\''), 1, 1)),
        b'\'' => {
            let wide = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .unwrap_or_else(|e| std::str::from_utf8(&rest[1..=e.valid_up_to()]).unwrap_or(""))
                .chars()
                .next()?
                .len_utf8();
            (rest.get(1 + wide) == Some(&b'\'')).then_some((2 + wide, 1, 1))
        }
        _ => None,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn blank_words(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let after_ident = at > 0 && is_ident(bytes[at - 1]);
        let Some((length, head, tail)) = word_at(&bytes[at..], after_ident) else {
            out.push(if bytes[at].is_ascii() { bytes[at] } else { b'_' });
            at += 1;
            continue;
        };
        for (place, &byte) in bytes[at..at + length].iter().enumerate() {
            let edge = place < head || place + tail >= length;
            out.push(if edge || byte == b'\n' { byte } else { b' ' });
        }
        at += length;
    }
    String::from_utf8(out).expect("every byte kept is ASCII")
}

/// Whether `byte` can stand inside a Rust name.
pub fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `name` stands in `text` as a whole word.
pub fn words<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let bytes = text.as_bytes();
    text.match_indices(name).map(|(at, _)| at).filter(move |&at| {
        let joins = |inner: Option<&u8>, outer: Option<&u8>| {
            inner.is_some_and(|&byte| is_ident(byte)) && outer.is_some_and(|&byte| is_ident(byte))
        };
        let before = at.checked_sub(1).and_then(|place| bytes.get(place));
        !joins(name.as_bytes().first(), before)
            && !joins(name.as_bytes().last(), bytes.get(at + name.len()))
    })
}

/// The first names after `prefix` (such as `crate::`), looking into `{…}` groups.
pub fn first_names(text: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for at in words(text, prefix) {
        let from = at + prefix.len();
        let name_at = |start: usize| -> String {
            text[start..].chars().take_while(|&c| c.is_ascii() && is_ident(c as u8)).collect()
        };
        if text.as_bytes().get(from) != Some(&b'{') {
            out.push((at, name_at(from)));
            continue;
        }
        let group = &text[from..item_end(text, from)];
        let mut depth = 0;
        for (place, byte) in group.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            let opens = matches!(byte, b'{' | b',') && depth == 1;
            if opens {
                let skip = group[place + 1..].len() - group[place + 1..].trim_start().len();
                let name = name_at(from + place + 1 + skip);
                if !name.is_empty() {
                    out.push((at, name));
                }
            }
        }
    }
    out
}

#[test]
fn words_inside_comments_strings_and_tests_are_not_code() {
    let source = Source::new(
        "src/x.rs",
        "//! a b\nlet c = \"d // e\"; let f = 'g'; let h: &'i str = r#\"j \" k\"#;\n\
         /* l /* m */ n */ let o = '\\''; let p = \"é\\\"q\";\n\
         #[cfg(test)]\nmod tests { fn r() { '{'; } }\nfn s() {}\n",
    );
    let names = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| word.len() == 1)
            .collect::<String>()
    };
    assert_eq!(names(&source.code), "cfhiroprs");
    assert_eq!(names(&source.shipped), "cfhirops");
    assert_eq!(source.code.lines().count(), source.raw.lines().count());
}

#[test]
fn names_are_found_in_groups_and_alone() {
    let names: Vec<String> =
        first_names("use crate::{a::{x, y}, b};\ncrate::c::d(); mycrate::e", "crate::")
            .into_iter()
            .map(|(_, name)| name)
            .collect();
    assert_eq!(names, ["a", "b", "c"]);
}
