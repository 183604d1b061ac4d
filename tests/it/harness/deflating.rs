//! A client that offers permessage-deflate (RFC 7692), by hand, so that stories see how each
//! message came.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

use super::people::Person;
use super::wire::{Frame, Wire, masked};

/// The offer of a browser.
pub const BROWSER: &str = "permessage-deflate; client_max_window_bits";
/// FIN and RSV1 of a text message.
pub const DEFLATED_TEXT: u8 = 0xc1;

/// The payload of a compressed message.
pub fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 1_024);
    let mut compress = Compress::new(Compression::default(), false);
    compress.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "there was room");
    out.truncate(out.len() - 4);
    out
}

/// What a frame says, inflated with no more memory than was agreed on.
pub fn said(frame: &Frame, window_bits: u8) -> Vec<u8> {
    if !frame.is_deflated {
        return frame.payload.clone();
    }
    let whole = [&frame.payload[..], &[0, 0, 0xff, 0xff]].concat();
    let mut inflate = Decompress::new_with_window_bits(false, window_bits);
    let (mut out, mut rest) = (Vec::with_capacity(4_096), &whole[..]);
    while !rest.is_empty() {
        let before = inflate.total_in();
        inflate
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .expect("a frame that inflates");
        rest = &rest[usize::try_from(inflate.total_in() - before).unwrap()..];
        out.reserve(4_096);
    }
    inflate.decompress_vec(&[], &mut out, FlushDecompress::Sync).ok();
    out
}

/// A socket whose frames are looked at one by one.
pub struct Deflating {
    pub wire: Wire,
    /// What the handshake answered to the offer, if anything.
    pub agreed: Option<String>,
    window_bits: u8,
}

impl Deflating {
    /// Opens a socket with this offer and these headers.
    pub async fn opens(person: &Person, path: &str, offer: &str, headers: &[&str]) -> Self {
        let mut wire = Wire::connect(person.server).await;
        let offer = format!("Sec-WebSocket-Extensions: {offer}");
        let headers: Vec<&str> = headers.iter().copied().chain([offer.as_str()]).collect();
        let answer = wire.upgrades(path, &headers).await;
        let line =
            answer.head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        let bits = line.and_then(|line| line.split("server_max_window_bits=").nth(1));
        let window_bits = bits.map_or(15, |bits| bits.parse().unwrap());
        Self { agreed: line.map(str::to_owned), wire, window_bits }
    }

    /// A native socket with the offer of a browser.
    pub async fn connects(person: &Person) -> Self {
        Self::connects_with(person, BROWSER).await
    }

    /// A native socket with this offer.
    pub async fn connects_with(person: &Person, offer: &str) -> Self {
        let bearer = format!("Authorization: Bearer {}", person.token);
        Self::opens(person, "/ws/v1/", offer, &[&bearer]).await
    }

    /// The next frame for which `wanted` holds: whether it came compressed, and what it says.
    pub async fn hears_that(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> (bool, Value) {
        loop {
            let frame = self.wire.frame().await.unwrap_or_else(|| panic!("it ended before {what}"));
            if frame.opcode != 1 {
                assert_ne!(frame.opcode, 8, "closed before {what}: {:?}", frame.close());
                continue;
            }
            let value = serde_json::from_slice(&said(&frame, self.window_bits)).unwrap();
            if wanted(&value) {
                return (frame.is_deflated, value);
            }
        }
    }

    /// The next frame of this type.
    pub async fn hears(&mut self, kind: &str) -> (bool, Value) {
        self.hears_that(kind, |frame| frame["type"] == kind).await
    }

    /// Sends a text, compressed.
    pub async fn says(&mut self, value: &Value) {
        let payload = deflated(value.to_string().as_bytes());
        self.wire.sends(&masked(DEFLATED_TEXT, &payload)).await;
    }

    /// Subscribes without history and waits until live; how the answer came, and what it says.
    pub async fn joins(&mut self, topic: &str, limit: u32) -> (bool, Value) {
        self.says(&json!({"type": "subscribe", "topic": topic, "data": {"limit": limit}})).await;
        let joined = self.hears_that("an answer", |frame| frame["topic"] == topic).await;
        assert_eq!(joined.1["type"], "ok", "{}", joined.1);
        self.hears("live").await;
        joined
    }
}
