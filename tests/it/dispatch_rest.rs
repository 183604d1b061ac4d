//! Dispatch by REST alone: the whole way of an order, every refusal, versions and repeats, two
//! dispatchers at once, masks, and the log of who saw which patient.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::dispatch::{BOARD, crew, desk, each_engine, text};
use crate::harness::people::Person;
use crate::harness::rest::{asks, expect, rest};
use crate::harness::server::Server;

const CALL: &str = r#"{"incident_type": "MEDICAL", "priority": "HIGH", "caller_name": "Isatu",
    "caller_phone": "+23276000001", "description": "a fall", "address": "12 Hill Road",
    "latitude": 8.484146, "longitude": -13.228718,
    "patient": {"name": "Musa", "age": 61, "condition": "awake"}}"#;

fn call() -> Value {
    serde_json::from_str(CALL).unwrap()
}

/// A dispatcher and a paramedic on shift on a new unit, all of it by REST.
async fn shift(server: &Server) -> (Person, Person, String) {
    let dana = server.person_as("dana", Role::Dispatcher).await;
    let musu = server.person_as("musu", Role::Paramedic).await;
    let unit = json!({"unit_number": "A-1", "capabilities": ["cardiac"]});
    let unit = expect(&dana, 201, ("POST", "/api/v1/units"), Some(unit)).await;
    let unit = text(&unit["id"]);
    let on = format!("/api/v1/units/{unit}/shifts");
    let on = expect(&musu, 200, ("POST", &on), Some(json!({"duty": "medic"}))).await;
    assert_eq!(on["unit"], unit);
    (dana, musu, unit)
}

async fn opens(who: &Person) -> String {
    text(&expect(who, 201, ("POST", "/api/v1/incidents"), Some(call())).await["id"])
}

/// Asks with headers of one's own; status, the named header of the answer, and its body.
async fn with(
    who: &Person,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    wanted: &str,
    body: Value,
) -> (u16, Option<String>, Value) {
    let headers: Vec<(&str, &str)> =
        headers.iter().copied().chain([("content-type", "application/json")]).collect();
    let answer = who.fetches((method, path), &headers, body.to_string()).await;
    let header = answer.headers().get(wanted).map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), header, answer.json().await.unwrap())
}

#[tokio::test]
async fn an_order_goes_its_whole_way_by_rest_alone() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let hospital = json!({"name": "Connaught", "specialties": "trauma"});
        let hospital = expect(&dana, 201, ("POST", "/api/v1/hospitals"), Some(hospital)).await;
        let hospital = text(&hospital["id"]);
        let incident = opens(&dana).await;
        let at = |rest: &str| format!("/api/v1/incidents/{incident}{rest}");
        let given = Some(json!({"unit": unit, "note": "mind the dog"}));
        let given = expect(&dana, 201, ("POST", &at("/orders")), given).await;
        let order = text(&given["order"]);
        let open = expect(&musu, 200, ("GET", "/api/v1/orders?open=true"), None).await;
        assert_eq!(open["orders"][0]["id"], order);
        assert_eq!(open["orders"][0]["note"], "mind the dog");
        for step in ["received", "seen", "accept"] {
            let path = format!("/api/v1/orders/{order}/{step}");
            expect(&musu, 200, ("POST", &path), None).await;
        }
        let mine = expect(&musu, 200, ("GET", &format!("/api/v1/units/{unit}/board")), None).await;
        assert_eq!(mine["incidents"][0]["patient"]["name"], "Musa");
        for status in ["EN_ROUTE", "ON_SCENE", "TRANSPORTING", "AT_HOSPITAL"] {
            let step = json!({"status": status, "hospital": hospital});
            expect(&musu, 200, ("POST", &at("/status")), Some(step)).await;
        }
        let mark = json!({"milestone": "destination_transfer"});
        expect(&musu, 200, ("POST", &at("/milestones")), Some(mark)).await;
        let note = json!({"text": "handed over in bay 2"});
        expect(&musu, 200, ("POST", &at("/notes")), Some(note)).await;
        expect(&musu, 200, ("POST", &at("/check-in")), None).await;
        expect(&dana, 200, ("PUT", &at("/check-in")), Some(json!({"every_s": 600}))).await;
        expect(&musu, 200, ("POST", &at("/status")), Some(json!({"status": "CLOSED"}))).await;

        let whole = expect(&dana, 200, ("GET", &at("")), None).await;
        let (view, orders) = (&whole["incident"], &whole["orders"]);
        assert_eq!((&view["status"], &view["redacted"]), (&json!("CLOSED"), &json!(false)));
        assert_eq!(view["hospital_destination"], "Connaught");
        assert_eq!((&orders[0]["id"], &orders[0]["state"]), (&json!(order), &json!("accepted")));
        assert!(orders[0]["ended_at"].is_string());
        let kinds: Vec<&str> = whole["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap())
            .collect();
        for kind in
            ["incident.opened", "order.accepted", "unit.milestone", "incident.noted", "unit.freed"]
        {
            assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
        }
        let board = expect(&dana, 200, ("GET", "/api/v1/board"), None).await;
        assert_eq!((&board["incidents"], &board["orders"]), (&json!([]), &json!([])));
        assert_eq!(board["units"][0]["status"], "AVAILABLE");
        expect(&musu, 200, ("POST", "/api/v1/shifts/end"), None).await;
        let shifts = expect(&dana, 200, ("GET", "/api/v1/shifts?open=false"), None).await;
        assert_eq!(shifts["shifts"][0]["user"]["username"], "musu");
    })
    .await;
}

