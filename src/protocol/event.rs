//! What the server says by itself: one variant an event, its `type` and `data`.

pub mod call;
pub mod dispatch;
pub mod inbox;
pub mod older;
pub mod people;
pub mod report;
pub mod talk;

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock;
use crate::ids::{MessageId, UserId};
use crate::protocol::event::call::CallEvent;
use crate::protocol::event::dispatch::DispatchEvent;
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::people::PeopleEvent;
use crate::protocol::event::report::ReportEvent;
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::topic::Topic;
use crate::protocol::views::dashboard::DashboardView;
use crate::protocol::views::positions::PositionView;
use crate::protocol::views::{ConversationView, MemberRole, MemberView, MessageView, PersonView};

/// An event's `data`, with its `type` by [`EventBody::name`]. Journaled events carry a `seq`; the
/// rest are ephemeral.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum EventBody {
    MessageNew(MessageView),
    MessageEdited(MessageView),
    MessageDeleted {
        id: MessageId,
        /// Who took it back.
        by: Option<UserId>,
    },
    ReadMarked {
        user: UserId,
        seq: i64,
    },
    MemberAdded {
        member: MemberView,
        by: Option<UserId>,
    },
    MemberRemoved {
        user: UserId,
        by: Option<UserId>,
    },
    MemberPromoted {
        user: UserId,
        role: MemberRole,
        by: Option<UserId>,
    },
    ConversationChanged(ConversationView),
    /// On a person's inbox: they are now in this conversation.
    ConversationAdded(ConversationView),
    /// On a person's inbox: they no longer are.
    ConversationRemoved {
        topic: Topic,
    },
    Talk(TalkEvent),
    /// Ephemeral; gone after `expires_ms` unless repeated.
    Typing {
        user: PersonView,
        on: bool,
        expires_ms: u64,
    },
    /// Ephemeral; who came and who went, by person.
    Presence {
        joined: Vec<PersonView>,
        left: Vec<PersonView>,
    },
    /// Ephemeral; where units are now. Published for one unit at a time; listeners get those of a
    /// moment in one frame.
    Positions {
        positions: Vec<PositionView>,
    },
    /// Ephemeral; what a member told whoever is here.
    Published {
        event: String,
        from: UserId,
        data: Option<Arc<RawValue>>,
    },
    /// On a person's inbox: their notifications.
    Inbox(InboxEvent),
    /// Ephemeral; for clients of older systems alone.
    Older(OlderEvent),
    /// What a person changed about themselves.
    People(PeopleEvent),
    /// On the boards.
    Dispatch(Box<DispatchEvent>),
    /// On a person's dashboard: its figures have changed.
    Dashboard(DashboardView),
    Call(CallEvent),
    /// To admins.
    Report(ReportEvent),
}

impl EventBody {
    /// Of which thing this is the newest value, on topics that keep one for each thing.
    pub fn key(&self) -> i64 {
        match self {
            Self::Positions { positions } => positions.first().map_or(0, |one| one.unit.0),
            _ => 0,
        }
    }

    /// Newest values of several things, told as one event; `None` when there are no words for that.
    pub fn joined(bodies: &[&Self]) -> Option<Self> {
        let mut joined = Vec::with_capacity(bodies.len());
        for body in bodies {
            let Self::Positions { positions } = body else { return None };
            joined.extend(positions.iter().cloned());
        }
        (!joined.is_empty()).then_some(Self::Positions { positions: joined })
    }

    /// Whether the native protocol has words for it; if not, only dialects hear it.
    pub fn is_native(&self) -> bool {
        !matches!(self, Self::Older(_))
    }

    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageNew(_) => "message.new",
            Self::MessageEdited(_) => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::ReadMarked { .. } => "read.marked",
            Self::MemberAdded { .. } => "member.added",
            Self::MemberRemoved { .. } => "member.removed",
            Self::MemberPromoted { .. } => "member.promoted",
            Self::ConversationChanged(_) => "conversation.changed",
            Self::ConversationAdded(_) => "conversation.added",
            Self::ConversationRemoved { .. } => "conversation.removed",
            Self::Talk(event) => event.name(),
            Self::Typing { .. } => "typing",
            Self::Presence { .. } => "presence",
            Self::Positions { .. } => "positions",
            Self::Published { .. } => "topic.published",
            Self::Inbox(event) => event.name(),
            Self::Dashboard(_) => "dashboard",
            Self::Older(event) => event.name(),
            Self::People(event) => event.name(),
            Self::Dispatch(event) => event.name(),
            Self::Call(event) => event.name(),
            Self::Report(event) => event.name(),
        }
    }
}

/// One event on one topic. Written as `{type, topic, seq?, at, data}`.
#[derive(Debug, Clone)]
pub struct Event {
    pub topic: Topic,
    /// Its place in the topic's journal; absent for ephemeral events.
    pub seq: Option<i64>,
    /// Server time.
    pub at: NaiveDateTime,
    pub body: EventBody,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    topic: &'a Topic,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(with = "clock::stamp")]
    at: NaiveDateTime,
    data: &'a EventBody,
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { topic, seq, at, body } = self;
        Written { kind: body.name(), topic, seq: *seq, at: *at, data: body }.serialize(serializer)
    }
}
