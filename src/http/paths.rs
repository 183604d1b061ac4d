//! PATHS: every URL that opens a WebSocket, what it serves, to whom, and from where.
//!
//! Where systems share a path, the kind of credential tells them apart: a row has one choice each.

use crate::actors::echo::ECHO_BYTES;
use crate::auth::identity::{Identity, Role};
use crate::models::conversation::LOBBY;
use crate::protocol::close::Close;
use crate::protocol::dialect::classroom::shapes::GENERAL;
use crate::protocol::dialect::table::DialectKind;
use crate::protocol::opaque;
use crate::protocol::topic::Topic;

/// The topics of a path: from what stands for `{key}` in it, and from who asks. The first is what
/// the path is about; commands that name no topic go there.
pub type TopicsOf = fn(&str, &Identity) -> Result<Vec<Topic>, Close>;

/// What a path serves.
#[derive(Debug, Clone, Copy)]
pub enum Serves {
    /// The native protocol, any number of topics.
    Native,
    /// The native protocol on the one topic that the path names.
    Lone(fn(&str, &Identity) -> Result<Topic, Close>),
    /// A dialect, on the topics of the path.
    Dialect(DialectKind, TopicsOf),
    /// An echo with this message limit in bytes; `None` means the ordinary limit.
    Echo(Option<usize>),
}

/// By what a client shows who it is; the first that is there counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The `Authorization` header.
    Header,
    /// The subprotocol `bearer.…`.
    Subprotocol,
    /// A JWT in `?token=`.
    QueryJwt,
    /// An opaque token in `?token=`.
    QueryOpaque,
    Cookie,
    Nothing,
}

/// Who needs to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// Only someone signed in.
    SignedIn,
    /// Whoever comes; a credential that does not hold counts as none.
    Anyone,
    /// Whoever comes; credentials are not looked at.
    Nobody,
}

/// Which pages may open a socket, beside this server's own and those that the settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origins {
    /// No others; who shows a token, or nothing, may come without any Origin.
    Usual,
    /// No others, and an Origin must be named.
    Demanded,
    /// Pages opened from a file too: nothing here hangs on who asks.
    Files,
}

/// One way to serve a path.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// For those who show one of these; for all others when empty.
    pub shown: &'static [Shown],
    pub serves: Serves,
    pub admits: Admits,
    pub origins: Origins,
    /// Who may open it; everyone admitted when empty.
    pub roles: &'static [Role],
}

/// One row of [`PATHS`].
#[derive(Debug, Clone, Copy)]
pub struct PathRow {
    /// The route, without its trailing slash; `{key}` is handed to [`Serves::Lone`] and
    /// [`Serves::Dialect`].
    pub route: &'static str,
    /// A path that meets this row, for tests and documents.
    pub example: &'static str,
    /// The first that fits is taken; the last fits all.
    pub choices: &'static [Choice],
}

impl PathRow {
    /// How the path is served to who shows this.
    pub fn choice(&self, shown: Shown) -> &'static Choice {
        let fits = |choice: &&Choice| choice.shown.is_empty() || choice.shown.contains(&shown);
        self.choices.iter().find(fits).unwrap_or(&NATIVE)
    }
}

const NATIVE: Choice = native(Serves::Native, &[]);

const fn native(serves: Serves, roles: &'static [Role]) -> Choice {
    Choice { shown: &[], serves, admits: Admits::SignedIn, origins: Origins::Usual, roles }
}

/// For clients of ours, who can set a header or offer a subprotocol.
const fn by_header(serves: Serves) -> Choice {
    Choice { shown: &[Shown::Header, Shown::Subprotocol], ..native(serves, &[]) }
}

/// For pages of a school, by opaque token or cookie; they name their Origin, always.
const fn classroom(dialect: DialectKind, topics: TopicsOf) -> Choice {
    let serves = Serves::Dialect(dialect, topics);
    Choice { origins: Origins::Demanded, ..native(serves, &[]) }
}

/// For the messenger, by JWT in the query.
const fn messenger(shown: &'static [Shown]) -> Choice {
    Choice { shown, ..native(Serves::Dialect(DialectKind::Messenger, by_number), &[]) }
}

