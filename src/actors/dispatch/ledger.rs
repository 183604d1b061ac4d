//! What a command leaves to be told: gathered while it works, written into the journals in the
//! order of their topics when it is done, with every view as it is then.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;

use crate::ids::{EntryId, HospitalId, IncidentId, MaydayId, OrderId, TopicId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::hospital;
use crate::models::incident_views;
use crate::models::journal::{self, NewEntry};
use crate::models::mayday;
use crate::models::order;
use crate::models::store::DbConn;
use crate::models::unit;
use crate::protocol::event::dispatch::DispatchEvent;
use crate::protocol::event::older::{CrewNews, OlderEvent};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::Topic;
use crate::protocol::views::dispatch::{
    IncidentView, MaydayView, OrderView, TimelineEntry, UnitView,
};
use crate::protocol::views::hospitals::HospitalView;

/// What happened, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    IncidentOpened(IncidentId),
    IncidentChanged(IncidentId),
    UnitChanged(UnitId),
    UnitRemoved(UnitId),
    HospitalChanged(HospitalId),
    HospitalRemoved(HospitalId),
    OrderGiven(OrderId),
    OrderChanged(OrderId),
    OrderRepeated(OrderId),
    OrderEscalated(OrderId),
    MaydayRaised(MaydayId),
    MaydayRepeated(MaydayId),
    MaydayChanged(MaydayId),
    ParOverdue(IncidentId),
}

impl What {
    /// The id of what it happened to, as the journal keeps it.
    pub fn entity(self) -> i64 {
        match self {
            Self::IncidentOpened(id) | Self::IncidentChanged(id) | Self::ParOverdue(id) => id.0,
            Self::UnitChanged(id) | Self::UnitRemoved(id) => id.0,
            Self::HospitalChanged(id) | Self::HospitalRemoved(id) => id.0,
            Self::OrderGiven(id)
            | Self::OrderChanged(id)
            | Self::OrderRepeated(id)
            | Self::OrderEscalated(id) => id.0,
            Self::MaydayRaised(id) | Self::MaydayRepeated(id) | Self::MaydayChanged(id) => id.0,
        }
    }

    /// What a journal entry of this kind was.
    pub fn read(kind: &str, entity: i64) -> Option<Self> {
        Some(match kind {
            "incident.opened" => Self::IncidentOpened(IncidentId(entity)),
            "incident.changed" => Self::IncidentChanged(IncidentId(entity)),
            "unit.changed" => Self::UnitChanged(UnitId(entity)),
            "unit.removed" => Self::UnitRemoved(UnitId(entity)),
            "hospital.changed" => Self::HospitalChanged(HospitalId(entity)),
            "hospital.removed" => Self::HospitalRemoved(HospitalId(entity)),
            "order.given" => Self::OrderGiven(OrderId(entity)),
            "order.changed" => Self::OrderChanged(OrderId(entity)),
            "order.repeated" => Self::OrderRepeated(OrderId(entity)),
            "order.escalated" => Self::OrderEscalated(OrderId(entity)),
            "mayday.raised" => Self::MaydayRaised(MaydayId(entity)),
            "mayday.repeated" => Self::MaydayRepeated(MaydayId(entity)),
            "mayday.changed" => Self::MaydayChanged(MaydayId(entity)),
            "par.overdue" => Self::ParOverdue(IncidentId(entity)),
            _ => return None,
        })
    }
}

/// What the journal keeps beside the ids of a dispatch event.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Trace {
    /// The entry of the timeline.
    pub entry: Option<EntryId>,
}

/// The things that notes speak of, as they are now. Loaded with a constant number of queries.
#[derive(Debug, Default)]
pub struct Things {
    incidents: HashMap<IncidentId, IncidentView>,
    units: HashMap<UnitId, UnitView>,
    hospitals: HashMap<HospitalId, HospitalView>,
    orders: HashMap<OrderId, OrderView>,
    maydays: HashMap<MaydayId, MaydayView>,
}

