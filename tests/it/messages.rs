//! What people do with messages: reactions, pins, forwards, mentions, receipts, versions, and how
//! often they may write.

use serde_json::{Value, json};

use crate::harness::calls::on_each_engine;
use crate::harness::server::Server;

fn with_id(said: &Value, more: Value) -> Value {
    let mut data = more;
    data["id"] = said["id"].clone();
    data
}

fn path_of(room: &str, said: &Value, rest: &str) -> String {
    let key = room.strip_prefix("chat:").unwrap();
    format!("/conversations/{key}/messages/{}{rest}", said["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_reaction_is_heard_by_all_and_counts_once_a_person() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        let start = ada_1.joins(&room).await;
        bob_1.joins(&room).await;
        let said = ada_1.says(&room, "lunch?").await;
        let wish = with_id(&said, json!({"emoji": "❤", "client_id": "r1"}));
        let first = bob_1.does("message.react", &room, wish.clone()).await;
        assert_eq!(bob_1.does("message.react", &room, wish).await, first, "a repeat");
        let heard = ada_1.hears("message.reacted").await["data"].clone();
        let bob_id = bob.id.0.to_string();
        let wanted = json!({"id": said["id"], "user": bob_id, "emoji": "❤\u{FE0F}", "on": true,
            "count": 1});
        assert_eq!(heard, wanted);
        let path = path_of(&room, &said, "/reactions/%E2%9D%A4%EF%B8%8F");
        ada.is_answered(200, ("PUT", &path), None).await;
        assert_eq!(
            bob_1.hears_that("two", |frame| frame["data"]["count"] == 2).await["type"],
            "message.reacted"
        );
        let again = ada.is_answered(200, ("PUT", &path), None).await;
        assert_eq!(again["seq"], 0, "it was there already, so nobody hears of it");
        let page = bob_1.does("history", &room, json!({})).await;
        let ada_id = ada.id.0.to_string();
        let views = json!([{"emoji": "❤\u{FE0F}", "count": 2, "users": [bob_id, ada_id]}]);
        assert_eq!(page["messages"][0]["reactions"], views);
        let wish = with_id(&said, json!({"emoji": "❤", "on": false}));
        bob_1.does("message.react", &room, wish).await;
        let list = bob_1.does("message.reactions", &room, with_id(&said, json!({}))).await;
        assert_eq!(list["reactions"].as_array().unwrap().len(), 1);
        assert_eq!(list["reactions"][0]["user"]["username"], "ada");
        // Whoever comes back hears the same again, with the count as it is now.
        let mut late = bob.connects().await;
        let wish = json!({"after": start["seq"], "epoch": start["epoch"]});
        assert_eq!(late.joins_with(&room, wish).await["recovered"], true);
        let replayed = late.overheard("message.reacted");
        assert_eq!(replayed.len(), 3);
        assert_eq!(
            (&replayed[2]["data"]["on"], &replayed[2]["data"]["count"]),
            (&json!(false), &json!(1))
        );
    })
    .await;
}

#[tokio::test]
async fn only_emojis_are_reactions_and_only_so_many_different_ones() {
    let server = Server::start_with(&[("reactions_per_message", "2")]).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let said = ada_1.says(&room, "hi").await;
    for bad in ["ok", "", "👍👍", ":+1:"] {
        let wish = with_id(&said, json!({"emoji": bad}));
        let error = ada_1.is_refused("message.react", &room, wish).await;
        assert_eq!(error["field"], "data.emoji", "{bad:?}");
    }
    for emoji in ["👍", "🎉"] {
        ada_1.does("message.react", &room, with_id(&said, json!({"emoji": emoji}))).await;
    }
    let error =
        bob_1.is_refused("message.react", &room, with_id(&said, json!({"emoji": "😀"}))).await;
    assert_eq!((&error["code"], &error["field"]), (&json!("conflict"), &json!("data.emoji")));
    bob_1.does("message.react", &room, with_id(&said, json!({"emoji": "👍"}))).await;
    let mut eve_1 = eve.connects().await;
    let error =
        eve_1.is_refused("message.react", &room, with_id(&said, json!({"emoji": "👍"}))).await;
    assert_eq!(error["code"], "not_found");
    ada_1.does("message.delete", &room, with_id(&said, json!({}))).await;
    let error =
        bob_1.is_refused("message.react", &room, with_id(&said, json!({"emoji": "👍"}))).await;
    assert_eq!(error["code"], "not_found", "what was taken back takes no reactions");
    let page = bob_1.does("history", &room, json!({})).await;
    assert!(page["messages"][0]["reactions"].is_null());
}

