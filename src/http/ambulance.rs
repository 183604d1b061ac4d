//! The ambulance system's REST, for clients that moved here by a host name: the session cookie and
//! its CSRF token, numbers for ids, bare lists. It sits on the same owners, models and policy as
//! the native API.

pub mod calls;
pub mod crew;
pub mod dispatching;
pub mod fleet;
pub mod hospitals;
pub mod input;
pub mod letters;
pub mod media;
pub mod pages;
pub mod reporting;
pub mod users;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use serde_json::json;

use crate::actors::mail::Answer;
use crate::auth::identity::{Identity, Role};
use crate::auth::policy::{self, Subject};
use crate::http::drf::{Fail, Known};
use crate::http::routes::{Access, Route, exempt, row};
use crate::http::state::State;
use crate::protocol::command::Command;
use crate::protocol::command::ambulance::{AmbulanceCommand, words};
use crate::protocol::command::older::OlderCommand;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// Whoever is signed in; others get 403.
pub type Caller = Known<403>;

/// Everyone who works with ambulances.
pub const FIELD: &[Role] = &[Role::Dispatcher, Role::Paramedic, Role::Admin];
/// Those who dispatch.
pub const DESK: &[Role] = &[Role::Dispatcher, Role::Admin];
/// Those who keep the lists of hospitals and people.
pub const KEEPERS: &[Role] = &[Role::Admin];
/// Those who drive.
pub const CREWS: &[Role] = &[Role::Paramedic];

/// The prefixes under which ambulances are reached: by their pages, and by scripts.
pub const FLEET_PREFIXES: [&str; 2] = ["/dispatch/api/ambulances", "/api/ambulances"];
/// The same of hospitals.
pub const HOSPITAL_PREFIXES: [&str; 2] = ["/dispatch/api/hospitals", "/api/hospitals"];
/// The prefixes of people: by the server's code, and by what its pages call.
pub const PEOPLE_PREFIXES: [&str; 2] = ["/api", "/core/api"];

/// The routes of this file's parts.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    exempt("POST", "/api/emergencies"),
    row("GET", "/api/emergencies", Access::SignedIn),
    exempt("POST", "/api/emergencies/upload-image"),
    row("GET", "/media/emergency_images/{file}", Access::Anyone),
    exempt("POST", "/emergency"),
    row("GET", "/assets/dispatch.css", Access::Anyone),
    row("GET", "/assets/dispatch.js", Access::Anyone),
    row("GET", "/assets/dispatch-desk.js", Access::Anyone),
    row("GET", "/assets/dispatch-crew.js", Access::Anyone),
    row("GET", "/assets/dispatch-fleet.js", Access::Anyone),
    row("GET", "/assets/dispatch-report.js", Access::Anyone),
    row("GET", "/assets/dispatch-probe.js", Access::Anyone),
    row("GET", "/api/emergencies/active", Access::SignedIn),
    row("GET", "/api/emergencies/my-active", Access::SignedIn),
    row("GET", "/api/emergencies/{id}", Access::SignedIn),
    row("PATCH", "/api/emergencies/{id}", Access::SignedIn),
    row("PUT", "/api/emergencies/{id}", Access::SignedIn),
    row("PATCH", "/api/emergencies/{id}/status", Access::SignedIn),
    row("GET", "/dispatch/api/ambulances", Access::SignedIn),
    row("POST", "/dispatch/api/ambulances", Access::SignedIn),
    row("GET", "/dispatch/api/ambulances/{id}", Access::SignedIn),
    row("PATCH", "/dispatch/api/ambulances/{id}", Access::SignedIn),
    row("PUT", "/dispatch/api/ambulances/{id}", Access::SignedIn),
    row("DELETE", "/dispatch/api/ambulances/{id}", Access::SignedIn),
    row("POST", "/dispatch/api/ambulances/{id}/location", Access::SignedIn),
    row("GET", "/api/ambulances", Access::SignedIn),
    row("POST", "/api/ambulances", Access::SignedIn),
    row("GET", "/api/ambulances/{id}", Access::SignedIn),
    row("PATCH", "/api/ambulances/{id}", Access::SignedIn),
    row("PUT", "/api/ambulances/{id}", Access::SignedIn),
    row("DELETE", "/api/ambulances/{id}", Access::SignedIn),
    row("POST", "/api/ambulances/{id}/location", Access::SignedIn),
    row("POST", "/dispatch/api/dispatch", Access::SignedIn),
    row("GET", "/dispatch/api/hospitals", Access::SignedIn),
    row("POST", "/dispatch/api/hospitals", Access::SignedIn),
    row("GET", "/dispatch/api/hospitals/{id}", Access::SignedIn),
    row("PATCH", "/dispatch/api/hospitals/{id}", Access::SignedIn),
    row("PUT", "/dispatch/api/hospitals/{id}", Access::SignedIn),
    row("DELETE", "/dispatch/api/hospitals/{id}", Access::SignedIn),
    row("POST", "/dispatch/api/hospitals/{id}/capacity", Access::SignedIn),
    row("GET", "/api/hospitals", Access::SignedIn),
    row("POST", "/api/hospitals", Access::SignedIn),
    row("GET", "/api/hospitals/{id}", Access::SignedIn),
    row("PATCH", "/api/hospitals/{id}", Access::SignedIn),
    row("PUT", "/api/hospitals/{id}", Access::SignedIn),
    row("DELETE", "/api/hospitals/{id}", Access::SignedIn),
    row("POST", "/api/hospitals/{id}/capacity", Access::SignedIn),
    row("GET", "/api/paramedics", Access::SignedIn),
    row("PATCH", "/api/paramedics/toggle-availability", Access::SignedIn),
    row("GET", "/api/users", Access::Admin),
    row("POST", "/api/users", Access::Admin),
    row("GET", "/api/users/{id}", Access::Admin),
    row("PATCH", "/api/users/{id}", Access::Admin),
    row("PUT", "/api/users/{id}", Access::Admin),
    row("DELETE", "/api/users/{id}", Access::Admin),
    row("GET", "/core/api/paramedics", Access::SignedIn),
    row("PATCH", "/core/api/paramedics/toggle-availability", Access::SignedIn),
    row("GET", "/core/api/users", Access::Admin),
    row("POST", "/core/api/users", Access::Admin),
    row("GET", "/core/api/users/{id}", Access::Admin),
    row("PATCH", "/core/api/users/{id}", Access::Admin),
    row("PUT", "/core/api/users/{id}", Access::Admin),
    row("DELETE", "/core/api/users/{id}", Access::Admin),
    row("GET", "/profiles/api/my-assignments", Access::SignedIn),
];

