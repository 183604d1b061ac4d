//! Migrations: one tree, both engines, a way back for each step.

use crate::tree::Files;

/// The column types both engines read alike; `migrations/README.md` names each.
const TYPES: &[&str] = &["BIGINT", "TEXT", "BOOLEAN", "INTEGER", "TIMESTAMP", "BIGSERIAL"];

/// The other words of SQL in use; all mean the same on both engines.
const WORDS: &[&str] = &[
    "ADD",
    "ALTER",
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CHECK",
    "COLUMN",
    "CREATE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DROP",
    "ELSE",
    "END",
    "FALSE",
    "FOREIGN",
    "FROM",
    "IN",
    "INDEX",
    "INSERT",
    "INTO",
    "IS",
    "KEY",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "PRIMARY",
    "REFERENCES",
    "RENAME",
    "RESTRICT",
    "SELECT",
    "SET",
    "TABLE",
    "THEN",
    "TO",
    "TRUE",
    "UNIQUE",
    "UPDATE",
    "VALUES",
    "WHEN",
    "WHERE",
];

/// Folders that hold SQL for one engine on purpose: full-text search has no common words.
const ONE_ENGINE: &[&str] = &["search_sqlite", "search_postgres"];

/// Where the binary names the migrations it carries.
const LIST: &str = "src/models/migrate.rs";

/// Findings in the migrations tree and in the list the binary carries.
pub fn check(files: &Files) -> Vec<String> {
    let mut out = Vec::new();
    let mut folders: Vec<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix("migrations/")?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    folders.dedup();
    if folders.is_empty() {
        out.push("migrations: no folder was found".to_owned());
    }
    let Some(list) = files.get(LIST) else {
        out.push(format!("{LIST}: missing"));
        return out;
    };
    for folder in folders {
        if !list.contains(folder) {
            out.push(format!("migrations/{folder}: not listed in {LIST}"));
        }
        if ONE_ENGINE.contains(&folder) {
            continue;
        }
        if !is_dated(folder) {
            out.push(format!("migrations/{folder}: not YYYY-MM-DD-HHMMSS_verb_noun"));
        }
        for name in ["up.sql", "down.sql"] {
            let path = format!("migrations/{folder}/{name}");
            match files.get(&path) {
                None => out.push(format!("{path}: missing")),
                Some(sql) => {
                    out.extend(portable(sql).into_iter().map(|says| format!("{path}: {says}")));
                }
            }
        }
    }
    let readme = files.get("migrations/README.md").map_or("", String::as_str);
    for word in TYPES.iter().filter(|word| !readme.contains(**word)) {
        out.push(format!("migrations/README.md: does not name {word}"));
    }
    out
}

fn is_dated(folder: &str) -> bool {
    let shape: String =
        folder.chars().take(18).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let rest = folder.get(18..).unwrap_or("");
    shape == "0000-00-00-000000_"
        && rest.contains('_')
        && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What in `sql` one of the engines would read differently.
fn portable(sql: &str) -> Vec<String> {
    let plain: String = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or(""))
        .collect::<Vec<&str>>()
        .join("\n");
    // Every second part stands inside quotes.
    let code: String = plain.split('\'').step_by(2).collect::<Vec<&str>>().join("''");
    let mut out = Vec::new();
    if code.trim().is_empty() {
        out.push("empty".to_owned());
    }
    for sign in ["::", "`", "[", "\"", "/*", "$"] {
        if code.contains(sign) {
            out.push(format!("`{sign}` is not portable"));
        }
    }
    let word_ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    for word in code.split(word_ends).filter(|word| !word.is_empty()) {
        let shouted = word.chars().any(|c| c.is_ascii_uppercase());
        if shouted && !TYPES.contains(&word) && !WORDS.contains(&word) {
            out.push(format!("`{word}` is not one of the portable words"));
        }
    }
    for column in columns(&code) {
        let words: Vec<&str> = column.split_whitespace().collect();
        let Some(first) = words.first().filter(|first| !WORDS.contains(*first)) else { continue };
        match words.get(1) {
            Some(kind) if TYPES.contains(kind) => {}
            other => out.push(format!("column `{first}` has the type {other:?}")),
        }
        if words.get(1) == Some(&"BIGSERIAL") && words.get(2..) != Some(&["PRIMARY", "KEY"]) {
            out.push(format!("column `{first}`: BIGSERIAL is only for PRIMARY KEY"));
        }
    }
    out
}

