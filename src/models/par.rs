//! The `par_timers` table: when the crews of an incident must next say that they are well.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{IncidentId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::par_timers;
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::dispatch::ParView;

/// A row of `par_timers`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = par_timers)]
#[diesel(primary_key(incident_id))]
#[diesel(treat_none_as_null = true)]
pub struct Timer {
    pub incident_id: IncidentId,
    pub every_ms: i64,
    /// When the next check-in, or the next notice of its lateness, is due; none while it rests.
    pub due_at: Option<NaiveDateTime>,
    pub checked_at: Option<NaiveDateTime>,
    pub checked_by: Option<UserId>,
    pub overdue_since: Option<NaiveDateTime>,
    pub notices: i32,
    pub nobody_heard: bool,
}

impl Timer {
    /// One that rests.
    pub fn resting(incident: IncidentId, every_ms: i64) -> Self {
        Self {
            incident_id: incident,
            every_ms,
            due_at: None,
            checked_at: None,
            checked_by: None,
            overdue_since: None,
            notices: 0,
            nobody_heard: false,
        }
    }

    /// As everyone in dispatch sees it.
    pub fn view(&self) -> ParView {
        ParView {
            every_ms: self.every_ms,
            due_at: self.due_at,
            checked_at: self.checked_at,
            overdue_since: self.overdue_since,
            notices: self.notices,
            nobody_heard: self.nobody_heard,
        }
    }
}

/// The timer of an incident.
pub fn of(conn: &mut DbConn, incident: IncidentId) -> Result<Option<Timer>, StoreError> {
    let found = par_timers::table.find(incident);
    Ok(found.select(Timer::as_select()).first(conn).optional()?)
}

/// Writes a timer, whether it was there or not.
pub fn save(conn: &mut DbConn, timer: &Timer) -> Result<(), StoreError> {
    on_engine!(conn, |inner| diesel::insert_into(par_timers::table)
        .values(timer)
        .on_conflict(par_timers::incident_id)
        .do_update()
        .set(timer)
        .execute(inner))?;
    Ok(())
}

/// Timers due at `now`, up to `limit`.
pub fn due(conn: &mut DbConn, now: NaiveDateTime, limit: i64) -> Result<Vec<Timer>, StoreError> {
    Ok(par_timers::table
        .filter(par_timers::due_at.le(now))
        .order(par_timers::due_at)
        .limit(limit)
        .select(Timer::as_select())
        .load(conn)?)
}
