//! `demo`: people, rooms, messages and a dispatchers' board to try the server with.

use std::collections::BTreeMap;

use crate::actors::membership_commands::seat_members;
use crate::auth::identity::{Carrier, Identity, Role};
use crate::auth::password;
use crate::boot::translate;
use crate::clock;
use crate::commands::demo_dispatch::{self, Staged};
use crate::commands::demo_talk::{DIRECT, GENERAL, MATHEMATICS, RANDOM, ROOM_A, ROTA, SWAP, Said};
use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::ids::UserId;
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::message::{self, NewPost};
use crate::models::store::DbConn;
use crate::models::user::{self, NewUser, User};
use crate::protocol::views::{ConversationKind, MemberRole};

/// Who keeps the board.
const DISPATCHER: &str = "test_dispatcher";
/// The password of everyone here.
const PASSWORD: &str = "switchboard-demo";
/// The groups: title, members with the owner first, and what was said.
const GROUPS: &[(&str, &[&str], &[Said])] =
    &[("Rota", &["alice", "bob", "carol"], ROTA), ("Room A", &["alice", "bob"], ROOM_A)];
/// The direct conversations, and what was said.
const DIRECTS: &[([&str; 2], &[Said])] = &[(["alice", "bob"], DIRECT), (["alice", "carol"], SWAP)];
/// The room that clients of a school list among their forums; not for everyone.
const FORUM: &str = "forum-mathematics";
const FORUM_MEMBERS: &[&str] = &["alice", "bob"];

struct Person {
    name: &'static str,
    shown: &'static str,
    role: Role,
    /// For display, and what clients of a school take for the role.
    title: &'static str,
}

const fn person(name: &'static str, shown: &'static str, role: Role) -> Person {
    Person { name, shown, role, title: "" }
}

const fn member(name: &'static str, shown: &'static str, title: &'static str) -> Person {
    Person { name, shown, role: Role::Member, title }
}

const PEOPLE: &[Person] = &[
    person("admin", "Admin", Role::Admin),
    member("alice", "Alice", "Teacher"),
    member("bob", "Bob", "Student"),
    member("carol", "Carol", "Tutor"),
    person("test_dispatcher", "Test Dispatcher", Role::Dispatcher),
    person("test_paramedic", "Test Paramedic", Role::Paramedic),
    person("test_paramedic_2", "Second Paramedic", Role::Paramedic),
    person("test_paramedic_3", "Third Paramedic", Role::Paramedic),
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
    let settings = translate::dispatch(config);
    let (said, staged) = store.write(|conn| {
        for newcomer in newcomers {
            user::insert(conn, newcomer)?;
        }
        let cast = Cast::load(conn)?;
        let dispatcher = identity(cast.get(DISPATCHER)?);
        let id = |name: &str| Ok(cast.get(name)?.id);
        let staged = demo_dispatch::stage(conn, &dispatcher, &settings, id)?;
        Ok((cast.act(conn)?, staged))
    })?;
    let names: Vec<&str> = PEOPLE.iter().map(|person| person.name).collect();
    if added == 0 && said == 0 && staged.is_nothing() {
        tell("everything was here already; nothing was changed");
    } else {
        let Staged { units, hospitals, incidents } = staged;
        tell(&format!(
            "loaded {added} people, {said} messages, {units} units, {hospitals} hospitals and \
             {incidents} incidents"
        ));
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
        first_name: person.shown.to_owned(),
        display_name: person.shown.to_owned(),
        title: person.title.to_owned(),
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
        if conversation::by_name(conn, FORUM)?.is_none() {
            let new = self.conversation(ConversationKind::Room, Some(FORUM), "Mathematics")?;
            let owner = Some(self.get(FORUM_MEMBERS[0])?.id);
            let new = NewConversation { owner, is_public: false, ..new };
            said += self.play(conn, new, FORUM_MEMBERS, MATHEMATICS)?;
        }
        for (title, members, talk) in GROUPS {
            let owner = self.get(members[0])?.id;
            if !has_group(conn, owner, title)? {
                let new = self.conversation(ConversationKind::Group, None, title)?;
                let new = NewConversation { owner: Some(owner), is_public: false, ..new };
                said += self.play(conn, new, members, talk)?;
            }
        }
        for (pair, talk) in DIRECTS {
            let direct = (self.get(pair[0])?.id, self.get(pair[1])?.id);
            if conversation::direct_between(conn, direct.0, direct.1)?.is_none() {
                let new = self.conversation(ConversationKind::Direct, None, "")?;
                let direct = Some(direct);
                let new = NewConversation { owner: None, direct, is_public: false, ..new };
                said += self.play(conn, new, pair, talk)?;
            }
        }
        Ok(said)
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
            sender: Some(user::person(self.get(speaker)?)),
            sender_name: None,
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

/// Whether someone owns a group with this title.
fn has_group(conn: &mut DbConn, owner: UserId, title: &str) -> Result<bool, StoreError> {
    let entries = conversation::list_of(conn, owner, 200, None)?;
    Ok(entries.iter().any(|entry| {
        let found = &entry.conversation;
        found.kind == ConversationKind::Group && found.title == title
    }))
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
        profile: person.profile,
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
        assert!(GROUPS.iter().all(|(_, members, talk)| speaks(talk, members)));
        assert!(DIRECTS.iter().all(|(pair, talk)| speaks(talk, pair)));
        assert!(speaks(MATHEMATICS, FORUM_MEMBERS));
        assert!(everyone.contains(&DISPATCHER));
        assert!(demo_dispatch::crew().all(|name| everyone.contains(&name)));
        for name in everyone {
            let email = format!("{name}@example.org");
            assert_eq!(password::check_new(PASSWORD, name, &email), Ok(()));
        }
    }
}
