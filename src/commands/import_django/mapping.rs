//! The mapping file: which tables and columns of a Django project hold what. Columns that are
//! called as most projects call them need not be named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::auth::identity::Role;
use crate::commands::failure::Failure;
use crate::models::foreign::{Query, Tables};
use crate::protocol::topic;
use crate::protocol::views::ConversationKind;

/// Columns by what they are to us.
type Columns = BTreeMap<String, String>;

/// A column that may be mapped: what it is to us, what it is usually called, and whether there is
/// nothing to import without it.
type Wanted = (&'static str, &'static [&'static str], bool);

#[rustfmt::skip]
pub const USER: &[Wanted] = &[
    ("id", &["id"], true), ("username", &["username"], true), ("password", &["password"], true),
    ("email", &["email"], false), ("phone", &["phone_number", "phone"], false),
    ("first_name", &["first_name"], false), ("last_name", &["last_name"], false),
    ("display_name", &["display_name"], false), ("role", &["role"], false),
    ("title", &["title", "job_title"], false), ("is_active", &["is_active"], false),
    ("is_staff", &["is_staff"], false), ("is_superuser", &["is_superuser"], false),
    ("is_available", &["is_available_for_dispatch", "is_available"], false),
    ("last_login", &["last_login"], false), ("date_joined", &["date_joined", "created_at"], false),
];
#[rustfmt::skip]
pub const CONVERSATION: &[Wanted] = &[
    ("id", &["id"], true), ("name", &["slug", "name"], false), ("title", &["title", "name"], false),
    ("description", &["description"], false), ("kind", &["conversation_type", "room_type"], false),
    ("owner", &["owner_id", "created_by_id", "creator_id"], false),
    ("is_public", &["is_public"], false), ("created_at", &["created_at", "created"], false),
];
#[rustfmt::skip]
pub const MEMBER: &[Wanted] = &[
    ("conversation", &["conversation_id", "room_id", "chatroom_id", "thread_id"], true),
    ("user", &["user_id", "customuser_id"], true), ("is_admin", &["is_admin"], false),
    ("role", &["role"], false), ("nickname", &["nickname"], false),
    ("joined_at", &["joined_at", "created_at"], false), ("muted_until", &["muted_until"], false),
];
#[rustfmt::skip]
pub const MESSAGE: &[Wanted] = &[
    ("id", &["id"], true), ("content", &["content", "message", "text", "body"], true),
    ("conversation", &["conversation_id", "room_id", "chatroom_id", "thread_id"], false),
    ("room", &["room_name"], false), ("sender", &["sender_id", "user_id", "author_id"], false),
    ("sender_name", &["username"], false), ("recipient", &["recipient_id", "receiver_id"], false),
    ("created_at", &["created_at", "timestamp", "sent_at"], false),
    ("type", &["message_type"], false), ("reply_to", &["reply_to_id", "parent_id"], false),
    ("edited_at", &["edited_at"], false), ("is_edited", &["is_edited"], false),
    ("deleted_at", &["deleted_at"], false), ("is_deleted", &["is_deleted"], false),
];

#[rustfmt::skip]
pub const REACTION: &[Wanted] = &[
    ("message", &["message_id"], true), ("user", &["user_id", "sender_id"], true),
    ("emoji", &["emoji", "reaction"], true), ("created_at", &["created_at"], false),
];
#[rustfmt::skip]
pub const FILE: &[Wanted] = &[
    ("id", &["id"], true), ("message", &["message_id"], true),
    ("file", &["file", "attachment", "image"], true),
    ("name", &["file_name", "original_name", "filename"], false),
    ("created_at", &["created_at", "uploaded_at"], false),
];

/// What columns with pictures of people are usually called.
pub const PICTURE_COLUMNS: &[&str] =
    &["avatar", "profile_picture", "profile_image", "profile_photo", "picture", "photo"];
#[rustfmt::skip]
pub const PICTURE: &[Wanted] = &[
    ("user", &["user_id", "customuser_id", "id"], true), ("file", PICTURE_COLUMNS, true),
];

/// The user table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserTable {
    /// Found by itself when nothing is said.
    pub table: Option<String>,
    pub columns: Columns,
}

/// A table of conversations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationTable {
    pub table: String,
    /// What its rows are, when no column says it.
    #[serde(default)]
    pub kind: Option<String>,
    /// What the values of the column `kind` mean.
    #[serde(default)]
    pub kinds: BTreeMap<String, String>,
    #[serde(default)]
    pub columns: Columns,
}

