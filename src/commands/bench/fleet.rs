//! The ground of `bench dispatch`: 500 open incidents, 300 units with crews, 60 hospitals and 50
//! dispatchers, in the database before it is served.

use std::path::Path;

use chrono::NaiveDateTime;

use crate::auth::identity::Role;
use crate::clock;
use crate::commands::bench::ground::Ground;
use crate::ids::{HospitalId, IncidentId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::hospital::{self, Hospital};
use crate::models::incident::{self, NewIncident};
use crate::models::order::{self, NewOrder};
use crate::models::position::{self, Fix};
use crate::models::store::{DbConn, Store};
use crate::models::unit::{self, Unit};
use crate::models::{par, shift, user};
use crate::protocol::dispatch::{
    Degrees, IncidentStatus, IncidentType, OrderState, Priority, UnitStatus,
};
use crate::protocol::views::dispatch::PatientView;

/// Units, each with one paramedic on shift. The first people of the ground are their crews.
pub const UNITS: usize = 300;
/// Dispatchers; the next people of the ground.
pub const DESKS: usize = 50;
/// Incidents that are not over. Each unit is on one of them.
pub const INCIDENTS: usize = 500;
/// Hospitals on the list.
pub const HOSPITALS: usize = 60;

/// Degrees between neighbors, in millionths.
const STEP: i32 = 1_000;

/// A unit and the incident it is on, by the number of its crew among the people of the ground.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    pub unit: UnitId,
    pub incident: IncidentId,
}