#[tokio::test]
async fn a_pinned_message_stands_in_the_snapshot_until_it_is_unpinned() {
    on_each_engine(&[("pins_per_conversation", "2")], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        bob_1.joins(&room).await;
        let one = ada_1.says(&room, "one").await;
        let two = ada_1.says(&room, "two").await;
        let three = ada_1.says(&room, "three").await;
        let error = bob_1.is_refused("message.pin", &room, with_id(&one, json!({}))).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("forbidden"), &json!("you may not pin messages here"))
        );
        ada_1.does("message.pin", &room, with_id(&one, json!({}))).await;
        let heard = bob_1.hears("message.pinned").await;
        let by = ada.id.0.to_string();
        assert_eq!(heard["data"], json!({"id": one["id"], "on": true, "by": by}));
        ada.is_answered(200, ("PUT", &path_of(&room, &two, "/pin")), None).await;
        let (status, full) = ada.calls("PUT", &path_of(&room, &three, "/pin"), None).await;
        assert_eq!((status, &full["error"]["code"]), (409, &json!("conflict")));
        let snapshot = bob.connects().await.joins(&room).await["snapshot"].clone();
        let pinned: Vec<_> =
            snapshot["pins"].as_array().unwrap().iter().map(|pin| &pin["content"]).collect();
        assert_eq!(pinned, ["two", "one"]);
        assert_eq!(snapshot["pins"][1]["pinned"]["by"], by);
        ada_1.does("message.pin", &room, with_id(&two, json!({"on": false}))).await;
        let list = bob.is_answered(200, ("GET", "/conversations/general/pins"), None).await;
        assert_eq!(list["messages"].as_array().unwrap().len(), 1);
        ada_1.does("message.delete", &room, with_id(&one, json!({}))).await;
        let list = bob_1.does("conversation.pins", &room, json!({})).await;
        assert_eq!(list["messages"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn both_people_of_a_direct_conversation_may_pin() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let with = json!({"kind": "direct", "members": [bob.id.0.to_string()]});
    let made = ada_1.asks("conversation.create", None, with).await;
    let topic = made["data"]["topic"].as_str().unwrap();
    let said = ada_1.says(topic, "my address").await;
    bob_1.does("message.pin", topic, with_id(&said, json!({}))).await;
    bob_1.says(topic, "thanks").await;
}

#[tokio::test]
async fn a_forward_names_the_author_and_nothing_else_of_where_it_stood() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1, mut eve_1) =
            (ada.connects().await, bob.connects().await, eve.connects().await);
        let secret = ada_1.opens_room("secret", &[&bob]).await;
        let open = bob_1.opens_room("open", &[&eve]).await;
        let before = eve_1.joins(&open).await;
        let said = ada_1.says(&secret, "the plan, @bob").await;
        let wish = with_id(&said, json!({"to": open, "client_id": "f1"}));
        let done = bob_1.does("message.forward", &secret, wish.clone()).await;
        assert_eq!(bob_1.does("message.forward", &secret, wish).await, done, "once");
        let heard = eve_1.hears_message("the plan, @bob").await;
        let message = &heard["data"];
        assert_eq!((&heard["topic"], &heard["seq"]), (&json!("chat:open"), &done["seq"]));
        assert_eq!(message["sender"]["username"], "bob");
        assert_eq!(
            message["forwarded_from"],
            json!({"sender": {"id": ada.id.0.to_string(), "username": "ada",
                "display_name": "ada"}})
        );
        assert!(message["mentions"].is_null(), "forwarded text mentions nobody");
        assert!(!heard.to_string().contains("secret"), "{heard}");
        // Handed on, it still names who first wrote it.
        let own = eve_1.opens_room("own", &[]).await;
        let body = json!({"to": own});
        let path = path_of(&open, &done, "/forward");
        let copy = eve.is_answered(201, ("POST", &path), Some(body)).await;
        assert_eq!(copy["topic"], own);
        let page = eve_1.does("history", &own, json!({})).await;
        assert_eq!(page["messages"][0]["forwarded_from"]["sender"]["username"], "ada");
        // Taking the first back takes no copy back, and a replay is as it was heard.
        ada_1.does("message.delete", &secret, with_id(&said, json!({}))).await;
        let mut late = eve.connects().await;
        let wish = json!({"after": before["seq"], "epoch": before["epoch"]});
        late.joins_with(&open, wish).await;
        assert_eq!(late.hears_message("the plan, @bob").await["data"], heard["data"]);
    })
    .await;
}

