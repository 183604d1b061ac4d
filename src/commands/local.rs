//! The database of this machine, opened beside a server that may be running on it.

use std::time::Duration;

use crate::clock;
use crate::commands::failure::Failure;
use crate::config::Config;
use crate::models::migrate::SchemaState;
use crate::models::store::{Store, StoreOptions};

/// How long a command waits for the server's lock on a SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the store without claiming it.
///
/// # Errors
/// A sentence that names `DATABASE_URL`.
pub fn open(config: &Config) -> Result<Store, Failure> {
    let options = StoreOptions {
        readers: 1,
        busy_timeout: BUSY_TIMEOUT,
        exclusive: false,
        ..StoreOptions::new(&config.database_url)
    };
    Store::open(options).map_err(|error| Failure(format!("DATABASE_URL: {error}")))
}

/// Opens the store for a command that reads or writes rows. A new database gets its schema; one
/// that is behind is left alone, for an older server may be running on it.
///
/// # Errors
/// A sentence that names `DATABASE_URL`, or asks to migrate first.
pub fn open_ready(config: &Config) -> Result<Store, Failure> {
    let store = open(config)?;
    let state = store.schema_state()?;
    refuse_newer(&state)?;
    if state.applied.is_empty() {
        store.migrate()?;
    } else if !state.pending.is_empty() {
        return Err(Failure::new(
            "the database is older than this switchboard; run `switchboard migrate` first",
        ));
    }
    Ok(store)
}

/// As [`open_ready`], for commands that make no sense on a new database.
///
/// # Errors
/// As [`open_ready`], and when there is no database yet.
pub fn open_existing(config: &Config) -> Result<Store, Failure> {
    if let Some(path) = config.sqlite_path().filter(|path| !path.exists()) {
        return Err(Failure(format!(
            "DATABASE_URL: there is no database at {}; run this where the server runs, or name \
             its database",
            path.display()
        )));
    }
    open_ready(config)
}

/// Refuses a schema that a newer binary made.
///
/// # Errors
/// A sentence.
pub fn refuse_newer(state: &SchemaState) -> Result<(), Failure> {
    if state.unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "DATABASE_URL: the database was migrated by a newer switchboard; run that version or newer",
    ))
}

/// `at` as people read it, in UTC to the second.
pub fn moment(at: chrono::NaiveDateTime) -> String {
    let text = clock::rfc3339(at);
    text.split('.').next().map_or_else(|| text.clone(), |whole| format!("{whole}Z"))
}
