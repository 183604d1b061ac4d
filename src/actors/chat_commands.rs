//! What chat commands do to the store: editing, deleting, reading, opening and changing
//! conversations. Each refuses before it writes.

use std::sync::Arc;

use crate::actors::authorize::{admit, admit_for, require};
use crate::actors::contact_commands::may_bring;
use crate::actors::lane::{Aftermath, Fault, Job};
use crate::actors::mail::{Answer, ReplyTo, answer};
use crate::actors::membership_commands as membership;
use crate::actors::older_commands;
use crate::actors::people_commands;
use crate::actors::post::{check_client_id, check_content, delivery};
use crate::actors::replay::Delta;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::layer::contract::Envelope;
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::journal::{self, NewEntry};
use crate::models::membership as rows;
use crate::models::message::MessageRow;
use crate::models::store::DbConn;
use crate::models::{answer as answers, message, user};
use crate::protocol::command::{
    Command, ConversationChange, ConversationCreate, MessageDelete, MessageEdit, ReadMark,
};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind, is_name};
use crate::protocol::views::{ConversationKind, MemberRole};

/// Longest title, in characters.
const MAX_TITLE_CHARS: usize = 200;
/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// Most members a conversation is opened with.
const MAX_FIRST_MEMBERS: usize = 500;

/// What a command changed and whom to tell.
#[derive(Debug)]
pub struct Effect {
    pub answer: Answer,
    pub events: Vec<Event>,
    /// Who lost which topic.
    pub unseated: Vec<(Topic, UserId)>,
}

impl Effect {
    /// An effect that tells nobody else.
    pub fn quiet<T: serde::Serialize>(value: &T) -> Self {
        Self { answer: answer(value), events: Vec::new(), unseated: Vec::new() }
    }

    /// An effect with one event.
    pub fn with_event<T: serde::Serialize>(value: &T, event: Event) -> Self {
        Self { answer: answer(value), events: vec![event], unseated: Vec::new() }
    }
}

/// The answer to a command that left one event.
#[derive(Debug, serde::Serialize)]
pub struct Noted {
    pub seq: i64,
}

/// One chat command other than a post, on its way to the database.
pub struct CommandJob {
    who: Arc<Identity>,
    topic: Option<Topic>,
    command: Command,
    content_bytes: usize,
    reply: ReplyTo,
    outcome: Option<Result<Effect, Refusal>>,
}

impl CommandJob {
    /// A command of `who` on `topic`; `content_bytes` is the limit of a message's text.
    pub fn new(
        who: Arc<Identity>,
        topic: Option<Topic>,
        command: Command,
        content_bytes: usize,
        reply: ReplyTo,
    ) -> Self {
        Self { who, topic, command, content_bytes, reply, outcome: None }
    }

    fn topic(&self) -> Result<&Topic, Fault> {
        self.topic.as_ref().ok_or_else(|| Refusal::field("topic", "required").into())
    }

    fn perform(&self, conn: &mut DbConn) -> Result<Effect, Fault> {
        let who = &*self.who;
        match &self.command {
            Command::MessageEdit(edit) => {
                edit_message(conn, who, self.topic()?, edit, self.content_bytes)
            }
            Command::MessageDelete(delete) => delete_message(conn, who, self.topic()?, delete),
            Command::ReadMark(mark) => mark_read(conn, who, self.topic()?, mark),
            Command::MemberAdd(add) => membership::add(conn, who, self.topic()?, add),
            Command::MemberRemove(remove) => membership::remove(conn, who, self.topic()?, remove),
            Command::MemberPromote(promote) => {
                membership::promote(conn, who, self.topic()?, promote)
            }
            Command::ConversationCreate(create) => create_conversation(conn, who, create),
            Command::ConversationChange(change) => {
                change_conversation(conn, who, self.topic()?, change)
            }
            Command::ConversationJoin(_) => membership::join(conn, who, self.topic()?),
            Command::People(command) => people_commands::perform(conn, who, command),
            Command::ConversationLeave(_) => membership::leave(conn, who, self.topic()?),
            Command::Older(older) => older_commands::perform(conn, who, self.topic()?, older),
            _ => Err(Refusal::new(Code::UnknownType, "not a command for a conversation").into()),
        }
    }