#[tokio::test]
async fn one_forwards_what_one_may_read_to_where_one_may_write() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let mine = ada_1.opens_room("mine", &[]).await;
    let theirs = bob_1.opens_room("theirs", &[]).await;
    let said = ada_1.says(&mine, "mine").await;
    let error =
        bob_1.is_refused("message.forward", &mine, with_id(&said, json!({"to": theirs}))).await;
    assert_eq!(error["code"], "not_found");
    let error =
        bob_1.is_refused("message.forward", &theirs, with_id(&said, json!({"to": theirs}))).await;
    assert_eq!(error["code"], "not_found", "not under another topic either");
    let error =
        ada_1.is_refused("message.forward", &mine, with_id(&said, json!({"to": theirs}))).await;
    assert_eq!(error["code"], "not_found");
    let news = json!({"kind": "channel", "members": [ada.id.0.to_string()]});
    let made = bob_1.asks("conversation.create", None, news).await;
    let wish = with_id(&said, json!({"to": made["data"]["topic"]}));
    let error = ada_1.is_refused("message.forward", &mine, wish).await;
    assert_eq!(error["code"], "forbidden", "a listener does not post");
}

#[tokio::test]
async fn a_mention_counts_for_whom_it_names_until_it_is_read() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        bob_1.joins(&room).await;
        let said = ada_1.says(&room, "@Bob and @eve, mail ada@bob.example, @ada").await;
        let heard = bob_1.hears("message.new").await;
        let names: Vec<_> = heard["data"]["mentions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|who| &who["username"])
            .collect();
        assert_eq!(names, ["bob"], "eve is no member, and nobody mentions themselves");
        ada_1.says(&room, "nobody").await;
        let entry = |listed: &Value| listed["data"][0].clone();
        let listed = entry(&bob_1.asks("conversation.list", None, json!({})).await);
        assert_eq!((&listed["unread"], &listed["mentions"]), (&json!(2), &json!(1)));
        // An edit may name others, or nobody any more.
        let wish = with_id(&said, json!({"content": "never mind"}));
        ada_1.does("message.edit", &room, wish).await;
        assert!(bob_1.hears("message.edited").await["data"]["mentions"].is_null());
        let listed = entry(&bob_1.asks("conversation.list", None, json!({})).await);
        assert_eq!((&listed["unread"], &listed["mentions"]), (&json!(2), &json!(0)));
        let wish = with_id(&said, json!({"content": "you, @bob"}));
        ada_1.does("message.edit", &room, wish).await;
        let unread = bob.is_answered(200, ("GET", "/conversations/unread"), None).await;
        assert_eq!(
            unread,
            json!({"total": 2, "mentions": 1,
            "conversations": [{"topic": "chat:general", "unread": 2, "mentions": 1}]})
        );
        bob_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        let shown = bob.is_answered(200, ("GET", "/conversations/general"), None).await;
        assert_eq!((&shown["unread"], &shown["mentions"]), (&json!(1), &json!(0)));
        drop(eve);
    })
    .await;
}

