//! A full shift: two dispatchers and three crews work through their calls while the server is
//! killed ten times. At the end every order has one final state, every timeline is whole and in
//! order, and both boards are what the database says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use switchboard::actors::dispatch::snapshot;
use switchboard::auth::identity::Role;
use switchboard::ids::IncidentId;
use switchboard::models::incident_list::{self, Wanted};
use switchboard::models::store::Store;
use switchboard::models::{journal, order, timeline};
use switchboard::protocol::dispatch::OrderState;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::harness::child::Child;
use crate::harness::dispatch::{BOARD, text};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::seeded::Seeded;
use crate::harness::socket::PATIENCE;

const KILLS: usize = 10;
/// Calls that each dispatcher takes; the last two stay open at the end.
const CALLS: usize = 14;
const STAY_OPEN: usize = 2;
const SETTINGS: [(&str, &str); 5] = [
    ("frames_per_second", "0"),
    ("messages_per_second_per_user", "0"),
    ("order_repeat", "300ms"),
    ("answer_high", "2s"),
    ("dispatch_sweep", "50ms"),
];

/// A connection that may be cut at any moment; then every call answers `None`.
struct Line {
    stream: WebSocketStream<TcpStream>,
    asked: u64,
}

impl Line {
    async fn open(server: SocketAddr, person: &Person) -> Option<Self> {
        let mut request = format!("ws://{server}/ws/v1/").into_client_request().ok()?;
        let bearer = format!("Bearer {}", person.token);
        request.headers_mut().insert("authorization", bearer.parse().ok()?);
        let stream = TcpStream::connect(server).await.ok()?;
        let (stream, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
        let mut line = Self { stream, asked: 0 };
        (line.next(PATIENCE).await?["type"] == "welcome").then_some(line)
    }

    /// The next frame within a time; `null` when none came.
    async fn next(&mut self, within: Duration) -> Option<Value> {
        loop {
            match tokio::time::timeout(within, self.stream.next()).await {
                Err(_) => return Some(Value::Null),
                Ok(Some(Ok(Message::Text(text)))) => return serde_json::from_str(&text).ok(),
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return None,
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    /// Asks and returns the reply; events on the way go to `heard`.
    async fn asks(
        &mut self,
        kind: &str,
        topic: Option<&str>,
        data: Value,
        heard: &mut impl FnMut(&Value),
    ) -> Option<Value> {
        self.asked += 1;
        let reference = self.asked;
        let mut frame = json!({"type": kind, "ref": reference, "data": data});
        if let Some(topic) = topic {
            frame["topic"] = json!(topic);
        }
        self.stream.send(Message::text(frame.to_string())).await.ok()?;
        loop {
            let frame = self.next(PATIENCE).await?;
            assert!(!frame.is_null(), "{kind}: no answer in time");
            if frame["ref"] == reference {
                return Some(frame);
            }
            heard(&frame);
        }
    }
}

/// What a dispatcher's page shows, kept from the first snapshot by events alone.
#[derive(Default)]
struct Board {
    seq: Option<i64>,
    epoch: Value,
    incidents: BTreeMap<String, Value>,
    units: BTreeMap<String, Value>,
    orders: BTreeMap<String, Value>,
}

impl Board {
    fn begin(&mut self, joined: &Value) {
        let data = &joined["data"];
        if self.seq.is_none() {
            let list = |key: &str| data["snapshot"][key].as_array().cloned().unwrap_or_default();
            let by_id = |all: Vec<Value>| all.into_iter().map(|one| (text(&one["id"]), one));
            self.incidents = by_id(list("incidents")).collect();
            self.units = by_id(list("units")).collect();
            self.orders = by_id(list("orders")).collect();
            self.seq = data["seq"].as_i64();
            self.epoch = data["epoch"].clone();
        } else {
            assert_eq!(data["recovered"], true, "{joined}");
        }
    }

    fn hear(&mut self, frame: &Value) {
        let Some(seq) = frame["seq"].as_i64().filter(|_| frame["topic"] == BOARD) else { return };
        if frame["type"] == "live" {
            return;
        }
        assert_eq!(Some(seq), self.seq.map(|seq| seq + 1), "no gap and no double: {frame}");
        self.seq = Some(seq);
        let data = &frame["data"];
        let (table, one, gone) = if data["incident"].is_object() {
            let is_over = !data["incident"]["closed_at"].is_null();
            (&mut self.incidents, &data["incident"], is_over)
        } else if data["unit"].is_object() {
            (&mut self.units, &data["unit"], false)
        } else if data["order"].is_object() {
            (&mut self.orders, &data["order"], !data["order"]["ended_at"].is_null())
        } else {
            return;
        };
        let id = text(&one["id"]);
        if gone {
            table.remove(&id)
        } else {
            table.insert(id, one.clone())
        };
    }

    /// An incident that waits and a unit that is free.
    fn match_up(&self) -> Option<(String, String)> {
        let waits = self.incidents.values().find(|one| one["status"] == "RECEIVED")?;
        let free = self.units.values().find(|one| one["status"] == "AVAILABLE")?;
        Some((text(&waits["id"]), text(&free["id"])))
    }
}

/// What all clients of a shift share.
#[derive(Clone)]
struct Shift {
    server: watch::Receiver<SocketAddr>,
    acked: Arc<AtomicUsize>,
    /// No more orders are given.
    closing: watch::Receiver<bool>,
    over: watch::Receiver<bool>,
    /// The board's last event, once nobody does anything any more.
    last: watch::Receiver<Option<i64>>,
}

impl Shift {
    fn acknowledged(&self) {
        self.acked.fetch_add(1, Ordering::Relaxed);
    }

    /// The next address, once the one that was cut has been replaced.
    async fn connects(&mut self, person: &Person) -> Option<Line> {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        loop {
            let server = *self.server.borrow();
            if let Some(line) = Line::open(server, person).await {
                return Some(line);
            }
            if *self.over.borrow() {
                return None;
            }
            again.tick().await;
        }
    }
}

/// Takes calls and finds units for them until all are served but the last two.
async fn dispatches(mut shift: Shift, person: Person, done: Arc<AtomicUsize>) -> Board {
    let (mut board, mut taken, mut tries) = (Board::default(), 0, 0);
    loop {
        let Some(mut line) = shift.connects(&person).await else { return board };
        let wish = json!({"after": board.seq, "epoch": board.epoch});
        let wish = if board.seq.is_some() { wish } else { json!({}) };
        let mut early = Vec::new();
        let joined =
            line.asks("subscribe", Some(BOARD), wish, &mut |frame| early.push(frame.clone())).await;
        let Some(joined) = joined else { continue };
        assert_eq!(joined["type"], "ok", "{joined}");
        board.begin(&joined);
        early.iter().for_each(|frame| board.hear(frame));
        loop {
            let last = *shift.last.borrow();
            if let Some(last) = last {
                if board.seq >= Some(last) {
                    return board;
                }
                let Some(frame) = line.next(PATIENCE).await else { break };
                assert!(!frame.is_null(), "the board has not heard of {:?} to {last}", board.seq);
                board.hear(&frame);
                continue;
            }
            let closing = *shift.closing.borrow();
            let bit = if person.name == "dana" { 1 } else { 2 };
            let (kind, data) = if taken < CALLS && board.incidents.len() < 8 {
                let client_id = format!("call-{}-{taken}", person.name);
                let call = json!({"incident_type": "MEDICAL", "priority": "HIGH",
                    "client_id": client_id});
                ("incident.create", call)
            } else if let Some((incident, unit)) = board.match_up().filter(|_| !closing) {
                tries += 1;
                let client_id = format!("order-{}-{tries}", person.name);
                let order = json!({"incident": incident, "unit": unit, "client_id": client_id});
                ("incident.assign", order)
            } else {
                if taken == CALLS {
                    done.fetch_or(if closing { bit | (bit << 2) } else { bit }, Ordering::Relaxed);
                }
                match line.next(Duration::from_millis(100)).await {
                    Some(frame) => board.hear(&frame),
                    None => break,
                }
                continue;
            };
            let reply = line.asks(kind, None, data, &mut |frame| board.hear(frame)).await;
            let Some(reply) = reply else { break };
            if reply["type"] == "ok" {
                shift.acknowledged();
                taken += usize::from(kind == "incident.create");
            } else {
                let code = &reply["code"];
                assert!(code == "conflict" || code == "unavailable", "{kind}: {reply}");
            }
        }
    }
}

/// What a crew does next about its order; nothing when there is none to do.
fn next_step(order: &Value, seeded: &mut Seeded) -> Option<(&'static str, Value)> {
    let id = text(&order["id"]);
    let client_id = |what: &str| format!("{what}-{id}");
    let step = |status: &str| {
        let data = json!({"incident": order["incident"], "status": status,
            "client_id": client_id(status)});
        Some(("incident.status", data))
    };
    match (order["state"].as_str()?, order["stage"].as_str()?) {
        ("sent", _) => {
            Some(("order.received", json!({"order": id, "client_id": client_id("received")})))
        }
        ("delivered" | "timed_out", "ASSIGNED") if seeded.below(6) == 0 => {
            let data = json!({"order": id, "reason": "flat tire", "client_id": client_id("no")});
            Some(("order.decline", data))
        }
        ("delivered" | "timed_out" | "seen", "ASSIGNED") => {
            Some(("order.accept", json!({"order": id, "client_id": client_id("yes")})))
        }
        (_, "ASSIGNED") => step("EN_ROUTE"),
        (_, "EN_ROUTE") => step("ON_SCENE"),
        (_, "ON_SCENE") => step("TRANSPORTING"),
        (_, "TRANSPORTING") => step("AT_HOSPITAL"),
        (_, "AT_HOSPITAL") => step("CLOSED"),
        _ => None,
    }
}

/// Serves orders until the shift is over.
async fn drives(mut shift: Shift, person: Person, unit: String, seed: u64) {
    let (topic, mut seeded) = (format!("dispatch:unit:{unit}"), Seeded::new(seed));
    let mut nothing = |_: &Value| {};
    while !*shift.over.borrow() {
        let Some(mut line) = shift.connects(&person).await else { return };
        while !*shift.over.borrow() {
            let joined = line.asks("subscribe", Some(&topic), json!({}), &mut nothing).await;
            let Some(joined) = joined else { break };
            assert_eq!(joined["type"], "ok", "{joined}");
            let order = joined["data"]["snapshot"]["orders"][0].clone();
            let step = Some(&order).filter(|order| order.is_object());
            let Some((kind, data)) = step.and_then(|order| next_step(order, &mut seeded)) else {
                let within = Duration::from_millis(60);
                if line.next(within).await.is_none() {
                    break;
                }
                continue;
            };
            let reply = line.asks(kind, None, data, &mut nothing).await;
            let Some(reply) = reply else { break };
            if reply["type"] == "ok" {
                shift.acknowledged();
            } else {
                let code = &reply["code"];
                assert!(code == "conflict" || code == "unavailable", "{kind}: {reply}");
            }
        }
    }
}

fn has_unanswered(store: &Store) -> bool {
    let open = store.read(|conn| order::views(conn, order::Which::Open)).unwrap();
    open.iter().any(|order| order.state.is_unanswered())
}

fn judge(store: &Store, boards: &[Board]) {
    let truth = store.read(snapshot::board).unwrap();
    let by_id = |all: Value| -> BTreeMap<String, Value> {
        let all = all.as_array().unwrap().clone();
        all.into_iter().map(|one| (text(&one["id"]), one)).collect()
    };
    let incidents = by_id(json!(truth.incidents));
    let units = by_id(json!(truth.units));
    let orders = by_id(json!(truth.orders));
    for board in boards {
        assert_eq!(board.incidents, incidents);
        assert_eq!(board.units, units);
        let states = |orders: &BTreeMap<String, Value>| -> Vec<Value> {
            orders.values().map(|one| json!([one["id"], one["state"], one["stage"]])).collect()
        };
        assert_eq!(states(&board.orders), states(&orders));
    }
    let all: Vec<IncidentId> =
        store.read(|conn| incident_list::ids(conn, &Wanted::default(), 1_000)).unwrap();
    assert_eq!(all.len(), 2 * CALLS, "no call was lost and none was taken twice");
    let mut given = 0;
    for id in all {
        let (orders, entries) = store
            .read(|conn| {
                let orders = order::all_of(conn, id)?;
                Ok((orders, timeline::of_incident(conn, id, None, 10_000)?))
            })
            .unwrap();
        let kinds = |kind: &str, of: Option<i64>| {
            let wanted = |entry: &&switchboard::protocol::views::dispatch::TimelineEntry| {
                entry.kind == kind && (of.is_none() || entry.order.map(|order| order.0) == of)
            };
            entries.iter().filter(wanted).count()
        };
        assert_eq!(kinds("incident.opened", None), 1);
        assert!(entries.is_sorted_by_key(|entry| entry.at), "monotone");
        for one in orders {
            given += 1;
            let order = Some(one.id.0);
            assert_eq!(kinds("order.given", order), 1);
            let (accepted, declined) =
                (kinds("order.accepted", order), kinds("order.declined", order));
            let counts = (accepted, declined, kinds("unit.freed", order));
            match one.state {
                OrderState::Accepted if one.is_open() => assert_eq!(counts, (1, 0, 0)),
                OrderState::Accepted => assert_eq!(counts, (1, 0, 1)),
                OrderState::Declined => assert_eq!(counts, (0, 1, 1)),
                other => panic!("order {} is {other}", one.id),
            }
            let steps = kinds("unit.status", order);
            let reached =
                [one.en_route_at, one.on_scene_at, one.transporting_at, one.at_hospital_at];
            assert_eq!(steps, reached.iter().flatten().count(), "each step once");
        }
    }
    println!("orders {given}");
    assert!(given >= 2 * (CALLS - STAY_OPEN), "{given}");
}

async fn works_through_a_shift(database: Database) {
    let (desk, crews) = {
        let store = database.open();
        store.migrate().unwrap();
        let make = |name: &str, role| store.write(|conn| Person::enroll(conn, name, role)).unwrap();
        (
            [make("dana", Role::Dispatcher), make("omar", Role::Dispatcher)],
            ["musu", "tamba", "sia"].map(|name| make(name, Role::Paramedic)),
        )
    };
    let mut child = Child::start(&database, &SETTINGS);
    let mut units = Vec::new();
    for (number, crew) in crews.iter().enumerate() {
        let mut line = Line::open(child.address, &desk[0]).await.unwrap();
        let data = json!({"unit_number": format!("A-{number}")});
        let kept = line.asks("unit.save", None, data, &mut |_| {}).await.unwrap();
        let unit = text(&kept["data"]["id"]);
        let mut line = Line::open(child.address, crew).await.unwrap();
        let on = line.asks("shift.start", None, json!({"unit": unit}), &mut |_| {}).await.unwrap();
        assert_eq!(on["type"], "ok", "{on}");
        units.push(unit);
    }
    let (address, server) = watch::channel(child.address);
    let (close, closing) = watch::channel(false);
    let (finish, over) = watch::channel(false);
    let (tell, last) = watch::channel(None);
    let (acked, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let shift = Shift { server, acked: Arc::clone(&acked), closing, over, last };
    let boards =
        desk.map(|person| tokio::spawn(dispatches(shift.clone(), person, Arc::clone(&done))));
    let mut driving = Vec::new();
    for (seed, (crew, unit)) in (1..).zip(crews.into_iter().zip(units)) {
        driving.push(tokio::spawn(drives(shift.clone(), crew, unit, seed)));
    }
    let mut seeded = Seeded::new(20_261_128);
    let mut look = tokio::time::interval(Duration::from_millis(25));
    for _ in 0..KILLS {
        let enough = acked.load(Ordering::Relaxed) + 4 + seeded.below(14);
        let working = async {
            while acked.load(Ordering::Relaxed) < enough {
                look.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE * 3, working).await.expect("the work goes on");
        child.dies();
        child = Child::start(&database, &SETTINGS);
        address.send(child.address).unwrap();
    }
    let store = database.open_beside();
    let working = async {
        while done.load(Ordering::Relaxed) != 3 {
            look.tick().await;
        }
        close.send(true).unwrap();
        while done.load(Ordering::Relaxed) != 15 || has_unanswered(&store) {
            look.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE * 6, working).await.expect("the shift ends");
    finish.send(true).unwrap();
    for crew in driving {
        crew.await.unwrap();
    }
    // A crew may have done its last step when it heard that the shift is over: only now is it known
    // which event is the last, and a board that never hears it has lost it.
    let head = store.read(|conn| journal::find_topic(conn, BOARD)).unwrap();
    tell.send(Some(head.unwrap().head)).unwrap();
    let mut kept = Vec::new();
    for board in boards {
        kept.push(board.await.unwrap());
    }
    drop(store);
    child.dies();
    judge(&database.open(), &kept);
}

#[tokio::test]
async fn a_shift_with_ten_kills_ends_with_whole_orders_timelines_and_boards_on_sqlite() {
    works_through_a_shift(Database::sqlite()).await;
}

#[tokio::test]
async fn a_shift_with_ten_kills_ends_with_whole_orders_timelines_and_boards_on_postgres() {
    if let Some(database) = Database::postgres() {
        works_through_a_shift(database).await;
    }
}
