//! Dashboards: true figures, told when they change, to those who look.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::models::attempt::{self, AttemptFilter, Outcome};

use crate::harness::child::Child;
use crate::harness::dispatch::{crew, desk, each_engine, text};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};
use crate::harness::wire::{Wire, masked};
use crate::harness::writer::Held;

/// Ticks fast, so that stories need not wait.
const FAST: &[(&str, &str)] = &[("dashboard_every", "30ms"), ("presence_grace", "0s")];

fn databases() -> impl Iterator<Item = Database> {
    [Some(Database::sqlite()), Database::postgres()].into_iter().flatten()
}

fn dashboard(person: &Person) -> String {
    format!("dashboard:{}", person.id.0)
}

/// The first dashboard, told or from the beginning, for which `wanted` holds.
async fn shows(socket: &mut Socket, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let holds = |frame: &Value| frame["type"] == "dashboard" && wanted(&frame["data"]);
    socket.hears_that(what, holds).await["data"].clone()
}

#[tokio::test]
async fn ones_own_figures_and_those_of_all_change_as_things_happen() {
    for database in databases() {
        let server = Server::start_on(database, FAST).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let room = ada_1.opens_room("talk", &[&bob]).await;
        ada_1.joins(&room).await;
        let mut bob_1 = bob.connects().await;
        let start = bob_1.joins(&dashboard(&bob)).await["snapshot"].clone();
        assert_eq!(start["role"], "member", "{start}");
        assert_eq!(start["own"]["unread_messages"], 0);
        assert_eq!(start["own"]["unread_notifications"], 1, "the invitation");
        assert_eq!(start["activity"]["messages_today"], 0);
        assert!(start.get("server").is_none(), "for admins");
        ada_1.says(&room, "one").await;
        let said = ada_1.says(&room, "two").await;
        let told =
            shows(&mut bob_1, "two unread", |data| data["own"]["unread_messages"] == 2).await;
        assert_eq!(told["own"]["unread_conversations"], 1);
        assert_eq!(told["own"]["unread_notifications"], 2);
        assert_eq!(told["activity"]["messages_today"], 2);
        assert_eq!(told["activity"]["conversations_active"], 1);
        assert_eq!(told["activity"]["people_online"], 2);
        bob_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        shows(&mut bob_1, "all read", |data| data["own"]["unread_messages"] == 0).await;
        let rest = bob.gets(200, "GET", "/api/v1/dashboard", None).await;
        assert_eq!(rest["own"]["unread_notifications"], 1);
        ada_1.leaves().await;
        shows(&mut bob_1, "ada gone", |data| data["activity"]["people_online"] == 1).await;
    }
}

#[tokio::test]
async fn an_admin_sees_how_the_server_does_and_another_role_does_not() {
    let server = Server::start_with(FAST).await;
    let root = server.person_as("root", Role::Admin).await;
    let desk = server.person_as("desk", Role::Dispatcher).await;
    let (mut root_1, mut desk_1) = (root.connects().await, desk.connects().await);
    let seen = root_1.joins(&dashboard(&root)).await["snapshot"]["server"].clone();
    for figure in [
        "connections",
        "deliveries_per_second",
        "attempts",
        "attempts_failed",
        "writer_queue",
        "topics_live",
        "slow_sockets",
        "uptime_seconds",
    ] {
        assert!(seen[figure].is_i64(), "{figure}: {seen}");
    }
    assert!(desk_1.joins(&dashboard(&desk)).await["snapshot"].get("server").is_none());
    // A refused attempt is counted once it is written down.
    let mut refused = Socket::open(server.address, "/ws/v1/", &[]).await;
    assert_eq!(refused.ends().await.code, Some(4001));
    let failed = |data: &Value| data["server"]["attempts_failed"].as_i64() >= Some(1);
    shows(&mut root_1, "the refused attempt", failed).await;
}

#[tokio::test]
async fn nobody_sees_the_dashboard_of_another_and_what_stays_the_same_is_not_told_again() {
    let server = Server::start_with(FAST).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut bob_1 = bob.connects().await;
    let refused = bob_1.is_refused("subscribe", &dashboard(&ada), json!({})).await;
    assert_eq!(refused["code"], "not_found");
    bob_1.joins(&dashboard(&bob)).await;
    bob_1.hears("dashboard").await;
    // Sixty looks later there was nothing new to tell.
    let mut looks = 0;
    until("time has passed", async || {
        looks += 1;
        looks > 60
    })
    .await;
    bob_1.is_served().await;
    let told = bob_1.overheard("dashboard").len();
    assert!(told <= 3, "told {told} times");
}

