//! The words of emergency dispatch: statuses, priorities, kinds, places and moments on a device.
//!
//! The same words stand on the wire and in the database.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            ToSchema,
        )]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// Reads the word; `None` for any other text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where an incident stands. It follows from its units: see `docs/DISPATCH.md`.
    IncidentStatus {
        /// Nobody is on it yet, or no longer.
        Received = "RECEIVED",
        /// A unit has been ordered.
        Dispatched = "DISPATCHED",
        EnRoute = "EN_ROUTE",
        OnScene = "ON_SCENE",
        Transporting = "TRANSPORTING",
        AtHospital = "AT_HOSPITAL",
        Closed = "CLOSED",
        Cancelled = "CANCELLED",
    }
}

impl IncidentStatus {
    /// Whether it is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

words! {
    /// Where a unit stands.
    UnitStatus {
        /// Free to be ordered.
        Available = "AVAILABLE",
        /// Ordered to an incident, not yet moving.
        Assigned = "ASSIGNED",
        EnRoute = "EN_ROUTE",
        OnScene = "ON_SCENE",
        Transporting = "TRANSPORTING",
        AtHospital = "AT_HOSPITAL",
        Maintenance = "MAINTENANCE",
        OutOfService = "OUT_OF_SERVICE",
    }
}

words! {
    /// How much an incident presses.
    Priority {
        Low = "LOW",
        Medium = "MEDIUM",
        High = "HIGH",
        Critical = "CRITICAL",
    }
}

words! {
    /// What kind of emergency it is.
    IncidentType {
        Medical = "MEDICAL",
        Trauma = "TRAUMA",
        Cardiac = "CARDIAC",
        Stroke = "STROKE",
        Respiratory = "RESPIRATORY",
        Fire = "FIRE",
        Other = "OTHER",
    }
}

words! {
    /// How a unit is equipped, from least to most.
    UnitType {
        Basic = "BASIC",
        Advanced = "ADVANCED",
        Critical = "CRITICAL",
    }
}

words! {
    /// How full a hospital's emergency department is.
    Load {
        Low = "LOW",
        Moderate = "MODERATE",
        High = "HIGH",
        Full = "FULL",
    }
}

words! {
    /// How far an order has come.
    OrderState {
        /// Committed and published.
        Sent = "sent",
        /// A device of the crew confirmed it.
        Delivered = "delivered",
        /// Someone of the crew looked at it.
        Seen = "seen",
        Accepted = "accepted",
        Declined = "declined",
        /// Nobody answered in time. The unit stays bound, and a late answer still counts.
        TimedOut = "timed_out",
        /// The unit was let go by a dispatcher.
        Released = "released",
        /// The incident was cancelled or closed under it.
        Canceled = "canceled",
    }
}

impl OrderState {
    /// Whether the crew may still accept or decline.
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Seen | Self::TimedOut)
    }
}

words! {
    /// Moments of a response that are no change of status, after NEMSIS eTimes.
    Milestone {
        /// eTimes.07, arrived at the patient.
        AtPatient = "at_patient",
        /// eTimes.08, care handed to another agency.
        TransferOfCare = "transfer_of_care",
        /// eTimes.10, arrived at the landing area.
        LandingArea = "landing_area",
        /// eTimes.12, care handed over at the destination.
        DestinationTransfer = "destination_transfer",
        /// eTimes.15, back at the home location.
        HomeLocation = "home_location",
        /// eTimes.17, arrived at the staging area.
        Staging = "staging",
    }
}

/// A latitude or longitude in whole millionths of a degree: exact to the sixth decimal, compared
/// and stored the same everywhere, where a float or the engines' own decimals are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Degrees(pub i32);

impl Degrees {
    /// From degrees, rounded to the sixth decimal; `None` beyond ±180.
    pub fn from_f64(degrees: f64) -> Option<Self> {
        let micro = (degrees * 1e6).round();
        #[expect(clippy::cast_possible_truncation, reason = "within ±180 million by the check")]
        (micro.abs() <= 180e6).then_some(Self(micro as i32))
    }

