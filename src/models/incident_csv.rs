//! Incidents as lines of CSV (RFC 4180), one a unit's response, with every stamp of NEMSIS eTimes.
//!
//! Pure. What people wrote cannot become a formula in a spreadsheet.

use crate::models::etimes::{self, ETIMES, Stamp};
use crate::models::incident::Incident;
use crate::models::order::Order;
use crate::protocol::dispatch::{Degrees, with_offset};
use crate::protocol::views::dispatch::{PatientView, TimelineEntry};

/// The columns before the stamps.
const COLUMNS: &[&str] = &[
    "call_id",
    "status",
    "incident_type",
    "determinant",
    "priority",
    "caller_name",
    "caller_phone",
    "description",
    "address",
    "latitude",
    "longitude",
    "patient_name",
    "patient_age",
    "patient_condition",
    "hospital_destination",
    "close_reason",
    "duplicate_of",
    "received_at",
    "closed_at",
    "unit_number",
    "order_state",
    "ordered_with_override",
    "decline_reason",
];

/// An incident with all that a line tells.
#[derive(Debug)]
pub struct Told {
    pub incident: Incident,
    pub patient: PatientView,
    /// The call id of the incident it is a duplicate of.
    pub duplicate_of: Option<String>,
    /// Every order ever given for it, with the number of its unit.
    pub orders: Vec<(Order, String)>,
    pub entries: Vec<TimelineEntry>,
}

/// One cell: what people wrote, or what we did.
enum Cell {
    Written(String),
    Ours(String),
}

/// The first line.
pub fn head() -> String {
    let stamps = ETIMES.iter().map(|row| format!("{} {}", row.name, row.meaning));
    let names = COLUMNS.iter().map(|name| (*name).to_owned()).chain(stamps);
    line(names.map(Cell::Ours))
}

/// The lines of an incident: one a unit that was ordered to it, one alone when none was.
pub fn lines(told: &Told) -> String {
    if told.orders.is_empty() {
        return line(cells(told, None));
    }
    told.orders.iter().map(|order| line(cells(told, Some(order)))).collect()
}

fn cells(told: &Told, order: Option<&(Order, String)>) -> impl Iterator<Item = Cell> {
    let Told { incident, patient, .. } = told;
    let written = |text: &str| Cell::Written(text.to_owned());
    let degrees = |at: Option<Degrees>| at.map_or(String::new(), |at| at.as_f64().to_string());
    let order_row = order.map(|(order, _)| order);
    let stamps = etimes::stamps(incident, order_row, &told.entries);
    let received = stamps.first().copied().flatten().map_or(String::new(), Stamp::text);
    let closed = incident.closed_at.map_or(String::new(), |at| with_offset(at, 0));
    let decline = order_row.and_then(|order| order.decline_reason.as_deref());
    let overridden = order_row.map(|order| order.override_reason.is_some());
    let fixed = [
        Cell::Ours(incident.call_id.clone()),
        Cell::Ours(incident.status.to_string()),
        Cell::Ours(incident.incident_type.to_string()),
        written(&incident.determinant),
        Cell::Ours(incident.priority.to_string()),
        written(&incident.caller_name),
        written(&incident.caller_phone),
        written(&incident.description),
        written(&incident.address),
        Cell::Ours(degrees(incident.latitude)),
        Cell::Ours(degrees(incident.longitude)),
        written(&patient.name),
        Cell::Ours(patient.age.map_or(String::new(), |age| age.to_string())),
        written(&patient.condition),
        written(&incident.hospital_destination),
        written(&incident.close_reason),
        Cell::Ours(told.duplicate_of.clone().unwrap_or_default()),
        Cell::Ours(received),
        Cell::Ours(closed),
        written(order.map_or("", |(_, number)| number)),
        Cell::Ours(order_row.map_or(String::new(), |order| order.state.to_string())),
        Cell::Ours(overridden.map_or(String::new(), |is| is.to_string())),
        written(decline.unwrap_or_default()),
    ];
    let stamps = stamps.into_iter().map(|stamp| stamp.map_or(String::new(), Stamp::text));
    fixed.into_iter().chain(stamps.map(Cell::Ours))
}

fn line(cells: impl Iterator<Item = Cell>) -> String {
    let cells: Vec<String> = cells
        .map(|cell| match cell {
            Cell::Written(text) => quoted(&defused(text)),
            Cell::Ours(text) => quoted(&text),
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// A text that no spreadsheet takes for a formula: what could begin one gets an apostrophe before.
fn defused(text: String) -> String {
    let begins =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠');
    if text.trim_start_matches([' ', '\n']).starts_with(begins) { format!("'{text}") } else { text }
}

/// A cell in quotes where it needs them.
fn quoted(text: &str) -> String {
    let needs = |c: char| matches!(c, '"' | ',' | '\r' | '\n' | ';' | '\t');
    if text.contains(needs) || text.starts_with(' ') || text.ends_with(' ') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
