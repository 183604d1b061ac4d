//! Notifications: what waits for people who did not hear, on all their devices alike.

use chrono::{Duration, NaiveDateTime};
use serde_json::{Value, json};
use switchboard::actors::housekeeping;
use switchboard::auth::identity::Role;
use switchboard::clock;

use crate::harness::browser::Browser;
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::rest::asks;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

fn databases() -> impl Iterator<Item = Database> {
    [Some(Database::sqlite()), Database::postgres()].into_iter().flatten()
}

fn inbox(person: &Person) -> String {
    format!("inbox:{}", person.id.0)
}

/// A socket that listens to one's inbox and to nothing else.
async fn device(person: &Person) -> Socket {
    let mut socket = person.connects().await;
    socket.joins(&inbox(person)).await;
    socket
}

/// A room of its own for these two, whose invitation is read.
async fn room(owner: &mut Socket, name: &str, guest: &Person) -> String {
    let room = owner.opens_room(name, &[guest]).await;
    owner.joins(&room).await;
    guest.gets(200, "POST", "/api/v1/notifications/read", Some(&json!({"all": true}))).await;
    room
}

async fn listed(person: &Person, query: &str) -> Value {
    person.gets(200, "GET", &format!("/api/v1/notifications{query}"), None).await
}

#[tokio::test]
async fn messages_that_someone_does_not_hear_wait_as_one_notification_that_grows() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let talk = room(&mut ada_1, "talk", &bob).await;
        let (mut phone, mut desk) = (device(&bob).await, device(&bob).await);
        ada_1.says(&talk, "are you there?").await;
        let mut first = Value::Null;
        for device in [&mut phone, &mut desk] {
            first = device.hears("notification.new").await;
            let notification = &first["data"]["notification"];
            assert_eq!(notification["type"], "message", "{first}");
            assert_eq!(notification["title"], "ada in talk");
            assert_eq!(notification["message"], "are you there?");
            assert_eq!(notification["actor"]["username"], "ada");
            assert_eq!(notification["data"]["topic"], talk);
            assert_eq!(notification["count"], 1);
            assert_eq!(
                (&first["data"]["unread"], &first["data"]["unseen"]),
                (&json!(1), &json!(1))
            );
            assert_eq!(notification["place"], first["seq"]);
        }
        ada_1.says(&talk, "hello?").await;
        let grown = phone.hears("notification.new").await;
        let notification = &grown["data"]["notification"];
        assert_eq!(notification["id"], first["data"]["notification"]["id"], "not piled up");
        assert_eq!(
            (&notification["count"], &notification["message"]),
            (&json!(2), &json!("hello?"))
        );
        assert_eq!(grown["data"]["unread"], 1);
        assert!(grown["seq"].as_i64() > first["seq"].as_i64(), "moved up");
        // Whoever listens to the conversation hears it there.
        phone.joins(&talk).await;
        ada_1.says(&talk, "ah").await;
        phone.hears_message("ah").await;
        phone.is_served().await;
        assert_eq!(phone.overheard("notification.new").len(), 0);
        assert_eq!(listed(&bob, "").await["notifications"][0]["count"], 2);
    }
}

#[tokio::test]
async fn what_is_read_on_one_device_is_cleared_on_the_others() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let one = room(&mut ada_1, "one", &bob).await;
        let two = room(&mut ada_1, "two", &bob).await;
        let (mut phone, mut desk) = (device(&bob).await, device(&bob).await);
        ada_1.says(&one, "first").await;
        ada_1.says(&two, "second").await;
        let first = phone.hears("notification.new").await["data"]["notification"]["id"].clone();
        assert_eq!(phone.hears("notification.new").await["data"]["unread"], 2);
        let seen = desk.does("inbox.mark_seen", &inbox(&bob), json!({})).await;
        assert_eq!((&seen["unread"], &seen["unseen"]), (&json!(2), &json!(0)));
        assert_eq!(phone.hears("notification.seen").await["data"]["unseen"], 0);
        let marked = phone.does("inbox.mark_read", &inbox(&bob), json!({"id": first})).await;
        assert_eq!(marked["unread"], 1);
        let cleared = desk.hears("notification.read").await;
        assert_eq!(
            (&cleared["data"]["ids"], &cleared["data"]["unread"]),
            (&json!([first]), &json!(1))
        );
        desk.does("inbox.mark_read", &inbox(&bob), json!({"all": true})).await;
        phone.hears("notification.read").await;
        let cleared = phone.hears("notification.read").await;
        assert_eq!(
            (&cleared["data"]["all"], &cleared["data"]["unread"]),
            (&json!(true), &json!(0))
        );
        let again = desk.does("inbox.mark_read", &inbox(&bob), json!({"all": true})).await;
        assert_eq!(again["seq"], 0, "nothing was left to read, so nobody is told");
        // What comes after it was read is a new one.
        ada_1.says(&one, "third").await;
        let fresh = phone
            .hears_that("the third", |frame| frame["data"]["notification"]["message"] == "third");
        assert_ne!(fresh.await["data"]["notification"]["id"], first);
    }
}

