//! A client of our own protocol: one connection, its credential, its end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri, header};
use tokio_tungstenite::tungstenite::{Error, Message, protocol};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::auth::secret::{Secret, random_bytes};
use crate::commands::backoff::{Backoff, Ended, Next};
use crate::commands::credential::Issuer;
use crate::commands::failure::Failure;
use crate::commands::terminal::{one_line, tell};

/// How long opening a connection may take, and closing it at most.
const HANDSHAKE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(1);
/// Silence after which a connection counts as lost, before the server says how often it pings.
const SILENCE: Duration = Duration::from_secs(60);

/// What the server is shown.
pub enum Credential {
    /// By the user; not ours to renew or end.
    Given(Secret),
    /// Made here from the server's own settings, and renewed as needed.
    Made(Box<Issuer>),
}

/// A server that can be connected to, again and again.
pub struct Door {
    address: Uri,
    credential: Credential,
    stop: watch::Receiver<bool>,
    backoff: Backoff,
}

/// Turns true at Ctrl-C or SIGTERM. Needs a running runtime.
fn watch_for_stop() -> watch::Receiver<bool> {
    use tokio::signal::unix::{SignalKind, signal};
    let (say, hear) = watch::channel(false);
    tokio::spawn(async move {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        say.send_replace(true);
        say.closed().await;
    });
    hear
}

/// Why a connection's use is over.
#[derive(Debug)]
pub enum Over {
    /// What was wanted is done.
    Done,
    /// The user wants to stop.
    Stopped,
    /// The connection ended, or the server said no.
    Ended(Ended),
    /// Trying again cannot help.
    Failed(Failure),
}

impl From<Ended> for Over {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody watches for signals; then nobody can ask us to stop.
        std::future::pending::<()>().await;
    }
}

impl Door {
    /// A door to `address`, watching for Ctrl-C. Needs a running runtime.
    pub fn new(address: Uri, credential: Credential) -> Self {
        Self { address, credential, stop: watch_for_stop(), backoff: Backoff::default() }
    }

    /// Whom the server is told we are, when it is known here.
    pub fn username(&self) -> Option<&str> {
        match &self.credential {
            Credential::Made(issuer) => Some(issuer.username()),
            Credential::Given(_) => None,
        }
    }

    /// The address, for people.
    pub fn shown(&self) -> String {
        self.address.to_string()
    }

    fn token(&self) -> String {
        match &self.credential {
            Credential::Given(secret) => secret.expose().to_owned(),
            Credential::Made(issuer) => issuer.issue().token,
        }
    }

    /// Connects and waits for the server's welcome.
    ///
    /// # Errors
    /// What became of the attempt.
    pub async fn open(&mut self) -> Result<Link, Over> {
        let lost = |cause: String| Ended::Lost(cause);
        let mut request = self.address.clone().into_client_request().map_err(not_upgraded)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.token()))
            .map_err(|_| Over::Failed(Failure::new("--token holds what no token can hold")))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        if self.address.scheme_str() == Some("wss") {
            // An error only says that there is a provider already.
            drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        }
        let connecting = tokio::time::timeout(HANDSHAKE, connect_async(request));
        let (socket, _) = tokio::select! {
            connected = connecting => connected
                .map_err(|_| lost("no answer".to_owned()))?
                .map_err(not_upgraded)?,
            () = stopped(&mut self.stop) => return Err(Over::Stopped),
        };
        let stop = self.stop.clone();
        let mut link = Link { socket, stop, silence: SILENCE, hint_ms: None, said: None };
        loop {
            let (frame, _) = link.hear(self).await?;
            if frame["type"] == "welcome" {
                if let Some(heartbeat_ms) = frame["data"]["heartbeat_ms"].as_u64() {
                    let silence = heartbeat_ms.saturating_mul(2).saturating_add(15_000);
                    link.silence = Duration::from_millis(silence);
                }
                return Ok(link);
            }
        }
    }

    /// Everything works: the next delay is the first again.
    pub fn settled(&mut self) {
        self.backoff.reset();
    }

    /// Says what happened and waits until it is time to connect again.
    ///
    /// # Errors
    /// When coming back cannot help, or the user wants to stop.
    pub async fn wait(&mut self, ended: &Ended) -> Result<(), Over> {
        let random = u64::from_le_bytes(random_bytes());
        let delay = match ended.next(&mut self.backoff, random) {
            Next::GiveUp(sentence) => return Err(Over::Failed(Failure(sentence))),
            Next::Again(delay) => delay,
        };
        let sentence = one_line(&ended.sentence());
        tell(&format!("{sentence}; trying again in {:.1} s", delay.as_secs_f64()));
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = stopped(&mut self.stop) => Err(Over::Stopped),
        }
    }

    /// Ends the sign-in that was made for this command.
    pub fn shut(&self) {
        if let Credential::Made(issuer) = &self.credential {
            issuer.sign_out();
        }
    }
}

fn not_upgraded(error: Error) -> Ended {
    match error {
        Error::Http(response) => {
            let header = response.headers().get(header::RETRY_AFTER);
            let seconds = header.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            Ended::NotUpgraded {
                status: response.status().as_u16(),
                hint_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            }
        }
        Error::Io(cause) => Ended::Lost(cause.to_string()),
        other => Ended::Lost(other.to_string()),
    }
}

