//! Orders until someone answers, maydays until someone answers by name, check-ins, shifts; and all
//! of it through a restart.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::child::Child;
use crate::harness::dispatch::{
    BOARD, Crew, Desk, alarms_unheard, crew, desk, does, each_engine, text,
};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::until;

/// Short waits, so that a story need not last.
const SHORT: [(&str, &str); 7] = [
    ("answer_critical", "300ms"),
    ("answer_high", "600ms"),
    ("answer_medium", "20m"),
    ("order_repeat", "80ms"),
    ("mayday_repeat", "80ms"),
    ("par_repeat", "80ms"),
    ("dispatch_sweep", "20ms"),
];

#[tokio::test]
async fn an_unanswered_order_repeats_to_the_crew_escalates_to_the_board_and_may_be_taken_late() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("CRITICAL").await;
        let order = dana.orders(&medic.unit, &incident).await;
        for count in 1..=2 {
            let again = medic.socket.hears("order.repeated").await;
            assert_eq!(again["data"]["order"]["repeats"], count, "{again}");
        }
        let late = dana.socket.hears("order.escalated").await;
        assert_eq!(late["data"]["order"]["state"], "timed_out");
        assert_eq!(late["data"]["order"]["nobody_heard"], false);
        let later = dana.socket.hears("order.escalated").await;
        assert_eq!(later["data"]["order"]["escalations"], 2, "again, until someone acts");
        assert!(dana.socket.overheard("order.repeated").is_empty(), "repeats are the crew's alone");
        let taken = medic.does("order.accept", json!({"order": order})).await;
        assert_eq!(taken["state"], "accepted");
        let seen = dana.socket.hears_that("the late answer", |frame| {
            frame["type"] == "order.changed" && frame["data"]["order"]["state"] == "accepted"
        });
        assert_eq!(seen.await["data"]["order"]["escalate_at"], Value::Null);
        let no = medic.is_refused("order.decline", json!({"order": order, "reason": "x"})).await;
        assert_eq!((&no["code"], &no["field"]), (&json!("conflict"), &json!("data.order")));
    })
    .await;
}

#[tokio::test]
async fn confirmations_are_counted_for_each_of_the_crew_and_move_an_order_forward_only() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut one = crew(&server, &mut dana, "A-1", "musu").await;
        let mut two = Crew::on(server.person_as("tamba", Role::Paramedic).await, &one.unit).await;
        let incident = dana.opens("MEDIUM").await;
        let inbox = format!("inbox:{}", one.person.id);
        one.socket.joins(&inbox).await;
        let order = dana.orders(&one.unit, &incident).await;
        let notice = one.socket.hears("notification.new").await;
        assert_eq!(notice["topic"], inbox);
        let says = notice["data"].to_string();
        assert!(says.contains("A-1") && !says.contains("Musa"), "{says}");
        let answer = json!({"order": order});
        assert_eq!(one.does("order.received", answer.clone()).await["state"], "delivered");
        assert_eq!(two.does("order.seen", answer.clone()).await["state"], "seen");
        assert_eq!(one.does("order.received", answer.clone()).await["state"], "seen", "not back");
        assert_eq!(one.does("order.seen", answer).await["state"], "seen");
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        let confirmed = snapshot["orders"][0]["crew"].as_array().unwrap().clone();
        assert_eq!(confirmed.len(), 2);
        for member in confirmed {
            assert!(
                member["delivered_at"].is_string() && member["seen_at"].is_string(),
                "{member}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_declined_order_frees_the_unit_and_the_incident_waits_for_another() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        let order = dana.orders(&medic.unit, &incident).await;
        let blank = medic.is_refused("order.decline", json!({"order": order, "reason": " "})).await;
        assert_eq!(blank["field"], "data.reason");
        let said =
            medic.does("order.decline", json!({"order": order, "reason": "flat tire"})).await;
        assert_eq!((&said["state"], &said["nobody_heard"]), (&json!("declined"), &Value::Null));
        let seen = dana.hears_incident(&incident, "RECEIVED").await;
        assert_eq!(seen["data"]["incident"]["units"], json!([]));
        let again = dana.orders(&medic.unit, &incident).await;
        assert_ne!(again, order);
        medic.reaches(&incident, "EN_ROUTE").await;
        let said = medic.is_refused("order.decline", json!({"order": again, "reason": "x"})).await;
        assert_eq!(said["code"], "conflict", "on the way counts as accepted: {said}");
    })
    .await;
}

