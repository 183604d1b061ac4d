//! Where units are: told to the boards as they come, kept in batches, and marked when they fall
//! silent.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::ids::UnitId;
use switchboard::models::{position, unit};

use crate::harness::dispatch::{BOARD, Crew, crew, desk, does, each_engine, is_refused};
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};

const POSITIONS: &str = "dispatch:positions";

fn here(latitude: f64) -> Value {
    json!({"latitude": latitude, "longitude": -13.228718, "accuracy_m": 7.6, "heading_deg": 360,
        "speed_kmh": 54.2})
}

/// The first position of a unit at this latitude.
async fn hears_at(socket: &mut Socket, unit: &str, latitude: f64) -> Value {
    let of = |frame: &Value| {
        let all = frame["data"]["positions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["unit"] == unit && one["latitude"] == json!(latitude))
    };
    let frame = socket.hears_that("the position", |frame| of(frame).is_some()).await;
    assert_eq!((&frame["type"], &frame["seq"]), (&json!("positions"), &Value::Null), "{frame}");
    of(&frame).unwrap()
}

async fn row_of(server: &Server, unit: &str) -> unit::Unit {
    let id: UnitId = unit.parse().unwrap();
    server.reads(move |conn| Ok(unit::by_id(conn, id)?.unwrap())).await
}

#[tokio::test]
async fn a_position_reaches_every_board_at_once_and_its_row_with_the_next_write() {
    each_engine(&[("position_keep", "50ms")], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut omar = desk(&server, "omar").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let before = dana.socket.joins(POSITIONS).await["snapshot"].clone();
        assert_eq!(before, json!({"positions": []}));
        omar.socket.joins(POSITIONS).await;
        let said = medic.does("position.report", here(8.484146)).await;
        assert_eq!(said, json!({"unit": medic.unit, "superseded": false}));
        for board in [&mut dana.socket, &mut omar.socket] {
            let seen = hears_at(board, &medic.unit, 8.484146).await;
            assert_eq!(seen["longitude"], -13.228718);
            let about = [&seen["accuracy_m"], &seen["heading_deg"], &seen["speed_kmh"]];
            assert_eq!(about, [&json!(8), &json!(0), &json!(54)]);
            assert_eq!(seen["fixed_at"], seen["received_at"], "without a device's time it is now");
        }
        until("it is kept", async || row_of(&server, &medic.unit).await.latitude.is_some()).await;
        let row = row_of(&server, &medic.unit).await;
        assert_eq!(row.latitude.unwrap().0, 8_484_146);
        assert_eq!(row.version, 1, "a position is no decision");
        let id: UnitId = medic.unit.parse().unwrap();
        let since = clock::now_naive() - chrono::Duration::hours(1);
        let trail = server.reads(move |conn| Ok(position::trail(conn, id, since, 10)?)).await;
        assert_eq!(trail.len(), 1);
        let view = dana.socket.joins(BOARD).await["snapshot"]["units"][0].clone();
        assert_eq!((&view["position_state"], &view["heading_deg"]), (&json!("LIVE"), &json!(0)));
        assert!(
            dana.socket
                .overheard("unit.changed")
                .iter()
                .all(|frame| { frame["data"]["unit"]["latitude"] == Value::Null })
        );
    })
    .await;
}

#[tokio::test]
async fn whoever_opens_a_board_late_starts_from_the_newest_position_also_before_it_is_kept() {
    let server = Server::start_with(&[("position_keep", "1m")]).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    medic.does("position.report", here(8.1)).await;
    medic.does("position.report", here(8.2)).await;
    let mut late = desk(&server, "late").await;
    let joined = late.socket.joins(POSITIONS).await;
    assert_eq!(joined["snapshot"]["positions"][0]["latitude"], 8.2, "{joined}");
    let units = late.socket.joins(BOARD).await["snapshot"]["units"].clone();
    assert_eq!((&units[0]["latitude"], &units[0]["position_state"]), (&json!(8.2), &json!("LIVE")));
    let own = medic.socket.joins(&medic.topic.clone()).await;
    assert_eq!(own["snapshot"]["unit"]["latitude"], 8.2);
    let row = row_of(&server, &medic.unit).await;
    assert_eq!(row.latitude, None, "it waits for the next write");
}

