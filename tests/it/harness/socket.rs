//! A well-behaved client's socket: asks, hears, and notes how it ended.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long anything may take before a story fails. Generous: machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The code of the close frame; none when there was no such frame.
    pub code: Option<u16>,
    pub reason: String,
}

/// One open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Frames passed over while waiting for another.
    passed: VecDeque<Value>,
    ended: Option<Ended>,
    asked: u64,
    /// The subprotocol the server chose.
    pub protocol: Option<String>,
}

impl Socket {
    /// Opens a socket with these headers; panics unless the answer is 101.
    pub async fn open(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = format!("ws://{server}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(server).await.unwrap();
        let opening = tokio_tungstenite::client_async(request, stream);
        let (stream, response) = tokio::time::timeout(PATIENCE, opening)
            .await
            .expect("an answer to the handshake in time")
            .unwrap_or_else(|fault| panic!("{path} was not upgraded: {fault}"));
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
        Self { stream, passed: VecDeque::new(), ended: None, asked: 0, protocol }
    }

    /// The status with which a handshake is refused before there is a socket.
    pub async fn refused(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = format!("ws://{server}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(server).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("{path} was not refused: {:?}", other.map(|_| ())),
        }
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            let read = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match read.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(text.as_str()).unwrap());
                }
                Some(Ok(Message::Close(frame))) => {
                    self.ended.get_or_insert(match frame {
                        Some(CloseFrame { code, reason }) => {
                            Ended { code: Some(code.into()), reason: reason.as_str().to_owned() }
                        }
                        None => Ended { code: None, reason: "no code".to_owned() },
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.ended.get_or_insert(Ended { code: None, reason: "cut".to_owned() });
                    return None;
                }
            }
        }
    }

    /// The next frame, whatever it is; none once the socket has ended.
    pub async fn next(&mut self) -> Option<Value> {
        match self.passed.pop_front() {
            Some(frame) => Some(frame),
            None => self.read().await,
        }
    }

    /// The first frame, old or new, for which `wanted` holds; the others stay for later.
    pub async fn hears_that(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.passed.iter().position(&wanted) {
            return self.passed.remove(index).unwrap();
        }
        loop {
            let Some(frame) = self.read().await else {
                panic!("the socket ended with {:?} before {what}", self.ended);
            };
            if wanted(&frame) {
                return frame;
            }
            self.passed.push_back(frame);
        }
    }

    /// The first frame of this type.
    pub async fn hears(&mut self, kind: &str) -> Value {
        self.hears_that(kind, |frame| frame["type"] == kind).await
    }

    /// The first `message.new` with this text.
    pub async fn hears_message(&mut self, content: &str) -> Value {
        let wanted =
            |frame: &Value| frame["type"] == "message.new" && frame["data"]["content"] == content;
        self.hears_that(content, wanted).await
    }

    /// Frames of this type that have come so far and were not asked for.
    pub fn overheard(&self, kind: &str) -> Vec<Value> {
        self.passed.iter().filter(|frame| frame["type"] == kind).cloned().collect()
    }

    /// All frames that have come so far and were not asked for.
    pub fn unheard(&self) -> Vec<Value> {
        self.passed.iter().cloned().collect()
    }

    /// Forgets what was passed over.
    pub fn forgets(&mut self) {
        self.passed.clear();
    }

    /// Sends a text frame; whether the connection still took it.
    pub async fn tries_to_send(&mut self, text: &str) -> bool {
        self.stream.send(Message::text(text)).await.is_ok()
    }

    /// Sends a text frame as it is.
    pub async fn sends_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends a binary frame.
    pub async fn sends_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// Sends a request and returns its `ref`.
    pub async fn sends(&mut self, kind: &str, topic: Option<&str>, data: Value) -> String {
        self.asked += 1;
        let reference = format!("r{}", self.asked);
        let mut frame = json!({"type": kind, "ref": reference, "data": data});
        if let Some(topic) = topic {
            frame["topic"] = json!(topic);
        }
        self.sends_text(&frame.to_string()).await;
        reference
    }

    /// The whole reply, `ok` or `error`, to the request with this `ref`.
    pub async fn answer_to(&mut self, reference: &str) -> Value {
        self.hears_that("a reply", |frame| frame["ref"] == reference).await
    }

    /// Sends a request and returns its whole reply.
    pub async fn asks(&mut self, kind: &str, topic: Option<&str>, data: Value) -> Value {
        let reference = self.sends(kind, topic, data).await;
        self.answer_to(&reference).await
    }

    /// Sends a request on a topic that must be granted; returns the `data` of the `ok`.
    pub async fn does(&mut self, kind: &str, topic: &str, data: Value) -> Value {
        let reply = self.asks(kind, Some(topic), data).await;
        assert_eq!(reply["type"], "ok", "{kind} on {topic}: {reply}");
        reply["data"].clone()
    }

    /// Sends a request on a topic that must be refused; returns the error frame.
    pub async fn is_refused(&mut self, kind: &str, topic: &str, data: Value) -> Value {
        let reply = self.asks(kind, Some(topic), data).await;
        assert_eq!(reply["type"], "error", "{kind} on {topic}: {reply}");
        reply
    }

    /// Subscribes from nothing and waits until live; returns the `data` of the reply.
    pub async fn joins(&mut self, topic: &str) -> Value {
        self.joins_with(topic, json!({})).await
    }

    /// Subscribes with this wish and waits until live; missed events stay to be heard.
    pub async fn joins_with(&mut self, topic: &str, wish: Value) -> Value {
        let joined = self.does("subscribe", topic, wish).await;
        self.hears("live").await;
        joined
    }

    /// Sends a message that must be accepted; returns `id` and `seq`.
    pub async fn says(&mut self, topic: &str, content: &str) -> Value {
        self.does("message.send", topic, json!({"content": content})).await
    }

    /// Opens a named room with these members; returns its topic.
    pub async fn opens_room(&mut self, name: &str, members: &[&super::people::Person]) -> String {
        let members: Vec<String> = members.iter().map(|member| member.id.0.to_string()).collect();
        let data = json!({"kind": "room", "name": name, "members": members});
        let reply = self.asks("conversation.create", None, data).await;
        assert_eq!(reply["type"], "ok", "{reply}");
        reply["data"]["topic"].as_str().unwrap().to_owned()
    }

    /// Waits until the server has closed; returns how.
    pub async fn ends(&mut self) -> Ended {
        while let Some(frame) = self.read().await {
            self.passed.push_back(frame);
        }
        self.ended.clone().unwrap()
    }

    /// Asserts that the socket is still served.
    pub async fn is_served(&mut self) {
        self.sends_text(r#"{"type":"ping"}"#).await;
        self.hears("pong").await;
    }

    /// Goes away politely and waits for the end.
    pub async fn leaves(mut self) {
        self.stream.close(None).await.unwrap();
        self.ends().await;
    }

    /// Closes with a code of the client's choice.
    pub async fn closes(&mut self, code: u16) -> Ended {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.stream.send(Message::Close(Some(frame))).await.unwrap();
        self.ends().await
    }
}

/// Tries until it holds; fails the story when it does not in time.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let trying = async {
        loop {
            again.tick().await;
            if holds().await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap_or_else(|_| panic!("never: {what}"));
}
