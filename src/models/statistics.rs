//! Figures over recorded connection attempts, counted by the database.

use chrono::NaiveDateTime;
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{Double, Nullable, Text};

use crate::models::error::StoreError;
use crate::models::schema::connection_attempts as attempts;
use crate::models::store::{DbConn, on_engine};

/// How many reasons are named.
const COMMON_REASONS: i64 = 5;

/// What happened at the door since a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    pub total: i64,
    pub successful: i64,
    pub failed: i64,
    /// Successful of 100; 0 when there were none at all.
    pub success_percent: f64,
    /// Why attempts failed, the most frequent first, with their counts: five at most.
    pub common_reasons: Vec<(String, i64)>,
    /// Attempts started in each hour (named by its beginning), oldest first, without empty ones.
    pub hourly: Vec<(NaiveDateTime, i64)>,
    /// Mean of the connections that have ended; none when none has.
    pub average_duration_ms: Option<f64>,
}

/// The figures over attempts that started at `since` or later.
///
/// # Errors
/// Those of the database.
pub fn attempts_since(conn: &mut DbConn, since: NaiveDateTime) -> Result<Statistics, StoreError> {
    let of_period = || attempts::table.filter(attempts::started_at.ge(since));
    let total: i64 = of_period().select(count_star()).first(conn)?;
    let successful: i64 =
        of_period().filter(attempts::successful.eq(true)).select(count_star()).first(conn)?;
    let average_duration_ms: Option<f64> = of_period()
        .select(sql::<Nullable<Double>>("AVG(CAST(duration_ms AS DOUBLE PRECISION))"))
        .first(conn)?;
    let common_reasons: Vec<(String, i64)> = of_period()
        .filter(attempts::successful.eq(false).and(attempts::reason.ne("")))
        .group_by(attempts::reason)
        .order((count_star().desc(), attempts::reason))
        .limit(COMMON_REASONS)
        .select((attempts::reason, count_star()))
        .load(conn)?;
    Ok(Statistics {
        total,
        successful,
        failed: total - successful,
        success_percent: percent(successful, total),
        common_reasons,
        hourly: hourly(conn, since)?,
        average_duration_ms,
    })
}

fn percent(part: i64, whole: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
    let (part, whole) = (part as f64, whole as f64);
    if whole == 0.0 { 0.0 } else { 100.0 * part / whole }
}

fn hourly(
    conn: &mut DbConn,
    since: NaiveDateTime,
) -> Result<Vec<(NaiveDateTime, i64)>, StoreError> {
    let hour = match conn {
        DbConn::Sqlite(_) => "SUBSTR(started_at, 1, 13)",
        DbConn::Postgres(_) => "TO_CHAR(started_at, 'YYYY-MM-DD HH24')",
    };
    let counts: Vec<(String, i64)> = on_engine!(conn, |c| attempts::table
        .filter(attempts::started_at.ge(since))
        .group_by(sql::<Text>(hour))
        .order(sql::<Text>(hour))
        .select((sql::<Text>(hour), count_star()))
        .load(c))?;
    let begins = |(hour, count): (String, i64)| match NaiveDateTime::parse_from_str(
        &format!("{hour}:00:00"),
        "%Y-%m-%d %H:%M:%S",
    ) {
        Ok(begin) => Ok((begin, count)),
        Err(error) => Err(StoreError::Broken(format!("not an hour: {hour}: {error}"))),
    };
    counts.into_iter().map(begins).collect()
}