    /// Does the command once for each `client_id`: a repeat gets the first answer.
    fn perform_once(&self, conn: &mut DbConn) -> Result<Effect, Fault> {
        let (name, client_id) = idempotence(&self.command);
        check_client_id(client_id)?;
        let Some(client_id) = client_id else { return self.perform(conn) };
        let topic = self.topic.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(first) = answers::find(conn, self.who.user, name, &topic, client_id)? {
            let answer = serde_json::value::RawValue::from_string(first)
                .map_err(|cause| StoreError::Broken(cause.to_string()))?;
            return Ok(Effect { answer, events: Vec::new(), unseated: Vec::new() });
        }
        let effect = self.perform(conn)?;
        let (user, kept) = (self.who.user, effect.answer.get());
        answers::keep(conn, user, name, &topic, client_id, kept, clock::now_naive())?;
        Ok(effect)
    }
}

/// Under which name and `client_id` a command's answer is kept.
fn idempotence(command: &Command) -> (&'static str, Option<&str>) {
    match command {
        Command::MessageEdit(edit) => ("message.edit", edit.client_id.as_deref()),
        Command::MessageDelete(delete) => ("message.delete", delete.client_id.as_deref()),
        Command::MemberAdd(add) => ("member.add", add.client_id.as_deref()),
        Command::MemberRemove(remove) => ("member.remove", remove.client_id.as_deref()),
        Command::MemberPromote(promote) => ("member.promote", promote.client_id.as_deref()),
        Command::ConversationCreate(create) => ("conversation.create", create.client_id.as_deref()),
        Command::ConversationChange(change) => ("conversation.change", change.client_id.as_deref()),
        Command::ConversationJoin(join) => ("conversation.join", join.client_id.as_deref()),
        Command::ConversationLeave(leave) => ("conversation.leave", leave.client_id.as_deref()),
        _ => ("", None),
    }
}

impl Job for CommandJob {
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        self.outcome = Some(match self.perform_once(conn) {
            Ok(effect) => Ok(effect),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::Store(fault)) => return Err(fault),
        });
        Ok(())
    }

    fn committed(self: Box<Self>, aftermath: &mut Aftermath) {
        match self.outcome.unwrap_or_else(|| Err(Refusal::internal())) {
            Err(refusal) => self.reply.send_with(Err(refusal), &mut aftermath.replies),
            Ok(effect) => {
                self.reply.send_with(Ok(effect.answer), &mut aftermath.replies);
                let events: Vec<_> = effect.events.into_iter().map(delivery).collect();
                if !events.is_empty() {
                    aftermath.envelopes.push(Envelope::Events(events));
                }
                for (topic, user) in effect.unseated {
                    let refusal = Refusal::forbidden("you are no longer a member here");
                    aftermath.envelopes.push(Envelope::Unseated { topic, user, refusal });
                }
            }
        }
    }

    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath) {
        self.reply.send_with(Err(refusal), &mut aftermath.replies);
    }
}

/// Appends one entry to a conversation's journal and returns the event it stands for.
///
/// # Errors
/// When the database failed.
pub fn note(
    conn: &mut DbConn,
    conversation: &Conversation,
    actor: UserId,
    entity: Option<i64>,
    delta: Option<&Delta>,
    body: EventBody,
) -> Result<Event, StoreError> {
    let at = clock::now_naive();
    let entry = NewEntry {
        kind: body.name(),
        actor: Some(actor),
        entity,
        delta: delta.and_then(Delta::text),
        created_at: at,
    };
    let seq = journal::append(conn, conversation.topic_id, &[entry])?;
    Ok(Event { topic: conversation.topic(), seq: Some(seq), at, body })
}