#[tokio::test]
async fn receipts_say_whom_a_message_has_reached_and_who_has_read_it() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1, mut eve_1) =
            (ada.connects().await, bob.connects().await, eve.connects().await);
        let room = ada_1.opens_room("general", &[&bob, &eve]).await;
        ada_1.joins(&room).await;
        let said = ada_1.says(&room, "hello").await;
        bob_1.does("delivered.mark", &room, json!({"seq": said["seq"]})).await;
        let marked = ada_1.hears("delivered.marked").await;
        assert_eq!(marked["data"], json!({"user": bob.id.0.to_string(), "seq": said["seq"]}));
        eve_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        let receipts =
            ada.is_answered(200, ("GET", &path_of(&room, &said, "/receipts")), None).await;
        let names = |list: &Value| -> Vec<String> {
            let all = list.as_array().unwrap().iter();
            all.map(|one| one["user"]["username"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&receipts["delivered"]), ["bob", "eve"], "what is read was delivered");
        assert_eq!(names(&receipts["read"]), ["eve"]);
        assert!(receipts["read"][0]["at"].is_string());
        let error = ada_1.is_refused("delivered.mark", &room, json!({"seq": 9_999})).await;
        assert_eq!(error["field"], "data.seq");
        let body = json!({"seq": said["seq"]});
        let again =
            bob.is_answered(200, ("POST", "/conversations/general/delivered"), Some(body)).await;
        assert_eq!(again, json!({"seq": said["seq"]}), "going nowhere tells nobody");
        assert!(ada_1.overheard("delivered.marked").is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_edit_keeps_what_was_said_before_and_a_deletion_keeps_nothing() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let room = ada_1.opens_room("general", &[&bob]).await;
        let said = ada_1.says(&room, "helo").await;
        for text in ["hallo", "hello"] {
            let wish = with_id(&said, json!({"content": text}));
            ada_1.does("message.edit", &room, wish).await;
        }
        let path = path_of(&room, &said, "/versions");
        let list = bob.is_answered(200, ("GET", &path), None).await;
        let texts: Vec<_> =
            list["versions"].as_array().unwrap().iter().map(|one| &one["content"]).collect();
        assert_eq!(texts, ["helo", "hallo", "hello"]);
        ada_1.does("message.delete", &room, with_id(&said, json!({}))).await;
        bob.is_answered(404, ("GET", &path), None).await;
        let kept = server.reads(|conn| {
            let page = switchboard::models::message::page(
                conn,
                switchboard::ids::ConversationId(1),
                None,
                None,
                10,
            )?;
            let id = page.messages[0].id;
            let row = switchboard::models::message::by_id(conn, id)?.unwrap();
            Ok(switchboard::models::version::list(conn, &row)?.len())
        });
        assert_eq!(kept.await, 1, "only the empty text of now");
    })
    .await;
}

#[tokio::test]
async fn after_its_time_a_message_is_edited_no_more() {
    let server = Server::start_with(&[("edit_window", "50ms")]).await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    let said = socket.says(&room, "helo").await;
    crate::harness::socket::until("the time is over", async || {
        let wish = with_id(&said, json!({"content": "hello"}));
        ada.calls("PATCH", &path_of(&room, &said, ""), Some(wish)).await.0 == 409
    })
    .await;
}

#[tokio::test]
async fn in_slow_mode_members_wait_and_those_who_keep_the_room_do_not() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        bob_1.joins(&room).await;
        let error =
            bob_1.is_refused("conversation.change", &room, json!({"slow_mode_s": 60})).await;
        assert_eq!(error["code"], "forbidden");
        let error =
            ada_1.is_refused("conversation.change", &room, json!({"slow_mode_s": 99_999})).await;
        assert_eq!(error["field"], "data.slow_mode_s");
        ada_1.does("conversation.change", &room, json!({"slow_mode_s": 60})).await;
        assert_eq!(bob_1.hears("conversation.changed").await["data"]["slow_mode_s"], 60);
        let wish = json!({"content": "one", "client_id": "c1"});
        let first = bob_1.does("message.send", &room, wish.clone()).await;
        let error = bob_1.is_refused("message.send", &room, json!({"content": "two"})).await;
        assert_eq!(error["code"], "rate_limited");
        let wait = error["retry_after_ms"].as_u64().unwrap();
        assert!((50_000..=60_000).contains(&wait), "{error}");
        assert_eq!(bob_1.does("message.send", &room, wish).await, first, "a repeat is no message");
        let path = "/conversations/general/messages";
        let (status, refused) = bob.calls("POST", path, Some(json!({"content": "two"}))).await;
        assert_eq!((status, &refused["error"]["code"]), (429, &json!("rate_limited")));
        let own = bob_1.opens_room("own", &[]).await;
        let mine = bob_1.says(&own, "mine").await;
        let wish = with_id(&mine, json!({"to": room}));
        let error = bob_1.is_refused("message.forward", &own, wish).await;
        assert_eq!(error["code"], "rate_limited", "a forward is a message too");
        ada_1.says(&room, "one").await;
        ada_1.says(&room, "two").await;
        ada_1.does("conversation.change", &room, json!({"slow_mode_s": 0})).await;
        bob_1.says(&room, "two").await;
    })
    .await;
}

