//! What people see: text made safe for a terminal, and writing that survives a closed pipe.

use std::io::{self, Write};

/// `text` with every control character written as an escape, so that it stays one line and no
/// stranger's text can drive the terminal.
pub fn one_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for symbol in text.chars() {
        if is_unsafe(symbol) {
            safe.extend(symbol.escape_default());
        } else {
            safe.push(symbol);
        }
    }
    safe
}

/// As [`one_line`], but a line end starts a new line, indented by four spaces.
pub fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(one_line).collect();
    lines.join("\n    ")
}

/// Control characters, line and paragraph separators, and those that turn the direction of text.
fn is_unsafe(symbol: char) -> bool {
    let turns = matches!(symbol, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || symbol.is_control() || matches!(symbol, '\u{2028}' | '\u{2029}')
}

/// Writes a line to stdout.
///
/// # Errors
/// When nobody reads any more (`switchboard tail … | head`).
pub fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes a line to stderr; whether anybody reads it does not matter.
pub fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_drive_a_terminal_is_written_as_an_escape() {
        assert_eq!(one_line("a\x1b[2Jb\n\u{202e}c é"), "a\\u{1b}[2Jb\\n\\u{202e}c é");
        assert_eq!(indented("one\r\ntwo\tx"), "one\n    two\\tx");
    }
}
