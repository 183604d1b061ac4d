//! The two engines: how their addresses are read, and how a connection to each is set up.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::r2d2::R2D2Connection;
use diesel::sqlite::SqliteConnection;

use crate::models::error::{OpenError, StoreError};
use crate::models::store::{DbConn, Engine};

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// A database address that has been understood.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// The path of the file.
    Sqlite(PathBuf),
    /// What libpq is given. May hold a password: never printed.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads `DATABASE_URL`.
    ///
    /// # Errors
    /// A sentence for an address of neither engine, a SQLite database in memory (it would be
    /// another for every connection), and TLS asked of a build without it.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            return sqlite_url(rest);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return postgres_url(url);
        }
        Err(OpenError::new(
            "DATABASE_URL must begin with sqlite:// or postgres:// (examples: \
             sqlite://switchboard.db, postgres://user:password@host/name)",
        ))
    }

    /// The SQLite file; none for PostgreSQL.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

fn sqlite_url(rest: &str) -> Result<DatabaseUrl, OpenError> {
    if rest.contains(":memory:") {
        return Err(OpenError::new(
            "sqlite::memory: is not supported, each connection would see a database of its own; \
             name a file: sqlite://switchboard.db",
        ));
    }
    let path = rest.strip_prefix("//").unwrap_or_default();
    if path.is_empty() || path.ends_with('/') || path.contains('?') {
        return Err(OpenError::new(
            "DATABASE_URL must name a file and nothing after it: sqlite://relative.db or \
             sqlite:///absolute/path.db",
        ));
    }
    // A name that begins with "file:" would be read as a URI by SQLite.
    let path = Path::new(path);
    Ok(DatabaseUrl::Sqlite(if path.is_absolute() {
        path.to_owned()
    } else {
        Path::new(".").join(path)
    }))
}

fn postgres_url(url: &str) -> Result<DatabaseUrl, OpenError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let value_of = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)
    };
    if let Some((_, mode @ ("require" | "verify-ca" | "verify-full"))) = value_of("sslmode")
        && !cfg!(feature = "postgres-tls")
    {
        return Err(OpenError(format!(
            "DATABASE_URL asks for sslmode={mode}, and this build has no TLS to PostgreSQL; build \
             it with `--features postgres-tls`"
        )));
    }
    let mut url = url.to_owned();
    // A server that vanished must be noticed by a thread that only waits for its answer.
    for (name, value) in
        [("connect_timeout", "10"), ("keepalives_idle", "30"), ("tcp_user_timeout", "30000")]
    {
        if value_of(name).is_none() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
    }
    Ok(DatabaseUrl::Postgres(url))
}

/// Takes the lock file beside the SQLite file `path`; it is let go when the answer is dropped.
///
/// # Errors
/// A sentence when another process holds it, or the folder cannot be written.
pub fn lock_file(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| OpenError(format!("cannot open {}: {error}", lock_path.display())))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError(format!(
            "{} is open in another switchboard process; stop that one first, or use PostgreSQL to \
             run several",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => {
            Err(OpenError(format!("cannot lock {}: {error}", lock_path.display())))
        }
    }
}

/// The path of a file that stands beside `path`: its name with `suffix` after it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes connections, each set up for its engine. As r2d2's maker it gives reading ones.
#[derive(Clone)]
pub struct ConnectionSource {
    url: DatabaseUrl,
    busy_timeout: Duration,
}

impl ConnectionSource {
    /// A source for `url` whose statements wait `busy_timeout` for another's lock.
    pub fn new(url: DatabaseUrl, busy_timeout: Duration) -> Self {
        Self { url, busy_timeout }
    }

