//! Stories about time, told with the clock moved: in a process of their own, for the clock is the
//! whole process's. One test, so that no two move it at once.

#[expect(dead_code, reason = "these stories need a part of the harness")]
#[path = "it/harness/mod.rs"]
mod harness;

use chrono::Duration;
use serde_json::json;
use switchboard::actors::housekeeping;
use switchboard::clock;

use harness::people::Person;
use harness::server::Server;
use harness::socket::Socket;

/// A socket by a credential that does not end by itself.
async fn connects(person: &Person) -> Socket {
    let bearer = format!("Token {}", person.opaque);
    let headers = [("authorization", bearer.as_str())];
    let mut socket = Socket::open(person.server, "/ws/v1/", &headers).await;
    socket.hears("welcome").await;
    socket
}

#[tokio::test]
async fn answers_are_remembered_for_a_day_and_events_for_a_month() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = connects(&ada).await;
    let room = socket.opens_room("general", &[]).await;
    let joined = socket.joins(&room).await;
    let send = json!({"content": "once", "client_id": "k1"});
    let first = socket.does("message.send", &room, send.clone()).await;

    clock::shift(Duration::hours(23));
    housekeeping::prune_once(&server.house).await.unwrap();
    assert_eq!(socket.does("message.send", &room, send.clone()).await, first, "within the day");
    clock::shift(Duration::hours(2));
    housekeeping::prune_once(&server.house).await.unwrap();
    let later = socket.does("message.send", &room, send).await;
    assert_ne!(later["id"], first["id"], "after the day it is another message");

    let wish = json!({"after": joined["seq"], "epoch": joined["epoch"]});
    assert_eq!(socket.joins_with(&room, wish.clone()).await["recovered"], true);
    clock::shift(Duration::days(29));
    housekeeping::prune_once(&server.house).await.unwrap();
    let last = json!({"after": later["seq"], "epoch": joined["epoch"]});
    assert_eq!(socket.joins_with(&room, last).await["recovered"], true, "nothing is missing");
    let recovered = socket.joins_with(&room, wish).await;
    assert_eq!(recovered["recovered"], false, "the first event is a month old: {recovered}");
    assert_eq!(recovered["snapshot"]["messages"].as_array().unwrap().len(), 2);

    // A token that was good when the socket opened ends it when its time has come.
    let mut by_token = ada.clone();
    by_token.token = ada.token_for(std::time::Duration::from_secs(3_600));
    let mut ending = by_token.connects().await;
    clock::shift(Duration::minutes(61));
    assert_eq!(ending.ends().await.code, Some(4001));
    socket.is_served().await;
}
