//! The server: listeners, workers, TLS, and the hand-over of an upgraded stream from the App to a
//! session on the same worker.

use std::cell::OnceCell;
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::Actor;
use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::h1;
use actix_http::{ConnectionType, HttpService, Request, Response, StatusCode};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::AppConfig;
use actix_web::{App, Error, HttpMessage, HttpResponse};
use bytes::BytesMut;
use futures_util::{Sink, SinkExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::actors::fanout::Fanout;
use crate::actors::house::House;
use crate::actors::mail::SessionKey;
use crate::actors::session::Session;
use crate::http::peer::Wire;
use crate::http::routes;
use crate::http::state::State;
use crate::http::tls::Certificate;
use crate::http::upgrade::{HANDLER_PATIENCE, Handed, Open, Raw};
use crate::protocol::refusal::Refusal;
use crate::socket::io::{self, Io};
use crate::socket::outbox::{Outbox, OutboxSettings};
use crate::socket::wheel::{Wheel, WheelSettings};

/// How long an idle keep-alive connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a refused upgrade's connection is drained before it is dropped.
const REFUSAL_LINGER: Duration = Duration::from_secs(1);
/// Connections the kernel holds for us before they are accepted.
const BACKLOG: u32 = 4_096;

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
    house: Arc<House>,
    outbox: Rc<OutboxSettings>,
    wheel: Rc<Wheel>,
    sessions: std::cell::Cell<u64>,
}

thread_local! {
    static WORKER: OnceCell<Rc<Worker>> = const { OnceCell::new() };
}

/// Hands out worker numbers and makes each worker's parts on its own thread.
#[derive(Clone)]
pub struct Workers {
    next: Arc<AtomicUsize>,
    house: Arc<House>,
    transport: Transport,
}

impl Workers {
    /// Workers of a house.
    pub fn new(house: Arc<House>, transport: Transport) -> Self {
        Self { next: Arc::new(AtomicUsize::new(0)), house, transport }
    }

    fn here(&self) -> Rc<Worker> {
        WORKER.with(|cell| {
            Rc::clone(cell.get_or_init(|| {
                let index = self.next.fetch_add(1, Ordering::Relaxed);
                Fanout::new(index, Arc::clone(&self.house)).start();
                Rc::new(Worker {
                    index,
                    house: Arc::clone(&self.house),
                    outbox: Rc::new(self.transport.outbox.clone()),
                    wheel: Wheel::start(self.transport.wheel),
                    sessions: std::cell::Cell::new(0),
                })
            }))
        })
    }
}

/// The HTTP service of one kind of stream: the App for plain requests, and the same App first for
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
                let tcp = tcp_of(stream);
                // A socket that refuses an option is served all the same.
                drop(io::configure(tcp));
                let (peer, local) = (tcp.peer_addr().ok(), tcp.local_addr().ok());
                extensions.insert(Wire { peer, local, is_tls: $is_tls });
            })
            .upgrade(fn_service(move |(request, framed): (Request, Framed<$stream, h1::Codec>)| {
                let (here, app) = (Rc::clone(&here), cell.get().cloned());
                Box::pin(async move {
                    if let Some(app) = app {
                        upgrade(here, app, request, framed).await;
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
    builder: ServerBuilder,
    listeners: Vec<TcpListener>,
    state: &State,
    workers: &Workers,
    certificate: Option<&Arc<Certificate>>,
) -> Result<Server, String> {
    let mut builder = builder.backlog(BACKLOG);
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

/// Asks the App about an upgrade and does what it says. Faults of the stream end it silently: there
/// is nobody left to tell.
async fn upgrade<T>(here: Rc<Worker>, app: AppCall, request: Request, framed: Framed<T, h1::Codec>)
where
    T: AsyncRead + AsyncWrite + Unpin + Into<Io> + 'static,
{
    let headers = request.headers();
    let empty = headers.get("content-length").is_none_or(|length| length.as_bytes() == b"0");
    if !empty || headers.contains_key("transfer-encoding") {
        let refusal = Refusal::field("body", "none on an upgrade");
        let response = crate::http::error::ApiError(refusal);
        let response = actix_web::ResponseError::error_response(&response);
        return Box::pin(refuse(framed, response)).await;
    }
    request.extensions_mut().insert(Raw);
    let response = match tokio::time::timeout(HANDLER_PATIENCE, app(request)).await {
        Ok(response) => response,
        Err(_) => HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE).finish(),
    };
    let open = {
        let extensions = response.extensions();
        extensions.get::<Handed>().and_then(|handed| handed.0.borrow_mut().take())
    };
    match (response.status() == StatusCode::SWITCHING_PROTOCOLS, open) {
        (true, Some(open)) => hand_over(&here, framed, response, open),
        (true, None) => {
            let response = HttpResponse::build(StatusCode::INTERNAL_SERVER_ERROR).finish();
            Box::pin(refuse(framed, response)).await;
        }
        (false, _) => Box::pin(refuse(framed, response)).await,
    }
}

/// Encodes the 101 and gives the stream to a session; head and first frames leave in one write.
fn hand_over<T>(
    here: &Worker,
    mut framed: Framed<T, h1::Codec>,
    response: HttpResponse<BoxBody>,
    open: Open,
) where
    T: AsyncRead + AsyncWrite + Unpin + Into<Io> + 'static,
{
    let (response, _) = response.into_parts();
    let item = h1::Message::Item((Response::<()>::from(response), BodySize::None));
    if Pin::new(&mut framed).start_send(item).is_err() {
        return;
    }
    let parts = framed.into_parts();
    let outbox = Outbox::new(parts.io.into(), Rc::clone(&here.outbox));
    outbox.begin(parts.write_buf.freeze());
    here.wheel.register(&outbox);
    let first_bytes = BytesMut::from(&parts.read_buf[..]);
    match open {
        Open::Echo { message_bytes } => {
            crate::http::upgrade::open_echo(outbox, first_bytes, message_bytes);
        }
        Open::Session(opening) => {
            let number = here.sessions.get() + 1;
            here.sessions.set(number);
            let at = SessionKey { worker: here.index, number };
            Session::open(Arc::clone(&here.house), at, *opening, outbox, first_bytes);
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
