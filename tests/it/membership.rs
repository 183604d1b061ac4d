//! How people find conversations, come into them, and stand in them.

use serde_json::{Value, json};

use crate::harness::calls::on_each_engine;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};

#[tokio::test]
async fn an_invite_link_lets_its_holders_in_until_it_is_used_up() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1, mut eve_1) =
            (ada.connects().await, bob.connects().await, eve.connects().await);
        let room = ada_1.opens_room("private", &[]).await;
        ada_1.does("conversation.change", &room, json!({"title": "Night shift"})).await;
        ada_1.joins(&room).await;
        bob_1.joins(&format!("inbox:{}", bob.id.0)).await;
        let made = ada_1.does("invite.make", &room, json!({"max_uses": 1})).await;
        let token = json!({"token": made["token"]});
        let led = bob.is_answered(200, ("POST", "/invites/look"), Some(token.clone())).await;
        assert_eq!(
            led,
            json!({"title": "Night shift", "description": "", "member_count": 1,
            "joined": false})
        );
        let joined = bob_1.asks("invite.join", None, token.clone()).await;
        assert_eq!(joined["data"]["topic"], room, "{joined}");
        assert_eq!(ada_1.hears("member.added").await["data"]["member"]["user"]["username"], "bob");
        assert_eq!(bob_1.hears("conversation.added").await["data"]["topic"], room);
        bob_1.says(&room, "thanks").await;
        // Whoever is in uses nothing up; the next is one too many.
        let again = bob_1.asks("invite.join", None, token.clone()).await;
        assert_eq!(again["type"], "error", "a link that is used up leads nowhere: {again}");
        let refused = eve_1.asks("invite.join", None, token.clone()).await;
        let unknown = eve_1.asks("invite.join", None, json!({"token": "guessed"})).await;
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&unknown["code"], &unknown["message"])
        );
        assert_eq!(refused["code"], "not_found");
        let list = ada.is_answered(200, ("GET", "/conversations/private/invites"), None).await;
        assert_eq!(
            (&list["invites"][0]["uses"], &list["invites"][0]["works"]),
            (&json!(1), &json!(false))
        );
        assert!(!list.to_string().contains(made["token"].as_str().unwrap()));
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_when_it_expires_or_is_revoked_and_members_make_none() {
    let server = Server::start_with(&[("invites_per_conversation", "3")]).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1, mut eve_1) =
        (ada.connects().await, bob.connects().await, eve.connects().await);
    let room = ada_1.opens_room("private", &[&bob]).await;
    let error = bob_1.is_refused("invite.make", &room, json!({})).await;
    assert_eq!(error["code"], "forbidden");
    let error = bob_1.is_refused("invite.list", &room, json!({})).await;
    assert_eq!(error["code"], "forbidden");
    for (field, bad) in [("expires_in_s", 0), ("expires_in_s", 1_000_000_000), ("max_uses", 0)] {
        let error = ada_1.is_refused("invite.make", &room, json!({field: bad})).await;
        assert_eq!(error["field"], format!("data.{field}"));
    }
    let path = "/conversations/private/invites";
    let brief = ada.is_answered(201, ("POST", path), Some(json!({"expires_in_s": 1}))).await;
    until("the link has expired", async || {
        let token = json!({"token": brief["token"]});
        eve.calls("POST", "/invites/look", Some(token)).await.0 == 404
    })
    .await;
    let open = ada.is_answered(201, ("POST", path), Some(json!({}))).await;
    let ended = format!("{path}/{}", open["id"].as_str().unwrap());
    assert_eq!(ada.is_answered(200, ("DELETE", &ended), None).await["works"], false);
    let reply = eve_1.asks("invite.join", None, json!({"token": open["token"]})).await;
    assert_eq!(reply["code"], "not_found");
    for _ in 0..2 {
        ada_1.does("invite.make", &room, json!({})).await;
    }
    let error = ada_1.is_refused("invite.make", &room, json!({})).await;
    assert_eq!(error["code"], "conflict", "the expired one counts until it is revoked");
}

