//! What the server says about people: to themselves about their own entries, on their inbox, and
//! to those who have them in sight.

use serde::Serialize;

use crate::ids::UserId;
use crate::protocol::views::PersonView;
use crate::protocol::views::people::{ClientSettingsView, ContactView, OwnProfile};

/// What changed for a person by their own doing.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum PeopleEvent {
    ProfileChanged(OwnProfile),
    SettingsChanged(ClientSettingsView),
    ContactChanged(ContactView),
    /// Nothing is noted about them any more.
    ContactRemoved {
        user: UserId,
    },
    /// Ephemeral, in conversations and on the inboxes of those whose contact they are: someone
    /// looks or is called otherwise.
    PersonChanged {
        user: PersonView,
    },
}

impl PeopleEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProfileChanged(_) => "profile.changed",
            Self::SettingsChanged(_) => "settings.changed",
            Self::ContactChanged(_) => "contact.changed",
            Self::ContactRemoved { .. } => "contact.removed",
            Self::PersonChanged { .. } => "person.changed",
        }
    }
}
