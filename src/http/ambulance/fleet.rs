//! Ambulances: the list, one of them, and where it is.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::http::ambulance::input::Form;
use crate::http::ambulance::{Caller, DESK, FIELD, admit, admit_or, ask, error, failed};
use crate::http::drf::{Fail, Fields, Told, answered_id, path_id};
use crate::http::state::State;
use crate::ids::UnitId;
use crate::models::unit;
use crate::protocol::command::ambulance::{AmbulanceCommand, Place, UnitKeeping};
use crate::protocol::command::fleet::UnitSave;
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::dispatch::{UnitStatus, UnitType};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::views::dispatch::UnitView;

/// What refusals call one.
const MODEL: &str = "Ambulance";

/// A status that those clients may name.
fn status_of(word: &str) -> Option<UnitStatus> {
    let unknown = [UnitStatus::Assigned, UnitStatus::AtHospital];
    UnitStatus::parse(word).filter(|status| !unknown.contains(status))
}

async fn views(state: &State, id: Option<UnitId>) -> Result<Vec<UnitView>, Refusal> {
    let read = state.house.lane.read(move |conn| {
        let Some(id) = id else { return Ok(unit::views(conn, None)?) };
        if unit::by_id(conn, id)?.is_none() {
            return Err(Refusal::not_found().into());
        }
        Ok(unit::views(conn, Some(&[id]))?)
    });
    read.await
}

/// One ambulance as those clients read it.
///
/// # Errors
/// `not_found`.
pub async fn one(state: &State, id: UnitId) -> Result<Value, Refusal> {
    let mut found = views(state, Some(id)).await?;
    found.pop().map(|unit| shapes::ambulance(&unit)).ok_or_else(Refusal::not_found)
}

/// All of them, by number.
pub async fn list(state: web::Data<State>, who: Caller) -> Told {
    admit(&who, FIELD)?;
    let all: Vec<Value> = views(&state, None).await?.iter().map(shapes::ambulance).collect();
    Ok(HttpResponse::Ok().json(all))
}

fn unit_of(path: &str) -> Result<UnitId, Fail> {
    path_id(path).map_err(|_| Fail::missing(MODEL))
}

/// One of them.
pub async fn show(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit(&who, FIELD)?;
    let found = one(&state, unit_of(&path)?).await.map_err(|why| Fail::of(why, MODEL))?;
    Ok(HttpResponse::Ok().json(found))
}

fn place_of(form: &mut Form) -> Option<Place> {
    let latitude = form.decimal("current_latitude", 90, false);
    let longitude = form.decimal("current_longitude", 180, false);
    for (given, other) in
        [("current_latitude", "current_longitude"), ("current_longitude", "current_latitude")]
    {
        if form.raw(given).is_some() && form.raw(other).is_none() {
            form.wrong(other, "This field is required.");
        }
    }
    Some(Place { latitude: latitude?, longitude: longitude? })
}