impl Things {
    /// Loads what these speak of.
    ///
    /// # Errors
    /// When the database failed.
    pub fn load(conn: &mut DbConn, whats: impl Iterator<Item = What>) -> Result<Self, StoreError> {
        let (mut incidents, mut units, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        let (mut maydays, mut hospitals) = (Vec::new(), false);
        for what in whats {
            match what {
                What::IncidentOpened(id) | What::IncidentChanged(id) | What::ParOverdue(id) => {
                    incidents.push(id);
                }
                What::UnitChanged(id) => units.push(id),
                What::HospitalChanged(_) => hospitals = true,
                What::OrderGiven(id)
                | What::OrderChanged(id)
                | What::OrderRepeated(id)
                | What::OrderEscalated(id) => orders.push(id),
                What::MaydayRaised(id) | What::MaydayRepeated(id) | What::MaydayChanged(id) => {
                    maydays.push(id);
                }
                What::UnitRemoved(_) | What::HospitalRemoved(_) => {}
            }
        }
        let mut things = Self::default();
        let found = mayday::views(conn, mayday::Which::Ids(&maydays))?;
        // A mayday is told to all units of its incident, which the incident's view names.
        incidents.extend(found.iter().filter_map(|view| view.incident));
        things.maydays = found.into_iter().map(|view| (view.id, view)).collect();
        incidents.sort_unstable();
        incidents.dedup();
        let found = incident_views::views(conn, &incidents)?;
        things.incidents = found.into_iter().map(|view| (view.id, view)).collect();
        units.sort_unstable();
        units.dedup();
        let found = unit::views(conn, Some(&units))?;
        things.units = found.into_iter().map(|view| (view.id, view)).collect();
        let found = order::views(conn, order::Which::Ids(&orders))?;
        things.orders = found.into_iter().map(|view| (view.id, view)).collect();
        if hospitals {
            let found = hospital::all(conn)?;
            things.hospitals = found.iter().map(|row| (row.id, row.view())).collect();
        }
        Ok(things)
    }

    /// What listeners of `topic` are told of it. On a unit's topic an incident is whole only while
    /// that unit is on it. `None` when the thing is gone for good.
    pub fn body(
        &self,
        topic: &Topic,
        what: What,
        entry: Option<TimelineEntry>,
    ) -> Option<EventBody> {
        let incident = |id: IncidentId| {
            let view = self.incidents.get(&id)?.clone();
            Some(if sees_whole(topic, &view) { view } else { view.redacted() })
        };
        let order = |id: OrderId| self.orders.get(&id).cloned();
        let mayday = |id: MaydayId| self.maydays.get(&id).cloned();
        Some(EventBody::Dispatch(Box::new(match what {
            What::IncidentOpened(id) => {
                DispatchEvent::IncidentOpened { incident: incident(id)?, entry }
            }
            What::IncidentChanged(id) => {
                DispatchEvent::IncidentChanged { incident: incident(id)?, entry }
            }
            What::UnitChanged(id) => {
                DispatchEvent::UnitChanged { unit: self.units.get(&id)?.clone(), entry }
            }
            What::UnitRemoved(unit) => DispatchEvent::UnitRemoved { unit },
            What::HospitalChanged(id) => {
                let hospital = self.hospitals.get(&id)?.clone();
                DispatchEvent::HospitalChanged { hospital, entry }
            }
            What::HospitalRemoved(hospital) => DispatchEvent::HospitalRemoved { hospital },
            What::OrderGiven(id) => DispatchEvent::OrderGiven { order: order(id)? },
            What::OrderChanged(id) => DispatchEvent::OrderChanged { order: order(id)?, entry },
            What::OrderRepeated(id) => DispatchEvent::OrderRepeated { order: order(id)? },
            What::OrderEscalated(id) => DispatchEvent::OrderEscalated { order: order(id)? },
            What::MaydayRaised(id) => DispatchEvent::MaydayRaised { mayday: mayday(id)? },
            What::MaydayRepeated(id) => DispatchEvent::MaydayRepeated { mayday: mayday(id)? },
            What::MaydayChanged(id) => DispatchEvent::MaydayChanged { mayday: mayday(id)? },
            What::ParOverdue(id) => DispatchEvent::ParOverdue { incident: incident(id)? },
        })))
    }

    /// What older clients of crews are told, each in their inbox: whole for those who are on the
    /// incident, masked for those who left it. Not numbered: their clients ask for what they have.
    fn crew_events(&self, word: &Word, at: NaiveDateTime) -> Vec<Event> {
        let Some(view) = self.incidents.get(&word.incident) else { return Vec::new() };
        let named = view.units.iter().filter_map(|unit| unit.paramedic.as_ref());
        let crew = view.units.iter().flat_map(|unit| unit.crew.iter());
        let on: Vec<UserId> = named.chain(crew).map(|person| person.id).collect();
        let mut users = word.users.clone();
        if word.news == CrewNews::Status {
            users.extend(&on);
        }
        users.sort_unstable();
        users.dedup();
        let event = |user: UserId| {
            let is_on = on.contains(&user);
            let incident = if is_on { view.clone() } else { view.clone().redacted() };
            let body = OlderEvent::Incident { news: word.news, incident: Box::new(incident) };
            Event { topic: Topic::Inbox(user), seq: None, at, body: EventBody::Older(body) }
        };
        users.into_iter().map(event).collect()
    }

    /// Where it is told.
    fn topics(&self, note: &Note) -> Vec<Topic> {
        let units_of = |id: Option<IncidentId>| {
            let view = id.and_then(|id| self.incidents.get(&id));
            view.into_iter().flat_map(|view| view.units.iter().map(|unit| unit.unit))
        };
        let mut units: Vec<UnitId> = note.also.clone();
        match note.what {
            What::IncidentOpened(id) | What::IncidentChanged(id) | What::ParOverdue(id) => {
                units.extend(units_of(Some(id)));
            }
            What::UnitChanged(id) => units.push(id),
            What::OrderGiven(id)
            | What::OrderChanged(id)
            | What::OrderRepeated(id)
            | What::OrderEscalated(id) => units.extend(self.orders.get(&id).map(|view| view.unit)),
            What::MaydayRaised(id) | What::MaydayRepeated(id) | What::MaydayChanged(id) => {
                let view = self.maydays.get(&id);
                units.extend(view.and_then(|view| view.unit));
                units.extend(units_of(view.and_then(|view| view.incident)));
            }
            What::UnitRemoved(_) | What::HospitalChanged(_) | What::HospitalRemoved(_) => {}
        }
        units.sort_unstable();
        units.dedup();
        // A repeat is for the crew's devices; dispatchers are told when it escalates.
        let board = !matches!(note.what, What::OrderRepeated(_));
        board
            .then_some(Topic::Board)
            .into_iter()
            .chain(units.into_iter().map(Topic::Unit))
            .collect()
    }
}

/// Whether the listeners of a topic may see an incident whole: the board's are dispatchers, and a
/// unit's crew is the assigned crew while its order has not ended.
pub fn sees_whole(topic: &Topic, incident: &IncidentView) -> bool {
    match topic {
        Topic::Board => true,
        Topic::Unit(unit) => incident.units.iter().any(|on| on.unit == *unit),
        _ => false,
    }
}

#[derive(Debug, Clone)]
struct Note {
    what: What,
    entry: Option<TimelineEntry>,
    /// Units told besides those it concerns by itself.
    also: Vec<UnitId>,
}

/// An entry of another kind of topic: the incident's conversation, someone's inbox.
#[derive(Debug, Clone)]
pub struct Aside {
    pub topic: Topic,
    pub entity: Option<i64>,
    pub delta: Option<String>,
    pub body: EventBody,
}

/// What older clients of crews are told of an incident, in their inboxes.
#[derive(Debug)]
struct Word {
    incident: IncidentId,
    news: CrewNews,
    /// Told besides those who are on it.
    users: Vec<UserId>,
}

/// What a command leaves to be told.
#[derive(Debug, Default)]
pub struct Ledger {
    notes: Vec<Note>,
    words: Vec<Word>,
    asides: Vec<Aside>,
    /// Events whose journal entries are written already: notifications.
    pub told: Vec<Event>,
    /// Who lost which topic.
    pub unseated: Vec<(Topic, UserId)>,
}

impl Ledger {
    /// Something happened.
    pub fn note(&mut self, what: What, entry: Option<TimelineEntry>) {
        self.note_also(what, entry, Vec::new());
    }

