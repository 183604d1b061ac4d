//! How the classroom's clients send and read over REST, whichever route they take.

use std::sync::Arc;

use serde_json::Value;

use crate::actors::authorize::{admit, require};
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::classroom::Caller;
use crate::http::classroom::letters::{self, Reading};
use crate::http::drf::{Fail, Fields};
use crate::http::state::State;
use crate::ids::MessageId;
use crate::models::conversation::Conversation;
use crate::models::store::DbConn;
use crate::models::{listing, message};
use crate::protocol::command::older::{OlderCommand, Side};
use crate::protocol::command::{Command, MessageSend};
use crate::protocol::dialect::classroom::shapes::MESSAGE_TYPES;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Messages in a page when the asker does not say.
pub const PAGE_USUAL: i64 = 50;
/// Most messages in a page.
pub const PAGE_MAX: i64 = 100;

/// Finds a room and how the asker may read it. Their clients tell what is not there from what is
/// not theirs, so a room that is there answers `forbidden`.
///
/// # Errors
/// `not_found`, `forbidden`, or a fault.
pub fn enter(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
) -> Result<(Conversation, Reading), Fault> {
    let admission = admit(conn, who, topic)?;
    if let Err(refusal) = require(who, topic.kind(), Action::Read, admission.relation) {
        return Err(Refusal { code: Code::Forbidden, ..refusal }.into());
    }
    let found = admission.conversation()?.clone();
    let reading = Reading {
        reader: who.user,
        read_seq: admission.membership.map_or(0, |mine| mine.read_seq),
        has_threads: letters::has_threads(&found.view()),
    };
    Ok((found, reading))
}

/// A window of a room's messages, oldest first: the newest `limit`, but for the newest `offset`.
///
/// # Errors
/// As [`enter`].
pub fn page(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    (limit, offset): (i64, i64),
    base: &str,
) -> Result<Vec<Value>, Fault> {
    let (found, reading) = enter(conn, who, topic)?;
    let mut messages = listing::newest(conn, found.id, None, limit, offset)?;
    messages.reverse();
    messages.retain(|message| !message.deleted);
    letters::written(conn, &messages, reading, base)
}

/// What is to be sent: text, its type, and what it answers.
pub struct Wish {
    content: String,
    kind: Option<String>,
    reply_to: Option<MessageId>,
}

impl Wish {
    /// Reads the fields of a message.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(fields: &Fields) -> Result<Self, Fail> {
        let kind = fields.text("message_type")?;
        if let Some(kind) = kind.as_deref().filter(|kind| !MESSAGE_TYPES.contains(kind)) {
            return Err(Fail::no_choice("message_type", kind));
        }
        let content = fields.text("content")?.ok_or_else(|| Fail::required("content"))?;
        Ok(Self { content, kind, reply_to: fields.id("reply_to")? })
    }

    /// The same as an answer to this message.
    #[must_use]
    pub fn answering(self, root: MessageId) -> Self {
        Self { reply_to: Some(root), ..self }
    }
}

/// Sends a message and reads it as it stands. The same text by the socket a moment ago is the same
/// message.
///
/// # Errors
/// The owner's refusal.
pub async fn send(
    state: &State,
    who: &Caller,
    topic: Topic,
    wish: Wish,
    base: String,
) -> Result<Value, Refusal> {
    // Asked first, for the answer tells what is not there from what is not theirs.
    let (asker, asked) = (Arc::clone(&who.0), topic.clone());
    let entering = move |conn: &mut DbConn| enter(conn, &asker, &asked).map(|_| ());
    state.house.lane.read(entering).await?;
    let Wish { content, kind, reply_to } = wish;
    let send = MessageSend { content, message_type: kind, reply_to, ..MessageSend::default() };
    // Their pages send each message by the socket as well.
    let command = Command::Older(OlderCommand::SendTwice { send, side: Side::Rest });
    let answer = state.house.perform(Arc::clone(&who.0), Some(topic.clone()), command).await?;
    let sent: Value = serde_json::from_str(answer.get()).unwrap_or_default();
    let id: Option<MessageId> = sent["id"].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(Refusal::internal)?;
    let who = Arc::clone(&who.0);
    let read = move |conn: &mut DbConn| {
        let (_, reading) = enter(conn, &who, &topic)?;
        let found: Vec<_> = message::views(conn, &[id])?.into_values().collect();
        let written = letters::written(conn, &found, reading, &base)?;
        written.into_iter().next().ok_or_else(|| Refusal::internal().into())
    };
    state.house.lane.read(read).await
}
