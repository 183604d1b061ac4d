//! Random commands against the lifecycle, judged by what must always hold. Seeded: a failure names
//! its seed and can be told again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Value, json};
use switchboard::auth::identity::{Carrier, Identity, Role};
use switchboard::ids::IncidentId;
use switchboard::models::{incident, incident_views, order, shift, timeline, unit, user};
use switchboard::protocol::command;
use switchboard::protocol::dispatch::{IncidentStatus, OrderState, UnitStatus};

use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::seeded::Seeded;
use crate::harness::server::Server;
use crate::harness::socket::until;

const STEPS: usize = 220;
const STATUSES: [&str; 8] = [
    "RECEIVED",
    "DISPATCHED",
    "EN_ROUTE",
    "ON_SCENE",
    "TRANSPORTING",
    "AT_HOSPITAL",
    "CLOSED",
    "CANCELLED",
];

fn identity(person: &Person) -> Arc<Identity> {
    Arc::new(Identity {
        user: person.id,
        username: person.name.as_str().into(),
        display_name: person.name.as_str().into(),
        role: person.role,
        carrier: Carrier::Access,
        login: Some(person.login),
        expires_at: None,
        profile: None,
    })
}

/// Does a command as REST would; the answer or the refusal's code.
async fn does(
    server: &Server,
    who: &Arc<Identity>,
    kind: &str,
    data: Value,
) -> Result<Value, String> {
    let raw = serde_json::value::to_raw_value(&data).unwrap();
    let (_, read) = command::read(kind, Some(&raw)).unwrap_or_else(|no| panic!("{kind}: {no}"));
    match server.house.perform(Arc::clone(who), None, read).await {
        Ok(answer) => Ok(serde_json::from_str(answer.get()).unwrap()),
        Err(refusal) => {
            let code = refusal.code.row().name;
            assert!(
                ["conflict", "forbidden", "not_found", "bad_request"].contains(&code),
                "{kind} {data}: {refusal}"
            );
            Err(code.to_owned())
        }
    }
}

struct World {
    desk: Vec<Arc<Identity>>,
    crews: Vec<Arc<Identity>>,
    units: Vec<String>,
    incidents: Vec<String>,
    orders: Vec<String>,
}

async fn people(server: &Server, names: &[&str], role: Role) -> Vec<Arc<Identity>> {
    let mut all = Vec::new();
    for name in names {
        all.push(identity(&server.person_as(name, role).await));
    }
    all
}

