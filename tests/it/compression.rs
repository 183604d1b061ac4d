//! permessage-deflate: agreed on word for word, compressed once for all who hear, bounded on the
//! way in, and never forced on anyone.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::child::{Child, enroll};
use crate::harness::deflating::{BROWSER, DEFLATED_TEXT, Deflating, deflated};
use crate::harness::dispatch::{BOARD, crew, desk, each_engine};
use crate::harness::engines::Database;
use crate::harness::older::Rest;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::wire::{UPGRADE, Wire, masked};

const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// How many messages a server has compressed, as its operators see it.
async fn compressed(admin: &Person) -> u64 {
    let response = admin.fetches(("GET", "/metrics"), &[], "").await;
    let text = response.text().await.unwrap();
    let line =
        text.lines().find_map(|line| line.strip_prefix("switchboard_messages_compressed_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_large_event_is_compressed_once_for_all_who_take_it_so_and_plain_for_the_others() {
    let database = Database::sqlite();
    let people = enroll(&database, &["ada", "bob"]);
    let mut admins = enroll_admin(&database);
    let child = Child::start(&database, &[("workers", "2")]);
    let [ada, bob] = [0, 1].map(|index: usize| people[index].at(child.address));
    let admin = admins.remove(0).at(child.address);
    let (mut ada_1, mut plain) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    plain.joins(&room).await;
    let mut readers = Vec::new();
    for offer in [BROWSER, "permessage-deflate", BROWSER, BROWSER, BROWSER, BROWSER] {
        readers.push(Deflating::connects_with(&bob, offer).await);
    }
    // A client that saves memory hears the same bytes as long as they fit.
    let bounded = "permessage-deflate; server_max_window_bits=13";
    readers.push(Deflating::connects_with(&bob, bounded).await);
    for reader in &mut readers {
        reader.joins(&room, 0).await;
    }
    for (words, times) in [(100, 0), (300, 1), (1_000, 2)] {
        let text: String = (0..words).map(|number| format!("{number} and ")).collect();
        let before = compressed(&admin).await;
        ada_1.says(&room, &text).await;
        for reader in &mut readers {
            let (was_compressed, event) = reader.hears("message.new").await;
            assert_eq!(event["data"]["content"], text.as_str());
            assert_eq!(was_compressed, times > 0, "{words} words");
        }
        plain.hears_message(&text).await;
        assert_eq!(compressed(&admin).await - before, times, "{words} words, once a window");
    }
}

fn enroll_admin(database: &Database) -> Vec<Person> {
    let store = database.open();
    let enroll = |conn: &mut _| Person::enroll(conn, "root", Role::Admin);
    vec![store.write(enroll).unwrap()]
}

#[tokio::test]
async fn what_a_client_says_compressed_is_done_whole_or_in_fragments() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut witness = ada.connects().await;
    let room = witness.opens_room("general", &[]).await;
    witness.joins(&room).await;
    let mut socket = Deflating::connects(&ada).await;
    let send = |content: &str| json!({"type": "message.send", "topic": room, "data": {"content": content}});
    let long = "again and ".repeat(1_000);
    socket.says(&send(&long)).await;
    witness.hears_message(&long).await;
    let payload = deflated(send("in pieces").to_string().as_bytes());
    let (left, right) = payload.split_at(20);
    let pieces = [masked(0x41, left), masked(0x89, b"?"), masked(0x80, right)].concat();
    socket.wire.sends(&pieces).await;
    witness.hears_message("in pieces").await;
    socket.wire.sends(&masked(0x81, send("as it is").to_string().as_bytes())).await;
    witness.hears_message("as it is").await;
}

#[tokio::test]
async fn a_bomb_is_closed_with_1009_and_what_is_no_deflate_with_1007_and_others_notice_nothing() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut witness = ada.connects().await;
    let bomb = deflated(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 64 * 1_024, "it is allowed outside: {}", bomb.len());
    let (left, right) = bomb.split_at(bomb.len() / 2);
    let parts: Vec<u8> = right.chunks(50).flat_map(|part| masked(0x00, part)).collect();
    for (what, bytes, code) in [
        ("a bomb", masked(DEFLATED_TEXT, &bomb), 1009),
        ("one in pieces", [masked(0x41, left), parts, masked(0x80, b"")].concat(), 1009),
        ("binary", masked(0xc2, &bomb), 1009),
        ("just over", masked(DEFLATED_TEXT, &deflated(&[b' '; 65_537])), 1009),
        ("nonsense", masked(DEFLATED_TEXT, b"nonsense"), 1007),
        ("one cut short", masked(DEFLATED_TEXT, &bomb[..50]), 1007),
        ("bad text", masked(DEFLATED_TEXT, &deflated(&[0xff; 40])), 1007),
        ("a marked continuation", [masked(0x41, left), masked(0xc0, right)].concat(), 1002),
        ("a marked ping", masked(0xc9, b""), 1002),
        ("a marked close", masked(0xc8, b""), 1002),
        ("another bit", masked(0xe1, &deflated(b"{}")), 1002),
    ] {
        let mut socket = Deflating::connects(&ada).await;
        socket.wire.sends(&bytes).await;
        let (closed, _) = socket.wire.close().await.unwrap_or_else(|| panic!("no close: {what}"));
        assert_eq!(closed, code, "{what}");
        witness.is_served().await;
    }
    let spaces = json!({"type": "ping", "data": {"pad": " ".repeat(65_000)}});
    let mut socket = Deflating::connects(&ada).await;
    socket.says(&spaces).await;
    socket.hears("pong").await;
}

