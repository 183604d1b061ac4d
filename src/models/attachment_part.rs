//! The `attachment_parts` table: pieces of uploads in several requests, until they are joined.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{AttachmentId, PartId};
use crate::models::error::StoreError;
use crate::models::schema::{attachment_parts, attachments};
use crate::models::store::DbConn;

/// A row of `attachment_parts`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = attachment_parts)]
pub struct PartRow {
    pub id: PartId,
    pub first_byte: i64,
    /// `None` while it comes.
    pub size_bytes: Option<i64>,
    pub object_key: String,
}

/// Notes a piece that is about to come.
///
/// # Errors
/// Those of the database.
pub fn begin(
    conn: &mut DbConn,
    attachment: AttachmentId,
    first_byte: i64,
    object_key: &str,
    at: NaiveDateTime,
) -> Result<PartId, StoreError> {
    let row = (
        attachment_parts::attachment_id.eq(attachment),
        attachment_parts::first_byte.eq(first_byte),
        attachment_parts::object_key.eq(object_key),
        attachment_parts::created_at.eq(at),
    );
    let insert = diesel::insert_into(attachment_parts::table).values(row);
    Ok(insert.returning(attachment_parts::id).get_result(conn)?)
}

/// A piece is here whole: the upload goes on behind it. `false`, with nothing changed, when the
/// upload went on from there by another piece, or ended.
///
/// # Errors
/// Those of the database.
pub fn finish(
    conn: &mut DbConn,
    attachment: AttachmentId,
    part: PartId,
    size: i64,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let found: Option<PartRow> =
        attachment_parts::table.find(part).select(PartRow::as_select()).first(conn).optional()?;
    let Some(row) = found else { return Ok(false) };
    let waiting = attachments::table
        .find(attachment)
        .filter(attachments::received_bytes.eq(row.first_byte))
        .filter(attachments::ready_at.is_null().and(attachments::doomed_at.is_null()));
    let change =
        (attachments::received_bytes.eq(row.first_byte + size), attachments::touched_at.eq(at));
    if diesel::update(waiting).set(change).execute(conn)? != 1 {
        return Ok(false);
    }
    let here = attachment_parts::table.find(part);
    diesel::update(here).set(attachment_parts::size_bytes.eq(size)).execute(conn)?;
    Ok(true)
}

/// The pieces of an upload that are here, in order.
///
/// # Errors
/// Those of the database.
pub fn whole(conn: &mut DbConn, attachment: AttachmentId) -> Result<Vec<PartRow>, StoreError> {
    Ok(attachment_parts::table
        .filter(attachment_parts::attachment_id.eq(attachment))
        .filter(attachment_parts::size_bytes.is_not_null())
        .order(attachment_parts::first_byte)
        .select(PartRow::as_select())
        .load(conn)?)
}

/// All pieces of an upload, those that never came whole among them.
///
/// # Errors
/// Those of the database.
pub fn all(conn: &mut DbConn, attachment: AttachmentId) -> Result<Vec<PartRow>, StoreError> {
    Ok(attachment_parts::table
        .filter(attachment_parts::attachment_id.eq(attachment))
        .select(PartRow::as_select())
        .load(conn)?)
}

/// Up to `limit` pieces of uploads that were joined, or are to be removed. One that still comes is
/// left to who brings it, unless that began before `before`.
///
/// # Errors
/// Those of the database.
pub fn left_over(
    conn: &mut DbConn,
    before: NaiveDateTime,
    limit: i64,
) -> Result<Vec<PartRow>, StoreError> {
    let has_ended =
        attachment_parts::size_bytes.is_not_null().or(attachment_parts::created_at.lt(before));
    Ok(attachment_parts::table
        .inner_join(attachments::table)
        .filter(attachments::ready_at.is_not_null().or(attachments::doomed_at.is_not_null()))
        .filter(has_ended)
        .limit(limit)
        .select(PartRow::as_select())
        .load(conn)?)
}

/// Forgets pieces whose objects are gone.
///
/// # Errors
/// Those of the database.
pub fn forget(conn: &mut DbConn, ids: &[PartId]) -> Result<(), StoreError> {
    let gone = attachment_parts::table.filter(attachment_parts::id.eq_any(ids));
    diesel::delete(gone).execute(conn)?;
    Ok(())
}