#[tokio::test]
async fn public_conversations_are_found_and_joined_and_left() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        for number in 0..5 {
            let data = json!({"kind": "channel", "title": format!("Weather {number}"),
                "is_public": true});
            ada_1.asks("conversation.create", None, data).await;
        }
        ada_1.opens_room("hidden", &[]).await;
        let titles = |page: &Value| -> Vec<String> {
            let all = page["conversations"].as_array().unwrap().iter();
            all.map(|one| one["title"].as_str().unwrap().to_owned()).collect()
        };
        let path = "/conversations/public?q=weather&limit=3";
        let first = bob.is_answered(200, ("GET", path), None).await;
        let next = first["next"].as_str().unwrap();
        let path = format!("{path}&after={next}");
        let rest = bob.is_answered(200, ("GET", &path), None).await;
        assert_eq!(
            [titles(&first), titles(&rest)].concat(),
            ["Weather 4", "Weather 3", "Weather 2", "Weather 1", "Weather 0"]
        );
        assert_eq!(rest["next"], Value::Null);
        let asked = bob_1.asks("conversation.discover", None, json!({"q": "hidden"})).await;
        assert_eq!(asked["data"], json!({"conversations": [], "next": null}));
        let bad = bob_1.asks("conversation.discover", None, json!({"after": "x"})).await;
        assert_eq!(bad["field"], "data.after");
        let topic = first["conversations"][0]["topic"].as_str().unwrap();
        bob_1.does("conversation.join", topic, json!({})).await;
        let found =
            bob_1.asks("conversation.discover", None, json!({"q": "4"})).await["data"].clone();
        assert_eq!(
            (&found["conversations"][0]["my_role"], &found["conversations"][0]["member_count"]),
            (&json!("member"), &json!(2))
        );
        let error = bob_1.is_refused("conversation.join", topic, json!({})).await;
        assert_eq!(error["code"], "forbidden", "one is in already");
        bob_1.does("conversation.leave", topic, json!({})).await;
        let error = bob_1.is_refused("read.mark", topic, json!({"seq": 0})).await;
        assert_eq!(error["code"], "not_a_member");
    })
    .await;
}

#[tokio::test]
async fn a_room_may_be_made_public_and_private_again() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[]).await;
    let error = bob_1.is_refused("history", &room, json!({})).await;
    assert_eq!(error["code"], "not_found");
    let path = "/conversations/general";
    ada.is_answered(200, ("PATCH", path), Some(json!({"is_public": true}))).await;
    bob_1.does("history", &room, json!({})).await;
    ada_1.does("conversation.change", &room, json!({"is_public": false})).await;
    let error = bob_1.is_refused("history", &room, json!({})).await;
    assert_eq!(error["code"], "not_found");
    let with = json!({"kind": "direct", "members": [bob.id.0.to_string()]});
    let made = ada_1.asks("conversation.create", None, with).await;
    let topic = made["data"]["topic"].as_str().unwrap();
    let error = ada_1.is_refused("conversation.change", topic, json!({"is_public": true})).await;
    assert_eq!(error["code"], "forbidden", "nobody keeps a direct conversation");
}

#[tokio::test]
async fn the_owner_hands_over_before_leaving() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        bob_1.joins(&room).await;
        let error = ada_1.is_refused("conversation.leave", &room, json!({})).await;
        assert_eq!(error["code"], "conflict");
        let bob_id = bob.id.0.to_string();
        let error = bob_1.is_refused("conversation.transfer", &room, json!({"user": bob_id})).await;
        assert_eq!(error["code"], "forbidden");
        ada_1.does("conversation.transfer", &room, json!({"user": bob_id})).await;
        let (first, second) =
            (bob_1.hears("member.promoted").await, bob_1.hears("member.promoted").await);
        assert_eq!(
            (&first["data"]["user"], &first["data"]["role"]),
            (&json!(bob_id), &json!("owner"))
        );
        assert_eq!(second["data"]["role"], "admin");
        ada_1.does("conversation.leave", &room, json!({})).await;
        let shown = bob.is_answered(200, ("GET", "/conversations/general"), None).await;
        assert_eq!((&shown["owner"], &shown["my_role"]), (&json!(bob_id), &json!("owner")));
        // Alone, the owner may go; then it is nobody's.
        bob_1.does("conversation.leave", &room, json!({})).await;
        let owner = server.reads(|conn| {
            let found = switchboard::models::conversation::by_name(conn, "general")?;
            Ok(found.unwrap().owner_id)
        });
        assert_eq!(owner.await, None);
    })
    .await;
}

