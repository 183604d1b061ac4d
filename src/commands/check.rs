//! `check`: every setting is fit for use, and what it stands for is there.

use std::fs::{self, File};
use std::path::Path;

use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::{one_line, print};
use crate::config::Config;
use crate::models::store::Engine;
use crate::models::user;

/// Descriptors needed beside those of connections: database, logs, listeners, the runtime.
const SPARE_DESCRIPTORS: usize = 256;

/// Checks and reports. The settings have been read and judged before this is called.
///
/// # Errors
/// Names the setting that cannot work here, and the fix.
pub fn run(config: &Config) -> Result<(), Failure> {
    let mut report = settings(config);
    report.push(String::new());
    let found = files(config).and_then(|()| database(config));
    if let Ok(line) = &found {
        report.push(format!("database: {line}"));
        report.push(format!("file descriptors: {}", descriptors(config)));
    }
    // Who pipes the report into `head` has seen enough.
    drop(report.iter().try_for_each(|line| print(line)));
    found.map(drop)
}

fn settings(config: &Config) -> Vec<String> {
    let entries = config.entries();
    let name_chars = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let shown_chars = |shown: &str| shown.chars().count();
    let value_chars = entries.iter().map(|entry| shown_chars(&entry.shown)).max().unwrap_or(0);
    let value_chars = value_chars.min(48);
    let line = |name: &str, shown: &str, source: &str| {
        let shown = if shown.is_empty() { "-".to_owned() } else { one_line(shown) };
        format!("{name:name_chars$}  {shown:value_chars$}  {source}")
    };
    entries.iter().map(|entry| line(&entry.name, &entry.shown, &entry.source.to_string())).collect()
}

fn files(config: &Config) -> Result<(), Failure> {
    for (name, path) in [("TLS_CERT", &config.tls_cert), ("TLS_KEY", &config.tls_key)] {
        let Some(path) = path else { continue };
        File::open(path).map_err(|error| {
            let path = path.display();
            Failure(format!("{name}: {path}: {error}; name a file that this user may read"))
        })?;
    }
    Ok(())
}

/// What is to be said about the database; it is neither made nor claimed.
fn database(config: &Config) -> Result<String, Failure> {
    if let Some(path) = config.sqlite_path()
        && !path.exists()
    {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Failure(format!(
                "DATABASE_URL: there is no folder {folder}; make it, or name a file elsewhere"
            )));
        }
        return Ok(format!("{} is not there yet; `serve` makes it", path.display()));
    }
    let store = local::open(config)?;
    let state = store.schema_state()?;
    local::refuse_newer(&state)?;
    let engine = match store.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    if !state.is_current() {
        let pending = state.pending.len();
        return Ok(format!("{engine}; migrations to apply: {pending}; `serve` does it"));
    }
    let people = store.read(user::count)?;
    Ok(format!("{engine}, schema up to date, people: {people}"))
}

fn descriptors(config: &Config) -> String {
    let Some((soft, hard)) =
        fs::read_to_string("/proc/self/limits").ok().and_then(|text| open_files(&text))
    else {
        return "not known on this system".to_owned();
    };
    let wanted = config.max_connections.saturating_add(SPARE_DESCRIPTORS);
    let enough = if wanted <= soft {
        format!("enough for MAX_CONNECTIONS={}", config.max_connections)
    } else {
        format!(
            "MAX_CONNECTIONS={} needs {wanted}; raise it (ulimit -n, or LimitNOFILE= in systemd) \
             or lower MAX_CONNECTIONS",
            config.max_connections
        )
    };
    format!(
        "{soft} (hard limit {}); {enough}",
        if hard == usize::MAX { "none".to_owned() } else { hard.to_string() }
    )
}

/// The soft and hard limit in Linux's table of a process's limits.
fn open_files(limits: &str) -> Option<(usize, usize)> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = row.split_whitespace().map(|word| match word {
        "unlimited" => Some(usize::MAX),
        digits => digits.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_read_from_the_table() {
        let table = "Limit  Soft Limit  Hard Limit  Units\n\
                     Max processes             1      2    processes\n\
                     Max open files            1024   524288   files\n";
        assert_eq!(open_files(table), Some((1024, 524_288)));
        assert_eq!(
            open_files("Max open files unlimited unlimited files"),
            Some((usize::MAX, usize::MAX))
        );
        assert_eq!(open_files("nothing"), None);
    }
}
