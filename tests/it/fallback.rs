//! Without a socket: the same events by server-sent events, by polling and by waiting, with exact
//! catch-up across a restart and an end within a second of lost authority.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};
use switchboard::boot::Stop;
use switchboard::layer::contract::Whom;
use switchboard::protocol::refusal::Refusal;
use switchboard::protocol::topic::Topic;

use crate::harness::child::{Child, enroll};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::{PATIENCE, until};

const SECOND: Duration = Duration::from_secs(1);
/// For stories in which one person says more than anyone would.
const UNTHROTTLED: [(&str, &str); 3] =
    [("frames_per_second", "0"), ("messages_per_second_per_user", "0"), ("flood_messages", "0")];

/// One server-sent event.
#[derive(Debug, Default, Clone)]
struct Sent {
    id: Option<String>,
    name: Option<String>,
    retry: Option<u64>,
    data: Value,
}

/// A stream as a browser's `EventSource` reads it.
struct Stream {
    response: Response,
    text: String,
    /// Comments seen, which are heartbeats.
    beats: usize,
    last_id: String,
}

impl Stream {
    async fn open(who: &Person, path: &str, last_id: &str) -> Self {
        let mut headers = vec![("accept", "text/event-stream")];
        if !last_id.is_empty() {
            headers.push(("last-event-id", last_id));
        }
        let response = who.fetches(("GET", path), &headers, "").await;
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { response, text: String::new(), beats: 0, last_id: last_id.to_owned() }
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block.starts_with(':') {
                    self.beats += 1;
                    continue;
                }
                return Some(self.read(&block));
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes in time").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    fn read(&mut self, block: &str) -> Sent {
        let mut sent = Sent::default();
        for line in block.lines() {
            let (field, value) = line.split_once(": ").unwrap();
            match field {
                "id" => sent.id = Some(value.to_owned()),
                "event" => sent.name = Some(value.to_owned()),
                "retry" => sent.retry = Some(value.parse().unwrap()),
                "data" => sent.data = serde_json::from_str(value).unwrap(),
                other => panic!("a field called {other}"),
            }
        }
        if let Some(id) = &sent.id {
            self.last_id.clone_from(id);
        }
        sent
    }

    /// Reads on to the first event of this type.
    async fn hears(&mut self, kind: &str) -> Sent {
        loop {
            let sent = self.next().await.unwrap_or_else(|| panic!("ended before {kind}"));
            if sent.data["type"] == kind {
                return sent;
            }
        }
    }

    /// Reads events up to and with `live`; the positions before it.
    async fn caught_up(&mut self) -> Vec<i64> {
        let mut positions = Vec::new();
        loop {
            let sent = self.next().await.expect("the stream goes on");
            if sent.data["type"] == "live" {
                return positions;
            }
            positions.extend(sent.data["seq"].as_i64());
        }
    }

    /// Reads on to the end; what the last event says.
    async fn ends(&mut self) -> Value {
        let mut last = Sent::default();
        while let Some(sent) = self.next().await {
            last = sent;
        }
        assert_eq!(last.name.as_deref(), Some("end"), "{last:?}");
        last.data
    }
}

fn path(room: &str) -> String {
    format!("/api/v1/topics/{room}/events")
}

async fn poll(who: &Person, room: &str, query: &str) -> Value {
    let (status, page) = who.asks("GET", &format!("{}?{query}", path(room)), None).await;
    assert_eq!(status, 200, "{page}");
    page
}

