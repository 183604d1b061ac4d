//! The command line as people use it: the real binary over a database of its own, and over a
//! scripted server for what happens when connections break.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use switchboard::models::store::{Store, StoreOptions};
use switchboard::models::{conversation, discover, login, message, user};
use switchboard::protocol::views::ConversationKind;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Longer than anything here takes on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with a database that commands work on.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        // Settings of whoever runs the tests must not leak in.
        command.env_clear().current_dir(self.folder.path()).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> Answer {
        Answer::from(self.command(words).output().unwrap())
    }

    fn run_with(&self, words: &[&str], input: &str) -> Answer {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Answer::from(child.wait_with_output().unwrap())
    }

    /// Runs beside the scripted server of this test.
    async fn start(&self, words: Vec<String>) -> tokio::task::JoinHandle<Answer> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.command(&words);
        tokio::task::spawn_blocking(move || Answer::from(command.output().unwrap()))
    }

    fn store(&self) -> Store {
        let url = format!("sqlite://{}", self.path("switchboard.db").display());
        Store::open(StoreOptions { exclusive: false, ..StoreOptions::new(url) }).unwrap()
    }
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Answer {
    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Failed, and one sentence on stderr says why.
    #[track_caller]
    fn failed(self, saying: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        let last = self.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("switchboard: ") && last.contains(saying), "{self:?}");
    }
}

#[test]
fn demo_loads_people_rooms_and_messages_once() {
    let place = Place::new();
    let first = place.run(&["demo"]).done();
    assert!(
        first.err.contains("loaded 8 people, 49 messages, 3 units, 2 hospitals and 2 incidents"),
        "{first:?}"
    );
    let again = place.run(&["demo"]).done();
    assert!(again.err.contains("nothing was changed"), "{again:?}");
    let store = place.store();
    let (people, rooms) = store
        .read(|conn| {
            let people = user::list(conn, None, 100)?;
            let rooms = discover::page(conn, people[0].id, "", None, 100)?;
            Ok((people, rooms))
        })
        .unwrap();
    let names: Vec<&str> = people.iter().map(|person| person.username.as_str()).collect();
    let wanted = [
        "admin",
        "alice",
        "bob",
        "carol",
        "test_dispatcher",
        "test_paramedic",
        "test_paramedic_2",
        "test_paramedic_3",
    ];
    assert_eq!(names, wanted);
    let mut topics: Vec<&str> =
        rooms.iter().map(|(_, room)| room.conversation.topic.as_str()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["chat:general", "chat:random"]);
    let alice = people[1].id;
    let entries = store.read(|conn| conversation::list_of(conn, alice, 100, None)).unwrap();
    assert_eq!(entries.len(), 7, "two rooms, a forum, two groups and two direct conversations");
    for entry in entries {
        let id = entry.conversation.id;
        let page = store.read(|conn| message::page(conn, id, None, None, 200)).unwrap();
        assert!(page.messages.len() >= 2);
        let positions = page.messages.iter().map(|message| message.seq);
        assert_eq!(positions.max(), Some(entry.head), "the journal ends with the last message");
    }
    let forum = "chat:forum-mathematics";
    for (person, titles, has_forum, directs) in [
        (&people[1], &["Room A", "Rota"][..], true, 2),
        (&people[2], &["Room A", "Rota"], true, 1),
        (&people[3], &["Rota"], false, 1),
    ] {
        let name = &person.username;
        let theirs = store.read(|conn| conversation::list_of(conn, person.id, 100, None)).unwrap();
        let theirs: Vec<_> = theirs.iter().map(|entry| &entry.conversation).collect();
        let of = |kind| theirs.iter().filter(move |one| one.kind == kind);
        let mut groups: Vec<&str> =
            of(ConversationKind::Group).map(|one| one.title.as_str()).collect();
        groups.sort_unstable();
        assert_eq!(groups, titles, "{name}");
        assert_eq!(theirs.iter().any(|one| one.topic == forum), has_forum, "{name}");
        assert_eq!(of(ConversationKind::Direct).count(), directs, "{name}");
    }
}

#[test]
fn demo_refuses_a_database_with_other_people() {
    let place = Place::new();
    let words = ["createuser", "dana", "--role", "member", "--password-stdin"];
    place.run_with(&words, "correct horse battery\n").done();
    place.run(&["demo"]).failed("dana");
    assert_eq!(place.store().read(user::count).unwrap(), 1);
}

