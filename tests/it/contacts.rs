//! Contacts: favorites and nicknames, and what a block keeps both people from.

use serde_json::{Value, json};

use crate::harness::engines::Database;
use crate::harness::rest::expect;
use crate::harness::server::Server;

async fn on_each_engine(story: impl AsyncFn(Server)) {
    story(Server::start().await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, &[]).await).await;
    }
}

#[tokio::test]
async fn contacts_are_kept_changed_and_taken_away() {
    on_each_engine(async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mut phone = ada.connects().await;
        let joined = phone.joins(&format!("inbox:{}", ada.id)).await;
        let add = json!({"user": bob.id, "nickname": "Bobby"});
        let made = expect(&ada, 201, ("POST", "/api/v1/contacts"), Some(add)).await;
        assert_eq!(
            (&made["user"]["username"], &made["nickname"]),
            (&json!("bob"), &json!("Bobby"))
        );
        assert_eq!(phone.hears("contact.changed").await["data"]["nickname"], "Bobby");
        let path = format!("/api/v1/contacts/{}", bob.id);
        let like = json!({"is_favorite": true});
        let liked = expect(&ada, 200, ("PATCH", &path), Some(like)).await;
        assert_eq!((&liked["is_favorite"], &liked["nickname"]), (&json!(true), &json!("Bobby")));
        expect(&ada, 200, ("POST", &format!("/api/v1/contacts/{}/block", eve.id)), None).await;
        let listed = expect(&ada, 200, ("GET", "/api/v1/contacts?limit=1"), None).await;
        assert_eq!(
            (&listed["more"], listed["contacts"].as_array().unwrap().len()),
            (&json!(true), 1)
        );
        let after = listed["contacts"][0]["id"].as_str().unwrap();
        let path_2 = format!("/api/v1/contacts?after={after}");
        let listed = expect(&ada, 200, ("GET", &path_2), None).await;
        assert_eq!(listed["contacts"][0]["is_blocked"], true);
        assert_eq!(listed["contacts"][0]["is_contact"], false);
        expect(&ada, 200, ("DELETE", &path), None).await;
        expect(&ada, 404, ("DELETE", &path), None).await;
        expect(&ada, 404, ("PATCH", &path), Some(json!({"nickname": "x"}))).await;
        let mut late = ada.connects().await;
        let wish = json!({"after": joined["seq"]});
        late.joins_with(&format!("inbox:{}", ada.id), wish).await;
        let gone = late.hears("contact.removed").await;
        assert_eq!(gone["data"]["user"], bob.id.to_string());
        let bad = expect(&ada, 400, ("POST", "/api/v1/contacts"), Some(json!({"user": ada.id})));
        assert_eq!(bad.await["error"]["field"], "user");
        let bad = expect(&ada, 400, ("POST", "/api/v1/contacts"), Some(json!({"user": "99999"})));
        assert_eq!(bad.await["error"]["field"], "user");
    })
    .await;
}

/// The refusal, less what names the two people.
fn words(error: &Value) -> (Value, String) {
    let message = error["message"].as_str().unwrap();
    let plain = message.chars().filter(|symbol| !symbol.is_ascii_digit()).collect();
    (error["code"].clone(), plain)
}

#[tokio::test]
async fn a_block_stops_both_and_tells_neither_who_did_it() {
    on_each_engine(async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let data = json!({"kind": "direct", "members": [bob.id]});
        let opened = ada_1.asks("conversation.create", None, data).await;
        let direct = opened["data"]["topic"].as_str().unwrap().to_owned();
        ada_1.joins(&direct).await;
        let said = ada_1.says(&direct, "hello").await;
        let blocked = ada_1.asks("contact.block", None, json!({"user": bob.id})).await;
        assert_eq!(blocked["data"]["is_blocked"], true);

        let hers = ada_1.is_refused("message.send", &direct, json!({"content": "x"})).await;
        let his = bob_1.is_refused("message.send", &direct, json!({"content": "x"})).await;
        assert_eq!(words(&hers), words(&his));
        assert_eq!(hers["code"], "forbidden");
        let edit = json!({"id": said["id"], "content": "and one more thing"});
        ada_1.is_refused("message.edit", &direct, edit).await;
        let page = bob_1.does("history", &direct, json!({})).await;
        assert_eq!(page["messages"][0]["content"], "hello", "what was said stays to be read");
        bob_1.does("read.mark", &direct, json!({"seq": said["seq"]})).await;
        ada_1.does("message.delete", &direct, json!({"id": said["id"]})).await;

        let group = |other: &str| json!({"kind": "group", "members": [other]});
        let hers = ada_1.asks("conversation.create", None, group(&bob.id.to_string())).await;
        let his = bob_1.asks("conversation.create", None, group(&ada.id.to_string())).await;
        assert_eq!(words(&hers), words(&his));
        let room = bob_1.opens_room("open", &[]).await;
        let refused = bob_1.is_refused("member.add", &room, json!({"user": ada.id})).await;
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("forbidden"), &json!("data.user"))
        );

        let shown = expect(&bob, 200, ("GET", &format!("/api/v1/users/{}", ada.id)), None).await;
        assert_eq!((&shown["is_online"], &shown["contact"]), (&Value::Null, &Value::Null));
        ada_1.asks("contact.unblock", None, json!({"user": bob.id})).await;
        bob_1.says(&direct, "again").await;
    })
    .await;
}

#[tokio::test]
async fn a_blocked_person_cannot_begin_a_direct_conversation_and_neither_can_the_other() {
    on_each_engine(async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let path = format!("/api/v1/contacts/{}/block", bob.id);
        expect(&ada, 200, ("POST", &path), None).await;
        let open = |with: &crate::harness::people::Person| {
            Some(json!({"kind": "direct", "members": [with.id]}))
        };
        let at = ("POST", "/api/v1/conversations");
        let his = expect(&bob, 403, at, open(&ada)).await;
        let hers = expect(&ada, 403, at, open(&bob)).await;
        assert_eq!(words(&his["error"]), words(&hers["error"]));
        expect(&ada, 200, ("DELETE", &path), None).await;
        expect(&bob, 201, at, open(&ada)).await;
    })
    .await;
}

#[tokio::test]
async fn who_keeps_invitations_to_contacts_is_brought_in_by_contacts_alone() {
    on_each_engine(async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let closed = json!({"allow_group_invite": false});
        expect(&ada, 200, ("PATCH", "/api/v1/profile"), Some(closed)).await;
        let add = json!({"user": bob.id});
        expect(&ada, 201, ("POST", "/api/v1/contacts"), Some(add)).await;
        let group = Some(json!({"kind": "group", "members": [ada.id]}));
        let at = ("POST", "/api/v1/conversations");
        let refused = expect(&eve, 403, at, group.clone()).await;
        assert_eq!(refused["error"]["field"], "members");
        expect(&bob, 201, at, group).await;
        let direct = Some(json!({"kind": "direct", "members": [ada.id]}));
        expect(&eve, 201, at, direct).await;
    })
    .await;
}
