//! Boards of those who may no longer look at them, natively and in the older dialect: a credential
//! that ends, a role that changes, a role that never was the right one. 4001 within a second.

use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;

use crate::harness::ambulance::opens;
use crate::harness::dispatch::each_engine;
use crate::harness::people::Person;
use crate::harness::rest::rest;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

const DESK: &str = "/ws/dispatchers/";
const CREW: &str = "/ws/paramedic/";
/// A second, and what it may cost to hear of it on a machine that has other things to do.
const SOON_MS: i64 = 1_000 + 500;

/// A socket of ours on this path, live.
async fn native(person: &Person, path: &str) -> Socket {
    let mut socket = person.opens(path).await;
    socket.hears("live").await;
    socket
}

/// A socket of an older page on this path, served.
async fn older(person: &Person, path: &str) -> Socket {
    let mut socket = opens(person, path).await;
    socket.is_served().await;
    socket
}

/// Waits for the end of all of them at once; when each came.
async fn all_end(sockets: &mut [(&str, Socket)], why: &str) -> Vec<NaiveDateTime> {
    let ends = sockets.iter_mut().map(|(what, socket)| async move {
        let ended = socket.ends().await;
        assert_eq!(ended.code, Some(4001), "{what}: {ended:?}");
        assert!(ended.reason.contains(why), "{what}: {ended:?}");
        clock::now_naive()
    });
    futures_util::future::join_all(ends).await
}

#[tokio::test]
async fn a_board_whose_credential_ends_is_closed_within_a_second_of_its_end() {
    each_engine(&[], async |server| {
        let dana = server.person_as("dana", Role::Dispatcher).await;
        let musu = server.person_as("musu", Role::Paramedic).await;
        // Far enough ahead that all are served before: a token ends at a whole second.
        let ends = clock::now_unix_s() + 4;
        let at = chrono::DateTime::from_timestamp(ends, 0).unwrap().naive_utc();
        let by_token =
            |person: &Person| Person { token: person.token_until(ends), ..person.clone() };
        let (dana_2, musu_2) =
            (server.signs_in_until(&dana, at).await, server.signs_in_until(&musu, at).await);
        let mut sockets = [
            ("a desk of ours", native(&by_token(&dana), DESK).await),
            ("a crew's of ours", native(&by_token(&musu), CREW).await),
            ("an older desk", older(&dana_2, DESK).await),
            ("an older crew's", older(&musu_2, CREW).await),
        ];
        let mut witness = native(&dana, DESK).await;
        assert!(clock::now_naive() < at, "all were served in time");
        for (when, (what, _)) in all_end(&mut sockets, "expired").await.iter().zip(&sockets) {
            let late = (*when - at).num_milliseconds();
            assert!((0..SOON_MS).contains(&late), "{what}: {late} ms after its end");
        }
        witness.is_served().await;
        // With the same credential nobody is served again, and nothing is said before the close.
        for (person, path) in [(by_token(&dana), DESK), (by_token(&musu), CREW)] {
            let mut again = person.opens(path).await;
            assert_eq!(again.ends().await.code, Some(4001), "{path}");
            let told = again.unheard();
            assert!(told.iter().all(|frame| frame["type"] == "error"), "{path}: {told:#?}");
        }
        for (person, path) in [(&dana_2, DESK), (&musu_2, CREW)] {
            let mut again = opens(person, path).await;
            assert_eq!(again.ends().await.code, Some(4001), "{path}");
            assert_eq!(again.unheard(), [] as [Value; 0]);
        }
    })
    .await;
}

async fn becomes(admin: &Person, who: &Person, role: &str) {
    let path = format!("/api/v1/users/{}/role", who.id);
    let (status, body) = rest(admin, "POST", &path, Some(json!({"role": role}))).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_board_whose_persons_role_changes_is_closed_within_a_second() {
    each_engine(&[], async |server| {
        let root = server.person_as("root", Role::Admin).await;
        let dana = server.person_as("dana", Role::Dispatcher).await;
        let musu = server.person_as("musu", Role::Paramedic).await;
        for (person, path, role) in [(&dana, DESK, "paramedic"), (&musu, CREW, "dispatcher")] {
            let mut sockets =
                [("ours", native(person, path).await), ("older", older(person, path).await)];
            becomes(&root, person, role).await;
            let answered = clock::now_naive();
            for when in all_end(&mut sockets, "role changed").await {
                let late = (when - answered).num_milliseconds();
                assert!(late < SOON_MS, "{path}: {late} ms after the answer");
            }
        }
        // An admin who is one no longer has no board either.
        let kim = server.person_as("kim", Role::Admin).await;
        let mut sockets = [("ours", native(&kim, DESK).await), ("older", older(&kim, DESK).await)];
        becomes(&root, &kim, "member").await;
        all_end(&mut sockets, "role changed").await;
    })
    .await;
}

#[tokio::test]
async fn the_wrong_role_is_closed_at_once_and_told_nothing_whichever_way_it_speaks() {
    let server = Server::start().await;
    let people = [
        ("dana", Role::Dispatcher, CREW),
        ("root", Role::Admin, CREW),
        ("musu", Role::Paramedic, DESK),
        ("ada", Role::Member, DESK),
        ("eve", Role::Member, CREW),
    ];
    for (name, role, path) in people {
        let person = server.person_as(name, role).await;
        let begun = Instant::now();
        for mut socket in [person.opens(path).await, opens(&person, path).await] {
            let ended = socket.ends().await;
            assert_eq!(ended.code, Some(4001), "{name} on {path}: {ended:?}");
            assert!(ended.reason.contains("is not allowed here"), "{ended:?}");
            let told = socket.unheard();
            assert!(told.iter().all(|frame| frame["type"] == "error"), "{name}: {told:#?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{name} on {path}");
    }
}