#[tokio::test]
async fn an_escalation_that_no_dispatcher_hears_says_so_in_its_order() {
    let server = Server::start_with(&SHORT).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let incident = dana.opens("CRITICAL").await;
    let before = alarms_unheard();
    dana.orders(&medic.unit, &incident).await;
    dana.socket.leaves().await;
    let late = medic.socket.hears_that("an escalation nobody heard", |frame| {
        frame["type"] == "order.escalated" && frame["data"]["order"]["nobody_heard"] == true
    });
    late.await;
    assert!(alarms_unheard() > before, "it is counted");
}

#[tokio::test]
async fn a_mayday_reaches_every_dispatcher_repeats_and_is_answered_by_name() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut omar = desk(&server, "omar").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        let raised = medic.does("mayday.raise", json!({"note": "under attack"})).await;
        assert_eq!((&raised["nobody_heard"], &raised["listening"]), (&json!(false), &json!(2)));
        for board in [&mut dana.socket, &mut omar.socket] {
            let alarm = board.hears("mayday.alarm").await;
            assert_eq!((&alarm["seq"], &alarm["topic"]), (&Value::Null, &json!(BOARD)));
            let heard = board.hears("mayday.raised").await;
            assert_eq!(heard["data"]["mayday"]["incident"], incident);
            assert_eq!(heard["data"]["mayday"]["unit_number"], "A-1");
            board.hears("mayday.repeated").await;
        }
        let again = medic.does("mayday.raise", json!({})).await;
        assert_eq!(again["id"], raised["id"], "pressed twice it is still one");
        let answer = json!({"mayday": raised["id"]});
        let early = json!({"mayday": raised["id"], "reason": "over"});
        assert_eq!(dana.is_refused("mayday.end", early.clone()).await["code"], "conflict");
        omar.does("mayday.acknowledge", answer.clone()).await;
        assert_eq!(dana.is_refused("mayday.acknowledge", answer).await["code"], "conflict");
        let known = medic.socket.hears("mayday.changed").await;
        assert_eq!(known["data"]["mayday"]["acknowledged_by"]["username"], "omar");
        omar.does("mayday.end", early.clone()).await;
        assert_eq!(omar.is_refused("mayday.end", early).await["code"], "conflict");
    })
    .await;
}

#[tokio::test]
async fn a_mayday_that_nobody_hears_says_so_at_once_and_is_heard_by_the_first_who_comes() {
    each_engine(&SHORT, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        dana.socket.leaves().await;
        until("the board is empty", async || {
            server.house.exchange.seats(&switchboard::protocol::topic::Topic::Board) == 0
        })
        .await;
        let raised = medic.does("mayday.raise", json!({"note": "help"})).await;
        assert_eq!((&raised["nobody_heard"], &raised["listening"]), (&json!(true), &json!(0)));
        let mut back = dana.person.connects().await;
        let joined = back.joins(BOARD).await;
        assert_eq!(joined["snapshot"]["maydays"][0]["id"], raised["id"], "it stands on the board");
        let again = medic.socket.hears_that("that someone hears now", |frame| {
            frame["type"] == "mayday.repeated" && frame["data"]["mayday"]["nobody_heard"] == false
        });
        again.await;
    })
    .await;
}

#[tokio::test]
async fn a_mayday_is_never_one_too_many() {
    let settings = [
        ("frames_per_second", "1"),
        ("frames_burst", "8"),
        ("messages_per_second_per_user", "1"),
        ("messages_burst", "8"),
    ];
    each_engine(&settings, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let mut refused = 0;
        for _ in 0..12 {
            medic.socket.sends_text(r#"{"type":"ping"}"#).await;
        }
        until("the limit is reached", async || {
            refused += medic.socket.overheard("error").len();
            medic.socket.sends_text(r#"{"type":"ping"}"#).await;
            medic.socket.hears_that("something", |_| true).await["code"] == "rate_limited"
        })
        .await;
        for _ in 0..5 {
            medic.does("mayday.raise", json!({})).await;
        }
        dana.socket.hears("mayday.raised").await;
    })
    .await;
}

#[tokio::test]
async fn crews_at_work_must_check_in_and_a_missed_check_in_is_told_until_they_do() {
    let settings = [("par_every", "150ms"), SHORT[5], SHORT[6]];
    each_engine(&settings, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        for count in 1..=2 {
            let late = dana.socket.hears("par.overdue").await;
            assert_eq!(late["data"]["incident"]["par"]["notices"], count);
        }
        medic.socket.hears("par.overdue").await;
        dana.does("par.set", json!({"incident": incident, "every_s": 600})).await;
        let done = medic.does("par.check", json!({"incident": incident})).await;
        assert!(done["due_at"].is_string(), "{done}");
        let seen = dana
            .socket
            .hears_that("the check-in", |frame| frame["data"]["entry"]["kind"] == "par.checked");
        assert_eq!(seen.await["data"]["incident"]["par"]["overdue_since"], Value::Null);
        medic.reaches(&incident, "CLOSED").await;
        let closed = dana.hears_incident(&incident, "CLOSED").await;
        assert_eq!(closed["data"]["incident"]["par"]["due_at"], Value::Null, "it rests at the end");
    })
    .await;
}

