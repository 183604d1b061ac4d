//! REST of a running server, asked by a person.

use reqwest::{Client, Method};
use serde_json::Value;

use super::people::Person;

/// Asks by REST with a person's access token; the body is JSON when there is one.
pub async fn rest(who: &Person, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let url = format!("http://{}{path}", who.server);
    let mut request = Client::new().request(method, url).bearer_auth(&who.token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The same, answered with this status.
pub async fn expect(
    who: &Person,
    status: u16,
    (method, path): (&str, &str),
    body: Option<Value>,
) -> Value {
    let (got, answer) = rest(who, method, path, body).await;
    assert_eq!(got, status, "{method} {path}: {answer}");
    answer
}
