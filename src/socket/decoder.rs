//! Bytes from a client become messages (RFC 6455 section 5): every rule is checked as soon as the
//! bytes that break it are there, and no declared length is believed before it is allowed.

use bytes::{Buf, Bytes, BytesMut};

use crate::socket::deflate;
use crate::socket::violation::Violation;
use crate::socket::wire::{self, CONTROL_BYTES, opcode};

/// What one message may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most payload bytes of one message, over all its fragments.
    pub message_bytes: usize,
    /// The most frames of one message.
    pub fragments: usize,
    /// Whether messages may come compressed (RFC 7692).
    pub deflate: bool,
}

/// How much longer than what it says a compressed message may be: its blocks have headers.
const DEFLATE_OVERHEAD: usize = 1_024;

/// What a peer said: a whole message or a control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// Asks for a pong with the same payload.
    Ping(Bytes),
    /// Answers a ping, or comes unasked.
    Pong(Bytes),
    /// The peer's last frame.
    Close {
        /// The code, where the frame had one.
        code: Option<u16>,
        /// The reason; empty where there was none.
        reason: String,
    },
}

/// A frame's header (RFC 6455 section 5.2).
#[derive(Debug, Clone, Copy)]
struct Header {
    fin: bool,
    opcode: u8,
    /// Whether its message is compressed.
    is_deflated: bool,
    payload_bytes: usize,
    key: [u8; 4],
}

/// The data frame whose payload is coming in.
#[derive(Debug, Clone, Copy)]
struct Coming {
    fin: bool,
    key: [u8; 4],
    taken_bytes: usize,
    left_bytes: usize,
}

