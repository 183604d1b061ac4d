//! What an older messenger's clients change about themselves and their conversations: pictures and
//! links.

use serde_json::{Value, json};
use switchboard::models::attachment;
use tempfile::TempDir;

use crate::harness::engines::Database;
use crate::harness::messenger::group;
use crate::harness::older::{Rest, keys};
use crate::harness::picture::png;
use crate::harness::server::{Server, on_each_engine};

async fn pictures_make_their_way(database: Database) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let server = Server::start_on(database, &[("attachments_url", url.as_str())]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
    let nobody = Rest::anonymous(server.address);
    let shown = format!("/api/auth/users/{}/", alice.id.0);
    let mut before = None;
    for path in ["/api/auth/profile/avatar/", "/api/accounts/profile/me/avatar/"] {
        let picture = png(64, 64);
        let mine = rest.sends_form(200, path, &[], &[("avatar", "me.png", &picture)]).await;
        let avatar = mine["avatar"].as_str().unwrap();
        assert!(avatar.starts_with(&format!("http://{}/media/", server.address)), "{avatar}");
        assert_eq!(mine["avatar_url"], mine["avatar"]);
        assert_ne!(before.as_ref(), Some(&mine["avatar"]), "another picture, another address");
        assert_eq!(other.get(200, &shown).await["avatar"], mine["avatar"], "others see it");
        let link = &avatar[avatar.find("/media").unwrap()..];
        let got = nobody.asks("GET", link, None).await;
        assert_eq!(got.status(), 200, "a page shows it without a token");
        assert!(got.headers()["content-type"].to_str().unwrap().starts_with("image/"));
        before = Some(mine["avatar"].clone());
    }
    let wish = json!({"username": "nobody-else", "password": "Test@123"});
    rest.post(201, "/api/auth/register/", wish).await;
    let id = group(&[&alice, &bob]).await;
    let listed = other.get(200, &format!("/api/chat/conversations/{id}/")).await;
    let members = listed["members"].as_array().unwrap();
    let hers = members.iter().find(|member| member["user"]["username"] == "alice").unwrap();
    assert_eq!(Some(&hers["user"]["avatar"]), before.as_ref());
    // The classroom's clients are shown it, too.
    let page = Rest::token(&alice).get(200, "/api/profile/student/").await;
    assert_eq!(Some(&page["user"]["avatar"]), before.as_ref());
    let said = json!({"content": "hello"});
    let said = Rest::token(&alice).post(201, "/api/chat/general/send_message/", said).await;
    assert_eq!(Some(&said["sender_avatar"]), before.as_ref());

    let hide = json!({"show_profile_photo": false});
    rest.patch(200, "/api/auth/profile/me/", hide).await;
    assert_eq!(other.get(200, &shown).await["avatar"], Value::Null, "unless she hides it");
    let path = "/api/auth/profile/avatar/";
    let none = json!({"error": "No avatar file provided"});
    assert_eq!(rest.sends_form(400, path, &[("avatar", "text")], &[]).await, none);
    assert_eq!(rest.post(400, path, json!({"avatar": "x"})).await, none);
    let odd = rest.sends_form(400, path, &[], &[("avatar", "me.txt", b"no picture")]).await;
    assert_eq!(keys(&odd), ["avatar"]);
    let gone = rest.delete(200, path).await;
    assert_eq!(gone, json!({"message": "Avatar deleted successfully"}));
    assert_eq!(rest.get(200, "/api/auth/profile/me/").await["avatar"], Value::Null);
    nobody.delete(401, path).await;
    server.stops().await;
}

#[tokio::test]
async fn a_picture_of_oneself_is_shown_wherever_one_is_and_goes_when_it_is_taken_away() {
    pictures_make_their_way(Database::sqlite()).await;
    if let Some(database) = Database::postgres() {
        pictures_make_their_way(database).await;
    }
}

