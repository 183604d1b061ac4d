//! What an older messenger's clients do with messages beyond sending them: files, replies, reactions,
//! pins, forwards, receipts.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::engines::Database;
use crate::harness::messenger::{group, is_silent, seated};
use crate::harness::older::{Rest, keys};
use crate::harness::picture::png;
use crate::harness::server::{Server, on_each_engine};

fn messages(conversation: i64) -> String {
    format!("/api/chat/conversations/{conversation}/messages/")
}

#[tokio::test]
async fn a_reaction_is_a_switch_and_stands_in_the_message() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let eve = server.person("eve").await;
        let id = group(&[&alice, &bob]).await;
        let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
        let sent = rest.post(201, &messages(id), json!({"content": "well?"})).await;
        let mut b = seated(&bob, id).await;
        let react = format!("{}{}/react/", messages(id), sent["id"]);
        let put = rest.post(201, &react, json!({"emoji": "👍"})).await;
        assert_eq!(keys(&put), ["created_at", "emoji", "id", "user"]);
        assert_eq!((&put["emoji"], &put["user"]["username"]), (&json!("👍"), &json!("alice")));
        assert!(put["id"].as_i64().unwrap() > 0);
        assert!(put["created_at"].as_str().unwrap().ends_with('Z'));
        other.post(201, &react, json!({"emoji": "👍"})).await;
        other.post(201, &react, json!({"emoji": "🎉"})).await;
        let shown = rest.get(200, &messages(id)).await[0]["reactions"].clone();
        let told = |one: &Value| format!("{} {}", one["user"]["username"], one["emoji"]);
        let all: Vec<String> = shown.as_array().unwrap().iter().map(told).collect();
        assert_eq!(all, [r#""alice" "👍""#, r#""bob" "👍""#, r#""bob" "🎉""#]);
        assert_eq!(shown[0]["id"], put["id"], "the same number each time");
        let mut numbers: Vec<i64> =
            shown.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 3, "and another for each");
        is_silent(&mut b, "these clients know no frame for it").await;

        // Whoever is told of the message anew is told of them with their names.
        rest.patch(
            200,
            &format!("{}{}/edit/", messages(id), sent["id"]),
            json!({"content": "so?"}),
        )
        .await;
        let edited = b.hears("message.edited").await["data"].clone();
        assert_eq!(edited["reactions"].as_array().unwrap().len(), 3);
        assert_eq!(edited["reactions"][1]["user"]["username"], "bob");
        assert_eq!(edited["reactions"][0]["id"], put["id"]);

        let removed = rest.post(200, &react, json!({"emoji": "👍"})).await;
        assert_eq!(removed, json!({"status": "reaction removed"}));
        let left = rest.get(200, &messages(id)).await[0]["reactions"].clone();
        assert_eq!(left.as_array().unwrap().len(), 2);
        let wanted = json!({"detail": "emoji required."});
        for nothing in [json!({}), json!({"emoji": ""}), json!({"emoji": null})] {
            assert_eq!(rest.post(400, &react, nothing).await, wanted);
        }
        let words = rest.post(400, &react, json!({"emoji": "not one"})).await;
        assert_eq!(keys(&words), ["emoji"]);
        let missing = json!({"detail": "No Message matches the given query."});
        let stranger = Rest::bearer(&eve);
        assert_eq!(stranger.post(404, &react, json!({"emoji": "👍"})).await, missing);
        let nowhere = format!("{}424242/react/", messages(id));
        assert_eq!(rest.post(404, &nowhere, json!({"emoji": "👍"})).await, missing);
    })
    .await;
}

