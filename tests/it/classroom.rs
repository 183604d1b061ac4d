//! Clients of an older classroom, who moved here by a host name: every frame and route they know.

use chrono::TimeDelta;
use serde_json::{Value, json};
use switchboard::clock;
use switchboard::models::user::{self, ProfileChange};

use crate::harness::older::{Rest, keys};
use crate::harness::people::Person;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::{Socket, until};

const MESSAGE_KEYS: &[&str] = &[
    "content",
    "created_at",
    "file",
    "file_name",
    "file_size",
    "file_type",
    "file_url",
    "id",
    "image",
    "image_url",
    "is_edited",
    "is_image",
    "is_read",
    "message_type",
    "replies_count",
    "reply_to",
    "room",
    "sender",
    "sender_avatar",
    "sender_name",
    "sender_role",
    "thread",
    "updated_at",
];
const ROOM_KEYS: &[&str] = &[
    "created_at",
    "description",
    "id",
    "is_active",
    "last_message",
    "name",
    "participants",
    "participants_count",
    "subject",
    "type",
    "unread_count",
    "updated_at",
];
/// A page's own address, as browsers send it.
const ORIGIN: (&str, &str) = ("origin", "http://localhost:8080");

/// Opens a socket as the pages do.
async fn opens_at(person: &Person, path: &str) -> Socket {
    let path = format!("{path}?token={}", person.opaque);
    Socket::open(person.server, &path, &[ORIGIN]).await
}

async fn opens(person: &Person, room: i64) -> Socket {
    opens_at(person, &format!("/ws/chat/{room}/")).await
}

/// A socket with the first frames heard: the history and one's own arrival.
async fn joins(person: &Person, room: i64) -> Socket {
    let mut socket = opens(person, room).await;
    assert_eq!(socket.next().await.unwrap()["type"], "room_history");
    assert_eq!(socket.next().await.unwrap()["type"], "user_joined");
    socket
}

/// Asserts that nothing more has come: what is asked next is answered next.
async fn is_silent(socket: &mut Socket, why: &str) {
    socket.sends_text("no json").await;
    let next = socket.next().await.unwrap();
    assert_eq!(next["message"], "Invalid JSON", "{why}: {next}");
}

/// A forum of these people; the first opened it. Its number.
async fn forum(name: &str, people: &[&Person]) -> i64 {
    let mut socket = people[0].connects().await;
    let topic = socket.opens_room(name, &people[1..]).await;
    let path = format!("/api/v1/conversations/{}", &topic["chat:".len()..]);
    let found = Rest::bearer(people[0]).get(200, &path).await;
    found["id"].as_str().unwrap().parse().unwrap()
}

async fn entitles(server: &Server, person: &Person, title: &str) {
    let (id, title) = (person.id, title.to_owned());
    let change = move |conn: &mut _| {
        let change = ProfileChange { title: Some(title.clone()), ..ProfileChange::default() };
        Ok(user::change_profile(conn, id, change)?)
    };
    server.writes(change).await;
}

fn chat(content: &str) -> String {
    json!({"type": "chat_message", "content": content}).to_string()
}

fn nested(content: &str) -> String {
    json!({"type": "chat_message", "data": {"content": content}}).to_string()
}

#[tokio::test]
async fn a_socket_begins_with_the_history_and_everyone_hears_who_comes_and_goes() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        let mut talk = alice.connects().await;
        for number in 1..=60 {
            talk.says("chat:forum-art", &format!("line {number}")).await;
        }
        let mut a = opens(&alice, room).await;
        let history = a.next().await.unwrap();
        assert_eq!(keys(&history), ["messages", "type"]);
        let messages = history["messages"].as_array().unwrap();
        let lines: Vec<&Value> = messages.iter().map(|message| &message["content"]).collect();
        assert_eq!((lines.len(), lines[0], lines[49]), (50, &json!("line 11"), &json!("line 60")));
        assert_eq!(keys(&messages[0]), MESSAGE_KEYS);
        let joined = json!({"type": "user_joined", "user": {"id": alice.id.0, "username": "alice",
        "first_name": "alice", "last_name": ""}});
        assert_eq!(a.next().await.unwrap(), joined, "after the history, to oneself too");
        let mut b = joins(&bob, room).await;
        assert_eq!(a.next().await.unwrap()["user"]["username"], "bob");
        let mut second = joins(&bob, room).await;
        for socket in [&mut a, &mut b] {
            assert_eq!(socket.next().await.unwrap()["type"], "user_joined", "for each tab");
        }
        second.closes(1000).await;
        for socket in [&mut a, &mut b] {
            let user = json!({"id": bob.id.0, "username": "bob"});
            let stopped = json!({"type": "typing_stop", "user": user});
            assert_eq!(socket.next().await.unwrap(), stopped);
            let left = json!({"type": "user_left", "user": user});
            assert_eq!(socket.next().await.unwrap(), left);
        }
        is_silent(&mut a, "nothing else").await;
    })
    .await;
}

