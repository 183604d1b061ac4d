//! The `incident_images` table: pictures that came with a call or from the scene.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ImageId, IncidentId};
use crate::models::attachment::{self, AttachmentRow};
use crate::models::error::StoreError;
use crate::models::schema::{attachments, incident_images};
use crate::models::store::DbConn;
use crate::protocol::views::dispatch::ImageView;

/// What keeps the files of an incident; nothing else hands them out.
pub fn holder(incident: IncidentId) -> String {
    format!("{}{incident}", attachment::INCIDENT_HOLDER)
}

/// An incident's picture as its readers see it.
pub fn view(incident: IncidentId, id: ImageId, content_type: String, bytes: i64) -> ImageView {
    let url = format!("/api/v1/incidents/{incident}/images/{id}");
    let thumbnail_url = format!("{url}/thumbnail");
    ImageView { id, content_type, bytes, url, thumbnail_url }
}

/// Adds a picture whose file the incident holds.
///
/// # Errors
/// Those of the database.
pub fn add(
    conn: &mut DbConn,
    incident: IncidentId,
    file: &AttachmentRow,
    at: NaiveDateTime,
) -> Result<ImageView, StoreError> {
    let row = (
        incident_images::incident_id.eq(incident),
        incident_images::file.eq(&file.object_key),
        incident_images::content_type.eq(&file.content_type),
        incident_images::bytes.eq(file.size_bytes),
        incident_images::created_at.eq(at),
    );
    let made = diesel::insert_into(incident_images::table).values(row);
    let id: ImageId = made.returning(incident_images::id).get_result(conn)?;
    Ok(view(incident, id, file.content_type.clone(), file.size_bytes))
}

/// How many pictures an incident has.
///
/// # Errors
/// Those of the database.
pub fn count(conn: &mut DbConn, incident: IncidentId) -> Result<i64, StoreError> {
    let theirs = incident_images::table.filter(incident_images::incident_id.eq(incident));
    Ok(theirs.count().get_result(conn)?)
}

/// The file of an incident's picture.
///
/// # Errors
/// Those of the database.
pub fn file(
    conn: &mut DbConn,
    incident: IncidentId,
    id: ImageId,
) -> Result<Option<AttachmentRow>, StoreError> {
    let key: Option<String> = incident_images::table
        .find(id)
        .filter(incident_images::incident_id.eq(incident))
        .select(incident_images::file)
        .first(conn)
        .optional()?;
    match key {
        Some(key) => kept(conn, &key, incident),
        None => Ok(None),
    }
}

fn kept(
    conn: &mut DbConn,
    key: &str,
    incident: IncidentId,
) -> Result<Option<AttachmentRow>, StoreError> {
    Ok(attachments::table
        .filter(attachments::object_key.eq(key).and(attachments::holder.eq(holder(incident))))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .select(AttachmentRow::as_select())
        .first(conn)
        .optional()?)
}
