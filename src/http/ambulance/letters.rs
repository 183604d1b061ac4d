//! Calls as their reader may see them, with a line in the log of who saw which patient.

use serde_json::Value;

use crate::actors::authorize::require;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::http::ambulance::Caller;
use crate::http::state::State;
use crate::ids::{IncidentId, UserId};
use crate::models::incident;
use crate::models::incident_views;
use crate::models::store::DbConn;
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::dispatch::IncidentView;

/// Most calls in a list; the newest.
pub const CALLS_MAX: i64 = 5_000;

/// Calls for one reader.
pub struct Shown {
    pub calls: Vec<Value>,
    /// Whether any of them is shown with caller and patient.
    pub is_whole: bool,
}

fn is_on(call: &IncidentView, user: UserId) -> bool {
    call.units.iter().any(|unit| {
        let named = unit.paramedic.iter().chain(unit.crew.iter());
        named.into_iter().any(|person| person.id == user)
    })
}

/// These calls in this order: whole for those who may see whom they are about, masked for others.
///
/// # Errors
/// The policy's refusal, or when the database failed.
pub fn shown(conn: &mut DbConn, who: &Identity, ids: &[IncidentId]) -> Result<Shown, Fault> {
    require(who, TopicKind::Board, Action::ReadIncident, Relation::Stranger)?;
    let mut is_whole = false;
    let view = |call: IncidentView| {
        let relation = if is_on(&call, who.user) { Relation::Crew } else { Relation::Stranger };
        let sees = require(who, TopicKind::Board, Action::ReadPatient, relation).is_ok();
        is_whole |= sees;
        shapes::call(&if sees { call } else { call.redacted() })
    };
    let calls = incident_views::views(conn, ids)?.into_iter().map(view).collect();
    Ok(Shown { calls, is_whole })
}

/// One call; logged when it was shown whole.
///
/// # Errors
/// The policy's refusal; `not_found`.
pub async fn one(state: &State, who: &Caller, id: IncidentId) -> Result<Value, Refusal> {
    let reader = who.0.clone();
    let read = state.house.lane.read(move |conn| shown(conn, &reader, &[id]));
    let mut found = read.await?;
    let call = found.calls.pop().ok_or_else(Refusal::not_found)?;
    if found.is_whole {
        let reader = who.user;
        let note = state.house.lane.write(move |conn| {
            Ok(incident::note_read(conn, Some(id), reader, "rest", clock::now_naive())?)
        });
        note.await?;
    }
    Ok(call)
}

/// The calls that `pick` names; logged as one look at the board when any is shown whole.
///
/// # Errors
/// The policy's refusal, or when the database failed.
pub async fn list(
    state: &State,
    who: &Caller,
    pick: impl FnOnce(&mut DbConn) -> Result<Vec<IncidentId>, Fault> + Send + 'static,
) -> Result<Vec<Value>, Refusal> {
    let reader = who.0.clone();
    let read = state.house.lane.read(move |conn| {
        let ids = pick(conn)?;
        shown(conn, &reader, &ids)
    });
    let found = read.await?;
    if found.is_whole {
        let reader = who.user;
        let note = state.house.lane.write(move |conn| {
            let now = clock::now_naive();
            incident::note_read(conn, None, reader, "list", now)?;
            // The look is over with the answer: what comes later was not seen by it.
            Ok(incident::note_read(conn, None, reader, incident::BOARD_LEFT, now)?)
        });
        note.await?;
    }
    Ok(found.calls)
}
