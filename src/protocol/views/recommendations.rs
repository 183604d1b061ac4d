//! Which units would serve an incident, best first, and why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{IncidentId, UnitId};
use crate::protocol::dispatch::{UnitStatus, UnitType};

/// What an incident calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeedView {
    /// The least that a unit should be equipped as. A lesser one still fits, behind all others.
    pub unit_type: UnitType,
    /// What a unit must be capable of; without it a unit does not fit.
    pub capabilities: Vec<String>,
}

/// What a remark about a unit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Whether it is free.
    Availability,
    /// Whether somebody is on shift on it and may be ordered.
    Crew,
    /// Whether its crew has rested.
    Rest,
    /// What it is capable of.
    Capability,
    /// How it is equipped.
    Equipment,
    /// How far it is.
    Distance,
    /// How much its position can be relied on.
    Position,
}

/// One remark about a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    pub criterion: Criterion,
    /// Whether it speaks for the unit.
    pub favors: bool,
    pub text: String,
}

/// Where the distance of a unit was measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasuredFrom {
    /// Its position.
    Position,
    /// Its position, which is too old to rely on.
    OldPosition,
    /// Its home, for it never told a position.
    Home,
    /// Nowhere: its place or the incident's is not known.
    Unknown,
}

/// A unit and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RankedView {
    /// From 1, best first.
    pub rank: u32,
    #[schema(value_type = String)]
    pub unit: UnitId,
    pub unit_number: String,
    pub unit_type: UnitType,
    pub status: UnitStatus,
    /// Whether it can be ordered as it is and is capable of what is needed.
    pub fits: bool,
    pub measured_from: MeasuredFrom,
    pub distance_m: Option<i64>,
    /// Estimated seconds until it arrives.
    pub eta_s: Option<i64>,
    /// Seconds since its device fixed its position.
    pub position_age_s: Option<i64>,
    pub reasons: Vec<ReasonView>,
}

/// Something that is missing among all units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortfallView {
    pub criterion: Criterion,
    pub text: String,
}

/// Units for an incident, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecommendationView {
    #[schema(value_type = String)]
    pub incident: IncidentId,
    pub need: NeedView,
    /// Those that fit come first; behind them those that do not, with the reasons.
    pub units: Vec<RankedView>,
    /// How many fit, of all units.
    pub fitting: u32,
    /// What is missing: why none fits, or what the best ones lack.
    pub shortfalls: Vec<ShortfallView>,
}
