//! What an older messenger's clients change about themselves and their conversations: pictures and
//! links.

use serde_json::{Value, json};
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
