//! Puts an incident together as an EIDO. Pure: from views and rows that were read before.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::ids::IncidentId;
use crate::models::etimes::{self, ETIMES, Stamp};
use crate::models::incident::Incident;
use crate::models::order::Order;
use crate::protocol::dispatch::{UnitStatus, with_offset};
use crate::protocol::views::PersonView;
use crate::protocol::views::dispatch::{
    ImageView, IncidentView, MaydayView, OrderView, TimelineEntry,
};
use crate::protocol::views::eido::{
    AttachmentComponent, DispatchComponent, ETime, Eido, EmergencyState, IncidentComponent,
    LocationComponent, NoteComponent, PersonComponent, ResourceComponent, TimelineComponent,
    incident_status, unit_status,
};

/// What is known of an incident, as its reader may see it.
#[derive(Debug)]
pub struct Known {
    pub row: Incident,
    pub view: IncidentView,
    /// Every order ever given for it, first given first, as rows and as views.
    pub orders: Vec<(Order, OrderView)>,
    pub maydays: Vec<MaydayView>,
    pub entries: Vec<TimelineEntry>,
    /// The call ids of the incidents it is linked to.
    pub call_ids: HashMap<IncidentId, String>,
}

fn stamp(at: NaiveDateTime) -> String {
    with_offset(at, 0)
}

/// A text unless it says nothing.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The document of an incident.
pub fn document(known: &Known) -> Eido {
    let Known { row, view, .. } = known;
    let first = etimes::stamps(row, None, &known.entries);
    let received = first.first().copied().flatten();
    Eido {
        id: format!("{}#{}", view.call_id, view.version),
        last_update_time_stamp: stamp(view.updated_at),
        is_redacted: view.redacted,
        incident_component: incident(known, received),
        person_component: people(view),
        location_component: LocationComponent {
            location_text: said(&view.address),
            latitude: view.latitude,
            longitude: view.longitude,
        },
        dispatch_component: known.orders.iter().map(|(_, order)| dispatch(order)).collect(),
        emergency_resource_component: known.orders.iter().map(|one| resource(known, one)).collect(),
        unit_emergency_state_component: known.maydays.iter().map(emergency).collect(),
        notes_component: notes(&known.entries),
        timeline_component: known.entries.iter().map(happened).collect(),
        attachment_component: pictures(view),
        e_times: named(&first),
    }
}

fn incident(known: &Known, received: Option<Stamp>) -> IncidentComponent {
    let Known { view, call_ids, .. } = known;
    let call = |id: &IncidentId| call_ids.get(id).cloned();
    IncidentComponent {
        incident_tracking_identifier: view.call_id.clone(),
        incident_internal_identifier: view.id.to_string(),
        incident_status_common_registry_text: incident_status(view.status),
        incident_status_internal_text: view.status.to_string(),
        incident_type_internal_text: view.incident_type.to_string(),
        determinant_code_text: said(&view.determinant),
        incident_priority_internal_text: view.priority.to_string(),
        call_received_time_stamp: received.map_or_else(|| stamp(view.received_at), Stamp::text),
        incident_closed_time_stamp: view.closed_at.map(stamp),
        disposition_text: said(&view.close_reason),
        destination_text: said(&view.hospital_destination),
        merged_into_incident_identifier: view.duplicate_of.as_ref().and_then(call),
        merged_incident_identifiers: view.duplicates.iter().filter_map(call).collect(),
    }
}

fn people(view: &IncidentView) -> Vec<PersonComponent> {
    let caller = PersonComponent {
        person_role_text: "caller",
        person_name_text: said(&view.caller_name),
        telephone_number: said(&view.caller_phone),
        person_age_years: None,
        medical_condition_text: None,
    };
    let patient = PersonComponent {
        person_role_text: "patient",
        person_name_text: said(&view.patient.name),
        telephone_number: None,
        person_age_years: view.patient.age,
        medical_condition_text: said(&view.patient.condition),
    };
    vec![caller, patient]
}

