//! Paramedics, as dispatchers choose among them, and whether one is available.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use crate::http::accounts;
use crate::http::ambulance::{CREWS, Caller, FIELD, admit, users};
use crate::http::drf::{Fail, Fields, Told, parameter};
use crate::http::state::State;
use crate::models::paramedics;
use crate::models::user::ProfileChange;

/// All of them by name, or those who are available.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    admit(&who, FIELD)?;
    let asked = parameter(&request, "available").unwrap_or_default().to_lowercase();
    let only_available = ["1", "true", "yes", "on"].contains(&asked.as_str());
    let read = state.house.lane.read(move |conn| Ok(paramedics::all(conn, only_available)?));
    let all: Vec<Value> = read.await?.iter().map(users::written).collect();
    Ok(HttpResponse::Ok().json(all))
}

/// Says whether one is available oneself.
pub async fn toggle(state: web::Data<State>, who: Caller, fields: Fields) -> Told {
    admit(&who, CREWS)?;
    let name = "is_available_for_dispatch";
    let given = fields.flag(name)?.ok_or_else(|| Fail::required(name))?;
    let change = ProfileChange { is_available: Some(given), ..ProfileChange::default() };
    let changed = accounts::apply(&state, who.user, change).await?;
    Ok(HttpResponse::Ok().json(users::written(&changed)))
}

/// Registers these routes under a prefix.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    cfg.route(&format!("{prefix}/paramedics"), web::get().to(list))
        .route(&format!("{prefix}/paramedics/toggle-availability"), web::patch().to(toggle));
}
