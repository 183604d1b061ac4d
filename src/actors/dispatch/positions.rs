//! Where units are, in memory: whose positions count, the newest of each unit, and when each is
//! told and kept. Told as they come and kept in batches, so that a report costs no transaction of
//! its own.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::actors::dispatch::eta::{Place, meters};
use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::work::{DispatchSettings, Moment, Work, device_moment, span};
use crate::actors::join::Prepared;
use crate::actors::lane::Fault;
use crate::clock;
use crate::ids::{UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::order;
use crate::models::position::{self, Fix, Mark};
use crate::models::store::DbConn;
use crate::models::timeline::NewEntry;
use crate::models::unit;
use crate::protocol::command::fleet::PositionReport;
use crate::protocol::dispatch::PositionState;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::Snapshot;
use crate::protocol::views::dispatch::UnitView;
use crate::protocol::views::positions::PositionView;

/// How long it is believed who is of which crew; authority that was lost is lost within it.
const ROSTER_HOLDS: Duration = Duration::from_secs(1);
/// Silent units marked in one transaction; the rest waits for the next look.
const AT_ONCE: i64 = 200;

/// Who is of which crew, as it was read a moment ago.
#[derive(Debug)]
struct Roster {
    read_at: Instant,
    /// Units of each person, the one they are on shift on first.
    units: HashMap<UserId, Vec<UnitId>>,
}

/// The newest position of a unit.
#[derive(Debug)]
struct Track {
    newest: Fix,
    /// When one was last told.
    told_at: Instant,
    /// Whether the newest waits to be told.
    is_held: bool,
    /// Whether the newest is in the database.
    is_kept: bool,
    /// The last sample of the trail.
    traced: Option<Fix>,
}

#[derive(Debug, Default)]
struct State {
    roster: Option<Roster>,
    tracks: HashMap<UnitId, Track>,
}

/// The positions of all units that were reported to this process.
#[derive(Debug, Default)]
pub struct Positions(Mutex<State>);

/// How someone stands to the unit whose position they report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They are of its crew.
    Crew(UnitId),
    /// They are not.
    Stranger,
    /// It must be read first.
    Unknown,
}

/// What becomes of a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Tell it now.
    Tell(PositionView),
    /// It is the first that waits for its turn: ask for it after this long.
    Wait(Duration),
    /// Another waits already, and this one took its place.
    Waits,
    /// The unit has a newer one.
    Old,
}

/// A position to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub unit: UnitId,
    pub fix: Fix,
    /// Whether it is a sample of the trail too.
    pub is_traced: bool,
}

/// Reads a report: where the unit is, and when by which clock.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn fix_of(
    report: &PositionReport,
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<Fix, Refusal> {
    if report.latitude.0.abs() > 90_000_000 {
        return Err(Refusal::field("data.latitude", "from -90 to 90"));
    }
    let Moment { at, .. } = device_moment(report.at, settings, now)?;
    Ok(Fix {
        latitude: report.latitude,
        longitude: report.longitude,
        accuracy_m: whole("data.accuracy_m", report.accuracy_m, 100_000.0)?,
        // Some devices call north 360.
        heading_deg: whole("data.heading_deg", report.heading_deg, 360.0)?.map(|deg| deg % 360),
        speed_kmh: whole("data.speed_kmh", report.speed_kmh, 1_200.0)?,
        fixed_at: at,
        received_at: now,
    })
}

fn whole(field: &'static str, value: Option<f64>, most: f64) -> Result<Option<i32>, Refusal> {
    match value {
        Some(value) if !(0.0..=most).contains(&value) => {
            Err(Refusal::field(field, format!("from 0 to {most}")))
        }
        #[expect(clippy::cast_possible_truncation, reason = "within 0 to 100000 by the check")]
        value => Ok(value.map(|value| value.round() as i32)),
    }
}

impl Positions {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How someone stands to the unit they name, or to their own when they name none.
    pub fn standing(&self, who: UserId, named: Option<UnitId>, now: Instant) -> Standing {
        let state = self.lock();
        let fresh = |roster: &&Roster| now.saturating_duration_since(roster.read_at) < ROSTER_HOLDS;
        let Some(roster) = state.roster.as_ref().filter(fresh) else { return Standing::Unknown };
        let own = roster.units.get(&who).map_or(&[][..], Vec::as_slice);
        let found = match named {
            Some(named) => own.iter().find(|unit| **unit == named),
            None => own.first(),
        };
        found.map_or(Standing::Stranger, |unit| Standing::Crew(*unit))
    }

