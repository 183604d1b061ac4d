//! Where units are, as boards see them.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::UnitId;

/// Where a unit is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PositionView {
    pub unit: UnitId,
    /// Degrees north of the equator.
    pub latitude: f64,
    /// Degrees east of Greenwich.
    pub longitude: f64,
    pub accuracy_m: Option<i32>,
    /// Degrees from north, clockwise.
    pub heading_deg: Option<i32>,
    pub speed_kmh: Option<i32>,
    /// When the device fixed it, by its own clock.
    #[serde(with = "clock::stamp_option")]
    pub fixed_at: Option<NaiveDateTime>,
    /// When the server received it.
    #[serde(with = "clock::stamp")]
    pub received_at: NaiveDateTime,
}
