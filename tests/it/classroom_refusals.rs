//! What clients of an older classroom are told when something cannot be: each code of their errors,
//! and odd requests over REST.

use serde_json::{Value, json};

use crate::harness::older::{Rest, keys};
use crate::harness::people::Person;
use crate::harness::server::on_each_engine;
use crate::harness::socket::Socket;

const ORIGIN: (&str, &str) = ("origin", "http://localhost:8080");

async fn joins(person: &Person, room: &str) -> Socket {
    let path = format!("/ws/chat/{room}/?token={}", person.opaque);
    let mut socket = Socket::open(person.server, &path, &[ORIGIN]).await;
    assert_eq!(socket.next().await.unwrap()["type"], "room_history");
    assert_eq!(socket.next().await.unwrap()["type"], "user_joined");
    socket
}

/// The number of a conversation that was just made.
fn number_of(made: &Value) -> String {
    assert_eq!(made["type"], "ok", "{made}");
    made["data"]["id"].as_str().unwrap().to_owned()
}

async fn room(owner: &Person, name: &str, members: &[&Person]) -> String {
    let members: Vec<String> = members.iter().map(|member| member.id.to_string()).collect();
    let wish = json!({"kind": "room", "name": name, "members": members});
    number_of(&owner.connects().await.asks("conversation.create", None, wish).await)
}

fn chat(content: &str) -> String {
    json!({"type": "chat_message", "content": content}).to_string()
}

fn code(frame: &Value) -> &str {
    assert_eq!(frame["type"], "error", "{frame}");
    assert_eq!(frame["error"], frame["message"], "under both names");
    assert!(!frame["error"].as_str().unwrap().is_empty());
    frame["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_message_that_comes_too_soon_is_told_so_as_one_that_was_not_saved() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = room(&alice, "forum-art", &[&bob]).await;
        let mut native = alice.connects().await;
        native.does("conversation.change", "chat:forum-art", json!({"slow_mode_s": 600})).await;
        let mut b = joins(&bob, &id).await;
        b.sends_text(&chat("first")).await;
        assert_eq!(b.next().await.unwrap()["type"], "message_sent");
        assert_eq!(b.next().await.unwrap()["type"], "chat_message");
        for said in [chat("second"), r#"{"type":"chat_message","data":{"content":"x"}}"#.into()] {
            b.sends_text(&said).await;
            assert_eq!(code(&b.next().await.unwrap()), "save_error");
        }
        let rest = Rest::token(&bob);
        let send = format!("/api/chat/forum/{id}/send_message/");
        let answer = rest.asks("POST", &send, Some(json!({"content": "third"}))).await;
        assert_eq!(answer.status(), 429);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        let told: Value = answer.json().await.unwrap();
        let words = format!("Request was throttled. Expected available in {wait} seconds.");
        assert_eq!((&told["success"], &told["error"]), (&json!(false), &json!(words)));
        let listed = rest.get(200, &format!("/api/chat/forum/{id}/messages/")).await;
        assert_eq!(listed["count"], 1, "nothing of it was kept");
    })
    .await;
}

