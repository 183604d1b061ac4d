//! Who is here: by person across tabs, with a grace before someone counts as gone. A plain struct.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::UserId;
use crate::protocol::topic::{Owner, Topic};
use crate::protocol::views::PersonView;

/// Most people listed in one reply; the count beside the list is always exact.
pub const LISTED_MAX: usize = 1_000;

#[derive(Debug)]
struct Present {
    person: PersonView,
    seats: u32,
    /// Which departure is pending, so that a return cancels it.
    departure: u64,
}

#[derive(Debug, Default)]
struct Hall {
    people: HashMap<UserId, Present>,
    joined: HashMap<UserId, PersonView>,
    left: HashMap<UserId, PersonView>,
    announcing: bool,
}

/// The people on each topic of one owner.
#[derive(Debug, Default)]
pub struct Presence {
    halls: HashMap<Topic, Hall>,
    departures: u64,
}

/// The presence of all owners' topics in one place: owners keep it, and the writer asks it whether
/// someone hears what is said.
#[derive(Debug, Default)]
pub struct SharedPresence(Mutex<Presence>);

impl SharedPresence {
    /// The presence itself, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Presence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who came and who went since the last announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    pub joined: Vec<PersonView>,
    pub left: Vec<PersonView>,
}

impl Presence {
    /// One more seat of a person. Returns whether an announcement should be scheduled.
    pub fn arrive(&mut self, topic: &Topic, person: &PersonView) -> bool {
        let hall = self.halls.entry(topic.clone()).or_default();
        if let Some(present) = hall.people.get_mut(&person.id) {
            present.seats += 1;
            present.departure = 0;
            present.person = person.clone();
            return false;
        }
        let present = Present { person: person.clone(), seats: 1, departure: 0 };
        hall.people.insert(person.id, present);
        // Whoever went and came back between two announcements never left for the others.
        if hall.left.remove(&person.id).is_none() {
            hall.joined.insert(person.id, person.clone());
        }
        !std::mem::replace(&mut hall.announcing, true)
    }

    /// Counts a seat without announcing it; for the census after an owner was rebuilt.
    pub fn count(&mut self, topic: &Topic, person: &PersonView) {
        let hall = self.halls.entry(topic.clone()).or_default();
        let present = hall.people.entry(person.id).or_insert_with(|| Present {
            person: person.clone(),
            seats: 0,
            departure: 0,
        });
        present.seats += 1;
    }

    /// One seat less. When it was the person's last, returns the departure to confirm with
    /// [`Presence::expire`] after the grace.
    pub fn depart(&mut self, topic: &Topic, user: UserId) -> Option<u64> {
        let present = self.halls.get_mut(topic)?.people.get_mut(&user)?;
        present.seats = present.seats.saturating_sub(1);
        if present.seats > 0 {
            return None;
        }
        self.departures += 1;
        present.departure = self.departures;
        Some(self.departures)
    }

    /// The grace is over: unless they came back, the person is gone. Returns whether an
    /// announcement should be scheduled.
    pub fn expire(&mut self, topic: &Topic, user: UserId, departure: u64) -> bool {
        let Some(hall) = self.halls.get_mut(topic) else { return false };
        let gone = hall
            .people
            .get(&user)
            .is_some_and(|present| present.seats == 0 && present.departure == departure);
        if !gone {
            return false;
        }
        if let Some(present) = hall.people.remove(&user)
            && hall.joined.remove(&user).is_none()
        {
            hall.left.insert(user, present.person);
        }
        if hall.people.is_empty() {
            // Nobody is left to be told.
            self.halls.remove(topic);
            return false;
        }
        !std::mem::replace(&mut hall.announcing, true)
    }

    /// Takes what is to be announced on a topic.
    pub fn announce(&mut self, topic: &Topic) -> Option<Diff> {
        let hall = self.halls.get_mut(topic)?;
        hall.announcing = false;
        let mut diff = Diff {
            joined: hall.joined.drain().map(|(_, person)| person).collect(),
            left: hall.left.drain().map(|(_, person)| person).collect(),
        };
        diff.joined.sort_by_key(|person| person.id);
        diff.left.sort_by_key(|person| person.id);
        (!diff.joined.is_empty() || !diff.left.is_empty()).then_some(diff)
    }

    /// Who is here, by id, at most [`LISTED_MAX`].
    pub fn here(&self, topic: &Topic) -> Vec<PersonView> {
        let Some(hall) = self.halls.get(topic) else { return Vec::new() };
        let mut people: Vec<_> = hall.people.values().map(|present| &present.person).collect();
        people.sort_by_key(|person| person.id);
        people.into_iter().take(LISTED_MAX).cloned().collect()
    }

    /// Whether a socket of theirs listens now; the grace of those who left does not count.
    pub fn is_listening(&self, topic: &Topic, user: UserId) -> bool {
        let hall = self.halls.get(topic);
        hall.and_then(|hall| hall.people.get(&user)).is_some_and(|present| present.seats > 0)
    }

    /// Forgets the topics of an owner that died; it counts anew.
    pub fn forget(&mut self, owner: Owner) {
        self.halls.retain(|topic, _| topic.kind().row().owner != owner);
    }

    /// How many people are here.
    pub fn head_count(&self, topic: &Topic) -> usize {
        self.halls.get(topic).map_or(0, |hall| hall.people.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: i64) -> PersonView {
        PersonView {
            id: UserId(id),
            username: format!("u{id}"),
            display_name: String::new(),
            avatar: None,
            profile: None,
        }
    }

    fn topic() -> Topic {
        Topic::room("general")
    }

    #[test]
    fn three_tabs_are_one_person() {
        let mut presence = Presence::default();
        assert!(presence.arrive(&topic(), &person(1)));
        assert!(!presence.arrive(&topic(), &person(1)));
        assert_eq!(presence.here(&topic()), [person(1)]);
        assert_eq!(presence.depart(&topic(), UserId(1)), None, "one tab is still open");
    }

    #[test]
    fn someone_who_comes_back_within_the_grace_never_left() {
        let mut presence = Presence::default();
        presence.arrive(&topic(), &person(1));
        presence.arrive(&topic(), &person(2));
        presence.announce(&topic());
        let departure = presence.depart(&topic(), UserId(2)).unwrap();
        presence.arrive(&topic(), &person(2));
        assert!(!presence.expire(&topic(), UserId(2), departure));
        assert_eq!(presence.announce(&topic()), None);
    }

    #[test]
    fn someone_who_stays_away_is_announced_as_left_once() {
        let mut presence = Presence::default();
        presence.arrive(&topic(), &person(1));
        presence.arrive(&topic(), &person(2));
        presence.announce(&topic());
        let departure = presence.depart(&topic(), UserId(2)).unwrap();
        assert!(presence.expire(&topic(), UserId(2), departure));
        let diff = presence.announce(&topic()).unwrap();
        assert_eq!((diff.joined, diff.left), (vec![], vec![person(2)]));
        assert_eq!(presence.announce(&topic()), None);
    }

    #[test]
    fn arrivals_are_gathered_into_one_announcement() {
        let mut presence = Presence::default();
        assert!(presence.arrive(&topic(), &person(2)));
        assert!(!presence.arrive(&topic(), &person(1)), "one announcement is under way");
        assert_eq!(presence.announce(&topic()).unwrap().joined, [person(1), person(2)]);
    }
}