#[tokio::test]
async fn a_device_that_was_away_is_caught_up_in_order() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let talk = room(&mut ada_1, "talk", &bob).await;
        let mut phone = bob.connects().await;
        let joined = phone.joins(&inbox(&bob)).await;
        assert_eq!(
            (&joined["snapshot"]["unread"], &joined["snapshot"]["unseen"]),
            (&json!(0), &json!(0))
        );
        phone.leaves().await;
        ada_1.says(&talk, "one").await;
        let mut desk = bob.connects().await;
        let snapshot = desk.joins(&inbox(&bob)).await["snapshot"].clone();
        assert_eq!(snapshot["unread"], 1, "{snapshot}");
        assert_eq!(snapshot["notifications"][0]["message"], "one");
        let id = snapshot["notifications"][0]["id"].clone();
        desk.does("inbox.mark_read", &inbox(&bob), json!({"id": id})).await;
        desk.does("inbox.delete", &inbox(&bob), json!({"id": id})).await;
        ada_1.says(&talk, "two").await;
        let mut phone = bob.connects().await;
        let wish = json!({"after": joined["seq"], "epoch": joined["epoch"]});
        assert_eq!(phone.joins_with(&inbox(&bob), wish).await["recovered"], true);
        // The first one is gone, so its coming is not told again.
        let read = phone.hears("notification.read").await;
        assert_eq!((&read["data"]["ids"], &read["data"]["unread"]), (&json!([id]), &json!(0)));
        assert_eq!(phone.hears("notification.deleted").await["data"]["ids"], json!([id]));
        let new = phone.hears("notification.new").await;
        assert_eq!(
            (&new["data"]["notification"]["message"], &new["data"]["unread"]),
            (&json!("two"), &json!(1))
        );
    }
}

#[tokio::test]
async fn a_public_room_notifies_those_it_mentions_and_nobody_else() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut ada_1 = ada.connects().await;
    let wish = json!({"kind": "room", "name": "agora", "is_public": true});
    assert_eq!(ada_1.asks("conversation.create", None, wish).await["type"], "ok");
    ada_1.joins("chat:agora").await;
    let (mut bob_1, mut eve_1) = (device(&bob).await, device(&eve).await);
    bob_1.does("conversation.join", "chat:agora", json!({})).await;
    eve_1.does("conversation.join", "chat:agora", json!({})).await;
    bob_1.joins("chat:agora").await;
    ada_1.says("chat:agora", "good morning").await;
    ada_1.says("chat:agora", "mail me: eve@example.org, @Bob and @ada").await;
    let heard = bob_1.hears("notification.new").await;
    let notification = &heard["data"]["notification"];
    assert_eq!(
        (&notification["type"], &notification["priority"]),
        (&json!("mention"), &json!("high"))
    );
    assert_eq!(notification["title"], "ada mentioned you in agora");
    ada_1.says("chat:agora", "@bob once more").await;
    let grown = bob_1.hears("notification.new").await;
    assert_eq!(grown["data"]["notification"]["count"], 2);
    eve_1.is_served().await;
    assert_eq!(eve_1.overheard("notification.new").len(), 0, "an address is no mention");
    assert_eq!(listed(&ada, "").await["unread"], 0, "nobody mentions themselves");
}

