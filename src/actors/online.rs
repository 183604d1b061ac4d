//! Who is online, on this process or another, and when people were last here.
//!
//! Counted in memory as sockets come and go; what others and the database must know of it is
//! written now and then by the housekeeper, never on the way of a connection.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use log::warn;

use crate::actors::lane::Lane;
use crate::actors::said::Words;
use crate::clock;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::facts::NODE_FRESH_S;
use crate::models::store::DbConn;
use crate::models::{online, profile};

/// People written in one transaction.
const PEOPLE_A_WRITE: usize = 1_000;

#[derive(Debug, Clone, Copy)]
struct Here {
    sockets: u32,
    /// When the last socket went.
    left: Option<(Instant, NaiveDateTime)>,
}

#[derive(Debug, Default)]
struct People {
    here: HashMap<UserId, Here>,
    /// Came since the last write.
    came: HashSet<UserId>,
    /// Have no socket left, and may come back within the grace.
    leaving: HashSet<UserId>,
    /// Went, which could not be written yet.
    gone: HashSet<UserId>,
}

/// What the next write says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    came: Vec<UserId>,
    went: Vec<UserId>,
    seen: Vec<(UserId, NaiveDateTime)>,
}

/// Who is online in this process.
#[derive(Debug)]
pub struct Online {
    people: Mutex<People>,
    grace: Duration,
    /// This process's name, when others share its database.
    node: Option<String>,
    /// What people themselves say of it.
    pub words: Words,
}

