//! The older dashboard's monitoring routes, with this server's own figures: its agents are the
//! actors that work here, its workflows the rounds of housekeeping, its commands those that left
//! something to remember.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::actors::authorize::require;
use crate::actors::dashboards::midnight;
use crate::actors::house::House;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::http::error::Answered;
use crate::http::extract::{Caller, Query};
use crate::http::rest::number;
use crate::http::state::State;
use crate::metrics::Metrics;
use crate::models::dashboard;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{KINDS, Owner, TopicKind};
use crate::socket::census;

/// Workflows listed when the asker does not say.
const WORKFLOWS: i64 = 20;
/// The owners, as agents.
const OWNERS: [Owner; 3] = [Owner::RoomSupervisor, Owner::NotificationHub, Owner::DispatchBoard];
/// How long the housekeeper may be silent, in seconds.
const SILENT_S: i64 = 60;

/// The description of these routes.
#[derive(OpenApi)]
#[openapi(paths(show_stats, list_agents, list_workflows, show_health))]
pub struct Described;

/// Figures of this server.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    total_agents: usize,
    active_agents: usize,
    total_workflows: usize,
    running_workflows: usize,
    total_commands: i64,
    commands_executed_today: i64,
    storage_used_mb: f64,
    api_response_time_ms: f64,
    timestamp: String,
}

/// One that works here.
#[derive(Serialize, ToSchema)]
pub struct Agent {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// `idle`, `busy` or `active`.
    status: &'static str,
    current_task: Option<String>,
    last_active: Option<String>,
    capabilities: Vec<&'static str>,
}

/// A round of housekeeping.
#[derive(Serialize, ToSchema)]
pub struct Workflow {
    id: &'static str,
    name: &'static str,
    /// `running` or `completed`.
    status: &'static str,
    progress: u8,
    started_at: String,
    completed_at: Option<String>,
    current_step: Option<&'static str>,
}

/// One thing that health stands on.
#[derive(Serialize, ToSchema)]
pub struct Check {
    /// `healthy` or `unhealthy`.
    status: &'static str,
    message: String,
}

/// What health stands on, by the names these clients know.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    database: Check,
    /// What carries between processes.
    cache: Check,
    /// What works in the background.
    celery: Check,
    websocket: Check,
}

/// How the server does.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `healthy`, or `unhealthy` when one of the checks is.
    status: &'static str,
    timestamp: String,
    checks: Checks,
}

/// How many workflows to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WorkflowQuery {
    /// 1 to 100; 20 when absent.
    limit: Option<String>,
}

fn iso(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339()
}

fn two_digits(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

fn may_see(who: &Caller) -> Result<(), Refusal> {
    require(who, TopicKind::Admin, Action::SeeFigures, Relation::Stranger).map(|_| ())
}

fn agents(house: &House) -> Vec<Agent> {
    let now = iso(clock::now_naive());
    let absent = house.owners.absent();
    let mut agents: Vec<Agent> = OWNERS
        .iter()
        .map(|owner| {
            let is_there = !absent.contains(owner);
            let owned = KINDS.iter().filter(|kind| kind.owner == *owner);
            Agent {
                id: owner.to_string(),
                name: owner.to_string(),
                kind: "owner",
                status: if is_there { "active" } else { "idle" },
                current_task: None,
                // It answers, now.
                last_active: is_there.then(|| now.clone()),
                capabilities: owned.map(|kind| kind.grammar).collect(),
            }
        })
        .collect();
    let (depth, is_alive) = (house.lane.depth(), house.lane.is_alive());
    agents.push(Agent {
        id: "writer".to_owned(),
        name: "writer".to_owned(),
        kind: "writer",
        status: match (is_alive, depth) {
            (true, 0) => "active",
            (true, _) => "busy",
            (false, _) => "idle",
        },
        current_task: (depth > 0).then(|| format!("{depth} commands wait to be written")),
        last_active: is_alive.then_some(now),
        capabilities: vec!["commits commands"],
    });
    let rounds = house.rounds.all();
    let under_way = rounds.iter().find(|(_, round)| round.completed_at.is_none());
    let last = rounds.iter().map(|(_, round)| round.completed_at.unwrap_or(round.started_at)).max();
    agents.push(Agent {
        id: "housekeeper".to_owned(),
        name: "housekeeper".to_owned(),
        kind: "housekeeper",
        status: match (under_way, last) {
            (Some(_), _) => "busy",
            (None, Some(_)) => "active",
            (None, None) => "idle",
        },
        current_task: under_way.map(|(name, _)| (*name).to_owned()),
        last_active: last.map(iso),
        capabilities: rounds.iter().map(|(name, _)| *name).collect(),
    });
    agents
}

fn workflows(house: &House) -> Vec<Workflow> {
    let mut rounds = house.rounds.all();
    rounds.sort_by_key(|(_, round)| std::cmp::Reverse(round.started_at));
    let workflow = |(name, round): (&'static str, crate::actors::rounds::Round)| Workflow {
        id: name,
        name,
        status: if round.completed_at.is_some() { "completed" } else { "running" },
        progress: if round.completed_at.is_some() { 100 } else { 0 },
        started_at: iso(round.started_at),
        completed_at: round.completed_at.map(iso),
        current_step: round.completed_at.is_none().then_some(name),
    };
    rounds.into_iter().map(workflow).collect()
}

/// Figures of this server, in the older dashboard's words.
#[utoipa::path(get, path = "/api/v1/monitoring/dashboard/stats", tag = "compatibility",
    responses((status = 200, body = Stats)))]