#[tokio::test]
async fn whoever_may_read_and_not_write_is_denied_and_stays() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let wish = json!({"kind": "channel", "title": "News", "members": [bob.id.to_string()]});
        let made = alice.connects().await.asks("conversation.create", None, wish).await;
        let id = number_of(&made);
        let (mut a, mut b) = (joins(&alice, &id).await, joins(&bob, &id).await);
        b.sends_text(&chat("me too")).await;
        let told = b.next().await.unwrap();
        assert_eq!(
            (code(&told), &told["error"]),
            ("access_denied", &json!("Access denied to this room"))
        );
        a.hears("user_joined").await;
        a.sends_text(&chat("the news")).await;
        let said = b.hears("chat_message").await;
        assert_eq!(said["message"]["content"], "the news", "nothing was told before it");
        a.hears("chat_message").await;
        assert_eq!(a.overheard("chat_message"), [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn words_that_cannot_be_kept_break_a_rule_and_not_the_socket() {
    on_each_engine(&[("message_max_size", "1KiB")], async |server| {
        let alice = server.person("alice").await;
        let id = room(&alice, "forum-art", &[]).await;
        let mut a = joins(&alice, &id).await;
        a.sends_text(&chat("kept")).await;
        let message = a.hears("message_sent").await["message_id"].clone();
        a.hears("chat_message").await;
        let long = "x".repeat(1_025);
        for said in [
            chat("a\0b"),
            chat(&long),
            json!({"type": "message_edit", "message_id": message, "content": "a\0b"}).to_string(),
            json!({"type": "message_edit", "message_id": message, "content": long}).to_string(),
            json!({"type": "message_edit", "message_id": message}).to_string(),
            json!({"type": "message_edit", "message_id": "x", "content": "y"}).to_string(),
            json!({"type": "message_edit", "message_id": null, "content": "y"}).to_string(),
        ] {
            a.sends_text(&said).await;
            let told = a.next().await.unwrap();
            assert_eq!(code(&told), "validation_error", "{:.80}", said);
        }
        a.sends_text(&chat("still here")).await;
        assert_eq!(a.next().await.unwrap()["type"], "message_sent");
    })
    .await;
}

#[tokio::test]
async fn odd_pages_and_odd_messages_are_answered_in_their_shapes() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = room(&alice, "forum-art", &[&bob]).await;
        let rest = Rest::token(&alice);
        let send = format!("/api/chat/forum/{id}/send_message/");
        for number in 1..=5 {
            rest.post(201, &send, json!({"content": format!("n{number}")})).await;
        }
        let messages = format!("/api/chat/forum/{id}/messages/");
        for (query, limit, offset, first, count) in [
            ("?limit=2", 2, 0, Some("n4"), 2),
            ("?limit=2&offset=2", 2, 2, Some("n2"), 2),
            ("?limit=2&offset=4", 2, 4, Some("n1"), 1),
            ("?offset=9", 50, 9, None, 0),
            ("?limit=0", 50, 0, Some("n1"), 5),
            ("?limit=-3&offset=-3", 50, 0, Some("n1"), 5),
            ("?limit=x&offset=y", 50, 0, Some("n1"), 5),
            ("?limit=100000", 100, 0, Some("n1"), 5),
        ] {
            let page = rest.get(200, &format!("{messages}{query}")).await;
            let told = (&page["limit"], &page["offset"], &page["count"]);
            assert_eq!(told, (&json!(limit), &json!(offset), &json!(count)), "{query}");
            assert_eq!(page["results"][0]["content"].as_str(), first, "{query}");
        }
        let other = room(&alice, "forum-music", &[]).await;
        let elsewhere = format!("/api/chat/forum/{other}/send_message/");
        let foreign = rest.post(201, &elsewhere, json!({"content": "x"})).await["message"].clone();
        for wrong in [
            json!({"content": ""}),
            json!({"content": null}),
            json!({"content": ["x"]}),
            json!({"content": "x", "message_type": "song"}),
            json!({"content": "x", "reply_to": 424_242}),
            json!({"content": "x", "reply_to": "first"}),
            json!({"content": "x", "reply_to": foreign["id"]}),
            json!({"content": "a\0b"}),
        ] {
            let told = rest.post(400, &send, wrong.clone()).await;
            assert_eq!(keys(&told), ["error", "errors", "success"], "{wrong}");
            assert!(told["error"].is_string() && told["success"] == false, "{wrong}: {told}");
        }
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let token = format!("Token {}", bob.opaque);
        let client = reqwest::Client::new();
        let url = format!("http://{}{send}", server.address);
        let form = client.post(url).header(kind[0].0, kind[0].1).header("authorization", token);
        let form = form.body("content=a+form&message_type=text").send().await.unwrap();
        assert_eq!(form.status(), 201);
        let page = rest.get(200, &messages).await;
        assert_eq!((&page["count"], &page["results"][5]["content"]), (&json!(6), &json!("a form")));
    })
    .await;
}

#[tokio::test]
async fn each_role_has_its_profile_and_no_other() {
    on_each_engine(&[], async |server| {
        let alice = server.person("alice").await;
        let rest = Rest::token(&alice);
        for title in ["Teacher", "Tutor", "Parent", "Student"] {
            let (id, title_kept) = (alice.id, title.to_owned());
            let change = move |conn: &mut _| {
                use switchboard::models::user::{ProfileChange, change_profile};
                let title = Some(title_kept.clone());
                Ok(change_profile(conn, id, ProfileChange { title, ..ProfileChange::default() })?)
            };
            server.writes(change).await;
            let again = rest.post(200, "/api/auth/refresh/", json!({})).await;
            let token = again["data"]["token"].as_str().unwrap();
            let user = &again["data"]["user"];
            let role = title.to_lowercase();
            assert_eq!((&user["role"], &user["role_display"]), (&json!(role), &json!(title)));
            let rest = rest.showing(&format!("Token {token}"));
            for other in ["student", "teacher", "tutor", "parent"] {
                let status = if other == role { 200 } else { 403 };
                let page = rest.get(status, &format!("/api/profile/{other}/")).await;
                if other == role {
                    assert_eq!(page["user"]["role"], role);
                }
            }
        }
    })
    .await;
}
