//! The lobby's page, moved here by two host names: two browsers, a page opened from a file, its
//! diagnostics, and a restart in mid-talk.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::engines::Database;
use crate::harness::pages::Pages;
use crate::harness::server::Server;

/// The page's path: REST on the first address of the server, the socket on the last.
fn path(pages: &Pages, server: &Server) -> String {
    let socket = server.addresses.last().unwrap();
    format!("{}&socket={socket}&retry=200", pages.path("lobby", server.address))
}

const SETTINGS: [(&str, &str); 2] =
    [("bind", "127.0.0.1:0,127.0.0.1:0"), ("restart_spread", "10ms")];

async fn starts() -> Server {
    Server::start_with(&SETTINGS).await
}

fn words(lines: &Value) -> Vec<String> {
    let lines = lines.as_array().unwrap().iter();
    lines.map(|line| line.as_str().unwrap().split_once("] ").unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn two_browsers_talk_in_the_lobby_and_come_back_after_a_restart() {
    let (Some(mut one), Some(mut two)) = (Browser::open().await, Browser::open().await) else {
        return;
    };
    talk_goes_on(&mut one, &mut two, starts().await).await;
    if let Some(database) = Database::postgres() {
        talk_goes_on(&mut one, &mut two, Server::start_on(database, &SETTINGS).await).await;
    }
}

async fn talk_goes_on(one: &mut Browser, two: &mut Browser, server: Server) {
    let pages = Pages::serve().await;
    for (browser, name) in [(&mut *one, "User12"), (&mut *two, "User34")] {
        browser.visits(pages.address, &path(&pages, &server)).await;
        assert_eq!(browser.runs("open().then(() => true)").await, true);
        let online = "holds(() => byId('status').textContent)";
        assert_eq!(browser.runs(online).await, "Server is online");
        let usual = "/^User\\d+$/.test(byId('username').value)";
        assert_eq!(browser.runs(usual).await, true, "a name until one is given");
        browser.runs(&format!("byId('username').value = '{name}'")).await;
    }
    one.runs("say('Good morning')").await;
    two.runs("holds(() => lines().length === 1).then(() => say('And to you'))").await;
    for browser in [&mut *one, &mut *two] {
        let lines = browser.runs("holds(() => lines().length === 2).then(lines)").await;
        assert_eq!(words(&lines), ["User12: Good morning", "User34: And to you"]);
        let shape = "frames.every((frame) => Object.keys(frame).sort().join() === \
                     'message,timestamp,username')";
        assert_eq!(browser.runs(shape).await, true, "three keys and no other frame");
    }

    let bind: Vec<String> = server.addresses.iter().map(ToString::to_string).collect();
    let bind = bind.join(",");
    let database = server.stops().await;
    let server = Server::start_on(database, &[("bind", bind.as_str())]).await;
    for browser in [&mut *one, &mut *two] {
        let back = "holds(() => opened === 2 && socket.readyState === WebSocket.OPEN)";
        assert_eq!(browser.runs(back).await, true, "it comes back by itself");
    }
    two.runs("say('Here again')").await;
    for browser in [&mut *one, &mut *two] {
        let lines = browser.runs("holds(() => lines().length === 3).then(lines)").await;
        assert_eq!(words(&lines)[2], "User34: Here again", "and nothing is told twice");
    }
    server.stops().await;
}

/// Runs the diagnostics as a person does, by the button, and tells what the page found.
async fn diagnoses(browser: &mut Browser) -> Value {
    // What the page itself has done is on record a moment later.
    let noted = "(async () => {
        for (;;) {
            const { server_diagnostics: report } = await get('/chat/diagnostics/');
            const { successful_attempts: good } = report.connection_statistics;
            if (good > 0) return true;
            await new Promise((done) => setTimeout(done, 50));
        }
    })()";
    assert_eq!(browser.runs(noted).await, true);
    browser.runs("byId('run').click()").await;
    assert_eq!(
        browser.runs("holds(() => byId('summary').textContent)").await,
        "No issues detected"
    );
    browser.runs("diagnose()").await
}

