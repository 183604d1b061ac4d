//! Which units would serve an incident best. Pure: a table of what calls for what, and an order.
//!
//! A unit fits when it can be ordered as it is and is capable of all that is asked. Among those
//! that fit, in this order: equipped as needed before lesser ones, a position that can be relied on
//! before an old one, a rested crew before a tired one where arrivals differ by less than a minute,
//! sooner before later, and not better equipped than needed. What is left is settled by the number
//! of the unit, so that the same facts give the same order everywhere.

use std::cmp::Reverse;

use crate::actors::dispatch::eta::{Eta, Place, meters};
use crate::ids::UnitId;
use crate::protocol::dispatch::{IncidentType, Priority, UnitStatus, UnitType};
use crate::protocol::views::recommendations::{
    Criterion, MeasuredFrom, NeedView, RankedView, ReasonView, ShortfallView,
};

/// Arrivals that differ by less count as the same where a crew's rest differs, in seconds.
const SAME_ARRIVAL_S: f64 = 60.0;

/// What one of a crew is like now. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whether they have an account that works and have not set themselves unavailable.
    pub is_available: bool,
    pub is_resting: bool,
    /// How long they have been on shift.
    pub on_shift_s: i64,
    /// How long they had been off shift before it; `None` when this is their first.
    pub rested_s: Option<i64>,
}

/// A unit that might be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub unit: UnitId,
    pub unit_number: String,
    pub unit_type: UnitType,
    pub capabilities: Vec<String>,
    pub status: UnitStatus,
    /// The call id of the incident it is on.
    pub on: Option<String>,
    pub crew: Vec<Member>,
    pub place: Option<Place>,
    /// Seconds since its device fixed that place.
    pub age_s: Option<i64>,
    pub home: Option<Place>,
}

/// From when on something speaks against a unit, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A position this old is not relied on.
    pub old_s: i64,
    /// Less rest than this between shifts.
    pub rest_s: i64,
    /// A shift longer than this.
    pub long_s: i64,
}

/// All units, best first, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    pub units: Vec<RankedView>,
    pub shortfalls: Vec<ShortfallView>,
}

impl Ranking {
    /// The best unit, when one fits.
    pub fn best(&self) -> Option<&RankedView> {
        self.units.first().filter(|unit| unit.fits)
    }

    /// How many fit.
    pub fn fitting(&self) -> usize {
        self.units.iter().filter(|unit| unit.fits).count()
    }
}

/// What kinds of call need at least an ADVANCED unit, and from which priority on.
const ADVANCED_FROM: &[(IncidentType, Priority)] = &[
    (IncidentType::Cardiac, Priority::Medium),
    (IncidentType::Stroke, Priority::Medium),
    (IncidentType::Respiratory, Priority::Medium),
    (IncidentType::Trauma, Priority::High),
    (IncidentType::Medical, Priority::High),
    (IncidentType::Fire, Priority::Critical),
    (IncidentType::Other, Priority::Critical),
];

/// What an incident calls for. The letter of its determinant (`09-E-1`) may raise that, for it is
/// the interrogator's own judgment: C, D and E are calls for advanced care.
pub fn need_of(
    kind: IncidentType,
    priority: Priority,
    determinant: &str,
    capabilities: &[String],
) -> NeedView {
    let by_kind = ADVANCED_FROM.iter().any(|row| row.0 == kind && priority >= row.1);
    let letter = determinant.chars().find(char::is_ascii_alphabetic);
    let by_letter = letter.is_some_and(|letter| matches!(letter.to_ascii_uppercase(), 'C'..='E'));
    let mut words: Vec<String> = capabilities.iter().map(|word| plain(word)).collect();
    words.retain(|word| !word.is_empty());
    words.sort();
    words.dedup();
    let unit_type = if by_kind || by_letter { UnitType::Advanced } else { UnitType::Basic };
    NeedView { unit_type, capabilities: words }
}

fn plain(word: &str) -> String {
    word.trim().to_lowercase()
}

/// Why a unit does not fit, in the order in which it is told of all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bar {
    Bound(Option<String>),
    OutOfService,
    Unmanned,
    Resting,
    Unavailable,
    Lacks(Vec<String>),
}

