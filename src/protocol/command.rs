//! What a client may say: one struct a command, and the table of their names.
//!
//! A frame's `type` picks the row of [`COMMANDS`]; its `data` is read into that row's struct, and a
//! refusal names the field and the rule.

pub mod ambulance;
pub mod call;
pub mod dispatch;
pub mod fleet;
pub mod inbox;
pub mod look;
pub mod older;
pub mod people;
pub mod report;
pub mod rooms;
pub mod search;
pub mod talk;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ids::{AttachmentId, MessageId, UserId};
use crate::protocol::command::call::{CALLS, CallCommand};
use crate::protocol::command::dispatch::{DISPATCH, DispatchCommand};
use crate::protocol::command::inbox::{INBOX, InboxCommand};
use crate::protocol::command::look::{LOOKS, Look};
use crate::protocol::command::older::OlderCommand;
use crate::protocol::command::people::PeopleCommand;
use crate::protocol::command::report::ReportCommand;
use crate::protocol::command::rooms::{ROOMS, RoomCommand};
use crate::protocol::command::search::Search;
use crate::protocol::command::talk::{TALK, TalkCommand};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::views::{ConversationKind, MemberRole};

/// Start listening to a topic, resuming after `after` when given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct Subscribe {
    /// The last position the client has; absent to start from a snapshot.
    pub after: Option<i64>,
    /// The history `after` belongs to, as an earlier reply named it.
    pub epoch: Option<String>,
    /// Messages in the snapshot, 0 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// Renew the socket's credential in place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuthRefresh {
    pub token: String,
}

/// A page of history before or after a position.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct History {
    /// Messages with a smaller position; absent with `after` absent means the newest.
    pub before: Option<i64>,
    /// Messages with a larger position.
    pub after: Option<i64>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// Send a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct MessageSend {
    pub content: String,
    /// `text` when absent; a word of at most 32 of `a-z0-9_`.
    pub message_type: Option<String>,
    #[schema(value_type = Option<String>)]
    pub reply_to: Option<MessageId>,
    /// Makes the send idempotent for 24 h: the repeat gets the first answer. 1 to 64 bytes.
    pub client_id: Option<String>,
    /// Files one has uploaded and not sent yet, in their order; with them `content` may be empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub attachments: Vec<AttachmentId>,
    /// The name that someone not signed in gives; only a dialect sets it.
    #[serde(skip)]
    pub sender_name: Option<String>,
    /// Whether an empty text is a message too, as older clients have it; only a dialect sets it.
    #[serde(skip)]
    pub may_be_blank: bool,
}

/// Change the text of one's own message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MessageEdit {
    #[schema(value_type = String)]
    pub id: MessageId,
    pub content: String,
    pub client_id: Option<String>,
}

/// Take a message back: its place stays, its content goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MessageDelete {
    #[schema(value_type = String)]
    pub id: MessageId,
    pub client_id: Option<String>,
}

/// I have read everything up to here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ReadMark {
    pub seq: i64,
}

/// I am typing, or have stopped. Expires by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct Typing {
    #[serde(default = "yes")]
    pub on: bool,
}

fn yes() -> bool {
    true
}

/// Tell whoever is here now; nothing is kept.
#[derive(Debug, Clone, Deserialize)]
pub struct TopicPublish {
    /// A word of at most 64 of `a-z0-9_.-`.
    pub event: String,
    pub data: Option<Box<RawValue>>,
}

/// Bring someone in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MemberAdd {
    #[schema(value_type = String)]
    pub user: UserId,
    pub role: Option<MemberRole>,
    pub client_id: Option<String>,
}

/// Put someone out, or leave (one's own id).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MemberRemove {
    #[schema(value_type = String)]
    pub user: UserId,
    pub client_id: Option<String>,
}

/// Change what a member may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct MemberPromote {
    #[schema(value_type = String)]
    pub user: UserId,
    pub role: MemberRole,
    pub client_id: Option<String>,
}

/// Open a conversation. A direct one that exists already is returned, not made again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConversationCreate {
    pub kind: ConversationKind,
    /// For `room`: its topic name, `[a-z0-9][a-z0-9_-]{0,63}`, not digits alone.
    pub name: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    /// Whom to bring in besides oneself; exactly one for `direct`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub members: Vec<UserId>,
    /// Whether anyone signed in may read, join and speak.
    #[serde(default)]
    pub is_public: bool,
    pub client_id: Option<String>,
}

/// Change a conversation; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConversationChange {
    pub title: Option<String>,
    pub description: Option<String>,
    /// Whether anyone signed in may find, read, join and speak; never for a direct one.
    pub is_public: Option<bool>,
    /// Seconds a member waits between two messages, up to 21,600; 0 for none.
    pub slow_mode_s: Option<i64>,
    pub client_id: Option<String>,
}

