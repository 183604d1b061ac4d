//! Emergency calls: lists, one of them, what is known of it, and its next status.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::http::ambulance::input::Form;
use crate::http::ambulance::{CREWS, Caller, admit, ask, error, failed, letters, reporting};
use crate::http::drf::{Fail, Fields, Told, parameter, path_id};
use crate::http::state::State;
use crate::ids::IncidentId;
use crate::models::incident_list::{self, Wanted};
use crate::models::paramedics;
use crate::protocol::command::ambulance::{AmbulanceCommand, Changing, Stepping};
use crate::protocol::command::dispatch::IncidentChange;
use crate::protocol::dispatch::{IncidentStatus, IncidentType, Priority};
use crate::protocol::refusal::{Code, Refusal};

/// What refusals call one.
const MODEL: &str = "EmergencyCall";
/// Longest destination and condition, in characters.
const DESTINATION_CHARS: usize = 200;
const CONDITION_CHARS: usize = 2_000;

const ACTIVE: &[IncidentStatus] = &[
    IncidentStatus::Dispatched,
    IncidentStatus::EnRoute,
    IncidentStatus::OnScene,
    IncidentStatus::Transporting,
];
const OVER: &[IncidentStatus] =
    &[IncidentStatus::AtHospital, IncidentStatus::Closed, IncidentStatus::Cancelled];

/// A status that those clients may name.
fn status_of(word: &str) -> Option<IncidentStatus> {
    IncidentStatus::parse(word).filter(|status| *status != IncidentStatus::Cancelled)
}

async fn listed(
    state: &State,
    who: &Caller,
    statuses: &'static [IncidentStatus],
) -> Result<HttpResponse, Fail> {
    let wanted = Wanted { statuses: statuses.to_vec(), ..Wanted::default() };
    let pick = move |conn: &mut _| Ok(incident_list::ids(conn, &wanted, letters::CALLS_MAX)?);
    let calls = letters::list(state, who, pick).await?;
    Ok(HttpResponse::Ok().json(calls))
}

/// All calls, newest first.
pub async fn list(state: web::Data<State>, who: Caller) -> Told {
    listed(&state, &who, &[]).await
}

/// Calls by what is being done about them.
pub async fn active(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let statuses = match parameter(&request, "status").as_deref() {
        None | Some("" | "active") => ACTIVE,
        Some("pending") => &[IncidentStatus::Received],
        Some("completed") => OVER,
        Some(_) => &[],
    };
    listed(&state, &who, statuses).await
}

