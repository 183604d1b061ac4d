//! Refusals and closes: each with the code and the reason that a client needs.

use std::time::Duration;

use serde_json::json;
use switchboard::auth::identity::Role;
use switchboard::boot::Stop;
use switchboard::clock;
use switchboard::layer::contract::Whom;
use switchboard::models::login::{self, NewLogin};
use switchboard::protocol::refusal::Refusal;

use crate::harness::server::Server;
use crate::harness::socket::{Ended, Socket};
use crate::harness::wire::{UPGRADE, Wire};

fn ended(code: u16, reason: &str) -> Ended {
    Ended { code: Some(code), reason: reason.to_owned() }
}

#[tokio::test]
async fn without_a_credential_the_socket_opens_and_closes_with_4001_and_the_reason() {
    let server = Server::start().await;
    let mut socket = Socket::open(server.address, "/ws/v1/", &[]).await;
    assert_eq!(socket.ends().await, ended(4001, "sign in first: no credential was shown"));
    let error = socket.next().await.unwrap();
    assert_eq!(error["code"], "not_authenticated", "said before the close, too: {error}");
}

#[tokio::test]
async fn a_token_that_does_not_count_closes_with_4001_and_says_why() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut forged = ada.token.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");
    for (token, reason) in [
        (ada.expired_token(), "the token has expired"),
        (forged, "the token was not signed here"),
        (ada.refresh_token(), "the token is of the wrong kind"),
        ("a.b.c".to_owned(), "the token is not well-formed"),
        ("unheard-of".to_owned(), "signed out, or not known"),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let mut socket = Socket::open(server.address, "/ws/v1/", &headers).await;
        assert_eq!(socket.ends().await, ended(4001, reason));
    }
}

#[tokio::test]
async fn a_wrong_role_closes_with_4001_and_the_right_one_is_served() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let desk = server.person_as("desk", Role::Dispatcher).await;
    let mut refused = ada.opens("/ws/dispatchers/").await;
    let reason = "role member is not allowed here: dispatcher or admin";
    assert_eq!(refused.ends().await, ended(4001, reason));
    let mut served = desk.opens("/ws/dispatchers/").await;
    served.hears("welcome").await;
    served.hears("live").await;
    served.is_served().await;
}

#[tokio::test]
async fn what_is_not_yours_and_what_is_not_there_close_alike_with_4003() {
    let server = Server::start().await;
    let (ada, eve) = (server.person("ada").await, server.person("eve").await);
    ada.connects().await.opens_room("private", &[]).await;
    let mut endings = Vec::new();
    let inbox = format!("/ws/notifications/{}/", ada.id.0);
    for path in ["/ws/chat/private/", "/ws/chat/nowhere/", "/ws/chat/424242/", inbox.as_str()] {
        let mut socket = eve.opens(path).await;
        endings.push(socket.ends().await);
    }
    assert_eq!(endings[0].code, Some(4003));
    assert!(endings.iter().all(|ending| *ending == endings[0]), "{endings:?}");
}

#[tokio::test]
async fn a_topic_that_is_not_well_formed_closes_with_4004() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for path in ["/ws/chat/No-Capitals/", "/ws/chat/with%20blank/", "/ws/notifications/me/"] {
        assert_eq!(ada.opens(path).await.ends().await.code, Some(4004), "{path}");
    }
}