#[tokio::test]
async fn the_figures_of_dispatch_are_those_of_the_incidents_and_units_there_are() {
    each_engine(FAST, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut crews = Vec::new();
        for number in 1..=5 {
            let name = format!("medic-{number}");
            crews.push(crew(&server, &mut dana, &format!("A-{number}"), &name).await);
        }
        let (now, mut open) = (clock::now(), Vec::new());
        let calls = [("LOW", 100), ("CRITICAL", 200), ("HIGH", 300), ("HIGH", 400)];
        for (medic, (priority, seconds)) in crews.iter_mut().zip(calls) {
            let received = (now - chrono::Duration::seconds(seconds)).to_rfc3339();
            let call = json!({"incident_type": "MEDICAL", "priority": priority,
                "received_at": received});
            let incident = text(&dana.does("incident.create", call).await["id"]);
            dana.orders(&medic.unit, &incident).await;
            medic.reaches(&incident, "EN_ROUTE").await;
            medic.reaches(&incident, "ON_SCENE").await;
            open.push(incident);
        }
        crews[2].reaches(&open[2], "TRANSPORTING").await;
        dana.does("incident.close", json!({"incident": open[0], "reason": "done"})).await;
        dana.opens("LOW").await;
        let prank = dana.opens("LOW").await;
        dana.does("incident.cancel", json!({"incident": prank, "reason": "a prank"})).await;
        let aside = json!({"unit": crews[4].unit, "status": "MAINTENANCE", "reason": "brakes"});
        dana.does("unit.status", aside).await;

        let shown = dana.socket.joins(&dashboard(&dana.person)).await["snapshot"].clone();
        let figures = &shown["dispatch"];
        assert_eq!(figures["open_incidents"], 4, "{figures}");
        let by_status = json!({"RECEIVED": 1, "ON_SCENE": 2, "TRANSPORTING": 1});
        assert_eq!(figures["by_status"], by_status);
        assert_eq!(figures["by_priority"], json!({"LOW": 1, "CRITICAL": 1, "HIGH": 2}));
        assert_eq!(figures["responses"], 4, "that of the closed one among them");
        for (figure, seconds) in [("response_p50_s", 200), ("response_p90_s", 400)] {
            let found = figures[figure].as_i64().unwrap();
            assert!((seconds..seconds + 60).contains(&found), "{figure}: {figures}");
        }
        assert_eq!((&figures["units"], &figures["units_available"]), (&json!(5), &json!(1)));
        assert_eq!(figures["units_busy"], 3);
        let by_status = json!({"AVAILABLE": 1, "ON_SCENE": 2, "TRANSPORTING": 1, "MAINTENANCE": 1});
        assert_eq!(figures["units_by_status"], by_status);
        assert_eq!(figures["utilization_percent"], 75, "of those in service");
        let told = dana.person.gets(200, "GET", "/api/v1/dashboard", None).await;
        assert_eq!(&told["dispatch"], figures);

        // What changes is told; who has nothing to do with dispatch sees none of it.
        dana.does("incident.close", json!({"incident": open[3], "reason": "done"})).await;
        let freed = |data: &Value| {
            data["dispatch"]["open_incidents"] == 3 && data["dispatch"]["utilization_percent"] == 50
        };
        shows(&mut dana.socket, "one less", freed).await;
        let ada = server.person("ada").await;
        let seen = ada.connects().await.joins(&dashboard(&ada)).await["snapshot"].clone();
        assert!(seen.get("dispatch").is_none(), "{seen}");
    })
    .await;
}

#[tokio::test]
async fn an_admin_sees_attempts_as_they_are_recorded_and_what_waits_for_the_writer() {
    each_engine(FAST, async |server| {
        let root = server.person_as("root", Role::Admin).await;
        let mut root_1 = root.connects().await;
        root_1.joins(&dashboard(&root)).await;
        for _ in 0..3 {
            let mut refused = Socket::open(server.address, "/ws/v1/", &[]).await;
            assert_eq!(refused.ends().await.code, Some(4001));
        }
        let is_counted = |data: &Value| {
            data["server"]["attempts"] == 4 && data["server"]["attempts_failed"] == 3
        };
        shows(&mut root_1, "one that was served and three that were not", is_counted).await;
        let rows =
            server.reads(|conn| Ok(attempt::recent(conn, 100, &AttemptFilter::default())?)).await;
        let failed = rows.iter().filter(|row| row.outcome != Outcome::Accepted).count();
        assert_eq!((rows.len(), failed), (4, 3));
        let held = Held::of(&server).await;
        held.is_busy(&server, 70);
        let waits = |data: &Value| data["server"]["writer_queue"].as_i64() >= Some(70);
        shows(&mut root_1, "what waits for the writer", waits).await;
        drop(held);
        let waits = |data: &Value| data["server"]["writer_queue"].as_i64() < Some(70);
        shows(&mut root_1, "that it has caught up", waits).await;
    })
    .await;
}

