//! Incidents as such: opening them, changing what is known, linking duplicates, marks and remarks.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::dispatch::pictures;
use crate::actors::dispatch::progress;
use crate::actors::dispatch::talk;
use crate::actors::dispatch::work::{Work, broken, check_said, check_text, clash};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::{Action, Relation};
use crate::ids::{AttachmentId, HospitalId, IncidentId};
use crate::models::help_call;
use crate::models::incident::{self, Incident, NewIncident};
use crate::models::par;
use crate::models::timeline::NewEntry;
use crate::protocol::command::dispatch::{
    IncidentChange, IncidentCreate, IncidentLink, IncidentMark, IncidentNote,
};
use crate::protocol::dispatch::{Degrees, Priority};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::dispatch::PatientView;

/// What opening an incident answers.
#[derive(Debug, Serialize)]
struct Opened {
    id: IncidentId,
    call_id: String,
    version: i64,
}

/// What changing an incident answers.
#[derive(Debug, Serialize)]
pub struct Changed {
    pub version: i64,
}

fn check_place(latitude: Option<Degrees>, longitude: Option<Degrees>) -> Result<(), Fault> {
    if latitude.is_some_and(|degrees| degrees.0.abs() > 90_000_000) {
        return Err(broken("data.latitude", "from -90 to 90"));
    }
    if latitude.is_some() != longitude.is_some() {
        return Err(broken("data.longitude", "together with latitude"));
    }
    Ok(())
}

fn check_patient(patient: &PatientView) -> Result<(), Fault> {
    check_text("data.patient.name", &patient.name, 100)?;
    check_text("data.patient.condition", &patient.condition, 2_000)?;
    if patient.age.is_some_and(|age| !(0..=150).contains(&age)) {
        return Err(broken("data.patient.age", "from 0 to 150"));
    }
    Ok(())
}

/// `incident.create`.
///
/// # Errors
/// The policy's refusal, or `bad_request`.
pub fn create(work: &mut Work<'_>, create: &IncidentCreate) -> Result<Answer, Fault> {
    let made = open(work, create)?;
    Ok(answer(&Opened { id: made.id, call_id: made.call_id, version: made.version }))
}

/// A call of someone without an account.
#[derive(Debug, Clone)]
pub struct Report {
    pub create: IncidentCreate,
    /// Pictures that came with it, uploaded by nobody's account.
    pub images: Vec<AttachmentId>,
    /// By what it is known when it comes once more, if its client wants that.
    pub digest: Option<String>,
}

/// What a call of someone without an account is answered.
#[derive(Debug, Serialize)]
struct Taken {
    id: IncidentId,
    call_id: String,
    /// Whether it had come before, and opened nothing.
    repeated: bool,
}

/// Opens an incident for a call of someone without an account; one that came before is answered as
/// it was then.
///
/// # Errors
/// Those of [`create`]; `bad_request` for what is no picture of the public's.
pub fn report(work: &mut Work<'_>, report: &Report) -> Result<Answer, Fault> {
    if let Some(digest) = &report.digest
        && let Some(id) = help_call::find(work.conn, digest)?
        && let Some(first) = incident::by_id(work.conn, id)?
    {
        return Ok(answer(&Taken { id, call_id: first.call_id, repeated: true }));
    }
    let made = open(work, &report.create)?;
    for &image in &report.images {
        pictures::keep(work, &made, image, None)?;
    }
    if let Some(digest) = &report.digest {
        help_call::keep(work.conn, digest, made.id, work.now)?;
    }
    // Who called believes to have been heard: if nobody looks at a board, someone must be woken.
    work.missed(Unheard {
        alarm: "call for help",
        id: made.id.0,
        unit: None,
        incident: Some(made.id.0),
    });
    Ok(answer(&Taken { id: made.id, call_id: made.call_id, repeated: false }))
}

