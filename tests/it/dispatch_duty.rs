//! What must hold when things change under an order: crews that lose their accounts, priorities
//! that rise, units that were out of service, alarms that are raised again.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::models::error::StoreError;

use crate::harness::ambulance::opens;
use crate::harness::dispatch::{BOARD, Crew, Desk, alarms_unheard, crew, desk, each_engine, text};
use crate::harness::rest::rest;
use crate::harness::server::Server;
use crate::harness::socket::until;
use crate::harness::writer::Held;

const SHORT: [(&str, &str); 5] = [
    ("answer_critical", "300ms"),
    ("answer_medium", "20m"),
    ("order_repeat", "80ms"),
    ("mayday_repeat", "10m"),
    ("dispatch_sweep", "20ms"),
];

async fn loses_account(server: &Server, who: &Crew) {
    let name = format!("admin-of-{}", who.person.name);
    let admin = server.person_as(&name, Role::Admin).await;
    let path = format!("/api/v1/users/{}/deactivate", who.person.id);
    let (status, body) = rest(&admin, "POST", &path, None).await;
    assert_eq!(status, 204, "{body}");
}

/// The next entry of this kind on the board.
async fn hears_entry(desk: &mut Desk, kind: &str) -> Value {
    let wanted = |frame: &Value| frame["data"]["entry"]["kind"] == kind;
    desk.socket.hears_that(kind, wanted).await["data"]["entry"].clone()
}

#[tokio::test]
async fn whoever_loses_their_account_leaves_their_unit_and_their_unanswered_order_escalates() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        loses_account(&server, &medic).await;
        let ended = hears_entry(&mut dana, "shift.ended").await;
        assert!(text(&ended["detail"]).contains("musu"), "{ended}");
        let late = dana.socket.hears("order.escalated").await;
        let order = &late["data"]["order"];
        assert_eq!((&order["state"], &order["escalations"]), (&json!("timed_out"), &json!(1)));
        hears_entry(&mut dana, "order.unmanned").await;
        let unit = dana.socket.joins(BOARD).await["snapshot"]["units"][0].clone();
        assert_eq!(unit["crew"], json!([]));
        assert_eq!(unit["incident"], incident, "a dispatcher decides what becomes of it");
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "no crew"});
        dana.does("incident.release", data).await;
        let no = dana.is_refused("incident.assign", json!({"incident": incident})).await;
        assert!(text(&no["rule"]).contains("without anybody on shift"), "{no}");
    })
    .await;
}

#[tokio::test]
async fn a_unit_on_its_way_that_loses_its_only_crew_comes_before_the_dispatchers_once() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        loses_account(&server, &medic).await;
        let late = dana.socket.hears("order.escalated").await;
        assert_eq!(late["data"]["order"]["state"], "accepted", "what it said stands");
        let unit = dana.socket.joins(BOARD).await["snapshot"]["units"][0].clone();
        assert_eq!((&unit["status"], &unit["crew"]), (&json!("EN_ROUTE"), &json!([])));
        assert!(dana.socket.overheard("order.escalated").is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_no_paramedic_any_more_is_off_duty_while_the_rest_of_the_crew_goes_on() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut one = crew(&server, &mut dana, "A-1", "musu").await;
        let two = Crew::on(server.person_as("tamba", Role::Paramedic).await, &one.unit).await;
        let incident = dana.opens("MEDIUM").await;
        let order = dana.orders(&one.unit, &incident).await;
        let admin = server.person_as("root", Role::Admin).await;
        let path = format!("/api/v1/users/{}/role", two.person.id);
        let (status, body) = rest(&admin, "POST", &path, Some(json!({"role": "dispatcher"}))).await;
        assert_eq!(status, 200, "{body}");
        hears_entry(&mut dana, "shift.ended").await;
        one.does("order.accept", json!({"order": order})).await;
        assert!(dana.socket.overheard("order.escalated").is_empty(), "someone is there");
        let unit = dana.socket.joins(BOARD).await["snapshot"]["units"][0].clone();
        assert_eq!(unit["crew"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_named_paramedic_who_loses_their_account_is_named_no_more() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let unit = dana.adds_unit("A-1").await;
        let person = server.person_as("musu", Role::Paramedic).await;
        let incident = dana.opens("MEDIUM").await;
        let data =
            json!({"incident": incident, "unit": unit, "paramedic": person.id.0.to_string()});
        dana.does("incident.assign", data).await;
        let socket = person.connects().await;
        let topic = format!("dispatch:unit:{unit}");
        let named = Crew { person, socket, unit, topic };
        loses_account(&server, &named).await;
        let late = dana.socket.hears("order.escalated").await;
        assert_eq!(late["data"]["order"]["paramedic"], Value::Null, "{late}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_waited_for_no_longer_than_a_raised_priority_allows() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        dana.does("incident.change", json!({"incident": incident, "priority": "CRITICAL"})).await;
        let late = dana.socket.hears("order.escalated").await;
        assert_eq!(late["data"]["order"]["priority"], "CRITICAL");
    })
    .await;
}

#[tokio::test]
async fn a_unit_ordered_out_of_maintenance_goes_back_to_it_when_it_is_free() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let status = json!({"unit": medic.unit, "status": "MAINTENANCE", "reason": "brakes"});
        medic.does("unit.status", status).await;
        let incident = dana.opens("MEDIUM").await;
        let data = json!({"incident": incident, "unit": medic.unit, "override_reason": "it rolls"});
        dana.does("incident.assign", data).await;
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "not needed"});
        dana.does("incident.release", data).await;
        let unit = dana.socket.joins(BOARD).await["snapshot"]["units"][0].clone();
        assert_eq!(unit["status"], "MAINTENANCE");
        let no = dana.is_refused("incident.assign", json!({"incident": incident})).await;
        assert!(text(&no["rule"]).contains("out of service"), "nobody picks it unseen: {no}");
    })
    .await;
}

