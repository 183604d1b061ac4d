//! One dispatch command being done: who does it, when, under which settings, and what it leaves.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDateTime;

use crate::actors::dispatch::eta::Eta;
use crate::actors::dispatch::ledger::Ledger;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::exchange::Exchange;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{self, Action, Grant, Relation, Subject};
use crate::ids::{HospitalId, IncidentId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::hospital::{self, Hospital};
use crate::models::incident::{self, Incident};
use crate::models::lifecycle::Illegal;
use crate::models::order;
use crate::models::shift;
use crate::models::store::DbConn;
use crate::models::timeline::{self, NewEntry};
use crate::models::unit::{self, Unit};
use crate::protocol::dispatch::{DeviceTime, Priority};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::dispatch::TimelineEntry;

/// The settings dispatch acts by.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// How long an order may go unanswered, for LOW, MEDIUM, HIGH and CRITICAL.
    pub answer_within: [Duration; 4],
    /// How often an unanswered order is repeated on the crew's devices.
    pub order_repeat: Duration,
    /// How often an unanswered mayday is repeated to the dispatchers.
    pub mayday_repeat: Duration,
    /// How often crews must check in unless the incident says otherwise.
    pub par_every: Duration,
    /// How often a missed check-in is told again.
    pub par_repeat: Duration,
    /// How long after its end an incident may still be corrected.
    pub lock_after: Duration,
    /// How far a device's clock may be ahead of ours.
    pub device_ahead: Duration,
    /// How old a change may be that a device kept.
    pub device_behind: Duration,
    pub images_per_incident: i64,
    /// How often deadlines are looked at.
    pub sweep: Duration,
    /// Least time between two positions of one unit that are told.
    pub position_rest: Duration,
    /// How often positions are written to the database.
    pub position_keep: Duration,
    /// How long a unit may be silent before its position is marked as stale …
    pub position_stale: Duration,
    /// … and as lost: no longer relied on.
    pub position_lost: Duration,
    /// How often a moving or resting unit leaves a sample in its trail …
    pub trail_every: Duration,
    /// … and after how many meters before that.
    pub trail_meters: f64,
    /// How long a crew should rest between two shifts.
    pub crew_rest: Duration,
    /// How long a shift may last before it speaks against a crew.
    pub shift_long: Duration,
    /// Estimates arrivals.
    pub eta: Arc<dyn Eta>,
}

impl DispatchSettings {
    /// How long an order of this priority may go unanswered.
    pub fn answer_within(&self, priority: Priority) -> Duration {
        let [low, medium, high, critical] = self.answer_within;
        match priority {
            Priority::Low => low,
            Priority::Medium => medium,
            Priority::High => high,
            Priority::Critical => critical,
        }
    }
}

/// A duration as the calendar counts it.
pub fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX)
}

/// Who does something.
#[derive(Debug, Clone, Copy)]
pub enum Doer<'a> {
    Person(&'a Identity),
    /// The server, for a deadline or for someone who has no account.
    Server,
}

impl Doer<'_> {
    /// Their id, if they have an account.
    pub fn id(&self) -> Option<UserId> {
        match self {
            Self::Person(who) => Some(who.user),
            Self::Server => None,
        }
    }

    /// What the timeline calls them.
    pub fn name(&self) -> String {
        match self {
            Self::Person(who) => who.display_name.to_string(),
            Self::Server => "server".to_owned(),
        }
    }
}

/// A command being done.
pub struct Work<'a> {
    pub conn: &'a mut DbConn,
    pub who: Doer<'a>,
    pub settings: &'a DispatchSettings,
    /// Knows who listens.
    pub exchange: &'a Exchange,
    /// One moment for all that this command does.
    pub now: NaiveDateTime,
    pub ledger: Ledger,
    /// Alarms of this command that reached nobody.
    pub unheard: Vec<Unheard>,
}

/// A clash with how things stand: `conflict`, naming field and rule.
pub fn clash(field: &'static str, rule: impl Into<String>) -> Fault {
    let refusal = Refusal::field(field, rule.into());
    Fault::Refused(Refusal { code: Code::Conflict, ..refusal })
}

/// A field that breaks a rule: `bad_request`.
pub fn broken(field: &'static str, rule: impl Into<String>) -> Fault {
    Fault::Refused(Refusal::field(field, rule.into()))
}

