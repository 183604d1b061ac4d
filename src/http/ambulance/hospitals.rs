//! Hospitals: the list, one of them, and how full it is.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use crate::http::ambulance::input::Form;
use crate::http::ambulance::{Caller, DESK, FIELD, KEEPERS, admit, admit_or, ask, error, failed};
use crate::http::drf::{Fail, Fields, Told, answered_id, path_id};
use crate::http::state::State;
use crate::ids::HospitalId;
use crate::models::hospital;
use crate::protocol::command::Command;
use crate::protocol::command::ambulance::{AmbulanceCommand, HospitalKeeping};
use crate::protocol::command::dispatch::DispatchCommand;
use crate::protocol::command::fleet::{HospitalBeds, HospitalSave};
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::dispatch::Load;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// What refusals call one.
const MODEL: &str = "Hospital";
/// Most beds of one.
const BEDS_MAX: i32 = 100_000;
/// What dispatchers may change of one; the rest is the admins'.
const OF_DISPATCHERS: &[&str] = &[
    "name",
    "address",
    "phone_number",
    "specialties",
    "available_beds",
    "emergency_capacity",
    "total_beds",
];

async fn one(state: &State, id: HospitalId) -> Result<Value, Refusal> {
    let found = state.house.lane.read(move |conn| Ok(hospital::by_id(conn, id)?)).await?;
    found.map(|found| shapes::hospital(&found.view())).ok_or_else(Refusal::not_found)
}

/// All of them, by name.
pub async fn list(state: web::Data<State>, who: Caller) -> Told {
    admit(&who, FIELD)?;
    let all = state.house.lane.read(|conn| Ok(hospital::all(conn)?)).await?;
    let written: Vec<Value> = all.iter().map(|found| shapes::hospital(&found.view())).collect();
    Ok(HttpResponse::Ok().json(written))
}

fn hospital_of(path: &str) -> Result<HospitalId, Fail> {
    path_id(path).map_err(|_| Fail::missing(MODEL))
}

fn refused(refusal: Refusal) -> Fail {
    match (refusal.code, refusal.field.as_deref()) {
        (Code::NotFound, _) => Fail::missing(MODEL),
        // Of a hospital it is its own address, not a call's.
        (_, Some("data.address")) => {
            let rule = refusal.rule.as_deref().unwrap_or(&refusal.message);
            Fail::field("address", rule)
        }
        _ => failed(refusal),
    }
}

/// One of them.
pub async fn show(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit(&who, FIELD)?;
    let found = one(&state, hospital_of(&path)?).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(found))
}

fn wish_of(form: &mut Form, id: Option<HospitalId>) -> HospitalKeeping {
    let mut must = |name: &str, most: usize| match id {
        None => Some(form.needed(name, most)),
        Some(_) => form.said(name, most),
    };
    let (name, address, phone) =
        (must("name", 200), must("address", 300), must("phone_number", 15));
    HospitalKeeping {
        save: HospitalSave {
            hospital: id,
            name,
            address,
            phone,
            specialties: form.text("specialties", 2_000),
            latitude: form.decimal("latitude", 90, false),
            longitude: form.decimal("longitude", 180, false),
            ..HospitalSave::default()
        },
        total_beds: form.whole("total_beds", BEDS_MAX),
        available_beds: form.whole("available_beds", BEDS_MAX),
        emergency_load: form.choice("emergency_capacity", Load::parse),
    }
}

/// Puts one on the list.
pub async fn create(state: web::Data<State>, who: Caller, fields: Fields) -> Told {
    admit_or(&who, KEEPERS, "Only admin/staff can create hospitals")?;
    let mut form = Form::new(fields);
    let mut wish = wish_of(&mut form, None);
    form.ends()?;
    wish.emergency_load = wish.emergency_load.or(Some(Load::Moderate));
    let asked = ask(&state, &who, AmbulanceCommand::KeepHospital(Box::new(wish))).await;
    let made: HospitalId = answered_id(&asked.map_err(refused)?)?;
    Ok(HttpResponse::Created().json(one(&state, made).await?))
}

/// Changes one of them: admins all of it, dispatchers what they are asked about by telephone.
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    admit_or(&who, DESK, "Not authorized")?;
    let id = hospital_of(&path)?;
    let mut fields = fields;
    if admit(&who, KEEPERS).is_err() {
        let allowed: Map<String, Value> =
            fields.0.into_iter().filter(|(name, _)| OF_DISPATCHERS.contains(&&**name)).collect();
        if allowed.is_empty() {
            return Err(error(StatusCode::BAD_REQUEST, "No permitted fields to update"));
        }
        fields = Fields(allowed);
    }
    one(&state, id).await.map_err(refused)?;
    let mut form = Form::new(fields);
    let wish = wish_of(&mut form, Some(id));
    form.ends()?;
    let asked = ask(&state, &who, AmbulanceCommand::KeepHospital(Box::new(wish))).await;
    asked.map_err(refused)?;
    Ok(HttpResponse::Ok().json(one(&state, id).await.map_err(refused)?))
}

/// Takes one off the list.
pub async fn remove(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit_or(&who, KEEPERS, "Only admin/staff can delete hospitals")?;
    let id = hospital_of(&path)?;
    let save = HospitalSave { hospital: Some(id), retire: true, ..HospitalSave::default() };
    perform(&state, &who, DispatchCommand::HospitalSave(save)).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn perform(state: &State, who: &Caller, command: DispatchCommand) -> Result<(), Refusal> {
    let command = Command::Dispatch(Box::new(command));
    state.house.perform(who.0.clone(), Some(Topic::Board), command).await.map(|_| ())
}

/// Says how full one is; the boards hear it.
pub async fn set_capacity(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let missing = || error(StatusCode::NOT_FOUND, "Hospital not found");
    let id: HospitalId = path_id(&path).map_err(|_| missing())?;
    let mut form = Form::new(fields);
    let beds = HospitalBeds {
        hospital: id,
        available_beds: form.whole("available_beds", BEDS_MAX),
        total_beds: form.whole("total_beds", BEDS_MAX),
        emergency_load: form.choice("emergency_capacity", Load::parse),
        version: None,
        client_id: None,
    };
    form.ends()?;
    let refused = |refusal: Refusal| match refusal.code {
        Code::NotFound => missing(),
        _ => refused(refusal),
    };
    perform(&state, &who, DispatchCommand::HospitalBeds(beds)).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(one(&state, id).await.map_err(refused)?))
}

/// Registers these routes under a prefix.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    cfg.service(web::resource(prefix).route(web::get().to(list)).route(web::post().to(create)))
        .service(
            web::resource(format!("{prefix}/{{id}}"))
                .route(web::get().to(show))
                .route(web::patch().to(change))
                .route(web::put().to(change))
                .route(web::delete().to(remove)),
        )
        .route(&format!("{prefix}/{{id}}/capacity"), web::post().to(set_capacity));
}
