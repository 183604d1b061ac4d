//! Lobby: the room without sign-in, as its older clients know it, beside the native protocol.

use serde_json::{Value, json};
use switchboard::models::attempt::{self, AttemptFilter};
use switchboard::models::conversation::{self, LOBBY};
use switchboard::models::message;

use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::{Socket, until};
use crate::harness::wire::{Answer, UPGRADE, Wire};

const PATH: &str = "/ws/chat/";
const PAGE: (&str, &str) = ("origin", "http://localhost:5173");

async fn enters(server: &Server) -> Socket {
    Socket::open(server.address, PATH, &[PAGE]).await
}

async fn asks(server: &Server, method: &str, path: &str, headers: &[&str]) -> Answer {
    let first = format!("{method} {path} HTTP/1.1");
    let mut lines = vec![first.as_str(), "Host: localhost"];
    lines.extend(headers);
    Wire::connect(server.address).await.asks(&lines).await.unwrap()
}

async fn diagnosis(server: &Server) -> Value {
    let answer = asks(server, "GET", "/chat/diagnostics/", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["status"], "online");
    body["server_diagnostics"].clone()
}

/// Whether `text` is a time of day.
fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 3
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
}

fn keys(frame: &Value) -> Vec<&String> {
    frame.as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn a_line_reaches_everyone_with_three_keys_and_nothing_else_is_ever_sent() {
    on_each_engine(&[], async |server| {
        let (mut ada, mut bob) = (enters(&server).await, enters(&server).await);
        // Until both are seated, a line might pass one of them by.
        until("both hear", async || {
            ada.sends_text(r#"{"message":"anyone?"}"#).await;
            ada.next().await;
            server.house.exchange.seats(&switchboard::protocol::topic::Topic::room(LOBBY)) == 2
        })
        .await;
        bob.forgets();
        ada.sends_text(r#"{"message":"hi","username":"User12"}"#).await;
        for socket in [&mut ada, &mut bob] {
            let frame = socket.hears_that("hi", |frame| frame["message"] == "hi").await;
            assert_eq!(keys(&frame), ["message", "timestamp", "username"]);
            assert_eq!(frame["username"], "User12");
            assert!(is_time(frame["timestamp"].as_str().unwrap()), "{frame}");
        }
        bob.sends_text(r#"{"message":"","type":"x"}"#).await;
        let frame = ada.hears_that("an empty line", |frame| frame["message"] == "").await;
        assert_eq!(frame["username"], "Anonymous");
        for other in [json!(5), json!(null), json!({"a": [1]}), json!(true)] {
            bob.sends_text(&json!({"message": other, "username": "B"}).to_string()).await;
            let frame = ada.hears_that("any JSON", |frame| frame["username"] == "B").await;
            assert_eq!(frame["message"], other);
        }
        assert_eq!(ada.closes(1000).await.code, Some(1000));
        assert!(ada.unheard().iter().all(|frame| keys(frame).len() == 3), "{:?}", ada.unheard());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_to_one_who_only_listens() {
    on_each_engine(&[], async |server| {
        let mut ada = enters(&server).await;
        let mut bob = enters(&server).await;
        bob.sends_text(r#"{"message":"x"}"#).await;
        bob.hears_that("x", |frame| frame["message"] == "x").await;
        assert_eq!(bob.closes(1000).await.code, Some(1000));
        assert_eq!(ada.closes(1000).await.code, Some(1000));
        assert!(ada.unheard().iter().all(|frame| frame["message"] == "x"), "{:?}", ada.unheard());
        assert_eq!(bob.unheard(), [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_line_is_passed_over_and_the_socket_stays() {
    on_each_engine(&[], async |server| {
        let mut ada = enters(&server).await;
        for odd in [
            "",
            "x",
            "{",
            "[]",
            r#"["hi"]"#,
            "5",
            "null",
            "{}",
            r#"{"username":"A"}"#,
            r#"{"type":"ping"}"#,
        ] {
            ada.sends_text(odd).await;
        }
        ada.sends_text(r#"{"message":"hi","username":null}"#).await;
        ada.sends_text(&json!({"message": "\u{0}"}).to_string()).await;
        ada.sends_text(&json!({"message": "x".repeat(17 * 1024)}).to_string()).await;
        ada.sends_binary(b"{\"message\":\"hi\"}".to_vec()).await;
        ada.sends_text(r#"{"message":"still here"}"#).await;
        assert_eq!(ada.next().await.unwrap()["message"], "still here");
        assert_eq!(ada.closes(1000).await.code, Some(1000));
        assert_eq!(ada.unheard(), [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn lines_are_kept_and_the_native_protocol_shares_the_room() {
    on_each_engine(&[], async |server| {
        let mut guest = enters(&server).await;
        guest.sends_text(r#"{"message":"first","username":"User12"}"#).await;
        guest.hears_that("first", |frame| frame["message"] == "first").await;
        let kept = server.reads(|conn| {
            let lobby = conversation::by_name(conn, LOBBY)?.unwrap();
            Ok(message::page(conn, lobby.id, None, None, 10)?.messages)
        });
        let kept = kept.await;
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].content.as_str(), &kept[0].sender), ("first", &None));
        assert_eq!(kept[0].sender_name.as_deref(), Some("User12"));

        let ada = server.person("ada").await;
        let mut ada = ada.connects().await;
        let joined = ada.joins("chat:lobby").await;
        assert_eq!(joined["snapshot"]["messages"][0]["sender_name"], "User12");
        assert_eq!(joined["presence"].as_array().unwrap().len(), 1, "a guest is not present");
        guest.sends_text(r#"{"message":"second","username":"ada"}"#).await;
        let heard = ada.hears_message("second").await;
        assert_eq!(heard["data"]["sender"], Value::Null, "a name given is not a person");
        assert_eq!(heard["data"]["sender_name"], "ada");
        ada.says("chat:lobby", "good day").await;
        let line = guest.hears_that("good day", |frame| frame["message"] == "good day").await;
        assert_eq!(line["username"], "ada");
        assert_eq!(guest.closes(1000).await.code, Some(1000));
        // The next arrival's announcement would tell of the guest too, were there anything to tell.
        let mut bob = server.person("bob").await.connects().await;
        bob.joins("chat:lobby").await;
        let told = |frame: &Value| frame["type"] == "presence";
        let mut came = Vec::new();
        while !came.contains(&json!("bob")) {
            let frame = ada.hears_that("bob's arrival", told).await;
            assert_eq!(frame["data"]["left"], json!([]), "{frame}");
            let joined = frame["data"]["joined"].as_array().unwrap();
            came.extend(joined.iter().map(|one| one["username"].clone()));
        }
        came.retain(|one| one != "ada");
        assert_eq!(came, ["bob"]);
    })
    .await;
}

#[tokio::test]
async fn a_private_room_that_has_the_name_already_stays_private() {
    on_each_engine(&[], async |server| {
        let ada = server.person("ada").await;
        ada.connects().await.opens_room(LOBBY, &[]).await;
        let mut guest = enters(&server).await;
        let ended = guest.ends().await;
        assert_eq!(ended.code, Some(4001), "{ended:?}");
        assert_eq!(guest.unheard(), [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn pages_from_a_file_may_come_and_foreign_ones_may_not() {
    let server = Server::start().await;
    for (origin, status) in [
        (Some("Origin: null"), 101),
        (Some("Origin: http://localhost:5173"), 101),
        (Some("Origin: https://evil.example"), 403),
        (None, 101),
    ] {
        let mut headers = UPGRADE.to_vec();
        headers.extend(origin);
        assert_eq!(asks(&server, "GET", PATH, &headers).await.status, status, "{origin:?}");
    }
    // A credential is not looked at, good or bad.
    let headers = [("cookie", "sessionid=nonsense"), PAGE];
    let mut guest = Socket::open(server.address, "/ws/chat/?token=nonsense", &headers).await;
    guest.sends_text(r#"{"message":"hi"}"#).await;
    assert_eq!(guest.next().await.unwrap()["message"], "hi");
}

#[tokio::test]
async fn guests_are_counted_by_address() {
    let limits = [
        ("max_connections_per_address", "2"),
        ("messages_per_second_per_user", "1"),
        ("messages_burst", "3"),
    ];
    on_each_engine(&limits, async |server| {
        let (mut one, mut two) = (enters(&server).await, enters(&server).await);
        let mut three = enters(&server).await;
        assert_eq!(three.ends().await.code, Some(4029));
        assert_eq!(three.unheard(), [] as [Value; 0]);
        for line in 0..10 {
            one.sends_text(&json!({"message": line}).to_string()).await;
            two.sends_text(&json!({"message": line}).to_string()).await;
        }
        one.hears_that("the first", |frame| frame["message"] == 0).await;
        assert_eq!(one.closes(1000).await.code, Some(1000));
        assert!(one.unheard().len() < 10, "most are passed over: {:?}", one.unheard());
    })
    .await;
}

#[tokio::test]
async fn the_status_says_online_and_the_diagnosis_is_true() {
    let two = [("bind", "127.0.0.1:0,127.0.0.1:0")];
    on_each_engine(&two, async |server| {
        let answer = asks(&server, "GET", "/chat/status/", &["Origin: null"]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
        assert_eq!(answer.body, r#"{"message":"Chat server is running","status":"online"}"#);
        for address in &server.addresses {
            let mut guest = Socket::open(*address, PATH, &[PAGE]).await;
            guest.sends_text(r#"{"message":"hi"}"#).await;
            guest.next().await.unwrap();
            assert_eq!(guest.closes(1000).await.code, Some(1000));
        }
        let mut headers = UPGRADE.to_vec();
        headers.push("Origin: https://evil.example");
        assert_eq!(asks(&server, "GET", PATH, &headers).await.status, 403);
        until("three attempts that have ended are on record", async || {
            let filter = AttemptFilter { path: Some(PATH.to_owned()), ..AttemptFilter::default() };
            let rows = server.reads(move |conn| Ok(attempt::recent(conn, 100, &filter)?)).await;
            rows.len() == 3 && rows.iter().all(|row| row.ended_at.is_some())
        })
        .await;
        let found = diagnosis(&server).await;
        assert_eq!(found["client_ip"], "127.0.0.1");
        assert_eq!(found["channel_layer_available"], true);
        let layer = "Successfully sent test message to channel layer";
        assert_eq!(found["channel_layer_test"], layer);
        assert_eq!(found["asgi_port_status"], "open");
        assert_eq!(found["asgi_port"], server.addresses[1].port());
        let backend = &found["websocket_config"]["CHANNEL_LAYERS"]["default"]["BACKEND"];
        assert_eq!(backend, "memory");
        assert_eq!(found["websocket_config"]["CORS_ALLOWED_ORIGINS"], Value::Null);
        assert_eq!(found["websocket_config"]["ALLOWED_HOSTS"], json!([]));
        let port = server.address.port().to_string();
        let tls = json!({"using_https": false, "x_forwarded_proto": null, "server_port": port});
        assert_eq!(found["tls_config"], tls);
        assert!(found["server_time"].as_str().unwrap().ends_with("+00:00"));
        let attempts = found["recent_connection_attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 3);
        assert_eq!(attempts[0]["successful"], false, "newest first");
        assert_eq!(attempts[0]["connection_stage"], "pre_handshake");
        assert!(attempts[0]["error_message"].as_str().unwrap().contains("Origin"));
        let good = &attempts[1];
        assert_eq!((&good["successful"], &good["error_message"]), (&json!(true), &Value::Null));
        assert_eq!((&good["close_code"], &good["client_ip"]), (&json!(1000), &json!("127.0.0.1")));
        assert_eq!(good["connection_stage"], "disconnected");
        assert_eq!(good["connection_path"], PATH);
        assert!(good["connection_duration_ms"].is_u64());
        let figures = &found["connection_statistics"];
        assert_eq!(figures["total_attempts"], 3, "one row a connection");
        assert_eq!(
            (&figures["successful_attempts"], &figures["failed_attempts"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(figures["success_rate"], 66.67);
        assert_eq!(figures["common_errors"][0]["count"], 1);
        let hours = figures["hourly_data"].as_array().unwrap();
        let of = |key: &str| hours.iter().map(|hour| hour[key].as_i64().unwrap()).sum::<i64>();
        assert_eq!((of("attempts"), of("successful"), of("failed")), (3, 2, 1));
        assert!(figures["avg_duration"].is_number());
    })
    .await;
}

#[tokio::test]
async fn others_are_not_shown_to_the_world() {
    // Behind a proxy a server listens to the world; here its proxy is this machine.
    let settings = [
        ("bind", "0.0.0.0:0"),
        ("lobby", "true"),
        ("trusted_proxies", "127.0.0.0/8"),
        ("secret_key", "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c9a7b"),
    ];
    on_each_engine(&settings, async |server| {
        let from =
            |address: &'static str| [("x-forwarded-for", address), ("user-agent", "their-browser")];
        for address in ["198.51.100.7", "203.0.113.9"] {
            let guest = Socket::open(server.address, PATH, &from(address)).await;
            guest.leaves().await;
        }
        let wanted = ["X-Forwarded-For: 203.0.113.9"];
        until("both are on record", async || {
            let answer = asks(&server, "GET", "/chat/diagnostics/", &wanted).await;
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let attempts = &body["server_diagnostics"]["recent_connection_attempts"];
            let attempts = attempts.as_array().unwrap();
            let shown: Vec<_> = attempts.iter().map(|one| one["client_ip"].clone()).collect();
            let agents: Vec<_> = attempts.iter().map(|one| one["user_agent"].clone()).collect();
            shown == [json!("203.0.113.9"), Value::Null] && agents == ["their-browser", ""]
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_plain_get_of_the_socket_is_426_and_any_page_may_read_it() {
    let server = Server::start().await;
    for origin in ["Origin: null", "Origin: https://any.example"] {
        let answer = asks(&server, "GET", PATH, &[origin]).await;
        assert_eq!(answer.status, 426);
        assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    }
    let preflight = ["Origin: http://localhost:5173", "Access-Control-Request-Method: GET"];
    for path in ["/", "/chat/status/", "/chat/diagnostics/", "/anything/at/all", PATH] {
        let answer = asks(&server, "OPTIONS", path, &["Origin: http://localhost:5173"]).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        let answer = asks(&server, "OPTIONS", path, &preflight).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.head.contains("access-control-allow-origin"), "{path}: {}", answer.head);
    }
    let answer = asks(&server, "OPTIONS", "/chat/diagnostics/", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    assert!(answer.head.contains("access-control-allow-methods: get, options"), "{}", answer.head);
}

#[tokio::test]
async fn the_diagnosis_is_the_same_by_any_method_and_the_status_by_get_alone() {
    let server = Server::start().await;
    let asked = diagnosis(&server).await;
    let any_page = "Origin: https://any.example";
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for body in [&["Content-Length: 0"][..], &["Cookie: sessionid=x", "Content-Length: 0"]] {
            let headers = [&[any_page][..], body].concat();
            let answer = asks(&server, method, "/chat/diagnostics/", &headers).await;
            assert_eq!(answer.status, 200, "{method}: {answer:?}");
            assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let told = &body["server_diagnostics"];
            assert_eq!((&body["status"], keys(told)), (&json!("online"), keys(&asked)));
            let answer = asks(&server, method, "/chat/status/", &headers).await;
            assert_eq!(answer.status, 405, "{method}: {answer:?}");
            assert!(answer.head.contains("allow: get"), "{}", answer.head);
        }
    }
}

#[tokio::test]
async fn a_server_without_a_lobby_has_none() {
    let server = Server::start_with(&[("lobby", "false")]).await;
    assert_eq!(asks(&server, "GET", PATH, &UPGRADE).await.status, 404);
    assert_eq!(asks(&server, "GET", "/chat/status/", &[]).await.status, 404);
    assert_eq!(asks(&server, "GET", "/chat/diagnostics/", &[]).await.status, 404);
}

#[tokio::test]
async fn a_stop_closes_guests_without_another_word() {
    on_each_engine(&[], async |server| {
        let mut guest = enters(&server).await;
        server.begins_to_stop(switchboard::boot::Stop::Restart);
        assert_eq!(guest.ends().await.code, Some(1012));
        assert_eq!(guest.unheard(), [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_diagnosis_shows_the_newest_twenty_and_counts_all() {
    on_each_engine(&[], async |server| {
        for _ in 0..25 {
            enters(&server).await.closes(1000).await;
        }
        until("all are counted", async || {
            let found = diagnosis(&server).await;
            found["connection_statistics"]["total_attempts"] == 25
        })
        .await;
        let found = diagnosis(&server).await;
        let attempts = found["recent_connection_attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 20);
        let times: Vec<&str> =
            attempts.iter().map(|one| one["timestamp"].as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
        let figures = &found["connection_statistics"];
        assert_eq!(figures["success_rate"], 100.0, "a perfect server shows no failures");
    })
    .await;
}

#[tokio::test]
async fn the_lobby_is_closed_on_a_public_address_until_it_is_opened() {
    let public =
        [("bind", "0.0.0.0:0"), ("secret_key", "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c9a7b")];
    for (lobby, socket, status) in [("", 404, 404), ("true", 101, 200), ("false", 404, 404)] {
        let settings: Vec<(&str, &str)> = public.into_iter().chain([("lobby", lobby)]).collect();
        let server = Server::start_with(&settings).await;
        let answer = asks(&server, "GET", PATH, &UPGRADE).await;
        assert_eq!(answer.status, socket, "LOBBY={lobby}");
        assert_eq!(asks(&server, "GET", "/chat/status/", &[]).await.status, status, "{lobby}");
    }
}