/// The message in question and how the asker, who wants `to` do something, relates to it.
fn own_message(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
    to: Action,
) -> Result<(Conversation, MessageRow, Relation), Fault> {
    let admission = admit(conn, who, topic)?;
    let conversation = admission.conversation()?.clone();
    // Whoever may not even read gets the one answer that tells nothing.
    require(who, TopicKind::Chat, Action::Read, admission.relation)?;
    let row = message::by_id(conn, id)?
        .filter(|row| row.conversation_id == conversation.id && row.deleted_at.is_none())
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    let mine = row.sender_id == Some(who.user);
    // Changing what was said is one more way to talk; taking it back is none.
    let is_author = mine && (to == Action::Delete || admission.relation != Relation::Barred);
    let relation = if is_author { Relation::Author } else { admission.relation };
    Ok((conversation, row, relation))
}

fn edit_message(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    edit: &MessageEdit,
    content_bytes: usize,
) -> Result<Effect, Fault> {
    check_content(&edit.content, content_bytes)?;
    let (conversation, row, relation) = own_message(conn, who, topic, edit.id, Action::Edit)?;
    require(who, TopicKind::Chat, Action::Edit, relation)?;
    let view = message::edit(conn, row.id, &edit.content, clock::now_naive())?;
    let body = EventBody::MessageEdited(view);
    let event = note(conn, &conversation, who.user, Some(row.id.0), None, body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}

pub(super) fn delete_message(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    delete: &MessageDelete,
) -> Result<Effect, Fault> {
    let (conversation, row, relation) = own_message(conn, who, topic, delete.id, Action::Delete)?;
    require(who, TopicKind::Chat, Action::Delete, relation)?;
    message::delete(conn, row.id, who.user, clock::now_naive())?;
    let body = EventBody::MessageDeleted { id: row.id, by: Some(who.user) };
    let event = note(conn, &conversation, who.user, Some(row.id.0), None, body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}

pub(super) fn mark_read(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    mark: &ReadMark,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::MarkRead)?;
    let conversation = admission.conversation()?;
    let head = journal::head(conn, conversation.topic_id)?.head;
    if !(0..=head).contains(&mark.seq) {
        return Err(Refusal::field("data.seq", format!("from 0 to {head}, the newest")).into());
    }
    // A mark that does not move forward tells nobody anything.
    if !rows::mark_read(conn, conversation.id, who.user, mark.seq)? {
        let read_seq = admission.membership.as_ref().map_or(0, |row| row.read_seq);
        return Ok(Effect::quiet(&Noted { seq: read_seq }));
    }
    let body = EventBody::ReadMarked { user: who.user, seq: mark.seq };
    let delta = Delta { seq: Some(mark.seq), ..Delta::default() };
    let event = note(conn, conversation, who.user, None, Some(&delta), body)?;
    let mut effect = Effect::with_event(&Noted { seq: mark.seq }, event);
    effect.events.push(older_commands::read_by(conn, conversation, who.user, mark.seq)?);
    Ok(effect)
}

fn check_text(field: &'static str, text: Option<&str>, limit: usize) -> Result<(), Refusal> {
    match text {
        Some(text) if text.chars().count() > limit => {
            Err(Refusal::field(field, format!("at most {limit} characters")))
        }
        Some(text) if text.contains('\0') => Err(Refusal::field(field, "without NUL characters")),
        _ => Ok(()),
    }
}

fn check_create(who: &Identity, create: &ConversationCreate) -> Result<Vec<UserId>, Refusal> {
    check_text("data.title", create.title.as_deref(), MAX_TITLE_CHARS)?;
    check_text("data.description", create.description.as_deref(), MAX_DESCRIPTION_CHARS)?;
    let mut others: Vec<UserId> =
        create.members.iter().copied().filter(|user| *user != who.user).collect();
    others.sort_unstable();
    others.dedup();
    match (create.kind, create.name.as_deref()) {
        (ConversationKind::Room, Some(name)) if is_name(name) => {}
        (ConversationKind::Room, _) => {
            let rule = "for a room: 1 to 64 of a-z, 0-9, - and _, not digits alone";
            return Err(Refusal::field("data.name", rule));
        }
        (_, Some(_)) => return Err(Refusal::field("data.name", "only rooms have names")),
        _ => {}
    }
    if create.kind == ConversationKind::Direct {
        if others.len() != 1 {
            return Err(Refusal::field("data.members", "exactly one other person"));
        }
        if create.is_public {
            return Err(Refusal::field("data.is_public", "false for a direct conversation"));
        }
    }
    if others.len() > MAX_FIRST_MEMBERS {
        return Err(Refusal::field("data.members", format!("at most {MAX_FIRST_MEMBERS}")));
    }
    Ok(others)
}

fn create_conversation(
    conn: &mut DbConn,
    who: &Identity,
    create: &ConversationCreate,
) -> Result<Effect, Fault> {
    require(who, TopicKind::Chat, Action::Create, Relation::Stranger)?;
    let others = check_create(who, create)?;
    let people = user::persons(conn, &others)?;
    if people.len() != others.len() {
        return Err(Refusal::field("data.members", "people who have an account").into());
    }
    let direct = match (create.kind, others.as_slice()) {
        (ConversationKind::Direct, [peer]) => Some((who.user, *peer)),
        _ => None,
    };
    if let Some(name) = create.name.as_deref()
        && conversation::by_name(conn, name)?.is_some()
    {
        let taken = Refusal::field("data.name", "not taken by another room");
        return Err(Refusal { code: Code::Conflict, ..taken }.into());
    }
    let is_there = match direct {
        Some((one, other)) => conversation::direct_between(conn, one, other)?.is_some(),
        None => false,
    };
    if !is_there {
        may_bring(conn, who, &others, direct.is_some(), "data.members")?;
    }
    let (made, is_new) = conversation::open(
        conn,
        NewConversation {
            kind: create.kind,
            name: create.name.clone(),
            direct,
            title: create.title.clone().unwrap_or_default(),
            description: create.description.clone().unwrap_or_default(),
            owner: direct.is_none().then_some(who.user),
            is_public: create.is_public,
            at: clock::now_naive(),
        },
    )?;
    if !is_new {
        return Ok(Effect::quiet(&made.view()));
    }
    let mine = if direct.is_some() { MemberRole::Member } else { MemberRole::Owner };
    let mut effect = Effect::quiet(&made.view());
    membership::seat_members(conn, who, &made, &[(who.user, mine)], &mut effect.events)?;
    let others: Vec<_> = others.into_iter().map(|user| (user, MemberRole::Member)).collect();
    membership::seat_members(conn, who, &made, &others, &mut effect.events)?;
    Ok(effect)
}

fn change_conversation(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    change: &ConversationChange,
) -> Result<Effect, Fault> {
    check_text("data.title", change.title.as_deref(), MAX_TITLE_CHARS)?;
    check_text("data.description", change.description.as_deref(), MAX_DESCRIPTION_CHARS)?;
    let (admission, _grant) = admit_for(conn, who, topic, Action::ChangeConversation)?;
    let id: ConversationId = admission.conversation()?.id;
    let (title, description) = (change.title.as_deref(), change.description.as_deref());
    if title.is_none() && description.is_none() {
        return Err(Refusal::field("data", "a title or a description to change").into());
    }
    let changed = conversation::change(conn, id, title, description, clock::now_naive())?;
    let body = EventBody::ConversationChanged(changed.view());
    let event = note(conn, &changed, who.user, Some(id.0), None, body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}
