//! The `attachments` table: files from their first byte on, and what keeps them.
//!
//! A row is there before its object and goes after it, so a crash leaves no object without a row.

pub mod links;

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};

use crate::ids::{AttachmentId, MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::attachments;
use crate::models::store::DbConn;
use crate::protocol::views::attachment::{AttachmentView, UploadView};

/// How the holders of incidents' pictures begin; what they hold is never public.
pub const INCIDENT_HOLDER: &str = "incident:";

/// A row of `attachments`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = attachments)]
pub struct AttachmentRow {
    pub id: AttachmentId,
    pub object_key: String,
    /// `None` for the public, and once the account is erased.
    pub uploader_id: Option<UserId>,
    pub name: String,
    /// Empty until it is ready.
    pub content_type: String,
    /// As announced until it is ready.
    pub size_bytes: i64,
    pub received_bytes: i64,
    /// As announced until it is ready.
    pub sha256: Option<String>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    /// What its small picture is, if it has one.
    pub thumbnail_type: Option<String>,
    pub message_id: Option<MessageId>,
    /// What keeps it other than a message.
    pub holder: Option<String>,
    pub touched_at: NaiveDateTime,
    pub ready_at: Option<NaiveDateTime>,
    pub doomed_at: Option<NaiveDateTime>,
}

impl AttachmentRow {
    /// Whether all of it is here and it is not about to go.
    pub fn is_ready(&self) -> bool {
        self.ready_at.is_some() && self.doomed_at.is_none()
    }

    /// The key of its small picture's object.
    pub fn thumbnail_key(&self) -> String {
        thumbnail_key(&self.object_key)
    }

    /// As its readers see it.
    pub fn view(&self) -> AttachmentView {
        let url = format!("/api/v1/attachments/{}/content", self.id);
        let small = || format!("/api/v1/attachments/{}/thumbnail", self.id);
        AttachmentView {
            id: self.id,
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            size: self.size_bytes,
            sha256: self.sha256.clone().unwrap_or_default(),
            width: self.width,
            height: self.height,
            url,
            thumbnail_url: self.thumbnail_type.as_ref().map(|_| small()),
            key: self.object_key.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// As its uploader sees it.
    pub fn upload(&self) -> UploadView {
        UploadView {
            id: self.id,
            name: self.name.clone(),
            size: self.size_bytes,
            received: self.received_bytes,
            attachment: self.is_ready().then(|| self.view()),
        }
    }
}

fn thumbnail_key(object_key: &str) -> String {
    format!("{object_key}.thumbnail")
}

/// A file of which nothing is here yet.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    pub object_key: String,
    pub uploader: Option<UserId>,
    pub name: String,
    /// In bytes, as announced; 0 when that is not known.
    pub size: i64,
    /// As announced.
    pub sha256: Option<String>,
    pub at: NaiveDateTime,
}

/// What is known of a file once it is here.
#[derive(Debug, Clone, Default)]
pub struct Arrived {
    pub content_type: String,
    pub size: i64,
    pub sha256: String,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub thumbnail_type: Option<String>,
}

/// Notes a file that is about to come.
///
/// # Errors
/// Those of the database.
pub fn begin(conn: &mut DbConn, new: &NewAttachment) -> Result<AttachmentId, StoreError> {
    let row = (
        attachments::object_key.eq(&new.object_key),
        attachments::uploader_id.eq(new.uploader),
        attachments::name.eq(&new.name),
        attachments::size_bytes.eq(new.size),
        attachments::sha256.eq(new.sha256.as_deref()),
        attachments::created_at.eq(new.at),
        attachments::touched_at.eq(new.at),
    );
    let insert = diesel::insert_into(attachments::table).values(row);
    Ok(insert.returning(attachments::id).get_result(conn)?)
}

/// The file with this id, whatever its state.
///
/// # Errors
/// Those of the database.
pub fn by_id(conn: &mut DbConn, id: AttachmentId) -> Result<Option<AttachmentRow>, StoreError> {
    let found = attachments::table.find(id).select(AttachmentRow::as_select());
    Ok(found.first(conn).optional()?)
}

/// The ready file under this key that is held for the public. Pictures of incidents are not.
///
/// # Errors
/// Those of the database.
pub fn held_by_key(conn: &mut DbConn, key: &str) -> Result<Option<AttachmentRow>, StoreError> {
    Ok(attachments::table
        .filter(attachments::object_key.eq(key))
        .filter(attachments::holder.not_like(format!("{INCIDENT_HOLDER}%")))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .select(AttachmentRow::as_select())
        .first(conn)
        .optional()?)
}

/// Bytes of this uploader that nothing keeps yet, arriving ones as announced.
///
/// # Errors
/// Those of the database.
pub fn waiting_bytes(conn: &mut DbConn, uploader: UserId) -> Result<i64, StoreError> {
    Ok(attachments::table
        .filter(attachments::uploader_id.eq(uploader).and(attachments::doomed_at.is_null()))
        .filter(attachments::message_id.is_null().and(attachments::holder.is_null()))
        .select(sql::<BigInt>("CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT)"))
        .first(conn)?)
}

/// All bytes are here: says what they are. `false` when it was ready, doomed or gone already.
///
/// # Errors
/// Those of the database.
pub fn finish(
    conn: &mut DbConn,
    id: AttachmentId,
    arrived: &Arrived,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let arriving = attachments::table
        .find(id)
        .filter(attachments::ready_at.is_null().and(attachments::doomed_at.is_null()));
    let change = (
        attachments::content_type.eq(&arrived.content_type),
        attachments::size_bytes.eq(arrived.size),
        attachments::received_bytes.eq(arrived.size),
        attachments::sha256.eq(&arrived.sha256),
        attachments::width.eq(arrived.width),
        attachments::height.eq(arrived.height),
        attachments::thumbnail_type.eq(arrived.thumbnail_type.as_deref()),
        attachments::touched_at.eq(at),
        attachments::ready_at.eq(at),
    );
    Ok(diesel::update(arriving).set(change).execute(conn)? == 1)
}

/// The files with these ids, in the order of the ids.
///
/// # Errors
/// Those of the database.
pub fn by_ids(conn: &mut DbConn, ids: &[AttachmentId]) -> Result<Vec<AttachmentRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = attachments::table.filter(attachments::id.eq_any(ids));
    let rows: Vec<AttachmentRow> = found.select(AttachmentRow::as_select()).load(conn)?;
    let mut rows: HashMap<AttachmentId, AttachmentRow> =
        rows.into_iter().map(|row| (row.id, row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// Sends ready files that nothing keeps with a message, in this order.
///
/// # Errors
/// `Conflict` when one of them is kept by something else by now.
pub fn attach(
    conn: &mut DbConn,
    message: MessageId,
    ids: &[AttachmentId],
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    for (id, place) in ids.iter().zip(0..) {
        let free = attachments::table
            .find(id)
            .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
            .filter(attachments::message_id.is_null().and(attachments::holder.is_null()));
        let change = (
            attachments::message_id.eq(message),
            attachments::place.eq::<i32>(place),
            attachments::touched_at.eq(at),
        );
        if diesel::update(free).set(change).execute(conn)? != 1 {
            return Err(StoreError::Conflict(Some("attachments.message_id".to_owned())));
        }
    }
    Ok(())
}

/// The files of messages, each message's in their order.
///
/// # Errors
/// Those of the database.
pub fn of_messages(
    conn: &mut DbConn,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Vec<AttachmentView>>, StoreError> {
    let mut found: HashMap<MessageId, Vec<AttachmentView>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let rows: Vec<AttachmentRow> = attachments::table
        .filter(attachments::message_id.eq_any(ids.iter().map(|id| Some(*id))))
        .filter(attachments::doomed_at.is_null())
        .order((attachments::message_id, attachments::place, attachments::id))
        .select(AttachmentRow::as_select())
        .load(conn)?;
    for row in rows {
        let Some(message) = row.message_id else { continue };
        found.entry(message).or_default().push(row.view());
    }
    Ok(found)
}

/// Gives a message the files of another, as forwarding does; both name the same objects.
///
/// # Errors
/// Those of the database.
pub fn copy_to(
    conn: &mut DbConn,
    from: MessageId,
    to: MessageId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let query = diesel::sql_query(
        "INSERT INTO attachments (object_key, uploader_id, name, content_type, size_bytes, \
         received_bytes, sha256, width, height, thumbnail_type, message_id, place, created_at, \
         touched_at, ready_at) \
         SELECT object_key, uploader_id, name, content_type, size_bytes, received_bytes, sha256, \
         width, height, thumbnail_type, $1, place, $2, $3, ready_at \
         FROM attachments WHERE message_id = $4 AND doomed_at IS NULL",
    );
    let query = query.bind::<BigInt, _>(to).bind::<Timestamp, _>(at).bind::<Timestamp, _>(at);
    query.bind::<BigInt, _>(from).execute(conn)?;
    Ok(())
}

/// `holder` keeps a ready file of this uploader that nothing keeps yet. `false` when there is none
/// such. What is held may be served to the public under its key.
///
/// # Errors
/// Those of the database.
pub fn hold(
    conn: &mut DbConn,
    id: AttachmentId,
    uploader: Option<UserId>,
    holder: &str,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    if by_id(conn, id)?.is_none_or(|row| row.uploader_id != uploader) {
        return Ok(false);
    }
    let free = attachments::table
        .find(id)
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .filter(attachments::message_id.is_null().and(attachments::holder.is_null()));
    let change = (attachments::holder.eq(holder), attachments::touched_at.eq(at));
    Ok(diesel::update(free).set(change).execute(conn)? == 1)
}

/// Whatever `holder` keeps is to be removed, but for `except`.
///
/// # Errors
/// Those of the database.
pub fn release(
    conn: &mut DbConn,
    holder: &str,
    except: Option<AttachmentId>,
    at: NaiveDateTime,
) -> Result<usize, StoreError> {
    let held = attachments::table
        .filter(attachments::holder.eq(holder).and(attachments::doomed_at.is_null()))
        .filter(attachments::id.ne(except.unwrap_or(AttachmentId(0))));
    Ok(diesel::update(held).set(attachments::doomed_at.eq(at)).execute(conn)?)
}

/// The ready file that `holder` keeps, the newest if there are several.
///
/// # Errors
/// Those of the database.
pub fn held(conn: &mut DbConn, holder: &str) -> Result<Option<AttachmentRow>, StoreError> {
    Ok(attachments::table
        .filter(attachments::holder.eq(holder))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .order(attachments::id.desc())
        .select(AttachmentRow::as_select())
        .first(conn)
        .optional()?)
}

/// A file that nothing keeps is to be removed; `false` when something keeps it or it is gone.
///
/// # Errors
/// Those of the database.
pub fn doom(conn: &mut DbConn, id: AttachmentId, at: NaiveDateTime) -> Result<bool, StoreError> {
    let free = attachments::table
        .find(id)
        .filter(attachments::message_id.is_null().and(attachments::holder.is_null()))
        .filter(attachments::doomed_at.is_null());
    Ok(diesel::update(free).set(attachments::doomed_at.eq(at)).execute(conn)? == 1)
}

/// The files of a message are to be removed.
///
/// # Errors
/// Those of the database.
pub fn doom_of_message(
    conn: &mut DbConn,
    message: MessageId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let sent = attachments::table.filter(attachments::message_id.eq(message));
    let sent = sent.filter(attachments::doomed_at.is_null());
    diesel::update(sent).set(attachments::doomed_at.eq(at)).execute(conn)?;
    Ok(())
}

/// Up to `limit` files that nothing has kept since before `before` are to be removed from here on:
/// never sent, or sent with a message whose row is gone.
///
/// # Errors
/// Those of the database.
pub fn doom_unkept(
    conn: &mut DbConn,
    before: NaiveDateTime,
    at: NaiveDateTime,
    limit: i64,
) -> Result<usize, StoreError> {
    let stale: Vec<AttachmentId> = attachments::table
        .filter(attachments::message_id.is_null().and(attachments::holder.is_null()))
        .filter(attachments::doomed_at.is_null().and(attachments::touched_at.lt(before)))
        .order(attachments::touched_at)
        .limit(limit)
        .select(attachments::id)
        .load(conn)?;
    let doomed = attachments::table.filter(attachments::id.eq_any(stale));
    Ok(diesel::update(doomed).set(attachments::doomed_at.eq(at)).execute(conn)?)
}

/// A file to be removed, and the keys of objects that no other row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    pub id: AttachmentId,
    pub keys: Vec<String>,
}

/// Up to `limit` files that are to be removed.
///
/// # Errors
/// Those of the database.
pub fn doomed(conn: &mut DbConn, limit: i64) -> Result<Vec<Doomed>, StoreError> {
    let rows: Vec<AttachmentRow> = attachments::table
        .filter(attachments::doomed_at.is_not_null())
        .order(attachments::doomed_at)
        .limit(limit)
        .select(AttachmentRow::as_select())
        .load(conn)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let others = attachments::table
            .filter(attachments::object_key.eq(&row.object_key))
            .filter(attachments::id.ne(row.id).and(attachments::doomed_at.is_null()));
        let is_last: bool = diesel::select(not(exists(others))).get_result(conn)?;
        let keys =
            if is_last { vec![row.object_key.clone(), row.thumbnail_key()] } else { Vec::new() };
        found.push(Doomed { id: row.id, keys });
    }
    Ok(found)
}

/// Forgets a file whose objects are gone.
///
/// # Errors
/// Those of the database.
pub fn forget(conn: &mut DbConn, id: AttachmentId) -> Result<(), StoreError> {
    let doomed = attachments::table.find(id).filter(attachments::doomed_at.is_not_null());
    diesel::delete(doomed).execute(conn)?;
    Ok(())
}
