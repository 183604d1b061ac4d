//! Pictures of incidents, from crews and from whoever asks for help without an account.

use reqwest::Client;
use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::dispatch::{alarms_unheard, crew, desk, does, each_engine, is_refused, text};
use crate::harness::people::Person;
use crate::harness::picture::png;
use crate::harness::rest::{asks, expect, rest};
use crate::harness::server::Server;
use crate::harness::web::answer;

/// Tells a story on each engine, with files in a folder of its own.
async fn each(more: &[(&str, &str)], story: impl AsyncFn(Server)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let mut settings = vec![("attachments_url", url.as_str())];
    settings.extend_from_slice(more);
    each_engine(&settings, story).await;
}

const FORM: &str = "/api/v1/emergency-requests";
const BOUNDARY: &str = "----story";

/// A form of several parts, as a browser would send it.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn text(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        self.0.extend_from_slice(format!("{head}\r\n\r\n{value}\r\n").as_bytes());
        self
    }

    /// What a client declares is not believed: every file says that it is a picture.
    fn file(mut self, field: &str, name: &str, bytes: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"");
        let head = format!("{head}; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }
}

async fn sends(server: &Server, who: Option<&Person>, path: &str, form: Form) -> (u16, Value) {
    let mut request = Client::new().post(format!("http://{}{path}", server.address));
    if let Some(who) = who {
        request = request.bearer_auth(&who.token);
    }
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut body = form.0;
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    answer(request.header("content-type", kind).body(body).send().await.unwrap()).await
}

fn help() -> Form {
    Form::default()
        .text("caller_name", "Isatu")
        .text("caller_phone", "076 000 001")
        .text("incident_type", "FIRE")
        .text("description", "smoke on the second floor")
        .text("address", "12 Hill Road")
        .text("latitude", "")
        .text("patient_age", "61")
}

