//! Backup of a running SQLite database, and restoring one while no server runs.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::models::engine::{Access, ConnectionSource, DatabaseUrl, beside, lock_file};
use crate::models::error::OpenError;
use crate::models::store::{Engine, Store, on_engine};
use crate::models::{facts, migrate};

/// How long restoring waits for a lock: only a command-line tool can hold one then.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes a consistent copy of the database to the new file `dest`, while others read and write.
///
/// # Errors
/// A sentence: PostgreSQL (which has its own tool), a file that is already there, a full disk.
pub fn backup(store: &Store, dest: &Path) -> Result<(), OpenError> {
    if store.engine() == Engine::Postgres {
        return Err(OpenError::new(
            "a PostgreSQL database is backed up with pg_dump: \
             pg_dump --format=custom --file=switchboard.dump \"$DATABASE_URL\"",
        ));
    }
    if dest.exists() {
        return Err(OpenError(format!("{} is already there; name a new file", dest.display())));
    }
    let part = beside(dest, ".part");
    remove_if_there(&part)?;
    let copied = diesel::sql_query("VACUUM INTO ?")
        .bind::<Text, _>(part.to_string_lossy().into_owned())
        .execute(&mut store.writer()?);
    if let Err(error) = copied {
        remove_if_there(&part)?;
        return Err(OpenError(format!("the backup failed: {error}")));
    }
    sync(&part)?;
    rename(&part, dest)
}

/// Puts the backup `from` in the place of the SQLite database at `url`, under a new epoch. What
/// was there is lost. Nothing is touched unless the backup is whole.
///
/// # Errors
/// A sentence: PostgreSQL (which has its own tool), a server that runs on the database, a file
/// that is damaged, no Switchboard database, or of a newer version.
pub fn restore(url: &str, from: &Path) -> Result<(), OpenError> {
    let DatabaseUrl::Sqlite(path) = DatabaseUrl::parse(url)? else {
        return Err(OpenError::new(
            "a PostgreSQL database made by pg_dump is restored with pg_restore: \
             pg_restore --clean --dbname=\"$DATABASE_URL\" switchboard.dump; afterwards run \
             `DELETE FROM facts WHERE name = 'epoch'` in it, so that clients start afresh",
        ));
    };
    let _lock = lock_file(&path)?;
    let coming = beside(&path, ".restoring");
    remove_with_logs(&coming)?;
    std::fs::copy(from, &coming)
        .map_err(|error| OpenError(format!("cannot copy {}: {error}", from.display())))?;
    if let Err(error) = check_and_renew(&coming) {
        remove_with_logs(&coming)?;
        return Err(OpenError(format!("{} cannot be restored: {error}", from.display())));
    }
    sync(&coming)?;
    // The old log must be gone before the new file is there: it would be replayed into it.
    remove_if_there(&beside(&path, "-wal"))?;
    remove_if_there(&beside(&path, "-shm"))?;
    rename(&coming, &path)
}

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

fn check_and_renew(path: &Path) -> Result<(), OpenError> {
    let source = ConnectionSource::new(DatabaseUrl::Sqlite(path.to_owned()), BUSY_TIMEOUT);
    let mut conn = source.open(Access::Write)?;
    let verdicts: Vec<Verdict> =
        on_engine!(&mut conn, |c| diesel::sql_query("PRAGMA integrity_check").load(c))?;
    if let Some(damage) = verdicts.iter().find(|verdict| verdict.integrity_check != "ok") {
        return Err(OpenError(format!("the file is damaged: {}", damage.integrity_check)));
    }
    let state = migrate::state(&mut conn)?;
    if state.applied.is_empty() {
        return Err(OpenError::new("it is not a database of switchboard"));
    }
    migrate::refuse_newer(&state)?;
    conn.batch_execute("PRAGMA journal_mode = DELETE")?;
    // An older schema may not have the table yet; migrating it makes a new epoch anyway.
    if migrate::has_table(&mut conn, "facts")? {
        facts::change_epoch(&mut conn)?;
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| OpenError(format!("cannot write {}: {error}", path.display())))
}

/// Renames, and waits until the folder has it on disk.
fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    std::fs::rename(from, to)
        .map_err(|error| OpenError(format!("cannot write {}: {error}", to.display())))?;
    sync(folder)
}

fn remove_if_there(path: &Path) -> Result<(), OpenError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenError(format!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

fn remove_with_logs(path: &Path) -> Result<(), OpenError> {
    remove_if_there(path)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        remove_if_there(&beside(path, suffix))?;
    }
    Ok(())
}
