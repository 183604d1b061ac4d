//! Moments as older clients write them.

use chrono::{NaiveDateTime, SecondsFormat, Timelike};

fn written(at: NaiveDateTime, zulu: bool) -> String {
    let whole = at.nanosecond() / 1_000 == 0;
    let format = if whole { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.and_utc().to_rfc3339_opts(format, zulu)
}

/// With `Z` and six digits; without a fraction when it is a whole second.
pub fn zulu(at: NaiveDateTime) -> String {
    written(at, true)
}

/// With `+00:00`, and the fraction as [`zulu`] has it.
pub fn offset(at: NaiveDateTime) -> String {
    written(at, false)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(micros: i64) -> NaiveDateTime {
        DateTime::from_timestamp_micros(micros).unwrap().naive_utc()
    }

    #[test]
    fn a_whole_second_has_no_fraction() {
        assert_eq!(zulu(at(1_795_225_375_438_700)), "2026-11-21T01:42:55.438700Z");
        assert_eq!(zulu(at(1_795_225_375_000_000)), "2026-11-21T01:42:55Z");
        assert_eq!(offset(at(1_795_225_375_000_001)), "2026-11-21T01:42:55.000001+00:00");
    }
}
