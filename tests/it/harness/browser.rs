//! Headless Chromium, driven over its own debugging socket.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::engines::variable;

/// How long a browser may take for anything; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    // Two browsers on one machine find each other by its own addresses.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
    "about:blank",
];

/// One Chromium with one page.
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Value,
    calls: u64,
    _child: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium; `None`, said loudly, where it is not installed and need not be.
    pub async fn open() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let spawned = NAMES.iter().find_map(|name| {
            Command::new(name)
                .arg(&data)
                .args(FLAGS)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .ok()
        });
        let Some(mut child) = spawned else {
            let must = variable("REQUIRE_ENGINES").is_some_and(|value| value == "1");
            assert!(!must, "Chromium is not installed: install the Debian package `chromium`");
            eprintln!("LEFT OUT: no Chromium (apt-get install chromium); no browser story is told");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    return address.to_owned();
                }
            }
            panic!("Chromium ended before it listened");
        });
        let address = address.await.expect("Chromium listens in time");
        // Whatever else it says must be read, or it would wait for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let mut browser =
            Self { socket, session: Value::Null, calls: 0, _child: child, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let wanted = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", wanted).await["sessionId"].take();
        browser.call("Page.enable", json!({})).await;
        Some(browser)
    }

    /// Opens a page of the server and waits until it is loaded.
    pub async fn visits(&mut self, server: SocketAddr, path: &str) {
        self.visits_url(&format!("http://{server}{path}")).await;
    }

    /// Opens any page and waits until it is loaded.
    pub async fn visits_url(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
        let loaded = "new Promise(done => document.readyState === 'complete' ? done(true) \
                      : addEventListener('load', () => done(true)))";
        self.runs(loaded).await;
    }

    /// Runs a script in the page and waits for the value of its promise.
    pub async fn runs(&mut self, script: &str) -> Value {
        let wanted = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", wanted).await;
        assert!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut request = json!({"id": id, "method": method, "params": params});
        if !self.session.is_null() {
            request["sessionId"] = self.session.clone();
        }
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        let answered = tokio::time::timeout(PATIENCE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                let Message::Text(text) = message else { continue };
                let mut answer: Value = serde_json::from_str(&text).unwrap();
                if answer["id"] == id {
                    assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                    return answer["result"].take();
                }
            }
            panic!("Chromium went away during {method}");
        });
        answered.await.unwrap_or_else(|_| panic!("Chromium does not answer {method}"))
    }
}
