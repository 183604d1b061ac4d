//! The pages of dispatch in two browsers: a call from the public form to its end, the document's
//! console lines, and what a page sees of a refusal.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;
use switchboard::auth::password;
use switchboard::models::user::{self, NewUser};

use crate::harness::ambulance::{Worker, reports};
use crate::harness::browser::Browser;
use crate::harness::server::Server;

const PASSWORD: &str = "a-long-word-7";

async fn enrolls(server: &Server, name: &str, role: Role) {
    let hash = password::hash_new(PASSWORD);
    let new = NewUser { role, ..NewUser::member(name, &hash) };
    server.writes(move |conn| Ok(user::insert(conn, new.clone())?)).await;
}

/// Waits until a script's value is one, and gives it.
fn when(value: &str) -> String {
    format!(
        "new Promise((done) => {{
            const end = Date.now() + 15000;
            const look = () => {{
                let value = null;
                try {{ value = ({value}); }} catch (fault) {{ value = null; }}
                if (value || Date.now() > end) done(value); else setTimeout(look, 30);
            }};
            look();
        }})"
    )
}

/// Signs in by the form and goes where it leads; the address.
async fn signs_in(browser: &mut Browser, server: &Server, name: &str) -> String {
    browser.visits(server.address, "/login/").await;
    let submit = format!(
        "(() => {{
            const form = document.querySelector('form');
            form.username.value = '{name}';
            form.password.value = '{PASSWORD}';
            return fetch('/login/', {{method: 'POST', body: new URLSearchParams(new FormData(form))}})
                .then(({{url}}) => new URL(url).pathname);
        }})()"
    );
    let path = browser.runs(&submit).await.as_str().unwrap().to_owned();
    browser.visits(server.address, &path).await;
    path
}

const CONNECTED: &str = "document.getElementById('state').textContent === 'WS: CONNECTED'";

#[tokio::test]
async fn a_call_goes_from_the_public_form_to_its_end_in_the_pages_of_two_browsers() {
    let (Some(mut desk), Some(mut crew)) = (Browser::open().await, Browser::open().await) else {
        return;
    };
    let server = Server::start().await;
    enrolls(&server, "test_dispatcher", Role::Dispatcher).await;
    enrolls(&server, "test_paramedic", Role::Paramedic).await;
    let root = Worker::new(&server, "root", Role::Admin).await;
    root.adds_ambulance("A-1").await;
    let hospital = json!({"name": "Connaught", "address": "Lightfoot Boston Street",
        "phone_number": "+23276000009", "total_beds": 20, "available_beds": 5});
    root.page.posts(201, "/dispatch/api/hospitals/", hospital).await;
    assert_eq!(signs_in(&mut desk, &server, "test_dispatcher").await, "/dashboard/");
    assert_eq!(signs_in(&mut crew, &server, "test_paramedic").await, "/paramedic/");
    for browser in [&mut desk, &mut crew] {
        assert_eq!(browser.runs(&when(CONNECTED)).await, true);
    }
    assert_eq!(
        crew.runs(&when("document.querySelector('#call .empty')?.textContent")).await,
        "No call. You are told here when one comes."
    );

    // The public form, wrong first and then right, with a picture.
    let send = |phone: &str| {
        format!(
            "fetch('/emergency/').then((answer) => answer.text()).then((html) => {{
                const form = new DOMParser().parseFromString(html, 'text/html').querySelector('form');
                const body = new FormData(form);
                body.set('caller_name', 'Isatu <b>Kamara</b>');
                body.set('caller_phone', '{phone}');
                body.set('description', 'not breathing');
                body.set('location_address', '12 Hill Road');
                return fetch('/emergency/', {{method: 'POST', body}});
            }}).then(async (answer) => [answer.status, await answer.text()])"
        )
    };
    let wrong = crew.runs(&send("12")).await;
    assert_eq!(wrong[0], 400);
    let page = wrong[1].as_str().unwrap();
    assert!(page.contains("Phone number must be in format"), "{page}");
    assert!(page.contains("Isatu &lt;b&gt;Kamara&lt;/b&gt;"), "what was written stays, as text");
    let sent = crew.runs(&send("+23276123456")).await;
    assert_eq!(sent[0], 201);
    assert!(sent[1].as_str().unwrap().contains("CALL-"), "{sent}");

    // The board shows it at once; the dispatcher sends whoever is found.
    let shown = desk.runs(&when("document.querySelector('.card h3')?.textContent")).await;
    assert!(shown.as_str().unwrap().starts_with("CALL-"), "{shown}");
    let text = desk.runs("document.querySelector('.card').innerText").await;
    assert!(text.as_str().unwrap().contains("Isatu <b>Kamara</b>"), "{text}");
    let dispatch = "[...document.querySelectorAll('.card button')]
        .find((button) => button.textContent === 'Dispatch' && !button.disabled)";
    desk.runs(&when(dispatch)).await;
    desk.runs(&format!("({dispatch}).click()")).await;
    let gone = "!document.querySelector('.card') && document.getElementById('count-active')
        .textContent === '(1)'";
    assert_eq!(desk.runs(&when(gone)).await, true, "no longer pending");

    // The crew goes through every step, and the board follows.
    desk.visits(server.address, "/dashboard/active/").await;
    for (to, badge) in
        [("EN_ROUTE", "En Route"), ("ON_SCENE", "On Scene"), ("TRANSPORTING", "Transporting")]
    {
        let button = format!("document.querySelector('[data-to={to}]:not([disabled])')");
        assert!(!crew.runs(&when(&format!("!!{button}"))).await.is_null());
        crew.runs(&format!("{button}.click()")).await;
        let badge = format!("document.querySelector('.card .badge')?.textContent === '{badge}'");
        assert_eq!(desk.runs(&when(&badge)).await, true, "{to}");
        assert_eq!(crew.runs(&when(&badge)).await, true, "{to}");
    }
    for to in ["AT_HOSPITAL", "CLOSED"] {
        let button = format!("document.querySelector('[data-to={to}]:not([disabled])')");
        assert_eq!(crew.runs(&when(&format!("!!{button}"))).await, true, "{to}");
        crew.runs(&format!("{button}.click()")).await;
    }
    let idle = "document.querySelector('#call .empty') && document.querySelector('#earlier')
        .textContent.includes('Closed')";
    assert_eq!(crew.runs(&when(idle)).await, true);
    let free =
        "document.querySelector('#ambulances tr td:nth-child(2)')?.textContent === 'Available'";
    assert_eq!(desk.runs(&when(free)).await, true);
    server.stops().await;
}

