//! Sending an ambulance to a call.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::http::ambulance::{Caller, DESK, admit_or, ask, failed, fleet, letters};
use crate::http::drf::{Fail, Fields, Told};
use crate::http::state::State;
use crate::ids::{HospitalId, IncidentId, UnitId, UserId};
use crate::protocol::command::ambulance::{AmbulanceCommand, Dispatching, words};

/// An id that may be left open: absent, `null`, empty and 0 all say so.
fn open<T: std::str::FromStr>(fields: &Fields, name: &str) -> Result<Option<T>, Fail> {
    match fields.number(name)? {
        None | Some(0) => Ok(None),
        Some(_) => fields.id(name),
    }
}

fn needed<T: std::str::FromStr>(fields: &Fields, name: &str, lost: &str) -> Result<T, Fail> {
    let number = fields.number(name)?.ok_or_else(|| Fail::required(name))?;
    number.to_string().parse().map_err(|_| Fail::field(name, lost))
}

/// Sends an ambulance to a call; without a paramedic one is found.
pub async fn dispatch(state: web::Data<State>, who: Caller, fields: Fields) -> Told {
    admit_or(&who, DESK, "Only dispatchers can dispatch ambulances")?;
    let incident: IncidentId = needed(&fields, "emergency_call_id", words::NO_CALL)?;
    let unit: UnitId = needed(&fields, "ambulance_id", words::NO_AMBULANCE)?;
    let paramedic: Option<UserId> = open(&fields, "paramedic_id")?;
    let hospital: Option<HospitalId> = open(&fields, "hospital_id")?;
    let wish = Dispatching { incident, unit, paramedic, hospital };
    ask(&state, &who, AmbulanceCommand::Dispatch(wish)).await.map_err(failed)?;
    let call = letters::one(&state, &who, incident).await?;
    let ambulance = fleet::one(&state, unit).await?;
    Ok(HttpResponse::Ok().json(json!({
        "message": "Ambulance dispatched successfully",
        "emergency_call": call,
        "ambulance": ambulance,
    })))
}

/// Registers this route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/dispatch/api/dispatch", web::post().to(dispatch));
}
