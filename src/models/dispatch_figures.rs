//! Figures of dispatch for dashboards: counts and times, nothing of callers or patients.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::models::error::StoreError;
use crate::models::schema::{incidents, units};
use crate::models::store::DbConn;
use crate::protocol::dispatch::{IncidentStatus, UnitStatus};
use crate::protocol::views::dashboard::DispatchFigures;

/// Most responses looked at for the percentiles, the newest.
const RESPONSES_MAX: i64 = 5_000;

/// The figures now, with response times of incidents received at `since` or later.
pub fn read(conn: &mut DbConn, since: NaiveDateTime) -> Result<DispatchFigures, StoreError> {
    let mut figures = DispatchFigures::default();
    let over: Vec<&str> = IncidentStatus::ALL
        .iter()
        .filter(|status| status.is_over())
        .map(|status| status.as_str())
        .collect();
    let open: Vec<(String, String, i64)> = incidents::table
        .filter(incidents::status.ne_all(over))
        .group_by((incidents::status, incidents::priority))
        .select((incidents::status, incidents::priority, count_star()))
        .load(conn)?;
    for (status, priority, count) in open {
        figures.open_incidents += count;
        *figures.by_status.entry(status).or_default() += count;
        *figures.by_priority.entry(priority).or_default() += count;
    }
    let responses: Vec<(NaiveDateTime, Option<NaiveDateTime>)> = incidents::table
        .filter(incidents::received_at.ge(since).and(incidents::on_scene_at.is_not_null()))
        .order(incidents::received_at.desc())
        .limit(RESPONSES_MAX)
        .select((incidents::received_at, incidents::on_scene_at))
        .load(conn)?;
    let mut seconds: Vec<i64> = responses
        .into_iter()
        .filter_map(|(received, on_scene)| Some((on_scene? - received).num_seconds().max(0)))
        .collect();
    seconds.sort_unstable();
    figures.responses = i64::try_from(seconds.len()).unwrap_or(i64::MAX);
    figures.response_p50_s = percentile(&seconds, 50);
    figures.response_p90_s = percentile(&seconds, 90);
    let fleet: Vec<(String, i64)> = units::table
        .filter(units::retired_at.is_null())
        .group_by(units::status)
        .select((units::status, count_star()))
        .load(conn)?;
    count_units(&mut figures, fleet);
    Ok(figures)
}

fn count_units(figures: &mut DispatchFigures, fleet: Vec<(String, i64)>) {
    let mut by_status: BTreeMap<String, i64> = BTreeMap::new();
    for (status, count) in fleet {
        figures.units += count;
        match UnitStatus::parse(&status) {
            Some(UnitStatus::Available) => figures.units_available += count,
            Some(UnitStatus::Maintenance | UnitStatus::OutOfService) | None => {}
            Some(_) => figures.units_busy += count,
        }
        *by_status.entry(status).or_default() += count;
    }
    figures.units_by_status = by_status;
    let in_service = figures.units_available + figures.units_busy;
    if in_service > 0 {
        figures.utilization_percent = Some(100 * figures.units_busy / in_service);
    }
}

/// The smallest of these, in order, that `percent` of them do not exceed; none of none.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 90), Some(7));
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!((percentile(&ten, 50), percentile(&ten, 90)), (Some(5), Some(9)));
    }

    #[test]
    fn units_out_of_service_count_neither_as_busy_nor_as_free() {
        let mut figures = DispatchFigures::default();
        let fleet = [("AVAILABLE", 1), ("EN_ROUTE", 2), ("ON_SCENE", 1), ("MAINTENANCE", 5)];
        let fleet = fleet.map(|(status, count)| (status.to_owned(), count)).to_vec();
        count_units(&mut figures, fleet);
        assert_eq!((figures.units, figures.units_busy, figures.units_available), (9, 3, 1));
        assert_eq!(figures.utilization_percent, Some(75));
        let mut none = DispatchFigures::default();
        count_units(&mut none, Vec::new());
        assert_eq!(none.utilization_percent, None);
    }
}
