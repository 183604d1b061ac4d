//! What clients of older systems are refused, and how they are put out: ways of signing in that are
//! not offered, words that no database can keep, and authority that ends while a socket is open.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::messenger::{group, is_silent, seated};
use crate::harness::older::{Rest, keys};
use crate::harness::people::Person;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::Socket;

const ORIGIN: (&str, &str) = ("origin", "http://localhost:8080");

async fn pupil(person: &Person, room: i64) -> Socket {
    let path = format!("/ws/chat/{room}/?token={}", person.opaque);
    let mut socket = Socket::open(person.server, &path, &[ORIGIN]).await;
    assert_eq!(socket.next().await.unwrap()["type"], "room_history");
    socket
}

#[tokio::test]
async fn signing_in_by_a_code_or_by_google_is_refused_in_plain_words() {
    let server = Server::start().await;
    let rest = Rest::anonymous(server.address);
    for prefix in ["/api/auth", "/api/accounts"] {
        for (way, body) in [
            ("phone/request-otp", json!({"phone_number": "+919876543210"})),
            ("phone/verify-otp", json!({"phone_number": "+919876543210", "otp": "123456"})),
            ("google", json!({"id_token": "a.b.c"})),
        ] {
            let told = rest.post(501, &format!("{prefix}/{way}/"), body).await;
            assert_eq!(keys(&told), ["code", "detail", "error"], "{way}");
            assert_eq!(told["code"], "not_offered");
            assert!(told["detail"].as_str().unwrap().contains("your password"), "{told}");
            rest.get(405, &format!("{prefix}/{way}/")).await;
        }
    }
}

#[tokio::test]
async fn the_first_address_speaks_json_to_whoever_asks_for_it() {
    let server = Server::start().await;
    let client = reqwest::Client::new();
    let ask = async |path: &str, accept: Option<&str>| {
        let mut request = client.get(format!("http://{}{path}", server.address));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let answer = request.send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let vary = answer.headers().get("vary").map(|vary| vary.to_str().unwrap().to_owned());
        (kind, vary.unwrap_or_default(), answer.text().await.unwrap())
    };
    let (_, _, api) = ask("/api/", None).await;
    for accept in ["application/json", "application/json, text/plain, */*", "Application/JSON"] {
        let (kind, vary, text) = ask("/", Some(accept)).await;
        assert_eq!((kind.as_str(), &text), ("application/json", &api), "{accept}");
        assert!(vary.to_lowercase().contains("accept"), "{vary}");
    }
    let told: Value = serde_json::from_str(&api).unwrap();
    assert_eq!(keys(&told), ["endpoints", "message", "version"]);
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for accept in [None, Some("*/*"), Some(browser), Some("text/html, application/json")] {
        let (kind, vary, text) = ask("/", accept).await;
        assert!(kind.starts_with("text/html") && text.contains("Switchboard"), "{accept:?}");
        assert!(vary.contains("Accept"), "caches must keep both apart: {vary}");
    }
}