#[tokio::test]
async fn only_its_own_crew_on_shift_reports_a_units_position() {
    each_engine(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let other = dana.adds_unit("A-2").await;
        let mut named = here(8.5);
        named["unit"] = json!(other);
        let no = medic.is_refused("position.report", named.clone()).await;
        assert_eq!(no["code"], "not_found", "{no}");
        let no = dana.is_refused("position.report", named).await;
        assert_eq!(no["code"], "forbidden", "{no}");
        let free = server.person_as("tamba", Role::Paramedic).await;
        let mut socket = free.connects().await;
        let no = is_refused(&mut socket, "position.report", here(8.5)).await;
        assert_eq!(no["code"], "not_found", "off shift: {no}");
        // Whoever comes on shift reports from that moment on, and until their shift ends.
        does(&mut socket, "shift.start", json!({"unit": other})).await;
        let said = does(&mut socket, "position.report", here(8.5)).await;
        assert_eq!(said["unit"], other);
        does(&mut socket, "shift.end", json!({})).await;
        until("the end is known", async || {
            socket.asks("position.report", None, here(8.6)).await["code"] == "not_found"
        })
        .await;
        medic.does("position.report", here(8.7)).await;
    })
    .await;
}

#[tokio::test]
async fn of_too_many_positions_a_second_the_newest_is_told_and_none_is_refused() {
    let settings = [
        ("positions_per_second", "5"),
        ("messages_per_second_per_user", "1"),
        ("messages_burst", "10"),
        ("frames_per_second", "0"),
    ];
    let server = Server::start_with(&settings).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    dana.socket.joins(POSITIONS).await;
    for count in 1..=200 {
        let latitude = f64::from(count) / 100.0;
        medic.does("position.report", here(latitude)).await;
    }
    hears_at(&mut dana.socket, &medic.unit, 2.0).await;
    let told = dana.socket.overheard("positions").len();
    assert!(told < 100, "{told} of 200 were told");
    until("the newest is kept", async || {
        row_of(&server, &medic.unit).await.latitude.is_some_and(|at| at.0 == 2_000_000)
    })
    .await;
}

#[tokio::test]
async fn a_position_that_is_none_is_refused_by_its_field_and_an_older_one_changes_nothing() {
    let server = Server::start().await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    let ago = |seconds: i64| (clock::now() - chrono::Duration::seconds(seconds)).to_rfc3339();
    for (key, value, field) in [
        ("latitude", json!(90.1), "data.latitude"),
        ("longitude", json!(180.1), "data.longitude"),
        ("accuracy_m", json!(-1), "data.accuracy_m"),
        ("heading_deg", json!(361), "data.heading_deg"),
        ("speed_kmh", json!(5_000), "data.speed_kmh"),
        ("at", json!(ago(-3_600)), "data.at"),
        ("at", json!(ago(25 * 3_600)), "data.at"),
    ] {
        let mut report = here(8.5);
        report[key] = value;
        let no = medic.is_refused("position.report", report).await;
        assert_eq!((&no["code"], &no["field"]), (&json!("bad_request"), &json!(field)), "{no}");
    }
    let mut ahead = here(8.1);
    ahead["at"] = json!(ago(-60));
    assert_eq!(medic.does("position.report", ahead).await["superseded"], false);
    let mut old = here(8.2);
    old["at"] = json!(ago(30));
    assert_eq!(medic.does("position.report", old).await["superseded"], true);
    let snapshot = dana.socket.joins(POSITIONS).await["snapshot"]["positions"][0].clone();
    assert_eq!(snapshot["latitude"], 8.1);
    assert!(snapshot["fixed_at"].as_str() <= snapshot["received_at"].as_str(), "{snapshot}");
}

/// The next time the board says that a unit's position is in this state.
async fn hears_state(socket: &mut Socket, unit: &str, state: &str) -> Value {
    let wanted = |frame: &Value| {
        frame["type"] == "unit.changed"
            && frame["data"]["unit"]["id"] == unit
            && frame["data"]["unit"]["position_state"] == state
    };
    socket.hears_that(state, wanted).await
}

