//! DOORS: which request says which command of dispatch, on one page. The command's struct, its
//! checks, its policy and its answer are those of the socket.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::{ContentBuilder, PathItem, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};

use crate::http::dispatch::say;
use crate::http::extract::Caller;
use crate::http::routes::{Access, Route, row};
use crate::http::state::State;
use crate::protocol::command::dispatch::{
    IncidentAssign, IncidentChange, IncidentCorrect, IncidentCreate, IncidentEnd, IncidentImage,
    IncidentLink, IncidentMark, IncidentNote, IncidentReassign, IncidentRelease, IncidentStep,
    OrderAnswer, OrderDecline, StatusBatch,
};
use crate::protocol::command::fleet::{
    HospitalBeds, HospitalDivert, HospitalSave, MaydayAcknowledge, MaydayEnd, MaydayRaise,
    ParCheck, ParSet, PositionReport, ShiftEnd, ShiftRest, ShiftStart, UnitSave, UnitSetStatus,
};
use crate::protocol::views::recommendations::RankedView;

/// One row of [`DOORS`].
#[derive(Debug)]
pub struct Door {
    method: &'static str,
    path: &'static str,
    /// The command's `type` on a socket.
    pub command: &'static str,
    /// The name of its struct in the description.
    schema: &'static str,
    /// Which of its fields the path's `{id}` is; empty without one.
    pub id: &'static str,
    /// Fields that the route itself says, as JSON.
    pub fixed: &'static [(&'static str, &'static str)],
    /// A field that is optional to the command and not to this route; empty for none.
    pub needs: &'static str,
    /// Whether it has a `version`, so that `If-Match` means something.
    pub has_version: bool,
    status: u16,
    /// Where what it makes is found, below it the id.
    pub place: &'static str,
    says: &'static str,
}

impl Door {
    /// The status of its success.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }
}