#[tokio::test]
async fn a_stranger_mentioned_in_a_private_conversation_learns_nothing() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut ada_1 = ada.connects().await;
    let talk = room(&mut ada_1, "talk", &bob).await;
    ada_1.says(&talk, "@eve must not know, @bob").await;
    assert_eq!(listed(&eve, "").await["notifications"], json!([]));
    let listed = listed(&bob, "?unread=true").await;
    assert_eq!(listed["notifications"][0]["type"], "mention");
    assert_eq!(listed["notifications"].as_array().unwrap().len(), 1, "one message, one notice");
}

#[tokio::test]
async fn a_muted_conversation_notifies_of_mentions_alone() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let talk = room(&mut ada_1, "talk", &bob).await;
    let until: NaiveDateTime = clock::now_naive() + Duration::hours(1);
    let muted = bob.id;
    server
        .writes(move |conn| {
            use switchboard::models::{conversation, membership};
            let talk = conversation::by_name(conn, "talk")?.unwrap();
            Ok(membership::set_muted(conn, talk.id, muted, Some(until))?)
        })
        .await;
    ada_1.says(&talk, "not so loud").await;
    assert_eq!(listed(&bob, "").await["unread"], 0);
    ada_1.says(&talk, "but you, @bob").await;
    assert_eq!(listed(&bob, "").await["notifications"][0]["type"], "mention");
}

#[tokio::test]
async fn whoever_is_brought_in_is_invited_and_reading_the_conversation_clears_its_messages() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, device(&bob).await);
    let talk = ada_1.opens_room("talk", &[&bob]).await;
    let heard = bob_1.hears("notification.new").await;
    let invitation = &heard["data"]["notification"];
    assert_eq!(
        (&invitation["type"], &invitation["title"]),
        (&json!("invite"), &json!("ada added you to talk"))
    );
    ada_1.joins(&talk).await;
    let said = ada_1.says(&talk, "welcome").await;
    let waiting = bob_1.hears("notification.new").await;
    assert_eq!(waiting["data"]["unread"], 2);
    let message = waiting["data"]["notification"]["id"].clone();
    bob_1.does("read.mark", &talk, json!({"seq": said["seq"]})).await;
    let cleared = bob_1.hears("notification.read").await;
    assert_eq!(
        (&cleared["data"]["ids"], &cleared["data"]["unread"]),
        (&json!([message]), &json!(1))
    );
}

#[tokio::test]
async fn a_message_that_is_taken_back_is_taken_out_of_notifications_too() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let talk = room(&mut ada_1, "talk", &bob).await;
    let mut bob_1 = device(&bob).await;
    let said = ada_1.says(&talk, "my secret is 4711").await;
    bob_1.hears("notification.new").await;
    ada_1.does("message.edit", &talk, json!({"id": said["id"], "content": "nothing"})).await;
    let changed = bob_1.hears("notification.changed").await;
    assert_eq!(changed["data"]["notification"]["message"], "nothing");
    ada_1.does("message.delete", &talk, json!({"id": said["id"]})).await;
    let changed = bob_1.hears("notification.changed").await;
    assert_eq!(changed["data"]["notification"]["message"], "");
    assert!(!listed(&bob, "").await.to_string().contains("4711"));
}

