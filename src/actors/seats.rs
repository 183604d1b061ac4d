//! Who on this worker listens to what, and in which order they are served. A plain struct.
//!
//! Events of one executor turn are joined once per topic and written once per seat. A seat that is
//! still catching up holds what comes by until it goes live. Topics of newest values have their
//! seats in [`latest`].

pub mod joined;
pub mod latest;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::actors::forms;
use crate::actors::seats::joined::Turn;
use crate::actors::seats::latest::{Board, Pace, kind_of};
use crate::ids::UserId;
use crate::layer::contract::{Delivery, Manner};
use crate::protocol::topic::Topic;

/// Where a seat's frames go.
pub trait Sink {
    /// Takes whole frames; never blocks and never fails, for a full sink ends by itself.
    fn write(&self, frames: Bytes);

    /// Whether nothing waits in it: its reader keeps up.
    fn is_idle(&self) -> bool;
}

#[derive(Debug)]
enum State {
    /// Catching up; holds what came by.
    Waiting(Vec<Arc<Delivery>>),
    /// Served; positions up to `skip_to` it has already.
    Live { skip_to: i64 },
}

/// Who takes a seat.
#[derive(Debug, Clone)]
pub struct Listener<S> {
    pub session: u64,
    /// Which of the session's joins the seat is for.
    pub ticket: u64,
    /// Whether the topic's owner has let them in, and counts them.
    pub is_let_in: bool,
    /// The person, if they have signed in.
    pub user: Option<UserId>,
    pub manner: Manner,
    pub sink: S,
}

#[derive(Debug)]
struct Row<S> {
    listener: Listener<S>,
    state: State,
}

impl<S> Listener<S> {
    /// Whether this is the seat of a later join of the same session.
    pub fn outdates(&self, other: &Self) -> bool {
        self.session == other.session && self.ticket > other.ticket
    }
}

impl<S: Sink> Listener<S> {
    fn hear(&self, event: &Delivery) {
        forms::each(event, self.manner, self.user, |frame| self.sink.write(frame));
    }
}

#[derive(Debug)]
struct Bench<S> {
    rows: Vec<Row<S>>,
    /// The newest position served here; unknown until the first seat goes live.
    last: Option<i64>,
    /// Events ahead of a hole.
    held: BTreeMap<i64, Arc<Delivery>>,
    /// Events of this turn, in order.
    batch: Vec<Arc<Delivery>>,
    /// Rows that cannot take the joined batch as it is.
    irregular: usize,
}

impl<S> Bench<S> {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            last: None,
            held: BTreeMap::new(),
            batch: Vec::new(),
            irregular: 0,
        }
    }

    fn count_irregular(&mut self) {
        let last = self.last.unwrap_or(i64::MIN);
        self.irregular = self
            .rows
            .iter()
            .filter(|row| !matches!(row.state, State::Live { skip_to } if skip_to <= last))
            .count();
    }
}

/// A hole in a topic's positions: what lies between must be read from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    pub topic: Topic,
    /// The last position served.
    pub after: i64,
    /// The first position held.
    pub before: i64,
}

/// All seats of one worker.
#[derive(Debug)]
pub struct Seats<S> {
    topics: HashMap<Topic, Bench<S>>,
    dirty: Vec<Topic>,
    /// The topics of newest values.
    boards: HashMap<Topic, Board<S>>,
    pace: Pace,
}

impl<S> Default for Seats<S> {
    fn default() -> Self {
        let pace = Pace { latest: Duration::from_secs(1), per_key: Duration::from_millis(100) };
        Self { topics: HashMap::new(), dirty: Vec::new(), boards: HashMap::new(), pace }
    }
}