impl Bar {
    fn criterion(&self) -> Criterion {
        match self {
            Self::Bound(_) | Self::OutOfService => Criterion::Availability,
            Self::Unmanned | Self::Unavailable => Criterion::Crew,
            Self::Resting => Criterion::Rest,
            Self::Lacks(_) => Criterion::Capability,
        }
    }

    fn text(&self, status: UnitStatus) -> String {
        match self {
            Self::Bound(Some(call)) => format!("{status} on {call}"),
            Self::Bound(None) | Self::OutOfService => format!("it is {status}"),
            Self::Unmanned => "nobody is on shift on it".to_owned(),
            Self::Resting => "its crew is resting".to_owned(),
            Self::Unavailable => "its crew is not available".to_owned(),
            Self::Lacks(words) => format!("it has no {}", words.join(", no ")),
        }
    }
}

/// What stands against ordering a unit as it is.
fn bars(candidate: &Candidate, need: &NeedView) -> Vec<Bar> {
    let mut bars = Vec::new();
    match candidate.status {
        UnitStatus::Available => {}
        UnitStatus::Maintenance | UnitStatus::OutOfService => bars.push(Bar::OutOfService),
        _ => bars.push(Bar::Bound(candidate.on.clone())),
    }
    let crew = &candidate.crew;
    if crew.is_empty() {
        bars.push(Bar::Unmanned);
    } else if !crew.iter().any(|one| one.is_available && !one.is_resting) {
        let is_resting = crew.iter().any(|one| one.is_available);
        bars.push(if is_resting { Bar::Resting } else { Bar::Unavailable });
    }
    let has: Vec<String> = candidate.capabilities.iter().map(|word| plain(word)).collect();
    let lacks: Vec<String> =
        need.capabilities.iter().filter(|word| !has.contains(word)).cloned().collect();
    if !lacks.is_empty() {
        bars.push(Bar::Lacks(lacks));
    }
    bars
}

/// How far a unit is, and from where that was measured.
#[derive(Debug, Clone, Copy)]
struct Way {
    from: MeasuredFrom,
    meters: Option<f64>,
    seconds: Option<f64>,
}

fn way(candidate: &Candidate, scene: Option<Place>, eta: &dyn Eta, limits: Limits) -> Way {
    let is_old = candidate.age_s.is_none_or(|age| age > limits.old_s);
    let from = match (candidate.place, candidate.home) {
        (Some(place), _) if is_old => Some((place, MeasuredFrom::OldPosition)),
        (Some(place), _) => Some((place, MeasuredFrom::Position)),
        (None, Some(home)) => Some((home, MeasuredFrom::Home)),
        (None, None) => None,
    };
    let Some(((place, from), scene)) = from.zip(scene) else {
        return Way { from: MeasuredFrom::Unknown, meters: None, seconds: None };
    };
    Way { from, meters: Some(meters(place, scene)), seconds: eta.seconds(place, scene) }
}

/// A unit, judged.
struct Judged<'a> {
    candidate: &'a Candidate,
    bars: Vec<Bar>,
    way: Way,
    is_lesser: bool,
    is_tired: bool,
}

impl<'a> Judged<'a> {
    fn of(
        candidate: &'a Candidate,
        need: &NeedView,
        scene: Option<Place>,
        eta: &dyn Eta,
        limits: Limits,
    ) -> Self {
        let crew = || candidate.crew.iter().filter(|one| one.is_available && !one.is_resting);
        let is_tired = |one: &Member| {
            one.on_shift_s > limits.long_s || one.rested_s.is_some_and(|s| s < limits.rest_s)
        };
        Self {
            candidate,
            bars: bars(candidate, need),
            way: way(candidate, scene, eta, limits),
            is_lesser: candidate.unit_type < need.unit_type,
            is_tired: crew().any(is_tired),
        }
    }

    fn fits(&self) -> bool {
        self.bars.is_empty()
    }