/// The call that one is on.
pub async fn my_active(state: web::Data<State>, who: Caller) -> Told {
    let nothing = || HttpResponse::NoContent().finish();
    let user = who.user;
    let read = state.house.lane.read(move |conn| Ok(paramedics::incident_of(conn, user)?));
    let Some(id) = read.await? else { return Ok(nothing()) };
    match letters::one(&state, &who, id).await {
        Ok(call) => Ok(HttpResponse::Ok().json(call)),
        Err(refusal) if refusal.code == Code::NotFound => Ok(nothing()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// One call.
pub async fn show(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    let id: IncidentId = path_id(&path).map_err(|_| Fail::missing(MODEL))?;
    let call = letters::one(&state, &who, id).await.map_err(|why| Fail::of(why, MODEL))?;
    Ok(HttpResponse::Ok().json(call))
}

/// Who is on a call is decided by a dispatch; what is given back as it was is no change.
fn check_assigned(form: &mut Form, call: &Value) {
    for name in ["assigned_ambulance", "assigned_paramedic", "dispatcher"] {
        if form.has(name) && form.raw(name).unwrap_or(&Value::Null) != &call[name] {
            form.wrong(name, "Set by a dispatch.");
        }
    }
}

fn wish_of(form: &mut Form, incident: IncidentId) -> Changing {
    let change = IncidentChange {
        incident,
        version: None,
        incident_type: form.choice("emergency_type", IncidentType::parse),
        priority: form.choice("priority", Priority::parse),
        determinant: None,
        caller_name: form.said("caller_name", 100),
        caller_phone: form.said("caller_phone", 15),
        description: form.said("description", 10_000),
        address: form.said("location_address", 200),
        latitude: form.decimal("latitude", 90, false),
        longitude: form.decimal("longitude", 180, false),
        patient: None,
        hospital: None,
        hospital_destination: form.text("hospital_destination", DESTINATION_CHARS),
        client_id: None,
    };
    let patient_age = form.has("patient_age").then(|| form.whole("patient_age", 150));
    Changing {
        change,
        status: form.choice("status", status_of),
        patient_name: form.text("patient_name", 100),
        patient_age,
        patient_condition: form.text("patient_condition", CONDITION_CHARS),
    }
}

/// Changes what is known of a call, and its status as the lifecycle allows.
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let id: IncidentId = path_id(&path).map_err(|_| Fail::missing(MODEL))?;
    let call = letters::one(&state, &who, id).await.map_err(|why| Fail::of(why, MODEL))?;
    let mut form = Form::new(fields);
    check_assigned(&mut form, &call);
    let wish = wish_of(&mut form, id);
    form.ends()?;
    let asked = ask(&state, &who, AmbulanceCommand::Change(Box::new(wish))).await;
    asked.map_err(failed)?;
    show(state, who, path).await
}

/// Brings a call to its next status.
pub async fn step(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let missing = || error(StatusCode::NOT_FOUND, "Emergency call not found");
    let incident: IncidentId = path_id(&path).map_err(|_| missing())?;
    let mut form = Form::new(fields);
    let patient_condition = form.text("patient_condition", CONDITION_CHARS);
    let hospital_destination = form.text("hospital_destination", DESTINATION_CHARS);
    let status = form.choice("status", status_of);
    if !form.has("status") {
        form.wrong("status", "This field is required.");
    }
    form.ends()?;
    let Some(status) = status else { return Err(Fail::required("status")) };
    let step = Stepping { incident, status, patient_condition, hospital_destination };
    let refused = |refusal: Refusal| match refusal.code {
        Code::NotFound => missing(),
        Code::Forbidden => error(StatusCode::FORBIDDEN, "Not authorized to update this call"),
        _ => failed(refusal),
    };
    ask(&state, &who, AmbulanceCommand::Step(step)).await.map_err(refused)?;
    // Who has just closed a call is no longer on it, and sees it as others do.
    let call = letters::one(&state, &who, incident).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(call))
}

/// What one was ordered to, newest first, in pages.
pub async fn assignments(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    admit(&who, CREWS).map_err(|_| Fail::forbidden("Forbidden"))?;
    let (limit, offset) = crate::http::drf::window(&request, 10, 100);
    let user = who.user;
    let read = state.house.lane.read(move |conn| Ok(paramedics::incidents_of(conn, user)?));
    let all = read.await?;
    let count = all.len();
    let (start, size) = (usize::try_from(offset), usize::try_from(limit));
    let (start, size) = (start.unwrap_or(0), size.unwrap_or(10));
    let page: Vec<IncidentId> = all.into_iter().skip(start).take(size).collect();
    let next = start.saturating_add(page.len());
    let results = letters::list(&state, &who, move |_| Ok(page)).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({
        "count": count,
        "next_offset": (next < count).then_some(next),
        "results": results,
    })))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/emergencies")
            .route(web::get().to(list))
            .route(web::post().to(reporting::report)),
    )
    .route("/api/emergencies/active", web::get().to(active))
    .route("/api/emergencies/my-active", web::get().to(my_active))
    .service(
        web::resource("/api/emergencies/{id}")
            .route(web::get().to(show))
            .route(web::patch().to(change))
            .route(web::put().to(change)),
    )
    .route("/api/emergencies/{id}/status", web::patch().to(step))
    .route("/profiles/api/my-assignments", web::get().to(assignments));
}
