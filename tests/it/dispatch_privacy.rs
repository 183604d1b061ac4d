//! Whom an incident is about stands in no line of the log and in no row of attempts, whatever is
//! asked for, refused, or goes wrong.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::models::attempt::{self, AttemptFilter};

use crate::harness::ambulance::{Page, opens};
use crate::harness::child::Child;
use crate::harness::dispatch::{BOARD, Crew, Desk, text};
use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::picture::png;
use crate::harness::rest::{asks, rest};
use crate::harness::socket::Socket;

/// What nobody may read in a log, in parts, so that no way of writing it hides it.
const CALLER: &str = "Isatu Kamarakonteh";
const PHONE: &str = "+23276948271";
const PATIENT: &str = "Musa Bangurasesay";
const CONDITION: &str = "diabetic ketoacidosis";
const DESCRIPTION: &str = "collapsed behind the bakery";
const SECRETS: [&str; 9] = [
    "isatu",
    "kamarakonteh",
    "76948271",
    "musa",
    "bangurasesay",
    "diabetic",
    "ketoacidosis",
    "collapsed",
    "bakery",
];
const SHORT: [(&str, &str); 4] = [
    ("answer_critical", "200ms"),
    ("order_repeat", "80ms"),
    ("mayday_repeat", "100ms"),
    ("dispatch_sweep", "20ms"),
];

fn call() -> Value {
    json!({"incident_type": "MEDICAL", "priority": "CRITICAL", "caller_name": CALLER,
        "caller_phone": PHONE, "description": DESCRIPTION, "address": "12 Hill Road",
        "latitude": 8.484146, "longitude": -13.228718,
        "patient": {"name": PATIENT, "age": 61, "condition": CONDITION}})
}

fn form() -> Value {
    json!({"caller_name": CALLER, "caller_phone": PHONE, "incident_type": "MEDICAL",
        "description": DESCRIPTION, "address": "12 Hill Road", "patient_name": PATIENT,
        "patient_age": 61, "patient_condition": CONDITION})
}

/// Calls for help that are taken, and some that are refused for something that stands in them.
async fn public_calls(server: std::net::SocketAddr) {
    assert_eq!(asks(server, None, "GET", "/healthz", None).await.status, 200);
    let path = "/api/v1/emergency-requests";
    let taken = asks(server, None, "POST", path, Some(&form())).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    for (field, value) in
        [("caller_phone", CALLER), ("incident_type", PATIENT), ("patient_age", CONDITION)]
    {
        let mut bad = form();
        bad[field] = json!(value);
        assert_eq!(asks(server, None, "POST", path, Some(&bad)).await.status, 400, "{field}");
    }
    let client = reqwest::Client::new();
    let url = format!("http://{server}{path}");
    let cut = form().to_string().replace("12 Hill Road\"", "");
    let request = client.post(&url).header("content-type", "application/json").body(cut);
    assert_eq!(request.send().await.unwrap().status(), 400);
    let said = form();
    let texts: Vec<(&str, &str)> = said
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("61")))
        .collect();
    let name = format!("{PATIENT}.png");
    for (bytes, expected) in [(png(20, 20), 201), (b"no picture".to_vec(), 400)] {
        let files = [("images", name.as_str(), bytes.as_slice())];
        let (status, told) = Page::public(server).sends(path, &texts, &files).await;
        assert_eq!(status, expected, "{told}");
    }
    let older = json!({"caller_name": CALLER, "caller_phone": PHONE,
        "emergency_type": "CARDIAC", "description": DESCRIPTION, "location_address": "Hill Road"});
    Page::public(server).posts(201, "/api/emergencies/", older.clone()).await;
    let mut bad = older;
    bad["caller_phone"] = json!(CALLER);
    Page::public(server).posts(400, "/api/emergencies/", bad).await;
}

/// What a dispatcher reads and writes, natively and over both kinds of REST.
async fn desk_work(desk: &mut Desk) -> String {
    let incident = text(&desk.does("incident.create", call()).await["id"]);
    let patient = json!({"name": PATIENT, "condition": CONDITION});
    desk.does("incident.change", json!({"incident": incident, "patient": patient})).await;
    let note = json!({"incident": incident, "text": format!("{CALLER} waits at the gate")});
    desk.does("incident.note", note).await;
    let named = CALLER.replace(' ', "%20");
    let paths = [
        format!("/api/v1/incidents?q={named}"),
        "/api/v1/incidents?q=%2B23276948271&limit=5".to_owned(),
        format!("/api/v1/incidents?status={named}"),
        format!("/api/v1/incidents/{incident}"),
        format!("/api/v1/incidents/{incident}/timeline"),
        format!("/api/v1/incidents/{incident}/export"),
        "/api/v1/incidents/export.csv".to_owned(),
        "/api/v1/board".to_owned(),
    ];
    for path in paths {
        let (status, body) = rest(&desk.person, "GET", &path, None).await;
        assert!(status == 200 || path.contains("status="), "{path}: {status} {body}");
    }
    let page = Page::of(&desk.person);
    let path = format!("/api/emergencies/{incident}/");
    page.patches(200, &path, json!({"patient_name": PATIENT, "patient_condition": CONDITION}))
        .await;
    page.patches(400, &path, json!({"patient_age": CONDITION})).await;
    let _ = page.asks("GET", &format!("/api/emergencies/?search={named}"), None).await;
    incident
}

