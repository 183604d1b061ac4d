//! The routes of the older ambulance system: every row of its table with its refusals, and a call
//! from its report to its end.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::ids::IncidentId;
use switchboard::models::incident;

use crate::harness::ambulance::{Page, Worker, report, reports};
use crate::harness::dispatch::{each_engine, text};
use crate::harness::older::keys;
use crate::harness::server::Server;

const CALL_KEYS: &[&str] = &[
    "assigned_ambulance",
    "assigned_ambulance_unit",
    "assigned_paramedic",
    "assigned_paramedic_name",
    "at_hospital_at",
    "call_id",
    "caller_name",
    "caller_phone",
    "closed_at",
    "created_at",
    "description",
    "dispatched_at",
    "dispatcher",
    "dispatcher_name",
    "emergency_type",
    "emergency_type_display",
    "en_route_at",
    "hospital_destination",
    "id",
    "latitude",
    "location_address",
    "longitude",
    "on_scene_at",
    "patient_age",
    "patient_condition",
    "patient_name",
    "priority",
    "priority_display",
    "received_at",
    "status",
    "status_display",
    "transporting_at",
    "updated_at",
];
const AMBULANCE_KEYS: &[&str] = &[
    "assigned_paramedic",
    "assigned_paramedic_name",
    "created_at",
    "current_emergency",
    "current_emergency_id",
    "current_latitude",
    "current_longitude",
    "equipment_list",
    "id",
    "last_location_update",
    "max_patients",
    "status",
    "status_display",
    "unit_number",
    "unit_type",
    "unit_type_display",
    "updated_at",
];
const HOSPITAL_KEYS: &[&str] = &[
    "address",
    "available_beds",
    "created_at",
    "emergency_capacity",
    "emergency_capacity_display",
    "id",
    "latitude",
    "longitude",
    "name",
    "phone_number",
    "specialties",
    "total_beds",
    "updated_at",
];
const USER_KEYS: &[&str] = &[
    "date_joined",
    "email",
    "first_name",
    "id",
    "is_active",
    "is_available_for_dispatch",
    "is_staff",
    "is_superuser",
    "last_login",
    "last_name",
    "role",
    "username",
];
/// What is absent while its relation is null.
const NAMED: &[&str] = &["assigned_ambulance_unit", "assigned_paramedic_name", "dispatcher_name"];
const NO_CREDENTIALS: &str = "Authentication credentials were not provided.";
const NO_PERMISSION: &str = "You do not have permission to perform this action.";

struct Town {
    dana: Worker,
    musu: Worker,
    root: Worker,
    ambulance: i64,
    anyone: Page,
}

async fn town(server: &Server) -> Town {
    let dana = Worker::new(server, "dana", Role::Dispatcher).await;
    let musu = Worker::new(server, "musu", Role::Paramedic).await;
    let root = Worker::new(server, "root", Role::Admin).await;
    let ambulance = dana.adds_ambulance("A-1").await;
    Town { dana, musu, root, ambulance, anyone: Page::public(server.address) }
}

async fn hospital(root: &Worker) -> i64 {
    let body = json!({"name": "Connaught", "address": "Lightfoot Boston Street",
        "phone_number": "+23276000009", "total_beds": 20, "available_beds": 5,
        "latitude": "8.487800", "longitude": -13.2356});
    let made = root.page.posts(201, "/dispatch/api/hospitals/", body).await;
    assert_eq!(keys(&made), HOSPITAL_KEYS);
    assert_eq!(made["emergency_capacity"], "MODERATE");
    assert_eq!(made["emergency_capacity_display"], "Moderate Load");
    assert_eq!(made["latitude"], "8.487800");
    made["id"].as_i64().unwrap()
}

fn said(words: &str) -> Value {
    json!({"error": words})
}

