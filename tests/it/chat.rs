//! Chat: what people in rooms and conversations do and hear, over real sockets.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::server::Server;

#[tokio::test]
async fn the_first_frame_says_who_the_server_takes_you_for_and_the_limits() {
    let server = Server::start().await;
    let ada = server.person_as("ada", Role::Dispatcher).await;
    let mut socket = ada.opens("/ws/v1/").await;
    let welcome = socket.next().await.unwrap();
    assert_eq!(welcome["type"], "welcome");
    let data = &welcome["data"];
    assert_eq!(data["user"]["username"], "ada");
    assert_eq!(data["user"]["id"], ada.id.0.to_string());
    assert_eq!(data["role"], "dispatcher");
    assert_eq!(data["limits"]["max_frame_bytes"], 65_536);
    assert_eq!(data["limits"]["topics"], 128);
    assert_eq!(data["heartbeat_ms"], 25_000);
    assert!(data["expires_at"].is_string() && data["server_time"].is_string(), "{welcome}");
}

#[tokio::test]
async fn a_message_reaches_everyone_in_the_room_and_the_senders_other_tab() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut ada_2, mut bob_1) =
        (ada.connects().await, ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    assert_eq!(room, "chat:general");
    for socket in [&mut ada_1, &mut ada_2, &mut bob_1] {
        socket.joins(&room).await;
    }
    let said = ada_1.says(&room, "hello").await;
    for socket in [&mut ada_1, &mut ada_2, &mut bob_1] {
        let event = socket.hears("message.new").await;
        assert_eq!(event["topic"], "chat:general");
        assert_eq!(event["seq"], said["seq"]);
        assert_eq!(event["data"]["id"], said["id"]);
        assert_eq!(event["data"]["content"], "hello");
        assert_eq!(event["data"]["sender"]["username"], "ada");
        assert!(event["at"].is_string());
    }
    let kept = server.reads(|conn| {
        let name = "chat:general";
        Ok(switchboard::models::journal::find_topic(conn, name)?.map(|head| head.head))
    });
    assert_eq!(Some(json!(kept.await)), Some(said["seq"].clone()), "stored before it was answered");
}

#[tokio::test]
async fn events_of_one_topic_come_in_one_dense_order_for_all() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let start = ada_1.joins(&room).await["seq"].as_i64().unwrap();
    bob_1.joins(&room).await;
    for number in 0..20 {
        let data = json!({"content": format!("ada {number}")});
        ada_1.sends("message.send", Some(&room), data).await;
        let data = json!({"content": format!("bob {number}")});
        bob_1.sends("message.send", Some(&room), data).await;
    }
    let mut orders = Vec::new();
    for socket in [&mut ada_1, &mut bob_1] {
        let mut order = Vec::new();
        for number in 1..=40 {
            let event = socket.hears("message.new").await;
            assert_eq!(event["seq"], start + number, "dense and in order");
            order.push(event["data"]["content"].clone());
        }
        orders.push(order);
    }
    assert_eq!(orders[0], orders[1]);
}

#[tokio::test]
async fn a_reply_carries_an_excerpt_of_what_it_answers() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    socket.joins(&room).await;
    let first = socket.says(&room, "what is for lunch?").await;
    let data = json!({"content": "soup", "reply_to": first["id"]});
    socket.does("message.send", &room, data).await;
    let event = socket.hears_message("soup").await;
    assert_eq!(event["data"]["reply_to"]["id"], first["id"]);
    assert_eq!(event["data"]["reply_to"]["content"], "what is for lunch?");
    let data = json!({"content": "to nothing", "reply_to": "999999"});
    let error = socket.is_refused("message.send", &room, data).await;
    assert_eq!(error["field"], "data.reply_to");
}

