//! A plain HTTP client that shows one credential and keeps what it got as JSON.

use std::net::SocketAddr;

use reqwest::{Client, Method, Response};
use serde_json::Value;

use super::people::Person;

/// What stands between the parts of a form.
const BOUNDARY: &str = "one-part-and-the-next";

/// What was answered, with this status.
async fn read(response: Response, status: u16, asked: &str) -> Value {
    let (got, text) = (response.status().as_u16(), response.text().await.unwrap());
    assert_eq!(got, status, "{asked}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A client of one server.
#[derive(Clone)]
pub struct Rest {
    client: Client,
    base: String,
    authorization: Option<String>,
}

impl Rest {
    /// Nobody in particular.
    pub fn anonymous(server: SocketAddr) -> Self {
        let base = format!("http://{server}");
        Self { client: Client::new(), base, authorization: None }
    }

    /// Someone with a JWT.
    pub fn bearer(person: &Person) -> Self {
        Self::anonymous(person.server).showing(&format!("Bearer {}", person.token))
    }

    /// Someone with an opaque token.
    pub fn token(person: &Person) -> Self {
        Self::anonymous(person.server).showing(&format!("Token {}", person.opaque))
    }

    /// The same with this `Authorization`.
    pub fn showing(&self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self.clone() }
    }

    /// Asks and gives the whole response.
    pub async fn asks(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// POSTs a form of parts, texts and files with their names and bytes.
    pub async fn sends_form(
        &self,
        status: u16,
        path: &str,
        texts: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Value {
        self.sends_form_by("POST", status, path, texts, files).await
    }

    /// The same by another method.
    pub async fn sends_form_by(
        &self,
        method: &str,
        status: u16,
        path: &str,
        texts: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Value {
        let mut body = Vec::new();
        let mut part = |head: String, bytes: &[u8]| {
            body.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        };
        for (name, text) in texts {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"");
            part(head, text.as_bytes());
        }
        for (name, file, bytes) in files {
            let head = format!(
                "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\
                 Content-Type: application/octet-stream"
            );
            part(head, bytes);
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let response = request.header("Content-Type", kind).body(body).send().await.unwrap();
        read(response, status, path).await
    }

    async fn expects(&self, status: u16, method: &str, path: &str, body: Option<Value>) -> Value {
        let response = self.asks(method, path, body).await;
        read(response, status, &format!("{method} {path}")).await
    }

    /// GET with this status.
    pub async fn get(&self, status: u16, path: &str) -> Value {
        self.expects(status, "GET", path, None).await
    }

    /// POST with this status.
    pub async fn post(&self, status: u16, path: &str, body: Value) -> Value {
        self.expects(status, "POST", path, Some(body)).await
    }

    /// PATCH with this status.
    pub async fn patch(&self, status: u16, path: &str, body: Value) -> Value {
        self.expects(status, "PATCH", path, Some(body)).await
    }

    /// PUT with this status.
    pub async fn put(&self, status: u16, path: &str, body: Value) -> Value {
        self.expects(status, "PUT", path, Some(body)).await
    }

    /// DELETE with this status.
    pub async fn delete(&self, status: u16, path: &str) -> Value {
        self.expects(status, "DELETE", path, None).await
    }
}

/// The keys of an object, in order.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
