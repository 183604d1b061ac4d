//! What clients of the older ambulance system ask of the boards: each is one step there, so each is
//! done whole or not at all here.

use crate::ids::{HospitalId, IncidentId, UnitId, UserId};
use crate::protocol::command::dispatch::IncidentChange;
use crate::protocol::command::fleet::{HospitalSave, UnitSave};
use crate::protocol::dispatch::{Degrees, IncidentStatus, Load, UnitStatus};

/// Why a dispatch is refused, in the words those clients show.
pub mod words {
    pub const NO_CALL: &str = "Emergency call not found";
    pub const NOT_RECEIVED: &str = "Emergency call must be in RECEIVED status to dispatch";
    pub const NO_AMBULANCE: &str = "Ambulance not found";
    pub const NOT_AVAILABLE: &str = "Ambulance is not available for dispatch";
    pub const NO_PARAMEDIC: &str = "Paramedic not found";
    pub const NOT_A_PARAMEDIC: &str = "User is not a paramedic";
    pub const NO_HOSPITAL: &str = "Hospital not found";
    /// How a step that is not the next one is refused; what follows names both statuses.
    pub const NO_TRANSITION: &str = "Cannot transition from";

    /// All that are shown as they are.
    pub const ALL: &[&str] = &[
        NO_CALL,
        NOT_RECEIVED,
        NO_AMBULANCE,
        NOT_AVAILABLE,
        NO_PARAMEDIC,
        NOT_A_PARAMEDIC,
        NO_HOSPITAL,
        NO_TRANSITION,
    ];
}

/// Send an ambulance to a call; without a paramedic one is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatching {
    pub incident: IncidentId,
    pub unit: UnitId,
    pub paramedic: Option<UserId>,
    pub hospital: Option<HospitalId>,
}

/// Bring a call to its next status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepping {
    pub incident: IncidentId,
    pub status: IncidentStatus,
    pub patient_condition: Option<String>,
    pub hospital_destination: Option<String>,
}

/// Change what is known of a call, and its status when one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changing {
    pub change: IncidentChange,
    pub status: Option<IncidentStatus>,
    /// Who the patient is, as far as it is given.
    pub patient_name: Option<String>,
    pub patient_age: Option<Option<i32>>,
    pub patient_condition: Option<String>,
}

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub latitude: Degrees,
    pub longitude: Degrees,
}

/// Put a unit on the list or change it, with its status and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitKeeping {
    pub save: UnitSave,
    /// Whether anything of `save` is given.
    pub has_fields: bool,
    /// It no longer has a paramedic of its own.
    pub frees_paramedic: bool,
    pub status: Option<UnitStatus>,
    pub place: Option<Place>,
}

/// Put a hospital on the list or change it, with its beds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HospitalKeeping {
    pub save: HospitalSave,
    pub total_beds: Option<i32>,
    pub available_beds: Option<i32>,
    pub emergency_load: Option<Load>,
}

/// Everything those clients ask that no native command says in one.
#[derive(Debug, Clone)]
pub enum AmbulanceCommand {
    Dispatch(Dispatching),
    Step(Stepping),
    Change(Box<Changing>),
    KeepUnit(Box<UnitKeeping>),
    Locate(UnitId, Place),
    KeepHospital(Box<HospitalKeeping>),
}
