//! `demo`: people, rooms and messages to try the server with.

use std::collections::BTreeMap;

use crate::actors::membership_commands::seat_members;
use crate::auth::identity::{Carrier, Identity, Role};
use crate::auth::password;
use crate::clock;
use crate::commands::demo_talk::{DIRECT, GENERAL, RANDOM, ROTA, Said};
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::message::{self, NewPost};
use crate::models::store::DbConn;
use crate::models::user::{self, NewUser, User};
use crate::protocol::views::{ConversationKind, MemberRole};

/// The password of everyone here.
const PASSWORD: &str = "switchboard-demo";
const GROUP_TITLE: &str = "Rota";

struct Person {
    name: &'static str,
    shown: &'static str,
    role: Role,
}

const fn person(name: &'static str, shown: &'static str, role: Role) -> Person {
    Person { name, shown, role }
}

const PEOPLE: &[Person] = &[
    person("admin", "Admin", Role::Admin),
    person("alice", "Alice", Role::Member),
    person("bob", "Bob", Role::Member),
    person("carol", "Carol", Role::Member),
    person("test_dispatcher", "Test Dispatcher", Role::Dispatcher),
    person("test_paramedic", "Test Paramedic", Role::Paramedic),
];

/// Loads what is missing, all or nothing.
///
/// # Errors
/// When the database has other people in it, or fails.
pub fn run(config: &Config) -> Result<(), Failure> {
    let store = local::open_ready(config)?;
    let known = store.read(|conn| user::list(conn, None, PEOPLE.len() as i64 + 1))?;
    if let Some(stranger) = known.iter().find(|account| !is_ours(account)) {
        return Err(Failure(format!(
            "the database has other people in it ({} is one); name a new one with --database-url \
             sqlite://demo.db",
            stranger.username
        )));
    }
    // Made before the transaction, for hashing takes long and others may be waiting to write.
    let missing = PEOPLE.iter().filter(|one| !known.iter().any(|two| two.username == one.name));
    let newcomers: Vec<NewUser> = missing.map(account).collect();
    let added = newcomers.len();
    let said = store.write(|conn| {
        for newcomer in newcomers {
            user::insert(conn, newcomer)?;
        }
        Cast::load(conn)?.act(conn)
    })?;
    let names: Vec<&str> = PEOPLE.iter().map(|person| person.name).collect();
    if added == 0 && said == 0 {
        tell("everything was here already; nothing was changed");
    } else {
        tell(&format!("loaded {added} people and {said} messages"));
    }
    tell(&format!("sign in as {} with the password {PASSWORD}", names.join(", ")));
    if !config.is_loopback() {
        tell("mind that this password is public, and that BIND is open to others");
    }
    Ok(())
}

fn is_ours(account: &User) -> bool {
    PEOPLE.iter().any(|person| person.name == account.username)
}

fn account(person: &Person) -> NewUser {
    let is_admin = person.role == Role::Admin;
    NewUser {
        email: format!("{}@example.org", person.name),
        display_name: person.shown.to_owned(),
        role: person.role,
        is_staff: is_admin,
        is_superuser: is_admin,
        ..NewUser::member(person.name, &password::hash_new(PASSWORD))
    }
}

/// The people as they are in the database.
struct Cast {
    accounts: BTreeMap<String, User>,
}

impl Cast {
    fn load(conn: &mut DbConn) -> Result<Self, StoreError> {
        let accounts = user::list(conn, None, PEOPLE.len() as i64)?;
        let accounts = accounts.into_iter().map(|account| (account.username.clone(), account));
        Ok(Self { accounts: accounts.collect() })
    }

    fn get(&self, name: &str) -> Result<&User, StoreError> {
        self.accounts.get(name).ok_or(StoreError::Missing)
    }

