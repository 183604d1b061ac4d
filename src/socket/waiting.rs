//! Who waits for an outbox: the task that pumps it, the one that reads, those that want it empty.

use std::cell::{Cell, RefCell};
use std::task::Waker;

/// Wakers by role; holds no heap while nobody waits for the outbox to drain.
#[derive(Default)]
pub(super) struct Waiting {
    pump: Cell<Option<Waker>>,
    reader: Cell<Option<Waker>>,
    drained: RefCell<Vec<Waker>>,
}

impl Waiting {
    pub(super) fn as_pump(&self, waker: &Waker) {
        self.pump.set(Some(waker.clone()));
    }

    pub(super) fn as_reader(&self, waker: &Waker) {
        self.reader.set(Some(waker.clone()));
    }

    pub(super) fn for_drained(&self, waker: &Waker) {
        let mut drained = self.drained.borrow_mut();
        if !drained.iter().any(|waiting| waiting.will_wake(waker)) {
            drained.push(waker.clone());
        }
    }

    pub(super) fn wake_pump(&self) {
        if let Some(pump) = self.pump.take() {
            pump.wake();
        }
    }

    pub(super) fn wake_drained(&self) {
        for waiting in std::mem::take(&mut *self.drained.borrow_mut()) {
            waiting.wake();
        }
    }

    pub(super) fn wake_all(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.wake_pump();
        self.wake_drained();
    }
}
