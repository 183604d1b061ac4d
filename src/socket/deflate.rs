//! permessage-deflate (RFC 7692) without context takeover: each message is compressed and inflated
//! by itself, with engines that all sockets of a thread share, so that no socket holds any.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::metrics::Metrics;
use crate::socket::violation::Violation;
use crate::socket::wire::{self, opcode};

/// Frames of no more bytes than this are sent as they are: compressing them saves less than a
/// packet.
pub const WORTH_BYTES: usize = 1_024;
/// How hard to try, from 1 to 9. A board of 214 KB becomes 42, 30, 29, 26 KB on levels 1, 2, 3 and
/// 6, in 0.4, 0.6, 0.8 and 1.9 ms.
const LEVEL: u32 = 2;
/// What a sender takes off the end of a message (RFC 7692 section 7.2.1): an empty block.
const CUT_OFF: [u8; 4] = [0, 0, 0xff, 0xff];
/// The same with a last empty block behind it: only a message that is whole ends with that.
const ENDING: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// Most blocks of one message that claim to be the last (RFC 7692 section 7.2.3.4).
const LAST_BLOCKS: usize = 8;
/// Least room that is made for what comes out.
const ROOM_BYTES: usize = 1_024;

/// How far back a compressed message may refer: what its reader must remember of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// 512 bytes.
    Narrow,
    /// 4 KiB, which clients ask for that save memory.
    Middle,
    /// 32 KiB, what is usual.
    Full,
}

impl Window {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All, narrow ones first.
    const ALL: [Self; Self::COUNT] = [Self::Narrow, Self::Middle, Self::Full];

    /// Its size as its base-2 logarithm.
    pub fn bits(self) -> u8 {
        match self {
            Self::Narrow => 9,
            Self::Middle => 12,
            Self::Full => 15,
        }
    }

    /// The widest of no more than 2^`bits` bytes; none where that is too narrow for all.
    pub fn within(bits: u8) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|window| window.bits() <= bits)
    }

    /// The window to compress a message of so many bytes with: nothing refers back beyond its
    /// beginning, so a short one is the same for all readers.
    pub fn for_message(self, bytes: usize) -> Self {
        if bytes <= 1 << self.bits() { Self::Full } else { self }
    }
}