fn wish_of(form: &mut Form, unit: Option<UnitId>) -> UnitKeeping {
    let unit_number = match unit {
        None => Some(form.needed("unit_number", 10)),
        Some(_) => form.said("unit_number", 10),
    };
    let paramedic = match form.raw("assigned_paramedic") {
        Some(Value::Number(number)) => number.to_string().parse().ok(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    if paramedic.is_none() && form.has("assigned_paramedic") && !form.is_null("assigned_paramedic")
    {
        form.wrong("assigned_paramedic", "Incorrect type. Expected pk value.");
    }
    let save = UnitSave {
        unit,
        unit_number,
        unit_type: form.choice("unit_type", UnitType::parse),
        equipment: form.text("equipment_list", 5_000),
        max_patients: form.whole("max_patients", 100),
        paramedic,
        ..UnitSave::default()
    };
    UnitKeeping {
        has_fields: save != UnitSave { unit, ..UnitSave::default() },
        save,
        frees_paramedic: unit.is_some() && form.is_null("assigned_paramedic"),
        status: form.choice("status", status_of),
        place: place_of(form),
    }
}

/// A refusal about an ambulance itself, not about a dispatch of it.
fn refused(refusal: Refusal) -> Fail {
    let field = match refusal.field.as_deref() {
        Some("data.paramedic") => "assigned_paramedic",
        Some("data.unit") => "non_field_errors",
        _ => {
            return if refusal.code == Code::NotFound {
                Fail::missing(MODEL)
            } else {
                failed(refusal)
            };
        }
    };
    failed(Refusal { field: Some(field.into()), ..refusal })
}

/// Puts one on the list.
pub async fn create(state: web::Data<State>, who: Caller, fields: Fields) -> Told {
    admit_or(&who, DESK, "Only dispatchers can create ambulances")?;
    let mut form = Form::new(fields);
    let wish = wish_of(&mut form, None);
    form.ends()?;
    let taken = |refusal: Refusal| match refusal.field.as_deref() {
        Some("data.unit_number") if refusal.code == Code::Conflict => {
            Fail::field("unit_number", "ambulance with this unit number already exists.")
        }
        _ => refused(refusal),
    };
    let asked = ask(&state, &who, AmbulanceCommand::KeepUnit(Box::new(wish))).await;
    let made: UnitId = answered_id(&asked.map_err(taken)?)?;
    Ok(HttpResponse::Created().json(one(&state, made).await?))
}

/// Changes one of them. Its status goes by the lifecycle, and the rest is the dispatchers'.
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    admit(&who, FIELD)?;
    let id = unit_of(&path)?;
    let before = one(&state, id).await.map_err(|why| Fail::of(why, MODEL))?;
    let mut form = Form::new(fields);
    let mut wish = wish_of(&mut form, Some(id));
    form.ends()?;
    // What is given back as it was is no change; a crew may send its whole form.
    wish.frees_paramedic &= !before["assigned_paramedic"].is_null();
    let same = |key: &str, given: Option<Value>| given.is_none_or(|given| given == before[key]);
    let save = &wish.save;
    wish.has_fields = !(same("unit_number", save.unit_number.clone().map(Value::from))
        && same("unit_type", save.unit_type.map(|kind| kind.as_str().into()))
        && same("equipment_list", save.equipment.clone().map(Value::from))
        && same("max_patients", save.max_patients.map(Value::from))
        && same("assigned_paramedic", save.paramedic.map(|id| id.0.into())));
    ask(&state, &who, AmbulanceCommand::KeepUnit(Box::new(wish))).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(one(&state, id).await.map_err(refused)?))
}

/// Takes one off the list.
pub async fn remove(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit_or(&who, DESK, "Only dispatchers can delete ambulances")?;
    let id = unit_of(&path)?;
    let busy = || {
        let words = "Cannot delete an ambulance that is assigned or not available";
        error(StatusCode::BAD_REQUEST, words)
    };
    let found = views(&state, Some(id)).await.map_err(refused)?;
    if found.iter().any(|unit| unit.status != UnitStatus::Available || unit.incident.is_some()) {
        return Err(busy());
    }
    let save = UnitSave { unit: Some(id), retire: true, ..UnitSave::default() };
    let wish =
        UnitKeeping { save, has_fields: true, frees_paramedic: false, status: None, place: None };
    let refused = |refusal: Refusal| match refusal.code {
        Code::Conflict => busy(),
        _ => refused(refusal),
    };
    ask(&state, &who, AmbulanceCommand::KeepUnit(Box::new(wish))).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Says where one is.
pub async fn locate(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    let missing = || error(StatusCode::NOT_FOUND, "Ambulance not found");
    let id: UnitId = path_id(&path).map_err(|_| missing())?;
    let mut form = Form::new(fields);
    let place = place_of(&mut form);
    for name in ["current_latitude", "current_longitude"] {
        if !form.has(name) {
            form.wrong(name, "This field is required.");
        } else if form.is_null(name) {
            form.wrong(name, "This field may not be null.");
        }
    }
    form.ends()?;
    let Some(place) = place else { return Err(Fail::required("current_latitude")) };
    let refused = |refusal: Refusal| match refusal.code {
        Code::NotFound => missing(),
        Code::Forbidden => error(StatusCode::FORBIDDEN, "Not authorized to update this ambulance"),
        _ => failed(refusal),
    };
    ask(&state, &who, AmbulanceCommand::Locate(id, place)).await.map_err(refused)?;
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
        .route(&format!("{prefix}/{{id}}/location"), web::post().to(locate));
}