#[tokio::test]
async fn a_unit_that_falls_silent_is_marked_with_its_age_until_its_next_position() {
    let settings = [
        ("position_keep", "20ms"),
        ("position_stale", "400ms"),
        ("position_lost", "1200ms"),
        ("dispatch_sweep", "20ms"),
    ];
    each_engine(&settings, async |server| {
        let mut dana = desk(&server, "dana").await;
        let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
        let incident = dana.opens("MEDIUM").await;
        dana.orders(&medic.unit, &incident).await;
        dana.socket.forgets();
        medic.does("position.report", here(8.1)).await;
        let stale = hears_state(&mut dana.socket, &medic.unit, "STALE").await;
        assert!(stale["data"]["unit"]["position_age_s"].is_number(), "{stale}");
        assert_eq!(stale["data"]["entry"]["kind"], "unit.silent", "it is on an incident");
        let lost = hears_state(&mut dana.socket, &medic.unit, "LOST").await;
        assert!(lost["data"]["unit"]["position_age_s"].as_i64() >= Some(1), "{lost}");
        assert_eq!(lost["data"]["entry"]["kind"], "unit.lost");
        let snapshot = dana.socket.joins(BOARD).await["snapshot"].clone();
        assert_eq!(snapshot["units"][0]["position_state"], "LOST");
        medic.does("position.report", here(8.2)).await;
        let back = hears_state(&mut dana.socket, &medic.unit, "LIVE").await;
        assert_eq!(back["data"]["unit"]["latitude"], 8.2);
        let marks = ["STALE", "LOST", "LIVE"];
        let heard = dana.socket.overheard("unit.changed");
        let again = heard.iter().filter(|frame| {
            marks.iter().any(|mark| frame["data"]["unit"]["position_state"] == *mark)
        });
        assert_eq!(again.count(), 0, "each mark is told once");
    })
    .await;
}

#[tokio::test]
async fn the_silence_of_a_unit_is_noticed_also_after_a_restart() {
    let settings =
        [("position_keep", "20ms"), ("position_stale", "1s"), ("dispatch_sweep", "20ms")];
    let server = Server::start_with(&settings).await;
    let mut dana = desk(&server, "dana").await;
    let mut medic = crew(&server, &mut dana, "A-1", "musu").await;
    medic.does("position.report", here(8.1)).await;
    until("it is kept", async || row_of(&server, &medic.unit).await.latitude.is_some()).await;
    let (unit, person) = (medic.unit.clone(), dana.person.clone());
    drop((dana, medic));
    let database = server.stops().await;
    let server = Server::start_on(database, &settings).await;
    let mut socket = person.at(server.address).connects().await;
    let joined = socket.joins(BOARD).await;
    if joined["snapshot"]["units"][0]["position_state"] == "LIVE" {
        hears_state(&mut socket, &unit, "STALE").await;
    }
    let row = row_of(&server, &unit).await;
    assert!(row.stale_at.is_some());
}

#[tokio::test]
async fn two_of_one_crew_may_report_and_the_newest_fix_counts() {
    let server = Server::start().await;
    let mut dana = desk(&server, "dana").await;
    let mut one = crew(&server, &mut dana, "A-1", "musu").await;
    let mut two = Crew::on(server.person_as("tamba", Role::Paramedic).await, &one.unit).await;
    dana.socket.joins(POSITIONS).await;
    let at = |back_ms: i64, latitude: f64| {
        let mut report = here(latitude);
        let at = clock::now() - chrono::Duration::milliseconds(back_ms);
        report["at"] = json!(at.to_rfc3339());
        report
    };
    one.does("position.report", at(0, 8.1)).await;
    two.does("position.report", at(5_000, 8.2)).await;
    two.does("position.report", at(0, 8.3)).await;
    hears_at(&mut dana.socket, &one.unit, 8.3).await;
    let old = dana.socket.overheard("positions");
    assert!(!format!("{old:?}").contains("8.2"), "{old:?}");
}