impl Online {
    /// Nobody yet. People count as online for `grace` after their last socket, and for `said` after
    /// they said so; with `node`, this process tells others under that name.
    pub fn new(grace: Duration, said: Duration, node: Option<String>) -> Self {
        Self { people: Mutex::default(), grace, node, words: Words::new(said) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more socket of a person.
    pub fn arrive(&self, user: UserId) {
        self.words.came(user);
        let mut people = self.lock();
        let People { here, came, leaving, .. } = &mut *people;
        let entry = here.entry(user).or_insert_with(|| {
            came.insert(user);
            Here { sockets: 0, left: None }
        });
        entry.sockets += 1;
        entry.left = None;
        leaving.remove(&user);
    }

    /// One socket less.
    pub fn depart(&self, user: UserId) {
        let mut people = self.lock();
        let Some(here) = people.here.get_mut(&user) else { return };
        here.sockets = here.sockets.saturating_sub(1);
        if here.sockets == 0 {
            here.left = Some((Instant::now(), clock::now_naive()));
            people.leaving.insert(user);
        }
    }

    /// Whether someone is online in this process, by their own word or else by a socket.
    pub fn is_here(&self, user: UserId) -> bool {
        if let Some(word) = self.words.of(user) {
            return word;
        }
        let people = self.lock();
        people.here.get(&user).is_some_and(|here| self.counts(*here, Instant::now()))
    }

    /// How many people are online in this process.
    pub fn head_count(&self) -> usize {
        let (people, now) = (self.lock(), Instant::now());
        people.here.values().filter(|here| self.counts(**here, now)).count()
    }

    fn counts(&self, here: Here, now: Instant) -> bool {
        here.left.is_none_or(|(at, _)| now.duration_since(at) < self.grace)
    }

    /// Who of these people is online, in this process or another.
    ///
    /// # Errors
    /// Those of the database.
    pub fn among(
        &self,
        conn: &mut DbConn,
        people: &[UserId],
    ) -> Result<HashSet<UserId>, StoreError> {
        let mut found: HashSet<UserId> =
            people.iter().copied().filter(|user| self.is_here(*user)).collect();
        if self.node.is_some() && found.len() < people.len() {
            let since = clock::now_naive() - chrono::Duration::seconds(NODE_FRESH_S);
            let known: HashSet<UserId> = {
                let here = self.lock();
                people.iter().copied().filter(|user| here.here.contains_key(user)).collect()
            };
            let elsewhere = online::among(conn, people, since)?;
            // Of those who were here this process knows better than what it last wrote.
            found.extend(elsewhere.into_iter().filter(|user| !known.contains(user)));
        }
        Ok(found)
    }

    fn take(&self, grace: Duration) -> Changes {
        let now = Instant::now();
        let mut people = self.lock();
        let People { here, came, leaving, gone } = &mut *people;
        // Whoever went and is here again is in `came` too, which is written after it.
        let (came, went) = (came.drain().collect(), gone.drain().collect());
        let mut changes = Changes { came, went, ..Changes::default() };
        leaving.retain(|user| {
            let Some((left, at)) = here.get(user).and_then(|here| here.left) else { return false };
            if now.duration_since(left) < grace {
                return true;
            }
            here.remove(user);
            changes.went.push(*user);
            changes.seen.push((*user, at));
            false
        });
        // Whoever came and went between two writes is told of as gone alone.
        changes.came.retain(|user| here.contains_key(user));
        changes
    }

    /// What could not be written is part of the next write.
    fn put_back(&self, came: Vec<UserId>, went: Vec<UserId>) {
        let mut people = self.lock();
        people.came.extend(came);
        people.gone.extend(went);
    }

    /// Writes who came, who went, and when they were last here. One call at a time.
    pub async fn flush(&self, lane: &Lane) {
        self.words.tidy(|user| self.lock().here.contains_key(&user));
        self.write(lane, self.take(self.grace)).await;
    }

    /// The last write of a process that ends: whoever has no socket left is gone.
    pub async fn finish(&self, lane: &Lane) {
        self.write(lane, self.take(Duration::ZERO)).await;
    }

    async fn write(&self, lane: &Lane, changes: Changes) {
        let Changes { came, went, seen } = changes;
        if let Some(node) = self.node.clone().filter(|_| !(came.is_empty() && went.is_empty())) {
            let (told, gone) = (came.clone(), went.clone());
            let written = lane.write(move |conn| Ok(online::note(conn, &node, &told, &gone)?));
            if let Err(refusal) = written.await {
                warn!("who is online here was not told to others cause={refusal}");
                self.put_back(came, went);
            }
        }
        for seen in seen.chunks(PEOPLE_A_WRITE) {
            let seen = seen.to_vec();
            let written = lane.write(move |conn| Ok(profile::note_last_seen(conn, &seen)?));
            if let Err(refusal) = written.await {
                warn!("when people were last seen was not written cause={refusal}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn someone_is_online_until_the_grace_after_their_last_socket() {
        let online = Online::new(Duration::from_secs(60), Duration::ZERO, None);
        assert!(!online.is_here(UserId(1)));
        online.arrive(UserId(1));
        online.arrive(UserId(1));
        online.depart(UserId(1));
        assert!(online.is_here(UserId(1)), "one socket is left");
        online.depart(UserId(1));
        assert!(online.is_here(UserId(1)), "the grace runs");
        assert_eq!(online.take(online.grace).seen, []);
        let changes = online.take(Duration::ZERO);
        assert_eq!((changes.came, changes.went), (vec![], vec![UserId(1)]));
        assert_eq!(changes.seen[0].0, UserId(1));
        assert!(!online.is_here(UserId(1)));
    }

    #[test]
    fn who_comes_back_within_the_grace_was_never_gone() {
        let online = Online::new(Duration::ZERO, Duration::ZERO, None);
        online.arrive(UserId(1));
        online.depart(UserId(1));
        assert!(!online.is_here(UserId(1)));
        online.arrive(UserId(1));
        let changes = online.take(Duration::ZERO);
        assert_eq!((changes.came, changes.went), (vec![UserId(1)], vec![]));
        assert_eq!(online.take(Duration::ZERO), Changes::default());
    }

    #[test]
    fn who_came_and_who_went_are_told_again_after_a_write_that_failed() {
        let online = Online::new(Duration::ZERO, Duration::ZERO, None);
        for user in [1, 2] {
            online.arrive(UserId(user));
        }
        online.depart(UserId(1));
        let changes = online.take(Duration::ZERO);
        online.put_back(changes.came, changes.went);
        let again = online.take(Duration::ZERO);
        assert_eq!((again.came, again.went), (vec![UserId(2)], vec![UserId(1)]));
        assert_eq!(online.take(Duration::ZERO), Changes::default());
    }

    #[test]
    fn who_is_back_when_their_going_is_told_at_last_is_told_as_come_after_it() {
        let online = Online::new(Duration::ZERO, Duration::ZERO, None);
        online.arrive(UserId(1));
        online.take(Duration::ZERO);
        online.depart(UserId(1));
        let changes = online.take(Duration::ZERO);
        online.put_back(changes.came, changes.went);
        online.arrive(UserId(1));
        let again = online.take(Duration::ZERO);
        assert_eq!((again.came, again.went), (vec![UserId(1)], vec![UserId(1)]));
    }
}
