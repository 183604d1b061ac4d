//! One session's outbound bytes: joined by turn, bounded by bytes and by time, closed with care.
//!
//! The session, its worker's fan-out and the heartbeat wheel share it as `Rc<Outbox>`. It writes
//! from whoever calls while the stream takes bytes; once the stream is full, and while it closes,
//! one task (`pump`) owns all writing and keeps the outbox alive after the session is gone.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::socket::census::Counted;
use crate::socket::decoder::Message;
use crate::socket::deflate::{self, Window};
use crate::socket::inbound::{Arrival, Inbound};
use crate::socket::io::Io;
use crate::socket::queue::{ENTRY_BYTES, Queue, Sent};
use crate::socket::waiting::Waiting;
use crate::socket::wire::EMPTY_PING;
use crate::socket::{pump, turn};

/// What an outbox bears, one for all sessions of a kind.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// The most bytes that may wait behind the frame that is leaving.
    pub waiting_bytes: usize,
    /// How long a full stream may take nothing before the peer is too slow.
    pub stall: Duration,
    /// How long closing may take to get its last bytes out.
    pub linger: Duration,
    /// How long to wait for the peer's close frame once ours is out.
    pub peer_wait: Duration,
    /// The close frame for a peer that is too slow, ready to send.
    pub overflow_close: Bytes,
}

/// Why an outbox takes no more frames; the first cause stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Too much waited, or nothing left for too long.
    TooSlow,
    /// The peer's stream ended or failed without a close frame.
    PeerGone,
    /// The session closed it.
    Closed,
    /// The peer did not answer a ping.
    PingTimeout,
    /// The session gave it up without a word.
    Aborted,
}

/// What is known of the peer's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Talking,
    SaidClose,
    /// It broke a rule: its close frame could no longer be told from noise.
    Garbled,
    Gone,
}

/// See the module. In this order, so that a write to one of many readers touches few cache lines.
#[repr(C)]
pub struct Outbox {
    pumping: Cell<bool>,
    /// Whether the end of this turn will flush it; kept by `turn`.
    pub(super) dirty: Cell<bool>,
    ended: Cell<Option<Ended>>,
    peer: Cell<Peer>,
    awaits_pong: Cell<bool>,
    /// With what messages to this peer may be compressed.
    window: Cell<Option<Window>>,
    stream: RefCell<Option<(Io, Counted)>>,
    queue: RefCell<Queue>,
    settings: Rc<OutboxSettings>,
    flush_by: Cell<Option<Instant>>,
    waiting: Waiting,
    /// The reading side, once nobody else reads.
    tail: RefCell<Option<Box<Inbound>>>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("ended", &self.ended.get()).finish_non_exhaustive()
    }
}

impl Outbox {
    /// An open outbox over a connected stream.
    pub fn new(io: Io, settings: Rc<OutboxSettings>) -> Rc<Self> {
        Rc::new(Self {
            stream: RefCell::new(Some((io, Counted::one()))),
            settings,
            queue: RefCell::default(),
            ended: Cell::new(None),
            peer: Cell::new(Peer::Talking),
            window: Cell::new(None),
            awaits_pong: Cell::new(false),
            pumping: Cell::new(false),
            dirty: Cell::new(false),
            flush_by: Cell::new(None),
            waiting: Waiting::default(),
            tail: RefCell::default(),
        })
    }

