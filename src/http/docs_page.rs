//! The page that documents the API: rendered here from the OpenAPI document, with no script needed
//! and no other host asked. A small script of ours adds a filter where scripts run.

use std::fmt::Write;
use std::sync::OnceLock;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};
use utoipa::OpenApi;

use crate::http::extract::MaybeCaller;
use crate::http::openapi::document;
use crate::http::page_frame::{asset, escape, page};
use crate::protocol::refusal::CODES;

/// Its style and script.
const STYLE: &str = include_str!("docs_page/docs.css");
const SCRIPT: &str = include_str!("docs_page/docs.js");
const STYLE_PATH: &str = "/assets/docs.css";
const SCRIPT_PATH: &str = "/assets/docs.js";
/// The methods an operation can have, in the order they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// How deep a type is spelled out before it is only named.
const DEPTH_MAX: usize = 6;

/// The description of this page.
#[derive(OpenApi)]
#[openapi(paths(show_docs))]
pub struct Description;

/// This API, for people.
#[utoipa::path(get, path = "/api/v1/docs", tag = "diagnostics",
    responses((status = 200, description = "a page, made from this very document")))]
pub async fn show_docs(MaybeCaller(who): MaybeCaller) -> HttpResponse {
    static BODY: OnceLock<String> = OnceLock::new();
    let body = BODY.get_or_init(|| body(&serde_json::from_str(document()).unwrap_or_default()));
    page(StatusCode::OK, "API", who.as_deref(), body)
}

async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLE)
}

async fn script() -> HttpResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

/// One operation with its place in the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    says: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> String {
        let plain = |symbol: char| if symbol.is_ascii_alphanumeric() { symbol } else { '-' };
        let path: String = self.path.trim_start_matches("/api/v1/").chars().map(plain).collect();
        format!("{}-{}", self.method, path.trim_matches('-'))
    }

    fn tag(&self) -> &str {
        self.says["tags"][0].as_str().unwrap_or("other")
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    prose(value.as_str().unwrap_or_default())
}

/// Plain text with `code` in it.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in escape(text).split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(part);
        }
    }
    out
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            if let Some(says) = item.get(method) {
                all.push(Operation { method, path, says });
            }
        }
    }
    all
}

fn body(document: &Value) -> String {
    let all = operations(document);
    let mut tags: Vec<&str> = Vec::new();
    for operation in &all {
        if !tags.contains(&operation.tag()) {
            tags.push(operation.tag());
        }
    }
    tags.sort_unstable();
    let mut out = String::with_capacity(256 << 10);
    let _ = write!(
        out,
        "<link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\
         <script src=\"{SCRIPT_PATH}\" defer></script><div class=\"docs\">",
    );
    contents(&mut out, &all, &tags);
    out.push_str("<div class=\"paper\">");
    opening(&mut out, document, all.len());
    for tag in &tags {
        let _ = write!(out, "<section id=\"tag-{0}\"><h2>{0}</h2>", escape(tag));
        for operation in all.iter().filter(|operation| operation.tag() == *tag) {
            show_operation(&mut out, operation);
        }
        out.push_str("</section>");
    }
    out.push_str("<section id=\"schemas\"><h2>Schemas</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        show_schema(&mut out, name, schema);
    }
    out.push_str("</section></div></div>");
    out
}