const fn row(route: &'static str, example: &'static str, choices: &'static [Choice]) -> PathRow {
    PathRow { route, example, choices }
}

/// Every socket path; more exact rows stand before those with `{key}`.
#[rustfmt::skip]
pub const PATHS: &[PathRow] = &[
    row("/ws/v1", "/ws/v1/", &[NATIVE]),
    row("/ws/echo", "/ws/echo/", &[native(Serves::Echo(Some(ECHO_BYTES)), &[])]),
    row("/ws/echo/limited", "/ws/echo/limited/", &[native(Serves::Echo(None), &[])]),
    row("/ws/chat", "/ws/chat/", &[
        Choice { shown: &[], serves: Serves::Dialect(DialectKind::Lobby, lobby), admits: Admits::Nobody, origins: Origins::Files, roles: &[] },
    ]),
    row("/ws", "/ws/", &[classroom(DialectKind::ClassroomGeneral, general)]),
    row("/ws/chat/general", "/ws/chat/general/", &[
        by_header(Serves::Lone(chat_general)),
        classroom(DialectKind::ClassroomGeneral, general),
    ]),
    row("/ws/chat/{key}", "/ws/chat/42/", &[
        by_header(Serves::Lone(chat)),
        messenger(&[Shown::QueryJwt]),
        classroom(DialectKind::Classroom, room),
    ]),
    row("/ws/conversations/{key}", "/ws/conversations/42/", &[
        by_header(Serves::Lone(chat)),
        messenger(&[]),
    ]),
    row("/ws/notifications", "/ws/notifications/", &[
        by_header(Serves::Lone(own_inbox)),
        native(Serves::Dialect(DialectKind::Notices, notices), &[]),
    ]),
    row("/ws/notifications/{key}", "/ws/notifications/7/", &[
        by_header(Serves::Lone(inbox)),
        classroom(DialectKind::SchoolNotices, school_notices),
    ]),
    row("/ws/dashboard", "/ws/dashboard/", &[
        by_header(Serves::Lone(own_dashboard)),
        Choice { admits: Admits::Anyone, ..native(Serves::Dialect(DialectKind::Figures, figures), &[]) },
    ]),
    row("/ws/dashboard/{key}", "/ws/dashboard/7/", &[
        by_header(Serves::Lone(dashboard)),
        classroom(DialectKind::SchoolBoard, school_board),
    ]),
    row("/ws/member-chat/{key}", "/ws/member-chat/00000002-0000-8000-8000-00000000002a/", &[
        native(Serves::Dialect(DialectKind::MemberTalk, member_talk), &[]),
    ]),
    row("/ws/dispatchers", "/ws/dispatchers/", &[native(Serves::Lone(board), &[Role::Dispatcher, Role::Admin])]),
    row("/ws/paramedic", "/ws/paramedic/", &[native(Serves::Lone(own_inbox), &[Role::Paramedic])]),
];

impl PathRow {
    /// What stands for `{key}` in a path that meets this row, or nothing when it has none.
    /// Slashes too many do not count.
    fn key_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut route = self.route.split('/').filter(|part| !part.is_empty());
        let mut given = path.split('/').filter(|part| !part.is_empty());
        let mut key = "";
        loop {
            match (route.next(), given.next()) {
                (None, None) => return Some(key),
                (Some("{key}"), Some(part)) => key = part,
                (Some(name), Some(part)) if name == part => {}
                _ => return None,
            }
        }
    }
}

/// The rows that are served: echoes and the lobby only where the settings say so.
pub fn served(has_echo: bool, has_lobby: bool) -> impl Iterator<Item = &'static PathRow> {
    PATHS.iter().filter(move |row| {
        row.choices.iter().all(|choice| match choice.serves {
            Serves::Echo(_) => has_echo,
            Serves::Dialect(DialectKind::Lobby, _) => has_lobby,
            _ => true,
        })
    })
}

/// The row of [`served`] that `path` meets, and what stands for its `{key}`.
pub fn find(path: &str, has_echo: bool, has_lobby: bool) -> Option<(&'static PathRow, &str)> {
    served(has_echo, has_lobby).find_map(|row| Some((row, row.key_in(path)?)))
}

