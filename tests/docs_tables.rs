//! The tables of `docs/PROTOCOL.md` are those of the code: printed from it, and compared with it.
//!
//! `UPDATE_DOCS=1 cargo test --test docs_tables` (or `make docs`) writes them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use switchboard::protocol::close::CLOSES;
use switchboard::protocol::command;
use switchboard::protocol::refusal::CODES;
use switchboard::protocol::topic::{Delivery, KINDS};

const END: &str = "<!-- end of table -->";

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        writeln!(out, "| {} |", cells.join(" | ")).unwrap();
    }
    out
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// The fixture that shows the frame `name`: what it carries, and what it says.
fn fixture(direction: &str, name: &str) -> (String, String) {
    let file = format!("tests/fixtures/frames/{direction}-{}.json", name.replace('.', "-"));
    let text = std::fs::read_to_string(checkout(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let fixture: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fixture["name"], name, "{file}");
    let keys = fixture["frame"]["data"].as_object().map_or_else(String::new, |data| {
        data.keys().map(|key| format!("`{key}`")).collect::<Vec<String>>().join(", ")
    });
    (keys, fixture["says"].as_str().unwrap().to_owned())
}

fn kinds() -> String {
    table(
        &["topic", "owner", "delivery", "journaled", "presence", "replay at most"],
        KINDS.iter().map(|row| {
            let delivery = match row.delivery {
                Delivery::Every => "every event",
                Delivery::Latest => "the newest value",
                Delivery::LatestPerKey => "the newest value of each key",
            };
            vec![
                format!("`{}`", row.grammar),
                row.owner.to_string(),
                delivery.to_owned(),
                yes_or_no(row.journaled),
                yes_or_no(row.presence),
                if row.replay_limit > 0 { row.replay_limit.to_string() } else { "–".to_owned() },
            ]
        }),
    )
}

fn commands() -> String {
    table(
        &["type", "topic", "data in the example", "what it does"],
        command::commands().map(|row| {
            let (keys, says) = fixture("client", row.name);
            let topic = if row.needs_topic { "needed" } else { "–" };
            vec![format!("`{}`", row.name), topic.to_owned(), keys, says]
        }),
    )
}

fn codes() -> String {
    table(
        &["code", "HTTP status", "try again", "meaning"],
        CODES.iter().map(|row| {
            vec![
                format!("`{}`", row.name),
                row.http_status.to_string(),
                yes_or_no(row.retry),
                row.meaning.to_owned(),
            ]
        }),
    )
}

fn closes() -> String {
    table(
        &["code", "reason", "come back", "meaning"],
        CLOSES.iter().map(|row| {
            vec![
                row.code.to_string(),
                row.reason.to_owned(),
                row.come_back.words().to_owned(),
                row.meaning.to_owned(),
            ]
        }),
    )
}

/// Every frame the server sends, in the order of the alphabet.
fn events() -> String {
    let mut names: Vec<String> = std::fs::read_dir(checkout("tests/fixtures/frames"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        .filter(|fixture| fixture["direction"] == "server")
        .filter(|fixture| fixture["name"] == fixture["frame"]["type"])
        .map(|fixture| fixture["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    table(
        &["type", "data", "what it says"],
        names.iter().map(|name| {
            let (keys, says) = fixture("server", name);
            vec![format!("`{name}`"), keys, says]
        }),
    )
}

/// `text` with what stands between the markers of table `name` replaced.
///
/// # Errors
/// When the markers are not there, or not in order.
fn replaced(text: &str, name: &str, body: &str) -> Result<String, String> {
    let start = format!("<!-- table {name}: printed from the code by `make docs` -->\n");
    let from = text.find(&start).ok_or(format!("no marker {start:?}"))? + start.len();
    let to = text[from..].find(END).ok_or(format!("no {END:?} after the table {name}"))? + from;
    Ok(format!("{}{body}{}", &text[..from], &text[to..]))
}

#[test]
fn the_tables_of_the_protocol_are_those_of_the_code() {
    let path = checkout("docs/PROTOCOL.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    for (name, body) in [
        ("KINDS", kinds()),
        ("COMMANDS", commands()),
        ("EVENTS", events()),
        ("CODES", codes()),
        ("CLOSES", closes()),
    ] {
        expected = replaced(&expected, name, &body).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the server")]
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "run `make docs`");
    }
}

#[test]
fn the_lifecycle_of_the_document_is_that_of_the_code() {
    let path = checkout("docs/DISPATCH.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = replaced(&text, "LIFECYCLE", &switchboard::models::lifecycle::table()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the server")]
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "run `make docs`");
    }
}

#[test]
fn a_document_without_its_markers_is_refused() {
    assert!(replaced("no marker", "KINDS", "x").is_err());
    let open = "<!-- table KINDS: printed from the code by `make docs` -->\nold\n";
    assert!(replaced(open, "KINDS", "x").is_err());
    let both = replaced(&format!("{open}{END}\nrest"), "KINDS", "new\n").unwrap();
    assert!(both.contains("new\n") && !both.contains("old") && both.ends_with("rest"));
}

#[test]
fn every_dependency_has_its_line_and_no_line_is_left_over() {
    let manifest = std::fs::read_to_string(checkout("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut named: Vec<&String> = ["dependencies", "dev-dependencies"]
        .iter()
        .flat_map(|section| manifest[*section].as_table().unwrap().keys())
        .collect();
    let list = std::fs::read_to_string(checkout("docs/decisions/0004-dependencies.md")).unwrap();
    let mut listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(name, why)| {
            assert!(why.len() > 10, "{name}: why?");
            name
        })
        .collect();
    named.sort();
    // A crate that tests need with more features is named twice and listed once.
    named.dedup();
    listed.sort_unstable();
    assert_eq!(listed, named);
}
