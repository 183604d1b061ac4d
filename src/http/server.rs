//! The server: listeners, workers, TLS, and the hand-over of an upgraded stream from the App to a
//! session on the same worker.

use std::cell::OnceCell;
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::Actor;
use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::body::{BoxBody, MessageBody};
use actix_http::h1;
use actix_http::{ConnectionType, HttpService, Request, Response, StatusCode};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{AppConfig, Url};
use actix_web::{App, Error, HttpResponse};
use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::actors::echo::Echo;
use crate::actors::fanout::Fanout;
use crate::actors::mail::SessionKey;
use crate::actors::session::{Opening, Session};
use crate::http::peer::Encrypted;
use crate::http::routes;
use crate::http::state::State;
use crate::http::tls::Certificate;
use crate::http::upgrade::{self, Answer, HANDLER_PATIENCE, Open};
use crate::http::{middleware, paths};
use crate::protocol::refusal::Refusal;
use crate::socket::io::{self, Io};
use crate::socket::near_end::{self, NearEnd};
use crate::socket::outbox::{Outbox, OutboxSettings};
use crate::socket::wheel::{Wheel, WheelSettings};

/// How long an idle keep-alive connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a refused upgrade's connection is drained before it is dropped.
const REFUSAL_LINGER: Duration = Duration::from_secs(1);

/// How sockets behave, for every worker.
#[derive(Debug, Clone)]
pub struct Transport {
    pub outbox: OutboxSettings,
    pub wheel: WheelSettings,
}

type AppCall = Rc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = HttpResponse<BoxBody>>>>>;

/// What a worker's thread has, made when its first service is.
struct Worker {
    index: usize,
    state: State,
    outbox: Rc<OutboxSettings>,
    wheel: Rc<Wheel>,
    sessions: std::cell::Cell<u64>,
}

thread_local! {
    static WORKER: OnceCell<Rc<Worker>> = const { OnceCell::new() };
}

impl Worker {
    fn next_session(&self) -> SessionKey {
        let number = self.sessions.get() + 1;
        self.sessions.set(number);
        SessionKey { worker: self.index, number }
    }
}

/// Opens a session on this worker whose client is in this process; `None` on a thread that is no
/// worker.
pub fn open_within(opening: Opening, first_bytes: BytesMut) -> Option<NearEnd> {
    let here = WORKER.with(|cell| cell.get().cloned())?;
    let (far, near) = near_end::pair();
    let outbox = Outbox::new(far, Rc::clone(&here.outbox));
    here.wheel.register(&outbox);
    let at = here.next_session();
    Session::open(Arc::clone(&here.state.house), at, opening, outbox, first_bytes);
    Some(near)
}

/// Hands out worker numbers and makes each worker's parts on its own thread.
#[derive(Clone)]
pub struct Workers {
    next: Arc<AtomicUsize>,
    state: State,
    transport: Transport,
}

impl Workers {
    /// Workers that serve from `state`.
    pub fn new(state: State, transport: Transport) -> Self {
        Self { next: Arc::new(AtomicUsize::new(0)), state, transport }
    }

    fn here(&self) -> Rc<Worker> {
        WORKER.with(|cell| {
            Rc::clone(cell.get_or_init(|| {
                let index = self.next.fetch_add(1, Ordering::Relaxed);
                Fanout::new(index, Arc::clone(&self.state.house)).start();
                Rc::new(Worker {
                    index,
                    state: self.state.clone(),
                    outbox: Rc::new(self.transport.outbox.clone()),
                    wheel: Wheel::start(self.transport.wheel),
                    sessions: std::cell::Cell::new(0),
                })
            }))
        })
    }
}

/// The HTTP service of one kind of stream: the App for plain requests, a way of their own for
/// upgrades. A macro because the service's type has no name and differs with the stream.
macro_rules! service {
    ($stream:ty, $state:expr, $workers:expr, $is_tls:literal) => {{
        let (state, workers): (State, Workers) = ($state.clone(), $workers.clone());
        let cell: Rc<OnceCell<AppCall>> = Rc::new(OnceCell::new());
        let here = workers.here();
        let filled = Rc::clone(&cell);
        HttpService::<$stream, _, _>::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(state.config.request_timeout)
            .client_disconnect_timeout(Duration::from_secs(1))
            .on_connect_ext(|stream: &$stream, extensions| {
                if !io::INHERITED {
                    // A socket that refuses an option is served all the same.
                    drop(io::configure(tcp_of(stream)));
                }
                if $is_tls {
                    extensions.insert(Encrypted);
                }
            })
            .upgrade(fn_service(move |(request, framed): (Request, Framed<$stream, h1::Codec>)| {
                let (here, app) = (Rc::clone(&here), cell.get().cloned());
                Box::pin(async move {
                    if let Some(app) = app {
                        serve_upgrade(here, app, request, framed).await;
                    }
                    Ok::<(), Error>(())
                })
            }))
            .finish(fn_factory(move || {
                let (state, filled) = (state.clone(), Rc::clone(&filled));
                async move {
                    let app = App::new().configure(|cfg| routes::configure(cfg, &state));
                    let app = routes::wrap!(app, &state);
                    let service = app.into_factory().new_service(AppConfig::default()).await?;
                    let service = Rc::new(service);
                    let caller = Rc::clone(&service);
                    let call: AppCall = Rc::new(move |request| {
                        let caller = Rc::clone(&caller);
                        Box::pin(async move {
                            match caller.call(request).await {
                                Ok(answered) => answered.into_parts().1.map_into_boxed_body(),
                                Err(fault) => fault.error_response(),
                            }
                        })
                    });
                    drop(filled.set(call));
                    Ok::<_, ()>(service)
                }
            }))
    }};
}