#[tokio::test]
async fn admins_pin_and_unpin_and_others_are_told_why_not() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
        let sent = other.post(201, &messages(id), json!({"content": "keep this"})).await;
        let pin = format!("{}{}/pin/", messages(id), sent["id"]);
        let denied = other.post(403, &pin, json!({})).await;
        assert_eq!(denied, json!({"detail": "Only admins can pin messages."}));
        let pinned = rest.post(201, &pin, json!({})).await;
        assert_eq!(keys(&pinned), ["id", "message", "pinned_at", "pinned_by"]);
        assert_eq!(
            (&pinned["message"]["id"], &pinned["pinned_by"]["username"]),
            (&sent["id"], &json!("alice"))
        );
        let again = rest.post(200, &pin, json!({})).await;
        assert_eq!(again["id"], pinned["id"], "one that is pinned stays so");
        let unpin = format!("{}{}/unpin/", messages(id), sent["id"]);
        assert_eq!(other.post(403, &unpin, json!({})).await, denied);
        let status = rest.post(200, &unpin, json!({})).await;
        assert_eq!(status, json!({"status": "message unpinned"}));
        rest.post(201, &pin, json!({})).await;
        rest.post(404, &format!("{}424242/pin/", messages(id)), json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn a_forwarded_message_names_the_first_one_and_is_heard_where_it_goes() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let carol = server.person("carol").await;
        let (from, to) = (group(&[&alice, &bob]).await, group(&[&bob, &carol]).await);
        let sent =
            Rest::bearer(&alice).post(201, &messages(from), json!({"content": "news"})).await;
        let mut c = seated(&carol, to).await;
        let rest = Rest::bearer(&bob);
        let forward = format!("{}{}/forward/", messages(from), sent["id"]);
        let made = rest.post(201, &forward, json!({"conversation_id": to})).await;
        assert_eq!((&made["content"], &made["conversation"]), (&json!("news"), &json!(to)));
        assert_eq!(
            (&made["forwarded_from"], &made["sender"]["username"]),
            (&sent["id"], &json!("bob"))
        );
        let origin = &made["forwarded_from_message"];
        assert_eq!(keys(origin), ["id", "sender"]);
        assert_eq!((&origin["id"], &origin["sender"]["username"]), (&sent["id"], &json!("alice")));
        let heard = c.hears("message.new").await["data"].clone();
        assert_eq!((&heard["id"], &heard["forwarded_from"]), (&made["id"], &sent["id"]));
        assert_eq!(heard["forwarded_from_message"]["sender"]["username"], "alice");
        // Handed on, it still names the first.
        let onward = group(&[&carol]).await;
        let forward = format!("{}{}/forward/", messages(to), made["id"]);
        let again = json!({"conversation_id": onward.to_string()});
        let again = Rest::bearer(&carol).post(201, &forward, again).await;
        assert_eq!(again["forwarded_from"], sent["id"]);

        let forward = format!("{}{}/forward/", messages(from), sent["id"]);
        let wanted = json!({"detail": "conversation_id required."});
        assert_eq!(rest.post(400, &forward, json!({})).await, wanted);
        let missing = json!({"detail": "Conversation not found."});
        for elsewhere in [onward, 424_242, 0] {
            let wish = json!({"conversation_id": elsewhere});
            assert_eq!(rest.post(404, &forward, wish).await, missing, "{elsewhere}");
        }
        let hidden = Rest::bearer(&carol).post(404, &forward, json!({"conversation_id": to})).await;
        assert_eq!(hidden, json!({"detail": "No Message matches the given query."}));
    })
    .await;
}

