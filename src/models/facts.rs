//! Facts about the database as a whole: its epoch, its creation stamp, the processes on it.

use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::models::engine::beside;
use crate::models::error::StoreError;
use crate::models::schema::{facts, nodes};
use crate::models::store::{DbConn, on_engine};

/// How old a process's heartbeat may be, in seconds, for it and its people to count.
pub const NODE_FRESH_S: i64 = 20;

const EPOCH: &str = "epoch";
const STAMP: &str = "creation_stamp";

/// The value of the fact `name`.
///
/// # Errors
/// Those of the database.
pub fn get(conn: &mut DbConn, name: &str) -> Result<Option<String>, StoreError> {
    Ok(facts::table.find(name).select(facts::value).first(conn).optional()?)
}

/// Sets the fact `name`, whether it was there or not.
///
/// # Errors
/// Those of the database.
pub fn set(conn: &mut DbConn, name: &str, value: &str) -> Result<(), StoreError> {
    on_engine!(conn, |c| diesel::insert_into(facts::table)
        .values((facts::name.eq(name), facts::value.eq(value)))
        .on_conflict(facts::name)
        .do_update()
        .set(facts::value.eq(value))
        .execute(c))?;
    Ok(())
}

/// Sets the fact `name` unless it is there, and answers what holds now: the first of several
/// processes wins.
fn set_once(conn: &mut DbConn, name: &str, value: &str) -> Result<String, StoreError> {
    on_engine!(conn, |c| diesel::insert_into(facts::table)
        .values((facts::name.eq(name), facts::value.eq(value)))
        .on_conflict(facts::name)
        .do_nothing()
        .execute(c))?;
    get(conn, name)?.ok_or(StoreError::Missing)
}

/// 16 random hexadecimal digits.
fn random_hex() -> Result<String, StoreError> {
    match getrandom::u64() {
        Ok(number) => Ok(format!("{number:016x}")),
        Err(error) => Err(StoreError::Broken(format!("the system gives no randomness: {error}"))),
    }
}

/// The file that keeps the creation stamp beside the SQLite file `database`.
pub fn stamp_path(database: &Path) -> PathBuf {
    beside(database, ".stamp")
}

/// The epoch, made when there is none. In the server's process (`exclusive`) it is changed when
/// the stamp in the database is not the one kept in `stamp_file` beside it: then this database
/// was put in the place of another, and positions given before mean nothing.
///
/// # Errors
/// Those of the database, and a stamp file that cannot be written.
pub fn settle_epoch(
    conn: &mut DbConn,
    stamp_file: Option<&Path>,
    exclusive: bool,
) -> Result<String, StoreError> {
    let is_new = get(conn, STAMP)?.is_none();
    let stamp = set_once(conn, STAMP, &random_hex()?)?;
    let epoch = set_once(conn, EPOCH, &random_hex()?)?;
    let Some(stamp_file) = stamp_file.filter(|_| exclusive || is_new) else {
        return Ok(epoch);
    };
    let kept = std::fs::read_to_string(stamp_file).unwrap_or_default();
    if kept.trim() == stamp {
        return Ok(epoch);
    }
    let epoch = if is_new { epoch } else { change_epoch(conn)? };
    std::fs::write(stamp_file, format!("{stamp}\n")).map_err(|error| {
        StoreError::Broken(format!("cannot write {}: {error}", stamp_file.display()))
    })?;
    Ok(epoch)
}

/// Gives the database a new epoch and answers it.
///
/// # Errors
/// Those of the database.
pub fn change_epoch(conn: &mut DbConn) -> Result<String, StoreError> {
    let epoch = random_hex()?;
    set(conn, EPOCH, &epoch)?;
    Ok(epoch)
}

/// Notes that the process `id` is alive at `at`, and whether it has a layer to the others.
///
/// # Errors
/// Those of the database.
pub fn beat(
    conn: &mut DbConn,
    id: &str,
    at: NaiveDateTime,
    has_layer: bool,
) -> Result<(), StoreError> {
    on_engine!(conn, |c| diesel::insert_into(nodes::table)
        .values((
            nodes::id.eq(id),
            nodes::started_at.eq(at),
            nodes::seen_at.eq(at),
            nodes::has_layer.eq(has_layer),
        ))
        .on_conflict(nodes::id)
        .do_update()
        .set((nodes::seen_at.eq(at), nodes::has_layer.eq(has_layer)))
        .execute(c))?;
    Ok(())
}

/// The ids of other processes than `id` that were alive at `since` or later.
///
/// # Errors
/// Those of the database.
pub fn others(
    conn: &mut DbConn,
    id: &str,
    since: NaiveDateTime,
) -> Result<Vec<String>, StoreError> {
    Ok(nodes::table
        .filter(nodes::id.ne(id).and(nodes::seen_at.ge(since)))
        .order(nodes::id)
        .select(nodes::id)
        .load(conn)?)
}

/// Notes that the process `id` is gone.
///
/// # Errors
/// Those of the database.
pub fn leave(conn: &mut DbConn, id: &str) -> Result<(), StoreError> {
    diesel::delete(nodes::table.find(id)).execute(conn)?;
    Ok(())
}