#[tokio::test]
async fn a_crew_changes_in_the_middle_of_an_order_and_the_unit_is_never_left_alone() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut one = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        let order = dana.orders(&one.unit, &incident).await;
        let no = one.is_refused("shift.end", json!({})).await;
        assert_eq!(no["code"], "conflict", "nobody else is on the unit: {no}");
        let relief = server.person_as("tamba", Role::Paramedic).await;
        let mut two = Crew::on(relief, &one.unit).await;
        let no = two.is_refused("shift.start", json!({"unit": dana.adds_unit("A-2").await})).await;
        assert_eq!(no["field"], "data.user", "on one unit at a time: {no}");
        one.socket.hears("order.repeated").await;
        one.does("shift.end", json!({})).await;
        let lost = one.socket.hears_that("the end of its topic", |frame| {
            frame["type"] == "unsubscribed" && frame["topic"] == one.topic
        });
        lost.await;
        let no = one.is_refused("order.accept", json!({"order": order})).await;
        assert_eq!(no["code"], "not_found");
        two.does("order.accept", json!({"order": order})).await;
        let user = two.person.id.0.to_string();
        let reason = json!({"user": user, "override_reason": "taken ill"});
        dana.does("shift.end", reason).await;
        let seen = dana.socket.hears_that("the end of the shift", |frame| {
            frame["data"]["entry"]["kind"] == "shift.ended"
                && text(&frame["data"]["entry"]["detail"]).contains("taken ill")
        });
        seen.await;
    })
    .await;
}

#[tokio::test]
async fn a_crew_that_rests_or_is_not_available_is_not_ordered() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        medic.does("shift.rest", json!({"minutes": 30})).await;
        let wish = json!({"incident": incident, "unit": medic.unit});
        let no = dana.is_refused("incident.assign", wish.clone()).await;
        assert!(text(&no["rule"]).contains("resting"), "{no}");
        medic.does("shift.rest", json!({"minutes": 0})).await;
        dana.does("incident.assign", wish).await;
    })
    .await;
}

/// Sets the people and things of a restart up on a database; returns them.
async fn on_a_child(child: &Child, people: &[Person; 2]) -> (Desk, Crew, String, String) {
    let mut dana = Desk::of(people[0].at(child.address)).await;
    let unit = dana.adds_unit("A-1").await;
    let medic = Crew::on(people[1].at(child.address), &unit).await;
    let incident = dana.opens("HIGH").await;
    let order = dana.orders(&unit, &incident).await;
    (dana, medic, incident, order)
}

fn enroll(database: &Database) -> [Person; 2] {
    let store = database.open();
    store.migrate().unwrap();
    let make = |name: &str, role| store.write(|conn| Person::enroll(conn, name, role)).unwrap();
    [make("dana", Role::Dispatcher), make("musu", Role::Paramedic)]
}

#[tokio::test]
async fn the_timers_of_an_order_and_a_mayday_go_on_after_a_kill() {
    let mut databases = vec![Database::sqlite()];
    databases.extend(Database::postgres());
    for database in databases {
        let people = enroll(&database);
        let child = Child::start(&database, &SHORT);
        let (dana, mut medic, _, order) = on_a_child(&child, &people).await;
        let mayday = medic.does("mayday.raise", json!({"note": "help"})).await["id"].clone();
        child.dies();
        drop((dana, medic));
        let child = Child::start(&database, &SHORT);
        let mut socket = people[0].at(child.address).connects().await;
        let joined = socket.joins(BOARD).await;
        assert_eq!(joined["snapshot"]["orders"][0]["id"], order);
        assert_eq!(joined["snapshot"]["maydays"][0]["id"], mayday);
        let late = socket.hears("order.escalated").await;
        assert_eq!(late["data"]["order"]["id"], order);
        let again = socket.hears("mayday.repeated").await;
        assert_eq!(again["data"]["mayday"]["id"], mayday);
        let mut crew_again = people[1].at(child.address).connects().await;
        let unit = text(&joined["snapshot"]["units"][0]["id"]);
        crew_again.joins(&format!("dispatch:unit:{unit}")).await;
        crew_again.hears("order.repeated").await;
        does(&mut crew_again, "order.accept", json!({"order": order})).await;
    }
}
