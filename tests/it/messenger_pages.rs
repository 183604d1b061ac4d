//! The messenger's page, moved here by a host name: two browsers, the documents' console lines, and
//! a restart in mid-talk.

use serde_json::{Value, json};
use switchboard::boot::Stop;

use crate::harness::browser::Browser;
use crate::harness::pages::Pages;
use crate::harness::server::{Server, on_each_engine};

/// Opens the page and signs someone up; their number.
async fn arrives(browser: &mut Browser, pages: &Pages, server: &Server, name: &str) -> i64 {
    browser.visits(pages.address, &pages.path("messenger", server.address)).await;
    let user = browser.runs(&format!("signUp('{name}', 'Test@123')")).await;
    assert_eq!(user["username"], name);
    user["id"].as_i64().unwrap()
}

/// Opens the direct conversation with the second, by number, on both pages; its number.
async fn meet(first: &mut Browser, second: &mut Browser, id: i64) -> Value {
    let direct = format!(
        "call('POST', '/chat/conversations/create-direct/', {{user_id: {id}}}).then(
            ({{answer}}) => connect(answer)).then(open).then(() => currentConversation.id)"
    );
    let conversation = first.runs(&direct).await;
    let joins = format!("(connect({{id: {conversation}}}), open().then(() => true))");
    assert_eq!(second.runs(&joins).await, true);
    sits(first).await;
    sits(second).await;
    conversation
}

/// Waits until a page is seated: then a ping is answered, and what is said next comes to it. An
/// open socket alone is not that far.
async fn sits(browser: &mut Browser) {
    let pongs = "log.filter((line) => line.startsWith('Received pong')).length";
    let seated = format!("(before => (ping(), holds(() => {pongs} > before)))({pongs})");
    assert_eq!(browser.runs(&seated).await, true);
}

#[tokio::test]
async fn two_browsers_talk_over_the_messengers_page_and_come_back_after_a_restart() {
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
    arrives(&mut alice, &pages, &server, "alice").await;
    let id = arrives(&mut bob, &pages, &server, "bob").await;
    let conversation = meet(&mut alice, &mut bob, id).await;

    // The documents' checks, one statement at a time, in a page that is signed in.
    let token = alice.runs("localStorage.getItem('access_token')").await;
    assert!(token.as_str().unwrap().len() > 100, "a long token string");
    alice.runs("console.log(currentConversation)").await;
    assert_eq!(alice.runs("currentConversation.id").await, conversation);
    alice.runs("ping()").await;
    let alive = "holds(() => log.includes('Received pong - connection alive'))";
    assert_eq!(alice.runs(alive).await, true);
    assert_eq!(alice.runs("socket.readyState").await, 1, "OPEN");

    alice.runs("say('Hello!')").await;
    for browser in [&mut alice, &mut bob] {
        assert_eq!(browser.runs("holds(() => lines().includes('alice: Hello!'))").await, true);
    }
    bob.runs("socket.send(JSON.stringify({type: 'typing', is_typing: true}))").await;
    let typing = "holds(() => document.getElementById('typing').textContent)";
    assert_eq!(alice.runs(typing).await, "bob is typing");

    server.begins_to_stop(Stop::Restart);
    let database = server.stops().await;
    let bind = address.to_string();
    let server = Server::start_on(database, &[("bind", bind.as_str())]).await;
    assert_eq!(server.address, address);
    for browser in [&mut alice, &mut bob] {
        let back = "holds(() => log.filter((line) => line.startsWith('Connected')).length > 1)";
        assert_eq!(browser.runs(back).await, true, "it comes back by itself");
        sits(browser).await;
    }
    bob.runs("say('And here we are again')").await;
    for browser in [&mut alice, &mut bob] {
        let again = "holds(() => lines().length > 1).then(() => lines())";
        let told = ["alice: Hello!", "bob: And here we are again"];
        assert_eq!(browser.runs(again).await, json!(told), "everything once, in order");
        let strange = "log.filter((line) => line.startsWith('unknown'))";
        assert_eq!(browser.runs(strange).await, json!([]), "no frame it does not know");
    }

    // Signing in anew, as the documents say for an expired token.
    alice.runs("localStorage.removeItem('access_token')").await;
    alice.runs("localStorage.removeItem('refresh_token')").await;
    let refused = alice.runs("call('GET', '/auth/user/').then(({status}) => status)").await;
    assert_eq!(refused, 401);
    let user = alice.runs("signIn('alice', 'Test@123')").await;
    assert_eq!(user["username"], "alice");
    server.stops().await;
}

