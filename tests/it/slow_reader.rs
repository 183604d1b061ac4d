//! Those who read slowly, declare too much, break the protocol or never finish: each is closed
//! with the right code, nobody else notices, and memory stays flat.

use serde_json::{Value, json};
use switchboard::models::attempt::{self, AttemptFilter};

use crate::harness::child::{Child, enroll};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};
use crate::harness::wire::{Frame, Wire, head, masked};

/// What "memory stays flat" means, in bytes of growth.
const FLAT_BYTES: u64 = 20 * 1_024 * 1_024;
/// Limits out of the way of a flood.
const FLOOD: [(&str, &str); 2] =
    [("frames_per_second", "0"), ("messages_per_second_per_user", "0")];
const FIN_TEXT: u8 = 0x81;

async fn opens_narrow(person: &Person) -> Wire {
    let mut wire = Wire::connect_narrow(person.server).await;
    wire.upgrades("/ws/v1/", &[&format!("Authorization: Bearer {}", person.token)]).await;
    wire
}

async fn joins_and_stalls(person: &Person, room: &str) -> Wire {
    let mut wire = opens_narrow(person).await;
    let subscribe = json!({"type": "subscribe", "topic": room, "data": {"limit": 0}});
    wire.sends(&masked(FIN_TEXT, subscribe.to_string().as_bytes())).await;
    loop {
        let Frame { payload, .. } = wire.frame().await.expect("a frame");
        if payload.starts_with(br#"{"type":"live""#) {
            return wire;
        }
    }
}

/// Sends `count` messages of 15 KB; the reader must hear every one of them in order.
async fn floods(writer: &mut Socket, reader: &mut Socket, room: &str, count: usize) {
    let text = "x".repeat(15_000);
    for number in 0..count {
        let data = json!({"content": format!("{number} {text}")});
        writer.sends("message.send", Some(room), data).await;
        let is_next = |frame: &Value| frame["type"] == "message.new";
        let event = reader.hears_that("the flood", is_next).await;
        let content = event["data"]["content"].as_str().unwrap();
        assert_eq!(content.split(' ').next(), Some(number.to_string().as_str()));
        reader.forgets();
        writer.hears("ok").await;
        writer.forgets();
    }
}

#[tokio::test]
async fn a_reader_who_stalls_is_closed_with_4008_and_the_others_hear_everything() {
    let settings = [&FLOOD[..], &[("outbox_stall", "500ms"), ("outbox_linger", "1m")]].concat();
    let server = Server::start_with(&settings).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob, &eve]).await;
    bob_1.joins(&room).await;
    let mut stalled = joins_and_stalls(&eve, &room).await;
    floods(&mut ada_1, &mut bob_1, &room, 800).await;
    // Once it reads again it finds out; what came before is whole frames.
    assert_eq!(stalled.close().await, Some((4008, "too slow".to_owned())));
}

#[tokio::test]
async fn a_reader_who_never_reads_again_is_cut_off_and_recorded() {
    let settings = [&FLOOD[..], &[("outbox_stall", "300ms"), ("outbox_linger", "300ms")]].concat();
    let server = Server::start_with(&settings).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob, &eve]).await;
    bob_1.joins(&room).await;
    let _stalled = joins_and_stalls(&eve, &room).await;
    floods(&mut ada_1, &mut bob_1, &room, 800).await;
    let user = Some(eve.id);
    until("eve's socket is recorded as too slow", async || {
        let filter = AttemptFilter { user, ..AttemptFilter::default() };
        let rows = server.reads(move |conn| Ok(attempt::recent(conn, 1, &filter)?)).await;
        rows.first().is_some_and(|row| row.close_code == Some(4008) && row.ended_at.is_some())
    })
    .await;
}

#[tokio::test]
async fn twenty_stalled_readers_and_huge_declarations_leave_memory_flat() {
    let database = Database::sqlite();
    let people = enroll(&database, &["ada", "bob", "eve"]);
    let settings = [&FLOOD[..], &[("outbox_stall", "1m")]].concat();
    let child = Child::start(&database, &settings);
    let [ada, bob, eve] = [0, 1, 2].map(|index: usize| people[index].at(child.address));
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob, &eve]).await;
    bob_1.joins(&room).await;
    floods(&mut ada_1, &mut bob_1, &room, 300).await;
    let before = child.resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(joins_and_stalls(&eve, &room).await);
    }
    let mut declared = Vec::new();
    for _ in 0..50 {
        let mut wire = opens_narrow(&eve).await;
        wire.sends(&head(FIN_TEXT, 60_000, true)).await;
        declared.push(wire);
    }
    floods(&mut ada_1, &mut bob_1, &room, 800).await;
    let grown = child.resident_bytes().saturating_sub(before);
    assert!(grown < FLAT_BYTES, "grown by {grown} bytes");
}

#[tokio::test]
async fn a_frame_that_breaks_the_protocol_is_closed_with_its_code() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let unmasked = [head(FIN_TEXT, 2, false), b"{}".to_vec()].concat();
    let table: [(&str, Vec<u8>, u16); 14] = [
        ("unmasked", unmasked, 1002),
        ("a reserved bit", masked(0xc1, b"{}"), 1002),
        ("an unknown opcode", masked(0x83, b""), 1002),
        ("an unknown control opcode", masked(0x8b, b""), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
        ("a fragmented ping", masked(0x09, b"x"), 1002),
        ("a long ping", masked(0x89, &[0; 126]), 1002),
        ("a close of one byte", masked(0x88, b"x"), 1002),
        ("a close with a code that is never sent", masked(0x88, &[0x03, 0xed]), 1002),
        ("invalid UTF-8", masked(FIN_TEXT, &[0xff, 0xfe]), 1007),
        ("invalid UTF-8 in a close", masked(0x88, &[0x03, 0xe8, 0xff]), 1007),
        ("a huge declaration", head(FIN_TEXT, 1 << 40, true), 1009),
        ("a declaration over the limit", head(FIN_TEXT, 65_537, true), 1009),
        ("a binary message", masked(0x82, b"x"), 1003),
    ];
    for (what, bytes, code) in table {
        let mut wire = opens_narrow(&ada).await;
        wire.sends(&bytes).await;
        let (closed, _) = wire.close().await.unwrap_or_else(|| panic!("no close: {what}"));
        assert_eq!(closed, code, "{what}");
    }
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_let_go() {
    let settings = [("heartbeat", "300ms"), ("pong_timeout", "2s")];
    let server = Server::start_with(&settings).await;
    let ada = server.person("ada").await;
    let mut mute = opens_narrow(&ada).await;
    let mut lively = ada.connects().await;
    let mut pings = 0;
    let until_let_go = async {
        while let Some(frame) = mute.frame().await {
            pings += usize::from(frame.opcode == 9);
        }
    };
    tokio::select! {
        () = until_let_go => {}
        // Reading is what answers pings.
        frame = lively.next() => panic!("the lively one hears nothing but pings: {frame:?}"),
    }
    assert!(pings >= 1, "it was asked before it was let go");
    lively.is_served().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let server = Server::start_with(&[("request_timeout", "1s")]).await;
    let mut lively = server.person("ada").await.connects().await;
    for begun in ["GET /ws/v1/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", "G"] {
        let mut wire = Wire::connect(server.address).await;
        wire.sends(begun.as_bytes()).await;
        let answer = wire.answer().await;
        assert!(answer.is_none_or(|answer| answer.status == 408));
    }
    lively.is_served().await;
}
