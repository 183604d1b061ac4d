//! Gathers what is known of all units for [`ranking`], for whoever asks and for orders without a
//! unit, which are given to the best.

use chrono::NaiveDateTime;

use crate::actors::dispatch::eta::Place;
use crate::actors::dispatch::ranking::{self, Candidate, Limits, Member, Ranking};
use crate::actors::dispatch::work::{DispatchSettings, broken};
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{self, Action, Relation, Subject};
use crate::ids::{UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::incident::{self, Incident};
use crate::models::store::DbConn;
use crate::models::{order, shift, unit};
use crate::protocol::command::dispatch::IncidentRecommend;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::recommendations::{
    Criterion, NeedView, RankedView, RecommendationView,
};

/// Capabilities asked for at once, and the length of each in characters.
const WORDS_MAX: usize = 20;
const WORD_MAX: usize = 100;
/// Units named unless the asker says how many, and at most.
const UNITS: u16 = 25;
const UNITS_MAX: u16 = 200;

/// Checks the capabilities asked for.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check(capabilities: &[String]) -> Result<(), Fault> {
    let fits = |word: &String| !word.trim().is_empty() && word.chars().count() <= WORD_MAX;
    if capabilities.len() <= WORDS_MAX && capabilities.iter().all(fits) {
        return Ok(());
    }
    let rule = format!("at most {WORDS_MAX} words of at most {WORD_MAX} characters");
    Err(broken("data.capabilities", rule))
}

/// `incident.recommend`.
///
/// # Errors
/// The policy's refusal, `not_found`, or `bad_request`.
pub fn asked(
    conn: &mut DbConn,
    who: &Identity,
    wish: &IncidentRecommend,
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<RecommendationView, Fault> {
    let subject = Subject::Person(who);
    policy::decide(TopicKind::Board, Action::RecommendUnit, subject, Relation::Stranger)?;
    check(&wish.capabilities)?;
    let limit = wish.limit.unwrap_or(UNITS);
    if !(1..=UNITS_MAX).contains(&limit) {
        return Err(broken("data.limit", format!("from 1 to {UNITS_MAX}")));
    }
    let found = incident::by_id(conn, wish.incident)?;
    let found = found.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    let (need, ranking) = rank(conn, &found, &wish.capabilities, settings, now)?;
    let fitting = u32::try_from(ranking.fitting()).unwrap_or(u32::MAX);
    let Ranking { mut units, shortfalls } = ranking;
    units.truncate(usize::from(limit));
    Ok(RecommendationView { incident: found.id, need, units, fitting, shortfalls })
}

/// Ranks all units for an incident.
///
/// # Errors
/// When the database failed.
pub fn rank(
    conn: &mut DbConn,
    incident: &Incident,
    capabilities: &[String],
    settings: &DispatchSettings,
    now: NaiveDateTime,
) -> Result<(NeedView, Ranking), StoreError> {
    let (kind, priority) = (incident.incident_type, incident.priority);
    let need = ranking::need_of(kind, priority, &incident.determinant, capabilities);
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let limits = Limits {
        old_s: seconds(settings.position_lost),
        rest_s: seconds(settings.crew_rest),
        long_s: seconds(settings.shift_long),
    };
    let scene = Place::of(incident.latitude, incident.longitude);
    let candidates = candidates(conn, now)?;
    let ranking = ranking::rank(&need, &candidates, scene, &*settings.eta, limits);
    Ok((need, ranking))
}

/// All units on the list, with a constant number of queries.
fn candidates(conn: &mut DbConn, now: NaiveDateTime) -> Result<Vec<Candidate>, StoreError> {
    let shifts = shift::running(conn)?;
    let people: Vec<UserId> = shifts.iter().map(|shift| shift.user_id).collect();
    let available = shift::available_among(conn, &people)?;
    let ended = shift::last_ends(conn, &people)?;
    let mut calls = order::calls_of_units(conn)?;
    let crew_of = |unit: UnitId| -> Vec<Member> {
        let crew = shifts.iter().filter(|shift| shift.unit_id == unit);
        crew.map(|on| Member {
            is_available: available.contains(&on.user_id),
            is_resting: on.rest_until.is_some_and(|until| until > now),
            on_shift_s: (now - on.since).num_seconds(),
            rested_s: ended.get(&on.user_id).map(|end| (on.since - *end).num_seconds()),
        })
        .collect()
    };
    let units = unit::all(conn)?.into_iter();
    Ok(units
        .map(|row| Candidate {
            unit: row.id,
            capabilities: row.capability_words(),
            unit_type: row.unit_type,
            status: row.status,
            on: calls.remove(&row.id),
            crew: crew_of(row.id),
            place: Place::of(row.latitude, row.longitude),
            age_s: row.fixed_at.map(|at| (now - at).num_seconds().max(0)),
            home: Place::of(row.home_latitude, row.home_longitude),
            unit_number: row.unit_number,
        })
        .collect())
}

/// Why none fits, in a sentence.
pub fn none_fits(ranking: &Ranking) -> String {
    let missing: Vec<&str> =
        ranking.shortfalls.iter().map(|shortfall| shortfall.text.as_str()).collect();
    format!("one that fits: {}", missing.join("; "))
}

/// Why a unit was picked, for the timeline: how far it is, and all that speaks against it.
pub fn why(picked: &RankedView) -> String {
    let told = |one: &&crate::protocol::views::recommendations::ReasonView| {
        !one.favors || one.criterion == Criterion::Distance
    };
    let words: Vec<&str> =
        picked.reasons.iter().filter(told).map(|one| one.text.as_str()).collect();
    format!("picked as the best that fits; {}", words.join("; ")).trim_end_matches("; ").to_owned()
}
