//! Incidents and units: the whole way of a call, who may do what, and what is refused.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::ids::{IncidentId, OrderId};
use switchboard::models::{etimes, incident, order, timeline};

use crate::harness::dispatch::{BOARD, Desk, crew, desk, does, each_engine, is_refused, text};

#[tokio::test]
async fn a_call_goes_its_whole_way_and_the_unit_is_free_at_the_end() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let hospital = dana.adds_hospital("Connaught").await;
        let incident = dana.opens("CRITICAL").await;
        let opened = dana.socket.hears("incident.opened").await;
        let call_id = text(&opened["data"]["incident"]["call_id"]);
        assert!(call_id.starts_with("CALL-") && call_id.len() == 13, "{call_id}");
        let order = dana.orders(&medic.unit, &incident).await;
        let given = medic.socket.hears("order.given").await;
        assert_eq!(given["data"]["order"]["id"], order);
        assert_eq!(given["data"]["order"]["priority"], "CRITICAL");
        medic.does("order.received", json!({"order": order})).await;
        medic.does("order.seen", json!({"order": order})).await;
        medic.does("order.accept", json!({"order": order})).await;
        for status in ["EN_ROUTE", "ON_SCENE", "TRANSPORTING", "AT_HOSPITAL"] {
            let data = json!({"incident": incident, "status": status, "hospital": hospital});
            medic.does("incident.status", data).await;
            dana.hears_incident(&incident, status).await;
        }
        medic.reaches(&incident, "CLOSED").await;
        let closed = dana.hears_incident(&incident, "CLOSED").await;
        let view = &closed["data"]["incident"];
        assert_eq!(view["units"], json!([]));
        let moments: Vec<String> = [
            "received_at",
            "dispatched_at",
            "en_route_at",
            "on_scene_at",
            "transporting_at",
            "at_hospital_at",
            "closed_at",
        ]
        .iter()
        .map(|key| text(&view[*key]))
        .collect();
        assert!(moments.is_sorted(), "{moments:?}");
        assert_eq!(view["hospital_destination"], "Connaught");
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(snapshot["incidents"], json!([]), "what is over leaves the board");
        assert_eq!(snapshot["orders"], json!([]));
        assert_eq!(snapshot["units"][0]["status"], "AVAILABLE");
        assert_eq!(snapshot["units"][0]["crew"][0]["user"]["username"], "musu");
    })
    .await;
}

#[tokio::test]
async fn of_two_dispatchers_who_want_one_unit_exactly_one_gets_it_and_the_other_hears_who() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut omar = desk(&server, "omar").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        for round in 0..5 {
            let (one, two) = (dana.opens("HIGH").await, omar.opens("HIGH").await);
            let wish = |incident: &str| json!({"incident": incident, "unit": medic.unit});
            let first = dana.socket.sends("incident.assign", None, wish(&one)).await;
            let second = omar.socket.sends("incident.assign", None, wish(&two)).await;
            let first = dana.socket.answer_to(&first).await;
            let second = omar.socket.answer_to(&second).await;
            let (won, lost, winner, at) = match (first["type"] == "ok", second["type"] == "ok") {
                (true, false) => (first, second, "dana", one),
                (false, true) => (second, first, "omar", two),
                _ => panic!("round {round}: {first} {second}"),
            };
            assert_eq!(lost["code"], "conflict", "{lost}");
            assert_eq!(lost["field"], "data.unit");
            assert!(text(&lost["message"]).contains(winner), "{lost} does not say {winner}");
            assert!(won["data"]["order"].is_string());
            let data = json!({"incident": at, "unit": medic.unit, "reason": "again"});
            dana.does("incident.release", data).await;
        }
    })
    .await;
}

