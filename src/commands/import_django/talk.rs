//! Conversations and who is in them.

use std::collections::HashMap;

use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::mapping::{self, ConversationTable, MemberTable};
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{flag, moment, text, words};
use crate::commands::import_django::{extras, messages};
use crate::ids::{ConversationId, MAX_ID, TopicId, UserId};
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::foreign::Row;
use crate::models::imported::{self, OldSeat, Source};
use crate::models::store::{DbConn, transaction};
use crate::protocol::topic;
use crate::protocol::views::{ConversationKind, MemberRole};

/// People of a direct conversation that are kept track of: one more than may be in it.
const PAIR_AND_ONE: usize = 3;

/// Where a conversation there is here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home {
    pub id: ConversationId,
    pub topic: TopicId,
}

impl From<&Conversation> for Home {
    fn from(of: &Conversation) -> Self {
        Self { id: of.id, topic: of.topic_id }
    }
}

/// Conversations by table and id there.
pub(super) type Homes = HashMap<String, HashMap<String, Home>>;

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
        messages::bring(import, conn, people, table, &homes)?;
    }
    for table in &mapping.reactions {
        extras::reactions(import, conn, people, table)?;
    }
    for table in &mapping.attachments {
        extras::files(import, conn, table)?;
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
pub(super) fn room_name(name: &str, id: &str) -> String {
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