    /// The address connections are made to.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self.url {
            DatabaseUrl::Sqlite(_) => Engine::Sqlite,
            DatabaseUrl::Postgres(_) => Engine::Postgres,
        }
    }

    /// Tries the address once, makes the SQLite file when it is missing, and (in the server's
    /// process) turns its write-ahead log on, which it then keeps.
    ///
    /// # Errors
    /// A sentence with the database's own words.
    pub fn prepare(&self, exclusive: bool) -> Result<(), OpenError> {
        let unreachable = |why: String| match &self.url {
            DatabaseUrl::Sqlite(path) => {
                OpenError(format!("{} cannot be opened: {why}", path.display()))
            }
            DatabaseUrl::Postgres(_) => OpenError(format!("PostgreSQL cannot be reached: {why}")),
        };
        let mut conn = self.connect().map_err(|error| unreachable(error.to_string()))?;
        if let DbConn::Sqlite(inner) = &mut conn {
            let wal = if exclusive { "PRAGMA journal_mode = WAL;" } else { "" };
            let timeout_ms = self.busy_timeout.as_millis();
            inner
                .batch_execute(&format!("PRAGMA busy_timeout = {timeout_ms}; {wal}"))
                .map_err(|error| unreachable(error.to_string()))?;
        }
        Ok(())
    }

    fn connect(&self) -> Result<DbConn, diesel::ConnectionError> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                SqliteConnection::establish(&path.to_string_lossy()).map(DbConn::Sqlite)
            }
            DatabaseUrl::Postgres(url) => PgConnection::establish(url).map(DbConn::Postgres),
        }
    }

    /// A new connection, ready for use.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when the database does not answer, [`StoreError::Busy`] when it does
    /// and has no room.
    pub fn open(&self, access: Access) -> Result<DbConn, StoreError> {
        let mut conn = self.connect()?;
        let timeout_ms = self.busy_timeout.as_millis();
        match &mut conn {
            DbConn::Sqlite(inner) => {
                let (cache_kib, query_only) = match access {
                    Access::Read => (8 * 1024, "ON"),
                    Access::Write => (64 * 1024, "OFF"),
                };
                inner.batch_execute(&format!(
                    "PRAGMA busy_timeout = {timeout_ms}; PRAGMA synchronous = FULL;
                     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
                     PRAGMA cache_size = -{cache_kib}; PRAGMA mmap_size = 268435456;
                     PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 8000;
                     PRAGMA query_only = {query_only};"
                ))?;
            }
            DbConn::Postgres(inner) => {
                let read_only = if access == Access::Read { "on" } else { "off" };
                inner.batch_execute(&format!(
                    "SET application_name = 'switchboard'; SET lock_timeout = {timeout_ms};
                     SET default_transaction_read_only = {read_only};"
                ))?;
            }
        }
        Ok(conn)
    }
}

impl r2d2::ManageConnection for ConnectionSource {
    type Connection = DbConn;
    type Error = StoreError;

    fn connect(&self) -> Result<DbConn, StoreError> {
        self.open(Access::Read)
    }

    fn is_valid(&self, conn: &mut DbConn) -> Result<(), StoreError> {
        Ok(conn.ping()?)
    }

    fn has_broken(&self, conn: &mut DbConn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(url: &str) -> String {
        match DatabaseUrl::parse(url) {
            Ok(_) => panic!("{url} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_sqlite_address_is_relative_with_two_slashes_and_absolute_with_three() {
        let path = |url: &str| DatabaseUrl::parse(url).unwrap().sqlite_path().unwrap().to_owned();
        assert_eq!(path("sqlite://chat.db"), Path::new("./chat.db"));
        assert_eq!(path("sqlite:///var/lib/chat.db"), Path::new("/var/lib/chat.db"));
    }

    #[test]
    fn an_address_of_neither_engine_is_refused_without_repeating_it() {
        for url in ["mysql://root:hunter2@host/db", "hunter2", "", "sqlite://", "sqlite:chat.db"] {
            let sentence = sentence(url);
            assert!(sentence.starts_with("DATABASE_URL must"), "{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
    }

    #[test]
    fn a_database_in_memory_is_refused() {
        for url in ["sqlite::memory:", "sqlite://:memory:"] {
            assert!(sentence(url).contains("is not supported"));
        }
    }

    #[test]
    #[cfg(not(feature = "postgres-tls"))]
    fn tls_is_refused_by_a_build_without_it() {
        let sentence = sentence("postgres://me:hunter2@host/db?sslmode=verify-full");
        assert!(sentence.contains("sslmode=verify-full"), "{sentence}");
        assert!(sentence.contains("postgres-tls"), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}
