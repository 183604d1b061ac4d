//! The ambulance system's dialect: a board for dispatchers that begins with everything, and a quiet
//! socket for each paramedic.
//!
//! Which event makes which frame is the event matrix of `docs/decisions/0046`. Nothing is said to
//! what is not known, for the servers passed it over.

pub mod shapes;

use serde_json::{Map, Value, json};

use crate::protocol::close::Close;
use crate::protocol::command::dispatch::DispatchCommand;
use crate::protocol::command::fleet::MaydayRaise;
use crate::protocol::command::{Command, Subscribe};
use crate::protocol::dialect::contract::{Deed, Dialect, Frame, Here, Opening, Request, Said};
use crate::protocol::dialect::incoming::{self, NoObject};
use crate::protocol::dispatch::IncidentStatus;
use crate::protocol::event::dispatch::DispatchEvent;
use crate::protocol::event::older::{CrewNews, OlderEvent};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::views::Snapshot;
use crate::protocol::views::dispatch::{BoardSnapshot, IncidentView, MaydayView, OrderView};

/// The dispatchers' side.
#[derive(Debug)]
pub struct Desk;

/// The paramedics' side.
#[derive(Debug)]
pub struct Crew;

/// The statuses of calls that a board begins with.
const SHOWN: &[IncidentStatus] = &[
    IncidentStatus::Received,
    IncidentStatus::Dispatched,
    IncidentStatus::EnRoute,
    IncidentStatus::OnScene,
    IncidentStatus::Transporting,
];