/// Join a public conversation, or leave one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct Membership {
    pub client_id: Option<String>,
}

/// Everything a client may say on a socket.
#[derive(Debug, Clone)]
pub enum Command {
    Ping,
    Subscribe(Subscribe),
    Unsubscribe,
    AuthRefresh(AuthRefresh),
    History(History),
    ConversationList,
    MessageSend(MessageSend),
    MessageEdit(MessageEdit),
    MessageDelete(MessageDelete),
    ReadMark(ReadMark),
    Typing(Typing),
    TopicPublish(TopicPublish),
    MemberAdd(MemberAdd),
    MemberRemove(MemberRemove),
    MemberPromote(MemberPromote),
    ConversationCreate(ConversationCreate),
    ConversationChange(ConversationChange),
    ConversationJoin(Membership),
    ConversationLeave(Membership),
    /// What only older clients ask for; no frame of the native protocol can say it.
    Older(OlderCommand),
    Talk(TalkCommand),
    Room(RoomCommand),
    Look(Look),
    Inbox(InboxCommand),
    People(PeopleCommand),
    Dispatch(Box<DispatchCommand>),
    Call(CallCommand),
    Report(ReportCommand),
    Search(Search),
}

impl From<TalkCommand> for Command {
    fn from(command: TalkCommand) -> Self {
        Self::Talk(command)
    }
}

impl From<RoomCommand> for Command {
    fn from(command: RoomCommand) -> Self {
        Self::Room(command)
    }
}

impl From<Look> for Command {
    fn from(look: Look) -> Self {
        Self::Look(look)
    }
}

/// One row of [`COMMANDS`].
pub struct CommandRow {
    /// The frame's `type`.
    pub name: &'static str,
    /// Whether the frame must name a topic.
    pub needs_topic: bool,
    read: fn(Option<&RawValue>) -> Result<Command, Refusal>,
}

const fn row(
    name: &'static str,
    needs_topic: bool,
    read: fn(Option<&RawValue>) -> Result<Command, Refusal>,
) -> CommandRow {
    CommandRow { name, needs_topic, read }
}

/// Every command, in the order of `docs/PROTOCOL.md`; a table for each part of the protocol.
pub const COMMANDS: &[&[CommandRow]] =
    &[CONNECTION, CHAT, TALK, ROOMS, LOOKS, PEOPLE, CALLS, DISPATCH, INBOX];

/// All rows of [`COMMANDS`], one after the other.
pub fn commands() -> impl Iterator<Item = &'static CommandRow> {
    COMMANDS.iter().flat_map(|part| part.iter())
}

/// The connection itself and its topics.
#[rustfmt::skip]
const CONNECTION: &[CommandRow] = &[
    row("ping", false, |_| Ok(Command::Ping)),
    row("subscribe", true, |raw| read_data(raw).map(Command::Subscribe)),
    row("unsubscribe", true, |_| Ok(Command::Unsubscribe)),
    row("auth.refresh", false, |raw| read_data(raw).map(Command::AuthRefresh)),
];

/// Conversations.
#[rustfmt::skip]
const CHAT: &[CommandRow] = &[
    row("search", false, |raw| read_data(raw).map(Command::Search)),
    row("history", true, |raw| read_data(raw).map(Command::History)),
    row("conversation.list", false, |_| Ok(Command::ConversationList)),
    row("message.send", true, |raw| read_data(raw).map(Command::MessageSend)),
    row("message.edit", true, |raw| read_data(raw).map(Command::MessageEdit)),
    row("message.delete", true, |raw| read_data(raw).map(Command::MessageDelete)),
    row("read.mark", true, |raw| read_data(raw).map(Command::ReadMark)),
    row("typing", true, |raw| read_data(raw).map(Command::Typing)),
    row("topic.publish", true, |raw| read_data(raw).map(Command::TopicPublish)),
    row("member.add", true, |raw| read_data(raw).map(Command::MemberAdd)),
    row("member.remove", true, |raw| read_data(raw).map(Command::MemberRemove)),
    row("member.promote", true, |raw| read_data(raw).map(Command::MemberPromote)),
    row("conversation.create", false, |raw| read_data(raw).map(Command::ConversationCreate)),
    row("conversation.change", true, |raw| read_data(raw).map(Command::ConversationChange)),
    row("conversation.join", true, |raw| read_data(raw).map(Command::ConversationJoin)),
    row("conversation.leave", true, |raw| read_data(raw).map(Command::ConversationLeave)),
];

