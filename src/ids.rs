//! Typed identifiers: a conversation's number cannot be passed where a user's is wanted.
//!
//! All are database-allocated 64-bit integers below 2^53. The native protocol and `/api/v1` write
//! them as JSON strings (so no client rounds them); both a string and a number are read.
//! **Never:** meaning; an id says which row, and nothing about it.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;

/// The largest id handed out: every JSON reader holds integers up to here exactly.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// Text that is not an id: anything but a decimal integer from 1 to 2^53 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a whole number from 1 to 9007199254740991")]
pub struct NotAnId;

fn parse_id(text: &str) -> Result<i64, NotAnId> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnId);
    }
    match text.parse::<i64>() {
        Ok(value) if (1..=MAX_ID).contains(&value) => Ok(value),
        _ => Err(NotAnId),
    }
}

struct IdVisitor;

impl serde::de::Visitor<'_> for IdVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id as a string of digits")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
        parse_id(text).map_err(E::custom)
    }
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<i64, E> {
        match i64::try_from(value) {
            Ok(value) if (1..=MAX_ID).contains(&value) => Ok(value),
            _ => Err(E::custom(NotAnId)),
        }
    }
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<i64, E> {
        if (1..=MAX_ID).contains(&value) { Ok(value) } else { Err(E::custom(NotAnId)) }
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(AsExpression, FromSqlRow)]
        #[diesel(sql_type = BigInt)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> { parse_id(text).map(Self) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }
        impl utoipa::ToSchema for $name {}
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(IdVisitor).map(Self)
            }
        }
        impl<DB: diesel::backend::Backend> ToSql<BigInt, DB> for $name
        where
            i64: ToSql<BigInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.to_sql(out)
            }
        }
        impl<DB: diesel::backend::Backend> FromSql<BigInt, DB> for $name
        where
            i64: FromSql<BigInt, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                i64::from_sql(bytes).map(Self)
            }
        }
    )+};
}

ids! {
    /// A person (or service) with an account.
    UserId,
    /// One sign-in: its cookie, access, refresh and opaque tokens live and die together.
    LoginId,
    /// A direct talk, group, channel or named room.
    ConversationId,
    /// A message in a conversation.
    MessageId,
    /// A link by which people join a conversation.
    InviteId,
    /// A row of the `topics` table: an ordered journal.
    TopicId,
    /// What a person has noted about another: contact, favorite, block.
    ContactId,
    /// A call in a conversation.
    CallId,
    /// What someone brought before the admins.
    ReportId,
    /// A line of the log of who saw which patient.
    ReadId,
    /// A picture of an incident.
    ImageId,
    /// A recorded connection attempt.
    AttemptId,
    /// A notification in someone's inbox.
    NotificationId,
    /// An opaque token that was issued.
    ApiTokenId,
    /// An ambulance or other unit that takes orders.
    UnitId,
    /// A file, from its first byte on.
    AttachmentId,
    /// A piece of an upload in several requests.
    PartId,
    /// An emergency: a call and all that follows from it.
    IncidentId,
    /// A hospital that takes patients.
    HospitalId,
    /// An order that binds a unit to an incident.
    OrderId,
    /// Someone's time on a unit.
    ShiftId,
    /// A crew's call for its own help.
    MaydayId,
    /// An entry of the timeline.
    EntryId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_a_string_and_read_from_a_string_or_a_number() {
        assert_eq!(serde_json::to_string(&UserId(42)).unwrap(), "\"42\"");
        assert_eq!(serde_json::from_str::<UserId>("\"42\"").unwrap(), UserId(42));
        assert_eq!(serde_json::from_str::<UserId>("42").unwrap(), UserId(42));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for bad in ["", "0", "-1", "+1", " 1", "1.0", "9007199254740992", "99999999999999999999"] {
            assert_eq!(bad.parse::<UserId>(), Err(NotAnId), "{bad:?}");
        }
        assert!(serde_json::from_str::<UserId>("0").is_err());
        assert!(serde_json::from_str::<UserId>("1.5").is_err());
        assert!(serde_json::from_str::<UserId>("null").is_err());
    }
}
