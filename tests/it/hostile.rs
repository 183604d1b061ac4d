//! Two thousand malformed frames, requests, tokens and bodies from one seed: no panic, no 5xx,
//! memory flat, and everyone else is served.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::child::{Child, enroll};
use crate::harness::deflating::{BROWSER, DEFLATED_TEXT, deflated, said};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::seeded::Seeded;
use crate::harness::wire::{UPGRADE, Wire, frames, head, masked};

const SEED: u64 = 0x5EED_2026_1121;
const EACH: usize = 500;
const FLAT_BYTES: u64 = 20 * 1_024 * 1_024;

/// What clients ask by REST: method and path, `{}` standing for something to be made up. What
/// would end the credential that all of this is asked with is left out.
const REQUESTS: &[(&str, &str)] = &[
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/auth/login/"),
    ("POST", "/api/auth/token/refresh/"),
    ("POST", "/api/v1/auth/token/refresh"),
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/password"),
    ("POST", "/api/v1/auth/password/reset"),
    ("POST", "/api/v1/auth/password/reset/confirm"),
    ("POST", "/login/"),
    ("POST", "/password/reset/"),
    ("GET", "/api/v1/auth/me"),
    ("PATCH", "/api/v1/auth/me"),
    ("GET", "/api/v1/auth/sessions"),
    ("GET", "/api/v1/users/search"),
    ("POST", "/api/v1/users/{}/role"),
    ("GET", "/api/v1/conversations"),
    ("POST", "/api/v1/conversations"),
    ("GET", "/api/v1/conversations/{}"),
    ("PATCH", "/api/v1/conversations/{}"),
    ("GET", "/api/v1/conversations/{}/messages"),
    ("POST", "/api/v1/conversations/{}/messages"),
    ("PATCH", "/api/v1/conversations/{}/messages/{}"),
    ("DELETE", "/api/v1/conversations/{}/messages/{}"),
    ("POST", "/api/v1/conversations/{}/members"),
    ("PATCH", "/api/v1/conversations/{}/members/{}"),
    ("POST", "/api/v1/conversations/{}/read"),
    ("POST", "/api/v1/topics/{}/publish"),
    ("GET", "/api/v1/diagnostics/attempts"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/healthz"),
    ("GET", "/"),
];

/// What bodies say they are.
const MEDIA: &[&str] =
    &["application/json", "application/json", "application/x-www-form-urlencoded", "text/plain"];

/// Things to stand where an id, a name or a number should.
const ODD: &[&str] = &[
    "general",
    "1",
    "0",
    "-1",
    "9223372036854775807",
    "99999999999999999999",
    "chat:general",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc",
    "é",
    "' OR 1=1 --",
    "true",
    "null",
    "[]",
    "{}",
    "\"",
    "1e309",
    "\\ud800",
    "NaN",
    "0x10",
    "<script>",
    "%",
    "%zz",
    " ",
    "",
];

/// A value that nobody expects.
fn odd_value(seeded: &mut Seeded, depth: usize) -> Value {
    match seeded.below(9) {
        0 => Value::Null,
        1 => json!(seeded.below(2) == 0),
        2 => json!(seeded.next()),
        3 => json!(i64::from_ne_bytes(seeded.next().to_ne_bytes())),
        4 => json!(f64::MAX),
        5 => json!(String::from_utf8_lossy(&seeded.bytes(12))),
        6 if depth < 4 => (0..3).map(|_| odd_value(seeded, depth + 1)).collect(),
        7 if depth < 4 => json!({"id": odd_value(seeded, depth + 1), "": odd_value(seeded, 4)}),
        _ => json!(*seeded.one_of(ODD)),
    }
}

const KEYS: &[&str] = &[
    "content",
    "id",
    "user",
    "seq",
    "after",
    "before",
    "limit",
    "kind",
    "members",
    "name",
    "title",
    "role",
    "token",
    "event",
    "data",
    "client_id",
    "reply_to",
    "username",
    "password",
    "email",
    "refresh",
    "message_type",
    "epoch",
    "on",
    "is_public",
    "description",
];

fn odd_object(seeded: &mut Seeded) -> Value {
    let count = seeded.below(6);
    let keys = (0..count).map(|_| (*seeded.one_of(KEYS)).to_owned()).collect::<Vec<_>>();
    keys.into_iter()
        .map(|key| (key, odd_value(seeded, 0)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Changes a few bytes, or cuts, doubles or lengthens.
fn mutilated(seeded: &mut Seeded, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..seeded.below(4) {
        if bytes.is_empty() {
            return seeded.bytes(8);
        }
        let at = seeded.below(bytes.len());
        match seeded.below(5) {
            0 => bytes[at] = seeded.next().to_le_bytes()[0],
            1 => bytes.truncate(at),
            2 => bytes.insert(at, seeded.next().to_le_bytes()[0]),
            3 => drop(bytes.remove(at)),
            _ => {
                let piece = bytes[at..].to_vec();
                bytes.extend(piece.into_iter().take(200));
            }
        }
    }
    bytes
}

fn odd_frame(seeded: &mut Seeded) -> Vec<u8> {
    const KINDS: &[&str] = &[
        "ping",
        "subscribe",
        "unsubscribe",
        "auth.refresh",
        "history",
        "conversation.list",
        "message.send",
        "message.edit",
        "message.delete",
        "read.mark",
        "typing",
        "topic.publish",
        "member.add",
        "member.remove",
        "member.promote",
        "conversation.create",
        "conversation.change",
        "conversation.join",
        "conversation.leave",
        "welcome",
    ];
    let topic = match seeded.below(3) {
        0 => json!("chat:general"),
        1 => json!(format!(
            "{}:{}",
            seeded.one_of(&["chat", "inbox", "admin", "x"]),
            seeded.one_of(ODD)
        )),
        _ => odd_value(seeded, 2),
    };
    let frame = json!({"type": *seeded.one_of(KINDS), "ref": odd_value(seeded, 2), "topic": topic,
        "data": odd_object(seeded)});
    let text = frame.to_string().into_bytes();
    match seeded.below(9) {
        0 => {
            let length = seeded.below(60);
            seeded.bytes(length)
        }
        5 => {
            let payload = mutilated(seeded, deflated(&text));
            masked(DEFLATED_TEXT, &payload)
        }
        6 => {
            let payload = deflated(&text.repeat(1 + seeded.below(2_000)));
            let at = seeded.below(payload.len());
            let (left, right) = payload.split_at(at);
            [masked(0x41, left), masked(0x89, b"?"), masked(0x80, right)].concat()
        }
        7 => masked(DEFLATED_TEXT, &deflated(&text)),
        1 => {
            let (first, length) = (seeded.next().to_le_bytes()[0], seeded.next());
            [head(first, length, seeded.below(2) == 0), text].concat()
        }
        2 => {
            let whole = masked(0x81, &text);
            mutilated(seeded, whole)
        }
        3 => {
            let text = mutilated(seeded, text);
            masked(0x81, &text)
        }
        4 => {
            let at = seeded.below(text.len());
            [masked(0x01, &text[..at]), masked(0x89, b"?"), masked(0x80, &text[at..])].concat()
        }
        _ => masked(0x81, &text),
    }
}

async fn takes_frames(ada: &Person, seeded: &mut Seeded) {
    let bearer = format!("Authorization: Bearer {}", ada.token);
    for number in 0..EACH {
        let mut wire = Wire::connect(ada.server).await;
        // Half of them may send what is compressed, the others send it all the same.
        let offer = format!("Sec-WebSocket-Extensions: {BROWSER}");
        let headers = [bearer.as_str(), &offer];
        wire.upgrades("/ws/v1/", &headers[..1 + number % 2]).await;
        let sent: Vec<u8> = (0..3).flat_map(|_| odd_frame(seeded)).collect();
        wire.sends(&sent).await;
        for frame in frames(&wire.finishes().await) {
            let text = String::from_utf8_lossy(&said(&frame, 15)).into_owned();
            let fault = text.contains(r#""code":"internal""#);
            assert!(!fault, "frames {number}: {text} to {:?}", String::from_utf8_lossy(&sent));
            if frame.opcode == 8 && frame.payload.len() >= 2 {
                assert_ne!(frame.close().0, 1011, "frames {number}: {sent:?}");
            }
        }
    }
}

/// How often each status was answered.
type Statuses = BTreeMap<String, usize>;

async fn answers(person: &Person, request: &[u8], statuses: &mut Statuses) {
    let mut wire = Wire::connect(person.server).await;
    wire.sends(request).await;
    let answered = String::from_utf8_lossy(&wire.finishes().await).into_owned();
    for line in answered.lines().filter(|line| line.starts_with("HTTP/1.")) {
        let status = line.split(' ').nth(1).unwrap_or("none").to_owned();
        let request = String::from_utf8_lossy(request);
        assert!(status.starts_with(['1', '2', '3', '4']), "{answered} to {request:?}");
        *statuses.entry(status).or_default() += 1;
    }
}

fn request_head(seeded: &mut Seeded, ada: &Person, target: &str, length: usize) -> String {
    format!(
        "{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {}\r\nContent-Length: {length}\r\n\r\n",
        ada.token,
        seeded.one_of(MEDIA),
    )
}

fn filled(seeded: &mut Seeded, path: &str) -> String {
    let mut filled = String::new();
    for (index, piece) in path.split("{}").enumerate() {
        if index > 0 {
            filled.push_str(&seeded.one_of(ODD).replace([' ', '"'], "%20"));
        }
        filled.push_str(piece);
    }
    filled
}

async fn takes_requests(ada: &Person, seeded: &mut Seeded, statuses: &mut Statuses) {
    for _ in 0..EACH {
        let (method, path) = *seeded.one_of(REQUESTS);
        let path = filled(seeded, path);
        let query = format!("?{}={}", seeded.one_of(KEYS), seeded.one_of(ODD).replace(' ', "+"));
        let body = odd_object(seeded).to_string();
        let target = format!("{method} {path}{query}");
        let whole = request_head(seeded, ada, &target, body.len()) + &body;
        let request = mutilated(seeded, whole.into_bytes());
        answers(ada, &request, statuses).await;
    }
}

async fn takes_bodies(ada: &Person, seeded: &mut Seeded, statuses: &mut Statuses) {
    for _ in 0..EACH {
        let (method, path) = *seeded.one_of(REQUESTS);
        let path = path.replace("{}", "general");
        let body = match seeded.below(4) {
            0 => odd_value(seeded, 0).to_string().into_bytes(),
            1 => {
                let object = odd_object(seeded).to_string().into_bytes();
                mutilated(seeded, object)
            }
            2 => ["[".repeat(seeded.below(9_000)), "]".to_owned()].concat().into_bytes(),
            _ => odd_object(seeded).to_string().into_bytes(),
        };
        let head = request_head(seeded, ada, &format!("{method} {path}"), body.len());
        answers(ada, &[head.into_bytes(), body].concat(), statuses).await;
    }
}

fn odd_token(seeded: &mut Seeded, ada: &Person) -> String {
    let parts: Vec<&str> = ada.token.split('.').collect();
    let raw = match seeded.below(6) {
        0 => mutilated(seeded, ada.token.clone().into_bytes()),
        1 => format!("{}.{}.", parts[0], parts[1]).into_bytes(),
        2 => format!("eyJhbGciOiJub25lIn0.{}.", parts[1]).into_bytes(),
        3 => "x.".repeat(seeded.below(3_000)).into_bytes(),
        4 => mutilated(seeded, ada.opaque.clone().into_bytes()),
        _ => {
            let length = seeded.below(80);
            seeded.bytes(length)
        }
    };
    // What cannot stand in a header line would be another story.
    let plain = raw.into_iter().filter(|byte| byte.is_ascii_graphic());
    plain.map(char::from).collect()
}

async fn takes_tokens(ada: &Person, seeded: &mut Seeded) {
    for number in 0..EACH {
        let token = odd_token(seeded, ada);
        if token == ada.token || token == ada.opaque {
            continue;
        }
        let (path, line) = match seeded.below(5) {
            0 => ("/ws/v1/".to_owned(), format!("Authorization: Bearer {token}")),
            1 => ("/ws/v1/".to_owned(), format!("Authorization: {token}")),
            2 => ("/ws/v1/".to_owned(), format!("Sec-WebSocket-Protocol: bearer.{token}")),
            3 => (format!("/ws/v1/?token={token}"), "X-Nothing: to add".to_owned()),
            _ => ("/ws/v1/".to_owned(), format!("Cookie: sessionid={token}")),
        };
        let first = format!("GET {path} HTTP/1.1");
        let origin = format!("Origin: http://{}", ada.server);
        let mut lines = vec![first.as_str(), "Host: localhost", &line, &origin];
        lines.extend(UPGRADE);
        let mut wire = Wire::connect(ada.server).await;
        let Some(answer) = wire.asks(&lines).await else { continue };
        assert!(answer.status < 500, "token {number}: {answer:?} to {lines:?}");
        if answer.status == 101 {
            let close = wire.close().await;
            assert_eq!(close.map(|(code, _)| code), Some(4001), "token {number}: {lines:?}");
        }
    }
}

#[tokio::test]
async fn two_thousand_malformed_things_cause_no_panic_no_5xx_and_no_growth() {
    println!("seed {SEED:#x}");
    let database = Database::sqlite();
    let people = enroll(&database, &["ada", "bob"]);
    let limits = [("frames_per_second", "0"), ("max_connections_per_user", "0")];
    let mut child = Child::start(&database, &limits);
    let [ada, bob] = [0, 1].map(|index: usize| people[index].at(child.address));
    let mut witness = bob.connects().await;
    witness.opens_room("general", &[&ada]).await;
    witness.joins("chat:general").await;
    // The first round fills caches and pools; growth is measured over the second.
    let mut warming = Seeded::new(!SEED);
    takes_frames(&ada, &mut warming).await;
    takes_requests(&ada, &mut warming, &mut Statuses::new()).await;
    let before = child.resident_bytes();
    let mut seeded = Seeded::new(SEED);
    takes_frames(&ada, &mut seeded).await;
    let mut statuses = Statuses::new();
    takes_requests(&ada, &mut seeded, &mut statuses).await;
    takes_bodies(&ada, &mut seeded, &mut statuses).await;
    takes_tokens(&ada, &mut seeded).await;
    let grown = child.resident_bytes().saturating_sub(before);
    assert!(grown < FLAT_BYTES, "grown by {grown} bytes");
    println!("answers {statuses:?}");
    assert!(statuses.get("400").is_some_and(|count| *count > EACH / 4), "rules were reached");
    assert!(child.runs());
    let lines = child.said();
    let panics: Vec<_> = lines.iter().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    witness.is_served().await;
    ada.connects().await.is_served().await;
    // Among all that, ada may well have left the room.
    bob.connects().await.says("chat:general", "still here").await;
    witness.hears_message("still here").await;
}