/// Finds the TCP stream below.
trait Below {
    fn tcp(&self) -> &TcpStream;
}

impl Below for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Below for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

fn tcp_of(stream: &impl Below) -> &TcpStream {
    stream.tcp()
}

/// Binds listeners to a server, plain or TLS.
///
/// # Errors
/// When a listener cannot be served.
pub fn build(
    mut builder: ServerBuilder,
    listeners: Vec<TcpListener>,
    state: &State,
    workers: &Workers,
    certificate: Option<&Arc<Certificate>>,
) -> Result<Server, String> {
    for (number, listener) in listeners.into_iter().enumerate() {
        let name = format!("http-{number}");
        let (state, workers) = (state.clone(), workers.clone());
        let listened = match certificate {
            None => builder
                .listen(name, listener, move || service!(TcpStream, state, workers, false).tcp()),
            Some(certificate) => {
                let config = certificate.server_config()?;
                builder.listen(name, listener, move || {
                    service!(TlsStream<TcpStream>, state, workers, true).rustls_0_23(config.clone())
                })
            }
        };
        builder = listened.map_err(|fault| format!("a listener cannot be served: {fault}"))?;
    }
    Ok(builder.run())
}

/// Answers an upgrade: of a socket path here, of any other path by the App. Faults of the stream
/// end it silently: there is nobody left to tell.
async fn serve_upgrade<T>(
    worker: Rc<Worker>,
    app: AppCall,
    request: Request,
    framed: Framed<T, h1::Codec>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Into<Io> + 'static,
{
    let headers = request.head().headers();
    let empty = headers.get("content-length").is_none_or(|length| length.as_bytes() == b"0");
    if !empty || headers.contains_key("transfer-encoding") {
        let refusal = Refusal::field("body", "none on an upgrade");
        let response = crate::http::error::ApiError(refusal);
        let response = actix_web::ResponseError::error_response(&response);
        return Box::pin(refuse(framed, response)).await;
    }
    let state = &worker.state;
    // As routes do: what is escaped in a path is read before it is compared.
    let read = request.path().contains('%').then(|| Url::new(request.uri().clone()));
    let path = read.as_ref().map_or(request.path(), Url::path);
    let Some((row, key)) = paths::find(path, state.config.echo, state.config.has_lobby()) else {
        let response = in_time(app(request)).await.unwrap_or_else(|late| late);
        return Box::pin(refuse(framed, response)).await;
    };
    let started = Instant::now();
    let head = request.head();
    match in_time(upgrade::answer(head, state, row, key)).await {
        Ok(Answer::Switch(switching, open)) => hand_over(&worker, framed, switching, open),
        Ok(Answer::Refuse(mut response)) | Err(mut response) => {
            middleware::dress_refusal(&mut response, head, started);
            Box::pin(refuse(framed, response)).await;
        }
    }
}

async fn in_time<T>(answering: impl Future<Output = T>) -> Result<T, HttpResponse<BoxBody>> {
    let late = |_| HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE).finish();
    tokio::time::timeout(HANDLER_PATIENCE, answering).await.map_err(late)
}

/// Gives the stream to a session; the 101 and the first frames leave in one write.
fn hand_over<T>(here: &Worker, framed: Framed<T, h1::Codec>, switching: Bytes, open: Open)
where
    T: AsyncRead + AsyncWrite + Unpin + Into<Io> + 'static,
{
    let parts = framed.into_parts();
    let outbox = Outbox::new(parts.io.into(), Rc::clone(&here.outbox));
    outbox.begin(switching);
    here.wheel.register(&outbox);
    let first_bytes = BytesMut::from(&parts.read_buf[..]);
    match open {
        Open::Echo { message_bytes, window } => {
            Echo::open(outbox, first_bytes, message_bytes, window);
        }
        Open::Session(opening) => {
            let at = here.next_session();
            Session::open(Arc::clone(&here.state.house), at, *opening, outbox, first_bytes);
        }
    }
}

/// Answers an upgrade with plain HTTP and closes, reading on for a moment so that no reset
/// overtakes the answer.
async fn refuse<T>(mut framed: Framed<T, h1::Codec>, response: HttpResponse<BoxBody>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (response, body) = response.into_parts();
    let mut head = Response::<()>::from(response);
    head.head_mut().set_connection_type(ConnectionType::Close);
    head.head_mut().no_chunking(true);
    let size = body.size();
    if framed.send(h1::Message::Item((head, size))).await.is_err() {
        return;
    }
    let mut body = std::pin::pin!(body);
    while let Some(Ok(chunk)) = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        if framed.send(h1::Message::Chunk(Some(chunk))).await.is_err() {
            return;
        }
    }
    if framed.send(h1::Message::Chunk(None)).await.is_err() {
        return;
    }
    let mut stream = framed.into_parts().io;
    let drained = async {
        stream.shutdown().await?;
        let mut rest = [0_u8; 1_024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    drop(tokio::time::timeout(REFUSAL_LINGER, drained).await);
}