#[tokio::test]
async fn several_units_share_an_incident_and_it_stands_where_the_furthest_of_them_stands() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut one = crew(&server, &mut dana, "A-1", "musu").await;
        let mut two = crew(&server, &mut dana, "A-2", "tamba").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&one.unit, &incident).await;
        dana.orders(&two.unit, &incident).await;
        one.reaches(&incident, "EN_ROUTE").await;
        one.reaches(&incident, "ON_SCENE").await;
        two.reaches(&incident, "EN_ROUTE").await;
        let seen = dana.hears_incident(&incident, "ON_SCENE").await;
        assert_eq!(seen["data"]["incident"]["units"].as_array().unwrap().len(), 2);
        let data = json!({"incident": incident, "unit": one.unit, "reason": "needed elsewhere"});
        dana.does("incident.release", data).await;
        dana.hears_incident(&incident, "EN_ROUTE").await;
        two.reaches(&incident, "ON_SCENE").await;
        two.reaches(&incident, "CLOSED").await;
        let closed = dana.hears_incident(&incident, "CLOSED").await;
        assert_eq!(closed["data"]["incident"]["units"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn the_unit_that_clears_last_closes_the_incident_and_one_that_clears_before_does_not() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut one = crew(&server, &mut dana, "A-1", "musu").await;
        let mut two = crew(&server, &mut dana, "A-2", "tamba").await;
        let incident = dana.opens("HIGH").await;
        for unit in [&one.unit, &two.unit] {
            dana.orders(unit, &incident).await;
        }
        for status in ["EN_ROUTE", "ON_SCENE"] {
            one.reaches(&incident, status).await;
            two.reaches(&incident, status).await;
        }
        one.reaches(&incident, "CLOSED").await;
        let data = json!({"incident": incident, "status": "EN_ROUTE"});
        one.is_refused("incident.status", data).await;
        two.reaches(&incident, "CLOSED").await;
        dana.hears_incident(&incident, "CLOSED").await;
    })
    .await;
}

#[tokio::test]
async fn a_unit_is_moved_from_one_incident_to_another_in_one_step() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        let (minor, major) = (dana.opens("LOW").await, dana.opens("CRITICAL").await);
        dana.orders(&medic.unit, &minor).await;
        let data = json!({"incident": minor, "unit": medic.unit, "to": major, "reason": "worse"});
        let moved = dana.does("incident.reassign", data).await;
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(snapshot["orders"][0]["id"], moved["order"]);
        assert_eq!(snapshot["orders"][0]["incident"], major);
        let statuses: Vec<&Value> =
            snapshot["incidents"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(statuses, ["DISPATCHED", "RECEIVED"], "newest first");
    })
    .await;
}

#[tokio::test]
async fn every_illegal_step_is_refused_with_what_is_possible_and_changes_nothing() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let all = [
            "RECEIVED",
            "DISPATCHED",
            "EN_ROUTE",
            "ON_SCENE",
            "TRANSPORTING",
            "AT_HOSPITAL",
            "CLOSED",
            "CANCELLED",
        ];
        let way = ["EN_ROUTE", "ON_SCENE", "TRANSPORTING", "AT_HOSPITAL"];
        let mut at = "DISPATCHED";
        for next in way.iter().chain(&["CLOSED"]) {
            let before = version(&mut dana, &incident).await;
            for wrong in all {
                let may_clear = wrong == "CLOSED" && (at == "ON_SCENE" || at == "AT_HOSPITAL");
                if wrong == *next || may_clear {
                    continue;
                }
                let data = json!({"incident": incident, "status": wrong});
                let no = medic.is_refused("incident.status", data).await;
                assert_eq!(no["code"], "conflict", "{at} to {wrong}: {no}");
                assert_eq!(no["field"], "data.status");
                assert!(text(&no["rule"]).contains("it can"), "{no}");
            }
            assert_eq!(version(&mut dana, &incident).await, before, "nothing changed at {at}");
            medic.reaches(&incident, next).await;
            at = next;
        }
        let over = json!({"incident": incident, "status": "EN_ROUTE"});
        let no = dana.is_refused("incident.status", over).await;
        assert_eq!(no["field"], "data.incident", "{no}");
    })
    .await;
}

/// The version and status of an incident as the board has them.
async fn version(dana: &mut Desk, incident: &str) -> (Value, Value) {
    let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
    let all = snapshot["incidents"].as_array().unwrap().clone();
    let found = all.iter().find(|one| one["id"] == incident).expect("on the board").clone();
    (found["version"].clone(), found["status"].clone())
}

