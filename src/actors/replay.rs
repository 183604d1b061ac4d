//! Replay: journal entries turned back into the events they were, with text as its rows hold it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDateTime;

use crate::actors::dispatch;
use crate::actors::lane::Fault;
use crate::actors::post::delivery;
use crate::actors::replay_calls::CallRows;
use crate::actors::replay_inbox::InboxRows;
use crate::actors::replay_people::PeopleRows;
use crate::actors::replay_talk::TalkRows;
use crate::actors::seats::Hole;
use crate::clock;
use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::layer::contract::Delivery;
use crate::models::conversation::{self, Conversation};
use crate::models::error::StoreError;
use crate::models::journal::{self, Entry};
use crate::models::store::DbConn;
use crate::models::{message, user};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::{MemberRole, MemberView, MessageView, PersonView};

/// Journal entries read at a time.
pub const PAGE: i64 = 256;

/// The deltas the journal keeps beside an entry's ids.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Delta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<MemberRole>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "clock::stamp_option")]
    pub until: Option<NaiveDateTime>,
}

impl Delta {
    /// As the journal keeps it.
    pub fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// The events of `topic` after a position, up to and with another, at most [`PAGE`].
///
/// # Errors
/// When the database failed.
pub fn page(
    conn: &mut DbConn,
    topic: &Topic,
    journal: TopicId,
    after: i64,
    up_to: i64,
) -> Result<Vec<Event>, StoreError> {
    let mut entries = journal::since(conn, journal, after, PAGE)?;
    entries.retain(|entry| entry.seq <= up_to);
    if matches!(topic.kind(), TopicKind::Board | TopicKind::Unit) {
        return dispatch::replay::events(conn, topic, &entries);
    }
    let rows = Rows::load(conn, topic, &entries)?;
    Ok(entries.into_iter().filter_map(|entry| rows.event(topic, &entry)).collect())
}

/// What lies in a hole, ready to be delivered.
///
/// # Errors
/// When the database failed.
pub fn between(conn: &mut DbConn, hole: &Hole) -> Result<Vec<Arc<Delivery>>, Fault> {
    let Some(head) = journal::find_topic(conn, &hole.topic.to_string())? else {
        return Ok(Vec::new());
    };
    let events = page(conn, &hole.topic, head.topic, hole.after, hole.before - 1)?;
    Ok(events.into_iter().map(delivery).collect())
}

/// The rows that a page of entries speaks of, loaded with a constant number of queries.
struct Rows {
    messages: HashMap<MessageId, MessageView>,
    people: HashMap<UserId, PersonView>,
    conversations: HashMap<ConversationId, Conversation>,
    talk: TalkRows,
    inbox: InboxRows,
    own: PeopleRows,
    calls: CallRows,
}

impl Rows {
    fn load(conn: &mut DbConn, topic: &Topic, entries: &[Entry]) -> Result<Self, StoreError> {
        let ids = |kinds: &[&str]| -> HashSet<i64> {
            entries
                .iter()
                .filter(|entry| kinds.contains(&entry.kind.as_str()))
                .filter_map(|entry| entry.entity)
                .collect()
        };
        let messages: Vec<_> =
            ids(&["message.new", "message.edited"]).into_iter().map(MessageId).collect();
        let people: Vec<_> = ids(&["member.added"]).into_iter().map(UserId).collect();
        let mut conversations = HashMap::new();
        for id in ids(&["conversation.changed", "conversation.added"]) {
            if let Some(found) = conversation::by_id(conn, ConversationId(id))? {
                conversations.insert(found.id, found);
            }
        }
        Ok(Self {
            messages: message::views(conn, &messages)?,
            people: user::persons(conn, &people)?,
            conversations,
            talk: TalkRows::load(conn, entries)?,
            inbox: InboxRows::load(conn, entries)?,
            own: PeopleRows::load(conn, topic, entries)?,
            calls: CallRows::load(conn, entries)?,
        })
    }

    /// The event an entry was. `None` when what it speaks of is gone for good: the position stays
    /// used and is passed over.
    fn event(&self, topic: &Topic, entry: &Entry) -> Option<Event> {
        let body = self.body(entry)?;
        Some(Event { topic: topic.clone(), seq: Some(entry.seq), at: entry.created_at, body })
    }

    fn body(&self, entry: &Entry) -> Option<EventBody> {
        let delta: Delta = entry
            .delta
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let entity = entry.entity;
        let message = || entity.and_then(|id| self.messages.get(&MessageId(id))).cloned();
        let conversation = || {
            entity
                .and_then(|id| self.conversations.get(&ConversationId(id)))
                .map(Conversation::view)
        };
        Some(match entry.kind.as_str() {
            "message.new" => EventBody::MessageNew(message()?),
            "message.edited" => EventBody::MessageEdited(message()?),
            "message.deleted" => {
                EventBody::MessageDeleted { id: MessageId(entity?), by: entry.actor }
            }
            "read.marked" => EventBody::ReadMarked { user: entry.actor?, seq: delta.seq? },
            "member.added" => EventBody::MemberAdded {
                member: MemberView {
                    user: self.people.get(&UserId(entity?))?.clone(),
                    role: delta.role?,
                    nickname: String::new(),
                    joined_at: entry.created_at,
                    read_seq: 0,
                    delivered_seq: 0,
                },
                by: entry.actor,
            },
            "member.removed" => EventBody::MemberRemoved { user: UserId(entity?), by: entry.actor },
            "member.promoted" => EventBody::MemberPromoted {
                user: UserId(entity?),
                role: delta.role?,
                by: entry.actor,
            },
            "conversation.changed" => EventBody::ConversationChanged(conversation()?),
            "conversation.added" => EventBody::ConversationAdded(conversation()?),
            "conversation.removed" => EventBody::ConversationRemoved { topic: delta.topic? },
            _ => {
                let talk = self.talk.body(entry, delta);
                let own = talk.or_else(|| self.own.body(entry));
                return own.or_else(|| self.inbox.body(entry)).or_else(|| self.calls.body(entry));
            }
        })
    }
}
