//! What is read of dispatch by REST beside the things themselves: pages, and one incident whole.

use chrono::NaiveDateTime;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{IncidentId, ReadId, UserId};
use crate::protocol::views::dispatch::{
    IncidentView, MASK, MaydayView, OrderView, ShiftView, TimelineEntry, UnitView,
};
use crate::protocol::views::hospitals::HospitalView;

/// A page of incidents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentPage {
    pub incidents: Vec<IncidentView>,
    /// Whether there are older ones; ask with `before` the last id of this page.
    pub more: bool,
}

/// An incident with all orders ever given for it, and what happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentDetail {
    pub incident: IncidentView,
    /// First given first.
    pub orders: Vec<OrderView>,
    /// The beginning of the timeline, in the order things happened.
    pub timeline: Vec<TimelineEntry>,
    /// Whether the timeline goes on; ask for it with `after` the last id here.
    pub more: bool,
}

/// A page of a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelinePage {
    pub entries: Vec<TimelineEntry>,
    /// Whether it goes on; ask from the last id of this page.
    pub more: bool,
}

/// A page of orders, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPage {
    pub orders: Vec<OrderView>,
    /// Whether there are older ones; ask with `before` the last id of this page.
    pub more: bool,
}

/// All units on the list, by number.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnitList {
    pub units: Vec<UnitView>,
}

/// All hospitals on the list, by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct HospitalList {
    pub hospitals: Vec<HospitalView>,
}

/// A page of shifts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShiftPage {
    pub shifts: Vec<ShiftView>,
    /// Whether there are older ones; ask with `before` the last id of this page.
    pub more: bool,
}

/// A page of maydays, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MaydayPage {
    pub maydays: Vec<MaydayView>,
    /// Whether there are older ones; ask with `before` the last id of this page.
    pub more: bool,
}

/// One line of the log of who saw which patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PatientReadView {
    /// Absent where a line was told from an open board.
    pub id: Option<ReadId>,
    /// `null`: they had the whole board before them.
    pub incident: Option<IncidentId>,
    /// `null` once the account is gone.
    pub user: Option<UserId>,
    pub username: String,
    /// How: `board`, `unit`, `order`, `rest`, `list`, `export`, `image` …
    pub way: String,
    #[serde(with = "clock::stamp")]
    pub at: NaiveDateTime,
}

/// A page of the log of who saw which patient.
#[derive(Debug, Serialize, ToSchema)]
pub struct PatientReadPage {
    pub reads: Vec<PatientReadView>,
    /// Whether there are older ones; ask with `before` the last id of this page.
    pub more: bool,
}

impl OrderView {
    /// The order as those see it who may not know whom its incident is about.
    #[must_use]
    pub fn redacted(self) -> Self {
        let mask = |text: Option<String>| text.map(|_| MASK.to_owned());
        let note = if self.note.is_empty() { String::new() } else { MASK.to_owned() };
        Self {
            note,
            override_reason: mask(self.override_reason),
            decline_reason: mask(self.decline_reason),
            end_reason: mask(self.end_reason),
            ..self
        }
    }
}

impl TimelineEntry {
    /// The entry as those see it who may not know whom its incident is about: what people wrote
    /// is masked.
    #[must_use]
    pub fn redacted(self) -> Self {
        let detail = if self.detail.is_empty() { String::new() } else { MASK.to_owned() };
        Self { detail, ..self }
    }
}