const fn door(
    (method, path): (&'static str, &'static str),
    (command, schema, id): (&'static str, &'static str, &'static str),
    says: &'static str,
) -> Door {
    let (fixed, has_version): (&'static [_], _) = (&[], true);
    let (needs, status, place) = ("", 200, "");
    Door { method, path, command, schema, id, fixed, needs, has_version, status, place, says }
}

impl Door {
    /// The same for a command without a version.
    const fn plain(self) -> Self {
        Self { has_version: false, ..self }
    }

    /// The same for one that makes something, found at `place`.
    const fn makes(self, place: &'static str) -> Self {
        Self { status: 201, place, ..self }
    }

    /// The same where this field must be given.
    const fn needing(self, needs: &'static str) -> Self {
        Self { needs, ..self }
    }

    /// The same with fields that the route says.
    const fn with(self, fixed: &'static [(&'static str, &'static str)]) -> Self {
        Self { fixed, ..self }
    }
}

/// Every command of dispatch but questions, in the order of `docs/PROTOCOL.md`.
#[rustfmt::skip]
pub const DOORS: &[Door] = &[
    door(("POST", "/api/v1/incidents"), ("incident.create", "IncidentCreate", ""), "Opens an incident from a call").plain().makes("/api/v1/incidents"),
    door(("PATCH", "/api/v1/incidents/{id}"), ("incident.change", "IncidentChange", "incident"), "Changes what is known of an incident; what is absent stays"),
    door(("POST", "/api/v1/incidents/{id}/orders"), ("incident.assign", "IncidentAssign", "incident"), "Orders a unit to an incident").makes("/api/v1/orders"),
    door(("POST", "/api/v1/incidents/{id}/release"), ("incident.release", "IncidentRelease", "incident"), "Lets a unit go; the incident stays open"),
    door(("POST", "/api/v1/incidents/{id}/reassign"), ("incident.reassign", "IncidentReassign", "incident"), "Moves a unit to another incident, in one step"),
    door(("POST", "/api/v1/incidents/{id}/status"), ("incident.status", "IncidentStep", "incident"), "Says that a unit has come further"),
    door(("POST", "/api/v1/incidents/{id}/close"), ("incident.close", "IncidentEnd", "incident"), "Closes an incident; all its units are free"),
    door(("POST", "/api/v1/incidents/{id}/cancel"), ("incident.cancel", "IncidentEnd", "incident"), "Cancels an incident before anyone arrived"),
    door(("POST", "/api/v1/incidents/{id}/correct"), ("incident.correct", "IncidentCorrect", "incident"), "Corrects a wrong status, backwards too, or reopens an incident; logged"),
    door(("PUT", "/api/v1/incidents/{id}/duplicate-of"), ("incident.link", "IncidentLink", "incident"), "Says that an incident is a duplicate of another").needing("duplicate_of"),
    door(("DELETE", "/api/v1/incidents/{id}/duplicate-of"), ("incident.link", "IncidentLink", "incident"), "Says that an incident is no duplicate").with(&[("duplicate_of", "null")]),
    door(("POST", "/api/v1/incidents/{id}/milestones"), ("incident.mark", "IncidentMark", "incident"), "Notes a moment of the response that is no change of status").plain(),
    door(("POST", "/api/v1/incidents/{id}/notes"), ("incident.note", "IncidentNote", "incident"), "Adds a remark to the timeline").plain(),
    door(("POST", "/api/v1/incidents/{id}/images"), ("incident.image", "IncidentImage", "incident"), "Gives an incident a picture that one has uploaded").plain(),
    door(("POST", "/api/v1/incidents/{id}/check-in"), ("par.check", "ParCheck", "incident"), "Says that all on the incident are well; the timer starts anew").plain(),
    door(("PUT", "/api/v1/incidents/{id}/check-in"), ("par.set", "ParSet", "incident"), "Sets how often crews must check in; 0 stops the timer").plain(),
    door(("POST", "/api/v1/orders/{id}/received"), ("order.received", "OrderAnswer", "order"), "Says that an order arrived at a device").plain(),
    door(("POST", "/api/v1/orders/{id}/seen"), ("order.seen", "OrderAnswer", "order"), "Says that someone looked at an order").plain(),
    door(("POST", "/api/v1/orders/{id}/accept"), ("order.accept", "OrderAnswer", "order"), "Accepts an order").plain(),
    door(("POST", "/api/v1/orders/{id}/decline"), ("order.decline", "OrderDecline", "order"), "Declines an order, and says why").plain(),
    door(("POST", "/api/v1/status-batch"), ("status.batch", "StatusBatch", ""), "Brings what a device kept while it had no connection").plain(),
    door(("POST", "/api/v1/units"), ("unit.save", "UnitSave", ""), "Puts a unit on the list").with(&[("unit", "null"), ("retire", "false")]).plain().makes("/api/v1/units"),
    door(("PATCH", "/api/v1/units/{id}"), ("unit.save", "UnitSave", "unit"), "Changes a unit; what is absent stays"),
    door(("DELETE", "/api/v1/units/{id}"), ("unit.save", "UnitSave", "unit"), "Takes a unit off the list").with(&[("retire", "true")]),
    door(("POST", "/api/v1/units/{id}/status"), ("unit.status", "UnitSetStatus", "unit"), "Takes a unit out of service, or brings it back"),
    door(("POST", "/api/v1/units/{id}/position"), ("position.report", "PositionReport", "unit"), "Says where one's unit is; only the newest counts, and it is told before it is kept").plain(),
    door(("POST", "/api/v1/units/{id}/shifts"), ("shift.start", "ShiftStart", "unit"), "Goes on shift on a unit; dispatchers may send someone").plain(),
    door(("POST", "/api/v1/shifts/end"), ("shift.end", "ShiftEnd", ""), "Goes off shift; dispatchers may end the shift of someone").plain(),
    door(("POST", "/api/v1/shifts/rest"), ("shift.rest", "ShiftRest", ""), "Rests for a while on shift; 0 minutes end the rest").plain(),
    door(("POST", "/api/v1/hospitals"), ("hospital.save", "HospitalSave", ""), "Puts a hospital on the list").with(&[("hospital", "null"), ("retire", "false")]).plain().makes("/api/v1/hospitals"),
    door(("PATCH", "/api/v1/hospitals/{id}"), ("hospital.save", "HospitalSave", "hospital"), "Changes a hospital; what is absent stays"),
    door(("DELETE", "/api/v1/hospitals/{id}"), ("hospital.save", "HospitalSave", "hospital"), "Takes a hospital off the list").with(&[("retire", "true")]),
    door(("PATCH", "/api/v1/hospitals/{id}/beds"), ("hospital.beds", "HospitalBeds", "hospital"), "Says how many beds are free and how full the emergency department is"),
    door(("PUT", "/api/v1/hospitals/{id}/diversion"), ("hospital.divert", "HospitalDivert", "hospital"), "Says that a hospital turns patients away, and until when").needing("reason"),
    door(("DELETE", "/api/v1/hospitals/{id}/diversion"), ("hospital.divert", "HospitalDivert", "hospital"), "Says that a hospital takes patients again").with(&[("reason", "null"), ("ends_at", "null")]),
    door(("POST", "/api/v1/maydays"), ("mayday.raise", "MaydayRaise", ""), "Calls for help for oneself; no limit holds it up, and a body is not needed").plain().makes("/api/v1/maydays"),
    door(("POST", "/api/v1/maydays/{id}/acknowledge"), ("mayday.acknowledge", "MaydayAcknowledge", "mayday"), "Answers a mayday, by name").plain(),
    door(("POST", "/api/v1/maydays/{id}/end"), ("mayday.end", "MaydayEnd", "mayday"), "Says that a mayday is over").plain(),
];

/// The routes of [`DOORS`].
pub const ROUTES: &[Route] = &rows();

const fn rows() -> [Route; DOORS.len()] {
    let mut rows = [row("", "", Access::SignedIn); DOORS.len()];
    let mut next = 0;
    while next < DOORS.len() {
        rows[next] = row(DOORS[next].method, DOORS[next].path, Access::SignedIn);
        next += 1;
    }
    rows
}

/// What became of it; what does not apply is absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct DispatchAnswer {
    /// What was made or changed.
    id: Option<String>,
    /// Of an incident that was opened.
    call_id: Option<String>,
    order: Option<String>,
    shift: Option<String>,
    unit: Option<String>,
    /// The version the thing has now; also the `ETag`.
    version: Option<i64>,
    /// How an order stands.
    state: Option<String>,
    /// How many sockets listened as it was told.
    listening: Option<u32>,
    /// Why the server picked this unit, when it did.
    picked: Option<RankedView>,
    /// Of a position: whether the unit has a newer one.
    superseded: Option<bool>,
    /// Whether it reached nobody: use the radio.
    nobody_heard: Option<bool>,
    /// What became of each change of a batch.
    #[schema(value_type = Option<Vec<Object>>)]
    results: Option<Vec<String>>,
}

#[derive(OpenApi)]
#[openapi(components(schemas(
    DispatchAnswer,
    IncidentCreate,
    IncidentChange,
    IncidentAssign,
    IncidentRelease,
    IncidentReassign,
    IncidentStep,
    IncidentEnd,
    IncidentCorrect,
    IncidentLink,
    IncidentMark,
    IncidentNote,
    IncidentImage,
    OrderAnswer,
    OrderDecline,
    StatusBatch,
    UnitSave,
    UnitSetStatus,
    ShiftStart,
    ShiftEnd,
    ShiftRest,
    HospitalSave,
    HospitalBeds,
    HospitalDivert,
    MaydayRaise,
    MaydayAcknowledge,
    MaydayEnd,
    ParCheck,
    ParSet,
    PositionReport
)))]
struct Schemas;

