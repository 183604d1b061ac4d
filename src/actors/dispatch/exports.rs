//! What is exported of incidents: one as a document, many as lines.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::actors::authorize::require;
use crate::actors::dispatch::reads::{Eyes, Seen};
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::ids::{IncidentId, OrderId};
use crate::models::incident_csv::{self, Told};
use crate::models::incident_eido::{self, Known};
use crate::models::order::Order;
use crate::models::store::DbConn;
use crate::models::{incident, incident_list, incident_views, mayday, order, timeline};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::dispatch::{OrderView, TimelineEntry};
use crate::protocol::views::eido::Eido;

/// More entries than a timeline has.
const ALL_ENTRIES: i64 = 1_000_000;
/// The kinds of entries that stamps come from.
const STAMPED: &[&str] = &[
    "incident.opened",
    "incident.closed",
    "incident.cancelled",
    "order.accepted",
    "unit.status",
    "unit.milestone",
    "unit.freed",
];

/// An incident as a document, masked where the asker may not see it whole.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn document(conn: &mut DbConn, who: &Identity, id: IncidentId) -> Result<Seen<Eido>, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let mut row = incident::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    let mut view = incident_views::one(conn, id)?;
    let mut entries = timeline::of_incident(conn, id, None, ALL_ENTRIES)?;
    let rows: Vec<Order> = order::all_of(conn, id)?;
    let ids: Vec<OrderId> = rows.iter().map(|order| order.id).collect();
    let mut views: HashMap<OrderId, OrderView> = order::views(conn, order::Which::Ids(&ids))?
        .into_iter()
        .map(|view| (view.id, view))
        .collect();
    let whole = eyes.see(id);
    if !whole {
        row.close_reason.clear();
        view = view.redacted();
        entries = entries.into_iter().map(TimelineEntry::redacted).collect();
        views = views.into_iter().map(|(id, view)| (id, view.redacted())).collect();
    }
    let orders = rows.into_iter().filter_map(|row| views.remove(&row.id).map(|view| (row, view)));
    let mut maydays = mayday::views(conn, mayday::Which::OfIncident(id))?;
    if !whole {
        maydays.iter_mut().for_each(|mayday| mayday.end_reason.clear());
    }
    let linked: Vec<IncidentId> =
        view.duplicates.iter().copied().chain(view.duplicate_of).collect();
    let known = Known {
        orders: orders.collect(),
        maydays,
        call_ids: incident_list::call_ids(conn, &linked)?,
        row,
        view,
        entries,
    };
    let patients = if whole { vec![id] } else { Vec::new() };
    Ok(Seen { what: incident_eido::document(&known), patients })
}

/// Which incidents, by when they were received.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    pub from: Option<NaiveDateTime>,
    pub to: Option<NaiveDateTime>,
}

/// A piece of the lines of many incidents.
#[derive(Debug)]
pub struct Piece {
    pub text: String,
    /// The last incident in it; none when there are no more.
    pub last: Option<IncidentId>,
}

/// The lines of up to `limit` incidents after `after`, oldest first.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn piece(
    conn: &mut DbConn,
    who: &Identity,
    span: Span,
    after: Option<IncidentId>,
    limit: i64,
) -> Result<Seen<Piece>, Fault> {
    require(who, TopicKind::Board, Action::ExportIncidents, Relation::Stranger)?;
    let rows = incident_list::received(conn, (span.from, span.to), after, limit)?;
    let ids: Vec<IncidentId> = rows.iter().map(|row| row.id).collect();
    let linked: Vec<IncidentId> = rows.iter().filter_map(|row| row.duplicate_of).collect();
    let call_ids = incident_list::call_ids(conn, &linked)?;
    let mut patients = incident_list::patients(conn, &ids)?;
    let mut orders: HashMap<IncidentId, Vec<(Order, String)>> = HashMap::new();
    for (order, number) in order::of_incidents(conn, &ids)? {
        orders.entry(order.incident_id).or_default().push((order, number));
    }
    let mut entries: HashMap<IncidentId, Vec<TimelineEntry>> = HashMap::new();
    for entry in timeline::of_kinds(conn, &ids, STAMPED)? {
        let Some(incident) = entry.incident else { continue };
        entries.entry(incident).or_default().push(entry);
    }
    let mut text = String::new();
    for incident in rows {
        let id = incident.id;
        text.push_str(&incident_csv::lines(&Told {
            patient: patients.remove(&id).unwrap_or_default(),
            duplicate_of: incident.duplicate_of.and_then(|of| call_ids.get(&of).cloned()),
            orders: orders.remove(&id).unwrap_or_default(),
            entries: entries.remove(&id).unwrap_or_default(),
            incident,
        }));
    }
    let last = ids.last().copied();
    Ok(Seen { what: Piece { text, last }, patients: ids })
}