#[tokio::test]
async fn a_foreign_origin_gets_no_socket_at_all() {
    let server = Server::start_with(&[("cors_allowed_origins", "https://app.example")]).await;
    let ada = server.person("ada").await;
    let bearer = format!("Authorization: Bearer {}", ada.token);
    let cookie = format!("Cookie: sessionid={}", ada.cookie);
    let own = format!("Origin: http://{}", server.address);
    for (headers, status) in [
        (vec!["Origin: https://evil.example", bearer.as_str()], 403),
        (vec!["Origin: null", bearer.as_str()], 403),
        (vec!["Origin: https://app.example.evil.example", bearer.as_str()], 403),
        (vec!["Origin: https://app.example", "Origin: https://evil.example"], 403),
        (vec![cookie.as_str()], 403),
        (vec!["Origin: https://evil.example", cookie.as_str()], 403),
        (vec!["Origin: https://app.example", bearer.as_str()], 101),
        (vec!["Origin: http://localhost:5173", cookie.as_str()], 101),
        (vec![own.as_str(), cookie.as_str()], 101),
        (vec![bearer.as_str()], 101),
    ] {
        let host = format!("Host: {}", server.address);
        let mut lines = vec!["GET /ws/v1/ HTTP/1.1", host.as_str()];
        lines.extend(UPGRADE);
        lines.extend(&headers);
        let answer = Wire::connect(server.address).await.asks(&lines).await.unwrap();
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.body.contains("\"field\":\"Origin\""), status == 403, "{headers:?}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_404_and_a_plain_get_of_a_socket_is_426() {
    let server = Server::start().await;
    let mut lines = vec!["GET /ws/nowhere/ HTTP/1.1", "Host: localhost"];
    lines.extend(UPGRADE);
    let answer = Wire::connect(server.address).await.asks(&lines).await.unwrap();
    assert_eq!(answer.status, 404, "an upgrade");
    lines[0] = "GET /ws/echo/ HTTP/1.1";
    let answer = Wire::connect(server.address).await.asks(&lines).await.unwrap();
    assert_eq!(answer.status, 404, "the echo is for tests and not there by itself");
    for path in ["/ws/v1/", "/ws/v1", "/ws/chat/general/"] {
        let first = format!("GET {path} HTTP/1.1");
        let answer = Wire::connect(server.address).await.asks(&[&first, "Host: localhost"]).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 426, "{path}");
        assert!(answer.head.contains("upgrade: websocket"), "{}", answer.head);
    }
}

#[tokio::test]
async fn a_malformed_handshake_is_400() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bearer = format!("Authorization: Bearer {}", ada.token);
    let [upgrade, connection, version, key] = UPGRADE;
    let two = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let get = "GET /ws/v1/ HTTP/1.1";
    let table: &[(u16, &[&str])] = &[
        (400, &["POST /ws/v1/ HTTP/1.1", upgrade, connection, version, key]),
        (400, &[get, "Upgrade: h2c", connection, version, key]),
        (400, &[get, upgrade, "Connection: keep-alive", version, key]),
        (400, &[get, upgrade, version, key]),
        (400, &[get, upgrade, connection, key]),
        (426, &[get, upgrade, connection, "Sec-WebSocket-Version: 8", key]),
        (400, &[get, upgrade, connection, version]),
        (400, &[get, upgrade, connection, version, "Sec-WebSocket-Key: short"]),
        (400, &[get, upgrade, connection, version, "Sec-WebSocket-Key: !!!!"]),
        (400, &[get, upgrade, connection, version, key, two]),
        (400, &[get, upgrade, connection, version, key, "Content-Length: 5"]),
        // With a body to come it is no upgrade yet.
        (426, &[get, upgrade, connection, version, key, "Transfer-Encoding: chunked"]),
        (400, &[get, upgrade, connection, version, key, "Bad Header Name: x"]),
        (101, &[get, "upgrade: WebSocket", "connection: keep-alive, UPGRADE", version, key]),
    ];
    for (status, lines) in table {
        let mut head = vec![lines[0], "Host: localhost", &bearer];
        head.extend(&lines[1..]);
        let answer = Wire::connect(server.address).await.asks(&head).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {lines:?}"));
        assert_eq!(answer.status, *status, "{lines:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_binary_message_closes_with_1003() {
    let server = Server::start().await;
    let mut socket = server.person("ada").await.connects().await;
    socket.sends_binary(vec![1, 2, 3]).await;
    assert_eq!(socket.ends().await, ended(1003, "binary frames are not accepted here"));
}

#[tokio::test]
async fn a_clients_own_close_is_answered_with_its_code() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for code in [1000, 3000, 4999] {
        let mut socket = ada.connects().await;
        assert_eq!(socket.closes(code).await.code, Some(code));
    }
}

