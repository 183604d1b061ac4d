//! What a connection's reading side remembers between reads, whoever reads.

use std::task::{Context, Poll, ready};

use bytes::BytesMut;

use crate::socket::decoder::{Decoder, Limits, Message};
use crate::socket::io::Io;
use crate::socket::violation::Violation;

/// Reads in one run before another task gets its turn.
const READS: u8 = 8;

/// What one read can bring.
#[derive(Debug)]
pub enum Arrival {
    /// A whole message; after a close frame nothing but the end follows.
    Message(Message),
    /// A broken rule; nothing but the end follows.
    Violation(Violation),
    /// The end of the stream, or its failure.
    End,
}

/// Decoder, unread bytes and whether there is any point in decoding on.
pub struct Inbound {
    decoder: Decoder,
    pending: BytesMut,
    deaf: bool,
}

impl Inbound {
    /// The state of a connection whose first bytes came with its handshake.
    pub fn new(pending: BytesMut, limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits), pending, deaf: false }
    }

    /// The next arrival; `heard` is called for each read that brought bytes.
    pub fn poll(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        mut heard: impl FnMut(),
    ) -> Poll<Arrival> {
        for _ in 0..READS {
            if let Some(arrival) = self.decode() {
                return Poll::Ready(arrival);
            }
            let read = match self.deaf {
                true => ready!(io.poll_discard(cx)),
                false => ready!(io.poll_read(cx, &mut self.pending)),
            };
            match read {
                Ok(0) | Err(_) => return Poll::Ready(Arrival::End),
                Ok(_) => heard(),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn decode(&mut self) -> Option<Arrival> {
        if self.pending.is_empty() {
            return None;
        }
        let arrival = match self.decoder.next(&mut self.pending) {
            Ok(message) => message.map(Arrival::Message),
            Err(violation) => Some(Arrival::Violation(violation)),
        };
        match arrival {
            Some(Arrival::Message(Message::Close { .. }) | Arrival::Violation(_)) => {
                self.deaf = true;
                self.pending = BytesMut::new();
            }
            // What stays is shorter than a control frame: it must not pin a whole read.
            None => self.pending = BytesMut::from(&self.pending[..]),
            _ if self.pending.is_empty() => self.pending = BytesMut::new(),
            _ => (),
        }
        arrival
    }
}
