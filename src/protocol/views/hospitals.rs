//! Hospitals as everyone in dispatch sees them.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{HospitalId, UserId};
use crate::protocol::dispatch::{Degrees, Load};

/// A hospital that turns patients away for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiversionView {
    pub reason: String,
    #[serde(with = "clock::stamp_option")]
    pub since: Option<NaiveDateTime>,
    /// When it ends by itself; `null` when it must be ended.
    #[serde(with = "clock::stamp_option")]
    pub ends_at: Option<NaiveDateTime>,
    pub by: Option<UserId>,
}

/// A hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HospitalView {
    pub id: HospitalId,
    pub name: String,
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub phone: String,
    pub total_beds: i32,
    pub available_beds: i32,
    pub emergency_load: Load,
    pub specialties: String,
    pub diversion: Option<DiversionView>,
    pub version: i64,
    #[serde(with = "clock::stamp")]
    pub created_at: NaiveDateTime,
    #[serde(with = "clock::stamp")]
    pub updated_at: NaiveDateTime,
}
