//! What dispatchers and crews see: incidents, units, hospitals, orders, alarms, the timeline.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{
    EntryId, HospitalId, ImageId, IncidentId, MaydayId, OrderId, ShiftId, UnitId, UserId,
};
use crate::protocol::dispatch::{
    Degrees, IncidentStatus, IncidentType, OrderState, Priority, UnitStatus, UnitType,
};
use crate::protocol::views::PersonView;
use crate::protocol::views::hospitals::HospitalView;

/// What stands where its reader may not see.
pub const MASK: &str = "•••";

/// A patient, as far as is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatientView {
    pub name: String,
    pub age: Option<i32>,
    pub condition: String,
}

/// A unit on an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignedUnitView {
    pub unit: UnitId,
    pub unit_number: String,
    pub order: OrderId,
    pub state: OrderState,
    pub stage: UnitStatus,
    /// The paramedic the order names, if any.
    pub paramedic: Option<PersonView>,
    /// Who is on shift on it now.
    pub crew: Vec<PersonView>,
}

/// A picture that came with the call, or from the scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageView {
    pub id: ImageId,
    pub content_type: String,
    pub bytes: i64,
    /// Where it is read, by who may see the incident whole.
    pub url: String,
    /// Where its small picture is read.
    pub thumbnail_url: String,
}

/// The check-in timer of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParView {
    pub every_ms: i64,
    /// When the next check-in is due; `null` while the timer rests.
    #[serde(with = "clock::stamp_option")]
    pub due_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub checked_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub overdue_since: Option<NaiveDateTime>,
    /// How often its lateness was told.
    pub notices: i32,
    /// Whether the last notice reached no dispatcher.
    pub nobody_heard: bool,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    pub id: IncidentId,
    /// `CALL-` and eight upper-case hexadecimal digits.
    pub call_id: String,
    pub status: IncidentStatus,
    pub incident_type: IncidentType,
    /// The code of the interrogation protocol (eDispatch.03); empty for none.
    pub determinant: String,
    pub priority: Priority,
    pub caller_name: String,
    pub caller_phone: String,
    pub description: String,
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub patient: PatientView,
    pub hospital: Option<HospitalId>,
    pub hospital_destination: String,
    /// Who gave the first order, or took the call.
    pub dispatcher: Option<PersonView>,
    /// The units on it now, first ordered first.
    pub units: Vec<AssignedUnitView>,
    pub images: Vec<ImageView>,
    pub duplicate_of: Option<IncidentId>,
    /// Incidents that are duplicates of this one.
    pub duplicates: Vec<IncidentId>,
    /// The topic of its conversation.
    pub topic: Option<String>,
    pub par: Option<ParView>,
    pub close_reason: String,
    /// Grows with each change; commands may name the one they were decided on.
    pub version: i64,
    /// Whether caller, patient and place are masked for this reader.
    pub redacted: bool,
    #[serde(with = "clock::stamp")]
    pub received_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    pub dispatched_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub en_route_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub on_scene_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub transporting_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub at_hospital_at: Option<NaiveDateTime>,
    /// When it was closed or cancelled.
    #[serde(with = "clock::stamp_option")]
    pub closed_at: Option<NaiveDateTime>,
    /// From here on nothing of it changes any more.
    #[serde(with = "clock::stamp_option")]
    pub locks_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp")]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    pub updated_at: NaiveDateTime,
}

impl IncidentView {
    /// The incident as those see it who may not know whom it is about: same types, masked.
    #[must_use]
    pub fn redacted(self) -> Self {
        let mask = || MASK.to_owned();
        Self {
            caller_name: mask(),
            caller_phone: mask(),
            description: mask(),
            address: mask(),
            latitude: self.latitude.map(Degrees::coarse),
            longitude: self.longitude.map(Degrees::coarse),
            patient: PatientView { name: mask(), age: None, condition: mask() },
            close_reason: if self.close_reason.is_empty() { String::new() } else { mask() },
            images: Vec::new(),
            redacted: true,
            ..self
        }
    }
}

