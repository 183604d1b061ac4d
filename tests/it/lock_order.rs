//! Two processes on one PostgreSQL: what is done to the same conversation at the same moment waits
//! for one another, and is never answered as busy.

use serde_json::{Value, json};

use crate::harness::engines::Database;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

/// Limits out of the way, and a heartbeat of another process that is no reason to wait.
const SETTINGS: [(&str, &str); 3] =
    [("frames_per_second", "0"), ("messages_per_second_per_user", "0"), ("workers", "1")];
const ROUNDS: usize = 150;

/// Sends all of it at once; the codes of what was refused.
async fn refusals(socket: &mut Socket, room: &str, asked: Vec<(&str, Value)>) -> Vec<Value> {
    let mut references = Vec::new();
    for (kind, data) in asked {
        references.push(socket.sends(kind, Some(room), data).await);
    }
    let mut refused = Vec::new();
    for reference in references {
        let reply = socket.answer_to(&reference).await;
        if reply["type"] == "error" {
            refused.push(reply["code"].clone());
        }
    }
    socket.forgets();
    refused
}

#[tokio::test]
async fn posting_beside_deleting_reading_reacting_and_pinning_is_never_answered_busy() {
    let Some(database) = Database::postgres() else { return };
    let url = database.url.clone();
    let one = Server::start_on(database, &SETTINGS).await;
    let ada = one.person("ada").await;
    let other = Server::start_beside(&url, &SETTINGS).await;
    let mut here = ada.connects().await;
    let mut there = ada.at(other.address).connects().await;
    let room = here.opens_room("general", &[]).await;
    for round in 0..ROUNDS {
        let sent = here.says(&room, "to be taken back").await;
        let (id, seq) = (sent["id"].clone(), sent["seq"].clone());
        let posts = (0..4).map(|_| ("message.send", json!({"content": "beside"}))).collect();
        let changes = vec![
            ("read.mark", json!({"seq": seq})),
            ("message.react", json!({"id": id, "emoji": "👍", "on": true})),
            ("message.pin", json!({"id": id, "on": true})),
            ("message.pin", json!({"id": id, "on": false})),
            ("message.delete", json!({"id": id})),
        ];
        let (posted, changed) =
            tokio::join!(refusals(&mut here, &room, posts), refusals(&mut there, &room, changes));
        assert_eq!((posted, changed), (vec![], vec![]), "round {round}");
    }
}