    /// Takes in who is of which crew; the reading began at `read_at`.
    pub fn enlist(&self, on_duty: Vec<(UserId, UnitId)>, read_at: Instant) {
        let mut units: HashMap<UserId, Vec<UnitId>> = HashMap::new();
        for (user, unit) in on_duty {
            units.entry(user).or_default().push(unit);
        }
        self.lock().roster = Some(Roster { read_at, units });
    }

    /// Takes a position of a unit. One that comes sooner than `rest` after the last that was told
    /// waits, and the newest that came meanwhile is told in its place.
    pub fn take(
        &self,
        unit: UnitId,
        fix: Fix,
        now: Instant,
        (rest, silence): (Duration, Duration),
    ) -> Turn {
        let mut state = self.lock();
        let Some(track) = state.tracks.get_mut(&unit) else {
            let (is_held, is_kept, traced) = (false, false, None);
            let track = Track { newest: fix, told_at: now, is_held, is_kept, traced };
            state.tracks.insert(unit, track);
            return Turn::Tell(fix.view(unit));
        };
        let is_silent = track.newest.received_at + span(silence) < fix.received_at;
        if fix.fixed_at < track.newest.fixed_at && !is_silent {
            return Turn::Old;
        }
        (track.newest, track.is_kept) = (fix, false);
        let left = rest.saturating_sub(now.saturating_duration_since(track.told_at));
        if left > Duration::ZERO {
            let waits = std::mem::replace(&mut track.is_held, true);
            return if waits { Turn::Waits } else { Turn::Wait(left) };
        }
        // Whoever was to tell a held one may be gone with its board.
        (track.is_held, track.told_at) = (false, now);
        Turn::Tell(fix.view(unit))
    }

    /// The position that waited for its turn, which has come.
    pub fn turn_of(&self, unit: UnitId, now: Instant) -> Option<PositionView> {
        let mut state = self.lock();
        let track = state.tracks.get_mut(&unit).filter(|track| track.is_held)?;
        (track.is_held, track.told_at) = (false, now);
        Some(track.newest.view(unit))
    }

    /// The positions that the database does not have yet, by unit.
    pub fn to_keep(&self, settings: &DispatchSettings) -> Vec<Kept> {
        let state = self.lock();
        let waiting = state.tracks.iter().filter(|(_, track)| !track.is_kept);
        let kept = |(unit, track): (&UnitId, &Track)| {
            let fix = track.newest;
            let is_traced = track.traced.is_none_or(|last| is_sample(&last, &fix, settings));
            Kept { unit: *unit, fix, is_traced }
        };
        let mut all: Vec<Kept> = waiting.map(kept).collect();
        all.sort_unstable_by_key(|kept| kept.unit);
        all
    }

    /// These are in the database now.
    pub fn have_kept(&self, all: &[Kept]) {
        let mut state = self.lock();
        for Kept { unit, fix, is_traced } in all {
            let Some(track) = state.tracks.get_mut(unit) else { continue };
            // A newer one may have come meanwhile.
            track.is_kept = track.newest == *fix;
            if *is_traced {
                track.traced = Some(*fix);
            }
        }
    }

    /// Puts what is newer here than in what was read of the database into a snapshot. Read while
    /// the newest was written, it may hold the one before; and another process may know better.
    pub fn freshen(&self, mut prepared: Prepared, settings: &DispatchSettings) -> Prepared {
        let now = clock::now_naive();
        match &mut prepared.snapshot {
            Some(Snapshot::Board(board)) => {
                board.units.iter_mut().for_each(|unit| self.show_in(unit, settings, now));
            }
            Some(Snapshot::Unit(crew)) => self.show_in(&mut crew.unit, settings, now),
            Some(Snapshot::Positions(shown)) => self.join_into(&mut shown.positions, settings),
            _ => {}
        }
        prepared
    }