fn contents(out: &mut String, all: &[Operation<'_>], tags: &[&str]) {
    out.push_str("<nav aria-label=\"Contents\"><p id=\"filter\"></p>");
    for tag in tags {
        let _ = write!(out, "<h3><a href=\"#tag-{0}\">{0}</a></h3><ul>", escape(tag));
        for operation in all.iter().filter(|operation| operation.tag() == *tag) {
            let shown = operation.path.trim_start_matches("/api/v1");
            let _ = write!(
                out,
                "<li><a href=\"#{}\"><b class=\"{m}\">{m}</b> {}</a></li>",
                operation.id(),
                escape(shown),
                m = operation.method,
            );
        }
        out.push_str("</ul>");
    }
    out.push_str(
        "<h3><a href=\"#errors\">errors</a></h3><h3><a href=\"#schemas\">schemas</a></h3></nav>",
    );
}

fn opening(out: &mut String, document: &Value, count: usize) {
    let info = &document["info"];
    let _ = write!(
        out,
        "<h1>{} API <small>{}</small></h1><p class=\"lead\">{}</p>\
         <p class=\"faint\">{count} operations · \
         <a href=\"/api/v1/openapi.json\">openapi.json</a> for machines</p>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"]),
    );
    out.push_str("<section id=\"credentials\"><h2>Credentials</h2><dl class=\"ways\">");
    for (name, scheme) in entries(&document["components"]["securitySchemes"]) {
        let how = match scheme["type"].as_str() {
            Some("http") => "<code>Authorization: Bearer …</code>".to_owned(),
            _ => format!("{} <code>{}</code>", text(&scheme["in"]), text(&scheme["name"])),
        };
        let _ = write!(out, "<dt>{}</dt><dd>{how} ", escape(name));
        let _ = write!(out, "{}</dd>", text(&scheme["description"]));
    }
    out.push_str(
        "</dl></section><section id=\"errors\"><h2>Errors</h2><p>Every refusal is \
        <code>{\"error\": {\"code\", \"message\", \"field\"?, \"rule\"?, \
        \"retry_after_ms\"?}}</code> with one of these codes.</p><table><thead><tr>\
        <th>code</th><th>status</th><th>try again</th><th>meaning</th></tr></thead><tbody>",
    );
    for row in CODES {
        let again = if row.retry { "yes" } else { "no" };
        let _ = write!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{again}</td><td>{}</td></tr>",
            row.name,
            row.http_status,
            prose(row.meaning),
        );
    }
    out.push_str("</tbody></table></section>");
}

fn show_operation(out: &mut String, operation: &Operation<'_>) {
    let says = operation.says;
    let is_open = says.get("security").is_none_or(|ways| items(ways).next().is_none());
    let who = if is_open { "anyone" } else { "signed in" };
    let _ = write!(
        out,
        "<article id=\"{id}\"><h3><a href=\"#{id}\"><b class=\"{m}\">{m}</b> \
         <span class=\"path\">{}</span></a> <span class=\"who\">{who}</span></h3><p>{}</p>",
        path(operation.path),
        text(&says["summary"]),
        id = operation.id(),
        m = operation.method,
    );
    if says["description"].as_str().is_some_and(|more| !more.trim().is_empty()) {
        let _ = write!(out, "<p>{}</p>", text(&says["description"]));
    }
    show_parameters(out, &says["parameters"]);
    for (kind, media) in entries(&says["requestBody"]["content"]) {
        let _ = write!(
            out,
            "<h4>Body <small>{}</small></h4><pre>{}</pre>",
            escape(kind),
            shape(&media["schema"], 0),
        );
    }
    out.push_str("<h4>Answers</h4><dl class=\"answers\">");
    for (status, answer) in entries(&says["responses"]) {
        if status == "default" {
            continue;
        }
        let _ = write!(out, "<dt>{}</dt><dd>", escape(status));
        let _ = write!(out, "{}", text(&answer["description"]));
        for (_, media) in entries(&answer["content"]) {
            let _ = write!(out, "<pre>{}</pre>", shape(&media["schema"], 0));
        }
        out.push_str("</dd>");
    }
    out.push_str("<dt>else</dt><dd><a href=\"#errors\">an error</a></dd></dl></article>");
}

/// A path with its variables marked.
fn path(path: &str) -> String {
    escape(path).replace('{', "<i>{").replace('}', "}</i>")
}

fn show_parameters(out: &mut String, parameters: &Value) {
    if items(parameters).next().is_none() {
        return;
    }
    out.push_str(
        "<table><thead><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr></thead><tbody>",
    );
    for parameter in items(parameters) {
        let needed = if parameter["required"] == true { " <em>required</em>" } else { "" };
        let _ = write!(
            out,
            "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            shape(&parameter["schema"], DEPTH_MAX),
            text(&parameter["description"]),
        );
    }
    out.push_str("</tbody></table>");
}