#[tokio::test]
async fn a_check_in_timer_that_is_set_runs_only_while_somebody_is_at_the_scene() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        let wish = json!({"incident": incident, "every_s": 600});
        assert!(dana.does("par.set", wish.clone()).await["due_at"].is_string());
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "not needed"});
        dana.does("incident.release", data).await;
        let set = dana.does("par.set", wish).await;
        assert_eq!(set["due_at"], Value::Null, "nobody is there any more");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_heard_is_settled_once_the_crew_moves_or_a_dispatcher_corrects() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let other = crew(&server, &mut dana, "A-2", "tamba").await;
    let (one, two) = (dana.opens("CRITICAL").await, dana.opens("CRITICAL").await);
    dana.orders(&medic.unit, &one).await;
    dana.orders(&other.unit, &two).await;
    let person = dana.person.clone();
    dana.socket.leaves().await;
    let unheard = medic.socket.hears_that("an escalation nobody heard", |frame| {
        frame["type"] == "order.escalated" && frame["data"]["order"]["nobody_heard"] == true
    });
    unheard.await;
    medic.reaches(&one, "EN_ROUTE").await;
    let moved = medic.socket.hears_that("its answer", |frame| {
        frame["type"] == "order.changed" && frame["data"]["order"]["state"] == "accepted"
    });
    assert_eq!(moved.await["data"]["order"]["nobody_heard"], false);
    let mut dana = Desk::of(person).await;
    let data =
        json!({"incident": two, "unit": other.unit, "status": "EN_ROUTE", "reason": "radio"});
    dana.does("incident.correct", data).await;
    let orders = dana.socket.joins(BOARD).await["snapshot"]["orders"].clone();
    for order in orders.as_array().unwrap() {
        assert_eq!(order["nobody_heard"], false, "{order}");
    }
}

#[tokio::test]
async fn a_mayday_raised_again_learns_what_was_not_known_before() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let person = server.person_as("musu", Role::Paramedic).await;
        let mut socket = person.connects().await;
        let raised = crate::harness::dispatch::does(&mut socket, "mayday.raise", json!({})).await;
        let first = dana.socket.hears("mayday.raised").await;
        assert_eq!(first["data"]["mayday"]["unit"], Value::Null);
        drop(socket);
        let unit = dana.adds_unit("A-1").await;
        let mut medic = Crew::on(person, &unit).await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&unit, &incident).await;
        let again = json!({"note": "second floor", "latitude": 8.5, "longitude": -13.2});
        let told = medic.does("mayday.raise", again).await;
        assert_eq!(told["id"], raised["id"]);
        let seen = dana.socket.hears("mayday.repeated").await;
        let mayday = &seen["data"]["mayday"];
        assert_eq!((&mayday["unit"], &mayday["incident"]), (&json!(unit), &json!(incident)));
        assert_eq!((&mayday["latitude"], &mayday["note"]), (&json!(8.5), &json!("second floor")));
        medic.socket.hears("mayday.repeated").await;
        medic.does("mayday.raise", json!({"latitude": 8.6})).await;
        let seen = dana.socket.hears("mayday.repeated").await;
        assert_eq!(seen["data"]["mayday"]["latitude"], 8.5, "half a place is none");
    })
    .await;
}

