//! Units that were on an incident and are free again.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{OrderId, UnitId};
use crate::protocol::dispatch::OrderState;
use crate::protocol::views::PersonView;

/// A unit that was on an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastUnitView {
    #[schema(value_type = String)]
    pub unit: UnitId,
    pub unit_number: String,
    #[schema(value_type = String)]
    pub order: OrderId,
    /// How its order ended: `accepted` for a unit that did its work.
    pub state: OrderState,
    /// Whom the order named; else who accepted it.
    pub paramedic: Option<PersonView>,
    /// When the unit was free again.
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<NaiveDateTime>,
}
