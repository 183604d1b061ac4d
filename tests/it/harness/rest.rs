//! REST as a person or a service asks it.

use std::net::SocketAddr;

use reqwest::{Client, Method};
use serde_json::Value;

use super::people::Person;

/// What a request was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: u16,
    /// The JSON of the body; null when it is empty, its text when it is not JSON.
    pub body: Value,
}

/// Asks with an `Authorization` header, or with none.
pub async fn asks(
    server: SocketAddr,
    authorization: Option<&str>,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answered {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Client::new().request(method, format!("http://{server}{path}"));
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    Answered { status, body }
}

impl Person {
    /// Asks as this person, by their access token.
    pub async fn rest(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let bearer = format!("Bearer {}", self.token);
        asks(self.server, Some(&bearer), method, path, body).await
    }

    /// Asks and must be answered with this status; returns the body.
    pub async fn gets(&self, status: u16, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answered = self.rest(method, path, body).await;
        assert_eq!(answered.status, status, "{method} {path}: {}", answered.body);
        answered.body
    }
}

/// Asks by REST with a person's access token; the body is JSON when there is one.
pub async fn rest(who: &Person, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let answered = who.rest(method, path, body.as_ref()).await;
    (answered.status, answered.body)
}

/// The same, answered with this status.
pub async fn expect(
    who: &Person,
    status: u16,
    (method, path): (&str, &str),
    body: Option<Value>,
) -> Value {
    who.gets(status, method, path, body.as_ref()).await
}
