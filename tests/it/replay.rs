//! Coming back: what was missed, exactly once and in order, or a snapshot and the word for it.

use serde_json::{Value, json};
use switchboard::actors::housekeeping;

use crate::harness::engines::Database;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

/// No limit on how fast a story may talk.
const FAST: [(&str, &str); 2] = [("frames_per_second", "0"), ("messages_per_second_per_user", "0")];

/// Reads frames up to and with `live`; returns the positions of the events before it.
async fn caught_up(socket: &mut Socket) -> (Vec<i64>, Vec<Value>) {
    let (mut positions, mut events) = (Vec::new(), Vec::new());
    loop {
        let frame = socket.next().await.expect("the socket stays open");
        if frame["type"] == "live" {
            return (positions, events);
        }
        if let Some(seq) = frame["seq"].as_i64() {
            positions.push(seq);
            events.push(frame);
        }
    }
}

async fn sends_many(socket: &mut Socket, room: &str, count: usize) {
    for number in 0..count {
        socket.sends("message.send", Some(room), json!({"content": format!("m{number}")})).await;
    }
    for _ in 0..count {
        socket.hears("ok").await;
    }
}

async fn comes_back_after_exactly_what_was_missed(server: &Server) {
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let joined = bob_1.joins(&room).await;
    let (seq, epoch) = (joined["seq"].as_i64().unwrap(), joined["epoch"].clone());
    bob_1.leaves().await;
    for number in 1..=5 {
        ada_1.says(&room, &format!("missed {number}")).await;
    }
    let mut bob_2 = bob.connects().await;
    let wish = json!({"after": seq, "epoch": epoch});
    let reference = bob_2.sends("subscribe", Some(&room), wish).await;
    let reply = bob_2.next().await.unwrap();
    assert_eq!((&reply["ref"], &reply["type"]), (&json!(reference), &json!("ok")), "{reply}");
    assert_eq!(reply["data"]["recovered"], true);
    assert_eq!(reply["data"]["snapshot"], Value::Null);
    assert_eq!(reply["data"]["seq"], seq + 5);
    let (positions, events) = caught_up(&mut bob_2).await;
    assert_eq!(positions, (seq + 1..=seq + 5).collect::<Vec<_>>());
    assert_eq!(events[4]["data"]["content"], "missed 5");
    assert_eq!(events[4]["type"], "message.new");
    ada_1.says(&room, "live").await;
    assert_eq!(bob_2.hears_message("live").await["seq"], seq + 6);
    assert_eq!(bob_2.overheard("message.new"), Vec::<Value>::new(), "nothing twice");
    // Whoever has missed nothing gets nothing.
    let mut bob_3 = bob.connects().await;
    bob_3.sends("subscribe", Some(&room), json!({"after": seq + 6, "epoch": epoch})).await;
    assert_eq!(bob_3.next().await.unwrap()["data"]["recovered"], true);
    assert_eq!(caught_up(&mut bob_3).await.0, Vec::<i64>::new());
}

#[tokio::test]
async fn who_comes_back_gets_exactly_what_was_missed_and_then_what_happens() {
    comes_back_after_exactly_what_was_missed(&Server::start().await).await;
}

#[tokio::test]
async fn who_comes_back_on_postgres_gets_exactly_what_was_missed_and_then_what_happens() {
    if let Some(database) = Database::postgres() {
        comes_back_after_exactly_what_was_missed(&Server::start_on(database, &[]).await).await;
    }
}

#[tokio::test]
async fn many_missed_events_come_in_order_while_more_are_being_sent() {
    let server = Server::start_with(&FAST).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let start = ada_1.joins(&room).await["seq"].as_i64().unwrap();
    ada_1.does("unsubscribe", &room, json!({})).await;
    sends_many(&mut ada_1, &room, 700).await;
    let topic = room.clone();
    let talking = tokio::spawn(async move {
        sends_many(&mut ada_1, &topic, 300).await;
        ada_1
    });
    let mut bob_1 = bob.connects().await;
    bob_1.sends("subscribe", Some(&room), json!({"after": start})).await;
    let (mut positions, _) = caught_up(&mut bob_1).await;
    let mut ada_1 = talking.await.unwrap();
    ada_1.says(&room, "the last").await;
    while positions.last() != Some(&(start + 1_001)) {
        let frame = bob_1.next().await.expect("the socket stays open");
        positions.extend(frame["seq"].as_i64());
    }
    assert_eq!(positions, (start + 1..=start + 1_001).collect::<Vec<_>>());
}

