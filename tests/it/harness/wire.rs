//! A client that speaks bytes: for handshakes and frames that no library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::socket::PATIENCE;

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// The head as it came, lower case.
    pub head: String,
    pub body: String,
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    /// Whether it is marked as compressed (RFC 7692).
    pub is_deflated: bool,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code and reason of a close frame.
    pub fn close(&self) -> (u16, String) {
        assert_eq!(self.opcode, 8, "not a close frame: {self:?}");
        let code = u16::from_be_bytes([self.payload[0], self.payload[1]]);
        (code, String::from_utf8(self.payload[2..].to_vec()).unwrap())
    }
}

/// One TCP connection.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    /// Connects.
    pub async fn connect(server: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(server).await.unwrap(), read: Vec::new() }
    }

    /// Connects with a receive buffer so small that the peer soon feels a reader who stalls.
    pub async fn connect_narrow(server: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self { stream: socket.connect(server).await.unwrap(), read: Vec::new() }
    }

    /// Sends bytes; whether they were taken.
    pub async fn sends(&mut self, bytes: &[u8]) -> bool {
        let sending = self.stream.write_all(bytes);
        tokio::time::timeout(PATIENCE, sending).await.expect("bytes are taken in time").is_ok()
    }

    /// Says that no more will be sent, and reads all that is still answered.
    pub async fn finishes(&mut self) -> Vec<u8> {
        // The peer may have closed first.
        drop(self.stream.shutdown().await);
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    async fn more(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.read);
        let read = tokio::time::timeout(PATIENCE, reading).await.expect("bytes in time");
        matches!(read, Ok(length) if length > 0)
    }

    /// Reads an HTTP answer; none when the connection ended without one.
    pub async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        self.read.drain(..end);
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        while self.read.len() < length {
            if !self.more().await {
                break;
            }
        }
        let length = length.min(self.read.len());
        let body = String::from_utf8_lossy(&self.read[..length]).into_owned();
        self.read.drain(..length);
        Some(Answer { status, head, body })
    }

    /// Sends a request head (lines without their ends) and reads the answer.
    pub async fn asks(&mut self, lines: &[&str]) -> Option<Answer> {
        self.sends(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await;
        self.answer().await
    }

    /// A handshake that must be answered with 101.
    pub async fn upgrades(&mut self, path: &str, headers: &[&str]) -> Answer {
        let first = format!("GET {path} HTTP/1.1");
        let mut lines = vec![first.as_str(), "Host: localhost"];
        lines.extend(UPGRADE);
        lines.extend(headers);
        let answer = self.asks(&lines).await.expect("an answer to the handshake");
        assert_eq!(answer.status, 101, "{answer:?}");
        answer
    }

    /// The next frame; none when the connection ended.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.read) {
                self.read.drain(..length);
                return Some(frame);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The close frame, past all other frames; none when the connection ended without.
    pub async fn close(&mut self) -> Option<(u16, String)> {
        while let Some(frame) = self.frame().await {
            if frame.opcode == 8 {
                return Some(frame.close());
            }
        }
        None
    }
}

/// The lines of a handshake that stand behind `Host`.
pub const UPGRADE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// The whole frames at the beginning of `bytes`.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((frame, length)) = parse(bytes) {
        frames.push(frame);
        bytes = &bytes[length..];
    }
    frames
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, start) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(start..start + length)?.to_vec();
    let (opcode, is_deflated) = (first & 0x0f, first & 0x40 != 0);
    Some((Frame { opcode, is_deflated, payload }, start + length))
}

/// A masked frame as a client sends it: `first` is the first byte, FIN and opcode.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = head(first, payload.len() as u64, true);
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The head of a frame that declares `length`.
pub fn head(first: u8, length: u64, is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        bytes.push(mask | short);
    } else if let Ok(medium) = u16::try_from(length) {
        bytes.push(mask | 126);
        bytes.extend(medium.to_be_bytes());
    } else {
        bytes.push(mask | 127);
        bytes.extend(length.to_be_bytes());
    }
    bytes
}
