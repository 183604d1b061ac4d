//! Exports of incidents: documents and lines, golden, masked, safe for spreadsheets, of any length.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::ids::{
    EntryId, HospitalId, ImageId, IncidentId, MaydayId, OrderId, UnitId, UserId,
};
use switchboard::models::incident::{self, Incident, NewIncident};
use switchboard::models::incident_csv::{self, Told};
use switchboard::models::incident_eido::{self, Known};
use switchboard::models::order::Order;
use switchboard::protocol::dispatch::{
    Degrees, IncidentStatus, IncidentType, OrderState, Priority, UnitStatus,
};
use switchboard::protocol::views::PersonView;
use switchboard::protocol::views::dispatch::{
    ImageView, IncidentView, MaydayView, OrderView, PatientView, TimelineEntry,
};

use crate::harness::dispatch::{crew, desk, each_engine, text};
use crate::harness::rest::{expect, rest};

/// Minutes after the call.
fn at(minutes: i64) -> NaiveDateTime {
    let call = DateTime::parse_from_rfc3339("2026-11-28T10:00:00Z").unwrap().naive_utc();
    call + chrono::Duration::minutes(minutes)
}

fn person(id: i64, name: &str) -> PersonView {
    let value = json!({"id": id.to_string(), "username": name.to_lowercase(),
        "display_name": name});
    serde_json::from_value(value).unwrap()
}

fn row() -> Incident {
    Incident {
        id: IncidentId(7),
        call_id: "CALL-1A2B3C4D".into(),
        conversation_id: None,
        status: IncidentStatus::Closed,
        incident_type: IncidentType::Cardiac,
        determinant: "09-E-1".into(),
        priority: Priority::Critical,
        caller_name: "=HYPERLINK(\"http://x\")".into(),
        caller_phone: "+23276000001".into(),
        description: "chest pain, \"very\" bad\nand sweating".into(),
        address: "12 Hill Road".into(),
        latitude: Some(Degrees(8_484_146)),
        longitude: Some(Degrees(-13_228_718)),
        dispatcher_id: Some(UserId(2)),
        hospital_id: Some(HospitalId(2)),
        hospital_destination: "Connaught".into(),
        duplicate_of: None,
        close_reason: String::new(),
        version: 12,
        received_at: at(0),
        dispatched_at: Some(at(2)),
        en_route_at: Some(at(4)),
        on_scene_at: Some(at(10)),
        transporting_at: Some(at(25)),
        at_hospital_at: Some(at(40)),
        closed_at: Some(at(55)),
        locks_at: Some(at(1_495)),
        created_at: at(0),
        updated_at: at(55),
    }
}

fn order(id: i64, unit: i64, state: OrderState) -> Order {
    let is_first = id == 31;
    let reached = |minutes: i64| is_first.then(|| at(minutes));
    Order {
        id: OrderId(id),
        incident_id: IncidentId(7),
        unit_id: UnitId(unit),
        state,
        stage: if is_first { UnitStatus::AtHospital } else { UnitStatus::Assigned },
        priority: Priority::Critical,
        note: "third floor".into(),
        ordered_by: Some(UserId(2)),
        paramedic_id: None,
        override_reason: None,
        sent_at: at(2),
        delivered_at: reached(2),
        seen_at: reached(3),
        answered_at: Some(at(3)),
        answered_by: Some(UserId(5)),
        decline_reason: (!is_first).then(|| "flat tire".to_owned()),
        en_route_at: reached(4),
        on_scene_at: reached(10),
        transporting_at: reached(25),
        at_hospital_at: reached(40),
        ended_at: Some(at(if is_first { 55 } else { 3 })),
        ended_by: Some(UserId(5)),
        end_reason: None,
        repeats: 0,
        repeat_at: None,
        escalate_at: None,
        escalated_at: None,
        escalations: 0,
        nobody_heard: false,
    }
}

fn entry(id: i64, kind: &str, minutes: i64, to: Option<&str>, order: Option<i64>) -> TimelineEntry {
    let offset = if kind == "unit.status" || kind == "unit.milestone" { 60 } else { 0 };
    TimelineEntry {
        id: EntryId(id),
        incident: Some(IncidentId(7)),
        unit: order.map(|order| UnitId(if order == 31 { 4 } else { 5 })),
        order: order.map(OrderId),
        kind: kind.into(),
        actor: Some(UserId(5)),
        actor_name: "Musu".into(),
        from: None,
        to: to.map(str::to_owned),
        detail: if kind == "incident.noted" { "key under the mat".into() } else { String::new() },
        at: at(minutes),
        device_at: (offset != 0).then(|| at(minutes)),
        utc_offset_min: offset,
        server_at: at(minutes),
    }
}