#[tokio::test]
async fn anyone_reports_an_emergency_and_gets_the_call_as_it_was_taken() {
    each_engine(&[], async |server| {
        let Town { anyone, dana, .. } = town(&server).await;
        let mut urgent = report();
        urgent["priority"] = json!("CRITICAL");
        let made = anyone.posts(201, "/api/emergencies/", urgent.clone()).await;
        let unassigned: Vec<&str> =
            CALL_KEYS.iter().copied().filter(|key| !NAMED.contains(key)).collect();
        assert_eq!(keys(&made), unassigned);
        let call_id = text(&made["call_id"]);
        let digits = call_id.strip_prefix("CALL-").unwrap();
        let is_upper_hex = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
        assert!(digits.len() == 8 && digits.chars().all(is_upper_hex), "{call_id}");
        for (key, value) in [
            ("status", json!("RECEIVED")),
            ("status_display", json!("Received")),
            ("priority", json!("MEDIUM")),
            ("priority_display", json!("Medium")),
            ("emergency_type_display", json!("Cardiac Arrest")),
            ("latitude", json!("8.484146")),
            ("longitude", json!("-13.228718")),
            ("assigned_ambulance", Value::Null),
            ("dispatcher", Value::Null),
            ("patient_age", Value::Null),
            ("patient_name", json!("")),
            ("hospital_destination", json!("")),
            ("dispatched_at", Value::Null),
        ] {
            assert_eq!(made[key], value, "{key}");
        }
        assert!(text(&made["received_at"]).ends_with('Z'));
        let shown = dana.page.gets(200, &format!("/api/emergencies/{}/", made["id"])).await;
        assert_eq!(shown, made);
        // As a form of parts, with an empty place.
        let said = report();
        let texts = said.as_object().unwrap().iter();
        let texts: Vec<(&str, &str)> = texts
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
            .map(|(name, value)| (name, if name == "latitude" { "" } else { value }))
            .collect();
        let (status, made) = anyone.sends("/api/emergencies/", &texts, &[]).await;
        assert_eq!((status, &made["latitude"]), (201, &Value::Null), "{made}");
        // Whoever is signed in by cookie needs no token for this one.
        let (status, _) = dana.page.forges("POST", "/api/emergencies/", &report()).await;
        assert_eq!(status, 201);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_told_field_by_field() {
    let server = Server::start().await;
    let anyone = Page::public(server.address);
    let path = "/api/emergencies/";
    let told = anyone.posts(400, path, json!({})).await;
    let required = json!(["This field is required."]);
    for name in ["caller_name", "caller_phone", "emergency_type", "description", "location_address"]
    {
        assert_eq!(told[name], required, "{name}");
    }
    let wrong = async |name: &str, value: Value| {
        let mut body = report();
        body[name] = value;
        anyone.posts(400, path, body).await
    };
    let phone = json!({"non_field_errors":
        ["Phone number must be in format +232XXXXXXXX or 0XXXXXXXX"]});
    for bad in ["+1-234-567-89", "1234567", "+44761234567"] {
        assert_eq!(wrong("caller_phone", json!(bad)).await, phone, "{bad}");
    }
    assert_eq!(
        wrong("caller_name", json!(" ")).await,
        json!({"caller_name": ["This field may not be blank."]})
    );
    assert_eq!(
        wrong("caller_name", json!("x".repeat(101))).await,
        json!({"caller_name": ["Ensure this field has no more than 100 characters."]})
    );
    assert_eq!(
        wrong("emergency_type", json!("ALIENS")).await,
        json!({"emergency_type": ["\"ALIENS\" is not a valid choice."]})
    );
    assert_eq!(
        wrong("latitude", json!(91)).await,
        json!({"latitude": ["Latitude must be between -90 and 90 degrees"]})
    );
    assert_eq!(
        wrong("longitude", json!("east")).await,
        json!({"longitude": ["A valid number is required."]})
    );
    let (status, told) = anyone.sends_raw(path, "text/plain", "help").await;
    assert_eq!((status, told), (415, said("Unsupported content type")));
    let (status, _) = anyone.sends_raw(path, "application/json", "{").await;
    assert_eq!(status, 400);
    let (status, told) = anyone.sends_raw(path, "application/json", "[1]").await;
    assert_eq!(status, 400, "{told}");
}

#[tokio::test]
async fn the_public_form_is_throttled_by_address() {
    let server = Server::start_with(&[("public_forms", "3")]).await;
    let anyone = Page::public(server.address);
    for _ in 0..3 {
        anyone.posts(201, "/api/emergencies/", report()).await;
    }
    let response = anyone.asks("POST", "/api/emergencies/", Some(&report())).await;
    assert_eq!(response.status().as_u16(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    let told: Value = response.json().await.unwrap();
    let words = format!("Request was throttled. Expected available in {wait} seconds.");
    assert_eq!(told, json!({"detail": words}));
}

#[tokio::test]
async fn calls_are_read_by_those_who_work_on_them_and_masked_for_other_crews() {
    each_engine(&[], async |server| {
        let Town { dana, musu, ambulance, anyone, .. } = town(&server).await;
        let ada = Worker::new(&server, "ada", Role::Member).await;
        let tamba = Worker::new(&server, "tamba", Role::Paramedic).await;
        let call = reports(&server).await;
        let one = format!("/api/emergencies/{call}/");
        let lists = ["/api/emergencies/", "/api/emergencies/active/?status=pending"];
        for path in [lists[0], lists[1], &one, "/api/emergencies/my-active/"] {
            let told = anyone.gets(403, path).await;
            assert_eq!(told, json!({"detail": NO_CREDENTIALS}), "{path}");
        }
        for path in [lists[0], lists[1], &one] {
            assert_eq!(ada.page.gets(403, path).await, json!({"detail": NO_PERMISSION}), "{path}");
        }
        let masked = |call: &Value| {
            for key in [
                "caller_name",
                "caller_phone",
                "description",
                "location_address",
                "patient_name",
                "patient_condition",
            ] {
                assert_eq!(call[key], "•••", "{key}");
            }
            assert_eq!(
                (&call["latitude"], &call["longitude"]),
                (&json!("8.480000"), &json!("-13.230000"))
            );
            assert_eq!(call["call_id"].as_str().unwrap().len(), 13);
        };
        masked(&musu.page.gets(200, &one).await);
        dana.dispatches(call, ambulance, Some(musu.id())).await;
        let whole = musu.page.gets(200, &one).await;
        assert_eq!(whole["caller_name"], "Isatu Kamara");
        assert_eq!(keys(&whole), CALL_KEYS);
        assert_eq!(whole["assigned_ambulance_unit"], "A-1");
        assert_eq!(whole["dispatcher_name"], "dana");
        masked(&tamba.page.gets(200, &one).await);
        masked(&tamba.page.gets(200, lists[0]).await[0]);
        let reads = server
            .reads(move |conn| {
                let found = incident::by_id(conn, IncidentId(call))?.unwrap();
                Ok(incident::reads_of(conn, &found)?)
            })
            .await;
        let seen = |name: &str, way: &str| reads.iter().any(|r| r.username == name && r.way == way);
        assert!(seen("musu", "rest") && seen("dana", "rest"), "{reads:?}");
        assert!(!seen("tamba", "rest") && !seen("tamba", "list"), "masked is not seen");
        for missing in ["/api/emergencies/424242/", "/api/emergencies/zebra/"] {
            let told = dana.page.gets(404, missing).await;
            assert_eq!(told, json!({"detail": "No EmergencyCall matches the given query."}));
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_goes_from_its_report_to_its_end_with_every_moment_set() {
    each_engine(&[], async |server| {
        let Town { dana, musu, root, ambulance, .. } = town(&server).await;
        let hospital = hospital(&root).await;
        let call = reports(&server).await;
        let body = json!({"emergency_call_id": call, "ambulance_id": ambulance,
            "paramedic_id": musu.id(), "hospital_id": hospital});
        let done = dana.page.posts(200, "/dispatch/api/dispatch/", body).await;
        assert_eq!(keys(&done), ["ambulance", "emergency_call", "message"]);
        let (told, unit) = (&done["emergency_call"], &done["ambulance"]);
        assert_eq!(keys(told), CALL_KEYS);
        assert_eq!(keys(unit), AMBULANCE_KEYS);
        assert_eq!(told["status"], "DISPATCHED");
        assert_eq!(told["hospital_destination"], "Connaught");
        assert_eq!(told["assigned_paramedic"], musu.id());
        assert_eq!(told["dispatcher"], dana.id());
        assert_eq!(unit["status"], "EN_ROUTE");
        assert_eq!(unit["current_emergency"], call);
        assert_eq!(unit["current_emergency_id"], told["call_id"]);
        assert_eq!(unit["assigned_paramedic"], musu.id());
        let mine = musu.page.gets(200, "/api/emergencies/my-active/").await;
        assert_eq!(&mine, told);
        let of_unit = format!("/dispatch/api/ambulances/{ambulance}/");
        for (status, mirrored) in [
            ("EN_ROUTE", "EN_ROUTE"),
            ("ON_SCENE", "ON_SCENE"),
            ("TRANSPORTING", "TRANSPORTING"),
            ("AT_HOSPITAL", "TRANSPORTING"),
        ] {
            let told = musu.steps(call, status).await;
            assert_eq!(told["status"], status);
            assert_eq!(dana.page.gets(200, &of_unit).await["status"], mirrored, "{status}");
            assert_eq!(musu.page.gets(200, "/api/emergencies/my-active/").await["id"], call);
        }
        let path = format!("/api/emergencies/{call}/");
        musu.steps(call, "CLOSED").await;
        let closed = dana.page.gets(200, &path).await;
        let moments = [
            "received_at",
            "dispatched_at",
            "en_route_at",
            "on_scene_at",
            "transporting_at",
            "at_hospital_at",
            "closed_at",
        ];
        let moments: Vec<String> = moments.iter().map(|key| text(&closed[*key])).collect();
        assert!(moments.is_sorted(), "{moments:?}");
        let free = dana.page.gets(200, &of_unit).await;
        assert_eq!(
            (&free["status"], &free["current_emergency"]),
            (&json!("AVAILABLE"), &Value::Null)
        );
        musu.page.gets(204, "/api/emergencies/my-active/").await;
        for (asked, expected) in [("active", 0), ("pending", 0), ("completed", 1), ("all", 1)] {
            let path = format!("/api/emergencies/active/?status={asked}");
            let found = dana.page.gets(200, &path).await;
            assert_eq!(found.as_array().unwrap().len(), expected, "{asked}");
        }
        let mine = musu.page.gets(200, "/profiles/api/my-assignments/").await;
        assert_eq!(keys(&mine), ["count", "next_offset", "results"]);
        assert_eq!((&mine["count"], &mine["next_offset"]), (&json!(1), &Value::Null));
        assert_eq!(mine["results"][0]["id"], call);
    })
    .await;
}

#[tokio::test]
async fn the_status_goes_one_step_at_a_time_and_by_those_who_may() {
    each_engine(&[], async |server| {
        let Town { dana, musu, ambulance, anyone, .. } = town(&server).await;
        let tamba = Worker::new(&server, "tamba", Role::Paramedic).await;
        let call = reports(&server).await;
        let path = format!("/api/emergencies/{call}/status/");
        let refused = async |who: &Worker, status: u16, to: &str| {
            who.page.patches(status, &path, json!({"status": to})).await
        };
        let no_step = |from: &str, to: &str| {
            json!({"status": [format!("Cannot transition from {from} to {to}")]})
        };
        // Nobody is on it yet, so no status can be reached.
        assert_eq!(refused(&dana, 400, "DISPATCHED").await, no_step("RECEIVED", "DISPATCHED"));
        dana.dispatches(call, ambulance, Some(musu.id())).await;
        for to in ["RECEIVED", "DISPATCHED", "ON_SCENE", "AT_HOSPITAL", "CLOSED"] {
            assert_eq!(refused(&musu, 400, to).await, no_step("DISPATCHED", to));
        }
        let not_yours = said("Not authorized to update this call");
        assert_eq!(refused(&tamba, 403, "EN_ROUTE").await, not_yours);
        assert_eq!(refused(&dana, 400, "ZEBRA").await,
            json!({"status": ["\"ZEBRA\" is not a valid choice."]}));
        assert_eq!(dana.page.patches(400, &path, json!({})).await,
            json!({"status": ["This field is required."]}));
        let (status, told) = anyone.tries("PATCH", &path, json!({"status": "EN_ROUTE"})).await;
        assert_eq!((status, told), (403, json!({"detail": NO_CREDENTIALS})));
        for missing in ["424242", "zebra"] {
            let path = format!("/api/emergencies/{missing}/status/");
            let told = dana.page.patches(404, &path, json!({"status": "EN_ROUTE"})).await;
            assert_eq!(told, said("Emergency call not found"));
        }
        // A step may bring the patient's condition and where they go.
        musu.steps(call, "EN_ROUTE").await;
        let body = json!({"status": "ON_SCENE", "patient_condition": "awake",
            "hospital_destination": "Connaught"});
        let told = musu.page.patches(200, &path, body).await;
        assert_eq!((&told["patient_condition"], &told["hospital_destination"]),
            (&json!("awake"), &json!("Connaught")));
        assert_eq!(refused(&musu, 400, "AT_HOSPITAL").await, no_step("ON_SCENE", "AT_HOSPITAL"));
        assert_eq!(refused(&musu, 400, "CLOSED").await, no_step("ON_SCENE", "CLOSED"));
        // Dispatchers may step for a crew that answers by radio.
        dana.steps(call, "TRANSPORTING").await;
        dana.steps(call, "AT_HOSPITAL").await;
        dana.steps(call, "CLOSED").await;
        assert_eq!(refused(&dana, 400, "CLOSED").await, no_step("CLOSED", "CLOSED"));
        assert_eq!(refused(&dana, 400, "RECEIVED").await, no_step("CLOSED", "RECEIVED"));
    })
    .await;
}

#[tokio::test]
async fn a_change_obeys_policy_and_lifecycle() {
    each_engine(&[], async |server| {
        let Town { dana, musu, root, ambulance, .. } = town(&server).await;
        let call = reports(&server).await;
        let path = format!("/api/emergencies/{call}/");
        let body = json!({"caller_name": "Isatu K.", "priority": "CRITICAL",
            "emergency_type": "TRAUMA", "latitude": 8.5, "longitude": "-13.25",
            "patient_name": "Musa", "patient_age": "61", "hospital_destination": "Connaught"});
        let told = dana.page.patches(200, &path, body).await;
        for (key, value) in [
            ("caller_name", json!("Isatu K.")),
            ("priority_display", json!("Critical")),
            ("emergency_type_display", json!("Trauma")),
            ("latitude", json!("8.500000")),
            ("patient_age", json!(61)),
            ("patient_name", json!("Musa")),
            ("hospital_destination", json!("Connaught")),
            ("caller_phone", json!("+23276123456")),
        ] {
            assert_eq!(told[key], value, "{key}");
        }
        // The whole object given back is no change.
        let response = dana.page.asks("PUT", &path, Some(&told)).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.json::<Value>().await.unwrap()["updated_at"], told["updated_at"]);
        for (body, wrong) in [
            (json!({"priority": "HUGE"}), "priority"),
            (json!({"patient_age": 1000}), "patient_age"),
            (json!({"caller_phone": "x".repeat(16)}), "caller_phone"),
            (json!({"assigned_ambulance": ambulance}), "assigned_ambulance"),
            (json!({"status": "CANCELLED"}), "status"),
            (json!({"status": "ON_SCENE"}), "status"),
        ] {
            let told = dana.page.patches(400, &path, body).await;
            assert_eq!(keys(&told), [wrong], "{told}");
        }
        // A crew changes its own patient and nothing else; another's call not at all.
        let patient = json!({"patient_condition": "awake"});
        let told = musu.page.patches(403, &path, patient.clone()).await;
        assert_eq!(told, json!({"detail": NO_PERMISSION}));
        dana.dispatches(call, ambulance, Some(musu.id())).await;
        musu.page.patches(200, &path, patient).await;
        musu.page.patches(403, &path, json!({"priority": "LOW"})).await;
        musu.page.patches(200, &path, json!({"status": "EN_ROUTE"})).await;
        // A dispatcher who closes a call that nobody has come to calls it off; all are free.
        let told = root.page.patches(200, &path, json!({"status": "CLOSED"})).await;
        assert_eq!(
            (&told["status"], &told["assigned_ambulance_unit"]),
            (&json!("CLOSED"), &json!("A-1"))
        );
        let of_unit = format!("/api/ambulances/{ambulance}/");
        assert_eq!(dana.page.gets(200, &of_unit).await["status"], "AVAILABLE");
        dana.page.patches(404, "/api/emergencies/424242/", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn a_dispatch_is_refused_in_the_words_its_pages_show() {
    each_engine(&[], async |server| {
        let Town { dana, musu, root, ambulance, anyone, .. } = town(&server).await;
        let (call, other) = (reports(&server).await, reports(&server).await);
        let path = "/dispatch/api/dispatch/";
        let body = |changes: Value| {
            let mut body = json!({"emergency_call_id": call, "ambulance_id": ambulance,
                "paramedic_id": musu.id()});
            for (key, value) in changes.as_object().unwrap() {
                body[key] = value.clone();
            }
            body
        };
        let wrong = async |changes: Value| dana.page.posts(400, path, body(changes)).await;
        for (changes, key, words) in [
            (json!({"emergency_call_id": 424242}), "emergency_call_id", "Emergency call not found"),
            (json!({"ambulance_id": 424242}), "ambulance_id", "Ambulance not found"),
            (json!({"paramedic_id": 424242}), "paramedic_id", "Paramedic not found"),
            (json!({"paramedic_id": dana.id()}), "paramedic_id", "User is not a paramedic"),
            (json!({"hospital_id": 424242}), "hospital_id", "Hospital not found"),
            (json!({"ambulance_id": "x"}), "ambulance_id", "A valid integer is required."),
            (json!({"ambulance_id": null}), "ambulance_id", "This field is required."),
        ] {
            assert_eq!(wrong(changes).await, json!({key: [words]}));
        }
        let only = said("Only dispatchers can dispatch ambulances");
        assert_eq!(musu.page.posts(403, path, body(json!({}))).await, only);
        let (status, _) = anyone.tries("POST", path, body(json!({}))).await;
        assert_eq!(status, 403);
        let (status, told) = dana.page.forges("POST", path, &body(json!({}))).await;
        assert_eq!(status, 403, "{told}");
        assert!(text(&told["detail"]).starts_with("CSRF Failed"), "{told}");
        // Two want one ambulance: the first has it. Admins dispatch as well.
        root.page.posts(200, path, body(json!({}))).await;
        assert_eq!(
            wrong(json!({})).await,
            json!({"emergency_call_id":
            ["Emergency call must be in RECEIVED status to dispatch"]})
        );
        assert_eq!(
            wrong(json!({"emergency_call_id": other})).await,
            json!({"ambulance_id": ["Ambulance is not available for dispatch"]})
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_paramedic_one_is_found_the_ambulances_own_before_any_other() {
    each_engine(&[], async |server| {
        let Town { dana, musu, ambulance, .. } = town(&server).await;
        let toggle = "/api/paramedics/toggle-availability/";
        let path = format!("/dispatch/api/ambulances/{ambulance}/");
        let tamba = Worker::new(&server, "tamba", Role::Paramedic).await;
        dana.page.patches(200, &path, json!({"assigned_paramedic": tamba.id()})).await;
        let end = async |call: i64| {
            let path = format!("/api/emergencies/{call}/");
            dana.page.patches(200, &path, json!({"status": "CLOSED"})).await;
        };
        // Its own.
        let first = reports(&server).await;
        let done = dana.dispatches(first, ambulance, None).await;
        assert_eq!(done["emergency_call"]["assigned_paramedic"], tamba.id());
        end(first).await;
        // Its own is not available: another who has nothing to do, and from now on it is theirs.
        tamba.page.patches(200, toggle, json!({"is_available_for_dispatch": "off"})).await;
        let second = reports(&server).await;
        let done = dana.dispatches(second, ambulance, None).await;
        assert_eq!(done["emergency_call"]["assigned_paramedic"], musu.id());
        assert_eq!(done["ambulance"]["assigned_paramedic"], musu.id());
        // Nobody is left: sent unassigned, and the timeline says so.
        let spare = dana.adds_ambulance("A-2").await;
        let third = reports(&server).await;
        let body = json!({"emergency_call_id": third, "ambulance_id": spare});
        let done = dana.page.posts(200, "/dispatch/api/dispatch/", body).await;
        assert_eq!(done["emergency_call"]["assigned_paramedic"], Value::Null);
        assert_eq!(done["emergency_call"]["assigned_ambulance"], spare);
        assert_eq!(done["emergency_call"]["status"], "DISPATCHED");
        let logged = server
            .reads(move |conn| {
                Ok(switchboard::models::timeline::of_incident(conn, IncidentId(third), None, 100)?)
            })
            .await;
        assert!(logged.iter().any(|entry| entry.kind == "order.overridden"), "{logged:?}");
        end(second).await;
        end(third).await;
        // Named although not available: the dispatcher's decision, logged as well.
        let fourth = reports(&server).await;
        let done = dana.dispatches(fourth, ambulance, Some(tamba.id())).await;
        assert_eq!(done["emergency_call"]["assigned_paramedic"], tamba.id());
    })
    .await;
}

#[tokio::test]
async fn ambulances_are_listed_made_changed_placed_and_removed() {
    each_engine(&[], async |server| {
        let Town { dana, musu, root, ambulance, .. } = town(&server).await;
        let all = "/dispatch/api/ambulances/";
        let body = json!({"unit_number": "B-2", "unit_type": "CRITICAL", "equipment_list": "oxygen",
            "max_patients": 2, "assigned_paramedic": musu.id(), "status": "MAINTENANCE",
            "current_latitude": "8.1", "current_longitude": -13.1});
        let made = root.page.posts(201, "/api/ambulances/", body).await;
        for (key, value) in [
            ("unit_type_display", json!("Critical Care")),
            ("status_display", json!("Maintenance")),
            ("current_latitude", json!("8.100000")),
            ("max_patients", json!(2)),
            ("assigned_paramedic_name", json!("musu")),
            ("current_emergency", Value::Null),
        ] {
            assert_eq!(made[key], value, "{key}");
        }
        assert!(made.get("current_emergency_id").is_none());
        for path in [all, "/api/ambulances/"] {
            let listed = musu.page.gets(200, path).await;
            let numbers: Vec<&Value> =
                listed.as_array().unwrap().iter().map(|one| &one["unit_number"]).collect();
            assert_eq!(numbers, ["A-1", "B-2"]);
        }
        let make = "Only dispatchers can create ambulances";
        assert_eq!(musu.page.posts(403, all, json!({"unit_number": "X"})).await, said(make));
        for (body, key, words) in [
            (json!({}), "unit_number", "This field is required."),
            (
                json!({"unit_number": "A-1"}),
                "unit_number",
                "ambulance with this unit number already exists.",
            ),
            (
                json!({"unit_number": "x".repeat(11)}),
                "unit_number",
                "Ensure this field has no more than 10 characters.",
            ),
            (
                json!({"unit_number": "C", "unit_type": "HUGE"}),
                "unit_type",
                "\"HUGE\" is not a valid choice.",
            ),
        ] {
            assert_eq!(dana.page.posts(400, all, body).await, json!({key: [words]}));
        }
        let one = format!("{all}{ambulance}/");
        let told = dana.page.patches(200, &one, json!({"equipment_list": "splints"})).await;
        assert_eq!(told["equipment_list"], "splints");
        dana.page.patches(200, &one, json!({"assigned_paramedic": musu.id()})).await;
        let told = dana.page.patches(200, &one, json!({"assigned_paramedic": null})).await;
        assert_eq!(told["assigned_paramedic"], Value::Null);
        assert_eq!(
            musu.page.patches(403, &one, json!({"max_patients": 3})).await,
            json!({"detail": NO_PERMISSION})
        );
        let told = dana.page.patches(400, &one, json!({"status": "ON_SCENE"})).await;
        assert_eq!(keys(&told), ["status"], "only a call brings it there");
        // Where it is: by its own crew and by dispatchers.
        let place = json!({"current_latitude": 8.123456, "current_longitude": -13.2});
        let at = format!("{one}location/");
        let not_yours = said("Not authorized to update this ambulance");
        assert_eq!(musu.page.posts(403, &at, place.clone()).await, not_yours);
        let of_own = format!("{all}{}/location/", made["id"]);
        let told = musu.page.posts(200, &of_own, place.clone()).await;
        assert_eq!(
            (&told["current_latitude"], &told["current_longitude"]),
            (&json!("8.123456"), &json!("-13.200000"))
        );
        assert!(told["last_location_update"].is_string());
        dana.page.posts(200, &at, place.clone()).await;
        for (body, key) in [
            (json!({"current_latitude": 8.1234567, "current_longitude": 1}), "current_latitude"),
            (json!({"current_latitude": 8, "current_longitude": 181}), "current_longitude"),
            (json!({"current_latitude": 8}), "current_longitude"),
            (json!({"current_latitude": null, "current_longitude": 1}), "current_latitude"),
        ] {
            assert_eq!(keys(&dana.page.posts(400, &at, body).await), [key]);
        }
        let told = dana.page.posts(404, &format!("{all}424242/location/"), place).await;
        assert_eq!(told, said("Ambulance not found"));
        // Removed only while it is free.
        let busy = said("Cannot delete an ambulance that is assigned or not available");
        assert_eq!(dana.page.deletes(400, &format!("{all}{}/", made["id"])).await, busy);
        let call = reports(&server).await;
        dana.dispatches(call, ambulance, Some(musu.id())).await;
        assert_eq!(dana.page.deletes(400, &one).await, busy);
        dana.page
            .patches(200, &format!("/api/emergencies/{call}/"), json!({"status": "CLOSED"}))
            .await;
        assert_eq!(
            musu.page.deletes(403, &one).await,
            said("Only dispatchers can delete ambulances")
        );
        dana.page.deletes(204, &one).await;
        dana.page.gets(404, &one).await;
        let told = dana.page.gets(404, &format!("{all}zebra/")).await;
        assert_eq!(told, json!({"detail": "No Ambulance matches the given query."}));
    })
    .await;
}

#[tokio::test]
async fn hospitals_are_kept_by_admins_and_told_about_by_everyone() {
    each_engine(&[], async |server| {
        let Town { dana, musu, root, .. } = town(&server).await;
        let id = hospital(&root).await;
        let all = "/dispatch/api/hospitals/";
        let one = format!("{all}{id}/");
        for path in [all, "/api/hospitals/"] {
            assert_eq!(musu.page.gets(200, path).await[0]["name"], "Connaught", "{path}");
        }
        let body = json!({"name": "X", "address": "Y", "phone_number": "1"});
        let only = said("Only admin/staff can create hospitals");
        assert_eq!(dana.page.posts(403, all, body).await, only);
        let told = root.page.posts(400, all, json!({"name": "X"})).await;
        assert_eq!(keys(&told), ["address", "phone_number"]);
        // Dispatchers change what they are told by telephone; the rest is dropped.
        let told =
            dana.page.patches(200, &one, json!({"specialties": "burns", "latitude": 1})).await;
        assert_eq!(
            (&told["specialties"], &told["latitude"]),
            (&json!("burns"), &json!("8.487800"))
        );
        let told = root.page.patches(200, &one, json!({"latitude": 8.4, "longitude": -13.3})).await;
        assert_eq!(told["latitude"], "8.400000");
        let none = said("No permitted fields to update");
        assert_eq!(dana.page.patches(400, &one, json!({"latitude": 1})).await, none);
        assert_eq!(
            musu.page.patches(403, &one, json!({"name": "Z"})).await,
            said("Not authorized")
        );
        let told = dana.page.patches(400, &one, json!({"emergency_capacity": "BURSTING"})).await;
        assert_eq!(keys(&told), ["emergency_capacity"]);
        let told = dana.page.patches(400, &one, json!({"available_beds": 21})).await;
        assert_eq!(keys(&told), ["available_beds"], "more than there are");
        let at = format!("{one}capacity/");
        let told = musu.page.posts(200, &at, json!({"available_beds": 2, "name": "no"})).await;
        assert_eq!((&told["available_beds"], &told["name"]), (&json!(2), &json!("Connaught")));
        let told = musu.page.posts(404, &format!("{all}424242/capacity/"), json!({})).await;
        assert_eq!(told, said("Hospital not found"));
        assert_eq!(
            dana.page.deletes(403, &one).await,
            said("Only admin/staff can delete hospitals")
        );
        root.page.deletes(204, &one).await;
        root.page.gets(404, &one).await;
    })
    .await;
}

#[tokio::test]
async fn paramedics_are_found_under_both_addresses_and_say_whether_they_are_available() {
    each_engine(&[], async |server| {
        let Town { dana, musu, .. } = town(&server).await;
        let tamba = Worker::new(&server, "tamba", Role::Paramedic).await;
        for prefix in ["/api", "/core/api"] {
            let listed = dana.page.gets(200, &format!("{prefix}/paramedics/?available=1")).await;
            assert_eq!(listed.as_array().unwrap().len(), 2, "{prefix}");
            assert_eq!(keys(&listed[0]), USER_KEYS);
            assert_eq!(listed[0]["role"], "paramedic");
            let toggle = format!("{prefix}/paramedics/toggle-availability/");
            let told =
                tamba.page.patches(200, &toggle, json!({"is_available_for_dispatch": false})).await;
            assert_eq!(told["is_available_for_dispatch"], false);
            let listed = dana.page.gets(200, &format!("{prefix}/paramedics/?available=1")).await;
            assert_eq!(listed.as_array().unwrap().len(), 1);
            let listed = dana.page.gets(200, &format!("{prefix}/paramedics/")).await;
            assert_eq!(listed.as_array().unwrap().len(), 2);
            tamba.page.patches(200, &toggle, json!({"is_available_for_dispatch": "on"})).await;
            dana.page.patches(403, &toggle, json!({"is_available_for_dispatch": true})).await;
            musu.page.patches(400, &toggle, json!({})).await;
        }
    })
    .await;
}

#[tokio::test]
async fn people_are_kept_by_admins_who_cannot_remove_themselves() {
    each_engine(&[], async |server| {
        let Town { dana, root, .. } = town(&server).await;
        dana.page.gets(403, "/api/users/").await;
        let body = json!({"username": "fatu", "password": "a-long-word-7", "first_name": "Fatu",
            "last_name": "Sesay", "email": "fatu@example.org", "role": "paramedic"});
        let made = root.page.posts(201, "/core/api/users/", body.clone()).await;
        assert_eq!(keys(&made), USER_KEYS);
        assert_eq!((&made["role"], &made["last_login"]), (&json!("paramedic"), &Value::Null));
        let told = root.page.posts(400, "/api/users/", body).await;
        assert_eq!(told, json!({"username": ["A user with that username already exists."]}));
        let told =
            root.page.posts(400, "/api/users/", json!({"username": "x1", "password": "short"}));
        assert_eq!(keys(&told.await), ["password"]);
        let blank =
            root.page.posts(201, "/api/users/", json!({"username": "sento", "password": ""}));
        assert_eq!(blank.await["role"], "dispatcher", "the usual role");
        let one = format!("/api/users/{}/", made["id"]);
        let change = json!({"first_name": "Fatmata", "role": "dispatcher", "is_active": false});
        let told = root.page.patches(200, &one, change).await;
        assert_eq!(
            (&told["first_name"], &told["role"], &told["is_active"]),
            (&json!("Fatmata"), &json!("dispatcher"), &json!(false))
        );
        let own = format!("/api/users/{}/", root.id());
        assert_eq!(root.page.deletes(400, &own).await, said("You cannot delete your own account"));
        root.page.patches(400, &own, json!({"role": "member"})).await;
        root.page.deletes(204, &one).await;
        root.page.gets(404, "/core/api/users/424242/").await;
        let listed = root.page.gets(200, "/core/api/users/").await;
        assert!(listed.as_array().unwrap().len() >= 4);
    })
    .await;
}

#[tokio::test]
async fn assignments_come_in_pages_newest_first_to_paramedics_alone() {
    each_engine(&[], async |server| {
        let Town { dana, musu, ambulance, .. } = town(&server).await;
        let path = "/profiles/api/my-assignments/";
        assert_eq!(dana.page.gets(403, path).await, json!({"detail": "Forbidden"}));
        let mut calls = Vec::new();
        for _ in 0..3 {
            let call = reports(&server).await;
            dana.dispatches(call, ambulance, Some(musu.id())).await;
            dana.page
                .patches(200, &format!("/api/emergencies/{call}/"), json!({"status": "CLOSED"}))
                .await;
            calls.push(call);
        }
        let page = musu.page.gets(200, &format!("{path}?limit=2")).await;
        assert_eq!((&page["count"], &page["next_offset"]), (&json!(3), &json!(2)));
        assert_eq!(
            (&page["results"][0]["id"], &page["results"][1]["id"]),
            (&json!(calls[2]), &json!(calls[1]))
        );
        let rest = musu.page.gets(200, &format!("{path}?limit=2&offset=2")).await;
        assert_eq!(
            (&rest["next_offset"], &rest["results"][0]["id"]),
            (&Value::Null, &json!(calls[0]))
        );
    })
    .await;
}

/// The smallest picture there is.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

#[tokio::test]
async fn pictures_come_by_form_by_url_and_beforehand_and_are_seen_by_who_may_see_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    each_engine(&[("attachments_url", url.as_str())], async |server| {
        let Town { dana, musu, anyone, .. } = town(&server).await;
        let upload = "/api/emergencies/upload-image/";
        let (status, told) = anyone.sends(upload, &[], &[("image", "a.png", PIXEL)]).await;
        assert_eq!((status, &told["success"]), (200, &json!(true)), "{told}");
        let (url, name) = (text(&told["image_url"]), text(&told["filename"]));
        assert_eq!(url, format!("/media/{name}"));
        assert!(name.starts_with("emergency_images/") && name.ends_with(".gif"), "{name}");
        // Until its form is sent, whoever knows its name may look at it.
        let seen = anyone.asks("GET", &url, None).await;
        assert_eq!(
            (seen.status().as_u16(), seen.bytes().await.unwrap().to_vec()),
            (200, PIXEL.to_vec())
        );
        let mut body = report();
        body["emergency_images"] = json!([
            url,
            "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==",
        ]);
        let made = anyone.posts(201, "/api/emergencies/", body).await;
        assert!(made.get("emergency_images").is_none());
        let id = IncidentId(made["id"].as_i64().unwrap());
        let kept = server
            .reads(move |conn| Ok(switchboard::models::incident_image::count(conn, id)?))
            .await;
        assert_eq!(kept, 2);
        // From then on it is the patient's.
        for (page, status) in [(&anyone, 404), (&musu.page, 404), (&dana.page, 200)] {
            assert_eq!(page.asks("GET", &url, None).await.status().as_u16(), status);
        }
        let said = report();
        let texts = said.as_object().unwrap().iter();
        let texts: Vec<(&str, &str)> = texts
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
            .filter(|(name, _)| !name.ends_with("itude"))
            .collect();
        let files: &[(&str, &str, &[u8])] =
            &[("images", "a.gif", PIXEL), ("images", "b.gif", PIXEL)];
        let (status, told) = anyone.sends("/api/emergencies/", &texts, files).await;
        assert_eq!(status, 201, "{told}");
        for files in [vec![("image", "a.png", &b"no picture"[..])], vec![]] {
            let (status, told) = anyone.sends(upload, &[], &files).await;
            assert_eq!((status, keys(&told)), (400, vec!["error"]), "{told}");
        }
        for missing in ["x.png", "0123abcd-4567-89ab-cdef-0123456789ab.png"] {
            let path = format!("/media/emergency_images/{missing}");
            assert_eq!(dana.page.asks("GET", &path, None).await.status().as_u16(), 404);
        }
    })
    .await;
}
