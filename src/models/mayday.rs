//! The `maydays` table: crews' calls for their own help, until someone answers by name.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{IncidentId, MaydayId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{maydays, units};
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::dispatch::Degrees;
use crate::protocol::views::dispatch::MaydayView;

/// A row of `maydays`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = maydays)]
#[diesel(treat_none_as_null = true)]
pub struct Mayday {
    pub id: MaydayId,
    pub unit_id: Option<UnitId>,
    pub incident_id: Option<IncidentId>,
    pub raised_by: Option<UserId>,
    pub note: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub raised_at: NaiveDateTime,
    pub device_at: Option<NaiveDateTime>,
    pub acknowledged_at: Option<NaiveDateTime>,
    pub acknowledged_by: Option<UserId>,
    pub ended_at: Option<NaiveDateTime>,
    pub ended_by: Option<UserId>,
    pub end_reason: String,
    pub repeats: i32,
    /// When it is next repeated; none once acknowledged.
    pub repeat_at: Option<NaiveDateTime>,
    pub nobody_heard: bool,
}

/// Keeps a new mayday and returns it with its id.
pub fn insert(conn: &mut DbConn, new: &Mayday) -> Result<Mayday, StoreError> {
    let row = (
        maydays::unit_id.eq(new.unit_id),
        maydays::incident_id.eq(new.incident_id),
        maydays::raised_by.eq(new.raised_by),
        maydays::note.eq(&new.note),
        maydays::latitude.eq(new.latitude),
        maydays::longitude.eq(new.longitude),
        maydays::raised_at.eq(new.raised_at),
        maydays::device_at.eq(new.device_at),
        maydays::repeat_at.eq(new.repeat_at),
        maydays::nobody_heard.eq(new.nobody_heard),
    );
    let id: MaydayId =
        diesel::insert_into(maydays::table).values(row).returning(maydays::id).get_result(conn)?;
    Ok(Mayday { id, ..new.clone() })
}

/// Writes a mayday as it stands.
pub fn update(conn: &mut DbConn, mayday: &Mayday) -> Result<(), StoreError> {
    diesel::update(maydays::table.find(mayday.id)).set(mayday).execute(conn)?;
    Ok(())
}

/// The mayday with this id.
pub fn by_id(conn: &mut DbConn, id: MaydayId) -> Result<Option<Mayday>, StoreError> {
    Ok(maydays::table.find(id).select(Mayday::as_select()).first(conn).optional()?)
}

/// Maydays whose repeat is due at `now`.
pub fn due(conn: &mut DbConn, now: NaiveDateTime, limit: i64) -> Result<Vec<Mayday>, StoreError> {
    Ok(maydays::table
        .filter(maydays::repeat_at.le(now))
        .order(maydays::id)
        .limit(limit)
        .select(Mayday::as_select())
        .load(conn)?)
}

/// The ids of up to `limit` maydays below `before`, newest first; with `open` only those that have
/// not ended, or only those that have.
pub fn ids(
    conn: &mut DbConn,
    open: Option<bool>,
    before: Option<MaydayId>,
    limit: i64,
) -> Result<Vec<MaydayId>, StoreError> {
    let mut query =
        maydays::table.order(maydays::id.desc()).limit(limit).select(maydays::id).into_boxed();
    match open {
        Some(true) => query = query.filter(maydays::ended_at.is_null()),
        Some(false) => query = query.filter(maydays::ended_at.is_not_null()),
        None => {}
    }
    if let Some(before) = before {
        query = query.filter(maydays::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Which maydays [`views`] shows.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those with these ids.
    Ids(&'a [MaydayId]),
    /// All that have not ended.
    Open,
    /// Those of a unit that have not ended.
    OpenOf(UnitId),
    /// All that were raised on an incident.
    OfIncident(IncidentId),
}

/// Maydays as everyone in dispatch sees them, by id.
pub fn views(conn: &mut DbConn, which: Which<'_>) -> Result<Vec<MaydayView>, StoreError> {
    let mut query = maydays::table
        .left_join(units::table)
        .order(maydays::id)
        .select((Mayday::as_select(), units::unit_number.nullable()))
        .into_boxed();
    query = match which {
        Which::Ids([]) => return Ok(Vec::new()),
        Which::Ids(ids) => query.filter(maydays::id.eq_any(ids)),
        Which::Open => query.filter(maydays::ended_at.is_null()),
        Which::OpenOf(unit) => {
            query.filter(maydays::ended_at.is_null()).filter(maydays::unit_id.eq(unit))
        }
        Which::OfIncident(incident) => query.filter(maydays::incident_id.eq(incident)),
    };
    let rows: Vec<(Mayday, Option<String>)> = query.load(conn)?;
    let people: Vec<UserId> =
        rows.iter().flat_map(|(row, _)| [row.raised_by, row.acknowledged_by]).flatten().collect();
    let people = user::persons(conn, &people)?;
    let person = |id: Option<UserId>| id.and_then(|id| people.get(&id).cloned());
    let view = |(row, unit_number): (Mayday, Option<String>)| MaydayView {
        id: row.id,
        unit: row.unit_id,
        unit_number,
        incident: row.incident_id,
        raised_by: person(row.raised_by),
        note: row.note,
        latitude: row.latitude,
        longitude: row.longitude,
        raised_at: row.raised_at,
        acknowledged_at: row.acknowledged_at,
        acknowledged_by: person(row.acknowledged_by),
        ended_at: row.ended_at,
        end_reason: row.end_reason,
        repeats: row.repeats,
        nobody_heard: row.nobody_heard,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Someone's mayday that nobody has answered yet.
pub fn unanswered_of(
    conn: &mut DbConn,
    user: Option<UserId>,
) -> Result<Option<Mayday>, StoreError> {
    let Some(user) = user else { return Ok(None) };
    let open = maydays::table.filter(maydays::raised_by.eq(user));
    let open = open.filter(maydays::acknowledged_at.is_null()).filter(maydays::ended_at.is_null());
    Ok(open.order(maydays::id).select(Mayday::as_select()).first(conn).optional()?)
}
