//! Replay of what a person did to their own entries: the inbox says how they stand now.

use std::collections::HashMap;

use crate::actors::people_reads;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::journal::Entry;
use crate::models::store::DbConn;
use crate::models::{client_settings, contact, profile, user};
use crate::protocol::event::EventBody;
use crate::protocol::event::people::PeopleEvent;
use crate::protocol::topic::Topic;
use crate::protocol::views::people::{ClientSettingsView, ContactView, OwnProfile};

/// The rows that entries of an inbox about its owner speak of.
#[derive(Debug, Default)]
pub struct PeopleRows {
    profile: Option<OwnProfile>,
    settings: Option<ClientSettingsView>,
    contacts: HashMap<UserId, ContactView>,
}

impl PeopleRows {
    /// Reads what `entries` of `topic` speak of, and nothing when they do not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn load(conn: &mut DbConn, topic: &Topic, entries: &[Entry]) -> Result<Self, StoreError> {
        let mut rows = Self::default();
        let Some(owner) = topic.person() else { return Ok(rows) };
        let any = |kind: &str| entries.iter().any(|entry| entry.kind == kind);
        if any("profile.changed") {
            rows.profile = own_profile(conn, owner)?;
        }
        if any("settings.changed") {
            rows.settings = Some(client_settings::of(conn, owner)?.view());
        }
        let noted = entries.iter().filter(|entry| entry.kind == "contact.changed");
        let people: Vec<UserId> = noted.filter_map(|entry| entry.entity).map(UserId).collect();
        if !people.is_empty() {
            let contacts: Vec<_> = contact::noted_by(conn, owner, &people)?.into_values().collect();
            let views = contact::views(conn, &contacts)?;
            rows.contacts = views.into_iter().map(|view| (view.user.id, view)).collect();
        }
        Ok(rows)
    }

    /// The event that an entry was, when it is of this part.
    pub fn body(&self, entry: &Entry) -> Option<EventBody> {
        let event = match entry.kind.as_str() {
            "profile.changed" => PeopleEvent::ProfileChanged(self.profile.clone()?),
            "settings.changed" => PeopleEvent::SettingsChanged(self.settings.clone()?),
            "contact.changed" => {
                let person = UserId(entry.entity?);
                PeopleEvent::ContactChanged(self.contacts.get(&person)?.clone())
            }
            "contact.removed" => PeopleEvent::ContactRemoved { user: UserId(entry.entity?) },
            _ => return None,
        };
        Some(EventBody::People(event))
    }
}

fn own_profile(conn: &mut DbConn, owner: UserId) -> Result<Option<OwnProfile>, StoreError> {
    let Some(account) = user::by_id(conn, owner)? else { return Ok(None) };
    let profile = profile::of(conn, owner)?;
    Ok(Some(people_reads::own_view(&account, profile)))
}
