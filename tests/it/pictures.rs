//! Pictures of people and conversations: given, shown to those who may see them, taken away.

use std::path::Path;

use image::ImageFormat;
use serde_json::{Value, json};
use switchboard::actors::attachments::sweep;
use switchboard::models::user;
use tempfile::TempDir;

use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::picture::picture;
use crate::harness::rest::expect;
use crate::harness::server::Server;
use crate::harness::socket::until;
use crate::harness::web::answer;

const OWN: &str = "/api/v1/profile/avatar";

/// Tells a story on each engine, on a server whose files are in a folder of its own.
async fn on_each_engine(more: &[(&str, &str)], story: impl AsyncFn(Server, TempDir)) {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().join("files").display());
        let mut settings = vec![("attachments_url", url.as_str())];
        settings.extend_from_slice(more);
        story(Server::start_on(database, &settings).await, folder).await;
    }
}

fn files_in(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: std::path::PathBuf| if path.is_dir() { files_in(&path) } else { 1 };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

/// A JPEG with a note of where it was taken.
fn noted_jpeg() -> Vec<u8> {
    let plain = picture(64, 48, ImageFormat::Jpeg);
    let note = b"Exif\0\0 taken at 51.5N 0.1W";
    let length = u16::try_from(note.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, note, &plain[2..]].concat()
}

impl Person {
    /// Gives a picture to what is at this path; the status and what the server says of it.
    async fn portrays(&self, path: &str, bytes: Vec<u8>) -> (u16, Value) {
        let kind = [("content-type", "application/octet-stream")];
        answer(self.fetches(("PUT", path), &kind, bytes).await).await
    }

    /// The width and height of what is at this path.
    async fn sees(&self, path: &str) -> (u32, u32) {
        let got = self.fetches(("GET", path), &[], "").await;
        assert_eq!(got.status(), 200, "{path}");
        assert_eq!(got.headers()["x-content-type-options"], "nosniff");
        let picture = image::load_from_memory(&got.bytes().await.unwrap()).unwrap();
        (picture.width(), picture.height())
    }

    async fn finds(&self, path: &str) -> u16 {
        self.fetches(("GET", path), &[], "").await.status().as_u16()
    }
}

#[tokio::test]
async fn a_person_gives_themselves_a_picture_that_all_see_at_once() {
    on_each_engine(&[], async |server, folder| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let mut eve_1 = eve.connects().await;
        let room = ada_1.opens_room("team", &[&bob]).await;
        bob_1.joins(&room).await;
        ada_1.joins(&format!("inbox:{}", ada.id)).await;
        eve_1.joins(&format!("inbox:{}", eve.id)).await;
        expect(&eve, 201, ("POST", "/api/v1/contacts"), Some(json!({"user": ada.id}))).await;

        let (status, own) = ada.portrays(OWN, picture(900, 600, ImageFormat::Png)).await;
        assert_eq!(status, 200, "{own}");
        let first = own["avatar"].as_str().unwrap().to_owned();
        assert_eq!(ada_1.hears("profile.changed").await["data"]["avatar"], first);
        for socket in [&mut bob_1, &mut eve_1] {
            let told = socket.hears("person.changed").await;
            assert_eq!(
                (&told["data"]["user"]["id"], &told["data"]["user"]["avatar"]),
                (&json!(ada.id), &json!(first))
            );
        }
        for person in [&ada, &bob, &eve] {
            assert_eq!(person.sees(&first).await, (320, 213));
        }
        // Also what an open socket says from now on.
        ada_1.says(&room, "look").await;
        assert_eq!(bob_1.hears("message.new").await["data"]["sender"]["avatar"], first);
        let page = expect(&bob, 200, ("GET", "/api/v1/conversations/team/messages"), None).await;
        assert_eq!(page["messages"][0]["sender"]["avatar"], first);
        let shown = expect(&eve, 200, ("GET", &format!("/api/v1/users/{}", ada.id)), None).await;
        assert_eq!(shown["avatar"], first);

        let etag = bob.fetches(("GET", &first), &[], "").await.headers()["etag"].clone();
        let known = [("if-none-match", etag.to_str().unwrap())];
        assert_eq!(bob.fetches(("GET", &first), &known, "").await.status(), 304);

        let (_, own) = ada.portrays(OWN, noted_jpeg()).await;
        let second = own["avatar"].as_str().unwrap().to_owned();
        assert_ne!(second, first, "at another address, whatever a cache has");
        let bytes = bob.fetches(("GET", &second), &[], "").await.bytes().await.unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"Exif"), "nothing of where it was");
        sweep(&server.house).await.unwrap();
        assert_eq!(files_in(folder.path()), 2, "the one before is gone");
        expect(&ada, 200, ("DELETE", OWN), None).await;
        let told = bob_1.hears_that("none", |frame| {
            frame["type"] == "person.changed" && frame["data"]["user"]["avatar"].is_null()
        });
        told.await;
        assert_eq!(bob.finds(&second).await, 404);
        sweep(&server.house).await.unwrap();
        assert_eq!(files_in(folder.path()), 0);
    })
    .await;
}