#[tokio::test]
async fn closing_and_cancelling_are_for_the_stages_the_table_says() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        let end = json!({"incident": incident, "reason": "over"});
        assert_eq!(dana.is_refused("incident.close", end.clone()).await["code"], "conflict");
        dana.orders(&medic.unit, &incident).await;
        assert_eq!(dana.is_refused("incident.close", end.clone()).await["code"], "conflict");
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        assert_eq!(dana.is_refused("incident.cancel", end.clone()).await["code"], "conflict");
        medic.reaches(&incident, "TRANSPORTING").await;
        for deed in ["incident.close", "incident.cancel"] {
            let no = dana.is_refused(deed, end.clone()).await;
            assert_eq!(no["code"], "conflict", "a patient is aboard: {no}");
        }
        let release = json!({"incident": incident, "unit": medic.unit, "reason": "x"});
        assert_eq!(dana.is_refused("incident.release", release).await["code"], "conflict");
        medic.reaches(&incident, "AT_HOSPITAL").await;
        dana.does("incident.close", end.clone()).await;
        assert_eq!(dana.is_refused("incident.close", end).await["field"], "data.incident");
        let quiet = dana.opens("LOW").await;
        let blank = json!({"incident": quiet, "reason": " "});
        assert_eq!(dana.is_refused("incident.cancel", blank).await["field"], "data.reason");
        dana.orders(&medic.unit, &quiet).await;
        dana.does("incident.cancel", json!({"incident": quiet, "reason": "called back"})).await;
        let changed = medic.socket.hears_that("the order's end", |frame| {
            frame["type"] == "order.changed" && frame["data"]["order"]["state"] == "canceled"
        });
        changed.await;
    })
    .await;
}

#[tokio::test]
async fn each_role_may_do_its_own_and_is_refused_the_rest() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let mut other = crew(&server, &mut dana, "A-2", "tamba").await;
        let incident = dana.opens("HIGH").await;
        let order = dana.orders(&medic.unit, &incident).await;
        // Crews do not dispatch.
        for (kind, data) in [
            ("incident.create", json!({"incident_type": "FIRE"})),
            ("incident.assign", json!({"incident": incident, "unit": other.unit})),
            ("incident.release", json!({"incident": incident, "unit": medic.unit, "reason": "x"})),
            ("incident.close", json!({"incident": incident})),
            ("incident.cancel", json!({"incident": incident, "reason": "x"})),
            (
                "incident.correct",
                json!({"incident": incident, "status": "RECEIVED", "reason": "x"}),
            ),
            ("incident.link", json!({"incident": incident, "duplicate_of": incident})),
            ("incident.change", json!({"incident": incident, "address": "elsewhere"})),
            ("unit.save", json!({"unit_number": "A-9"})),
            ("hospital.save", json!({"name": "x"})),
            ("mayday.acknowledge", json!({"mayday": "1"})),
            ("par.set", json!({"incident": incident, "every_s": 60})),
        ] {
            let no = medic.is_refused(kind, data).await;
            assert_eq!(no["code"], "forbidden", "{kind}: {no}");
        }
        // Another crew has nothing to say about this one's order and incident.
        let no = other.is_refused("order.accept", json!({"order": order})).await;
        assert_eq!(no["code"], "not_found", "{no}");
        let data = json!({"incident": incident, "status": "EN_ROUTE"});
        let no = other.is_refused("incident.status", data).await;
        assert_eq!(no["code"], "forbidden", "{no}");
        let mut board = other.person.connects().await;
        assert_eq!(board.is_refused("subscribe", BOARD, json!({})).await["code"], "forbidden");
        let theirs = other.socket.is_refused("subscribe", &medic.topic, json!({})).await;
        assert_eq!(theirs["code"], "not_found");
        // A member is no one here.
        let nobody = server.person("nobody").await;
        let mut socket = nobody.connects().await;
        let data = json!({"incident_type": "FIRE"});
        assert_eq!(is_refused(&mut socket, "incident.create", data).await["code"], "forbidden");
        let no = is_refused(&mut socket, "mayday.raise", json!({})).await;
        assert_eq!(no["code"], "forbidden");
        let no = is_refused(&mut socket, "shift.start", json!({"unit": medic.unit})).await;
        assert_eq!(no["code"], "forbidden");
        // An admin may all that a dispatcher may.
        let mut boss = server.person_as("boss", Role::Admin).await.connects().await;
        boss.joins(BOARD).await;
        does(&mut boss, "incident.change", json!({"incident": incident, "priority": "LOW"})).await;
    })
    .await;
}

#[tokio::test]
async fn a_command_decided_on_an_older_version_is_refused_with_the_newer_one() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let incident = dana.opens("LOW").await;
        let change =
            |priority: &str| json!({"incident": incident, "priority": priority, "version": 1});
        let done = dana.does("incident.change", change("HIGH")).await;
        assert_eq!(done["version"], 2);
        let no = dana.is_refused("incident.change", change("LOW")).await;
        assert_eq!((&no["code"], &no["field"]), (&json!("conflict"), &json!("data.version")));
        assert!(text(&no["rule"]).starts_with('2'), "{no}");
    })
    .await;
}