#[tokio::test]
async fn a_message_is_acknowledged_to_its_sender_before_everyone_hears_it() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        entitles(&server, &alice, "Teacher").await;
        let room = forum("forum-art", &[&alice, &bob]).await;
        let (mut a, mut b) = (joins(&alice, room).await, joins(&bob, room).await);
        a.hears("user_joined").await;
        for said in [chat("Hello"), nested("Hello WebSocket!")] {
            a.sends_text(&said).await;
            let ack = a.next().await.unwrap();
            assert_eq!(keys(&ack), ["message_id", "status", "type"]);
            assert_eq!(
                (&ack["type"], &ack["status"]),
                (&json!("message_sent"), &json!("delivered"))
            );
            for socket in [&mut a, &mut b] {
                let frame = socket.next().await.unwrap();
                assert_eq!(keys(&frame), ["message", "type"]);
                let message = &frame["message"];
                assert_eq!(
                    (&frame["type"], &message["id"]),
                    (&json!("chat_message"), &ack["message_id"])
                );
                assert_eq!(keys(message), MESSAGE_KEYS);
                assert_eq!(message["room"], json!(room));
                assert_eq!(message["sender"]["id"], json!(alice.id.0));
                assert_eq!(message["sender"]["username"], "alice");
                assert_eq!(message["sender_role"], "teacher", "a title is their role");
            }
            is_silent(&mut a, "one row each").await;
        }
    })
    .await;
}

#[tokio::test]
async fn errors_say_their_words_under_both_keys_and_unknown_types_are_passed_over() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        let mut a = joins(&alice, room).await;
        for (said, words, code) in [
            ("nonsense", "Invalid JSON", None),
            ("{\"type\":", "Invalid JSON", None),
            ("[1]", "Internal server error", None),
            ("5", "Internal server error", None),
            (r#"{"type":"chat_message"}"#, "Message content required", Some("validation_error")),
            (
                r#"{"type":"chat_message","data":{}}"#,
                "Message content required",
                Some("validation_error"),
            ),
            (
                r#"{"type":"chat_message","content":"  "}"#,
                "Message content required",
                Some("validation_error"),
            ),
            (
                r#"{"type":"chat_message","content":5}"#,
                "Message content required",
                Some("validation_error"),
            ),
            (
                r#"{"type":"message_edit","content":"x"}"#,
                "Message ID required",
                Some("validation_error"),
            ),
            (
                r#"{"type":"message_edit","message_id":424242,"content":"x"}"#,
                "Message not found",
                Some("not_found"),
            ),
        ] {
            a.sends_text(said).await;
            let mut told = json!({"type": "error", "error": words, "message": words});
            if let Some(code) = code {
                told["code"] = json!(code);
            }
            assert_eq!(a.next().await.unwrap(), told, "{said}");
        }
        a.sends_binary(b"x".to_vec()).await;
        assert_eq!(a.next().await.unwrap()["message"], "Invalid JSON", "the socket stays");
        for ignored in [
            r#"{"type":"ping"}"#,
            r#"{"type":"subscribe","data":{"channel":"chat_3"}}"#,
            r#"{"type":"unsubscribe","data":{"channel":"chat_3"}}"#,
            r#"{"type":"no_such_type"}"#,
            r#"{"content":"no type"}"#,
            r#"{"type":"mark_read"}"#,
            r#"{"type":"mark_read","message_id":"x"}"#,
            r#"{"type":"mark_read","message_id":424242}"#,
        ] {
            a.sends_text(ignored).await;
            is_silent(&mut a, ignored).await;
        }
    })
    .await;
}

