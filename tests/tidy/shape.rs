//! How a file looks: its sign, its size, its words.

use crate::Rule;
use crate::source::{Source, is_ident, item_end, words};

/// Most non-blank lines of a file, its `mod tests` left out.
const FILE_WALL: usize = 400;
/// Most non-blank lines of a function, signature included.
const FUNCTION_WALL: usize = 70;
/// Most columns of a line. Rows of tables (in docs, or kept by `rustfmt::skip`) are exempt.
const LINE_WALL: usize = 100;

/// Printed by a tool: no walls, no sign.
const PRINTED: &str = "src/models/schema.rs";

fn filled(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

fn sizes(source: &Source) -> Vec<String> {
    // Stories are tests: the wall is for what ships.
    if source.path == PRINTED || source.path.starts_with("tests/") {
        return Vec::new();
    }
    let mut out = Vec::new();
    let tests = words(&source.code, "#[cfg(test)]")
        .map(|at| filled(&source.raw[at..item_end(&source.code, at + 12)]))
        .sum::<usize>();
    let lines = filled(&source.raw) - tests;
    if lines > FILE_WALL {
        out.push(source.finding(0, format!("{lines} lines; the wall is {FILE_WALL}")));
    }
    for at in words(&source.code, "fn") {
        // `fn(…)` is a type, not a function.
        if source.code[at + 2..].starts_with('(') {
            continue;
        }
        let lines = filled(&source.raw[at..item_end(&source.code, at)]);
        if lines > FUNCTION_WALL {
            out.push(source.finding(at, format!("a function of {lines} lines")));
        }
    }
    let mut at = 0;
    let skipped: Vec<(usize, usize)> = words(&source.code, "#[rustfmt::skip]")
        .map(|at| (at, item_end(&source.code, at + "#[rustfmt::skip]".len())))
        .collect();
    for line in source.raw.split_inclusive('\n') {
        let text = line.trim_end();
        let table = ["//! |", "/// |"].iter().any(|row| text.trim_start().starts_with(row))
            || skipped.iter().any(|&(from, to)| from <= at && at < to);
        if text.chars().count() > LINE_WALL && !table {
            out.push(source.finding(at, format!("a line over {LINE_WALL} columns")));
        }
        at += line.len();
    }
    out
}

fn signs(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    if source.path != PRINTED && !source.raw.starts_with("//! ") {
        out.push(source.finding(0, "the first line is a `//!` sentence saying what lives here"));
    }
    let is_list = source.path.starts_with("src/")
        && (source.path.ends_with("/mod.rs") || source.path == "src/lib.rs");
    if is_list {
        if !source.raw.lines().any(|line| line.starts_with("//! **Never:**")) {
            out.push(source.finding(0, "a room's sign has a `**Never:**` line"));
        }
        let mut at = 0;
        for line in source.raw.split_inclusive('\n') {
            let text = line.trim();
            let listed = text
                .strip_prefix("pub mod ")
                .and_then(|rest| rest.strip_suffix(';'))
                .is_some_and(|name| name.bytes().all(is_ident));
            if !(text.is_empty() || text.starts_with("//!") || listed) {
                out.push(source.finding(at, "only `//!` and `pub mod` lines stand here"));
            }
            at += line.len();
        }
    }
    out
}

/// Words that stand in no code at all, and why.
const BANNED: &[(&str, &str)] = &[
    ("pub use", "internal imports name the defining file"),
    ("#[allow", "`#[expect(…, reason = …)]` instead"),
    ("#![allow", "`#[expect(…, reason = …)]` instead"),
    ("#[ignore", "a test runs or does not exist"),
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "log it"),
    ("thread::sleep", "wait for a condition"),
];

fn banned_words(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for (word, why) in BANNED {
        for at in words(&source.code, word) {
            out.push(source.finding(at, format!("`{word}`: {why}")));
        }
    }
    for (at, _) in source.shipped.match_indices("::*;") {
        let before = &source.shipped[..at];
        if !before.ends_with("diesel::prelude") {
            out.push(source.finding(at, "a glob import outside tests"));
        }
    }
    out
}

