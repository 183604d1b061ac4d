//! Stories that call `/api/v1` as a person does, and that are told once for each engine.

use serde_json::Value;

use super::engines::Database;
use super::people::Person;
use super::rest::{expect, rest};
use super::server::Server;

impl Person {
    /// Calls a route below `/api/v1`; returns the status and the body.
    pub async fn calls(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        rest(self, method, &format!("/api/v1{path}"), body).await
    }

    /// Calls a route that must answer with this status; returns the body.
    pub async fn is_answered(
        &self,
        status: u16,
        (method, path): (&str, &str),
        body: Option<Value>,
    ) -> Value {
        expect(self, status, (method, &format!("/api/v1{path}")), body).await
    }
}

/// Tells `story` on a server with each engine.
pub async fn on_each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_with(settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}
