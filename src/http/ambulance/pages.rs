//! The pages of dispatch: the dispatchers' board, the crew's page, the fleet, the public form and
//! the socket test. Scripts are files of ours; without them the public form works all the same.

use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde_json::Value;

use crate::auth::identity::Identity;
use crate::auth::secret;
use crate::http::ambulance::reporting::{self, FORM_KEY};
use crate::http::drf::{Fail, Fields};
use crate::http::page_frame::{asset, escape, page};
use crate::http::request_form::{self, PICTURES_MAX};
use crate::http::state::State;
use crate::protocol::dialect::ambulance::shapes;
use crate::protocol::dispatch::IncidentType;

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// The files these pages load: address, media type, text.
const ASSETS: &[(&str, &str, &str)] = &[
    ("/assets/dispatch.css", STYLE, include_str!("pages/dispatch.css")),
    ("/assets/dispatch.js", SCRIPT, include_str!("pages/dispatch.js")),
    ("/assets/dispatch-desk.js", SCRIPT, include_str!("pages/desk.js")),
    ("/assets/dispatch-crew.js", SCRIPT, include_str!("pages/crew.js")),
    ("/assets/dispatch-fleet.js", SCRIPT, include_str!("pages/fleet.js")),
    ("/assets/dispatch-report.js", SCRIPT, include_str!("pages/report.js")),
    ("/assets/dispatch-probe.js", SCRIPT, include_str!("pages/probe.js")),
];
/// The route of the public form.
const FORM: &str = "/emergency";

/// What stands on the page of this route; nothing when it is none of these.
pub fn body(route: &str, who: Option<&Identity>) -> Option<String> {
    let (html, scripts): (_, &[&str]) = match route {
        "/dashboard" => (include_str!("pages/desk.html"), &["dispatch", "dispatch-desk"]),
        "/paramedic" => (include_str!("pages/crew.html"), &["dispatch", "dispatch-crew"]),
        "/dispatch/fleet" => (include_str!("pages/fleet.html"), &["dispatch", "dispatch-fleet"]),
        "/test/websocket" => (include_str!("pages/probe.html"), &["dispatch-probe"]),
        FORM => return Some(form(&Fields::default(), None)),
        _ => return None,
    };
    let user = who.map_or(0, |who| who.user.0);
    let role = who.map_or("", |who| who.role.as_str());
    let mut text = format!(
        "<link rel=\"stylesheet\" href=\"/assets/dispatch.css\">\
         <div id=\"page\" data-user=\"{user}\" data-role=\"{role}\">{html}</div>"
    );
    for script in scripts {
        let _ = write!(text, "<script src=\"/assets/{script}.js\" defer></script>");
    }
    Some(text)
}

/// A field of the public form.
struct Input {
    name: &'static str,
    label: &'static str,
    /// Attributes of the element.
    rules: &'static str,
    is_long: bool,
}

const INPUTS: &[Input] = &[
    Input {
        name: "caller_name",
        label: "Your name",
        rules: "required maxlength=\"100\" autocomplete=\"name\"",
        is_long: false,
    },
    Input {
        name: "caller_phone",
        label: "Your telephone number (+232… or 0…)",
        rules: "required maxlength=\"15\" type=\"tel\" autocomplete=\"tel\"",
        is_long: false,
    },
    Input {
        name: "description",
        label: "What has happened?",
        rules: "required maxlength=\"10000\" rows=\"4\"",
        is_long: true,
    },
    Input {
        name: "location_address",
        label: "Where?",
        rules: "required maxlength=\"200\" autocomplete=\"street-address\"",
        is_long: false,
    },
];

fn said(fields: &Fields, name: &str) -> String {
    fields.text(name).ok().flatten().unwrap_or_default()
}

/// What is wrong with a field, in HTML.
fn wrong(fail: Option<&Fail>, name: &str) -> String {
    let words = fail.and_then(|fail| fail.body().get(name)).map(words_of).unwrap_or_default();
    if words.is_empty() {
        return words;
    }
    format!("<p class=\"wrong\" id=\"{name}-wrong\">{}</p>", escape(&words))
}

