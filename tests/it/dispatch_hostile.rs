//! Three thousand requests that the description of dispatch makes possible, from one seed: fields
//! that exist with values that fit, nearly fit or fit nowhere. No panic, no 5xx, nobody disturbed.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use switchboard::auth::identity::Role;

use crate::harness::dispatch::{BOARD, crew, desk, each_engine};
use crate::harness::people::Person;
use crate::harness::rest::expect;
use crate::harness::seeded::Seeded;

const SEED: u64 = 0x5EED_2026_1128;
const EACH: usize = 1_500;

/// Values that fit somewhere, and values that fit nowhere.
const VALUES: &[&str] = &[
    "1",
    "2",
    "3",
    "99999",
    "0",
    "-1",
    "9007199254740991",
    "9223372036854775807",
    "x",
    "",
    " ",
    "A-1",
    "FIRE",
    "HIGH",
    "RECEIVED",
    "EN_ROUTE",
    "ON_SCENE",
    "TRANSPORTING",
    "CLOSED",
    "AVAILABLE",
    "MAINTENANCE",
    "ASSIGNED",
    "at_patient",
    "BASIC",
    "FULL",
    "medic",
    "2026-11-28T10:00:00Z",
    "9999-12-31T23:59:59+23:59",
    "0000-01-01T00:00:00Z",
    "\u{0}",
    "=1+1",
    "é",
    "\u{202e}",
    "' OR 1=1 --",
    "%",
];

fn value(seeded: &mut Seeded, depth: usize) -> Value {
    match seeded.below(12) {
        0 => Value::Null,
        1 => json!(seeded.below(2) == 0),
        2 => json!(seeded.next()),
        3 => json!(i64::from_ne_bytes(seeded.next().to_ne_bytes())),
        4 => json!([1e308, -181.0, 90.000_000_1, 8.484_146, 0.1][seeded.below(5)]),
        5 => json!(seeded.below(200)),
        6 => json!("x".repeat(seeded.below(12_000))),
        7 if depth < 3 => (0..seeded.below(4)).map(|_| value(seeded, depth + 1)).collect(),
        8 if depth < 3 => json!({"name": value(seeded, depth + 1), "age": value(seeded, 3),
            "condition": value(seeded, 3), "client_id": "k", "incident": value(seeded, 3),
            "at": value(seeded, 3), "status": value(seeded, 3)}),
        _ => json!(*seeded.one_of(VALUES)),
    }
}

/// A request of the description: method, path, and the names of its body's fields and query.
struct Asked {
    method: Method,
    path: String,
    fields: Vec<String>,
    query: Vec<String>,
}

fn requests(document: &Value) -> Vec<Asked> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"] != json!(["dispatch"]) {
                continue;
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let target = schema["$ref"].as_str().map(|at| at.trim_start_matches('#'));
            let schema = target.map_or(schema, |at| document.pointer(at).unwrap());
            let names = |value: &Value| value.as_object().map(|all| all.keys().cloned().collect());
            let query = operation["parameters"].as_array().into_iter().flatten();
            let query = query.filter(|one| one["in"] == "query");
            found.push(Asked {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                fields: names(&schema["properties"]).unwrap_or_default(),
                query: query.map(|one| one["name"].as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    assert!(found.len() > 50, "{}", found.len());
    found
}

fn target(seeded: &mut Seeded, asked: &Asked) -> String {
    let mut path = String::new();
    for part in asked.path.split('/').skip(1) {
        path.push('/');
        let odd: [&str; 7] = ["x", "0", "99999", "-1", "9223372036854775808", "%00", "é"];
        match part.starts_with('{') {
            true if seeded.below(8) == 0 => path.push_str(odd[seeded.below(odd.len())]),
            true => path.push_str(&(seeded.below(6) + 1).to_string()),
            false => path.push_str(part),
        }
    }
    for (place, name) in asked.query.iter().enumerate() {
        if seeded.below(3) == 0 {
            let text = seeded.one_of(VALUES).replace(['%', ' ', '\u{0}', '+'], "%00");
            path.push_str(&format!("{}{name}={text}", if place == 0 { '?' } else { '&' }));
        }
    }
    path
}

async fn asks(client: &Client, who: &Person, seeded: &mut Seeded, asked: &Asked) -> (u16, String) {
    let url = format!("http://{}{}", who.server, target(seeded, asked));
    let mut request = client.request(asked.method.clone(), url).bearer_auth(&who.token);
    if seeded.below(6) == 0 {
        let matched = ["*", "\"1\"", "W/\"1\"", "\"", "1"];
        request = request.header("If-Match", *seeded.one_of(&matched));
    }
    if seeded.below(6) == 0 {
        request = request.header("Idempotency-Key", *seeded.one_of(&["k1", "\"k2\"", "x\u{e9}"]));
    }
    let body: Map<String, Value> = asked
        .fields
        .iter()
        .filter(|_| seeded.below(4) > 0)
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
        .map(|name| (name, value(seeded, 0)))
        .collect();
    let mut text = Value::Object(body).to_string();
    match seeded.below(10) {
        0 => {
            let mut end = seeded.below(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        1 => text = value(seeded, 0).to_string(),
        _ => {}
    }
    let request = request.header("content-type", "application/json").body(text.clone());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), text)
}

#[tokio::test]
async fn whatever_is_sent_to_the_routes_of_dispatch_is_answered_and_never_a_fault_of_ours() {
    let quiet = [("messages_per_second_per_user", "0")];
    each_engine(&quiet, async |server| {
        let mut dana = desk(&server, "dana").await;
        for number in 0..3 {
            let name = format!("medic{number}");
            let medic = crew(&server, &mut dana, &format!("A-{number}"), &name).await;
            let incident = dana.opens("HIGH").await;
            dana.orders(&medic.unit, &incident).await;
            dana.adds_hospital(&format!("H-{number}")).await;
        }
        let root = server.person_as("root", Role::Admin).await;
        let crewman = server.person_as("musu", Role::Paramedic).await;
        let document = expect(&root, 200, ("GET", "/api/v1/openapi.json"), None).await;
        let (requests, client) = (requests(&document), Client::new());
        let mut seeded = Seeded::new(SEED);
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for number in 0..EACH {
            let asked = seeded.one_of(&requests);
            let who = [&dana.person, &root, &crewman][seeded.below(3)];
            let (status, text) = asks(&client, who, &mut seeded, asked).await;
            let shown: String = text.chars().take(400).collect();
            let asked = format!("{} {}", asked.method, asked.path);
            assert!(status < 500, "request {number}: {status} to {asked} {shown}");
            *statuses.entry(status).or_default() += 1;
        }
        // Much was refused, and enough was done that it was worth asking.
        assert!(statuses[&400] > 100 && statuses[&200] > 50, "{statuses:?}");
        let board = expect(&dana.person, 200, ("GET", "/api/v1/board"), None).await;
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(board["incidents"], snapshot["incidents"]);
    })
    .await;
}
