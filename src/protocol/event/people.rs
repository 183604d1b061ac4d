//! What the server says to a person about their own entries, on their inbox.

use serde::Serialize;

use crate::ids::UserId;
use crate::protocol::views::people::{ClientSettingsView, ContactView, OwnProfile};

/// What changed for a person by their own doing; their other devices learn of it here.
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
}

impl PeopleEvent {
    /// The `type` on the wire; also what the journal keeps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProfileChanged(_) => "profile.changed",
            Self::SettingsChanged(_) => "settings.changed",
            Self::ContactChanged(_) => "contact.changed",
            Self::ContactRemoved { .. } => "contact.removed",
        }
    }
}
