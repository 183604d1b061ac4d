//! Calls as their reader may see them, with a line in the log of who saw which patient.

use serde_json::Value;

use crate::actors::dispatch::reads::Eyes;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::http::ambulance::Caller;
use crate::http::dispatch::log_shown;
use crate::http::error::ApiError;
use crate::http::extract;
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::models::incident_views;
use crate::models::store::DbConn;
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::dispatch::IncidentView;

/// Most calls in a list; the newest.
pub const CALLS_MAX: i64 = 5_000;

/// Calls for one reader.
struct Shown {
    calls: Vec<Value>,
    /// Those that are shown with caller and patient.
    whole: Vec<IncidentId>,
}

/// These calls in this order: whole for those who may see whom they are about, masked for others.
fn shown(conn: &mut DbConn, who: &Identity, ids: &[IncidentId]) -> Result<Shown, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let mut whole = Vec::new();
    let view = |call: IncidentView| {
        if !eyes.see(call.id) {
            return shapes::call(&call.redacted());
        }
        whole.push(call.id);
        shapes::call(&call)
    };
    let calls = incident_views::views(conn, ids)?.into_iter().map(view).collect();
    Ok(Shown { calls, whole })
}

async fn look(
    state: &State,
    who: &Caller,
    way: &'static str,
    pick: impl FnOnce(&mut DbConn) -> Result<Vec<IncidentId>, Fault> + Send + 'static,
) -> Result<Vec<Value>, Refusal> {
    let reader = who.0.clone();
    let read = state.house.lane.read(move |conn| {
        let ids = pick(conn)?;
        shown(conn, &reader, &ids)
    });
    let found = read.await?;
    let reader = extract::Caller(who.0.clone());
    let logged = log_shown(state, &reader, found.whole, way).await;
    logged.map_err(|ApiError(refusal)| refusal)?;
    Ok(found.calls)
}

/// One call.
///
/// # Errors
/// The policy's refusal; `not_found`.
pub async fn one(state: &State, who: &Caller, id: IncidentId) -> Result<Value, Refusal> {
    let mut found = look(state, who, "rest", move |_| Ok(vec![id])).await?;
    found.pop().ok_or_else(Refusal::not_found)
}

/// The calls that `pick` names.
///
/// # Errors
/// The policy's refusal, or when the database failed.
pub async fn list(
    state: &State,
    who: &Caller,
    pick: impl FnOnce(&mut DbConn) -> Result<Vec<IncidentId>, Fault> + Send + 'static,
) -> Result<Vec<Value>, Refusal> {
    look(state, who, "list", pick).await
}
