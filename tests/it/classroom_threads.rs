//! Threads and files of an older classroom's clients.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use tempfile::TempDir;

use crate::harness::engines::Database;
use crate::harness::older::{Rest, keys};
use crate::harness::people::Person;
use crate::harness::picture::png;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::Socket;

const ORIGIN: (&str, &str) = ("origin", "http://localhost:8080");
const THREAD_KEYS: &[&str] = &[
    "created_at",
    "created_by",
    "created_by_name",
    "created_by_role",
    "id",
    "is_locked",
    "is_pinned",
    "last_message",
    "messages_count",
    "room",
    "title",
    "updated_at",
];

async fn general(person: &Person) -> Socket {
    let path = format!("/ws/chat/general/?token={}", person.opaque);
    let mut socket = Socket::open(person.server, &path, &[ORIGIN]).await;
    assert_eq!(socket.next().await.unwrap()["type"], "room_history");
    socket
}

fn contents(listed: &Value) -> Vec<&Value> {
    listed.as_array().unwrap().iter().map(|message| &message["content"]).collect()
}

#[tokio::test]
async fn a_thread_is_begun_written_in_and_read() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let (rest, other) = (Rest::token(&alice), Rest::token(&bob));
        let mut b = general(&bob).await;
        let wish = json!({"title": "Homework"});
        let thread = rest.post(201, "/api/chat/general/create_thread/", wish).await;
        assert_eq!(keys(&thread), THREAD_KEYS);
        assert_eq!(
            (&thread["title"], &thread["messages_count"], &thread["last_message"]),
            (&json!("Homework"), &json!(0), &Value::Null)
        );
        assert_eq!((&thread["is_pinned"], &thread["is_locked"]), (&json!(false), &json!(false)));
        assert_eq!(b.next().await.unwrap()["message"]["content"], "Homework");
        let blank = rest.post(400, "/api/chat/general/create_thread/", json!({})).await;
        assert_eq!(keys(&blank), ["error"]);

        let path = format!("/api/chat/threads/{}/", thread["id"]);
        let send = format!("{path}send_message/");
        let sent = other.post(201, &send, json!({"content": "first"})).await;
        assert_eq!((&sent["thread"], &sent["thread_title"]), (&thread["id"], &json!("Homework")));
        let heard = b.next().await.unwrap()["message"].clone();
        assert_eq!((&heard["id"], &heard["thread"]), (&sent["id"], &thread["id"]));
        rest.post(201, &send, json!({"content": "second", "message_type": "text"})).await;
        assert_eq!(keys(&rest.post(400, &send, json!({})).await), ["error"]);
        let listed = rest.get(200, &format!("{path}messages/")).await;
        assert_eq!(contents(&listed), ["first", "second"], "oldest first, without the title");
        let listed = rest.get(200, &format!("{path}messages/?limit=1&offset=1")).await;
        assert_eq!(contents(&listed), ["first"]);
        let shown = rest.get(200, &path).await;
        assert_eq!(shown["messages_count"], 2);
        assert_eq!(keys(&shown["last_message"]), ["content", "created_at", "id", "sender"]);

        // A message that others answer is a thread as well, and it is part of it.
        let root = json!({"content": "By the way"});
        let root = rest.post(201, "/api/chat/general/send_message/", root).await;
        let answer = format!("/api/chat/threads/{}/send_message/", root["id"]);
        other.post(201, &answer, json!({"content": "Yes?"})).await;
        let listed = rest.get(200, &format!("/api/chat/threads/{}/messages/", root["id"])).await;
        assert_eq!(contents(&listed), ["By the way", "Yes?"]);
        for path in ["/api/chat/threads/", "/api/chat/general/threads/"] {
            let threads = rest.get(200, path).await;
            let ids: Vec<&Value> =
                threads.as_array().unwrap().iter().map(|one| &one["id"]).collect();
            assert_eq!(ids, [&root["id"], &thread["id"]], "last written to first");
        }
        let missing = json!({"detail": "No MessageThread matches the given query."});
        for path in ["/api/chat/threads/424242/", "/api/chat/threads/x/messages/"] {
            assert_eq!(rest.get(404, path).await, missing, "{path}");
        }
        Rest::anonymous(server.address).get(403, "/api/chat/threads/").await;
    })
    .await;
}