impl<S: Sink> Seats<S> {
    /// How often at most listeners of newest values are told.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Adds a seat that waits until [`Seats::go_live`]. A session has one seat a topic, that of its
    /// newest join: an earlier one is replaced, and a join that comes late gets none; then the
    /// answer is `false`.
    pub fn add(&mut self, topic: &Topic, listener: Listener<S>) -> bool {
        if kind_of(topic).is_some() {
            return self.boards.entry(topic.clone()).or_default().add(listener);
        }
        self.flush_topic(topic);
        let bench = self.topics.entry(topic.clone()).or_insert_with(Bench::new);
        if bench.rows.iter().any(|row| row.listener.outdates(&listener)) {
            return false;
        }
        let before = bench.rows.len();
        bench.rows.retain(|row| row.listener.session != listener.session);
        let fresh = bench.rows.len() == before;
        bench.rows.push(Row { listener, state: State::Waiting(Vec::new()) });
        bench.count_irregular();
        fresh
    }

    /// Takes a session's seat away; whether it was there.
    pub fn remove(&mut self, topic: &Topic, session: u64) -> bool {
        self.take_away(topic, |listener| listener.session == session)
    }

    /// The same, if it is still the seat of this join and not of a later one.
    pub fn remove_of(&mut self, topic: &Topic, session: u64, ticket: u64) -> bool {
        self.take_away(topic, |one| one.session == session && one.ticket == ticket)
    }

    /// Notes that the topic's owner let this join in.
    pub fn let_in(&mut self, topic: &Topic, session: u64, ticket: u64) {
        let Some(bench) = self.topics.get_mut(topic) else { return };
        for Row { listener, .. } in &mut bench.rows {
            listener.is_let_in |= listener.session == session && listener.ticket == ticket;
        }
    }

    /// Keeps the read marks of others from someone's seats, or no longer.
    pub fn veil(&mut self, user: UserId, is_veiled: bool) {
        for row in self.topics.values_mut().flat_map(|bench| &mut bench.rows) {
            if row.listener.user == Some(user) {
                row.listener.manner.is_veiled = is_veiled;
            }
        }
    }

    fn take_away(&mut self, topic: &Topic, is_it: impl Fn(&Listener<S>) -> bool) -> bool {
        if let Some(board) = self.boards.get_mut(topic) {
            let found = board.remove(is_it);
            if board.is_empty() {
                self.boards.remove(topic);
            }
            return found;
        }
        self.flush_topic(topic);
        let Some(bench) = self.topics.get_mut(topic) else { return false };
        let before = bench.rows.len();
        bench.rows.retain(|row| !is_it(&row.listener));
        let found = bench.rows.len() < before;
        if bench.rows.is_empty() {
            self.topics.remove(topic);
        } else {
            bench.count_irregular();
        }
        found
    }

    /// Takes an event for the end of this turn. Returns a hole when the event is ahead of one.
    pub fn deliver(&mut self, event: Arc<Delivery>) -> Option<Hole> {
        if kind_of(event.topic()).is_some() {
            if let Some(board) = self.boards.get_mut(event.topic()) {
                board.take(event);
            }
            return None;
        }
        let bench = self.topics.get_mut(event.topic())?;
        if let (Some(seq), Some(last)) = (event.seq(), bench.last) {
            if seq <= last {
                return None;
            }
            if seq > last + 1 {
                let topic = event.topic().clone();
                bench.held.insert(seq, event);
                let before = bench.held.keys().next().copied().unwrap_or(seq);
                return Some(Hole { topic, after: last, before });
            }
            bench.last = Some(seq);
        }
        if bench.batch.is_empty() {
            self.dirty.push(event.topic().clone());
        }
        bench.batch.push(event);
        while let Some(last) = bench.last {
            let Some(next) = bench.held.remove(&(last + 1)) else { break };
            bench.last = Some(last + 1);
            bench.batch.push(next);
        }
        None
    }

    /// The hole a topic has now, if any.
    pub fn hole(&self, topic: &Topic) -> Option<Hole> {
        let bench = self.topics.get(topic)?;
        let (after, before) = (bench.last?, *bench.held.keys().next()?);
        Some(Hole { topic: topic.clone(), after, before })
    }

    /// Whether the hole is still open.
    pub fn is_open(&self, hole: &Hole) -> bool {
        self.topics
            .get(&hole.topic)
            .is_some_and(|bench| bench.last == Some(hole.after) && !bench.held.is_empty())
    }