#[tokio::test]
async fn a_crews_picture_is_seen_by_those_who_see_the_incident_and_by_nobody_else() {
    each(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let medic = crew(&server, &mut dana, "A-1", "musu").await;
        let tamba = server.person_as("tamba", Role::Paramedic).await;
        let alice = server.person("alice").await;
        let incident = dana.opens("HIGH").await;
        let upload = format!("/api/v1/incidents/{incident}/images/upload");
        let form = || Form::default().file("file", "scene.png", &png(640, 480));
        for (who, wanted) in [(Some(&tamba), 403), (Some(&alice), 403), (None, 401)] {
            let (status, body) = sends(&server, who, &upload, form()).await;
            assert_eq!(status, wanted, "{body}");
        }
        dana.orders(&medic.unit, &incident).await;
        let two = form().file("file", "door.png", &png(20, 20));
        let (status, list) = sends(&server, Some(&medic.person), &upload, two).await;
        assert_eq!((status, list["images"].as_array().unwrap().len()), (201, 2), "{list}");
        let image = &list["images"][0];
        assert_eq!(image["content_type"], "image/png");
        let heard = dana.socket.hears_that("the picture", |frame| {
            frame["data"]["entry"]["kind"] == "incident.image"
                && frame["data"]["incident"]["images"].as_array().unwrap().len() == 2
        });
        assert_eq!(&heard.await["data"]["incident"]["images"][0], image);
        let (url, small) = (text(&image["url"]), text(&image["thumbnail_url"]));
        for who in [&dana.person, &medic.person] {
            let got = who.fetches(("GET", &url), &[], "").await;
            assert_eq!(got.headers()["content-type"], "image/png");
            assert_eq!(got.headers()["x-content-type-options"], "nosniff");
            assert_eq!(got.bytes().await.unwrap(), png(640, 480));
        }
        let got = dana.person.fetches(("GET", &small), &[], "").await;
        assert_eq!(got.headers()["content-type"], "image/jpeg");
        let tiny = text(&list["images"][1]["thumbnail_url"]);
        assert_eq!(dana.person.fetches(("GET", &tiny), &[], "").await.status(), 200);
        assert_eq!(rest(&tamba, "GET", &url, None).await.0, 404);
        assert_eq!(rest(&alice, "GET", &url, None).await.0, 403);
        let other = dana.opens("LOW").await;
        let moved = url.replace(&format!("incidents/{incident}/"), &format!("incidents/{other}/"));
        assert_eq!(rest(&dana.person, "GET", &moved, None).await.0, 404, "not of that incident");
        let root = server.person_as("root", Role::Admin).await;
        let log = format!("/api/v1/patient-reads?incident={incident}");
        let log = expect(&root, 200, ("GET", &log), None).await.to_string();
        assert!(log.contains(r#""way":"image""#), "{log}");
        // A crew that has left sees neither the incident nor its pictures.
        let data = json!({"incident": incident, "unit": medic.unit, "reason": "not needed"});
        dana.does("incident.release", data).await;
        assert_eq!(rest(&medic.person, "GET", &url, None).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_picture_too_large_or_one_too_many_is_refused_and_leaves_nothing() {
    let settings = [("incident_image_max_size", "64KiB"), ("incident_images", "2")];
    each(&settings, async |server| {
        let mut dana = desk(&server, "dana").await;
        let incident = dana.opens("HIGH").await;
        let upload = format!("/api/v1/incidents/{incident}/images/upload");
        for (bytes, wanted) in [
            (b"<svg onload=alert(1)>".to_vec(), 400),
            (b"%PDF-1.7\n".to_vec(), 400),
            (png(400, 400), 413),
        ] {
            let form = Form::default().file("file", "x.png", &bytes);
            let (status, no) = sends(&server, Some(&dana.person), &upload, form).await;
            assert_eq!(status, wanted, "{no}");
            assert_eq!(no["error"]["field"], "body", "{no}");
        }
        let (status, no) = sends(&server, Some(&dana.person), &upload, Form::default()).await;
        assert_eq!(status, 400, "{no}");
        let three =
            (0..3).fold(Form::default(), |form, _| form.file("file", "door.png", &png(20, 20)));
        let (status, no) = sends(&server, Some(&dana.person), &upload, three).await;
        assert_eq!((status, &no["error"]["code"]), (409, &json!("conflict")), "{no}");
        // By a socket: a file that one has uploaded, and none of somebody else's.
        let sent = dana.person.fetches(("POST", "/api/v1/attachments"), &[], png(20, 20)).await;
        let file = answer(sent).await.1;
        let omar = server.person_as("omar", Role::Dispatcher).await;
        let other = dana.opens("LOW").await;
        let data = json!({"incident": other, "attachment": file["id"]});
        let no = is_refused(&mut omar.connects().await, "incident.image", data.clone()).await;
        assert_eq!(no["field"], "data.attachment", "{no}");
        let added = does(&mut dana.socket, "incident.image", data.clone()).await;
        assert_eq!(rest(&dana.person, "GET", &text(&added["url"]), None).await.0, 200);
        let again = dana.is_refused("incident.image", data).await;
        assert_eq!(again["field"], "data.attachment", "held already: {again}");
        // What an incident holds is read at the incident alone.
        assert_eq!(rest(&dana.person, "GET", &text(&file["url"]), None).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_can_ask_for_help_and_every_dispatcher_sees_it_with_its_pictures() {
    each(&[], async |server| {
        let mut dana = desk(&server, "dana").await;
        let form = help().file("images", "smoke.png", &png(60, 40));
        let (status, taken) = sends(&server, None, FORM, form).await;
        assert_eq!(status, 201, "{taken}");
        assert!(taken["id"].is_null(), "inner ids are not for the public: {taken}");
        let heard = dana.socket.hears("incident.opened").await;
        let view = &heard["data"]["incident"];
        assert_eq!(view["call_id"], taken["call_id"]);
        assert_eq!((&view["priority"], &view["status"]), (&json!("MEDIUM"), &json!("RECEIVED")));
        assert_eq!(
            (&view["caller_phone"], &view["patient"]["age"]),
            (&json!("076000001"), &json!(61))
        );
        let url = text(&view["images"][0]["url"]);
        assert_eq!(dana.person.fetches(("GET", &url), &[], "").await.status(), 200);
        assert_eq!(asks(server.address, None, "GET", &url, None).await.status, 401);
        let plain = json!({"caller_name": "Isatu", "caller_phone": "+23276000001",
            "incident_type": "MEDICAL", "description": "a fall", "address": "here"});
        let answered = asks(server.address, None, "POST", FORM, Some(&plain)).await;
        assert_eq!(answered.status, 201, "{}", answered.body);
        for (field, value) in [
            ("caller_name", json!(" ")),
            ("caller_phone", json!("call me")),
            ("incident_type", json!("FLOOD")),
            ("description", Value::Null),
            ("address", json!("x".repeat(201))),
            ("latitude", json!(91)),
        ] {
            let mut bad = plain.clone();
            bad[field] = value;
            if field == "latitude" {
                bad["longitude"] = json!(1);
            }
            let no = asks(server.address, None, "POST", FORM, Some(&bad)).await;
            assert_eq!(
                (no.status, &no.body["error"]["field"]),
                (400, &json!(field)),
                "{}",
                no.body
            );
        }
        let form = help().file("images", "x.png", b"#!/bin/sh");
        assert_eq!(sends(&server, None, FORM, form).await.0, 400);
        let six = (0..6).fold(help(), |form, _| form.file("images", "door.png", &png(9, 9)));
        assert_eq!(sends(&server, None, FORM, six).await.0, 400);
        let board = expect(&dana.person, 200, ("GET", "/api/v1/board"), None).await;
        assert_eq!(board["incidents"].as_array().unwrap().len(), 2, "what was refused opened none");
    })
    .await;
}

#[tokio::test]
async fn an_address_may_ask_for_help_so_often_and_is_told_how_long_to_wait() {
    let settings = [("public_forms", "2"), ("public_form_window", "1h")];
    each(&settings, async |server| {
        let before = alarms_unheard();
        for _ in 0..2 {
            assert_eq!(sends(&server, None, FORM, help()).await.0, 201);
        }
        assert!(alarms_unheard() >= before + 2, "no dispatcher looks at a board");
        let (status, no) = sends(&server, None, FORM, help()).await;
        assert_eq!((status, &no["error"]["code"]), (429, &json!("rate_limited")));
        assert!(no["error"]["retry_after_ms"].as_u64().unwrap() > 0);
    })
    .await;
}
