//! The older dashboard's clients, and the classroom's two quiet streams: every path they know, as
//! they know it, refusals included.

use serde_json::{Value, json};
use switchboard::auth::password;
use switchboard::models::user::{self, NewUser};

use crate::harness::people::Person;
use crate::harness::rest::asks;
use crate::harness::server::Server;

fn uuid(kind: u32, id: i64) -> String {
    format!("{kind:08x}-0000-8000-8000-{id:012x}")
}

/// An account with a password, for signing in.
async fn with_password(server: &Server, name: &str, secret: &str) -> i64 {
    let hash = password::hash_new(secret);
    let (name, email) = (name.to_owned(), format!("{name}@example.org"));
    server
        .writes(move |conn| {
            let new = NewUser {
                email: email.clone(),
                first_name: "Ann".to_owned(),
                ..NewUser::member(&name, &hash)
            };
            Ok(user::insert(conn, new)?.id.0)
        })
        .await
}

/// Opens a talk between these two by REST; returns its UUID.
async fn talk(one: &Person, other: &Person) -> String {
    let wish = json!({"participant2": uuid(1, other.id.0), "initial_message": "hello"});
    let made = one.gets(201, "POST", "/api/v1/chat/member-conversations/", Some(&wish)).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_talk_is_opened_listed_and_written_to_by_rest() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let id = talk(&ada, &bob).await;
    assert_eq!(talk(&bob, &ada).await, id, "there is one for two people");
    let list = "/api/v1/chat/member-conversations/";
    let page = bob.gets(200, "GET", list, None).await;
    let ends = (&page["count"], &page["next"], &page["previous"]);
    assert_eq!(ends, (&json!(1), &Value::Null, &Value::Null));
    let shown = &page["results"][0];
    assert_eq!((&shown["id"], &shown["unread_count"]), (&json!(id), &json!(1)));
    assert_eq!(shown["participant2"], uuid(1, ada.id.0));
    let sending = format!("{list}{id}/send_message/");
    let sent = ada.gets(201, "POST", &sending, Some(&json!({"content": "how are you?"}))).await;
    assert_eq!((&sent["conversation"], &sent["sender"]), (&json!(id), &json!(uuid(1, ada.id.0))));
    assert_eq!((&sent["is_delivered"], &sent["is_read"]), (&json!(false), &json!(false)));
    assert_eq!((&sent["sender_username"], &sent["attachments"]), (&json!("ada"), &json!([])));
    let one = bob.gets(200, "GET", &format!("{list}{id}/"), None).await;
    assert_eq!(one["last_message"]["id"], sent["id"]);
    let refused = eve.gets(404, "GET", &format!("{list}{id}/"), None).await;
    assert_eq!((&refused["error"], &refused["status_code"]), (&json!(true), &json!(404)));
    eve.gets(404, "POST", &sending, Some(&json!({"content": "let me in"}))).await;
    eve.gets(404, "GET", &format!("{list}x/"), None).await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_the_older_envelope() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let id = talk(&ada, &bob).await;
    let list = "/api/v1/chat/member-conversations/";
    let sending = format!("{list}{id}/send_message/");
    for (path, wish, field) in [
        (list, json!({}), "participant2"),
        (list, json!({"participant2": true}), "participant2"),
        (list, json!({"participant2": uuid(1, 999)}), "participant2"),
        (list, json!({"participant2": uuid(1, ada.id.0)}), "participant2"),
        (&sending, json!({}), "content"),
        (&sending, json!({"content": " "}), "content"),
        (&sending, json!({"content": "x", "attachments": [1]}), "attachments"),
    ] {
        let refused = ada.gets(400, "POST", path, Some(&wish)).await;
        assert_eq!(
            (&refused["error"], &refused["status_code"]),
            (&json!(true), &json!(400)),
            "{wish}"
        );
        assert!(refused["details"][field].is_array(), "{wish}: {refused}");
    }
    for path in
        [list, "/api/v1/monitoring/dashboard/stats/", "/api/v1/auth/me/", "/api/v1/auth/profile/"]
    {
        let answered = asks(server.address, None, "GET", path, None).await;
        assert_eq!(answered.status, 401, "{path}");
        assert_eq!(
            (&answered.body["error"], &answered.body["status_code"]),
            (&json!(true), &json!(401))
        );
    }
    // Without the closing slash a path of both is the native one.
    let native = asks(server.address, None, "GET", "/api/v1/auth/me", None).await;
    assert_eq!(native.body["error"]["code"], "not_authenticated");
}