#[tokio::test]
async fn beyond_what_the_journal_keeps_there_is_a_snapshot_instead() {
    let server = Server::start_with(&[("journal_keep_events", "5")]).await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    for number in 1..=12 {
        socket.says(&room, &format!("m{number}")).await;
    }
    housekeeping::prune_once(&server.house).await.unwrap();
    let head = socket.joins(&room).await["seq"].as_i64().unwrap();
    let near = socket.joins_with(&room, json!({"after": head - 5})).await;
    assert_eq!((&near["recovered"], &near["snapshot"]), (&json!(true), &Value::Null));
    assert_eq!(socket.overheard("message.new").len(), 5);
    let far = socket.joins_with(&room, json!({"after": head - 6})).await;
    assert_eq!(far["recovered"], false);
    let messages = far["snapshot"]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 12, "pruning takes what happened, not what was said");
    assert_eq!(messages[11]["content"], "m12");
}

#[tokio::test]
async fn another_history_or_a_position_that_was_never_given_is_not_recovered() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    socket.says(&room, "one").await;
    let joined = socket.joins(&room).await;
    assert_eq!(joined["recovered"], false, "nothing was asked to be recovered");
    let seq = joined["seq"].as_i64().unwrap();
    for wish in [
        json!({"after": seq, "epoch": "another history"}),
        json!({"after": seq + 1, "epoch": joined["epoch"]}),
    ] {
        let again = socket.joins_with(&room, wish.clone()).await;
        assert_eq!(again["recovered"], false, "{wish}");
        assert_eq!(again["snapshot"]["messages"][0]["content"], "one");
        assert_eq!(again["epoch"], joined["epoch"]);
    }
    let error = socket.is_refused("subscribe", &room, json!({"after": -1})).await;
    assert_eq!(error["field"], "data.after");
}

#[tokio::test]
async fn a_repeated_send_gets_the_first_answer_and_is_told_once() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    bob_1.joins(&room).await;
    let send = json!({"content": "once", "client_id": "k1"});
    let first = ada_1.does("message.send", &room, send.clone()).await;
    assert_eq!(ada_1.does("message.send", &room, send.clone()).await, first);
    ada_1.leaves().await;
    let mut ada_2 = ada.connects().await;
    assert_eq!(ada_2.does("message.send", &room, send).await, first, "on another socket, too");
    // The same word of someone else is another message.
    let other = json!({"content": "mine", "client_id": "k1"});
    assert_ne!(bob_1.does("message.send", &room, other).await["id"], first["id"]);
    ada_2.says(&room, "the end").await;
    bob_1.hears_message("the end").await;
    let heard = bob_1.overheard("message.new");
    let contents: Vec<_> = heard.iter().map(|event| &event["data"]["content"]).collect();
    assert_eq!(contents, ["once", "mine"]);
    assert_eq!(heard[0]["data"]["client_id"], "k1");
}

