//! The stream below a socket, plain or TLS, with writes that never wait.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;

/// How long sent bytes may stay unacknowledged before the kernel gives the peer up.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections the kernel holds for us before they are accepted.
const BACKLOG: i32 = 4_096;

/// The size of a thread's shared read buffer, in bytes.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connected stream.
pub enum Io {
    /// TCP as it is.
    Plain(TcpStream),
    /// TLS over TCP; boxed, as it is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
    /// A client within this process.
    Within(Box<DuplexStream>),
}

impl From<TcpStream> for Io {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl From<TlsStream<TcpStream>> for Io {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(stream))
    }
}

/// Sets what every accepted connection needs: no delay for small frames, and a kernel that
/// notices a vanished peer after 30 s. The send buffer stays the kernel's to size.
///
/// # Errors
/// When the kernel refuses an option, as it does for a stream that is already reset.
pub fn configure(stream: &TcpStream) -> io::Result<()> {
    set_options(&SockRef::from(stream))
}

/// Sets the same on a listener, and has the kernel hold many connections that were not accepted
/// yet: after a restart everyone comes at once. Whether its connections have the options from there
/// is the system's choice: on Linux they do, which spares each of them two calls.
///
/// # Errors
/// When the kernel refuses an option.
pub fn configure_listener(listener: &std::net::TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    set_options(&socket)?;
    // The standard library listens with room for 128; to listen again changes that alone.
    socket.listen(BACKLOG)
}

/// Whether what [`configure_listener`] set holds for the connections accepted.
pub const INHERITED: bool = cfg!(target_os = "linux");

fn set_options(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

impl Io {
    /// Writes what fits now, without registering any waker of the caller's.
    ///
    /// On plain TCP the kernel is asked at once: what the runtime remembers of the stream lies on a
    /// cache line of its own, which a fan-out would fetch for every reader. Whoever then waits by
    /// [`Io::poll_write_vectored`] asks once more, and is woken from there.
    ///
    /// Over TLS this replaces the stream's write waker: never call it while a task waits to write.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; otherwise the stream is dead.
    pub fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => SockRef::from(&*stream).send_vectored(slices),
            Self::Tls(stream) => {
                now_or_block(|cx| Pin::new(&mut **stream).poll_write_vectored(cx, slices))
            }
            Self::Within(stream) => {
                now_or_block(|cx| Pin::new(&mut **stream).poll_write_vectored(cx, slices))
            }
        }
    }

    /// Moves bytes the TLS layer holds to the kernel; plain streams hold none.
    ///
    /// # Errors
    /// `WouldBlock` when some remain; otherwise the stream is dead.
    pub fn try_flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) | Self::Within(_) => Ok(()),
            Self::Tls(stream) => now_or_block(|cx| Pin::new(&mut **stream).poll_flush(cx)),
        }
    }

    /// Writes what fits of one run of bytes; over TLS [`Io::try_flush`] must follow.
    ///
    /// # Errors
    /// As [`Io::try_write_vectored`].
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => SockRef::from(&*stream).send(bytes),
            Self::Tls(_) | Self::Within(_) => self.try_write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    /// Writes what fits, or wakes the task when something might.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
            Self::Within(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    /// Ready when the TLS layer holds no byte back.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) | Self::Within(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    /// Writes with the task's waker where there is one, without any where there is none.
    ///
    /// # Errors
    /// As [`Io::try_write_vectored`].
    pub fn write_or_block(
        &mut self,
        cx: Option<&mut Context<'_>>,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        match cx {
            Some(cx) => or_block(self.poll_write_vectored(cx, slices)),
            None => self.try_write_vectored(slices),
        }
    }

    /// Flushes as [`Io::write_or_block`] writes.
    ///
    /// # Errors
    /// As [`Io::try_flush`].
    pub fn flush_or_block(&mut self, cx: Option<&mut Context<'_>>) -> io::Result<()> {
        match cx {
            Some(cx) => or_block(self.poll_flush(cx)),
            None => self.try_flush(),
        }
    }

    /// Says that nothing more will be sent: close_notify over TLS, then FIN.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Self::Within(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }

    /// Appends one read to `onto` by way of the thread's buffer; 0 is the end of the stream.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        onto: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |bytes| onto.extend_from_slice(bytes))
    }

    /// Reads once and forgets the bytes; 0 is the end of the stream.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |_| ())
    }

    /// Whether the kernel holds bytes from the peer that were not read yet.
    pub fn has_unread(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        self.tcp().is_some_and(|tcp| matches!(SockRef::from(tcp).peek(&mut byte), Ok(1..)))
    }

    /// Makes the coming drop a reset: what the kernel still holds is thrown away.
    pub fn reset_on_drop(&self) {
        // A failure means the connection is gone already, which is what is wanted.
        let _ = self.tcp().map(|tcp| SockRef::from(tcp).set_linger(Some(Duration::ZERO)));
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Within(_) => None,
        }
    }

    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        READ.with_borrow_mut(|shared| {
            let mut buffer = ReadBuf::new(shared);
            ready!(match self {
                Self::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
                Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, &mut buffer),
                Self::Within(stream) => Pin::new(&mut **stream).poll_read(cx, &mut buffer),
            })?;
            take(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }
}

