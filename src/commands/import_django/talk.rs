//! Conversations, who is in them, and what was said.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;

use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::mapping::{self, ConversationTable, MemberTable, MessageTable};
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{flag, moment, text, words};
use crate::ids::{ConversationId, MAX_ID, MessageId, TopicId, UserId};
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::foreign::Row;
use crate::models::imported::{self, OldMessage, OldSeat, Source};
use crate::models::store::{DbConn, transaction};
use crate::protocol::topic;
use crate::protocol::views::{ConversationKind, MemberRole};

/// People of a direct conversation that are kept track of: one more than may be in it.
const PAIR_AND_ONE: usize = 3;

/// Where a conversation there is here.
#[derive(Debug, Clone, Copy)]
struct Home {
    id: ConversationId,
    topic: TopicId,
}

impl From<&Conversation> for Home {
    fn from(of: &Conversation) -> Self {
        Self { id: of.id, topic: of.topic_id }
    }
}

/// Conversations by table and id there.
type Homes = HashMap<String, HashMap<String, Home>>;

/// Brings over what the mapping file names.
///
/// # Errors
/// When a database fails, or the file names what is not there.
pub fn bring(import: &mut Import<'_>, conn: &mut DbConn, people: &People) -> Result<(), Failure> {
    let mapping = import.mapping;
    let mut homes = Homes::new();
    for table in &mapping.conversations {
        let members = first_members(import, people, &table.table)?;
        let found = conversations(import, conn, people, table, &members)?;
        homes.insert(table.table.clone(), found);
    }
    for table in &mapping.members {
        seats(import, conn, people, table, &homes)?;
    }
    for table in &mapping.messages {
        messages(import, conn, people, table, &homes)?;
    }
    Ok(())
}

/// The first few people of each conversation of a table, as the tables of members say.
fn first_members(
    import: &mut Import<'_>,
    people: &People,
    conversations: &str,
) -> Result<HashMap<String, Vec<UserId>>, Failure> {
    let mut members: HashMap<String, Vec<UserId>> = HashMap::new();
    for table in import.mapping.members.iter().filter(|of| of.conversations == conversations) {
        let query = mapping::query(import.tables, &table.table, mapping::MEMBER, &table.columns)?;
        import.from.read(&query, |batch| {
            for row in &batch {
                let (Some(of), Some(user)) = (text(row, "conversation"), text(row, "user")) else {
                    continue;
                };
                let known = members.entry(of).or_default();
                let user = people.get(&user).filter(|user| !known.contains(user));
                known.extend(user.filter(|_| known.len() < PAIR_AND_ONE));
            }
            Ok(())
        })?;
    }
    Ok(members)
}

fn conversations(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    people: &People,
    table: &ConversationTable,
    members: &HashMap<String, Vec<UserId>>,
) -> Result<HashMap<String, Home>, Failure> {
    let name = table.table.as_str();
    let query = mapping::query(import.tables, name, mapping::CONVERSATION, &table.columns)?;
    let source = Source { origin: &import.mapping.name, table: name };
    let mut homes = HashMap::new();
    for (id, local) in imported::known(conn, source)? {
        if let Some(found) = conversation::by_id(conn, ConversationId(local))? {
            homes.insert(id, Home::from(&found));
        }
    }
    let report = &mut import.report;
    import.from.read(&query, |batch| {
        transaction(conn, |conn| {
            for row in &batch {
                let Some(id) = text(row, "id") else { continue };
                if homes.contains_key(&id) {
                    report.known("conversations");
                    continue;
                }
                let two = members.get(&id).map_or(&[][..], Vec::as_slice);
                let (mut new, remarks) = wanted(row, &id, table, people, two);
                for why in remarks {
                    report.trouble(name, &id, &why);
                }
                free_name(conn, &mut new, &id)?;
                let (made, is_new) = conversation::open(conn, new)?;
                let wanted = id.parse().ok().filter(|id| is_new && (1..=MAX_ID).contains(id));
                let made = imported::settle_conversation(conn, made, wanted)?;
                if wanted.is_some_and(|wanted| wanted != made.id.0) {
                    let why = format!("has the id {} here, for that one was taken", made.id);
                    report.trouble(name, &id, &why);
                }
                imported::note(conn, source, &id, made.id.0, clock::now_naive())?;
                report.made("conversations", || {
                    format!("conversation {} ({})", made.topic(), made.kind.as_str())
                });
                homes.insert(id, Home::from(&made));
            }
            Ok(())
        })
    })?;
    Ok(homes)
}

