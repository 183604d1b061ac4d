//! Files by the keys of their objects, which nobody can guess, and by what keeps them.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::models::attachment::AttachmentRow;
use crate::models::error::StoreError;
use crate::models::schema::attachments;
use crate::models::store::DbConn;

/// The file that was sent with a message and whose object has this key.
///
/// # Errors
/// Those of the database.
pub fn sent_by_key(conn: &mut DbConn, key: &str) -> Result<Option<AttachmentRow>, StoreError> {
    Ok(attachments::table
        .filter(attachments::object_key.eq(key).and(attachments::message_id.is_not_null()))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .order(attachments::id)
        .select(AttachmentRow::as_select())
        .first(conn)
        .optional()?)
}

/// The ready files that these holders keep, by holder, the newest where there are several.
///
/// # Errors
/// Those of the database.
pub fn held_by_each(
    conn: &mut DbConn,
    holders: &[String],
) -> Result<HashMap<String, AttachmentRow>, StoreError> {
    if holders.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<AttachmentRow> = attachments::table
        .filter(attachments::holder.eq_any(holders))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .order(attachments::id)
        .select(AttachmentRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|row| Some((row.holder.clone()?, row))).collect())
}