#[tokio::test]
async fn no_fault_of_a_device_loses_a_mayday() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let data = json!({"unit": "x", "note": 7, "latitude": "north", "longitude": 999,
        "at": "soon", "client_id": ""});
    let raised = medic.does("mayday.raise", data).await;
    let seen = dana.socket.hears("mayday.raised").await;
    assert_eq!(seen["data"]["mayday"]["unit"], medic.unit, "its own, then");
    let answer = json!({"mayday": raised["id"]});
    dana.does("mayday.acknowledge", answer.clone()).await;
    // An answered one does not swallow the next, whatever id the device gives it.
    let next = medic.does("mayday.raise", json!({"client_id": "m"})).await;
    assert_ne!(next["id"], raised["id"]);
    dana.does("mayday.acknowledge", json!({"mayday": next["id"]})).await;
    let third = medic.does("mayday.raise", json!({"client_id": "m"})).await;
    assert_ne!(third["id"], next["id"]);
}

#[tokio::test]
async fn a_mayday_that_cannot_be_kept_is_told_to_the_boards_all_the_same() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    server
        .writes(|conn| {
            let broken = conn.batch_execute("ALTER TABLE maydays RENAME TO out_of_reach");
            broken.map_err(|fault| StoreError::from(fault).into())
        })
        .await;
    let no = medic.is_refused("mayday.raise", json!({"note": "help"})).await;
    assert_eq!(no["code"], "internal", "its sender is not told that it was kept: {no}");
    let alarm = dana.socket.hears("mayday.alarm").await;
    let mayday = &alarm["data"]["mayday"];
    assert_eq!((&mayday["id"], &mayday["note"]), (&json!("0"), &json!("help")));
    assert_eq!(mayday["raised_by"]["username"], "musu");
}

/// The next alarm of a mayday that is not kept; those that are have an id.
async fn hears_unkept(desk: &mut Desk) -> Value {
    let is_unkept =
        |frame: &Value| frame["type"] == "mayday.alarm" && frame["data"]["mayday"]["id"] == "0";
    desk.socket.hears_that("the alarm", is_unkept).await["data"]["mayday"].clone()
}

#[tokio::test]
async fn a_mayday_that_finds_no_place_before_the_writer_is_told_to_all_boards_at_once() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let mut older = opens(&dana.person, "/ws/dispatchers/").await;
        older.hears("initial_data").await;
        let held = Held::of(&server).await;
        held.is_full(&server);
        let no = medic.is_refused("mayday.raise", json!({"note": "help"})).await;
        assert_eq!(no["code"], "unavailable", "its sender is not told that it was kept: {no}");
        assert!(no["retry_after_ms"].is_u64(), "and is told to try again: {no}");
        let alarm = hears_unkept(&mut dana).await;
        assert_eq!((&alarm["note"], &alarm["nobody_heard"]), (&json!("help"), &json!(false)));
        assert_eq!(alarm["raised_by"]["username"], "musu");
        let shown = older.hears("error").await;
        assert!(text(&shown["message"]).starts_with("MAYDAY: musu"), "{shown}");
        drop(held);
        until("the writer has caught up", async || server.house.lane.depth() == 0).await;
        let raised = medic.does("mayday.raise", json!({"note": "help"})).await;
        let seen = dana.socket.hears("mayday.raised").await;
        assert_eq!(seen["data"]["mayday"]["id"], raised["id"], "from now on it is kept");
    })
    .await;
}

#[tokio::test]
async fn a_mayday_is_told_to_the_boards_though_the_writer_has_ended() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    server.house.lane.close();
    until("the writer has ended", async || !server.house.lane.is_alive()).await;
    let no = medic.is_refused("mayday.raise", json!({"note": "help"})).await;
    assert_eq!(no["code"], "unavailable", "{no}");
    assert_eq!(hears_unkept(&mut dana).await["note"], "help");
    let before = alarms_unheard();
    drop(dana);
    until("no board is open", async || server.house.exchange.hearing() == 0).await;
    medic.is_refused("mayday.raise", json!({})).await;
    assert!(alarms_unheard() > before, "then the notifier is handed it");
}

