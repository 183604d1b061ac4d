//! Migrations: one portable tree in the binary, run on either engine in a single transaction.
//!
//! The bookkeeping is Diesel's own table, so that `diesel_cli` understands the same database.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::models::error::{OpenError, StoreError};
use crate::models::store::{DbConn, transaction};

/// One folder of `migrations/`.
pub struct Migration {
    /// The folder's name: `2026-11-21-000001_create_accounts`.
    pub name: &'static str,
    up: Sql,
    down: Sql,
}

/// The statements of one direction: the same for both engines, but where they have no words in
/// common.
enum Sql {
    Common(&'static str),
    ByEngine { sqlite: &'static str, postgres: &'static str },
}

/// Statements from the files of a folder, or from those of one folder for each engine.
macro_rules! sql {
    ($name:literal, $file:literal) => {
        Sql::Common(include_str!(concat!("../../migrations/", $name, $file)))
    };
    ($name:literal, $sqlite:literal, $postgres:literal, $file:literal) => {
        Sql::ByEngine {
            sqlite: include_str!(concat!("../../migrations/", $sqlite, $file)),
            postgres: include_str!(concat!("../../migrations/", $postgres, $file)),
        }
    };
}

macro_rules! migrations {
    ($($name:literal $(: $sqlite:literal | $postgres:literal)?),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            up: sql!($name $(, $sqlite, $postgres)?, "/up.sql"),
            down: sql!($name $(, $sqlite, $postgres)?, "/down.sql"),
        }),+]
    };
}

/// Every migration, oldest first. A folder that is not named here is not run: `tests/tidy.rs`
/// compares the two.
pub const MIGRATIONS: &[Migration] = migrations![
    "2026-11-21-000001_create_accounts",
    "2026-11-21-000002_create_chat",
    "2026-11-21-000003_create_operations",
    "2026-11-28-000001_create_notices",
    "2026-11-28-000012_name_senders",
    "2026-11-28-000016_extend_chat",
    "2026-11-28-000017_create_invites",
    "2026-11-28-000022_create_attachments",
    "2026-11-28-000028_create_notifications",
    "2026-11-28-000031_create_dispatch",
    "2026-11-28-000901_create_imported_rows",
    "2026-11-28-001901_create_profiles",
    "2026-11-28-001902_create_calls",
    "2026-11-28-001903_create_reports",
    "2026-11-28-002001_index_messages": "search_sqlite" | "search_postgres",
    "2026-11-28-002501_create_classroom",
    "2026-11-28-003801_show_pictures",
    "2026-11-28-004001_create_thread_locks",
    "2026-11-28-004201_mark_silent_units",
    "2026-11-28-004301_remember_calls_for_help",
];

impl Migration {
    /// What the table of applied migrations holds: the digits before the name, as Diesel does.
    fn version(&self) -> String {
        let stamp = self.name.split('_').next().unwrap_or(self.name);
        stamp.replace('-', "")
    }
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
        run_on -> Timestamp,
    }
}
use __diesel_schema_migrations as ledger;

/// How far a database's schema is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// Names of migrations applied, oldest first.
    pub applied: Vec<String>,
    /// Names of migrations this binary has and the database has not, oldest first.
    pub pending: Vec<String>,
    /// Versions applied by a newer binary.
    pub unknown: Vec<String>,
}

impl SchemaState {
    /// Whether the schema is exactly this binary's.
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.unknown.is_empty()
    }
}

/// Whether the database has a table called `name`.
///
/// # Errors
/// Those of the database.
pub fn has_table(conn: &mut DbConn, name: &str) -> Result<bool, StoreError> {
    let (question, end) = match conn {
        DbConn::Sqlite(_) => {
            ("EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ", ")")
        }
        DbConn::Postgres(_) => ("(to_regclass(", ") IS NOT NULL)"),
    };
    Ok(diesel::select(sql::<Bool>(question).bind::<Text, _>(name).sql(end)).get_result(conn)?)
}