    /// Something happened that these units are told too.
    pub fn note_also(&mut self, what: What, entry: Option<TimelineEntry>, also: Vec<UnitId>) {
        // Two plain changes of one thing in one command are one change.
        if entry.is_none() {
            let known = self.notes.iter_mut().find(|note| note.what == what);
            if let Some(known) = known {
                known.also.extend(also);
                return;
            }
        }
        self.notes.push(Note { what, entry, also });
    }

    /// Takes in what a part of the command leaves.
    pub fn join(&mut self, part: Self) {
        for Note { what, entry, also } in part.notes {
            self.note_also(what, entry, also);
        }
        for Word { incident, news, users } in part.words {
            self.tell_crew(incident, news, users);
        }
        self.asides.extend(part.asides);
        self.told.extend(part.told);
        self.unseated.extend(part.unseated);
    }

    /// Something happened to an incident that older clients of its crews are told. An order is
    /// told to those it is for, anything else to everyone on the incident too.
    pub fn tell_crew(&mut self, incident: IncidentId, news: CrewNews, users: Vec<UserId>) {
        let known = self.words.iter_mut();
        match known.into_iter().find(|word| (word.incident, word.news) == (incident, news)) {
            Some(known) => known.users.extend(users),
            None => self.words.push(Word { incident, news, users }),
        }
    }

