//! REST as a person asks it, by their token.

use reqwest::{Client, Method};
use serde_json::Value;

use super::engines::Database;
use super::people::Person;
use super::server::Server;

impl Person {
    /// Calls a route below `/api/v1`; returns the status and the body.
    pub async fn calls(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        let url = format!("http://{}/api/v1{path}", self.server);
        let mut request = Client::new().request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Calls a route that must answer with this status; returns the body.
    pub async fn is_answered(
        &self,
        status: u16,
        (method, path): (&str, &str),
        body: Option<Value>,
    ) -> Value {
        let (got, answer) = self.calls(method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        answer
    }
}

/// Tells `story` on a server with each engine.
pub async fn on_each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_with(settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}
