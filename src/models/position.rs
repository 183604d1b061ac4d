//! Where units are: the newest position in their row of `units`, samples of their way in
//! `unit_trail`, and the marks of those who fell silent.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::UnitId;
use crate::models::error::StoreError;
use crate::models::schema::{unit_trail, units};
use crate::models::store::DbConn;
use crate::protocol::dispatch::Degrees;
use crate::protocol::views::dispatch::UnitView;
use crate::protocol::views::positions::PositionView;

/// Where a unit was, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = unit_trail)]
pub struct Fix {
    pub latitude: Degrees,
    pub longitude: Degrees,
    pub accuracy_m: Option<i32>,
    pub heading_deg: Option<i32>,
    pub speed_kmh: Option<i32>,
    /// When the device fixed it.
    pub fixed_at: NaiveDateTime,
    /// When the server received it.
    pub received_at: NaiveDateTime,
}

impl Fix {
    /// As listeners to positions see it.
    pub fn view(&self, unit: UnitId) -> PositionView {
        PositionView {
            unit,
            latitude: self.latitude,
            longitude: self.longitude,
            accuracy_m: self.accuracy_m,
            heading_deg: self.heading_deg,
            speed_kmh: self.speed_kmh,
            fixed_at: Some(self.fixed_at),
            received_at: self.received_at,
        }
    }

    /// Puts it into the view of its unit, which is older.
    pub fn show_in(&self, view: &mut UnitView) {
        view.latitude = Some(self.latitude);
        view.longitude = Some(self.longitude);
        view.accuracy_m = self.accuracy_m;
        view.heading_deg = self.heading_deg;
        view.speed_kmh = self.speed_kmh;
        view.fixed_at = Some(self.fixed_at);
        view.position_at = Some(self.received_at);
    }
}

/// Moves a unit on and takes its marks of silence back, unless it has a newer fix that was received
/// after `silent_before`; whether it moved. The version stays: a position is no decision.
pub fn place(
    conn: &mut DbConn,
    id: UnitId,
    fix: &Fix,
    silent_before: NaiveDateTime,
) -> Result<bool, StoreError> {
    // By the device's clock; but one that is behind is heard once all others are silent.
    let older = units::fixed_at
        .is_null()
        .or(units::fixed_at.le(fix.fixed_at))
        .or(units::position_at.lt(silent_before));
    let change = (
        units::latitude.eq(fix.latitude),
        units::longitude.eq(fix.longitude),
        units::accuracy_m.eq(fix.accuracy_m),
        units::heading_deg.eq(fix.heading_deg),
        units::speed_kmh.eq(fix.speed_kmh),
        units::fixed_at.eq(fix.fixed_at),
        units::position_at.eq(fix.received_at),
        units::stale_at.eq(None::<NaiveDateTime>),
        units::lost_at.eq(None::<NaiveDateTime>),
    );
    let row = units::table.find(id).filter(older);
    Ok(diesel::update(row).set(change).execute(conn)? == 1)
}

/// Adds a fix to the trail.
pub fn trace(conn: &mut DbConn, id: UnitId, fix: &Fix) -> Result<(), StoreError> {
    let row = (
        unit_trail::unit_id.eq(id),
        unit_trail::latitude.eq(fix.latitude),
        unit_trail::longitude.eq(fix.longitude),
        unit_trail::accuracy_m.eq(fix.accuracy_m),
        unit_trail::heading_deg.eq(fix.heading_deg),
        unit_trail::speed_kmh.eq(fix.speed_kmh),
        unit_trail::fixed_at.eq(fix.fixed_at),
        unit_trail::received_at.eq(fix.received_at),
    );
    diesel::insert_into(unit_trail::table).values(row).execute(conn)?;
    Ok(())
}

/// A unit's way from `since` on, oldest first, up to `limit` samples.
pub fn trail(
    conn: &mut DbConn,
    id: UnitId,
    since: NaiveDateTime,
    limit: i64,
) -> Result<Vec<Fix>, StoreError> {
    Ok(unit_trail::table
        .filter(unit_trail::unit_id.eq(id))
        .filter(unit_trail::fixed_at.ge(since))
        .order((unit_trail::fixed_at, unit_trail::id))
        .limit(limit)
        .select(Fix::as_select())
        .load(conn)?)
}

/// Forgets up to `limit` samples received before `before`; how many.
pub fn prune_trail(
    conn: &mut DbConn,
    before: NaiveDateTime,
    limit: i64,
) -> Result<usize, StoreError> {
    let old: Vec<i64> = unit_trail::table
        .filter(unit_trail::received_at.lt(before))
        .order(unit_trail::received_at)
        .limit(limit)
        .select(unit_trail::id)
        .load(conn)?;
    Ok(diesel::delete(unit_trail::table.filter(unit_trail::id.eq_any(old))).execute(conn)?)
}

type Placed = (
    UnitId,
    Option<Degrees>,
    Option<Degrees>,
    Option<i32>,
    Option<i32>,
    Option<i32>,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
);

/// The newest position of every unit on the list that told one, by unit.
pub fn all(conn: &mut DbConn) -> Result<Vec<PositionView>, StoreError> {
    let rows: Vec<Placed> = units::table
        .filter(units::retired_at.is_null())
        .filter(units::position_at.is_not_null())
        .order(units::id)
        .select((
            units::id,
            units::latitude,
            units::longitude,
            units::accuracy_m,
            units::heading_deg,
            units::speed_kmh,
            units::fixed_at,
            units::position_at,
        ))
        .load(conn)?;
    let view = |(unit, latitude, longitude, accuracy_m, heading_deg, speed_kmh, fixed_at, at)| {
        let (latitude, longitude): (Option<Degrees>, Option<Degrees>) = (latitude, longitude);
        Some(PositionView {
            unit,
            latitude: latitude?,
            longitude: longitude?,
            accuracy_m,
            heading_deg,
            speed_kmh,
            fixed_at,
            received_at: at?,
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// Which of these units are marked as silent.
pub fn silent_among(conn: &mut DbConn, ids: &[UnitId]) -> Result<Vec<UnitId>, StoreError> {
    Ok(units::table
        .filter(units::id.eq_any(ids))
        .filter(units::stale_at.is_not_null().or(units::lost_at.is_not_null()))
        .select(units::id)
        .load(conn)?)
}

/// A mark of a silent unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Stale,
    Lost,
}

/// Units on the list whose newest position was received before `before` and that do not have this
/// mark, up to `limit`, with when that was.
pub fn silent_since(
    conn: &mut DbConn,
    mark: Mark,
    before: NaiveDateTime,
    limit: i64,
) -> Result<Vec<(UnitId, Option<NaiveDateTime>)>, StoreError> {
    let silent = units::table
        .filter(units::position_at.lt(before))
        .filter(units::retired_at.is_null())
        .order(units::id)
        .limit(limit)
        .select((units::id, units::position_at));
    Ok(match mark {
        Mark::Stale => silent.filter(units::stale_at.is_null()).load(conn)?,
        Mark::Lost => silent.filter(units::lost_at.is_null()).load(conn)?,
    })
}

/// Marks a unit as silent; its next position takes the mark back.
pub fn mark(
    conn: &mut DbConn,
    id: UnitId,
    mark: Mark,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = units::table.find(id);
    match mark {
        Mark::Stale => diesel::update(row).set(units::stale_at.eq(at)).execute(conn)?,
        Mark::Lost => diesel::update(row).set(units::lost_at.eq(at)).execute(conn)?,
    };
    Ok(())
}