#[tokio::test]
async fn slow_mode_holds_through_a_restart_and_within_one_burst() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.does("conversation.change", &room, json!({"slow_mode_s": 600})).await;
    let mut references = Vec::new();
    for number in 0..10 {
        let data = json!({"content": format!("m{number}")});
        references.push(bob_1.sends("message.send", Some(&room), data).await);
    }
    let mut accepted = 0;
    for reference in references {
        accepted += i32::from(bob_1.answer_to(&reference).await["type"] == "ok");
    }
    assert_eq!(accepted, 1, "however they fall into transactions");
    let again = Server::start_on(server.stops().await, &[]).await;
    let mut bob_1 = bob.at(again.address).connects().await;
    let error = bob_1.is_refused("message.send", &room, json!({"content": "again"})).await;
    assert_eq!(error["code"], "rate_limited");
}

#[tokio::test]
async fn a_flood_is_stopped_in_its_conversation_and_nowhere_else() {
    let settings = [("flood_messages", "5"), ("flood_window", "1h")];
    let server = Server::start_with(&settings).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let other = ada_1.opens_room("other", &[&bob]).await;
    for number in 0..5 {
        bob_1.says(&room, &format!("m{number}")).await;
    }
    let error = bob_1.is_refused("message.send", &room, json!({"content": "more"})).await;
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retry_after_ms"].as_u64().unwrap() > 60_000, "{error}");
    bob_1.says(&other, "here").await;
    for number in 0..10 {
        ada_1.says(&room, &format!("m{number}")).await;
    }
}

#[tokio::test]
async fn a_message_refused_as_flood_does_not_use_up_the_turn_of_slow_mode() {
    let settings = [("flood_messages", "1"), ("flood_window", "1h")];
    let server = Server::start_with(&settings).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let said = bob_1.says(&room, "once").await;
    ada_1.does("conversation.change", &room, json!({"slow_mode_s": 60})).await;
    let id = said["id"].as_str().unwrap().to_owned();
    let long_ago =
        format!("UPDATE messages SET created_at = '2020-01-01 00:00:00' WHERE id = {id}");
    server.writes(move |conn| Ok(crate::harness::engines::execute(conn, &long_ago)?)).await;
    // Both wait for the writer, so that they fall into one transaction.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(Some(held));
    let house = std::sync::Arc::clone(&server.house);
    let holding = tokio::spawn(async move {
        let wait = move |_: &mut _| {
            let held = held.lock().unwrap().take();
            if let Some(held) = held {
                held.recv_timeout(crate::harness::socket::PATIENCE).unwrap();
            }
            Ok(())
        };
        house.lane.write(wait).await
    });
    let mut references = Vec::new();
    for text in ["two", "three"] {
        references.push(bob_1.sends("message.send", Some(&room), json!({"content": text})).await);
    }
    bob_1.is_served().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    for reference in references {
        let refused = bob_1.answer_to(&reference).await;
        assert_eq!(refused["code"], "rate_limited");
        let words = refused["message"].as_str().unwrap();
        assert!(!words.contains("slow mode"), "{words}");
    }
}

#[tokio::test]
async fn whoever_an_edit_names_first_is_notified_and_nobody_twice() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mut ada_1 = ada.connects().await;
        let (mut bob_1, mut eve_1) = (bob.connects().await, eve.connects().await);
        let room = ada_1.opens_room("general", &[&bob, &eve]).await;
        bob_1.joins(&format!("inbox:{}", bob.id)).await;
        bob_1.joins(&room).await;
        eve_1.joins(&format!("inbox:{}", eve.id)).await;
        eve_1.joins(&room).await;
        let said = ada_1.says(&room, "hello @bob").await;
        bob_1.hears("notification.new").await;
        ada_1.does("message.edit", &room, with_id(&said, json!({"content": "@bob, @eve"}))).await;
        let told = eve_1.hears("notification.new").await;
        let notification = &told["data"]["notification"];
        assert_eq!(
            (&notification["type"], &notification["message"]),
            (&json!("mention"), &json!("@bob, @eve"))
        );
        bob_1.hears("message.edited").await;
        bob_1.is_served().await;
        assert!(bob_1.overheard("notification.new").is_empty(), "he knew");
    })
    .await;
}