fn positions(page: &Value) -> Vec<i64> {
    let events = page["events"].as_array().unwrap().iter();
    events.map(|event| event["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_brings_what_a_socket_does_and_resumes_by_the_last_id() {
    let server = Server::start_with(&UNTHROTTLED).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.says(&room, "first").await;
    let mut socket = bob.connects().await;
    let joined = socket.joins(&room).await;
    let mut stream = Stream::open(&bob, &path(&room), "").await;
    assert_eq!(stream.next().await.unwrap().data["type"], "welcome");
    let ok = stream.next().await.unwrap();
    assert_eq!((&ok.data["type"], &ok.data["data"]["recovered"]), (&json!("ok"), &json!(false)));
    assert_eq!(ok.data["data"]["snapshot"]["messages"], joined["snapshot"]["messages"]);
    stream.hears("live").await;
    ada_1.joins(&room).await;
    ada_1.does("typing", &room, json!({"on": true})).await;
    assert_eq!(stream.hears("typing").await.id, None, "ephemeral events have no id");
    ada_1.says(&room, "second").await;
    let by_socket = socket.hears_message("second").await;
    let by_stream = stream.hears("message.new").await;
    assert_eq!(by_stream.data, by_socket);
    let epoch = joined["epoch"].as_str().unwrap();
    assert_eq!(by_stream.id, Some(format!("{epoch}:{}", by_socket["seq"])));
    let last_id = stream.last_id.clone();
    drop(stream);
    for number in 0..300 {
        ada_1.says(&room, &format!("missed {number}")).await;
    }
    // The address still says what it once said; the id of the last event is what counts.
    let stale = format!("{}?after=1&epoch={epoch}", path(&room));
    let mut stream = Stream::open(&bob, &stale, &last_id).await;
    let seq = by_socket["seq"].as_i64().unwrap();
    assert_eq!(stream.caught_up().await, (seq + 1..=seq + 300).collect::<Vec<_>>());
    ada_1.says(&room, "live").await;
    assert_eq!(stream.hears("message.new").await.data["seq"], seq + 301);
}

#[tokio::test]
async fn after_a_restart_in_mid_talk_stream_and_polling_have_everything_exactly_once() {
    let database = Database::sqlite();
    let people = enroll(&database, &["ada", "bob"]);
    let child = Child::start(&database, &[]);
    let (ada, bob) = (people[0].at(child.address), people[1].at(child.address));
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let mut stream = Stream::open(&bob, &path(&room), "").await;
    stream.caught_up().await;
    let first = poll(&bob, &room, "").await;
    let (epoch, mut next) = (first["epoch"].as_str().unwrap().to_owned(), first["next"].as_i64());
    let start = next.unwrap();
    let (mut streamed, mut polled) = (Vec::new(), Vec::new());
    for number in 0..20 {
        ada_1.says(&room, &format!("before {number}")).await;
    }
    while streamed.len() < 7 {
        streamed.push(stream.hears("message.new").await.data["seq"].as_i64().unwrap());
    }
    let last_id = stream.last_id.clone();
    child.dies();
    let child = Child::start(&database, &[]);
    let (ada, bob) = (people[0].at(child.address), people[1].at(child.address));
    let mut ada_1 = ada.connects().await;
    for number in 0..20 {
        ada_1.says(&room, &format!("after {number}")).await;
    }
    let mut stream = Stream::open(&bob, &path(&room), &last_id).await;
    streamed.extend(stream.caught_up().await);
    while let Some(after) = next {
        let page = poll(&bob, &room, &format!("after={after}&epoch={epoch}&limit=7")).await;
        assert_eq!(page["recovered"], true);
        polled.extend(positions(&page));
        next = page["more"].as_bool().unwrap().then(|| page["next"].as_i64().unwrap());
    }
    let all: Vec<i64> = (start + 1..=start + 40).collect();
    assert_eq!(streamed, all);
    assert_eq!(polled, all);
}

#[tokio::test]
async fn polling_begins_with_a_snapshot_and_goes_on_from_next() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    ada_1.says(&room, "hello").await;
    let page = poll(&bob, &room, "limit=10").await;
    assert_eq!((&page["recovered"], &page["more"]), (&json!(false), &json!(false)));
    assert_eq!(page["snapshot"]["messages"][0]["content"], "hello");
    assert_eq!((&page["topic"], &page["next"]), (&json!(room), &page["seq"]));
    let (next, epoch) = (page["next"].as_i64().unwrap(), page["epoch"].as_str().unwrap());
    let nothing = poll(&bob, &room, &format!("after={next}&epoch={epoch}")).await;
    assert_eq!((positions(&nothing), &nothing["next"]), (vec![], &json!(next)));
    // What is sent by REST comes like all else.
    let send = json!({"content": "by rest"});
    let to = "/api/v1/conversations/general/messages";
    assert_eq!(bob.asks("POST", to, Some(send)).await.0, 201);
    let page = poll(&bob, &room, &format!("after={next}&epoch={epoch}")).await;
    assert_eq!(positions(&page), [next + 1]);
    assert_eq!(page["events"][0]["data"]["content"], "by rest");
    let other = poll(&bob, &room, &format!("after={next}&epoch=another")).await;
    assert_eq!(other["recovered"], false, "another history");
    assert!(other["snapshot"].is_object());
    let inbox = format!("inbox:{}", bob.id);
    assert_eq!(poll(&bob, &inbox, "after=0").await["events"][0]["type"], "conversation.added");
}

#[tokio::test]
async fn who_waits_is_answered_when_something_happens_or_the_time_is_over() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let next = poll(&bob, &room, "").await["next"].as_i64().unwrap();
    let (waiter, topic) = (bob.clone(), room.clone());
    let waiting =
        tokio::spawn(async move { poll(&waiter, &topic, &format!("after={next}&wait=60")).await });
    let seat: Topic = room.parse().unwrap();
    until("someone waits", async || server.house.exchange.seats(&seat) > 0).await;
    ada_1.says(&room, "at last").await;
    let page = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(page["events"][0]["data"]["content"], "at last");
    assert_eq!(page["next"], next + 1);
    let began = Instant::now();
    let page = poll(&bob, &room, &format!("after={}&wait=1", next + 1)).await;
    assert_eq!(positions(&page), Vec::<i64>::new());
    assert!(began.elapsed() >= SECOND);
    until("nobody waits", async || server.house.exchange.seats(&seat) == 0).await;
}