#[tokio::test]
async fn typing_edits_and_read_marks_are_told_as_they_always_were() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        let (mut a, mut b) = (joins(&alice, room).await, joins(&bob, room).await);
        a.hears("user_joined").await;
        a.sends_text(&json!({"type": "typing", "data": {"room_id": room}}).to_string()).await;
        for socket in [&mut a, &mut b] {
            let user = json!({"id": alice.id.0, "username": "alice", "first_name": "alice",
            "last_name": ""});
            assert_eq!(socket.next().await.unwrap(), json!({"type": "typing", "user": user}));
        }
        a.sends_text(r#"{"type":"typing_stop"}"#).await;
        for socket in [&mut a, &mut b] {
            let user = json!({"id": alice.id.0, "username": "alice"});
            assert_eq!(socket.next().await.unwrap(), json!({"type": "typing_stop", "user": user}));
        }

        a.sends_text(&chat("draft")).await;
        let id = a.hears("message_sent").await["message_id"].clone();
        a.hears("chat_message").await;
        b.hears("chat_message").await;
        b.sends_text(
            &json!({"type": "message_edit", "message_id": id, "content": "x"}).to_string(),
        )
        .await;
        assert_eq!(b.next().await.unwrap()["code"], "access_denied", "not one's own");
        let edit = json!({"type": "message_edit", "data": {"message_id": id, "content": "final"}});
        a.sends_text(&edit.to_string()).await;
        let confirmed =
            json!({"type": "message_edit_confirmed", "message_id": id, "status": "edited"});
        assert_eq!(a.next().await.unwrap(), confirmed);
        for socket in [&mut a, &mut b] {
            let frame = socket.next().await.unwrap();
            assert_eq!(keys(&frame), ["content", "edited_at", "is_edited", "message_id", "type"]);
            assert_eq!((&frame["content"], &frame["is_edited"]), (&json!("final"), &json!(true)));
            assert!(frame["edited_at"].as_str().unwrap().ends_with("+00:00"));
        }

        b.sends_text(&json!({"type": "mark_read", "data": {"message_id": id}}).to_string()).await;
        is_silent(&mut b, "a read mark is stored and told nobody").await;
        is_silent(&mut a, "a read mark is stored and told nobody").await;
        let rest = Rest::token(&bob);
        let path = format!("/api/chat/forum/{room}/messages/");
        until("the mark is stored", async || {
            rest.get(200, &path).await["results"][0]["is_read"] == true
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_refused_are_told_why_see_4001_or_4002_and_leave_no_trace() {
    on_each_engine(&[], async |server| {
    let (alice, eve) = (server.person("alice").await, server.person("eve").await);
    let room = forum("forum-art", &[&alice]).await;
    let mut a = joins(&alice, room).await;
    let error = |words: &str, code: &str| json!({"type": "error", "error": words, "message": words, "code": code});
    for path in [format!("/ws/chat/{room}/"), "/ws/chat/general/".into(), "/ws/".into()] {
        for path in [path.clone(), format!("{path}?token=unheardof")] {
            let mut socket = Socket::open(server.address, &path, &[ORIGIN]).await;
            let told = error("Authentication required", "auth_error");
            assert_eq!(socket.next().await.unwrap(), told, "{path}");
            assert_eq!(socket.ends().await.code, Some(4001), "{path}");
        }
    }
    for room in [room.to_string(), "424242".to_owned(), "nowhere".to_owned()] {
        let mut socket = opens_at(&eve, &format!("/ws/chat/{room}/")).await;
        let told = error("Access denied to this room", "access_error");
        assert_eq!(socket.next().await.unwrap(), told, "{room}");
        assert_eq!(socket.ends().await.code, Some(4002), "{room}");
    }
    is_silent(&mut a, "no user_left, no typing_stop").await;
    })
    .await;
}

#[tokio::test]
async fn an_origin_is_demanded_and_a_cookie_opens_the_room_too() {
    on_each_engine(&[], async |server| {
        let alice = server.person("alice").await;
        let room = forum("forum-art", &[&alice]).await;
        let path = format!("/ws/chat/{room}/?token={}", alice.opaque);
        assert_eq!(Socket::refused(server.address, &path, &[]).await, 403, "none at all");
        let foreign = ("origin", "https://evil.example.net");
        assert_eq!(Socket::refused(server.address, &path, &[foreign]).await, 403, "a foreign one");
        let cookie = format!("sessionid={}", alice.cookie);
        let headers = [ORIGIN, ("cookie", cookie.as_str())];
        let path = format!("/ws/chat/{room}/");
        let mut socket = Socket::open(server.address, &path, &headers).await;
        assert_eq!(socket.next().await.unwrap()["type"], "room_history");
        let path = format!("/ws/chat/{room}/?token={}", alice.token);
        let mut messenger = Socket::open(server.address, &path, &[]).await;
        messenger.sends_text(r#"{"type":"ping"}"#).await;
        assert_eq!(
            messenger.next().await.unwrap(),
            json!({"type": "pong"}),
            "a JWT tells them apart"
        );
    })
    .await;
}

#[tokio::test]
async fn the_general_room_is_there_for_everyone_by_three_names() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let mut a = opens_at(&alice, "/ws/chat/general/").await;
        let history = a.next().await.unwrap();
        assert_eq!(history, json!({"type": "room_history", "messages": []}));
        let mut b = opens_at(&bob, "/ws/").await;
        assert_eq!(b.next().await.unwrap()["type"], "room_history");
        is_silent(&mut a, "nobody is announced here").await;
        b.sends_text(&nested("Hello WebSocket!")).await;
        assert_eq!(b.next().await.unwrap()["type"], "message_sent");
        assert_eq!(b.next().await.unwrap()["message"]["content"], "Hello WebSocket!");
        assert_eq!(a.next().await.unwrap()["message"]["content"], "Hello WebSocket!");
        b.closes(1000).await;
        is_silent(&mut a, "nor who leaves").await;

        let rest = Rest::token(&alice);
        let room = rest.get(200, "/api/chat/general/").await;
        assert_eq!(
            (&room["type"], room["messages"].as_array().unwrap().len()),
            (&json!("general"), 1)
        );
        let sent = json!({"content": "By REST"});
        let sent = rest.post(201, "/api/chat/general/send_message/", sent).await;
        assert_eq!(keys(&sent), MESSAGE_KEYS);
        assert_eq!(a.next().await.unwrap()["message"]["id"], sent["id"]);
        let answer = json!({"content": "I agree", "reply_to": sent["id"]});
        let answer = rest.post(201, "/api/chat/general/send_message/", answer).await;
        assert_eq!((&answer["thread"], &answer["thread_title"]), (&sent["id"], &json!("By REST")));
        let listed = rest.get(200, "/api/chat/general/messages/?limit=2&offset=0").await;
        let contents: Vec<&Value> =
            listed.as_array().unwrap().iter().map(|message| &message["content"]).collect();
        assert_eq!(contents, ["By REST", "I agree"], "the newest, oldest first");
        assert_eq!(listed[0]["replies_count"], 1);
        let threads = rest.get(200, "/api/chat/general/threads/").await;
        assert_eq!((&threads[0]["id"], &threads[0]["messages_count"]), (&sent["id"], &json!(2)));
    })
    .await;
}

/// How many messages a forum holds, and what they say.
async fn stored(person: &Person, room: i64) -> Vec<String> {
    let path = format!("/api/chat/forum/{room}/messages/?limit=100");
    let page = Rest::token(person).get(200, &path).await;
    let results = page["results"].as_array().unwrap();
    results.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_page_says_by_socket_and_by_rest_is_one_message_whichever_comes_first() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        let (mut a, mut b) = (joins(&alice, room).await, joins(&bob, room).await);
        a.hears("user_joined").await;
        let rest = Rest::token(&alice);
        let path = format!("/api/chat/forum/{room}/send_message/");

        a.sends_text(&nested("socket first")).await;
        let id = a.hears("message_sent").await["message_id"].clone();
        let sent = rest.post(201, &path, json!({"content": "socket first"})).await;
        assert_eq!(keys(&sent), ["message", "success"]);
        assert_eq!(sent["message"]["id"], id, "201 with the message that is there");

        let sent = rest.post(201, &path, json!({"content": "rest first"})).await;
        a.sends_text(&nested("rest first")).await;
        assert_eq!(a.hears("message_sent").await["message_id"], sent["message"]["id"]);
        assert_eq!(stored(&alice, room).await, ["socket first", "rest first"]);
        for said in ["socket first", "rest first"] {
            assert_eq!(b.next().await.unwrap()["message"]["content"], said, "told once");
        }
        is_silent(&mut b, "told once").await;

        // Each pair makes one; two by the same way are two.
        for _ in 0..2 {
            a.sends_text(&nested("again")).await;
            a.hears("message_sent").await;
            rest.post(201, &path, json!({"content": "again"})).await;
        }
        for _ in 0..2 {
            a.sends_text(&chat("plain")).await;
            rest.post(201, &path, json!({"content": "twice"})).await;
        }
        rest.post(201, &path, json!({"content": "plain"})).await;
        let said = stored(&alice, room).await;
        let count = |text: &str| said.iter().filter(|one| *one == text).count();
        assert_eq!((count("again"), count("twice"), count("plain")), (2, 2, 3));
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_comes_second_completes_the_message_that_came_first() {
    on_each_engine(&[], async |server| {
        let alice = server.person("alice").await;
        let room = forum("forum-art", &[&alice]).await;
        let mut a = joins(&alice, room).await;
        let rest = Rest::token(&alice);
        let path = format!("/api/chat/forum/{room}/send_message/");
        let root = rest.post(201, &path, json!({"content": "why?"})).await["message"]["id"].clone();
        a.sends_text(&nested("because")).await;
        let id = a.hears("message_sent").await["message_id"].clone();
        let answer = json!({"content": "because", "reply_to": root});
        let answer = rest.post(201, &path, answer).await["message"].clone();
        assert_eq!((&answer["id"], &answer["reply_to"]), (&id, &root));
    })
    .await;
}

#[tokio::test]
async fn both_ways_at_the_same_moment_still_make_one_message_each() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        let mut a = joins(&alice, room).await;
        let mut b = joins(&bob, room).await;
        let path = format!("/api/chat/forum/{room}/send_message/");
        let sending = (0..20).map(|number| {
            let (rest, path) = (Rest::token(&alice), path.clone());
            tokio::spawn(async move {
                rest.post(201, &path, json!({"content": format!("n{number}")})).await["message"]
                        ["id"]
                        .clone()
            })
        });
        let sending: Vec<_> = sending.collect();
        for number in 0..20 {
            a.sends_text(&nested(&format!("n{number}"))).await;
        }
        for one in sending {
            assert!(one.await.unwrap().is_i64());
        }
        for _ in 0..20 {
            a.hears("message_sent").await;
            b.hears("chat_message").await;
        }
        assert_eq!(stored(&bob, room).await.len(), 20);
        is_silent(&mut b, "each was told once").await;
    })
    .await;
}