/// Which migrations are applied, pending and unknown. Changes nothing.
///
/// # Errors
/// Those of the database.
pub fn state(conn: &mut DbConn) -> Result<SchemaState, StoreError> {
    let mut unknown: Vec<String> = if has_table(conn, "__diesel_schema_migrations")? {
        ledger::table.select(ledger::version).order(ledger::version).load(conn)?
    } else {
        Vec::new()
    };
    let mut state = SchemaState::default();
    for migration in MIGRATIONS {
        let version = migration.version();
        match unknown.iter().position(|applied| *applied == version) {
            Some(index) => {
                unknown.remove(index);
                state.applied.push(migration.name.to_owned());
            }
            None => state.pending.push(migration.name.to_owned()),
        }
    }
    state.unknown = unknown;
    Ok(state)
}

/// Applies what is pending in one transaction and answers the names. Processes that call it at
/// the same time wait for one another; the later ones find nothing to do.
///
/// # Errors
/// A sentence: a schema newer than this binary, or the migration that failed (nothing applied).
pub fn run(conn: &mut DbConn) -> Result<Vec<String>, OpenError> {
    alone(conn, |conn| {
        let state = state(conn)?;
        refuse_newer(&state)?;
        for migration in MIGRATIONS.iter().filter(|m| state.pending.iter().any(|p| p == m.name)) {
            execute(conn, migration.name, &migration.up)?;
            diesel::insert_into(ledger::table)
                .values(ledger::version.eq(migration.version()))
                .execute(conn)?;
        }
        Ok(state.pending)
    })
}

/// Takes every applied migration back, newest first, and answers the names. All rows are lost:
/// for tests.
///
/// # Errors
/// As [`run`].
pub fn revert_all(conn: &mut DbConn) -> Result<Vec<String>, OpenError> {
    alone(conn, |conn| {
        let state = state(conn)?;
        refuse_newer(&state)?;
        let mut reverted = Vec::new();
        for migration in MIGRATIONS.iter().rev() {
            if state.applied.iter().any(|name| name == migration.name) {
                execute(conn, migration.name, &migration.down)?;
                diesel::delete(ledger::table.filter(ledger::version.eq(migration.version())))
                    .execute(conn)?;
                reverted.push(migration.name.to_owned());
            }
        }
        Ok(reverted)
    })
}

/// Says no to a schema this binary does not know.
///
/// # Errors
/// [`StoreError::Broken`] with a sentence for people.
pub fn refuse_newer(state: &SchemaState) -> Result<(), StoreError> {
    if state.unknown.is_empty() {
        return Ok(());
    }
    Err(StoreError::Broken(format!(
        "the database was migrated by a newer switchboard (it has {}, which this one does not \
         know); run that version or newer",
        state.unknown.join(", ")
    )))
}

fn execute(conn: &mut DbConn, name: &str, statements: &Sql) -> Result<(), StoreError> {
    let (for_one, for_other) = match statements {
        Sql::Common(common) => (for_sqlite(common), *common),
        Sql::ByEngine { sqlite, postgres } => ((*sqlite).to_owned(), *postgres),
    };
    let ran = match conn {
        DbConn::Sqlite(inner) => inner.batch_execute(&for_one),
        DbConn::Postgres(inner) => inner.batch_execute(for_other),
    };
    ran.map_err(|error| StoreError::Broken(format!("the migration {name} failed: {error}")))
}

/// The one translation: see `migrations/README.md`.
fn for_sqlite(statements: &str) -> String {
    statements.replace("BIGSERIAL PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT")
}

/// Any number will do, as long as every process of this program asks for the same.
const ADVISORY_LOCK: i64 = 0x5377_6974_6368;

/// Runs `f` in a transaction that no other process migrates beside.
fn alone<T>(
    conn: &mut DbConn,
    f: impl FnOnce(&mut DbConn) -> Result<T, StoreError>,
) -> Result<T, OpenError> {
    let answer = transaction(conn, |conn| {
        if let DbConn::Postgres(inner) = conn {
            inner.batch_execute(&format!(
                "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"
            ))?;
        }
        conn.batch_execute(diesel::migration::CREATE_MIGRATIONS_TABLE)?;
        f(conn)
    });
    Ok(answer?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dense_digits_and_rise() {
        let versions: Vec<String> = MIGRATIONS.iter().map(Migration::version).collect();
        assert!(versions.iter().all(|v| v.len() == 14 && v.bytes().all(|b| b.is_ascii_digit())));
        assert!(versions.is_sorted_by(|a, b| a < b));
    }
}
