//! The sockets of the older ambulance system: who may open which, what they begin with, every row
//! of the event matrix, and what their clients may send.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::layer::contract::Whom;
use switchboard::models::user;
use switchboard::protocol::refusal::Refusal;

use crate::harness::ambulance::{Page, Worker, opens, report, reports};
use crate::harness::dispatch::{desk, does, each_engine};
use crate::harness::older::keys;
use crate::harness::server::Server;
use crate::harness::socket::{Ended, Socket, until};

const DESK: &str = "/ws/dispatchers/";
const CREW: &str = "/ws/paramedic/";

/// A dispatcher, a paramedic, an admin and an ambulance.
struct Town {
    dana: Worker,
    musu: Worker,
    root: Worker,
    ambulance: i64,
}

async fn town(server: &Server) -> Town {
    let dana = Worker::new(server, "dana", Role::Dispatcher).await;
    let musu = Worker::new(server, "musu", Role::Paramedic).await;
    let root = Worker::new(server, "root", Role::Admin).await;
    let ambulance = dana.adds_ambulance("A-1").await;
    Town { dana, musu, root, ambulance }
}

impl Town {
    /// A board that has begun.
    async fn board(&self) -> Socket {
        let mut board = opens(&self.dana.person, DESK).await;
        board.hears("initial_data").await;
        board
    }

    /// Everything a board was told until now, as pairs of type and event.
    async fn told(&self, board: &mut Socket) -> Vec<(String, String)> {
        let place = json!({"current_latitude": 8.1, "current_longitude": -13.1});
        let path = format!("/dispatch/api/ambulances/{}/location/", self.ambulance);
        self.dana.page.posts(200, &path, place).await;
        let is_mark = |frame: &Value| frame["event"] == "LOCATION_UPDATE";
        board.hears_that("the mark", is_mark).await;
        let told = names(&board.unheard());
        board.forgets();
        told
    }
}