fn whole(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn place(number: usize) -> (Degrees, Degrees) {
    (Degrees(8_400_000 + whole(number) * STEP), Degrees(-13_200_000 + whole(number) * STEP / 2))
}

/// Makes a ground in `folder`; returns it with which unit is on which incident.
///
/// # Errors
/// A sentence: the folder is there already or cannot be made, or the database fails.
pub fn prepare(folder: &Path) -> Result<(Ground, Vec<Bound>), String> {
    let ground = Ground::prepare(folder, UNITS + DESKS, 1)?;
    let mut bound = Vec::new();
    let filled = ground.fill(|store| {
        bound = fill(store)?;
        Ok(())
    });
    match filled {
        Ok(()) => Ok((ground, bound)),
        Err(fault) => {
            ground.clear();
            Err(fault)
        }
    }
}

/// Fills a ground that has people and nothing else; returns which unit is on which incident.
///
/// # Errors
/// Those of the database; `Missing` when there are too few people.
fn fill(store: &Store) -> Result<Vec<Bound>, StoreError> {
    store.write(|conn| {
        let now = clock::now_naive();
        let all = user::list(conn, None, i64::try_from(UNITS + DESKS).unwrap_or(i64::MAX))?;
        let people: Vec<UserId> = all.iter().map(|user| user.id).collect();
        let (crews, desks) = people.split_at_checked(UNITS).ok_or(StoreError::Missing)?;
        for &desk in desks {
            user::set_role(conn, desk, Role::Dispatcher)?;
        }
        let desk = *desks.first().ok_or(StoreError::Missing)?;
        let mut hospitals = Vec::with_capacity(HOSPITALS);
        for number in 0..HOSPITALS {
            hospitals.push(add_hospital(conn, number, now)?);
        }
        let mut incidents = Vec::with_capacity(INCIDENTS);
        for number in 0..INCIDENTS {
            incidents.push(open(conn, number, desk, now)?);
        }
        let mut bound = Vec::with_capacity(UNITS);
        for (number, &crew) in crews.iter().enumerate() {
            let unit = man(conn, number, crew, now)?;
            let to = (incidents[number], hospitals[number % HOSPITALS]);
            order_to(conn, unit, to, (crew, desk), now)?;
            bound.push(Bound { unit, incident: to.0 });
        }
        Ok(bound)
    })
}

fn add_hospital(
    conn: &mut DbConn,
    number: usize,
    now: NaiveDateTime,
) -> Result<HospitalId, StoreError> {
    let (latitude, longitude) = place(number * 7);
    let new = Hospital {
        address: format!("{number} Hospital Road, District {}", number % 9),
        latitude: Some(latitude),
        longitude: Some(longitude),
        phone: format!("+23276{number:06}"),
        total_beds: 120,
        available_beds: whole(number) % 120,
        specialties: "trauma, cardiac, stroke".to_owned(),
        ..Hospital::new(&format!("Hospital {number}"), now)
    };
    Ok(hospital::save(conn, &new)?.id)
}

fn open(
    conn: &mut DbConn,
    number: usize,
    desk: UserId,
    now: NaiveDateTime,
) -> Result<IncidentId, StoreError> {
    let (latitude, longitude) = place(number);
    let priorities = Priority::ALL;
    let new = NewIncident {
        incident_type: IncidentType::ALL[number % IncidentType::ALL.len()],
        determinant: format!("{:02}-D-{}", number % 33, number % 5),
        priority: priorities[number % priorities.len()],
        caller_name: format!("Caller {number}"),
        caller_phone: format!("+23277{number:06}"),
        description: "fell from a ladder, awake, breathing, pain in the left leg, no bleeding \
                      that can be seen; the gate is open and somebody waits at the corner"
            .to_owned(),
        address: format!("{number} Hill Road, second house behind the market, District 4"),
        latitude: Some(latitude),
        longitude: Some(longitude),
        dispatcher: Some(desk),
        patient: PatientView {
            name: format!("Patient {number}"),
            age: Some(whole(number) % 90),
            condition: "awake, pale, complains of pain".to_owned(),
        },
        received_at: now,
        at: now,
    };
    let made = incident::insert(conn, &new)?;
    par::save(conn, &par::Timer::resting(made.id, 1_200_000))?;
    Ok(made.id)
}

fn man(
    conn: &mut DbConn,
    number: usize,
    crew: UserId,
    now: NaiveDateTime,
) -> Result<UnitId, StoreError> {
    user::set_role(conn, crew, Role::Paramedic)?;
    let (latitude, longitude) = place(number * 2);
    let new = Unit {
        capabilities: "cardiac,neonatal,trauma".to_owned(),
        equipment: "ventilator, monitor, two stretchers, oxygen".to_owned(),
        max_patients: 2,
        paramedic_id: Some(crew),
        home_name: format!("Station {}", number % 20),
        home_latitude: Some(latitude),
        home_longitude: Some(longitude),
        ..Unit::new(&format!("A-{number}"), now)
    };
    let unit = unit::save(conn, &new)?.id;
    let fix = Fix {
        latitude,
        longitude,
        accuracy_m: Some(8),
        heading_deg: Some(90),
        speed_kmh: Some(50),
        fixed_at: now,
        received_at: now,
    };
    position::place(conn, unit, &fix, now)?;
    shift::start(conn, unit, crew, "medic", now, None)?;
    Ok(unit)
}

/// Orders a unit to an incident, and has its crew accept.
fn order_to(
    conn: &mut DbConn,
    unit: UnitId,
    (to, hospital): (IncidentId, HospitalId),
    (crew, desk): (UserId, UserId),
    now: NaiveDateTime,
) -> Result<(), StoreError> {
    let new = NewOrder {
        incident: to,
        unit,
        priority: Priority::High,
        note: "second floor".to_owned(),
        ordered_by: Some(desk),
        paramedic: Some(crew),
        override_reason: None,
        at: now,
        repeat_at: None,
        escalate_at: None,
        crew: vec![crew],
    };
    let mut given = order::give(conn, &new)?;
    order::confirm(conn, given.id, crew, true, now)?;
    (given.state, given.delivered_at, given.seen_at) = (OrderState::Accepted, Some(now), Some(now));
    (given.answered_at, given.answered_by) = (Some(now), Some(crew));
    order::update(conn, &given)?;
    unit::set_status(conn, unit, UnitStatus::Assigned, now)?;
    let mut found = incident::by_id(conn, to)?.ok_or(StoreError::Missing)?;
    (found.status, found.dispatched_at) = (IncidentStatus::Dispatched, Some(now));
    found.hospital_id = Some(hospital);
    incident::update(conn, &found, now)?;
    Ok(())
}