#[tokio::test]
async fn a_stream_ends_within_a_second_of_what_it_stood_on() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob, &carol]).await;
    let mut by_bob = Stream::open(&bob, &path(&room), "").await;
    by_bob.caught_up().await;
    let began = Instant::now();
    ada_1.does("member.remove", &room, json!({"user": bob.id})).await;
    let end = by_bob.ends().await;
    assert_eq!(end["code"], 4003, "{end}");
    assert!(began.elapsed() < SECOND);
    let headers = [("accept", "text/event-stream")];
    let again = bob.fetches(("GET", &path(&room)), &headers, "").await;
    assert_eq!(again.status(), 404, "a browser takes this for the end and does not come back");

    let mut by_carol = Stream::open(&carol, &path(&room), "").await;
    by_carol.caught_up().await;
    let began = Instant::now();
    server.house.revoke(Whom::Login(carol.login), Refusal::not_authenticated("signed out"));
    let end = by_carol.ends().await;
    assert_eq!((&end["code"], &end["reason"]), (&json!(4001), &json!("signed out")));
    assert!(began.elapsed() < SECOND);

    let mut short = ada.clone();
    short.token = ada.token_for(Duration::from_secs(4));
    let mut by_ada = Stream::open(&short, &path(&room), "").await;
    by_ada.hears("auth.expiring").await;
    assert_eq!(by_ada.ends().await["code"], 4001);
}

#[tokio::test]
async fn a_stream_beats_and_a_server_that_stops_says_when_to_come_back() {
    let server = Server::start_with(&[("heartbeat", "50ms"), ("pong_timeout", "5s")]).await;
    let ada = server.person("ada").await;
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[]).await;
    let mut stream = Stream::open(&ada, &path(&room), "").await;
    stream.caught_up().await;
    while stream.beats < 3 {
        ada_1.says(&room, "tick").await;
        stream.hears("message.new").await;
    }
    server.begins_to_stop(Stop::Restart);
    let goodbye = stream.hears("goodbye").await;
    assert_eq!(goodbye.data["data"]["code"], 1012);
    assert_eq!(goodbye.retry, goodbye.data["data"]["retry_after_ms"].as_u64());
    assert_eq!(stream.ends().await["code"], 1012);
}