fn names(frames: &[Value]) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    frames.iter().map(|frame| (word(&frame["type"]), word(&frame["event"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(kind, event): &(&str, &str)| ((*kind).to_owned(), (*event).to_owned());
    expected.iter().map(owned).collect()
}

/// What a paramedic's socket was told until it answers a ping.
async fn heard(socket: &mut Socket) -> Vec<(String, String)> {
    socket.is_served().await;
    let told = names(&socket.unheard());
    socket.forgets();
    told
}

#[tokio::test]
async fn a_board_begins_with_all_that_is_open_and_does_so_again_when_asked() {
    each_engine(&[], async |server| {
        let town = town(&server).await;
        let second = town.dana.adds_ambulance("A-0").await;
        let hospital = json!({"name": "Connaught", "address": "Lightfoot Boston Street",
            "phone_number": "+23276000009"});
        town.root.page.posts(201, "/dispatch/api/hospitals/", hospital).await;
        let old = reports(&server).await;
        town.dana.dispatches(old, second, Some(town.musu.id())).await;
        for status in ["EN_ROUTE", "ON_SCENE", "TRANSPORTING", "AT_HOSPITAL"] {
            town.musu.steps(old, status).await;
        }
        let (first, newest) = (reports(&server).await, reports(&server).await);
        let mut board = opens(&town.dana.person, DESK).await;
        let begun = board.next().await.unwrap();
        assert_eq!(keys(&begun), ["data", "type"]);
        assert_eq!(keys(&begun["data"]), ["ambulances", "emergencies", "hospitals"]);
        let ids = |of: &Value| {
            let all = of.as_array().unwrap().iter();
            all.map(|one| one["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        let open = ids(&begun["data"]["emergencies"]);
        assert_eq!(open, [newest, first], "newest first, and none that is at its hospital");
        assert_eq!(ids(&begun["data"]["ambulances"]), [second, town.ambulance], "by number");
        assert_eq!(begun["data"]["hospitals"][0]["name"], "Connaught");
        board.sends_text(r#"{"type":"get_initial_data"}"#).await;
        assert_eq!(board.hears("initial_data").await, begun, "the same again");
        // It is still told what comes, once.
        reports(&server).await;
        assert_eq!(town.told(&mut board).await, pairs(&[("emergency_update", "NEW_EMERGENCY")]));
        // A paramedic's socket begins with nothing.
        let mut crew = opens(&town.musu.person, CREW).await;
        assert_eq!(heard(&mut crew).await, []);
    })
    .await;
}

#[tokio::test]
async fn every_row_of_the_event_matrix_is_told_to_whom_it_says_and_to_nobody_else() {
    each_engine(&[], async |server| {
        let town = town(&server).await;
        let (dana, musu) = (&town.dana, &town.musu);
        let mut board = town.board().await;
        let mut other = opens(&town.root.person, DESK).await;
        other.hears("initial_data").await;
        let mut crew = opens(&musu.person, CREW).await;
        let tamba = Worker::new(&server, "tamba", Role::Paramedic).await;
        let mut bystander = opens(&tamba.person, CREW).await;
        heard(&mut crew).await;
        heard(&mut bystander).await;
        let status = ("emergency_update", "STATUS_UPDATE");

        // Reported.
        let call = reports(&server).await;
        let new = board.hears("emergency_update").await;
        let shown = dana.page.gets(200, &format!("/api/emergencies/{call}/")).await;
        assert_eq!(
            new,
            json!({"type": "emergency_update", "event": "NEW_EMERGENCY",
            "data": shown}),
            "the same object as over REST"
        );
        assert_eq!(town.told(&mut board).await, []);

        // Changed without its status.
        let path = format!("/api/emergencies/{call}/");
        dana.page.patches(200, &path, json!({"priority": "HIGH", "patient_name": "Musa"})).await;
        assert_eq!(town.told(&mut board).await, []);

        // Dispatched: in this order, and the second update of the call once more to all.
        let done = dana.dispatches(call, town.ambulance, Some(musu.id())).await;
        assert_eq!(done["message"], "Ambulance dispatched successfully");
        let expected = [
            ("ambulance_update", "UNIT_DISPATCHED"),
            status,
            ("emergency_update", "UNIT_DISPATCHED"),
        ];
        let place = board.hears("ambulance_update").await;
        assert_eq!(place["data"], done["ambulance"]);
        let told = board.hears("emergency_update").await;
        assert_eq!(told["data"], done["emergency_call"]);
        let again = board.hears("emergency_update").await;
        assert_eq!(names(&[place, told, again.clone()]), pairs(&expected));
        assert_eq!(again["data"], done["emergency_call"]);
        assert_eq!(town.told(&mut board).await, []);
        let ordered = crew.hears("emergency_update").await;
        assert_eq!(ordered["event"], "UNIT_DISPATCHED");
        assert_eq!(ordered["data"], done["emergency_call"], "whole for who is on it");
        assert_eq!(heard(&mut crew).await, []);

        // The status by its own route, and by a change.
        let moved = musu.steps(call, "EN_ROUTE").await;
        let told = board.hears("emergency_update").await;
        assert_eq!((&told["event"], &told["data"]), (&json!("STATUS_UPDATE"), &moved));
        assert_eq!(town.told(&mut board).await, []);
        let told = crew.hears("emergency_update").await;
        assert_eq!(
            (&told["event"], &told["data"]["status"]),
            (&json!("STATUS_UPDATE"), &json!("EN_ROUTE"))
        );
        dana.page.patches(200, &path, json!({"status": "ON_SCENE"})).await;
        assert_eq!(town.told(&mut board).await, pairs(&[status]));
        assert_eq!(heard(&mut crew).await, pairs(&[status]));

        // To its end: the ambulance is free, and the board is told so.
        musu.steps(call, "TRANSPORTING").await;
        musu.steps(call, "AT_HOSPITAL").await;
        board.forgets();
        town.told(&mut board).await;
        heard(&mut crew).await;
        let closed = musu.steps(call, "CLOSED").await;
        assert_eq!(closed["status"], "CLOSED");
        let freed = board.hears("ambulance_update").await;
        assert_eq!(
            (&freed["event"], &freed["data"]["status"]),
            (&json!("STATUS_UPDATE"), &json!("AVAILABLE"))
        );
        assert!(freed["data"].get("current_emergency_id").is_none());
        let over = board.hears("emergency_update").await;
        assert_eq!(
            (&over["event"], &over["data"]["status"]),
            (&json!("STATUS_UPDATE"), &json!("CLOSED"))
        );
        assert_eq!(over["data"]["assigned_ambulance_unit"], "A-1", "who served stays known");
        assert_eq!(over["data"]["assigned_paramedic"], musu.id());
        assert_eq!(town.told(&mut board).await, []);
        assert_eq!(heard(&mut crew).await, pairs(&[status]));

        // Where an ambulance is.
        let place = json!({"current_latitude": 8.123456, "current_longitude": -13.2});
        let at = format!("/dispatch/api/ambulances/{}/location/", town.ambulance);
        let moved = dana.page.posts(200, &at, place).await;
        let told = board.hears("ambulance_update").await;
        assert_eq!(
            told,
            json!({"type": "ambulance_update", "event": "LOCATION_UPDATE",
            "data": moved})
        );
        assert_eq!(heard(&mut crew).await, []);

        // Lists of ambulances, hospitals and people: nothing to anyone.
        let spare = dana.adds_ambulance("A-9").await;
        let at = format!("/dispatch/api/ambulances/{spare}/");
        dana.page
            .patches(200, &at, json!({"equipment_list": "oxygen", "status": "MAINTENANCE"}))
            .await;
        dana.page.patches(200, &at, json!({"status": "AVAILABLE"})).await;
        dana.page.deletes(204, &at).await;
        let hospital = json!({"name": "Connaught", "address": "Lightfoot Boston Street",
            "phone_number": "+23276000009", "total_beds": 20, "available_beds": 5});
        let hospital = town.root.page.posts(201, "/dispatch/api/hospitals/", hospital).await;
        let at = format!("/dispatch/api/hospitals/{}/", hospital["id"]);
        dana.page.patches(200, &at, json!({"specialties": "burns", "available_beds": 4})).await;
        let toggled = json!({"is_available_for_dispatch": false});
        tamba.page.patches(200, "/api/paramedics/toggle-availability/", toggled).await;
        assert_eq!(town.told(&mut board).await, []);

        // How full a hospital is: told, and nobody is thrown off.
        let full = json!({"available_beds": 1, "emergency_capacity": "FULL"});
        let kept = musu.page.posts(200, &format!("{at}capacity/"), full).await;
        for board in [&mut board, &mut other] {
            let told = board.hears("hospital_update").await;
            assert_eq!(
                told,
                json!({"type": "hospital_update", "event": "CAPACITY_UPDATE",
                "data": kept})
            );
            board.is_served().await;
        }
        town.root.page.deletes(204, &at).await;
        assert_eq!(town.told(&mut board).await, []);
        assert_eq!(heard(&mut crew).await, []);
        assert_eq!(heard(&mut bystander).await, [], "another paramedic hears of none of it");
    })
    .await;
}

#[tokio::test]
async fn without_a_paramedic_a_dispatch_is_told_once_less() {
    each_engine(&[], async |server| {
        let dana = Worker::new(&server, "dana", Role::Dispatcher).await;
        let ambulance = dana.adds_ambulance("A-1").await;
        let mut board = opens(&dana.person, DESK).await;
        board.hears("initial_data").await;
        let call = reports(&server).await;
        let done = dana.dispatches(call, ambulance, None).await;
        assert_eq!(done["emergency_call"]["assigned_paramedic"], Value::Null);
        assert!(done["emergency_call"].get("assigned_paramedic_name").is_none());
        let end = json!({"status": "CLOSED"});
        dana.page.patches(200, &format!("/api/emergencies/{call}/"), end).await;
        let is_over = |frame: &Value| frame["data"]["status"] == "CLOSED";
        board.hears_that("the end", is_over).await;
        let told = names(&board.unheard());
        let expected = [
            ("emergency_update", "NEW_EMERGENCY"),
            ("ambulance_update", "UNIT_DISPATCHED"),
            ("emergency_update", "STATUS_UPDATE"),
            ("ambulance_update", "STATUS_UPDATE"),
        ];
        assert_eq!(told, pairs(&expected));
    })
    .await;
}

#[tokio::test]
async fn what_native_dispatchers_and_crews_do_is_told_to_older_boards_too() {
    each_engine(&[], async |server| {
        let town = town(&server).await;
        let mut board = town.board().await;
        let mut crew = opens(&town.musu.person, CREW).await;
        heard(&mut crew).await;
        let mut native = desk(&server, "omar").await;
        let mut medic = town.musu.person.connects().await;
        let unit = town.ambulance.to_string();
        does(&mut medic, "shift.start", json!({"unit": unit})).await;
        assert_eq!(town.told(&mut board).await, []);
        let incident = native.opens("HIGH").await;
        native.orders(&unit, &incident).await;
        let expected = [
            ("emergency_update", "NEW_EMERGENCY"),
            ("ambulance_update", "UNIT_DISPATCHED"),
            ("emergency_update", "STATUS_UPDATE"),
            ("emergency_update", "UNIT_DISPATCHED"),
        ];
        assert_eq!(town.told(&mut board).await, pairs(&expected));
        let ordered = crew.hears("emergency_update").await;
        assert_eq!(ordered["event"], "UNIT_DISPATCHED");
        assert_eq!(ordered["data"]["assigned_paramedic_name"], "musu", "the crew on shift");
        let mine = town.musu.page.gets(200, "/api/emergencies/my-active/").await;
        assert_eq!(mine["id"].to_string(), incident);
        // Let go: the call waits again, and who was on it sees no more whom it is about.
        let data = json!({"incident": incident, "unit": unit, "reason": "needed elsewhere"});
        native.does("incident.release", data).await;
        let expected =
            [("ambulance_update", "STATUS_UPDATE"), ("emergency_update", "STATUS_UPDATE")];
        assert_eq!(town.told(&mut board).await, pairs(&expected));
        let released = crew.hears("emergency_update").await;
        assert_eq!(released["data"]["status"], "RECEIVED");
        assert_eq!(released["data"]["caller_name"], "•••");
        assert_eq!(released["data"]["latitude"], "8.480000");
        town.musu.page.gets(204, "/api/emergencies/my-active/").await;
        // Cancelled is closed to them.
        native.does("incident.cancel", json!({"incident": incident, "reason": "a prank"})).await;
        let over = board.hears("emergency_update").await;
        assert_eq!(over["data"]["status"], "CLOSED");
        assert_eq!(over["data"]["status_display"], "Closed");
    })
    .await;
}

#[tokio::test]
async fn each_role_is_closed_with_4001_on_the_others_board_and_so_is_nobody() {
    let server = Server::start().await;
    let town = town(&server).await;
    let ada = Worker::new(&server, "ada", Role::Member).await;
    let refused = |role: &str, wanted: &str| Ended {
        code: Some(4001),
        reason: format!("role {role} is not allowed here: {wanted}"),
    };
    for (who, path, role, wanted) in [
        (&town.musu, DESK, "paramedic", "dispatcher or admin"),
        (&ada, DESK, "member", "dispatcher or admin"),
        (&town.dana, CREW, "dispatcher", "paramedic"),
        (&town.root, CREW, "admin", "paramedic"),
        (&ada, CREW, "member", "paramedic"),
    ] {
        let mut socket = opens(&who.person, path).await;
        assert_eq!(socket.ends().await, refused(role, wanted), "{path}");
        assert_eq!(socket.unheard(), [] as [Value; 0], "nothing before the close");
    }
    for path in [DESK, CREW] {
        let mut nobody = Socket::open(server.address, path, &[]).await;
        assert_eq!(nobody.ends().await.code, Some(4001), "{path}");
    }
    // Admins look at the board and work on it; whoever comes may say anything in the query.
    let mut admin = opens(&town.root.person, "/ws/dispatchers/?anything=1").await;
    admin.hears("initial_data").await;
    let cookie = format!("sessionid={}", town.dana.person.cookie);
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(Socket::refused(server.address, DESK, &foreign).await, 403);
    assert_eq!(Socket::refused(server.address, DESK, &foreign[..1]).await, 403, "no Origin");
}

#[tokio::test]
async fn a_role_that_changes_and_a_sign_out_close_the_board_with_4001() {
    let server = Server::start().await;
    let town = town(&server).await;
    let mut board = town.board().await;
    let id = town.dana.id();
    town.root.page.patches(200, &format!("/api/users/{id}/"), json!({"role": "paramedic"})).await;
    assert_eq!(board.ends().await.code, Some(4001));
    let mut crew = opens(&town.musu.person, CREW).await;
    crew.is_served().await;
    server.house.revoke(Whom::User(town.musu.person.id), Refusal::not_authenticated("signed out"));
    assert_eq!(crew.ends().await.code, Some(4001));
    let role = server.reads(move |conn| Ok(user::by_id(conn, switchboard::ids::UserId(id))?)).await;
    assert_eq!(role.unwrap().role, Role::Paramedic);
}

#[tokio::test]
async fn odd_frames_are_passed_over_or_end_the_board_as_they_always_did() {
    let server = Server::start().await;
    let town = town(&server).await;
    let odd = ["", "nonsense", "{", "{}", r#"{"type":"unheard_of"}"#, r#"{"type":7}"#];
    let mut board = town.board().await;
    let mut crew = opens(&town.musu.person, CREW).await;
    for text in odd {
        board.sends_text(text).await;
        crew.sends_text(text).await;
    }
    board.is_served().await;
    for text in ["[]", "5", "null", r#""x""#, r#"{"type":"get_initial_data"}"#] {
        crew.sends_text(text).await;
    }
    crew.sends_binary(b"{}".to_vec()).await;
    assert_eq!(heard(&mut crew).await, [], "a paramedic's socket says nothing and stays");
    assert_eq!(board.unheard(), [] as [Value; 0]);
    for text in ["[]", "[1]", "5", "null", r#""x""#] {
        let mut board = town.board().await;
        board.sends_text(text).await;
        assert_eq!(board.ends().await.code, Some(1011), "{text}");
    }
    board.sends_binary(b"{}".to_vec()).await;
    assert_eq!(board.ends().await.code, Some(1011));
}

#[tokio::test]
async fn clients_of_ours_speak_our_protocol_on_the_same_paths() {
    let server = Server::start().await;
    let town = town(&server).await;
    let mut bearer = town.dana.person.opens(DESK).await;
    bearer.hears("welcome").await;
    bearer.hears("live").await;
    // A page of ours has the cookie too; the subprotocol tells it apart.
    let origin = format!("http://{}", server.address);
    for (person, path) in [(&town.dana.person, DESK), (&town.musu.person, CREW)] {
        let cookie = format!("sessionid={}", person.cookie);
        let mut headers = vec![("cookie", cookie.as_str()), ("origin", origin.as_str())];
        let older = Socket::open(server.address, path, &headers).await;
        assert_eq!(older.protocol, None);
        headers.push(("sec-websocket-protocol", "switchboard.v1"));
        let mut native = Socket::open(server.address, path, &headers).await;
        assert_eq!(native.protocol.as_deref(), Some("switchboard.v1"));
        native.hears("welcome").await;
        native.hears("live").await;
    }
    let cookie = format!("sessionid={}", town.musu.person.cookie);
    let headers = [
        ("cookie", cookie.as_str()),
        ("origin", origin.as_str()),
        ("sec-websocket-protocol", "switchboard.v1"),
    ];
    let mut wrong = Socket::open(server.address, DESK, &headers).await;
    assert_eq!(wrong.ends().await.code, Some(4001));
}

#[tokio::test]
async fn an_older_board_is_shown_a_mayday_but_does_not_count_as_someone_who_heard_it() {
    let settings = [("mayday_repeat", "200ms"), ("dispatch_sweep", "20ms")];
    each_engine(&settings, async |server| {
        let town = town(&server).await;
        let mut board = town.board().await;
        let mut crew = opens(&town.musu.person, CREW).await;
        crew.sends_text(r#"{"type":"mayday","note":"shots fired"}"#).await;
        let shown = board.hears("error").await;
        assert_eq!(keys(&shown), ["message", "type"]);
        assert!(shown["message"].as_str().unwrap().starts_with("MAYDAY: musu"), "{shown}");
        board.hears("error").await;
        let mut native = desk(&server, "omar").await;
        let told = native.socket.joins("dispatch:board").await;
        let mayday = &told["snapshot"]["maydays"][0];
        assert_eq!(mayday["note"], "shots fired");
        assert_eq!(mayday["nobody_heard"], true, "an older board cannot answer");
        let heard = |frame: &Value| {
            frame["type"] == "mayday.repeated" && frame["data"]["mayday"]["nobody_heard"] == false
        };
        native.socket.hears_that("a dispatcher who can answer", heard).await;
    })
    .await;
}

#[tokio::test]
async fn an_order_that_nobody_answers_is_brought_before_older_boards_in_words() {
    let settings = [("answer_medium", "100ms"), ("dispatch_sweep", "20ms")];
    each_engine(&settings, async |server| {
        let town = town(&server).await;
        let mut board = town.board().await;
        let mut crew = opens(&town.musu.person, CREW).await;
        let call = reports(&server).await;
        town.dana.dispatches(call, town.ambulance, Some(town.musu.id())).await;
        let late = board.hears("error").await;
        assert!(late["message"].as_str().unwrap().contains("A-1"), "{late}");
        // On its way is the answer; repeats are for clients of ours.
        town.musu.steps(call, "EN_ROUTE").await;
        let is_moving = |frame: &Value| frame["data"]["status"] == "EN_ROUTE";
        crew.hears_that("the status", is_moving).await;
        assert_eq!(names(&crew.unheard()), pairs(&[("emergency_update", "UNIT_DISPATCHED")]));
        until("the board is told of no more", async || {
            board.is_served().await;
            let late = board.overheard("error").len();
            board.forgets();
            late == 0
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_hundred_reports_reach_a_board_in_their_order() {
    let server = Server::start().await;
    let town = town(&server).await;
    let mut board = town.board().await;
    let mut reported = Vec::new();
    for _ in 0..100 {
        reported.push(reports(&server).await);
    }
    let mut told = Vec::new();
    while told.len() < 100 {
        let frame = board.hears("emergency_update").await;
        assert_eq!(frame["event"], "NEW_EMERGENCY");
        told.push(frame["data"]["id"].as_i64().unwrap());
    }
    assert_eq!(told, reported);
    let (status, _) =
        Page::public(server.address).tries("POST", "/api/emergencies/", report()).await;
    assert_eq!(status, 201);
}