#[tokio::test]
async fn an_offer_is_answered_word_for_word_or_not_at_all() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bounded = format!("{AGREED}; server_max_window_bits=12");
    for (offer, agreed) in [
        ("permessage-deflate", Some(AGREED)),
        (BROWSER, Some(AGREED)),
        ("permessage-deflate; server_max_window_bits=12", Some(bounded.as_str())),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", Some(AGREED)),
        ("permessage-deflate; mystery=1", None),
        ("x-webkit-deflate-frame", None),
    ] {
        let socket = Deflating::connects_with(&ada, offer).await;
        assert_eq!(socket.agreed.as_deref(), agreed, "{offer}");
    }
    let mut wire = Wire::connect(server.address).await;
    let mut lines = vec!["GET /ws/v1/ HTTP/1.1", "Host: localhost"];
    lines.extend(UPGRADE);
    lines.push("Sec-WebSocket-Extensions: permessage-deflate; =");
    let answer = wire.asks(&lines).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("Sec-WebSocket-Extensions"), "{}", answer.body);
}

#[tokio::test]
async fn without_an_agreement_nothing_is_compressed_and_a_marked_frame_breaks_the_protocol() {
    let server = Server::start_with(&[("ws_deflate", "false")]).await;
    let ada = server.person("ada").await;
    let mut socket = Deflating::connects(&ada).await;
    assert_eq!(socket.agreed, None);
    socket.wire.sends(&masked(DEFLATED_TEXT, &deflated(b"{}"))).await;
    assert_eq!(socket.wire.close().await.map(|(code, _)| code), Some(1002));
}

/// What a socket that joins the board is told until it is live: how the answer with the snapshot
/// came, and what it says.
async fn begins_at_the_board(socket: &mut Deflating, wish: Value) -> (bool, Value) {
    socket.says(&json!({"type": "subscribe", "topic": BOARD, "data": wish})).await;
    let mut told = Vec::new();
    loop {
        let (was_compressed, frame) = socket.hears_that("a frame", |_| true).await;
        if frame["type"] == "live" {
            break;
        }
        told.push((was_compressed, frame));
    }
    let mut answers: Vec<_> =
        told.into_iter().filter(|(_, frame)| frame["data"].get("snapshot").is_some()).collect();
    assert_eq!(answers.len(), 1, "one answer: {answers:#?}");
    answers.remove(0)
}