/// People: oneself and others.
#[rustfmt::skip]
const PEOPLE: &[CommandRow] = &[
    row("profile.show", false, |raw| about_people(raw, PeopleCommand::ProfileShow)),
    row("profile.change", false, |raw| about_people(raw, PeopleCommand::ProfileChange)),
    row("settings.show", false, |_| Ok(Command::People(PeopleCommand::SettingsShow))),
    row("settings.change", false, |raw| about_people(raw, PeopleCommand::SettingsChange)),
    row("settings.reset", false, |_| Ok(Command::People(PeopleCommand::SettingsReset))),
    row("presence.ask", false, |raw| about_people(raw, PeopleCommand::PresenceAsk)),
    row("contact.list", false, |raw| about_people(raw, PeopleCommand::ContactList)),
    row("contact.add", false, |raw| about_people(raw, PeopleCommand::ContactAdd)),
    row("contact.change", false, |raw| about_people(raw, PeopleCommand::ContactChange)),
    row("contact.remove", false, |raw| about_people(raw, PeopleCommand::ContactRemove)),
    row("contact.block", false, |raw| about_people(raw, PeopleCommand::ContactBlock)),
    row("contact.unblock", false, |raw| about_people(raw, PeopleCommand::ContactUnblock)),
];

fn about_people<T: DeserializeOwned>(
    raw: Option<&RawValue>,
    command: fn(T) -> PeopleCommand,
) -> Result<Command, Refusal> {
    read_data(raw).map(command).map(Command::People)
}

/// Reads the command of type `kind` from its `data`.
///
/// # Errors
/// `unknown_type` when no row has that name; `bad_request` naming the field and rule otherwise.
pub fn read(
    kind: &str,
    data: Option<&RawValue>,
) -> Result<(&'static CommandRow, Command), Refusal> {
    let row = commands().find(|row| row.name == kind).ok_or_else(|| {
        let shown: String = kind.chars().take(64).collect();
        Refusal {
            field: Some("type".into()),
            rule: Some("one of the commands of docs/PROTOCOL.md".into()),
            ..Refusal::new(Code::UnknownType, format!("no command is called {shown:?}"))
        }
    })?;
    Ok((row, (row.read)(data)?))
}

fn read_data<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, Refusal> {
    read_json(raw.map_or("{}", RawValue::get).as_bytes(), "data")
}

/// Reads JSON into `T`; a refusal names the field below `root` (a body's root is `""`).
///
/// # Errors
/// `bad_request` with the path of the first field at fault and the rule it breaks.
pub fn read_json<T: DeserializeOwned>(json: &[u8], root: &str) -> Result<T, Refusal> {
    // Serde reads a struct from an array too, by position; what clients send is named.
    if json.trim_ascii_start().first() == Some(&b'[') {
        return Err(Refusal::field(or_body(root), "a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize::<_, T>(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.inner().to_string();
        let rule = cause.split(" at line ").next().unwrap_or("not valid JSON").to_owned();
        let missing = rule.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let parts = [root, if path == "." { "" } else { &path }, missing.unwrap_or("")];
        let field: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let field = if field.is_empty() { "body".to_owned() } else { field.join(".") };
        Refusal::field(field, if missing.is_some() { "required".to_owned() } else { rule })
    })?;
    reader
        .end()
        .map_err(|_| Refusal::field(or_body(root), "one JSON value and nothing after it"))?;
    Ok(value)
}

fn or_body(root: &str) -> String {
    if root.is_empty() { "body".to_owned() } else { root.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: &str, data: &str) -> Refusal {
        let raw = RawValue::from_string(data.to_owned()).unwrap();
        read(kind, Some(&raw)).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_missing_field_is_named_with_its_path() {
        let refusal = refusal("message.send", "{}");
        assert_eq!(refusal.field.as_deref(), Some("data.content"));
        assert_eq!(refusal.rule.as_deref(), Some("required"));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named_with_its_rule() {
        let refusal = refusal("message.send", r#"{"content": 5}"#);
        assert_eq!(refusal.field.as_deref(), Some("data.content"));
        assert_eq!(refusal.rule.as_deref(), Some("invalid type: integer `5`, expected a string"));
    }

    #[test]
    fn an_array_is_not_read_by_position() {
        let refusal = refusal("message.send", r#"["hello", null, null, null]"#);
        assert_eq!(refusal.field.as_deref(), Some("data"));
    }

    #[test]
    fn an_unknown_type_is_its_own_code() {
        assert_eq!(refusal("nonsense", "{}").code, Code::UnknownType);
    }

    #[test]
    fn no_two_commands_share_a_name() {
        for row in commands() {
            assert_eq!(commands().filter(|other| other.name == row.name).count(), 1);
        }
    }
}