#[tokio::test]
async fn an_edit_and_a_deletion_are_seen_by_all_and_only_the_author_may_edit() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    bob_1.joins(&room).await;
    let said = ada_1.says(&room, "helo").await;
    let error =
        bob_1.is_refused("message.edit", &room, json!({"id": said["id"], "content": "x"})).await;
    assert_eq!(error["code"], "forbidden");
    ada_1.does("message.edit", &room, json!({"id": said["id"], "content": "hello"})).await;
    let edited = bob_1.hears("message.edited").await;
    assert_eq!(edited["data"]["content"], "hello");
    assert!(edited["data"]["edited_at"].is_string());
    let error = bob_1.is_refused("message.delete", &room, json!({"id": said["id"]})).await;
    assert_eq!(error["code"], "forbidden");
    ada_1.does("message.delete", &room, json!({"id": said["id"]})).await;
    assert_eq!(bob_1.hears("message.deleted").await["data"]["id"], said["id"]);
    let page = bob_1.does("history", &room, json!({})).await;
    assert_eq!(page["messages"][0]["deleted"], true);
    assert_eq!(page["messages"][0]["content"], "");
}

#[tokio::test]
async fn history_comes_in_pages_oldest_first() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    for number in 1..=7 {
        socket.says(&room, &format!("m{number}")).await;
    }
    let contents = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().unwrap().iter();
        messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    };
    let newest = socket.does("history", &room, json!({"limit": 3})).await;
    assert_eq!(contents(&newest), ["m5", "m6", "m7"]);
    assert_eq!(newest["more"], true);
    let before = newest["messages"][0]["seq"].clone();
    let older = socket.does("history", &room, json!({"limit": 3, "before": before})).await;
    assert_eq!(contents(&older), ["m2", "m3", "m4"]);
    let before = older["messages"][0]["seq"].clone();
    let oldest = socket.does("history", &room, json!({"limit": 3, "before": before})).await;
    assert_eq!((contents(&oldest), &oldest["more"]), (vec!["m1".to_owned()], &json!(false)));
    let after = older["messages"][2]["seq"].clone();
    let newer = socket.does("history", &room, json!({"limit": 2, "after": after})).await;
    assert_eq!((contents(&newer), &newer["more"]), (vec!["m5".into(), "m6".into()], &json!(true)));
    let snapshot = socket.joins_with(&room, json!({"limit": 2})).await["snapshot"].clone();
    assert_eq!(contents(&snapshot), ["m6", "m7"]);
    assert_eq!(snapshot["more"], true);
    let error = socket.is_refused("history", &room, json!({"limit": 0})).await;
    assert_eq!(error["field"], "data.limit");
}

#[tokio::test]
async fn reading_lowers_the_unread_count_and_the_others_are_told() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    ada_1.says(&room, "one").await;
    let second = ada_1.says(&room, "two").await;
    ada_1.says(&room, "three").await;
    assert_eq!(bob_1.joins(&room).await["snapshot"]["unread"], 3);
    bob_1.does("read.mark", &room, json!({"seq": second["seq"]})).await;
    let marked = ada_1.hears("read.marked").await;
    assert_eq!(marked["data"], json!({"user": bob.id.0.to_string(), "seq": second["seq"]}));
    let listed = bob_1.asks("conversation.list", None, json!({})).await;
    assert_eq!(listed["data"][0]["unread"], 1, "{listed}");
    assert_eq!(listed["data"][0]["read_seq"], second["seq"]);
    // Going back does nothing.
    bob_1.does("read.mark", &room, json!({"seq": 1})).await;
    let listed = bob_1.asks("conversation.list", None, json!({})).await;
    assert_eq!(listed["data"][0]["unread"], 1);
    let listed = ada_1.asks("conversation.list", None, json!({})).await;
    assert_eq!(listed["data"][0]["unread"], 0, "one's own messages are read");
}