/// The document's console lines, as they stand there but for the address.
async fn says_the_documents_lines(browser: &mut Browser, server: &Server, path: &str) {
    browser.runs("(window.said = [], console.log = (...words) => said.push(words), true)").await;
    let open = format!("const ws = new WebSocket('ws://{}{path}');", server.address);
    browser.runs(&open).await;
    browser.runs("ws.onopen = () => console.log('Connected!');").await;
    browser.runs("ws.onmessage = (e) => console.log('Message:', e.data);").await;
    browser.runs("ws.onerror = (e) => console.error('Error:', e);").await;
    browser.runs("ws.onclose = (e) => console.log('Closed:', e.code, e.reason);").await;
}

#[tokio::test]
async fn the_documents_console_lines_connect_the_right_role_and_show_4001_to_the_wrong_one() {
    let (Some(mut desk), Some(mut crew)) = (Browser::open().await, Browser::open().await) else {
        return;
    };
    let server = Server::start().await;
    enrolls(&server, "test_dispatcher", Role::Dispatcher).await;
    enrolls(&server, "test_paramedic", Role::Paramedic).await;
    signs_in(&mut desk, &server, "test_dispatcher").await;
    signs_in(&mut crew, &server, "test_paramedic").await;
    // The form's own page, without scripts of ours that speak meanwhile.
    for browser in [&mut desk, &mut crew] {
        browser.visits(server.address, "/test/websocket/").await;
    }
    says_the_documents_lines(&mut desk, &server, "/ws/dispatchers/").await;
    let first = when("said.find(([what]) => what === 'Message:')?.[1]");
    let first: Value = serde_json::from_str(desk.runs(&first).await.as_str().unwrap()).unwrap();
    assert_eq!(first["type"], "initial_data");
    desk.runs("ws.send(JSON.stringify({type: 'ping'}))").await;
    let pong = when("said.some(([, data]) => data === '{\"type\":\"pong\"}')");
    assert_eq!(desk.runs(&pong).await, true);
    assert_eq!(desk.runs("fetch('/api/emergencies/').then(({status}) => status)").await, 200);
    // Pasted in one piece, as from the document: the refusal is quicker than one line at a time.
    let lines = format!(
        "(window.said = [], console.log = (...words) => said.push(words),
        window.ws = new WebSocket('ws://{}/ws/dispatchers/'),
        ws.onopen = () => console.log('Connected!'),
        ws.onmessage = (e) => console.log('Message:', e.data),
        ws.onerror = (e) => console.error('Error:', e),
        ws.onclose = (e) => console.log('Closed:', e.code, e.reason), true)",
        server.address
    );
    crew.runs(&lines).await;
    let closed = when("said.find(([what]) => what === 'Closed:')");
    let reason = "role paramedic is not allowed here: dispatcher or admin";
    assert_eq!(crew.runs(&closed).await, json!(["Closed:", 4001, reason]));

    // The test page, on the board of the other role.
    let pick = "(document.getElementById('kind').value = '/ws/paramedic/',
        document.getElementById('connect').click())";
    desk.runs(pick).await;
    let log = "document.getElementById('log').textContent.includes('Closed: 4001')";
    assert_eq!(desk.runs(&when(log)).await, true);
    crew.runs(pick).await;
    assert_eq!(crew.runs(&when(CONNECTED)).await, true);
    server.stops().await;
}

#[tokio::test]
async fn each_page_asks_for_its_role_and_leads_to_ones_own() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    enrolls(&server, "musu", Role::Paramedic).await;
    enrolls(&server, "root", Role::Admin).await;
    let title = "document.querySelector('h1').textContent";
    browser.visits(server.address, "/dashboard/").await;
    assert_eq!(browser.runs(title).await, "Sign in", "nobody is sent to the form");
    let submit = "(document.querySelector('form').username.value = 'musu',
        document.querySelector('form').password.value = 'wrong',
        fetch('/login/', {method: 'POST',
            body: new URLSearchParams(new FormData(document.querySelector('form')))})
            .then(async (answer) => [answer.status, (await answer.text()).includes('Invalid username or password.')]))";
    assert_eq!(browser.runs(submit).await, json!([200, true]));
    assert_eq!(signs_in(&mut browser, &server, "musu").await, "/paramedic/");
    browser.visits(server.address, "/dashboard/active/").await;
    assert_eq!(browser.runs(title).await, "Access Required");
    browser.visits(server.address, "/dispatch/fleet/").await;
    assert_eq!(browser.runs(title).await, "Fleet");
    browser.visits(server.address, "/logout/").await;
    assert_eq!(signs_in(&mut browser, &server, "root").await, "/admin-dashboard/");
    reports(&server).await;
    browser.visits(server.address, "/dashboard/?filter=pending").await;
    assert_eq!(browser.runs(&when("document.querySelectorAll('.card').length")).await, 1);
    server.stops().await;
}
