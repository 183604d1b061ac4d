//! What waits is done, told or answered in the end: joins under way as an owner dies, values that
//! come before a snapshot, messages behind one that closes, calls for help behind a limit.

use std::sync::mpsc;

use serde_json::{Value, json};
use switchboard::actors::post::delivery;
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::ids::UnitId;
use switchboard::layer::contract::Envelope;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::{Owner, Topic};
use switchboard::protocol::views::positions::PositionView;

use crate::harness::older::Rest;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};
use crate::harness::wire::{UPGRADE, Wire, masked};

const FIN_TEXT: u8 = 0x81;

#[tokio::test]
async fn a_join_under_way_when_its_owner_dies_is_answered() {
    let server = Server::start_with(&[("db_readers", "1"), ("watchdog", "1m")]).await;
    let mut socket = server.person("ada").await.connects().await;
    let room = socket.opens_room("general", &[]).await;
    let (let_go, held) = mpsc::channel::<()>();
    let lane = server.house.lane.clone();
    let (reads, reading) = tokio::sync::oneshot::channel();
    let reader = tokio::spawn(async move {
        let read = lane.read(move |_| {
            reads.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        });
        read.await.unwrap();
    });
    reading.await.unwrap();
    let asked = socket.sends("subscribe", Some(&room), json!({})).await;
    socket.is_served().await;
    server.house.owners.collapse(Owner::RoomSupervisor);
    until("the owner is gone", async || !server.house.owners.absent().is_empty()).await;
    let_go.send(()).unwrap();
    let reply = socket.answer_to(&asked).await;
    assert_eq!((&reply["type"], &reply["code"]), (&json!("error"), &json!("unavailable")));
    reader.await.unwrap();
}

#[tokio::test]
async fn whoever_subscribes_twice_at_once_is_seated_once_and_hears_everything() {
    let server = Server::start_with(&[("presence_grace", "0s")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    for round in 0..20 {
        let first = bob_1.sends("subscribe", Some(&room), json!({})).await;
        let second = bob_1.sends("subscribe", Some(&room), json!({})).await;
        let earlier = bob_1.answer_to(&first).await;
        assert!(earlier["type"] == "ok" || earlier["code"] == "conflict", "{earlier}");
        assert_eq!(bob_1.answer_to(&second).await["type"], "ok");
        bob_1.hears("live").await;
        let text = format!("round {round}");
        ada_1.says(&room, &text).await;
        bob_1.hears_message(&text).await;
        assert_eq!(server.house.exchange.seats(&Topic::room("general")), 2);
        bob_1.does("unsubscribe", &room, json!({})).await;
        bob_1.forgets();
        let here = || server.house.presence.lock().head_count(&Topic::room("general"));
        until("bob was counted once, and is gone", async || here() == 1).await;
        ada_1.forgets();
    }
}

fn position(latitude: f64) -> Envelope {
    let at = clock::now_naive();
    let view = PositionView {
        unit: UnitId(7),
        latitude,
        longitude: -13.2,
        accuracy_m: None,
        heading_deg: None,
        speed_kmh: None,
        fixed_at: None,
        received_at: at,
    };
    let body = EventBody::Positions { positions: vec![view] };
    Envelope::Events(vec![delivery(Event { topic: Topic::Positions, seq: None, at, body })])
}

#[tokio::test]
async fn a_value_that_comes_before_the_snapshot_is_sent_is_told_without_waiting_for_another() {
    let settings = [
        ("messages_per_second_per_user", "0"),
        ("frames_per_second", "0"),
        ("outbox_bytes", "32MiB"),
        ("outbox_stall", "1m"),
        ("workers", "1"),
    ];
    let server = Server::start_with(&settings).await;
    let (ada, eve) = (server.person("ada").await, server.person_as("eve", Role::Dispatcher).await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&eve]).await;
    // Eve reads nothing for a while, so that her seat on the positions waits behind the room.
    let mut wire = Wire::connect_narrow(server.address).await;
    wire.upgrades("/ws/v1/", &[&format!("Authorization: Bearer {}", eve.token)]).await;
    let subscribe = |topic: &str| {
        let wish = json!({"type": "subscribe", "topic": topic, "data": {"limit": 0}});
        masked(FIN_TEXT, wish.to_string().as_bytes())
    };
    wire.sends(&subscribe(&room)).await;
    until("eve is seated", async || server.house.exchange.seats(&Topic::room("general")) == 1)
        .await;
    for _ in 0..400 {
        ada_1.says(&room, &"x".repeat(15_000)).await;
        ada_1.forgets();
    }
    wire.sends(&subscribe("dispatch:positions")).await;
    until("the seat waits", async || server.house.exchange.seats(&Topic::Positions) == 1).await;
    ada_1.says(&room, "one turn later").await;
    server.house.layer.publish(position(8.25)).unwrap();
    loop {
        let frame = wire.frame().await.expect("a frame with the position");
        // A ping says nothing.
        let frame: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
        if frame["topic"] == "dispatch:positions" && frame["data"]["positions"].is_array() {
            assert_eq!(frame["data"]["positions"][0]["latitude"], 8.25);
            return;
        }
    }
}

#[tokio::test]
async fn what_is_said_behind_a_message_that_closes_the_socket_is_not_done() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let rest = Rest::bearer(&alice);
    let wish = json!({"title": "Trip", "conversation_type": "group", "member_ids": [bob.id.0]});
    let id = rest.post(201, "/api/chat/conversations/", wish).await["id"].as_i64().unwrap();
    let mut wire = Wire::connect(server.address).await;
    let mut head = vec![
        format!("GET /ws/chat/{id}/?token={} HTTP/1.1", alice.token),
        "Host: localhost".to_owned(),
    ];
    head.extend(UPGRADE.map(str::to_owned));
    let said = json!({"type": "message.send", "content": "behind"}).to_string();
    let all = [
        format!("{}\r\n\r\n", head.join("\r\n")).into_bytes(),
        masked(FIN_TEXT, b"no JSON at all"),
        masked(FIN_TEXT, said.as_bytes()),
    ];
    wire.sends(&all.concat()).await;
    assert_eq!(wire.answer().await.unwrap().status, 101);
    let (code, _) = wire.close().await.expect("a close");
    assert_ne!(code, 1000);
    let path = format!("/api/chat/conversations/{id}/messages/");
    let kept = rest.get(200, &path).await.to_string();
    assert!(!kept.contains("behind"), "{kept}");
}

#[tokio::test]
async fn only_a_native_frame_or_what_a_dialect_calls_one_is_a_call_for_help() {
    let limits = [("frames_per_second", "1"), ("frames_burst", "3")];
    let server = Server::start_with(&limits).await;
    let raised = r#"{"type":"mayday.raise","message":"help","data":{}}"#;
    let mut guest = Socket::open(server.address, "/ws/chat/", &[]).await;
    let mut native = server.person("ada").await.connects().await;
    for _ in 0..300 {
        // The guest's socket may be closed before all of it is sent.
        guest.tries_to_send(raised).await;
        native.sends_text(raised).await;
    }
    assert_eq!(guest.ends().await.code, Some(4029));
    for _ in 0..300 {
        let refused = native.hears("error").await;
        assert_ne!(refused["code"], "rate_limited", "{refused}");
    }
}
