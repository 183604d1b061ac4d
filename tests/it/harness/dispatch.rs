//! Dispatchers and crews for stories: a board with units, hospitals and people on shift.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use super::engines::Database;
use super::people::Person;
use super::server::Server;
use super::socket::Socket;

/// Tells a story on a server over each engine.
pub async fn each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_on(Database::sqlite(), settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}

/// The topic of the board.
pub const BOARD: &str = "dispatch:board";

/// A dispatcher with the board open.
pub struct Desk {
    pub person: Person,
    pub socket: Socket,
}

/// A unit with one paramedic on shift, on its own socket.
pub struct Crew {
    pub person: Person,
    pub socket: Socket,
    pub unit: String,
    pub topic: String,
}

impl Desk {
    /// Takes a seat at the board.
    pub async fn of(person: Person) -> Self {
        let mut socket = person.connects().await;
        socket.joins(BOARD).await;
        Self { person, socket }
    }

    /// Does something that must be granted; returns the `data` of the `ok`.
    pub async fn does(&mut self, kind: &str, data: Value) -> Value {
        does(&mut self.socket, kind, data).await
    }

    /// Does something that must be refused; returns the error frame.
    pub async fn is_refused(&mut self, kind: &str, data: Value) -> Value {
        is_refused(&mut self.socket, kind, data).await
    }

    /// Puts a unit on the list; returns its id.
    pub async fn adds_unit(&mut self, number: &str) -> String {
        let kept = self.does("unit.save", json!({"unit_number": number})).await;
        text(&kept["id"])
    }

    /// Puts a hospital on the list; returns its id.
    pub async fn adds_hospital(&mut self, name: &str) -> String {
        let kept = self.does("hospital.save", json!({"name": name})).await;
        text(&kept["id"])
    }

    /// Opens an incident; returns its id.
    pub async fn opens(&mut self, priority: &str) -> String {
        let data = json!({"incident_type": "MEDICAL", "priority": priority,
            "caller_name": "Isatu", "caller_phone": "+23276000001",
            "description": "a fall", "address": "12 Hill Road",
            "latitude": 8.484146, "longitude": -13.228718,
            "patient": {"name": "Musa", "age": 61, "condition": "awake"}});
        text(&self.does("incident.create", data).await["id"])
    }

    /// Orders a unit to an incident; returns the order's id.
    pub async fn orders(&mut self, unit: &str, incident: &str) -> String {
        let data = json!({"incident": incident, "unit": unit});
        text(&self.does("incident.assign", data).await["order"])
    }

    /// The first event of this type about an incident that stands so.
    pub async fn hears_incident(&mut self, incident: &str, status: &str) -> Value {
        let wanted = |frame: &Value| {
            frame["type"] == "incident.changed"
                && frame["data"]["incident"]["id"] == incident
                && frame["data"]["incident"]["status"] == status
        };
        self.socket.hears_that(status, wanted).await
    }
}

impl Crew {
    /// Goes on shift on a unit and listens to its topic.
    pub async fn on(person: Person, unit: &str) -> Self {
        let mut socket = person.connects().await;
        does(&mut socket, "shift.start", json!({"unit": unit})).await;
        let topic = format!("dispatch:unit:{unit}");
        socket.joins(&topic).await;
        Self { person, socket, unit: unit.to_owned(), topic }
    }

    /// Does something that must be granted; returns the `data` of the `ok`.
    pub async fn does(&mut self, kind: &str, data: Value) -> Value {
        does(&mut self.socket, kind, data).await
    }

    /// Does something that must be refused; returns the error frame.
    pub async fn is_refused(&mut self, kind: &str, data: Value) -> Value {
        is_refused(&mut self.socket, kind, data).await
    }

    /// Says that the unit has come so far.
    pub async fn reaches(&mut self, incident: &str, status: &str) -> Value {
        self.does("incident.status", json!({"incident": incident, "status": status})).await
    }
}

/// Does something that must be granted; returns the `data` of the `ok`.
pub async fn does(socket: &mut Socket, kind: &str, data: Value) -> Value {
    let reply = socket.asks(kind, None, data).await;
    assert_eq!(reply["type"], "ok", "{kind}: {reply}");
    reply["data"].clone()
}

/// Does something that must be refused; returns the error frame.
pub async fn is_refused(socket: &mut Socket, kind: &str, data: Value) -> Value {
    let reply = socket.asks(kind, None, data).await;
    assert_eq!(reply["type"], "error", "{kind}: {reply}");
    reply
}

/// How many alarms of this process have found no dispatcher.
pub fn alarms_unheard() -> u64 {
    let text = switchboard::metrics::install().render();
    let line = text.lines().find_map(|line| {
        line.strip_prefix("switchboard_alarms_unheard_total ").map(ToOwned::to_owned)
    });
    line.map_or(0, |count| count.parse().unwrap())
}

/// A JSON string as text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not text: {value}")).to_owned()
}

/// A dispatcher at the board of this server.
pub async fn desk(server: &Server, name: &str) -> Desk {
    Desk::of(server.person_as(name, Role::Dispatcher).await).await
}

/// A new unit with a crew of one.
pub async fn crew(server: &Server, desk: &mut Desk, number: &str, name: &str) -> Crew {
    let unit = desk.adds_unit(number).await;
    Crew::on(server.person_as(name, Role::Paramedic).await, &unit).await
}