/// Frames that are wrong in something, with what nobody may read standing in them.
async fn wrong_frames(socket: &mut Socket) {
    let long = CALLER.repeat(10);
    for wrong in [
        json!({"type": "incident.create", "data": {"caller_name": {"is": CALLER}}}),
        json!({"type": "incident.create", "data": {"incident_type": PATIENT}}),
        json!({"type": "incident.create", "data": {"incident_type": "FIRE", "caller_name": long}}),
        json!({"type": PATIENT, "data": {}}),
        json!({"type": "subscribe", "topic": format!("chat:{CALLER}"), "data": {}}),
        json!({"type": "incident.note", "data": {"incident": "0", "text": CONDITION}}),
    ] {
        socket.sends_text(&wrong.to_string()).await;
        socket.hears("error").await;
    }
    socket.sends_text(&format!("{{\"type\": \"{CALLER}\", ")).await;
    socket.hears("error").await;
}

#[tokio::test]
async fn a_shift_leaves_nothing_of_callers_and_patients_in_the_log_or_among_the_attempts() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let store = database.open();
        store.migrate().unwrap();
        let people = [("dana", Role::Dispatcher), ("musu", Role::Paramedic)]
            .map(|(name, role)| store.write(|conn| Person::enroll(conn, name, role)).unwrap());
        drop(store);
        let child = Child::start_logging(&database, &SHORT, "debug", |_| true);
        let [dana, musu] = people.map(|person| person.at(child.address));
        public_calls(child.address).await;
        let mut desk = Desk::of(dana.clone()).await;
        let incident = desk_work(&mut desk).await;
        let unit = desk.adds_unit("A-1").await;
        let mut medic = Crew::on(musu.clone(), &unit).await;
        desk.orders(&unit, &incident).await;
        wrong_frames(&mut desk.socket).await;
        let mut older = opens(&dana, &format!("/ws/dispatchers/?caller={}", &PHONE[1..])).await;
        older.hears("initial_data").await;
        older.leaves().await;
        let query = format!("/ws/paramedic/?patient={}", PATIENT.replace(' ', "%20"));
        Socket::open(child.address, &query, &[]).await.ends().await;

        // Nobody looks at a board any more: what nobody heard is said in the log.
        desk.socket.leaves().await;
        let note = format!("{PATIENT} turned on us: {CONDITION}");
        let raised = medic.does("mayday.raise", json!({"note": note})).await;
        assert_eq!(raised["nobody_heard"], true, "{raised}");
        let is_late = |frame: &Value| frame["data"]["order"]["nobody_heard"] == true;
        medic.socket.hears_that("an escalation nobody heard", is_late).await;
        let mut desk = Desk::of(dana).await;
        medic.reaches(&incident, "EN_ROUTE").await;
        medic.reaches(&incident, "ON_SCENE").await;
        desk.does("mayday.acknowledge", json!({"mayday": raised["id"]})).await;
        desk.does("incident.close", json!({"incident": incident, "reason": CONDITION})).await;
        desk.socket.joins(BOARD).await;
        desk.socket.leaves().await;
        medic.socket.leaves().await;

        let lines = child.lines();
        child.is_asked_to_stop();
        assert!(child.ends().await, "it ends well");
        let lines = lines.lock().unwrap().clone();
        let has = |words: &str| lines.iter().any(|line| line.contains(words));
        for words in [
            "path=/api/v1/emergency-requests",
            "connection attempt",
            "no dispatcher heard alarm=mayday",
            "no dispatcher heard alarm=escalation",
            "DEBUG",
        ] {
            assert!(has(words), "the log was listened to, and says: {words}\n{lines:#?}");
        }
        let wanted = AttemptFilter::default();
        let rows = database.open().read(|conn| attempt::recent(conn, 1_000, &wanted)).unwrap();
        assert!(rows.len() >= 5, "{rows:#?}");
        let rows = rows.iter().map(|row| format!("{row:?}"));
        for line in lines.iter().cloned().chain(rows) {
            let plain = line.to_lowercase();
            for secret in SECRETS {
                assert!(!plain.contains(secret), "{secret} stands in: {line}");
            }
        }
    }
}
