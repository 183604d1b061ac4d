//! Limits: each is told with its field and rule, or with how long to wait.

use serde_json::json;

use switchboard::auth::identity::Role;
use switchboard::boot::Stop;

use crate::harness::server::Server;
use crate::harness::socket::until;
use crate::harness::wire::{Answer, UPGRADE, Wire, masked};

#[tokio::test]
async fn too_many_frames_are_refused_with_the_wait_and_in_the_end_the_socket() {
    let settings = [("frames_per_second", "1"), ("frames_burst", "3")];
    let server = Server::start_with(&settings).await;
    let mut socket = server.person("ada").await.connects().await;
    for _ in 0..4 {
        socket.sends_text(r#"{"type":"ping"}"#).await;
    }
    let error = socket.hears("error").await;
    assert_eq!(error["code"], "rate_limited");
    assert!((1..=1_000).contains(&error["retry_after_ms"].as_u64().unwrap()), "{error}");
    assert_eq!(socket.overheard("pong").len(), 3, "the burst was served");
    for _ in 0..300 {
        socket.sends_text(r#"{"type":"ping"}"#).await;
    }
    let ended = socket.ends().await;
    assert_eq!((ended.code, ended.reason.as_str()), (Some(4029), "too many messages"));
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_answered_by_its_ref_so_that_nobody_waits_for_it() {
    let settings = [("frames_per_second", "1"), ("frames_burst", "3")];
    let server = Server::start_with(&settings).await;
    let mut socket = server.person_as("dana", Role::Dispatcher).await.connects().await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        let call = json!({"incident_type": "FIRE", "priority": "LOW"});
        let answer = socket.asks("incident.create", None, call).await;
        codes.push(answer["code"].as_str().unwrap_or("ok").to_owned());
    }
    assert_eq!(codes[..3], ["ok"; 3]);
    assert!(codes.contains(&"rate_limited".to_owned()), "{codes:?}");
    // What cannot be read has no ref to name.
    socket.sends_text("{").await;
    assert_eq!(socket.hears("error").await.get("ref"), None);
}

#[tokio::test]
async fn pings_beyond_the_limit_are_not_answered_and_in_the_end_the_socket_is_closed() {
    let settings = [("frames_per_second", "1"), ("frames_burst", "3")];
    let server = Server::start_with(&settings).await;
    let ada = server.person("ada").await;
    let mut wire = Wire::connect(server.address).await;
    wire.upgrades("/ws/v1/", &[&format!("Authorization: Bearer {}", ada.token)]).await;
    wire.sends(&masked(0x89, b"?").repeat(150)).await;
    let (mut pongs, mut closed) = (0, None);
    while let Some(frame) = wire.frame().await {
        match frame.opcode {
            10 => pongs += 1,
            8 => closed = Some(frame.close().0),
            _ => {}
        }
    }
    assert_eq!(closed, Some(4029));
    assert!(pongs < 10, "{pongs} of 150 were answered");
}

#[tokio::test]
async fn too_many_messages_of_a_person_are_refused_on_all_their_tabs_together() {
    let settings = [("messages_per_second_per_user", "1"), ("messages_burst", "2")];
    let server = Server::start_with(&settings).await;
    let ada = server.person("ada").await;
    let (mut tab_1, mut tab_2) = (ada.connects().await, ada.connects().await);
    let room = tab_1.opens_room("general", &[]).await;
    let mut refused = Vec::new();
    for number in 0..6 {
        let tab = if number % 2 == 0 { &mut tab_1 } else { &mut tab_2 };
        let reply = tab.asks("message.send", Some(&room), json!({"content": "x"})).await;
        if reply["type"] == "error" {
            refused.push(reply);
        }
    }
    assert!(!refused.is_empty(), "six at once are too many");
    assert_eq!(refused[0]["code"], "rate_limited");
    assert!(refused[0]["retry_after_ms"].as_u64().unwrap() >= 1);
    tab_1.is_served().await;
}

#[tokio::test]
async fn one_topic_too_many_is_refused_and_leaving_one_makes_room() {
    let server = Server::start_with(&[("topics_per_connection", "2")]).await;
    let mut socket = server.person("ada").await.connects().await;
    let mut rooms = Vec::new();
    for name in ["one", "two", "three"] {
        rooms.push(socket.opens_room(name, &[]).await);
    }
    socket.joins(&rooms[0]).await;
    socket.joins(&rooms[1]).await;
    let error = socket.is_refused("subscribe", &rooms[2], json!({})).await;
    assert_eq!((&error["code"], &error["field"]), (&json!("too_large"), &json!("topic")));
    assert_eq!(error["rule"], "at most 2 topics on one connection");
    socket.joins(&rooms[1]).await;
    socket.does("unsubscribe", &rooms[0], json!({})).await;
    socket.joins(&rooms[2]).await;
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_is_told_the_field_and_the_rule() {
    let server = Server::start_with(&[("message_max_size", "100")]).await;
    let mut socket = server.person("ada").await.connects().await;
    let room = socket.opens_room("general", &[]).await;
    let long_id = "k".repeat(65);
    for (data, code, field, rule) in [
        (json!({"content": "x".repeat(101)}), "too_large", "data.content", "at most 100 bytes"),
        (json!({"content": "é".repeat(51)}), "too_large", "data.content", "at most 100 bytes"),
        (json!({"content": " \n"}), "bad_request", "data.content", "not blank"),
        (json!({"content": "a\u{0}b"}), "bad_request", "data.content", "without NUL characters"),
        (json!({}), "bad_request", "data.content", "required"),
        (
            json!({"content": "x", "client_id": long_id}),
            "bad_request",
            "data.client_id",
            "1 to 64 bytes, no NUL",
        ),
        (
            json!({"content": "x", "message_type": "Not A Word"}),
            "bad_request",
            "data.message_type",
            "1 to 32 of a-z, 0-9 and _",
        ),
    ] {
        let error = socket.is_refused("message.send", &room, data).await;
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(field)), "{error}");
        assert_eq!(error["rule"], rule);
    }
    socket.says(&room, &"x".repeat(100)).await;
}

#[tokio::test]
async fn a_frame_that_nests_too_deep_is_refused_and_the_socket_stays() {
    let server = Server::start().await;
    let mut socket = server.person("ada").await.connects().await;
    let deep = format!(r#"{{"type":"ping","data":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    socket.sends_text(&deep).await;
    let error = socket.hears("error").await;
    assert_eq!((&error["code"], &error["field"]), (&json!("bad_request"), &json!("frame")));
    socket.is_served().await;
}

#[tokio::test]
async fn a_message_over_the_limit_of_the_wire_closes_with_1009() {
    let server = Server::start_with(&[("ws_max_size", "2048"), ("message_max_size", "1024")]).await;
    let mut socket = server.person("ada").await.connects().await;
    socket.sends_text(&"x".repeat(2_049)).await;
    let ended = socket.ends().await;
    assert_eq!(ended.code, Some(1009), "{ended:?}");
    assert!(ended.reason.contains("2048"), "{ended:?}");
}

/// The answer to a handshake of someone who shows this token.
async fn handshake(server: &Server, token: &str) -> Answer {
    let bearer = format!("Authorization: Bearer {token}");
    let mut lines = vec!["GET /ws/v1/ HTTP/1.1", "Host: localhost", bearer.as_str()];
    lines.extend(UPGRADE);
    Wire::connect(server.address).await.asks(&lines).await.expect("an answer")
}

#[tokio::test]
async fn a_full_server_answers_503_before_the_upgrade_and_a_place_given_back_is_taken() {
    let server = Server::start_with(&[("max_connections", "2")]).await;
    let ada = server.person("ada").await;
    let (first, _second) = (ada.connects().await, ada.connects().await);
    let refused = handshake(&server, &ada.token).await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("\"code\":\"unavailable\""), "{}", refused.body);
    assert!(refused.body.contains("\"retry_after_ms\":"), "{}", refused.body);
    first.leaves().await;
    until("a place is free", async || handshake(&server, &ada.token).await.status == 101).await;
}

#[tokio::test]
async fn a_stopping_server_answers_503_to_whoever_still_comes() {
    let settings = [("drain_timeout", "15s"), ("outbox_linger", "15s")];
    let server = Server::start_with(&settings).await;
    let ada = server.person("ada").await;
    // A client that never answers the close keeps the server waiting for it.
    let mut silent = Wire::connect(server.address).await;
    silent.upgrades(&format!("/ws/v1/?token={}", ada.token), &[]).await;
    server.begins_to_stop(Stop::Restart);
    assert_eq!(silent.close().await.expect("a close frame").0, 1012);
    let refused = handshake(&server, &ada.token).await;
    assert_eq!(refused.status, 503);
    let mut asking = Wire::connect(server.address).await;
    let ready = asking.asks(&["GET /readyz HTTP/1.1", "Host: localhost"]).await;
    assert_eq!(ready.expect("an answer").status, 503, "readiness is red");
    drop(silent);
    server.stops().await;
}
