//! What time it is, and a clock that tests can set.
//!
//! The only caller of the system clock. Wall time is for what people see and what is stored;
//! durations are measured with the monotonic [`std::time::Instant`] by those who need them.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

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

/// Writes a stored moment as RFC 3339 with six digits and `Z`: `2026-11-21T10:00:00.123456Z`.
pub fn rfc3339(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
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
    }
}
