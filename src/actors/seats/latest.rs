//! Seats on a topic of newest values: a listener is told the newest value of each key, at most once
//! an interval, and whoever reads slowly is told later and not more. A plain struct.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::actors::post::delivery;
use crate::actors::seats::joined::Turn;
use crate::actors::seats::{Listener, Sink};
use crate::layer::contract::Delivery;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::{Delivery as Kind, Topic};

/// How often at most a listener is told, by kind of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For [`Kind::Latest`].
    pub latest: Duration,
    /// For [`Kind::LatestPerKey`].
    pub per_key: Duration,
}

impl Pace {
    fn of(self, kind: Kind) -> Duration {
        match kind {
            Kind::LatestPerKey => self.per_key,
            Kind::Latest | Kind::Every => self.latest,
        }
    }
}

#[derive(Debug)]
struct Row<S> {
    listener: Listener<S>,
    /// Whether the snapshot was sent and values may follow.
    is_live: bool,
    /// The count of values when this listener was last told.
    told: u64,
}

/// The seats of one topic and its newest values.
#[derive(Debug)]
pub struct Board<S> {
    rows: Vec<Row<S>>,
    /// The newest value of each key, with its place in the count of all values.
    values: BTreeMap<i64, (u64, Arc<Delivery>)>,
    count: u64,
    /// Not before this are the next values told.
    rests_until: Option<Instant>,
}

impl<S> Default for Board<S> {
    fn default() -> Self {
        Self { rows: Vec::new(), values: BTreeMap::new(), count: 0, rests_until: None }
    }
}

impl<S: Sink> Board<S> {
    /// Adds a seat that hears nothing until [`Board::go_live`]; whether the session had none. A
    /// join that comes behind a later one of its session gets none.
    pub fn add(&mut self, listener: Listener<S>) -> bool {
        if self.rows.iter().any(|row| row.listener.outdates(&listener)) {
            return false;
        }
        let fresh = !self.remove(|one| one.session == listener.session);
        // What is known now is in the snapshot that will be read.
        self.rows.push(Row { listener, is_live: false, told: self.count });
        fresh
    }

    /// Takes a seat away; whether it was there.
    pub fn remove(&mut self, is_it: impl Fn(&Listener<S>) -> bool) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !is_it(&row.listener));
        self.rows.len() < before
    }

    /// The seat has its snapshot. Whether it is owed what came meanwhile.
    pub fn go_live(&mut self, session: u64) -> bool {
        let seat = self.rows.iter_mut().find(|row| row.listener.session == session);
        let Some(row) = seat else { return false };
        row.is_live = true;
        row.told < self.count
    }

    /// The sessions that listen.
    pub fn sessions(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|row| row.listener.session)
    }

    /// How many listen.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes a value: it supersedes the earlier one of its key.
    pub fn take(&mut self, event: Arc<Delivery>) {
        self.count += 1;
        self.values.insert(event.event.body.key(), (self.count, event));
    }

    /// When somebody is to be told something; none when all know everything.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let owed = self.rows.iter().any(|row| row.is_live && row.told < self.count);
        owed.then(|| self.rests_until.map_or(now, |at| at.max(now)))
    }

    /// Tells everyone who reads what they do not know yet, once the rest is over. Who still has
    /// something waiting is passed over until the next time. Returns how many were told.
    pub fn tell(&mut self, kind: Kind, pace: Pace, now: Instant) -> u64 {
        if self.due(now).is_none_or(|at| at > now) {
            return 0;
        }
        self.rests_until = Some(now + pace.of(kind));
        let newest = self.count;
        let reads = |row: &Row<S>| row.is_live && row.told < newest && row.listener.sink.is_idle();
        // Nearly always all were told the same, so there is one buffer for all.
        let told: BTreeSet<u64> =
            self.rows.iter().filter(|row| reads(row)).map(|row| row.told).collect();
        let mut count = 0;
        for since in told {
            let news = self.since(since);
            let mut turn = Turn::new(&news);
            for row in self.rows.iter_mut().filter(|row| row.told == since && reads(row)) {
                row.told = newest;
                let frames = turn.frames(row.listener.manner, row.listener.user);
                if !frames.is_empty() {
                    row.listener.sink.write(frames);
                    count += 1;
                }
            }
        }
        count
    }

    /// The values after a place in the count: as one event where their kind can be joined, else
    /// each, in the order they came.
    fn since(&self, told: u64) -> Vec<Arc<Delivery>> {
        let mut news: Vec<_> = self.values.values().filter(|value| value.0 > told).collect();
        news.sort_by_key(|value| value.0);
        let bodies: Vec<&EventBody> = news.iter().map(|value| &value.1.event.body).collect();
        match (news.as_slice(), EventBody::joined(&bodies)) {
            ([.., _, newest], Some(body)) => {
                let Event { topic, at, .. } = &newest.1.event;
                vec![delivery(Event { topic: topic.clone(), seq: None, at: *at, body })]
            }
            _ => news.into_iter().map(|value| Arc::clone(&value.1)).collect(),
        }
    }
}