pub async fn show_stats(state: web::Data<State>, who: Caller) -> Answered<web::Json<Stats>> {
    may_see(&who)?;
    let house = &state.house;
    let read = house.lane.read(|conn| {
        let (ever, today) = dashboard::commands(conn, midnight(clock::now_naive()))?;
        Ok((ever, today, dashboard::storage_bytes(conn)?))
    });
    let (total_commands, commands_executed_today, bytes) = read.await?;
    let (agents, workflows) = (agents(house), workflows(house));
    #[expect(clippy::cast_precision_loss, reason = "a database is far below 2^52 bytes")]
    let storage_used_mb = two_digits(bytes as f64 / (1024.0 * 1024.0));
    Ok(web::Json(Stats {
        total_agents: agents.len(),
        active_agents: agents.iter().filter(|agent| agent.status != "idle").count(),
        total_workflows: workflows.len(),
        running_workflows: workflows.iter().filter(|flow| flow.completed_at.is_none()).count(),
        total_commands,
        commands_executed_today,
        storage_used_mb,
        api_response_time_ms: two_digits(Metrics::get().request_seconds.mean_ms()),
        timestamp: iso(clock::now_naive()),
    }))
}

/// Those that work here.
#[utoipa::path(get, path = "/api/v1/monitoring/dashboard/agents", tag = "compatibility",
    responses((status = 200, body = Vec<Agent>)))]
pub async fn list_agents(state: web::Data<State>, who: Caller) -> Answered<web::Json<Vec<Agent>>> {
    may_see(&who)?;
    Ok(web::Json(agents(&state.house)))
}

/// The rounds of housekeeping, the last begun first.
#[utoipa::path(get, path = "/api/v1/monitoring/dashboard/workflows", tag = "compatibility",
    params(WorkflowQuery), responses((status = 200, body = Vec<Workflow>)))]
pub async fn list_workflows(
    state: web::Data<State>,
    who: Caller,
    Query(query): Query<WorkflowQuery>,
) -> Answered<web::Json<Vec<Workflow>>> {
    may_see(&who)?;
    let limit = number("limit", query.limit.as_deref())?.unwrap_or(WORKFLOWS);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::field("limit", "from 1 to 100").into());
    }
    let mut flows = workflows(&state.house);
    flows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(web::Json(flows))
}

fn check(is_healthy: bool, good: String, bad: &str) -> Check {
    match is_healthy {
        true => Check { status: "healthy", message: good },
        false => Check { status: "unhealthy", message: bad.to_owned() },
    }
}

/// How the server does. 503 when something does not.
#[utoipa::path(get, path = "/api/v1/monitoring/dashboard/health", tag = "compatibility",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub async fn show_health(state: web::Data<State>, who: Caller) -> Answered<HttpResponse> {
    may_see(&who)?;
    let house = &state.house;
    let reads = house.lane.read(|conn| Ok(dashboard::storage_bytes(conn)?)).await.is_ok();
    let now = clock::now_naive();
    let last = house.rounds.all().into_iter().map(|(_, round)| round.started_at).max();
    let keeps_house = last.is_some_and(|at| (now - at).num_seconds() < SILENT_S);
    let accepts = !house.draining.load(Ordering::Relaxed);
    let sockets = census::alive_in_process();
    let layer = house.layer.name();
    let checks = Checks {
        database: check(
            reads && house.lane.is_alive(),
            "reads and writes".to_owned(),
            "does not answer, or takes no writes",
        ),
        cache: check(
            house.layer.health().is_ok(),
            format!("the channel layer carries ({layer})"),
            "the channel layer does not carry",
        ),
        celery: check(
            keeps_house,
            "housekeeping goes its rounds".to_owned(),
            "housekeeping has been silent",
        ),
        websocket: check(
            accepts && house.owners.absent().is_empty(),
            format!("{sockets} connections"),
            "stopping, or an owner does not answer",
        ),
    };
    let all = [&checks.database, &checks.cache, &checks.celery, &checks.websocket];
    let is_healthy = all.iter().all(|check| check.status == "healthy");
    let health = Health {
        status: if is_healthy { "healthy" } else { "unhealthy" },
        timestamp: iso(now),
        checks,
    };
    let mut response =
        if is_healthy { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    Ok(response.json(health))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/monitoring/dashboard/stats", web::get().to(show_stats))
        .route("/api/v1/monitoring/dashboard/agents", web::get().to(list_agents))
        .route("/api/v1/monitoring/dashboard/workflows", web::get().to(list_workflows))
        .route("/api/v1/monitoring/dashboard/health", web::get().to(show_health));
}
