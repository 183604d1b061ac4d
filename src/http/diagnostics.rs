//! What the server knows about connections, itself and the one who asks.

use std::net::IpAddr;

use actix_web::http::header::{AUTHORIZATION, ORIGIN};
use actix_web::{HttpRequest, web};
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actors::lane::Fault;
use crate::auth::identity::{Carrier, Identity, Role};
use crate::auth::policy::{self, Action, Relation, Subject};
use crate::clock;
use crate::http::error::Answered;
use crate::http::extract::{Caller, Query, credential};
use crate::http::handshake::{self, SUBPROTOCOL};
use crate::http::paths::{Choice, Origins, PATHS, Serves, Shown};
use crate::http::rest::number;
use crate::http::state::State;
use crate::http::{cookies, peer};
use crate::ids::{AttemptId, UserId};
use crate::models::attempt::{self, AttemptFilter, AttemptRow, Outcome};
use crate::models::statistics;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::TopicKind;

/// Attempts listed when the asker does not say.
const ATTEMPTS_DEFAULT: i64 = 100;
/// Most attempts listed.
const ATTEMPTS_MAX: i64 = 1_000;
/// The hours that statistics cover.
const STATISTICS_HOURS: i64 = 24;

/// One recorded connection attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    #[schema(value_type = String)]
    id: AttemptId,
    client_ip: Option<String>,
    user_agent: String,
    path: String,
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
    username: String,
    role: String,
    /// `pre_handshake`, `handshake`, `connected`, `message_received` or `disconnected`.
    stage: &'static str,
    /// `accepted`, `refused` or `failed`.
    outcome: &'static str,
    successful: bool,
    close_code: Option<i32>,
    reason: String,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    started_at: NaiveDateTime,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<NaiveDateTime>,
    duration_ms: Option<i64>,
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        Self {
            id: row.id,
            client_ip: row.client_ip,
            user_agent: row.user_agent,
            path: row.path,
            user: row.user,
            username: row.username,
            role: row.role,
            stage: row.stage.as_str(),
            outcome: row.outcome.as_str(),
            successful: row.successful,
            close_code: row.close_code,
            reason: row.reason,
            started_at: row.started_at,
            ended_at: row.ended_at,
            duration_ms: row.duration_ms,
        }
    }
}

/// Recorded connection attempts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptList {
    attempts: Vec<AttemptView>,
}

/// Why attempts failed, and how many did.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonCount {
    reason: String,
    count: i64,
}

/// Attempts that began in one hour.
#[derive(Debug, Serialize, ToSchema)]
pub struct HourCount {
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    hour: NaiveDateTime,
    count: i64,
}

/// What happened at the door in the last 24 hours, and what is open now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    since: NaiveDateTime,
    total: i64,
    successful: i64,
    failed: i64,
    /// Successful of 100.
    success_percent: f64,
    /// The five most frequent reasons.
    common_reasons: Vec<ReasonCount>,
    /// Hours without attempts are left out.
    hourly: Vec<HourCount>,
    /// Mean of the connections that have ended.
    average_duration_ms: Option<f64>,
    /// Topics with listeners on this node.
    live_topics: usize,
    /// Commands that wait for the writer of this node.
    writer_queue: usize,
}

/// What the server sees of the one who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct SelfView {
    #[schema(value_type = String)]
    address: IpAddr,
    /// Whether the client's own connection is encrypted.
    is_secure: bool,
    user_agent: String,
    origin: OriginView,
    has_cookie: bool,
    credential: CredentialView,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    time: NaiveDateTime,
}

/// The Origin that was sent, and whether a socket would be opened for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OriginView {
    sent: Option<String>,
    accepted: bool,
    /// Why not; empty when accepted.
    reason: String,
}

/// What the credential that was shown is worth.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct CredentialView {
    /// `none`, `accepted` or `refused`.
    verdict: &'static str,
    /// Why it was refused; empty otherwise.
    reason: String,
    /// `cookie`, `access` or `opaque`.
    carrier: Option<&'static str>,
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
    username: Option<String>,
    role: Option<Role>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<NaiveDateTime>,
}

impl CredentialView {
    fn accepted(who: &Identity) -> Self {
        Self {
            verdict: "accepted",
            reason: String::new(),
            carrier: Some(match who.carrier {
                Carrier::Cookie => "cookie",
                Carrier::Access => "access",
                Carrier::Opaque => "opaque",
                Carrier::Service(_) => "service",
                Carrier::Nothing => "none",
            }),
            user: Some(who.user),
            username: Some(who.username.to_string()),
            role: Some(who.role),
            expires_at: who.expires_at,
        }
    }