/// Panicking calls, and the lint that an `#[expect]` above them must name.
const PANICS: &[(&str, &str)] = &[
    (".unwrap()", "clippy::unwrap_used"),
    (".unwrap_err()", "clippy::unwrap_used"),
    (".expect(", "clippy::expect_used"),
    (".expect_err(", "clippy::expect_used"),
];

fn panics(source: &Source) -> Vec<String> {
    // A room's own test bench is compiled into tests alone.
    if source.raw.contains("\n#![cfg(test)]\n") {
        return Vec::new();
    }
    let code = &source.shipped;
    let mut out = Vec::new();
    for (call, lint) in PANICS {
        for (at, _) in code.match_indices(call) {
            // Each attribute covers the item or statement that follows it, and nothing after.
            let covered = words(code, lint)
                .filter_map(|lint_at| Some((code[..lint_at].rfind("#[expect(")?, lint_at)))
                .any(|(from, lint_at)| {
                    let attribute_end = from + code[from..].find(")]").unwrap_or(0) + 2;
                    lint_at < attribute_end && (from..item_end(code, attribute_end)).contains(&at)
                });
            if !covered {
                out.push(source.finding(at, format!("`{call}` without `#[expect({lint}, …)]`")));
            }
        }
    }
    out
}

/// Names that say nothing about what a thing is.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "manager", "common", "misc", "msg"];

fn names(source: &Source) -> Vec<String> {
    let mut defined = vec![(0, source.stem().to_owned())];
    if let Some(folder) = source.path.rsplit('/').nth(1) {
        defined.push((0, folder.to_owned()));
    }
    for keyword in ["struct", "enum", "trait", "type", "mod"] {
        for at in words(&source.code, keyword) {
            let rest = source.code[at + keyword.len()..].trim_start();
            let name: String =
                rest.chars().take_while(|&c| c.is_ascii() && is_ident(c as u8)).collect();
            defined.push((at, name));
        }
    }
    let mut out = Vec::new();
    for (at, name) in defined {
        if parts(&name).iter().any(|part| EMPTY_NAMES.contains(&part.as_str())) {
            out.push(source.finding(at, format!("the name `{name}` says nothing")));
        }
    }
    out
}

/// The words of a snake_case or CamelCase name, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    for letter in name.chars() {
        if (letter == '_' || letter.is_ascii_uppercase()) && !out[out.len() - 1].is_empty() {
            out.push(String::new());
        }
        if letter != '_' {
            let last = out.len() - 1;
            out[last].push(letter.to_ascii_lowercase());
        }
    }
    out
}