#[tokio::test]
async fn an_admin_or_a_service_may_notify_and_nobody_else() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (ada, root) = (server.person("ada").await, server.person_as("root", Role::Admin).await);
        let eve = server.person_as("eve", Role::Dispatcher).await;
        let mut ada_1 = device(&ada).await;
        let wish = json!({"title": "Maintenance at noon", "everyone": true, "priority": "high",
            "action_url": "/status", "data": {"minutes": 5}, "client_id": "m1"});
        let announced = root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
        assert_eq!(announced["notified"], 3);
        let heard = ada_1.hears("notification.new").await;
        let notification = &heard["data"]["notification"];
        assert_eq!(
            (&notification["type"], &notification["data"]),
            (&json!("broadcast"), &json!({"minutes": 5}))
        );
        let again = root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
        assert_eq!(again, announced);
        assert_eq!(listed(&eve, "").await["unread"], 1, "a repeat does nothing");
        for person in [&ada, &eve] {
            let refused = person.gets(403, "POST", "/api/v1/notifications", Some(&wish)).await;
            assert_eq!(refused["error"]["code"], "forbidden");
        }
        let token = json!({"name": "billing", "purpose": "notify", "days": 30});
        ada.gets(403, "POST", "/api/v1/service-tokens", Some(&token)).await;
        let made = root.gets(201, "POST", "/api/v1/service-tokens", Some(&token)).await;
        let secret = format!("Token {}", made["token"].as_str().unwrap());
        let wish = json!({"type": "invoice", "title": "Your invoice", "users": [ada.id.0.to_string()],
            "object": {"type": "invoice", "id": "9"}, "group": "invoice:9"});
        let path = "/api/v1/notifications";
        let answered = asks(server.address, Some(&secret), "POST", path, Some(&wish)).await;
        assert_eq!((answered.status, &answered.body["notified"]), (201, &json!(1)), "{answered:?}");
        assert_eq!(
            ada_1.hears("notification.new").await["data"]["notification"]["type"],
            "invoice"
        );
        // It opens that and nothing else.
        for path in ["/api/v1/auth/me", "/api/v1/notifications", "/api/v1/conversations"] {
            let answered = asks(server.address, Some(&secret), "GET", path, None).await;
            assert_eq!(answered.status, 403, "{path}");
        }
        let mut socket =
            Socket::open(server.address, "/ws/v1/", &[("authorization", &secret)]).await;
        assert_eq!(socket.ends().await.code, Some(4001));
        let list = root.gets(200, "GET", "/api/v1/service-tokens", None).await;
        assert_eq!(list["tokens"][0]["name"], "billing");
        assert!(list["tokens"][0].get("token").is_none());
        let id = made["id"].as_str().unwrap();
        root.gets(204, "DELETE", &format!("/api/v1/service-tokens/{id}"), None).await;
        root.gets(404, "DELETE", &format!("/api/v1/service-tokens/{id}"), None).await;
        let answered = asks(server.address, Some(&secret), "POST", path, Some(&wish)).await;
        assert_eq!(answered.status, 401);
    }
}

#[tokio::test]
async fn an_announcement_that_breaks_a_rule_names_its_field() {
    let server = Server::start().await;
    let root = server.person_as("root", Role::Admin).await;
    let me = json!([root.id.0.to_string()]);
    for (field, wish) in [
        ("title", json!({"title": " ", "users": me})),
        ("type", json!({"title": "x", "type": "No Word", "users": me})),
        ("users", json!({"title": "x"})),
        ("users", json!({"title": "x", "users": me, "everyone": true})),
        ("users", json!({"title": "x", "users": ["999999"]})),
        ("action_url", json!({"title": "x", "users": me, "action_url": "javascript:alert(1)"})),
        ("action_url", json!({"title": "x", "users": me, "action_url": "//elsewhere.example"})),
        ("data", json!({"title": "x", "users": me, "data": [1]})),
        ("priority", json!({"title": "x", "users": me, "priority": "shrill"})),
        ("roles[0]", json!({"title": "x", "roles": ["teacher"]})),
        ("sound", json!({"title": "x", "users": me, "sound": "on"})),
    ] {
        let refused = root.gets(400, "POST", "/api/v1/notifications", Some(&wish)).await;
        assert_eq!(refused["error"]["field"], field, "{wish}: {refused}");
    }
    assert_eq!(listed(&root, "").await["unread"], 0);
}