#[tokio::test]
async fn after_a_while_the_same_words_are_another_message() {
    on_each_engine(&[("twin_window", "10ms")], async |server| {
        let alice = server.person("alice").await;
        let room = forum("forum-art", &[&alice]).await;
        let mut a = joins(&alice, room).await;
        a.sends_text(&nested("hello")).await;
        a.hears("message_sent").await;
        let said = clock::now();
        until("the window is over", async || clock::now() - said > TimeDelta::milliseconds(50))
            .await;
        let path = format!("/api/chat/forum/{room}/send_message/");
        Rest::token(&alice).post(201, &path, json!({"content": "hello"})).await;
        assert_eq!(stored(&alice, room).await, ["hello", "hello"]);
    })
    .await;
}

#[tokio::test]
async fn forums_are_listed_read_and_written_by_rest() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let eve = server.person("eve").await;
        let room = forum("forum-art", &[&alice, &bob]).await;
        forum("lounge", &[&alice, &bob]).await;
        let rest = Rest::token(&alice);
        let listed = rest.get(200, "/api/chat/forum/").await;
        assert_eq!((&listed["success"], &listed["count"]), (&json!(true), &json!(1)));
        let found = &listed["results"][0];
        assert_eq!(keys(found), ROOM_KEYS);
        assert_eq!((&found["id"], &found["type"]), (&json!(room), &json!("forum_subject")));
        assert_eq!(keys(&found["participants"][0]), ["full_name", "id", "role"]);
        assert_eq!(keys(&found["subject"]), ["id", "name"]);
        assert_eq!(found["last_message"], Value::Null);
        assert_eq!(Rest::token(&eve).get(200, "/api/chat/forum/").await["count"], 0);

        let send = format!("/api/chat/forum/{room}/send_message/");
        let sent = rest.post(201, &send, json!({"content": "x".repeat(150)})).await;
        assert_eq!(keys(&sent["message"]), MESSAGE_KEYS);
        let found = rest.get(200, "/api/chat/forum/").await["results"][0].clone();
        assert_eq!(keys(&found["last_message"]), ["content", "created_at", "id", "sender"]);
        assert_eq!(found["last_message"]["content"].as_str().unwrap().len(), 100);
        let unread = Rest::token(&bob).get(200, "/api/chat/forum/").await;
        assert_eq!(unread["results"][0]["unread_count"], 1);
        let messages = format!("/api/chat/forum/{room}/messages/");
        let page = rest.get(200, &messages).await;
        assert_eq!(keys(&page), ["chat_id", "count", "limit", "offset", "results", "success"]);
        assert_eq!(
            (&page["chat_id"], &page["limit"], &page["offset"], &page["count"]),
            (&json!(room.to_string()), &json!(50), &json!(0), &json!(1))
        );

        let denied = json!({"success": false, "error": "Access denied"});
        assert_eq!(Rest::token(&eve).get(403, &messages).await, denied);
        assert_eq!(Rest::token(&eve).post(403, &send, json!({"content": "x"})).await, denied);
        let missing = json!({"success": false, "error": "Chat not found"});
        for path in ["/api/chat/forum/424242/messages/", "/api/chat/forum/x/messages/"] {
            assert_eq!(rest.get(404, path).await, missing, "{path}");
        }
        let blank = rest.post(400, &send, json!({})).await;
        assert_eq!(
            (&blank["success"], &blank["error"]),
            (&json!(false), &json!("This field is required."))
        );
        let nobody = Rest::anonymous(server.address);
        for path in ["/api/chat/forum/", "/api/chat/rooms/", "/api/profile/student/"] {
            let words = "Authentication credentials were not provided.";
            assert_eq!(nobody.get(403, path).await, json!({"detail": words}), "{path}");
            let bad = nobody.showing("Token unheardof").get(403, path).await;
            assert_eq!(bad, json!({"detail": "Invalid token."}), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn rooms_come_in_pages_and_people_join_leave_and_read_them() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let room = forum("forum-art", &[&alice, &bob]).await;
        for number in 0..20 {
            forum(&format!("room-{number}"), &[&alice]).await;
        }
        let rest = Rest::token(&alice);
        let first = rest.get(200, "/api/chat/rooms/").await;
        assert_eq!(keys(&first), ["count", "next", "previous", "results"]);
        assert_eq!((&first["count"], &first["previous"]), (&json!(21), &Value::Null));
        assert_eq!(first["results"].as_array().unwrap().len(), 20);
        let next = first["next"].as_str().unwrap();
        assert!(next.ends_with("/api/chat/rooms/?page=2"), "{next}");
        let second = rest.get(200, "/api/chat/rooms/?page=2").await;
        assert_eq!(
            (second["results"].as_array().unwrap().len(), &second["next"]),
            (1, &Value::Null)
        );
        assert_eq!(
            rest.get(404, "/api/chat/rooms/?page=3").await,
            json!({"detail": "Invalid page."})
        );

        let path = format!("/api/chat/rooms/{room}/");
        assert_eq!(rest.get(200, &path).await["participants_count"], 2);
        let people = rest.get(200, &format!("{path}participants/")).await;
        assert_eq!(people.as_array().unwrap().len(), 2);
        let send = format!("/api/chat/forum/{room}/send_message/");
        rest.post(201, &send, json!({"content": "hello"})).await;
        let other = Rest::token(&bob);
        let counts = other.get(200, "/api/chat/notifications/").await;
        assert_eq!((&counts["total_rooms"], &counts["unread_messages"]), (&json!(1), &json!(1)));
        other.post(200, &format!("{path}mark_read/"), json!({})).await;
        let counts = other.get(200, "/api/chat/notifications/").await;
        assert_eq!((&counts["unread_messages"], &counts["total_messages"]), (&json!(0), &json!(1)));
        let listed = other.get(200, &format!("{path}messages/")).await;
        assert_eq!((&listed[0]["content"], &listed[0]["is_read"]), (&json!("hello"), &json!(true)));
        other.post(400, &format!("{path}join/"), json!({})).await;
        other.post(200, &format!("{path}leave/"), json!({})).await;
        let gone = other.get(404, &path).await;
        assert_eq!(gone, json!({"detail": "No ChatRoom matches the given query."}));
    })
    .await;
}

