//! The contract of a dialect: a pure codec between older clients' frames and our commands and
//! events.
//!
//! A session with a dialect says nothing but what its dialect says: no `welcome`, `live`, `ok`,
//! `goodbye` or `auth.expiring`.

use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::UserId;
use crate::protocol::close::Close;
use crate::protocol::command::{Command, Subscribe};
use crate::protocol::event::Event;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::{PersonView, Profile, Snapshot};

/// A message from a client.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// The person at a socket.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    pub id: UserId,
    pub username: &'a str,
    pub display_name: &'a str,
    pub role: &'a str,
    pub profile: Option<&'a Profile>,
}

/// Where something is said: by whom, and on which topic.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// Nobody on a socket that needs no sign-in.
    pub who: Option<Speaker<'a>>,
    /// The first topic of the path; none for a path about nothing.
    pub topic: Option<&'a Topic>,
    /// Server time.
    pub at: NaiveDateTime,
}

/// What a dialect wants to remember of a request until its answer: any JSON of its own.
pub type Memo = Box<RawValue>;

/// Writes a memo.
pub fn memo<T: Serialize>(value: &T) -> Memo {
    // Dialects' own memos have string keys only, so writing them cannot fail.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// A command to be done.
#[derive(Debug, Clone)]
pub struct Request {
    pub command: Command,
    /// The topic when it is not the path's first.
    pub topic: Option<Topic>,
    /// Comes back with the answer in [`Dialect::answer`]. Without one no answer is wanted, a
    /// refusal included.
    pub memo: Option<Memo>,
}

impl Request {
    /// A command on the path's topic whose answer nobody waits for.
    pub fn silent(command: Command) -> Self {
        Self { command, topic: None, memo: None }
    }

    /// A command on the path's topic whose answer comes back with this memo.
    pub fn answered<T: Serialize>(command: Command, note: &T) -> Self {
        Self { command, topic: None, memo: Some(memo(note)) }
    }
}

/// One thing that a client's message brings about.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Do this.
    Do(Request),
    /// Say this to the client at once.
    Say(String),
    /// Close the socket.
    Close { close: Close, reason: String },
}

/// Who hears a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    All,
    /// All but the sockets of one person.
    AllBut(UserId),
    /// The sockets of one person.
    Only(UserId),
}

impl Audience {
    /// Whether the socket of this person, or of nobody, hears it.
    pub fn admits(self, user: Option<UserId>) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(one) => user != Some(one),
            Self::Only(one) => user == Some(one),
        }
    }

    /// The person for whom it differs from what all others hear.
    pub fn named(self) -> Option<UserId> {
        match self {
            Self::All => None,
            Self::AllBut(one) | Self::Only(one) => Some(one),
        }
    }
}

/// A frame for the listeners of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub text: String,
    pub to: Audience,
}

impl Frame {
    /// A frame for everyone.
    pub fn to_all(text: String) -> Self {
        Self { text, to: Audience::All }
    }
}

/// What a socket begins with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub here: Here<'a>,
    /// The topic that was joined; none on a path about nothing.
    pub joined: Option<&'a Topic>,
    /// What is there now, as far as [`Dialect::wish`] asked for it.
    pub snapshot: Option<&'a Snapshot>,
    /// Who is here, where the topic has presence.
    pub people: &'a [PersonView],
}

/// The outcome of a request, or of a message that was not even read (then without a memo).
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    pub memo: Option<&'a RawValue>,
    pub topic: Option<&'a Topic>,
    /// The `data` of the native `ok`, or why not.
    pub outcome: Result<&'a RawValue, &'a Refusal>,
}

/// How a socket is closed by the server's doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// Said before the close frame.
    pub frames: Vec<String>,
    pub close: Close,
    pub reason: String,
}

/// A dialect; see the module's contract.
pub trait Dialect: Sync {
    /// With which wish a topic is joined; by itself without messages or members in the snapshot.
    fn wish(&self, _topic: &Topic) -> Subscribe {
        Subscribe { limit: Some(0), ..Subscribe::default() }
    }

    /// What a client's message means; nothing for what is to be passed over.
    fn read(&self, said: Said<'_>, here: &Here<'_>) -> Vec<Deed>;

    /// Whether a client's message is a crew's call for help, which no limit holds up. Asked only of
    /// what is beyond the limit.
    fn is_mayday(&self, _said: Said<'_>) -> bool {
        false
    }

    /// The frames a socket begins with: after each topic is joined, or once on a path without
    /// topics.
    fn opening(&self, _opening: &Opening<'_>) -> Vec<String> {
        Vec::new()
    }

    /// An event as this dialect's clients hear it. Called once an event, for all of them.
    fn event(&self, event: &Event) -> Vec<Frame>;

    /// What the speaker is told of the outcome of their own request.
    fn answer(&self, _answered: &Answered<'_>) -> Vec<String> {
        Vec::new()
    }

    /// How a socket is refused, or closed because its authority ended.
    fn parting(&self, close: Close, refusal: &Refusal) -> Parting {
        Parting { frames: Vec::new(), close, reason: refusal.message.to_string() }
    }

    /// What is to be done for someone once their socket sits on a topic and the opening frames are
    /// on their way; the mirror of [`Dialect::leaving`].
    fn arriving(&self, _here: &Here<'_>) -> Vec<Request> {
        Vec::new()
    }

    /// What is still to be done for someone whose socket ended while it sat on its topic.
    fn leaving(&self, _here: &Here<'_>) -> Vec<Request> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_admits_by_person_and_nobody_is_nobody() {
        let (ada, bob) = (Some(UserId(1)), Some(UserId(2)));
        for (audience, admitted) in [
            (Audience::All, [true, true, true]),
            (Audience::AllBut(UserId(1)), [false, true, true]),
            (Audience::Only(UserId(1)), [true, false, false]),
        ] {
            assert_eq!([ada, bob, None].map(|user| audience.admits(user)), admitted);
        }
    }
}