#[test]
fn accounts_are_made_and_their_passwords_changed() {
    let place = Place::new();
    let words = ["createuser", "dana", "--role", "dispatcher", "--password-stdin"];
    place.run_with(&words, "short\n").failed("at least 8 bytes");
    place.run_with(&words, "correct horse battery\n").done();
    place.run_with(&words, "correct horse battery\n").failed("taken");
    let root = ["createsuperuser", "--username", "root", "--password-stdin"];
    place.run_with(&root, "correct horse battery\n").done();
    place.run(&["createsuperuser"]).failed("--username");
    let store = place.store();
    let found = |name: &str| store.read(|conn| user::by_username(conn, name)).unwrap().unwrap();
    assert_eq!(found("dana").role.as_str(), "dispatcher");
    assert!(found("root").is_superuser && found("root").is_staff);
    let before = found("dana").password;
    place.run(&["token", "dana"]).done();
    let change = ["changepassword", "dana", "--password-stdin"];
    let changed = place.run_with(&change, "staple battery horse\n").done();
    assert!(changed.err.contains("sign-ins ended: 1"), "{changed:?}");
    assert_ne!(found("dana").password, before);
    let nobody = ["changepassword", "nobody", "--password-stdin"];
    place.run_with(&nobody, "staple battery horse\n").failed("nobody");
    assert!(!changed.err.contains("staple") && !changed.out.contains("staple"));
}

#[test]
fn a_token_is_printed_alone_and_belongs_to_a_sign_in() {
    let place = Place::new();
    place.run(&["demo"]).done();
    let answer = place.run(&["token", "alice"]).done();
    assert_eq!(answer.out.trim().split('.').count(), 3);
    assert_eq!(answer.out.lines().count(), 1);
    assert!(answer.err.starts_with("ends at "), "{answer:?}");
    let store = place.store();
    let alice = store.read(|conn| user::by_username(conn, "alice")).unwrap().unwrap();
    let logins = store.read(|conn| login::of_user(conn, alice.id)).unwrap();
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].user_agent, "switchboard token");
    place.run(&["token", "nobody"]).failed("nobody");
    Place::new().run(&["token", "alice"]).failed("there is no database");
}

#[test]
fn commands_work_while_a_server_holds_the_database() {
    let place = Place::new();
    place.run(&["demo"]).done();
    let url = format!("sqlite://{}", place.path("switchboard.db").display());
    let _server = Store::open(StoreOptions::new(url)).unwrap();
    place.run(&["token", "alice"]).done();
    place.run(&["check"]).done();
    place.run(&["backup", "copy.db"]).done();
    place.run(&["restore", "copy.db"]).failed("another switchboard process");
}

#[test]
fn a_backup_is_restored_under_a_new_epoch() {
    let place = Place::new();
    place.run(&["backup", "copy.db"]).failed("DATABASE_URL");
    place.run(&["demo"]).done();
    let epoch = place.store().epoch();
    place.run(&["backup", "copy.db"]).done();
    place.run(&["backup", "copy.db"]).failed("already there");
    let words = ["createuser", "dana", "--role", "member", "--password-stdin"];
    place.run_with(&words, "correct horse battery\n").done();
    place.run(&["restore", "copy.db"]).done();
    assert_eq!(place.store().read(user::count).unwrap(), 8);
    assert_ne!(place.store().epoch(), epoch);
    std::fs::write(place.path("junk.db"), "not a database").unwrap();
    place.run(&["restore", "junk.db"]).failed("junk.db");
}

#[test]
fn check_shows_settings_masks_secrets_and_names_what_is_wrong() {
    let place = Place::new();
    let fresh = place.run(&["check", "--ws-max-size", "128KiB"]).done();
    assert!(fresh.out.contains("not there yet"), "{fresh:?}");
    let size = fresh.out.lines().find(|line| line.starts_with("WS_MAX_SIZE")).unwrap();
    assert!(size.contains("128KiB") && size.contains("command line"), "{size}");
    assert!(!place.path("switchboard.db").exists());
    let secret = "canary-0123456789-0123456789-0123456789";
    let masked = place.run(&["check", "--secret-key", secret]).done();
    assert!(!masked.out.contains("canary") && !masked.err.contains("canary"));
    place.run(&["migrate"]).done();
    let ready = place.run(&["check"]).done();
    assert!(ready.out.contains("schema up to date, people: 0"), "{ready:?}");
    assert!(ready.out.contains("file descriptors: "), "{ready:?}");
    place.run(&["check", "--heartbeat", "25"]).failed("HEARTBEAT");
    place.run(&["check", "--bind", "0.0.0.0:8000"]).failed("SECRET_KEY");
    let nowhere = "sqlite:///nowhere/at/all.db";
    let words = ["check", "--secret-key", secret, "--database-url", nowhere];
    place.run(&words).failed("DATABASE_URL");
    place.run(&["check", "--config", "missing.toml"]).failed("missing.toml");
}

