//! The `units` table: ambulances and what else takes orders, and where they were.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock;
use crate::ids::{IncidentId, OrderId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{incidents, orders, units};
use crate::models::store::DbConn;
use crate::models::{shift, user};
use crate::protocol::dispatch::{Degrees, PositionState, UnitStatus, UnitType};
use crate::protocol::views::dispatch::UnitView;

/// A row of `units`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = units)]
pub struct Unit {
    pub id: UnitId,
    pub unit_number: String,
    pub unit_type: UnitType,
    /// Words with commas between.
    pub capabilities: String,
    pub equipment: String,
    pub max_patients: i32,
    pub status: UnitStatus,
    pub status_since: NaiveDateTime,
    /// The paramedic this unit is usually ordered with.
    pub paramedic_id: Option<UserId>,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub accuracy_m: Option<i32>,
    pub heading_deg: Option<i32>,
    pub speed_kmh: Option<i32>,
    /// When the device fixed the position.
    pub fixed_at: Option<NaiveDateTime>,
    /// When the server received it.
    pub position_at: Option<NaiveDateTime>,
    pub home_name: String,
    pub home_latitude: Option<Degrees>,
    pub home_longitude: Option<Degrees>,
    pub version: i64,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub retired_at: Option<NaiveDateTime>,
    /// When it was marked as silent.
    pub stale_at: Option<NaiveDateTime>,
    /// When it was marked as silent for too long.
    pub lost_at: Option<NaiveDateTime>,
}

impl Unit {
    /// One that has a number and nothing else yet.
    pub fn new(unit_number: &str, at: NaiveDateTime) -> Self {
        Self {
            id: UnitId(0),
            unit_number: unit_number.to_owned(),
            unit_type: UnitType::Basic,
            capabilities: String::new(),
            equipment: String::new(),
            max_patients: 1,
            status: UnitStatus::Available,
            status_since: at,
            paramedic_id: None,
            latitude: None,
            longitude: None,
            accuracy_m: None,
            heading_deg: None,
            speed_kmh: None,
            fixed_at: None,
            position_at: None,
            home_name: String::new(),
            home_latitude: None,
            home_longitude: None,
            version: 1,
            created_at: at,
            updated_at: at,
            retired_at: None,
            stale_at: None,
            lost_at: None,
        }
    }

    /// How far its position can be relied on, as it is marked.
    pub fn position_state(&self) -> PositionState {
        match (self.position_at, self.stale_at, self.lost_at) {
            (None, ..) => PositionState::Unknown,
            (_, _, Some(_)) => PositionState::Lost,
            (_, Some(_), None) => PositionState::Stale,
            (_, None, None) => PositionState::Live,
        }
    }

    /// Its capabilities as single words.
    pub fn capability_words(&self) -> Vec<String> {
        let words = self.capabilities.split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
    }
}

/// Writes what dispatchers keep of a unit: a new one when its id is 0, else the row it came from,
/// one version on. Status and position have functions of their own.
///
/// # Errors
/// `Conflict` naming `units.unit_number`; `Missing` when there is no such unit any more.
pub fn save(conn: &mut DbConn, unit: &Unit) -> Result<Unit, StoreError> {
    let columns = (
        units::unit_number.eq(&unit.unit_number),
        units::unit_type.eq(unit.unit_type),
        units::capabilities.eq(&unit.capabilities),
        units::equipment.eq(&unit.equipment),
        units::max_patients.eq(unit.max_patients),
        units::paramedic_id.eq(unit.paramedic_id),
        units::home_name.eq(&unit.home_name),
        units::home_latitude.eq(unit.home_latitude),
        units::home_longitude.eq(unit.home_longitude),
        units::created_at.eq(unit.created_at),
        units::updated_at.eq(unit.updated_at),
        units::retired_at.eq(unit.retired_at),
    );
    // Looked for first: on PostgreSQL a clash would spoil the transaction.
    let twin: Option<UnitId> = units::table
        .filter(units::unit_number.eq(&unit.unit_number))
        .filter(units::id.ne(unit.id))
        .select(units::id)
        .first(conn)
        .optional()?;
    if twin.is_some() {
        return Err(StoreError::Conflict(Some("units.unit_number".to_owned())));
    }
    let id = if unit.id.0 == 0 {
        let since = units::status_since.eq(unit.status_since);
        let made = diesel::insert_into(units::table).values((columns, since));
        made.returning(units::id).get_result(conn)?
    } else {
        let change = (columns, units::version.eq(units::version + 1));
        diesel::update(units::table.find(unit.id)).set(change).execute(conn)?;
        unit.id
    };
    Ok(units::table.find(id).select(Unit::as_select()).first(conn)?)
}

/// Brings a unit to a status, one version on. Whether it may is the lifecycle's business.
pub fn set_status(
    conn: &mut DbConn,
    id: UnitId,
    status: UnitStatus,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let change = (
        units::status.eq(status),
        units::status_since.eq(at),
        units::updated_at.eq(at),
        units::version.eq(units::version + 1),
    );
    diesel::update(units::table.find(id)).set(change).execute(conn)?;
    Ok(())
}

/// The unit with this id, unless it was taken off the list.
pub fn by_id(conn: &mut DbConn, id: UnitId) -> Result<Option<Unit>, StoreError> {
    let found = units::table.find(id).filter(units::retired_at.is_null());
    Ok(found.select(Unit::as_select()).first(conn).optional()?)
}

/// The unit with this number, unless it was taken off the list.
pub fn by_number(conn: &mut DbConn, number: &str) -> Result<Option<Unit>, StoreError> {
    let found =
        units::table.filter(units::unit_number.eq(number)).filter(units::retired_at.is_null());
    Ok(found.select(Unit::as_select()).first(conn).optional()?)
}

/// All units on the list, by number.
pub fn all(conn: &mut DbConn) -> Result<Vec<Unit>, StoreError> {
    Ok(units::table
        .filter(units::retired_at.is_null())
        .order((units::unit_number, units::id))
        .select(Unit::as_select())
        .load(conn)?)
}

/// These units as everyone in dispatch sees them, by id. With no ids: all on the list.
pub fn views(conn: &mut DbConn, ids: Option<&[UnitId]>) -> Result<Vec<UnitView>, StoreError> {
    let rows: Vec<Unit> = match ids {
        None => all(conn)?,
        Some([]) => Vec::new(),
        Some(ids) => {
            let found = units::table.filter(units::id.eq_any(ids)).order(units::id);
            found.select(Unit::as_select()).load(conn)?
        }
    };
    let ids: Vec<UnitId> = rows.iter().map(|row| row.id).collect();
    let mut crews = shift::crews(conn, &ids)?;
    let usual: Vec<UserId> = rows.iter().filter_map(|row| row.paramedic_id).collect();
    let people = user::persons(conn, &usual)?;
    let bound: Vec<(UnitId, OrderId, IncidentId, String)> = orders::table
        .inner_join(incidents::table)
        .filter(orders::unit_id.eq_any(&ids))
        .filter(orders::ended_at.is_null())
        .select((orders::unit_id, orders::id, incidents::id, incidents::call_id))
        .load(conn)?;
    let bound: HashMap<UnitId, (OrderId, IncidentId, String)> =
        bound.into_iter().map(|(unit, order, id, call)| (unit, (order, id, call))).collect();
    let now = clock::now_naive();
    let view = |row: Unit| {
        let order = bound.get(&row.id);
        UnitView {
            position_state: row.position_state(),
            position_age_s: row.position_at.map(|at| (now - at).num_seconds().max(0)),
            id: row.id,
            capabilities: row.capability_words(),
            unit_number: row.unit_number,
            unit_type: row.unit_type,
            equipment: row.equipment,
            max_patients: row.max_patients,
            status: row.status,
            status_since: row.status_since,
            paramedic: row.paramedic_id.and_then(|id| people.get(&id).cloned()),
            crew: crews.remove(&row.id).unwrap_or_default(),
            incident: order.map(|(_, incident, _)| *incident),
            call_id: order.map(|(_, _, call)| call.clone()),
            order: order.map(|(order, _, _)| *order),
            latitude: row.latitude,
            longitude: row.longitude,
            accuracy_m: row.accuracy_m,
            heading_deg: row.heading_deg,
            speed_kmh: row.speed_kmh,
            fixed_at: row.fixed_at,
            position_at: row.position_at,
            home_name: row.home_name,
            home_latitude: row.home_latitude,
            home_longitude: row.home_longitude,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    };
    Ok(rows.into_iter().map(view).collect())
}
