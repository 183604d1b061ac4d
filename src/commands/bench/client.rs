//! A light client: one socket, RFC 6455 by hand, reading into one buffer.
//!
//! It costs less than the server does, so that on two cores the server is what is measured.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use tokio::net::{TcpSocket, TcpStream};

use crate::socket::wire::{self, opcode};

/// Any key will do: masking guards proxies (RFC 6455 section 10.3), and here is none.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x8e];
/// What is read at once.
const READ_BYTES: usize = 16 << 10;

/// Why a socket is of no more use.
#[derive(Debug)]
pub struct Lost {
    /// The close code, when the server closed with one.
    pub code: Option<u16>,
    why: String,
}

impl Lost {
    fn because(why: impl std::fmt::Display) -> Self {
        Self { code: None, why: why.to_string() }
    }

    fn closed(payload: &[u8]) -> Self {
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        Self { code, why: format!("closed by the server: {} {reason}", code.unwrap_or(1005)) }
    }
}

impl From<Lost> for String {
    fn from(lost: Lost) -> Self {
        lost.why
    }
}

/// A connection that has been welcomed.
pub struct Client {
    stream: Rc<TcpStream>,
    arrived: BytesMut,
}

/// The writing half; many may hold it.
#[derive(Clone)]
pub struct Speaker(Rc<TcpStream>);

impl Speaker {
    /// Writes frames made by [`said`].
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn write(&self, mut bytes: &[u8]) -> Result<(), Lost> {
        while !bytes.is_empty() {
            self.0.writable().await.map_err(Lost::because)?;
            match self.0.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(fault) => return Err(Lost::because(fault)),
            }
        }
        Ok(())
    }
}

/// A text frame as a client sends it.
pub fn said(text: &str) -> bytes::Bytes {
    wire::frame(opcode::TEXT, text.as_bytes(), Some(MASK))
}

impl Client {
    /// Connects, shows `token` and waits for the welcome. `receive_bytes` narrows the kernel's
    /// receive buffer.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not welcome.
    pub async fn open(
        at: SocketAddr,
        token: &str,
        receive_bytes: Option<u32>,
    ) -> Result<Self, Lost> {
        let header = format!("Authorization: Bearer {token}\r\n");
        let mut client = Self::upgrade(at, "/ws/v1/", &header, receive_bytes).await?;
        client.wait_for(b"{\"type\":\"welcome\"").await?;
        Ok(client)
    }

    /// Connects and opens a socket on any path, with more header lines, each with its end.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not upgrade.
    pub async fn upgrade(
        at: SocketAddr,
        path: &str,
        headers: &str,
        receive_bytes: Option<u32>,
    ) -> Result<Self, Lost> {
        let socket = TcpSocket::new_v4().map_err(Lost::because)?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).map_err(Lost::because)?;
        }
        let stream = socket.connect(at).await.map_err(Lost::because)?;
        stream.set_nodelay(true).map_err(Lost::because)?;
        let mut client = Self { stream: Rc::new(stream), arrived: BytesMut::new() };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             {headers}\r\n"
        );
        client.speaker().write(request.as_bytes()).await?;
        client.switch().await?;
        Ok(client)
    }

    /// Reads the head of the answer, which must be 101.
    async fn switch(&mut self) -> Result<(), Lost> {
        let end = loop {
            if let Some(end) = self.arrived.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.fill().await?;
        };
        let head = self.arrived.split_to(end + 4);
        if head.starts_with(b"HTTP/1.1 101 ") {
            return Ok(());
        }
        let line = head[..].split(|byte| *byte == b'\r').next().unwrap_or_default();
        Err(Lost::because(format!("not upgraded: {}", String::from_utf8_lossy(line))))
    }

    /// The writing half.
    pub fn speaker(&self) -> Speaker {
        Speaker(Rc::clone(&self.stream))
    }

    /// Subscribes to `topic` without history, and waits until it is live.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn subscribe(&mut self, topic: &str) -> Result<(), Lost> {
        let wish = format!(r#"{{"type":"subscribe","topic":"{topic}","data":{{"limit":0}}}}"#);
        self.speaker().write(&said(&wish)).await?;
        self.wait_for(b"{\"type\":\"live\"").await
    }

    async fn wait_for(&mut self, beginning: &[u8]) -> Result<(), Lost> {
        self.wait_until(|text| text.starts_with(beginning)).await
    }

    /// Waits for a text frame for which `is_it` holds.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub async fn wait_until(&mut self, is_it: impl Fn(&[u8]) -> bool) -> Result<(), Lost> {
        let mut has_come = false;
        loop {
            self.take(|text| has_come |= is_it(text)).await?;
            if has_come {
                self.arrived = BytesMut::new();
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Waits for bytes, then gives every text frame that is whole to `each`.
    ///
    /// # Errors
    /// When the connection is closed or broken, or the server sent an error frame.
    pub async fn read(&mut self, each: impl FnMut(&[u8])) -> Result<(), Lost> {
        self.fill().await?;
        self.take(each).await
    }

    async fn fill(&mut self) -> Result<(), Lost> {
        self.arrived.reserve(READ_BYTES);
        loop {
            self.stream.readable().await.map_err(Lost::because)?;
            match self.stream.try_read_buf(&mut self.arrived) {
                Ok(0) => return Err(Lost::because("the server hung up")),
                Ok(_) => return Ok(()),
                Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(fault) => return Err(Lost::because(fault)),
            }
        }
    }

    async fn take(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), Lost> {
        let mut at = 0;
        let mut pongs = Vec::new();
        while let Some((first, payload, rest)) = split(&self.arrived[at..]) {
            match first & 0x0f {
                opcode::TEXT if payload.starts_with(b"{\"type\":\"error\"") => {
                    return Err(Lost::because(String::from_utf8_lossy(payload)));
                }
                opcode::TEXT => each(payload),
                opcode::PING => {
                    pongs.extend_from_slice(&wire::frame(opcode::PONG, payload, Some(MASK)));
                }
                opcode::CLOSE => return Err(Lost::closed(payload)),
                _ => {}
            }
            at = self.arrived.len() - rest;
        }
        self.arrived.advance(at);
        if pongs.is_empty() { Ok(()) } else { self.speaker().write(&pongs).await }
    }
}

/// The first byte, the payload and the number of bytes behind the first whole frame of `bytes`.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let len = wire::frame_len(bytes)?;
    let frame = bytes.get(..len)?;
    let header = wire::header_len(frame)?;
    Some((frame[0], &frame[header..], bytes.len() - len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_split_off_one_by_one_and_half_a_frame_waits() {
        let mut bytes = wire::text("one").to_vec();
        bytes.extend_from_slice(&wire::text(&"x".repeat(300)));
        let (first, payload, rest) = split(&bytes).unwrap();
        assert_eq!((first, payload, rest), (0x81, &b"one"[..], 304));
        let (_, payload, rest) = split(&bytes[5..]).unwrap();
        assert_eq!((payload.len(), rest), (300, 0));
        assert!(split(&bytes[5..100]).is_none() && split(&[]).is_none());
    }

    #[test]
    fn a_close_frame_tells_its_code_and_reason() {
        let lost = Lost::closed(&wire::close_payload(4008, "too slow"));
        assert_eq!(lost.code, Some(4008));
        assert_eq!(String::from(lost), "closed by the server: 4008 too slow");
        assert_eq!(Lost::closed(&[]).code, None);
    }
}