#[test]
fn settings_come_from_flag_environment_and_file_in_this_order() {
    let place = Place::new();
    std::fs::write(place.path("switchboard.toml"), "heartbeat = \"11s\"\necho = true\n").unwrap();
    let shown = |command: &mut Command| {
        let answer = Answer::from(command.output().unwrap()).done();
        answer.out.lines().find(|line| line.starts_with("HEARTBEAT")).unwrap().to_owned()
    };
    let mut words = place.command(&["check"]);
    assert!(shown(&mut words).contains("11s"));
    assert!(shown(words.env("HEARTBEAT", "12s")).contains("12s"));
    let mut flagged = place.command(&["check", "--heartbeat", "13s"]);
    assert!(shown(flagged.env("HEARTBEAT", "12s")).contains("13s"));
}

#[test]
fn migrate_says_what_it_applied() {
    let place = Place::new();
    let first = place.run(&["migrate"]).done();
    assert!(first.err.contains("applied 2026-11-21-000001_create_accounts"), "{first:?}");
    let again = place.run(&["migrate"]).done();
    assert!(again.err.contains("nothing to do"), "{again:?}");
}

#[test]
fn wrong_usage_exits_with_two_and_help_with_none() {
    let place = Place::new();
    for words in [&["dance"][..], &["createuser"], &["createuser", "x", "--role", "king"]] {
        assert_eq!(place.run(words).code, Some(2), "{words:?}");
    }
    let help = place.run(&["--help"]).done();
    for word in ["serve", "createsuperuser", "tail", "--database-url", "Examples"] {
        assert!(help.out.contains(word), "{word} in {}", help.out);
    }
}

/// A server that says what a test wants it to say.
struct Script {
    listener: TcpListener,
}

type Socket = WebSocketStream<TcpStream>;

impl Script {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let url = format!("http://{}", self.listener.local_addr().unwrap());
        let reach = ["--token", "test-token", "--url", url.as_str()];
        words.iter().chain(&reach).map(|word| (*word).to_owned()).collect()
    }

    /// Takes the next connection, greets it and reads its first frame.
    async fn greet(&self) -> (Socket, Value) {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        let mut socket = within(accept_async(stream)).await.unwrap();
        say(&mut socket, json!({"type": "welcome", "data": {"heartbeat_ms": 25_000}})).await;
        let first = hear(&mut socket).await;
        (socket, first)
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("it happens in time")
}

