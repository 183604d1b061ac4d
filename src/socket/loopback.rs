//! What the tests of this room share: a connected pair of sockets and a reading peer.

#![cfg(test)]

use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::socket::decoder::Limits;
use crate::socket::frames::Frames;
use crate::socket::outbox::{Outbox, OutboxSettings};
use crate::socket::wire;

/// Long enough for any machine; reached only by a broken build.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test as a worker runs its sessions: one thread, local tasks.
pub fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new()
        .block_on(&runtime, async { tokio::time::timeout(PATIENCE, test).await })
        .expect("the test hangs");
}

/// Ours and the peer's end, with small kernel buffers.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    SockRef::from(&listener).set_recv_buffer_size(8192).unwrap();
    SockRef::from(&listener).set_send_buffer_size(8192).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    SockRef::from(&ours).set_send_buffer_size(8192).unwrap();
    crate::socket::io::configure(&ours).unwrap();
    (ours, listener.accept().await.unwrap().0)
}

pub fn slow_close() -> Bytes {
    wire::close(4008, "too slow")
}

/// Patient settings; tests shorten what they are about.
pub fn settings() -> OutboxSettings {
    OutboxSettings {
        waiting_bytes: 256 * 1024,
        stall: PATIENCE * 2,
        linger: PATIENCE * 2,
        peer_wait: PATIENCE * 2,
        overflow_close: slow_close(),
    }
}

pub async fn open(settings: OutboxSettings) -> (Rc<Outbox>, TcpStream) {
    let (ours, peer) = pair().await;
    (Outbox::new(ours.into(), Rc::new(settings)), peer)
}

pub fn frames(outbox: &Rc<Outbox>, first: &[u8]) -> Frames {
    let limits = Limits { message_bytes: 64 * 1024, fragments: 16, deflate: true };
    Frames::new(Rc::clone(outbox), BytesMut::from(first), limits)
}

/// A frame as a client sends it.
pub fn masked(opcode: u8, payload: &[u8]) -> Bytes {
    wire::frame(opcode, payload, Some([9, 8, 7, 6]))
}

/// Gives other tasks turns until the condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// All bytes until the end of the stream.
pub async fn read_all(peer: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).await.unwrap();
    bytes
}

pub async fn read_exactly(peer: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    peer.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Cuts a run of whole server frames.
pub fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, rest) = bytes.split_at(wire::frame_len(bytes).unwrap());
        frames.push(frame);
        bytes = rest;
    }
    frames
}
