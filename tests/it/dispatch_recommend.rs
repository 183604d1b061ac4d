//! Which units would serve an incident best, and orders without a unit, which go to the best.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::ids::UnitId;
use switchboard::models::position::{self, Fix};
use switchboard::protocol::dispatch::Degrees;

use crate::harness::dispatch::{Crew, Desk, crew, desk, each_engine, is_refused, text};
use crate::harness::rest::rest;
use crate::harness::server::Server;

/// A crew whose unit is so many kilometers north of the incidents of these stories, seen so many
/// seconds ago.
async fn crew_at(
    server: &Server,
    desk: &mut Desk,
    (number, name): (&str, &str),
    (km, age_s): (i32, i64),
) -> Crew {
    let crew = crew(server, desk, number, name).await;
    let unit: UnitId = crew.unit.parse().unwrap();
    server
        .writes(move |conn| {
            let at = clock::now_naive() - chrono::Duration::seconds(age_s);
            let fix = Fix {
                latitude: Degrees(8_484_146 + km * 8_993),
                longitude: Degrees(-13_228_718),
                accuracy_m: None,
                heading_deg: None,
                speed_kmh: None,
                fixed_at: at,
                received_at: at,
            };
            Ok(position::place(conn, unit, &fix, at)?)
        })
        .await;
    crew
}

fn numbers(ranking: &Value) -> Vec<String> {
    ranking["units"].as_array().unwrap().iter().map(|one| text(&one["unit_number"])).collect()
}

fn shortfalls(ranking: &Value) -> String {
    let all = ranking["shortfalls"].as_array().unwrap();
    all.iter().map(|one| text(&one["text"])).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn units_are_ranked_with_reasons_and_an_order_without_a_unit_goes_to_the_best() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let far = crew_at(&server, &mut dana, ("A-1", "musu"), (9, 5)).await;
        let mut near = crew_at(&server, &mut dana, ("A-2", "tamba"), (2, 5)).await;
        let old = crew_at(&server, &mut dana, ("A-3", "sia"), (1, 2_400)).await;
        dana.adds_unit("A-4").await;
        let incident = dana.opens("MEDIUM").await;
        let ranking = dana.does("incident.recommend", json!({"incident": incident})).await;
        assert_eq!(numbers(&ranking), ["A-2", "A-1", "A-3", "A-4"]);
        let units = ranking["units"].as_array().unwrap();
        let fits: Vec<bool> = units.iter().map(|one| one["fits"] == true).collect();
        assert_eq!(fits, [true, true, true, false]);
        assert_eq!((&ranking["fitting"], &units[0]["rank"]), (&json!(3), &json!(1)));
        assert_eq!((&units[0]["distance_m"], &units[0]["eta_s"]), (&json!(2_000), &json!(180)));
        assert_eq!(units[2]["measured_from"], "old_position", "flagged, never silently used");
        let flag = format!("{}", units[2]["reasons"]);
        assert!(flag.contains("s old; ask where it is"), "{flag}");
        assert!(format!("{}", units[3]["reasons"]).contains("nobody is on shift"));
        let given = dana.does("incident.assign", json!({"incident": incident})).await;
        assert_eq!(given["unit"], near.unit);
        assert_eq!(given["picked"]["unit_number"], "A-2");
        let order = near.socket.hears("order.given").await;
        assert_eq!(order["data"]["order"]["id"], given["order"]);
        let seen = dana
            .socket
            .hears_that("the order", |frame| frame["data"]["entry"]["kind"] == "order.given");
        let detail = text(&seen.await["data"]["entry"]["detail"]);
        assert!(detail.contains("picked as the best that fits; 2.0 km, about 3 min"), "{detail}");
        // The next best, and then the one with the old position, which the timeline says.
        let next = dana.opens("MEDIUM").await;
        let given = dana.does("incident.assign", json!({"incident": next, "unit": null})).await;
        assert_eq!(given["unit"], far.unit);
        let last = dana.opens("MEDIUM").await;
        let given = dana.does("incident.assign", json!({"incident": last})).await;
        assert_eq!(given["unit"], old.unit);
        let seen = dana.socket.hears_that("the order", |frame| {
            frame["data"]["entry"]["kind"] == "order.given"
                && frame["data"]["incident"]["id"] == last
        });
        let detail = text(&seen.await["data"]["entry"]["detail"]);
        assert!(detail.contains("s old"), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn when_no_unit_fits_the_refusal_names_what_is_missing_and_nothing_changes() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let incident = dana.opens("MEDIUM").await;
        let wish = json!({"incident": incident});
        let no = dana.is_refused("incident.assign", wish.clone()).await;
        assert_eq!((&no["code"], &no["field"]), (&json!("conflict"), &json!("data.unit")));
        assert!(text(&no["rule"]).contains("there is no unit on the list"), "{no}");
        let mut one = crew_at(&server, &mut dana, ("A-1", "musu"), (1, 5)).await;
        one.does("shift.rest", json!({"minutes": 30})).await;
        let two = dana.adds_unit("A-2").await;
        let status = json!({"unit": two, "status": "MAINTENANCE", "reason": "brakes"});
        dana.does("unit.status", status).await;
        let no = dana.is_refused("incident.assign", wish.clone()).await;
        let rule = text(&no["rule"]);
        assert!(rule.contains("1 unit is out of service"), "{rule}");
        assert!(rule.contains("1 unit is with a resting crew"), "{rule}");
        one.does("shift.rest", json!({"minutes": 0})).await;
        let wanted = json!({"incident": incident, "capabilities": ["neonatal"]});
        let no = dana.is_refused("incident.assign", wanted.clone()).await;
        assert!(text(&no["rule"]).contains("1 free unit has no neonatal"), "{no}");
        for (key, value, field) in [
            ("override_reason", json!("must"), "data.override_reason"),
            ("paramedic", json!(one.person.id.0.to_string()), "data.paramedic"),
            ("capabilities", json!([" "]), "data.capabilities"),
        ] {
            let mut data = json!({"incident": incident});
            data[key] = value;
            let no = dana.is_refused("incident.assign", data).await;
            assert_eq!(no["field"], field, "{no}");
        }
        let save = json!({"unit": one.unit, "capabilities": ["Neonatal", "cardiac"]});
        dana.does("unit.save", save).await;
        let given = dana.does("incident.assign", wanted.clone()).await;
        assert_eq!(given["unit"], one.unit);
        let next = dana.opens("MEDIUM").await;
        let no = dana.is_refused("incident.assign", json!({"incident": next})).await;
        assert!(text(&no["rule"]).contains("1 unit is on incidents"), "{no}");
    })
    .await;
}