async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Value {
    let message = within(socket.next()).await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// Closes and reads to the end, so that nothing sent before is lost to a reset.
async fn close(mut socket: Socket, code: u16, reason: &str) {
    let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
    socket.close(Some(frame)).await.unwrap();
    while let Some(Ok(_)) = within(socket.next()).await {}
}

fn new_message(seq: i64, content: &str) -> Value {
    let sender = json!({"id": "1", "username": "alice", "display_name": "Alice"});
    json!({"type": "message.new", "topic": "chat:general", "seq": seq,
        "at": "2026-11-21T10:00:00.123456Z",
        "data": {"id": "9", "seq": seq, "sender": sender, "content": content}})
}

fn subscribed(asked: &Value, seq: i64, recovered: bool) -> Value {
    json!({"type": "ok", "ref": asked["ref"], "topic": "chat:general", "data": {"seq": seq,
        "epoch": "e1", "recovered": recovered, "snapshot": null, "presence": []}})
}

#[tokio::test]
async fn tail_resumes_where_it_was_after_a_restart_and_prints_each_message_once() {
    let (place, script) = (Place::new(), Script::new().await);
    let words = script.words(&["tail", "chat:general", "--count", "3"]);
    let tail = place.start(words).await;
    let (mut socket, asked) = script.greet().await;
    assert_eq!(asked["type"], "subscribe");
    assert_eq!(asked["data"]["after"], Value::Null);
    say(&mut socket, subscribed(&asked, 4, false)).await;
    say(&mut socket, new_message(5, "one")).await;
    say(&mut socket, json!({"type": "goodbye", "data": {"code": 1012, "retry_after_ms": 1}})).await;
    close(socket, 1012, "restarting").await;
    let (mut socket, asked) = script.greet().await;
    assert_eq!(asked["data"]["after"], 5);
    assert_eq!(asked["data"]["epoch"], "e1");
    say(&mut socket, subscribed(&asked, 7, true)).await;
    for (seq, content) in [(5, "one"), (6, "two"), (7, "three")] {
        say(&mut socket, new_message(seq, content)).await;
    }
    let answer = within(tail).await.unwrap().done();
    let said: Vec<&str> = answer.out.lines().map(|line| &line[9..]).collect();
    assert_eq!(said, ["alice: one", "alice: two", "alice: three"]);
    assert!(answer.err.contains("connected again"), "{answer:?}");
}

#[tokio::test]
async fn tail_gives_up_on_4001_and_says_why() {
    let (place, script) = (Place::new(), Script::new().await);
    let tail = place.start(script.words(&["tail", "chat:general"])).await;
    let (socket, _) = script.greet().await;
    close(socket, 4001, "signed out").await;
    within(tail).await.unwrap().failed("signed out (4001)");
    assert!(!place.path("switchboard.db.secret").exists(), "a client leaves nothing behind");
}

#[tokio::test]
async fn tail_prints_frames_as_they_come_when_asked_for_json() {
    let (place, script) = (Place::new(), Script::new().await);
    let words = script.words(&["tail", "chat:general", "--json", "--count", "1", "--after", "4"]);
    let tail = place.start(words).await;
    let (mut socket, asked) = script.greet().await;
    assert_eq!(asked["data"]["after"], 4);
    say(&mut socket, subscribed(&asked, 4, true)).await;
    say(&mut socket, new_message(5, "one")).await;
    let answer = within(tail).await.unwrap().done();
    let frames: Vec<Value> =
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1], new_message(5, "one"));
}

#[tokio::test]
async fn tail_says_goodbye_when_told_to_stop() {
    let (place, script) = (Place::new(), Script::new().await);
    let words = script.words(&["tail", "chat:general"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let child = place.command(&words).spawn().unwrap();
    let (mut socket, asked) = script.greet().await;
    say(&mut socket, subscribed(&asked, 0, false)).await;
    let kill = format!("kill -INT {}", child.id());
    let stop = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(stop.success());
    let farewell = within(socket.next()).await.unwrap().unwrap();
    let Message::Close(Some(close)) = farewell else { panic!("{farewell:?}") };
    assert_eq!(u16::from(close.code), 1000);
    drop(socket);
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    Answer::from(within(ended).await.unwrap()).done();
}

#[tokio::test]
async fn send_repeats_itself_with_the_same_client_id_until_it_is_acknowledged() {
    let (place, script) = (Place::new(), Script::new().await);
    let send = place.start(script.words(&["send", "chat:general", "hello", "all"])).await;
    let (socket, first) = script.greet().await;
    assert_eq!(first["type"], "message.send");
    assert_eq!(first["data"]["content"], "hello all");
    drop(socket);
    let (mut socket, second) = script.greet().await;
    assert_eq!(second["data"]["client_id"], first["data"]["client_id"]);
    assert!(second["data"]["client_id"].as_str().is_some_and(|id| id.len() >= 16));
    say(
        &mut socket,
        json!({"type": "error", "ref": second["ref"], "code": "unavailable",
        "message": "busy", "retry_after_ms": 1}),
    )
    .await;
    let (mut socket, third) = script.greet().await;
    assert_eq!(third["data"]["client_id"], first["data"]["client_id"]);
    let acknowledged = json!({"id": "9", "seq": 12});
    say(&mut socket, json!({"type": "ok", "ref": third["ref"], "data": acknowledged})).await;
    assert_eq!(within(send).await.unwrap().done().out, "sent seq=12\n");
}

#[tokio::test]
async fn send_says_why_it_was_refused() {
    let (place, script) = (Place::new(), Script::new().await);
    let send = place.start(script.words(&["send", "chat:secret", "hello"])).await;
    let (mut socket, asked) = script.greet().await;
    say(
        &mut socket,
        json!({"type": "error", "ref": asked["ref"], "code": "not_found",
        "message": "not found, or not yours to see"}),
    )
    .await;
    within(send).await.unwrap().failed("not yours to see (not_found)");
}

#[test]
fn a_server_elsewhere_needs_a_token() {
    let place = Place::new();
    place.run(&["send", "chat:general", "hi", "--url", "https://192.0.2.1"]).failed("--token");
    assert!(Path::new(place.folder.path()).read_dir().unwrap().next().is_none());
}