/// The conversation that a row asks for, and what cannot be as it was.
fn wanted(
    row: &Row,
    id: &str,
    table: &ConversationTable,
    people: &People,
    members: &[UserId],
) -> (NewConversation, Vec<String>) {
    let mut remarks = Vec::new();
    let value = words(row, "kind");
    let said = value.as_ref().map(|value| table.kinds.get(value).unwrap_or(value));
    let kind = said.or(table.kind.as_ref());
    let mut kind = kind.and_then(|kind| ConversationKind::parse(kind)).unwrap_or_else(|| {
        if let Some(value) = &value {
            remarks.push(format!("its kind {value:?} is none of ours: it is a group here"));
        }
        ConversationKind::Group
    });
    let direct = match (kind, members) {
        (ConversationKind::Direct, &[one, other]) => Some((one, other)),
        (ConversationKind::Direct, _) => {
            remarks.push("a direct one without just two people: it is a group here".to_owned());
            kind = ConversationKind::Group;
            None
        }
        _ => None,
    };
    let name = words(row, "name");
    let room = match &name {
        Some(name) if kind == ConversationKind::Room => Some(room_name(name, id)),
        None if kind == ConversationKind::Room => Some(format!("room-{id}")),
        _ => None,
    };
    let owner = words(row, "owner").filter(|_| direct.is_none());
    let known = owner.as_ref().and_then(|owner| people.get(owner));
    if let (Some(owner), None) = (&owner, known) {
        remarks.push(format!("comes without its owner {owner}, who was not brought over"));
    }
    let at = moment(row, "created_at").unwrap_or_else(|why| {
        remarks.push(why);
        None
    });
    let new = NewConversation {
        kind,
        name: room,
        direct,
        title: words(row, "title").or(name).filter(|_| direct.is_none()).unwrap_or_default(),
        description: words(row, "description").unwrap_or_default(),
        owner: known,
        is_public: flag(row, "is_public").unwrap_or(kind == ConversationKind::Room),
        at: at.unwrap_or_else(clock::now_naive),
    };
    (new, remarks)
}

/// A room's name as topics want it: what cannot stand becomes a dash.
fn room_name(name: &str, id: &str) -> String {
    let plain = |symbol: char| if symbol.is_ascii_alphanumeric() { symbol } else { '-' };
    let name: String = name
        .to_lowercase()
        .chars()
        .map(|symbol| if symbol == '_' { '_' } else { plain(symbol) })
        .collect();
    let name: String = name.trim_matches(['-', '_']).chars().take(48).collect();
    if topic::is_name(&name) {
        name
    } else {
        format!("room-{}", id.to_lowercase().replace('_', "-"))
    }
}

/// Gives a room another name when its own is taken.
fn free_name(conn: &mut DbConn, new: &mut NewConversation, id: &str) -> Result<(), StoreError> {
    let Some(name) = new.name.clone() else { return Ok(()) };
    for more in
        [String::new(), format!("-{}", id.to_lowercase()), format!("-{}-django", id.to_lowercase())]
    {
        let name = format!("{name}{more}");
        if topic::is_name(&name) && conversation::by_name(conn, &name)?.is_none() {
            new.name = Some(name);
            return Ok(());
        }
    }
    Ok(())
}

fn seats(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    people: &People,
    table: &MemberTable,
    homes: &Homes,
) -> Result<(), Failure> {
    let Some(homes) = homes.get(&table.conversations) else {
        return Err(Failure(format!(
            "--mapping: members of {} speak of {}, which no [[conversations]] names",
            table.table, table.conversations
        )));
    };
    let query = mapping::query(import.tables, &table.table, mapping::MEMBER, &table.columns)?;
    let report = &mut import.report;
    import.from.read(&query, |batch| {
        transaction(conn, |conn| {
            for row in &batch {
                let of = text(row, "conversation").unwrap_or_default();
                let user = text(row, "user").unwrap_or_default();
                let id = format!("{of}/{user}");
                let (Some(home), Some(user)) = (homes.get(&of), people.get(&user)) else {
                    report.trouble(
                        &table.table,
                        &id,
                        "its user or conversation was not brought over",
                    );
                    continue;
                };
                let joined_at = moment(row, "joined_at").unwrap_or_else(|why| {
                    report.trouble(&table.table, &id, &why);
                    None
                });
                let named =
                    words(row, "role").and_then(|role| MemberRole::parse(&role.to_lowercase()));
                let is_admin = flag(row, "is_admin") == Some(true);
                let role = if is_admin { MemberRole::Admin } else { MemberRole::Member };
                let seat = OldSeat {
                    role: named.unwrap_or(role),
                    nickname: words(row, "nickname").unwrap_or_default(),
                    joined_at: joined_at.unwrap_or_else(clock::now_naive),
                    muted_until: moment(row, "muted_until").ok().flatten(),
                };
                if imported::add_seat(conn, home.id, user, &seat)? {
                    report.counted("memberships");
                } else {
                    report.known("memberships");
                }
            }
            Ok(())
        })
    })?;
    Ok(())
}

/// Where messages of one table go, and what is known of them.
struct Posting<'a> {
    table: &'a MessageTable,
    homes: Option<&'a HashMap<String, Home>>,
    rooms: HashMap<String, Home>,
    pairs: HashMap<(UserId, UserId), Home>,
    /// The newest message brought into each conversation.
    newest: BTreeMap<ConversationId, (TopicId, NaiveDateTime)>,
}

fn messages(
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
            Ok(())
        })
    })?;
    transaction(conn, |conn| {
        for (&id, &(topic, newest)) in &posting.newest {
            imported::settle_talk(conn, id, topic, newest)?;
        }
        Ok(())
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
    let mut sender = None;
    if let Some(id) = text(row, "sender") {
        sender = people.get(&id);
    } else if let Some(name) = words(row, "sender_name") {
        sender = imported::account_named(conn, &name)?;
    }
    let said = text(row, "sender").or(words(row, "sender_name"));
    if let (Some(said), None) = (said, sender) {
        remarks.push(format!("comes without its sender {said}, who was not brought over"));
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
        message_type: words(row, "type").unwrap_or_else(|| "text".to_owned()),
        content: if deleted_at.is_some() { String::new() } else { content },
        reply_to,
        created_at,
        edited_at: edited_at.or(marked("is_edited")),
        deleted_at,
    };
    Ok((old, remarks))
}
