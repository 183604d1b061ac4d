//! Notifications of messages: to those mentioned, and to members whom no socket of theirs lets
//! hear the conversation.
//!
//! On the busiest path of the server: a message to a public room that mentions nobody costs
//! nothing, one to a conversation whose members all listen costs its batch one query.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use crate::actors::house::House;
use crate::actors::notify::{Notice, cut, notify};
use crate::clock;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::contact;
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::membership;
use crate::models::store::DbConn;
use crate::protocol::event::Event;
use crate::protocol::topic::Topic;
use crate::protocol::views::inbox::{ObjectView, Priority};
use crate::protocol::views::{ConversationKind, MessageView};

/// Characters of a message that its notification quotes.
pub const QUOTE_CHARS: usize = 140;
/// The type of messages that nobody wrote.
const SYSTEM: &str = "system";

/// One stored message and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub conversation: &'a Conversation,
    /// The conversation's own topic.
    pub topic: &'a Topic,
    pub message: &'a MessageView,
}

impl Said<'_> {
    fn sender(&self) -> Option<UserId> {
        self.message.sender.as_ref().map(|sender| sender.id)
    }

    /// Whether somebody may have to be told.
    pub fn may_concern(&self) -> bool {
        let written = self.message.message_type != SYSTEM;
        written && (!self.conversation.is_public || !self.message.mentions.is_empty())
    }
}

/// The groups of a conversation: of its messages, its mentions, and the calls one has missed in it.
pub fn groups(conversation: ConversationId) -> [String; 3] {
    ["message", "mention", "call_missed"].map(|kind| format!("{kind}:{conversation}"))
}

/// A message as the object of a notification.
pub fn quoted_message(id: MessageId) -> ObjectView {
    ObjectView { kind: "message".to_owned(), id: id.to_string() }
}

/// Notifies of messages that were stored in this transaction, in their order.
///
/// # Errors
/// When the database failed.
pub fn notify_of(
    conn: &mut DbConn,
    house: &House,
    said: &[Said<'_>],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let mut talks: BTreeMap<ConversationId, Vec<Said<'_>>> = BTreeMap::new();
    for said in said.iter().filter(|said| said.may_concern()) {
        talks.entry(said.conversation.id).or_default().push(*said);
    }
    for talk in talks.into_values() {
        notify_of_talk(conn, house, &talk, events)?;
    }
    Ok(())
}

fn notify_of_talk(
    conn: &mut DbConn,
    house: &House,
    talk: &[Said<'_>],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let Some(first) = talk.first() else { return Ok(()) };
    let mentioned = mentions(conn, talk, events)?;
    if first.conversation.is_public {
        return Ok(());
    }
    let most = house.settings.notify_members_max;
    // One more than counts: too many members are told apart from just enough.
    let members = membership::audience(conn, first.conversation.id, most.saturating_add(1))?;
    if i64::try_from(members.len()).unwrap_or(i64::MAX) > most {
        return Ok(());
    }
    let now = clock::now_naive();
    let deaf: Vec<UserId> = {
        let presence = house.presence.lock();
        let muted = |until: Option<chrono::NaiveDateTime>| until.is_some_and(|until| until > now);
        let deaf = members.iter().filter(|(_, muted_until)| !muted(*muted_until));
        deaf.map(|(user, _)| *user)
            .filter(|user| !presence.is_listening(first.topic, *user))
            .collect()
    };
    let senders: Vec<UserId> = talk.iter().filter_map(Said::sender).collect();
    let shut_out = contact::shut_out(conn, &deaf, &senders)?;
    // Whoever has the same messages to be told of gets them by one statement.
    let mut told: BTreeMap<Vec<usize>, Vec<UserId>> = BTreeMap::new();
    for user in deaf {
        let concerns = |(index, said): (usize, &Said<'_>)| {
            let is_wanted = said
                .sender()
                .is_none_or(|sender| sender != user && !shut_out.contains(&(user, sender)));
            (is_wanted && !mentioned.contains(&(index, user))).then_some(index)
        };
        let concern: Vec<usize> = talk.iter().enumerate().filter_map(concerns).collect();
        if !concern.is_empty() {
            told.entry(concern).or_default().push(user);
        }
    }
    for (messages, users) in told {
        let Some(newest) = messages.last().and_then(|&index| talk.get(index)) else { continue };
        let times = i64::try_from(messages.len()).unwrap_or(1);
        notify(conn, &Notice { times, ..notice("message", *newest) }, &users, events)?;
    }
    Ok(())
}

/// Notifies these people that a message names them, wherever they are, but for those who have shut
/// its author out.
///
/// # Errors
/// When the database failed.
pub fn notify_mentioned(
    conn: &mut DbConn,
    said: Said<'_>,
    people: &[UserId],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let author: Vec<UserId> = said.sender().into_iter().collect();
    let shut_out = contact::shut_out(conn, people, &author)?;
    let is_open = |user: &UserId| !shut_out.iter().any(|(owner, _)| owner == user);
    let people: Vec<UserId> = people.iter().copied().filter(is_open).collect();
    notify(conn, &Notice { priority: Priority::High, ..notice("mention", said) }, &people, events)
}

/// Notifies those mentioned; answers whom by which message.
fn mentions(
    conn: &mut DbConn,
    talk: &[Said<'_>],
    events: &mut Vec<Event>,
) -> Result<HashSet<(usize, UserId)>, StoreError> {
    let mut mentioned = HashSet::new();
    for (index, said) in talk.iter().enumerate() {
        let people: Vec<UserId> = said.message.mentions.iter().map(|person| person.id).collect();
        notify_mentioned(conn, *said, &people, events)?;
        mentioned.extend(people.into_iter().map(|user| (index, user)));
    }
    Ok(mentioned)
}

fn notice(kind: &'static str, said: Said<'_>) -> Notice {
    let Said { conversation, topic, message } = said;
    let sender = message.sender.as_ref().map_or("someone", |sender| &sender.display_name);
    let title = match (conversation.kind, kind) {
        (ConversationKind::Direct, "message") => sender.to_owned(),
        (_, "message") => format!("{sender} in {}", name(conversation)),
        (ConversationKind::Direct, _) => format!("{sender} mentioned you"),
        _ => format!("{sender} mentioned you in {}", name(conversation)),
    };
    let [messages, mentions, _] = groups(conversation.id);
    Notice {
        object: Some(quoted_message(message.id)),
        action_url: Some(format!("/conversations/{}", conversation.id)),
        data: Some(json!({
            "conversation": conversation.id, "topic": topic, "seq": message.seq,
        })),
        actor: said.sender(),
        group: Some(if kind == "message" { messages } else { mentions }),
        ..Notice::new(kind, title, cut(&message.content, QUOTE_CHARS))
    }
}

/// What people call a conversation.
pub fn name(conversation: &Conversation) -> &str {
    match (&conversation.name, conversation.title.as_str()) {
        (Some(name), "") => name,
        (None, "") => "a conversation",
        (_, title) => title,
    }
}