#[tokio::test]
async fn a_nickname_is_told_to_all_and_kept() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        let start = ada_1.joins(&room).await;
        bob_1.does("member.nickname", &room, json!({"nickname": " Bobby "})).await;
        let heard = ada_1.hears("member.nicknamed").await;
        let bob_id = bob.id.0.to_string();
        assert_eq!(heard["data"], json!({"user": bob_id, "nickname": "Bobby", "by": bob_id}));
        let wish = json!({"user": ada.id.0.to_string(), "nickname": "Boss"});
        let error = bob_1.is_refused("member.nickname", &room, wish).await;
        assert_eq!(error["code"], "forbidden");
        let path = format!("/conversations/general/members/{bob_id}/nickname");
        ada.is_answered(200, ("PUT", &path), Some(json!({"nickname": "Robert"}))).await;
        let list = bob.is_answered(200, ("GET", "/conversations/general/members"), None).await;
        assert_eq!(list["members"][1]["nickname"], "Robert");
        let long = json!({"nickname": "x".repeat(65)});
        let error = bob_1.is_refused("member.nickname", &room, long).await;
        assert_eq!(error["field"], "data.nickname");
        let mut late = ada.connects().await;
        let wish = json!({"after": start["seq"], "epoch": start["epoch"]});
        late.joins_with(&room, wish).await;
        let replayed = late.overheard("member.nicknamed");
        assert_eq!(replayed[0], heard, "a replay is as it was heard");
    })
    .await;
}

#[tokio::test]
async fn muting_is_ones_own_affair_and_follows_to_the_other_devices() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1, mut bob_2) =
            (ada.connects().await, bob.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        ada_1.joins(&room).await;
        let inbox = format!("inbox:{}", bob.id.0);
        let start = bob_2.joins(&inbox).await;
        bob_1.does("conversation.mute", &room, json!({"until": "2030-01-01T00:00:00+02:00"})).await;
        let heard = bob_2.hears("conversation.muted").await;
        let until = "2029-12-31T22:00:00.000000Z";
        assert_eq!(heard["data"], json!({"topic": room, "until": until}));
        let listed = bob_1.asks("conversation.list", None, json!({})).await;
        assert_eq!(listed["data"][0]["muted_until"], until);
        bob.is_answered(200, ("PUT", "/conversations/general/mute"), Some(json!({}))).await;
        assert_eq!(bob_2.hears("conversation.muted").await["data"]["until"], Value::Null);
        ada_1.is_served().await;
        assert!(ada_1.overheard("conversation.muted").is_empty());
        let mut late = bob.connects().await;
        let wish = json!({"after": start["seq"], "epoch": start["epoch"]});
        late.joins_with(&inbox, wish).await;
        assert_eq!(late.hears("conversation.muted").await, heard);
    })
    .await;
}

#[tokio::test]
async fn who_shares_no_read_receipts_sends_none_and_sees_none() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1, mut bob_2) =
            (ada.connects().await, bob.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        ada_1.joins(&room).await;
        bob_2.joins(&format!("inbox:{}", bob.id.0)).await;
        let shared = bob.is_answered(200, ("GET", "/receipts"), None).await;
        assert_eq!(shared, json!({"on": true}));
        bob_1.asks("receipts.share", None, json!({"on": false})).await;
        assert_eq!(bob_2.hears("receipts.shared").await["data"], json!({"on": false}));
        let said = ada_1.says(&room, "secret reader?").await;
        bob_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        let read = bob_2.hears("conversation.read").await;
        assert_eq!(read["data"], json!({"topic": room, "seq": said["seq"]}));
        let listed = bob_1.asks("conversation.list", None, json!({})).await;
        assert_eq!(listed["data"][0]["unread"], 0, "unread counts still work");
        ada_1.is_served().await;
        assert!(ada_1.overheard("read.marked").is_empty(), "and nobody was told");
        let path =
            format!("/conversations/general/messages/{}/receipts", said["id"].as_str().unwrap());
        let receipts = ada.is_answered(200, ("GET", &path), None).await;
        assert_eq!(receipts["read"], json!([]));
        assert_eq!(receipts["delivered"][0]["user"]["username"], "bob");
        // Ada reads and shares; bob, who does not, sees nothing of it.
        ada_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        let receipts = bob.is_answered(200, ("GET", &path), None).await;
        assert_eq!(receipts["read"], Value::Null);
        let snapshot = bob_1.joins(&room).await["snapshot"].clone();
        let marks: Vec<_> =
            snapshot["members"].as_array().unwrap().iter().map(|one| &one["read_seq"]).collect();
        assert_eq!(marks, [&json!(0), &said["seq"]], "one's own mark is one's own");
        // What happens from now on is kept from bob too, and leaves no hole.
        let more = ada_1.says(&room, "more").await;
        let marked = ada_1.does("read.mark", &room, json!({"seq": more["seq"]})).await;
        let passed = bob_1.hears("passed").await;
        assert_eq!((&passed["data"], &passed["topic"]), (&json!({}), &json!(room)));
        assert_eq!(passed["seq"].as_i64().unwrap(), marked["seq"].as_i64().unwrap() + 1);
        assert_eq!(ada_1.hears("read.marked").await["seq"], passed["seq"].as_i64().unwrap() - 2);
        let mut late = bob.connects().await;
        late.joins_with(&room, json!({"after": 0})).await;
        assert_eq!(late.overheard("passed").len(), 2);
        assert!(late.overheard("read.marked").is_empty());
    })
    .await;
}