    /// Puts the handshake's answer before all frames. It leaves with the first of them, or alone
    /// a turn later.
    pub fn begin(self: &Rc<Self>, head: Bytes) {
        self.queue.borrow_mut().push_head(head);
        let outbox = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::task::yield_now().await;
            outbox.flush();
        });
    }

    /// From now on a long frame that this peer alone is sent by [`Outbox::push`] is compressed,
    /// where the peer agreed to that.
    pub fn deflate(&self, window: Option<Window>) {
        self.window.set(window);
    }

    /// Queues one frame; all frames of one executor turn leave in one write. Ignored once ended.
    pub fn push(self: &Rc<Self>, frame: Bytes) {
        if self.is_open() {
            let squeezed = self.window.get().and_then(|window| deflate::squeeze(&frame, window));
            self.push_shared(squeezed.unwrap_or(frame));
        }
    }

    /// Queues a run of whole frames as they are.
    fn push_shared(self: &Rc<Self>, frames: Bytes) {
        if self.is_open() && self.enqueue(frames) && !self.pumping.get() {
            turn::flush_at_end(self);
        }
    }

    /// Queues one frame before all that waits, whatever the bound: for alarms, which are few and
    /// small. Ignored once ended.
    pub fn push_ahead(self: &Rc<Self>, frame: Bytes) {
        if !self.is_open() {
            return;
        }
        self.queue.borrow_mut().push_ahead(frame);
        if !self.pumping.get() {
            turn::flush_at_end(self);
        }
    }

    /// Writes a run of whole frames at once when nothing waits before it, else queues it in order.
    /// Shared bytes are never copied nor compressed. Ignored once ended.
    pub fn write(self: &Rc<Self>, frames: Bytes) {
        if !self.is_open() {
            return;
        }
        if self.pumping.get() || !self.queue.borrow().is_empty() {
            self.push_shared(frames);
            return;
        }
        match self.write_through(&frames) {
            Ok((taken, true)) if taken == frames.len() => (),
            Ok((taken, _)) => {
                self.queue.borrow_mut().push(frames);
                self.queue.borrow_mut().advance(taken);
                self.start_pump();
            }
            Err(_) => self.peer_gone(),
        }
    }

    /// Sends what waits, then the close frame, waits for the peer's, and shuts down. Frames pushed
    /// later are ignored, and so is a second close.
    pub fn close(self: &Rc<Self>, close_frame: Bytes) {
        if !self.is_open() {
            return;
        }
        self.queue.borrow_mut().push(close_frame);
        self.flush();
        // The flush may have found the peer gone.
        if self.is_open() {
            self.begin_closing(Ended::Closed);
        }
    }

    /// Ends at once with a reset; nothing more is sent.
    pub fn abort(&self) {
        self.cut_off(Ended::Aborted);
    }

    /// Says that the peer's close frame was read: once ours is out, TCP is dropped at once.
    /// [`crate::socket::frames::Frames`] says it by itself.
    pub fn peer_closed(&self) {
        self.learn(Peer::SaidClose);
    }

    /// Bytes that may wait before the outbox is full.
    pub fn limit_bytes(&self) -> usize {
        self.settings.waiting_bytes
    }

    /// Bytes that have not left yet.
    pub fn waiting_bytes(&self) -> usize {
        self.queue.borrow().waiting_bytes()
    }

    /// Whether frames are still taken.
    pub fn is_open(&self) -> bool {
        self.ended.get().is_none()
    }

    /// Why no frames are taken any more.
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get()
    }

    /// Whether the stream is dropped: nothing will be sent or read any more.
    pub fn is_released(&self) -> bool {
        self.stream.borrow().is_none()
    }

    /// Waits until nothing waits, or the outbox has ended.
    pub async fn drained(&self) {
        poll_fn(|cx| {
            if !self.is_open() || (self.queue.borrow().is_empty() && !self.pumping.get()) {
                return Poll::Ready(());
            }
            self.waiting.for_drained(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Sends a ping, unless frames wait: their own progress then shows that the peer lives.
    pub fn ping(self: &Rc<Self>) {
        if self.is_open() && !self.pumping.get() && self.queue.borrow().is_empty() {
            self.awaits_pong.set(true);
            self.push(EMPTY_PING);
        }
    }

    /// Ends a peer from which nothing came since the last ping. Bytes that the kernel holds for a
    /// session too busy to read count as heard.
    pub fn end_if_silent(&self) {
        let unread = || self.stream.borrow().as_ref().is_some_and(|(io, _)| io.has_unread());
        if self.awaits_pong.get() && !self.pumping.get() && !unread() {
            self.cut_off(Ended::PingTimeout);
        }
    }

    /// Writes what waits, if nobody else is about to.
    pub(super) fn flush(self: &Rc<Self>) {
        if self.pumping.get() || self.is_released() {
            return;
        }
        match self.send(None) {
            Ok(Sent::All) => self.waiting.wake_drained(),
            Ok(_) => self.start_pump(),
            Err(_) => self.peer_gone(),
        }
    }

    /// Sends until nothing waits or the stream is full; `cx` is woken when it no longer is.
    pub(super) fn send(&self, cx: Option<&mut Context<'_>>) -> io::Result<Sent> {
        let mut stream = self.stream.borrow_mut();
        let (io, _) = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.queue.borrow_mut().send(io, cx)
    }

    /// Shuts the sending side down; ready at once when the stream is dropped.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.stream.borrow_mut().as_mut() {
            Some((io, _)) => io.poll_shutdown(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    /// Reads for whoever holds the reading side, and learns from what arrives.
    pub(super) fn poll_arrival(
        &self,
        inbound: &mut Inbound,
        cx: &mut Context<'_>,
    ) -> Poll<Arrival> {
        let poll = match self.stream.borrow_mut().as_mut() {
            Some((io, _)) => inbound.poll(io, cx, || self.awaits_pong.set(false)),
            None => Poll::Ready(Arrival::End),
        };
        match &poll {
            Poll::Ready(Arrival::Message(Message::Close { .. })) => self.learn(Peer::SaidClose),
            Poll::Ready(Arrival::Violation(_)) => self.learn(Peer::Garbled),
            Poll::Ready(Arrival::End) => self.peer_gone(),
            Poll::Ready(Arrival::Message(_)) => (),
            Poll::Pending => self.waiting.as_reader(cx.waker()),
        }
        poll
    }

    /// Reads on without a reader, so that the peer's goodbye is seen.
    pub(super) fn poll_tail(&self, cx: &mut Context<'_>) {
        let Some(mut tail) = self.tail.borrow_mut().take() else { return };
        for _ in 0..pump::TAIL_ARRIVALS {
            match self.poll_arrival(&mut tail, cx) {
                Poll::Ready(Arrival::End) => return,
                Poll::Ready(_) => (),
                Poll::Pending => {
                    self.tail.replace(Some(tail));
                    return;
                }
            }
        }
        cx.waker().wake_by_ref();
        self.tail.replace(Some(tail));
    }

    /// Takes the reading side from a session that is done with it.
    pub(super) fn leave_tail(&self, inbound: Inbound) {
        if self.is_open() {
            self.abort();
        } else if !self.is_released() {
            self.tail.replace(Some(Box::new(inbound)));
            self.waiting.wake_pump();
        }
    }

    /// Too slow: drops whole unsent frames, says so, and lingers.
    pub(super) fn too_slow(self: &Rc<Self>) {
        if self.is_open() {
            let mut queue = self.queue.borrow_mut();
            queue.cut();
            queue.push(self.settings.overflow_close.clone());
            drop(queue);
            self.begin_closing(Ended::TooSlow);
        }
    }

    /// Drops the stream with a reset.
    pub(super) fn cut_off(&self, cause: Ended) {
        if let Some((io, _)) = &*self.stream.borrow() {
            io.reset_on_drop();
        }
        self.release(cause);
    }

    /// Drops the stream and wakes all who wait for it.
    pub(super) fn release(&self, cause: Ended) {
        if self.is_open() {
            self.ended.set(Some(cause));
        }
        drop(self.stream.borrow_mut().take());
        self.queue.borrow_mut().clear();
        self.tail.replace(None);
        self.waiting.wake_all();
    }

    pub(super) fn settings(&self) -> &OutboxSettings {
        &self.settings
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer.get()
    }

    /// When closing must have its last bytes out.
    pub(super) fn flush_by(&self) -> Option<Instant> {
        self.flush_by.get()
    }

    pub(super) fn wait_as_pump(&self, cx: &Context<'_>) {
        self.waiting.as_pump(cx.waker());
    }

    pub(super) fn pump_done(&self) {
        self.pumping.set(false);
        self.waiting.wake_drained();
    }

    /// The end of the peer's stream, or its failure.
    pub(super) fn peer_gone(&self) {
        self.peer.set(Peer::Gone);
        match self.is_open() {
            true => self.release(Ended::PeerGone),
            false => self.waiting.wake_pump(),
        }
    }

    fn learn(&self, peer: Peer) {
        if self.peer.get() == Peer::Talking {
            self.peer.set(peer);
            self.waiting.wake_pump();
        }
    }

    /// Queues within the bound; false when that ended the outbox.
    fn enqueue(self: &Rc<Self>, frames: Bytes) -> bool {
        let is_over = || {
            let queue = self.queue.borrow();
            let behind = queue.behind_bytes() + ENTRY_BYTES + frames.len();
            !queue.is_empty() && behind > self.settings.waiting_bytes
        };
        if is_over() {
            self.flush();
            if is_over() {
                self.too_slow();
            }
        }
        if self.is_open() {
            self.queue.borrow_mut().push(frames);
        }
        self.is_open()
    }

    /// How much was taken, and whether all that was taken has reached the kernel.
    fn write_through(&self, frames: &[u8]) -> io::Result<(usize, bool)> {
        let mut stream = self.stream.borrow_mut();
        let (io, _) = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let taken = match io.try_write(frames) {
            Err(error) if blocked(&error) => 0,
            taken => taken?,
        };
        match io.try_flush() {
            Err(error) if blocked(&error) => Ok((taken, false)),
            flushed => flushed.map(|()| (taken, true)),
        }
    }

    fn begin_closing(self: &Rc<Self>, cause: Ended) {
        self.ended.set(Some(cause));
        self.flush_by.set(Some(Instant::now() + self.settings.linger));
        self.start_pump();
        self.waiting.wake_all();
    }

    fn start_pump(self: &Rc<Self>) {
        if !self.pumping.replace(true) {
            tokio::task::spawn_local(pump::run(Rc::clone(self)));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    use super::*;
    use crate::socket::census;
    use crate::socket::loopback::{
        frames, local, masked, open, read_all, read_exactly, settings, slow_close, split, until,
    };
    use crate::socket::wire;

    fn numbered(number: usize) -> Bytes {
        wire::text(&format!("{number:08}{}", "x".repeat(10_000)))
    }

    /// Pushes until the stream is full, and then more than its buffers could still take; how many
    /// frames were pushed.
    async fn fill(outbox: &Rc<Outbox>) -> usize {
        let mut pushed = 0;
        while !outbox.pumping.get() {
            outbox.push(numbered(pushed));
            pushed += 1;
            outbox.flush();
        }
        for number in pushed..pushed + 20 {
            outbox.push(numbered(number));
        }
        assert!(outbox.is_open());
        pushed + 20
    }

    /// Asserts that numbered frames came whole and in order, then the close frame; their number.
    fn numbered_then(bytes: &[u8], close: &Bytes) -> usize {
        let frames = split(bytes);
        let (last, numbers) = frames.split_last().unwrap();
        assert_eq!(last, close);
        for (number, frame) in numbers.iter().enumerate() {
            assert_eq!(*frame, &numbered(number)[..]);
        }
        numbers.len()
    }

    async fn ends(outbox: &Outbox) {
        until(|| outbox.is_released()).await;
        assert_eq!(census::alive(), 0);
    }

    #[test]
    fn frames_of_one_turn_wait_for_its_end_and_leave_in_order() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            outbox.begin(Bytes::from_static(b"HTTP/1.1 101 ok\r\n\r\n"));
            outbox.push(wire::text("one"));
            outbox.write(wire::text("two"));
            outbox.push(wire::text("three"));
            let expected = [
                b"HTTP/1.1 101 ok\r\n\r\n",
                &wire::text("one")[..],
                &wire::text("two"),
                &wire::text("three"),
            ]
            .concat();
            assert_eq!(outbox.waiting_bytes(), expected.len(), "nothing leaves inside the turn");
            outbox.drained().await;
            assert_eq!(outbox.waiting_bytes(), 0);
            assert_eq!(read_exactly(&mut peer, expected.len()).await, expected);
        });
    }

    #[test]
    fn a_head_leaves_even_when_nothing_follows() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            outbox.begin(Bytes::from_static(b"head"));
            assert_eq!(read_exactly(&mut peer, 4).await, b"head");
        });
    }

    #[test]
    fn a_batch_is_written_at_once_when_nothing_waits() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            outbox.write(wire::text("now"));
            assert_eq!(outbox.waiting_bytes(), 0);
            assert_eq!(read_exactly(&mut peer, 5).await, wire::text("now"));
        });
    }

    #[test]
    fn a_frame_beyond_the_bound_passes_when_nothing_waits_before_it() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let big = wire::text(&"y".repeat(2_000_000));
            outbox.push(big.clone());
            let drained = tokio::task::spawn_local({
                let outbox = Rc::clone(&outbox);
                async move { outbox.drained().await }
            });
            assert_eq!(read_exactly(&mut peer, big.len()).await, big);
            drained.await.unwrap();
            assert_eq!((outbox.ended(), outbox.waiting_bytes()), (None, 0));
        });
    }

    #[test]
    fn an_overflow_drops_whole_frames_and_says_so_after_the_begun_one() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let mut pushed = fill(&outbox).await;
            while outbox.is_open() {
                assert!(outbox.waiting_bytes() < 256 * 1024 + 20_000);
                outbox.push(numbered(pushed));
                pushed += 1;
            }
            assert_eq!(outbox.ended(), Some(Ended::TooSlow));
            outbox.push(wire::text("too late"));
            let reading = tokio::task::spawn_local(async move {
                peer.shutdown().await.unwrap();
                read_all(&mut peer).await
            });
            let tail = frames(&outbox, b"");
            drop(tail);
            let arrived = numbered_then(&reading.await.unwrap(), &slow_close());
            assert!(arrived < pushed, "{arrived} of {pushed}");
            ends(&outbox).await;
        });
    }

    #[test]
    fn a_stall_ends_the_outbox_and_the_close_frame_follows_what_had_begun() {
        local(async {
            let settings = OutboxSettings { stall: Duration::from_millis(30), ..settings() };
            let (outbox, mut peer) = open(settings).await;
            let pushed = fill(&outbox).await;
            outbox.drained().await;
            assert_eq!(outbox.ended(), Some(Ended::TooSlow));
            peer.shutdown().await.unwrap();
            drop(frames(&outbox, b""));
            let arrived = numbered_then(&read_all(&mut peer).await, &slow_close());
            assert!(arrived <= pushed);
            ends(&outbox).await;
        });
    }

    #[test]
    fn a_peer_that_never_reads_is_cut_off_after_the_linger() {
        local(async {
            let short = Duration::from_millis(30);
            let (outbox, peer) =
                open(OutboxSettings { stall: short, linger: short, ..settings() }).await;
            fill(&outbox).await;
            ends(&outbox).await;
            assert_eq!(outbox.ended(), Some(Ended::TooSlow));
            drop(peer);
        });
    }

    /// Closes with the given bytes from the peer; what the peer read until the end.
    async fn closing(outbox: &Rc<Outbox>, peer: &mut TcpStream, answer: &[u8]) -> Vec<u8> {
        outbox.push(wire::text("last words"));
        outbox.close(wire::close(1000, "done"));
        outbox.close(wire::close(1001, "a second close is ignored"));
        outbox.push(wire::text("so is this"));
        drop(frames(outbox, b""));
        peer.write_all(answer).await.unwrap();
        read_all(peer).await
    }

    #[test]
    fn a_close_handshake_drops_the_stream_at_once_even_without_a_session() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let answer =
                [masked(1, b"ignored"), masked(8, &wire::close_payload(1000, ""))].concat();
            let read = closing(&outbox, &mut peer, &answer).await;
            let expected = [wire::text("last words"), wire::close(1000, "done")].concat();
            assert_eq!(read, expected);
            ends(&outbox).await;
            assert_eq!(outbox.ended(), Some(Ended::Closed));
        });
    }

    #[test]
    fn a_peer_that_never_says_goodbye_is_waited_for_only_so_long() {
        local(async {
            let short = OutboxSettings { peer_wait: Duration::from_millis(30), ..settings() };
            let (outbox, mut peer) = open(short).await;
            let read = closing(&outbox, &mut peer, b"").await;
            assert_eq!(split(&read).len(), 2);
            ends(&outbox).await;
        });
    }

    #[test]
    fn a_close_waits_for_all_that_was_queued() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let pushed = fill(&outbox).await;
            outbox.close(wire::close(1012, "restarting"));
            outbox.peer_closed();
            let bytes = read_all(&mut peer).await;
            assert_eq!(numbered_then(&bytes, &wire::close(1012, "restarting")), pushed);
            ends(&outbox).await;
        });
    }

    #[test]
    fn an_aborted_outbox_is_gone_at_once() {
        local(async {
            let (outbox, _peer) = open(settings()).await;
            fill(&outbox).await;
            assert_eq!(census::alive(), 1);
            outbox.abort();
            assert_eq!((outbox.ended(), census::alive()), (Some(Ended::Aborted), 0));
            outbox.drained().await;
        });
    }

    #[test]
    fn a_peer_that_resets_is_found_gone() {
        local(async {
            let (outbox, peer) = open(settings()).await;
            fill(&outbox).await;
            drop(peer);
            outbox.drained().await;
            assert_eq!(outbox.ended(), Some(Ended::PeerGone));
            ends(&outbox).await;
        });
    }

    #[test]
    fn long_frames_for_one_who_takes_them_compressed_are_and_shared_ones_are_left_alone() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let long = wire::text(&"again and ".repeat(1_000));
            outbox.push(long.clone());
            outbox.deflate(Some(Window::Full));
            for frame in [wire::text("short"), long.clone()] {
                outbox.push(frame);
            }
            outbox.write(long.clone());
            outbox.close(wire::close(1000, ""));
            outbox.peer_closed();
            let bytes = read_all(&mut peer).await;
            let frames = split(&bytes);
            assert_eq!(frames.len(), 5);
            assert_eq!(
                (frames[0], frames[1], frames[3]),
                (&long[..], &wire::text("short")[..], &long[..])
            );
            assert_eq!((frames[2][0], frames[4][0]), (0xc1, 0x88));
            assert!(frames[2].len() < 200);
        });
    }

    #[test]
    fn an_idle_outbox_is_small() {
        assert!(size_of::<Outbox>() <= 320, "{} bytes", size_of::<Outbox>());
    }
}