    /// The smaller, the better.
    fn key(&self) -> impl Ord + use<'a> {
        let trust = match self.way.from {
            MeasuredFrom::Position => 0,
            MeasuredFrom::OldPosition => 1,
            MeasuredFrom::Home => 2,
            MeasuredFrom::Unknown => 3,
        };
        #[expect(clippy::cast_possible_truncation, reason = "seconds around the earth fit")]
        let whole = |seconds: f64| seconds.round() as i64;
        let arrives = self.way.seconds.map_or(i64::MAX, whole);
        let minute = self.way.seconds.map_or(i64::MAX, |s| whole((s / SAME_ARRIVAL_S).floor()));
        (
            (Reverse(self.fits()), self.bars.len(), self.is_lesser, trust),
            (minute, self.is_tired, arrives, self.candidate.unit_type),
            (self.candidate.unit_number.clone(), self.candidate.unit),
        )
    }

    fn reasons(&self, need: &NeedView, limits: Limits) -> Vec<ReasonView> {
        let (candidate, mut reasons) = (self.candidate, Vec::new());
        let mut say = |criterion, favors, text: String| {
            reasons.push(ReasonView { criterion, favors, text });
        };
        for bar in &self.bars {
            say(bar.criterion(), false, bar.text(candidate.status));
        }
        if self.fits() {
            say(Criterion::Availability, true, "free and manned".to_owned());
        }
        if !need.capabilities.is_empty()
            && !self.bars.iter().any(|bar| matches!(bar, Bar::Lacks(_)))
        {
            say(Criterion::Capability, true, format!("it has {}", need.capabilities.join(", ")));
        }
        let equipped = format!("{}; the call needs {}", candidate.unit_type, need.unit_type);
        say(Criterion::Equipment, !self.is_lesser, equipped);
        if let Some(meters) = self.way.meters {
            let kilometers = meters / 1_000.0;
            let text = match self.way.seconds {
                Some(s) => format!("{kilometers:.1} km, about {:.0} min", (s / 60.0).ceil()),
                None => format!("{kilometers:.1} km, no way known"),
            };
            say(Criterion::Distance, true, text);
        }
        let (is_good, text) = position_words(candidate, limits);
        say(Criterion::Position, is_good, text);
        let (short, long) = tired_words(candidate, limits);
        let lines = [short, long].into_iter().flatten();
        lines.for_each(|text| say(Criterion::Rest, false, text));
        reasons
    }

    fn view(&self, rank: usize, need: &NeedView, limits: Limits) -> RankedView {
        #[expect(clippy::cast_possible_truncation, reason = "half the earth's girth fits")]
        let whole = |value: f64| value.round() as i64;
        let candidate = self.candidate;
        RankedView {
            rank: u32::try_from(rank).unwrap_or(u32::MAX),
            unit: candidate.unit,
            unit_number: candidate.unit_number.clone(),
            unit_type: candidate.unit_type,
            status: candidate.status,
            fits: self.fits(),
            measured_from: self.way.from,
            distance_m: self.way.meters.map(whole),
            eta_s: self.way.seconds.map(whole),
            position_age_s: candidate.age_s,
            reasons: self.reasons(need, limits),
        }
    }
}

fn position_words(candidate: &Candidate, limits: Limits) -> (bool, String) {
    match (candidate.place, candidate.age_s) {
        (Some(_), Some(age)) if age <= limits.old_s => (true, format!("seen {age} s ago")),
        (Some(_), Some(age)) => {
            (false, format!("its position is {age} s old; ask where it is before relying on it"))
        }
        (Some(_), None) => (false, "nobody knows how old its position is".to_owned()),
        (None, _) if candidate.home.is_some() => {
            (false, "it never told a position; measured from its home".to_owned())
        }
        (None, _) => (false, "nobody knows where it is".to_owned()),
    }
}

/// The least rested and the longest on shift of those who would go.
fn tired_words(candidate: &Candidate, limits: Limits) -> (Option<String>, Option<String>) {
    let going = || candidate.crew.iter().filter(|one| one.is_available && !one.is_resting);
    let hours = |seconds: i64| seconds / 3_600;
    let rested = going().filter_map(|one| one.rested_s).min().filter(|s| *s < limits.rest_s);
    let on_shift = going().map(|one| one.on_shift_s).max().filter(|s| *s > limits.long_s);
    (
        rested.map(|s| format!("someone of its crew had {} h of rest before the shift", hours(s))),
        on_shift.map(|s| format!("someone of its crew is on shift for {} h", hours(s))),
    )
}