fn words_of(value: &Value) -> String {
    match value {
        Value::String(words) => words.clone(),
        Value::Array(list) => list.iter().map(words_of).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn input(fields: &Fields, fail: Option<&Fail>, input: &Input) -> String {
    let Input { name, label, rules, is_long } = *input;
    let value = escape(&said(fields, name));
    let element = if is_long {
        format!("<textarea id=\"{name}\" name=\"{name}\" {rules}>{value}</textarea>")
    } else {
        format!("<input id=\"{name}\" name=\"{name}\" {rules} value=\"{value}\">")
    };
    format!("<label for=\"{name}\">{label}</label>{element}{}", wrong(fail, name))
}

fn kinds(fields: &Fields) -> String {
    let chosen = said(fields, "emergency_type");
    let mut options = String::new();
    for kind in IncidentType::ALL {
        let (word, shown) = (kind.as_str(), shapes::type_display(*kind));
        let mark = if word == chosen { " selected" } else { "" };
        let _ = write!(options, "<option value=\"{word}\"{mark}>{shown}</option>");
    }
    format!(
        "<label for=\"emergency_type\">What kind of emergency?</label>\
         <select id=\"emergency_type\" name=\"emergency_type\">{options}</select>"
    )
}

/// The public form, with what was written already and what is wrong with it.
fn form(fields: &Fields, fail: Option<&Fail>) -> String {
    let general = ["non_field_errors", "detail", "error"];
    let mut alarm = String::new();
    for name in general {
        let words = fail.and_then(|fail| fail.body().get(name)).map(words_of);
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            let _ = write!(alarm, "<p class=\"alarm\" role=\"alert\">{}</p>", escape(&words));
        }
    }
    let inputs: String = INPUTS.iter().map(|one| input(fields, fail, one)).collect();
    let place = |name: &str, label: &str| {
        format!(
            "<label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" \
             inputmode=\"decimal\" value=\"{}\">{}",
            escape(&said(fields, name)),
            wrong(fail, name)
        )
    };
    format!(
        "<link rel=\"stylesheet\" href=\"/assets/dispatch.css\">\
         <form class=\"sheet narrow\" method=\"post\" action=\"/emergency/\" \
         enctype=\"multipart/form-data\"><h1>Report an emergency</h1>\
         <p>If you can call your local emergency number, do that first.</p>{alarm}\
         <input type=\"hidden\" name=\"{FORM_KEY}\" value=\"{key}\">{kinds}{inputs}\
         <button id=\"place\" type=\"button\" class=\"plain\" hidden>Fill in my position</button>\
         {latitude}{longitude}\
         <label for=\"images\">Pictures (at most {PICTURES_MAX}, JPEG, PNG, GIF or WebP)</label>\
         <input id=\"images\" name=\"images\" type=\"file\" multiple \
         accept=\"image/jpeg,image/png,image/gif,image/webp\">\
         <button type=\"submit\">Send for help</button></form>\
         <script src=\"/assets/dispatch-report.js\" defer></script>",
        key = secret::token_id(),
        kinds = kinds(fields),
        latitude = place("latitude", "Latitude, if you know it"),
        longitude = place("longitude", "Longitude, if you know it"),
    )
}

fn again(fields: &Fields, fail: &Fail) -> HttpResponse {
    page(fail.status_code(), "Report an emergency", None, &form(fields, Some(fail)))
}

/// Takes the public form of a browser, and says under which number the call is known.
async fn report(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    if let Err(refusal) = request_form::admit(&state, &request) {
        return again(&Fields::default(), &refusal.into());
    }
    let brought = match reporting::brought(&state, &request, payload).await {
        Ok(brought) => brought,
        Err(fail) => return again(&Fields::default(), &fail),
    };
    let fields = brought.fields.clone();
    let taken = match reporting::open(&state, brought).await {
        Ok(taken) => taken,
        Err(fail) => return again(&fields, &fail),
    };
    let body = format!(
        "<div class=\"sheet narrow\"><h1>Help is being sent for</h1>\
         <p>Your call is known as <strong id=\"call-id\">{}</strong>.</p>\
         <p>Stay where you are if it is safe, and keep your telephone free: you may be called \
         back.</p><p><a href=\"/emergency/\">Report another emergency</a></p></div>",
        escape(&taken.call_id)
    );
    page(StatusCode::CREATED, "Help is being sent for", None, &body)
}

/// Registers the form's own route and the files of all these pages.
pub fn configure(cfg: &mut web::ServiceConfig) {
    for &(path, kind, text) in ASSETS {
        cfg.route(path, web::get().to(move || async move { asset(kind, text) }));
    }
    cfg.route(FORM, web::post().to(report));
}