/// The description of [`DOORS`].
pub fn described() -> utoipa::openapi::OpenApi {
    let mut api = Schemas::openapi();
    for door in DOORS {
        let operation = operation(&api, door);
        let method = match door.method {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "PATCH" => HttpMethod::Patch,
            _ => HttpMethod::Delete,
        };
        let item = PathItem::new(method, operation);
        match api.paths.paths.get_mut(door.path) {
            Some(known) => known.merge_operations(item),
            None => drop(api.paths.paths.insert(door.path.to_owned(), item)),
        }
    }
    api
}

fn operation(api: &utoipa::openapi::OpenApi, door: &Door) -> OperationBuilder {
    let answer = ContentBuilder::new().schema(Some(Ref::from_schema_name("DispatchAnswer")));
    let answered = ResponseBuilder::new()
        .description("done")
        .content("application/json", answer.build())
        .build();
    let words = door.command.replace('.', "_");
    let mut operation = OperationBuilder::new()
        .tag("dispatch")
        .operation_id(Some(format!("{}_{words}", door.method.to_lowercase())))
        .summary(Some(door.says))
        .description(Some(format!("The command `{}`.", door.command)))
        .response(door.status.to_string(), answered);
    let mut parameters = Vec::new();
    if !door.id.is_empty() {
        parameters.push(("id", ParameterIn::Path, Required::True, door.id));
    }
    if door.has_version {
        let about = "the ETag it was decided on; if it has moved on, 412";
        parameters.push(("If-Match", ParameterIn::Header, Required::False, about));
    }
    let about = "stands for `client_id`: a repeat gets the first answer";
    parameters.push(("Idempotency-Key", ParameterIn::Header, Required::False, about));
    for (name, place, required, about) in parameters {
        let text = Object::with_type(Type::String);
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(RefOr::T(Schema::Object(text))));
        operation = operation.parameter(parameter.build());
    }
    match body_schema(api, door) {
        Some(schema) if !schema.properties.is_empty() => {
            let required =
                if schema.required.is_empty() { Required::False } else { Required::True };
            let content = ContentBuilder::new().schema(Some(RefOr::T(Schema::Object(schema))));
            let body = RequestBodyBuilder::new()
                .content("application/json", content.build())
                .required(Some(required));
            operation.request_body(Some(body.build()))
        }
        _ => operation,
    }
}