/// Ranks all units for an incident at `scene`.
pub fn rank(
    need: &NeedView,
    candidates: &[Candidate],
    scene: Option<Place>,
    eta: &dyn Eta,
    limits: Limits,
) -> Ranking {
    let judge = |candidate| Judged::of(candidate, need, scene, eta, limits);
    let mut judged: Vec<Judged<'_>> = candidates.iter().map(judge).collect();
    judged.sort_by_cached_key(Judged::key);
    let shortfalls = shortfalls(need, &judged, scene);
    let views = judged.iter().zip(1..);
    Ranking { units: views.map(|(one, rank)| one.view(rank, need, limits)).collect(), shortfalls }
}

fn shortfalls(need: &NeedView, judged: &[Judged<'_>], scene: Option<Place>) -> Vec<ShortfallView> {
    let mut all = Vec::new();
    let mut say = |criterion, text: String| all.push(ShortfallView { criterion, text });
    let fitting: Vec<&Judged<'_>> = judged.iter().filter(|one| one.fits()).collect();
    if judged.is_empty() {
        say(Criterion::Availability, "there is no unit on the list".to_owned());
    } else if fitting.is_empty() {
        for (criterion, text) in why_none(judged) {
            say(criterion, text);
        }
    } else {
        if fitting.iter().all(|one| one.is_lesser) {
            let text = format!("no free unit is {} or better", need.unit_type);
            say(Criterion::Equipment, text);
        }
        let is_trusted = |one: &&Judged<'_>| one.way.from == MeasuredFrom::Position;
        if scene.is_some() && !fitting.iter().any(is_trusted) {
            let text = "no free unit has a position that can be relied on";
            say(Criterion::Position, text.to_owned());
        }
        if fitting.iter().all(|one| one.is_tired) {
            say(Criterion::Rest, "no free unit has a rested crew".to_owned());
        }
    }
    if scene.is_none() {
        let text = "the incident has no coordinates, so distances do not count";
        say(Criterion::Distance, text.to_owned());
    }
    all
}

/// Counts what keeps units from fitting, each by the first thing that does.
fn why_none(judged: &[Judged<'_>]) -> Vec<(Criterion, String)> {
    let first = |wanted: fn(&Bar) -> bool| {
        judged.iter().filter(|one| one.bars.first().is_some_and(wanted)).count()
    };
    let counts: [(Criterion, usize, &str); 5] = [
        (Criterion::Availability, first(|bar| matches!(bar, Bar::Bound(_))), "on incidents"),
        (Criterion::Availability, first(|bar| matches!(bar, Bar::OutOfService)), "out of service"),
        (Criterion::Crew, first(|bar| matches!(bar, Bar::Unmanned)), "without anybody on shift"),
        (Criterion::Rest, first(|bar| matches!(bar, Bar::Resting)), "with a resting crew"),
        (
            Criterion::Crew,
            first(|bar| matches!(bar, Bar::Unavailable)),
            "with a crew that is not available",
        ),
    ];
    let units = |count: usize| if count == 1 { "1 unit is" } else { "units are" };
    let said = |count: usize| match count {
        1 => units(1).to_owned(),
        count => format!("{count} {}", units(count)),
    };
    let mut all: Vec<(Criterion, String)> = counts
        .into_iter()
        .filter(|(_, count, _)| *count > 0)
        .map(|(criterion, count, words)| (criterion, format!("{} {words}", said(count))))
        .collect();
    let mut lacking: Vec<&str> = judged
        .iter()
        .filter_map(|one| match one.bars.first() {
            Some(Bar::Lacks(words)) => Some(words),
            _ => None,
        })
        .flatten()
        .map(String::as_str)
        .collect();
    lacking.sort_unstable();
    lacking.dedup();
    all.extend(lacking.into_iter().map(|word| (Criterion::Capability, lacks(word, judged))));
    all
}

fn lacks(word: &str, judged: &[Judged<'_>]) -> String {
    let free = judged.iter().filter(|one| {
        matches!(one.bars.first(), Some(Bar::Lacks(words)) if words.iter().any(|w| w == word))
    });
    match free.count() {
        1 => format!("1 free unit has no {word}"),
        count => format!("{count} free units have no {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::dispatch::eta::StraightLine;
    use crate::protocol::dispatch::Degrees;

    const LIMITS: Limits = Limits { old_s: 1_800, rest_s: 8 * 3_600, long_s: 12 * 3_600 };
    const ETA: StraightLine = StraightLine { kmh: 40.0 };
    /// About a kilometer to the north, in millionths of a degree.
    const KM: i32 = 8_993;

    fn north(km: i32) -> Option<Place> {
        Some(Place { latitude: Degrees(8_000_000 + km * KM), longitude: Degrees(-13_000_000) })
    }

    fn fresh() -> Member {
        Member { is_available: true, is_resting: false, on_shift_s: 3_600, rested_s: None }
    }

    /// A free, manned unit so many kilometers away.
    fn free(number: &str, km: i32) -> Candidate {
        let id = number.bytes().fold(0, |sum, byte| sum * 256 + i64::from(byte));
        Candidate {
            unit: UnitId(id),
            unit_number: number.to_owned(),
            unit_type: UnitType::Basic,
            capabilities: Vec::new(),
            status: UnitStatus::Available,
            on: None,
            crew: vec![fresh()],
            place: north(km),
            age_s: Some(10),
            home: None,
        }
    }

    fn need(unit_type: UnitType, words: &[&str]) -> NeedView {
        NeedView { unit_type, capabilities: words.iter().map(|&word| word.to_owned()).collect() }
    }

    fn basic() -> NeedView {
        need(UnitType::Basic, &[])
    }

    fn order_of(need: &NeedView, all: &[Candidate]) -> Vec<String> {
        let ranking = rank(need, all, north(0), &ETA, LIMITS);
        ranking.units.iter().map(|one| one.unit_number.clone()).collect()
    }

    fn texts(ranking: &Ranking) -> Vec<&str> {
        ranking.shortfalls.iter().map(|one| one.text.as_str()).collect()
    }

    #[test]
    fn what_an_incident_calls_for_follows_from_kind_priority_and_determinant() {
        let level = |kind, priority, code| need_of(kind, priority, code, &[]).unit_type;
        for (kind, priority, code, expected) in [
            (IncidentType::Medical, Priority::Medium, "", UnitType::Basic),
            (IncidentType::Medical, Priority::High, "", UnitType::Advanced),
            (IncidentType::Cardiac, Priority::Low, "", UnitType::Basic),
            (IncidentType::Cardiac, Priority::Medium, "", UnitType::Advanced),
            (IncidentType::Other, Priority::Critical, "", UnitType::Advanced),
            (IncidentType::Medical, Priority::Low, "17-A-1", UnitType::Basic),
            (IncidentType::Medical, Priority::Low, "17-D-3", UnitType::Advanced),
            (IncidentType::Medical, Priority::Low, "09e1", UnitType::Advanced),
        ] {
            assert_eq!(level(kind, priority, code), expected, "{kind} {priority} {code}");
        }
        let words = [" Neonatal".to_owned(), "neonatal".to_owned(), String::new()];
        let need = need_of(IncidentType::Medical, Priority::Low, "", &words);
        assert_eq!(need.capabilities, ["neonatal"]);
    }

    #[test]
    fn the_nearest_free_unit_comes_first_and_says_how_far_it_is() {
        let all = [free("A-1", 9), free("A-2", 2), free("A-3", 5)];
        assert_eq!(order_of(&basic(), &all), ["A-2", "A-3", "A-1"]);
        let ranking = rank(&basic(), &all, north(0), &ETA, LIMITS);
        let best = ranking.best().unwrap();
        assert_eq!((best.rank, best.distance_m), (1, Some(2_000)));
        assert_eq!(best.eta_s, Some(180));
        assert!(best.reasons.iter().any(|one| one.text == "2.0 km, about 3 min"), "{best:?}");
        assert_eq!(ranking.fitting(), 3);
        assert!(texts(&ranking).is_empty());
    }

    #[test]
    fn a_unit_that_is_not_free_not_manned_or_not_capable_does_not_fit_and_says_why() {
        let member = |is_available, is_resting| Member { is_available, is_resting, ..fresh() };
        let on = Some("CALL-1".to_owned());
        let need = need(UnitType::Basic, &["neonatal"]);
        let neonatal = |one: Candidate| Candidate { capabilities: vec!["Neonatal".into()], ..one };
        let cases = [
            (
                Candidate { status: UnitStatus::EnRoute, on, ..neonatal(free("A", 1)) },
                (Criterion::Availability, "EN_ROUTE on CALL-1"),
            ),
            (
                Candidate { status: UnitStatus::Maintenance, ..neonatal(free("B", 1)) },
                (Criterion::Availability, "it is MAINTENANCE"),
            ),
            (
                Candidate { crew: Vec::new(), ..neonatal(free("C", 1)) },
                (Criterion::Crew, "nobody is on shift on it"),
            ),
            (
                Candidate { crew: vec![member(true, true)], ..neonatal(free("D", 1)) },
                (Criterion::Rest, "its crew is resting"),
            ),
            (
                Candidate { crew: vec![member(false, false)], ..neonatal(free("E", 1)) },
                (Criterion::Crew, "its crew is not available"),
            ),
            (free("F", 1), (Criterion::Capability, "it has no neonatal")),
        ];
        for (candidate, (criterion, text)) in cases {
            let far = neonatal(free("Z", 99));
            let ranking = rank(&need, &[candidate.clone(), far], north(0), &ETA, LIMITS);
            assert_eq!(ranking.best().unwrap().unit_number, "Z", "{text}: however far");
            let barred = &ranking.units[1];
            assert!(!barred.fits);
            let first = &barred.reasons[0];
            assert_eq!((first.criterion, first.text.as_str()), (criterion, text));
            assert!(!first.favors);
        }
        // One who can go is enough.
        let mixed = Candidate { crew: vec![member(true, true), fresh()], ..neonatal(free("G", 1)) };
        assert_eq!(rank(&need, &[mixed], north(0), &ETA, LIMITS).fitting(), 1);
    }

    #[test]
    fn a_lesser_unit_fits_behind_all_that_are_equipped_as_needed() {
        let advanced = need(UnitType::Advanced, &[]);
        let far = Candidate { unit_type: UnitType::Critical, ..free("A-9", 30) };
        assert_eq!(order_of(&advanced, &[free("A-1", 1), far]), ["A-9", "A-1"]);
        let ranking = rank(&advanced, &[free("A-1", 1)], north(0), &ETA, LIMITS);
        assert_eq!(ranking.fitting(), 1, "better a lesser one than none");
        assert_eq!(texts(&ranking), ["no free unit is ADVANCED or better"]);
    }

    #[test]
    fn a_position_older_than_the_limit_is_flagged_and_ranks_behind_those_to_rely_on() {
        let old = Candidate { age_s: Some(1_801), ..free("A-1", 1) };
        let edge = Candidate { age_s: Some(1_800), ..free("A-2", 20) };
        let home = Candidate { place: None, age_s: None, home: north(0), ..free("A-3", 0) };
        let nowhere = Candidate { place: None, age_s: None, ..free("A-4", 0) };
        let all = [nowhere, home, old.clone(), edge];
        assert_eq!(order_of(&basic(), &all), ["A-2", "A-1", "A-3", "A-4"]);
        let ranking = rank(&basic(), &[old], north(0), &ETA, LIMITS);
        let best = ranking.best().unwrap();
        assert_eq!(best.measured_from, MeasuredFrom::OldPosition);
        assert_eq!(best.position_age_s, Some(1_801));
        let flag = best.reasons.iter().find(|one| one.criterion == Criterion::Position).unwrap();
        assert!(!flag.favors && flag.text.contains("1801 s old"), "{flag:?}");
        assert_eq!(texts(&ranking), ["no free unit has a position that can be relied on"]);
    }

    #[test]
    fn a_rested_crew_goes_first_where_arrivals_are_about_the_same() {
        let tired = Member { on_shift_s: 13 * 3_600, ..fresh() };
        let short = Member { rested_s: Some(5 * 3_600), ..fresh() };
        for member in [tired, short] {
            let near = Candidate { crew: vec![member], ..free("A-1", 4) };
            assert_eq!(order_of(&basic(), &[near.clone(), free("A-2", 4)]), ["A-2", "A-1"]);
            assert_eq!(order_of(&basic(), &[near.clone(), free("A-2", 9)]), ["A-1", "A-2"]);
            let ranking = rank(&basic(), &[near], north(0), &ETA, LIMITS);
            let rest = |one: &&ReasonView| one.criterion == Criterion::Rest;
            assert!(ranking.units[0].reasons.iter().find(rest).is_some_and(|one| !one.favors));
            assert_eq!(texts(&ranking), ["no free unit has a rested crew"]);
        }
    }

    #[test]
    fn a_better_unit_than_needed_is_spared_when_all_else_is_the_same() {
        let critical = Candidate { unit_type: UnitType::Critical, ..free("A-1", 3) };
        assert_eq!(order_of(&basic(), &[critical, free("A-2", 3)]), ["A-2", "A-1"]);
    }

    #[test]
    fn when_nothing_fits_what_is_missing_is_named_and_counted() {
        assert_eq!(
            texts(&rank(&basic(), &[], north(0), &ETA, LIMITS)),
            ["there is no unit on the list"]
        );
        let all = [
            Candidate { status: UnitStatus::OnScene, ..free("A", 1) },
            Candidate { status: UnitStatus::Assigned, ..free("B", 1) },
            Candidate { crew: Vec::new(), ..free("C", 1) },
            free("D", 1),
        ];
        let need = need(UnitType::Basic, &["neonatal"]);
        let ranking = rank(&need, &all, None, &ETA, LIMITS);
        assert!(ranking.best().is_none());
        assert_eq!(
            texts(&ranking),
            [
                "2 units are on incidents",
                "1 unit is without anybody on shift",
                "1 free unit has no neonatal",
                "the incident has no coordinates, so distances do not count",
            ]
        );
    }

    #[test]
    fn the_order_is_the_same_however_the_units_come() {
        // A small generator of its own: the order must not depend on how they are listed.
        let mut state = 20_261_128_u64;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % limit
        };
        for round in 0..200 {
            let mut all: Vec<Candidate> = (0..12)
                .map(|number| {
                    let statuses = [UnitStatus::Available, UnitStatus::EnRoute];
                    let types = [UnitType::Basic, UnitType::Advanced, UnitType::Critical];
                    let member = Member {
                        is_available: below(5) > 0,
                        is_resting: below(5) == 0,
                        on_shift_s: below(15) as i64 * 3_600,
                        rested_s: (below(2) == 0).then(|| below(20) as i64 * 3_600),
                    };
                    Candidate {
                        unit_type: types[below(3) as usize],
                        status: statuses[usize::from(below(4) == 0)],
                        crew: vec![member],
                        place: (below(6) > 0).then(|| north(below(4) as i32)).flatten(),
                        age_s: Some(below(3_600) as i64),
                        ..free(&format!("A-{number}"), 0)
                    }
                })
                .collect();
            let need = need(UnitType::Advanced, &[]);
            let first = rank(&need, &all, north(0), &ETA, LIMITS);
            for turn in 0..5 {
                for index in (1..all.len()).rev() {
                    all.swap(index, below(index as u64 + 1) as usize);
                }
                let again = rank(&need, &all, north(0), &ETA, LIMITS);
                assert_eq!(again, first, "round {round} turn {turn}");
            }
            let fits: Vec<bool> = first.units.iter().map(|one| one.fits).collect();
            assert!(fits.is_sorted_by_key(|fits| !fits), "those that fit come first: {fits:?}");
            let trusted = first.units.iter().filter(|one| {
                one.fits
                    && one.unit_type >= UnitType::Advanced
                    && one.measured_from == MeasuredFrom::Position
            });
            let minutes: Vec<i64> = trusted.filter_map(|one| one.eta_s).map(|s| s / 60).collect();
            assert!(minutes.is_sorted(), "sooner before later: {minutes:?}");
        }
    }
}
