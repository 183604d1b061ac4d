//! Reports, exports and erasure: what people bring before the admins, take with them, leave behind.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::auth::password;
use switchboard::clock;
use switchboard::models::export::SECTIONS;
use switchboard::models::{message, user};

use crate::harness::engines::{Database, tables_naming_people};
use crate::harness::people::Person;
use crate::harness::rest::{expect, rest};
use crate::harness::server::Server;
use crate::harness::socket::until;

async fn on_each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_with(settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}

#[tokio::test]
async fn a_report_reaches_the_admins_and_is_settled() {
    on_each_engine(&[], async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let root = server.person_as("root", Role::Admin).await;
        let mut desk = root.connects().await;
        desk.joins("admin:reports").await;
        let mut bob_1 = bob.connects().await;
        let room = bob_1.opens_room("team", &[&ada]).await;
        let said = bob_1.says(&room, "buy my pills").await;
        let report = json!({"message": said["id"], "reason": "spam", "note": "again"});
        expect(&eve, 404, ("POST", "/api/v1/reports"), Some(report.clone())).await;
        let made = expect(&ada, 201, ("POST", "/api/v1/reports"), Some(report.clone())).await;
        let opened = desk.hears("report.opened").await;
        assert_eq!(opened["data"]["excerpt"], "buy my pills");
        assert_eq!(opened["data"]["person"]["username"], "bob");
        let again = expect(&ada, 201, ("POST", "/api/v1/reports"), Some(report)).await;
        assert_eq!(again["id"], made["id"], "one open report of one thing");
        expect(&ada, 403, ("GET", "/api/v1/reports"), None).await;
        let listed = expect(&root, 200, ("GET", "/api/v1/reports"), None).await;
        assert_eq!(listed["reports"].as_array().unwrap().len(), 1);

        let path = format!("/api/v1/reports/{}/resolve", made["id"].as_str().unwrap());
        let outcome = Some(json!({"state": "resolved", "resolution": "warned"}));
        expect(&ada, 403, ("POST", &path), outcome.clone()).await;
        let settled = expect(&root, 200, ("POST", &path), outcome.clone()).await;
        assert_eq!((&settled["excerpt"], &settled["resolution"]), (&json!(""), &json!("warned")));
        expect(&root, 409, ("POST", &path), outcome).await;
        desk.hears("report.resolved").await;
        let person = desk.asks("report.list", None, json!({"state": "resolved"})).await;
        assert_eq!(person["data"]["reports"][0]["state"], "resolved");
        for (bad, field) in [
            (json!({"reason": "spam"}), "message"),
            (json!({"reason": "spam", "user": ada.id}), "user"),
            (json!({"reason": "spam", "user": "99999"}), "user"),
            (json!({"reason": "boring", "user": bob.id}), "reason"),
        ] {
            let refused = expect(&ada, 400, ("POST", "/api/v1/reports"), Some(bad)).await;
            assert_eq!(refused["error"]["field"], field);
        }
    })
    .await;
}

#[tokio::test]
async fn one_takes_everything_of_ones_own_and_a_member_a_conversation() {
    let settings = [("frames_per_second", "0"), ("messages_per_second_per_user", "0")];
    on_each_engine(&settings, async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let root = server.person_as("root", Role::Admin).await;
        let mut ada_1 = ada.connects().await;
        let room = ada_1.opens_room("team", &[&bob]).await;
        for number in 0..450 {
            ada_1
                .sends("message.send", Some(&room), json!({"content": format!("n{number}")}))
                .await;
        }
        let last = ada_1.says(&room, "the last").await;
        expect(&ada, 201, ("POST", "/api/v1/contacts"), Some(json!({"user": bob.id}))).await;
        let path = format!("/api/v1/users/{}/export", ada.id);
        let all = expect(&ada, 200, ("GET", &path), None).await;
        assert_eq!((&all["account"]["username"], &all["complete"]), (&json!("ada"), &json!(true)));
        let messages = all["messages"].as_array().unwrap();
        assert_eq!((messages.len(), &messages[450]["id"]), (451, &last["id"]));
        assert_eq!(all["contacts"][0]["user"]["username"], "bob");
        assert_eq!(all["memberships"].as_array().unwrap().len(), 1);
        assert_eq!(all["memberships"][0]["topic"], room);
        assert!(!all["sign_ins"].as_array().unwrap().is_empty());
        expect(&bob, 404, ("GET", &path), None).await;
        expect(&root, 200, ("GET", &path), None).await;

        let path = "/api/v1/conversations/team/export";
        let whole = expect(&bob, 200, ("GET", path), None).await;
        assert_eq!(whole["messages"].as_array().unwrap().len(), 451);
        assert_eq!(
            (&whole["conversation"]["topic"], &whole["complete"]),
            (&json!("chat:team"), &json!(true))
        );
        expect(&eve, 404, ("GET", path), None).await;
    })
    .await;
}