/// The column definitions of every `CREATE TABLE` and `ADD COLUMN`.
fn columns(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    for statement in code.split(';') {
        if let Some((_, column)) = statement.split_once("ADD COLUMN") {
            out.push(column.to_owned());
        }
        let Some((head, body)) = statement.split_once('(') else { continue };
        if !head.contains("CREATE TABLE") {
            continue;
        }
        let (mut depth, mut column) = (0usize, String::new());
        for c in body.chars() {
            match c {
                ')' if depth == 0 => break,
                ',' if depth == 0 => out.push(std::mem::take(&mut column)),
                _ => column.push(c),
            }
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
        }
        out.push(column);
    }
    out
}

#[test]
fn sql_that_one_engine_reads_differently_is_found() {
    for bad in [
        "",
        "-- nothing",
        "CREATE TABLE t (id SERIAL PRIMARY KEY);",
        "CREATE TABLE t (id BIGSERIAL);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);",
        "CREATE TABLE t (at TIMESTAMPTZ);",
        "CREATE TABLE t (a varchar);",
        "CREATE TABLE t (a text);",
        "CREATE TABLE t (a, b TEXT);",
        "ALTER TABLE t ADD COLUMN a jsonb;",
        "CREATE TABLE IF NOT EXISTS t (a TEXT);",
        "CREATE TABLE \"t\" (a TEXT);",
        "UPDATE t SET a = 1::text;",
        "CREATE TABLE t (a TEXT) WITHOUT ROWID;",
        "CREATE TABLE t (at TIMESTAMP DEFAULT NOW());",
    ] {
        assert_ne!(portable(bad), Vec::<String>::new(), "{bad}");
    }
    for good in [
        "-- SERIAL\nCREATE TABLE t (\n  id BIGSERIAL PRIMARY KEY,\n  a TEXT DEFAULT 'JSONB',\n  \
         b BIGINT REFERENCES u (id),\n  UNIQUE (a, b),\n  CHECK (b IN (1, 2))\n);",
        "CREATE INDEX i ON t (a) WHERE a IS NOT NULL;",
        "ALTER TABLE t ADD COLUMN a BOOLEAN NOT NULL DEFAULT FALSE;",
        "DROP TABLE t;",
    ] {
        assert_eq!(portable(good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn a_migration_that_is_unlisted_undated_or_without_a_way_back_is_found() {
    let step = "2026-11-21-000001_create_t";
    let checkout = |folder: &str, listed: &str, down: bool| {
        let mut files = Files::new();
        files.insert(LIST.to_owned(), listed.to_owned());
        files.insert("migrations/README.md".to_owned(), TYPES.join(" "));
        files.insert(format!("migrations/{folder}/up.sql"), "CREATE TABLE t (a TEXT);".to_owned());
        if down {
            files.insert(format!("migrations/{folder}/down.sql"), "DROP TABLE t;".to_owned());
        }
        files
    };
    assert_eq!(check(&checkout(step, step, true)), Vec::<String>::new());
    assert_eq!(check(&checkout(step, step, false)).len(), 1);
    assert_eq!(check(&checkout(step, "", true)).len(), 1);
    assert_eq!(check(&checkout("create_t", "create_t", true)).len(), 1);
    assert_eq!(check(&checkout("2026-11-21-000001_t", "2026-11-21-000001_t", true)).len(), 1);
    assert_eq!(check(&Files::new()).len(), 2);
}