    fn show_in(&self, view: &mut UnitView, settings: &DispatchSettings, now: NaiveDateTime) {
        let state = self.lock();
        let Some(Track { newest, .. }) = state.tracks.get(&view.id) else { return };
        if !is_newer(newest, view.fixed_at, view.position_at, settings) {
            return;
        }
        newest.show_in(view);
        let age = now - newest.received_at;
        view.position_age_s = Some(age.num_seconds().max(0));
        view.position_state = match age {
            age if age > span(settings.position_lost) => PositionState::Lost,
            age if age > span(settings.position_stale) => PositionState::Stale,
            _ => PositionState::Live,
        };
    }

    fn join_into(&self, positions: &mut Vec<PositionView>, settings: &DispatchSettings) {
        let state = self.lock();
        for (unit, Track { newest, is_kept, .. }) in &state.tracks {
            match positions.iter_mut().find(|known| known.unit == *unit) {
                Some(known)
                    if is_newer(newest, known.fixed_at, Some(known.received_at), settings) =>
                {
                    *known = newest.view(*unit);
                }
                Some(_) => {}
                // One that is kept and yet not found is of a unit that was taken off the list.
                None if *is_kept => {}
                None => positions.push(newest.view(*unit)),
            }
        }
        positions.sort_unstable_by_key(|position| position.unit);
    }
}

/// Whether a fix is newer than the one that was read, as [`position::place`] tells them apart.
fn is_newer(
    fix: &Fix,
    fixed_at: Option<NaiveDateTime>,
    received_at: Option<NaiveDateTime>,
    settings: &DispatchSettings,
) -> bool {
    let Some(received_at) = received_at else { return true };
    let is_silent = received_at + span(settings.position_stale) < fix.received_at;
    received_at < fix.received_at
        && (is_silent || fixed_at.is_none_or(|fixed_at| fixed_at <= fix.fixed_at))
}

/// Whether a fix is worth a place in the trail after the last one there.
fn is_sample(last: &Fix, fix: &Fix, settings: &DispatchSettings) -> bool {
    let place = |fix: &Fix| Place { latitude: fix.latitude, longitude: fix.longitude };
    fix.received_at - last.received_at >= span(settings.trail_every)
        || meters(place(last), place(fix)) >= settings.trail_meters
}

/// Keeps positions, and tells the boards of units that are silent no longer.
///
/// # Errors
/// When the database failed.
pub fn keep(work: &mut Work<'_>, all: &[Kept]) -> Result<(), Fault> {
    let units: Vec<UnitId> = all.iter().map(|kept| kept.unit).collect();
    let silent = position::silent_among(work.conn, &units)?;
    for Kept { unit, fix, is_traced } in all {
        let silent_before = fix.received_at - span(work.settings.position_stale);
        let has_moved = position::place(work.conn, *unit, fix, silent_before)?;
        if *is_traced {
            position::trace(work.conn, *unit, fix)?;
        }
        if has_moved && silent.contains(unit) {
            work.ledger.note(What::UnitChanged(*unit), None);
        }
    }
    tell_older(work, &units)
}

/// Tells older boards, if there are any, where units are now, each with all that is known of it.
fn tell_older(work: &mut Work<'_>, units: &[UnitId]) -> Result<(), Fault> {
    if work.exchange.deaf() == 0 {
        return Ok(());
    }
    for unit in unit::views(work.conn, Some(units))? {
        let body = EventBody::Older(OlderEvent::Located { unit: Box::new(unit) });
        work.ledger.told.push(Event { topic: Topic::Board, seq: None, at: work.now, body });
    }
    Ok(())
}

