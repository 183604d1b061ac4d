//! Messages, in their order, as they were.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;

use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::mapping::{self, MessageTable};
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{flag, moment, text, words};
use crate::commands::import_django::talk::{Home, Homes, room_name};
use crate::ids::{ConversationId, MessageId, TopicId, UserId};
use crate::models::conversation::{self, NewConversation};
use crate::models::error::StoreError;
use crate::models::foreign::Row;
use crate::models::imported::{self, OldMessage, OldSeat, Source};
use crate::models::store::{DbConn, transaction};
use crate::protocol::views::{ConversationKind, MemberRole};

/// Where messages of one table go, and what is known of them.
struct Posting<'a> {
    table: &'a MessageTable,
    homes: Option<&'a HashMap<String, Home>>,
    rooms: HashMap<String, Home>,
    pairs: HashMap<(UserId, UserId), Home>,
    /// The newest message brought into each conversation.
    newest: BTreeMap<ConversationId, (TopicId, NaiveDateTime)>,
}

/// Brings over the messages of one table.
///
/// # Errors
/// When a database fails, or the mapping file names what is not there.
pub(super) fn bring(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    people: &People,
    table: &MessageTable,
    homes: &Homes,
) -> Result<(), Failure> {
    let query = mapping::query(import.tables, &table.table, mapping::MESSAGE, &table.columns)?;
    let source = Source { origin: &import.mapping.name, table: &table.table };
    let homes = table.conversations.as_ref().and_then(|name| homes.get(name));
    let mut posting = Posting {
        table,
        homes,
        rooms: HashMap::new(),
        pairs: HashMap::new(),
        newest: BTreeMap::new(),
    };
    let report = &mut import.report;
    import.from.read(&query, |batch| {
        transaction(conn, |conn| {
            let ids = batch.iter().flat_map(|row| [text(row, "id"), text(row, "reply_to")]);
            let ids: Vec<String> = ids.flatten().collect();
            let mut known = imported::among(conn, source, &ids)?;
            for row in &batch {
                let Some(id) = text(row, "id") else { continue };
                if known.contains_key(&id) {
                    report.known("messages");
                    continue;
                }
                let Some(home) = posting.home(conn, row, people)? else {
                    let why = "not brought over, its conversation was not";
                    report.trouble(&table.table, &id, why);
                    continue;
                };
                let (old, remarks) = message(conn, row, home, people, &known)?;
                for why in remarks {
                    report.trouble(&table.table, &id, &why);
                }
                let made = imported::add_message(conn, home.topic, &old)?;
                imported::note(conn, source, &id, made.0, clock::now_naive())?;
                known.insert(id, made.0);
                posting.newest.insert(home.id, (home.topic, old.created_at));
                report.counted("messages");
            }
            // With the messages: should the import break off, the next one knows them already.
            for (id, (topic, newest)) in std::mem::take(&mut posting.newest) {
                imported::settle_talk(conn, id, topic, newest)?;
            }
            Ok(())
        })
    })?;
    Ok(())
}

impl Posting<'_> {
    /// The conversation a message is in: the row's, the room it names, or that of its two people.
    fn home(
        &mut self,
        conn: &mut DbConn,
        row: &Row,
        people: &People,
    ) -> Result<Option<Home>, StoreError> {
        if let Some(homes) = self.homes {
            return Ok(text(row, "conversation").and_then(|id| homes.get(&id).copied()));
        }
        if let (Some(from), Some(to)) = (text(row, "sender"), text(row, "recipient")) {
            let (Some(from), Some(to)) = (people.get(&from), people.get(&to)) else {
                return Ok(None);
            };
            return self.pair(conn, from, to).map(Some);
        }
        let name =
            self.table.into.clone().or_else(|| Some(room_name(&words(row, "room")?, "django")));
        let Some(name) = name else { return Ok(None) };
        if let Some(&home) = self.rooms.get(&name) {
            return Ok(Some(home));
        }
        let found = match conversation::by_name(conn, &name)? {
            Some(found) => found,
            None => {
                conversation::insert(conn, fresh(ConversationKind::Room, Some(name.clone()), None))?
            }
        };
        let home = Home::from(&found);
        self.rooms.insert(name, home);
        Ok(Some(home))
    }

    fn pair(&mut self, conn: &mut DbConn, one: UserId, other: UserId) -> Result<Home, StoreError> {
        let pair = (one.min(other), one.max(other));
        if let Some(&home) = self.pairs.get(&pair) {
            return Ok(home);
        }
        let found = conversation::insert(conn, fresh(ConversationKind::Direct, None, Some(pair)))?;
        let home = Home::from(&found);
        let seat = OldSeat {
            role: MemberRole::Member,
            nickname: String::new(),
            joined_at: clock::now_naive(),
            muted_until: None,
        };
        for user in [one, other] {
            imported::add_seat(conn, home.id, user, &seat)?;
        }
        self.pairs.insert(pair, home);
        Ok(home)
    }
}

fn fresh(
    kind: ConversationKind,
    name: Option<String>,
    direct: Option<(UserId, UserId)>,
) -> NewConversation {
    NewConversation {
        kind,
        title: String::new(),
        name,
        direct,
        description: String::new(),
        owner: None,
        is_public: kind == ConversationKind::Room,
        at: clock::now_naive(),
    }
}

/// A message as it was, and what of it cannot be.
fn message(
    conn: &mut DbConn,
    row: &Row,
    home: Home,
    people: &People,
    known: &HashMap<String, i64>,
) -> Result<(OldMessage, Vec<String>), StoreError> {
    let mut remarks = Vec::new();
    let mut at = |name: &str| {
        moment(row, name).unwrap_or_else(|why| {
            remarks.push(why);
            None
        })
    };
    let created_at = at("created_at").unwrap_or_else(clock::now_naive);
    let (edited_at, deleted_at) = (at("edited_at"), at("deleted_at"));
    let marked = |name: &str| (flag(row, name) == Some(true)).then_some(created_at);
    let deleted_at = deleted_at.or(marked("is_deleted"));
    let (mut sender, mut sender_name) = (None, None);
    if let Some(id) = text(row, "sender") {
        sender = people.get(&id);
        if sender.is_none() {
            remarks.push(format!("comes without its sender {id}, who was not brought over"));
        }
    } else if let Some(name) = words(row, "sender_name") {
        // A name without an account stays a name.
        sender = imported::account_named(conn, &name)?;
        sender_name = Some(name).filter(|_| sender.is_none());
    }
    let reply = text(row, "reply_to");
    let reply_to = reply.as_ref().and_then(|id| known.get(id)).map(|id| MessageId(*id));
    if let (Some(id), None) = (&reply, reply_to) {
        remarks.push(format!("comes without the message {id} that it answers"));
    }
    let content = text(row, "content").unwrap_or_default();
    let old = OldMessage {
        conversation: home.id,
        sender,
        sender_name,
        message_type: words(row, "type").unwrap_or_else(|| "text".to_owned()),
        content: if deleted_at.is_some() { String::new() } else { content },
        reply_to,
        created_at,
        edited_at: edited_at.or(marked("is_edited")),
        deleted_at,
    };
    Ok((old, remarks))
}