/// A counter of a server, as its operators see it.
async fn counted(admin: &Person, name: &str) -> u64 {
    let text = admin.fetches(("GET", "/metrics"), &[], "").await.text().await.unwrap();
    let start = format!("{name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(start.as_str()));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn figures_are_put_together_once_for_a_role_however_many_look_at_them() {
    const EVERY_MS: u128 = 100;
    let database = Database::sqlite();
    let store = database.open();
    store.migrate().unwrap();
    let enroll =
        |name: String, role| store.write(|conn| Person::enroll(conn, &name, role)).unwrap();
    let root = enroll("root".to_owned(), Role::Admin);
    let desks: Vec<Person> =
        (0..6).map(|number| enroll(format!("desk-{number}"), Role::Dispatcher)).collect();
    drop(store);
    let settings = [
        ("dashboard_every", "100ms"),
        ("latest_every", "10ms"),
        ("frames_per_second", "0"),
        ("messages_per_second_per_user", "0"),
        ("outbox_stall", "200ms"),
    ];
    let child = Child::start(&database, &settings);
    let root = root.at(child.address);
    let mut root_1 = root.connects().await;
    root_1.joins(&dashboard(&root)).await;
    let mut sockets = Vec::new();
    for person in desks.iter().map(|person| person.at(child.address)) {
        for _ in 0..2 {
            let mut socket = person.connects().await;
            socket.joins(&dashboard(&person)).await;
            sockets.push(socket);
        }
    }
    shows(&mut root_1, "all of them", |data| data["server"]["connections"] == 13).await;
    let name = "switchboard_dashboard_figures_total";
    let (before, begun) = (counted(&root, name).await, Instant::now());
    let mut made = 0;
    until("it was looked twenty times", async || {
        made = counted(&root, name).await - before;
        made >= 40
    })
    .await;
    let looks = begun.elapsed().as_millis() / EVERY_MS + 2;
    assert!(u128::from(made) <= 2 * looks, "{made} for two roles in {looks} looks");
    let call = json!({"incident_type": "FIRE", "priority": "LOW"});
    assert_eq!(sockets[0].asks("incident.create", None, call).await["type"], "ok");
    for socket in &mut sockets {
        shows(socket, "the incident", |data| data["dispatch"]["open_incidents"] == 1).await;
    }

    // Whoever asks and never reads is closed for it, and counted.
    let room = root_1.opens_room("talk", &[]).await;
    for number in 0..40 {
        root_1.says(&room, &format!("{number} {}", "x".repeat(15_000))).await;
    }
    let mut stalled = Wire::connect_narrow(child.address).await;
    stalled.upgrades("/ws/v1/", &[&format!("Authorization: Bearer {}", root.token)]).await;
    for _ in 0..40 {
        let ask = json!({"type": "history", "topic": room, "data": {"limit": 50}}).to_string();
        stalled.sends(&masked(0x81, ask.as_bytes())).await;
    }
    shows(&mut root_1, "the slow one", |data| data["server"]["slow_sockets"] == 1).await;
}

#[tokio::test]
async fn a_dashboard_is_told_at_most_once_a_second_and_then_the_newest() {
    let settings = [("frames_per_second", "0"), ("messages_per_second_per_user", "0")];
    let server = Server::start_with(&settings).await;
    let mut dana = desk(&server, "dana").await;
    let omar = server.person_as("omar", Role::Dispatcher).await;
    let mut watching = omar.connects().await;
    watching.joins(&dashboard(&omar)).await;
    let is_over = Cell::new(false);
    let opening = async {
        let mut opened = 0_i64;
        while !is_over.get() {
            dana.opens("LOW").await;
            opened += 1;
        }
        opened
    };
    let hearing = async {
        let mut told = Vec::new();
        while told.len() < 4 {
            let frame = watching.hears("dashboard").await;
            told.push((Instant::now(), frame["data"]["dispatch"]["open_incidents"].as_i64()));
        }
        is_over.set(true);
        told
    };
    let (opened, told) = tokio::join!(opening, hearing);
    assert!(opened > 20, "much changed meanwhile: {opened}");
    assert!(told.is_sorted_by(|one, next| one.1 < next.1), "each is newer: {told:?}");
    // Three pauses of a second, less what the first may have been late.
    let took = told[3].0 - told[0].0;
    assert!(took >= Duration::from_millis(2_300), "{took:?} for {told:?}");
    dana.opens("LOW").await;
    let is_newest = |data: &Value| data["dispatch"]["open_incidents"] == opened + 1;
    shows(&mut watching, "the newest", is_newest).await;
}