/// The rules of this file; the walls have their own samples in [`walls_stop_what_is_too_big`].
pub const RULES: &[Rule] = &[
    Rule {
        name: "a line has at most 100 columns",
        check: sizes,
        bad: &[
            (
                "src/ids.rs",
                "//! X.\n// 34567890123456789012345678901234567890123456789012345678901234567890\
                 1234567890123456789012345678901",
            ),
            (
                "src/ids.rs",
                "#[rustfmt::skip]\nconst A: u8 = 1;\nconst LONG: &str = \"4567890123456789012345678\
                 901234567890123456789012345678901234567890123456789012345678901234567890\";",
            ),
        ],
        good: &[(
            "src/ids.rs",
            "//! X.\n#[rustfmt::skip]\nconst LONG: &[&str] = &[\"678901234567890123456789012345678\
             90123456789012345678901234567890123456789012345678901234567890\"];",
        )],
    },
    Rule {
        name: "a file opens with its sign, and a room's list is only a list",
        check: signs,
        bad: &[
            ("src/ids.rs", "use std::fmt;\n"),
            ("src/auth/mod.rs", "//! Who.\npub mod token;\n"),
            ("src/auth/mod.rs", "//! Who.\n//! **Never:** SQL.\nmod token;\n"),
            ("src/auth/mod.rs", "//! Who.\n//! **Never:** SQL.\npub mod token {}\n"),
            ("src/auth/mod.rs", "//! Who.\n//! **Never:** SQL.\nuse std::fmt;\n"),
            ("src/lib.rs", "//! House.\n//! **Never:** items.\nfn f() {}\n"),
        ],
        good: &[
            ("src/auth/mod.rs", "//! Who.\n//! **Never:** SQL.\n\npub mod token;\n"),
            ("src/ids.rs", "//! Ids.\nfn f() {}\n"),
        ],
    },
    Rule {
        name: "banned words stand nowhere in code",
        check: banned_words,
        bad: &[
            ("src/ids.rs", "pub use std::fmt;"),
            ("src/ids.rs", "#[allow(dead_code)]\nfn f() {}"),
            ("src/ids.rs", "#![allow(dead_code)]"),
            ("tests/x.rs", "#[ignore]\nfn f() {}"),
            ("tests/x.rs", "#[ignore = \"slow\"]\nfn f() {}"),
            ("src/ids.rs", "fn f() { todo!() }"),
            ("src/ids.rs", "fn f() { unimplemented!() }"),
            ("src/ids.rs", "fn f() { dbg!(1); }"),
            ("tests/x.rs", "fn f() { std::thread::sleep(d); }"),
            ("src/ids.rs", "use super::*;"),
            ("src/ids.rs", "use crate::protocol::topic::*;"),
        ],
        good: &[
            ("src/ids.rs", "// todo!\n#[cfg(test)]\nmod tests { use super::*; }"),
            ("src/models/user.rs", "use diesel::prelude::*;"),
            ("src/ids.rs", "#[expect(dead_code, reason = \"x\")]\nfn f() { \"#[ignore\"; }"),
        ],
    },
    Rule {
        name: "nothing panics without saying why it cannot",
        check: panics,
        bad: &[
            ("src/ids.rs", "fn f() { x.unwrap(); }"),
            ("src/ids.rs", "fn f() { x.unwrap_err(); }"),
            ("src/ids.rs", "fn f() { x.expect(\"y\"); }"),
            ("src/ids.rs", "fn f() { x.expect_err(\"y\"); }"),
            (
                "src/ids.rs",
                "#[expect(clippy::unwrap_used, reason = \"z\")]\nfn f() { x.expect(\"y\"); }",
            ),
            (
                "src/ids.rs",
                "#[expect(clippy::expect_used, reason = \"z\")]\nfn f() {}\n\
                 fn g() { x.expect(\"y\"); }",
            ),
        ],
        good: &[
            (
                "src/ids.rs",
                "#[expect(clippy::expect_used, reason = \"z\")]\nfn f() { x.expect(\"y\"); }",
            ),
            ("src/ids.rs", "fn f() { x.unwrap_or(1); }"),
            ("src/ids.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }"),
            ("tests/x.rs", "fn f() { x.unwrap(); }"),
        ],
    },
    Rule {
        name: "a name says what the thing is",
        check: names,
        bad: &[
            ("src/http/utils.rs", ""),
            ("src/common/x.rs", ""),
            ("src/http/x.rs", "struct SocketManager;"),
            ("src/http/x.rs", "pub enum Msg {}"),
            ("src/http/x.rs", "mod test_helpers {}"),
        ],
        good: &[("src/http/x.rs", "struct Message; // a manager\nmod commonwealth {}")],
    },
];

#[test]
fn walls_stop_what_is_too_big() {
    let lines = |count: usize| "    x();\n".repeat(count);
    let check = |text: &str| sizes(&Source::new("src/ids.rs", text)).len();
    assert_eq!(check(&format!("fn f() {{\n{}}}\n", lines(FUNCTION_WALL - 2))), 0);
    assert_eq!(check(&format!("fn f() {{\n{}}}\n", lines(FUNCTION_WALL - 1))), 1);
    let long = "const A: u8 = 1;\n".repeat(FILE_WALL);
    assert_eq!(check(&long), 0);
    assert_eq!(check(&format!("{long}\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(9))), 0);
    assert_eq!(check(&format!("{long}fn f() {{}}\n")), 1);
}