/// Someone's time on a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftView {
    pub id: ShiftId,
    pub unit: UnitId,
    pub user: PersonView,
    /// What they do on it: `medic`, `driver` …; empty when not said.
    pub duty: String,
    #[serde(with = "clock::stamp")]
    pub since: NaiveDateTime,
    /// The planned end.
    #[serde(with = "clock::stamp_option")]
    pub until: Option<NaiveDateTime>,
    /// Resting until then; not to be ordered before.
    #[serde(with = "clock::stamp_option")]
    pub rest_until: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub ended_at: Option<NaiveDateTime>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitView {
    pub id: UnitId,
    pub unit_number: String,
    pub unit_type: UnitType,
    pub capabilities: Vec<String>,
    pub equipment: String,
    pub max_patients: i32,
    pub status: UnitStatus,
    #[serde(with = "clock::stamp")]
    pub status_since: NaiveDateTime,
    /// The paramedic this unit is usually ordered with.
    pub paramedic: Option<PersonView>,
    /// Who is on shift on it.
    pub crew: Vec<ShiftView>,
    pub incident: Option<IncidentId>,
    pub call_id: Option<String>,
    pub order: Option<OrderId>,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub accuracy_m: Option<i32>,
    pub heading_deg: Option<i32>,
    pub speed_kmh: Option<i32>,
    /// When the device fixed the position.
    #[serde(with = "clock::stamp_option")]
    pub fixed_at: Option<NaiveDateTime>,
    /// When the server received it.
    #[serde(with = "clock::stamp_option")]
    pub position_at: Option<NaiveDateTime>,
    pub home_name: String,
    pub home_latitude: Option<Degrees>,
    pub home_longitude: Option<Degrees>,
    pub version: i64,
    #[serde(with = "clock::stamp")]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    pub updated_at: NaiveDateTime,
}

/// What one crew member's devices confirmed of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCrewView {
    pub user: PersonView,
    #[serde(with = "clock::stamp_option")]
    pub delivered_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub seen_at: Option<NaiveDateTime>,
}

/// An order to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    pub id: OrderId,
    pub incident: IncidentId,
    pub call_id: String,
    pub unit: UnitId,
    pub unit_number: String,
    pub state: OrderState,
    /// How far the unit has come on the incident.
    pub stage: UnitStatus,
    pub priority: Priority,
    pub note: String,
    pub ordered_by: Option<PersonView>,
    pub paramedic: Option<PersonView>,
    /// Why it was given although the crew was off shift or the unit unavailable.
    pub override_reason: Option<String>,
    #[serde(with = "clock::stamp")]
    pub sent_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    pub delivered_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    pub seen_at: Option<NaiveDateTime>,
    /// When it was accepted or declined.
    #[serde(with = "clock::stamp_option")]
    pub answered_at: Option<NaiveDateTime>,
    pub answered_by: Option<PersonView>,
    pub decline_reason: Option<String>,
    /// When the unit was free again.
    #[serde(with = "clock::stamp_option")]
    pub ended_at: Option<NaiveDateTime>,
    pub end_reason: Option<String>,
    /// How often it was repeated on the crew's devices.
    pub repeats: i32,
    /// When nobody's answer is next brought before the dispatchers.
    #[serde(with = "clock::stamp_option")]
    pub escalate_at: Option<NaiveDateTime>,
    pub escalations: i32,
    /// Whether the last escalation reached no dispatcher.
    pub nobody_heard: bool,
    pub crew: Vec<OrderCrewView>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    pub id: EntryId,
    pub incident: Option<IncidentId>,
    pub unit: Option<UnitId>,
    pub order: Option<OrderId>,
    /// A word like `unit.status` or `order.declined`.
    pub kind: String,
    pub actor: Option<UserId>,
    /// Kept when the account is erased.
    pub actor_name: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// For people; holds nothing of caller or patient.
    pub detail: String,
    /// When it happened: by the device's clock if one told it, else by the server's.
    #[serde(with = "clock::stamp")]
    pub at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    pub device_at: Option<NaiveDateTime>,
    /// Minutes east of UTC where it happened.
    pub utc_offset_min: i32,
    #[serde(with = "clock::stamp")]
    pub server_at: NaiveDateTime,
}

/// A crew's call for its own help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaydayView {
    pub id: MaydayId,
    pub unit: Option<UnitId>,
    pub unit_number: Option<String>,
    pub incident: Option<IncidentId>,
    pub raised_by: Option<PersonView>,
    pub note: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    #[serde(with = "clock::stamp")]
    pub raised_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    pub acknowledged_at: Option<NaiveDateTime>,
    pub acknowledged_by: Option<PersonView>,
    #[serde(with = "clock::stamp_option")]
    pub ended_at: Option<NaiveDateTime>,
    pub end_reason: String,
    pub repeats: i32,
    /// Whether it reached no dispatcher when it was last told.
    pub nobody_heard: bool,
}

/// What a dispatcher's board starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BoardSnapshot {
    /// All that are not over, newest first.
    pub incidents: Vec<IncidentView>,
    /// By number.
    pub units: Vec<UnitView>,
    /// By name.
    pub hospitals: Vec<HospitalView>,
    /// Those whose unit is not free again.
    pub orders: Vec<OrderView>,
    /// Those that have not ended.
    pub maydays: Vec<MaydayView>,
}

/// What a crew's device starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitSnapshot {
    pub unit: UnitView,
    pub orders: Vec<OrderView>,
    pub incidents: Vec<IncidentView>,
    pub hospitals: Vec<HospitalView>,
    pub maydays: Vec<MaydayView>,
}