/// A step that the lifecycle does not have.
pub fn illegal(field: &'static str, illegal: &Illegal) -> Fault {
    clash(field, illegal.to_string())
}

/// Checks a text: its length in characters, and no NUL.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), Fault> {
    if text.chars().count() > limit {
        return Err(broken(field, format!("at most {limit} characters")));
    }
    if text.contains('\0') {
        return Err(broken(field, "without NUL characters"));
    }
    Ok(())
}

/// [`check_text`] for a text that must say something.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check_said(field: &'static str, text: &str, limit: usize) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(broken(field, "not blank"));
    }
    check_text(field, text, limit)
}

impl<'a> Work<'a> {
    /// A command about to be done.
    pub fn new(
        conn: &'a mut DbConn,
        who: Doer<'a>,
        settings: &'a DispatchSettings,
        exchange: &'a Exchange,
        now: NaiveDateTime,
    ) -> Self {
        let (ledger, unheard) = (Ledger::default(), Vec::new());
        Self { conn, who, settings, exchange, now, ledger, unheard }
    }

    /// How many sockets of dispatchers listen to the board of this process and can answer an
    /// alarm; one that is just being opened may count as one too few, never as one too many.
    pub fn heard(&self) -> u32 {
        self.exchange.hearing()
    }

    /// How many sockets listen to a unit's topic.
    pub fn listening(&self, unit: UnitId) -> u32 {
        self.exchange.seats(&Topic::Unit(unit))
    }

    /// Asks the policy.
    ///
    /// # Errors
    /// Its refusal.
    pub fn require(
        &self,
        kind: TopicKind,
        action: Action,
        relation: Relation,
    ) -> Result<Grant, Fault> {
        let subject = match self.who {
            Doer::Person(who) => Subject::Person(who),
            Doer::Server => Subject::Server,
        };
        Ok(policy::decide(kind, action, subject, relation)?)
    }

    /// An incident that may still change, at the version the asker saw.
    ///
    /// # Errors
    /// `not_found`; `conflict` when it is locked or has moved on.
    pub fn incident(&mut self, id: IncidentId, version: Option<i64>) -> Result<Incident, Fault> {
        let found = incident::by_id(self.conn, id)?;
        let found = found.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
        if found.is_locked(self.now) {
            return Err(clash("data.incident", "not locked; it closed too long ago to change"));
        }
        check_version(version, found.version)?;
        Ok(found)
    }

    /// An incident that is not over, at the version the asker saw.
    ///
    /// # Errors
    /// Those of [`Work::incident`]; `conflict` when it is over.
    pub fn open_incident(
        &mut self,
        id: IncidentId,
        version: Option<i64>,
    ) -> Result<Incident, Fault> {
        let found = self.incident(id, version)?;
        if found.status.is_over() {
            return Err(clash(
                "data.incident",
                format!("open; {} is {}", found.call_id, found.status),
            ));
        }
        Ok(found)
    }

    /// A unit on the list.
    ///
    /// # Errors
    /// `not_found`.
    pub fn unit(&mut self, id: UnitId) -> Result<Unit, Fault> {
        let found = unit::by_id(self.conn, id)?;
        found.ok_or_else(|| Fault::Refused(Refusal::not_found()))
    }

    /// A hospital on the list.
    ///
    /// # Errors
    /// `not_found`.
    pub fn hospital(&mut self, id: HospitalId) -> Result<Hospital, Fault> {
        let found = hospital::by_id(self.conn, id)?;
        found.ok_or_else(|| Fault::Refused(Refusal::not_found()))
    }

    /// How the doer stands to a unit.
    ///
    /// # Errors
    /// When the database failed.
    pub fn relation_to_unit(&mut self, id: UnitId) -> Result<Relation, StoreError> {
        let Some(user) = self.who.id() else { return Ok(Relation::Stranger) };
        let is_crew = shift::is_crew(self.conn, id, user)?;
        Ok(if is_crew { Relation::Crew } else { Relation::Stranger })
    }