#[tokio::test]
async fn typing_is_told_to_the_others_and_expires_by_itself() {
    let server = Server::start_with(&[("typing_ttl", "300ms")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    bob_1.joins(&room).await;
    ada_1.does("typing", &room, json!({"on": true})).await;
    let typing = bob_1.hears("typing").await;
    assert_eq!(typing["data"]["on"], true);
    assert_eq!(typing["data"]["user"]["username"], "ada");
    assert_eq!(typing["data"]["expires_ms"], 300);
    assert!(typing["seq"].is_null(), "ephemeral");
    let stopped = bob_1.hears("typing").await;
    assert_eq!(stopped["data"]["on"], false, "nobody said so; it expired");
}

#[tokio::test]
async fn what_is_published_is_told_to_those_who_are_here_and_kept_nowhere() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    let before = ada_1.joins(&room).await["seq"].clone();
    bob_1.joins(&room).await;
    let data = json!({"event": "cursor", "data": {"x": 1}});
    ada_1.does("topic.publish", &room, data).await;
    let event = bob_1.hears("topic.published").await;
    assert_eq!(event["data"]["event"], "cursor");
    assert_eq!(event["data"]["data"], json!({"x": 1}));
    assert_eq!(event["data"]["from"], ada.id.0.to_string());
    assert!(event["seq"].is_null());
    assert_eq!(bob.connects().await.joins(&room).await["seq"], before);
    let error = ada_1.is_refused("topic.publish", &room, json!({"event": "no spaces"})).await;
    assert_eq!(error["field"], "data.event");
}

#[tokio::test]
async fn members_are_added_promoted_and_removed_and_hear_of_it() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1, mut eve_1) =
        (ada.connects().await, bob.connects().await, eve.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.joins(&room).await;
    let error = eve_1.is_refused("subscribe", &room, json!({})).await;
    assert_eq!(error["code"], "not_found", "what is not yours is not there");
    eve_1.joins(&format!("inbox:{}", eve.id.0)).await;
    let eve_id = eve.id.0.to_string();
    let error = bob_1.is_refused("member.add", &room, json!({"user": eve_id})).await;
    assert_eq!(error["code"], "forbidden");
    ada_1.does("member.add", &room, json!({"user": eve_id})).await;
    assert_eq!(ada_1.hears("member.added").await["data"]["member"]["user"]["username"], "eve");
    assert_eq!(eve_1.hears("conversation.added").await["data"]["topic"], room);
    eve_1.joins(&room).await;
    eve_1.says(&room, "thank you").await;
    ada_1.does("member.promote", &room, json!({"user": eve_id, "role": "admin"})).await;
    assert_eq!(eve_1.hears("member.promoted").await["data"]["role"], "admin");
    let bob_id = bob.id.0.to_string();
    eve_1.does("member.remove", &room, json!({"user": bob_id})).await;
    assert_eq!(ada_1.hears("member.removed").await["data"]["user"], bob_id);
    let error = bob_1.is_refused("message.send", &room, json!({"content": "still here"})).await;
    assert_eq!(error["code"], "not_found");
}

#[tokio::test]
async fn between_two_people_there_is_one_direct_conversation() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let with = |id: i64| json!({"kind": "direct", "members": [id.to_string()]});
    let first = ada_1.asks("conversation.create", None, with(bob.id.0)).await;
    let again = ada_1.asks("conversation.create", None, with(bob.id.0)).await;
    let from_bob = bob_1.asks("conversation.create", None, with(ada.id.0)).await;
    assert_eq!(first["type"], "ok", "{first}");
    assert_eq!(first["data"]["id"], again["data"]["id"]);
    assert_eq!(first["data"]["id"], from_bob["data"]["id"]);
    let listed = bob_1.asks("conversation.list", None, json!({})).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["peer"]["username"], "ada");
    let error = ada_1.asks("conversation.create", None, json!({"kind": "direct"})).await;
    assert_eq!(error["field"], "data.members");
}

#[tokio::test]
async fn a_named_room_is_one_topic_under_both_its_names() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (mut tab_1, mut tab_2) = (ada.connects().await, ada.connects().await);
    let data = json!({"kind": "room", "name": "general"});
    let made = tab_1.asks("conversation.create", None, data.clone()).await;
    let numbered = format!("chat:{}", made["data"]["id"].as_str().unwrap());
    let reply = tab_1.asks("subscribe", Some(&numbered), json!({})).await;
    assert_eq!(reply["topic"], "chat:general");
    tab_2.joins("chat:general").await;
    let said = tab_2.says(&numbered, "by number").await;
    for tab in [&mut tab_1, &mut tab_2] {
        let event = tab.hears_message("by number").await;
        assert_eq!((&event["topic"], &event["seq"]), (&json!("chat:general"), &said["seq"]));
    }
    let taken = tab_1.asks("conversation.create", None, data).await;
    assert_eq!((&taken["code"], &taken["field"]), (&json!("conflict"), &json!("data.name")));
}

