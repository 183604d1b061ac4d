//! Pages of the older ambulance system for stories: they show the session cookie, repeat its CSRF
//! token and name their Origin, as browsers do.

use std::net::SocketAddr;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use super::people::Person;
use super::server::Server;
use super::socket::Socket;

/// A CSRF token of the form that the server makes.
const CSRF: &str = "0123456789abcdef0123456789abcdef";

/// A page of someone, or of nobody.
#[derive(Clone)]
pub struct Page {
    client: Client,
    server: SocketAddr,
    cookie: Option<String>,
}

impl Page {
    /// A page without a sign-in.
    pub fn public(server: SocketAddr) -> Self {
        Self { client: Client::new(), server, cookie: None }
    }

    /// A page of someone signed in.
    pub fn of(person: &Person) -> Self {
        let cookie = Some(format!("sessionid={}; csrftoken={CSRF}", person.cookie));
        Self { cookie, ..Self::public(person.server) }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        let request = self.client.request(method, format!("http://{}{path}", self.server));
        match &self.cookie {
            Some(cookie) => request.header("Cookie", cookie),
            None => request,
        }
    }

    /// Asks with a JSON body, or none, and the token; the whole answer.
    pub async fn asks(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let mut request = self.request(method, path).header("X-CSRFToken", CSRF);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    /// The same without repeating the token.
    pub async fn forges(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        answered(self.request(method, path).json(body).send().await.unwrap()).await
    }

    /// Sends a form of parts: texts, and files as name of the field, file name and bytes.
    pub async fn sends(
        &self,
        path: &str,
        texts: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> (u16, Value) {
        const BOUNDARY: &str = "----a-boundary-of-this-form";
        let mut body = Vec::new();
        for (name, text) in texts {
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
            body.extend(format!("{head}\r\n\r\n{text}\r\n").into_bytes());
        }
        for (name, file, bytes) in files {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; \
                 filename=\"{file}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let media = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.request("POST", path).header("Content-Type", media).body(body);
        answered(request.send().await.unwrap()).await
    }

    /// Sends any body.
    pub async fn sends_raw(&self, path: &str, media: &str, body: &'static str) -> (u16, Value) {
        let request = self.request("POST", path).header("Content-Type", media).body(body);
        answered(request.send().await.unwrap()).await
    }

    /// Asks; the status and what was answered.
    pub async fn tries(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        answered(self.asks(method, path, Some(&body)).await).await
    }

    async fn expects(&self, status: u16, method: &str, path: &str, body: Option<Value>) -> Value {
        let (got, told) = answered(self.asks(method, path, body.as_ref()).await).await;
        assert_eq!(got, status, "{method} {path}: {told}");
        told
    }

    /// GET with this status.
    pub async fn gets(&self, status: u16, path: &str) -> Value {
        self.expects(status, "GET", path, None).await
    }

    /// POST with this status.
    pub async fn posts(&self, status: u16, path: &str, body: Value) -> Value {
        self.expects(status, "POST", path, Some(body)).await
    }

    /// PATCH with this status.
    pub async fn patches(&self, status: u16, path: &str, body: Value) -> Value {
        self.expects(status, "PATCH", path, Some(body)).await
    }

    /// DELETE with this status.
    pub async fn deletes(&self, status: u16, path: &str) -> Value {
        self.expects(status, "DELETE", path, None).await
    }
}

async fn answered(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Opens a socket as a page of this person does.
pub async fn opens(person: &Person, path: &str) -> Socket {
    let cookie = format!("sessionid={}", person.cookie);
    let origin = format!("http://{}", person.server);
    Socket::open(person.server, path, &[("cookie", &cookie), ("origin", &origin)]).await
}

/// Someone with their page.
pub struct Worker {
    pub person: Person,
    pub page: Page,
}

impl Worker {
    /// Someone new in this role.
    pub async fn new(server: &Server, name: &str, role: Role) -> Self {
        let person = server.person_as(name, role).await;
        let page = Page::of(&person);
        Self { person, page }
    }

    /// Their id as those clients know it.
    pub fn id(&self) -> i64 {
        self.person.id.0
    }

    /// Puts an ambulance on the list; its id.
    pub async fn adds_ambulance(&self, number: &str) -> i64 {
        let made =
            self.page.posts(201, "/dispatch/api/ambulances/", json!({"unit_number": number}));
        made.await["id"].as_i64().unwrap()
    }

    /// Sends an ambulance with a paramedic, or whoever is found, to a call.
    pub async fn dispatches(&self, call: i64, ambulance: i64, paramedic: Option<i64>) -> Value {
        let body = json!({"emergency_call_id": call, "ambulance_id": ambulance,
            "paramedic_id": paramedic});
        self.page.posts(200, "/dispatch/api/dispatch/", body).await
    }

    /// Brings a call to a status.
    pub async fn steps(&self, call: i64, status: &str) -> Value {
        let path = format!("/api/emergencies/{call}/status/");
        self.page.patches(200, &path, json!({"status": status})).await
    }
}

/// What a caller says in the public form.
pub fn report() -> Value {
    json!({
        "caller_name": "Isatu Kamara",
        "caller_phone": "+23276123456",
        "emergency_type": "CARDIAC",
        "description": "not breathing",
        "location_address": "12 Hill Road",
        "latitude": "8.484146",
        "longitude": -13.228718,
    })
}

/// Someone reports an emergency; the call's id.
pub async fn reports(server: &Server) -> i64 {
    let made = Page::public(server.address).posts(201, "/api/emergencies/", report()).await;
    made["id"].as_i64().unwrap()
}
