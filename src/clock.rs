//! What time it is, and a clock that tests can set.
//!
//! The only caller of the system clock. Wall time is for what people see and what is stored;
//! durations are measured with the monotonic [`std::time::Instant`] by those who need them.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, Timelike, Utc};

/// Microseconds added to the system clock; moved only by tests.
static SHIFT_US: AtomicI64 = AtomicI64::new(0);

/// The present moment in UTC, cut to whole microseconds (what both databases can hold).
pub fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    let system = Utc::now();
    let micros = system.timestamp_micros() + SHIFT_US.load(Ordering::Relaxed);
    DateTime::from_timestamp_micros(micros).unwrap_or(system)
}

/// The present moment as stored: UTC without an offset.
pub fn now_naive() -> NaiveDateTime {
    now().naive_utc()
}

/// Seconds since the Unix epoch, as JWT claims hold them.
pub fn now_unix_s() -> i64 {
    now().timestamp()
}

/// Moves this process's clock by `by` for good. For tests of expiry and retention.
pub fn shift(by: chrono::Duration) {
    SHIFT_US.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::Relaxed);
}

/// A moment in digits, `2026-11-21T10:00:00.123456`, with any byte between date and time.
///
/// chrono reads its format anew for each moment it writes, which costs as much as the rest of a
/// frame; `None` for a year that has no four digits.
fn digits(at: NaiveDateTime, between: u8) -> Option<[u8; 26]> {
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9_999)?;
    let mut text = *b"0000-00-00 00:00:00.000000";
    text[10] = between;
    let mut put = |start: usize, end: usize, mut value: u32| {
        for place in text[start..end].iter_mut().rev() {
            *place = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0, 4, year);
    put(5, 7, at.month());
    put(8, 10, at.day());
    put(11, 13, at.hour());
    put(14, 16, at.minute());
    put(17, 19, at.second());
    put(20, 26, at.nanosecond() / 1_000 % 1_000_000);
    Some(text)
}

/// Writes a stored moment as RFC 3339 with six digits and `Z`: `2026-11-21T10:00:00.123456Z`.
pub fn rfc3339(at: NaiveDateTime) -> String {
    let digits = digits(at, b'T');
    let Some(text) = digits.as_ref().and_then(|digits| std::str::from_utf8(digits).ok()) else {
        return at.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true);
    };
    // Written for each line of the log: one allocation of its exact size.
    [text, "Z"].concat()
}

/// Writes a moment as Diesel keeps it in SQLite: `2026-11-21 10:00:00.123456`, with no more digits
/// of a second than it has, in threes.
pub fn stored(at: NaiveDateTime) -> String {
    let text = digits(at, b' ').and_then(|digits| String::from_utf8(digits.to_vec()).ok());
    let Some(mut text) = text else { return at.format("%F %T%.f").to_string() };
    match at.nanosecond() / 1_000 {
        0 => text.truncate("2026-11-21 10:00:00".len()),
        micros if micros % 1_000 == 0 => text.truncate("2026-11-21 10:00:00.123".len()),
        _ => {}
    }
    text
}

/// Serde for stored moments in the form of [`rfc3339`].
pub mod stamp {
    use chrono::{DateTime, NaiveDateTime};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `at` as RFC 3339 in UTC with six digits.
    pub fn serialize<S: Serializer>(at: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*at))
    }

    /// Reads RFC 3339 with any offset into UTC.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NaiveDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|at| at.naive_utc())
            .map_err(serde::de::Error::custom)
    }
}

/// Serde for moments that may be absent (`null`).
pub mod stamp_option {
    use chrono::{DateTime, NaiveDateTime};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `null` or RFC 3339 in UTC with six digits.
    pub fn serialize<S: Serializer>(
        at: &Option<NaiveDateTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_some(&super::rfc3339(*at)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `null` or RFC 3339 with any offset into UTC.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NaiveDateTime>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| DateTime::parse_from_rfc3339(&text).map(|at| at.naive_utc()))
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_six_digits_and_z() {
        let at = DateTime::from_timestamp_micros(1_795_225_200_000_007).unwrap().naive_utc();
        assert_eq!(rfc3339(at), "2026-11-21T01:40:00.000007Z");
        assert_eq!(stored(at), "2026-11-21 01:40:00.000007");
    }

    #[test]
    fn every_moment_is_written_as_chrono_writes_it() {
        let far = [-62_135_596_800_000_000, -1, 0, 951_782_399_120_000, 253_402_300_799_999_999];
        let beyond = [253_402_300_800_000_000, -70_000_000_000_000_000];
        for micros in far.into_iter().chain(beyond) {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            let expected = at.to_rfc3339_opts(SecondsFormat::Micros, true);
            assert_eq!(rfc3339(at.naive_utc()), expected);
            let expected = at.format("%F %T%.f").to_string();
            assert_eq!(stored(at.naive_utc()), expected);
        }
    }
}