fn id(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// One random command by a random person.
async fn step(server: &Server, world: &mut World, seeded: &mut Seeded) -> bool {
    let desk = Arc::clone(seeded.one_of(&world.desk));
    let crew = Arc::clone(seeded.one_of(&world.crews));
    let unit = seeded.one_of(&world.units).clone();
    if world.incidents.is_empty() || seeded.below(12) == 0 {
        let made = does(server, &desk, "incident.create", json!({"incident_type": "OTHER"})).await;
        world.incidents.push(id(&made.unwrap()["id"]));
        return true;
    }
    let recent = world.incidents.len().saturating_sub(6);
    let incident = seeded.one_of(&world.incidents[recent..]).clone();
    let other = seeded.one_of(&world.incidents[recent..]).clone();
    let status = *seeded.one_of(&STATUSES);
    let order = if world.orders.is_empty() {
        "1".to_owned()
    } else {
        let recent = world.orders.len().saturating_sub(6);
        seeded.one_of(&world.orders[recent..]).clone()
    };
    let step = json!({"incident": incident, "status": status});
    let named = json!({"incident": incident, "unit": unit, "reason": "r"});
    let (who, kind, data) = match seeded.below(20) {
        0..=2 => (desk, "incident.assign", json!({"incident": incident, "unit": unit})),
        3 => (
            desk,
            "incident.assign",
            json!({"incident": incident, "unit": unit, "override_reason": "must"}),
        ),
        4..=7 => (crew, "incident.status", step),
        8 => {
            (desk, "incident.status", json!({"incident": incident, "unit": unit, "status": status}))
        }
        9 => (desk, "incident.release", named),
        10 => (
            desk,
            "incident.reassign",
            json!({"incident": incident, "unit": unit, "to": other, "reason": "r"}),
        ),
        11 => (desk, "incident.close", json!({"incident": incident})),
        12 => (desk, "incident.cancel", json!({"incident": incident, "reason": "r"})),
        13 => (
            desk,
            "incident.correct",
            json!({"incident": incident, "unit": unit, "status": status, "reason": "r"}),
        ),
        17 => (desk, "incident.assign", json!({"incident": incident})),
        18 => {
            let latitude = 8.0 + seeded.below(1_000) as f64 / 1_000.0;
            (crew, "position.report", json!({"latitude": latitude, "longitude": -13.2}))
        }
        19 => return loses_or_regains_account(server, world, &crew, seeded).await,
        14 => (crew, "order.accept", json!({"order": order})),
        15 => (crew, "order.decline", json!({"order": order, "reason": "r"})),
        _ => {
            let set = *seeded.one_of(&["AVAILABLE", "MAINTENANCE", "OUT_OF_SERVICE"]);
            (crew, "unit.status", json!({"unit": unit, "status": set}))
        }
    };
    let done = does(server, &who, kind, data).await;
    if let Ok(answer) = &done
        && let Some(order) = answer["order"].as_str()
        && kind != "order.accept"
        && kind != "order.decline"
    {
        world.orders.push(order.to_owned());
    }
    done.is_ok()
}

/// Shuts the account of one of a crew, or opens one again and sends its person back on shift.
async fn loses_or_regains_account(
    server: &Server,
    world: &World,
    crew: &Arc<Identity>,
    seeded: &mut Seeded,
) -> bool {
    let (user, is_active) = (crew.user, seeded.below(3) > 0);
    let now = switchboard::clock::now_naive();
    server.writes(move |conn| Ok(user::set_active(conn, user, is_active, now)?)).await;
    let unit = seeded.one_of(&world.units);
    is_active && does(server, crew, "shift.start", json!({"unit": unit})).await.is_ok()
}

/// Whoever may not be ordered is off duty soon, and named by no order.
async fn nobody_is_on_duty_without_an_account(server: &Server, seed: u64) {
    until(&format!("seed {seed}: nobody without an account is on duty"), async || {
        server.reads(|conn| Ok(shift::dismissed(conn, 10)?.is_empty())).await
    })
    .await;
}

/// What must hold after each command.
async fn holds(server: &Server, world: &World, seed: u64, count: usize) {
    let ids: Vec<IncidentId> = world.incidents.iter().map(|id| id.parse().unwrap()).collect();
    let says = server
        .reads(move |conn| {
            let mut wrong: Vec<String> = Vec::new();
            let views = incident_views::views(conn, &ids)?;
            let mut bound: HashMap<_, UnitStatus> = HashMap::new();
            let mut seen = HashSet::new();
            for view in &views {
                for on in &view.units {
                    if !seen.insert(on.unit) {
                        wrong.push(format!("unit {} is on two incidents", on.unit));
                    }
                    bound.insert(on.unit, on.stage);
                }
                if view.status.is_over() != view.closed_at.is_some() {
                    wrong.push(format!(
                        "{} {} closed_at {:?}",
                        view.id, view.status, view.closed_at
                    ));
                }
                if view.status.is_over() && !view.units.is_empty() {
                    wrong.push(format!("{} is {} with a unit", view.id, view.status));
                }
                let stages = view.units.iter().map(|on| on.stage);
                let stands = switchboard::models::lifecycle::standing(stages);
                if !view.status.is_over() && view.status != stands {
                    wrong.push(format!("{} is {} not {stands}", view.id, view.status));
                }
                let moments: Vec<NaiveDateTime> = [
                    Some(view.received_at),
                    view.dispatched_at,
                    view.en_route_at,
                    view.on_scene_at,
                    view.transporting_at,
                    view.at_hospital_at,
                    view.closed_at,
                ]
                .into_iter()
                .flatten()
                .collect();
                if !moments.is_sorted() {
                    wrong.push(format!("{}: {moments:?}", view.id));
                }
            }
            for row in unit::all(conn)? {
                let stage = bound.get(&row.id).copied();
                let free =
                    [UnitStatus::Available, UnitStatus::Maintenance, UnitStatus::OutOfService];
                if stage.is_some_and(|stage| stage != row.status)
                    || (stage.is_none() && !free.contains(&row.status))
                {
                    wrong.push(format!("{} is {} bound {stage:?}", row.unit_number, row.status));
                }
            }
            for id in ids {
                for given in order::all_of(conn, id)? {
                    let ended = matches!(
                        given.state,
                        OrderState::Declined | OrderState::Released | OrderState::Canceled
                    );
                    if ended && given.is_open() {
                        wrong.push(format!("order {} is {} and open", given.id, given.state));
                    }
                    if given.ended_at.is_some_and(|at| at < given.newest()) {
                        wrong.push(format!("order {} ended before its last step", given.id));
                    }
                }
            }
            Ok(wrong)
        })
        .await;
    assert!(says.is_empty(), "seed {seed}, step {count}: {says:#?}");
}

/// Every timeline tells a legal story: each status entry begins where the one before it ended.
async fn timelines_tell_the_whole(server: &Server, world: &World, seed: u64) {
    for incident in &world.incidents {
        let incident_id: IncidentId = incident.parse().unwrap();
        let (entries, row) = server
            .reads(move |conn| {
                let entries = timeline::of_incident(conn, incident_id, None, 10_000)?;
                Ok((entries, incident::by_id(conn, incident_id)?.unwrap()))
            })
            .await;
        assert_eq!(entries[0].kind, "incident.opened", "seed {seed}");
        let mut at: HashMap<_, String> = HashMap::new();
        for entry in &entries {
            let Some(on) = entry.unit else { continue };
            let (Some(from), Some(to)) = (&entry.from, &entry.to) else { continue };
            if let Some(known) = at.get(&on) {
                let begins = known == from || entry.kind.starts_with("order.");
                assert!(begins, "seed {seed}: {known} then {entry:?}");
            }
            at.insert(on, to.clone());
        }
        let moments: Vec<NaiveDateTime> = entries.iter().map(|entry| entry.at).collect();
        assert!(moments.is_sorted(), "seed {seed}");
        if row.status == IncidentStatus::Closed {
            assert!(entries.iter().any(|entry| entry.kind == "incident.closed"));
        }
    }
}

async fn a_random_shift(database: Database, seed: u64) {
    let settings = [("messages_per_second_per_user", "0")];
    let server = Server::start_on(database, &settings).await;
    let mut seeded = Seeded::new(seed);
    let mut world = World {
        desk: people(&server, &["dana", "omar"], Role::Dispatcher).await,
        crews: people(&server, &["musu", "tamba", "sia"], Role::Paramedic).await,
        units: Vec::new(),
        incidents: Vec::new(),
        orders: Vec::new(),
    };
    for number in 1..=4 {
        let data = json!({"unit_number": format!("A-{number}")});
        let made = does(&server, &world.desk[0], "unit.save", data).await.unwrap();
        world.units.push(id(&made["id"]));
    }
    for (crew, unit) in world.crews.clone().iter().zip(world.units.clone()) {
        does(&server, crew, "shift.start", json!({"unit": unit})).await.unwrap();
    }
    let mut granted = 0;
    for count in 0..STEPS {
        granted += usize::from(step(&server, &mut world, &mut seeded).await);
        holds(&server, &world, seed, count).await;
    }
    nobody_is_on_duty_without_an_account(&server, seed).await;
    holds(&server, &world, seed, STEPS).await;
    timelines_tell_the_whole(&server, &world, seed).await;
    println!("seed {seed}: {granted} of {STEPS} granted, {} orders", world.orders.len());
    assert!(granted > STEPS / 10, "seed {seed}: only {granted} were granted");
}

#[tokio::test]
async fn whatever_is_commanded_units_incidents_and_orders_agree_on_sqlite() {
    for seed in [1, 20_261_128, 77] {
        a_random_shift(Database::sqlite(), seed).await;
    }
}

#[tokio::test]
async fn whatever_is_commanded_units_incidents_and_orders_agree_on_postgres() {
    if let Some(database) = Database::postgres() {
        a_random_shift(database, 4_711).await;
    }
}