fn entries() -> Vec<TimelineEntry> {
    vec![
        entry(1, "incident.opened", 0, Some("RECEIVED"), None),
        entry(2, "order.given", 2, None, Some(31)),
        entry(3, "order.accepted", 3, None, Some(31)),
        entry(4, "unit.freed", 3, None, Some(32)),
        entry(5, "order.declined", 3, None, Some(32)),
        entry(6, "unit.status", 4, Some("EN_ROUTE"), Some(31)),
        entry(7, "unit.status", 10, Some("ON_SCENE"), Some(31)),
        entry(8, "unit.milestone", 12, Some("at_patient"), Some(31)),
        entry(9, "incident.noted", 14, None, None),
        entry(10, "unit.status", 25, Some("TRANSPORTING"), Some(31)),
        entry(11, "unit.status", 40, Some("AT_HOSPITAL"), Some(31)),
        entry(12, "unit.milestone", 45, Some("destination_transfer"), Some(31)),
        entry(13, "unit.freed", 55, None, Some(31)),
        entry(14, "incident.closed", 55, Some("CLOSED"), None),
    ]
}

fn orders() -> Vec<(Order, &'static str)> {
    vec![(order(31, 4, OrderState::Accepted), "A-4"), (order(32, 5, OrderState::Declined), "-A5")]
}

fn order_view((row, number): &(Order, &str)) -> OrderView {
    OrderView {
        id: row.id,
        incident: row.incident_id,
        call_id: "CALL-1A2B3C4D".into(),
        unit: row.unit_id,
        unit_number: (*number).to_owned(),
        state: row.state,
        stage: row.stage,
        priority: row.priority,
        note: row.note.clone(),
        ordered_by: Some(person(2, "Dana")),
        paramedic: None,
        override_reason: None,
        sent_at: row.sent_at,
        delivered_at: row.delivered_at,
        seen_at: row.seen_at,
        answered_at: row.answered_at,
        answered_by: Some(person(5, "Musu")),
        decline_reason: row.decline_reason.clone(),
        ended_at: row.ended_at,
        end_reason: None,
        repeats: 0,
        escalate_at: None,
        escalations: 0,
        nobody_heard: false,
        crew: Vec::new(),
    }
}

fn patient() -> PatientView {
    PatientView { name: "Musa".into(), age: Some(61), condition: "unconscious".into() }
}

fn view() -> IncidentView {
    let row = row();
    let value = json!({
        "id": "7", "call_id": row.call_id, "status": row.status,
        "incident_type": row.incident_type, "determinant": row.determinant,
        "priority": row.priority, "caller_name": row.caller_name,
        "caller_phone": row.caller_phone, "description": row.description, "address": row.address,
        "latitude": row.latitude, "longitude": row.longitude, "patient": patient(),
        "hospital": "2", "hospital_destination": row.hospital_destination, "dispatcher": null,
        "units": [], "images": [], "duplicate_of": null, "duplicates": ["8"], "topic": null,
        "par": null, "close_reason": "", "version": 12, "redacted": false,
        "received_at": clock::rfc3339(row.received_at), "dispatched_at": null, "en_route_at": null,
        "on_scene_at": null, "transporting_at": null, "at_hospital_at": null,
        "closed_at": clock::rfc3339(at(55)), "locks_at": null,
        "created_at": clock::rfc3339(row.created_at),
        "updated_at": clock::rfc3339(row.updated_at), "past_units": []
    });
    let images = vec![ImageView {
        id: ImageId(3),
        content_type: "image/png".into(),
        bytes: 20_480,
        url: "/api/v1/incidents/7/images/3".into(),
        thumbnail_url: "/api/v1/incidents/7/images/3/thumbnail".into(),
    }];
    IncidentView { images, ..serde_json::from_value(value).unwrap() }
}

fn mayday() -> MaydayView {
    MaydayView {
        id: MaydayId(1),
        unit: Some(UnitId(4)),
        unit_number: Some("A-4".into()),
        incident: Some(IncidentId(7)),
        raised_by: Some(person(5, "Musu")),
        note: "crowd".into(),
        latitude: None,
        longitude: None,
        raised_at: at(15),
        acknowledged_at: Some(at(16)),
        acknowledged_by: Some(person(2, "Dana")),
        ended_at: Some(at(20)),
        end_reason: "police here".into(),
        repeats: 1,
        nobody_heard: false,
    }
}

