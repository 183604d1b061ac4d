//! The `message_versions` table: what messages said before they were edited.

use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;

use crate::ids::MessageId;
use crate::models::error::StoreError;
use crate::models::message::MessageRow;
use crate::models::schema::message_versions as versions;
use crate::models::store::DbConn;
use crate::protocol::views::talk::VersionView;

/// Most earlier versions kept of one message; beyond it the oldest go.
const KEPT: i64 = 99;

/// Keeps what a message says now as one more earlier version.
pub fn keep(conn: &mut DbConn, row: &MessageRow) -> Result<(), StoreError> {
    let of_this = || versions::table.filter(versions::message_id.eq(row.id));
    let newest: Option<i64> = of_this().select(max(versions::version)).first(conn)?;
    let version = newest.unwrap_or(0) + 1;
    let kept = (
        versions::message_id.eq(row.id),
        versions::version.eq(version),
        versions::content.eq(&row.content),
        versions::written_at.eq(row.edited_at.unwrap_or(row.created_at)),
    );
    diesel::insert_into(versions::table).values(kept).execute(conn)?;
    diesel::delete(of_this().filter(versions::version.le(version - KEPT))).execute(conn)?;
    Ok(())
}

/// Forgets all versions of a message.
pub fn forget(conn: &mut DbConn, message: MessageId) -> Result<(), StoreError> {
    diesel::delete(versions::table.filter(versions::message_id.eq(message))).execute(conn)?;
    Ok(())
}

/// All that a message has said, oldest first, what it says now included.
pub fn list(conn: &mut DbConn, row: &MessageRow) -> Result<Vec<VersionView>, StoreError> {
    let rows: Vec<(String, NaiveDateTime)> = versions::table
        .filter(versions::message_id.eq(row.id))
        .order(versions::version)
        .select((versions::content, versions::written_at))
        .load(conn)?;
    let now = (row.content.clone(), row.edited_at.unwrap_or(row.created_at));
    let view = |(content, written_at)| VersionView { content, written_at };
    Ok(rows.into_iter().chain([now]).map(view).collect())
}
