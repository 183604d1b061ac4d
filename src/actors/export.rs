//! Exports: everything there is about a person, or a whole conversation, as one JSON object that is
//! read and written page by page, so that memory stays flat.

use std::sync::Arc;

use bytes::Bytes;

use crate::actors::authorize::{admit_for, require};
use crate::actors::inbox_commands;
use crate::actors::lane::{Fault, Lane};
use crate::actors::mail::answer;
use crate::actors::people_reads;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{CallId, ConversationId, UserId};
use crate::models::error::StoreError;
use crate::models::export::{Rows, SECTIONS};
use crate::models::store::DbConn;
use crate::models::{call, membership, message, user};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};

/// Messages of a conversation read at a time.
const MESSAGES: i64 = 200;
/// Most members written with a conversation.
const MEMBERS_MAX: i64 = 10_000;

/// What is exported.
#[derive(Debug, Clone)]
pub enum Export {
    Person(UserId),
    Conversation(Topic),
}

#[derive(Debug)]
enum Place {
    Head,
    /// A list by its index, from this place on.
    List(usize, i64),
    Done,
}

/// An export on its way out: ask for [`Exporting::next`] until there is nothing more.
#[derive(Debug)]
pub struct Exporting {
    lane: Lane,
    who: Arc<Identity>,
    what: Export,
    place: Place,
    /// Whether the list has a row already.
    has_row: bool,
}

impl Exporting {
    /// Begins; nothing is read yet.
    pub fn new(lane: Lane, who: Arc<Identity>, what: Export) -> Self {
        Self { lane, who, what, place: Place::Head, has_row: false }
    }

    /// The next piece of JSON; `None` after the last. Each piece asks anew whether its reader may.
    ///
    /// # Errors
    /// The policy's refusal, `not_found`, or a fault: then the object stays unfinished.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let (who, what) = (Arc::clone(&self.who), self.what.clone());
        match self.place {
            Place::Done => Ok(None),
            Place::Head => {
                let head = self.lane.read(move |conn| head(conn, &who, &what)).await?;
                self.place = Place::List(0, 0);
                Ok(Some(head.into()))
            }
            Place::List(index, after) => {
                let read = self.lane.read(move |conn| rows(conn, &who, &what, index, after));
                let Some((name, found)) = read.await? else {
                    self.place = Place::Done;
                    return Ok(Some(Bytes::from_static(b",\"complete\":true}\n")));
                };
                let mut text = String::new();
                if after == 0 {
                    text.push_str(&format!(",\"{name}\":["));
                    self.has_row = false;
                }
                for row in found.rows {
                    if self.has_row {
                        text.push(',');
                    }
                    text.push_str(&row);
                    self.has_row = true;
                }
                self.place = match found.next {
                    Some(next) => Place::List(index, next),
                    None => {
                        text.push(']');
                        Place::List(index + 1, 0)
                    }
                };
                Ok(Some(text.into()))
            }
        }
    }
}

fn may(who: &Identity, person: UserId) -> Result<(), Refusal> {
    let relation = if who.user == person { Relation::Oneself } else { Relation::Stranger };
    require(who, TopicKind::Inbox, Action::Export, relation).map(|_| ())
}

/// The object's beginning: everything there is once.
fn head(conn: &mut DbConn, who: &Identity, what: &Export) -> Result<String, Fault> {
    let at = clock::rfc3339(clock::now_naive());
    match what {
        Export::Person(person) => {
            may(who, *person)?;
            let account = user::by_id(conn, *person)?.ok_or_else(Refusal::not_found)?;
            let account = answer(&user::account_view(&account));
            let profile = answer(&people_reads::own(conn, *person)?);
            let settings = answer(&people_reads::settings(conn, *person)?);
            let wishes = answer(&inbox_commands::wishes_of(conn, *person)?);
            Ok(format!(
                "{{\"exported_at\":\"{at}\",\"account\":{account},\"profile\":{profile},\
                 \"settings\":{settings},\"notification_preferences\":{wishes}"
            ))
        }
        Export::Conversation(topic) => {
            let (admission, _grant) = admit_for(conn, who, topic, Action::Export)?;
            let home = admission.conversation()?;
            let view = answer(&home.view());
            let members = answer(&membership::members(conn, home.id, who.user, MEMBERS_MAX)?);
            Ok(format!("{{\"exported_at\":\"{at}\",\"conversation\":{view},\"members\":{members}"))
        }
    }
}

/// A page of the list with this index; nothing when there is no such list.
fn rows(
    conn: &mut DbConn,
    who: &Identity,
    what: &Export,
    index: usize,
    after: i64,
) -> Result<Option<(&'static str, Rows)>, Fault> {
    match what {
        Export::Person(person) => {
            may(who, *person)?;
            let Some((name, read)) = SECTIONS.get(index) else { return Ok(None) };
            Ok(Some((name, read(conn, *person, after)?)))
        }
        Export::Conversation(topic) => {
            let (admission, _grant) = admit_for(conn, who, topic, Action::Export)?;
            let home = admission.conversation()?.id;
            Ok(match index {
                0 => Some(("messages", messages_of(conn, home, after)?)),
                1 => Some(("calls", calls_of(conn, home, after)?)),
                _ => None,
            })
        }
    }
}

fn messages_of(conn: &mut DbConn, home: ConversationId, after: i64) -> Result<Rows, StoreError> {
    let page = message::page(conn, home, None, Some(after), MESSAGES)?;
    let next = page.messages.last().map(|last| last.seq).filter(|_| page.more);
    let rows = page.messages.iter().map(|row| answer(row).get().to_owned()).collect();
    Ok(Rows { rows, next })
}

/// Newest first: each page goes on before the last of the one before.
fn calls_of(conn: &mut DbConn, home: ConversationId, after: i64) -> Result<Rows, StoreError> {
    let before = (after > 0).then_some(CallId(after));
    let found = call::of_conversation(conn, home, before, MESSAGES)?;
    let is_full = i64::try_from(found.len()).is_ok_and(|count| count >= MESSAGES);
    let next = found.last().map(|last| last.id.0).filter(|_| is_full);
    let views = call::views(conn, &found)?;
    Ok(Rows { rows: views.iter().map(|row| answer(row).get().to_owned()).collect(), next })
}