    fn refused(refusal: &Refusal) -> Self {
        Self { verdict: "refused", reason: refusal.message.to_string(), ..Self::default() }
    }
}

/// What this server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerView {
    name: &'static str,
    version: &'static str,
    /// Names the history that positions belong to.
    epoch: String,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    time: NaiveDateTime,
    protocols: Vec<ProtocolView>,
}

/// A path on which a socket may be opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProtocolView {
    name: &'static str,
    path: &'static str,
}

/// Which attempts to list, as the query string says it.
#[derive(Debug, Deserialize)]
pub struct AttemptsQuery {
    user: Option<String>,
    ip: Option<String>,
    outcome: Option<String>,
    limit: Option<String>,
}

impl AttemptsQuery {
    fn read(&self) -> Result<(i64, AttemptFilter), Refusal> {
        let limit = number("limit", self.limit.as_deref())?.unwrap_or(ATTEMPTS_DEFAULT);
        if !(1..=ATTEMPTS_MAX).contains(&limit) {
            return Err(Refusal::field("limit", format!("from 1 to {ATTEMPTS_MAX}")));
        }
        let user = self.user.as_deref().map(|text| {
            text.parse::<UserId>().map_err(|_| Refusal::field("user", "an id: digits"))
        });
        let address = self
            .ip
            .as_deref()
            .map(|text| text.parse::<IpAddr>().map_err(|_| Refusal::field("ip", "an IP address")));
        let outcome = self.outcome.as_deref().map(|text| {
            let known = Outcome::ALL.iter().find(|outcome| outcome.as_str() == text).copied();
            known.ok_or_else(|| Refusal::field("outcome", "accepted, refused or failed"))
        });
        let filter = AttemptFilter {
            user: user.transpose()?,
            client_ip: address.transpose()?.map(|address| address.to_canonical().to_string()),
            path: None,
            outcome: outcome.transpose()?,
            since: None,
        };
        Ok((limit, filter))
    }
}

fn require_admin(who: &Identity) -> Result<(), Refusal> {
    let subject = Subject::Person(who);
    policy::decide(TopicKind::Admin, Action::Read, subject, Relation::Stranger).map(drop)
}

/// Lists recorded connection attempts, newest first. For admins.
#[utoipa::path(get, path = "/api/v1/diagnostics/attempts", tag = "diagnostics",
    params(
        ("user" = Option<String>, Query, description = "a user's id"),
        ("ip" = Option<String>, Query, description = "the client's address"),
        ("outcome" = Option<String>, Query, description = "accepted, refused or failed"),
        ("limit" = Option<i64>, Query, description = "1 to 1000; 100 when absent"),
    ),
    responses((status = 200, body = AttemptList)))]
pub async fn list_attempts(
    state: web::Data<State>,
    who: Caller,
    query: Query<AttemptsQuery>,
) -> Answered<web::Json<AttemptList>> {
    require_admin(&who)?;
    let (limit, filter) = query.0.read()?;
    let read = state.house.lane.read(move |conn| Ok(attempt::recent(conn, limit, &filter)?));
    let attempts = read.await?.into_iter().map(AttemptView::from).collect();
    Ok(web::Json(AttemptList { attempts }))
}

/// Counts what happened at the door in the last 24 hours. For admins.
#[utoipa::path(get, path = "/api/v1/diagnostics/statistics", tag = "diagnostics",
    responses((status = 200, body = Statistics)))]
pub async fn show_statistics(
    state: web::Data<State>,
    who: Caller,
) -> Answered<web::Json<Statistics>> {
    require_admin(&who)?;
    let since = clock::now_naive() - TimeDelta::hours(STATISTICS_HOURS);
    let read = state
        .house
        .lane
        .read(move |conn| statistics::attempts_since(conn, since).map_err(Fault::from));
    let counted = read.await?;
    let reason = |(reason, count)| ReasonCount { reason, count };
    let hour = |(hour, count)| HourCount { hour, count };
    Ok(web::Json(Statistics {
        since,
        total: counted.total,
        successful: counted.successful,
        failed: counted.failed,
        success_percent: counted.success_percent,
        common_reasons: counted.common_reasons.into_iter().map(reason).collect(),
        hourly: counted.hourly.into_iter().map(hour).collect(),
        average_duration_ms: counted.average_duration_ms,
        live_topics: state.house.exchange.topics(),
        writer_queue: state.house.lane.depth(),
    }))
}