    /// How the doer stands to an incident: crew of a unit that is on it, or nothing.
    ///
    /// # Errors
    /// When the database failed.
    pub fn relation_to(&mut self, id: IncidentId) -> Result<Relation, StoreError> {
        for open in order::open_of(self.conn, id)? {
            if self.relation_to_unit(open.unit_id)? == Relation::Crew {
                return Ok(Relation::Crew);
            }
        }
        Ok(Relation::Stranger)
    }

    /// The moment a device tells, within what its clock may be off; now without one. Never later
    /// than now.
    ///
    /// # Errors
    /// `bad_request` when it is too far off.
    pub fn moment(&self, told: Option<DeviceTime>) -> Result<Moment, Fault> {
        Ok(device_moment(told, self.settings, self.now)?)
    }

    /// Adds to the timeline.
    ///
    /// # Errors
    /// When the database failed.
    pub fn log(&mut self, entry: NewEntry) -> Result<TimelineEntry, StoreError> {
        let (actor, actor_name) = (self.who.id(), self.who.name());
        timeline::add(self.conn, NewEntry { actor, actor_name, server_at: self.now, ..entry })
    }

    /// Notes an alarm that reached nobody; whether that is so.
    pub fn missed(&mut self, unheard: Unheard) -> bool {
        if self.heard() > 0 {
            return false;
        }
        self.unheard.push(unheard);
        true
    }
}

/// The moment a device tells, within what its clock may be off; `now` without one. Never later than
/// `now`.
///
/// # Errors
/// `bad_request` when it is too far off.
pub fn device_moment(
    told: Option<DeviceTime>,
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<Moment, Refusal> {
    let Some(told) = told else { return Ok(Moment::at(now)) };
    if told.at > now + span(settings.device_ahead) {
        let most = settings.device_ahead.as_secs();
        let rule = format!("at most {most} s ahead of the server's clock");
        return Err(Refusal::field("data.at", rule));
    }
    if told.at < now - span(settings.device_behind) {
        let most = settings.device_behind.as_secs();
        return Err(Refusal::field("data.at", format!("at most {most} s ago")));
    }
    let (device_at, utc_offset_min) = (Some(told.at), told.utc_offset_min);
    Ok(Moment { at: told.at.min(now), device_at, utc_offset_min, client_id: None })
}

/// When something happened, by which clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: NaiveDateTime,
    pub device_at: Option<NaiveDateTime>,
    pub utc_offset_min: i32,
    /// The device's own id of what happened, kept with the first entry about it.
    pub client_id: Option<String>,
}

impl Moment {
    /// A moment by the server's clock.
    pub fn at(at: NaiveDateTime) -> Self {
        Self { at, device_at: None, utc_offset_min: 0, client_id: None }
    }

    /// The same moment for further entries about what happened.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { client_id: None, ..self.clone() }
    }

    /// The entry of the timeline begun with both clocks.
    pub fn entry(&self, kind: &'static str) -> NewEntry {
        NewEntry {
            kind,
            device_at: self.device_at,
            utc_offset_min: self.utc_offset_min,
            client_id: self.client_id.clone(),
            ..NewEntry::default()
        }
    }
}

/// Whether the asker saw the thing as it is.
///
/// # Errors
/// `conflict` naming the version it has now.
pub fn check_version(seen: Option<i64>, is: i64) -> Result<(), Fault> {
    match seen {
        Some(seen) if seen != is => {
            Err(clash("data.version", format!("{is}, which it has by now; look again")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
impl DispatchSettings {
    /// Those of a server that nobody has set.
    pub fn of_tests() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            answer_within: [5 * minute, 2 * minute, minute, minute / 2],
            order_repeat: 10 * second,
            mayday_repeat: 5 * second,
            par_every: 20 * minute,
            par_repeat: minute,
            lock_after: 24 * 60 * minute,
            images_per_incident: 10,
            device_ahead: 2 * minute,
            device_behind: 24 * 60 * minute,
            sweep: second / 4,
            position_rest: second / 5,
            position_keep: second,
            position_stale: minute,
            position_lost: 30 * minute,
            trail_every: 15 * second,
            trail_meters: 100.0,
            crew_rest: 8 * 60 * minute,
            shift_long: 12 * 60 * minute,
            eta: Arc::new(crate::actors::dispatch::eta::StraightLine { kmh: 40.0 }),
        }
    }
}