fn open(work: &mut Work<'_>, create: &IncidentCreate) -> Result<Incident, Fault> {
    work.require(TopicKind::Board, Action::CreateIncident, Relation::Stranger)?;
    check_text("data.caller_name", &create.caller_name, 100)?;
    check_text("data.caller_phone", &create.caller_phone, 15)?;
    check_text("data.determinant", &create.determinant, 20)?;
    check_text("data.description", &create.description, 10_000)?;
    check_text("data.address", &create.address, 200)?;
    check_place(create.latitude, create.longitude)?;
    let patient = create.patient.clone().unwrap_or_default();
    check_patient(&patient)?;
    let received = work.moment(create.received_at)?;
    let new = NewIncident {
        incident_type: create.incident_type,
        determinant: create.determinant.clone(),
        priority: create.priority.unwrap_or(Priority::Medium),
        caller_name: create.caller_name.clone(),
        caller_phone: create.caller_phone.clone(),
        description: create.description.clone(),
        address: create.address.clone(),
        latitude: create.latitude,
        longitude: create.longitude,
        dispatcher: work.who.id(),
        patient,
        received_at: received.at,
        at: work.now,
    };
    let mut made = incident::insert(work.conn, &new)?;
    made.conversation_id = Some(talk::open(work, &made.call_id)?);
    // The first version is the one with its conversation.
    made.version = 0;
    let made = incident::update(work.conn, &made, work.now)?;
    let every = i64::try_from(work.settings.par_every.as_millis()).unwrap_or(i64::MAX);
    par::save(work.conn, &par::Timer::resting(made.id, every))?;
    let to = Some(made.status.to_string());
    let entry = NewEntry { incident: Some(made.id), to, ..received.entry("incident.opened") };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentOpened(made.id), Some(entry));
    Ok(made)
}

/// Sets the destination of an incident: a hospital on the list, or free text.
///
/// # Errors
/// `not_found`, or `bad_request` naming the rule.
pub fn set_destination(
    work: &mut Work<'_>,
    incident: &mut Incident,
    hospital: Option<HospitalId>,
    text: Option<&str>,
) -> Result<bool, Fault> {
    let before = (incident.hospital_id, incident.hospital_destination.clone());
    if let Some(id) = hospital {
        incident.hospital_destination = work.hospital(id)?.name;
        incident.hospital_id = Some(id);
    } else if let Some(text) = text {
        check_text("data.hospital_destination", text, 200)?;
        if text != incident.hospital_destination {
            incident.hospital_id = None;
        }
        text.clone_into(&mut incident.hospital_destination);
    }
    Ok(before != (incident.hospital_id, incident.hospital_destination.clone()))
}

/// Writes one field when it is given and other than before, and remembers its name.
fn put<T: Clone + PartialEq>(
    field: &mut T,
    given: Option<&T>,
    name: &'static str,
    changed: &mut Vec<&'static str>,
) {
    if let Some(given) = given
        && given != field
    {
        *field = given.clone();
        changed.push(name);
    }
}

fn check_change(change: &IncidentChange) -> Result<(), Fault> {
    let texts = [
        ("data.caller_name", &change.caller_name, 100),
        ("data.caller_phone", &change.caller_phone, 15),
        ("data.determinant", &change.determinant, 20),
        ("data.description", &change.description, 10_000),
        ("data.address", &change.address, 200),
    ];
    for (field, text, limit) in texts {
        if let Some(text) = text {
            check_text(field, text, limit)?;
        }
    }
    if let Some(patient) = &change.patient {
        check_patient(patient)?;
    }
    check_place(change.latitude, change.longitude)
}

/// Whether a change speaks of nothing but the patient and where they go, which crews may change.
fn is_care_alone(change: &IncidentChange) -> bool {
    change.incident_type.is_none()
        && change.priority.is_none()
        && change.latitude.is_none()
        && [
            &change.determinant,
            &change.caller_name,
            &change.caller_phone,
            &change.description,
            &change.address,
        ]
        .iter()
        .all(|text| text.is_none())
}

/// `incident.change`.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict` by version or lock, or `bad_request`.
pub fn change(work: &mut Work<'_>, change: &IncidentChange) -> Result<Answer, Fault> {
    let relation = work.relation_to(change.incident)?;
    let care = is_care_alone(change);
    let action = if care { Action::ChangePatient } else { Action::ChangeIncident };
    work.require(TopicKind::Board, action, relation)?;
    check_change(change)?;
    let mut found = work.incident(change.incident, change.version)?;
    let mut changed = Vec::new();
    put(&mut found.incident_type, change.incident_type.as_ref(), "incident_type", &mut changed);
    put(&mut found.priority, change.priority.as_ref(), "priority", &mut changed);
    put(&mut found.determinant, change.determinant.as_ref(), "determinant", &mut changed);
    put(&mut found.caller_name, change.caller_name.as_ref(), "caller_name", &mut changed);
    put(&mut found.caller_phone, change.caller_phone.as_ref(), "caller_phone", &mut changed);
    put(&mut found.description, change.description.as_ref(), "description", &mut changed);
    put(&mut found.address, change.address.as_ref(), "address", &mut changed);
    if change.latitude.is_some() {
        let place = (change.latitude, change.longitude);
        if place != (found.latitude, found.longitude) {
            (found.latitude, found.longitude) = place;
            changed.push("place");
        }
    }
    let text = change.hospital_destination.as_deref();
    if set_destination(work, &mut found, change.hospital, text)? {
        changed.push("hospital");
    }
    let mut patient = incident::patient(work.conn, found.id)?;
    put(&mut patient, change.patient.as_ref(), "patient", &mut changed);
    if changed.is_empty() {
        return Ok(answer(&Changed { version: found.version }));
    }
    if changed.contains(&"patient") {
        incident::set_patient(work.conn, found.id, &patient, work.now)?;
    }
    if changed.contains(&"priority") {
        progress::press_by(work, &found)?;
    }
    let found = incident::update(work.conn, &found, work.now)?;
    // The names of what changed, never what it was or is: the timeline holds no one's data.
    let detail = changed.join(", ");
    let kind = "incident.changed";
    let entry = NewEntry { incident: Some(found.id), kind, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(found.id), Some(entry));
    Ok(answer(&Changed { version: found.version }))
}