#[tokio::test]
async fn the_boards_hear_a_mayday_while_the_writer_waits_and_its_raiser_once_it_is_kept() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let mut older = opens(&dana.person, "/ws/dispatchers/").await;
    older.hears("initial_data").await;
    let held = Held::of(&server).await;
    let asked = medic.socket.sends("mayday.raise", None, json!({"note": "help"})).await;
    assert_eq!(hears_unkept(&mut dana).await["note"], "help");
    older.hears("error").await;
    medic.socket.is_served().await;
    let told = medic.socket.unheard();
    assert!(told.iter().all(|frame| frame["ref"] != asked.as_str()), "not kept yet: {told:#?}");
    drop(held);
    let answer = medic.socket.answer_to(&asked).await;
    assert_eq!((&answer["type"], &answer["data"]["listening"]), (&json!("ok"), &json!(1)));
    let seen = dana.socket.hears("mayday.raised").await;
    assert_eq!(seen["data"]["mayday"]["id"], answer["data"]["id"]);
}

#[tokio::test]
async fn maydays_that_are_kept_together_are_alarms_in_the_order_in_which_they_came() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut crews = Vec::new();
    for number in 1..=4 {
        let name = format!("medic-{number}");
        crews.push(crew(&server, &mut dana, &format!("A-{number}"), &name).await);
    }
    let held = Held::of(&server).await;
    for medic in &mut crews {
        medic.socket.sends("mayday.raise", None, json!({"note": medic.person.name})).await;
        medic.socket.is_served().await;
    }
    drop(held);
    let (mut alarms, mut told) = (Vec::new(), Vec::new());
    for _ in &crews {
        let is_kept =
            |frame: &Value| frame["type"] == "mayday.alarm" && frame["data"]["mayday"]["id"] != "0";
        let alarm = dana.socket.hears_that("an alarm", is_kept).await;
        alarms.push(text(&alarm["data"]["mayday"]["note"]));
        told.push(text(&dana.socket.hears("mayday.raised").await["data"]["mayday"]["note"]));
    }
    assert_eq!(told, ["medic-1", "medic-2", "medic-3", "medic-4"]);
    assert_eq!(alarms, told);
}

#[tokio::test]
async fn a_batch_tells_each_thing_that_it_changes_once_beside_its_entries() {
    let server = Server::start().await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let incident = dana.opens("HIGH").await;
    dana.orders(&medic.unit, &incident).await;
    dana.socket.joins(BOARD).await;
    dana.socket.forgets();
    let at = clock::now().to_rfc3339();
    let change = |id: &str, status: &str| json!({"client_id": id, "incident": incident, "status": status, "at": at});
    let changes =
        json!([change("k1", "EN_ROUTE"), change("k2", "ON_SCENE"), change("k3", "TRANSPORTING")]);
    medic.does("status.batch", json!({"changes": changes})).await;
    dana.does("incident.note", json!({"incident": incident, "text": "that was all"})).await;
    hears_entry(&mut dana, "incident.noted").await;
    assert_eq!(dana.socket.overheard("unit.changed").len(), 1, "the unit as it is now");
    assert_eq!(dana.socket.overheard("order.changed").len(), 1);
    let told = dana.socket.overheard("incident.changed");
    assert_eq!(told.len(), 3, "one for each entry of the timeline: {told:#?}");
}

#[tokio::test]
async fn what_a_clock_ahead_tells_stands_in_the_timeline_before_what_came_after_it() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let ahead = (clock::now() + chrono::Duration::seconds(60)).to_rfc3339();
        for status in ["EN_ROUTE", "ON_SCENE"] {
            let data = json!({"incident": incident, "status": status, "at": ahead});
            medic.does("incident.status", data).await;
        }
        let entry =
            dana.socket.hears_that("the step", |frame| frame["data"]["entry"]["to"] == "ON_SCENE");
        let entry = entry.await["data"]["entry"].clone();
        assert_eq!(entry["at"], entry["server_at"]);
        assert!(entry["device_at"].as_str() > entry["server_at"].as_str(), "{entry}");
        dana.does("incident.close", json!({"incident": incident})).await;
        let id: switchboard::ids::IncidentId = incident.parse().unwrap();
        let entries = server.reads(move |conn| {
            Ok(switchboard::models::timeline::of_incident(conn, id, None, 100)?)
        });
        let kinds: Vec<String> = entries.await.into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds.last().map(String::as_str), Some("incident.closed"), "{kinds:?}");
    })
    .await;
}