/// The reading side of one connection. Holds heap only while a message is unfinished.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    coming: Option<Coming>,
    /// The opcode of the unfinished message.
    opcode: Option<u8>,
    /// Whether the unfinished message is compressed.
    is_deflated: bool,
    fragments: usize,
    joined: Vec<u8>,
    /// How much of `joined` is proven UTF-8.
    proven_bytes: usize,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            coming: None,
            opcode: None,
            is_deflated: false,
            fragments: 0,
            joined: Vec::new(),
            proven_bytes: 0,
        }
    }

    /// Takes the next message out of `buf`, or all that can be taken of an unfinished one.
    ///
    /// After `Ok(None)` at most an unfinished header or control frame is left in `buf`.
    ///
    /// # Errors
    /// The rule that was broken; the decoder must not be asked again.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Message>, Violation> {
        loop {
            if let Some(coming) = self.coming {
                match self.take_payload(coming, buf)? {
                    Some(message) => return Ok(Some(message)),
                    None if self.coming.is_some() => return Ok(None),
                    None => continue,
                }
            }
            let Some((header, header_bytes)) = self.header(buf)? else { return Ok(None) };
            if header.opcode >= opcode::CLOSE {
                if buf.len() < header_bytes + header.payload_bytes {
                    return Ok(None);
                }
                buf.advance(header_bytes);
                return control(header, buf).map(Some);
            }
            buf.advance(header_bytes);
            self.begin(header);
        }
    }

    /// Bytes of heap held for an unfinished message.
    pub fn held_bytes(&self) -> usize {
        self.joined.capacity()
    }

    /// Reads and judges the header, field by field as its bytes arrive.
    fn header(&self, buf: &BytesMut) -> Result<Option<(Header, usize)>, Violation> {
        let Some(&first) = buf.first() else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        self.judge_first(fin, first & 0x70, opcode)?;
        let Some(&second) = buf.get(1) else { return Ok(None) };
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("frame is not masked"));
        }
        let short = second & 0x7f;
        if opcode >= opcode::CLOSE && usize::from(short) > CONTROL_BYTES {
            return Err(Violation::Protocol("control frame is longer than 125 bytes"));
        }
        let Some((declared, at)) = declared_len(short, buf)? else { return Ok(None) };
        let is_deflated = match opcode {
            opcode::CONTINUATION => self.is_deflated,
            _ => first & wire::RSV1 != 0,
        };
        let payload_bytes = self.allowed(opcode, is_deflated, declared)?;
        let Some(key) = buf.get(at..at + 4).and_then(|key| key.try_into().ok()) else {
            return Ok(None);
        };
        Ok(Some((Header { fin, opcode, is_deflated, payload_bytes, key }, at + 4)))
    }

    fn judge_first(&self, fin: bool, reserved: u8, opcode: u8) -> Result<(), Violation> {
        // RFC 7692 section 6: the first frame of a data message alone may be marked.
        let begins = matches!(opcode, opcode::TEXT | opcode::BINARY);
        let may_be_marked = self.limits.deflate && begins;
        if reserved & !wire::RSV1 != 0 || (reserved != 0 && !may_be_marked) {
            return Err(Violation::Protocol("reserved bit is set"));
        }
        match opcode {
            opcode::CONTINUATION if self.opcode.is_none() => {
                Err(Violation::Protocol("nothing to continue"))
            }
            opcode::TEXT | opcode::BINARY if self.opcode.is_some() => {
                Err(Violation::Protocol("message begins inside another"))
            }
            opcode::CONTINUATION | opcode::TEXT | opcode::BINARY => {
                match self.fragments < self.limits.fragments.max(1) {
                    true => Ok(()),
                    false => Err(Violation::TooManyFragments { limit: self.limits.fragments }),
                }
            }
            opcode::CLOSE | opcode::PING | opcode::PONG if fin => Ok(()),
            opcode::CLOSE | opcode::PING | opcode::PONG => {
                Err(Violation::Protocol("control frame is fragmented"))
            }
            _ => Err(Violation::Protocol("opcode is reserved")),
        }
    }

    fn allowed(&self, opcode: u8, is_deflated: bool, declared: u64) -> Result<usize, Violation> {
        let limit_bytes = self.limits.message_bytes;
        let overhead = if is_deflated { DEFLATE_OVERHEAD + limit_bytes / 1_024 } else { 0 };
        let most = limit_bytes.saturating_add(overhead);
        let declared = usize::try_from(declared).unwrap_or(usize::MAX);
        if opcode < opcode::CLOSE && declared > most.saturating_sub(self.joined.len()) {
            return Err(Violation::TooBig { limit_bytes });
        }
        Ok(declared)
    }

    fn begin(&mut self, header: Header) {
        self.opcode.get_or_insert(header.opcode);
        self.is_deflated = header.is_deflated;
        self.fragments += 1;
        self.coming = Some(Coming {
            fin: header.fin,
            key: header.key,
            taken_bytes: 0,
            left_bytes: header.payload_bytes,
        });
    }

    /// Moves payload from `buf` to the message; clears `coming` at the frame's end.
    fn take_payload(
        &mut self,
        coming: Coming,
        buf: &mut BytesMut,
    ) -> Result<Option<Message>, Violation> {
        let taken = coming.left_bytes.min(buf.len());
        self.reserve(taken);
        let start = self.joined.len();
        self.joined.extend_from_slice(&buf[..taken]);
        wire::mask(&mut self.joined[start..], coming.key, coming.taken_bytes);
        buf.advance(taken);
        let left_bytes = coming.left_bytes - taken;
        if left_bytes == 0 && coming.fin {
            return self.finish().map(Some);
        }
        if self.opcode == Some(opcode::TEXT) && !self.is_deflated {
            self.prove()?;
        }
        let taken_bytes = coming.taken_bytes + taken;
        self.coming = (left_bytes > 0).then_some(Coming { taken_bytes, left_bytes, ..coming });
        Ok(None)
    }

    /// Makes room for what is there, at most doubling and never beyond the limit.
    fn reserve(&mut self, more: usize) {
        let needed = self.joined.len() + more;
        if needed > self.joined.capacity() {
            let doubled = (self.joined.capacity() * 2).min(self.limits.message_bytes);
            self.joined.reserve_exact(needed.max(doubled) - self.joined.len());
        }
    }

    /// Checks what is new of an unfinished text, but for a character that may still be completed.
    fn prove(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.joined[self.proven_bytes..]) {
            Ok(text) => self.proven_bytes += text.len(),
            Err(error) if error.error_len().is_none() => self.proven_bytes += error.valid_up_to(),
            Err(_) => return Err(Violation::InvalidUtf8),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Message, Violation> {
        let mut payload = std::mem::take(&mut self.joined);
        let is_text = self.opcode == Some(opcode::TEXT);
        if self.is_deflated {
            payload = deflate::inflate(payload, self.limits.message_bytes)?;
        }
        *self = Self::new(self.limits);
        if is_text {
            let text = String::from_utf8(payload).map_err(|_| Violation::InvalidUtf8)?;
            return Ok(Message::Text(text));
        }
        Ok(Message::Binary(payload.into()))
    }
}