async fn forms_change_oneself(database: Database) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let settings = [("attachments_url", url.as_str()), ("avatar_max_size", "64KiB")];
    let server = Server::start_on(database, &settings).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (rest, other) = (Rest::bearer(&alice), Rest::bearer(&bob));
    let nobody = Rest::anonymous(server.address);
    let shown = format!("/api/auth/users/{}/", alice.id.0);
    let picture = png(64, 64);
    let mut before = Value::Null;
    for (method, path, city) in [
        ("PATCH", "/api/auth/profile/me/", "Mumbai"),
        ("PUT", "/api/accounts/profile/me/", "Pune"),
        ("PATCH", "/api/auth/user/", "Goa"),
    ] {
        let texts = [("city", city), ("display_name", "Alice A."), ("show_phone_number", "true")];
        let files = [("avatar", "me.jpg", picture.as_slice())];
        let me = rest.sends_form_by(method, 200, path, &texts, &files).await;
        assert_eq!(
            (&me["city"], &me["display_name"], &me["show_phone_number"]),
            (&json!(city), &json!("Alice A."), &json!(true))
        );
        let avatar = me["avatar"].as_str().unwrap();
        assert_ne!(before, avatar, "{path}: another picture, another address");
        assert_eq!(other.get(200, &shown).await["avatar"], avatar, "others see it");
        let link = &avatar[avatar.find("/media").unwrap()..];
        assert_eq!(nobody.asks("GET", link, None).await.status(), 200);
        before = me["avatar"].clone();
    }
    let path = "/api/auth/profile/me/";
    let texts = [("bio", "by a form"), ("avatar", before.as_str().unwrap())];
    let me = rest.sends_form_by("PATCH", 200, path, &texts, &[]).await;
    assert_eq!((&me["bio"], &me["avatar"]), (&json!("by a form"), &before), "sent along as it was");

    // All of it or nothing.
    let large = vec![0; 65 << 10];
    for (texts, files, field) in [
        (&[("bio", "no")][..], &[("avatar", "me.txt", &b"no picture"[..])][..], "avatar"),
        (&[("bio", "no")], &[("avatar", "me.png", &large)], "avatar"),
        (&[("bio", "no")], &[("portrait", "me.png", &picture)], "portrait"),
        (&[("bio", "no")], &[("avatar", "a", &picture), ("avatar", "b", &picture)], "avatar"),
        (&[("email", "nonsense")], &[("avatar", "me.png", &picture)], "email"),
        (&[("date_of_birth", "tomorrow")], &[("avatar", "me.png", &picture)], "date_of_birth"),
    ] {
        let told = rest.sends_form_by("PATCH", 400, path, texts, files).await;
        assert_eq!(keys(&told), [field], "{told}");
        let me = rest.get(200, path).await;
        assert_eq!((&me["bio"], &me["avatar"]), (&json!("by a form"), &before), "{field}");
    }
    let uploader = alice.id;
    let waiting = server.reads(move |conn| Ok(attachment::waiting_bytes(conn, uploader)?));
    assert_eq!(waiting.await, 0, "no file is left of what was refused");

    let gone = rest.sends_form_by("PATCH", 200, path, &[("avatar", "")], &[]).await;
    assert_eq!(gone["avatar"], Value::Null, "an empty one takes it away");
    let files = [("avatar", "me.png", picture.as_slice())];
    let again = rest.sends_form_by("PATCH", 200, path, &[], &files).await;
    assert!(again["avatar"].is_string());
    assert_eq!(rest.patch(200, path, json!({"avatar": null})).await["avatar"], Value::Null);
    nobody.sends_form_by("PATCH", 401, path, &[("bio", "x")], &files).await;
    server.stops().await;
}

#[tokio::test]
async fn a_form_changes_oneself_and_ones_picture_in_one_go() {
    forms_change_oneself(Database::sqlite()).await;
    if let Some(database) = Database::postgres() {
        forms_change_oneself(database).await;
    }
}

#[tokio::test]
async fn a_list_of_conversations_shows_each_with_its_own_picture() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    on_each_engine(&[("attachments_url", url.as_str())], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let rest = Rest::bearer(&alice);
        let mut pictures = std::collections::HashMap::new();
        for number in 0..4 {
            let id = group(&[&alice, &bob]).await;
            if number % 2 == 0 {
                let path = format!("/api/v1/conversations/{id}/avatar");
                let kind = [("content-type", "image/png")];
                let given = alice.fetches(("PUT", &path), &kind, png(8 + number, 8)).await;
                assert_eq!(given.status(), 200);
            }
            let one = rest.get(200, &format!("/api/chat/conversations/{id}/")).await;
            assert_eq!(one["avatar"].is_string(), number % 2 == 0, "{one}");
            pictures.insert(id, one["avatar"].clone());
        }
        let listed = rest.get(200, "/api/chat/conversations/").await;
        assert_eq!(listed.as_array().unwrap().len(), 4);
        for one in listed.as_array().unwrap() {
            assert_eq!(one["avatar"], pictures[&one["id"].as_i64().unwrap()]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_is_told_once_lets_people_in_and_ends() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let (carol, eve) = (server.person("carol").await, server.person("eve").await);
        let id = group(&[&alice, &bob]).await;
        let path = format!("/api/chat/conversations/{id}/");
        let rest = Rest::bearer(&alice);
        assert_eq!(rest.get(200, &path).await["invite_link"], Value::Null);
        let made = rest.patch(200, &path, json!({"invite_link": "trip", "title": "Sea"})).await;
        let link = made["invite_link"].as_str().unwrap().to_owned();
        assert_ne!(link, "trip", "a word that nobody can guess");
        assert_eq!(made["title"], "Sea", "beside other changes");
        assert_eq!(rest.get(200, &path).await["invite_link"], Value::Null, "told once");
        let join = json!({"token": link});
        Rest::bearer(&carol).post(200, "/api/v1/invites/join", join.clone()).await;
        assert_eq!(Rest::bearer(&carol).get(200, &path).await["title"], "Sea");
        let denied = Rest::bearer(&bob).patch(403, &path, json!({"invite_link": "mine"})).await;
        let words = "You do not have permission to perform this action.";
        assert_eq!(denied, json!({"detail": words}));
        rest.patch(200, &path, json!({"invite_link": null})).await;
        Rest::bearer(&eve).post(404, "/api/v1/invites/join", join).await;
    })
    .await;
}