#[tokio::test]
async fn the_list_of_conversations_is_ones_own_with_the_newest_message() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let shared = ada_1.opens_room("shared", &[&bob]).await;
    ada_1.opens_room("private", &[]).await;
    ada_1.says(&shared, "welcome").await;
    let listed = bob_1.asks("conversation.list", None, json!({})).await;
    let entries = listed["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{listed}");
    assert_eq!(entries[0]["topic"], "chat:shared");
    assert_eq!(entries[0]["last_message"]["content"], "welcome");
    assert_eq!(entries[0]["my_role"], "member");
}

#[tokio::test]
async fn a_channel_is_spoken_in_by_its_owner_and_admins_alone() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let data = json!({"kind": "channel", "title": "News", "members": [bob.id.0.to_string()]});
    let made = ada_1.asks("conversation.create", None, data).await;
    let topic = made["data"]["topic"].as_str().unwrap();
    bob_1.joins(topic).await;
    let error = bob_1.is_refused("message.send", topic, json!({"content": "me too"})).await;
    assert_eq!(error["code"], "forbidden");
    ada_1.says(topic, "it is out").await;
    bob_1.hears_message("it is out").await;
}

#[tokio::test]
async fn what_is_not_a_request_is_answered_and_never_closes_the_socket() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let reply = socket.asks("teleport", None, json!({})).await;
    assert_eq!(reply["code"], "unknown_type");
    for text in ["", "nonsense", "[1,2]", "5", "{}", r#"{"type":5}"#, r#"{"type":"ping","ref":{}}"#]
    {
        socket.sends_text(text).await;
        let error = socket.hears("error").await;
        assert_eq!(error["code"], "bad_request", "{text}: {error}");
    }
    socket.sends_text(r#"{"type":"message.send","topic":"no:such","data":{"content":"x"}}"#).await;
    assert_eq!(socket.hears("error").await["field"], "topic");
    socket.sends_text(r#"{"type":"message.send","data":{"content":"x"}}"#).await;
    assert_eq!(socket.hears("error").await["field"], "topic");
    let error = socket.is_refused("message.send", "chat:nowhere", json!({"content": "x"})).await;
    assert_eq!(error["code"], "not_found");
    socket.is_served().await;
}

#[tokio::test]
async fn a_ref_comes_back_as_it_was_given() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut socket = ada.connects().await;
    let room = socket.opens_room("general", &[]).await;
    for reference in [json!("a b"), json!(7), json!(-1.5)] {
        let request = json!({"type": "message.send", "ref": reference, "topic": room,
            "data": {"content": "x"}, "unknown": true});
        socket.sends_text(&request.to_string()).await;
        let reply = socket.hears("ok").await;
        assert_eq!(reply["ref"], reference);
        assert_eq!(reply["topic"], "chat:general");
    }
}

#[tokio::test]
async fn who_has_left_a_topic_hears_no_more_of_it() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let left = ada_1.opens_room("left", &[&bob]).await;
    let kept = ada_1.opens_room("kept", &[&bob]).await;
    bob_1.joins(&left).await;
    bob_1.joins(&kept).await;
    assert_eq!(bob_1.does("unsubscribe", &left, json!({})).await["subscribed"], true);
    assert_eq!(bob_1.does("unsubscribe", &left, json!({})).await["subscribed"], false);
    ada_1.says(&left, "unheard").await;
    ada_1.says(&kept, "heard").await;
    bob_1.hears_message("heard").await;
    assert!(bob_1.overheard("message.new").is_empty());
}

#[tokio::test]
async fn a_lone_socket_is_about_the_topic_its_path_names() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let mut lone = bob.opens("/ws/chat/general/").await;
    lone.hears("welcome").await;
    let joined = lone.hears("ok").await;
    assert_eq!(joined["topic"], "chat:general");
    lone.hears("live").await;
    ada_1.says(&room, "to the lone one").await;
    lone.hears_message("to the lone one").await;
    // The topic need not be said.
    let reply = lone.asks("message.send", None, json!({"content": "and back"})).await;
    assert_eq!(reply["type"], "ok", "{reply}");
}