thread_local! {
    static COMPRESSORS: RefCell<[Option<Compress>; Window::COUNT]> =
        const { RefCell::new([const { None }; Window::COUNT]) };
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// A data frame of ours, compressed; `None` when it is better sent as it is.
pub fn squeeze(frame: &[u8], window: Window) -> Option<Bytes> {
    let first = *frame.first()?;
    let is_data = [0x80 | opcode::TEXT, 0x80 | opcode::BINARY].contains(&first);
    if frame.len() <= WORTH_BYTES || !is_data {
        return None;
    }
    let payload = frame.get(wire::header_len(frame)?..)?;
    let squeezed = compress(payload, window.for_message(payload.len()), payload.len())?;
    Metrics::get().messages_compressed.increment(1);
    Some(wire::raw(first | wire::RSV1, &squeezed, None))
}

/// A message of this opcode, compressed whether that helps or not; for echoes, which show what the
/// transport can do.
pub fn squeeze_any(opcode: u8, payload: &[u8], window: Window) -> Bytes {
    let room_bytes = payload.len() + payload.len() / 100 + ROOM_BYTES;
    match compress(payload, window.for_message(payload.len()), room_bytes) {
        Some(squeezed) => wire::raw(0x80 | wire::RSV1 | opcode, &squeezed, None),
        None => wire::frame(opcode, payload, None),
    }
}

/// The payload of a compressed message; `None` when it does not fit into so many bytes.
fn compress(payload: &[u8], window: Window, room_bytes: usize) -> Option<Vec<u8>> {
    COMPRESSORS.with_borrow_mut(|compressors| {
        let compressor = compressors[window as usize].get_or_insert_with(|| {
            Compress::new_with_window_bits(Compression::new(LEVEL), false, window.bits())
        });
        compressor.reset();
        let mut out = Vec::with_capacity(room_bytes);
        compressor.compress_vec(payload, &mut out, FlushCompress::Sync).ok()?;
        // Room that is left says that all of it is out.
        let is_whole = compressor.total_in() == payload.len() as u64 && out.len() < out.capacity();
        if !is_whole || !out.ends_with(&CUT_OFF) {
            return None;
        }
        out.truncate(out.len() - CUT_OFF.len());
        Some(out)
    })
}

/// What a compressed message says. Never makes room for more than one byte beyond the limit,
/// whatever the message would become.
///
/// # Errors
/// `TooBig` beyond the limit, `NotDeflate` when it is no whole message of that kind.
pub fn inflate(mut payload: Vec<u8>, limit_bytes: usize) -> Result<Vec<u8>, Violation> {
    payload.extend_from_slice(&ENDING);
    INFLATER.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let (mut rest, mut out, mut last_blocks) = (&payload[..], Vec::new(), 0);
        loop {
            make_room(&mut out, rest.len(), limit_bytes);
            let before = (inflater.total_in(), out.len());
            let step = inflater.decompress_vec(rest, &mut out, FlushDecompress::None);
            let status = step.map_err(|_| Violation::NotDeflate)?;
            if out.len() > limit_bytes {
                return Err(Violation::TooBig { limit_bytes });
            }
            let taken = usize::try_from(inflater.total_in() - before.0).unwrap_or(rest.len());
            rest = &rest[taken..];
            match status {
                Status::StreamEnd if rest.is_empty() => return Ok(out),
                Status::StreamEnd if last_blocks < LAST_BLOCKS => {
                    last_blocks += 1;
                    inflater.reset(false);
                }
                Status::StreamEnd => return Err(Violation::NotDeflate),
                // All is read, or nothing moves, though there was room: the end is missing.
                Status::Ok | Status::BufError => {
                    let moved = taken > 0 || out.len() > before.1;
                    if out.len() < out.capacity() && (rest.is_empty() || !moved) {
                        return Err(Violation::NotDeflate);
                    }
                }
            }
        }
    })
}

