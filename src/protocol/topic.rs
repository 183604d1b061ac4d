//! Topic names, their grammar, and the KINDS table that says how each kind behaves.
//!
//! A topic is an ordered journal with people listening. The only file with topic strings.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::ids::{ConversationId, UnitId, UserId};

/// Longest topic name accepted, in bytes.
pub const MAX_TOPIC_BYTES: usize = 96;

/// What a topic is about; each kind is one row of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKind {
    Chat,
    Inbox,
    Dashboard,
    Board,
    Positions,
    Unit,
    Admin,
}

/// Which owner actor answers for a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    RoomSupervisor,
    NotificationHub,
    DispatchBoard,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How events reach a listener that reads more slowly than they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Every event, in order; a listener that cannot keep up is closed with 4008 and replays.
    Every,
    /// Only the newest value; what it supersedes may be skipped.
    Latest,
    /// The newest value for each key (a unit's position).
    LatestPerKey,
}

/// One row of [`KINDS`].
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub kind: TopicKind,
    /// How its names are written, for people.
    pub grammar: &'static str,
    pub owner: Owner,
    pub delivery: Delivery,
    /// Whether events are numbered, kept and replayed.
    pub journaled: bool,
    /// Whether listeners see who else is here.
    pub presence: bool,
    /// Most events replayed after a gap before a snapshot is sent instead.
    pub replay_limit: i64,
}

/// Every kind of topic and how it behaves, in the order of `docs/PROTOCOL.md`.
pub const KINDS: &[Kind] = &[
    Kind {
        kind: TopicKind::Chat,
        grammar: "chat:{conversation id or room name}",
        owner: Owner::RoomSupervisor,
        delivery: Delivery::Every,
        journaled: true,
        presence: true,
        replay_limit: 10_000,
    },
    Kind {
        kind: TopicKind::Inbox,
        grammar: "inbox:{user id}",
        owner: Owner::NotificationHub,
        delivery: Delivery::Every,
        journaled: true,
        presence: false,
        replay_limit: 10_000,
    },
    Kind {
        kind: TopicKind::Dashboard,
        grammar: "dashboard:{user id}",
        owner: Owner::NotificationHub,
        delivery: Delivery::Latest,
        journaled: false,
        presence: false,
        replay_limit: 0,
    },
    Kind {
        kind: TopicKind::Board,
        grammar: "dispatch:board",
        owner: Owner::DispatchBoard,
        delivery: Delivery::Every,
        journaled: true,
        presence: true,
        replay_limit: 10_000,
    },
    Kind {
        kind: TopicKind::Positions,
        grammar: "dispatch:positions",
        owner: Owner::DispatchBoard,
        delivery: Delivery::LatestPerKey,
        journaled: false,
        presence: false,
        replay_limit: 0,
    },
    Kind {
        kind: TopicKind::Unit,
        grammar: "dispatch:unit:{unit id}",
        owner: Owner::DispatchBoard,
        delivery: Delivery::Every,
        journaled: true,
        presence: true,
        replay_limit: 10_000,
    },
    Kind {
        kind: TopicKind::Admin,
        grammar: "admin:{resource}",
        owner: Owner::NotificationHub,
        delivery: Delivery::Every,
        journaled: false,
        presence: false,
        replay_limit: 0,
    },
];

impl TopicKind {
    /// This kind's row of [`KINDS`].
    pub fn row(self) -> &'static Kind {
        KINDS.iter().find(|row| row.kind == self).unwrap_or(&KINDS[0])
    }
}

/// How a chat topic names its conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ChatKey {
    Id(ConversationId),
    /// A named room; its name is its canonical topic (`chat:general`).
    Name(Arc<str>),
}

/// A well-formed topic name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    Chat(ChatKey),
    Inbox(UserId),
    Dashboard(UserId),
    Board,
    Positions,
    Unit(UnitId),
    Admin(Arc<str>),
}

/// A topic name that no kind's grammar accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a topic name; a topic is written like chat:42, chat:general or inbox:7")]
pub struct NotATopic;