#[tokio::test]
async fn a_null_character_is_refused_by_the_name_of_its_field() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let rest = Rest::bearer(&alice);
        let home = format!("/api/chat/conversations/{id}/");
        let messages = format!("{home}messages/");
        let sent = rest.post(201, &messages, json!({"content": "hello"})).await["id"].clone();
        let one = format!("{messages}{sent}/");
        let contact = rest.post(201, "/api/chat/contacts/", json!({"contact_id": bob.id.0})).await;
        let contact = format!("/api/chat/contacts/{}/", contact["id"]);
        let react = format!("{one}react/");
        let edit = format!("{one}edit/");
        let words = json!(["Null characters are not allowed."]);
        for (method, path, field, text) in [
            ("POST", messages.as_str(), "content", "a\0b"),
            ("POST", &messages, "message_type", "text\0"),
            ("POST", &react, "emoji", "👍\0"),
            ("POST", &react, "emoji", "\0"),
            ("PATCH", &edit, "content", "\0"),
            ("PATCH", &one, "content", "a\0b"),
            ("PATCH", &home, "title", "a\0b"),
            ("PATCH", &home, "description", "a\0b"),
            ("POST", "/api/chat/conversations/", "title", "a\0b"),
            ("PATCH", &contact, "nickname", "a\0b"),
            ("PATCH", "/api/auth/user/", "display_name", "a\0b"),
            ("PATCH", "/api/auth/profile/me/", "bio", "a\0b"),
            ("PATCH", "/api/auth/profile/me/", "date_of_birth", "1990-01-01\0"),
            ("PATCH", "/api/auth/settings/", "language", "e\0n"),
            ("POST", "/api/auth/register/", "username", "do\0ra"),
        ] {
            let answer = rest.asks(method, path, Some(json!({field: text}))).await;
            assert_eq!(answer.status(), 400, "{method} {path} {field}");
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told, json!({field: words}), "{method} {path} {field}");
        }
        let told = rest.get(400, &format!("{messages}?search=a%00b")).await;
        assert_eq!(told, json!({"search": words}));
        assert_eq!(rest.get(200, "/api/chat/users/search/?q=a%00b").await, json!([]));
        assert_eq!(rest.asks("GET", "/media/chat/a%00b/c", None).await.status(), 404);
        let login = json!({"username": "a\0b", "password": "x"});
        assert_eq!(rest.asks("POST", "/api/auth/login/", Some(login)).await.status(), 400);
        let school = Rest::token(&alice);
        let title = json!({"title": "a\0b"});
        school.post(400, "/api/chat/general/create_thread/", title).await;
        school.post(400, "/api/chat/general/send_message/", json!({"content": "\0"})).await;

        let mut native = alice.connects().await;
        let topic = format!("chat:{id}");
        let data = json!({"id": sent.to_string(), "emoji": "👍\0", "on": true});
        let told = native.is_refused("message.react", &topic, data).await;
        assert_eq!(told["field"], "data.emoji");
        let (status, _) = alice.asks("GET", "/api/v1/search/messages?q=a%00b", None).await;
        assert_eq!(status, 200, "what parts words is passed over");
        let mut a = seated(&alice, id).await;
        a.sends_text(&json!({"type": "message.send", "content": "a\0b"}).to_string()).await;
        is_silent(&mut a, "silence is their refusal").await;
    })
    .await;
}

#[tokio::test]
async fn whoever_loses_account_role_or_seat_is_put_out_of_older_sockets_too() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let (carol, dave) = (server.person("carol").await, server.person("dave").await);
        let root = server.person_as("root", Role::Admin).await;
        let id = group(&[&alice, &bob, &carol, &dave]).await;
        let denied = "Access denied to this room";
        let unknown = "Authentication required";
        let remove = format!("/api/v1/conversations/{id}/members/{}", dave.id);
        for (who, by, (method, path, body), codes, (words, code)) in [
            (
                &bob,
                &root,
                ("POST", format!("/api/v1/users/{}/deactivate", bob.id), None),
                [4001, 4001],
                (unknown, "auth_error"),
            ),
            (
                &carol,
                &root,
                (
                    "POST",
                    format!("/api/v1/users/{}/role", carol.id),
                    Some(json!({"role": "dispatcher"})),
                ),
                [4001, 4001],
                (unknown, "auth_error"),
            ),
            (&dave, &alice, ("DELETE", remove, None), [4003, 4002], (denied, "access_error")),
        ] {
            let mut messenger = seated(who, id).await;
            let mut classroom = pupil(who, id).await;
            classroom.hears("user_joined").await;
            let (status, told) = by.asks(method, &path, body).await;
            assert!((200..300).contains(&status), "{path}: {told}");
            assert_eq!(messenger.ends().await.code, Some(codes[0]), "{path}");
            assert_eq!(messenger.unheard(), [] as [Value; 0], "not a frame before it");
            let frame = classroom.hears("error").await;
            let told = json!({"type": "error", "error": words, "message": words, "code": code});
            assert_eq!(frame, told, "{path}");
            assert_eq!(classroom.ends().await.code, Some(codes[1]), "{path}");
        }
        let mut lobby = Socket::open(server.address, "/ws/chat/", &[ORIGIN]).await;
        lobby.sends_text(r#"{"message":"who needs no account loses none"}"#).await;
        assert!(lobby.next().await.unwrap()["message"].is_string());
    })
    .await;
}

