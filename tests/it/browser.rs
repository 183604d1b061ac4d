//! What a browser sees when a socket is refused or taken away: the code, and the reason in words.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::layer::contract::Whom;
use switchboard::protocol::refusal::Refusal;

use crate::harness::browser::Browser;
use crate::harness::server::Server;

/// A script that opens a socket and tells how it ended.
fn opens(path: &str) -> String {
    format!(
        "new Promise(done => {{
            let opened = false;
            const socket = new WebSocket(`ws://${{location.host}}{path}`);
            socket.onopen = () => {{ opened = true; }};
            socket.onclose = ({{code, reason, wasClean}}) =>
                done({{opened, code, reason, wasClean}});
        }})"
    )
}

fn refused(outcome: &Value, reason: &str) {
    let expected = json!({"opened": true, "code": 4001, "reason": reason, "wasClean": true});
    assert_eq!(*outcome, expected);
}

#[tokio::test]
async fn a_browser_sees_4001_and_why_when_nobody_is_signed_in() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    browser.visits(server.address, "/login/").await;
    let outcome = browser.runs(&opens("/ws/v1/")).await;
    refused(&outcome, "sign in first: no credential was shown");
    server.stops().await;
}

#[tokio::test]
async fn a_browser_sees_4001_and_why_in_the_wrong_role() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let medic = server.person_as("medic", Role::Paramedic).await;
    browser.visits(server.address, "/login/").await;
    let outcome = browser.runs(&opens(&format!("/ws/dispatchers/?token={}", medic.token))).await;
    refused(&outcome, "role paramedic is not allowed here: dispatcher or admin");
    server.stops().await;
}

#[tokio::test]
async fn a_browser_sees_4001_and_why_when_its_token_has_expired() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start_with(&[("auth_warning", "1s")]).await;
    let ada = server.person("ada").await;
    browser.visits(server.address, "/login/").await;
    let token = ada.token_for(Duration::from_secs(2));
    let outcome = browser.runs(&opens(&format!("/ws/v1/?token={token}"))).await;
    refused(&outcome, "token expired");
    let later = browser.runs(&opens("/ws/v1/?token=not.a.token")).await;
    refused(&later, "the token is not well-formed");
    server.stops().await;
}

#[tokio::test]
async fn a_browser_sees_4001_and_why_when_it_is_signed_out_elsewhere() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let ada = server.person("ada").await;
    browser.visits(server.address, "/login/").await;
    let began = format!(
        "new Promise(done => {{
            window.ended = new Promise(over => {{
                const socket = new WebSocket(`ws://${{location.host}}/ws/v1/?token={}`);
                socket.onmessage = ({{data}}) => done(JSON.parse(data).type);
                socket.onclose = ({{code, reason, wasClean}}) =>
                    over({{opened: true, code, reason, wasClean}});
            }});
        }})",
        ada.token
    );
    assert_eq!(browser.runs(&began).await, "welcome");
    server.house.revoke(Whom::Login(ada.login), Refusal::not_authenticated("signed out"));
    refused(&browser.runs("window.ended").await, "signed out");
    server.stops().await;
}