#[tokio::test]
async fn whoever_hides_their_picture_or_shuts_someone_out_shows_it_to_them_no_more() {
    on_each_engine(&[], async |server, _folder| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        ada_1.opens_room("team", &[&bob]).await;
        let (_, own) = ada.portrays(OWN, picture(40, 40, ImageFormat::Gif)).await;
        let path = own["avatar"].as_str().unwrap().to_owned();
        assert_eq!(bob.sees(&path).await, (40, 40));
        let anonymous = reqwest::get(format!("http://{}{path}", server.address)).await.unwrap();
        assert_eq!(anonymous.status(), 401);

        let block = format!("/api/v1/contacts/{}/block", bob.id);
        expect(&ada, 200, ("POST", &block), None).await;
        assert_eq!(bob.finds(&path).await, 404, "shut out");
        expect(&ada, 200, ("DELETE", &block), None).await;
        assert_eq!(bob.finds(&path).await, 200);
        let hide = Some(json!({"show_profile_photo": false}));
        expect(&ada, 200, ("PATCH", "/api/v1/profile"), hide).await;
        assert_eq!((bob.finds(&path).await, ada.finds(&path).await), (404, 200));
        let members = "/api/v1/conversations/team/members";
        let listed = expect(&bob, 200, ("GET", members), None).await;
        assert_eq!(listed["members"][0]["user"]["username"], "ada");
        assert!(listed["members"][0]["user"].get("avatar").is_none(), "{listed}");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_has_the_picture_that_those_who_keep_it_give_it() {
    on_each_engine(&[], async |server, folder| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("team", &[&bob]).await;
        bob_1.joins(&room).await;
        let path = "/api/v1/conversations/team/avatar";
        let bytes = picture(800, 800, ImageFormat::WebP);
        assert_eq!(bob.portrays(path, bytes.clone()).await.0, 403, "a member");
        assert_eq!(eve.portrays(path, bytes.clone()).await.0, 404, "a stranger");
        assert_eq!(files_in(folder.path()), 0, "nothing was taken");
        let (status, view) = ada.portrays(path, bytes.clone()).await;
        assert_eq!(status, 200, "{view}");
        let at = view["avatar"].as_str().unwrap().to_owned();
        assert_eq!(bob_1.hears("conversation.changed").await["data"]["avatar"], at);
        assert_eq!(bob.sees(&at).await, (320, 320));
        assert_eq!(eve.finds(&at).await, 404);
        let mut late = bob.connects().await;
        assert_eq!(late.joins(&room).await["snapshot"]["conversation"]["avatar"], at);
        let listed = expect(&bob, 200, ("GET", "/api/v1/conversations"), None).await;
        assert_eq!(listed["conversations"][0]["avatar"], at);
        expect(&bob, 403, ("DELETE", path), None).await;
        let bare = expect(&ada, 200, ("DELETE", path), None).await;
        assert!(bare.get("avatar").is_none());
        assert_eq!(bob.finds(&at).await, 404);
        let direct = json!({"kind": "direct", "members": [bob.id]});
        let direct = expect(&ada, 201, ("POST", "/api/v1/conversations"), Some(direct)).await;
        let own = format!("/api/v1/conversations/{}/avatar", direct["id"].as_str().unwrap());
        assert_eq!(ada.portrays(&own, bytes).await.0, 403, "it shows the other person");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_leaves_nothing_and_changes_nothing() {
    let settings = [("avatar_max_size", "64KiB"), ("picture_max_pixels", "40000")];
    on_each_engine(&settings, async |server, folder| {
        let ada = server.person("ada").await;
        let cut = picture(90, 90, ImageFormat::Png);
        for (bytes, status, what) in [
            (b"<svg onload=alert(1)>".to_vec(), 400, "a drawing that runs"),
            (Vec::new(), 400, "nothing"),
            (cut[..cut.len() / 2].to_vec(), 400, "half a picture"),
            (picture(300, 300, ImageFormat::Gif), 400, "too many pixels"),
            (vec![0xff; 70_000], 413, "too many bytes"),
        ] {
            let (got, told) = ada.portrays(OWN, bytes).await;
            assert_eq!((got, &told["error"]["field"]), (status, &json!("body")), "{what}: {told}");
        }
        let own = expect(&ada, 200, ("GET", "/api/v1/profile"), None).await;
        assert_eq!(own["avatar"], Value::Null);
        sweep(&server.house).await.unwrap();
        assert_eq!(files_in(folder.path()), 0);
    })
    .await;
}

#[tokio::test]
async fn an_erased_account_takes_its_picture_and_what_it_had_not_sent_with_it() {
    on_each_engine(&[], async |server, folder| {
        let (ada, root) = (
            server.person("ada").await,
            server.person_as("root", switchboard::auth::identity::Role::Admin).await,
        );
        ada.portrays(OWN, picture(400, 400, ImageFormat::Png)).await;
        let kind = [("content-type", "application/octet-stream")];
        ada.fetches(("POST", "/api/v1/attachments?name=a.txt"), &kind, "unsent").await;
        assert_eq!(files_in(folder.path()), 3);
        let path = format!("/api/v1/users/{}/erase", ada.id);
        expect(&root, 202, ("POST", &path), Some(json!({"username": "ada"}))).await;
        let id = ada.id;
        until("the account is gone", async || {
            server.reads(move |conn| Ok(user::by_id(conn, id)?.is_none())).await
        })
        .await;
        sweep(&server.house).await.unwrap();
        assert_eq!(files_in(folder.path()), 0);
    })
    .await;
}
