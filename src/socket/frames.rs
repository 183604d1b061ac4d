//! The reading side of a session, as a stream for its actor.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::Stream;

use crate::socket::decoder::{Limits, Message};
use crate::socket::inbound::{Arrival, Inbound};
use crate::socket::outbox::{Ended, Outbox};
use crate::socket::violation::Violation;

/// Items in one run before another task of the worker gets its turn.
const ITEMS: u8 = 32;

/// What a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message or a control frame; after a close frame nothing follows.
    Message(Message),
    /// A broken rule; nothing follows, and the session should close with its code.
    Violation(Violation),
}

/// What a peer sends until its stream, or the outbox, ends.
///
/// Once the session has closed the outbox, only the peer's close frame comes through. Dropping it
/// while the outbox is open aborts the socket; afterwards the outbox reads on by itself until the
/// peer's goodbye.
pub struct Frames {
    outbox: Rc<Outbox>,
    inbound: Option<Inbound>,
    items: u8,
}

impl Frames {
    /// Reads from the outbox's stream, beginning with bytes that came along with the handshake.
    pub fn new(outbox: Rc<Outbox>, first_bytes: BytesMut, limits: Limits) -> Self {
        Self { outbox, inbound: Some(Inbound::new(first_bytes, limits)), items: 0 }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        while self.items < ITEMS {
            if !matches!(self.outbox.ended(), None | Some(Ended::Closed)) {
                return Poll::Ready(None);
            }
            let Some(inbound) = &mut self.inbound else { return Poll::Ready(None) };
            self.items += 1;
            let is_open = self.outbox.is_open();
            match ready!(self.outbox.poll_arrival(inbound, cx)) {
                Arrival::End => return Poll::Ready(None),
                Arrival::Message(message)
                    if is_open || matches!(message, Message::Close { .. }) =>
                {
                    return Poll::Ready(Some(Incoming::Message(message)));
                }
                Arrival::Violation(violation) if is_open => {
                    return Poll::Ready(Some(Incoming::Violation(violation)));
                }
                Arrival::Message(_) | Arrival::Violation(_) => (),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Stream for Frames {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let poll = self.poll_incoming(cx);
        if poll.is_pending() {
            self.items = 0;
        }
        poll
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if let Some(inbound) = self.inbound.take() {
            self.outbox.leave_tail(inbound);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::socket::loopback::{frames, local, masked, open, read_all, settings, until};
    use crate::socket::wire;

    fn text(text: &str) -> Option<Incoming> {
        Some(Incoming::Message(Message::Text(text.to_owned())))
    }

    #[test]
    fn bytes_of_the_handshake_come_before_bytes_of_the_stream() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let (first, second) = (masked(1, b"first"), masked(1, b"second"));
            let mut frames = frames(&outbox, &[&first[..], &second[..4]].concat());
            peer.write_all(&second[4..]).await.unwrap();
            assert_eq!(frames.next().await, text("first"));
            assert_eq!(frames.next().await, text("second"));
            drop(peer);
            assert_eq!(frames.next().await, None);
            assert_eq!(outbox.ended(), Some(Ended::PeerGone));
            assert_eq!(frames.next().await, None);
        });
    }

    #[test]
    fn a_peers_close_is_answered_and_the_stream_dropped_at_once() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let mut frames = frames(&outbox, b"");
            peer.write_all(&masked(8, b"\x03\xe8")).await.unwrap();
            peer.write_all(&masked(1, b"after the end")).await.unwrap();
            let close = Message::Close { code: Some(1000), reason: String::new() };
            assert_eq!(frames.next().await, Some(Incoming::Message(close)));
            outbox.close(wire::close(1000, ""));
            assert_eq!(frames.next().await, None);
            assert_eq!(read_all(&mut peer).await, wire::close(1000, ""));
            assert!(outbox.is_released());
        });
    }

    #[test]
    fn after_a_violation_the_peer_gets_the_close_frame_and_its_bytes_are_discarded() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let mut frames = frames(&outbox, b"");
            let declared = [&[0x82, 0xff][..], &400_000_000_u64.to_be_bytes()].concat();
            peer.write_all(&declared).await.unwrap();
            let violation = Violation::TooBig { limit_bytes: 64 * 1024 };
            assert_eq!(frames.next().await, Some(Incoming::Violation(violation)));
            outbox.close(wire::close(1009, "too big"));
            drop(frames);
            let noise = vec![0; 1_000_000];
            peer.write_all(&noise).await.unwrap();
            assert_eq!(read_all(&mut peer).await, wire::close(1009, "too big"));
            assert!(!outbox.is_released(), "it reads on to the peer's end");
            drop(peer);
            until(|| outbox.is_released()).await;
        });
    }

    #[test]
    fn a_pending_stream_ends_when_the_outbox_dies() {
        local(async {
            let (outbox, _peer) = open(settings()).await;
            let mut frames = frames(&outbox, b"");
            let next = tokio::task::spawn_local(async move { frames.next().await });
            tokio::task::yield_now().await;
            outbox.abort();
            assert_eq!(next.await.unwrap(), None);
        });
    }

    #[test]
    fn dropping_the_stream_of_an_open_outbox_aborts_it() {
        local(async {
            let (outbox, _peer) = open(settings()).await;
            drop(frames(&outbox, b""));
            assert_eq!(outbox.ended(), Some(Ended::Aborted));
        });
    }

    #[test]
    fn a_flooding_peer_yields_its_turn() {
        local(async {
            let (outbox, _peer) = open(settings()).await;
            let mut frames = frames(&outbox, &masked(9, b"").repeat(100));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut runs = vec![0];
            while runs.len() < 5 {
                match frames.poll_next_unpin(&mut cx) {
                    Poll::Ready(_) => *runs.last_mut().unwrap() += 1,
                    Poll::Pending => runs.push(0),
                }
            }
            assert_eq!(runs, [32, 32, 32, 4, 0]);
        });
    }
}
