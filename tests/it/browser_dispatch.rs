//! What the browser of a dispatcher or a paramedic sees when they may no longer: 4001, within a
//! second, with the reason.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::clock;

use crate::harness::browser::Browser;
use crate::harness::server::Server;

/// Opens a socket that must be served, and notes how and when it ends.
fn opens(path: &str) -> String {
    format!(
        "new Promise((served, refused) => {{
            window.ended = new Promise(over => {{
                const socket = new WebSocket(`ws://${{location.host}}{path}`);
                socket.onopen = () => socket.send(JSON.stringify({{type: 'ping'}}));
                socket.onmessage = () => served(true);
                socket.onclose = ({{code, reason, wasClean}}) => {{
                    const end = {{code, reason, wasClean, at: performance.now()}};
                    over(end);
                    refused(new Error(JSON.stringify(end)));
                }};
            }});
        }})"
    )
}

/// Changes someone's role and tells how their socket ended, and how long after the answer.
fn changes_role(user: &str, role: &str, admin: &str) -> String {
    format!(
        "(async () => {{
            const answer = await fetch('/api/v1/users/{user}/role', {{
                method: 'POST',
                headers: {{'Authorization': 'Bearer {admin}', 'Content-Type': 'application/json'}},
                body: JSON.stringify({{role: '{role}'}}),
            }});
            const answered = performance.now();
            const {{code, reason, wasClean, at}} = await window.ended;
            return {{status: answer.status, code, reason, wasClean, late: at - answered}};
        }})()"
    )
}

#[tokio::test]
async fn a_page_whose_persons_role_changes_is_closed_with_4001_within_a_second() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let admin = server.person_as("root", Role::Admin).await;
    let cases = [
        ("dana", Role::Dispatcher, "/ws/dispatchers/", "paramedic"),
        ("musu", Role::Paramedic, "/ws/paramedic/", "dispatcher"),
        ("omar", Role::Dispatcher, "/ws/v1/", "member"),
    ];
    browser.visits(server.address, "/login/").await;
    for (name, role, path, next) in cases {
        let person = server.person_as(name, role).await;
        let open = opens(&format!("{path}?token={}", person.token));
        assert_eq!(browser.runs(&open).await, true, "{path} is served");
        let id = person.id.0.to_string();
        let outcome = browser.runs(&changes_role(&id, next, &admin.token)).await;
        let said = [&outcome["status"], &outcome["code"], &outcome["reason"], &outcome["wasClean"]];
        assert_eq!(said, [&json!(200), &json!(4001), &json!("role changed"), &json!(true)]);
        assert!(outcome["late"].as_f64().unwrap() < 1_000.0, "{path}: {outcome}");
        // With the new role the page is not served again: its person signs in anew.
        let again = format!(
            "new Promise(done => {{
                const socket = new WebSocket(`ws://${{location.host}}{path}?token={}`);
                socket.onclose = ({{code}}) => done(code);
                socket.onmessage = () => setTimeout(() => done('served'), 500);
            }})",
            person.token
        );
        if path != "/ws/v1/" {
            assert_eq!(browser.runs(&again).await, 4001, "{path}");
        }
    }
    server.stops().await;
}

#[tokio::test]
async fn a_board_whose_session_expires_is_closed_with_4001_and_not_served_again() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let dana = server.person_as("dana", Role::Dispatcher).await;
    let ends = clock::now_naive() + chrono::Duration::seconds(4);
    let key = server.signs_in_until(&dana, ends).await.cookie;
    browser.visits(server.address, "/login/").await;
    let signs_in = format!("document.cookie = 'sessionid={key}; path=/'; true");
    browser.runs(&signs_in).await;
    assert_eq!(browser.runs(&opens("/ws/dispatchers/")).await, true);
    let ended = browser.runs("window.ended").await;
    let late = clock::now_naive() - ends;
    assert_eq!((&ended["code"], &ended["wasClean"]), (&json!(4001), &json!(true)), "{ended}");
    assert!(text(&ended["reason"]).contains("expired"), "{ended}");
    assert!(late > chrono::Duration::zero(), "not before its time: {late}");
    // A second, and what it costs to hear of it from a browser.
    assert!(late < chrono::Duration::milliseconds(1_500), "{late}");
    let again = "new Promise(done => {
        const socket = new WebSocket(`ws://${location.host}/ws/dispatchers/`);
        socket.onclose = ({code}) => done(code);
    })";
    assert_eq!(browser.runs(again).await, 4001);
    server.stops().await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