/// The payload length and where it ends in the header; `None` when its bytes are not all there.
fn declared_len(short: u8, buf: &BytesMut) -> Result<Option<(u64, usize)>, Violation> {
    let (declared, at, least) = match short {
        126 => match buf.get(2..4).and_then(|field| field.try_into().ok()) {
            Some(field) => (u64::from(u16::from_be_bytes(field)), 4, 126),
            None => return Ok(None),
        },
        127 => match buf.get(2..10).and_then(|field| field.try_into().ok()) {
            Some(field) => (u64::from_be_bytes(field), 10, 65_536),
            None => return Ok(None),
        },
        short => (u64::from(short), 2, 0),
    };
    if declared < least {
        return Err(Violation::Protocol("length is not in its shortest form"));
    }
    if declared > i64::MAX as u64 {
        return Err(Violation::Protocol("length has its highest bit set"));
    }
    Ok(Some((declared, at)))
}

/// Reads a whole control frame whose payload `buf` begins with.
fn control(header: Header, buf: &mut BytesMut) -> Result<Message, Violation> {
    let mut payload = buf[..header.payload_bytes].to_vec();
    buf.advance(header.payload_bytes);
    wire::mask(&mut payload, header.key, 0);
    match header.opcode {
        opcode::PING => Ok(Message::Ping(payload.into())),
        opcode::PONG => Ok(Message::Pong(payload.into())),
        _ => close(&payload),
    }
}

