//! How frames are written (RFC 6455 section 5.2): whole, unfragmented, encoded once.

use bytes::{BufMut, Bytes, BytesMut};

/// Opcodes of RFC 6455 section 11.8.
pub mod opcode {
    /// Continues a fragmented message.
    pub const CONTINUATION: u8 = 0x0;
    /// A message of UTF-8.
    pub const TEXT: u8 = 0x1;
    /// A message of bytes.
    pub const BINARY: u8 = 0x2;
    /// The end, with an optional code and reason.
    pub const CLOSE: u8 = 0x8;
    /// Asks for a pong.
    pub const PING: u8 = 0x9;
    /// Answers a ping.
    pub const PONG: u8 = 0xa;
}

/// The bit of a frame's first byte that marks a compressed message (RFC 7692 section 6).
pub const RSV1: u8 = 0x40;

/// The longest payload of a control frame (RFC 6455 section 5.5), in bytes.
pub const CONTROL_BYTES: usize = 125;

/// The longest close reason: a control payload less the two bytes of the code.
pub const REASON_BYTES: usize = CONTROL_BYTES - 2;

/// An empty ping, ready to send.
pub const EMPTY_PING: Bytes = Bytes::from_static(&[0x80 | opcode::PING, 0]);

/// A text message in one frame.
pub fn text(payload: &str) -> Bytes {
    frame(opcode::TEXT, payload.as_bytes(), None)
}

/// A binary message in one frame.
pub fn binary(payload: &[u8]) -> Bytes {
    frame(opcode::BINARY, payload, None)
}

/// A ping; a payload beyond 125 bytes is cut.
pub fn ping(payload: &[u8]) -> Bytes {
    frame(opcode::PING, cut(payload), None)
}

/// A pong; a payload beyond 125 bytes is cut.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(opcode::PONG, cut(payload), None)
}

/// A close frame; the reason is cut to 123 bytes at a character's edge (RFC 6455 section 5.5.1).
pub fn close(code: u16, reason: &str) -> Bytes {
    frame(opcode::CLOSE, &close_payload(code, reason), None)
}

/// A close frame without code or reason, the answer to one that had none.
pub fn close_empty() -> Bytes {
    frame(opcode::CLOSE, &[], None)
}

/// The payload of a close frame: the code, then the reason cut to 123 bytes.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    payload
}

/// One final frame of any opcode; a client gives the `key` that masks its payload.
pub fn frame(opcode: u8, payload: &[u8], key: Option<[u8; 4]>) -> Bytes {
    raw(0x80 | opcode, payload, key)
}

/// One frame with its first byte as given: FIN (0x80), reserved bits, opcode.
pub fn raw(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 14);
    out.put_u8(first);
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..=125 => out.put_u8(mask_bit | short as u8),
        middle @ 126..=0xffff => {
            out.put_u8(mask_bit | 126);
            out.put_u16(middle as u16);
        }
        long => {
            out.put_u8(mask_bit | 127);
            out.put_u64(long as u64);
        }
    }
    let Some(key) = key else {
        out.extend_from_slice(payload);
        return out.freeze();
    };
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key, 0);
    out.freeze()
}

/// Masks or unmasks `bytes` in place; the first of them is byte `at` of its frame's payload
/// (RFC 6455 section 5.3).
pub fn mask(bytes: &mut [u8], key: [u8; 4], at: usize) {
    let key: [u8; 4] = std::array::from_fn(|index| key[(at + index) & 3]);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The length of the header that an unmasked frame begins with, as its second byte tells.
pub fn header_len(frame: &[u8]) -> Option<usize> {
    match *frame.get(1)? & 0x7f {
        126 => Some(4),
        127 => Some(10),
        _ => Some(2),
    }
}

/// The length of the unmasked frame that `bytes` begin with, header included; `None` when the
/// header is not whole.
pub fn frame_len(bytes: &[u8]) -> Option<usize> {
    match *bytes.get(1)? & 0x7f {
        126 => {
            let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
            Some(4 + usize::from(len))
        }
        127 => {
            let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            usize::try_from(len).ok()?.checked_add(10)
        }
        short => Some(2 + usize::from(short)),
    }
}

fn cut(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_length_forms_begin_where_rfc_6455_says() {
        assert_eq!(text("hi")[..], [0x81, 2, b'h', b'i']);
        assert_eq!(binary(&[7; 125])[..2], [0x82, 125]);
        assert_eq!(binary(&[7; 126])[..4], [0x82, 126, 0, 126]);
        assert_eq!(binary(&vec![7; 65_535])[..4], [0x82, 126, 255, 255]);
        assert_eq!(binary(&vec![7; 65_536])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_close_reason_is_cut_at_a_characters_edge() {
        let frame = close(4001, &"é".repeat(100));
        assert_eq!(frame[..4], [0x88, 124, 0x0f, 0xa1]);
        assert_eq!(std::str::from_utf8(&frame[4..]).unwrap(), "é".repeat(61));
    }

    #[test]
    fn control_payloads_are_cut_to_125_bytes() {
        assert_eq!(ping(&[1; 200]).len(), 127);
        assert_eq!(pong(&[1; 3])[..], [0x8a, 3, 1, 1, 1]);
    }

    #[test]
    fn masking_in_pieces_equals_masking_at_once() {
        let key = [1, 2, 3, 4];
        let plain: Vec<u8> = (0..100).collect();
        let mut whole = plain.clone();
        mask(&mut whole, key, 0);
        for split in 0..100 {
            let mut pieces = plain.clone();
            let (left, right) = pieces.split_at_mut(split);
            mask(left, key, 0);
            mask(right, key, split);
            assert_eq!(pieces, whole);
        }
    }

    #[test]
    fn a_frames_length_is_read_back_from_its_header() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = binary(&vec![0; len]);
            assert_eq!(frame_len(&frame), Some(frame.len()));
            assert_eq!(frame_len(&frame[..1]), None);
        }
    }
}