#[tokio::test]
async fn what_may_not_be_read_is_refused_with_a_status_and_limits_hold() {
    let server = Server::start_with(&[("max_connections_per_user", "3")]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[]).await;
    let stream = [("accept", "text/event-stream")];
    for headers in [&stream[..], &[]] {
        let status = async |who: &Person, path: &str| {
            who.fetches(("GET", path), headers, "").await.status().as_u16()
        };
        assert_eq!(status(&bob, &path(&room)).await, 404);
        assert_eq!(status(&bob, &path("no-topic")).await, 400);
        assert_eq!(status(&ada, &format!("{}?after=-1", path(&room))).await, 400);
        assert_eq!(status(&ada, &format!("{}?after=x", path(&room))).await, 400);
        assert_eq!(status(&ada, &format!("{}?limit=0", path(&room))).await, 400);
        let mut expired = ada.clone();
        expired.token = ada.expired_token();
        assert_eq!(status(&expired, &path(&room)).await, 401);
    }
    let (status, error) = ada.asks("GET", &format!("{}?wait=61", path(&room)), None).await;
    assert_eq!((status, &error["error"]["field"]), (400, &json!("wait")));
    let _one = Stream::open(&ada, &path(&room), "").await;
    let _two = Stream::open(&ada, &path(&room), "").await;
    let third = ada.fetches(("GET", &path(&room)), &stream, "").await;
    assert_eq!(third.status(), 429, "a socket and two streams are three connections");
    assert!(third.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_ended_and_resumes_by_its_last_id() {
    let settings = [&UNTHROTTLED[..], &[("outbox_bytes", "4KiB")]].concat();
    let server = Server::start_with(&settings).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let mut stream = Stream::open(&bob, &path(&room), "").await;
    let begun = stream.caught_up().await;
    assert_eq!(begun, Vec::<i64>::new());
    let first = poll(&ada, &room, "").await["next"].as_i64().unwrap();
    let (topic, seat) = (room.clone(), room.parse::<Topic>().unwrap());
    let text = "x".repeat(16_000);
    let mut sent = 0;
    until("the reader who does not read is ended", async || {
        for _ in 0..50 {
            ada_1.says(&topic, &text).await;
            sent += 1;
        }
        server.house.exchange.seats(&seat) == 0
    })
    .await;
    let mut heard = Vec::new();
    while let Some(sent) = stream.next().await {
        if sent.name.as_deref() == Some("end") {
            assert_eq!(sent.data["code"], 4008);
        }
        heard.extend(sent.data["seq"].as_i64());
    }
    let mut stream = Stream::open(&bob, &path(&room), &stream.last_id).await;
    heard.extend(stream.caught_up().await);
    assert_eq!(heard, (first + 1..=first + sent).collect::<Vec<_>>());
}

#[tokio::test]
async fn on_postgres_too_a_stream_and_polling_resume_exactly() {
    let Some(database) = Database::postgres() else { return };
    let server = Server::start_on(database, &[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let first = poll(&bob, &room, "").await;
    let (next, epoch) = (first["next"].as_i64().unwrap(), first["epoch"].as_str().unwrap());
    for number in 0..30 {
        ada_1.says(&room, &format!("m{number}")).await;
    }
    let all: Vec<i64> = (next + 1..=next + 30).collect();
    assert_eq!(positions(&poll(&bob, &room, &format!("after={next}")).await), all);
    let mut stream = Stream::open(&bob, &path(&room), &format!("{epoch}:{next}")).await;
    assert_eq!(stream.caught_up().await, all);
}
