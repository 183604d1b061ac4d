//! Faults inside: a panic costs what panicked and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use switchboard::actors::mail::{CollapseSession, tell};
use switchboard::protocol::topic::Owner;

use crate::harness::server::Server;
use crate::harness::socket::until;
use crate::harness::writer::{Held, Panicking};
use crate::presence::hears_of;

#[tokio::test]
async fn sockets_stay_open_through_the_death_of_an_owner_and_messages_flow_again() {
    let server = Server::start_with(&[("watchdog", "40ms")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    let before = bob_1.joins(&room).await["seq"].as_i64().unwrap();
    server.house.owners.collapse(Owner::RoomSupervisor);
    let mut tried = 0;
    until("a message goes through", async || {
        tried += 1;
        let data = json!({"content": "after the fall", "client_id": "k1"});
        let reply = ada_1.asks("message.send", Some(&room), data).await;
        if reply["type"] == "error" {
            assert_eq!(reply["code"], "unavailable", "{reply}");
            assert!(reply["retry_after_ms"].is_u64(), "{reply}");
        }
        reply["type"] == "ok"
    })
    .await;
    let event = bob_1.hears_message("after the fall").await;
    assert_eq!(event["seq"], before + 1, "once, after {tried} tries");
    assert!(server.house.owners.absent().is_empty());
}

#[tokio::test]
async fn every_command_under_way_when_an_owner_dies_is_answered() {
    let server = Server::start_with(&[("watchdog", "40ms"), ("frames_per_second", "0")]).await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    socket.joins(&room).await;
    let mut asked = Vec::new();
    for number in 0..60 {
        if number == 20 {
            server.house.owners.collapse(Owner::RoomSupervisor);
        }
        let data = json!({"content": "x", "client_id": format!("k{number}")});
        asked.push(socket.sends("message.send", Some(&room), data).await);
    }
    for reference in asked {
        let reply = socket.answer_to(&reference).await;
        let is_told = reply["type"] == "ok" || reply["code"] == "unavailable";
        assert!(is_told, "{reply}");
    }
    socket.is_served().await;
}

#[tokio::test]
async fn a_fault_after_a_commit_does_not_end_the_writer() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    let panicked = Arc::new(AtomicUsize::new(0));
    for number in 0..3 {
        let held = Held::of(&server).await;
        server.house.lane.submit(Box::new(Panicking(Arc::clone(&panicked))));
        let data = json!({"content": "in the same batch", "client_id": format!("k{number}")});
        let asked = socket.sends("message.send", Some(&room), data).await;
        drop(held);
        assert_eq!(socket.answer_to(&asked).await["type"], "ok");
    }
    socket.says(&room, "afterwards").await;
    assert_eq!(panicked.load(Ordering::Relaxed), 3);
    assert!(server.house.lane.is_alive());
}

#[tokio::test]
async fn the_death_of_one_owner_is_not_felt_by_the_topics_of_another() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    bob_1.joins(&room).await;
    server.house.owners.collapse(Owner::NotificationHub);
    ada_1.says(&room, "unmoved").await;
    bob_1.hears_message("unmoved").await;
}

#[tokio::test]
async fn a_panic_in_a_session_costs_that_socket_alone() {
    let server = Server::start_with(&[("presence_grace", "50ms")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut witness = bob.connects().await;
    let room = witness.opens_room("general", &[&ada]).await;
    witness.joins(&room).await;
    let (mut doomed, mut neighbor) = (ada.opens("/ws/v1/").await, ada.connects().await);
    let welcome = doomed.hears("welcome").await;
    doomed.joins(&room).await;
    hears_of(&mut witness, &["ada"], &[]).await;
    let (worker, number) =
        welcome["data"]["session"].as_str().unwrap().split_once('-').expect("worker and number");
    let worker = usize::from_str_radix(worker, 16).unwrap();
    let session = u64::from_str_radix(number, 16).unwrap();
    tell(&server.house.exchange.worker(worker).unwrap(), CollapseSession { session });
    assert_eq!(doomed.ends().await.code, Some(1011));
    neighbor.is_served().await;
    // It has left the topic as any other socket does.
    hears_of(&mut witness, &[], &["ada"]).await;
    for _ in 0..4 {
        ada.connects().await.is_served().await;
    }
    neighbor.joins(&room).await;
    witness.says(&room, "all is well").await;
    neighbor.hears_message("all is well").await;
}