/// Registers the routes of this file's parts.
pub fn configure(cfg: &mut web::ServiceConfig) {
    pages::configure(cfg);
    media::configure(cfg);
    calls::configure(cfg);
    dispatching::configure(cfg);
    for prefix in FLEET_PREFIXES {
        fleet::configure(cfg, prefix);
    }
    for prefix in HOSPITAL_PREFIXES {
        hospitals::configure(cfg, prefix);
    }
    for prefix in PEOPLE_PREFIXES {
        crew::configure(cfg, prefix);
        users::configure(cfg, prefix);
    }
}

/// A refusal in the words of a handler of theirs: `{"error": …}`.
pub fn error(status: StatusCode, words: &str) -> Fail {
    Fail::with(status, json!({"error": words}))
}

/// Lets pass whoever has one of these roles.
///
/// # Errors
/// 403 with the general words.
pub fn admit(who: &Identity, roles: &[Role]) -> Result<(), Fail> {
    Ok(policy::decide_role(roles, Subject::Person(who))?)
}

/// The same with the handler's own words.
///
/// # Errors
/// 403 as `{"error": …}`.
pub fn admit_or(who: &Identity, roles: &[Role], said: &str) -> Result<(), Fail> {
    admit(who, roles).map_err(|_| error(StatusCode::FORBIDDEN, said))
}

/// What those clients call a field of ours.
fn named(field: &str) -> &str {
    match field.strip_prefix("data.").unwrap_or(field) {
        "address" => "location_address",
        "incident_type" => "emergency_type",
        "patient.name" => "patient_name",
        "patient.age" => "patient_age",
        "patient.condition" => "patient_condition",
        "equipment" => "equipment_list",
        "phone" => "phone_number",
        "emergency_load" => "emergency_capacity",
        "incident" => "emergency_call_id",
        "unit" => "ambulance_id",
        "paramedic" => "paramedic_id",
        "hospital" => "hospital_id",
        other => other,
    }
}

/// A refusal in the words of those clients.
pub fn failed(refusal: Refusal) -> Fail {
    let is_about_input = matches!(refusal.code, Code::BadRequest | Code::Conflict | Code::TooLarge);
    let (true, Some(field)) = (is_about_input, refusal.field.as_deref()) else {
        return refusal.into();
    };
    let field = named(field).to_owned();
    if let Some(rule) = refusal.rule.as_deref()
        && words::ALL.iter().any(|known| rule.starts_with(known))
    {
        return Fail::field(&field, rule);
    }
    Refusal { field: Some(field.into()), ..refusal }.into()
}

/// Asks the board for one of their commands.
///
/// # Errors
/// Its refusal.
pub async fn ask(
    state: &State,
    who: &Caller,
    command: AmbulanceCommand,
) -> Result<Answer, Refusal> {
    let command = Command::Older(OlderCommand::Ambulance(Box::new(command)));
    state.house.perform(Arc::clone(&who.0), Some(Topic::Board), command).await
}