fn kind(fields: &Map<String, Value>) -> &str {
    fields.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn pong() -> Vec<Deed> {
    vec![Deed::Say(r#"{"type":"pong"}"#.to_owned())]
}

fn emergency(event: &str, call: &IncidentView) -> Frame {
    let data = shapes::call(call);
    Frame::to_all(json!({"type": "emergency_update", "event": event, "data": data}).to_string())
}

fn ambulance(event: &str, data: &Value) -> Frame {
    Frame::to_all(json!({"type": "ambulance_update", "event": event, "data": data}).to_string())
}

fn capacity(data: &Value) -> Frame {
    let event = "CAPACITY_UPDATE";
    Frame::to_all(json!({"type": "hospital_update", "event": event, "data": data}).to_string())
}

/// In the one frame of theirs that is for people to read.
fn alarm(words: &str) -> Frame {
    Frame::to_all(json!({"type": "error", "message": words}).to_string())
}

fn mayday(mayday: &MaydayView) -> Frame {
    let who = mayday.raised_by.as_ref().map_or("someone", |person| &person.display_name);
    let unit = mayday.unit_number.as_ref().map(|number| format!(" of {number}"));
    alarm(&format!("MAYDAY: {who}{} needs help. Answer by radio.", unit.unwrap_or_default()))
}

fn escalation(order: &OrderView) -> Frame {
    let (number, call_id) = (&order.unit_number, &order.call_id);
    alarm(&format!("{number} has not answered its order to {call_id}. Call by radio."))
}

fn begin(board: &BoardSnapshot) -> String {
    let shown = |call: &&IncidentView| SHOWN.contains(&call.status);
    let emergencies: Vec<Value> = board.incidents.iter().filter(shown).map(shapes::call).collect();
    let ambulances: Vec<Value> = board.units.iter().map(shapes::ambulance).collect();
    let hospitals: Vec<Value> = board.hospitals.iter().map(shapes::hospital).collect();
    let data = json!({
        "emergencies": emergencies, "ambulances": ambulances, "hospitals": hospitals,
    });
    json!({"type": "initial_data", "data": data}).to_string()
}

/// What a board is told of a call that changed: only of what made it stand otherwise.
fn changed(call: &IncidentView, happened: &str) -> Vec<Frame> {
    match happened {
        "order.given" | "order.overridden" => {
            let mut frames = vec![emergency("STATUS_UPDATE", call)];
            if shapes::has_paramedic(call) {
                frames.push(emergency("UNIT_DISPATCHED", call));
            }
            frames
        }
        "unit.status" | "incident.closed" | "incident.cancelled" | "incident.reopened"
        | "status.corrected" => vec![emergency("STATUS_UPDATE", call)],
        // The end of the call itself is told when it is over.
        "unit.freed" if !call.status.is_over() => vec![emergency("STATUS_UPDATE", call)],
        _ => Vec::new(),
    }
}

impl Dialect for Desk {
    fn read(&self, said: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        let broken = || {
            let (close, reason) = (Close::InternalFault, "not a JSON object".to_owned());
            vec![Deed::Close { close, reason }]
        };
        match (incoming::object(said), said) {
            (Ok(fields), _) => match kind(&fields) {
                "ping" => pong(),
                // Seated anew, so that nothing older can come behind what it is answered with.
                "get_initial_data" => {
                    let wish = Subscribe { limit: Some(0), ..Subscribe::default() };
                    vec![Deed::Do(Request::silent(Command::Subscribe(wish)))]
                }
                _ => Vec::new(),
            },
            (Err(NoObject::Other), _) | (Err(_), Said::Binary(_)) => broken(),
            (Err(NoObject::Unreadable), Said::Text(_)) => Vec::new(),
        }
    }

    fn opening(&self, opening: &Opening<'_>) -> Vec<String> {
        match opening.snapshot {
            Some(Snapshot::Board(board)) => vec![begin(board)],
            _ => Vec::new(),
        }
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let body = match &event.body {
            EventBody::Dispatch(body) => &**body,
            EventBody::Older(OlderEvent::Located { unit }) => {
                return vec![ambulance("LOCATION_UPDATE", &shapes::ambulance(unit))];
            }
            EventBody::Older(OlderEvent::Alarm { mayday: raised }) => return vec![mayday(raised)],
            _ => return Vec::new(),
        };
        match body {
            DispatchEvent::IncidentOpened { incident, .. } => {
                vec![emergency("NEW_EMERGENCY", incident)]
            }
            DispatchEvent::IncidentChanged { incident, entry: Some(entry) } => {
                changed(incident, &entry.kind)
            }
            DispatchEvent::UnitChanged { unit, entry: Some(entry) } => {
                let event = match entry.kind.as_str() {
                    "order.given" | "order.overridden" => "UNIT_DISPATCHED",
                    "unit.freed" => "STATUS_UPDATE",
                    _ => return Vec::new(),
                };
                vec![ambulance(event, &shapes::ambulance(unit))]
            }
            DispatchEvent::HospitalChanged { hospital, entry: Some(entry) }
                if entry.kind == "hospital.beds" =>
            {
                vec![capacity(&shapes::hospital(hospital))]
            }
            DispatchEvent::MaydayRaised { mayday: raised }
            | DispatchEvent::MaydayRepeated { mayday: raised } => vec![mayday(raised)],
            DispatchEvent::OrderEscalated { order } => vec![escalation(order)],
            _ => Vec::new(),
        }
    }
}

impl Dialect for Crew {
    fn read(&self, said: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        let Ok(fields) = incoming::object(said) else { return Vec::new() };
        match kind(&fields) {
            "ping" => pong(),
            // Beyond what the older servers knew: a crew may call for help on any socket.
            "mayday" => {
                let note = incoming::text(fields.get("note")).unwrap_or_default();
                let raise =
                    DispatchCommand::MaydayRaise(MaydayRaise { note, ..MaydayRaise::default() });
                vec![Deed::Do(Request::silent(Command::Dispatch(Box::new(raise))))]
            }
            _ => Vec::new(),
        }
    }

    fn is_mayday(&self, said: Said<'_>) -> bool {
        incoming::object(said).is_ok_and(|fields| kind(&fields) == "mayday")
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let EventBody::Older(OlderEvent::Incident { news, incident }) = &event.body else {
            return Vec::new();
        };
        let event = match news {
            CrewNews::Dispatched => "UNIT_DISPATCHED",
            CrewNews::Status => "STATUS_UPDATE",
        };
        vec![emergency(event, incident)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(dialect: &dyn Dialect, said: Said<'_>) -> Vec<Deed> {
        let at = "2026-11-21T01:36:56.123456".parse().unwrap();
        dialect.read(said, &Here { who: None, topic: None, at })
    }

    #[test]
    fn only_a_crews_call_for_help_is_beyond_every_limit() {
        let calls = Said::Text(r#"{"type":"mayday","note":"shots fired"}"#);
        assert!(Crew.is_mayday(calls));
        assert!(!Desk.is_mayday(calls));
        for said in [r#"{"type":"ping"}"#, r#"["mayday"]"#, "mayday", ""] {
            assert!(!Crew.is_mayday(Said::Text(said)), "{said}");
        }
    }

    #[test]
    fn a_board_answers_two_frames_and_passes_over_what_it_does_not_know() {
        let ping = deeds(&Desk, Said::Text(r#"{"type":"ping"}"#));
        assert!(matches!(&ping[..], [Deed::Say(text)] if text == r#"{"type":"pong"}"#));
        let again = deeds(&Desk, Said::Text(r#"{"type":"get_initial_data"}"#));
        let is_subscribe = matches!(
            &again[..],
            [Deed::Do(Request { command: Command::Subscribe(_), topic: None, memo: None })]
        );
        assert!(is_subscribe, "{again:?}");
        for text in ["", "nonsense", "{", "{}", r#"{"type":"x"}"#, r#"{"type":5}"#] {
            assert!(deeds(&Desk, Said::Text(text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn json_that_is_no_object_and_bytes_end_a_board() {
        let others = ["[]", "[1]", "5", "null", r#""x""#].map(Said::Text);
        for said in others.into_iter().chain([Said::Binary(b"{}")]) {
            let ended = deeds(&Desk, said);
            let is_closed = matches!(&ended[..], [Deed::Close { close: Close::InternalFault, .. }]);
            assert!(is_closed, "{said:?}: {ended:?}");
        }
    }

    #[test]
    fn a_paramedics_socket_answers_a_ping_and_nothing_ends_it() {
        assert_eq!(deeds(&Crew, Said::Text(r#"{"type":"ping"}"#)).len(), 1);
        for text in ["", "nonsense", "[]", "5", "{}", r#"{"type":"get_initial_data"}"#] {
            assert!(deeds(&Crew, Said::Text(text)).is_empty(), "{text}");
        }
        assert!(deeds(&Crew, Said::Binary(b"{}")).is_empty());
    }

    #[test]
    fn a_crew_calls_for_help_on_its_older_socket() {
        let raised = deeds(&Crew, Said::Text(r#"{"type":"mayday","note":"shots"}"#));
        let [Deed::Do(Request { command: Command::Dispatch(command), .. })] = &raised[..] else {
            panic!("{raised:?}");
        };
        assert!(matches!(&**command, DispatchCommand::MaydayRaise(raise) if raise.note == "shots"));
    }
}
