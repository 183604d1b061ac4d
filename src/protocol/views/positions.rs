//! Where units are, as boards see them.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::UnitId;
use crate::protocol::dispatch::Degrees;

/// Where a unit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionView {
    pub unit: UnitId,
    /// Degrees north of the equator.
    #[schema(value_type = f64)]
    pub latitude: Degrees,
    /// Degrees east of Greenwich.
    #[schema(value_type = f64)]
    pub longitude: Degrees,
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

/// What a listener to positions starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionsSnapshot {
    /// The newest of each unit that told one, by unit.
    pub positions: Vec<PositionView>,
}