/// Polls once outside tokio's budget: a spent budget must not look like a full socket.
fn now_or_block<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
    let attempt = pin!(unconstrained(std::future::poll_fn(poll)));
    or_block(attempt.poll(&mut Context::from_waker(Waker::noop())))
}

fn or_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Duration;

    use actix_service::{Service, ServiceFactory};
    use actix_tls::accept::rustls_0_23::{Acceptor, AcceptorService};
    use futures_util::StreamExt;
    use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

    use tokio::net::TcpStream;

    use crate::socket::decoder::Message;
    use crate::socket::frames::Incoming;
    use crate::socket::loopback::{frames, local, masked, pair, settings, until};
    use crate::socket::outbox::{Ended, Outbox, OutboxSettings};
    use crate::socket::wire;

    #[test]
    fn a_connection_of_a_configured_listener_delays_no_small_frame() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        super::configure_listener(&listener).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = listener.accept().unwrap().0;
        assert_eq!(ours.nodelay().unwrap(), super::INHERITED);
        #[cfg(target_os = "linux")]
        {
            let patience = socket2::SockRef::from(&ours).tcp_user_timeout().unwrap();
            assert_eq!(patience, Some(super::USER_TIMEOUT));
        }
    }

    #[test]
    fn a_storm_of_connections_waits_in_the_kernel_until_it_is_accepted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        super::configure_listener(&listener).unwrap();
        let (here, patience) = (listener.local_addr().unwrap(), Duration::from_millis(900));
        let connect = |_| std::net::TcpStream::connect_timeout(&here, patience);
        let all: Result<Vec<_>, _> = (0..300).map(connect).collect();
        assert_eq!(all.unwrap().len(), 300);
    }

    fn certified() -> (ServerConfig, ClientConfig) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (server, client)
    }

    /// Asks with a ping, reads all slowly, says goodbye; what it read until the end.
    fn client(config: ClientConfig, tcp: std::net::TcpStream, expected: usize) -> Vec<u8> {
        tcp.set_nonblocking(false).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        stream.write_all(&masked(9, b"are you there")).unwrap();
        let mut read = vec![0; expected];
        stream.read_exact(&mut read).unwrap();
        stream.write_all(&masked(8, b"\x03\xe8")).unwrap();
        stream.read_to_end(&mut read).unwrap();
        read
    }

    #[test]
    fn over_tls_frames_arrive_in_order_through_a_full_stream_and_the_close_is_clean() {
        local(async {
            let (server, client_config) = certified();
            let (ours, peer) = pair().await;
            let frame = |number: u8| wire::binary(&[number; 64 * 1024]);
            let expected: Vec<u8> = (0..100).flat_map(frame).collect();
            let len = expected.len() + wire::pong(b"are you there").len();
            let peer = peer.into_std().unwrap();
            let reading = std::thread::spawn(move || client(client_config, peer, len));
            let acceptor: AcceptorService =
                ServiceFactory::<TcpStream>::new_service(&Acceptor::new(server), ()).await.unwrap();
            let stream = acceptor.call(ours).await.ok().unwrap();
            let settings = OutboxSettings { waiting_bytes: 10 << 20, ..settings() };
            let outbox = Outbox::new(stream.into(), Rc::new(settings));
            let mut frames = frames(&outbox, b"");
            for number in 0..100 {
                outbox.write(frame(number));
            }
            assert!(outbox.waiting_bytes() > 0, "the stream is full");
            let Some(Incoming::Message(Message::Ping(payload))) = frames.next().await else {
                panic!("the ping is lost");
            };
            outbox.push(wire::pong(&payload));
            outbox.drained().await;
            assert!(matches!(
                frames.next().await,
                Some(Incoming::Message(Message::Close { code: Some(1000), .. }))
            ));
            outbox.close(wire::close(1000, ""));
            until(|| outbox.is_released()).await;
            assert_eq!(outbox.ended(), Some(Ended::Closed));
            let last = [wire::pong(b"are you there"), wire::close(1000, "")].concat();
            let read = tokio::task::spawn_blocking(|| reading.join().unwrap()).await.unwrap();
            assert!(read == [expected, last].concat());
        });
    }
}
