//! Clients of an older messenger, who moved here by a host name: every frame and route they know.

use serde_json::{Value, json};

use crate::harness::messenger::{USER_KEYS, group, is_silent, opens};
use crate::harness::older::{Rest, keys};
use crate::harness::server::on_each_engine;
use crate::harness::socket::Socket;

const MESSAGE_KEYS: &[&str] = &[
    "attachments",
    "content",
    "conversation",
    "created_at",
    "edited_at",
    "forwarded_from",
    "forwarded_from_message",
    "id",
    "is_deleted",
    "message_type",
    "reactions",
    "receipts",
    "reply_to",
    "reply_to_message",
    "sender",
];
const CONVERSATION_KEYS: &[&str] = &[
    "avatar",
    "conversation_type",
    "created_at",
    "description",
    "id",
    "invite_link",
    "is_public",
    "last_message",
    "members",
    "owner",
    "title",
    "unread_count",
    "updated_at",
];

#[tokio::test]
async fn each_message_makes_one_frame_for_each_member_and_nothing_else() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (opens(&alice, id).await, opens(&bob, id).await);
        is_silent(&mut a, "nothing on connect, and no presence").await;
        is_silent(&mut b, "nothing on connect, and no presence").await;

        let sent = json!({"type": "message.send", "content": "Hello!", "message_type": "text",
        "conversation_id": 99, "user_id": 99, "reply_to": 7});
        a.sends_text(&sent.to_string()).await;
        for socket in [&mut a, &mut b] {
            let frame = socket.next().await.unwrap();
            assert_eq!(keys(&frame), ["data", "type"]);
            let data = &frame["data"];
            assert_eq!(
                (&frame["type"], &data["content"]),
                (&json!("message.new"), &json!("Hello!"))
            );
            assert_eq!(keys(data), MESSAGE_KEYS);
            assert_eq!(keys(&data["sender"]), USER_KEYS);
            assert_eq!(data["sender"]["id"], json!(alice.id.0), "ids are numbers");
            assert_eq!(data["conversation"], json!(id));
            assert_eq!(data["reply_to"], Value::Null, "extra keys are passed over");
            assert_eq!(data["receipts"][0]["state"], "sent");
            assert_eq!(data["receipts"][0]["user"]["username"], "alice");
            assert!(data["created_at"].as_str().unwrap().ends_with('Z'));
            is_silent(socket, "one frame a member, no acknowledgement").await;
        }
        for odd in [
            json!({"type": "message.send", "content": "", "message_type": "nonsense!"}),
            json!({"type": "message.send"}),
        ] {
            a.sends_text(&odd.to_string()).await;
            let frame = b.hears("message.new").await;
            assert_eq!(
                (&frame["data"]["content"], &frame["data"]["message_type"]),
                (&json!(""), &json!("text"))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn typing_goes_to_the_others_and_read_receipts_to_all() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (opens(&alice, id).await, opens(&bob, id).await);
        is_silent(&mut b, "seated").await;
        for (said, on) in [
            (json!({"type": "typing"}), true),
            (json!({"type": "typing", "is_typing": false}), false),
        ] {
            a.sends_text(&said.to_string()).await;
            let told = json!({"type": "typing", "user_id": alice.id.0, "username": "alice",
            "is_typing": on});
            assert_eq!(b.next().await.unwrap(), told);
        }
        is_silent(&mut a, "not to whoever types").await;

        a.sends_text(r#"{"type":"message.send","content":"read me"}"#).await;
        let message = b.hears("message.new").await["data"]["id"].clone();
        a.hears("message.new").await;
        let read = json!({"type": "message.read", "message_id": message});
        let told = json!({"type": "message.read", "message_id": message, "user_id": bob.id.0});
        for again in 0..2 {
            b.sends_text(&read.to_string()).await;
            for socket in [&mut a, &mut b] {
                assert_eq!(socket.next().await.unwrap(), told, "time {again}, the sender too");
            }
        }
        b.sends_text(r#"{"type":"message.read"}"#).await;
        let told = json!({"type": "message.read", "message_id": null, "user_id": bob.id.0});
        assert_eq!(a.next().await.unwrap(), told, "also without an id");
        let path = format!("/api/chat/conversations/{id}/messages/");
        let listed = Rest::bearer(&alice).get(200, &path).await;
        let receipts = listed[0]["receipts"].as_array().unwrap();
        assert!(
            receipts.iter().any(|one| one["state"] == "read" && one["user"]["username"] == "bob")
        );
    })
    .await;
}

#[tokio::test]
async fn only_ones_own_messages_are_changed_and_everything_else_is_silence() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (opens(&alice, id).await, opens(&bob, id).await);
        b.sends_text(r#"{"type":"message.send","content":"mine"}"#).await;
        let message = a.hears("message.new").await["data"]["id"].clone();
        b.hears("message.new").await;
        // Alice owns the group, and still does not touch what others wrote here.
        for silence in [
            json!({"type": "message.edit", "message_id": message, "content": "stolen"}),
            json!({"type": "message.delete", "message_id": message}),
            json!({"type": "message.edit", "message_id": 4_242_424, "content": "x"}),
            json!({"type": "message.edit", "message_id": message}),
            json!({"type": "message.edit", "content": "x"}),
            json!({"type": "message.delete"}),
            json!({"type": "message.delete", "message_id": "x"}),
            json!({"type": "no.such.type"}),
            json!({"message": "the oldest clients say this"}),
            json!({}),
            json!({"type": 5}),
        ] {
            a.sends_text(&silence.to_string()).await;
            is_silent(&mut a, &silence.to_string()).await;
        }
        is_silent(&mut b, "nobody else heard of it either").await;
        let edit = json!({"type": "message.edit", "message_id": message, "content": "still mine"});
        b.sends_text(&edit.to_string()).await;
        for socket in [&mut a, &mut b] {
            let frame = socket.next().await.unwrap();
            assert_eq!(frame["type"], "message.edited");
            assert_eq!(keys(&frame["data"]), MESSAGE_KEYS);
            assert_eq!(frame["data"]["content"], "still mine");
            assert!(frame["data"]["edited_at"].is_string());
        }
        let delete = json!({"type": "message.delete", "message_id": message});
        b.sends_text(&delete.to_string()).await;
        for socket in [&mut a, &mut b] {
            let told = json!({"type": "message.deleted", "message_id": message});
            assert_eq!(socket.next().await.unwrap(), told);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_json_object_ends_the_socket_with_1011() {
    on_each_engine(&[], async |server| {
        let alice = server.person("alice").await;
        let id = group(&[&alice]).await;
        for nonsense in ["nonsense", "[1,2]", "5", "\"x\"", "null", ""] {
            let mut socket = opens(&alice, id).await;
            socket.sends_text(nonsense).await;
            assert_eq!(socket.ends().await.code, Some(1011), "{nonsense:?}");
        }
        let mut socket = opens(&alice, id).await;
        socket.sends_binary(b"{}".to_vec()).await;
        assert_eq!(socket.ends().await.code, Some(1011), "binary");
    })
    .await;
}

#[tokio::test]
async fn the_refused_see_4001_or_4003_and_leave_no_trace() {
    on_each_engine(&[], async |server| {
        let (alice, eve) = (server.person("alice").await, server.person("eve").await);
        let id = group(&[&alice]).await;
        let mut a = opens(&alice, id).await;
        is_silent(&mut a, "seated").await;
        for token in ["", "a.b.c", &alice.expired_token(), &alice.refresh_token()] {
            let path = format!("/ws/chat/{id}/?token={token}");
            if token.is_empty() || !token.contains('.') {
                continue;
            }
            let mut socket = Socket::open(server.address, &path, &[]).await;
            assert_eq!(socket.ends().await.code, Some(4001), "{token}");
            assert_eq!(socket.next().await, None, "not a frame before it");
        }
        let path = format!("/ws/conversations/{id}/");
        let mut nobody = Socket::open(server.address, &path, &[]).await;
        assert_eq!(nobody.ends().await.code, Some(4001), "no token at all");
        for elsewhere in [id.to_string(), "424242".to_owned(), "general".to_owned(), "0".to_owned()]
        {
            let path = format!("/ws/conversations/{elsewhere}/?token={}", eve.token);
            let mut socket = Socket::open(server.address, &path, &[]).await;
            assert_eq!(socket.ends().await.code, Some(4003), "{elsewhere}");
            assert_eq!(socket.next().await, None, "not a frame before it");
        }
        is_silent(&mut a, "nothing of it reached the conversation").await;
        let path = format!("/ws/conversations/{id}/?token={}", alice.token);
        let mut alias = Socket::open(server.address, &path, &[]).await;
        is_silent(&mut alias, "the alias is served alike").await;
    })
    .await;
}

#[tokio::test]
async fn a_client_signs_up_and_in_and_keeps_its_refresh_token() {
    on_each_engine(&[], async |server| {
        let rest = Rest::anonymous(server.address);
        let wish = json!({"username": "dora", "password": "Test@123", "email": "dora@example.org",
        "display_name": "Dora", "phone_number": "+919876543210"});
        let made = rest.post(201, "/api/accounts/register/", wish.clone()).await;
        assert_eq!(made["user"]["username"], "dora", "without the password a second time");
        let mut user: Vec<&str> = keys(&made["user"]);
        user.retain(|key| USER_KEYS.contains(key));
        assert_eq!(user, USER_KEYS, "with all that these clients read of a user");
        let taken = rest.post(400, "/api/auth/register/", wish).await;
        assert_eq!(taken["username"], json!(["A user with that username already exists."]));
        let short = json!({"username": "emil", "password": "short"});
        let short = rest.post(400, "/api/auth/register/", short).await;
        assert_eq!(short["password"], json!(["Ensure this field has at least 8 characters."]));
        let differs = json!({"username": "emil", "password": "Test@123", "password2": "Test@124"});
        let differs = rest.post(400, "/api/auth/", differs).await;
        assert_eq!(differs, json!({"password2": ["Passwords do not match."]}));
        let bare = rest.post(400, "/api/accounts/register/", json!({})).await;
        assert_eq!(bare, json!({"username": ["This field is required."]}));

        let login = json!({"phone_number": "+919876543210", "password": "Test@123"});
        let signed_in = rest.post(200, "/api/auth/login/", login).await;
        assert_eq!(signed_in["user"]["is_online"], true);
        assert_eq!(signed_in["success"], true, "the answer of both systems");
        assert!(signed_in["data"]["token"].is_string());
        let wrong = json!({"username": "dora", "password": "wrong"});
        let wrong = rest.post(400, "/api/accounts/login/", wrong).await;
        let words = "Unable to log in with provided credentials.";
        assert_eq!(
            (&wrong["non_field_errors"], &wrong["success"]),
            (&json!([words]), &json!(false))
        );

        let refresh = signed_in["refresh"].clone();
        for path in
            ["/api/auth/token/refresh/", "/api/auth/refresh/", "/api/accounts/token/refresh/"]
        {
            let renewed = rest.post(200, path, json!({"refresh": refresh})).await;
            assert_eq!(keys(&renewed), ["access"], "{path}: the refresh token stays");
        }
        let missing = rest.post(400, "/api/auth/token/refresh/", json!({})).await;
        assert_eq!(missing, json!({"detail": "Refresh token required."}));
        let invalid = json!({"refresh": "a.b.c"});
        assert_eq!(
            rest.post(401, "/api/auth/token/refresh/", invalid).await["code"],
            "token_not_valid"
        );

        let access = signed_in["access"].as_str().unwrap();
        let dora = rest.showing(&format!("Bearer {access}"));
        let wish = json!({"title": "Alone", "conversation_type": "group"});
        let id = dora.post(201, "/api/chat/conversations/", wish).await["id"].clone();
        let path = format!("/ws/chat/{id}/?token={access}");
        let mut socket = Socket::open(server.address, &path, &[]).await;
        is_silent(&mut socket, "seated").await;
        let out = json!({"refresh": refresh});
        let gone = rest.post(200, "/api/auth/logout/", out.clone()).await;
        assert_eq!(gone["detail"], "Successfully logged out.");
        assert_eq!(socket.ends().await.code, Some(4001), "signing out closes what it opened");
        let again = rest.post(400, "/api/auth/logout/", out).await;
        assert_eq!(again["detail"], "Invalid token.");
    })
    .await;
}

#[tokio::test]
async fn whoever_shows_no_token_or_a_bad_one_gets_401_in_their_words() {
    on_each_engine(&[], async |server| {
        let rest = Rest::anonymous(server.address);
        for path in ["/api/auth/user/", "/api/chat/conversations/", "/api/chat/users/search/?q=al"]
        {
            let nothing = rest.get(401, path).await;
            let words = "Authentication credentials were not provided.";
            assert_eq!(nothing, json!({"detail": words}), "{path}");
            let bad = rest.showing("Bearer a.b.c").get(401, path).await;
            assert_eq!(bad["code"], "token_not_valid", "{path}");
            assert_eq!(bad["detail"], "Given token not valid for any token type");
            assert!(bad["messages"].is_array());
        }
        let root = rest.get(200, "/api/").await;
        assert_eq!(keys(&root), ["endpoints", "message", "version"]);
    })
    .await;
}

#[tokio::test]
async fn people_are_shown_listed_and_found() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let rest = Rest::bearer(&alice);
        for path in ["/api/auth/user/", "/api/auth/users/me/", "/api/accounts/user"] {
            let me = rest.get(200, path).await;
            assert_eq!(
                (keys(&me), &me["username"]),
                (USER_KEYS.to_vec(), &json!("alice")),
                "{path}"
            );
        }
        let changed = json!({"display_name": "Alice A.", "email": "alice@example.org"});
        let changed = rest.patch(200, "/api/auth/user/", changed).await;
        assert_eq!(changed["display_name"], "Alice A.");
        let bad = rest.patch(400, "/api/auth/user/", json!({"email": "nonsense"})).await;
        assert_eq!(bad, json!({"email": ["Enter a valid email address."]}));
        let others = rest.get(200, "/api/auth/users/").await;
        let names: Vec<&Value> =
            others.as_array().unwrap().iter().map(|one| &one["username"]).collect();
        assert_eq!(names, ["bob"], "all but oneself");
        let shown = rest.get(200, &format!("/api/auth/users/{}/", bob.id.0)).await;
        assert_eq!(shown["username"], "bob");
        let missing = rest.get(404, "/api/auth/users/424242/").await;
        assert_eq!(missing, json!({"detail": "No User matches the given query."}));
        for (path, status) in [("set-online", "online"), ("set-offline", "offline")] {
            let said = rest.post(200, &format!("/api/auth/users/{path}/"), json!({})).await;
            assert_eq!(said, json!({"status": status}));
        }
        for query in ["q=bo", "search=OB", "q=bob"] {
            let found = rest.get(200, &format!("/api/chat/users/search/?{query}")).await;
            assert_eq!(found[0]["username"], "bob", "{query}");
            assert_eq!(keys(&found[0]), USER_KEYS);
        }
        for query in ["q=b", "q=", "", "q=alice", "q=%25%25"] {
            let found = rest.get(200, &format!("/api/chat/users/search/?{query}")).await;
            assert_eq!(found, json!([]), "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn conversations_are_opened_found_again_and_ended() {
    on_each_engine(&[], async |server| {
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let eve = server.person("eve").await;
    let rest = Rest::bearer(&alice);
    let conversations = "/api/chat/conversations/";
    let wish = json!({"title": "Trip", "conversation_type": "group", "description": "to the sea",
        "member_ids": [bob.id.0, 424_242, "x"]});
    let made = rest.post(201, conversations, wish).await;
    assert_eq!(keys(&made), CONVERSATION_KEYS);
    assert_eq!((&made["owner"], &made["conversation_type"]), (&json!(alice.id.0), &json!("group")));
    let members = made["members"].as_array().unwrap();
    assert_eq!(
        keys(&members[0]),
        ["id", "is_admin", "joined_at", "muted_until", "nickname", "user"]
    );
    let admins: Vec<&Value> = members.iter().map(|member| &member["is_admin"]).collect();
    assert_eq!(admins, [true, false], "who opened it keeps it");
    let bad = rest.post(400, conversations, json!({"conversation_type": "secret"})).await;
    assert_eq!(bad, json!({"conversation_type": ["\"secret\" is not a valid choice."]}));

    let direct = "/api/chat/conversations/create-direct/";
    let first = rest.post(201, direct, json!({"user_id": bob.id.0})).await;
    let again = Rest::bearer(&bob).post(200, direct, json!({"user_id": alice.id.0})).await;
    assert_eq!(first["id"], again["id"], "two people have one, whoever asks");
    assert_eq!(
        (&first["title"], &first["conversation_type"]),
        (&json!("alice - bob"), &json!("direct"))
    );
    for (status, wish, words) in [
        (400, json!({}), "user_id required."),
        (404, json!({"user_id": 424_242}), "User not found."),
        (400, json!({"user_id": alice.id.0}), "You cannot talk to yourself."),
    ] {
        assert_eq!(rest.post(status, direct, wish).await, json!({"error": words}));
    }

    let listed = rest.get(200, conversations).await;
    assert_eq!(listed.as_array().unwrap().len(), 2, "a bare list");
    assert_eq!(keys(&listed[0]), CONVERSATION_KEYS);
    let path = format!("{conversations}{}/", made["id"]);
    assert_eq!(rest.get(200, &path).await["title"], "Trip");
    assert_eq!(rest.patch(200, &path, json!({"title": "Trip 2"})).await["title"], "Trip 2");
    let denied = Rest::bearer(&bob).patch(403, &path, json!({"title": "Mine"})).await;
    assert_eq!(denied, json!({"detail": "You do not have permission to perform this action."}));
    let missing = Rest::bearer(&eve).get(404, &path).await;
    assert_eq!(missing, json!({"detail": "No Conversation matches the given query."}));
    rest.get(404, "/api/chat/conversations/x/").await;

    let add = format!("{path}add-member/");
    for _ in 0..2 {
        let added = rest.post(200, &add, json!({"user_id": eve.id.0})).await;
        assert_eq!(added, json!({"status": "member added"}));
    }
    assert_eq!(rest.post(400, &add, json!({})).await, json!({"detail": "user_id required."}));
    let nobody = rest.post(400, &add, json!({"user_id": 424_242})).await;
    assert_eq!(nobody, json!({"user_id": ["Invalid pk \"424242\" - object does not exist."]}));
    Rest::bearer(&eve).delete(204, &path).await;
    Rest::bearer(&eve).get(404, &path).await;
    rest.delete(204, &path).await;
    Rest::bearer(&bob).get(404, &path).await;
    })
    .await;
}

#[tokio::test]
async fn messages_by_rest_are_newest_first_and_heard_on_sockets() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let eve = server.person("eve").await;
        let id = group(&[&alice, &bob]).await;
        let mut b = opens(&bob, id).await;
        is_silent(&mut b, "seated").await;
        let rest = Rest::bearer(&alice);
        let path = format!("/api/chat/conversations/{id}/messages/");
        let first = rest.post(201, &path, json!({"content": "first"})).await;
        assert_eq!(keys(&first), MESSAGE_KEYS);
        let heard = b.next().await.unwrap();
        assert_eq!((&heard["type"], &heard["data"]["id"]), (&json!("message.new"), &first["id"]));
        let reply = json!({"content": "second", "reply_to": first["id"], "message_type": "file"});
        let reply = rest.post(201, &path, reply).await;
        assert_eq!(reply["reply_to"], first["id"]);
        let quoted = &reply["reply_to_message"];
        assert_eq!(keys(quoted), ["content", "id", "sender"]);
        assert_eq!(
            (&quoted["content"], keys(&quoted["sender"])),
            (&json!("first"), USER_KEYS.to_vec())
        );
        let none = rest.post(400, &path, json!({"content": "x", "reply_to": 424_242})).await;
        assert_eq!(none, json!({"reply_to": ["Invalid pk \"424242\" - object does not exist."]}));
        let kind = rest.post(400, &path, json!({"content": "x", "message_type": "song"})).await;
        assert_eq!(kind, json!({"message_type": ["\"song\" is not a valid choice."]}));

        let one = format!("{path}{}/", first["id"]);
        let edited = rest.patch(200, &format!("{one}edit/"), json!({"content": "first!"})).await;
        assert_eq!(edited["content"], "first!");
        assert_eq!(b.hears("message.edited").await["data"]["content"], "first!");
        let other = Rest::bearer(&bob);
        let denied = other.patch(403, &format!("{one}edit/"), json!({"content": "x"})).await;
        assert_eq!(denied, json!({"detail": "You can only edit your own messages."}));
        assert_eq!(
            other.delete(403, &format!("{one}soft-delete/")).await["detail"],
            "You can only delete your own messages."
        );
        let blank = rest.patch(400, &format!("{one}edit/"), json!({})).await;
        assert_eq!(blank, json!({"detail": "content required."}));
        let gone = rest.delete(200, &format!("{one}soft-delete/")).await;
        assert_eq!(gone, json!({"status": "message deleted"}));
        assert_eq!(b.hears("message.deleted").await["message_id"], first["id"]);

        let listed = rest.get(200, &path).await;
        let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&reply["id"], &first["id"]], "newest first, deleted ones among them");
        assert_eq!(listed[1]["is_deleted"], true);
        let found = rest.get(200, &format!("{path}?search=SECO")).await;
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!(rest.get(200, &format!("{path}?search=%25")).await, json!([]));
        let stranger = Rest::bearer(&eve);
        assert_eq!(stranger.get(200, &path).await, json!([]), "nothing for whoever is not in it");
        let words = "You are not a member of this conversation.";
        let denied = stranger.post(403, &path, json!({"content": "x"})).await;
        assert_eq!(denied, json!({"detail": words}));
        let missing = stranger.patch(404, &format!("{one}edit/"), json!({"content": "x"})).await;
        assert_eq!(missing, json!({"detail": "No Message matches the given query."}));
    })
    .await;
}

