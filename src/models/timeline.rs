//! The `timeline` table: everything that happened, with actor and both clocks. Only ever added to.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{EntryId, IncidentId, OrderId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::timeline;
use crate::models::store::DbConn;
use crate::protocol::views::dispatch::TimelineEntry;

/// What happened, before it has a number.
#[derive(Debug, Clone, Default)]
pub struct NewEntry {
    pub incident: Option<IncidentId>,
    pub unit: Option<UnitId>,
    pub order: Option<OrderId>,
    pub kind: &'static str,
    pub actor: Option<UserId>,
    pub actor_name: String,
    pub from: Option<String>,
    pub to: Option<String>,
    /// For people. Holds nothing of caller or patient.
    pub detail: String,
    /// By the device's clock, when one told it.
    pub device_at: Option<NaiveDateTime>,
    pub utc_offset_min: i32,
    pub server_at: NaiveDateTime,
    /// Makes the entry the only one of its actor under this name.
    pub client_id: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = timeline)]
struct EntryRow {
    id: EntryId,
    incident_id: Option<IncidentId>,
    unit_id: Option<UnitId>,
    order_id: Option<OrderId>,
    kind: String,
    actor_id: Option<UserId>,
    actor_name: String,
    from_status: Option<String>,
    to_status: Option<String>,
    detail: String,
    at: NaiveDateTime,
    device_at: Option<NaiveDateTime>,
    utc_offset_min: i32,
    server_at: NaiveDateTime,
}

impl From<EntryRow> for TimelineEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            incident: row.incident_id,
            unit: row.unit_id,
            order: row.order_id,
            kind: row.kind,
            actor: row.actor_id,
            actor_name: row.actor_name,
            from: row.from_status,
            to: row.to_status,
            detail: row.detail,
            at: row.at,
            device_at: row.device_at,
            utc_offset_min: row.utc_offset_min,
            server_at: row.server_at,
        }
    }
}

/// Adds an entry. It stands at its device time if it has one, at its server time otherwise.
///
/// # Errors
/// `Conflict` when its actor has used its `client_id` before.
pub fn add(conn: &mut DbConn, entry: NewEntry) -> Result<TimelineEntry, StoreError> {
    let at = entry.device_at.unwrap_or(entry.server_at);
    let row = (
        timeline::incident_id.eq(entry.incident),
        timeline::unit_id.eq(entry.unit),
        timeline::order_id.eq(entry.order),
        timeline::kind.eq(entry.kind),
        timeline::actor_id.eq(entry.actor),
        timeline::actor_name.eq(&entry.actor_name),
        timeline::from_status.eq(&entry.from),
        timeline::to_status.eq(&entry.to),
        timeline::detail.eq(&entry.detail),
        timeline::at.eq(at),
        timeline::device_at.eq(entry.device_at),
        timeline::utc_offset_min.eq(entry.utc_offset_min),
        timeline::server_at.eq(entry.server_at),
        timeline::client_id.eq(&entry.client_id),
    );
    let id: EntryId = diesel::insert_into(timeline::table)
        .values(row)
        .returning(timeline::id)
        .get_result(conn)?;
    Ok(TimelineEntry {
        id,
        incident: entry.incident,
        unit: entry.unit,
        order: entry.order,
        kind: entry.kind.to_owned(),
        actor: entry.actor,
        actor_name: entry.actor_name,
        from: entry.from,
        to: entry.to,
        detail: entry.detail,
        at,
        device_at: entry.device_at,
        utc_offset_min: entry.utc_offset_min,
        server_at: entry.server_at,
    })
}

/// Whether this actor has an entry under this `client_id` already.
pub fn has_client_id(
    conn: &mut DbConn,
    actor: UserId,
    client_id: &str,
) -> Result<bool, StoreError> {
    let found = timeline::table
        .filter(timeline::actor_id.eq(actor))
        .filter(timeline::client_id.eq(client_id))
        .select(timeline::id)
        .first::<EntryId>(conn)
        .optional()?;
    Ok(found.is_some())
}

/// An incident's entries in the order things happened, up to `limit`, after the entry `after`.
///
/// # Errors
/// `Missing` when `after` is no entry of the incident.
pub fn of_incident(
    conn: &mut DbConn,
    incident: IncidentId,
    after: Option<EntryId>,
    limit: i64,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let theirs = timeline::table.filter(timeline::incident_id.eq(incident));
    let mut query = theirs
        .order((timeline::at, timeline::id))
        .limit(limit)
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        // What a device told late stands before what was known by then, under a larger id.
        let place = theirs.filter(timeline::id.eq(after)).select(timeline::at);
        let at: Option<NaiveDateTime> = place.first(conn).optional()?;
        let at = at.ok_or(StoreError::Missing)?;
        query =
            query.filter(timeline::at.gt(at).or(timeline::at.eq(at).and(timeline::id.gt(after))));
    }
    let rows: Vec<EntryRow> = query.load(conn)?;
    Ok(rows.into_iter().map(TimelineEntry::from).collect())
}

/// The entries of these incidents that are of these kinds, in the order things happened.
pub fn of_kinds(
    conn: &mut DbConn,
    incidents: &[IncidentId],
    kinds: &[&str],
) -> Result<Vec<TimelineEntry>, StoreError> {
    if incidents.is_empty() {
        return Ok(Vec::new());
    }
    let theirs = timeline::incident_id.eq_any(incidents.iter().map(|id| Some(*id)));
    let rows: Vec<EntryRow> = timeline::table
        .filter(theirs)
        .filter(timeline::kind.eq_any(kinds.iter().copied()))
        .order((timeline::at, timeline::id))
        .select(EntryRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(TimelineEntry::from).collect())
}

/// Up to `limit` entries about a unit below `before`, last told first.
pub fn of_unit(
    conn: &mut DbConn,
    unit: UnitId,
    before: Option<EntryId>,
    limit: i64,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let mut query = timeline::table
        .filter(timeline::unit_id.eq(unit))
        .order(timeline::id.desc())
        .limit(limit)
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(timeline::id.lt(before));
    }
    let rows: Vec<EntryRow> = query.load(conn)?;
    Ok(rows.into_iter().map(TimelineEntry::from).collect())
}

/// The entries with these ids.
pub fn by_ids(conn: &mut DbConn, ids: &[EntryId]) -> Result<Vec<TimelineEntry>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = timeline::table.filter(timeline::id.eq_any(ids));
    let rows: Vec<EntryRow> = found.select(EntryRow::as_select()).load(conn)?;
    Ok(rows.into_iter().map(TimelineEntry::from).collect())
}
