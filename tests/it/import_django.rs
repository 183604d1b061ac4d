//! Databases that Django itself has made come over: people, talk and sign-ins, once and whole.

use std::path::PathBuf;
use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::ids::{ConversationId, UserId};
use switchboard::models::store::Store;
use switchboard::models::{attachment, conversation, membership, message, profile, user};
use switchboard::protocol::views::{ConversationKind, MemberRole};

use crate::harness::engines::{Database, variable};
use crate::harness::server::Server;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/django");

/// The Python that has Django; none when `.ci/install-engines django` was not run.
fn python() -> Option<PathBuf> {
    let cache = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?;
    let venvs = cache.join("switchboard-ci").read_dir().into_iter().flatten().flatten();
    let named = venvs.filter(|entry| entry.file_name().to_string_lossy().starts_with("django-"));
    let found = named.map(|entry| entry.path().join("bin/python")).find(|path| path.exists());
    if found.is_none() {
        let must = variable("REQUIRE_ENGINES").is_some_and(|value| value == "1");
        assert!(!must, "Django is not installed: run .ci/install-engines django");
        eprintln!("LEFT OUT: no Django (.ci/install-engines django); no import is told");
    }
    found
}

/// Has Django make a database, and answers what it says of it.
fn made_by_django(python: &PathBuf, shape: &str, database: &Database, more: &[&str]) -> Value {
    let mut command = Command::new(python);
    command.arg(format!("{FIXTURES}/make.py")).args([shape, &database.url]).args(more);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `import-django` said on both outputs.
fn import(from: &Database, to: &Database, shape: &str, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path()).env_clear();
    command.env("SECRET_KEY", "a-key-that-an-import-needs-for-nothing-but-postgres");
    command.args(["import-django", "--database", &from.url, "--database-url", &to.url]);
    command.args(["--mapping", &format!("{FIXTURES}/{shape}.toml")]).args(more);
    let output = command.output().unwrap();
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// A Django database and an empty one of ours, on each engine.
fn for_each_pair(story: impl Fn(&PathBuf, &Database, &Database)) {
    let Some(python) = python() else { return };
    story(&python, &Database::sqlite(), &Database::sqlite());
    if let (Some(from), Some(to)) = (Database::postgres(), Database::postgres()) {
        story(&python, &from, &to);
    }
}

fn counts(store: &Store) -> (i64, usize) {
    store
        .read(|conn| {
            let group = conversation::by_id(conn, ConversationId(2))?;
            let page = group.map(|group| message::page(conn, group.id, None, None, 200));
            Ok((user::count(conn)?, page.transpose()?.map_or(0, |page| page.messages.len())))
        })
        .unwrap()
}

fn has_all(said: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
}

#[test]
fn a_dry_run_lists_what_would_come_and_changes_nothing() {
    for_each_pair(|python, from, to| {
        made_by_django(python, "messenger", from, &[]);
        let said = import(from, to, "messenger", &["--dry-run"]);
        has_all(
            &said,
            &[
                "+ user ana (paramedic)",
                "+ conversation chat:2 (group)",
                "messages: would bring 1207",
                "nothing was changed",
            ],
        );
        assert_eq!(counts(&to.open()), (0, 0));
    });
}

#[test]
fn everything_comes_over_once_and_what_cannot_is_told() {
    for_each_pair(|python, from, to| {
        let made = made_by_django(python, "messenger", from, &[]);
        let said = import(from, to, "messenger", &[]);
        has_all(
            &said,
            &[
                "users: brought 6",
                "conversations: brought 2",
                "memberships: brought 4",
                "messages: brought 1207",
                "sign-ins: brought 2",
                "two words",
                "twin comes without ana@example.org",
                "the password's hash is of a kind that cannot be verified",
                "role \"janitor\" of 1 users",
                "core_badge: not mapped, 1 rows stay behind",
                "reactions: brought 1",
                "\"+1\" is no emoji",
                "core_messageattachment: 3 rows stay behind; name the folder",
                "core_user: pictures of people stay behind; name the folder",
                "comes without its sender",
            ],
        );
        let again = import(from, to, "messenger", &[]);
        has_all(
            &again,
            &["users: brought 0, here already 6", "messages: brought 0, here already 1207"],
        );
        let store = to.open();
        talk_is_whole(&store, &made);
        drop(store);
        made_by_django(python, "messenger", from, &["more"]);
        let third = import(from, to, "messenger", &[]);
        has_all(&third, &["users: brought 1, here already 6", "messages: brought 1, "]);
    });
}

fn talk_is_whole(store: &Store, made: &Value) {
    let id = |name: &str| made[name].as_i64().unwrap();
    store
        .read(|conn| {
            let ana = user::by_username(conn, "ana")?.unwrap();
            assert_eq!((ana.id, ana.role), (UserId(id("ana")), Role::Paramedic));
            assert_eq!((ana.display_name.as_str(), ana.phone.as_deref()), ("Ana", Some("+111")));
            let eve = user::by_username(conn, "eve")?.unwrap();
            assert_eq!(
                (eve.role, eve.title.as_str(), eve.is_active),
                (Role::Member, "janitor", false)
            );
            assert_eq!(user::by_username(conn, "root")?.unwrap().role, Role::Admin);
            let ben = user::by_username(conn, "ben")?.unwrap();
            let direct = conversation::direct_between(conn, ana.id, ben.id)?.unwrap();
            assert_eq!(direct.id, ConversationId(id("direct")));
            let said = message::page(conn, direct.id, None, None, 50)?.messages;
            let said: Vec<_> = said
                .iter()
                .map(|message| (message.seq, message.content.as_str(), message.deleted))
                .collect();
            assert_eq!(said, [(1, "hello", false), (2, "hello yourself", false), (3, "", true)]);
            let said = message::page(conn, direct.id, None, None, 50)?.messages;
            assert_eq!(said[0].created_at, "2026-01-02T03:07:05.600".parse().unwrap());
            assert_eq!(said[1].reply_to.as_ref().unwrap().content, "hello");
            assert!(said[1].edited_at.is_some() && said[0].edited_at.is_none());
            let group = conversation::by_id(conn, ConversationId(id("group")))?.unwrap();
            assert_eq!(
                (group.kind, group.title.as_str()),
                (ConversationKind::Group, "Night shift")
            );
            let seat = membership::membership(conn, group.id, ana.id)?.unwrap();
            assert_eq!((seat.nickname.as_str(), seat.read_seq), ("Annie", 1_202));
            let seat = membership::membership(conn, group.id, ben.id)?.unwrap();
            assert_eq!(seat.role, MemberRole::Admin);
            let last = message::page(conn, group.id, None, None, 2)?.messages;
            assert!(last.iter().all(|message| message.sender.is_none()));
            Ok(())
        })
        .unwrap();
}

#[test]
fn files_come_out_of_the_media_folder_and_out_of_no_other() {
    for_each_pair(|python, from, to| {
        made_by_django(python, "messenger", from, &[]);
        let project = tempfile::tempdir().unwrap();
        let media = project.path().join("media");
        std::fs::create_dir_all(media.join("chat")).unwrap();
        let mut picture = Vec::new();
        let pixels = image::DynamicImage::from(image::RgbImage::new(640, 10));
        let format = image::ImageFormat::Png;
        pixels.write_to(&mut std::io::Cursor::new(&mut picture), format).unwrap();
        std::fs::write(media.join("chat/roof.png"), &picture).unwrap();
        std::fs::create_dir_all(media.join("avatars")).unwrap();
        std::fs::write(media.join("avatars/ana.png"), &picture).unwrap();
        std::fs::write(media.join("avatars/notes.txt"), "no picture").unwrap();
        std::fs::write(project.path().join("outside.txt"), "a secret").unwrap();
        let files = project.path().join("attachments");
        let url = format!("file://{}", files.display());
        let more = ["--media", media.to_str().unwrap(), "--attachments-url", &url];
        let dry = [&more[..], &["--dry-run"]].concat();
        has_all(
            &import(from, to, "messenger", &dry),
            &["files: would bring 1", "pictures: would bring 2"],
        );
        assert!(!files.exists(), "a dry run copies nothing");
        let said = import(from, to, "messenger", &more);
        has_all(
            &said,
            &[
                "files: brought 1",
                "pictures: brought 1",
                "there is no file chat/lost.png",
                "core_user 2: its file is no picture that can be read",
                "core_user 4: its path leaves the media folder",
            ],
        );
        has_all(
            &import(from, to, "messenger", &more),
            &["files: brought 0, here already 1", "pictures: brought 0, here already 1"],
        );
        to.open()
            .read(|conn| {
                let ana = user::by_username(conn, "ana")?.unwrap();
                let ben = user::by_username(conn, "ben")?.unwrap();
                let holder = profile::picture_holder(ana.id);
                let held = attachment::held(conn, &holder)?.unwrap();
                let path = format!("/api/v1/users/{}/avatar?v={}", ana.id, held.id);
                assert_eq!(profile::of(conn, ana.id)?.avatar, Some(path));
                assert_eq!((held.width, held.uploader_id), (Some(640), Some(ana.id)));
                assert!(held.thumbnail_type.is_some(), "what others are shown");
                assert_eq!(profile::of(conn, ben.id)?.avatar, None);
                let direct = conversation::direct_between(conn, ana.id, ben.id)?.unwrap();
                let first = message::page(conn, direct.id, None, None, 50)?.messages.remove(0);
                let file = &first.attachments[0];
                assert_eq!((file.name.as_str(), file.width), ("The roof.png", Some(640)));
                assert_eq!(file.size, i64::try_from(picture.len()).unwrap());
                assert!(file.thumbnail_url.is_some());
                assert_eq!(first.attachments.len(), 1);
                assert_eq!(
                    (first.reactions[0].emoji.as_str(), &first.reactions[0].users),
                    ("👍", &vec![ben.id])
                );
                let lobby = conversation::by_name(conn, "lobby")?.unwrap();
                let lines = message::page(conn, lobby.id, None, None, 9)?.messages;
                assert_eq!(lines[0].sender_name.as_deref(), Some("passer-by"));
                assert_eq!(lines[1].sender.as_ref().unwrap().id, ana.id);
                assert_eq!(lines[1].sender_name, None);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn groups_give_roles_and_rooms_get_names_that_topics_can_have() {
    for_each_pair(|python, from, to| {
        made_by_django(python, "classroom", from, &[]);
        let said = import(from, to, "classroom", &[]);
        has_all(&said, &["users: brought 2", "conversations: brought 2", "messages: brought 3"]);
        to.open()
            .read(|conn| {
                assert_eq!(user::by_username(conn, "tia")?.unwrap().role, Role::Dispatcher);
                let general = conversation::by_name(conn, "general")?.unwrap();
                assert_eq!((general.title.as_str(), general.is_public), ("General", true));
                assert_eq!(message::page(conn, general.id, None, None, 9)?.messages.len(), 3);
                assert!(conversation::by_name(conn, "maths-7b")?.is_some());
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_database_that_is_not_there_or_not_djangos_is_refused_in_words() {
    let to = Database::sqlite();
    for (from, sentence) in [
        ("sqlite:///nowhere/at/all.db", "there is no file /nowhere/at/all.db"),
        ("mysql://root@host/site", "--database must begin with sqlite:// or postgres://"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(["import-django", "--database", from, "--database-url", &to.url]);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(sentence), "{said}");
    }
}

#[tokio::test]
async fn people_sign_in_with_their_old_passwords_and_old_refresh_tokens_count() {
    let Some(python) = python() else { return };
    for (from, to) in [
        Some((Database::sqlite(), Database::sqlite())),
        Database::postgres().zip(Database::postgres()),
    ]
    .into_iter()
    .flatten()
    {
        let made = made_by_django(&python, "messenger", &from, &[]);
        import(&from, &to, "messenger", &[]);
        // Tokens that Django signed are good here when its key is.
        let key = "a-key-for-this-test-alone-of-more-than-fifty-characters-really";
        let server = Server::start_on(to, &[("secret_key", key)]).await;
        let post = async |path: &str, body: Value| {
            let url = format!("http://{}{path}", server.address);
            Client::new().post(url).json(&body).send().await.unwrap().status().as_u16()
        };
        let login = |name: &str, password: &str| json!({"username": name, "password": password});
        assert_eq!(post("/api/auth/login/", login("ana", "correct horse 1")).await, 200);
        assert_eq!(post("/api/auth/login/", login("+111", "correct horse 1")).await, 200);
        assert_eq!(post("/api/auth/login/", login("ana", "wrong horse")).await, 400);
        assert_eq!(post("/api/auth/login/", login("eve", "correct horse 4")).await, 400);
        let refresh = |name: &str| json!({"refresh": made[name]});
        assert_eq!(post("/api/auth/token/refresh/", refresh("refresh")).await, 200);
        assert_eq!(post("/api/auth/token/refresh/", refresh("blacklisted")).await, 401);
    }
}
