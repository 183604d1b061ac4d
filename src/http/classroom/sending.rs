//! How the classroom's clients send and read over REST, whichever route they take.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde_json::Value;

use crate::actors::authorize::{admit, require};
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::http::classroom::letters::{self, Reading};
use crate::http::drf::{Fail, Fields, answered_id};
use crate::http::messenger::Viewer;
use crate::http::parcels::Parcel;
use crate::http::state::State;
use crate::ids::{AttachmentId, MessageId};
use crate::models::conversation::Conversation;
use crate::models::listing::{self, THREAD_TYPE};
use crate::models::message;
use crate::models::store::DbConn;
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
    viewer: &Viewer,
    topic: &Topic,
    (limit, offset): (i64, i64),
) -> Result<Vec<Value>, Fault> {
    let (found, reading) = enter(conn, &viewer.who, topic)?;
    let mut messages = listing::newest(conn, found.id, None, limit, offset)?;
    messages.reverse();
    messages.retain(|message| !message.deleted);
    letters::written(conn, viewer, &messages, reading)
}

/// What is to be sent: text, a file, its type, and what it answers.
#[derive(Debug, Default)]
pub struct Wish {
    content: String,
    kind: Option<String>,
    reply_to: Option<MessageId>,
    files: Vec<AttachmentId>,
}

impl Wish {
    /// Reads the fields of a message; without a file it has text.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(fields: &Fields) -> Result<Self, Fail> {
        let kind = fields.text("message_type")?;
        if let Some(kind) = kind.as_deref().filter(|kind| !MESSAGE_TYPES.contains(kind)) {
            return Err(Fail::no_choice("message_type", kind));
        }
        let content = fields.text("content")?.ok_or_else(|| Fail::required("content"))?;
        Ok(Self { content, kind, reply_to: fields.id("reply_to")?, files: Vec::new() })
    }

    /// The same of a form that may bring a file, which then says what type of message it is.
    fn read_parcel(mut parcel: Parcel) -> Result<Self, Fail> {
        let Some((_, file)) = parcel.files.first() else { return Self::read(&parcel.fields) };
        let kind = if file.content_type.starts_with("image/") { "image" } else { "file" };
        let files = vec![file.id];
        parcel.fields.0.entry("content").or_insert_with(|| Value::String(String::new()));
        let kind = Some(kind.to_owned());
        Ok(Self { kind, files, ..Self::read(&parcel.fields)? })
    }

    /// The title of a thread.
    pub fn title(title: String) -> Self {
        Self { content: title, kind: Some(THREAD_TYPE.to_owned()), ..Self::default() }
    }

    /// The same as an answer to this message.
    #[must_use]
    pub fn answering(self, root: MessageId) -> Self {
        Self { reply_to: Some(root), ..self }
    }
}

/// Reads a message with at most one file and sends it. The file is not kept when that fails.
///
/// # Errors
/// Those of reading; of sending, as `refused` says them.
pub async fn send_parcel(
    state: &State,
    viewer: Viewer,
    request: &HttpRequest,
    topic: Topic,
    body: web::Payload,
    refused: fn(Refusal) -> Fail,
) -> Result<Value, Fail> {
    may_enter(state, &viewer, &topic).await.map_err(refused)?;
    let parcel = Parcel::read(state, request, body, viewer.who.user, 1).await?;
    let files = parcel.ids();
    let sending = async move {
        let wish = Wish::read_parcel(parcel)?;
        post(state, viewer, topic, wish).await.map_err(refused)
    };
    let sent = sending.await;
    Parcel::settle(state, &files, sent).await
}

/// Sends a message and reads it as it stands. The same text by the socket a moment ago is the same
/// message.
///
/// # Errors
/// The owner's refusal.
pub async fn send(
    state: &State,
    viewer: Viewer,
    topic: Topic,
    wish: Wish,
) -> Result<Value, Refusal> {
    may_enter(state, &viewer, &topic).await?;
    post(state, viewer, topic, wish).await
}

/// Asked before anything is taken or sent, for the answer tells what is not there from what is not
/// theirs.
async fn may_enter(state: &State, viewer: &Viewer, topic: &Topic) -> Result<(), Refusal> {
    let (asker, asked) = (Arc::clone(&viewer.who), topic.clone());
    state.house.lane.read(move |conn| enter(conn, &asker, &asked).map(|_| ())).await
}

async fn post(state: &State, viewer: Viewer, topic: Topic, wish: Wish) -> Result<Value, Refusal> {
    let Wish { content, kind, reply_to, files } = wish;
    // Their pages send each message by the socket as well, but for files and titles.
    let is_twin = files.is_empty() && kind.as_deref() != Some(THREAD_TYPE);
    let send = MessageSend {
        content,
        message_type: kind,
        reply_to,
        attachments: files,
        ..MessageSend::default()
    };
    let command = match is_twin {
        true => Command::Older(OlderCommand::SendTwice { send, side: Side::Rest }),
        false => Command::MessageSend(send),
    };
    let who = Arc::clone(&viewer.who);
    let answer = state.house.perform(who, Some(topic.clone()), command).await?;
    let id: MessageId = answered_id(&answer)?;
    let read = move |conn: &mut DbConn| {
        let (_, reading) = enter(conn, &viewer.who, &topic)?;
        let found: Vec<_> = message::views(conn, &[id])?.into_values().collect();
        let written = letters::written(conn, &viewer, &found, reading)?;
        written.into_iter().next().ok_or_else(|| Refusal::internal().into())
    };
    state.house.lane.read(read).await
}