fn dispatch(order: &OrderView) -> DispatchComponent {
    let name =
        |person: &Option<PersonView>| person.as_ref().map(|person| person.display_name.clone());
    DispatchComponent {
        dispatch_identifier: order.id.to_string(),
        unit_identifier: order.unit_number.clone(),
        dispatch_state_text: order.state.to_string(),
        dispatch_time_stamp: stamp(order.sent_at),
        delivered_time_stamp: order.delivered_at.map(stamp),
        seen_time_stamp: order.seen_at.map(stamp),
        answered_time_stamp: order.answered_at.map(stamp),
        answered_by_text: name(&order.answered_by),
        dispatched_by_text: name(&order.ordered_by),
        override_reason_text: order.override_reason.clone(),
        decline_reason_text: order.decline_reason.clone(),
        released_time_stamp: order.ended_at.map(stamp),
        release_reason_text: order.end_reason.clone(),
        dispatch_note_text: said(&order.note),
    }
}

fn resource(known: &Known, (row, order): &(Order, OrderView)) -> ResourceComponent {
    let is_on = order.ended_at.is_none();
    let status = if is_on { order.stage } else { UnitStatus::Available };
    ResourceComponent {
        unit_identifier: order.unit_number.clone(),
        unit_internal_identifier: order.unit.to_string(),
        primary_unit_status_registry_text: unit_status(status),
        unit_status_internal_text: status.to_string(),
        active_on_incident_identifier: is_on.then(|| known.view.call_id.clone()),
        e_times: named(&etimes::stamps(&known.row, Some(row), &known.entries)),
    }
}

fn emergency(mayday: &MaydayView) -> EmergencyState {
    EmergencyState {
        emergency_identifier: mayday.id.to_string(),
        unit_identifier: mayday.unit_number.clone(),
        raised_by_text: mayday.raised_by.as_ref().map(|by| by.display_name.clone()),
        severity_text: "highest",
        start_time_stamp: stamp(mayday.raised_at),
        acknowledgement_time_stamp: mayday.acknowledged_at.map(stamp),
        acknowledged_by_text: mayday.acknowledged_by.as_ref().map(|by| by.display_name.clone()),
        stop_time_stamp: mayday.ended_at.map(stamp),
        stop_reason_text: said(&mayday.end_reason),
    }
}

fn notes(entries: &[TimelineEntry]) -> Vec<NoteComponent> {
    let noted = entries.iter().filter(|entry| entry.kind == "incident.noted");
    let note = |entry: &TimelineEntry| NoteComponent {
        note_time_stamp: with_offset(entry.at, entry.utc_offset_min),
        note_author_text: entry.actor_name.clone(),
        note_text: entry.detail.clone(),
    };
    noted.map(note).collect()
}

fn happened(entry: &TimelineEntry) -> TimelineComponent {
    TimelineComponent {
        event_identifier: entry.id.to_string(),
        event_time_stamp: with_offset(entry.at, entry.utc_offset_min),
        server_time_stamp: stamp(entry.server_at),
        event_type_text: entry.kind.clone(),
        actor_text: entry.actor_name.clone(),
        unit_internal_identifier: entry.unit.map(|unit| unit.to_string()),
        from_text: entry.from.clone(),
        to_text: entry.to.clone(),
        detail_text: said(&entry.detail),
    }
}

fn pictures(view: &IncidentView) -> Vec<AttachmentComponent> {
    let picture = |image: &ImageView| AttachmentComponent {
        attachment_url: image.url.clone(),
        content_type_text: image.content_type.clone(),
        byte_count: image.bytes,
    };
    view.images.iter().map(picture).collect()
}

fn named(stamps: &[Option<Stamp>]) -> Vec<ETime> {
    let both = ETIMES.iter().zip(stamps);
    both.filter_map(|(row, stamp)| {
        let time_stamp = (*stamp)?.text();
        Some(ETime { element: row.name, meaning: row.meaning, time_stamp })
    })
    .collect()
}