fn read(name: String) -> Result<Topic, Close> {
    name.parse().map_err(|_| Close::NoSuchTopic)
}

fn lobby(_: &str, _: &Identity) -> Result<Vec<Topic>, Close> {
    Ok(vec![Topic::room(LOBBY)])
}

fn chat(key: &str, _: &Identity) -> Result<Topic, Close> {
    read(format!("chat:{key}"))
}

fn chat_general(_: &str, _: &Identity) -> Result<Topic, Close> {
    Ok(Topic::room(GENERAL))
}

fn general(_: &str, _: &Identity) -> Result<Vec<Topic>, Close> {
    Ok(vec![Topic::room(GENERAL)])
}

fn room(key: &str, who: &Identity) -> Result<Vec<Topic>, Close> {
    chat(key, who).map(|topic| vec![topic])
}

/// Conversations by number alone; names mean nothing to the messenger.
fn by_number(key: &str, _: &Identity) -> Result<Vec<Topic>, Close> {
    let id = key.parse().map_err(|_| Close::NoSuchTopic)?;
    Ok(vec![Topic::conversation(id)])
}

fn inbox(key: &str, _: &Identity) -> Result<Topic, Close> {
    read(format!("inbox:{key}"))
}

fn own_inbox(_: &str, who: &Identity) -> Result<Topic, Close> {
    Ok(Topic::Inbox(who.user))
}

fn dashboard(key: &str, _: &Identity) -> Result<Topic, Close> {
    read(format!("dashboard:{key}"))
}

fn own_dashboard(_: &str, who: &Identity) -> Result<Topic, Close> {
    Ok(Topic::Dashboard(who.user))
}

fn notices(_: &str, who: &Identity) -> Result<Vec<Topic>, Close> {
    Ok(vec![Topic::Inbox(who.user)])
}

fn school_notices(key: &str, who: &Identity) -> Result<Vec<Topic>, Close> {
    inbox(key, who).map(|topic| vec![topic])
}

fn school_board(key: &str, who: &Identity) -> Result<Vec<Topic>, Close> {
    dashboard(key, who).map(|topic| vec![topic])
}

/// Nobody in particular is greeted and has no figures of their own.
fn figures(_: &str, who: &Identity) -> Result<Vec<Topic>, Close> {
    Ok(if who.is_nobody() { Vec::new() } else { vec![Topic::Dashboard(who.user)] })
}

/// What names no conversation is not there, as another's is not.
fn member_talk(key: &str, _: &Identity) -> Result<Vec<Topic>, Close> {
    let id = opaque::conversation(key).ok_or(Close::NotYours)?;
    Ok(vec![Topic::conversation(id)])
}

fn board(_: &str, _: &Identity) -> Result<Topic, Close> {
    Ok(Topic::Board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_meets_its_own_row_first() {
        for row in PATHS {
            // The router takes the first that fits, as this does.
            let met = PATHS.iter().find(|other| other.key_in(row.example).is_some()).unwrap();
            assert_eq!(met.route, row.route, "{}", row.example);
        }
    }

    #[test]
    fn the_last_choice_of_a_row_fits_all_and_no_earlier_one_does() {
        for row in PATHS {
            let (last, earlier) = row.choices.split_last().unwrap();
            assert!(last.shown.is_empty(), "{}", row.route);
            assert!(earlier.iter().all(|choice| !choice.shown.is_empty()), "{}", row.route);
        }
    }

    #[test]
    fn a_path_is_found_with_its_key_whatever_its_slashes() {
        let found = |path| find(path, false, false).map(|(row, key)| (row.route, key));
        assert_eq!(found("/ws/chat/42/"), Some(("/ws/chat/{key}", "42")));
        assert_eq!(found("/ws//chat/42"), Some(("/ws/chat/{key}", "42")));
        assert_eq!(found("/ws/notifications/"), Some(("/ws/notifications", "")));
        assert_eq!(found("/ws/chat/"), None);
        assert!(find("/ws/chat/", false, true).is_some());
        assert_eq!(found("/ws/echo/"), None);
        assert!(find("/ws/echo/", true, false).is_some());
    }
}
