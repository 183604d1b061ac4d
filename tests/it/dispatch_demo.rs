//! The board that `demo` loads, as a dispatcher and a crew find it.

use serde_json::json;
use switchboard::commands::demo;

use crate::harness::dispatch::{BOARD, does, text};
use crate::harness::engines::Database;
use crate::harness::people::config;
use crate::harness::rest::asks;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

async fn loads(database: &Database) {
    let config = config(&database.url, &[]);
    let loading = tokio::task::spawn_blocking(move || demo::run(&config));
    loading.await.unwrap().unwrap();
}

/// Signs in with the password of everyone in `demo`; a socket and the token.
async fn signs_in(server: &Server, name: &str) -> (Socket, String) {
    let body = json!({"username": name, "password": "switchboard-demo"});
    let signed = asks(server.address, None, "POST", "/api/v1/auth/login", Some(&body)).await;
    assert_eq!(signed.status, 200, "{}", signed.body);
    let bearer = format!("Bearer {}", text(&signed.body["access"]));
    let mut socket = Socket::open(server.address, "/ws/v1/", &[("authorization", &bearer)]).await;
    socket.hears("welcome").await;
    (socket, bearer)
}

async fn a_board_to_try(database: Database) {
    loads(&database).await;
    // Again: nothing comes twice.
    loads(&database).await;
    let server = Server::start_on(database, &[]).await;
    let (mut dana, bearer) = signs_in(&server, "test_dispatcher").await;
    let board = dana.joins(BOARD).await["snapshot"].clone();
    let names = |list: &str, key: &str| {
        board[list].as_array().unwrap().iter().map(|one| text(&one[key])).collect::<Vec<_>>()
    };
    assert_eq!(names("units", "unit_number"), ["A-1", "A-2", "A-3"]);
    assert_eq!(names("units", "status"), ["AVAILABLE"; 3]);
    assert_eq!(names("hospitals", "name"), ["Central Hospital", "Children's Hospital"]);
    assert_eq!(names("incidents", "status"), ["RECEIVED"; 2]);
    assert_eq!(board["units"][0]["crew"][0]["user"]["username"], "test_paramedic");
    assert!(board["units"][0]["latitude"].is_f64());
    let (mut medic, _) = signs_in(&server, "test_paramedic").await;
    medic.joins(&format!("dispatch:unit:{}", text(&board["units"][0]["id"]))).await;
    let order = json!({"incident": board["incidents"][0]["id"], "unit": board["units"][0]["id"]});
    let ordered = does(&mut dana, "incident.assign", order).await;
    let given = medic.hears("order.given").await;
    assert_eq!(given["data"]["order"]["id"], ordered["order"]);
    let seen = asks(server.address, Some(&bearer), "GET", "/api/v1/board", None).await;
    assert_eq!(seen.body["orders"][0]["id"], ordered["order"]);
}

#[tokio::test]
async fn a_dispatcher_finds_units_hospitals_and_waiting_calls_on_the_board_of_the_demo() {
    a_board_to_try(Database::sqlite()).await;
    if let Some(database) = Database::postgres() {
        a_board_to_try(database).await;
    }
}