#[tokio::test]
async fn repeats_in_one_breath_are_one_message() {
    let server = Server::start_with(&FAST).await;
    let ada = server.person("ada").await;
    let (mut tab_1, mut tab_2) = (ada.connects().await, ada.connects().await);
    let room = tab_1.opens_room("general", &[]).await;
    let mut answers = Vec::new();
    for round in 0..20 {
        let send = json!({"content": "x", "client_id": format!("k{round}")});
        let first = tab_1.sends("message.send", Some(&room), send.clone()).await;
        let second = tab_2.sends("message.send", Some(&room), send.clone()).await;
        let third = tab_1.sends("message.send", Some(&room), send).await;
        let first = tab_1.answer_to(&first).await["data"].clone();
        assert_eq!(tab_2.answer_to(&second).await["data"], first);
        assert_eq!(tab_1.answer_to(&third).await["data"], first);
        answers.push(first["seq"].as_i64().unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{answers:?}");
}

#[tokio::test]
async fn a_repeated_command_of_another_kind_gets_its_first_answer_too() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut socket = ada.connects().await;
    let create = json!({"kind": "group", "title": "Lunch", "client_id": "g1"});
    let first = socket.asks("conversation.create", None, create.clone()).await;
    let again = socket.asks("conversation.create", None, create).await;
    assert_eq!(first["data"]["id"], again["data"]["id"]);
    let topic = first["data"]["topic"].as_str().unwrap();
    let add = json!({"user": bob.id.0.to_string(), "client_id": "m1"});
    let added = socket.does("member.add", topic, add.clone()).await;
    assert_eq!(socket.does("member.add", topic, add).await, added, "no conflict the second time");
    let said = socket.says(topic, "helo").await;
    let edit = json!({"id": said["id"], "content": "hello", "client_id": "e1"});
    let edited = socket.does("message.edit", topic, edit.clone()).await;
    assert_eq!(socket.does("message.edit", topic, edit).await, edited);
}

#[tokio::test]
async fn who_is_removed_is_told_so_and_hears_no_more() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let lost = ada_1.opens_room("lost", &[&bob]).await;
    let kept = ada_1.opens_room("kept", &[&bob]).await;
    let joined = bob_1.joins(&lost).await;
    bob_1.joins(&kept).await;
    ada_1.does("member.remove", &lost, json!({"user": bob.id.0.to_string()})).await;
    let notice = bob_1.hears("unsubscribed").await;
    assert_eq!((&notice["topic"], &notice["code"]), (&json!(lost), &json!(4003)));
    ada_1.says(&lost, "not for bob").await;
    ada_1.says(&kept, "for bob").await;
    bob_1.hears_message("for bob").await;
    assert!(bob_1.overheard("message.new").is_empty());
    let wish = json!({"after": joined["seq"]});
    assert_eq!(bob_1.is_refused("subscribe", &lost, wish).await["code"], "not_found");
    assert_eq!(bob_1.is_refused("history", &lost, json!({})).await["code"], "not_found");
}

#[tokio::test]
async fn what_was_deleted_or_edited_is_not_in_the_replay_any_more() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    let start = socket.joins(&room).await["seq"].as_i64().unwrap();
    let deleted = socket.says(&room, "the safe opens with 4711").await;
    let edited = socket.says(&room, "and the door with 0815").await;
    let answer = json!({"content": "thank you", "reply_to": deleted["id"]});
    socket.does("message.send", &room, answer).await;
    socket.does("message.delete", &room, json!({"id": deleted["id"]})).await;
    let edit = json!({"id": edited["id"], "content": "never mind"});
    socket.does("message.edit", &room, edit).await;
    let mut again = ada.connects().await;
    again.sends("subscribe", Some(&room), json!({"after": start})).await;
    let (positions, events) = caught_up(&mut again).await;
    assert_eq!(positions, (start + 1..=start + 5).collect::<Vec<_>>());
    for event in &events {
        let text = event.to_string();
        assert!(!text.contains("4711") && !text.contains("0815"), "{text}");
    }
    assert_eq!(events[0]["data"]["deleted"], true);
    assert_eq!(events[3]["type"], "message.deleted");
    assert_eq!(events[4]["data"]["content"], "never mind");
}

#[tokio::test]
async fn an_inbox_is_caught_up_like_a_room() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let inbox = format!("inbox:{}", bob.id.0);
    let seq = bob_1.joins(&inbox).await["seq"].as_i64().unwrap();
    bob_1.leaves().await;
    ada_1.opens_room("one", &[&bob]).await;
    let two = ada_1.opens_room("two", &[&bob]).await;
    ada_1.does("member.remove", &two, json!({"user": bob.id.0.to_string()})).await;
    let mut bob_2 = bob.connects().await;
    bob_2.sends("subscribe", Some(&inbox), json!({"after": seq})).await;
    let (positions, events) = caught_up(&mut bob_2).await;
    assert_eq!(positions, (seq + 1..=seq + 5).collect::<Vec<_>>());
    let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    let brought = ["conversation.added", "notification.new"];
    assert_eq!(kinds[..4], [brought, brought].concat());
    assert_eq!(kinds[4], "conversation.removed");
    assert_eq!(events[4]["data"]["topic"], two);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let server = Server::start_on(database, &[]).await;
        let ada = server.person("ada").await;
        let mut socket = ada.connects().await;
        let room = socket.opens_room("general", &[]).await;
        let joined = socket.joins(&room).await;
        let said = socket.says(&room, "before the restart").await;
        let server = Server::start_on(server.stops().await, &[]).await;
        let mut again = ada.at(server.address).connects().await;
        let wish = json!({"after": joined["seq"], "epoch": joined["epoch"]});
        assert_eq!(again.joins_with(&room, wish).await["recovered"], true);
        assert_eq!(again.hears_message("before the restart").await["seq"], said["seq"]);
    }
}