#[tokio::test]
async fn a_repeat_with_the_same_client_id_gets_the_first_answer_and_does_nothing() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let data = json!({"incident_type": "FIRE", "client_id": "once"});
        let first = dana.does("incident.create", data.clone()).await;
        assert_eq!(dana.does("incident.create", data).await, first);
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(snapshot["incidents"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_status_is_corrected_with_its_reason_in_the_timeline_and_an_end_is_undone() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        for status in ["EN_ROUTE", "ON_SCENE", "TRANSPORTING"] {
            medic.reaches(&incident, status).await;
        }
        let data = json!({"incident": incident, "unit": medic.unit, "status": "EN_ROUTE",
        "reason": "pressed by mistake"});
        dana.does("incident.correct", data).await;
        let corrected = dana.socket.hears_that("the correction", |frame| {
            frame["data"]["entry"]["kind"] == "status.corrected"
        });
        let corrected = corrected.await;
        let (entry, view) = (&corrected["data"]["entry"], &corrected["data"]["incident"]);
        assert_eq!((&entry["from"], &entry["to"]), (&json!("TRANSPORTING"), &json!("EN_ROUTE")));
        assert_eq!(entry["detail"], "pressed by mistake");
        assert_eq!(entry["actor_name"], "dana");
        assert_eq!(view["status"], "EN_ROUTE");
        assert_eq!((&view["on_scene_at"], &view["transporting_at"]), (&Value::Null, &Value::Null));
        medic.reaches(&incident, "ON_SCENE").await;
        medic.reaches(&incident, "CLOSED").await;
        let reopen = json!({"incident": incident, "status": "RECEIVED", "reason": "wrong one"});
        dana.does("incident.correct", reopen).await;
        let seen = dana.hears_incident(&incident, "RECEIVED").await;
        assert_eq!(seen["data"]["incident"]["closed_at"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn what_closed_long_ago_is_locked() {
    each_engine(&[("incident_lock", "10ms")], async |server| {
        let mut dana = desk(&server, "dana").await;
        let incident = dana.opens("LOW").await;
        dana.does("incident.cancel", json!({"incident": incident, "reason": "nobody there"})).await;
        crate::harness::socket::until("it is locked", async || {
            let data = json!({"incident": incident, "text": "one more thing"});
            dana.socket.asks("incident.note", None, data).await["type"] == "error"
        })
        .await;
        let data = json!({"incident": incident, "status": "RECEIVED", "reason": "x"});
        let no = dana.is_refused("incident.correct", data).await;
        assert!(text(&no["rule"]).contains("locked"), "{no}");
    })
    .await;
}

#[tokio::test]
async fn duplicates_are_linked_without_circles_and_unlinked() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let (one, two, three) =
            (dana.opens("LOW").await, dana.opens("LOW").await, dana.opens("LOW").await);
        let link = |of: &str, to: Value| json!({"incident": of, "duplicate_of": to});
        dana.does("incident.link", link(&two, json!(one))).await;
        for (of, to) in [(&one, &one), (&three, &two), (&one, &three)] {
            let no = dana.is_refused("incident.link", link(of, json!(to))).await;
            assert_eq!(no["field"], "data.duplicate_of", "{no}");
        }
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(snapshot["incidents"][2]["duplicates"], json!([two]));
        dana.does("incident.link", link(&two, Value::Null)).await;
        dana.does("incident.link", link(&one, json!(three))).await;
    })
    .await;
}

#[tokio::test]
async fn a_crew_sees_its_own_incident_whole_and_what_it_left_masked_also_in_a_replay() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        let joined = medic.socket.joins(&medic.topic.clone()).await;
        dana.orders(&medic.unit, &incident).await;
        let seen = medic.socket.hears("incident.changed").await;
        assert_eq!(seen["data"]["incident"]["patient"]["name"], "Musa");
        assert_eq!(seen["data"]["incident"]["redacted"], false);
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "not needed"});
        dana.does("incident.release", data).await;
        let left = medic.socket.hears_that("the masked view", |frame| {
            frame["type"] == "incident.changed" && frame["data"]["incident"]["redacted"] == true
        });
        let left = left.await["data"]["incident"].clone();
        let mask = json!("•••");
        assert_eq!(
            [
                &left["caller_name"],
                &left["caller_phone"],
                &left["patient"]["name"],
                &left["address"],
                &left["description"]
            ],
            [&mask; 5]
        );
        assert_eq!(left["patient"]["age"], Value::Null);
        assert_eq!((&left["latitude"], &left["longitude"]), (&json!(8.48), &json!(-13.23)));
        // The journal keeps no one's data: a replay shows what may be seen now.
        let mut again = medic.person.connects().await;
        let wish = json!({"after": joined["seq"], "epoch": joined["epoch"]});
        assert_eq!(again.joins_with(&medic.topic, wish).await["recovered"], true);
        let replayed = again.overheard("incident.changed");
        assert!(!replayed.is_empty());
        for frame in replayed {
            assert_eq!(frame["data"]["incident"]["redacted"], true, "{frame}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_board_that_comes_back_gets_exactly_what_it_missed() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let mut away = server.person_as("omar", Role::Dispatcher).await.connects().await;
        let joined = away.joins(BOARD).await;
        away.does("unsubscribe", BOARD, json!({})).await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        let now = dana.socket.joins(BOARD).await["seq"].as_i64().unwrap();
        away.forgets();
        let wish = json!({"after": joined["seq"], "epoch": joined["epoch"]});
        assert_eq!(away.joins_with(BOARD, wish).await["recovered"], true);
        let mut seqs = Vec::new();
        for kind in
            ["incident.opened", "incident.changed", "unit.changed", "order.given", "order.changed"]
        {
            seqs.extend(away.overheard(kind).iter().map(|frame| frame["seq"].as_i64().unwrap()));
        }
        seqs.sort_unstable();
        let after = joined["seq"].as_i64().unwrap();
        assert_eq!(seqs, ((after + 1)..=now).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn crew_and_dispatchers_talk_in_the_incidents_own_conversation_while_they_are_on_it() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        let opened = dana.socket.hears("incident.opened").await;
        let topic = text(&opened["data"]["incident"]["topic"]);
        let no = medic.socket.is_refused("subscribe", &topic, json!({})).await;
        assert_eq!(no["code"], "not_found", "before they are ordered");
        dana.orders(&medic.unit, &incident).await;
        medic.socket.joins(&topic).await;
        dana.socket.says(&topic, "second floor").await;
        medic.socket.hears_message("second floor").await;
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "done"});
        dana.does("incident.release", data).await;
        medic.socket.hears("unsubscribed").await;
        let no = medic.socket.is_refused("message.send", &topic, json!({"content": "x"})).await;
        assert_eq!(no["code"], "not_found");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_ordered_of_a_unit_that_is_off_duty_but_by_an_override_that_is_logged() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let unit = dana.adds_unit("A-1").await;
        let incident = dana.opens("HIGH").await;
        let wish = json!({"incident": incident, "unit": unit});
        let no = dana.is_refused("incident.assign", wish.clone()).await;
        assert_eq!((&no["code"], &no["field"]), (&json!("conflict"), &json!("data.unit")));
        assert!(text(&no["rule"]).contains("nobody is on shift"), "{no}");
        let status = json!({"unit": unit, "status": "MAINTENANCE", "reason": "brakes"});
        dana.does("unit.status", status).await;
        let no = dana.is_refused("incident.assign", wish).await;
        assert!(text(&no["rule"]).contains("MAINTENANCE"), "{no}");
        let data = json!({"incident": incident, "unit": unit, "override_reason": "it rolls"});
        dana.does("incident.assign", data).await;
        let seen = dana.socket.hears_that("the override", |frame| {
            frame["data"]["entry"]["kind"] == "order.overridden"
        });
        let detail = text(&seen.await["data"]["entry"]["detail"]);
        assert!(detail.contains("it rolls") && detail.contains("MAINTENANCE"), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn hospitals_tell_beds_and_diversion_to_the_board_and_a_diversion_ends_by_itself() {
    each_engine(&[("dispatch_sweep", "20ms")], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let hospital = dana.adds_hospital("Connaught").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        dana.does("incident.change", json!({"incident": incident, "hospital": hospital})).await;
        let beds = json!({"hospital": hospital, "total_beds": 10, "available_beds": 11});
        let no = dana.is_refused("hospital.beds", beds).await;
        assert_eq!(no["field"], "data.available_beds");
        let beds = json!({"hospital": hospital, "total_beds": 10, "available_beds": 3,
        "emergency_load": "HIGH"});
        medic.does("hospital.beds", beds).await;
        let seen = dana.socket.hears_that("the beds", |frame| {
            frame["type"] == "hospital.changed" && frame["data"]["hospital"]["available_beds"] == 3
        });
        seen.await;
        let soon = switchboard::clock::now() + chrono::Duration::milliseconds(400);
        let divert =
            json!({"hospital": hospital, "reason": "no power", "ends_at": soon.to_rfc3339()});
        dana.does("hospital.divert", divert).await;
        let is_diverting = |yes: bool| {
            move |frame: &Value| {
                frame["type"] == "hospital.changed"
                    && frame["data"]["hospital"]["diversion"].is_object() == yes
                    && frame["data"]["hospital"]["available_beds"] == 3
            }
        };
        medic.socket.hears_that("the diversion, on the way there", is_diverting(true)).await;
        dana.socket.hears_that("the diversion", is_diverting(true)).await;
        dana.socket.hears_that("its end", is_diverting(false)).await;
    })
    .await;
}

#[tokio::test]
async fn every_etimes_stamp_of_a_response_is_there_with_the_offset_its_device_told() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        let order = dana.orders(&medic.unit, &incident).await;
        medic.does("order.accept", json!({"order": order})).await;
        let east = chrono::FixedOffset::east_opt(90 * 60).unwrap();
        let here = || switchboard::clock::now().with_timezone(&east).to_rfc3339();
        let marks = ["staging", "at_patient", "transfer_of_care", "landing_area"];
        for status in ["EN_ROUTE", "ON_SCENE"] {
            let data = json!({"incident": incident, "status": status, "at": here()});
            medic.does("incident.status", data).await;
        }
        for mark in marks {
            let data = json!({"incident": incident, "milestone": mark, "at": here()});
            medic.does("incident.mark", data).await;
        }
        for status in ["TRANSPORTING", "AT_HOSPITAL"] {
            let data = json!({"incident": incident, "status": status, "at": here()});
            medic.does("incident.status", data).await;
        }
        let data = json!({"incident": incident, "milestone": "destination_transfer", "at": here()});
        medic.does("incident.mark", data).await;
        let data = json!({"incident": incident, "status": "CLOSED", "at": here()});
        medic.does("incident.status", data).await;
        let home = json!({"incident": incident, "milestone": "home_location", "at": here()});
        medic.does("incident.mark", home).await;
        let (id, order): (IncidentId, OrderId) =
            (incident.parse().unwrap(), order.parse().unwrap());
        let stamps = server
            .reads(move |conn| {
                let row = incident::by_id(conn, id)?.unwrap();
                let order = order::by_id(conn, order)?.unwrap();
                let entries = timeline::of_incident(conn, id, None, 1_000)?;
                Ok(etimes::stamps(&row, Some(&order), &entries))
            })
            .await;
        for (row, stamp) in etimes::ETIMES.iter().zip(&stamps) {
            let is_there = stamp.is_some();
            assert_eq!(is_there, row.name != "eTimes.14", "{}: {}", row.name, row.meaning);
        }
        for index in [4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16] {
            let text = stamps[index].unwrap().text();
            assert!(text.ends_with("+01:30"), "{}: {text}", etimes::ETIMES[index].name);
        }
    })
    .await;
}

