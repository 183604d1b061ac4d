//! Deadlines of dispatch, in whichever table they stand.

use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::models::error::StoreError;
use crate::models::schema::{hospitals, maydays, orders, par_timers};
use crate::models::store::DbConn;

/// Whether any has come at `now`: one question, asked several times a second while nothing has.
///
/// # Errors
/// Those of the database.
pub fn is_due(conn: &mut DbConn, now: NaiveDateTime) -> Result<bool, StoreError> {
    let mayday = exists(maydays::table.filter(maydays::repeat_at.le(now)));
    let pressed = orders::repeat_at.le(now).or(orders::escalate_at.le(now));
    let order = exists(orders::table.filter(pressed));
    let check_in = exists(par_timers::table.filter(par_timers::due_at.le(now)));
    let diversion = exists(hospitals::table.filter(hospitals::diversion_ends_at.le(now)));
    let any = mayday.or(order).or(check_in).or(diversion);
    Ok(diesel::select(any).get_result(conn)?)
}
