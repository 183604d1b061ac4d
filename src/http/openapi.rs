//! The OpenAPI 3.1 description of the native API, generated from the handlers.

use std::sync::OnceLock;

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, PathItem, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::http::cookies;
use crate::http::error::ErrorBody;
use crate::http::routes::{Access, routes};
use crate::http::{
    accounts, calls, chat, contacts, departure, diagnostics, dispatch, invites, members, messages,
    passwords, people, pictures, profiles, reports, search, sessions, talk,
};
use crate::http::{dashboard, member_talks, monitoring, notifications, service_tokens};
use crate::protocol::refusal::{Code, Refusal};

/// The ways to show a credential, as the description names them.
const SCHEMES: [&str; 3] = ["bearer", "token", "cookie"];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "Rooms, conversations and accounts. Ids are strings, moments RFC 3339 in \
                       UTC; every error has one shape, which names the field and the rule.",
        license(name = "MIT")
    ),
    paths(
        accounts::login,
        accounts::logout,
        accounts::refresh,
        accounts::register,
        accounts::me,
        accounts::change,
        accounts::profile,
        passwords::change,
        passwords::ask_reset,
        passwords::confirm_reset,
        people::search,
        people::set_role,
        people::deactivate,
        people::activate,
        sessions::list,
        sessions::end,
        sessions::end_others,
        chat::list_conversations,
        chat::list_public,
        chat::count_unread,
        chat::create_conversation,
        chat::show_conversation,
        chat::change_conversation,
        messages::list_messages,
        messages::send_message,
        messages::edit_message,
        messages::delete_message,
        messages::mark_read,
        messages::publish,
        members::list_members,
        members::add_member,
        members::remove_member,
        members::change_member,
        members::join,
        members::leave,
        diagnostics::list_attempts,
        diagnostics::show_statistics,
        diagnostics::show_self,
        diagnostics::show_server,
        show_openapi,
    ),
    components(schemas(ErrorBody, Refusal, Code))
)]
struct Description;

/// The descriptions of parts that keep their own list of handlers beside them.
const PARTS: &[fn() -> utoipa::openapi::OpenApi] = &[
    talk::Described::openapi,
    invites::Described::openapi,
    profiles::Description::openapi,
    pictures::Description::openapi,
    contacts::Description::openapi,
    search::Description::openapi,
    calls::Description::openapi,
    reports::Description::openapi,
    departure::Description::openapi,
    crate::http::attachments::Description::openapi,
    crate::http::events::Description::openapi,
    crate::http::docs_page::Description::openapi,
    dashboard::Described::openapi,
    member_talks::Described::openapi,
    monitoring::Described::openapi,
    notifications::Described::openapi,
    service_tokens::Described::openapi,
    dispatch::described,
];

fn described() -> utoipa::openapi::OpenApi {
    let mut api = Description::openapi();
    for part in PARTS {
        api.merge(part());
    }
    Completed.modify(&mut api);
    api
}

/// Adds what every operation has: who may, and the one error shape.
struct Completed;

impl Modify for Completed {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let token =
            ApiKeyValue::with_description("Authorization", "`Token ` and an opaque API token");
        let cookie = ApiKeyValue::with_description(
            cookies::SESSION,
            "unsafe requests by cookie alone must carry the CSRF token too",
        );
        let schemes = [
            SecurityScheme::Http(bearer),
            SecurityScheme::ApiKey(ApiKey::Header(token)),
            SecurityScheme::ApiKey(ApiKey::Cookie(cookie)),
        ];
        for (name, scheme) in SCHEMES.into_iter().zip(schemes) {
            components.add_security_scheme(name, scheme);
        }
        for route in routes() {
            let item = api.paths.paths.get_mut(route.path);
            let Some(operation) = item.and_then(|item| operation(item, route.method)) else {
                continue;
            };
            let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody")));
            let response = ResponseBuilder::new()
                .description("refused; `code` says why, `field` and `rule` what to change")
                .content("application/json", error.build());
            operation.responses.responses.insert("default".to_owned(), response.build().into());
            if route.access != Access::Anyone {
                let none: [&str; 0] = [];
                let ways = SCHEMES.map(|name| SecurityRequirement::new(name, none));
                operation.security = Some(ways.to_vec());
            }
        }
    }
}

/// The operation of a path under one method's name.
fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// The description as JSON, made once.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    // A description that cannot be written would fail this file's tests first.
    DOCUMENT.get_or_init(|| described().to_json().unwrap_or_default())
}

/// This description, as OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "diagnostics",
    responses((status = 200, description = "an OpenAPI 3.1 document")))]
pub async fn show_openapi() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(document())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/openapi.json").route(web::get().to(show_openapi)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn parsed() -> Value {
        serde_json::from_str(document()).unwrap()
    }

    #[test]
    fn what_is_routed_is_described_and_what_is_described_is_routed() {
        let all = routes().map(|route| (route.path.to_owned(), route.method.to_owned()));
        let (native, others): (BTreeSet<(String, String)>, BTreeSet<_>) =
            all.partition(|(path, _)| path.starts_with("/api/v1/"));
        let described: BTreeSet<(String, String)> = parsed()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
            })
            .collect();
        // Besides the native routes, what their answers link to is described.
        let unknown: Vec<_> =
            described.difference(&native).filter(|it| !others.contains(it)).collect();
        let undescribed: Vec<_> = native.difference(&described).collect();
        assert!(unknown.is_empty() && undescribed.is_empty(), "{unknown:?} {undescribed:?}");
    }

    #[test]
    fn it_is_openapi_3_1_and_every_reference_in_it_leads_somewhere() {
        let document = parsed();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut waiting = vec![&document];
        let mut references = 0;
        while let Some(value) = waiting.pop() {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(target)) = map.get("$ref") {
                        let pointer = target.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{target}");
                        references += 1;
                    }
                    waiting.extend(map.values());
                }
                Value::Array(list) => waiting.extend(list),
                _ => {}
            }
        }
        assert!(references > 0);
    }

    #[test]
    fn operations_for_those_signed_in_name_every_way_to_sign_in() {
        let document = parsed();
        for route in routes().filter(|route| route.path.starts_with("/api/v1/")) {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            assert!(operation["responses"]["default"].is_object(), "{}", route.path);
            let ways = operation["security"].as_array().map_or(0, Vec::len);
            let wanted = if route.access == Access::Anyone { 0 } else { SCHEMES.len() };
            assert_eq!(ways, wanted, "{} {}", route.method, route.path);
        }
    }
}