    /// Something for another kind of topic.
    pub fn aside(&mut self, aside: Aside) {
        self.asides.push(aside);
    }

    /// Writes every journal entry, topics in the order of their ids, and returns the events.
    ///
    /// # Errors
    /// When the database failed.
    pub fn settle(
        &self,
        conn: &mut DbConn,
        actor: Option<UserId>,
        at: NaiveDateTime,
    ) -> Result<Vec<Event>, StoreError> {
        let things = Things::load(conn, self.notes.iter().map(|note| note.what))?;
        let mut told: Vec<(Topic, NewEntry, EventBody)> = Vec::new();
        for note in &self.notes {
            let entry = note.entry.as_ref().map(|entry| entry.id);
            let delta = entry.and_then(|_| serde_json::to_string(&Trace { entry }).ok());
            for topic in things.topics(note) {
                let Some(body) = things.body(&topic, note.what, note.entry.clone()) else {
                    continue;
                };
                let entity = Some(note.what.entity());
                let kind = body.name();
                let line = NewEntry { kind, actor, entity, delta: delta.clone(), created_at: at };
                told.push((topic, line, body));
            }
        }
        for Aside { topic, entity, delta, body } in self.asides.iter().cloned() {
            let line = NewEntry { kind: body.name(), actor, entity, delta, created_at: at };
            told.push((topic, line, body));
        }
        let mut events = self.told.clone();
        events.extend(append_all(conn, told, at)?);
        events.extend(self.words.iter().flat_map(|word| things.crew_events(word, at)));
        Ok(events)
    }
}

fn append_all(
    conn: &mut DbConn,
    told: Vec<(Topic, NewEntry, EventBody)>,
    at: NaiveDateTime,
) -> Result<Vec<Event>, StoreError> {
    let mut ids: HashMap<Topic, TopicId> = HashMap::new();
    let mut lines: BTreeMap<TopicId, Vec<NewEntry>> = BTreeMap::new();
    for (topic, line, _) in &told {
        let id = match ids.get(topic) {
            Some(id) => *id,
            None => {
                let id = journal::ensure_topic(conn, &topic.to_string())?.topic;
                ids.insert(topic.clone(), id);
                id
            }
        };
        lines.entry(id).or_default().push(line.clone());
    }
    let mut next: HashMap<TopicId, i64> = HashMap::new();
    for (id, lines) in &lines {
        next.insert(*id, journal::append(conn, *id, lines)?);
    }
    let mut events = Vec::with_capacity(told.len());
    for (topic, _, body) in told {
        let seq = ids.get(&topic).and_then(|id| next.get_mut(id)).map(|next| {
            *next += 1;
            *next - 1
        });
        events.push(Event { topic, seq, at, body });
    }
    Ok(events)
}