/// A table that says who is in which conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberTable {
    pub table: String,
    /// The table of the conversations it speaks of.
    pub conversations: String,
    #[serde(default)]
    pub columns: Columns,
}

/// A table of messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageTable {
    pub table: String,
    /// The table of the conversations they are in.
    #[serde(default)]
    pub conversations: Option<String>,
    /// The name of the one room they are all in.
    #[serde(default)]
    pub into: Option<String>,
    #[serde(default)]
    pub columns: Columns,
}

/// A table of what hangs on messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraTable {
    pub table: String,
    /// The table of the messages it speaks of.
    pub messages: String,
    #[serde(default)]
    pub columns: Columns,
}

/// A table of pictures of people; theirs, or one that points to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureTable {
    pub table: String,
    #[serde(default)]
    pub columns: Columns,
}

/// A mapping file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Tells this database from others that were imported.
    pub name: String,
    pub users: UserTable,
    /// What values of the role column and names of groups mean.
    pub roles: BTreeMap<String, String>,
    pub conversations: Vec<ConversationTable>,
    pub members: Vec<MemberTable>,
    pub messages: Vec<MessageTable>,
    pub reactions: Vec<ExtraTable>,
    pub attachments: Vec<ExtraTable>,
    pub pictures: Vec<PictureTable>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            name: "django".to_owned(),
            users: UserTable::default(),
            roles: BTreeMap::new(),
            conversations: Vec::new(),
            members: Vec::new(),
            messages: Vec::new(),
            reactions: Vec::new(),
            attachments: Vec::new(),
            pictures: Vec::new(),
        }
    }
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure(format!("--mapping: {what}"))
}

impl Mapping {
    /// Reads and checks the file; without one, people alone are imported.
    ///
    /// # Errors
    /// A sentence naming the place.
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(file)
            .map_err(|fault| wrong(format!("{}: {fault}", file.display())))?;
        let mapping: Self = toml::from_str(&text).map_err(wrong)?;
        mapping.check()?;
        Ok(mapping)
    }

    fn check(&self) -> Result<(), Failure> {
        for role in self.roles.values() {
            role.parse::<Role>().map_err(|fault| wrong(format!("roles: {role:?} is {fault}")))?;
        }
        for table in &self.conversations {
            for kind in table.kinds.values().chain(&table.kind) {
                if ConversationKind::parse(kind).is_none() {
                    let rule = "is none of direct, group, channel, room";
                    return Err(wrong(format!(
                        "conversations of {}: {kind:?} {rule}",
                        table.table
                    )));
                }
            }
        }
        for table in &self.messages {
            if table.into.as_ref().is_some_and(|name| !topic::is_name(name)) {
                let rule = "into must be a room's name: lower-case letters, digits, - and _";
                return Err(wrong(format!("messages of {}: {rule}", table.table)));
            }
        }
        let named = |extra: &ExtraTable| self.messages.iter().any(|of| of.table == extra.messages);
        if let Some(extra) = self.extras().find(|extra| !named(extra)) {
            let rule = "which no [[messages]] names";
            return Err(wrong(format!("{} speaks of {}, {rule}", extra.table, extra.messages)));
        }
        Ok(())
    }

    /// The tables of what hangs on messages.
    fn extras(&self) -> impl Iterator<Item = &ExtraTable> {
        self.reactions.iter().chain(&self.attachments)
    }

    /// The tables it names.
    pub fn tables(&self) -> BTreeSet<&str> {
        let conversations = self.conversations.iter().map(|table| table.table.as_str());
        let members = self.members.iter().map(|table| table.table.as_str());
        let messages = self.messages.iter().map(|table| table.table.as_str());
        let extras = self.extras().map(|table| table.table.as_str());
        let pictures = self.pictures.iter().map(|table| table.table.as_str());
        conversations.chain(members).chain(messages).chain(extras).chain(pictures).collect()
    }

    /// The role that a value of the role column, or a group of this name, gives.
    pub fn role(&self, name: &str) -> Option<Role> {
        if let Some(role) = self.roles.get(name) {
            return role.parse().ok();
        }
        let name = name.trim().to_lowercase();
        let one = name.strip_suffix('s').unwrap_or(&name);
        Role::ALL.into_iter().find(|role| role.as_str() == name || role.as_str() == one)
    }
}

