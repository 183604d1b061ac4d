//! What chat commands do to the store: which of them does what, opening and changing conversations.
//! Each refuses before it writes.

use std::sync::Arc;

use crate::actors::authorize::{admit_for, require};
use crate::actors::contact_commands::may_bring;
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::actors::membership_commands as membership;
use crate::actors::message_commands as messages;
use crate::actors::older_commands;
use crate::actors::people_commands;
use crate::actors::post::check_client_id;
use crate::actors::receipt_commands as receipts;
use crate::actors::replay::Delta;
use crate::actors::report_commands;
use crate::actors::room_commands as rooms;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::UserId;
use crate::models::conversation::{self, Change, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::journal::{self, NewEntry};
use crate::models::store::DbConn;
use crate::models::{answer as answers, user};
use crate::protocol::command::talk::TalkCommand;
use crate::protocol::command::{Command, ConversationChange, ConversationCreate};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind, is_name};
use crate::protocol::views::{ConversationKind, MemberRole};

/// Longest title, in characters.
const MAX_TITLE_CHARS: usize = 200;
/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// Longest slow mode, in seconds: six hours.
const MAX_SLOW_MODE_S: i64 = 21_600;
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

/// One chat command other than a post.
pub struct Asked {
    pub who: Arc<Identity>,
    pub topic: Option<Topic>,
    pub command: Command,
    /// By whose settings.
    pub house: Arc<House>,
}

impl Asked {
    fn topic(&self) -> Result<&Topic, Fault> {
        self.topic.as_ref().ok_or_else(|| Refusal::field("topic", "required").into())
    }

    fn perform(&self, conn: &mut DbConn) -> Result<Effect, Fault> {
        let (who, house) = (&*self.who, &*self.house);
        match &self.command {
            Command::MessageEdit(edit) => messages::edit(conn, who, self.topic()?, edit, house),
            Command::MessageDelete(delete) => messages::delete(conn, who, self.topic()?, delete),
            Command::ReadMark(mark) => receipts::mark_read(conn, who, self.topic()?, mark, house),
            Command::Talk(talk) => self.talk(conn, talk),
            Command::Room(room) => rooms::perform(conn, who, self.topic.as_ref(), room, house),
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
            Command::Report(command) => report_commands::perform(conn, who, command),
            Command::People(command) => people_commands::perform(conn, who, command),
            Command::ConversationLeave(_) => membership::leave(conn, who, self.topic()?),
            Command::Older(older) => {
                older_commands::perform(conn, who, self.topic()?, older, house)
            }
            _ => Err(Refusal::new(Code::UnknownType, "not a command for a conversation").into()),
        }
    }

    fn talk(&self, conn: &mut DbConn, command: &TalkCommand) -> Result<Effect, Fault> {
        let (who, house) = (&*self.who, &*self.house);
        match command {
            TalkCommand::React(wish) => messages::react(conn, who, self.topic()?, wish, house),
            TalkCommand::Pin(wish) => messages::pin(conn, who, self.topic()?, wish, house),
            TalkCommand::Forward(wish) => messages::forward(conn, who, self.topic()?, wish, house),
            TalkCommand::Delivered(mark) => {
                receipts::mark_delivered(conn, who, self.topic()?, mark, house)
            }
            TalkCommand::ShareReceipts(wish) => receipts::share(conn, who, wish),
        }
    }

    /// Does the command once for each `client_id`: a repeat gets the first answer.
    ///
    /// # Errors
    /// The refusal, before anything is written, or a fault.
    pub fn perform_once(&self, conn: &mut DbConn) -> Result<Effect, Fault> {
        let (name, client_id) = idempotence(&self.command);
        check_client_id(client_id)?;
        // A forward changes nothing where it comes from.
        let is_forward = matches!(self.command, Command::Talk(TalkCommand::Forward(_)));
        if let Some(Topic::Chat(key)) = self.topic.as_ref().filter(|_| !is_forward) {
            conversation::hold(conn, key)?;
        }
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
        Command::Talk(talk) => talk.once(),
        Command::Room(room) => room.once(),
        _ => ("", None),
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
    if change.slow_mode_s.is_some_and(|seconds| !(0..=MAX_SLOW_MODE_S).contains(&seconds)) {
        let rule = format!("from 0 to {MAX_SLOW_MODE_S}");
        return Err(Refusal::field("data.slow_mode_s", rule).into());
    }
    let (admission, _grant) = admit_for(conn, who, topic, Action::ChangeConversation)?;
    let found = admission.conversation()?;
    if change.is_public == Some(true) && found.kind == ConversationKind::Direct {
        return Err(Refusal::field("data.is_public", "false for a direct conversation").into());
    }
    let wish = Change {
        title: change.title.as_deref(),
        description: change.description.as_deref(),
        is_public: change.is_public,
        slow_mode_s: change.slow_mode_s,
    };
    if wish.is_nothing() {
        return Err(Refusal::field("data", "something to change").into());
    }
    let changed = conversation::change(conn, found.id, &wish, clock::now_naive())?;
    let body = EventBody::ConversationChanged(changed.view());
    let event = note(conn, &changed, who.user, Some(changed.id.0), None, body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}
