//! One heartbeat sweep for all sockets of a worker, spread over the interval: no session has a
//! timer of its own. Stalled outboxes need none of it: they keep their own time while they stall.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::socket::outbox::Outbox;

/// Into how many sweeps an interval is cut.
const SLOTS: usize = 64;

/// When peers are asked whether they live, and how long they may take to answer.
#[derive(Debug, Clone, Copy)]
pub struct WheelSettings {
    /// The time between two pings to one peer.
    pub interval: Duration,
    /// How long after a ping anything must have come; at most the interval.
    pub pong_timeout: Duration,
}

/// A worker's sockets, by the moment of their next ping. A socket that ended, or whose outbox is
/// dropped, falls out at its next sweep.
pub struct Wheel {
    slots: RefCell<Vec<Vec<Weak<Outbox>>>>,
    next: Cell<usize>,
}

impl Wheel {
    /// Starts the sweep as a task of this thread; it ends when the wheel is dropped.
    pub fn start(settings: WheelSettings) -> Rc<Self> {
        let slots = RefCell::new(vec![Vec::new(); SLOTS]);
        let wheel = Rc::new(Self { slots, next: Cell::new(0) });
        tokio::task::spawn_local(turn(Rc::downgrade(&wheel), settings));
        wheel
    }

    /// Has the outbox pinged from now on, for the first time within one interval.
    pub fn register(&self, outbox: &Rc<Outbox>) {
        let slot = self.next.get();
        self.next.set((slot + 1) % SLOTS);
        self.slots.borrow_mut()[slot].push(Rc::downgrade(outbox));
    }

    /// Sockets under watch, ended ones not yet swept included.
    pub fn watched(&self) -> usize {
        self.slots.borrow().iter().map(Vec::len).sum()
    }

    fn each(&self, slot: usize, act: impl Fn(&Rc<Outbox>)) {
        self.slots.borrow_mut()[slot % SLOTS].retain(|outbox| {
            let Some(outbox) = outbox.upgrade() else { return false };
            act(&outbox);
            outbox.is_open()
        });
    }
}

async fn turn(wheel: Weak<Wheel>, settings: WheelSettings) {
    let tick = (settings.interval / SLOTS as u32).max(Duration::from_millis(1));
    let ticks = settings.pong_timeout.as_nanos().div_ceil(tick.as_nanos());
    let behind = usize::try_from(ticks).unwrap_or(SLOTS).clamp(1, SLOTS);
    let mut ticks = interval(tick);
    // After a pause of the worker pings and their deadlines must not be caught up in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for slot in (0..SLOTS).cycle() {
        ticks.tick().await;
        let Some(wheel) = wheel.upgrade() else { return };
        wheel.each(slot + SLOTS - behind, |outbox| outbox.end_if_silent());
        wheel.each(slot, Outbox::ping);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::socket::loopback::{frames, local, masked, open, read_exactly, settings, until};
    use crate::socket::outbox::Ended;

    fn wheel() -> Rc<Wheel> {
        let interval = Duration::from_millis(64);
        Wheel::start(WheelSettings { interval, pong_timeout: interval / 2 })
    }

    #[test]
    fn a_silent_peer_ends_and_leaves_the_wheel() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let mut frames = frames(&outbox, b"");
            let wheel = wheel();
            wheel.register(&outbox);
            assert_eq!(read_exactly(&mut peer, 2).await, [0x89, 0]);
            assert_eq!(frames.next().await, None);
            assert_eq!(outbox.ended(), Some(Ended::PingTimeout));
            until(|| wheel.watched() == 0).await;
        });
    }

    #[test]
    fn a_peer_that_answers_lives_on_even_when_its_session_is_too_busy_to_read() {
        local(async {
            let (outbox, mut peer) = open(settings()).await;
            let wheel = wheel();
            wheel.register(&outbox);
            // Nobody polls for messages: the pongs stay with the kernel.
            for _ in 0..5 {
                assert_eq!(read_exactly(&mut peer, 2).await, [0x89, 0]);
                peer.write_all(&masked(10, b"")).await.unwrap();
            }
            assert_eq!(outbox.ended(), None);
        });
    }

    #[test]
    fn dropped_outboxes_fall_out_and_a_dropped_wheel_stops() {
        local(async {
            let wheel = wheel();
            for _ in 0..100 {
                wheel.register(&open(settings()).await.0);
            }
            until(|| wheel.watched() == 0).await;
            let gone = Rc::downgrade(&wheel);
            drop(wheel);
            until(|| gone.strong_count() == 0).await;
        });
    }
}