#[tokio::test]
async fn a_page_finds_the_profile_of_its_role_and_two_empty_lists() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        entitles(&server, &alice, "Tutor").await;
        let rest = Rest::token(&alice);
        let page = rest.get(200, "/api/profile/tutor/").await;
        assert_eq!(keys(&page), ["profile", "user"]);
        assert_eq!(
            keys(&page["user"]),
            ["avatar", "email", "first_name", "id", "last_name", "phone", "role"]
        );
        assert_eq!(page["user"]["role"], "tutor");
        rest.get(403, "/api/profile/student/").await;
        rest.get(404, "/api/profile/wizard/").await;
        let plain = Rest::token(&bob).get(200, "/api/profile/student/").await;
        assert_eq!(plain["user"]["role"], "student", "whoever has no title");
        for path in ["/api/materials/student/", "/api/scheduling/lessons/my_schedule/"] {
            assert_eq!(rest.get(200, path).await, json!([]), "{path}");
        }
        let again = rest.post(200, "/api/auth/refresh/", json!({})).await;
        assert_eq!(again["success"], true);
        let token = again["data"]["token"].as_str().unwrap();
        assert_ne!(token, alice.opaque, "a new one");
        rest.showing(&format!("Token {token}")).get(200, "/api/profile/tutor/").await;
        assert_eq!(again["data"]["user"]["role_display"], "Tutor");
    })
    .await;
}