#[tokio::test]
async fn a_board_begins_with_one_compressed_snapshot_and_is_told_what_changes_after_it() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        for _ in 0..12 {
            dana.opens("LOW").await;
        }
        let omar = server.person_as("omar", Role::Dispatcher).await;
        let mut board = Deflating::connects(&omar).await;
        let (was_compressed, begun) = begins_at_the_board(&mut board, json!({})).await;
        assert!(was_compressed);
        let snapshot = &begun["data"]["snapshot"];
        assert_eq!(snapshot["incidents"].as_array().unwrap().len(), 12);
        assert_eq!(snapshot["units"].as_array().unwrap().len(), 1);
        let whole_bytes = begun.to_string().len();

        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        dana.does("incident.close", json!({"incident": incident, "reason": "done"})).await;
        let mut kinds = BTreeSet::new();
        loop {
            let (_, event) = board.hears_that("an event", |frame| frame["topic"] == BOARD).await;
            assert!(event["data"].get("snapshot").is_none(), "{event}");
            assert!(event.to_string().len() < whole_bytes / 2, "of one thing alone: {event}");
            let kind = event["type"].as_str().unwrap().to_owned();
            let about = [&event["data"]["incident"]["id"], &event["data"]["order"]["incident"]];
            let about = about.into_iter().find(|id| !id.is_null());
            assert!(about.is_none_or(|id| *id == incident.as_str()), "what changed: {event}");
            kinds.insert(kind);
            if event["data"]["incident"]["status"] == "CLOSED" {
                break;
            }
        }
        assert!(kinds.contains("unit.changed") && kinds.contains("incident.opened"), "{kinds:?}");

        // Whoever comes back with their place is told what they missed, and no snapshot.
        let seq = begun["data"]["seq"].as_i64().unwrap();
        let wish = json!({"after": seq, "epoch": begun["data"]["epoch"]});
        let mut again = Deflating::connects(&omar).await;
        let (_, resumed) = begins_at_the_board(&mut again, wish).await;
        assert_eq!(resumed["data"]["recovered"], true);
        assert_eq!(resumed["data"]["snapshot"], Value::Null);

        // The older page's browser offers it as well.
        let cookie = format!("Cookie: sessionid={}", omar.cookie);
        let origin = format!("Origin: http://{}", server.address);
        let headers = [cookie.as_str(), origin.as_str()];
        let mut older = Deflating::opens(&omar, "/ws/dispatchers/", BROWSER, &headers).await;
        assert_eq!(older.agreed.as_deref(), Some(AGREED));
        let (was_compressed, begun) = older.hears_that("a frame", |_| true).await;
        assert_eq!((&begun["type"], was_compressed), (&json!("initial_data"), true));
        dana.orders(&medic.unit, snapshot["incidents"][0]["id"].as_str().unwrap()).await;
        let (_, told) = older.hears_that("a frame", |_| true).await;
        assert_eq!(told["event"], "UNIT_DISPATCHED", "no second snapshot: {told}");
    })
    .await;
}

#[tokio::test]
async fn a_long_snapshot_comes_compressed_and_so_do_the_events_of_dialects() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let wish = json!({"title": "Trip", "conversation_type": "group", "member_ids": [bob.id.0]});
    let made = Rest::bearer(&alice).post(201, "/api/chat/conversations/", wish).await;
    let id = made["id"].as_i64().unwrap();
    let (mut alice_1, topic) = (alice.connects().await, format!("chat:{id}"));
    for number in 0..20 {
        alice_1.says(&topic, &format!("{number} {}", "and so on ".repeat(50))).await;
    }
    let mut native = Deflating::connects(&bob).await;
    let (was_compressed, joined) = native.joins(&topic, 50).await;
    assert!(was_compressed);
    assert_eq!(joined["data"]["snapshot"]["messages"].as_array().unwrap().len(), 20);

    let path = format!("/ws/chat/{id}/?token={}", bob.token);
    let mut older = Deflating::opens(&bob, &path, BROWSER, &[]).await;
    assert_eq!(older.agreed.as_deref(), Some(AGREED));
    older.says(&json!({"type": "ping"})).await;
    older.hears("pong").await;
    let long = "and so on ".repeat(500);
    alice_1.says(&topic, &long).await;
    for socket in [&mut native, &mut older] {
        let (was_compressed, event) = socket.hears("message.new").await;
        assert!(was_compressed, "{event}");
        assert_eq!(event["data"]["content"], Value::from(long.as_str()));
    }
}