/// Turns one's read receipts on or off, by one of the ways there are.
async fn shares(person: &Person, socket: &mut Socket, way: &str, on: bool) {
    let body = Some(json!({"show_read_receipts": on}));
    match way {
        "socket" => {
            let told = socket.asks("receipts.share", None, json!({"on": on})).await;
            assert_eq!(told["data"]["on"], on);
        }
        "receipts" => {
            person.is_answered(200, ("PUT", "/receipts"), Some(json!({"on": on}))).await;
        }
        "profile" => drop(person.is_answered(200, ("PATCH", "/profile"), body).await),
        older => {
            let (status, told) = person.asks("PATCH", older, body).await;
            assert_eq!((status, &told["show_read_receipts"]), (200, &json!(on)));
        }
    }
}

#[tokio::test]
async fn a_change_of_mind_about_read_receipts_holds_for_what_is_open_already() {
    on_each_engine(&[], async |server: Server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1, mut bob_2) =
            (ada.connects().await, bob.connects().await, bob.connects().await);
        let room = ada_1.opens_room("general", &[&bob]).await;
        ada_1.joins(&room).await;
        bob_1.joins(&room).await;
        bob_2.joins(&room).await;
        bob_2.joins(&format!("inbox:{}", bob.id.0)).await;
        for way in ["socket", "receipts", "profile", "/api/auth/settings/"] {
            for on in [false, true] {
                shares(&bob, &mut bob_1, way, on).await;
                assert_eq!(bob_2.hears("receipts.shared").await["data"], json!({"on": on}));
                let said = ada_1.says(&room, way).await;
                ada_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
                let (heard, other) = match on {
                    true => ("read.marked", "passed"),
                    false => ("passed", "read.marked"),
                };
                for socket in [&mut bob_1, &mut bob_2] {
                    let mark = socket.hears(heard).await;
                    assert_eq!(mark["seq"].as_i64().unwrap(), said["seq"].as_i64().unwrap() + 1);
                    assert!(socket.overheard(other).is_empty(), "{way} {on}");
                }
                assert_eq!(ada_1.hears("read.marked").await["data"]["user"], ada.id.to_string());
                shares(&bob, &mut bob_1, way, on).await;
            }
        }
        bob_2.is_served().await;
        assert!(bob_2.overheard("receipts.shared").is_empty(), "what is no change is not told");
    })
    .await;
}

#[tokio::test]
async fn in_a_large_conversation_marks_are_kept_and_not_told() {
    let server = Server::start_with(&[("receipts_members", "2")]).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob, &eve]).await;
    ada_1.joins(&room).await;
    let said = ada_1.says(&room, "hello").await;
    bob_1.does("delivered.mark", &room, json!({"seq": said["seq"]})).await;
    bob_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
    ada_1.is_served().await;
    assert!(ada_1.overheard("read.marked").is_empty());
    assert!(ada_1.overheard("delivered.marked").is_empty());
    let path = format!("/conversations/general/messages/{}/receipts", said["id"].as_str().unwrap());
    let receipts = ada.is_answered(200, ("GET", &path), None).await;
    assert_eq!(receipts["read"][0]["user"]["username"], "bob");
}
