//! Attempts: every connection attempt is on record, with how far it came and how it ended.

use switchboard::models::attempt::{self, AttemptFilter, AttemptRow, Outcome, Stage};

use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};
use crate::harness::wire::{UPGRADE, Wire};

async fn recorded(server: &Server) -> Vec<AttemptRow> {
    let mut rows =
        server.reads(|conn| Ok(attempt::recent(conn, 100, &AttemptFilter::default())?)).await;
    rows.reverse();
    rows
}

/// Waits until one attempt meets the wish.
async fn one_that(server: &Server, what: &str, wanted: impl Fn(&AttemptRow) -> bool) -> AttemptRow {
    let mut found = None;
    until(what, async || {
        found = recorded(server).await.into_iter().find(&wanted);
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test]
async fn an_accepted_attempt_is_recorded_from_its_opening_to_its_end() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let headers = [("authorization", bearer.as_str()), ("user-agent", "story/1")];
    let mut socket = Socket::open(server.address, "/ws/v1/?token=secret", &headers).await;
    socket.hears("welcome").await;
    let row = one_that(&server, "an open attempt", |row| row.stage == Stage::Connected).await;
    assert_eq!((row.username.as_str(), row.role.as_str()), ("ada", "member"));
    assert_eq!((row.outcome, row.successful), (Outcome::Accepted, true));
    assert_eq!(row.user, Some(ada.id));
    assert_eq!((row.path.as_str(), row.user_agent.as_str()), ("/ws/v1/", "story/1"));
    assert_eq!(row.client_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!((row.ended_at, row.duration_ms), (None, None));
    socket.is_served().await;
    one_that(&server, "one that spoke", |row| row.stage == Stage::MessageReceived).await;
    assert_eq!(socket.closes(1000).await.code, Some(1000));
    let row = one_that(&server, "one that ended", |row| row.ended_at.is_some()).await;
    assert_eq!((row.stage, row.close_code), (Stage::Disconnected, Some(1000)));
    assert!(row.duration_ms.unwrap() >= 0);
    assert_eq!(recorded(&server).await.len(), 1, "one row an attempt");
}

#[tokio::test]
async fn refused_attempts_are_recorded_with_code_and_reason() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    Socket::open(server.address, "/ws/v1/", &[]).await.ends().await;
    ada.opens("/ws/dispatchers/").await.ends().await;
    ada.opens("/ws/chat/nowhere/").await.ends().await;
    let mut lines = vec!["GET /ws/v1/ HTTP/1.1", "Host: localhost", "Origin: https://evil.example"];
    lines.extend(UPGRADE);
    assert_eq!(Wire::connect(server.address).await.asks(&lines).await.unwrap().status, 403);

    let row = one_that(&server, "no credential", |row| {
        row.user.is_none() && row.close_code == Some(4001) && row.ended_at.is_some()
    });
    let row = row.await;
    assert_eq!((row.outcome, row.successful), (Outcome::Refused, false));
    assert_eq!(row.reason, "sign in first: no credential was shown");
    assert!(row.duration_ms.is_some());
    let wrong_role = |row: &AttemptRow| row.path == "/ws/dispatchers/" && row.ended_at.is_some();
    let row = one_that(&server, "a wrong role", wrong_role).await;
    assert_eq!((row.username.as_str(), row.close_code), ("ada", Some(4001)));
    assert_eq!(row.outcome, Outcome::Refused);
    let nowhere = |row: &AttemptRow| row.path == "/ws/chat/nowhere/" && row.ended_at.is_some();
    let row = one_that(&server, "not there", nowhere).await;
    assert_eq!(row.close_code, Some(4003));
    let foreign = |row: &AttemptRow| row.stage == Stage::PreHandshake;
    let row = one_that(&server, "a foreign origin", foreign).await;
    assert_eq!((row.outcome, row.close_code), (Outcome::Refused, Some(403)));
    assert!(row.ended_at.is_some() && row.reason.contains("Origin"), "{row:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_recorded_as_lost() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    drop(ada.connects().await);
    let row = one_that(&server, "one that ended", |row| row.ended_at.is_some()).await;
    assert_eq!((row.close_code, row.reason.as_str()), (None, "connection lost"));
}

#[tokio::test]
async fn the_address_of_a_forwarded_client_counts_behind_a_trusted_proxy_alone() {
    for (trusted, expected) in [("127.0.0.0/8", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let server = Server::start_with(&[("trusted_proxies", trusted)]).await;
        let ada = server.person("ada").await;
        let bearer = format!("Bearer {}", ada.token);
        let forwarded = ("x-forwarded-for", "198.51.100.1, 203.0.113.7");
        let headers = [("authorization", bearer.as_str()), forwarded];
        let mut socket = Socket::open(server.address, "/ws/v1/", &headers).await;
        socket.hears("welcome").await;
        let row = one_that(&server, "the attempt", |_| true).await;
        assert_eq!(row.client_ip.as_deref(), Some(expected));
    }
}