#[tokio::test]
async fn who_saw_a_patient_is_logged_also_for_a_board_opened_before_the_call() {
    each_engine(&[("presence_grace", "0s")], async |server| {
        let mut dana = desk(&server, "dana").await;
        let gone = desk(&server, "gone").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        gone.socket.leaves().await;
        let reads = async |incident: Option<IncidentId>| {
            server
                .reads(move |conn| {
                    let Some(id) = incident else {
                        let board = incident::board_reads(conn, 100)?;
                        return Ok(board.iter().map(|read| read.way.clone()).collect());
                    };
                    let row = incident::by_id(conn, id)?.unwrap();
                    let reads = incident::reads_of(conn, &row)?;
                    let line =
                        |read: &incident::PatientRead| format!("{} {}", read.username, read.way);
                    Ok(reads.iter().map(line).collect::<Vec<String>>())
                })
                .await
        };
        crate::harness::socket::until("the leaving is logged", async || {
            let ways = reads(None).await;
            ways.iter().filter(|way| *way == "board").count() == 2
                && ways.contains(&incident::BOARD_LEFT.to_owned())
        })
        .await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let topic = medic.topic.clone();
        medic.socket.joins(&topic).await;
        let late = desk(&server, "late").await;
        let id: IncidentId = incident.parse().unwrap();
        crate::harness::socket::until("all are logged", async || {
            reads(Some(id)).await == ["dana board", "musu order", "musu unit", "late board"]
        })
        .await;
        drop(late);
    })
    .await;
}