#[tokio::test]
async fn they_sign_in_renew_and_see_themselves_by_their_own_paths() {
    let server = Server::start().await;
    let id = with_password(&server, "ann", "a long enough secret").await;
    let login = "/api/v1/auth/login/";
    let wish = json!({"email": "ann@example.org", "password": "a long enough secret"});
    let answered = asks(server.address, None, "POST", login, Some(&wish)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let user = &answered.body["user"];
    let expected = json!({"id": uuid(1, id), "email": "ann@example.org", "username": "ann",
        "role": "member", "first_name": "Ann", "last_name": "", "two_factor_enabled": false,
        "is_superuser": false});
    assert_eq!(*user, expected);
    let bearer = format!("Bearer {}", answered.body["access"].as_str().unwrap());
    for path in ["/api/v1/auth/me/", "/api/v1/auth/profile/", "/api/v1/auth/profile"] {
        let me = asks(server.address, Some(&bearer), "GET", path, None).await;
        assert_eq!((me.status, &me.body), (200, &expected), "{path}");
    }
    let refresh = json!({"refresh": answered.body["refresh"]});
    let path = "/api/v1/auth/token/refresh/";
    let renewed = asks(server.address, None, "POST", path, Some(&refresh)).await;
    assert!(renewed.body["access"].is_string() && renewed.body["refresh"].is_string());
    assert_ne!(renewed.body["refresh"], refresh["refresh"], "rotating");
    let wrong = json!({"email": "ann@example.org", "password": "wrong"});
    let refused = asks(server.address, None, "POST", login, Some(&wrong)).await;
    assert_eq!((refused.status, &refused.body["error"]), (401, &json!(true)), "{refused:?}");
    let native = asks(server.address, None, "POST", "/api/v1/auth/login", Some(&wrong)).await;
    assert_eq!((native.status, &native.body["error"]["code"]), (401, &json!("not_authenticated")));
}

#[tokio::test]
async fn monitoring_tells_this_servers_own_figures() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("talk", &[]).await;
    let at = |what: &str| format!("/api/v1/monitoring/dashboard/{what}/");
    let before = ada.gets(200, "GET", &at("stats"), None).await;
    assert_eq!(before["total_agents"], 5);
    assert_eq!(before["active_agents"], 5);
    assert!(before["storage_used_mb"].as_f64() > Some(0.0), "{before}");
    assert!(before["timestamp"].as_str().unwrap().ends_with("+00:00"));
    socket.says(&room, "one more").await;
    let after = ada.gets(200, "GET", &at("stats"), None).await;
    let more = |figure: &str| after[figure].as_i64().unwrap() - before[figure].as_i64().unwrap();
    assert_eq!((more("total_commands"), more("commands_executed_today")), (1, 1));
    let agents = ada.gets(200, "GET", &at("agents"), None).await;
    let names: Vec<_> = agents.as_array().unwrap().iter().map(|agent| &agent["name"]).collect();
    assert_eq!(
        names,
        ["RoomSupervisor", "NotificationHub", "DispatchBoard", "writer", "housekeeper"]
    );
    for agent in agents.as_array().unwrap() {
        assert!(["idle", "busy", "active"].contains(&agent["status"].as_str().unwrap()));
        assert!(agent["capabilities"].is_array() && agent["id"].is_string(), "{agent}");
    }
    let flows = ada.gets(200, "GET", &format!("{}?limit=1", at("workflows")), None).await;
    assert_eq!(flows.as_array().unwrap().len(), 1);
    for key in ["id", "name", "status", "progress", "started_at", "completed_at", "current_step"] {
        assert!(flows[0].get(key).is_some(), "{key}: {flows}");
    }
    let refused = ada.gets(400, "GET", &format!("{}?limit=0", at("workflows")), None).await;
    assert_eq!(refused["error"], true);
    let health = ada.gets(200, "GET", &at("health"), None).await;
    assert_eq!(health["status"], "healthy", "{health}");
    for check in ["database", "cache", "celery", "websocket"] {
        assert_eq!(health["checks"][check]["status"], "healthy", "{health}");
        assert!(health["checks"][check]["message"].is_string());
    }
}