#[tokio::test]
async fn what_rest_does_every_board_hears_and_what_sockets_do_rest_shows() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        let omar = server.person_as("omar", Role::Dispatcher).await;
        let incident = opens(&omar).await;
        let heard = dana.socket.hears("incident.opened").await;
        assert_eq!(heard["data"]["incident"]["id"], incident);
        dana.orders(&medic.unit, &incident).await;
        let path = format!("/api/v1/orders?incident={incident}");
        let orders = expect(&omar, 200, ("GET", &path), None).await;
        assert_eq!(orders["orders"][0]["unit_number"], "A-1");
        let path = format!("/api/v1/incidents/{incident}/release");
        let let_go = json!({"unit": medic.unit, "reason": "needed elsewhere"});
        expect(&omar, 200, ("POST", &path), Some(let_go)).await;
        dana.hears_incident(&incident, "RECEIVED").await;
        let board = expect(&omar, 200, ("GET", "/api/v1/board"), None).await;
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(board["incidents"], snapshot["incidents"]);
        assert_eq!(board["units"], snapshot["units"]);
    })
    .await;
}

#[tokio::test]
async fn of_two_who_order_one_unit_by_rest_at_once_one_wins_and_the_other_is_told_who() {
    each_engine(&[], async |server| {
        let (dana, _musu, unit) = shift(&server).await;
        let omar = server.person_as("omar", Role::Dispatcher).await;
        for _ in 0..5 {
            let (one, two) = (opens(&dana).await, opens(&omar).await);
            let wish = || Some(json!({"unit": unit}));
            let (here, there) = (
                format!("/api/v1/incidents/{one}/orders"),
                format!("/api/v1/incidents/{two}/orders"),
            );
            let (first, second) = tokio::join!(
                rest(&dana, "POST", &here, wish()),
                rest(&omar, "POST", &there, wish())
            );
            let (lost, winner, at) = match (first.0, second.0) {
                (201, 409) => (second.1, "dana", &one),
                (409, 201) => (first.1, "omar", &two),
                _ => panic!("{first:?} {second:?}"),
            };
            let error = &lost["error"];
            assert_eq!((&error["code"], &error["field"]), (&json!("conflict"), &json!("unit")));
            assert!(text(&error["message"]).contains(winner), "{error} does not say {winner}");
            let path = format!("/api/v1/incidents/{at}/release");
            let let_go = json!({"unit": unit, "reason": "again"});
            expect(&dana, 200, ("POST", &path), Some(let_go)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_by_rest_say_what_field_breaks_which_rule() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let alice = server.person("alice").await;
        let incident = opens(&dana).await;
        let at = |rest: &str| format!("/api/v1/incidents/{incident}{rest}");
        let nobody = asks(dana.server, None, "POST", "/api/v1/incidents", Some(&call())).await;
        assert_eq!(nobody.status, 401);
        let (orders, change) = (at("/orders"), at(""));
        for (who, method, path, body) in [
            (&alice, "GET", "/api/v1/incidents", None),
            (&alice, "GET", "/api/v1/board", None),
            (&alice, "GET", "/api/v1/units", None),
            (&alice, "POST", "/api/v1/maydays", None),
            (&musu, "GET", "/api/v1/board", None),
            (&musu, "GET", "/api/v1/maydays", None),
            (&musu, "GET", "/api/v1/patient-reads", None),
            (&dana, "GET", "/api/v1/patient-reads", None),
            (&musu, "POST", "/api/v1/incidents", Some(call())),
            (&musu, "POST", &orders, Some(json!({"unit": unit}))),
            (&musu, "PATCH", &change, Some(json!({"priority": "LOW"}))),
            (&musu, "POST", "/api/v1/units", Some(json!({"unit_number": "X"}))),
        ] {
            let (status, body) = rest(who, method, path, body).await;
            assert_eq!((status, &body["error"]["code"]), (403, &json!("forbidden")), "{path}");
        }
        for (who, method, path) in [
            (&dana, "GET", "/api/v1/incidents/99999"),
            (&dana, "POST", "/api/v1/incidents/99999/close"),
            (&dana, "GET", "/api/v1/units/99999"),
            (&dana, "GET", "/api/v1/hospitals/99999"),
            (&dana, "GET", "/api/v1/orders/99999"),
            (&musu, "GET", "/api/v1/orders/99999"),
            (&dana, "GET", "/api/v1/maydays/99999"),
            (&dana, "DELETE", "/api/v1/units/99999"),
        ] {
            let (status, body) = rest(who, method, path, None).await;
            assert_eq!((status, &body["error"]["code"]), (404, &json!("not_found")), "{path}");
        }
        let (diversion, link) = ("/api/v1/hospitals/1/diversion".to_owned(), at("/duplicate-of"));
        for (method, path, body, field) in [
            ("POST", "/api/v1/incidents", json!({}), "incident_type"),
            ("POST", "/api/v1/incidents", json!({"incident_type": "FLOOD"}), "incident_type"),
            (
                "POST",
                "/api/v1/incidents",
                json!({"incident_type": "FIRE", "latitude": 91}),
                "latitude",
            ),
            ("POST", "/api/v1/incidents", json!([1]), "body"),
            ("PATCH", &change, json!({"incident": "9"}), "incident"),
            (
                "PATCH",
                &change,
                json!({"patient": {"name": "", "age": 200, "condition": ""}}),
                "patient.age",
            ),
            ("POST", &orders, json!({"unit": "x"}), "unit"),
            ("POST", "/api/v1/incidents/x/close", json!({}), "id"),
            ("POST", "/api/v1/units", json!({"unit": "1", "unit_number": "B"}), "unit"),
            ("PUT", &diversion, json!({}), "reason"),
            ("PUT", &link, json!({}), "duplicate_of"),
            ("GET", "/api/v1/incidents?status=LOST", Value::Null, "status"),
            ("GET", "/api/v1/incidents?since=yesterday", Value::Null, "since"),
            ("GET", "/api/v1/incidents?limit=0", Value::Null, "limit"),
            ("GET", "/api/v1/incidents?before=x", Value::Null, "before"),
            ("GET", "/api/v1/orders?open=perhaps", Value::Null, "open"),
        ] {
            let body = (!body.is_null()).then_some(body);
            let (status, answer) = rest(&dana, method, path, body).await;
            assert_eq!(status, 400, "{method} {path}: {answer}");
            assert_eq!(answer["error"]["field"], field, "{method} {path}: {answer}");
        }
        // What the lifecycle does not have is refused and changes nothing.
        let step = json!({"status": "ON_SCENE", "unit": unit});
        let (status, no) = rest(&dana, "POST", &at("/status"), Some(step)).await;
        assert_eq!((status, &no["error"]["code"]), (409, &json!("conflict")), "{no}");
        assert_eq!(rest(&dana, "PUT", &orders, None).await.0, 405);
    })
    .await;
}

#[tokio::test]
async fn a_change_decided_on_an_older_version_is_refused_and_a_repeat_gets_the_first_answer() {
    each_engine(&[], async |server| {
        let (dana, _musu, unit) = shift(&server).await;
        let once = &[("Idempotency-Key", "\"call-1\"")];
        let route = ("POST", "/api/v1/incidents");
        let (status, place, first) = with(&dana, route, once, "location", call()).await;
        assert_eq!(status, 201);
        let path = format!("/api/v1/incidents/{}", text(&first["id"]));
        assert_eq!(place.as_deref(), Some(path.as_str()));
        assert_eq!(with(&dana, route, once, "location", call()).await.2, first, "a repeat");
        let (_, etag, _) = with(&dana, ("GET", &path), &[], "etag", Value::Null).await;
        let etag = etag.unwrap();
        let change = |priority: &str| json!({"priority": priority});
        let matched = &[("If-Match", etag.as_str())];
        let (status, newer, _) =
            with(&dana, ("PATCH", &path), matched, "etag", change("CRITICAL")).await;
        assert_eq!(status, 200);
        assert_ne!(newer.as_deref(), Some(etag.as_str()));
        let (status, _, no) = with(&dana, ("PATCH", &path), matched, "etag", change("LOW")).await;
        assert_eq!((status, &no["error"]["field"]), (412, &json!("If-Match")), "{no}");
        let old = json!({"priority": "LOW", "version": 1});
        let (status, no) = rest(&dana, "PATCH", &path, Some(old)).await;
        assert_eq!((status, &no["error"]["field"]), (409, &json!("version")), "{no}");
        let seen = expect(&dana, 200, ("GET", &path), None).await;
        assert_eq!(seen["incident"]["priority"], "CRITICAL");
        let any = &[("If-Match", "*")];
        assert_eq!(with(&dana, ("PATCH", &path), any, "etag", change("HIGH")).await.0, 200);
        for bad in ["W/\"2\"", "2", "\"x\"", "\"1\", \"2\""] {
            let bad = &[("If-Match", bad)];
            let (status, _, no) = with(&dana, ("PATCH", &path), bad, "etag", change("LOW")).await;
            assert_eq!((status, &no["error"]["field"]), (400, &json!("If-Match")), "{no}");
        }
        // Where there is no version a condition would be passed over: it is refused.
        let notes = format!("{path}/notes");
        let note = json!({"text": "gate code 4711"});
        assert_eq!(with(&dana, ("POST", &notes), matched, "etag", note).await.0, 400);
        let unit_path = format!("/api/v1/units/{unit}");
        let (_, etag, _) = with(&dana, ("GET", &unit_path), &[], "etag", Value::Null).await;
        let etag = etag.unwrap();
        let aside = json!({"status": "MAINTENANCE", "reason": "brakes"});
        let status_path = format!("{unit_path}/status");
        let matched = &[("If-Match", etag.as_str())];
        assert_eq!(with(&dana, ("POST", &status_path), matched, "etag", aside).await.0, 200);
        let back = json!({"status": "AVAILABLE"});
        assert_eq!(with(&dana, ("POST", &status_path), matched, "etag", back).await.0, 412);
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_paged_and_masked_and_words_find_nothing_that_is_masked() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let first = opens(&dana).await;
        let other =
            json!({"incident_type": "FIRE", "priority": "LOW", "address": "Église, Kroo Bay"});
        let other = expect(&dana, 201, ("POST", "/api/v1/incidents"), Some(other)).await;
        let (other, call_id) = (text(&other["id"]), text(&other["call_id"]));
        let ids = async |who: &Person, query: &str| {
            let path = format!("/api/v1/incidents?{query}");
            let page = expect(who, 200, ("GET", &path), None).await;
            let found = page["incidents"].as_array().unwrap();
            found.iter().map(|found| text(&found["id"])).collect::<Vec<_>>()
        };
        assert_eq!(ids(&dana, "").await, [other.clone(), first.clone()]);
        assert_eq!(ids(&dana, "limit=1").await, std::slice::from_ref(&other));
        assert_eq!(
            ids(&dana, &format!("limit=1&before={other}")).await,
            std::slice::from_ref(&first)
        );
        assert_eq!(ids(&dana, "priority=HIGH,CRITICAL").await, std::slice::from_ref(&first));
        assert_eq!(ids(&dana, "incident_type=fire").await, std::slice::from_ref(&other));
        assert_eq!(ids(&dana, "status=DISPATCHED").await, Vec::<String>::new());
        assert_eq!(ids(&dana, "since=2020-01-01T00:00:00Z&open=true").await.len(), 2);
        assert_eq!(ids(&dana, "until=2020-01-01T00:00:00Z").await.len(), 0);
        for words in ["hill+road", "musa", "+23276000001", "A%20FALL", "isatu"] {
            let words = words.replace("+2", "%2B2");
            assert_eq!(
                ids(&dana, &format!("q={words}")).await,
                std::slice::from_ref(&first),
                "{words}"
            );
            assert_eq!(ids(&musu, &format!("q={words}")).await.len(), 0, "{words} is masked");
        }
        let whole = ids(&dana, "q=%C3%89glise").await;
        assert_eq!(whole, std::slice::from_ref(&other), "as it is written, on any engine");
        assert_eq!(ids(&dana, "q=%25").await.len(), 0, "a percent sign is no wildcard");
        assert_eq!(
            ids(&musu, &format!("q={}", call_id.to_lowercase())).await,
            std::slice::from_ref(&other)
        );
        let page = expect(&musu, 200, ("GET", "/api/v1/incidents"), None).await;
        for masked in page["incidents"].as_array().unwrap() {
            assert_eq!((&masked["redacted"], &masked["address"]), (&json!(true), &json!("•••")));
        }
        let path = format!("/api/v1/incidents/{first}");
        let order = Some(json!({"unit": unit, "note": "third floor, Musa"}));
        expect(&dana, 201, ("POST", &format!("{path}/orders")), order).await;
        assert_eq!(ids(&dana, &format!("unit={unit}")).await, std::slice::from_ref(&first));
        let mine = expect(&musu, 200, ("GET", &path), None).await;
        assert_eq!(mine["incident"]["patient"]["name"], "Musa");
        let tamba = server.person_as("tamba", Role::Paramedic).await;
        let theirs = expect(&tamba, 200, ("GET", &path), None).await;
        assert_eq!(theirs["incident"]["patient"]["name"], "•••");
        assert_eq!(theirs["orders"][0]["note"], "•••");
        let shown = theirs.to_string();
        assert!(!shown.contains("Musa") && !shown.contains("Hill"), "{shown}");
        assert_eq!(expect(&tamba, 200, ("GET", "/api/v1/orders"), None).await["orders"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_mayday_by_rest_passes_every_limit_and_is_acknowledged_by_name() {
    let limits = [("messages_per_second_per_user", "1"), ("messages_burst", "1")];
    each_engine(&limits, async |server| {
        let mut dana = desk(&server, "dana").await;
        let musu = server.person_as("musu", Role::Paramedic).await;
        let raised = expect(&musu, 201, ("POST", "/api/v1/maydays"), None).await;
        assert_eq!(raised["nobody_heard"], false);
        for _ in 0..5 {
            let note = Some(json!({"note": "shots fired", "latitude": 8.48, "longitude": -13.2}));
            let again = expect(&musu, 201, ("POST", "/api/v1/maydays"), note).await;
            assert_eq!(again["id"], raised["id"], "the same mayday, told again");
        }
        let alarm = dana.socket.hears("mayday.alarm").await;
        assert_eq!(alarm["data"]["mayday"]["id"], raised["id"]);
        let path = format!("/api/v1/maydays/{}", text(&raised["id"]));
        let seen = expect(&musu, 200, ("GET", &path), None).await;
        assert_eq!(seen["note"], "shots fired");
        let open = expect(&dana.person, 200, ("GET", "/api/v1/maydays?open=true"), None).await;
        assert_eq!(open["maydays"][0]["raised_by"]["username"], "musu");
        let omar = server.person_as("omar", Role::Dispatcher).await;
        expect(&omar, 200, ("POST", &format!("{path}/acknowledge")), None).await;
        let seen = expect(&omar, 200, ("GET", &path), None).await;
        assert_eq!(seen["acknowledged_by"]["username"], "omar");
        let root = server.person_as("root", Role::Admin).await;
        let end = Some(json!({"reason": "all safe"}));
        expect(&root, 200, ("POST", &format!("{path}/end")), end).await;
        let open = expect(&root, 200, ("GET", "/api/v1/maydays?open=true"), None).await;
        assert_eq!(open["maydays"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn hospitals_units_and_shifts_are_kept_by_rest() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let made = Some(json!({"name": "Connaught"}));
        let made = expect(&dana, 201, ("POST", "/api/v1/hospitals"), made).await;
        let path = format!("/api/v1/hospitals/{}", text(&made["id"]));
        let beds = json!({"total_beds": 20, "available_beds": 3, "emergency_load": "HIGH"});
        expect(&musu, 200, ("PATCH", &format!("{path}/beds")), Some(beds)).await;
        let divert = json!({"reason": "no oxygen"});
        expect(&dana, 200, ("PUT", &format!("{path}/diversion")), Some(divert)).await;
        let seen = expect(&musu, 200, ("GET", &path), None).await;
        assert_eq!(seen["diversion"]["reason"], "no oxygen");
        assert_eq!((&seen["available_beds"], &seen["total_beds"]), (&json!(3), &json!(20)));
        expect(&dana, 200, ("DELETE", &format!("{path}/diversion")), None).await;
        assert_eq!(expect(&dana, 200, ("GET", &path), None).await["diversion"], Value::Null);
        expect(&dana, 200, ("PATCH", &path), Some(json!({"phone": "+23222"}))).await;
        expect(&dana, 200, ("DELETE", &path), None).await;
        let listed = expect(&dana, 200, ("GET", "/api/v1/hospitals"), None).await;
        assert_eq!(listed["hospitals"], json!([]));

        let path = format!("/api/v1/units/{unit}");
        expect(&dana, 200, ("PATCH", &path), Some(json!({"equipment": "ventilator"}))).await;
        assert_eq!(expect(&musu, 200, ("GET", &path), None).await["equipment"], "ventilator");
        let (status, no) = rest(&dana, "DELETE", &path, None).await;
        assert_eq!((status, &no["error"]["field"]), (409, &json!("retire")), "manned: {no}");
        expect(&musu, 200, ("POST", "/api/v1/shifts/rest"), Some(json!({"minutes": 30}))).await;
        let happened = format!("{path}/timeline?limit=1");
        let page = expect(&musu, 200, ("GET", &happened), None).await;
        assert_eq!(
            (&page["entries"][0]["kind"], &page["more"]),
            (&json!("shift.rests"), &json!(true))
        );
        let before = format!("{happened}&before={}", text(&page["entries"][0]["id"]));
        let page = expect(&dana, 200, ("GET", &before), None).await;
        assert_eq!(page["entries"][0]["kind"], "shift.started");
        let tamba = server.person_as("tamba", Role::Paramedic).await;
        assert_eq!(rest(&tamba, "GET", &happened, None).await.0, 404, "not of its crew");
        let mine = expect(&musu, 200, ("GET", "/api/v1/shifts?open=true"), None).await;
        assert!(mine["shifts"][0]["rest_until"].is_string(), "{mine}");
        let others = format!("/api/v1/shifts?user={}", dana.id);
        assert_eq!(rest(&musu, "GET", &others, None).await.0, 403);
        let end = Some(json!({"user": musu.id}));
        expect(&dana, 200, ("POST", "/api/v1/shifts/end"), end).await;
        expect(&dana, 200, ("DELETE", &path), None).await;
        assert_eq!(rest(&dana, "GET", &path, None).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn who_saw_which_patient_is_logged_for_admins_however_it_was_read() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let root = server.person_as("root", Role::Admin).await;
        let omar = server.person_as("omar", Role::Dispatcher).await;
        expect(&omar, 200, ("GET", "/api/v1/board"), None).await;
        let incident = opens(&dana).await;
        let path = format!("/api/v1/incidents/{incident}");
        let readers = async || {
            let path = format!("{path}/patient-reads");
            let log = expect(&root, 200, ("GET", &path), None).await;
            let mut seen: Vec<(String, String)> = log["reads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|read| (text(&read["username"]), text(&read["way"])))
                .collect();
            seen.sort();
            seen
        };
        assert_eq!(readers().await, [], "a board looked at before does not show it");
        expect(&musu, 200, ("GET", &path), None).await;
        expect(&musu, 200, ("GET", "/api/v1/incidents"), None).await;
        assert_eq!(readers().await, [], "what is masked shows no patient");
        expect(&dana, 200, ("GET", &path), None).await;
        expect(&dana, 200, ("GET", "/api/v1/incidents"), None).await;
        expect(&dana, 200, ("GET", "/api/v1/incidents"), None).await;
        expect(&dana, 200, ("GET", "/api/v1/board"), None).await;
        let order = Some(json!({"unit": unit}));
        expect(&dana, 201, ("POST", &format!("{path}/orders")), order).await;
        let line = |who: &str, way: &str| (who.to_owned(), way.to_owned());
        let wanted = [
            line("dana", "board_once"),
            line("dana", "list"),
            line("dana", "rest"),
            line("musu", "order"),
        ];
        assert_eq!(readers().await, wanted);
        let log = format!("/api/v1/patient-reads?user={}&limit=2", dana.id);
        let page = expect(&root, 200, ("GET", &log), None).await;
        assert_eq!((page["reads"].as_array().unwrap().len(), &page["more"]), (2, &json!(true)));
        let before = text(&page["reads"][1]["id"]);
        let rest = expect(&root, 200, ("GET", &format!("{log}&before={before}")), None).await;
        assert_eq!(rest["more"], false);
    })
    .await;
}

#[tokio::test]
async fn a_crew_that_was_without_a_connection_brings_what_it_kept_by_rest() {
    each_engine(&[], async |server| {
        let (dana, musu, unit) = shift(&server).await;
        let incident = opens(&dana).await;
        let path = format!("/api/v1/incidents/{incident}");
        let order = Some(json!({"unit": unit}));
        expect(&dana, 201, ("POST", &format!("{path}/orders")), order).await;
        let now = switchboard::clock::now();
        let at = |ms: i64| (now + chrono::Duration::milliseconds(ms)).to_rfc3339();
        let changes = json!({"changes": [
            {"client_id": "k1", "incident": incident, "status": "EN_ROUTE", "at": at(1)},
            {"client_id": "k2", "incident": incident, "status": "ON_SCENE", "at": at(2)},
            {"client_id": "k2", "incident": incident, "status": "ON_SCENE", "at": at(2)},
            {"client_id": "k3", "incident": incident, "status": "EN_ROUTE", "at": at(3)},
        ]});
        let merged = expect(&musu, 200, ("POST", "/api/v1/status-batch"), Some(changes)).await;
        let results: Vec<&Value> =
            merged["results"].as_array().unwrap().iter().map(|one| &one["result"]).collect();
        assert_eq!(results, ["applied", "applied", "duplicate", "conflict"], "{merged}");
        let seen = expect(&dana, 200, ("GET", &path), None).await;
        assert_eq!(seen["incident"]["status"], "ON_SCENE");
        // The timeline is paged in the order things happened, whatever was told late.
        let mut kinds = Vec::new();
        let mut after = String::new();
        loop {
            let page = format!("{path}/timeline?limit=2{after}");
            let page = expect(&dana, 200, ("GET", &page), None).await;
            let entries = page["entries"].as_array().unwrap();
            kinds.extend(entries.iter().map(|entry| text(&entry["id"])));
            after = format!("&after={}", kinds.last().unwrap());
            if page["more"] == false {
                break;
            }
        }
        let whole: Vec<String> =
            seen["timeline"].as_array().unwrap().iter().map(|entry| text(&entry["id"])).collect();
        assert_eq!(kinds, whole);
    })
    .await;
}