/// `incident.link`: marks a duplicate, or takes the mark back.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict`, or `bad_request` for a circle.
pub fn link(work: &mut Work<'_>, link: &IncidentLink) -> Result<Answer, Fault> {
    work.require(TopicKind::Board, Action::LinkIncident, Relation::Stranger)?;
    let mut found = work.incident(link.incident, link.version)?;
    if let Some(of) = link.duplicate_of {
        if of == found.id {
            return Err(broken("data.duplicate_of", "another incident"));
        }
        let original = incident::by_id(work.conn, of)?;
        let original = original.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
        if let Some(first) = original.duplicate_of {
            let rule =
                format!("an original; {} is itself a duplicate of {first}", original.call_id);
            return Err(clash("data.duplicate_of", rule));
        }
        if incident::has_duplicates(work.conn, found.id)? {
            let rule = "given for an incident that has no duplicates of its own";
            return Err(clash("data.duplicate_of", rule));
        }
    }
    let before = std::mem::replace(&mut found.duplicate_of, link.duplicate_of);
    if before == found.duplicate_of {
        return Ok(answer(&Changed { version: found.version }));
    }
    let found = incident::update(work.conn, &found, work.now)?;
    let kind = if link.duplicate_of.is_some() { "incident.linked" } else { "incident.unlinked" };
    let detail = link.duplicate_of.or(before).map(|of| format!("incident {of}"));
    let detail = detail.unwrap_or_default();
    let entry = NewEntry { incident: Some(found.id), kind, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(found.id), Some(entry));
    for other in [before, link.duplicate_of].into_iter().flatten() {
        work.ledger.note(What::IncidentChanged(other), None);
    }
    Ok(answer(&Changed { version: found.version }))
}

/// `incident.mark`: a moment of the response that is no change of status. It may come after the
/// unit is free again (back at its home), by the crew that was on it.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict`, or `bad_request`.
pub fn mark(work: &mut Work<'_>, mark: &IncidentMark) -> Result<Answer, Fault> {
    let found = work.incident(mark.incident, None)?;
    let unit = progress::unit_that_served(work, &found, mark.unit)?;
    let relation = work.relation_to_unit(unit)?;
    work.require(TopicKind::Board, Action::AdvanceUnit, relation)?;
    let moment = work.moment(mark.at)?;
    if moment.at < found.received_at {
        return Err(broken("data.at", "not before the call was received"));
    }
    let (incident, unit) = (Some(found.id), Some(unit));
    let to = Some(mark.milestone.to_string());
    let entry = NewEntry { incident, unit, to, ..moment.entry("unit.milestone") };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(found.id), Some(entry));
    Ok(answer(&Changed { version: found.version }))
}

/// `incident.note`: a remark for the timeline.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict` by lock, or `bad_request`.
pub fn note(work: &mut Work<'_>, note: &IncidentNote) -> Result<Answer, Fault> {
    let relation = work.relation_to(note.incident)?;
    work.require(TopicKind::Board, Action::NoteIncident, relation)?;
    check_said("data.text", &note.text, 2_000)?;
    let found = work.incident(note.incident, None)?;
    let (kind, detail) = ("incident.noted", note.text.clone());
    let entry = NewEntry { incident: Some(found.id), kind, detail, ..NewEntry::default() };
    let entry = work.log(entry)?;
    work.ledger.note(What::IncidentChanged(found.id), Some(entry));
    Ok(answer(&Changed { version: found.version }))
}
