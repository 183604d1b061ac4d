//! What balancers and monitors ask: alive, ready, and the counters.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use log::warn;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::auth::identity::Role;
use crate::auth::policy::{self, Subject};
use crate::clock;
use crate::http::error::Answered;
use crate::http::extract::MaybeCaller;
use crate::http::peer;
use crate::http::state::State;
use crate::models::facts;

/// How long the database may take to take a write.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// How long the outcome of one write stands for those who ask again.
const PROBE_HOLDS: Duration = Duration::from_secs(1);
/// The fact that a probe writes.
const PROBE_FACT: &str = "readiness_probe";

/// The last write probe. Whoever asks while one runs waits for it, so that many who ask cost the
/// database one write a second.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<(Instant, bool)>>);

impl Probe {
    async fn writes(&self, state: &State) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, went_well)) = *last
            && at.elapsed() < PROBE_HOLDS
        {
            return went_well;
        }
        let now = clock::rfc3339(clock::now_naive());
        let write = state.house.lane.write(move |conn| Ok(facts::set(conn, PROBE_FACT, &now)?));
        let went_well = matches!(tokio::time::timeout(PROBE_LIMIT, write).await, Ok(Ok(())));
        *last = Some((Instant::now(), went_well));
        went_well
    }
}

/// One thing that readiness stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What is wrong, for people; empty when nothing is.
    reason: String,
}

impl Check {
    fn new(name: &'static str, ok: bool, reason: impl Into<String>) -> Self {
        Self { name, ok, reason: if ok { String::new() } else { reason.into() } }
    }
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

impl Readiness {
    fn new(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.ok), checks }
    }

    fn status(&self) -> StatusCode {
        if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

/// The process answers. Asks nothing of anyone else.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).body("ok")
}

/// Whether this node should be sent anyone: 200, or 503 with what is wrong.
pub async fn readyz(state: web::Data<State>, probe: web::Data<Probe>) -> HttpResponse {
    let house = &state.house;
    let absent: Vec<String> = house.owners.absent().iter().map(ToString::to_string).collect();
    let writer = house.lane.is_alive();
    let layer = house.layer.health();
    if let Err(fault) = &layer {
        // The reason may name hosts, so it is for the log alone.
        warn!("the channel layer is not healthy layer={} cause={fault}", house.layer.name());
    }
    let writes = writer && probe.writes(&state).await;
    let draining = house.draining.load(Ordering::Relaxed);
    let readiness = Readiness::new(vec![
        Check::new("owners", absent.is_empty(), format!("not answering: {}", absent.join(", "))),
        Check::new("writer", writer, "the writer has ended"),
        Check::new("database", writes, "no write was taken within 1 s"),
        Check::new("layer", layer.is_ok(), format!("{} does not carry", house.layer.name())),
        Check::new("accepting", !draining, "draining"),
    ]);
    HttpResponse::build(readiness.status())
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(readiness)
}

/// Whether a request was made on this machine itself: by loopback, and not for someone else.
fn is_local(address: IpAddr, is_forwarded: bool) -> bool {
    address.to_canonical().is_loopback() && !is_forwarded
}

/// The counters as Prometheus text, for this machine and for admins.
pub async fn metrics(
    state: web::Data<State>,
    request: HttpRequest,
    who: MaybeCaller,
) -> Answered<HttpResponse> {
    let peer = request.peer_addr().map(|address| address.ip());
    // A proxy on this machine that is not named as trusted would make all the world look local.
    let is_forwarded =
        ["x-forwarded-for", "forwarded"].iter().any(|name| request.headers().contains_key(*name));
    let is_local = is_local(peer::client_address(&request, &state.config), is_forwarded);
    let is_trusted = peer.is_some_and(|peer| state.config.is_trusted_proxy(peer.to_canonical()));
    if !(is_local || is_trusted && !is_forwarded) {
        let subject = who.0.as_deref().map_or(Subject::Anyone, Subject::Person);
        policy::decide_role(&[Role::Admin], subject)?;
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(state.metrics.render()))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.app_data(web::Data::new(Probe::default()))
        .service(
            web::resource("/healthz")
                .route(web::get().to(healthz))
                .route(web::head().to(healthz)),
        )
        .service(
            web::resource("/readyz").route(web::get().to(readyz)).route(web::head().to(readyz)),
        )
        .service(web::resource("/metrics").route(web::get().to(metrics)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn one_failed_check_makes_the_node_unready_and_says_why() {
        let good = Check::new("writer", true, "the writer has ended");
        assert_eq!(good.reason, "");
        assert_eq!(Readiness::new(vec![good.clone()]).status(), StatusCode::OK);
        let readiness = Readiness::new(vec![good, Check::new("layer", false, "does not carry")]);
        assert_eq!(readiness.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(readiness.checks[1].reason, "does not carry");
    }

    #[test]
    fn only_an_unforwarded_request_by_loopback_is_local() {
        assert!(is_local(Ipv4Addr::LOCALHOST.into(), false));
        assert!(is_local(Ipv6Addr::LOCALHOST.into(), false));
        assert!(!is_local(Ipv4Addr::LOCALHOST.into(), true));
        assert!(!is_local(Ipv4Addr::new(10, 0, 0, 1).into(), false));
    }
}
