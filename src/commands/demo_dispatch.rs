//! What `demo` puts on the dispatchers' board: units with crews, hospitals, two calls that wait.

use crate::actors::dispatch::work::{DispatchSettings, Doer, Work};
use crate::actors::dispatch::{crews, fleet, incidents};
use crate::actors::exchange::Exchange;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::clock;
use crate::ids::{UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::incident_list::{self, Wanted};
use crate::models::position::{self, Fix};
use crate::models::store::DbConn;
use crate::models::unit;
use crate::models::{hospital, shift};
use crate::protocol::command::dispatch::IncidentCreate;
use crate::protocol::command::fleet::{HospitalBeds, HospitalSave, ShiftStart, UnitSave};
use crate::protocol::dispatch::{Degrees, IncidentType, Load, Priority, UnitType};
use crate::protocol::views::dispatch::PatientView;

/// A unit, and who is on shift on it.
struct DemoUnit {
    number: &'static str,
    unit_type: UnitType,
    capabilities: &'static [&'static str],
    equipment: &'static str,
    home: &'static str,
    at: (Degrees, Degrees),
    crew: &'static str,
}

const UNITS: &[DemoUnit] = &[
    DemoUnit {
        number: "A-1",
        unit_type: UnitType::Advanced,
        capabilities: &["cardiac", "trauma"],
        equipment: "defibrillator, ventilator",
        home: "Central station",
        at: (Degrees(8_484_400), Degrees(-13_234_400)),
        crew: "test_paramedic",
    },
    DemoUnit {
        number: "A-2",
        unit_type: UnitType::Basic,
        capabilities: &["trauma"],
        equipment: "stretcher, splints",
        home: "Harbor station",
        at: (Degrees(8_491_200), Degrees(-13_221_700)),
        crew: "test_paramedic_2",
    },
    DemoUnit {
        number: "A-3",
        unit_type: UnitType::Critical,
        capabilities: &["cardiac", "neonatal", "stroke"],
        equipment: "ventilator, incubator",
        home: "Hill station",
        at: (Degrees(8_462_900), Degrees(-13_250_300)),
        crew: "test_paramedic_3",
    },
];

/// Name, address, place, beds in all and free, load, specialties.
type DemoHospital =
    (&'static str, &'static str, (Degrees, Degrees), (i32, i32), Load, &'static str);

const HOSPITALS: &[DemoHospital] = &[
    (
        "Central Hospital",
        "1 Lightfoot Street",
        (Degrees(8_487_700), Degrees(-13_236_900)),
        (300, 42),
        Load::Moderate,
        "trauma, cardiology, stroke",
    ),
    (
        "Children's Hospital",
        "20 Fourah Road",
        (Degrees(8_482_100), Degrees(-13_214_600)),
        (120, 15),
        Load::Low,
        "pediatrics, neonatology",
    ),
];

/// A call that waits for a unit.
struct DemoCall {
    incident_type: IncidentType,
    priority: Priority,
    caller: (&'static str, &'static str),
    description: &'static str,
    address: &'static str,
    at: (Degrees, Degrees),
    patient: (&'static str, i32, &'static str),
}

const CALLS: &[DemoCall] = &[
    DemoCall {
        incident_type: IncidentType::Cardiac,
        priority: Priority::Critical,
        caller: ("Isatu Kamara", "+23276000001"),
        description: "chest pain, short of breath",
        address: "12 Hill Road, second floor",
        at: (Degrees(8_484_146), Degrees(-13_228_718)),
        patient: ("Musa Kamara", 61, "awake, pale"),
    },
    DemoCall {
        incident_type: IncidentType::Trauma,
        priority: Priority::Medium,
        caller: ("Tamba Sesay", "+23276000002"),
        description: "fell from a ladder, arm may be broken",
        address: "Market, gate 3",
        at: (Degrees(8_490_900), Degrees(-13_226_100)),
        patient: ("Fatu Sesay", 34, "awake, in pain"),
    },
];

/// What was put on the board.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    pub units: usize,
    pub hospitals: usize,
    pub incidents: usize,
}

impl Staged {
    /// Whether nothing was missing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Everyone who is on shift in the demo.
pub fn crew() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|unit| unit.crew)
}

