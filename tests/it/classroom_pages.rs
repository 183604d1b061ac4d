//! The classroom's page, moved here by a host name: two browsers, the document's console test, and
//! a restart in mid-talk.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::older::Rest;
use crate::harness::pages::Pages;
use crate::harness::people::Person;
use crate::harness::server::{Server, on_each_engine};

const PASSWORD: &str = "a long walk home";

/// Makes an account with a password; what it shows.
async fn enrolls(server: &Server, name: &str) -> Person {
    let email = format!("{name}@example.org");
    let wish = json!({"username": name, "email": email, "password": PASSWORD,
        "first_name": name, "last_name": "Smith"});
    let rest = Rest::anonymous(server.address);
    let made = rest.post(201, "/api/auth/register/", wish).await;
    let person = server.person(&format!("{name}-too")).await;
    let id = made["user"]["id"].to_string().parse().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person { id, token: text(&made["access"]), opaque: text(&made["data"]["token"]), ..person }
}

/// Opens the page and signs someone in by their address.
async fn arrives(browser: &mut Browser, pages: &Pages, server: &Server, name: &str) {
    browser.visits(pages.address, &pages.path("classroom", server.address)).await;
    let user = browser.runs(&format!("signIn('{name}@example.org', '{PASSWORD}')")).await;
    assert_eq!(
        (&user["full_name"], &user["role"]),
        (&json!(format!("{name} Smith")), &json!("student"))
    );
    assert_eq!(browser.runs("localStorage.getItem('auth_token') !== null").await, true);
}

#[tokio::test]
async fn two_browsers_talk_over_the_classrooms_page_and_come_back_after_a_restart() {
    on_each_engine(&[("restart_spread", "10ms")], async |server| {
        // Browsers keep what pages stored, so each story has its own.
        let (Some(alice), Some(bob)) = (Browser::open().await, Browser::open().await) else {
            return;
        };
        talk_goes_on(alice, bob, server).await;
    })
    .await;
}

async fn talk_goes_on(mut alice: Browser, mut bob: Browser, server: Server) {
    let address = server.address;
    let pages = Pages::serve().await;
    let (ann, ben) = (enrolls(&server, "alice").await, enrolls(&server, "bob").await);
    ann.connects().await.opens_room("forum-art", &[&ben]).await;
    arrives(&mut alice, &pages, &server, "alice").await;
    arrives(&mut bob, &pages, &server, "bob").await;
    for browser in [&mut alice, &mut bob] {
        let enters = "forums().then(([forum]) => enter(forum.id)).then(open).then(() => true)";
        assert_eq!(browser.runs(enters).await, true);
    }
    assert_eq!(alice.runs("holds(() => people.has('bob'))").await, true);
    let sent = alice.runs("say('Good morning')").await;
    assert_eq!(sent["status"], 201);
    for browser in [&mut alice, &mut bob] {
        let line = "holds(() => lines().length).then(() => lines())";
        assert_eq!(browser.runs(line).await, json!(["alice Smith: Good morning"]), "once");
    }

    let database = server.stops().await;
    let bind = address.to_string();
    let server = Server::start_on(database, &[("bind", bind.as_str())]).await;
    for browser in [&mut alice, &mut bob] {
        let histories = "frames.filter((frame) => frame.type === 'room_history').length";
        assert_eq!(browser.runs(&format!("holds(() => {histories} > 1)")).await, true);
    }
    let sent = bob.runs("say('And again')").await;
    assert_eq!(sent["status"], 201);
    for browser in [&mut alice, &mut bob] {
        let line = "holds(() => lines().length > 1).then(() => lines())";
        let told = ["alice Smith: Good morning", "bob Smith: And again"];
        assert_eq!(browser.runs(line).await, json!(told), "everything once, in order");
        assert_eq!(browser.runs("alarms").await, json!([]), "nothing it does not know");
        let copies = "frames.filter((frame) => frame.type === 'chat_message').length";
        assert_eq!(browser.runs(copies).await, 2, "each was told once");
    }
    server.stops().await;
}

#[tokio::test]
async fn the_documents_console_test_runs_statement_by_statement_in_a_page_that_is_signed_in() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    enrolls(&server, "alice").await;
    arrives(&mut browser, &pages, &server, "alice").await;
    browser.runs("(window.said = [], console.log = (...words) => said.push(words), true)").await;
    // As it stands in the document, but for the address. Nothing but the cookie says who asks.
    let socket = format!("const ws = new WebSocket('ws://{}/ws/chat/general/');", server.address);
    browser.runs(&socket).await;
    browser.runs("ws.onopen = () => console.log('✅ WebSocket connected');").await;
    browser.runs("ws.onerror = (e) => console.error('❌ WebSocket error:', e);").await;
    browser.runs("ws.onmessage = (e) => console.log('📨 Message:', e.data);").await;
    assert_eq!(browser.runs("holds(() => ws.readyState === 1)").await, true, "it stays open");
    let send = "ws.send(JSON.stringify({
        type: 'chat_message',
        data: { content: 'Hello WebSocket!' }
    }));";
    browser.runs(send).await;
    let arrived = "holds(() => said.map(([, data]) => data && JSON.parse(data))
        .find((frame) => frame && frame.type === 'chat_message')).then(({message}) => message)";
    let message = browser.runs(arrived).await;
    assert_eq!(message["content"], "Hello WebSocket!");
    assert_eq!(message["sender"]["first_name"], "alice");
    server.stops().await;
}

#[tokio::test]
async fn a_page_sees_4001_and_4002_and_the_words_before_them() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    enrolls(&server, "alice").await;
    arrives(&mut browser, &pages, &server, "alice").await;
    let refused = |script: &str| {
        format!(
            "(frames.length = 0, {script}, enter(424242), \
             holds(() => frames.find((frame) => frame.type === 'close'))\
             .then(({{code}}) => [code, frames[0].error]))"
        )
    };
    let outcome = browser.runs(&refused("true")).await;
    assert_eq!(outcome, json!([4002, "Access denied to this room"]));
    assert_eq!(browser.runs("localStorage.getItem('auth_token') !== null").await, true);
    let outcome = browser.runs(&refused("localStorage.setItem('auth_token', 'unheardof')")).await;
    assert_eq!(outcome, json!([4001, "Authentication required"]));
    assert_eq!(browser.runs("localStorage.getItem('auth_token')").await, Value::Null);
    server.stops().await;
}