/// Gives someone a password.
async fn with_password(server: &Server, person: &Person) {
    let (id, hash) = (person.id, password::hash_new("correct horse"));
    let write = move |conn: &mut _| {
        let at = clock::now_naive() - chrono::Duration::hours(1);
        Ok(user::set_password(conn, id, &hash, at)?)
    };
    server.writes(write).await;
}

#[tokio::test]
async fn an_erased_account_is_gone_and_what_it_owned_passes_on() {
    for removes in ["false", "true"] {
        on_each_engine(&[("erasure_removes_messages", removes)], async |server| {
            let (ada, bob, eve) = (
                server.person("ada").await,
                server.person("bob").await,
                server.person("eve").await,
            );
            with_password(&server, &ada).await;
            let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
            let room = ada_1.opens_room("team", &[&bob, &eve]).await;
            bob_1.joins(&room).await;
            let said = ada_1.says(&room, "by ada").await;
            expect(&bob, 201, ("POST", "/api/v1/contacts"), Some(json!({"user": ada.id}))).await;
            let path = format!("/api/v1/users/{}/erase", ada.id);
            let wrong = Some(json!({"username": "ada", "password": "wrong"}));
            let refused = expect(&ada, 400, ("POST", &path), wrong).await;
            assert_eq!(refused["error"]["field"], "password");
            let right = Some(json!({"username": "ada", "password": "correct horse"}));
            expect(&bob, 404, ("POST", &path), right.clone()).await;
            expect(&ada, 202, ("POST", &path), right).await;

            assert_eq!(ada_1.ends().await.code, Some(4001));
            let promoted = bob_1.hears("member.promoted").await;
            assert_eq!(promoted["data"]["user"], bob.id.to_string());
            assert_eq!(promoted["data"]["role"], "owner");
            bob_1.hears("member.removed").await;
            if removes == "true" {
                assert_eq!(bob_1.hears("message.deleted").await["data"]["id"], said["id"]);
            }
            let id = ada.id;
            until("the account is gone", async || {
                server.reads(move |conn| Ok(user::by_id(conn, id)?.is_none())).await
            })
            .await;
            let page = bob_1.does("history", &room, json!({})).await;
            let left = if removes == "true" { "" } else { "by ada" };
            assert_eq!(page["messages"][0]["content"], left);
            assert_eq!(page["messages"][0]["sender"], Value::Null);
            let (status, _) = rest(&ada, "GET", "/api/v1/profile", None).await;
            assert_eq!(status, 401);
            let contacts = expect(&bob, 200, ("GET", "/api/v1/contacts"), None).await;
            assert_eq!(contacts["contacts"], json!([]));
            let entry = expect(&bob, 200, ("GET", "/api/v1/conversations/team"), None).await;
            assert_eq!((&entry["owner"], &entry["my_role"]), (&json!(bob.id), &json!("owner")));
            let kept = said["id"].as_str().unwrap().parse().unwrap();
            let row = server.reads(move |conn| Ok(message::by_id(conn, kept)?)).await;
            assert_eq!(row.unwrap().sender_id, None);
        })
        .await;
    }
}

