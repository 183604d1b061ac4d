//! The client's end of a socket within this process: it hears what a client would, answers pings,
//! and is what other transports than a WebSocket are made of.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::socket::io::Io;
use crate::socket::wire::{self, opcode};

/// Bytes that may lie between the two ends.
const BETWEEN_BYTES: usize = 16 * 1_024;
/// The key that leaves a payload as it is; nothing between the two ends needs hiding it.
const NO_MASK: [u8; 4] = [0; 4];

/// What the near end hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(Bytes),
    /// A ping, which is answered already.
    Ping,
    /// The end, with its code and reason; none of either when it came without a word.
    End(Option<(u16, String)>),
}

/// See the module.
#[derive(Debug)]
pub struct NearEnd {
    stream: DuplexStream,
    inbound: BytesMut,
}

/// Both ends: the far one for an outbox, the near one for whoever plays the client.
pub fn pair() -> (Io, NearEnd) {
    let (near, far) = tokio::io::duplex(BETWEEN_BYTES);
    (Io::Within(Box::new(far)), NearEnd { stream: near, inbound: BytesMut::new() })
}

/// A text message as a client writes it.
pub fn said(text: &str) -> BytesMut {
    BytesMut::from(&wire::frame(opcode::TEXT, text.as_bytes(), Some(NO_MASK))[..])
}

impl NearEnd {
    /// What is heard next. May be dropped while it waits; nothing is lost.
    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some((opcode, payload)) = self.frame() {
                match opcode {
                    opcode::TEXT => return Heard::Text(payload),
                    opcode::CLOSE => return Heard::End(ending(&payload)),
                    opcode::PING => {
                        let pong = wire::frame(opcode::PONG, &payload, Some(NO_MASK));
                        // A far end that is gone says so at the next read.
                        let _ = self.stream.write_all(&pong).await;
                        return Heard::Ping;
                    }
                    _ => continue,
                }
            }
            if !matches!(self.stream.read_buf(&mut self.inbound).await, Ok(1..)) {
                return Heard::End(None);
            }
        }
    }

    /// Whether a whole frame has been read already.
    pub fn has_more(&self) -> bool {
        wire::frame_len(&self.inbound).is_some_and(|length| length <= self.inbound.len())
    }

    /// The next whole frame of what was read; our own outbox writes them unmasked and unfragmented.
    fn frame(&mut self) -> Option<(u8, Bytes)> {
        let length =
            wire::frame_len(&self.inbound).filter(|length| *length <= self.inbound.len())?;
        let mut frame = self.inbound.split_to(length).freeze();
        let (opcode, header) = (frame[0] & 0x0f, wire::header_len(&frame)?);
        frame.advance(header);
        Some((opcode, frame))
    }
}

fn ending(payload: &[u8]) -> Option<(u16, String)> {
    let (code, reason) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::socket::decoder::{Limits, Message};
    use crate::socket::frames::Frames;
    use crate::socket::frames::Incoming;
    use crate::socket::loopback::{local, settings};
    use crate::socket::outbox::Outbox;
    use futures_util::StreamExt;

    const LIMITS: Limits = Limits { message_bytes: 65_536, fragments: 16, deflate: false };

    #[test]
    fn what_an_outbox_writes_is_heard_in_order_and_what_is_said_is_read() {
        local(async {
            let (far, mut near) = pair();
            let outbox = Outbox::new(far, Rc::new(settings()));
            let mut frames = Frames::new(Rc::clone(&outbox), said(r#"{"type":"ping"}"#), LIMITS);
            let read = frames.next().await;
            let Some(Incoming::Message(Message::Text(text))) = read else { panic!("{read:?}") };
            assert_eq!(text.as_str(), r#"{"type":"ping"}"#);
            let long = "x".repeat(40_000);
            outbox.push(wire::text("short"));
            outbox.push(wire::text(&long));
            assert_eq!(near.next().await, Heard::Text("short".into()));
            assert_eq!(near.next().await, Heard::Text(long.into()));
            outbox.close(wire::close(4001, "signed out"));
            assert_eq!(near.next().await, Heard::End(Some((4001, "signed out".to_owned()))));
        });
    }

    #[test]
    fn a_ping_is_answered_and_an_end_without_a_word_is_an_end() {
        local(async {
            let (far, mut near) = pair();
            let outbox = Outbox::new(far, Rc::new(settings()));
            let mut frames = Frames::new(Rc::clone(&outbox), BytesMut::new(), LIMITS);
            outbox.ping();
            assert_eq!(near.next().await, Heard::Ping);
            let read = frames.next().await;
            assert!(matches!(read, Some(Incoming::Message(Message::Pong(_)))), "{read:?}");
            outbox.abort();
            assert_eq!(near.next().await, Heard::End(None));
        });
    }

    #[test]
    fn a_near_end_that_does_not_listen_is_too_slow() {
        local(async {
            let (far, near) = pair();
            let outbox = Outbox::new(far, Rc::new(settings()));
            let frame = wire::text(&"x".repeat(10_000));
            for _ in 0..1_000 {
                outbox.push(frame.clone());
                tokio::task::yield_now().await;
            }
            assert!(!outbox.is_open());
            drop(near);
        });
    }
}
