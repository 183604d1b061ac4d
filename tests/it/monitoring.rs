//! The older dashboard's clients, and the classroom's two quiet streams: every path they know, as
//! they know it, refusals included.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::auth::password;
use switchboard::models::user::{self, NewUser};

use crate::harness::people::Person;
use crate::harness::rest::asks;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::Socket;

const FAST: &[(&str, &str)] = &[("dashboard_every", "30ms"), ("presence_grace", "0s")];

/// A socket as these clients open it: a token in the query, and an Origin as browsers send it.
async fn opens(server: &Server, path: &str, token: Option<&str>) -> Socket {
    let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
    let origin = format!("http://{}", server.address);
    Socket::open(server.address, &format!("{path}{query}"), &[("origin", &origin)]).await
}

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

#[tokio::test]
async fn a_dashboard_may_be_opened_by_anyone_and_echoes_what_it_is_told() {
    on_each_engine(FAST, async |server| {
    for token in [None, Some("not.a.token"), Some("deadbeef")] {
        let mut socket = opens(&server, "/ws/dashboard/", token).await;
        let greeting =
            json!({"type": "connection", "message": "Connected to dashboard", "user": "anonymous"});
        assert_eq!(socket.next().await, Some(greeting), "{token:?}");
        socket.sends_text(r#"{"type":"ping"}"#).await;
        let echo = json!({"type": "echo", "message": "Received: ping"});
        assert_eq!(socket.next().await, Some(echo));
        socket.sends_text("not JSON").await;
        assert_eq!(socket.ends().await.code, Some(1011));
    }
    let ada = server.person("ada").await;
    let mut socket = opens(&server, "/ws/dashboard/", Some(&ada.token)).await;
    assert_eq!(socket.next().await.unwrap()["user"], "ada");
    let figures = socket.hears("agent_status_change").await;
    assert_eq!(figures["update_type"], figures["type"], "under both names");
    assert_eq!(figures["payload"]["role"], "member");
    })
    .await;
}

#[tokio::test]
async fn the_notification_stream_greets_answers_and_pushes() {
    on_each_engine(&[], async |server| {
        let (ada, root) = (server.person("ada").await, server.person_as("root", Role::Admin).await);
        let mut socket = opens(&server, "/ws/notifications/", Some(&ada.token)).await;
        let greeting = json!({"type": "connection", "message": "Connected to notification stream",
        "user_id": uuid(1, ada.id.0)});
        assert_eq!(socket.next().await, Some(greeting));
        socket.sends_text(r#"{"type":"ping"}"#).await;
        let pong = socket.hears("pong").await;
        assert!(pong["timestamp"].as_str().unwrap().ends_with("+00:00"), "{pong}");
        socket.sends_text(r#"{"type":"shout"}"#).await;
        let unknown = json!({"type": "error", "message": "Unknown message type: shout"});
        assert_eq!(socket.next().await, Some(unknown));
        socket.sends_text("{").await;
        assert_eq!(socket.next().await, Some(json!({"type": "error", "message": "Invalid JSON"})));
        let wish = json!({"title": "hello", "message": "there", "users": [ada.id.0.to_string()]});
        root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
        let pushed = socket.hears("notification").await;
        assert_eq!(pushed["notification"]["title"], "hello");
        assert_eq!(pushed["notification"]["is_read"], false);
        for token in [None, Some("not.a.token")] {
            let mut refused = opens(&server, "/ws/notifications/", token).await;
            assert_eq!(refused.ends().await.code, Some(4001), "{token:?}");
        }
    })
    .await;
}

/// Opens a talk between these two by REST; returns its UUID.
async fn talk(one: &Person, other: &Person) -> String {
    let wish = json!({"participant2": uuid(1, other.id.0), "initial_message": "hello"});
    let made = one.gets(201, "POST", "/api/v1/chat/member-conversations/", Some(&wish)).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_talk_reaches_both_is_read_on_connecting_and_shut_to_others() {
    on_each_engine(&[], async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let id = talk(&ada, &bob).await;
        let list = "/api/v1/chat/member-conversations/";
        let page = bob.gets(200, "GET", list, None).await;
        assert_eq!(
            (&page["count"], &page["next"], &page["previous"]),
            (&json!(1), &Value::Null, &Value::Null)
        );
        assert_eq!(page["results"][0]["id"], id);
        assert_eq!(page["results"][0]["unread_count"], 1);
        assert_eq!(page["results"][0]["last_message"]["content"], "hello");
        let path = format!("/ws/member-chat/{id}/");
        let mut ada_1 = opens(&server, &path, Some(&ada.token)).await;
        let greeting = json!({"type": "connection", "message": "Connected to member chat"});
        assert_eq!(ada_1.next().await, Some(greeting.clone()));
        let mut bob_1 = opens(&server, &path, Some(&bob.token)).await;
        assert_eq!(bob_1.next().await, Some(greeting));
        // His opening it is his reading it.
        assert!(ada_1.hears("message_read").await["message_id"].is_string());
        assert_eq!(bob.gets(200, "GET", list, None).await["results"][0]["unread_count"], 0);
        let sending = format!("{list}{id}/send_message/");
        let sent = ada.gets(201, "POST", &sending, Some(&json!({"content": "how are you?"}))).await;
        assert_eq!(
            (&sent["conversation"], &sent["is_delivered"], &sent["is_read"]),
            (&json!(id), &json!(true), &json!(false))
        );
        for socket in [&mut ada_1, &mut bob_1] {
            let heard = socket.hears("member_message").await;
            assert_eq!(heard["message"]["id"], sent["id"], "{heard}");
            assert_eq!(heard["message"]["content"], "how are you?");
            assert_eq!(heard["message"]["sender_username"], "ada");
            assert_eq!(heard["message"]["sender"], uuid(1, ada.id.0));
        }
        let delivered = ada_1.hears("message_delivered").await;
        assert_eq!(delivered, json!({"type": "message_delivered", "message_id": sent["id"]}));
        bob_1.sends_text(r#"{"type":"dance"}"#).await;
        bob_1.sends_text("not JSON").await;
        let mark = json!({"type": "mark_read", "message_id": sent["id"]});
        bob_1.sends_text(&mark.to_string()).await;
        assert_eq!(ada_1.hears("message_read").await["message_id"], sent["id"]);
        let own = |frame: &Value| frame["message_id"] == sent["id"];
        assert!(!bob_1.overheard("message_read").iter().any(own), "not to the reader");
        assert!(bob_1.overheard("message_delivered").is_empty(), "nor to whom it was delivered");
        for (token, code) in [(Some(eve.token.as_str()), 4003), (None, 4001)] {
            let mut refused = opens(&server, &path, token).await;
            assert_eq!(refused.ends().await.code, Some(code));
        }
        let mut nowhere =
            opens(&server, &format!("/ws/member-chat/{}/", uuid(2, 999)), Some(&ada.token)).await;
        assert_eq!(nowhere.ends().await.code, Some(4003));
        let mut nothing = opens(&server, "/ws/member-chat/x/", Some(&ada.token)).await;
        assert_eq!(nothing.ends().await.code, Some(4003));
        let refused = eve.gets(404, "GET", &format!("{list}{id}/"), None).await;
        assert_eq!((&refused["error"], &refused["status_code"]), (&json!(true), &json!(404)));
        eve.gets(404, "POST", &sending, Some(&json!({"content": "let me in"}))).await;
    })
    .await;
}

#[tokio::test]
async fn a_message_to_a_member_whose_socket_is_closed_is_pushed_as_a_notification() {
    on_each_engine(&[], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let id = talk(&ada, &bob).await;
        let mut stream = opens(&server, "/ws/notifications/", Some(&bob.token)).await;
        stream.hears("connection").await;
        let sending = format!("/api/v1/chat/member-conversations/{id}/send_message/");
        let sent = ada.gets(201, "POST", &sending, Some(&json!({"content": "ring"}))).await;
        assert_eq!(sent["is_delivered"], false);
        let pushed = stream.hears("member_message").await;
        assert_eq!((&pushed["conversation_id"], &pushed["message_id"]), (&json!(id), &sent["id"]));
        assert_eq!((&pushed["content"], &pushed["sender"]), (&json!("ring"), &json!("ada")));
    })
    .await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_the_older_envelope() {
    on_each_engine(&[], async |server| {
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
        for path in [
            list,
            "/api/v1/monitoring/dashboard/stats/",
            "/api/v1/auth/me/",
            "/api/v1/auth/profile/",
        ] {
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
    })
    .await;
}

#[tokio::test]
async fn they_sign_in_renew_and_see_themselves_by_their_own_paths() {
    on_each_engine(&[], async |server| {
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
        assert_eq!(
            (native.status, &native.body["error"]["code"]),
            (401, &json!("not_authenticated"))
        );
    })
    .await;
}

#[tokio::test]
async fn monitoring_tells_this_servers_own_figures() {
    on_each_engine(&[], async |server| {
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
        let more =
            |figure: &str| after[figure].as_i64().unwrap() - before[figure].as_i64().unwrap();
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
        for key in
            ["id", "name", "status", "progress", "started_at", "completed_at", "current_step"]
        {
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
    })
    .await;
}

#[tokio::test]
async fn the_classrooms_streams_are_ones_own_and_say_nothing_until_there_is_something() {
    on_each_engine(FAST, async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let root = server.person_as("root", Role::Admin).await;
        let path = format!("/ws/notifications/{}/", ada.id.0);
        let mut socket = opens(&server, &path, Some(&ada.opaque)).await;
        socket.sends_text(r#"{"type":"ping"}"#).await;
        socket.sends_text(r#"{"type":"subscribe","data":{"channel":"x"}}"#).await;
        let wish = json!({"title": "homework", "priority": "high", "users": [ada.id.0.to_string()],
        "object": {"type": "assignment", "id": "12"}, "action_url": "/homework/12"});
        let mut pushed = Value::Null;
        for _ in 0..2 {
            // The first may come before the socket listens; that one waits in the inbox.
            root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
            pushed = socket.next().await.unwrap();
            if pushed["type"] == "notification" {
                break;
            }
        }
        let data = &pushed["data"];
        assert_eq!(pushed["type"], "notification", "nothing was said before: {pushed}");
        assert_eq!((&data["title"], &data["priority"]), (&json!("homework"), &json!("high")));
        assert_eq!(
            (&data["related_object_type"], &data["related_object_id"]),
            (&json!("assignment"), &json!(12))
        );
        assert_eq!(
            (&data["is_read"], &data["action_url"]),
            (&json!(false), &json!("/homework/12"))
        );
        assert!(data["id"].is_i64() && data["data"].is_object());
        let mut board =
            opens(&server, &format!("/ws/dashboard/{}/", ada.id.0), Some(&ada.opaque)).await;
        let update = board.next().await.unwrap();
        assert_eq!(
            (&update["type"], &update["data"]["type"]),
            (&json!("dashboard_update"), &json!("general"))
        );
        assert!(
            update["data"]["data"]["own"].is_object() && update["data"]["timestamp"].is_string()
        );
        for what in ["notifications", "dashboard"] {
            for (key, token, code, word) in [
                (bob.id.0.to_string(), Some(&ada.opaque), 4002, "access_error"),
                ("x".to_owned(), Some(&ada.opaque), 4002, "access_error"),
                (ada.id.0.to_string(), None, 4001, "auth_error"),
            ] {
                let token = token.map(String::as_str);
                let mut refused = opens(&server, &format!("/ws/{what}/{key}/"), token).await;
                let frame = refused.next().await.unwrap();
                assert_eq!(
                    (&frame["type"], &frame["code"]),
                    (&json!("error"), &json!(word)),
                    "{frame}"
                );
                assert_eq!(frame["error"], frame["message"], "under both names");
                assert_eq!(refused.ends().await.code, Some(code), "{what} {key}");
            }
        }
    })
    .await;
}