    /// Gives up on a hole whose events the journal no longer has, so that what follows flows on.
    pub fn skip(&mut self, hole: &Hole) {
        let Some(bench) = self.topics.get_mut(&hole.topic) else { return };
        if bench.last != Some(hole.after) {
            return;
        }
        bench.last = Some(hole.before - 1);
        if let Some(event) = bench.held.remove(&hole.before) {
            self.deliver(event);
        }
    }

    /// When the next newest values are to be told; none when everyone knows everything.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.boards.values().filter_map(|board| board.due(now)).min()
    }

    /// Tells the newest values that are due. Returns how many listeners were told.
    pub fn tell_newest(&mut self, now: Instant) -> u64 {
        let pace = self.pace;
        let told = self
            .boards
            .iter_mut()
            .filter_map(|(topic, board)| kind_of(topic).map(|kind| board.tell(kind, pace, now)));
        told.sum()
    }

    /// Whether anything waits for [`Seats::flush`].
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Writes the turn's events. Returns how many events times seats that were.
    pub fn flush(&mut self) -> u64 {
        let mut written = 0;
        for topic in std::mem::take(&mut self.dirty) {
            written += self.flush_topic(&topic);
        }
        written
    }

    /// The seat has everything up to `seq` and is served from now on. Whether it is owed something
    /// that no further event will bring: newest values, which [`Seats::tell_newest`] tells when
    /// they are [`Seats::due`], or what is missing in a [`Hole`].
    pub fn go_live(&mut self, topic: &Topic, session: u64, seq: i64) -> bool {
        if let Some(board) = self.boards.get_mut(topic) {
            return board.go_live(session);
        }
        self.serve(topic, session, seq);
        self.hole(topic).is_some()
    }

    fn serve(&mut self, topic: &Topic, session: u64, seq: i64) {
        self.flush_topic(topic);
        let Some(bench) = self.topics.get_mut(topic) else { return };
        let seat = bench.rows.iter_mut().find(|row| row.listener.session == session);
        let Some(row) = seat else { return };
        let state = std::mem::replace(&mut row.state, State::Live { skip_to: seq });
        let State::Waiting(mut waited) = state else { return };
        waited.sort_by_key(|event| event.seq().unwrap_or(i64::MAX));
        let mut reached = seq;
        let mut ahead = Vec::new();
        for event in waited {
            match event.seq() {
                Some(at) if at <= reached => {}
                Some(at) if at == reached + 1 || bench.last.is_some_and(|last| at <= last) => {
                    reached = at;
                    row.listener.hear(&event);
                }
                Some(_) => ahead.push(event),
                None => row.listener.hear(&event),
            }
        }
        row.state = State::Live { skip_to: reached };
        bench.last = Some(bench.last.unwrap_or(reached));
        for event in ahead {
            bench.held.insert(event.seq().unwrap_or(0), event);
        }
        bench.count_irregular();
    }

    /// How many seats a topic has here.
    pub fn count(&self, topic: &Topic) -> usize {
        let newest = self.boards.get(topic).map_or(0, Board::len);
        newest + self.topics.get(topic).map_or(0, |bench| bench.rows.len())
    }

    /// The sessions that listen to a topic here.
    pub fn sessions(&self, topic: &Topic) -> Vec<u64> {
        if let Some(board) = self.boards.get(topic) {
            return board.sessions().collect();
        }
        self.topics
            .get(topic)
            .map(|bench| bench.rows.iter().map(|row| row.listener.session).collect())
            .unwrap_or_default()
    }

    /// Every topic that has presence and seats here, with the sessions whose join was let in.
    pub fn present(&self) -> impl Iterator<Item = (&Topic, Vec<u64>)> {
        let has_presence = |topic: &Topic| topic.kind().row().presence;
        self.topics.iter().filter(move |(topic, _)| has_presence(topic)).map(|(topic, bench)| {
            let listeners = bench.rows.iter().map(|row| &row.listener);
            let let_in = listeners.filter(|listener| listener.is_let_in);
            (topic, let_in.map(|listener| listener.session).collect())
        })
    }

    fn flush_topic(&mut self, topic: &Topic) -> u64 {
        let Some(bench) = self.topics.get_mut(topic) else { return 0 };
        if bench.batch.is_empty() {
            return 0;
        }
        let batch = std::mem::take(&mut bench.batch);
        let mut turn = Turn::new(&batch);
        for row in &mut bench.rows {
            match &mut row.state {
                State::Waiting(waited) => waited.extend(batch.iter().cloned()),
                State::Live { .. } if bench.irregular == 0 => {
                    let frames = turn.frames(row.listener.manner, row.listener.user);
                    if !frames.is_empty() {
                        row.listener.sink.write(frames);
                    }
                }
                State::Live { skip_to } => {
                    for event in &batch {
                        if event.seq().is_none_or(|seq| seq > *skip_to) {
                            row.listener.hear(event);
                        }
                    }
                }
            }
        }
        if bench.irregular > 0 {
            bench.count_irregular();
        }
        (batch.len() * bench.rows.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use chrono::NaiveDateTime;

    use super::*;
    use crate::ids::MessageId;
    use crate::protocol::event::{Event, EventBody};

    fn at() -> NaiveDateTime {
        "2026-11-21T10:00:00".parse().unwrap()
    }

    #[derive(Clone, Default)]
    struct Heard(Rc<RefCell<Vec<String>>>);

    impl Sink for Heard {
        fn write(&self, frames: Bytes) {
            self.0.borrow_mut().push(String::from_utf8(frames.to_vec()).unwrap());
        }

        fn is_idle(&self) -> bool {
            true
        }
    }

    fn event(seq: impl Into<Option<i64>>, text: &str) -> Arc<Delivery> {
        let frame = Bytes::copy_from_slice(text.as_bytes());
        let body = EventBody::MessageDeleted { id: MessageId(1), by: None };
        let event = Event { topic: Topic::room("general"), seq: seq.into(), at: at(), body };
        Arc::new(Delivery::new(event, frame))
    }

    fn sits(seats: &mut Seats<Heard>, session: u64, heard: &Heard) {
        assert!(seats.add(&Topic::room("general"), listener(session, 1, heard)));
    }

    fn listener(session: u64, ticket: u64, heard: &Heard) -> Listener<Heard> {
        let (user, manner, sink) = (None, Manner::default(), heard.clone());
        Listener { session, ticket, is_let_in: false, user, manner, sink }
    }

    fn live(seats: &mut Seats<Heard>, session: u64, seq: i64) -> Heard {
        let heard = Heard::default();
        sits(seats, session, &heard);
        seats.go_live(&Topic::room("general"), session, seq);
        heard
    }

    #[test]
    fn events_of_one_turn_leave_in_one_write() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 0);
        let bob = live(&mut seats, 2, 0);
        for seq in 1..=3 {
            assert_eq!(seats.deliver(event(seq, &seq.to_string())), None);
        }
        assert!(ada.0.borrow().is_empty(), "nothing before the end of the turn");
        assert_eq!(seats.flush(), 6);
        assert_eq!(*ada.0.borrow(), ["123"]);
        assert_eq!(*bob.0.borrow(), ["123"]);
    }

    #[test]
    fn an_event_that_comes_twice_is_written_once() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 0);
        seats.deliver(event(1, "a"));
        seats.deliver(event(1, "a"));
        seats.flush();
        assert_eq!(*ada.0.borrow(), ["a"]);
    }

    #[test]
    fn an_event_ahead_of_a_hole_waits_until_the_hole_is_filled() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 4);
        let hole = seats.deliver(event(6, "six")).expect("a hole");
        assert_eq!((hole.after, hole.before), (4, 6));
        seats.flush();
        assert!(ada.0.borrow().is_empty());
        assert!(seats.is_open(&hole));
        seats.deliver(event(5, "five."));
        seats.flush();
        assert_eq!(*ada.0.borrow(), ["five.six"]);
        assert!(!seats.is_open(&hole));
    }

    #[test]
    fn a_hole_the_journal_cannot_fill_is_skipped() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 4);
        let hole = seats.deliver(event(9, "nine")).expect("a hole");
        seats.skip(&hole);
        seats.flush();
        assert_eq!(*ada.0.borrow(), ["nine"]);
    }

    #[test]
    fn a_seat_that_catches_up_gets_each_event_exactly_once() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 0);
        let bob = Heard::default();
        sits(&mut seats, 2, &bob);
        for seq in 1..=4 {
            seats.deliver(event(seq, &seq.to_string()));
        }
        seats.flush();
        seats.deliver(event(5, "5"));
        // Bob's snapshot was complete up to 3; 4 and 5 came by while he caught up.
        seats.go_live(&Topic::room("general"), 2, 3);
        seats.deliver(event(6, "6"));
        seats.flush();
        assert_eq!(bob.0.borrow().concat(), "456");
        assert_eq!(ada.0.borrow().concat(), "123456");
    }

    #[test]
    fn a_snapshot_ahead_of_the_live_stream_is_not_repeated() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 0);
        let bob = Heard::default();
        sits(&mut seats, 2, &bob);
        seats.go_live(&Topic::room("general"), 2, 2);
        for seq in 1..=3 {
            seats.deliver(event(seq, &seq.to_string()));
        }
        seats.flush();
        assert_eq!(bob.0.borrow().concat(), "3");
        assert_eq!(ada.0.borrow().concat(), "123");
    }

    #[test]
    fn what_arrives_out_of_order_before_anyone_is_live_is_put_in_order() {
        let mut seats = Seats::default();
        let bob = Heard::default();
        sits(&mut seats, 2, &bob);
        seats.deliver(event(6, "6"));
        seats.deliver(event(5, "5"));
        seats.flush();
        seats.go_live(&Topic::room("general"), 2, 4);
        assert_eq!(bob.0.borrow().concat(), "56");
    }

    #[test]
    fn a_seat_taken_away_hears_no_more() {
        let mut seats = Seats::default();
        let ada = live(&mut seats, 1, 0);
        assert!(seats.remove(&Topic::room("general"), 1));
        assert!(!seats.remove(&Topic::room("general"), 1));
        seats.deliver(event(1, "1"));
        seats.flush();
        assert!(ada.0.borrow().is_empty());
    }

    #[test]
    fn a_session_that_joins_twice_at_once_keeps_the_seat_of_its_later_join_in_any_order() {
        for (first, second) in [(1, 2), (2, 1)] {
            let (mut seats, topic, heard) =
                (Seats::default(), Topic::room("general"), Heard::default());
            assert!(seats.add(&topic, listener(1, first, &heard)));
            assert!(!seats.add(&topic, listener(1, second, &heard)), "one seat a session");
            assert!(!seats.remove_of(&topic, 1, 1), "the earlier join has none");
            seats.go_live(&topic, 1, 0);
            seats.deliver(event(1, "1"));
            seats.flush();
            assert_eq!(*heard.0.borrow(), ["1"]);
            assert!(seats.remove_of(&topic, 1, 2));
            assert_eq!(seats.count(&topic), 0);
        }
    }

    #[test]
    fn only_those_who_were_let_in_are_present() {
        let (mut seats, topic, heard) =
            (Seats::default(), Topic::room("general"), Heard::default());
        for session in 1..=3 {
            seats.add(&topic, listener(session, 7, &heard));
        }
        seats.let_in(&topic, 1, 7);
        seats.let_in(&topic, 2, 6);
        let present: Vec<_> = seats.present().collect();
        assert_eq!(present, [(&topic, vec![1])]);
    }

    #[test]
    fn a_first_seat_that_goes_live_before_a_hole_says_so() {
        let (mut seats, topic, heard) =
            (Seats::default(), Topic::room("general"), Heard::default());
        sits(&mut seats, 1, &heard);
        seats.deliver(event(3, "three"));
        seats.flush();
        assert!(seats.go_live(&topic, 1, 1), "two is missing, and nobody else would ask for it");
        let hole = seats.hole(&topic).unwrap();
        assert_eq!((hole.after, hole.before), (1, 3));
        seats.deliver(event(2, "two"));
        seats.flush();
        assert_eq!(*heard.0.borrow(), ["twothree"]);
        assert_eq!(seats.hole(&topic), None);
    }
}
