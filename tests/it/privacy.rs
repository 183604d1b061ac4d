//! Privacy: what people show of themselves, to strangers, to contacts and to themselves.

use serde_json::{Value, json};
use switchboard::clock;
use switchboard::ids::UserId;
use switchboard::models::contact::{self, Marking};
use switchboard::models::profile;

use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::rest::expect;
use crate::harness::server::Server;
use crate::harness::socket::until;

/// Runs the story on both engines.
async fn on_each_engine(story: impl AsyncFn(Server)) {
    story(Server::start().await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, &[]).await).await;
    }
}

async fn shown(viewer: &Person, of: UserId) -> Value {
    expect(viewer, 200, ("GET", &format!("/api/v1/users/{of}")), None).await
}

#[tokio::test]
async fn strangers_contacts_and_oneself_see_different_profiles() {
    on_each_engine(async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mine = json!({
            "avatar": "/pictures/ada.png", "status_message": "out", "bio": "<b>ada</b>",
            "website": "https://example.org", "country": "SL", "city": "Bo",
            "date_of_birth": "1990-02-28",
        });
        let own = expect(&ada, 200, ("PATCH", "/api/v1/profile"), Some(mine)).await;
        assert_eq!(own["bio"], "<b>ada</b>", "text is kept as it is written");
        expect(&ada, 200, ("PATCH", "/api/v1/auth/me"), Some(json!({"phone": "+23255"}))).await;
        let (owner, person) = (ada.id, bob.id);
        server
            .writes(move |conn| {
                let marking = Marking { is_listed: Some(true), ..Marking::default() };
                Ok(contact::mark(conn, owner, person, &marking, clock::now_naive())?)
            })
            .await;

        let (known, stranger) = (shown(&bob, ada.id).await, shown(&eve, ada.id).await);
        assert_eq!(known["phone"], "+23255");
        assert_eq!((&known["city"], &known["date_of_birth"]), (&json!("Bo"), &json!("1990-02-28")));
        for hidden in ["phone", "city", "country", "date_of_birth"] {
            assert_eq!(stranger[hidden], Value::Null, "{hidden}");
        }
        for open in ["avatar", "status_message", "bio", "website"] {
            assert_eq!(stranger[open], known[open], "{open}");
        }
        assert_eq!(stranger["is_online"], false);
        assert!(known.get("email").is_none(), "an address is nobody else's");
        let own = expect(&ada, 200, ("GET", "/api/v1/profile"), None).await;
        assert_eq!(own["privacy"]["show_phone_number"], true);

        let hide = json!({"show_phone_number": false, "show_last_seen": false,
            "show_profile_photo": false});
        expect(&ada, 200, ("PATCH", "/api/v1/profile"), Some(hide)).await;
        let known = shown(&bob, ada.id).await;
        for hidden in ["phone", "avatar", "is_online", "last_seen_at"] {
            assert_eq!(known[hidden], Value::Null, "{hidden}");
        }
        assert_eq!(shown(&ada, ada.id).await["avatar"], "/pictures/ada.png");
        let found = expect(&eve, 200, ("GET", "/api/v1/users/search?q=ad"), None).await;
        assert_eq!(found["users"][0]["username"], "ada");
        assert_eq!(found["users"][0]["avatar"], Value::Null);
        expect(&eve, 404, ("GET", "/api/v1/users/999999"), None).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_profile_may_not_hold_is_refused_by_field() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for (field, value) in [
        ("website", json!("javascript:alert(1)")),
        ("avatar", json!("//evil.example/x")),
        ("avatar", json!("http://example.org/x")),
        ("date_of_birth", json!("1990-02-30")),
        ("status_message", json!("x".repeat(151))),
        ("show_last_seen", json!("yes")),
    ] {
        let refused = expect(&ada, 400, ("PATCH", "/api/v1/profile"), Some(json!({field: value})));
        assert_eq!(refused.await["error"]["field"], field);
    }
    for (field, value) in [("theme", "pink"), ("font_size", "huge"), ("language", "x")] {
        let body = Some(json!({field: value}));
        let refused = expect(&ada, 400, ("PATCH", "/api/v1/settings"), body).await;
        assert_eq!(refused["error"]["field"], field);
    }
    let bad = expect(&ada, 400, ("GET", "/api/v1/presence?users=1,x"), None).await;
    assert_eq!(bad["error"]["field"], "users");
}

#[tokio::test]
async fn ones_other_devices_hear_of_settings_and_replay_them() {
    on_each_engine(async |server| {
        let ada = server.person("ada").await;
        let mut phone = ada.connects().await;
        let inbox = format!("inbox:{}", ada.id);
        let joined = phone.joins(&inbox).await;
        let mut laptop = ada.connects().await;
        let data = json!({"theme": "dark"});
        assert_eq!(laptop.asks("settings.change", None, data).await["type"], "ok");
        let data = json!({"status_message": "hello"});
        assert_eq!(
            laptop.asks("profile.change", None, data).await["data"]["status_message"],
            "hello"
        );
        assert_eq!(phone.hears("settings.changed").await["data"]["theme"], "dark");
        assert_eq!(phone.hears("profile.changed").await["data"]["status_message"], "hello");
        let reset = laptop.asks("settings.reset", None, json!({})).await;
        assert_eq!(reset["data"]["theme"], "auto");
        let mut late = ada.connects().await;
        late.joins_with(&inbox, json!({"after": joined["seq"]})).await;
        let replayed = late.hears("settings.changed").await;
        assert_eq!(replayed["data"]["theme"], "auto", "a replay says how it stands now");
        assert_eq!(late.hears("profile.changed").await["data"]["status_message"], "hello");
        let kept = laptop.asks("settings.show", None, json!({})).await;
        assert_eq!(kept["data"]["theme"], "auto");
    })
    .await;
}

#[tokio::test]
async fn online_is_by_socket_and_last_seen_is_written_after_it() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let server = Server::start_on(database, &[("presence_grace", "50ms")]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let path = format!("/api/v1/presence?users={},{},999999", ada.id, bob.id);
        let socket = ada.connects().await;
        let people = expect(&bob, 200, ("GET", &path), None).await["people"].clone();
        assert_eq!(people.as_array().unwrap().len(), 2, "{people}");
        assert_eq!(
            (&people[0]["is_online"], &people[1]["is_online"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(people[0]["last_seen_at"], Value::Null);
        socket.leaves().await;
        let id = ada.id;
        until("last seen is written", async || {
            let kept = server.reads(move |conn| Ok(profile::of(conn, id)?)).await;
            kept.last_seen_at.is_some()
        })
        .await;
        let shown = shown(&bob, ada.id).await;
        assert_eq!(shown["is_online"], false);
        assert!(shown["last_seen_at"].is_string());
    }
}

#[tokio::test]
async fn who_is_online_on_another_process_counts() {
    let Some(database) = Database::postgres() else { return };
    let url = database.url.clone();
    let here = Server::start_on(database, &[]).await;
    let there = Server::start_beside(&url, &[]).await;
    let (ada, bob) = (here.person("ada").await, here.person("bob").await);
    let socket = ada.at(there.address).connects().await;
    let path = format!("/api/v1/presence?users={}", ada.id);
    until("the other process tells", async || {
        expect(&bob, 200, ("GET", &path), None).await["people"][0]["is_online"] == json!(true)
    })
    .await;
    socket.leaves().await;
}