/// Whether a unit fell silent that is not marked yet.
///
/// # Errors
/// When the database failed.
pub fn has_silent(
    conn: &mut DbConn,
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<bool, StoreError> {
    let (stale, lost) = (now - span(settings.position_stale), now - span(settings.position_lost));
    Ok(!position::silent_since(conn, Mark::Stale, stale, 1)?.is_empty()
        || !position::silent_since(conn, Mark::Lost, lost, 1)?.is_empty())
}

/// Marks units that fell silent, and tells the boards once for each mark.
///
/// # Errors
/// When the database failed.
pub fn mark_silent(work: &mut Work<'_>) -> Result<(), Fault> {
    let marks = [
        (Mark::Stale, work.settings.position_stale, "unit.silent"),
        (Mark::Lost, work.settings.position_lost, "unit.lost"),
    ];
    for (mark, after, kind) in marks {
        let before = work.now - span(after);
        for (unit, heard_at) in position::silent_since(work.conn, mark, before, AT_ONCE)? {
            position::mark(work.conn, unit, mark, work.now)?;
            let age = heard_at.map_or(0, |at| (work.now - at).num_seconds());
            // Of a unit that is on no incident nobody will ask later when it fell silent.
            let entry = match order::of_unit(work.conn, unit)? {
                Some(bound) => Some(work.log(NewEntry {
                    incident: Some(bound.incident_id),
                    unit: Some(unit),
                    order: Some(bound.id),
                    kind,
                    detail: format!("no position for {age} s"),
                    ..NewEntry::default()
                })?),
                None => None,
            };
            work.ledger.note(What::UnitChanged(unit), entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dispatch::Degrees;

    const REST: Duration = Duration::from_millis(200);
    const SILENCE: Duration = Duration::from_secs(60);
    const PACE: (Duration, Duration) = (REST, SILENCE);

    fn at(ms: i64) -> NaiveDateTime {
        let start: NaiveDateTime = "2026-11-21T10:00:00".parse().unwrap();
        start + chrono::Duration::milliseconds(ms)
    }

    fn fix(latitude: i32, fixed_ms: i64, received_ms: i64) -> Fix {
        Fix {
            latitude: Degrees(latitude),
            longitude: Degrees(0),
            accuracy_m: None,
            heading_deg: None,
            speed_kmh: None,
            fixed_at: at(fixed_ms),
            received_at: at(received_ms),
        }
    }

    #[test]
    fn of_positions_that_come_too_fast_the_newest_is_told_when_its_turn_comes() {
        let (positions, start, unit) = (Positions::default(), Instant::now(), UnitId(7));
        let ms = |count| start + Duration::from_millis(count);
        let first = fix(1, 0, 0);
        assert_eq!(positions.take(unit, first, start, PACE), Turn::Tell(first.view(unit)));
        let wait = positions.take(unit, fix(2, 50, 50), ms(50), PACE);
        assert_eq!(wait, Turn::Wait(Duration::from_millis(150)));
        assert_eq!(positions.take(unit, fix(3, 100, 100), ms(100), PACE), Turn::Waits);
        let told = positions.turn_of(unit, ms(200)).unwrap();
        assert_eq!(told.latitude, Degrees(3), "the one between is skipped");
        assert_eq!(positions.turn_of(unit, ms(201)), None);
        let next = fix(4, 400, 400);
        assert_eq!(positions.take(unit, next, ms(400), PACE), Turn::Tell(next.view(unit)));
    }

    #[test]
    fn a_position_whose_turn_was_lost_is_told_with_the_next() {
        let (positions, start, unit) = (Positions::default(), Instant::now(), UnitId(7));
        let ms = |count| start + Duration::from_millis(count);
        positions.take(unit, fix(1, 0, 0), start, PACE);
        assert!(matches!(positions.take(unit, fix(2, 50, 50), ms(50), PACE), Turn::Wait(_)));
        let next = fix(3, 250, 250);
        assert_eq!(positions.take(unit, next, ms(250), PACE), Turn::Tell(next.view(unit)));
        assert_eq!(positions.turn_of(unit, ms(260)), None, "nothing is held any more");
    }

    #[test]
    fn an_older_position_changes_nothing_unless_the_unit_was_silent() {
        let (positions, start, unit) = (Positions::default(), Instant::now(), UnitId(7));
        positions.take(unit, fix(1, 5_000, 5_000), start, PACE);
        let later = start + Duration::from_secs(1);
        assert_eq!(positions.take(unit, fix(2, 4_000, 6_000), later, PACE), Turn::Old);
        let behind = fix(3, 4_000, 66_000);
        assert_eq!(positions.take(unit, behind, later, PACE), Turn::Tell(behind.view(unit)));
    }

    #[test]
    fn who_is_of_a_crew_is_believed_for_a_second_and_then_read_again() {
        let (positions, start) = (Positions::default(), Instant::now());
        let (ada, bob) = (UserId(1), UserId(2));
        assert_eq!(positions.standing(ada, None, start), Standing::Unknown);
        positions.enlist(vec![(ada, UnitId(7)), (ada, UnitId(9))], start);
        assert_eq!(positions.standing(ada, None, start), Standing::Crew(UnitId(7)));
        assert_eq!(positions.standing(ada, Some(UnitId(9)), start), Standing::Crew(UnitId(9)));
        assert_eq!(positions.standing(ada, Some(UnitId(8)), start), Standing::Stranger);
        assert_eq!(positions.standing(bob, None, start), Standing::Stranger);
        assert_eq!(positions.standing(ada, None, start + ROSTER_HOLDS), Standing::Unknown);
    }

    #[test]
    fn what_came_while_the_database_wrote_is_kept_with_the_next() {
        let (positions, start, unit) = (Positions::default(), Instant::now(), UnitId(7));
        let settings = settings();
        positions.take(unit, fix(1, 0, 0), start, PACE);
        let writing = positions.to_keep(&settings);
        assert_eq!(writing, [Kept { unit, fix: fix(1, 0, 0), is_traced: true }]);
        positions.take(unit, fix(2, 1_000, 1_000), start + Duration::from_secs(1), PACE);
        positions.have_kept(&writing);
        let next = positions.to_keep(&settings);
        assert_eq!(next, [Kept { unit, fix: fix(2, 1_000, 1_000), is_traced: false }]);
        positions.have_kept(&next);
        assert!(positions.to_keep(&settings).is_empty());
    }

    #[test]
    fn what_was_read_is_replaced_by_what_is_newer_whether_it_is_kept_or_not() {
        let (positions, start) = (Positions::default(), Instant::now());
        let (unit, gone) = (UnitId(7), UnitId(9));
        for (unit, newest) in [(unit, fix(3, 5_000, 5_000)), (gone, fix(4, 5_000, 5_000))] {
            positions.take(unit, newest, start, PACE);
        }
        let shown = |read: Fix| {
            let mut shown = vec![read.view(unit)];
            positions.join_into(&mut shown, &settings());
            shown.iter().map(|one| (one.unit, one.latitude.0)).collect::<Vec<_>>()
        };
        let (older, newer) = (fix(2, 4_000, 4_000), fix(5, 6_000, 6_000));
        assert_eq!(shown(older), [(unit, 3), (gone, 4)]);
        positions.have_kept(&positions.to_keep(&settings()));
        assert_eq!(shown(older), [(unit, 3)], "kept since, and not listed any more");
        assert_eq!(shown(newer), [(unit, 5)], "another process knows better");
        assert_eq!(shown(fix(6, 5_500, 4_500)), [(unit, 6)], "fixed later, though it came before");
    }

    #[test]
    fn a_trail_has_a_sample_after_a_while_or_a_way() {
        let (last, settings) = (fix(0, 0, 0), settings());
        let way_of_100_m = 900;
        assert!(!is_sample(&last, &fix(10, 14_000, 14_000), &settings));
        assert!(is_sample(&last, &fix(10, 15_000, 15_000), &settings), "after the time");
        assert!(is_sample(&last, &fix(way_of_100_m, 1_000, 1_000), &settings), "after the way");
    }

    fn settings() -> DispatchSettings {
        DispatchSettings::of_tests()
    }

    #[test]
    fn a_report_is_refused_by_the_field_that_is_out_of_range() {
        let report = PositionReport {
            unit: None,
            latitude: Degrees(8_000_000),
            longitude: Degrees(-13_000_000),
            accuracy_m: Some(7.6),
            heading_deg: Some(360.0),
            speed_kmh: None,
            at: None,
        };
        let read = fix_of(&report, &settings(), at(0)).unwrap();
        assert_eq!((read.accuracy_m, read.heading_deg), (Some(8), Some(0)));
        assert_eq!((read.fixed_at, read.received_at), (at(0), at(0)));
        let bad = [
            (PositionReport { latitude: Degrees(90_000_001), ..report.clone() }, "data.latitude"),
            (PositionReport { accuracy_m: Some(-1.0), ..report.clone() }, "data.accuracy_m"),
            (PositionReport { heading_deg: Some(361.0), ..report.clone() }, "data.heading_deg"),
            (PositionReport { speed_kmh: Some(f64::NAN), ..report }, "data.speed_kmh"),
        ];
        for (report, field) in bad {
            let refusal = fix_of(&report, &settings(), at(0)).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some(field));
        }
    }
}