/// Makes room for what `left` more bytes usually become, at least doubling what is there.
fn make_room(out: &mut Vec<u8>, left: usize, limit_bytes: usize) {
    if out.len() == out.capacity() {
        let wanted = (out.len() * 2).max(left * 4).max(ROOM_BYTES);
        let most = limit_bytes.saturating_add(1);
        out.reserve_exact(wanted.min(most).saturating_sub(out.len()).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100_000;

    /// Text that compresses, and differs from one number to the next.
    fn chatter(bytes: usize) -> String {
        let words = (0_u64..).map(|number| format!("{{\"word\":{}}},", number * number % 9_973));
        let mut text = String::new();
        for word in words {
            text.push_str(&word);
            if text.len() >= bytes {
                text.truncate(bytes);
                return text;
            }
        }
        text
    }

    fn payload(frame: &[u8]) -> Vec<u8> {
        frame[wire::header_len(frame).unwrap()..].to_vec()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 7692_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn what_is_squeezed_is_marked_and_inflates_to_what_it_was_in_every_window() {
        for bytes in [1_025, 4_000, 5_000, 40_000, 99_000] {
            let text = chatter(bytes);
            for window in Window::ALL {
                let squeezed = squeeze(&wire::text(&text), window).unwrap();
                assert_eq!(squeezed[0], 0xc1, "FIN, RSV1, text");
                assert!(squeezed.len() < text.len() / 2);
                assert_eq!(wire::frame_len(&squeezed), Some(squeezed.len()));
                assert_eq!(inflate(payload(&squeezed), LIMIT).unwrap(), text.as_bytes());
                let mut narrow = Decompress::new_with_window_bits(false, window.bits());
                let mut out = Vec::with_capacity(text.len() + 1);
                let whole = [&payload(&squeezed)[..], &CUT_OFF].concat();
                narrow.decompress_vec(&whole, &mut out, FlushDecompress::Sync).unwrap();
                assert_eq!(out, text.as_bytes(), "{window:?} is enough");
            }
        }
    }

    #[test]
    fn short_frames_control_frames_and_noise_are_left_as_they_are() {
        assert_eq!(squeeze(&wire::text(&"x".repeat(WORTH_BYTES - 4)), Window::Full), None);
        assert!(squeeze(&wire::text(&"x".repeat(WORTH_BYTES - 3)), Window::Full).is_some());
        assert_eq!(squeeze(&wire::binary(&noise(20_000)), Window::Full), None);
        assert_eq!(squeeze(&wire::close(1000, "bye"), Window::Full), None);
        let squeezed = squeeze(&wire::text(&chatter(5_000)), Window::Full).unwrap();
        assert_eq!(squeeze(&squeezed, Window::Full), None, "not twice");
    }

    #[test]
    fn an_echo_compresses_what_is_empty_or_will_not_shrink_too() {
        for bytes in [&b""[..], b"x", &noise(20_000)] {
            for window in Window::ALL {
                let squeezed = squeeze_any(opcode::BINARY, bytes, window);
                assert_eq!(squeezed[0], 0xc2);
                assert_eq!(inflate(payload(&squeezed), LIMIT).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn the_examples_of_rfc_7692_inflate() {
        let hello = b"Hello".to_vec();
        for payload in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            // No compression.
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            // A block that says it is the last.
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            // Two blocks.
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(payload.to_vec(), 5), Ok(hello.clone()), "{payload:x?}");
            let too_big = Err(Violation::TooBig { limit_bytes: 4 });
            assert_eq!(inflate(payload.to_vec(), 4), too_big, "{payload:x?}");
        }
        assert_eq!(inflate(vec![0], 0), Ok(Vec::new()), "an empty message");
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let zeros = vec![0; 50_000_000];
        let bomb = compress(&zeros, Window::Full, LIMIT).unwrap();
        assert!(bomb.len() < LIMIT, "small outside");
        assert_eq!(inflate(bomb, LIMIT), Err(Violation::TooBig { limit_bytes: LIMIT }));
    }

    #[test]
    fn what_is_cut_or_no_deflate_at_all_is_refused() {
        let whole = compress(chatter(3_000).as_bytes(), Window::Full, LIMIT).unwrap();
        let mut passed = 0;
        for cut in 0..whole.len() {
            match inflate(whole[..cut].to_vec(), LIMIT) {
                Ok(_) => passed += 1,
                Err(violation) => assert_eq!(violation, Violation::NotDeflate, "cut at {cut}"),
            }
        }
        assert!(passed <= 1, "{passed} cut messages passed as whole");
        for payload in [&b""[..], b"\xff\xff\xff", b"nonsense", &[0x06; 40]] {
            assert_eq!(inflate(payload.to_vec(), LIMIT), Err(Violation::NotDeflate));
        }
        let last_blocks = [3, 0].repeat(1_000);
        assert_eq!(inflate(last_blocks, LIMIT), Err(Violation::NotDeflate), "ends without end");
        assert_eq!(inflate(whole, LIMIT).unwrap(), chatter(3_000).as_bytes(), "and all goes on");
    }

    #[test]
    fn noise_neither_panics_nor_grows() {
        for seed in 0..3_000 {
            let mut bytes = noise(60 + seed % 50);
            bytes.rotate_left(seed % 50);
            bytes[0] ^= seed as u8;
            if let Ok(out) = inflate(bytes, 500) {
                assert!(out.len() <= 500 && out.capacity() <= 501);
            }
        }
    }

    #[test]
    fn the_widest_window_that_a_reader_can_hold_is_taken() {
        let bits = |bits| Window::within(bits).map(Window::bits);
        assert_eq!(
            [8, 9, 11, 12, 14, 15].map(bits),
            [None, Some(9), Some(9), Some(12), Some(12), Some(15)]
        );
        assert_eq!(Window::Middle.for_message(4_096), Window::Full);
        assert_eq!(Window::Middle.for_message(4_097), Window::Middle);
    }
}
