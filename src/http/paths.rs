//! PATHS: every URL that opens a WebSocket, what it serves and to which roles.

use crate::actors::echo::ECHO_BYTES;
use crate::auth::identity::{Identity, Role};
use crate::protocol::close::Close;
use crate::protocol::topic::Topic;

/// What a path serves.
#[derive(Debug, Clone, Copy)]
pub enum Serves {
    /// The native protocol, any number of topics.
    Native,
    /// The native protocol on the one topic that the path names.
    Lone(fn(&str, &Identity) -> Result<Topic, Close>),
    /// An echo with this message limit in bytes; `None` means the ordinary limit.
    Echo(Option<usize>),
}

/// One row of [`PATHS`].
#[derive(Debug, Clone, Copy)]
pub struct PathRow {
    /// The route, without its trailing slash; `{key}` is handed to [`Serves::Lone`].
    pub route: &'static str,
    /// A path that meets this row, for tests and documents.
    pub example: &'static str,
    pub serves: Serves,
    /// Who may open it; everyone signed in when empty.
    pub roles: &'static [Role],
}

const fn row(
    route: &'static str,
    example: &'static str,
    serves: Serves,
    roles: &'static [Role],
) -> PathRow {
    PathRow { route, example, serves, roles }
}

/// Every socket path; more exact rows stand before those with `{key}`.
#[rustfmt::skip]
pub const PATHS: &[PathRow] = &[
    row("/ws/v1", "/ws/v1/", Serves::Native, &[]),
    row("/ws/echo", "/ws/echo/", Serves::Echo(Some(ECHO_BYTES)), &[]),
    row("/ws/echo/limited", "/ws/echo/limited/", Serves::Echo(None), &[]),
    row("/ws/chat/{key}", "/ws/chat/42/", Serves::Lone(chat), &[]),
    row("/ws/conversations/{key}", "/ws/conversations/42/", Serves::Lone(chat), &[]),
    row("/ws/notifications", "/ws/notifications/", Serves::Lone(own_inbox), &[]),
    row("/ws/notifications/{key}", "/ws/notifications/7/", Serves::Lone(inbox), &[]),
    row("/ws/dashboard", "/ws/dashboard/", Serves::Lone(own_dashboard), &[]),
    row("/ws/dashboard/{key}", "/ws/dashboard/7/", Serves::Lone(dashboard), &[]),
    row("/ws/dispatchers", "/ws/dispatchers/", Serves::Lone(board), &[Role::Dispatcher, Role::Admin]),
    row("/ws/paramedic", "/ws/paramedic/", Serves::Lone(own_inbox), &[Role::Paramedic]),
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

/// The row that `path` meets, and what stands for its `{key}`; echoes only where they are served.
pub fn find(path: &str, has_echo: bool) -> Option<(&'static PathRow, &str)> {
    let served = |row: &&PathRow| has_echo || !matches!(row.serves, Serves::Echo(_));
    PATHS.iter().filter(served).find_map(|row| Some((row, row.key_in(path)?)))
}

fn read(name: String) -> Result<Topic, Close> {
    name.parse().map_err(|_| Close::NoSuchTopic)
}

fn chat(key: &str, _: &Identity) -> Result<Topic, Close> {
    read(format!("chat:{key}"))
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

fn board(_: &str, _: &Identity) -> Result<Topic, Close> {
    Ok(Topic::Board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_meets_exactly_one_row_and_it_is_its_own() {
        for row in PATHS {
            let met: Vec<_> =
                PATHS.iter().filter(|other| other.key_in(row.example).is_some()).collect();
            assert_eq!(met.len(), 1, "{}", row.example);
            assert_eq!(met[0].route, row.route);
        }
    }

    #[test]
    fn a_path_is_found_with_its_key_whatever_its_slashes() {
        let found = |path| find(path, false).map(|(row, key)| (row.route, key));
        assert_eq!(found("/ws/chat/42/"), Some(("/ws/chat/{key}", "42")));
        assert_eq!(found("/ws//chat/42"), Some(("/ws/chat/{key}", "42")));
        assert_eq!(found("/ws/notifications/"), Some(("/ws/notifications", "")));
        assert_eq!(found("/ws/chat/"), None);
        assert_eq!(found("/ws/echo/"), None);
        assert!(find("/ws/echo/", true).is_some());
    }
}