#[tokio::test]
async fn profiles_and_settings_are_changed_and_privacy_hides_their_keys() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
        let mut profile_keys = [USER_KEYS, &["avatar_url", "date_joined"]].concat();
        profile_keys.sort_unstable();
        for prefix in ["/api/auth", "/api/accounts"] {
            let path = format!("{prefix}/profile/me/");
            assert_eq!(keys(&rest.get(200, &path).await), profile_keys);
            let change = json!({"display_name": "Alice A.", "bio": "Testing from mobile",
            "status_message": "Online", "city": "Mumbai", "phone_number": "+919876543210",
            "date_of_birth": "1990-02-28", "show_phone_number": true});
            let changed = rest.patch(200, &path, change).await;
            assert_eq!(
                (&changed["city"], &changed["date_of_birth"], &changed["display_name"]),
                (&json!("Mumbai"), &json!("1990-02-28"), &json!("Alice A."))
            );
            rest.patch(400, &path, json!({"date_of_birth": "tomorrow"})).await;
        }
        let shown = format!("/api/auth/profile/{}/", alice.id.0);
        let open = other.get(200, &shown).await;
        assert_eq!(open["bio"], "Testing from mobile");
        assert!(open.get("is_online").is_some());
        let hide = json!({"show_last_seen": false, "show_profile_photo": false,
        "show_phone_number": false});
        rest.patch(200, "/api/auth/profile/me/", hide).await;
        let hidden = other.get(200, &shown).await;
        assert_eq!(keys(&hidden), ["bio", "display_name", "id", "status_message", "username"]);
        let missing = other.get(404, "/api/auth/profile/424242/").await;
        assert_eq!(missing, json!({"error": "User not found"}));

        let settings = rest.get(200, "/api/accounts/settings/me/").await;
        assert_eq!(
            keys(&settings),
            [
                "auto_download_files",
                "auto_download_photos",
                "auto_download_videos",
                "created_at",
                "enable_notifications",
                "enter_to_send",
                "font_size",
                "id",
                "language",
                "message_preview",
                "notification_sound",
                "show_read_receipts",
                "show_typing_indicator",
                "theme",
                "two_factor_enabled",
                "updated_at"
            ]
        );
        let change = json!({"notifications_enabled": true, "theme": "dark", "language": "gu",
        "read_receipts": true, "show_read_receipts": false});
        let changed = rest.patch(200, "/api/auth/settings/", change).await;
        assert_eq!(
            (&changed["theme"], &changed["language"], &changed["show_read_receipts"]),
            (&json!("dark"), &json!("gu"), &json!(false))
        );
        let bad = rest.patch(400, "/api/auth/settings/", json!({"theme": "pink"})).await;
        assert_eq!(bad, json!({"theme": ["\"pink\" is not a valid choice."]}));
        let reset = rest.post(200, "/api/auth/settings/reset/", json!({})).await;
        assert_eq!(
            (&reset["font_size"], &reset["show_read_receipts"]),
            (&json!("medium"), &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn contacts_are_kept_liked_blocked_and_taken_away() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let rest = Rest::bearer(&alice);
        let contacts = "/api/chat/contacts/";
        assert_eq!(rest.get(200, contacts).await, json!([]));
        let made = rest.post(201, contacts, json!({"contact_id": bob.id.0, "nickname": "B"})).await;
        assert_eq!(
            keys(&made),
            ["added_at", "contact", "id", "is_blocked", "is_favorite", "nickname"]
        );
        assert_eq!(keys(&made["contact"]), USER_KEYS);
        assert_eq!(rest.post(400, contacts, json!({})).await, json!(["contact_id required."]));
        let nobody = rest.post(400, contacts, json!({"contact_id": 424_242})).await;
        assert_eq!(nobody, json!(["User not found."]));
        let path = format!("{contacts}{}/", made["id"]);
        assert_eq!(rest.patch(200, &path, json!({"nickname": "Bobby"})).await["nickname"], "Bobby");
        for (switch, on, off) in
            [("favorite", "favorited", "unfavorited"), ("block", "blocked", "unblocked")]
        {
            let switch = format!("{path}{switch}/");
            assert_eq!(rest.post(200, &switch, json!({})).await, json!({"status": on}));
            assert_eq!(rest.post(200, &switch, json!({})).await, json!({"status": off}));
        }
        rest.post(200, &format!("{path}block/"), json!({})).await;
        let direct = json!({"user_id": alice.id.0});
        let barred = Rest::bearer(&bob);
        barred.post(403, "/api/chat/conversations/create-direct/", direct).await;
        rest.post(200, &format!("{path}block/"), json!({})).await;
        let missing = Rest::bearer(&bob).get(404, &path).await;
        assert_eq!(missing, json!({"detail": "No Contact matches the given query."}));
        rest.delete(204, &path).await;
        assert_eq!(rest.get(200, contacts).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_request_changes_all_it_names_or_nothing() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let rest = Rest::bearer(&alice);
        let made = rest.post(201, "/api/chat/contacts/", json!({"contact_id": bob.id.0})).await;
        let contact = format!("/api/chat/contacts/{}/", made["id"]);
        rest.patch(400, &contact, json!({"nickname": "B", "is_blocked": "perhaps"})).await;
        assert_eq!(rest.get(200, &contact).await["nickname"], made["nickname"]);
        let both = rest.patch(200, &contact, json!({"nickname": "B", "is_blocked": true})).await;
        assert_eq!((&both["nickname"], &both["is_blocked"]), (&json!("B"), &json!(true)));
        rest.patch(200, &contact, json!({"is_blocked": false})).await;

        rest.patch(200, "/api/auth/profile/me/", json!({"phone_number": "+15550100"})).await;
        let other = Rest::bearer(&bob);
        let taken = json!({"bio": "new", "phone_number": "+15550100"});
        other.patch(400, "/api/auth/profile/me/", taken).await;
        assert_eq!(other.get(200, "/api/auth/profile/me/").await["bio"], "");
        let odd = json!({"theme": "dark", "show_read_receipts": "perhaps"});
        rest.patch(400, "/api/auth/settings/", odd).await;
        assert_eq!(rest.get(200, "/api/auth/settings/").await["theme"], "auto");

        let path = format!("/api/chat/conversations/{}/", group(&[&alice, &bob]).await);
        assert_eq!(rest.patch(200, &path, json!({"is_public": true})).await["is_public"], true);
        assert_eq!(rest.patch(200, &path, json!({"is_public": false})).await["is_public"], false);
    })
    .await;
}

#[tokio::test]
async fn in_a_large_conversation_nobody_is_told_who_has_read() {
    on_each_engine(&[("receipts_members", "2")], async |server| {
        let (alice, bob, carol) = (
            server.person("alice").await,
            server.person("bob").await,
            server.person("carol").await,
        );
        let id = group(&[&alice, &bob, &carol]).await;
        let (mut a, mut b) = (opens(&alice, id).await, opens(&bob, id).await);
        is_silent(&mut b, "seated").await;
        a.sends_text(r#"{"type":"message.send","content":"read me"}"#).await;
        let message = b.hears("message.new").await["data"]["id"].clone();
        a.hears("message.new").await;
        b.sends_text(&json!({"type": "message.read", "message_id": message}).to_string()).await;
        is_silent(&mut b, "not even the reader").await;
        is_silent(&mut a, "nor the sender").await;
    })
    .await;
}
