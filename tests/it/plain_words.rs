//! What people write is text: it comes back byte for byte by every way, and no page takes it for
//! markup.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::older::Rest;
use crate::harness::pages::Pages;
use crate::harness::people::Person;
use crate::harness::server::{Server, on_each_engine};
use crate::harness::socket::{PATIENCE, Socket};

/// Markdown, markup, addresses good and bad, white space, and letters that look like others.
const WORDS: &[&str] = &[
    "**bold** _it_ `code` [click](javascript:alert(1)) ![x](data:image/png;base64,AA==)",
    "<img src=x onerror=\"window.hit = 1\"><script>window.hit = 1</script> & &amp; \"'\\",
    "javascript:alert(1) data:text/html,<b>hi</b> https://example.org/?a=1&b=2#c",
    "  white \t space\r\nand lines\n\n  ",
    "e\u{301} \u{e9} \u{202e}kcab \u{feff}\u{200d} 👩‍👩‍👧 \u{1f1f8}\u{1f1f1} 𝒜",
];

fn contents(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages.filter_map(|message| message["content"].as_str()).collect()
}

/// What a stream of server-sent events says from the beginning.
async fn streamed(who: &Person, room: &str) -> Vec<String> {
    let path = format!("/api/v1/topics/{room}/events?after=0");
    let mut response = who.fetches(("GET", &path), &[("accept", "text/event-stream")], "").await;
    assert_eq!(response.status(), 200);
    let (mut text, mut said) = (String::new(), Vec::new());
    while said.len() < 2 * WORDS.len() {
        let piece = tokio::time::timeout(PATIENCE, response.chunk()).await;
        let piece = piece.expect("something comes in time").unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&piece).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let found = block.lines().find_map(|line| line.strip_prefix("data: "));
            let event: Value =
                found.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
            said.extend(event["data"]["content"].as_str().map(str::to_owned));
            text = rest.to_owned();
        }
    }
    said
}

#[tokio::test]
async fn what_is_written_comes_back_byte_for_byte_by_every_way() {
    on_each_engine(&[], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("forum-art", &[&bob]).await;
        let number = bob_1.joins(&room).await["snapshot"]["conversation"]["id"].clone();
        let number = number.as_str().unwrap();
        let path = format!("/ws/chat/{number}/?token={}", bob.token);
        let mut messenger = Socket::open(server.address, &path, &[]).await;
        let path = format!("/ws/chat/{number}/?token={}", bob.opaque);
        let origin = ("origin", "http://localhost:8080");
        let mut classroom = Socket::open(server.address, &path, &[origin]).await;
        assert_eq!(classroom.next().await.unwrap()["messages"], json!([]));
        for words in WORDS {
            ada_1.says(&room, words).await;
            let body = Some(json!({"content": words}));
            let (status, made) =
                ada.asks("POST", "/api/v1/conversations/forum-art/messages", body).await;
            assert_eq!(status, 201, "{made}");
            for _ in 0..2 {
                assert_eq!(bob_1.hears("message.new").await["data"]["content"], *words);
                assert_eq!(messenger.hears("message.new").await["data"]["content"], *words);
                let frame = classroom.hears("chat_message").await;
                assert_eq!(frame["message"]["content"], *words);
            }
        }
        let twice: Vec<&str> = WORDS.iter().flat_map(|words| [*words, *words]).collect();
        let get = async |path: String| {
            let (status, found) = bob.asks("GET", &path, None).await;
            assert_eq!(status, 200, "{path}: {found}");
            found
        };
        let page = get("/api/v1/conversations/forum-art/messages".to_owned()).await;
        assert_eq!(contents(&page["messages"]), twice, "a page of history");
        let polled = get(format!("/api/v1/topics/{room}/events?after=0&limit=100")).await;
        let polled = polled["events"].as_array().unwrap().iter();
        let polled: Vec<&str> =
            polled.filter_map(|event| event["data"]["content"].as_str()).collect();
        assert_eq!(polled, twice, "polling");
        assert_eq!(streamed(&bob, &room).await, twice, "server-sent events");
        let whole = get("/api/v1/conversations/forum-art/export".to_owned()).await;
        assert_eq!(contents(&whole["messages"]), twice, "the export of a conversation");
        let (status, own) =
            ada.asks("GET", &format!("/api/v1/users/{}/export", ada.id), None).await;
        assert_eq!((status, contents(&own["messages"])), (200, twice.clone()), "one's own export");
        let path = format!("/api/chat/forum/{number}/messages/");
        let listed = Rest::token(&bob).get(200, &path).await;
        assert_eq!(contents(&listed["results"]), twice, "the classroom's history");
        let path = format!("/api/chat/conversations/{number}/messages/");
        let listed = Rest::bearer(&bob).get(200, &path).await;
        let mut newest_first = contents(&listed);
        newest_first.reverse();
        assert_eq!(newest_first, twice, "the messenger's history");
        let mut late = bob.connects().await;
        let snapshot = late.joins(&room).await["snapshot"].clone();
        assert_eq!(contents(&snapshot["messages"]), twice, "what a socket begins with");
    })
    .await;
}

