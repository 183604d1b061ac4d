//! The `shifts` table: who is on which unit, since when and until when, and who rests.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ShiftId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::shifts;
use crate::models::store::DbConn;
use crate::models::{order, user};
use crate::protocol::views::PersonView;
use crate::protocol::views::dispatch::ShiftView;

/// A row of `shifts`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = shifts)]
pub struct Shift {
    pub id: ShiftId,
    pub unit_id: UnitId,
    pub user_id: UserId,
    pub duty: String,
    pub since: NaiveDateTime,
    /// The planned end.
    pub until: Option<NaiveDateTime>,
    pub rest_until: Option<NaiveDateTime>,
    pub ended_at: Option<NaiveDateTime>,
    pub ended_by: Option<UserId>,
}

/// Puts someone on a unit.
///
/// # Errors
/// `Conflict` when they are on one already.
pub fn start(
    conn: &mut DbConn,
    unit: UnitId,
    user: UserId,
    duty: &str,
    since: NaiveDateTime,
    until: Option<NaiveDateTime>,
) -> Result<Shift, StoreError> {
    let row = (
        shifts::unit_id.eq(unit),
        shifts::user_id.eq(user),
        shifts::duty.eq(duty),
        shifts::since.eq(since),
        shifts::until.eq(until),
    );
    let id: ShiftId =
        diesel::insert_into(shifts::table).values(row).returning(shifts::id).get_result(conn)?;
    Ok(shifts::table.find(id).select(Shift::as_select()).first(conn)?)
}

/// Ends a shift; `false` when it had ended.
pub fn end(
    conn: &mut DbConn,
    id: ShiftId,
    at: NaiveDateTime,
    by: Option<UserId>,
) -> Result<bool, StoreError> {
    let running = shifts::table.find(id).filter(shifts::ended_at.is_null());
    let change = (shifts::ended_at.eq(at), shifts::ended_by.eq(by));
    Ok(diesel::update(running).set(change).execute(conn)? == 1)
}

/// Lets someone on shift rest until a moment, or no longer.
pub fn rest(
    conn: &mut DbConn,
    id: ShiftId,
    until: Option<NaiveDateTime>,
) -> Result<(), StoreError> {
    diesel::update(shifts::table.find(id)).set(shifts::rest_until.eq(until)).execute(conn)?;
    Ok(())
}

/// The shift someone is on now.
pub fn of_user(conn: &mut DbConn, user: UserId) -> Result<Option<Shift>, StoreError> {
    let found = shifts::table.filter(shifts::user_id.eq(user)).filter(shifts::ended_at.is_null());
    Ok(found.select(Shift::as_select()).first(conn).optional()?)
}

/// Those on shift on a unit now, first come first.
pub fn of_unit(conn: &mut DbConn, unit: UnitId) -> Result<Vec<Shift>, StoreError> {
    Ok(shifts::table
        .filter(shifts::unit_id.eq(unit))
        .filter(shifts::ended_at.is_null())
        .order((shifts::since, shifts::id))
        .select(Shift::as_select())
        .load(conn)?)
}

/// When someone's newest ended shift ended: for their rest between shifts.
pub fn last_end(conn: &mut DbConn, user: UserId) -> Result<Option<NaiveDateTime>, StoreError> {
    let ended: Option<Option<NaiveDateTime>> = shifts::table
        .filter(shifts::user_id.eq(user))
        .filter(shifts::ended_at.is_not_null())
        .order(shifts::ended_at.desc())
        .select(shifts::ended_at)
        .first(conn)
        .optional()?;
    Ok(ended.flatten())
}

/// Who is on shift on each of these units, with their names.
pub fn crews(
    conn: &mut DbConn,
    units: &[UnitId],
) -> Result<HashMap<UnitId, Vec<ShiftView>>, StoreError> {
    let rows: Vec<Shift> = shifts::table
        .filter(shifts::unit_id.eq_any(units))
        .filter(shifts::ended_at.is_null())
        .order((shifts::since, shifts::id))
        .select(Shift::as_select())
        .load(conn)?;
    let people: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
    let people = user::persons(conn, &people)?;
    let mut crews: HashMap<UnitId, Vec<ShiftView>> = HashMap::new();
    for row in rows {
        if let Some(person) = people.get(&row.user_id) {
            crews.entry(row.unit_id).or_default().push(view(&row, person.clone()));
        }
    }
    Ok(crews)
}

/// Which shifts [`page`] lists; what is absent does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub unit: Option<UnitId>,
    pub user: Option<UserId>,
    /// Whether they still run.
    pub open: Option<bool>,
    /// Those begun before this one.
    pub before: Option<ShiftId>,
}

/// Up to `limit` such shifts, newest first.
pub fn page(conn: &mut DbConn, wanted: &Wanted, limit: i64) -> Result<Vec<ShiftView>, StoreError> {
    let mut query =
        shifts::table.order(shifts::id.desc()).limit(limit).select(Shift::as_select()).into_boxed();
    if let Some(unit) = wanted.unit {
        query = query.filter(shifts::unit_id.eq(unit));
    }
    if let Some(user) = wanted.user {
        query = query.filter(shifts::user_id.eq(user));
    }
    match wanted.open {
        Some(true) => query = query.filter(shifts::ended_at.is_null()),
        Some(false) => query = query.filter(shifts::ended_at.is_not_null()),
        None => {}
    }
    if let Some(before) = wanted.before {
        query = query.filter(shifts::id.lt(before));
    }
    let rows: Vec<Shift> = query.load(conn)?;
    let people: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
    let people = user::persons(conn, &people)?;
    let shown = |row: &Shift| Some(view(row, people.get(&row.user_id)?.clone()));
    Ok(rows.iter().filter_map(shown).collect())
}

/// A shift as everyone in dispatch sees it.
pub fn view(row: &Shift, user: PersonView) -> ShiftView {
    ShiftView {
        id: row.id,
        unit: row.unit_id,
        user,
        duty: row.duty.clone(),
        since: row.since,
        until: row.until,
        rest_until: row.rest_until,
        ended_at: row.ended_at,
    }
}

/// Whether someone is of a unit's crew: on shift on it, or named by the order that binds it.
pub fn is_crew(conn: &mut DbConn, unit: UnitId, user: UserId) -> Result<bool, StoreError> {
    if of_user(conn, user)?.is_some_and(|shift| shift.unit_id == unit) {
        return Ok(true);
    }
    let bound = order::of_unit(conn, unit)?;
    Ok(bound.is_some_and(|order| order.paramedic_id == Some(user)))
}