    /// Opens the conversations that are not there and says what belongs into them; answers how
    /// many messages that were.
    fn act(&self, conn: &mut DbConn) -> Result<usize, StoreError> {
        let everyone: Vec<&str> = PEOPLE.iter().map(|person| person.name).collect();
        let mut said = 0;
        for (name, title, talk) in [("general", "General", GENERAL), ("random", "Random", RANDOM)] {
            if conversation::by_name(conn, name)?.is_none() {
                let new = self.conversation(ConversationKind::Room, Some(name), title)?;
                said += self.play(conn, new, &everyone, talk)?;
            }
        }
        let (alice, bob) = (self.get("alice")?.id, self.get("bob")?.id);
        if !self.has_group(conn)? {
            let new = self.conversation(ConversationKind::Group, None, GROUP_TITLE)?;
            let new = NewConversation { owner: Some(alice), is_public: false, ..new };
            said += self.play(conn, new, &["alice", "bob", "carol"], ROTA)?;
        }
        if conversation::direct_between(conn, alice, bob)?.is_none() {
            let new = self.conversation(ConversationKind::Direct, None, "")?;
            let direct = Some((alice, bob));
            let new = NewConversation { owner: None, direct, is_public: false, ..new };
            said += self.play(conn, new, &["alice", "bob"], DIRECT)?;
        }
        Ok(said)
    }

    fn has_group(&self, conn: &mut DbConn) -> Result<bool, StoreError> {
        let entries = conversation::list_of(conn, self.get("alice")?.id, 200, None)?;
        Ok(entries.iter().any(|entry| {
            let found = &entry.conversation;
            found.kind == ConversationKind::Group && found.title == GROUP_TITLE
        }))
    }

    /// A public conversation of the admin's.
    fn conversation(
        &self,
        kind: ConversationKind,
        name: Option<&str>,
        title: &str,
    ) -> Result<NewConversation, StoreError> {
        Ok(NewConversation {
            kind,
            name: name.map(str::to_owned),
            direct: None,
            title: title.to_owned(),
            description: String::new(),
            owner: Some(self.get("admin")?.id),
            is_public: true,
            at: clock::now_naive(),
        })
    }

    /// Opens a conversation as the server does, its first member opening it, and posts into it.
    fn play(
        &self,
        conn: &mut DbConn,
        new: NewConversation,
        members: &[&str],
        talk: &[Said],
    ) -> Result<usize, StoreError> {
        let opener = identity(self.get(members[0])?);
        let conversation = conversation::insert(conn, new)?;
        let mut seats = Vec::with_capacity(members.len());
        for name in members {
            let id = self.get(name)?.id;
            let is_owner = conversation.owner_id == Some(id);
            seats.push((id, if is_owner { MemberRole::Owner } else { MemberRole::Member }));
        }
        // Nobody is told of these events now; they are in the journal for whoever comes.
        seat_members(conn, &opener, &conversation, &seats, &mut Vec::new())?;
        let posts: Result<Vec<NewPost>, StoreError> =
            talk.iter().map(|said| self.post(&conversation, said)).collect();
        Ok(message::post_many(conn, &posts?)?.len())
    }

    fn post(&self, to: &Conversation, (speaker, content): &Said) -> Result<NewPost, StoreError> {
        Ok(NewPost {
            conversation: to.id,
            topic: to.topic_id,
            sender: user::person(self.get(speaker)?),
            client_id: None,
            message_type: "text".to_owned(),
            content: (*content).to_owned(),
            reply_to: None,
            mentions: Vec::new(),
            forward: None,
            at: clock::now_naive(),
        })
    }
}

fn identity(account: &User) -> Identity {
    let person = user::person(account);
    Identity {
        user: account.id,
        username: person.username.into(),
        display_name: person.display_name.into(),
        role: account.role,
        carrier: Carrier::Access,
        login: None,
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_something_is_a_member_there_and_the_password_keeps_the_rules() {
        let speaks = |talk: &[Said], members: &[&str]| {
            talk.iter().all(|(speaker, _)| members.contains(speaker))
        };
        let everyone: Vec<&str> = PEOPLE.iter().map(|person| person.name).collect();
        assert!(speaks(GENERAL, &everyone) && speaks(RANDOM, &everyone));
        assert!(speaks(ROTA, &["alice", "bob", "carol"]) && speaks(DIRECT, &["alice", "bob"]));
        for name in everyone {
            let email = format!("{name}@example.org");
            assert_eq!(password::check_new(PASSWORD, name, &email), Ok(()));
        }
    }
}
