//! Pictures of incidents: files that were uploaded become an incident's.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::work::{Work, broken, clash};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::Action;
use crate::ids::{AttachmentId, ImageId, IncidentId, UserId};
use crate::models::attachment;
use crate::models::incident::Incident;
use crate::models::incident_image;
use crate::models::timeline::NewEntry;
use crate::objects::sniff;
use crate::protocol::command::dispatch::IncidentImage;
use crate::protocol::topic::TopicKind;

/// What adding a picture answers.
#[derive(Debug, Serialize)]
struct Added {
    id: ImageId,
    incident: IncidentId,
    url: String,
}

/// `incident.image`: a picture one has uploaded becomes the incident's.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict` by lock or number, or `bad_request`.
pub fn add(work: &mut Work<'_>, wish: &IncidentImage) -> Result<Answer, Fault> {
    let relation = work.relation_to(wish.incident)?;
    work.require(TopicKind::Board, Action::AddImage, relation)?;
    let found = work.incident(wish.incident, None)?;
    let uploader = work.who.id();
    let view = keep(work, &found, wish.attachment, uploader)?;
    Ok(answer(&Added { id: view.0, incident: found.id, url: view.1 }))
}

/// Gives an incident a file of this uploader's and tells it.
///
/// # Errors
/// `bad_request` for what is no picture of theirs; `conflict` when it has too many.
pub fn keep(
    work: &mut Work<'_>,
    incident: &Incident,
    file: AttachmentId,
    uploader: Option<UserId>,
) -> Result<(ImageId, String), Fault> {
    let most = work.settings.images_per_incident;
    if incident_image::count(work.conn, incident.id)? >= most {
        return Err(clash("data.incident", format!("with at most {most} pictures")));
    }
    let row = attachment::by_id(work.conn, file)?;
    let row = row.filter(|row| row.uploader_id == uploader && sniff::is_picture(&row.content_type));
    let holder = incident_image::holder(incident.id);
    let (Some(row), true) = (row, attachment::hold(work.conn, file, uploader, &holder, work.now)?)
    else {
        return Err(broken("data.attachment", "a picture you have uploaded whole and not sent"));
    };
    let view = incident_image::add(work.conn, incident.id, &row, work.now)?;
    let (kind, detail) = ("incident.image", format!("picture {}", view.id));
    let entry = NewEntry { incident: Some(incident.id), kind, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    Ok((view.id, view.url))
}
