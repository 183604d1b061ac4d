//! What the lobby's clients ask besides its socket: whether it is online, and why it may not be.
//!
//! The names of fields are those of the older diagnostics page; every value is this server's own.
//! Addresses and agents of others are shown on a developer's machine alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDateTime, TimeDelta};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::clock;
use crate::http::error::Answered;
use crate::http::peer;
use crate::http::state::State;
use crate::models::attempt::{self, AttemptFilter, AttemptRow};
use crate::models::statistics::{self, PathStatistics};
use crate::protocol::refusal::Refusal;

/// What this runs on, in the words of the older server.
const PLATFORM: &str = if cfg!(target_os = "linux") { "linux" } else { "other" };

/// The path whose attempts are counted.
const SOCKET_PATH: &str = "/ws/chat/";
/// Attempts shown.
const RECENT: i64 = 20;
/// The hours that are counted one by one.
const HOURS: i64 = 24;
/// How long one look at the record stands for all who ask.
const LOOK_HOLDS: Duration = Duration::from_secs(1);
/// How long the probe of the socket's port may take.
const PORT_PATIENCE: Duration = Duration::from_secs(2);
/// The middleware every request passes, outermost first.
const MIDDLEWARE: [&str; 3] = [
    "switchboard::http::middleware::dress",
    "actix_web::middleware::NormalizePath",
    "actix_cors::Cors",
];

/// What the record says of the lobby's socket, and what came of knocking and probing.
#[derive(Debug, Clone)]
struct Look {
    recent: Vec<AttemptRow>,
    counted: PathStatistics,
    /// The socket's port, as a client finds it.
    port: String,
    /// Whether the channel layer carries; else why not.
    carried: Result<(), &'static str>,
}

/// The last look, so that many who ask cost the database, the port and the channel layer one look
/// a second.
#[derive(Debug, Default)]
pub struct Record(Mutex<Option<(Instant, Look)>>);

impl Record {
    async fn look(&self, state: &State) -> Result<Look, Refusal> {
        let mut last = self.0.lock().await;
        if let Some((at, look)) = &*last
            && at.elapsed() < LOOK_HOLDS
        {
            return Ok(look.clone());
        }
        let since = clock::now_naive() - TimeDelta::hours(HOURS);
        let read = state.house.lane.read(move |conn| {
            let path = Some(SOCKET_PATH.to_owned());
            let filter = AttemptFilter { path, ..AttemptFilter::default() };
            let recent = attempt::recent(conn, RECENT, &filter)?;
            Ok((recent, statistics::of_path(conn, SOCKET_PATH, since)?))
        });
        let (recent, counted) = read.await?;
        let port = match socket_address(state) {
            Some(address) => knock(address).await,
            None => "closed (not listening)".to_owned(),
        };
        let look = Look { recent, counted, port, carried: state.house.probe_layer().await };
        *last = Some((Instant::now(), look.clone()));
        Ok(look)
    }
}

/// One attempt, in the names of the older page.
#[derive(Debug, Serialize)]
struct Attempt {
    client_ip: Option<String>,
    timestamp: String,
    user_agent: String,
    successful: bool,
    error_message: Option<String>,
    connection_stage: &'static str,
    connection_duration_ms: Option<i64>,
    close_code: Option<i32>,
    connection_path: String,
}

fn iso(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339()
}

