//! How a command is told a password: on standard input, or typed unseen, twice.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::{Command, Stdio};

use crate::auth::password::{self, MAX_PASSWORD_BYTES};
use crate::auth::secret::Secret;
use crate::commands::failure::Failure;

/// For whom a password is chosen; it may not be the same as their name.
#[derive(Debug, Clone, Copy)]
pub struct Chooser<'a> {
    pub username: &'a str,
    pub email: &'a str,
}

/// Asks for a new password, from standard input when `from_stdin`, and answers its hash.
///
/// # Errors
/// A password that breaks a rule, two that differ, or nobody to ask.
pub fn new_hash(chooser: Chooser<'_>, from_stdin: bool) -> Result<String, Failure> {
    let secret = if from_stdin { from_pipe()? } else { typed_twice()? };
    password::check_new(secret.expose(), chooser.username, chooser.email)?;
    Ok(password::hash_new(secret.expose()))
}

/// Asks a question on the terminal and answers what was typed, without outer spaces.
///
/// # Errors
/// When there is no terminal to ask on; `flag` is named as the way out.
pub fn ask(question: &str, flag: &str) -> Result<String, Failure> {
    need_terminal(flag)?;
    show(question)?;
    Ok(first_line(&mut io::stdin().lock())?.trim().to_owned())
}

fn need_terminal(flag: &str) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure(format!("there is no terminal to ask on; give {flag}")))
}

fn from_pipe() -> Result<Secret, Failure> {
    let text = first_line(&mut io::stdin().lock())?;
    if text.is_empty() {
        return Err(Failure::new("no password came on standard input"));
    }
    Ok(Secret::new(text))
}

fn typed_twice() -> Result<Secret, Failure> {
    need_terminal("--password-stdin and write the password to standard input")?;
    let first = typed_unseen("Password: ")?;
    let second = typed_unseen("Password again: ")?;
    if first != second {
        return Err(Failure::new("the two passwords differ; nothing was changed"));
    }
    Ok(first)
}

/// Turns the echo of the terminal off, and on again when dropped.
struct Unseen;

impl Unseen {
    fn begin() -> Result<Self, Failure> {
        if stty("-echo") {
            return Ok(Self);
        }
        Err(Failure::new("the terminal cannot hide what is typed; use --password-stdin"))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        stty("echo");
        drop(writeln!(io::stderr()));
    }
}

fn stty(word: &str) -> bool {
    let mut stty = Command::new("stty");
    stty.arg(word).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null());
    stty.status().is_ok_and(|status| status.success())
}

fn typed_unseen(question: &str) -> Result<Secret, Failure> {
    show(question)?;
    let _unseen = Unseen::begin()?;
    first_line(&mut io::stdin().lock()).map(Secret::new)
}

fn show(question: &str) -> Result<(), Failure> {
    let mut out = io::stderr();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(|error| Failure(error.to_string()))
}

/// The first line without its end; what is longer than any password is cut just past the limit,
/// so that the rule about length refuses it.
fn first_line(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    let limit = MAX_PASSWORD_BYTES as u64 + 16;
    input.take(limit).read_line(&mut line).map_err(|error| {
        Failure(format!("standard input cannot be read as a line of UTF-8: {error}"))
    })?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_with_its_spaces_and_without_its_end() {
        let read = |text: &str| first_line(&mut text.as_bytes()).unwrap();
        assert_eq!(read(" two words \r\nmore"), " two words ");
        assert_eq!(read("unended"), "unended");
        assert_eq!(read(""), "");
    }

    #[test]
    fn endless_input_is_cut_where_no_password_reaches() {
        let long = "x".repeat(100_000);
        let read = first_line(&mut long.as_bytes()).unwrap();
        assert!(read.len() > MAX_PASSWORD_BYTES && read.len() < 2 * MAX_PASSWORD_BYTES);
    }
}