/// Compares with a file of the fixtures, or writes it with `UPDATE_GOLDEN=1`.
fn is_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports").join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, no setting")]
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_update {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[test]
fn the_lines_of_an_incident_are_as_they_always_were() {
    let orders = orders().into_iter().map(|(order, number)| (order, number.to_owned())).collect();
    let told = Told {
        incident: row(),
        patient: patient(),
        duplicate_of: None,
        orders,
        entries: entries(),
    };
    let bare = Told {
        incident: Incident { call_id: "CALL-00000008".into(), closed_at: None, ..row() },
        patient: PatientView::default(),
        duplicate_of: Some("CALL-1A2B3C4D".into()),
        orders: Vec::new(),
        entries: Vec::new(),
    };
    let text =
        [incident_csv::head(), incident_csv::lines(&told), incident_csv::lines(&bare)].concat();
    is_golden("incidents.csv", &text);
    assert!(text.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{text}");
    assert!(text.contains(",'+23276000001,") && text.contains(",'-A5,"), "{text}");
    assert!(text.contains(",-13.228718,"), "numbers stay numbers: {text}");
}

#[test]
fn the_document_of_an_incident_is_as_it_always_was() {
    let orders = orders();
    let known = Known {
        row: row(),
        view: view(),
        orders: orders.iter().map(|one| (one.0.clone(), order_view(one))).collect(),
        maydays: vec![mayday()],
        entries: entries(),
        call_ids: HashMap::from([(IncidentId(8), "CALL-00000008".to_owned())]),
    };
    let text = serde_json::to_string_pretty(&incident_eido::document(&known)).unwrap() + "\n";
    is_golden("incident.eido.json", &text);
}

#[tokio::test]
async fn an_incident_is_exported_whole_to_dispatchers_and_masked_to_other_crews() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("HIGH").await;
        dana.orders(&medic.unit, &incident).await;
        let told = clock::now().with_timezone(&chrono::FixedOffset::east_opt(3_600).unwrap());
        let step = json!({"incident": incident, "status": "EN_ROUTE", "at": told.to_rfc3339()});
        medic.does("incident.status", step).await;
        let note = json!({"incident": incident, "text": "Musa is allergic to latex"});
        medic.does("incident.note", note).await;
        let path = format!("/api/v1/incidents/{incident}/export");
        for who in [&dana.person, &medic.person] {
            let whole = expect(who, 200, ("GET", &path), None).await;
            assert_eq!(whole["isRedacted"], false);
            assert_eq!(whole["personComponent"][1]["personNameText"], "Musa");
            let resource = &whole["emergencyResourceComponent"][0];
            assert_eq!(resource["primaryUnitStatusRegistryText"], "EnRoute");
            let en_route = resource["eTimes"].as_array().unwrap().iter();
            let mut en_route = en_route.filter(|time| time["element"] == "eTimes.05");
            let en_route = text(&en_route.next_back().unwrap()["timeStamp"]);
            assert!(en_route.ends_with("+01:00"), "{en_route}");
        }
        let tamba = server.person_as("tamba", Role::Paramedic).await;
        let masked = expect(&tamba, 200, ("GET", &path), None).await;
        assert_eq!(masked["isRedacted"], true);
        let shown = masked.to_string();
        assert!(!shown.contains("Musa") && !shown.contains("Hill Road"), "{shown}");
        let alice = server.person("alice").await;
        assert_eq!(rest(&alice, "GET", &path, None).await.0, 403);
        assert_eq!(rest(&dana.person, "GET", "/api/v1/incidents/9999/export", None).await.0, 404);
        let root = server.person_as("root", Role::Admin).await;
        let log = format!("/api/v1/patient-reads?incident={incident}");
        let log = expect(&root, 200, ("GET", &log), None).await;
        let ways = log["reads"].as_array().unwrap().iter();
        let exported: Vec<String> = ways
            .filter(|read| read["way"] == "export")
            .map(|read| text(&read["username"]))
            .collect();
        assert_eq!(exported, ["musu", "dana"], "{log}");
    })
    .await;
}

#[tokio::test]
async fn many_incidents_are_exported_as_lines_a_piece_at_a_time_and_nothing_is_left_out() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let incident = dana.opens("HIGH").await;
        let evil = json!({"incident": incident, "caller_name": "@SUM(1+1)*cmd|' /C calc'!A0"});
        dana.does("incident.change", evil).await;
        server
            .writes(|conn| {
                let now = clock::now_naive();
                for number in 0..450 {
                    let new = NewIncident {
                        incident_type: IncidentType::Fire,
                        determinant: String::new(),
                        priority: Priority::Low,
                        caller_name: format!("caller {number}"),
                        caller_phone: String::new(),
                        description: "one, \"two\"\nthree".into(),
                        address: String::new(),
                        latitude: None,
                        longitude: None,
                        dispatcher: None,
                        patient: PatientView::default(),
                        received_at: now,
                        at: now,
                    };
                    incident::insert(conn, &new)?;
                }
                Ok(())
            })
            .await;
        let path = "/api/v1/incidents/export.csv";
        let got = dana.person.fetches(("GET", path), &[], "").await;
        assert_eq!(got.status(), 200);
        let kind = got.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/csv"), "{kind}");
        let whole = got.text().await.unwrap();
        assert_eq!(whole.matches("\r\n").count(), 452, "a head and 451 lines");
        assert!(whole.contains("'@SUM(1+1)"), "{}", &whole[..2_000]);
        assert!(whole.starts_with("call_id,"));
        let none = format!("{path}?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z");
        let got = dana.person.fetches(("GET", &none), &[], "").await.text().await.unwrap();
        assert_eq!(got.matches("\r\n").count(), 1, "the head alone");
        let musu = server.person_as("musu", Role::Paramedic).await;
        assert_eq!(rest(&musu, "GET", path, None).await.0, 403);
        for query in ["from=then", "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"] {
            let (status, no) = rest(&dana.person, "GET", &format!("{path}?{query}"), None).await;
            assert_eq!(status, 400, "{no}");
            assert_ne!(no["error"]["field"], Value::Null);
        }
    })
    .await;
}