/// Shows what the server sees of the one who asks; for whoever cannot connect and wonders why.
#[utoipa::path(get, path = "/api/v1/diagnostics/self", tag = "diagnostics",
    responses((status = 200, body = SelfView)))]
pub async fn show_self(
    state: web::Data<State>,
    request: HttpRequest,
) -> Answered<web::Json<SelfView>> {
    let shown = credential(&request);
    let credential = match &shown {
        None => CredentialView { verdict: "none", ..CredentialView::default() },
        Some(shown) => match state.house.authenticator.identify(shown).await {
            Ok(who) => CredentialView::accepted(&who),
            Err(refusal) if refusal.code == Code::NotAuthenticated => {
                CredentialView::refused(&refusal)
            }
            Err(fault) => return Err(fault.into()),
        },
    };
    let has_cookie = request.cookie(cookies::SESSION).is_some();
    let shown_by = match &shown {
        Some(_) if request.headers().contains_key(AUTHORIZATION) => Shown::Header,
        Some(_) => Shown::Cookie,
        None => Shown::Nothing,
    };
    let verdict =
        handshake::check_origin(request.headers(), &state.config, shown_by, Origins::Usual);
    let reason = verdict.as_ref().err().map(|rejected| rejected.refusal.message.to_string());
    let sent = request.headers().get(ORIGIN).and_then(|value| value.to_str().ok());
    Ok(web::Json(SelfView {
        address: peer::client_address(&request, &state.config),
        is_secure: peer::is_secure(&request, &state.config),
        user_agent: peer::user_agent(&request),
        origin: OriginView {
            sent: sent.map(|origin| origin.chars().take(256).collect()),
            accepted: verdict.is_ok(),
            reason: reason.unwrap_or_default(),
        },
        has_cookie,
        credential,
        time: clock::now_naive(),
    }))
}

/// Says what this server is and where sockets are opened.
#[utoipa::path(get, path = "/api/v1/server", tag = "diagnostics",
    responses((status = 200, body = ServerView)))]
pub async fn show_server(state: web::Data<State>) -> web::Json<ServerView> {
    let is_native = |choice: &Choice| matches!(choice.serves, Serves::Native | Serves::Lone(_));
    let native = PATHS.iter().filter(|row| row.choices.iter().any(is_native));
    web::Json(ServerView {
        name: "switchboard",
        version: env!("CARGO_PKG_VERSION"),
        epoch: state.house.epoch.to_string(),
        time: clock::now_naive(),
        protocols: native.map(|row| ProtocolView { name: SUBPROTOCOL, path: row.route }).collect(),
    })
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/diagnostics/attempts").route(web::get().to(list_attempts)))
        .service(
            web::resource("/api/v1/diagnostics/statistics").route(web::get().to(show_statistics)),
        )
        .service(web::resource("/api/v1/diagnostics/self").route(web::get().to(show_self)))
        .service(web::resource("/api/v1/server").route(web::get().to(show_server)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, value: &str) -> Result<(i64, AttemptFilter), Refusal> {
        let given = |wanted: &str| (name == wanted).then(|| value.to_owned());
        let (user, ip) = (given("user"), given("ip"));
        AttemptsQuery { user, ip, outcome: given("outcome"), limit: given("limit") }.read()
    }

    #[test]
    fn each_part_of_the_query_is_checked_and_named() {
        for (name, bad) in
            [("user", "x"), ("ip", "1.2.3"), ("outcome", "maybe"), ("limit", "0"), ("limit", "x")]
        {
            assert_eq!(query(name, bad).unwrap_err().field.as_deref(), Some(name), "{bad}");
        }
        assert_eq!(query("outcome", "refused").unwrap().1.outcome, Some(Outcome::Refused));
        assert_eq!(query("limit", "7").unwrap().0, 7);
        let mapped = query("ip", "::ffff:10.0.0.1").unwrap().1.client_ip;
        assert_eq!(mapped.as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn a_refused_credential_says_why_and_nothing_else() {
        let view = CredentialView::refused(&Refusal::not_authenticated("token expired"));
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["verdict"], "refused");
        assert_eq!(json["reason"], "token expired");
        assert!(json["user"].is_null());
    }
}
