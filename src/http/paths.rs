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

    fn meets(row: &PathRow, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let (mut route, mut given) = (row.route.split('/'), path.split('/'));
        loop {
            match (route.next(), given.next()) {
                (None, None) => return true,
                (Some("{key}"), Some(key)) if !key.is_empty() => {}
                (Some(left), Some(right)) if left == right => {}
                _ => return false,
            }
        }
    }

    #[test]
    fn every_example_meets_exactly_one_row_and_it_is_its_own() {
        for row in PATHS {
            let met: Vec<_> = PATHS.iter().filter(|other| meets(other, row.example)).collect();
            assert_eq!(met.len(), 1, "{}", row.example);
            assert_eq!(met[0].route, row.route);
        }
    }
}