/// Reads the payload of a close frame (RFC 6455 sections 5.5.1 and 7.4).
fn close(payload: &[u8]) -> Result<Message, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(Message::Close { code: None, reason: String::new() }),
            _ => Err(Violation::Protocol("close code is cut")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("close code is not allowed"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?;
    Ok(Message::Close { code: Some(code), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    const LIMITS: Limits = Limits { message_bytes: 1000, fragments: 4, deflate: false };

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        wire::raw(first, payload, Some(KEY)).to_vec()
    }

    /// All messages, then the violation if one came; fed in chunks of the given sizes in turn.
    fn decode(bytes: &[u8], chunks: &[usize]) -> (Vec<Message>, Option<Violation>) {
        decode_with(LIMITS, bytes, chunks)
    }

    fn decode_with(
        limits: Limits,
        bytes: &[u8],
        chunks: &[usize],
    ) -> (Vec<Message>, Option<Violation>) {
        let mut decoder = Decoder::new(limits);
        let mut buf = BytesMut::new();
        let mut messages = Vec::new();
        let mut rest = bytes;
        for size in chunks.iter().cycle() {
            let (chunk, after) = rest.split_at((*size).clamp(1, rest.len().max(1)).min(rest.len()));
            rest = after;
            buf.extend_from_slice(chunk);
            loop {
                match decoder.next(&mut buf) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(violation) => return (messages, Some(violation)),
                }
            }
            assert!(buf.len() < 14 + CONTROL_BYTES, "{} bytes stay unread", buf.len());
            let overhead = if limits.deflate { DEFLATE_OVERHEAD } else { 0 };
            assert!(decoder.held_bytes() <= limits.message_bytes + overhead);
            if rest.is_empty() {
                break;
            }
        }
        (messages, None)
    }

    fn both_ways(bytes: &[u8]) -> (Vec<Message>, Option<Violation>) {
        let whole = decode(bytes, &[usize::MAX]);
        assert_eq!(whole, decode(bytes, &[1]), "byte by byte differs");
        whole
    }

    fn text(text: &str) -> Message {
        Message::Text(text.to_owned())
    }

    #[test]
    fn the_example_of_rfc_6455_section_5_7_is_hello() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(both_ways(&hello), (vec![text("Hello")], None));
    }

    #[test]
    fn every_broken_rule_is_named() {
        use Violation::{InvalidUtf8, Protocol, TooBig, TooManyFragments};
        let too_big = TooBig { limit_bytes: 1000 };
        let part = masked(0x01, b"a");
        let cases: &[(&str, Vec<u8>, Violation)] = &[
            ("mask", wire::text("hi").to_vec(), Protocol("frame is not masked")),
            ("rsv1", masked(0xc1, b""), Protocol("reserved bit is set")),
            ("rsv2", masked(0xa2, b""), Protocol("reserved bit is set")),
            ("rsv3", masked(0x99, b""), Protocol("reserved bit is set")),
            ("opcode 3", masked(0x83, b""), Protocol("opcode is reserved")),
            ("opcode 7", masked(0x87, b""), Protocol("opcode is reserved")),
            ("opcode 11", masked(0x8b, b""), Protocol("opcode is reserved")),
            ("opcode 15", masked(0x8f, b""), Protocol("opcode is reserved")),
            ("loose continuation", masked(0x80, b""), Protocol("nothing to continue")),
            (
                "text in text",
                [part.clone(), masked(0x81, b"")].concat(),
                Protocol("message begins inside another"),
            ),
            ("split ping", masked(0x09, b""), Protocol("control frame is fragmented")),
            (
                "long ping",
                masked(0x89, &[0; 126]),
                Protocol("control frame is longer than 125 bytes"),
            ),
            ("long form", vec![0x81, 0xfe, 0, 125], Protocol("length is not in its shortest form")),
            (
                "longer form",
                [&[0x82, 0xff][..], &65_535_u64.to_be_bytes()].concat(),
                Protocol("length is not in its shortest form"),
            ),
            ("sign bit", [&[0x82, 0xff][..], &[0xff; 8]].concat(), {
                Protocol("length has its highest bit set")
            }),
            ("declared", [&[0x82, 0xff][..], &400_000_000_u64.to_be_bytes()].concat(), too_big),
            ("declared 1001", vec![0x81, 0xfe, 0x03, 0xe9], too_big),
            ("sum", [part.clone(), vec![0x80, 0xfe, 0x03, 0xe8]].concat(), too_big),
            (
                "fragments",
                [part.clone(), masked(0, b"").repeat(3), vec![0]].concat(),
                TooManyFragments { limit: 4 },
            ),
            ("close of 1 byte", masked(0x88, &[3]), Protocol("close code is cut")),
            ("close reason", masked(0x88, &[0x03, 0xe8, 0xff]), InvalidUtf8),
            ("text", masked(0x81, b"\xc0\xaf"), InvalidUtf8),
            ("surrogate", masked(0x81, b"\xed\xa0\x80"), InvalidUtf8),
            ("cut text", masked(0x81, b"\xce"), InvalidUtf8),
            ("unfinished text", masked(0x01, b"ok\xf4\x90"), InvalidUtf8),
        ];
        for (name, bytes, violation) in cases {
            assert_eq!(both_ways(bytes).1, Some(*violation), "{name}");
        }
    }

    #[test]
    fn close_codes_follow_section_7_4() {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
            let frame = masked(0x88, &wire::close_payload(code, "bye"));
            let close = Message::Close { code: Some(code), reason: "bye".to_owned() };
            assert_eq!(both_ways(&frame), (vec![close], None));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            let frame = masked(0x88, &wire::close_payload(code, "bye"));
            let violation = Violation::Protocol("close code is not allowed");
            assert_eq!(both_ways(&frame), (vec![], Some(violation)), "{code}");
        }
        let empty = Message::Close { code: None, reason: String::new() };
        assert_eq!(both_ways(&masked(0x88, b"")), (vec![empty], None));
    }

    #[test]
    fn fragments_are_joined_around_control_frames_and_across_characters() {
        let bytes = [
            masked(0x01, b"\xce\xba\xe1"),
            masked(0x89, b"?"),
            masked(0x00, b""),
            masked(0x80, b"\xbd\xb9"),
            masked(0x82, &[7; 300]),
        ]
        .concat();
        let ping = Message::Ping(Bytes::from_static(b"?"));
        let binary = Message::Binary(Bytes::from(vec![7; 300]));
        assert_eq!(both_ways(&bytes), (vec![ping, text("\u{3ba}\u{1f79}"), binary], None));
    }

    #[test]
    fn a_message_of_exactly_the_limit_passes() {
        let longest = "x".repeat(1000);
        assert_eq!(both_ways(&masked(0x81, longest.as_bytes())), (vec![text(&longest)], None));
    }

    #[test]
    fn bad_text_inside_an_unfinished_frame_fails_at_once() {
        let whole = masked(0x81, b"good\xf4\x90\x80\x80more");
        let (header, bad) = (6, 6);
        assert_eq!(decode(&whole[..header + bad - 1], &[1]).1, None);
        assert_eq!(decode(&whole[..header + bad], &[1]).1, Some(Violation::InvalidUtf8));
    }

    #[test]
    fn a_decoder_with_nothing_pending_holds_no_heap() {
        let mut decoder = Decoder::new(LIMITS);
        let mut buf = BytesMut::from(&masked(0x81, &[b'a'; 900])[..]);
        assert!(decoder.next(&mut buf).unwrap().is_some());
        assert_eq!(decoder.held_bytes(), 0);
        let mut declared = BytesMut::from(&[0x82, 0xfe, 0x03, 0xe8, 1, 2, 3, 4][..]);
        assert_eq!(decoder.next(&mut declared), Ok(None));
        assert_eq!(decoder.held_bytes(), 0);
    }

    /// As [`decode`], by a decoder that takes compressed messages.
    fn deflated(bytes: &[u8], chunks: &[usize]) -> (Vec<Message>, Option<Violation>) {
        decode_with(Limits { deflate: true, ..LIMITS }, bytes, chunks)
    }

    /// The payload of a compressed message, as a client sends it.
    fn compressed(text: &str) -> Vec<u8> {
        let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
        let mut out = Vec::with_capacity(text.len() + 100);
        compress.compress_vec(text.as_bytes(), &mut out, flate2::FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        out
    }

    #[test]
    fn compressed_messages_inflate_whole_or_in_fragments_beside_plain_ones() {
        let said = "κόσμε and again ".repeat(20);
        let payload = compressed(&said);
        let (left, right) = payload.split_at(payload.len() / 2);
        let bytes = [
            masked(0xc1, &payload),
            masked(0x81, b"plain"),
            masked(0x41, left),
            masked(0x89, b"?"),
            masked(0x00, right),
            masked(0x80, b""),
            masked(0xc2, &[0]),
            masked(0x01, b"pla"),
            masked(0x80, b"in"),
        ]
        .concat();
        let ping = Message::Ping(Bytes::from_static(b"?"));
        let empty = Message::Binary(Bytes::new());
        let all = vec![text(&said), text("plain"), ping, text(&said), empty, text("plain")];
        for chunks in [&[usize::MAX][..], &[1], &[3, 7]] {
            assert_eq!(deflated(&bytes, chunks), (all.clone(), None), "{chunks:?}");
        }
    }

    #[test]
    fn the_mark_of_a_compressed_message_stands_on_its_first_frame_and_only_if_agreed() {
        let part = masked(0x41, &compressed("part"));
        for (name, bytes) in [
            ("on a continuation", [part.clone(), masked(0xc0, b"")].concat()),
            ("on one of a plain message", [masked(0x01, b"a"), masked(0xc0, b"")].concat()),
            ("on a ping", masked(0xc9, b"")),
            ("on a close", masked(0xc8, b"")),
            ("beside RSV2", masked(0xe1, b"")),
            ("beside RSV3", masked(0xd1, b"")),
        ] {
            let violation = Some(Violation::Protocol("reserved bit is set"));
            assert_eq!(deflated(&bytes, &[usize::MAX]).1, violation, "{name}");
            assert_eq!(deflated(&bytes, &[1]).1, violation, "{name}, byte by byte");
        }
        assert_eq!(decode(&part, &[1]).1, Some(Violation::Protocol("reserved bit is set")));
    }

    #[test]
    fn what_a_compressed_message_becomes_is_bounded_however_it_comes() {
        let limit = "x".repeat(1_000);
        assert_eq!(deflated(&masked(0xc1, &compressed(&limit)), &[7]).0, [text(&limit)]);
        let too_big = Some(Violation::TooBig { limit_bytes: 1_000 });
        let bomb = compressed(&"x".repeat(1_000_000));
        assert_eq!(deflated(&masked(0xc1, &bomb), &[7]).1, too_big);
        let (left, right) = bomb.split_at(bomb.len() / 2);
        let parts = [masked(0x42, left), masked(0x80, right)].concat();
        assert_eq!(deflated(&parts, &[usize::MAX]).1, too_big, "over fragments");
        assert_eq!(deflated(&[0xc1, 0xfe, 0x08, 0x00], &[1]).1, too_big, "declared");
        assert_eq!(deflated(&masked(0xc1, b"no"), &[1]).1, Some(Violation::NotDeflate));
        let bad = masked(0xc1, &[0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00]);
        assert_eq!(deflated(&bad, &[1]).1, Some(Violation::InvalidUtf8));
    }

    /// A small generator (SplitMix64), so that every run tries the same streams.
    struct Seeded(u64);

    impl Seeded {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % bound as u64) as usize
        }

        /// A frame that mostly follows the rules; `is_inside` says whether a message is unfinished.
        fn frame(&mut self, is_inside: &mut bool) -> Vec<u8> {
            let len = [3, 3, 3, 20, 130, 400][self.below(6)];
            let len = self.below(len);
            let kind = self.below(40);
            if kind == 0 {
                return masked(self.below(256) as u8, &[0; 3]);
            }
            if kind < 4 && !*is_inside {
                let said = "aκ€😀".repeat(len);
                let mut payload = compressed(&said);
                if kind == 1 {
                    let at = self.below(payload.len());
                    payload[at] ^= 1 << self.below(8);
                }
                return masked(0xc0 | (1 + (kind % 2) as u8), &payload);
            }
            if kind < 6 {
                let close = wire::close_payload(1000, "bye");
                return masked([0x88, 0x89, 0x8a][kind % 3], &close);
            }
            let fin = if self.below(3) > 0 { 0x80 } else { 0 };
            let opcode = if *is_inside { 0 } else { 1 + (kind % 2) as u8 };
            *is_inside = fin == 0;
            let payload = match kind {
                6 => (0..len).map(|_| self.below(256) as u8).collect(),
                _ => "aκ€😀".chars().cycle().take(len / 3).collect::<String>().into_bytes(),
            };
            masked(fin | opcode, &payload)
        }

        fn stream(&mut self) -> Vec<u8> {
            let mut bytes = match self.below(10) {
                0 => (0..self.below(60)).map(|_| self.below(256) as u8).collect(),
                _ => {
                    let mut is_inside = false;
                    (0..=self.below(9)).flat_map(|_| self.frame(&mut is_inside)).collect::<Vec<_>>()
                }
            };
            for _ in 0..[0, 0, 1, 3][self.below(4)] {
                if !bytes.is_empty() {
                    let at = self.below(bytes.len());
                    bytes[at] = self.below(256) as u8;
                }
            }
            bytes
        }
    }

    #[test]
    fn random_streams_never_panic_and_decode_alike_in_any_chunks() {
        let mut seeded = Seeded(6455);
        let (mut messages, mut violations) = (0, 0);
        for round in 0..30_000 {
            let bytes = seeded.stream();
            let run = if round % 2 == 0 { decode } else { deflated };
            let whole = run(&bytes, &[usize::MAX]);
            let chunks: Vec<usize> = (0..5).map(|_| 1 + seeded.below(40)).collect();
            assert_eq!(whole, run(&bytes, &chunks), "round {round}: {bytes:?}");
            messages += whole.0.len();
            violations += usize::from(whole.1.is_some());
        }
        assert!(messages > 30_000 && violations > 5_000, "{messages} {violations}");
    }
}