async fn files_make_their_way(database: Database) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let settings = [("attachments_url", url.as_str()), ("attachments_per_message", "3")];
    let server = Server::start_on(database, &settings).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let eve = server.person("eve").await;
    let id = group(&[&alice, &bob]).await;
    let mut b = seated(&bob, id).await;
    let rest = Rest::bearer(&alice);
    let picture = png(4, 4);
    let texts = [("content", "two files"), ("message_type", "image")];
    let files: [(&str, &str, &[u8]); 2] =
        [("uploaded_files", "a.png", &picture), ("uploaded_files", "notes.txt", b"good day")];
    let sent = rest.sends_form(201, &messages(id), &texts, &files).await;
    assert_eq!((&sent["content"], &sent["message_type"]), (&json!("two files"), &json!("image")));
    let shown = sent["attachments"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!(
        keys(&shown[0]),
        ["download_url", "file", "file_name", "file_size", "id", "mime_type"]
    );
    assert_eq!(
        (&shown[0]["file_name"], &shown[0]["mime_type"]),
        (&json!("a.png"), &json!("image/png"))
    );
    assert_eq!(shown[0]["file_size"], json!(picture.len()));
    let path = format!("/api/chat/attachments/{}/download/", shown[0]["id"]);
    assert_eq!(shown[0]["download_url"], json!(path));
    let link = shown[0]["file"].as_str().unwrap().to_owned();
    let base = format!("http://{}/media/chat/", server.address);
    assert!(link.starts_with(&base) && link.ends_with("/a.png"), "{link}");
    let link = &link[link.find("/media").unwrap()..];
    let heard = b.hears("message.new").await["data"]["attachments"].clone();
    assert_eq!(heard[0]["file"], json!(link), "over the socket a path");
    assert_eq!(heard[1]["file_name"], "notes.txt");

    let got = Rest::bearer(&bob).asks("GET", &path, None).await;
    assert_eq!(got.status(), 200);
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.bytes().await.unwrap(), picture.as_slice());
    let missing = json!({"detail": "File not found"});
    assert_eq!(Rest::bearer(&eve).get(404, &path).await, missing, "not a member");
    assert_eq!(rest.get(404, "/api/chat/attachments/424242/download/").await, missing);
    assert_eq!(rest.get(404, "/api/chat/attachments/x/download/").await, missing);
    let nobody = Rest::anonymous(server.address);
    nobody.get(401, &path).await;
    let got = nobody.asks("GET", link, None).await;
    assert_eq!(got.status(), 200, "a link shows itself in a page, which sends no token");
    assert_eq!(got.bytes().await.unwrap(), picture.as_slice());
    let guess = format!("/media/chat/{}/a.png", "0".repeat(32));
    for nothing in [guess.as_str(), "/media/chat/x/a.png", "/media/chat/../a.png"] {
        assert_eq!(nobody.asks("GET", nothing, None).await.status(), 404, "{nothing}");
    }

    let alone = rest.sends_form(201, &messages(id), &[], &[("file", "b.txt", b"alone")]).await;
    assert_eq!(
        (&alone["content"], &alone["attachments"][0]["file_name"]),
        (&json!(""), &json!("b.txt")),
        "without a word"
    );
    let answer = [("content", "see"), ("reply_to", &sent["id"].to_string())];
    let answer = rest.sends_form(201, &messages(id), &answer, &[]).await;
    assert_eq!(answer["reply_to"], sent["id"], "a form without files");
    let many: Vec<(&str, &str, &[u8])> = vec![("uploaded_files", "c.txt", b"x"); 4];
    rest.sends_form(400, &messages(id), &[], &many).await;
    let bad = [("content", "x"), ("reply_to", "424242")];
    let bad = rest.sends_form(400, &messages(id), &bad, &[("f", "d.txt", b"dropped")]).await;
    assert_eq!(keys(&bad), ["reply_to"]);
    let stranger = Rest::bearer(&eve);
    stranger.sends_form(403, &messages(id), &[], &[("f", "e.txt", b"mine")]).await;
    let listed = rest.get(200, &messages(id)).await;
    assert_eq!(listed.as_array().unwrap().len(), 3, "nothing of what was refused");
    let forward = format!("{}{}/forward/", messages(id), sent["id"]);
    let home = group(&[&alice]).await;
    let copy = rest.post(201, &forward, json!({"conversation_id": home})).await;
    assert_eq!(copy["attachments"].as_array().unwrap().len(), 2, "files go along");
    for (home, message) in [(id, &sent), (home, &copy)] {
        rest.delete(204, &format!("{}{}/", messages(home), message["id"])).await;
    }
    assert_eq!(nobody.asks("GET", link, None).await.status(), 404, "gone with the message");

    // With links closed, the same address asks who reads.
    let other = rest.sends_form(201, &messages(id), &[], &[("f", "g.txt", b"closed")]).await;
    let link = other["attachments"][0]["file"].as_str().unwrap().to_owned();
    let link = &link[link.find("/media").unwrap()..];
    let database = server.stops().await;
    let settings = [("attachments_url", url.as_str()), ("file_links", "false")];
    let server = Server::start_on(database, &settings).await;
    let (alice, eve) = (alice.at(server.address), eve.at(server.address));
    for (reader, status) in [
        (Rest::anonymous(server.address), 404),
        (Rest::bearer(&eve), 404),
        (Rest::bearer(&alice), 200),
    ] {
        assert_eq!(reader.asks("GET", link, None).await.status(), status);
    }
    server.stops().await;
}

#[tokio::test]
async fn files_come_with_messages_and_are_had_by_members_alone() {
    files_make_their_way(Database::sqlite()).await;
    if let Some(database) = Database::postgres() {
        files_make_their_way(database).await;
    }
}

#[tokio::test]
async fn a_reply_names_whom_it_answers_over_the_socket_too() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let mut b = seated(&bob, id).await;
        let rest = Rest::bearer(&bob);
        let first = rest.post(201, &messages(id), json!({"content": "when?"})).await;
        let wish = json!({"content": "now", "reply_to": first["id"]});
        Rest::bearer(&alice).post(201, &messages(id), wish).await;
        b.hears("message.new").await;
        let reply = b.hears("message.new").await["data"].clone();
        let quoted = &reply["reply_to_message"];
        assert_eq!((&quoted["id"], &quoted["content"]), (&first["id"], &json!("when?")));
        assert_eq!(quoted["sender"]["username"], "bob", "with their name");
    })
    .await;
}