#[tokio::test]
async fn an_edit_that_comes_too_late_is_told_so_in_their_code() {
    on_each_engine(&[("edit_window", "1ms")], async |server| {
        let alice = server.person("alice").await;
        let room = forum("forum-art", &[&alice]).await;
        let mut a = joins(&alice, room).await;
        a.sends_text(&chat("draft")).await;
        let id = a.hears("message_sent").await["message_id"].clone();
        a.hears("chat_message").await;
        let said = clock::now();
        until("a moment has passed", async || clock::now() - said > TimeDelta::milliseconds(20))
            .await;
        let edit = json!({"type": "message_edit", "message_id": id, "content": "late"});
        a.sends_text(&edit.to_string()).await;
        let told = a.next().await.unwrap();
        assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("edit_error")));
        assert_eq!(told["error"], told["message"]);
        is_silent(&mut a, "and nothing was edited").await;
    })
    .await;
}

#[tokio::test]
async fn a_public_room_is_joined_by_rest_and_left_again() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let mut native = alice.connects().await;
        let wish = json!({"kind": "room", "name": "lounge", "is_public": true, "members": []});
        let made = native.asks("conversation.create", None, wish).await["data"].clone();
        let path = format!("/api/chat/rooms/{}/", made["id"].as_str().unwrap());
        let rest = Rest::token(&bob);
        rest.get(404, &path).await;
        let joined = rest.post(200, &format!("{path}join/"), json!({})).await;
        assert_eq!(keys(&joined), ["message"]);
        assert_eq!(rest.get(200, &path).await["participants_count"], 2);
        let again = rest.post(400, &format!("{path}join/"), json!({})).await;
        assert_eq!(keys(&again), ["error"]);
        let left = rest.post(200, &format!("{path}leave/"), json!({})).await;
        assert_eq!(keys(&left), ["message"]);
        let again = rest.post(400, &format!("{path}leave/"), json!({})).await;
        assert_eq!(keys(&again), ["error"]);
        for step in ["join", "leave", "mark_read", "participants", "messages"] {
            let path = format!("/api/chat/rooms/424242/{step}/");
            let method = if ["participants", "messages"].contains(&step) { "GET" } else { "POST" };
            assert_eq!(rest.asks(method, &path, None).await.status(), 404, "{step}");
        }
    })
    .await;
}