#[tokio::test]
async fn one_connection_too_many_closes_with_4029_and_room_is_made_by_leaving() {
    let server = Server::start_with(&[("max_connections_per_user", "2")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let first = ada.connects().await;
    let _second = ada.connects().await;
    let mut third = ada.opens("/ws/v1/").await;
    assert_eq!(third.ends().await, ended(4029, "too many connections: at most 2 for one user"));
    assert!(third.next().await.unwrap()["retry_after_ms"].is_u64());
    bob.connects().await.is_served().await;
    first.leaves().await;
    crate::harness::socket::until("there is room again", async || {
        let mut again = ada.opens("/ws/v1/").await;
        again.next().await.unwrap()["type"] == "welcome"
    })
    .await;
}

#[tokio::test]
async fn what_a_person_has_open_closes_with_4001_when_they_are_signed_out() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut tab_1, mut tab_2) = (ada.connects().await, ada.connects().await);
    let mut other = bob.connects().await;
    server.house.revoke(Whom::User(ada.id), Refusal::not_authenticated("signed out"));
    for tab in [&mut tab_1, &mut tab_2] {
        assert_eq!(tab.ends().await, ended(4001, "signed out"));
    }
    other.is_served().await;
}

#[tokio::test]
async fn signing_out_elsewhere_leaves_the_sign_in_that_asked_for_it() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let at = clock::now_naive();
    let (user, ends_at) = (ada.id, at + chrono::Duration::days(1));
    let login = server.writes(move |conn| {
        let (client_ip, user_agent) = ("127.0.0.1", "another");
        Ok(login::insert(
            conn,
            NewLogin {
                user,
                cookie_hash: None,
                client_ip,
                user_agent,
                created_at: at,
                expires_at: ends_at,
                ends_at,
            },
        )?)
    });
    let mut elsewhere = ada.clone();
    elsewhere.login = login.await;
    elsewhere.token = elsewhere.token_for(Duration::from_secs(60));
    let (mut here, mut there) = (ada.connects().await, elsewhere.connects().await);
    let refusal = Refusal::not_authenticated("signed out elsewhere");
    server.house.revoke(Whom::UserExcept(ada.id, ada.login), refusal);
    assert_eq!(there.ends().await, ended(4001, "signed out elsewhere"));
    here.is_served().await;
    server.house.revoke(Whom::Login(ada.login), Refusal::not_authenticated("signed out"));
    assert_eq!(here.ends().await, ended(4001, "signed out"));
}

#[tokio::test]
async fn who_is_put_out_of_a_room_loses_the_lone_socket_with_4001() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let mut lone = bob.opens("/ws/chat/general/").await;
    lone.hears("live").await;
    ada_1.does("member.remove", &room, json!({"user": bob.id.0.to_string()})).await;
    assert_eq!(lone.ends().await.code, Some(4001));
}

#[tokio::test]
async fn a_token_that_ends_is_announced_and_then_closes_with_4001() {
    let server = Server::start_with(&[("auth_warning", "30s")]).await;
    let mut ada = server.person("ada").await;
    ada.token = ada.token_for(Duration::from_secs(2));
    let mut socket = ada.connects().await;
    let warning = socket.hears("auth.expiring").await;
    let in_ms = warning["data"]["in_ms"].as_u64().unwrap();
    assert!((1..=2_000).contains(&in_ms), "{warning}");
    assert_eq!(socket.ends().await, ended(4001, "token expired"));
}

