//! A call for help that is sent twice, by a second click or by a client that heard no answer: one
//! incident, and the first answer both times.

use reqwest::Client;
use serde_json::{Value, json};
use switchboard::models::incident_image;
use switchboard::models::incident_list::{self, Wanted};

use crate::harness::ambulance::{Page, report};
use crate::harness::dispatch::each_engine;
use crate::harness::picture::png;
use crate::harness::server::Server;
use crate::harness::web::answer;

const FORM: &str = "/api/v1/emergency-requests";
const OLDER: &str = "/api/emergencies/";

fn help() -> Value {
    json!({"caller_name": "Isatu", "caller_phone": "076000001", "incident_type": "FIRE",
        "description": "smoke on the second floor", "address": "12 Hill Road"})
}

/// Sends a body with this key, from this address as a proxy tells it.
async fn sends(
    server: &Server,
    path: &str,
    key: Option<&str>,
    from: &str,
    body: &Value,
) -> (u16, Value) {
    let mut request = Client::new().post(format!("http://{}{path}", server.address)).json(body);
    request = request.header("X-Forwarded-For", from);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    answer(request.send().await.unwrap()).await
}

async fn opened(server: &Server) -> usize {
    server.reads(|conn| Ok(incident_list::ids(conn, &Wanted::default(), 1_000)?)).await.len()
}

/// Behind a proxy that tells who calls.
const PROXIED: [(&str, &str); 1] = [("trusted_proxies", "127.0.0.1/32")];
const HERE: &str = "192.0.2.7";

#[tokio::test]
async fn the_same_call_under_the_same_key_opens_one_incident_and_gets_the_first_answer() {
    each_engine(&PROXIED, async |server| {
        for (path, body, changed) in
            [(FORM, help(), "description"), (OLDER, report(), "description")]
        {
            let before = opened(&server).await;
            let (status, first) = sends(&server, path, Some("k1"), HERE, &body).await;
            assert_eq!(status, 201, "{first}");
            for key in ["k1", "\"k1\""] {
                let again = sends(&server, path, Some(key), HERE, &body).await;
                assert_eq!(again, (201, first.clone()), "{path} with {key}");
            }
            assert_eq!(opened(&server).await, before + 1, "{path}");
            // Two clicks at once.
            let (one, two) = tokio::join!(
                sends(&server, path, Some("k2"), HERE, &body),
                sends(&server, path, Some("k2"), HERE, &body),
            );
            assert_eq!((one.0, &one.1), (201, &two.1), "{path}");
            assert_ne!(one.1, first, "another key is another call");
            assert_eq!(opened(&server).await, before + 2, "{path}");
            // Nothing else that resembles it is taken for it: no call is lost to a mix-up.
            let mut other = body.clone();
            other[changed] = json!("and now the third floor");
            for (key, from, body) in [
                (Some("k1"), HERE, &other),
                (Some("k1"), "192.0.2.8", &body),
                (Some(""), HERE, &body),
                (None, HERE, &body),
                (None, HERE, &body),
            ] {
                let (status, answer) = sends(&server, path, key, from, body).await;
                assert_eq!(status, 201, "{answer}");
                assert_ne!(answer, first, "{path}: {key:?} from {from}");
            }
            assert_eq!(opened(&server).await, before + 7, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_refused_is_taken_under_its_key_once_it_is_mended() {
    let server = Server::start_with(&PROXIED).await;
    let mut body = help();
    body["caller_phone"] = json!("call me");
    assert_eq!(sends(&server, FORM, Some("k1"), HERE, &body).await.0, 400);
    assert_eq!(sends(&server, FORM, Some("k1"), HERE, &body).await.0, 400);
    assert_eq!(sends(&server, FORM, Some("k1"), HERE, &help()).await.0, 201);
    assert_eq!(opened(&server).await, 1);
}

/// What stands between these two in a page.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("no {start} in {page}"));
    rest.split_once(end).unwrap().0
}

/// The key that the form of our page holds.
async fn key_of_page(page: &Page) -> String {
    let html = page.asks("GET", "/emergency/", None).await.text().await.unwrap();
    between(&html, "name=\"idempotency_key\" value=\"", "\"").to_owned()
}

#[tokio::test]
async fn a_second_click_on_our_page_is_the_same_call_with_its_pictures_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    each_engine(&[("attachments_url", url.as_str())], async |server| {
        let page = Page::public(server.address);
        let (key, picture) = (key_of_page(&page).await, png(40, 30));
        let call_of = async |key: &str| {
            let texts = [
                ("idempotency_key", key),
                ("caller_name", "Isatu"),
                ("caller_phone", "+23276123456"),
                ("emergency_type", "FIRE"),
                ("description", "smoke"),
                ("location_address", "12 Hill Road"),
            ];
            let files = [("images", "door.png", picture.as_slice())];
            let (status, html) = page.sends("/emergency/", &texts, &files).await;
            assert_eq!(status, 201, "{html}");
            between(html.as_str().unwrap(), "<strong id=\"call-id\">", "<").to_owned()
        };
        let first = call_of(&key).await;
        assert!(first.starts_with("CALL-"), "{first}");
        assert_eq!(call_of(&key).await, first);
        assert_eq!(opened(&server).await, 1);
        let images = server.reads(|conn| {
            let id = incident_list::ids(conn, &Wanted::default(), 1)?[0];
            Ok(incident_image::count(conn, id)?)
        });
        assert_eq!(images.await, 1);
        let again = key_of_page(&page).await;
        assert_ne!(again, key, "a form that is opened anew is for another call");
        assert_ne!(call_of(&again).await, first);
        assert_eq!(opened(&server).await, 2);
    })
    .await;
}