#[tokio::test]
async fn of_two_dispatchers_who_leave_the_choice_to_the_server_each_gets_another_unit() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut omar = desk(&server, "omar").await;
        crew_at(&server, &mut dana, ("A-1", "musu"), (1, 5)).await;
        crew_at(&server, &mut dana, ("A-2", "tamba"), (2, 5)).await;
        let (one, two) = (dana.opens("HIGH").await, omar.opens("HIGH").await);
        let first = dana.socket.sends("incident.assign", None, json!({"incident": one})).await;
        let second = omar.socket.sends("incident.assign", None, json!({"incident": two})).await;
        let first = dana.socket.answer_to(&first).await;
        let second = omar.socket.answer_to(&second).await;
        assert_eq!((&first["type"], &second["type"]), (&json!("ok"), &json!("ok")));
        assert_ne!(first["data"]["unit"], second["data"]["unit"]);
    })
    .await;
}

#[tokio::test]
async fn recommendations_are_asked_for_over_rest_by_dispatchers_alone() {
    let server = Server::start().await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew_at(&server, &mut dana, ("A-1", "musu"), (2, 5)).await;
    crew_at(&server, &mut dana, ("A-2", "tamba"), (3, 5)).await;
    let incident = dana.opens("CRITICAL").await;
    let path = format!("/api/v1/incidents/{incident}/recommendations");
    let asks = async |path: &str| rest(&dana.person, "GET", path, None).await;
    let (status, ranking) = asks(&format!("{path}?limit=1")).await;
    assert_eq!(status, 200, "{ranking}");
    assert_eq!((numbers(&ranking), &ranking["fitting"]), (vec!["A-1".to_owned()], &json!(2)));
    assert_eq!(ranking["need"]["unit_type"], "ADVANCED");
    assert_eq!(shortfalls(&ranking), "no free unit is ADVANCED or better");
    let (_, ranking) = asks(&format!("{path}?capabilities=neonatal,cardiac")).await;
    assert_eq!(ranking["need"]["capabilities"], json!(["cardiac", "neonatal"]));
    assert_eq!(ranking["fitting"], 0);
    for (path, status, field) in [
        (format!("{path}?limit=0"), 400, json!("limit")),
        (format!("{path}?limit=many"), 400, json!("limit")),
        ("/api/v1/incidents/999/recommendations".to_owned(), 404, Value::Null),
        ("/api/v1/incidents/x/recommendations".to_owned(), 400, json!("id")),
    ] {
        let (got, body) = asks(&path).await;
        assert_eq!((got, &body["error"]["field"]), (status, &field), "{path} {body}");
    }
    let (status, _) = rest(&medic.person, "GET", &path, None).await;
    assert_eq!(status, 403);
    let wish = json!({"incident": incident});
    let no = is_refused(&mut medic.socket, "incident.recommend", wish).await;
    assert_eq!(no["code"], "forbidden");
    let member = server.person_as("nobody", Role::Member).await;
    assert_eq!(rest(&member, "GET", &path, None).await.0, 403);
}
