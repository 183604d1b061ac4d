//! REST as a person: requests with their token, answers as status and JSON.

use std::net::SocketAddr;

use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::people::Person;

impl Person {
    /// Asks with any body and headers.
    pub async fn fetches(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let method: Method = method.parse().unwrap();
        let url = format!("http://{}{path}", self.server);
        let mut request = Client::new().request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).send().await.unwrap()
    }

    /// Asks with a JSON body, or none; the status and what was answered.
    pub async fn asks(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (headers, text): (&[_], _) = match body {
            Some(body) => (&[("content-type", "application/json")], body.to_string()),
            None => (&[], String::new()),
        };
        answer(self.fetches((method, path), headers, text).await).await
    }

    /// Begins a request by hand: its head, and as much of its body as is given.
    pub async fn begins(&self, server: SocketAddr, head: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let head =
            format!("{head}\r\nHost: {server}\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

/// An answer's status and JSON; `null` for one that is not JSON.
pub async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}