#[tokio::test]
async fn moderators_pin_and_lock_and_a_locked_thread_takes_no_answers() {
    on_each_engine(&[], async |server| {
        let bob = server.person("bob").await;
        let head = server.person_as("head", Role::Admin).await;
        let (rest, admin) = (Rest::token(&bob), Rest::token(&head));
        let begin = "/api/chat/general/create_thread/";
        let first = rest.post(201, begin, json!({"title": "First"})).await["id"].clone();
        let second = rest.post(201, begin, json!({"title": "Second"})).await["id"].clone();
        let path = format!("/api/chat/threads/{first}/");
        for step in ["pin", "unpin", "lock", "unlock"] {
            let denied = rest.post(403, &format!("{path}{step}/"), json!({})).await;
            assert_eq!(keys(&denied), ["error"], "{step}");
            admin.post(404, &format!("/api/chat/threads/424242/{step}/"), json!({})).await;
        }
        let pinned = admin.post(200, &format!("{path}pin/"), json!({})).await;
        assert_eq!((keys(&pinned), &pinned["is_pinned"]), (THREAD_KEYS.to_vec(), &json!(true)));
        admin.post(200, &format!("{path}pin/"), json!({})).await;
        let order = |threads: Value| {
            threads.as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
        };
        let threads = "/api/chat/general/threads/";
        assert_eq!(order(rest.get(200, threads).await), [first.clone(), second.clone()]);
        let unpinned = admin.post(200, &format!("{path}unpin/"), json!({})).await;
        assert_eq!(unpinned["is_pinned"], false);
        assert_eq!(order(rest.get(200, threads).await), [second.clone(), first.clone()]);

        let send = format!("{path}send_message/");
        rest.post(201, &send, json!({"content": "still open"})).await;
        let locked = admin.post(200, &format!("{path}lock/"), json!({})).await;
        assert_eq!(locked["is_locked"], true);
        let denied = rest.post(403, &send, json!({"content": "too late"})).await;
        assert_eq!(denied, json!({"error": "The thread is locked"}));
        let mut native = bob.connects().await;
        let answer = json!({"content": "by another way", "reply_to": first.to_string()});
        let refused = native.is_refused("message.send", "chat:general", answer).await;
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("forbidden"), &json!("data.reply_to"))
        );
        admin.post(201, &send, json!({"content": "who may lock it, may"})).await;
        let unlocked = admin.post(200, &format!("{path}unlock/"), json!({})).await;
        assert_eq!(unlocked["is_locked"], false);
        rest.post(201, &send, json!({"content": "open again"})).await;
        let listed = rest.get(200, &format!("{path}messages/")).await;
        assert_eq!(contents(&listed), ["still open", "who may lock it, may", "open again"]);
    })
    .await;
}

async fn files_make_their_way(database: Database) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let server = Server::start_on(database, &[("attachments_url", url.as_str())]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut b = general(&bob).await;
    let rest = Rest::token(&alice);
    let picture = png(4, 4);
    let send = "/api/chat/general/send_message/";
    let sent = rest.sends_form(201, send, &[], &[("image", "cat.png", &picture)]).await;
    let path = sent["image_url"].as_str().unwrap().to_owned();
    assert!(path.starts_with("http://") && path.ends_with("/cat.png"), "{path}");
    assert_eq!(
        (&sent["message_type"], &sent["is_image"], &sent["file_type"]),
        (&json!("image"), &json!(true), &json!("image"))
    );
    assert_eq!(
        (&sent["file_name"], &sent["file_size"], &sent["file"]),
        (&json!("cat.png"), &json!(picture.len()), &Value::Null)
    );
    let heard = b.next().await.unwrap()["message"].clone();
    assert!(heard["image"].as_str().unwrap().starts_with("/media/"), "over the socket a path");
    let path = &path[path.find("/media").unwrap()..];
    let got = Rest::anonymous(server.address).asks("GET", path, None).await;
    assert_eq!(got.bytes().await.unwrap(), picture.as_slice());

    let texts = [("content", "my essay")];
    let sent = rest.sends_form(201, send, &texts, &[("file", "essay.txt", b"It was ...")]).await;
    assert_eq!(
        (&sent["content"], &sent["message_type"], &sent["file_type"]),
        (&json!("my essay"), &json!("file"), &json!("document"))
    );
    assert_eq!((&sent["is_image"], &sent["image"]), (&json!(false), &Value::Null));
    assert!(sent["file_url"].is_string());
    rest.sends_form(400, send, &[], &[]).await;

    let mut native = alice.connects().await;
    let topic = native.opens_room("forum-art", &[&bob]).await;
    let path = format!("/api/v1/conversations/{}", &topic["chat:".len()..]);
    let found = Rest::bearer(&alice).get(200, &path).await;
    let number = found["id"].as_str().unwrap().to_owned();
    let send = format!("/api/chat/forum/{number}/send_message/");
    let sent = rest.sends_form(201, &send, &texts, &[("file", "essay.txt", b"It was ...")]).await;
    assert_eq!(sent["message"]["file_name"], "essay.txt");
    let eve = server.person("eve").await;
    let denied = Rest::token(&eve).sends_form(403, &send, &texts, &[("file", "x", b"x")]).await;
    assert_eq!(denied["error"], "Access denied");
    server.stops().await;
}

#[tokio::test]
async fn a_message_may_bring_a_picture_or_a_file() {
    files_make_their_way(Database::sqlite()).await;
    if let Some(database) = Database::postgres() {
        files_make_their_way(database).await;
    }
}