#[tokio::test]
async fn preferences_and_quiet_hours_decide_how_loudly_it_comes() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (bob, root) = (server.person("bob").await, server.person_as("root", Role::Admin).await);
        let mut bob_1 = device(&bob).await;
        let (now, hour) = (clock::now(), Duration::hours(1));
        let time = |at: chrono::DateTime<chrono::Utc>| at.format("%H:%M").to_string();
        let hours = json!({"time_zone": "UTC", "from": time(now - hour), "to": time(now + hour)});
        let wish = json!({"types": {"advert": "off", "news": "quiet"}, "quiet_hours": hours});
        let kept = bob_1.does("inbox.prefer", &inbox(&bob), wish).await;
        assert_eq!(kept["types"], json!({"advert": "off", "news": "quiet"}));
        let path = "/api/v1/notifications/preferences";
        assert_eq!(bob.gets(200, "GET", path, None).await, kept);
        let announce = |kind: &str, priority: &str| json!({"type": kind, "title": kind, "priority": priority, "users": [bob.id.0.to_string()]});
        let to = "/api/v1/notifications";
        let none = root.gets(201, "POST", to, Some(&announce("advert", "high"))).await;
        assert_eq!(none["notified"], 0, "turned off");
        root.gets(201, "POST", to, Some(&announce("other", "high"))).await;
        assert_eq!(bob_1.hears("notification.new").await["data"]["notification"]["quiet"], true);
        root.gets(201, "POST", to, Some(&announce("advert", "urgent"))).await;
        let urgent = bob_1.hears("notification.new").await;
        assert_eq!(urgent["data"]["notification"]["quiet"], false, "urgent breaks both");
        let wish = json!({"types": {"advert": "loud"}, "quiet_hours": null});
        let kept = bob.gets(200, "PATCH", path, Some(&wish)).await;
        assert_eq!(kept, json!({"types": {"news": "quiet"}, "quiet_hours": null}));
        root.gets(201, "POST", to, Some(&announce("other", "low"))).await;
        assert_eq!(bob_1.hears("notification.new").await["data"]["notification"]["quiet"], false);
        root.gets(201, "POST", to, Some(&announce("news", "low"))).await;
        assert_eq!(bob_1.hears("notification.new").await["data"]["notification"]["quiet"], true);
        let wish = json!({"quiet_hours": {"time_zone": "Nowhere", "from": "22:00", "to": "07:00"}});
        let refused = bob.gets(400, "PATCH", path, Some(&wish)).await;
        assert_eq!(refused["error"]["field"], "quiet_hours.time_zone");
    }
}

#[tokio::test]
async fn the_list_is_paged_and_holds_ones_own_alone() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (bob, eve) = (server.person("bob").await, server.person("eve").await);
        let root = server.person_as("root", Role::Admin).await;
        for number in 1..=5 {
            let wish =
                json!({"title": format!("number {number}"), "users": [bob.id.0.to_string()]});
            root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
        }
        let titles = |page: &Value| -> Vec<String> {
            let all = page["notifications"].as_array().unwrap();
            all.iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
        };
        let first = listed(&bob, "?limit=2").await;
        assert_eq!(
            (titles(&first), &first["more"]),
            (vec!["number 5".into(), "number 4".into()], &json!(true))
        );
        let place = first["notifications"][1]["place"].as_i64().unwrap();
        let rest = listed(&bob, &format!("?limit=3&before={place}")).await;
        assert_eq!(titles(&rest), ["number 3", "number 2", "number 1"]);
        assert_eq!((&rest["more"], &rest["unread"]), (&json!(false), &json!(5)));
        let id = first["notifications"][0]["id"].as_str().unwrap().to_owned();
        let one = format!("/api/v1/notifications/{id}");
        for (method, path) in
            [("GET", one.clone()), ("POST", format!("{one}/read")), ("DELETE", one.clone())]
        {
            assert_eq!(eve.gets(404, method, &path, None).await["error"]["code"], "not_found");
        }
        let mut eve_1 = eve.connects().await;
        let refused = eve_1.is_refused("inbox.list", &inbox(&bob), json!({})).await;
        assert_eq!(refused["code"], "not_found");
        let refused = eve_1.is_refused("inbox.mark_read", &inbox(&bob), json!({"all": true})).await;
        assert_eq!(refused["code"], "not_found");
        bob.gets(200, "POST", &format!("{one}/read"), None).await;
        assert_eq!(titles(&listed(&bob, "?unread=true").await).len(), 4);
        let left = bob.gets(200, "DELETE", "/api/v1/notifications/read", None).await;
        assert_eq!(left["unread"], 4);
        assert_eq!(bob.gets(404, "GET", &one, None).await["error"]["code"], "not_found");
        assert_eq!(listed(&bob, "").await["notifications"].as_array().unwrap().len(), 4);
        let refused = bob.gets(400, "GET", "/api/v1/notifications?limit=0", None).await;
        assert_eq!(refused["error"]["field"], "limit");
        let counts = bob.gets(200, "GET", "/api/v1/notifications/unread", None).await;
        assert_eq!(counts, json!({"unread": 4, "unseen": 4}));
    }
}