/// Puts on the board what is not there, as the dispatcher would by hand.
///
/// # Errors
/// When the database failed.
pub fn stage(
    conn: &mut DbConn,
    dispatcher: &Identity,
    settings: &DispatchSettings,
    person: impl Fn(&str) -> Result<UserId, StoreError>,
) -> Result<Staged, StoreError> {
    let mut staged = Staged::default();
    for demo in UNITS {
        if unit::by_number(conn, demo.number)?.is_some() {
            continue;
        }
        let made = does(conn, dispatcher, settings, |work| place_unit(work, demo));
        staged.units += usize::from(made?.is_some());
        let Some(unit) = unit::by_number(conn, demo.number)? else { continue };
        let user = person(demo.crew)?;
        if shift::of_user(conn, user)?.is_none() {
            does(conn, dispatcher, settings, |work| man(work, unit.id, user))?;
        }
        let fix = fix(demo.at);
        position::place(conn, unit.id, &fix, fix.received_at)?;
    }
    let known: Vec<String> = hospital::all(conn)?.into_iter().map(|known| known.name).collect();
    for demo in HOSPITALS.iter().filter(|demo| !known.iter().any(|name| name == demo.0)) {
        let made = does(conn, dispatcher, settings, |work| place_hospital(work, demo))?;
        staged.hospitals += usize::from(made.is_some());
    }
    // Once there was any call, what became of the calls is for whoever tries the server.
    if incident_list::ids(conn, &Wanted::default(), 1)?.is_empty() {
        for demo in CALLS {
            let made = does(conn, dispatcher, settings, |work| take_call(work, demo))?;
            staged.incidents += usize::from(made.is_some());
        }
    }
    Ok(staged)
}

/// Does one command as the server would, its events in the journal. `None` when it was refused.
fn does(
    conn: &mut DbConn,
    who: &Identity,
    settings: &DispatchSettings,
    command: impl FnOnce(&mut Work<'_>) -> Result<(), Fault>,
) -> Result<Option<()>, StoreError> {
    let (exchange, now) = (Exchange::new(1), clock::now_naive());
    let mut work = Work::new(conn, Doer::Person(who), settings, &exchange, now);
    match command(&mut work) {
        Ok(()) => {}
        Err(Fault::Refused(_)) => return Ok(None),
        Err(Fault::Store(fault)) => return Err(fault),
    }
    let Work { conn, ledger, .. } = work;
    // Nobody is told of these events now; they are in the journal for whoever comes.
    ledger.settle(conn, Some(who.user), now)?;
    Ok(Some(()))
}

fn place_unit(work: &mut Work<'_>, demo: &DemoUnit) -> Result<(), Fault> {
    let (latitude, longitude) = demo.at;
    let save = UnitSave {
        unit_number: Some(demo.number.to_owned()),
        unit_type: Some(demo.unit_type),
        capabilities: Some(demo.capabilities.iter().map(|word| (*word).to_owned()).collect()),
        equipment: Some(demo.equipment.to_owned()),
        max_patients: Some(2),
        home_name: Some(demo.home.to_owned()),
        home_latitude: Some(latitude),
        home_longitude: Some(longitude),
        ..UnitSave::default()
    };
    fleet::save_unit(work, &save).map(drop)
}

fn man(work: &mut Work<'_>, unit: UnitId, user: UserId) -> Result<(), Fault> {
    let duty = "medic".to_owned();
    let start = ShiftStart { unit, user: Some(user), duty, until: None, client_id: None };
    crews::start(work, &start).map(drop)
}

fn fix((latitude, longitude): (Degrees, Degrees)) -> Fix {
    let now = clock::now_naive();
    Fix {
        latitude,
        longitude,
        accuracy_m: Some(10),
        heading_deg: None,
        speed_kmh: Some(0),
        fixed_at: now,
        received_at: now,
    }
}

fn place_hospital(work: &mut Work<'_>, demo: &DemoHospital) -> Result<(), Fault> {
    let (name, address, (latitude, longitude), (total, free), load, specialties) = *demo;
    let save = HospitalSave {
        name: Some(name.to_owned()),
        address: Some(address.to_owned()),
        specialties: Some(specialties.to_owned()),
        latitude: Some(latitude),
        longitude: Some(longitude),
        ..HospitalSave::default()
    };
    fleet::save_hospital(work, &save)?;
    let made = hospital::all(work.conn)?.into_iter().find(|made| made.name == name);
    let Some(made) = made else { return Ok(()) };
    let beds = HospitalBeds {
        hospital: made.id,
        available_beds: Some(free),
        total_beds: Some(total),
        emergency_load: Some(load),
        version: None,
        client_id: None,
    };
    fleet::set_beds(work, &beds).map(drop)
}

fn take_call(work: &mut Work<'_>, demo: &DemoCall) -> Result<(), Fault> {
    let (name, age, condition) = demo.patient;
    let create = IncidentCreate {
        incident_type: demo.incident_type,
        priority: Some(demo.priority),
        determinant: String::new(),
        caller_name: demo.caller.0.to_owned(),
        caller_phone: demo.caller.1.to_owned(),
        description: demo.description.to_owned(),
        address: demo.address.to_owned(),
        latitude: Some(demo.at.0),
        longitude: Some(demo.at.1),
        patient: Some(PatientView {
            name: name.to_owned(),
            age: Some(age),
            condition: condition.to_owned(),
        }),
        received_at: None,
        client_id: None,
    };
    incidents::create(work, &create).map(drop)
}
