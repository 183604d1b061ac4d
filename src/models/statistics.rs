//! Figures over recorded connection attempts, counted by the database.

use chrono::NaiveDateTime;
use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

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

/// What happened on one path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathStatistics {
    pub total: i64,
    pub successful: i64,
    /// Why attempts failed, the most frequent first, with their counts: five at most.
    pub common_reasons: Vec<(String, i64)>,
    /// Since the moment asked for, oldest first, without empty ones.
    pub hourly: Vec<Hour>,
    /// Mean of the connections that have ended; none when none has.
    pub average_duration_ms: Option<f64>,
}

impl PathStatistics {
    /// Successful of 100; 0 when there were none at all.
    pub fn success_percent(&self) -> f64 {
        percent(self.successful, self.total)
    }
}

/// Attempts started in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    pub begins: NaiveDateTime,
    pub total: i64,
    pub successful: i64,
}

/// Counts those who came in, for groups.
const SUCCEEDED: &str = "SUM(CASE WHEN successful THEN 1 ELSE 0 END)";

/// The figures over all attempts on record for one path, and the hours since `hours_since`.
///
/// # Errors
/// Those of the database.
pub fn of_path(
    conn: &mut DbConn,
    path: &str,
    hours_since: NaiveDateTime,
) -> Result<PathStatistics, StoreError> {
    let of_path = || attempts::table.filter(attempts::path.eq(path));
    let (total, successful, average_duration_ms): (i64, Option<i64>, Option<f64>) = of_path()
        .select((
            count_star(),
            sql::<Nullable<BigInt>>(SUCCEEDED),
            sql::<Nullable<Double>>("AVG(CAST(duration_ms AS DOUBLE PRECISION))"),
        ))
        .first(conn)?;
    let common_reasons: Vec<(String, i64)> = of_path()
        .filter(attempts::successful.eq(false).and(attempts::reason.ne("")))
        .group_by(attempts::reason)
        .order((count_star().desc(), attempts::reason))
        .limit(COMMON_REASONS)
        .select((attempts::reason, count_star()))
        .load(conn)?;
    let hour = hour_of(conn);
    let counts: Vec<(String, i64, i64)> = on_engine!(conn, |c| of_path()
        .filter(attempts::started_at.ge(hours_since))
        .group_by(sql::<Text>(hour))
        .order(sql::<Text>(hour))
        .select((sql::<Text>(hour), count_star(), sql::<BigInt>(SUCCEEDED)))
        .load(c))?;
    let hourly = counts
        .into_iter()
        .map(|(hour, total, successful)| Ok(Hour { begins: beginning(&hour)?, total, successful }));
    Ok(PathStatistics {
        total,
        successful: successful.unwrap_or(0),
        common_reasons,
        hourly: hourly.collect::<Result<_, StoreError>>()?,
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
    let hour = hour_of(conn);
    let counts: Vec<(String, i64)> = on_engine!(conn, |c| attempts::table
        .filter(attempts::started_at.ge(since))
        .group_by(sql::<Text>(hour))
        .order(sql::<Text>(hour))
        .select((sql::<Text>(hour), count_star()))
        .load(c))?;
    counts.into_iter().map(|(hour, count)| Ok((beginning(&hour)?, count))).collect()
}

/// The hour of an attempt's start, as text that sorts.
fn hour_of(conn: &DbConn) -> &'static str {
    match conn {
        DbConn::Sqlite(_) => "SUBSTR(started_at, 1, 13)",
        DbConn::Postgres(_) => "TO_CHAR(started_at, 'YYYY-MM-DD HH24')",
    }
}

fn beginning(hour: &str) -> Result<NaiveDateTime, StoreError> {
    NaiveDateTime::parse_from_str(&format!("{hour}:00:00"), "%Y-%m-%d %H:%M:%S")
        .map_err(|error| StoreError::Broken(format!("not an hour: {hour}: {error}")))
}