    /// In degrees.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// Rounded to the second decimal, about a kilometer: what those see who may not know where.
    #[must_use]
    pub fn coarse(self) -> Self {
        let half = if self.0 < 0 { -5_000 } else { 5_000 };
        Self((self.0 + half) / 10_000 * 10_000)
    }
}

/// Text that is not a coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("degrees from -180 to 180 with at most 6 decimals")]
pub struct NotDegrees;

impl FromStr for Degrees {
    type Err = NotDegrees;

    fn from_str(text: &str) -> Result<Self, NotDegrees> {
        let text = text.trim();
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
        if decimals > 6 || !text.chars().all(plain) {
            return Err(NotDegrees);
        }
        text.parse().ok().and_then(Self::from_f64).ok_or(NotDegrees)
    }
}

impl PartialSchema for Degrees {
    fn schema() -> RefOr<Schema> {
        f64::schema()
    }
}

impl ToSchema for Degrees {}

impl Serialize for Degrees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Degrees;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("degrees from -180 to 180")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Degrees, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Degrees, E> {
                Degrees::from_f64(value).ok_or_else(|| E::custom(NotDegrees))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Degrees, E> {
                #[expect(clippy::cast_precision_loss, reason = "beyond ±180 it is refused")]
                self.visit_f64(value as f64)
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Degrees, E> {
                #[expect(clippy::cast_precision_loss, reason = "beyond ±180 it is refused")]
                self.visit_f64(value as f64)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A moment as a device's clock showed it, with its offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceTime {
    /// In UTC.
    pub at: NaiveDateTime,
    /// Minutes east of UTC.
    pub utc_offset_min: i32,
}

impl PartialSchema for DeviceTime {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for DeviceTime {}

impl<'de> Deserialize<'de> for DeviceTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = DateTime::parse_from_rfc3339(&text).map_err(|_| {
            serde::de::Error::custom("a moment like 2026-11-28T10:00:00+01:00 was expected")
        })?;
        let micros = read.timestamp_micros();
        let at =
            DateTime::from_timestamp_micros(micros).map_or(read.naive_utc(), |at| at.naive_utc());
        Ok(Self { at, utc_offset_min: read.offset().local_minus_utc() / 60 })
    }
}

/// Writes a moment as RFC 3339 with its own offset, as NEMSIS wants it.
pub fn with_offset(at: NaiveDateTime, utc_offset_min: i32) -> String {
    match FixedOffset::east_opt(utc_offset_min.saturating_mul(60)) {
        Some(offset) => {
            at.and_utc().with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Millis, false)
        }
        None => at.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_exact_to_the_sixth_decimal_both_ways() {
        for text in ["8.484146", "-13.234", "0.1", "180.0", "-0.001"] {
            let read: Degrees = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
            assert_eq!(text.parse::<Degrees>(), Ok(read));
            assert_eq!(serde_json::from_str::<Degrees>(&format!("{text:?}")).unwrap(), read);
        }
        for bad in ["180.1", "-181", "\"x\"", "\"1.2345678\"", "\"1e2\"", "\"\""] {
            assert!(serde_json::from_str::<Degrees>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_coarse_place_has_two_decimals() {
        assert_eq!(Degrees(8_484_146).coarse(), Degrees(8_480_000));
        assert_eq!(Degrees(-13_236_000).coarse(), Degrees(-13_240_000));
        assert_eq!(Degrees(-13_234_000).coarse(), Degrees(-13_230_000));
    }

    #[test]
    fn a_device_keeps_its_offset() {
        let read: DeviceTime = serde_json::from_str("\"2026-11-28T10:00:00.5+01:30\"").unwrap();
        assert_eq!(read.at.to_string(), "2026-11-28 08:30:00.500");
        assert_eq!(with_offset(read.at, read.utc_offset_min), "2026-11-28T10:00:00.500+01:30");
        assert!(serde_json::from_str::<DeviceTime>("\"yesterday\"").is_err());
    }

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for status in IncidentStatus::ALL {
            assert_eq!(IncidentStatus::parse(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(OrderState::parse("SENT"), None);
    }
}
