//! Bytes that wait for a socket, in order, with what of the first has already left.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::Context;

use bytes::Bytes;

use crate::socket::io::Io;
use crate::socket::wire;

/// The most entries one vectored write takes.
pub const SLICES: usize = 64;

/// What an entry costs besides its bytes, so that tiny frames cannot multiply memory.
pub const ENTRY_BYTES: usize = size_of::<Bytes>();

/// What came of one attempt to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing waits any more.
    All,
    /// Some bytes left, then the stream was full.
    Some,
    /// The stream is full.
    Nothing,
}

/// Frames, or runs of whole frames, that wait; holds no heap when empty.
#[derive(Default)]
pub struct Queue {
    entries: VecDeque<Bytes>,
    sent_bytes: usize,
    total_bytes: usize,
    begins_with_head: bool,
    /// Whole entries that were put ahead and wait behind what has begun to leave.
    ahead: u16,
}

impl Queue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that have not left.
    pub fn waiting_bytes(&self) -> usize {
        self.total_bytes - self.sent_bytes
    }

    /// The cost in bytes of what waits behind the first entry.
    pub fn behind_bytes(&self) -> usize {
        let first = self.entries.front().map_or(0, Bytes::len);
        self.total_bytes - first + ENTRY_BYTES * self.entries.len().saturating_sub(1)
    }

    /// Appends one entry of whole frames; an empty one is ignored.
    pub fn push(&mut self, frames: Bytes) {
        if !frames.is_empty() {
            self.total_bytes += frames.len();
            self.entries.push_back(frames);
        }
    }

    /// Puts one entry of whole frames before all that waits but an entry that has begun to leave
    /// and others that were put ahead.
    pub fn push_ahead(&mut self, frames: Bytes) {
        if frames.is_empty() {
            return;
        }
        let begun = self.sent_bytes > 0 || self.begins_with_head;
        let place = usize::from(begun && !self.entries.is_empty()) + usize::from(self.ahead);
        self.total_bytes += frames.len();
        self.entries.insert(place.min(self.entries.len()), frames);
        self.ahead = self.ahead.saturating_add(1);
    }

    /// Puts the bytes before the first frame, which are never cut.
    pub fn push_head(&mut self, head: Bytes) {
        if !head.is_empty() && self.sent_bytes == 0 {
            self.total_bytes += head.len();
            self.entries.push_front(head);
            self.begins_with_head = true;
        }
    }

    /// Fills `slices` with what is to be written next; how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut filled = 0;
        for (slot, entry) in slices.iter_mut().zip(&self.entries) {
            let skip = if filled == 0 { self.sent_bytes } else { 0 };
            *slot = IoSlice::new(&entry[skip..]);
            filled += 1;
        }
        filled
    }

    /// Forgets `bytes` that have left.
    pub fn advance(&mut self, bytes: usize) {
        // What begins to leave is not among those that wait ahead any more.
        let begins = bytes > 0 && self.sent_bytes == 0 && !self.begins_with_head;
        self.ahead = self.ahead.saturating_sub(u16::from(begins));
        self.sent_bytes += bytes;
        while let Some(first) = self.entries.front().map(Bytes::len) {
            if self.sent_bytes < first {
                return;
            }
            self.sent_bytes -= first;
            self.total_bytes -= first;
            self.begins_with_head = false;
            self.entries.pop_front();
            self.ahead = self.ahead.saturating_sub(u16::from(self.sent_bytes > 0));
        }
        self.entries = VecDeque::new();
    }

    /// Sends until nothing waits or the stream is full. `cx` is woken when it no longer is; without
    /// one no waker is registered.
    ///
    /// # Errors
    /// The stream is dead.
    pub fn send(&mut self, io: &mut Io, mut cx: Option<&mut Context<'_>>) -> io::Result<Sent> {
        let mut sent = Sent::Nothing;
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.slices(&mut slices);
            match io.write_or_block(cx.as_deref_mut(), &slices[..filled]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sent),
                Err(error) => return Err(error),
            }
            sent = Sent::Some;
        }
        match io.flush_or_block(cx) {
            Ok(()) => Ok(Sent::All),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(sent),
            Err(error) => Err(error),
        }
    }

    /// Drops every whole frame that has not begun to leave; the rest of a begun one stays.
    pub fn cut(&mut self) {
        let first = self.entries.pop_front();
        let sent = self.sent_bytes;
        let head = self.begins_with_head;
        *self = Self::default();
        let Some(first) = first else { return };
        let keep = if head { first.len() } else { frame_end(&first, sent) };
        self.begins_with_head = head;
        if keep > sent {
            self.push(first.slice(..keep));
            self.sent_bytes = sent;
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The first edge between frames at or after `at` in a run of whole frames.
fn frame_end(frames: &[u8], at: usize) -> usize {
    let mut edge = 0;
    while edge < at {
        match frames.get(edge..).and_then(wire::frame_len) {
            Some(len) => edge = edge.saturating_add(len),
            None => return frames.len(),
        }
    }
    edge.min(frames.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(queue: &Queue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = queue.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn what_left_is_forgotten_over_entry_edges() {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(b"abc"));
        queue.push(Bytes::from_static(b"defg"));
        queue.advance(4);
        assert_eq!(joined(&queue), b"efg");
        assert_eq!(queue.waiting_bytes(), 3);
        queue.advance(3);
        assert!(queue.is_empty());
        assert_eq!((queue.waiting_bytes(), queue.behind_bytes()), (0, 0));
        assert_eq!(queue.entries.capacity(), 0);
    }

    #[test]
    fn what_goes_ahead_never_cuts_a_frame_that_has_begun_to_leave() {
        for (sent, expected) in [(0, "!abcdef"), (1, "bc!def"), (3, "!def")] {
            let mut queue = Queue::default();
            queue.push(Bytes::from_static(b"abc"));
            queue.push(Bytes::from_static(b"def"));
            queue.advance(sent);
            queue.push_ahead(Bytes::from_static(b"!"));
            assert_eq!(joined(&queue), expected.as_bytes(), "{sent} sent");
            assert_eq!(queue.waiting_bytes(), expected.len());
        }
        let mut queue = Queue::default();
        queue.push_head(Bytes::from_static(b"101 "));
        queue.push(Bytes::from_static(b"abc"));
        queue.push_ahead(Bytes::from_static(b"!"));
        assert_eq!(joined(&queue), b"101 !abc", "the handshake's answer stays first");
    }

    #[test]
    fn what_goes_ahead_goes_in_the_order_it_came_however_much_has_left() {
        for sent in 0..=8 {
            let mut queue = Queue::default();
            queue.push(Bytes::from_static(b"abc"));
            queue.push_ahead(Bytes::from_static(b"12"));
            queue.push_ahead(Bytes::from_static(b"34"));
            queue.push(Bytes::from_static(b"d"));
            queue.advance(sent);
            queue.push_ahead(Bytes::from_static(b"56"));
            let expected = match sent {
                0..=4 => &"123456abcd"[sent..],
                5..=7 => &"1234abc56d"[sent..],
                _ => "",
            };
            if sent < 8 {
                assert_eq!(joined(&queue), expected.as_bytes(), "{sent} sent");
            } else {
                assert_eq!(joined(&queue), b"56", "all had left");
            }
        }
    }

    #[test]
    fn a_cut_keeps_the_rest_of_a_begun_frame_inside_a_batch() {
        let one = wire::text("first");
        let two = wire::text(&"second".repeat(100));
        let batch = Bytes::from([&one[..], &two[..], &one[..]].concat());
        for sent in 0..=batch.len() {
            let mut queue = Queue::default();
            queue.push(batch.clone());
            queue.push(wire::text("behind"));
            queue.advance(sent);
            queue.cut();
            let ends = [0, one.len(), one.len() + two.len(), batch.len()];
            let end = *ends.iter().find(|end| **end >= sent).unwrap();
            assert_eq!(joined(&queue), batch[sent..end], "{sent} sent");
            assert_eq!(queue.waiting_bytes(), end - sent);
        }
    }

    #[test]
    fn a_cut_never_drops_the_head() {
        for sent in [0, 5] {
            let mut queue = Queue::default();
            queue.push_head(Bytes::from_static(b"HTTP/1.1 101"));
            queue.push(wire::text("welcome"));
            queue.advance(sent);
            queue.cut();
            assert_eq!(joined(&queue), b"HTTP/1.1 101"[sent..]);
        }
    }

    #[test]
    fn only_what_waits_behind_the_first_is_counted_against_the_bound() {
        let mut queue = Queue::default();
        queue.push(Bytes::from(vec![0; 1_000_000]));
        assert_eq!(queue.behind_bytes(), 0);
        queue.push(Bytes::from_static(b"12"));
        assert_eq!(queue.behind_bytes(), 2 + ENTRY_BYTES);
    }
}
