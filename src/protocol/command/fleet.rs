//! What dispatchers and crews may say of units, shifts, hospitals and alarms.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::ids::{HospitalId, IncidentId, MaydayId, UnitId, UserId};
use crate::protocol::dispatch::{Degrees, DeviceTime, Load, UnitStatus, UnitType};

/// Put a unit on the list, change it, or take it off; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct UnitSave {
    /// Absent for a new one.
    pub unit: Option<UnitId>,
    pub version: Option<i64>,
    pub unit_number: Option<String>,
    pub unit_type: Option<UnitType>,
    pub capabilities: Option<Vec<String>>,
    pub equipment: Option<String>,
    pub max_patients: Option<i32>,
    pub paramedic: Option<UserId>,
    pub home_name: Option<String>,
    pub home_latitude: Option<Degrees>,
    pub home_longitude: Option<Degrees>,
    /// Takes it off the list.
    #[serde(default)]
    pub retire: bool,
    pub client_id: Option<String>,
}

/// Take a unit out of service, or bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct UnitSetStatus {
    pub unit: UnitId,
    pub status: UnitStatus,
    #[serde(default)]
    pub reason: String,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Go on shift on a unit; dispatchers may send someone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ShiftStart {
    pub unit: UnitId,
    /// Oneself when absent.
    pub user: Option<UserId>,
    #[serde(default)]
    pub duty: String,
    /// The planned end.
    pub until: Option<DeviceTime>,
    pub client_id: Option<String>,
}

/// Go off shift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ShiftEnd {
    /// Oneself when absent.
    pub user: Option<UserId>,
    /// Why the unit is left without a crew on an incident; dispatchers only, logged.
    pub override_reason: Option<String>,
    pub client_id: Option<String>,
}

/// Rest for a while on shift; 0 ends the rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ShiftRest {
    /// Oneself when absent.
    pub user: Option<UserId>,
    pub minutes: u16,
    pub client_id: Option<String>,
}

/// Put a hospital on the list, change it, or take it off; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct HospitalSave {
    /// Absent for a new one.
    pub hospital: Option<HospitalId>,
    pub version: Option<i64>,
    pub name: Option<String>,
    pub address: Option<String>,
    pub phone: Option<String>,
    pub specialties: Option<String>,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    /// Takes it off the list.
    #[serde(default)]
    pub retire: bool,
    pub client_id: Option<String>,
}

/// Say how many beds are free and how full the emergency department is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct HospitalBeds {
    pub hospital: HospitalId,
    pub available_beds: Option<i32>,
    pub total_beds: Option<i32>,
    pub emergency_load: Option<Load>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Say that a hospital turns patients away, and until when; without a reason that it no longer
/// does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct HospitalDivert {
    pub hospital: HospitalId,
    pub reason: Option<String>,
    pub ends_at: Option<DeviceTime>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Call for help for oneself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MaydayRaise {
    /// One's own when absent.
    pub unit: Option<UnitId>,
    #[serde(default)]
    pub note: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub at: Option<DeviceTime>,
    pub client_id: Option<String>,
}

/// Answer a mayday, by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MaydayAcknowledge {
    pub mayday: MaydayId,
    pub client_id: Option<String>,
}

/// Say that a mayday is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MaydayEnd {
    pub mayday: MaydayId,
    pub reason: String,
    pub client_id: Option<String>,
}

/// Say that all on the incident are well; the timer starts anew.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ParCheck {
    pub incident: IncidentId,
    pub client_id: Option<String>,
}

/// Set how often crews must check in; 0 stops the timer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ParSet {
    pub incident: IncidentId,
    pub every_s: u32,
    pub client_id: Option<String>,
}