fn check(found: &Value, server: &Server) {
    let trace = found["trace"].as_array().unwrap();
    let steps: Vec<(&str, &Value)> =
        trace.iter().map(|step| (step["name"].as_str().unwrap(), &step["status"])).collect();
    assert_eq!(steps.len(), 9);
    assert!(steps.iter().all(|(_, status)| *status == "success"), "{steps:?}");
    let seen = |name: &str| {
        let step = trace.iter().find(|step| step["name"] == name);
        step.unwrap()["seen"].clone()
    };
    assert_eq!(seen("Handshake"), 426, "the truth about a plain request of the path");
    let socket = server.addresses.last().unwrap().port();
    assert_eq!(seen("ASGI server"), json!(socket));
    assert!((200..300).contains(&seen("CORS").as_u64().unwrap()));
    let report = &found["report"];
    let statistics = &report["connection_statistics"];
    assert!(statistics["successful_attempts"].as_i64().unwrap() >= 1);
    let recent = report["recent_connection_attempts"].as_array().unwrap();
    assert!(recent.iter().any(|one| one["successful"] == true && one["client_ip"] == "127.0.0.1"));
}

#[tokio::test]
async fn the_diagnostics_of_the_page_find_nothing_wrong() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = starts().await;
    let pages = Pages::serve().await;
    browser.visits(pages.address, &path(&pages, &server)).await;
    browser.runs("open().then(() => true)").await;
    let found = diagnoses(&mut browser).await;
    check(&found, &server);
    assert_eq!(found["security"], json!(["medium: no origins are named"]));
    server.stops().await;

    let bind = ("bind", "127.0.0.1:0,127.0.0.1:0");
    let named = ("cors_allowed_origins", "https://chat.example.org");
    let server = Server::start_with(&[bind, named]).await;
    browser.visits(pages.address, &path(&pages, &server)).await;
    browser.runs("open().then(() => true)").await;
    assert_eq!(diagnoses(&mut browser).await["security"], json!([]), "once origins are named");
    server.stops().await;
}

#[tokio::test]
async fn a_page_opened_from_a_file_talks_and_diagnoses_too() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = starts().await;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages/lobby.html");
    let socket = server.addresses.last().unwrap();
    let url =
        format!("file://{}?server={}&socket={socket}&retry=200", page.display(), server.address);
    browser.visits_url(&url).await;
    assert_eq!(browser.runs("location.origin").await, "file://");
    browser.runs("open().then(() => true)").await;
    browser.runs("say('from a file')").await;
    let lines = browser.runs("holds(() => lines().length === 1).then(lines)").await;
    assert!(words(&lines)[0].ends_with(": from a file"));
    let found = diagnoses(&mut browser).await;
    check(&found, &server);
    server.stops().await;
}

#[tokio::test]
async fn a_page_finds_out_that_the_server_is_gone_and_that_it_is_back() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = starts().await;
    let pages = Pages::serve().await;
    browser.visits(pages.address, &path(&pages, &server)).await;
    browser.runs("open().then(() => true)").await;
    let bind: Vec<String> = server.addresses.iter().map(ToString::to_string).collect();
    let bind = bind.join(",");
    let database = server.stops().await;
    browser.runs("checkServer()").await;
    assert_eq!(browser.runs("byId('status').textContent").await, "Server is offline");
    let found = browser.runs("diagnose().catch(() => null)").await;
    let failed = found["trace"].as_array().unwrap().iter().filter(|one| one["status"] == "error");
    let failed: Vec<&Value> = failed.map(|one| &one["name"]).collect();
    assert!(failed.contains(&&json!("API server")) && failed.contains(&&json!("Connection")));
    let server = Server::start_on(database, &[("bind", bind.as_str())]).await;
    browser.runs("checkServer()").await;
    assert_eq!(browser.runs("byId('status').textContent").await, "Server is online");
    browser.runs("holds(() => opened >= 2).then(() => byId('summary').textContent = '')").await;
    check(&diagnoses(&mut browser).await, &server);
    server.stops().await;
}