#[tokio::test]
async fn forms_are_read_wherever_json_is() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let anyone = Rest::anonymous(server.address);
        let wish = [("username", "dora"), ("password", "Test@123"), ("email", "dora@example.org")];
        let made = anyone.sends_form(201, "/api/auth/register/", &wish, &[]).await;
        assert_eq!(made["user"]["username"], "dora");
        anyone.sends_form(200, "/api/auth/login/", &wish[..2], &[]).await;
        let rest = Rest::bearer(&alice);
        let (ana, ben) = (bob.id.to_string(), made["user"]["id"].to_string());
        let wish = [("title", "Trip"), ("member_ids", ana.as_str()), ("member_ids", &ben)];
        let made = rest.sends_form(201, "/api/chat/conversations/", &wish, &[]).await;
        assert_eq!(made["members"].as_array().unwrap().len(), 3, "a name that comes twice");
        let path = format!("/api/chat/conversations/{}/", made["id"]);
        let wish = [("title", "Sea"), ("is_public", "true")];
        let changed = rest.sends_form_by("PATCH", 200, &path, &wish, &[("x", "y", b"z")]).await;
        assert_eq!((&changed["title"], &changed["is_public"]), (&json!("Sea"), &json!(true)));
        let change = [("theme", "dark"), ("enter_to_send", "false")];
        let kept = rest.sends_form_by("PATCH", 200, "/api/auth/settings/", &change, &[]).await;
        assert_eq!((&kept["theme"], &kept["enter_to_send"]), (&json!("dark"), &json!(false)));
        let large = vec![b'x'; 2 << 20];
        let files = [("x", "large.bin", large.as_slice())];
        let refused = rest.sends_form_by("PATCH", 400, &path, &[("title", "No")], &files).await;
        assert_eq!(keys(&refused), ["body"]);
        assert_eq!(rest.get(200, &path).await["title"], "Sea");
    })
    .await;
}

#[tokio::test]
async fn an_address_or_a_number_of_another_is_refused_in_their_words() {
    on_each_engine(&[], async |server| {
        let rest = Rest::anonymous(server.address);
        let path = "/api/accounts/register/";
        let wish = |name: &str, email: &str, phone: &str| {
            json!({"username": name, "password": "Test@123", "password2": "Test@123",
                "email": email, "phone_number": phone})
        };
        rest.post(201, path, wish("dora", "dora@example.org", "+919876543210")).await;
        let told = rest.post(400, path, wish("emil", "DORA@example.org", "")).await;
        assert_eq!(told, json!({"email": ["user with this email already exists."]}));
        let told = rest.post(400, path, wish("emil", "", "+919876543210")).await;
        let words = "user with this phone number already exists.";
        assert_eq!(told, json!({"phone_number": [words]}));
        let made = rest.post(201, path, wish("emil", "", "")).await;
        assert_eq!(
            (&made["user"]["phone_number"], &made["user"]["email"]),
            (&Value::Null, &json!(""))
        );
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_closes_the_older_sockets_with_1009_and_is_told_nobody() {
    on_each_engine(&[("ws_max_size", "8KiB"), ("message_max_size", "4KiB")], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let mut watching = seated(&bob, id).await;
        let large = "x".repeat(9 << 10);
        let lobby = Socket::open(server.address, "/ws/chat/", &[ORIGIN]).await;
        let (messenger, classroom) = (seated(&alice, id).await, pupil(&alice, id).await);
        for (mut socket, frame) in [
            (lobby, json!({"message": large})),
            (messenger, json!({"type": "message.send", "content": large})),
            (classroom, json!({"type": "chat_message", "content": large})),
        ] {
            // The server may have ended it before all of it was taken.
            socket.tries_to_send(&frame.to_string()).await;
            assert_eq!(socket.ends().await.code, Some(1009));
        }
        is_silent(&mut watching, "nothing of it was said").await;
    })
    .await;
}

#[tokio::test]
async fn people_are_found_by_the_name_they_show_and_by_their_number() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let change = json!({"display_name": "Robert Ünal", "phone_number": "+919876543210",
            "show_phone_number": true});
        Rest::bearer(&bob).patch(200, "/api/auth/profile/me/", change).await;
        let rest = Rest::bearer(&alice);
        for query in ["q=robert", "search=Robert%20%C3%9Cnal", "q=BOB", "q=9876543210"] {
            let found = rest.get(200, &format!("/api/chat/users/search/?{query}")).await;
            let names: Vec<&Value> =
                found.as_array().unwrap().iter().map(|one| &one["username"]).collect();
            assert_eq!(names, ["bob"], "{query}");
        }
        let hide = json!({"show_phone_number": false});
        Rest::bearer(&bob).patch(200, "/api/auth/profile/me/", hide).await;
        let found = rest.get(200, "/api/chat/users/search/?q=%2B919876543210").await;
        assert_eq!(found[0]["username"], "bob", "to whoever knows the number");
        assert_eq!(found[0]["phone_number"], Value::Null);
        for query in ["q=_o", "q=%25", "q=%20%20%20", "q=nobody-at-all", "q=987654", "q=%2B9198"] {
            let found = rest.get(200, &format!("/api/chat/users/search/?{query}")).await;
            assert_eq!(found, json!([]), "{query}");
        }
    })
    .await;
}
