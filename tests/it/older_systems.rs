//! What holds for the clients of all older systems: one sign-in, paths and slashes, subprotocols,
//! pages of other hosts, and the shapes of refusals.

use serde_json::{Value, json};

use crate::harness::messenger::USER_KEYS;
use crate::harness::older::{Rest, keys};
use crate::harness::people::Person;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::Socket;
use crate::harness::wire::{Answer, UPGRADE, Wire};

const ORIGIN: (&str, &str) = ("origin", "http://localhost:8080");
/// What clients of the classroom read of the person who signed in.
const CLASSROOM_USER: &[&str] = &[
    "avatar",
    "date_joined",
    "email",
    "first_name",
    "full_name",
    "id",
    "is_active",
    "is_staff",
    "is_verified",
    "last_name",
    "phone",
    "role",
    "role_display",
];

async fn asks(server: &Server, method: &str, path: &str, headers: &[&str]) -> Answer {
    let first = format!("{method} {path} HTTP/1.1");
    let mut lines = vec![first.as_str(), "Host: localhost"];
    lines.extend(headers);
    Wire::connect(server.address).await.asks(&lines).await.unwrap()
}

/// A forum of these people; the first opened it. Its number.
async fn forum(people: &[&Person]) -> i64 {
    let mut socket = people[0].connects().await;
    let topic = socket.opens_room("forum-art", &people[1..]).await;
    let path = format!("/api/v1/conversations/{}", &topic["chat:".len()..]);
    let found = Rest::bearer(people[0]).get(200, &path).await;
    found["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn one_sign_in_answers_with_what_both_systems_read() {
    on_each_engine(&[], async |server| {
        let rest = Rest::anonymous(server.address);
        let wish = json!({"username": "dora", "password": "Test@123", "email": "dora@example.org",
            "first_name": "Dora", "last_name": "Smith", "phone_number": "+919876543210"});
        let made = rest.post(201, "/api/auth/register/", wish).await;
        let bearer = rest.showing(&format!("Bearer {}", made["access"].as_str().unwrap()));
        let about = json!({"bio": "here for the jokes", "city": "Mumbai"});
        bearer.patch(200, "/api/auth/profile/me/", about).await;
        for name in ["username", "email", "phone_number"] {
            let value = match name {
                "username" => "dora",
                "email" => "dora@example.org",
                _ => "+919876543210",
            };
            let login = json!({name: value, "password": "Test@123"});
            let answer = rest.asks("POST", "/api/auth/login/", Some(login)).await;
            let cookies = answer.headers().get_all("set-cookie").iter();
            let cookies: Vec<String> =
                cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
            let session = cookies.iter().find(|cookie| cookie.starts_with("sessionid=")).unwrap();
            for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(session.contains(part), "{session}");
            }
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(keys(&answer), ["access", "data", "refresh", "success", "user"]);
            assert_eq!(keys(&answer["data"]), ["message", "token", "user"]);
            assert_eq!(answer["data"]["user"], answer["user"], "one user for both");
            let user = &answer["user"];
            for key in CLASSROOM_USER.iter().chain(USER_KEYS) {
                assert!(user.get(key).is_some(), "{key}");
            }
            assert_eq!(
                (&user["bio"], &user["city"], &user["full_name"], &user["is_online"]),
                (
                    &json!("here for the jokes"),
                    &json!("Mumbai"),
                    &json!("Dora Smith"),
                    &json!(true)
                )
            );
            assert!(user["settings"]["theme"].is_string(), "with their settings");
            let (opaque, access) = (&answer["data"]["token"], &answer["access"]);
            let (opaque, access) = (opaque.as_str().unwrap(), access.as_str().unwrap());
            assert_eq!((opaque.len(), access.split('.').count()), (40, 3), "told apart by sight");
            let school = rest.showing(&format!("Token {opaque}"));
            assert_eq!(school.get(200, "/api/profile/student/").await["user"]["id"], user["id"]);
            rest.showing(&format!("Bearer {access}")).get(200, "/api/auth/user/").await;
            let gone = school.post(200, "/api/auth/logout/", json!({})).await;
            assert_eq!(gone["success"], true);
            let words = json!({"detail": "Invalid token."});
            assert_eq!(school.get(403, "/api/profile/student/").await, words, "signed out");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_sign_in_is_refused_in_the_keys_of_both_and_soon_throttled() {
    on_each_engine(&[], async |server| {
        let rest = Rest::anonymous(server.address);
        let wrong = json!({"username": "nobody", "password": "wrong"});
        let words = "Unable to log in with provided credentials.";
        for _ in 0..5 {
            let refused = rest.post(400, "/api/auth/login/", wrong.clone()).await;
            let told = json!({"success": false, "error": words, "non_field_errors": [words]});
            assert_eq!(refused, told);
        }
        let answer = rest.asks("POST", "/api/auth/login/", Some(wrong)).await;
        assert_eq!(answer.status(), 429);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        let told: Value = answer.json().await.unwrap();
        let words = format!("Request was throttled. Expected available in {wait} seconds.");
        assert_eq!((&told["detail"], &told["success"]), (&json!(words), &json!(false)));
        for (body, key) in [
            (json!({"password": "x"}), "non_field_errors"),
            (json!({"username": "dora"}), "password"),
        ] {
            let refused = rest.post(400, "/api/auth/login/", body).await;
            assert!(refused[key].is_array() && refused["success"] == false, "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn being_online_is_what_one_says_and_what_ones_sockets_say() {
    on_each_engine(&[("presence_grace", "20ms")], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
        let shown = format!("/api/auth/users/{}/", alice.id.0);
        let before = other.get(200, &shown).await;
        assert_eq!((&before["is_online"], &before["last_seen_at"]), (&json!(false), &Value::Null));
        let said = rest.post(200, "/api/auth/users/set-online/", json!({})).await;
        assert_eq!(said, json!({"status": "online"}));
        let now = other.get(200, &shown).await;
        assert_eq!(now["is_online"], true, "without a socket");
        assert!(now["last_seen_at"].as_str().unwrap().ends_with('Z'));
        let mut socket = alice.connects().await;
        let said = rest.post(200, "/api/accounts/users/set-offline/", json!({})).await;
        assert_eq!(said, json!({"status": "offline"}));
        assert_eq!(other.get(200, &shown).await["is_online"], false, "whatever is open");
        let mut again = alice.connects().await;
        assert_eq!(other.get(200, &shown).await["is_online"], true, "a new socket says more");
        rest.patch(200, "/api/auth/profile/me/", json!({"show_last_seen": false})).await;
        let hidden = other.get(200, &shown).await;
        assert_eq!((&hidden["is_online"], &hidden["last_seen_at"]), (&json!(false), &Value::Null));
        socket.is_served().await;
        again.is_served().await;
        Rest::anonymous(server.address).post(401, "/api/auth/users/set-online/", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn the_word_of_a_device_that_died_does_not_hold_for_ever() {
    let server = Server::start_with(&[("online_said", "10ms"), ("presence_grace", "10ms")]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    Rest::bearer(&alice).post(200, "/api/auth/users/set-online/", json!({})).await;
    let rest = Rest::bearer(&bob);
    let shown = format!("/api/auth/users/{}/", alice.id.0);
    crate::harness::socket::until("she counts as gone", async || {
        rest.get(200, &shown).await["is_online"] == false
    })
    .await;
}

#[tokio::test]
async fn paths_are_the_same_with_and_without_their_slash_and_take_any_query() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let room = forum(&[&alice, &bob]).await;
    let (jwt, opaque) = (&alice.token, &alice.opaque);
    for (path, first) in [
        (format!("/ws/chat/{room}?token={jwt}&tab=2"), None),
        (format!("/ws/conversations/{room}?token={jwt}"), None),
        (format!("/ws/chat/{room}?x=1&token={opaque}"), Some("room_history")),
        (format!("/ws/chat/general?token={opaque}"), Some("room_history")),
        (format!("/ws?token={opaque}"), Some("room_history")),
        ("/ws/chat?x=1".to_owned(), None),
    ] {
        let mut socket = Socket::open(server.address, &path, &[ORIGIN]).await;
        match first {
            Some(kind) => assert_eq!(socket.next().await.unwrap()["type"], kind, "{path}"),
            None => assert_eq!(socket.closes(1000).await.code, Some(1000), "{path}"),
        }
    }
    let messenger = Rest::bearer(&alice);
    let school = Rest::token(&alice);
    for path in ["/api/chat/conversations", "/api/auth/user", "/api/chat/calls", "/api/auth/users"]
    {
        let plain = messenger.get(200, path).await;
        assert_eq!(messenger.get(200, &format!("{path}/")).await, plain, "{path}");
    }
    for path in ["/api/chat/forum", "/api/chat/rooms", "/api/chat/general/messages"] {
        let plain = school.get(200, path).await;
        assert_eq!(school.get(200, &format!("{path}/")).await["count"], plain["count"], "{path}");
    }
    assert_eq!(asks(&server, "GET", "/chat/status", &[]).await.status, 200);
}

#[tokio::test]
async fn no_subprotocol_is_chosen_and_the_handshake_succeeds() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let room = forum(&[&alice]).await;
    for path in [
        "/ws/chat/".to_owned(),
        format!("/ws/chat/{room}/?token={}", alice.token),
        format!("/ws/chat/{room}/?token={}", alice.opaque),
        "/ws/dashboard/".to_owned(),
    ] {
        let asked = ["Sec-WebSocket-Protocol: chat, json", "Origin: http://localhost:8080"];
        let headers: Vec<&str> = UPGRADE.iter().copied().chain(asked).collect();
        let answer = asks(&server, "GET", &path, &headers).await;
        assert_eq!(answer.status, 101, "{path}");
        assert!(!answer.head.contains("sec-websocket-protocol"), "{path}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_plain_request_of_a_socket_is_426_and_an_unknown_one_404_never_500() {
    let server = Server::start().await;
    for path in ["/ws/chat/", "/ws/chat/3/", "/ws/", "/ws/conversations/3/", "/ws/chat/general/"] {
        assert_eq!(asks(&server, "GET", path, &[]).await.status, 426, "{path}");
    }
    for path in ["/ws/nope/", "/ws/chat/3/4/", "/ws/conversations/"] {
        let answer = asks(&server, "GET", path, &UPGRADE).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn in_development_any_loopback_page_may_ask_with_credentials() {
    let server = Server::start().await;
    let paths = [
        "/api/auth/login/",
        "/api/chat/conversations/3/messages/",
        "/api/chat/forum/",
        "/media/chat/x/y",
        "/no/such/path",
    ];
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://localhost:8080"] {
        for path in paths {
            let headers = [
                format!("Origin: {origin}"),
                "Access-Control-Request-Method: POST".to_owned(),
                "Access-Control-Request-Headers: authorization, content-type, x-csrftoken, \
                 x-requested-with"
                    .to_owned(),
            ];
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let answer = asks(&server, "OPTIONS", path, &headers).await;
            assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
            for line in [
                format!("access-control-allow-origin: {origin}"),
                "access-control-allow-credentials: true".to_owned(),
                "access-control-max-age: 86400".to_owned(),
            ] {
                assert!(answer.head.contains(&line), "{path}: {line} in {}", answer.head);
            }
            for word in ["delete", "patch", "put", "x-csrftoken", "authorization"] {
                assert!(answer.head.contains(word), "{path}: {word} in {}", answer.head);
            }
            let plain = [format!("Origin: {origin}")];
            let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
            let answer = asks(&server, "OPTIONS", path, &plain).await;
            assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        }
    }
    let foreign = ["Origin: https://evil.example.net", "Access-Control-Request-Method: POST"];
    let answer = asks(&server, "OPTIONS", "/api/auth/login/", &foreign).await;
    assert!(!answer.head.contains("access-control-allow-origin"), "{}", answer.head);
}

#[tokio::test]
async fn whoever_is_not_known_gets_401_from_the_messenger_and_403_from_the_classroom() {
    let server = Server::start().await;
    let nobody = Rest::anonymous(server.address);
    let words = json!({"detail": "Authentication credentials were not provided."});
    for path in [
        "/api/chat/calls/",
        "/api/chat/contacts/",
        "/api/auth/settings/",
        "/api/auth/profile/me/",
        "/api/chat/attachments/1/download/",
    ] {
        assert_eq!(nobody.get(401, path).await, words, "{path}");
    }
    for path in [
        "/api/chat/general/",
        "/api/chat/threads/1/",
        "/api/chat/notifications/",
        "/api/materials/student/",
    ] {
        assert_eq!(nobody.get(403, path).await, words, "{path}");
    }
    for path in ["/api/chat/conversations/", "/api/chat/calls/"] {
        assert_eq!(nobody.post(401, path, json!({})).await, words, "{path}");
    }
}

#[tokio::test]
async fn a_cookie_alone_needs_the_csrf_token_and_a_header_does_not() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let room = forum(&[&alice]).await;
    let path = format!("/api/chat/forum/{room}/send_message/");
    let cookie = format!("Cookie: sessionid={}", alice.cookie);
    let body = r#"{"content":"hello"}"#;
    let last = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let send = async |more: &[&str]| {
        let first = format!("POST {path} HTTP/1.1");
        let mut lines = vec![first.as_str(), "Host: localhost", "Content-Type: application/json"];
        lines.extend(more);
        lines.push(&last);
        Wire::connect(server.address).await.asks(&lines).await.unwrap()
    };
    let refused = send(&[&cookie]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("CSRF Failed"), "{}", refused.body);
    let token = "0123456789abcdef0123456789abcdef";
    let both = format!("Cookie: sessionid={}; csrftoken={token}", alice.cookie);
    let header = format!("X-CSRFToken: {token}");
    assert_eq!(send(&[&both, &header]).await.status, 201, "as the pages send it");
    let shown = format!("Authorization: Token {}", alice.opaque);
    assert_eq!(send(&[&cookie, &shown]).await.status, 201, "a header beats the cookie");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_so_and_nothing_breaks() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let room = forum(&[&alice]).await;
    for path in [
        "/api/chat/conversations/".to_owned(),
        format!("/api/chat/conversations/{room}/messages/"),
        "/api/chat/calls/".to_owned(),
        "/api/auth/profile/me/avatar/".to_owned(),
        format!("/api/chat/forum/{room}/send_message/"),
        "/api/chat/general/create_thread/".to_owned(),
    ] {
        for (kind, body) in [
            ("application/json", "{"),
            ("application/json", "[1,2]"),
            ("application/json", "null"),
            ("text/csv", "a,b"),
            ("multipart/form-data", "no boundary"),
            ("multipart/form-data; boundary=b", "--b\r\nnonsense"),
        ] {
            let sent = alice.fetches(("POST", &path), &[("content-type", kind)], body).await;
            let status = sent.status().as_u16();
            assert!((400..500).contains(&status), "{path} {kind} {body:?}: {status}");
            let told: Value = sent.json().await.unwrap();
            assert!(told.is_object(), "{path} {kind}: {told}");
        }
    }
}