#[tokio::test]
async fn a_credential_renewed_in_place_keeps_the_socket_open() {
    let server = Server::start().await;
    let (mut ada, eve) = (server.person("ada").await, server.person("eve").await);
    ada.token = ada.token_for(Duration::from_secs(2));
    let (mut renewed, mut witness) = (ada.connects().await, ada.connects().await);
    let error = renewed.asks("auth.refresh", None, json!({"token": eve.token})).await;
    assert_eq!(error["code"], "forbidden", "someone else's token: {error}");
    let error = renewed.asks("auth.refresh", None, json!({"token": "a.b.c"})).await;
    assert_eq!(error["code"], "not_authenticated");
    let fresh = ada.token_for(Duration::from_secs(600));
    let reply = renewed.asks("auth.refresh", None, json!({"token": fresh})).await;
    assert!(reply["data"]["expires_at"].is_string(), "{reply}");
    assert_eq!(witness.ends().await.code, Some(4001), "the old token has ended");
    renewed.is_served().await;
}

/// A path, the headers, and the subprotocol that is to be chosen.
type Way<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

#[tokio::test]
async fn a_credential_may_come_by_header_subprotocol_query_or_cookie() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let origin = format!("http://{}", server.address);
    let bearer = format!("Bearer {}", ada.token);
    let opaque = format!("Token {}", ada.opaque);
    let offered = format!("switchboard.v1, bearer.{}", ada.token);
    let cookie = format!("theme=dark; sessionid={}", ada.cookie);
    let query = format!("/ws/v1/?token={}", ada.token);
    let ways: [Way<'_>; 6] = [
        ("/ws/v1/", &[("authorization", &bearer)], None),
        ("/ws/v1", &[("authorization", &opaque)], None),
        ("/ws/v1/", &[("sec-websocket-protocol", &offered)], Some("switchboard.v1")),
        (&query, &[], None),
        ("/ws/v1/", &[("cookie", &cookie), ("origin", &origin)], None),
        (
            "/ws/v1/",
            &[("authorization", &bearer), ("cookie", "sessionid=stale"), ("origin", &origin)],
            None,
        ),
    ];
    for (path, headers, protocol) in ways {
        let mut socket = Socket::open(server.address, path, headers).await;
        assert_eq!(socket.protocol.as_deref(), protocol, "a credential is never echoed");
        let welcome = socket.next().await.unwrap();
        assert_eq!(welcome["data"]["user"]["username"], "ada", "{headers:?}: {welcome}");
    }
}

#[tokio::test]
async fn a_server_that_restarts_says_goodbye_with_a_hint_and_closes_with_1012() {
    for (how, code) in [(Stop::Restart, 1012), (Stop::Stop, 1001)] {
        let server = Server::start().await;
        let ada = server.person("ada").await;
        let mut socket = ada.connects().await;
        let room = socket.opens_room("general", &[]).await;
        socket.joins(&room).await;
        server.begins_to_stop(how);
        let goodbye = socket.hears("goodbye").await;
        assert_eq!(goodbye["data"]["code"], code);
        assert!(goodbye["data"]["retry_after_ms"].as_u64().unwrap() <= 1_000, "{goodbye}");
        assert_eq!(socket.ends().await.code, Some(code));
        server.stops().await;
    }
}

#[tokio::test]
async fn who_was_refused_leaves_no_trace_among_those_present() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut bob_1 = bob.connects().await;
    let room = bob_1.opens_room("general", &[&ada]).await;
    bob_1.joins(&room).await;
    assert_eq!(eve.opens("/ws/chat/general/").await.ends().await.code, Some(4003));
    let mut eve_1 = eve.connects().await;
    eve_1.is_refused("subscribe", &room, json!({})).await;
    let here = ada.connects().await.joins(&room).await["presence"].clone();
    let names: Vec<_> = here.as_array().unwrap().iter().map(|one| &one["username"]).collect();
    assert_eq!(names, ["ada", "bob"].map(|name| json!(name)).iter().collect::<Vec<_>>().as_slice());
    bob_1
        .hears_that("ada's arrival", |frame| {
            assert!(!frame.to_string().contains("eve"), "{frame}");
            frame["type"] == "presence" && frame["data"]["joined"].to_string().contains("ada")
        })
        .await;
}