fn two_digits(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

impl Attempt {
    /// `asker` sees all of their own attempts, and of others' only what became of them.
    fn shown(row: AttemptRow, asker: IpAddr, shows_all: bool) -> Self {
        let is_known = shows_all || row.client_ip.as_deref() == Some(&asker.to_string());
        Self {
            client_ip: row.client_ip.filter(|_| is_known),
            timestamp: iso(row.started_at),
            user_agent: if is_known { row.user_agent } else { String::new() },
            successful: row.successful,
            error_message: (!row.successful).then_some(row.reason),
            connection_stage: row.stage.as_str(),
            connection_duration_ms: row.duration_ms,
            close_code: row.close_code,
            connection_path: row.path,
        }
    }
}

fn counted(found: &PathStatistics) -> Value {
    let errors = found.common_reasons.iter();
    let hours = found.hourly.iter().map(|hour| {
        json!({
            "hour": hour.begins.and_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "attempts": hour.total,
            "successful": hour.successful,
            "failed": hour.total - hour.successful,
        })
    });
    json!({
        "total_attempts": found.total,
        "successful_attempts": found.successful,
        "failed_attempts": found.total - found.successful,
        "success_rate": two_digits(found.success_percent()),
        "common_errors": errors
            .map(|(reason, count)| json!({"error_message": reason, "count": count}))
            .collect::<Vec<_>>(),
        "hourly_data": hours.collect::<Vec<_>>(),
        "avg_duration": found.average_duration_ms.map(two_digits),
    })
}

/// Where the lobby's socket is: who gives it an address of its own names it last.
fn socket_address(state: &State) -> Option<SocketAddr> {
    state.addresses.last().copied()
}

/// Where this machine reaches an address it listens on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Knocks at a port, as a client would.
async fn knock(address: SocketAddr) -> String {
    let knocked = TcpStream::connect(reachable(address));
    match tokio::time::timeout(PORT_PATIENCE, knocked).await {
        Ok(Ok(_)) => "open".to_owned(),
        Ok(Err(fault)) => format!("closed (error code: {})", fault.raw_os_error().unwrap_or(0)),
        Err(_) => "closed (no answer)".to_owned(),
    }
}

fn with_any_origin(mut response: HttpResponse) -> HttpResponse {
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}

/// Whether the chat is online.
pub async fn status() -> HttpResponse {
    with_any_origin(
        HttpResponse::Ok().json(json!({"status": "online", "message": "Chat server is running"})),
    )
}

/// What the server finds when it looks at itself with the eyes of a lobby's client.
pub async fn diagnose(
    state: web::Data<State>,
    record: web::Data<Record>,
    request: HttpRequest,
) -> Answered<HttpResponse> {
    let config = &state.config;
    let asker = peer::client_address(&request, config);
    let look = record.look(&state).await?;
    let layer = match &look.carried {
        Ok(()) => "Successfully sent test message to channel layer".to_owned(),
        Err(fault) => format!("Error: {fault}"),
    };
    let shows_all = config.is_development();
    let recent = look.recent.into_iter().map(|row| Attempt::shown(row, asker, shows_all));
    let hosts = if shows_all { config.allowed_hosts.as_slice() } else { &[] };
    let origins = (!config.cors_allowed_origins.is_empty()).then_some(&config.cors_allowed_origins);
    let report = json!({
        "client_ip": asker.to_string(),
        "csrf_enabled": true,
        "channel_layer_available": look.carried.is_ok(),
        "channel_layer_test": layer,
        "asgi_port_status": look.port,
        "asgi_port": socket_address(&state).map(|address| address.port()),
        "websocket_config": {
            "ASGI_APPLICATION": "switchboard",
            "CHANNEL_LAYERS": {"default": {"BACKEND": state.house.layer.name()}},
            "CORS_ALLOWED_ORIGINS": origins,
            "ALLOWED_HOSTS": hosts,
        },
        "versions": {"Switchboard": env!("CARGO_PKG_VERSION")},
        "os_info": {"OS": "posix", "Platform": PLATFORM},
        "security_settings": security(&request, &state),
        "middleware_classes": MIDDLEWARE,
        "tls_config": tls(&request, &state),
        "recent_connection_attempts": recent.collect::<Vec<_>>(),
        "connection_statistics": counted(&look.counted),
        "server_time": iso(clock::now_naive()),
    });
    let answer = json!({"status": "online", "server_diagnostics": report});
    Ok(with_any_origin(HttpResponse::Ok().json(answer)))
}

fn security(request: &HttpRequest, state: &State) -> Value {
    // Cookies are for encrypted connections alone once the connection is encrypted.
    let is_secure = peer::is_secure(request, &state.config);
    json!({
        "CORS_ALLOW_ALL_ORIGINS": false,
        "CSRF_COOKIE_SECURE": is_secure,
        "SECURE_SSL_REDIRECT": false,
        "SESSION_COOKIE_SECURE": is_secure,
    })
}

fn tls(request: &HttpRequest, state: &State) -> Value {
    let forwarded = request.headers().get("x-forwarded-proto");
    // The port that was asked for, as far as the client names it.
    let named = request.connection_info().host().rsplit_once(':').and_then(|(_, port)| {
        let port = port.parse().ok()?;
        state.addresses.iter().any(|address| address.port() == port).then_some(port)
    });
    let port = named.or_else(|| state.addresses.first().map(SocketAddr::port));
    json!({
        "using_https": peer::is_secure(request, &state.config),
        "x_forwarded_proto": forwarded.and_then(|proto| proto.to_str().ok()),
        "server_port": port.map(|port: u16| port.to_string()),
    })
}

/// What a page may ask before it asks: anything.
pub async fn allow() -> HttpResponse {
    with_any_origin(
        HttpResponse::Ok()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"))
            .json(json!({})),
    )
}

/// Registers these routes; without a lobby they are not there.
pub fn configure(cfg: &mut web::ServiceConfig, has_lobby: bool) {
    if !has_lobby {
        for path in ["/chat/status", "/chat/diagnostics"] {
            cfg.service(web::resource(path).to(HttpResponse::NotFound));
        }
        return;
    }
    cfg.app_data(web::Data::new(Record::default()))
        .service(
            web::resource("/chat/status")
                .route(web::get().to(status))
                .route(web::method(actix_web::http::Method::OPTIONS).to(allow)),
        )
        .service(
            web::resource("/chat/diagnostics")
                .route(web::method(actix_web::http::Method::OPTIONS).to(allow))
                // Whatever the method, as it always was.
                .to(diagnose),
        );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_all_is_knocked_at_by_loopback() {
        for (bound, knocked) in [
            ("0.0.0.0:8001", "127.0.0.1:8001"),
            ("[::]:8001", "[::1]:8001"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), knocked);
        }
    }

    #[tokio::test]
    async fn a_port_is_open_while_someone_listens_and_closed_after() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(knock(address).await, "open");
        drop(listener);
        assert_eq!(knock(address).await, "closed (error code: 111)");
    }
}
