//! An incident in the manner of NENA's Emergency Incident Data Object (EIDO): components of JSON in
//! camel case, moments in RFC 3339 with their own offset.

use serde::Serialize;
use utoipa::ToSchema;

use crate::protocol::dispatch::{Degrees, IncidentStatus, UnitStatus};

/// The document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eido {
    /// Names this incident at this version.
    #[serde(rename = "$id")]
    pub id: String,
    pub last_update_time_stamp: String,
    /// Whether caller, patient, place and what people wrote are masked for this reader.
    pub is_redacted: bool,
    pub incident_component: IncidentComponent,
    /// Caller and patient.
    pub person_component: Vec<PersonComponent>,
    pub location_component: LocationComponent,
    /// One an order, first given first.
    pub dispatch_component: Vec<DispatchComponent>,
    /// One a unit's response, in the order of the dispatches.
    pub emergency_resource_component: Vec<ResourceComponent>,
    /// Crews' calls for their own help on this incident.
    pub unit_emergency_state_component: Vec<EmergencyState>,
    pub notes_component: Vec<NoteComponent>,
    /// Everything that happened, in the order it happened.
    pub timeline_component: Vec<TimelineComponent>,
    pub attachment_component: Vec<AttachmentComponent>,
    /// The stamps of the call itself (NEMSIS eTimes).
    pub e_times: Vec<ETime>,
}

/// The incident itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentComponent {
    /// `CALL-` and eight digits.
    pub incident_tracking_identifier: String,
    pub incident_internal_identifier: String,
    /// `Pending`, `Active`, `Closed` or `Canceled`.
    pub incident_status_common_registry_text: &'static str,
    /// Our own word for it.
    pub incident_status_internal_text: String,
    pub incident_type_internal_text: String,
    pub determinant_code_text: Option<String>,
    pub incident_priority_internal_text: String,
    pub call_received_time_stamp: String,
    pub incident_closed_time_stamp: Option<String>,
    pub disposition_text: Option<String>,
    pub destination_text: Option<String>,
    /// The incident it is a duplicate of.
    pub merged_into_incident_identifier: Option<String>,
    /// Its duplicates.
    pub merged_incident_identifiers: Vec<String>,
}

/// Someone the incident is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonComponent {
    /// `caller` or `patient`.
    pub person_role_text: &'static str,
    pub person_name_text: Option<String>,
    pub telephone_number: Option<String>,
    pub person_age_years: Option<i32>,
    pub medical_condition_text: Option<String>,
}

/// Where it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationComponent {
    pub location_text: Option<String>,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DispatchComponent {
    pub dispatch_identifier: String,
    pub unit_identifier: String,
    pub dispatch_state_text: String,
    pub dispatch_time_stamp: String,
    pub delivered_time_stamp: Option<String>,
    pub seen_time_stamp: Option<String>,
    pub answered_time_stamp: Option<String>,
    pub answered_by_text: Option<String>,
    pub dispatched_by_text: Option<String>,
    pub override_reason_text: Option<String>,
    pub decline_reason_text: Option<String>,
    pub released_time_stamp: Option<String>,
    pub release_reason_text: Option<String>,
    pub dispatch_note_text: Option<String>,
}

/// A unit's response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceComponent {
    pub unit_identifier: String,
    pub unit_internal_identifier: String,
    /// How it stands on this incident, in the words of the registry.
    pub primary_unit_status_registry_text: &'static str,
    /// Our own word for it.
    pub unit_status_internal_text: String,
    /// The incident while it is on it.
    pub active_on_incident_identifier: Option<String>,
    /// The stamps of its response (NEMSIS eTimes).
    pub e_times: Vec<ETime>,
}

/// A mayday.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyState {
    pub emergency_identifier: String,
    /// None for someone who was on no unit.
    pub unit_identifier: Option<String>,
    pub raised_by_text: Option<String>,
    pub severity_text: &'static str,
    pub start_time_stamp: String,
    pub acknowledgement_time_stamp: Option<String>,
    pub acknowledged_by_text: Option<String>,
    pub stop_time_stamp: Option<String>,
    pub stop_reason_text: Option<String>,
}

/// A remark.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoteComponent {
    pub note_time_stamp: String,
    pub note_author_text: String,
    pub note_text: String,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineComponent {
    pub event_identifier: String,
    /// By the device's clock and offset if one told it, else by the server's.
    pub event_time_stamp: String,
    pub server_time_stamp: String,
    pub event_type_text: String,
    pub actor_text: String,
    pub unit_internal_identifier: Option<String>,
    pub from_text: Option<String>,
    pub to_text: Option<String>,
    pub detail_text: Option<String>,
}

/// A picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentComponent {
    pub attachment_url: String,
    pub content_type_text: String,
    pub byte_count: i64,
}

/// A stamp as NEMSIS names it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ETime {
    /// `eTimes.01` …
    pub element: &'static str,
    pub meaning: &'static str,
    pub time_stamp: String,
}

/// An incident's status in the words of the registry.
pub fn incident_status(status: IncidentStatus) -> &'static str {
    match status {
        IncidentStatus::Received => "Pending",
        IncidentStatus::Closed => "Closed",
        IncidentStatus::Cancelled => "Canceled",
        _ => "Active",
    }
}

/// A unit's status in the words of the registry.
pub fn unit_status(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "Available",
        UnitStatus::Assigned => "Assigned",
        UnitStatus::EnRoute => "EnRoute",
        UnitStatus::OnScene => "OnScene",
        UnitStatus::Transporting => "Transporting",
        UnitStatus::AtHospital => "AtDestination",
        UnitStatus::Maintenance | UnitStatus::OutOfService => "OutOfService",
    }
}