/// What a page shows of a list of messages: its text, its links, and whether anything ran.
async fn shown(browser: &mut Browser, count: usize) -> Value {
    let script = format!(
        "holds(() => lines().length >= {count}).then(() => ({{
            lines: lines(),
            links: [...document.querySelectorAll('#messages a')].map(
                (link) => [link.getAttribute('href'), link.textContent, link.rel]),
            markup: document.querySelectorAll('#messages :not(li):not(a)').length,
            hit: window.hit === undefined ? null : window.hit,
        }}))"
    );
    browser.runs(&script).await
}

#[tokio::test]
async fn pages_show_what_is_written_as_text_and_link_plain_addresses_alone() {
    let Some(mut browser) = Browser::open().await else { return };
    let server = Server::start().await;
    let pages = Pages::serve().await;
    browser.visits(pages.address, &pages.path("messenger", server.address)).await;
    browser.runs("signUp('alice', 'Test@123')").await;
    let opens = "call('POST', '/chat/conversations/', {title: 'Alone', conversation_type: 'group'})
        .then(({answer}) => connect(answer)).then(open).then(() => true)";
    assert_eq!(browser.runs(opens).await, true);
    let more = ["MAILTO:ann@example.org HTTPS://EXAMPLE.ORG/x vbscript:x file:///etc/passwd", "x"];
    let all: Vec<&str> = WORDS.iter().copied().chain(more).collect();
    for (count, words) in all.iter().enumerate() {
        browser.runs(&format!("say({})", json!(words))).await;
        shown(&mut browser, count + 1).await;
    }
    let found = shown(&mut browser, all.len()).await;
    let lines: Vec<String> = all.iter().map(|words| format!("alice: {words}")).collect();
    assert_eq!(found["lines"], json!(lines), "as it was written");
    let link = |address: &str| json!([address, address, "noopener noreferrer"]);
    let links = [
        link("https://example.org/?a=1&b=2#c"),
        link("MAILTO:ann@example.org"),
        link("HTTPS://EXAMPLE.ORG/x"),
    ];
    assert_eq!(found["links"], json!(links));
    assert_eq!((&found["markup"], &found["hit"]), (&json!(0), &Value::Null));

    let socket = server.address;
    let path = format!("{}&socket={socket}&retry=200", pages.path("lobby", server.address));
    browser.visits(pages.address, &path).await;
    browser.runs("open().then(() => (byId('username').value = '<b>User12</b>'))").await;
    // Its field for a line takes no line breaks.
    let lines: Vec<&str> = WORDS.iter().copied().filter(|words| !words.contains('\n')).collect();
    for (count, words) in lines.iter().enumerate() {
        browser.runs(&format!("say({})", json!(words))).await;
        shown(&mut browser, count + 1).await;
    }
    let found = shown(&mut browser, lines.len()).await;
    assert_eq!(found["lines"].as_array().unwrap().len(), lines.len());
    for (line, words) in found["lines"].as_array().unwrap().iter().zip(lines) {
        assert!(line.as_str().unwrap().ends_with(&format!("<b>User12</b>: {words}")), "{line}");
    }
    assert_eq!((&found["links"], &found["markup"]), (&json!([]), &json!(0)));
    assert_eq!(found["hit"], Value::Null);
    server.stops().await;
}

#[tokio::test]
async fn a_page_of_the_server_shows_a_name_as_text() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let name = "<script>alert(1)</script> & \"Ada\"";
    let rest = Rest::bearer(&ada);
    rest.patch(200, "/api/auth/user/", json!({"display_name": name})).await;
    let cookie = format!("sessionid={}", ada.cookie);
    let client = reqwest::Client::new();
    let page = client.get(format!("http://{}/", server.address)).header("cookie", cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Ada&quot;"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}