#[tokio::test]
async fn the_last_admin_stays_and_another_can_be_erased_by_them() {
    on_each_engine(&[], async |server| {
        let bob = server.person("bob").await;
        let root = server.person_as("root", Role::Admin).await;
        with_password(&server, &root).await;
        let path = format!("/api/v1/users/{}/erase", root.id);
        let body = Some(json!({"username": "root", "password": "correct horse"}));
        expect(&root, 409, ("POST", &path), body).await;
        let path = format!("/api/v1/users/{}/erase", bob.id);
        let wrong = Some(json!({"username": "rob"}));
        let refused = expect(&root, 400, ("POST", &path), wrong).await;
        assert_eq!(refused["error"]["field"], "username");
        expect(&root, 202, ("POST", &path), Some(json!({"username": "bob"}))).await;
        let id = bob.id;
        until("the account is gone", async || {
            server.reads(move |conn| Ok(user::by_id(conn, id)?.is_none())).await
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_one_did_with_messages_and_what_waits_for_one_is_in_ones_export_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    on_each_engine(&[("attachments_url", &url)], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("team", &[&bob]).await;
        let said = ada_1.says(&room, "helo").await;
        let theirs = bob_1.says(&room, "hi @ada").await;
        let edit = json!({"id": said["id"], "content": "hello"});
        ada_1.does("message.edit", &room, edit).await;
        for emoji in ["👍", "🎉"] {
            let react = json!({"id": theirs["id"], "emoji": emoji, "on": true});
            ada_1.does("message.react", &room, react).await;
        }
        ada_1.does("message.pin", &room, json!({"id": theirs["id"], "on": true})).await;
        let kind = [("content-type", "application/octet-stream")];
        let sent = ("POST", "/api/v1/attachments?name=a.txt");
        let file = ada.fetches(sent, &kind, "text").await.json::<Value>().await.unwrap();
        let wish = Some(json!({"types": {"invite": "off"}}));
        expect(&ada, 200, ("PATCH", "/api/v1/notifications/preferences"), wish).await;
        let begun = ada_1.does("call.start", &room, json!({"kind": "voice"})).await;

        let path = format!("/api/v1/users/{}/export", ada.id);
        let all = expect(&ada, 200, ("GET", &path), None).await;
        let edited = &all["edited_messages"][0];
        assert_eq!(
            (&edited["message"], &edited["versions"][0]["content"]),
            (&said["id"], &json!("helo"))
        );
        assert_eq!(edited["versions"][1]["content"], "hello");
        let reactions = all["reactions"].as_array().unwrap();
        assert_eq!((reactions.len(), &reactions[0]["message"]), (2, &theirs["id"]));
        assert_eq!(all["pins"][0]["message"], theirs["id"]);
        assert_eq!(
            (&all["attachments"][0]["id"], &all["attachments"][0]["url"]),
            (&file["id"], &file["url"])
        );
        assert_eq!(all["notifications"][0]["type"], "mention");
        assert_eq!(all["notification_preferences"]["types"], json!({"invite": "off"}));
        assert_eq!(all["calls"][0]["id"], begun["id"]);
        let whole = expect(&bob, 200, ("GET", "/api/v1/conversations/team/export"), None).await;
        assert_eq!(whole["calls"][0]["id"], begun["id"]);
        assert_eq!(whole["messages"][1]["reactions"][0]["count"], 1);
        assert_eq!(whole["complete"], true);
    })
    .await;
}

/// Tables that name a person, and why their rows are not in an export of their own.
const NOT_EXPORTED: &[(&str, &str)] = &[
    ("answers", "kept for a day, to answer a repeat"),
    ("client_settings", "in `settings`"),
    ("conversations", "its owner is in `memberships`"),
    ("erasures", "there is no such account any more"),
    ("hospitals", "an agency's"),
    ("incidents", "an agency's"),
    ("invites", "a conversation's; its secret is not kept"),
    ("maydays", "an agency's"),
    ("mentions", "in the messages of others, and in `notifications`"),
    ("notices", "gone within seconds"),
    ("notification_preferences", "in `notification_preferences`"),
    ("order_crew", "an agency's"),
    ("orders", "an agency's"),
    ("par_timers", "an agency's"),
    ("password_resets", "secrets alone"),
    ("patient_reads", "an agency's log of its own"),
    ("people_online", "gone with the connection"),
    ("profiles", "in `profile`"),
    ("quiet_hours", "in `notification_preferences`"),
    ("thread_locks", "a conversation's"),
    ("timeline", "an agency's"),
    ("twin_sends", "kept for seconds"),
    ("unit_trail", "a unit's"),
    ("units", "an agency's"),
];

#[test]
fn every_table_that_names_a_person_is_exported_or_has_a_reason_not_to_be() {
    let database = Database::sqlite();
    let store = database.open();
    store.migrate().unwrap();
    let naming = tables_naming_people(&store);
    let sections: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    let exported = |table: &str| {
        let section = match table {
            "logins" => "sign_ins",
            "call_participants" => "calls",
            "message_versions" => "edited_messages",
            table => table,
        };
        sections.contains(&section)
    };
    for table in naming {
        let has_reason = NOT_EXPORTED.iter().any(|(named, _)| *named == table);
        assert!(exported(&table) || has_reason, "{table} names people and is in no export");
    }
}