/// One open connection.
pub struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    stop: watch::Receiver<bool>,
    silence: Duration,
    /// What `goodbye` said about coming back.
    hint_ms: Option<u64>,
    /// The last refusal that answered no request: why a close followed.
    said: Option<String>,
}

impl Link {
    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn say(&mut self, frame: &Value) -> Result<(), Over> {
        let sent = self.socket.send(Message::text(frame.to_string())).await;
        // A close that was received says more than a send that failed.
        match sent {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(Error::Protocol(_)) => Ok(()),
            Err(error) => Err(Ended::Lost(error.to_string()).into()),
        }
    }

    /// The next frame, parsed and as it came. Pings and an ending token are seen to on the way.
    ///
    /// # Errors
    /// How the connection ended, or that the user wants to stop.
    pub async fn hear(&mut self, door: &Door) -> Result<(Value, String), Over> {
        loop {
            let item = tokio::select! {
                item = tokio::time::timeout(self.silence, self.socket.next()) => item,
                () = stopped(&mut self.stop) => return Err(Over::Stopped),
            };
            let message = match item {
                Err(_) => return Err(Ended::Lost("the server fell silent".to_owned()).into()),
                Ok(None) => return Err(Ended::Lost("the connection broke".to_owned()).into()),
                Ok(Some(Err(error))) => return Err(Ended::Lost(error.to_string()).into()),
                Ok(Some(Ok(message))) => message,
            };
            match message {
                Message::Text(text) => {
                    let raw = text.to_string();
                    let Ok(frame) = serde_json::from_str::<Value>(&raw) else {
                        let sentence = "the server does not speak our protocol".to_owned();
                        let ended = Ended::Refused { sentence, retry: false, hint_ms: None };
                        return Err(ended.into());
                    };
                    self.note(&frame, door).await?;
                    return Ok((frame, raw));
                }
                Message::Close(close) => {
                    let ended = self.closed(close);
                    self.drain().await;
                    return Err(ended.into());
                }
                _ => {}
            }
        }
    }

    fn closed(&mut self, close: Option<protocol::CloseFrame>) -> Ended {
        let (code, reason) = match close {
            Some(close) => (u16::from(close.code), close.reason.to_string()),
            None => (1005, String::new()),
        };
        // The error frame before a close says more than its reason, which is short.
        let reason = self.said.take().unwrap_or(reason);
        Ended::Closed { code, reason: one_line(&reason), hint_ms: self.hint_ms }
    }

    /// What concerns the connection rather than a topic.
    async fn note(&mut self, frame: &Value, door: &Door) -> Result<(), Over> {
        match frame["type"].as_str() {
            Some("goodbye") => self.hint_ms = frame["data"]["retry_after_ms"].as_u64(),
            Some("error") if frame["ref"].is_null() => {
                self.said = frame["message"].as_str().map(str::to_owned);
                if let Some(hint_ms) = frame["retry_after_ms"].as_u64() {
                    self.hint_ms = Some(hint_ms);
                }
            }
            Some("auth.expiring") => match &door.credential {
                Credential::Made(issuer) => {
                    let data = json!({"token": issuer.issue().token});
                    let refresh = json!({"type": "auth.refresh", "ref": "auth", "data": data});
                    self.say(&refresh).await?;
                }
                Credential::Given(_) => {
                    tell("the token ends soon; the server will then close the connection");
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Closes in order, waiting a moment for the server's answer.
    pub async fn close(mut self) {
        let code = protocol::frame::coding::CloseCode::Normal;
        let close = protocol::CloseFrame { code, reason: "done".into() };
        let closing = tokio::time::timeout(FAREWELL, self.socket.close(Some(close)));
        if matches!(closing.await, Ok(Ok(()))) {
            self.drain().await;
        }
    }

    /// Lets the close handshake end, so that the other side sees no broken connection.
    async fn drain(&mut self) {
        let draining = async { while let Some(Ok(_)) = self.socket.next().await {} };
        drop(tokio::time::timeout(FAREWELL, draining).await);
    }
}

/// The refusal in an error frame.
pub fn refused(frame: &Value) -> Ended {
    let code = frame["code"].as_str().unwrap_or_default();
    let message = one_line(frame["message"].as_str().unwrap_or("refused"));
    let rows = crate::protocol::refusal::CODES;
    Ended::Refused {
        sentence: format!("{message} ({})", one_line(code)),
        retry: rows.iter().any(|row| row.name == code && row.retry),
        hint_ms: frame["retry_after_ms"].as_u64(),
    }
}

/// Runs a client to its end on a runtime of its own.
///
/// # Errors
/// What the client answers, or that no runtime could be made.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure(error.to_string()))?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_tried_again_only_when_its_code_says_so() {
        let busy = json!({"type": "error", "code": "unavailable", "message": "busy",
            "retry_after_ms": 500});
        let expected = Ended::Refused {
            sentence: "busy (unavailable)".into(),
            retry: true,
            hint_ms: Some(500),
        };
        assert_eq!(refused(&busy), expected);
        let no = refused(&json!({"type": "error", "code": "not_found", "message": "no"}));
        assert!(matches!(no, Ended::Refused { retry: false, .. }));
    }
}