#[tokio::test]
async fn receipts_say_how_far_a_message_has_come_with_each_member() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let carol = server.person("carol").await;
        let id = group(&[&alice, &bob, &carol]).await;
        let rest = Rest::bearer(&alice);
        let sent = rest.post(201, &messages(id), json!({"content": "hello"})).await;
        let mut b = seated(&bob, id).await;
        let read = json!({"type": "message.read", "message_id": sent["id"]});
        b.sends_text(&read.to_string()).await;
        b.hears("message.read").await;
        // A native client of the third says that it has come to her device.
        let mut c = carol.connects().await;
        let topic = format!("chat:{id}");
        let head = c.joins(&topic).await["snapshot"]["messages"][0]["seq"].clone();
        c.does("delivered.mark", &topic, json!({"seq": head})).await;
        let receipts = rest.get(200, &messages(id)).await[0]["receipts"].clone();
        let told = |one: &Value| {
            format!(
                "{} {}",
                one["user"]["username"].as_str().unwrap(),
                one["state"].as_str().unwrap()
            )
        };
        let told: Vec<String> = receipts.as_array().unwrap().iter().map(told).collect();
        assert_eq!(told, ["alice sent", "bob read", "carol delivered"]);
        assert_eq!(keys(&receipts[0]), ["state", "updated_at", "user"]);
        // Who shares no read receipts is shown none, and shows none.
        let change = json!({"show_read_receipts": false});
        rest.patch(200, "/api/auth/settings/", change).await;
        let receipts = rest.get(200, &messages(id)).await[0]["receipts"].clone();
        let states: Vec<&Value> =
            receipts.as_array().unwrap().iter().map(|one| &one["state"]).collect();
        assert!(!states.contains(&&json!("read")), "{states:?}");
    })
    .await;
}

#[tokio::test]
async fn read_marks_of_others_are_kept_from_an_open_socket_as_soon_as_ones_own_are() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (seated(&alice, id).await, seated(&bob, id).await);
        let rest = Rest::bearer(&alice);
        for shares in [true, false, true] {
            let change = json!({"show_read_receipts": shares});
            rest.patch(200, "/api/auth/settings/", change).await;
            let sent = rest.post(201, &messages(id), json!({"content": "seen?"})).await;
            for socket in [&mut a, &mut b] {
                assert_eq!(socket.hears("message.new").await["data"]["id"], sent["id"]);
            }
            let read = json!({"type": "message.read", "message_id": sent["id"]});
            b.sends_text(&read.to_string()).await;
            let told = b.next().await.unwrap();
            assert_eq!(
                (&told["type"], &told["user_id"]),
                (&json!("message.read"), &json!(bob.id.0))
            );
            if shares {
                assert_eq!(a.next().await.unwrap(), told);
            }
            is_silent(&mut a, "nothing else").await;
        }
        rest.post(200, "/api/auth/settings/reset/", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_unread_is_counted_until_it_is_read() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
        let path = format!("/api/chat/conversations/{id}/");
        let mut last = Value::Null;
        for number in 1..=3 {
            last = rest.post(201, &messages(id), json!({"content": "unread"})).await["id"].clone();
            assert_eq!(other.get(200, &path).await["unread_count"], number);
        }
        assert_eq!(rest.get(200, &path).await["unread_count"], 0, "one's own are read");
        let mut b = seated(&bob, id).await;
        b.sends_text(&json!({"type": "message.read", "message_id": last}).to_string()).await;
        b.hears("message.read").await;
        let listed = other.get(200, "/api/chat/conversations/").await;
        assert_eq!(listed[0]["unread_count"], 0);
        assert_eq!(listed[0]["last_message"]["id"], last);
    })
    .await;
}

#[tokio::test]
async fn a_message_is_put_as_it_is_patched() {
    on_each_engine(&[], async |server| {
        let alice = server.person("alice").await;
        let id = group(&[&alice]).await;
        let rest = Rest::bearer(&alice);
        let sent = rest.post(201, &messages(id), json!({"content": "draft"})).await;
        let path = format!("{}{}/", messages(id), sent["id"]);
        let put = rest.put(200, &path, json!({"content": "final"})).await;
        assert_eq!((&put["id"], &put["content"]), (&sent["id"], &json!("final")));
        assert_eq!(rest.patch(200, &path, json!({"content": "last"})).await["content"], "last");
        rest.delete(204, &path).await;
        let shown = rest.get(200, &messages(id)).await[0].clone();
        assert_eq!((&shown["is_deleted"], &shown["content"]), (&json!(true), &json!("")));
    })
    .await;
}
