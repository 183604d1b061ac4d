//! Files: uploaded at once or in pieces, sent with messages, read by those who may, removed when
//! nothing keeps them.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchboard::actors::attachments::sweep;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::child::{Child, enroll};
use crate::harness::engines::{Database, execute};
use crate::harness::people::Person;
use crate::harness::picture::png;
use crate::harness::server::Server;
use crate::harness::socket::until;
use crate::harness::web::answer;

const FLAT_BYTES: u64 = 20 << 20;
const BINARY: &[(&str, &str)] = &[("content-type", "application/octet-stream")];

/// A server whose files are in a folder of the story's own.
async fn start_on(database: Database, more: &[(&str, &str)]) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("files").display());
    let mut settings = vec![("attachments_url", url.as_str())];
    settings.extend_from_slice(more);
    (Server::start_on(database, &settings).await, folder)
}

async fn start(more: &[(&str, &str)]) -> (Server, TempDir) {
    start_on(Database::sqlite(), more).await
}

/// How many files are in a folder, those below among them.
fn files_in(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: std::path::PathBuf| if path.is_dir() { files_in(&path) } else { 1 };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Person {
    /// Uploads a file at once; what the server says of it.
    async fn uploads(&self, name: &str, bytes: &[u8]) -> Value {
        let path = format!("/api/v1/attachments?name={name}");
        let sent = self.fetches(("POST", &path), BINARY, bytes.to_vec()).await;
        let (status, file) = answer(sent).await;
        assert_eq!(status, 201, "{file}");
        file
    }

    async fn status_of(&self, path: &str) -> u16 {
        self.asks("GET", path, None).await.0
    }
}

fn url(file: &Value) -> String {
    file["url"].as_str().unwrap().to_owned()
}

async fn a_picture_makes_its_way(database: Database) {
    let (server, folder) = start_on(database, &[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = ada_1.opens_room("general", &[&bob]).await;
    bob_1.joins(&room).await;
    let bytes = png(900, 600);
    let file = ada.uploads("roof.png", &bytes).await;
    assert_eq!((&file["name"], &file["content_type"]), (&json!("roof.png"), &json!("image/png")));
    assert_eq!((&file["width"], &file["height"]), (&json!(900), &json!(600)));
    assert_eq!((&file["size"], &file["sha256"]), (&json!(bytes.len()), &json!(sha256(&bytes))));
    // Not sent yet: for its uploader alone.
    assert_eq!(ada.status_of(&url(&file)).await, 200);
    assert_eq!(bob.status_of(&url(&file)).await, 404);
    let send = json!({"content": "", "attachments": [file["id"]]});
    ada_1.does("message.send", &room, send).await;
    let told = bob_1.hears("message.new").await;
    assert_eq!(told["data"]["attachments"], json!([file]));
    let page = bob.asks("GET", "/api/v1/conversations/general/messages", None).await.1;
    let sent = page["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(sent["attachments"], json!([file]));
    let mut bob_2 = bob.connects().await;
    let before = told["seq"].as_i64().unwrap() - 1;
    bob_2.joins_with(&room, json!({"after": before})).await;
    assert_eq!(bob_2.hears("message.new").await["data"]["attachments"], json!([file]));

    let got = bob.fetches(("GET", &url(&file)), &[], "").await;
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.headers()["x-content-type-options"], "nosniff");
    assert!(got.headers()["content-disposition"].to_str().unwrap().starts_with("inline"));
    assert_eq!(got.bytes().await.unwrap(), bytes);
    let small = file["thumbnail_url"].as_str().unwrap();
    let got = bob.fetches(("GET", small), &[], "").await;
    assert_eq!(got.headers()["content-type"], "image/jpeg");
    let small_picture = image::load_from_memory(&got.bytes().await.unwrap()).unwrap();
    assert_eq!((small_picture.width(), small_picture.height()), (320, 213));
    // Who is not of the conversation cannot tell that there is a file.
    for path in [&url(&file), small] {
        assert_eq!(carol.status_of(path).await, 404);
    }
    ada_1.does("member.remove", &room, json!({"user": bob.id})).await;
    assert_eq!(bob.status_of(&url(&file)).await, 404, "no longer of it");
    ada_1.does("message.delete", &room, json!({"id": sent["id"]})).await;
    assert_eq!(ada.status_of(&url(&file)).await, 404, "gone with its message, at once");
    assert_eq!(files_in(folder.path()), 2);
    sweep(&server.house).await.unwrap();
    assert_eq!(files_in(folder.path()), 0, "and its objects with the next sweep");
    let page = ada.asks("GET", "/api/v1/conversations/general/messages", None).await.1;
    let last = page["messages"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["deleted"], last.get("attachments")), (&json!(true), None));
}

#[tokio::test]
async fn a_picture_is_uploaded_sent_read_by_members_alone_and_goes_with_its_message() {
    a_picture_makes_its_way(Database::sqlite()).await;
}

#[tokio::test]
async fn on_postgres_a_picture_is_uploaded_sent_read_by_members_alone_and_goes_too() {
    if let Some(database) = Database::postgres() {
        a_picture_makes_its_way(database).await;
    }
}

#[tokio::test]
async fn what_a_file_is_its_bytes_say_and_what_could_run_is_handed_out_to_be_saved() {
    let (server, _folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let page = b"<!DOCTYPE html><script>alert(document.cookie)</script>";
    let declared = [("content-type", "image/png")];
    let sent = ada.fetches(("POST", "/api/v1/attachments?name=a.png"), &declared, &page[..]).await;
    let (status, file) = answer(sent).await;
    assert_eq!((status, &file["content_type"]), (201, &json!("text/html")));
    assert_eq!(file.get("thumbnail_url"), None);
    let got = ada.fetches(("GET", &url(&file)), &[], "").await;
    let header = |name: &str| got.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-disposition").starts_with("attachment;"));
    assert!(header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let got = ada.fetches(("GET", &format!("{}/nothing", url(&file))), &[], "").await;
    assert_eq!(got.status(), 404);
    // A name is shown as it is and cannot break out of its header.
    let named = ada.uploads("%22%0d%0aSet-Cookie:%20x%3d1;%20gr%C3%BC%C3%9Fe.txt", b"hello").await;
    assert_eq!(named["name"], "\"Set-Cookie: x=1; grüße.txt");
    let got = ada.fetches(("GET", &url(&named)), &[], "").await;
    assert_eq!(got.headers()["content-type"], "text/plain; charset=utf-8");
    assert!(!got.headers().contains_key("set-cookie"));
    let shown = got.headers()["content-disposition"].to_str().unwrap();
    assert!(shown.contains("filename*=UTF-8''%22Set%2DCookie"), "{shown}");
}

#[tokio::test]
async fn a_range_is_given_and_who_has_a_file_is_not_sent_it_again() {
    let (server, _folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 253) as u8).collect();
    let file = ada.uploads("numbers", &bytes).await;
    let (path, get) = (url(&file), "GET");
    let whole = ada.fetches((get, &path), &[], "").await;
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["cache-control"], "private, no-cache");
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = ada.fetches((get, &path), &[("range", "bytes=200000-299998")], "").await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 200000-299998/300000");
    assert_eq!(part.bytes().await.unwrap(), bytes[200_000..299_999]);
    let last = ada.fetches((get, &path), &[("range", "bytes=-5")], "").await;
    assert_eq!(last.bytes().await.unwrap(), bytes[299_995..]);
    let beyond = ada.fetches((get, &path), &[("range", "bytes=300000-")], "").await;
    assert_eq!(beyond.headers()["content-range"], "bytes */300000");
    let (status, error) = answer(beyond).await;
    assert_eq!((status, &error["error"]["field"]), (416, &json!("Range")));
    let known = ada.fetches((get, &path), &[("if-none-match", &etag)], "").await;
    assert_eq!(known.status(), 304);
    assert_eq!(known.bytes().await.unwrap().len(), 0);
    let stale = [("range", "bytes=0-1"), ("if-range", "\"another\"")];
    assert_eq!(ada.fetches((get, &path), &stale, "").await.status(), 200);
}

#[tokio::test]
async fn an_upload_that_is_cut_goes_on_from_what_is_here() {
    let (server, folder) = start(&[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 249) as u8).collect();
    let start = json!({"name": "big.bin", "size": bytes.len(), "sha256": sha256(&bytes)});
    let (status, upload) = ada.asks("POST", "/api/v1/uploads", Some(start)).await;
    assert_eq!((status, &upload["received"]), (201, &json!(0)));
    let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    assert_eq!(bob.status_of(&path).await, 404, "another's");
    let head = format!("PATCH {path} HTTP/1.1\r\nUpload-Offset: 0\r\nContent-Length: 1000000");
    let stream = ada.begins(server.address, &head, &bytes[..400_000]).await;
    drop(stream);
    let received = async || ada.asks("GET", &path, None).await.1["received"].as_i64().unwrap();
    until("what was brought is kept", async || received().await > 0).await;
    let here = usize::try_from(received().await).unwrap();
    assert!(here <= 400_000);
    let elsewhere = [("upload-offset", "7")];
    let (status, error) =
        answer(ada.fetches(("PATCH", &path), &elsewhere, bytes[7..].to_vec()).await).await;
    assert_eq!((status, &error["error"]["field"]), (409, &json!("Upload-Offset")));
    let middle = here + 100_000;
    let at = here.to_string();
    let more = bytes[here..middle].to_vec();
    let (status, upload) =
        answer(ada.fetches(("PATCH", &path), &[("upload-offset", &at)], more).await).await;
    assert_eq!((status, &upload["received"]), (200, &json!(middle)));
    assert_eq!(upload.get("attachment"), None);
    let at = middle.to_string();
    let rest = bytes[middle..].to_vec();
    let (status, upload) =
        answer(ada.fetches(("PATCH", &path), &[("upload-offset", &at)], rest).await).await;
    assert_eq!(status, 200, "{upload}");
    let file = &upload["attachment"];
    assert_eq!((&file["id"], &file["sha256"]), (&upload["id"], &json!(sha256(&bytes))));
    let got = ada.fetches(("GET", &url(file)), &[], "").await.bytes().await.unwrap();
    assert_eq!(got, bytes);
    assert_eq!(files_in(folder.path()), 1, "the pieces are gone");
}

#[tokio::test]
async fn an_upload_in_one_piece_may_wait_for_its_end_and_a_wrong_checksum_is_refused() {
    let (server, folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let bytes = png(400, 300);
    let wrong = json!({"name": "a.png", "size": bytes.len(), "sha256": "0".repeat(64)});
    for (start, status) in [(json!({"name": "a.png", "size": bytes.len()}), 200), (wrong, 400)] {
        let upload = ada.asks("POST", "/api/v1/uploads", Some(start)).await.1;
        let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
        let at = [("upload-offset", "0")];
        let (got, told) = answer(ada.fetches(("PATCH", &path), &at, bytes.clone()).await).await;
        assert_eq!(got, status, "{told}");
        if status == 200 {
            assert_eq!(told["attachment"]["width"], 400);
            // A repeat after a lost answer is told the same.
            let at = [("upload-offset", told["received"].to_string())];
            let at = [(at[0].0, at[0].1.as_str())];
            let again = answer(ada.fetches(("PATCH", &path), &at, "").await).await;
            assert_eq!(again, (200, told));
        } else {
            assert_eq!(told["error"]["field"], "sha256");
            assert_eq!(ada.status_of(&path).await, 404);
        }
    }
    assert_eq!(files_in(folder.path()), 2, "one file and its small picture");
}

#[tokio::test]
async fn an_upload_that_is_cut_or_given_up_leaves_nothing() {
    let (server, folder) = start(&[("upload_stall", "200ms")]).await;
    let ada = server.person("ada").await;
    let head = "POST /api/v1/attachments HTTP/1.1\r\nContent-Length: 900000";
    let stream = ada.begins(server.address, head, &vec![1; 600_000]).await;
    until("it comes", async || files_in(folder.path()) > 0).await;
    drop(stream);
    until("what came is removed", async || files_in(folder.path()) == 0).await;
    // One that brings nothing is cut.
    let mut stream = ada.begins(server.address, head, &[1; 1_000]).await;
    let mut answered = Vec::new();
    stream.read_to_end(&mut answered).await.unwrap();
    let answered = String::from_utf8_lossy(&answered).into_owned();
    assert!(answered.starts_with("HTTP/1.1 400") && answered.contains("cut short"), "{answered}");
    until("what came is removed", async || files_in(folder.path()) == 0).await;
    let start = json!({"name": "a", "size": 10});
    let upload = ada.asks("POST", "/api/v1/uploads", Some(start)).await.1;
    let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    ada.fetches(("PATCH", &path), &[("upload-offset", "0")], "half!").await;
    assert_eq!(files_in(folder.path()), 1);
    assert_eq!(ada.asks("DELETE", &path, None).await.0, 204);
    assert_eq!(ada.status_of(&path).await, 404);
    assert_eq!(files_in(folder.path()), 0);
}

#[tokio::test]
async fn limits_of_size_type_and_room_are_named() {
    let (server, folder) = start(&[
        ("attachment_max_size", "100KiB"),
        ("uploads_waiting_size", "150KiB"),
        ("attachment_types", "image/*,text/plain"),
        ("attachments_per_message", "2"),
    ])
    .await;
    let ada = server.person("ada").await;
    let refused = async |bytes: Vec<u8>| {
        let sent = ada.fetches(("POST", "/api/v1/attachments"), BINARY, bytes).await;
        let (status, error) = answer(sent).await;
        (status, error["error"]["field"].clone(), error["error"]["rule"].clone())
    };
    let (status, field, rule) = refused(vec![b'x'; 102_401]).await;
    assert_eq!((status, field, rule), (413, json!("body"), json!("at most 102400 bytes")));
    // Chunked: its size is not known beforehand.
    let head = "POST /api/v1/attachments HTTP/1.1\r\nTransfer-Encoding: chunked";
    let mut stream = ada.begins(server.address, head, b"").await;
    for _ in 0..3 {
        let _ = stream
            .write_all(format!("{:x}\r\n{}\r\n", 50_000, "x".repeat(50_000)).as_bytes())
            .await;
    }
    let mut answered = [0; 12];
    stream.read_exact(&mut answered).await.unwrap();
    assert_eq!(&answered, b"HTTP/1.1 413");
    let (status, field, rule) = refused(b"%PDF-1.7\n".to_vec()).await;
    assert_eq!((status, field), (400, json!("body")));
    assert!(rule.as_str().unwrap().contains("application/pdf"), "{rule}");
    assert_eq!(refused(Vec::new()).await.0, 400);
    until("nothing of them is kept", async || files_in(folder.path()) == 0).await;
    let first = ada.uploads("a.txt", &[b'x'; 90_000]).await;
    let (status, field, _) = refused(vec![b'x'; 90_000]).await;
    assert_eq!((status, field), (413, json!("size")), "too much waits to be sent");
    let announced = json!({"name": "a", "size": 200_000});
    assert_eq!(ada.asks("POST", "/api/v1/uploads", Some(announced)).await.0, 413);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[]).await;
    for files in [json!([first["id"], first["id"]]), json!([1, 2, 3])] {
        let send = json!({"content": "hello", "attachments": files});
        let refusal = ada_1.is_refused("message.send", &room, send).await;
        assert_eq!(refusal["field"], "data.attachments");
    }
    ada_1.does("message.send", &room, json!({"content": "", "attachments": [first["id"]]})).await;
    assert_eq!(refused(vec![b'x'; 90_000]).await.0, 201, "what was sent waits no more");
}

#[tokio::test]
async fn only_ones_own_files_that_are_here_whole_can_be_sent_and_only_once() {
    let (server, _folder) = start(&[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[&bob]).await;
    let (mine, theirs) = (ada.uploads("a", b"mine").await, bob.uploads("b", b"theirs").await);
    let start = json!({"name": "c", "size": 10});
    let arriving = ada.asks("POST", "/api/v1/uploads", Some(start)).await.1;
    for wrong in [&theirs["id"], &arriving["id"], &json!("999")] {
        let send = json!({"content": "x", "attachments": [mine["id"], wrong]});
        let refusal = ada_1.is_refused("message.send", &room, send).await;
        assert_eq!(refusal["field"], "data.attachments");
    }
    let send = json!({"content": "x", "attachments": [mine["id"]], "client_id": "c1"});
    let first = ada_1.does("message.send", &room, send.clone()).await;
    let again = ada_1.does("message.send", &room, send).await;
    assert_eq!(first, again, "a repeat gets the first answer");
    for client_id in [json!("c2"), Value::Null] {
        let send = json!({"content": "x", "attachments": [mine["id"]], "client_id": client_id});
        ada_1.is_refused("message.send", &room, send).await;
    }
    let blank = json!({"content": " ", "attachments": []});
    assert_eq!(ada_1.is_refused("message.send", &room, blank).await["field"], "data.content");
    assert_eq!(ada.asks("DELETE", "/api/v1/attachments/1", None).await.0, 404, "it was sent");
    let free = format!("/api/v1/attachments/{}", theirs["id"].as_str().unwrap());
    assert_eq!(ada.asks("DELETE", &free, None).await.0, 404, "another's");
    assert_eq!(bob.asks("DELETE", &free, None).await.0, 204);
}

#[tokio::test]
async fn a_form_brings_a_file_as_browsers_send_it() {
    let (server, folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let picture = png(20, 10);
    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (disposition, bytes) in parts {
            let head = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--\r\n");
        body
    };
    let kind = [("content-type", "multipart/form-data; boundary=b")];
    let post = ("POST", "/api/v1/attachments");
    let parts: &[(&str, &[u8])] =
        &[("name=\"note\"", b"hello"), ("name=\"file\"; filename=\"p.png\"", &picture)];
    let (status, file) = answer(ada.fetches(post, &kind, form(parts)).await).await;
    assert_eq!((status, &file["name"], &file["width"]), (201, &json!("p.png"), &json!(20)));
    let two: &[(&str, &[u8])] =
        &[("name=\"f\"; filename=\"1\"", b"one"), ("name=\"g\"; filename=\"2\"", b"two")];
    let (status, error) = answer(ada.fetches(post, &kind, form(two)).await).await;
    assert_eq!((status, &error["error"]["field"]), (400, &json!("g")));
    let none = form(&[("name=\"note\"", b"hello")]);
    let (status, error) = answer(ada.fetches(post, &kind, none).await).await;
    assert_eq!((status, &error["error"]["field"]), (400, &json!("file")));
    let mut cut = form(parts);
    cut.truncate(cut.len() - 12);
    assert_eq!(answer(ada.fetches(post, &kind, cut).await).await.0, 400);
    until("nothing else is kept", async || files_in(folder.path()) == 1).await;
}

#[tokio::test]
async fn what_was_never_sent_is_removed_after_its_time_and_a_crash_leaves_nothing_behind() {
    let (server, folder) = start(&[("uploads_keep", "10ms")]).await;
    let ada = server.person("ada").await;
    let mut ada_1 = ada.connects().await;
    let room = ada_1.opens_room("general", &[]).await;
    let sent = ada.uploads("kept.txt", b"kept").await;
    ada_1.does("message.send", &room, json!({"content": "", "attachments": [sent["id"]]})).await;
    ada.uploads("never-sent.txt", b"never sent").await;
    let upload = json!({"name": "half.txt", "size": 10});
    let upload = ada.asks("POST", "/api/v1/uploads", Some(upload)).await.1;
    let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    ada.fetches(("PATCH", &path), &[("upload-offset", "0")], "half!").await;
    // As a crash leaves it: a row whose object never came, and one whose object went already.
    let lost = ada.uploads("lost.txt", b"lost").await;
    let id = lost["id"].as_str().unwrap().parse().unwrap();
    let row =
        server.reads(move |conn| Ok(switchboard::models::attachment::by_id(conn, id)?.unwrap()));
    server.house.objects.remove(&row.await.object_key).await.unwrap();
    assert_eq!(files_in(folder.path()), 3);
    until("only what was sent is left", async || {
        sweep(&server.house).await.unwrap();
        files_in(folder.path()) == 1
    })
    .await;
    assert_eq!(ada.status_of(&url(&sent)).await, 200);
    assert_eq!(ada.status_of(&path).await, 404);
    assert_eq!(ada.status_of(&url(&lost)).await, 404);
}

#[tokio::test]
async fn an_upload_of_100_mb_keeps_memory_flat_both_ways() {
    let database = Database::sqlite();
    let ada = enroll(&database, &["ada"]).remove(0);
    let child = Child::start(&database, &[]);
    let ada = ada.at(child.address);
    ada.uploads("warm-up", &vec![7; 1_000_000]).await;
    let before = child.resident_bytes();
    let piece = vec![9_u8; 1 << 20];
    let head =
        "POST /api/v1/attachments HTTP/1.1\r\nConnection: close\r\nContent-Length: 104857600";
    let mut stream = ada.begins(child.address, head, &piece).await;
    let mut most = 0;
    for _ in 1..100 {
        stream.write_all(&piece).await.unwrap();
        most = most.max(child.resident_bytes());
    }
    let mut answered = String::new();
    stream.read_to_string(&mut answered).await.unwrap();
    assert!(answered.starts_with("HTTP/1.1 201"), "{answered}");
    let file: Value = serde_json::from_str(answered.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let mut got = ada.fetches(("GET", &url(&file)), &[], "").await;
    let mut bytes = 0;
    while let Some(piece) = got.chunk().await.unwrap() {
        bytes += piece.len();
        most = most.max(child.resident_bytes());
    }
    assert_eq!(bytes, 104_857_600);
    let growth = most.saturating_sub(before);
    assert!(growth < FLAT_BYTES, "memory grew by {growth} bytes");
}

/// An upload whose first four bytes of ten are here.
async fn begun(ada: &Person, bytes: &[u8]) -> (String, String) {
    let start = json!({"name": "a.txt", "size": bytes.len()});
    let upload = ada.asks("POST", "/api/v1/uploads", Some(start)).await.1;
    let id = upload["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/uploads/{id}");
    let at = [("upload-offset", "0")];
    let sent = ada.fetches(("PATCH", &path), &at, bytes[..4].to_vec()).await;
    assert_eq!(answer(sent).await.0, 200);
    (id, path)
}

#[tokio::test]
async fn pieces_that_do_not_add_up_are_joined_by_nobody() {
    let (server, folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let (id, path) = begun(&ada, b"0123456789").await;
    // As a repeat of the last request finds it, while the first has put some pieces away.
    let all = format!("UPDATE attachments SET received_bytes = 10 WHERE id = {id}");
    server.writes(move |conn| Ok(execute(conn, &all)?)).await;
    let at = [("upload-offset", "10")];
    let (status, told) = answer(ada.fetches(("PATCH", &path), &at, "").await).await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("conflict")), "{told}");
    assert_eq!(files_in(folder.path()), 1, "nothing but the piece");
}

#[tokio::test]
async fn an_upload_that_is_given_up_while_it_is_joined_leaves_nothing() {
    let (server, folder) = start(&[]).await;
    let ada = server.person("ada").await;
    let bytes = png(700, 500);
    for _ in 0..12 {
        let (_, path) = begun(&ada, &bytes).await;
        let at = [("upload-offset", "4")];
        let (_sent, _gone) = tokio::join!(
            ada.fetches(("PATCH", &path), &at, bytes[4..].to_vec()),
            ada.asks("DELETE", &path, None),
        );
        ada.asks("DELETE", &path, None).await;
    }
    until("nothing is left", async || {
        sweep(&server.house).await.unwrap();
        files_in(folder.path()) == 0
    })
    .await;
}
