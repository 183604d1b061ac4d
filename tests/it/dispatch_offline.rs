//! What a crew did without a connection, told late: merged forward only, each change answered.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use switchboard::clock;

use crate::harness::dispatch::{crew, desk, each_engine, text};

fn ago(seconds: i64) -> DateTime<Utc> {
    clock::now() - Duration::seconds(seconds)
}

fn change(id: &str, incident: &str, status: &str, at: DateTime<Utc>) -> Value {
    json!({"client_id": id, "incident": incident, "status": status, "at": at.to_rfc3339()})
}

fn results(answer: &Value) -> Vec<String> {
    let all = answer["results"].as_array().unwrap();
    all.iter().map(|one| text(&one["result"])).collect()
}

#[tokio::test]
async fn a_batch_lands_at_its_device_times_in_their_order_and_its_repeat_is_ignored() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        // The outage begins after the order; the device's moments lie between it and now.
        let base = clock::now();
        let at = |us: i64| base + Duration::microseconds(us);
        let mark = json!({"client_id": "k3", "incident": incident, "milestone": "at_patient",
        "at": at(3).to_rfc3339()});
        let batch = json!({"changes": [
            change("k4", &incident, "TRANSPORTING", at(4)),
            change("k1", &incident, "EN_ROUTE", at(1)),
            mark,
            change("k2", &incident, "ON_SCENE", at(2)),
        ]});
        let merged = medic.does("status.batch", batch.clone()).await;
        assert_eq!(results(&merged), ["applied"; 4], "{merged}");
        let seen = dana.socket.hears_that("the last of them", |frame| {
            frame["type"] == "incident.changed" && frame["data"]["entry"]["to"] == "TRANSPORTING"
        });
        let seen = seen.await;
        let view = &seen["data"]["incident"];
        for (key, us) in [("en_route_at", 1), ("on_scene_at", 2), ("transporting_at", 4)] {
            let stored: DateTime<Utc> = text(&view[key]).parse().unwrap();
            assert_eq!(stored, at(us), "{key}");
        }
        let entry = seen["data"]["entry"].clone();
        let device: DateTime<Utc> = text(&entry["device_at"]).parse().unwrap();
        assert_eq!(device, at(4));
        assert!(text(&entry["server_at"]) >= text(&entry["device_at"]), "{entry}");
        assert_eq!(results(&medic.does("status.batch", batch).await), ["duplicate"; 4]);
    })
    .await;
}

#[tokio::test]
async fn what_goes_backwards_or_skips_or_comes_from_a_wrong_clock_is_a_conflict_of_its_own() {
    each_engine(&[("device_behind", "1h")], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        let now = clock::now();
        let batch = json!({"changes": [
            change("b1", &incident, "EN_ROUTE", now),
            change("b2", &incident, "AT_HOSPITAL", now),
            change("b3", &incident, "TRANSPORTING", ago(600)),
            change("b4", &incident, "TRANSPORTING", ago(2 * 3_600)),
            change("b5", &incident, "TRANSPORTING", ago(-3_600)),
            change("b6", "999", "TRANSPORTING", now),
            json!({"client_id": "b7", "incident": incident, "at": now.to_rfc3339()}),
        ]});
        let merged = medic.does("status.batch", batch.clone()).await;
        assert_eq!(results(&merged), ["conflict"; 7], "{merged}");
        let field = |index: usize| merged["results"][index]["refusal"]["field"].clone();
        assert_eq!((field(0), field(1)), (json!("data.status"), json!("data.status")));
        assert_eq!([field(2), field(3), field(4)], ["data.at"; 3].map(|name| json!(name)));
        // What did not fit is kept for the dispatchers, once.
        let kept = dana.socket.hears_that("the conflict", |frame| {
            frame["data"]["entry"]["kind"] == "status.conflict"
        });
        assert_eq!(kept.await["data"]["incident"]["status"], "ON_SCENE", "nothing changed");
        let again = medic.does("status.batch", batch).await;
        assert_eq!(results(&again)[..2], ["duplicate", "duplicate"]);
        let none = medic.is_refused("status.batch", json!({"changes": []})).await;
        assert_eq!(none["field"], "data.changes");
    })
    .await;
}

#[tokio::test]
async fn a_unit_that_was_released_meanwhile_cannot_change_the_incident_any_more() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let at = clock::now();
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "no radio"});
        dana.does("incident.release", data).await;
        let batch = json!({"changes": [change("r1", &incident, "EN_ROUTE", at)]});
        let merged = medic.does("status.batch", batch).await;
        assert_eq!(results(&merged), ["conflict"]);
        let rule = text(&merged["results"][0]["refusal"]["rule"]);
        assert!(rule.contains("freed"), "{rule}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_may_end_the_incident_at_its_device_time() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let base = clock::now();
        let at = |us: i64| base + Duration::microseconds(us);
        let batch = json!({"changes": [
            change("z1", &incident, "EN_ROUTE", at(1)),
            change("z2", &incident, "ON_SCENE", at(2)),
            change("z3", &incident, "CLOSED", at(3)),
        ]});
        assert_eq!(results(&medic.does("status.batch", batch).await), ["applied"; 3]);
        let closed = dana.hears_incident(&incident, "CLOSED").await;
        let stored: DateTime<Utc> = text(&closed["data"]["incident"]["closed_at"]).parse().unwrap();
        assert_eq!(stored, at(3));
    })
    .await;
}