/// Whether `name` may name a room or resource: `[a-z0-9][a-z0-9_-]{0,63}`, not digits alone.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && plain(bytes[0])
        && bytes.iter().all(|&byte| plain(byte) || byte == b'-' || byte == b'_')
        && !bytes.iter().all(u8::is_ascii_digit)
}

impl Topic {
    /// The topic of a conversation that has no name.
    pub fn conversation(id: ConversationId) -> Self {
        Self::Chat(ChatKey::Id(id))
    }

    /// The topic of a named room. The caller has checked the name with [`is_name`].
    pub fn room(name: &str) -> Self {
        Self::Chat(ChatKey::Name(name.into()))
    }

    /// Which row of [`KINDS`] this topic follows.
    pub fn kind(&self) -> TopicKind {
        match self {
            Self::Chat(_) => TopicKind::Chat,
            Self::Inbox(_) => TopicKind::Inbox,
            Self::Dashboard(_) => TopicKind::Dashboard,
            Self::Board => TopicKind::Board,
            Self::Positions => TopicKind::Positions,
            Self::Unit(_) => TopicKind::Unit,
            Self::Admin(_) => TopicKind::Admin,
        }
    }

    /// The person a personal topic belongs to.
    pub fn person(&self) -> Option<UserId> {
        match self {
            Self::Inbox(user) | Self::Dashboard(user) => Some(*user),
            _ => None,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(ChatKey::Id(id)) => write!(f, "chat:{id}"),
            Self::Chat(ChatKey::Name(name)) => write!(f, "chat:{name}"),
            Self::Inbox(user) => write!(f, "inbox:{user}"),
            Self::Dashboard(user) => write!(f, "dashboard:{user}"),
            Self::Board => f.write_str("dispatch:board"),
            Self::Positions => f.write_str("dispatch:positions"),
            Self::Unit(unit) => write!(f, "dispatch:unit:{unit}"),
            Self::Admin(resource) => write!(f, "admin:{resource}"),
        }
    }
}

impl FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        if text.len() > MAX_TOPIC_BYTES {
            return Err(NotATopic);
        }
        let (kind, key) = text.split_once(':').ok_or(NotATopic)?;
        let person = || key.parse::<UserId>().map_err(|_| NotATopic);
        match (kind, key) {
            ("chat", name) if is_name(name) => Ok(Self::room(name)),
            ("chat", id) => id.parse().map(Self::conversation).map_err(|_| NotATopic),
            ("inbox", _) => person().map(Self::Inbox),
            ("dashboard", _) => person().map(Self::Dashboard),
            ("dispatch", "board") => Ok(Self::Board),
            ("dispatch", "positions") => Ok(Self::Positions),
            ("dispatch", rest) => {
                let unit = rest.strip_prefix("unit:").ok_or(NotATopic)?;
                unit.parse().map(Self::Unit).map_err(|_| NotATopic)
            }
            ("admin", resource) if is_name(resource) => Ok(Self::Admin(resource.into())),
            _ => Err(NotATopic),
        }
    }
}

impl serde::Serialize for Topic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Topic {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_name_is_read_and_written_back_the_same() {
        for name in [
            "chat:42",
            "chat:general",
            "chat:room-a",
            "inbox:7",
            "dashboard:7",
            "dispatch:board",
            "dispatch:positions",
            "dispatch:unit:3",
            "admin:users",
        ] {
            assert_eq!(name.parse::<Topic>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_no_grammar_accepts_is_not_a_topic() {
        let long = format!("chat:{}", "a".repeat(65));
        for name in [
            "",
            "chat",
            "chat:",
            "chat:0",
            "chat:-1",
            "chat:General",
            "chat:a b",
            "inbox:general",
            "dispatch:",
            "dispatch:unit:",
            "dispatch:unit:x",
            "admin:",
            "other:1",
            "chat:é",
            long.as_str(),
        ] {
            assert_eq!(name.parse::<Topic>(), Err(NotATopic), "{name:?}");
        }
    }

    #[test]
    fn every_kind_has_exactly_one_row() {
        for row in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.kind == row.kind).count(), 1);
            assert_eq!(row.kind.row().grammar, row.grammar);
        }
    }
}