/// The command's struct, less what path and route say.
fn body_schema(api: &utoipa::openapi::OpenApi, door: &Door) -> Option<Object> {
    let schemas = &api.components.as_ref()?.schemas;
    let RefOr::T(Schema::Object(whole)) = schemas.get(door.schema)? else { return None };
    let mut left = whole.clone();
    for name in door.fixed.iter().map(|(name, _)| *name).chain([door.id]) {
        left.properties.remove(name);
        left.required.retain(|required| required != name);
    }
    if !door.needs.is_empty() {
        left.required.push(door.needs.to_owned());
    }
    Some(left)
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    for door in DOORS {
        let method = Method::from_bytes(door.method.as_bytes()).unwrap_or(Method::POST);
        let handler = move |state: web::Data<State>,
                            who: Caller,
                            request: HttpRequest,
                            payload: web::Payload| {
            say::obey(door, state, who, request, payload)
        };
        cfg.route(door.path, web::method(method).to(handler));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::dispatch::DISPATCH;

    #[test]
    fn whatever_can_be_said_on_a_socket_can_be_said_by_rest() {
        for row in DISPATCH {
            // A question is a GET of its own.
            let is_question = row.name == "incident.recommend";
            let said = is_question || DOORS.iter().any(|door| door.command == row.name);
            assert!(said, "{} has no door", row.name);
        }
    }

    #[test]
    fn every_door_names_a_command_and_fields_that_its_struct_has() {
        let api = Schemas::openapi();
        let schemas = api.components.unwrap().schemas;
        for door in DOORS {
            assert!(DISPATCH.iter().any(|row| row.name == door.command), "{}", door.command);
            let RefOr::T(Schema::Object(schema)) = &schemas[door.schema] else {
                panic!("{} is no object", door.schema);
            };
            let fields: Vec<&String> = schema.properties.keys().collect();
            let has = |name: &str| schema.properties.contains_key(name);
            assert!(door.id.is_empty() || has(door.id), "{}: {fields:?}", door.command);
            assert!(door.fixed.iter().all(|(name, _)| has(name)), "{}: {fields:?}", door.command);
            let makes_anew = door.status == 201;
            assert!(makes_anew || door.has_version == has("version"), "{}", door.command);
            assert_eq!(door.id.is_empty(), !door.path.contains("{id}"), "{}", door.path);
        }
    }

    #[test]
    fn what_the_path_says_is_not_asked_of_the_body() {
        let api = described();
        let order = api.paths.paths["/api/v1/incidents/{id}/orders"].post.as_ref().unwrap();
        let body = serde_json::to_value(order.request_body.as_ref().unwrap()).unwrap();
        let schema = &body["content"]["application/json"]["schema"];
        assert!(schema["properties"]["unit"].is_object(), "{schema}");
        assert!(schema["properties"]["incident"].is_null(), "{schema}");
        assert!(schema["required"].is_null(), "without a unit the best one is picked: {schema}");
    }
}