#[tokio::test]
async fn a_page_of_another_host_may_ask_in_development_and_sees_why_it_was_refused() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    arrives(&mut browser, &pages, &server, "alice").await;
    let ends = |path: &str| {
        format!(
            "new Promise((done) => {{
                const socket = new WebSocket(`${{WS_URL}}{path}`);
                socket.onclose = ({{code, wasClean}}) => done({{code, wasClean}});
            }})"
        )
    };
    let own = "?token=${encodeURIComponent(localStorage.getItem('access_token'))}";
    for (path, code) in [
        ("/ws/conversations/1/".to_owned(), 4001),
        ("/ws/chat/1/?token=a.b.c".to_owned(), 4001),
        (format!("/ws/chat/424242/{own}"), 4003),
    ] {
        let ended: Value = browser.runs(&ends(&path)).await;
        assert_eq!(ended, json!({"code": code, "wasClean": true}), "{path}");
    }
    let allowed = "fetch(`${API_URL}/auth/user/`, {method: 'OPTIONS'}).then(({ok}) => ok)";
    assert_eq!(browser.runs(allowed).await, true);
    server.stops().await;
}

#[tokio::test]
async fn two_browsers_call_each_other_and_talk_from_device_to_device() {
    let (Some(mut alice), Some(mut bob)) = (Browser::open().await, Browser::open().await) else {
        return;
    };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    arrives(&mut alice, &pages, &server, "alice").await;
    let id = arrives(&mut bob, &pages, &server, "bob").await;
    meet(&mut alice, &mut bob, id).await;

    alice.runs(&format!("startCall('video', [{id}])")).await;
    let rings = "holds(() => ringing).then(({caller}) => caller.username)";
    assert_eq!(bob.runs(rings).await, "alice");
    bob.runs("answerCall().then(() => true)").await;
    let answered = "holds(() => log.find((line) => line.startsWith('answered')))";
    assert_eq!(alice.runs(answered).await, "answered by bob");
    for browser in [&mut alice, &mut bob] {
        let meets = "holds(() => channel && channel.readyState === 'open')";
        assert_eq!(browser.runs(meets).await, true, "the devices have found each other");
    }
    alice.runs("channel.send('can you hear me?')").await;
    assert_eq!(bob.runs("holds(() => overheard[0])").await, "can you hear me?");
    bob.runs("channel.send('yes')").await;
    assert_eq!(alice.runs("holds(() => overheard[0])").await, "yes");
    bob.runs("endCall()").await;
    for browser in [&mut alice, &mut bob] {
        let ended = "holds(() => log.find((line) => line.startsWith('ended')))";
        assert_eq!(browser.runs(ended).await, "ended by bob");
    }

    alice.runs(&format!("startCall('voice', [{id}])")).await;
    bob.runs("holds(() => ringing).then(rejectCall)").await;
    let rejected = "holds(() => log.find((line) => line.startsWith('rejected')))";
    assert_eq!(alice.runs(rejected).await, "rejected by bob");
    for browser in [&mut alice, &mut bob] {
        let strange = "log.filter((line) => line.startsWith('unknown'))";
        assert_eq!(browser.runs(strange).await, json!([]), "no frame it does not know");
    }
    server.stops().await;
}

#[tokio::test]
async fn a_picture_that_one_page_sends_the_other_shows() {
    let (Some(mut alice), Some(mut bob)) = (Browser::open().await, Browser::open().await) else {
        return;
    };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    arrives(&mut alice, &pages, &server, "alice").await;
    let id = arrives(&mut bob, &pages, &server, "bob").await;
    meet(&mut alice, &mut bob, id).await;
    let sent = alice.runs("sendPicture('square.png', 'Look')").await;
    assert_eq!(sent["status"], 201, "{sent}");
    for browser in [&mut alice, &mut bob] {
        let shown = "holds(() => [...document.images].find(({complete}) => complete))
            .then(({alt, naturalWidth}) => [alt, naturalWidth])";
        assert_eq!(browser.runs(shown).await, json!(["square.png", 8]), "without a token");
    }
    server.stops().await;
}
