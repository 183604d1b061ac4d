//! The store: one handle to the database, whichever of the two engines it is.
//!
//! Everything that differs between SQLite and PostgreSQL stands here, in `engine.rs` and in
//! `migrate.rs`; the other rooms of this floor write one Diesel expression for both.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;

use crate::models::engine::{self, Access, ConnectionSource, DatabaseUrl};
use crate::models::error::{OpenError, StoreError};
use crate::models::facts;
use crate::models::migrate::{self, SchemaState};

/// A connection to either engine. Most Diesel expressions run on it as they are; for those that
/// cannot (slice inserts, `on_conflict`, `as_returning`) there is `on_engine!`.
#[derive(diesel::MultiConnection)]
pub enum DbConn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same Diesel expression on the connection inside a `&mut DbConn`:
/// `on_engine!(conn, |c| diesel::insert_into(t).values(&rows).execute(c))`.
macro_rules! on_engine {
    ($conn:expr, |$inner:ident| $body:expr) => {
        match $conn {
            $crate::models::store::DbConn::Sqlite($inner) => $body,
            $crate::models::store::DbConn::Postgres($inner) => $body,
        }
    };
}
pub(crate) use on_engine;

/// Which database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite://relative.db`, `sqlite:///absolute/path.db`, `postgres://…`, `postgresql://…`.
    pub url: String,
    /// Connections kept for reading.
    pub readers: u32,
    /// How long a statement waits for another's lock.
    pub busy_timeout: Duration,
    /// How long [`Store::read`] waits for a free connection.
    pub pool_wait: Duration,
    /// Whether this process is the server: a SQLite file takes one such process at a time.
    /// Command-line tools beside a running server set it to false.
    pub exclusive: bool,
}

impl StoreOptions {
    /// Options with the usual figures for `url`: 4 readers, 5 s for locks and for the pool,
    /// exclusive.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            pool_wait: Duration::from_secs(5),
            exclusive: true,
        }
    }
}

struct Inner {
    source: ConnectionSource,
    readers: r2d2::Pool<ConnectionSource>,
    /// The connection of [`Store::write`] between two calls.
    spare_writer: Mutex<Option<DbConn>>,
    epoch: RwLock<Arc<str>>,
    exclusive: bool,
    /// Held open, and so locked, for as long as the store lives.
    _lock: Option<std::fs::File>,
}

/// A cheap handle to the database. Clones share the same pool.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database without migrating it; a SQLite file that is not there is made.
    ///
    /// # Errors
    /// A sentence: an address that cannot be read, a server that does not answer, a SQLite file
    /// that another server process holds.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        let url = DatabaseUrl::parse(&options.url)?;
        let lock = match (url.sqlite_path(), options.exclusive) {
            (Some(path), true) => Some(engine::lock_file(path)?),
            _ => None,
        };
        let source = ConnectionSource::new(url, options.busy_timeout);
        source.prepare(options.exclusive)?;
        let readers = r2d2::Pool::builder()
            .max_size(options.readers.max(1))
            .min_idle(Some(1))
            .test_on_check_out(source.engine() == Engine::Postgres)
            .connection_timeout(options.pool_wait)
            .error_handler(Box::new(r2d2::LoggingErrorHandler))
            .build(source.clone())
            .map_err(|error| OpenError(format!("the database cannot be opened: {error}")))?;
        let store = Self {
            inner: Arc::new(Inner {
                source,
                readers,
                spare_writer: Mutex::new(None),
                epoch: RwLock::new(Arc::from("")),
                exclusive: options.exclusive,
                _lock: lock,
            }),
        };
        if store.schema_state()?.is_current() {
            store.load_epoch()?;
        }
        Ok(store)
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.inner.source.engine()
    }

    /// The SQLite file; none on PostgreSQL.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.inner.source.url().sqlite_path()
    }

    /// Brings the schema up to date and answers the names applied, oldest first; none when there
    /// was nothing to do. Any number of processes may call it at once.
    ///
    /// # Errors
    /// A sentence: a schema newer than this binary, or the migration that failed. Either all
    /// pending migrations are applied or none.
    pub fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let applied = migrate::run(&mut self.writer()?)?;
        self.load_epoch()?;
        Ok(applied)
    }

    /// Which migrations are applied, pending and unknown to this binary.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn schema_state(&self) -> Result<SchemaState, OpenError> {
        Ok(self.read(migrate::state)?)
    }

    /// The epoch: positions given under one epoch mean nothing under another. Changes when a
    /// backup is restored. Empty until the schema is there.
    pub fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.inner.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn load_epoch(&self) -> Result<(), OpenError> {
        let stamp_file = self.sqlite_path().map(facts::stamp_path);
        let exclusive = self.inner.exclusive;
        let epoch =
            self.write(|conn| facts::settle_epoch(conn, stamp_file.as_deref(), exclusive))?;
        *self.inner.epoch.write().unwrap_or_else(PoisonError::into_inner) = epoch.into();
        Ok(())
    }

    /// Runs `f` on a pooled connection that refuses to write. Blocks: for the blocking pool.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no connection is free in time, or what `f` answers.
    pub fn read<T>(
        &self,
        f: impl FnOnce(&mut DbConn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        f(&mut *self.inner.readers.get()?)
    }

    /// A connection of one's own that may write, for the writer's thread.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when the database does not answer.
    pub fn writer(&self) -> Result<DbConn, StoreError> {
        self.inner.source.open(Access::Write)
    }

    /// Runs `f` in a transaction outside the server's writer: for the command line and tests.
    ///
    /// # Errors
    /// Those of [`transaction`].
    pub fn write<T>(
        &self,
        f: impl FnOnce(&mut DbConn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let slot = || self.inner.spare_writer.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = slot().take();
        let mut conn = match spare {
            Some(conn) => conn,
            None => self.writer()?,
        };
        let answer = transaction(&mut conn, f);
        if !matches!(answer, Err(StoreError::Lost | StoreError::Broken(_))) {
            *slot() = Some(conn);
        }
        answer
    }
}

/// Runs `f` in a transaction: committed when it answers, rolled back when it refuses. On SQLite
/// the write lock is taken at once, so what was read cannot change before it is written. Inside
/// another transaction it is a savepoint.
///
/// # Errors
/// What `f` answers, or why the transaction could not begin or commit.
pub fn transaction<T>(
    conn: &mut DbConn,
    f: impl FnOnce(&mut DbConn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    type Transactions = <DbConn as Connection>::TransactionManager;
    let depth = Transactions::transaction_manager_status_mut(conn).transaction_depth()?;
    if let DbConn::Sqlite(inner) = conn
        && depth.is_none()
    {
        AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")?;
    } else {
        Transactions::begin_transaction(conn)?;
    }
    match f(conn) {
        Ok(value) => {
            Transactions::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => match Transactions::rollback_transaction(conn) {
            Ok(()) => Err(error),
            Err(_) => Err(StoreError::Lost),
        },
    }
}