#[tokio::test]
async fn old_ones_go_and_devices_learn_of_those_that_were_not_read() {
    for database in databases() {
        let server = Server::start_on(database, &[("notifications_keep_rows", "2")]).await;
        let (bob, root) = (server.person("bob").await, server.person_as("root", Role::Admin).await);
        let mut bob_1 = device(&bob).await;
        let mut ids = Vec::new();
        for number in 1..=4 {
            let wish =
                json!({"title": format!("number {number}"), "users": [bob.id.0.to_string()]});
            root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
            ids.push(bob_1.hears("notification.new").await["data"]["notification"]["id"].clone());
        }
        bob_1.does("inbox.mark_read", &inbox(&bob), json!({"id": ids[0]})).await;
        housekeeping::prune_once(&server.house).await.unwrap();
        let gone = bob_1.hears("notification.deleted").await;
        assert_eq!((&gone["data"]["ids"], &gone["data"]["unread"]), (&json!([ids[1]]), &json!(2)));
        assert_eq!(listed(&bob, "").await["notifications"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn in_a_very_large_conversation_only_mentions_notify() {
    let server = Server::start_with(&[("notify_members_max", "2")]).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut ada_1 = ada.connects().await;
    let talk = ada_1.opens_room("talk", &[&bob, &eve]).await;
    for person in [&bob, &eve] {
        person.gets(200, "POST", "/api/v1/notifications/read", Some(&json!({"all": true}))).await;
    }
    ada_1.joins(&talk).await;
    ada_1.says(&talk, "to all of you").await;
    ada_1.says(&talk, "to you, @eve").await;
    assert_eq!(listed(&bob, "").await["unread"], 0);
    assert_eq!(listed(&eve, "").await["notifications"][0]["type"], "mention");
}

#[tokio::test]
async fn in_a_browser_one_window_clears_the_other() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let (bob, root) = (server.person("bob").await, server.person_as("root", Role::Admin).await);
    browser.visits(server.address, "/login/").await;
    let script = format!(
        "new Promise(async done => {{
            const topic = '{}';
            const device = () => new Promise(ready => {{
                const socket = new WebSocket(`ws://${{location.host}}/ws/v1/?token={}`);
                socket.heard = [];
                socket.waits = kind => new Promise(found => {{
                    const look = () => socket.heard.find(frame => frame.type === kind);
                    const poll = () => look() ? found(look()) : setTimeout(poll, 10);
                    poll();
                }});
                socket.onmessage = ({{data}}) => {{
                    const frame = JSON.parse(data);
                    socket.heard.push(frame);
                    if (frame.type === 'live') ready(socket);
                }};
                socket.onopen = () => socket.send(JSON.stringify({{type: 'subscribe', topic}}));
            }});
            window.phone = await device();
            window.desk = await device();
            done(true);
        }})",
        inbox(&bob),
        bob.token
    );
    assert_eq!(browser.runs(&script).await, true);
    let wish = json!({"title": "hello", "users": [bob.id.0.to_string()]});
    root.gets(201, "POST", "/api/v1/notifications", Some(&wish)).await;
    let script = format!(
        "(async () => {{
            const arrived = await phone.waits('notification.new');
            await desk.waits('notification.new');
            const id = arrived.data.notification.id;
            phone.send(JSON.stringify({{type: 'inbox.mark_read', topic: '{}', data: {{id}}}}));
            const cleared = await desk.waits('notification.read');
            return {{before: arrived.data.unread, after: cleared.data.unread,
                     same: cleared.data.ids[0] === id}};
        }})()",
        inbox(&bob)
    );
    let outcome = browser.runs(&script).await;
    assert_eq!(outcome, json!({"before": 1, "after": 0, "same": true}));
    server.stops().await;
}

#[tokio::test]
async fn whoever_has_shut_someone_out_is_notified_of_nothing_they_write() {
    for database in databases() {
        let server = Server::start_on(database, &[]).await;
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mut ada_1 = ada.connects().await;
        let talk = room(&mut ada_1, "talk", &bob).await;
        ada_1.does("member.add", &talk, json!({"user": eve.id})).await;
        bob.gets(200, "POST", &format!("/api/v1/contacts/{}/block", eve.id), None).await;
        let mut phone = device(&bob).await;
        let mut eve_1 = eve.connects().await;
        eve_1.says(&talk, "are you there?").await;
        eve_1.says(&talk, "@bob, are you?").await;
        ada_1.says(&talk, "leave him").await;
        let told = phone.hears("notification.new").await;
        assert_eq!(told["data"]["notification"]["message"], "leave him");
        assert_eq!(told["data"]["notification"]["count"], 1);
        assert_eq!(listed(&bob, "").await["unread"], 1);
    }
}
