//! REST of chat and operations on a whole server: real sockets, SQLite in a folder of its own.

use std::collections::BTreeMap;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::auth::secret;
use switchboard::boot::{self, ServeOptions, Stop};
use switchboard::clock;
use switchboard::config::Config;
use switchboard::models::login::{self, NewApiToken};
use switchboard::models::user::{self, NewUser};
use tempfile::TempDir;
use tokio::sync::watch;

/// A server of its own, with some people in it.
struct Server {
    client: Client,
    base: String,
    people: Vec<(String, String)>,
    stop: watch::Sender<Stop>,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("test.db").display());
        let flags: BTreeMap<String, String> = [
            ("bind", "127.0.0.1:0"),
            ("database-url", database.as_str()),
            ("workers", "1"),
            ("cors-allowed-origins", "https://app.example.org"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let config = Config::load(&flags, &|_| None, None).unwrap();
        let running = boot::start(config, ServeOptions { migrate: true }).await.unwrap();
        let base = format!("http://{}", running.addresses[0]);
        let mut people = Vec::new();
        for (name, role) in [("alice", Role::Member), ("bob", Role::Member), ("root", Role::Admin)]
        {
            let token = format!("token-of-{name}");
            let hash = secret::hash_at_rest(&token);
            let write = running.house.lane.write(move |conn| {
                let new = NewUser { role, ..NewUser::member(name, "!") };
                let user = user::insert(conn, new)?.id;
                let at = clock::now_naive();
                let (hash, name) = (hash.as_str(), "test");
                let new = NewApiToken { user, login: None, hash, name, at, expires_at: None };
                login::add_api_token(conn, new)?;
                Ok(user)
            });
            people.push((write.await.unwrap().to_string(), token));
        }
        let stop = running.stopper();
        actix_web::rt::spawn(running.finish());
        Self { client: Client::new(), base, people, stop, _folder: folder }
    }

    fn id(&self, who: usize) -> &str {
        &self.people[who].0
    }

    async fn ask(&self, who: usize, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some((_, token)) = self.people.get(who) {
            request = request.header("Authorization", format!("Token {token}"));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// Asks, checks the status, and reads the answer.
    async fn expect(
        &self,
        status: u16,
        (who, method, path): (usize, &str, &str),
        body: Option<Value>,
    ) -> Value {
        let method: Method = method.parse().unwrap();
        let response = self.ask(who, method.clone(), path, body).await;
        let (got, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(got.as_u16(), status, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(Stop::Stop);
    }
}

const ALICE: usize = 0;
const BOB: usize = 1;
const ROOT: usize = 2;
const NOBODY: usize = 9;

#[actix_web::test]
async fn a_conversation_lives_its_life_by_rest() {
    let server = Server::start().await;
    let bob = server.id(BOB).to_owned();
    let room = json!({"kind": "room", "name": "ops", "members": [bob]});
    let made = server.expect(201, (ALICE, "POST", "/api/v1/conversations"), Some(room)).await;
    assert_eq!(made["topic"], "chat:ops");

    let messages = "/api/v1/conversations/ops/messages";
    let hello = json!({"content": "hello", "client_id": "c1"});
    let sent = server.expect(201, (ALICE, "POST", messages), Some(hello.clone())).await;
    let again = server.expect(201, (ALICE, "POST", messages), Some(hello)).await;
    assert_eq!(sent, again, "a repeat gets the first answer");

    let page = server.expect(200, (BOB, "GET", &format!("{messages}?limit=10")), None).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["messages"][0]["content"], "hello");

    let unread = server.expect(200, (BOB, "GET", "/api/v1/conversations/unread"), None).await;
    assert_eq!(
        unread,
        json!({"total": 1, "mentions": 0,
        "conversations": [{"topic": "chat:ops", "unread": 1, "mentions": 0}]})
    );
    let mark = json!({"seq": sent["seq"]});
    let _ = server.expect(200, (BOB, "POST", "/api/v1/conversations/ops/read"), Some(mark)).await;
    let entry = server.expect(200, (BOB, "GET", "/api/v1/conversations/ops"), None).await;
    assert_eq!((&entry["unread"], &entry["my_role"]), (&json!(0), &json!("member")));
    assert_eq!(entry["last_message"]["content"], "hello");

    let message = format!("{messages}/{}", sent["id"].as_str().unwrap());
    let text = json!({"content": "hello there"});
    let _ = server.expect(200, (ALICE, "PATCH", &message), Some(text.clone())).await;
    let _ = server.expect(403, (BOB, "PATCH", &message), Some(text)).await;
    let _ = server.expect(200, (ALICE, "DELETE", &message), None).await;
    let page = server.expect(200, (BOB, "GET", messages), None).await;
    assert_eq!(page["messages"][0]["deleted"], true);
    assert_eq!(page["messages"][0]["content"], "");

    let member = format!("/api/v1/conversations/ops/members/{bob}");
    let _ = server.expect(200, (ALICE, "PATCH", &member), Some(json!({"role": "admin"}))).await;
    let members = "/api/v1/conversations/ops/members";
    let listed = server.expect(200, (ALICE, "GET", members), None).await;
    assert_eq!(listed["member_count"], 2);
    assert_eq!(listed["members"][1]["role"], "admin");
    let _ = server.expect(200, (ALICE, "DELETE", &member), None).await;
    let _ = server.expect(404, (BOB, "GET", messages), None).await;
    let published = json!({"event": "moved", "data": {"x": 1}});
    let publish = "/api/v1/topics/chat:ops/publish";
    let _ = server.expect(204, (ALICE, "POST", publish), Some(published)).await;
}

#[actix_web::test]
async fn refusals_name_the_field_and_tell_strangers_nothing() {
    let server = Server::start().await;
    let room = json!({"kind": "room", "name": "private"});
    let _ = server.expect(201, (ALICE, "POST", "/api/v1/conversations"), Some(room)).await;
    let field = |body: Value| body["error"]["field"].as_str().unwrap_or_default().to_owned();

    let theirs = server.expect(404, (BOB, "GET", "/api/v1/conversations/private"), None).await;
    let none = server.expect(404, (BOB, "GET", "/api/v1/conversations/nowhere"), None).await;
    assert_eq!(theirs, none);
    let mine = "/api/v1/conversations/private";
    let bad = server.expect(400, (ALICE, "GET", "/api/v1/conversations/No%20Such"), None).await;
    assert_eq!(field(bad), "key");
    let bad = server.expect(400, (ALICE, "GET", &format!("{mine}/messages?limit=x")), None).await;
    assert_eq!(field(bad), "limit");
    let bad = server.expect(400, (ALICE, "GET", &format!("{mine}/messages?limit=0")), None).await;
    assert_eq!(field(bad), "limit");
    let bad = server.expect(400, (ALICE, "DELETE", &format!("{mine}/messages/x")), None).await;
    assert_eq!(field(bad), "id");
    let send = format!("{mine}/messages");
    let bad = server.expect(400, (ALICE, "POST", &send), Some(json!({"content": " "}))).await;
    assert_eq!(field(bad), "content");
    let bad = server.expect(400, (ALICE, "POST", &send), Some(json!({}))).await;
    assert_eq!(field(bad), "content");
    let long = json!({"content": "x".repeat(20_000)});
    let bad = server.expect(413, (ALICE, "POST", &send), Some(long)).await;
    assert_eq!(field(bad), "content");
    let huge = json!({"content": "x".repeat(2 << 20)});
    let bad = server.expect(413, (ALICE, "POST", &send), Some(huge)).await;
    assert_eq!(field(bad), "body");
    let _ = server.expect(401, (NOBODY, "GET", "/api/v1/conversations"), None).await;
}

#[actix_web::test]
async fn operations_and_diagnostics_answer_who_may_ask() {
    let server = Server::start().await;
    let ready = server.expect(200, (NOBODY, "GET", "/readyz"), None).await;
    assert_eq!(ready["ready"], true);
    let _ = server.expect(200, (NOBODY, "GET", "/healthz"), None).await;
    let metrics = server.ask(NOBODY, Method::GET, "/metrics", None).await;
    assert!(metrics.text().await.unwrap().contains("switchboard_request_seconds"));
    let forwarded = server.client.get(format!("{}/metrics", server.base));
    let forwarded = forwarded.header("X-Forwarded-For", "203.0.113.9").send().await.unwrap();
    assert_eq!(forwarded.status(), StatusCode::UNAUTHORIZED);

    let attempts = "/api/v1/diagnostics/attempts/";
    let _ = server.expect(403, (ALICE, "GET", attempts), None).await;
    let listed = server.expect(200, (ROOT, "GET", attempts), None).await;
    assert!(listed["attempts"].is_array());
    let counted = server.expect(200, (ROOT, "GET", "/api/v1/diagnostics/statistics"), None).await;
    assert_eq!(counted["total"], 0);
    let me = server.expect(200, (ALICE, "GET", "/api/v1/diagnostics/self"), None).await;
    assert_eq!(me["credential"]["username"], "alice");
    assert!(!me.to_string().contains("token-of-alice"));
    let nobody = server.expect(200, (NOBODY, "GET", "/api/v1/diagnostics/self"), None).await;
    assert_eq!(nobody["credential"]["verdict"], "none");
    let what = server.expect(200, (NOBODY, "GET", "/api/v1/server"), None).await;
    assert_eq!(what["name"], "switchboard");
    let _ = server.expect(200, (NOBODY, "GET", "/api/v1/server/"), None).await;
    let _ = server.expect(426, (NOBODY, "GET", "/ws/v1/"), None).await;
    let _ = server.expect(404, (NOBODY, "GET", "/ws/nothing/"), None).await;
}

#[actix_web::test]
async fn browsers_may_ask_from_listed_origins_and_loopback_only() {
    let server = Server::start().await;
    let preflight = |origin: &'static str| {
        let url = format!("{}/api/v1/conversations", server.base);
        let request = server.client.request(Method::OPTIONS, url).header("Origin", origin);
        request.header("Access-Control-Request-Method", "POST").send()
    };
    for origin in ["https://app.example.org", "http://localhost:5173"] {
        let answer = preflight(origin).await.unwrap();
        assert!(answer.status().is_success());
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
    }
    let answer = preflight("https://evil.example").await.unwrap();
    assert!(answer.status().is_success());
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[actix_web::test]
async fn the_api_documents_itself_for_whoever_asks() {
    let server = Server::start().await;
    let page = server.ask(NOBODY, Method::GET, "/api/v1/docs/", None).await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("http"), "no other host is asked: {policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("id=\"get-search-messages\""), "an operation of the API is told");
    let document = server.ask(NOBODY, Method::GET, "/api/v1/openapi.json", None).await;
    let document: Value = document.json().await.unwrap();
    let search = &document["paths"]["/api/v1/search/messages"]["get"]["parameters"];
    assert!(
        search.as_array().unwrap().iter().all(|parameter| parameter["in"] == "query"),
        "{search}"
    );
    let script = server.ask(NOBODY, Method::GET, "/assets/docs.js", None).await;
    assert_eq!(script.status(), StatusCode::OK);
}