/// What to ask of `table` to learn the columns `wanted`, where a mapping has `columns` for it.
///
/// # Errors
/// A sentence when the table or a column that is named is not there.
pub fn query(
    tables: &Tables,
    table: &str,
    wanted: &'static [Wanted],
    columns: &Columns,
) -> Result<Query, Failure> {
    let Some(there) = tables.get(table) else {
        let names: Vec<&str> = tables.keys().map(String::as_str).collect();
        return Err(wrong(format!("there is no table {table}, only {}", names.join(", "))));
    };
    let known = |name: &str| wanted.iter().any(|(known, ..)| *known == name);
    if let Some(name) = columns.keys().find(|name| !known(name)) {
        let names: Vec<&str> = wanted.iter().map(|(name, ..)| *name).collect();
        return Err(wrong(format!("{table}: {name} is none of {}", names.join(", "))));
    }
    let mut asked = Vec::new();
    for &(name, usual, is_needed) in wanted {
        let column = match columns.get(name) {
            Some(column) if column.is_empty() => None,
            Some(column) if there.contains(column) => Some(column.clone()),
            Some(column) => return Err(wrong(format!("{table} has no column {column}"))),
            None => {
                usual.iter().find(|column| there.contains(**column)).map(|&name| name.to_owned())
            }
        };
        match column {
            Some(column) => asked.push((name, column)),
            None if is_needed => {
                return Err(wrong(format!("{table}: say which column is its {name}")));
            }
            None => {}
        }
    }
    let order = ["created_at", "id"];
    let order = order.iter().filter_map(|name| {
        asked.iter().find(|(known, _)| known == name).map(|(_, column)| column.clone())
    });
    Ok(Query { table: table.to_owned(), order: order.collect(), columns: asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> Tables {
        let columns = ["id", "text", "room_id", "author"].map(str::to_owned);
        [("chat_message".to_owned(), columns.into())].into()
    }

    #[test]
    fn usual_names_need_no_mapping_and_wrong_ones_are_told() {
        let asked = query(&tables(), "chat_message", MESSAGE, &Columns::new()).unwrap();
        let pairs: Vec<_> = asked.columns.iter().map(|(a, b)| (*a, b.as_str())).collect();
        assert_eq!(pairs, [("id", "id"), ("content", "text"), ("conversation", "room_id")]);
        let named = Columns::from([("sender".to_owned(), "author".to_owned())]);
        assert!(query(&tables(), "chat_message", MESSAGE, &named).is_ok());
        for (name, column) in [("sender", "writer"), ("nonsense", "id")] {
            let named = Columns::from([(name.to_owned(), column.to_owned())]);
            assert!(query(&tables(), "chat_message", MESSAGE, &named).is_err());
        }
        assert!(query(&tables(), "chat_room", CONVERSATION, &Columns::new()).is_err());
    }

    #[test]
    fn roles_are_known_by_their_names_singular_or_plural_and_by_the_file() {
        let text = "[roles]\nteacher = \"dispatcher\"";
        let mapping: Mapping = toml::from_str(text).unwrap();
        assert_eq!(mapping.role("teacher"), Some(Role::Dispatcher));
        assert_eq!(mapping.role("Paramedics"), Some(Role::Paramedic));
        assert_eq!(mapping.role("ADMIN"), Some(Role::Admin));
        assert_eq!(mapping.role("student"), None);
        assert!(toml::from_str::<Mapping>("colour = 1").is_err());
    }
}