/// The kind of delivery of a topic, when it is one of newest values.
pub fn kind_of(topic: &Topic) -> Option<Kind> {
    let kind = topic.kind().row().delivery;
    (kind != Kind::Every).then_some(kind)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use bytes::Bytes;
    use chrono::NaiveDateTime;
    use serde_json::Value;

    use super::*;
    use crate::ids::UnitId;
    use crate::layer::contract::Manner;
    use crate::protocol::dispatch::Degrees;
    use crate::protocol::views::positions::PositionView;

    const PACE: Pace = Pace { latest: Duration::from_secs(1), per_key: Duration::from_millis(100) };

    /// A socket that notes what it was told, and takes nothing while it is stuck.
    #[derive(Clone, Default)]
    struct Heard {
        frames: Rc<RefCell<Vec<Value>>>,
        is_stuck: Rc<Cell<bool>>,
    }

    impl Sink for Heard {
        fn write(&self, mut frames: Bytes) {
            while let Some(length) = crate::socket::wire::frame_len(&frames) {
                let frame = frames.split_to(length);
                let text = frame.iter().position(|byte| *byte == b'{').unwrap();
                self.frames.borrow_mut().push(serde_json::from_slice(&frame[text..]).unwrap());
            }
        }

        fn is_idle(&self) -> bool {
            !self.is_stuck.get()
        }
    }

    impl Heard {
        /// What was told since the last call: the units and latitudes of each frame.
        fn told(&self) -> Vec<Vec<(i64, f64)>> {
            let frames = std::mem::take(&mut *self.frames.borrow_mut());
            let units = |frame: &Value| {
                let positions = frame["data"]["positions"].as_array().unwrap();
                let unit = |one: &Value| one["unit"].as_str().unwrap().parse().unwrap();
                positions.iter().map(|one| (unit(one), one["latitude"].as_f64().unwrap())).collect()
            };
            frames.iter().map(units).collect()
        }
    }

    fn at() -> NaiveDateTime {
        "2026-11-21T10:00:00".parse().unwrap()
    }

    fn position(unit: i64, latitude: f64) -> Arc<Delivery> {
        let view = PositionView {
            unit: UnitId(unit),
            latitude: Degrees::from_f64(latitude).unwrap(),
            longitude: Degrees(-13_200_000),
            accuracy_m: None,
            heading_deg: None,
            speed_kmh: None,
            fixed_at: None,
            received_at: at(),
        };
        let body = EventBody::Positions { positions: vec![view] };
        delivery(Event { topic: Topic::Positions, seq: None, at: at(), body })
    }

    fn listener(session: u64, heard: &Heard) -> Listener<Heard> {
        let (user, manner, sink) = (None, Manner::default(), heard.clone());
        Listener { session, ticket: 1, is_let_in: true, user, manner, sink }
    }

    fn sits(board: &mut Board<Heard>, session: u64) -> Heard {
        let heard = Heard::default();
        assert!(board.add(listener(session, &heard)));
        board.go_live(session);
        heard
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn positions_of_one_interval_are_joined_into_one_frame_with_the_newest_of_each_unit() {
        let (mut board, start) = (Board::default(), Instant::now());
        let (ada, bob) = (sits(&mut board, 1), sits(&mut board, 2));
        board.take(position(7, 1.0));
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start), 2, "the first is told at once");
        for (unit, latitude) in [(7, 2.0), (8, 1.0), (7, 3.0), (9, 1.0)] {
            board.take(position(unit, latitude));
        }
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start + ms(99)), 0, "not yet");
        assert_eq!(board.due(start + ms(99)), Some(start + ms(100)));
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start + ms(100)), 2);
        for heard in [ada, bob] {
            assert_eq!(heard.told(), [vec![(7, 1.0)], vec![(8, 1.0), (7, 3.0), (9, 1.0)]]);
        }
        assert_eq!(board.due(start + ms(200)), None, "all know everything");
    }

    #[test]
    fn of_one_key_only_the_newest_value_is_told_and_at_most_once_an_interval() {
        let (mut board, start) = (Board::default(), Instant::now());
        let ada = sits(&mut board, 1);
        for second in 0..3_u32 {
            for tenth in 0..10 {
                board.take(position(7, f64::from(second) + f64::from(tenth) / 10.0));
                let now = start + ms(u64::from(second * 10 + tenth) * 100);
                board.tell(Kind::Latest, PACE, now);
            }
        }
        assert_eq!(ada.told(), [vec![(7, 0.0)], vec![(7, 1.0)], vec![(7, 2.0)]]);
    }

    #[test]
    fn who_reads_slowly_is_passed_over_and_then_told_the_newest_of_all_they_missed() {
        let (mut board, start) = (Board::default(), Instant::now());
        let (ada, bob) = (sits(&mut board, 1), sits(&mut board, 2));
        bob.is_stuck.set(true);
        for (step, unit) in [7, 8, 7, 9].into_iter().enumerate() {
            board.take(position(unit, step as f64));
            board.tell(Kind::LatestPerKey, PACE, start + ms(100 * step as u64));
        }
        assert_eq!(ada.told().len(), 4);
        assert!(bob.told().is_empty());
        assert_eq!(board.due(start + ms(301)), Some(start + ms(400)), "he is owed something");
        bob.is_stuck.set(false);
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start + ms(400)), 1);
        assert_eq!(bob.told(), [vec![(8, 1.0), (7, 2.0), (9, 3.0)]]);
        assert!(ada.told().is_empty(), "she knew");
    }

    #[test]
    fn a_newcomer_is_told_what_came_after_their_seat_once_the_snapshot_is_sent() {
        let (mut board, start) = (Board::default(), Instant::now());
        board.take(position(7, 1.0));
        let heard = Heard::default();
        board.add(listener(1, &heard));
        assert_eq!(board.due(start), None);
        board.take(position(8, 1.0));
        assert_eq!(board.due(start), None, "the snapshot is still on its way");
        assert!(board.go_live(1), "something came meanwhile");
        assert_eq!(board.due(start), Some(start));
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start), 1);
        assert_eq!(heard.told(), [vec![(8, 1.0)]]);
        assert!(!board.go_live(1), "and was told");
    }

    #[test]
    fn a_seat_taken_away_is_told_no_more() {
        let (mut board, start) = (Board::default(), Instant::now());
        let ada = sits(&mut board, 1);
        assert!(board.remove(|one| one.session == 1));
        assert!(!board.remove(|one| one.session == 1));
        board.take(position(7, 1.0));
        assert_eq!(board.tell(Kind::LatestPerKey, PACE, start), 0);
        assert!(ada.told().is_empty() && board.is_empty());
    }
}