fn show_schema(out: &mut String, name: &str, schema: &Value) {
    let _ = write!(
        out,
        "<article id=\"schema-{0}\"><h3><a href=\"#schema-{0}\">{0}</a></h3>",
        escape(name)
    );
    if schema["description"].is_string() {
        let _ = write!(out, "<p>{}</p>", text(&schema["description"]));
    }
    let _ = write!(out, "<pre>{}</pre></article>", shape(schema, 0));
}

/// A schema as a reader of JSON would write it down, with links to what has a name of its own.
fn shape(schema: &Value, depth: usize) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (word, between) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " &amp; ")] {
        if schema[word].is_array() {
            let all: Vec<String> = items(&schema[word]).map(|one| shape(one, depth)).collect();
            return all.join(between);
        }
    }
    if schema["enum"].is_array() {
        let all: Vec<String> = items(&schema["enum"]).map(|one| escape(&one.to_string())).collect();
        return all.join(" | ");
    }
    match &schema["type"] {
        Value::Array(kinds) => {
            let one = |kind: &Value| {
                let mut plain = schema.clone();
                plain["type"] = kind.clone();
                shape(&plain, depth)
            };
            kinds.iter().map(one).collect::<Vec<_>>().join(" | ")
        }
        Value::String(kind) => match kind.as_str() {
            "object" if schema["properties"].is_object() && depth < DEPTH_MAX => {
                fields(schema, depth)
            }
            "array" => format!("[{} …]", shape(&schema["items"], depth + 1)),
            "string" => match schema["format"].as_str() {
                Some("date-time") => "moment".to_owned(),
                Some("binary") => "bytes".to_owned(),
                _ => "string".to_owned(),
            },
            kind => escape(kind),
        },
        _ => "any".to_owned(),
    }
}

fn fields(schema: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth + 1);
    let mut out = String::from("{\n");
    for (name, field) in entries(&schema["properties"]) {
        let is_needed = items(&schema["required"]).any(|needed| needed == name.as_str());
        let mark = if is_needed { "" } else { "?" };
        let _ = write!(out, "{pad}<b>{}</b>{mark}: {}", escape(name), shape(field, depth + 1));
        if let Some(about) = field["description"].as_str() {
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = write!(out, "  <span class=\"about\">{}</span>", prose(&about));
        }
        out.push('\n');
    }
    let _ = write!(out, "{}}}", "  ".repeat(depth));
    out
}

/// Registers the page and what it loads.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/docs").route(web::get().to(show_docs)))
        .route(STYLE_PATH, web::get().to(style))
        .route(SCRIPT_PATH, web::get().to(script));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rendered() -> String {
        body(&serde_json::from_str(document()).unwrap())
    }

    #[test]
    fn every_operation_and_schema_is_shown_once_and_every_link_leads_somewhere() {
        let document: Value = serde_json::from_str(document()).unwrap();
        let html = rendered();
        let ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "an id stands twice");
        for operation in operations(&document) {
            assert!(distinct.contains(operation.id().as_str()), "{}", operation.path);
        }
        for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(distinct.contains(link), "#{link} leads nowhere");
        }
    }

    #[test]
    fn it_asks_no_other_host_and_holds_no_style_or_script_of_its_own() {
        let html = rendered();
        for word in ["http://", "https://", "style=\"", "<style", "onclick", "<script>"] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
        assert!(!SCRIPT.contains("http"));
    }

    #[test]
    fn a_type_is_written_as_json_would_be() {
        let schema = serde_json::json!({
            "type": "object", "required": ["id"],
            "properties": {
                "id": {"type": "string", "description": "its `id`"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "at": {"type": ["string", "null"], "format": "date-time"},
                "who": {"$ref": "#/components/schemas/PersonView"},
            },
        });
        let shown = shape(&schema, 0);
        assert!(
            shown.contains("<b>id</b>: string  <span class=\"about\">its <code>id</code></span>")
        );
        assert!(shown.contains("<b>tags</b>?: [string …]"));
        assert!(shown.contains("<b>at</b>?: moment | null"));
        assert!(shown.contains("<a href=\"#schema-PersonView\">PersonView</a>"));
    }
}
