//! Who has heard what of a fan-out, and when another message may be sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::commands::bench::client::Lost;

/// Who has heard which message. A message is done when every member has it; `window` are on
/// their way at most, so as many counters do.
pub struct Tally {
    members: usize,
    missing: RefCell<Vec<usize>>,
    sent: Cell<usize>,
    done: Cell<usize>,
    heard: Cell<u64>,
    last_bytes: Cell<usize>,
    has_room: Notify,
    fault: RefCell<Option<String>>,
}

impl Tally {
    /// Nothing sent yet: for so many members, with so many messages in flight.
    pub fn new(members: usize, window: usize) -> Rc<Self> {
        Rc::new(Self {
            members,
            missing: RefCell::new(vec![0; window]),
            sent: Cell::new(0),
            done: Cell::new(0),
            heard: Cell::new(0),
            last_bytes: Cell::new(0),
            has_room: Notify::new(),
            fault: RefCell::new(None),
        })
    }

    /// Counts message `at`, which one member has heard in a frame of `bytes`; order within a topic
    /// is promised, so the count of what a member heard is the message's number.
    pub fn hear(&self, at: usize, bytes: usize) {
        self.heard.set(self.heard.get() + 1);
        self.last_bytes.set(bytes);
        let mut missing = self.missing.borrow_mut();
        let slot = at % missing.len();
        missing[slot] -= 1;
        if missing[slot] == 0 {
            self.done.set(self.done.get() + 1);
            self.has_room.notify_one();
        }
    }

    /// Opens counters for as many messages as may be sent now.
    pub fn admit(&self) -> usize {
        let mut missing = self.missing.borrow_mut();
        let free = missing.len() - (self.sent.get() - self.done.get());
        for at in self.sent.get()..self.sent.get() + free {
            let slot = at % missing.len();
            missing[slot] = self.members;
        }
        self.sent.set(self.sent.get() + free);
        free
    }

    /// Notes the first socket that was lost.
    pub fn fail(&self, lost: Lost) {
        self.fault.borrow_mut().get_or_insert(lost.into());
    }

    /// Waits until there is room for another message.
    pub async fn room(&self) {
        self.has_room.notified().await;
    }

    /// How many times a message was heard.
    pub fn heard(&self) -> u64 {
        self.heard.get()
    }

    /// The size of the message that was heard last.
    pub fn last_bytes(&self) -> usize {
        self.last_bytes.get()
    }

    /// Whether all sockets are still there.
    ///
    /// # Errors
    /// A sentence when one was lost.
    pub fn check(&self) -> Result<(), String> {
        self.fault.borrow().clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_done_when_every_member_has_it_and_only_then_room_is_made() {
        let tally = Tally::new(2, 3);
        assert_eq!((tally.admit(), tally.admit()), (3, 0));
        tally.hear(0, 9);
        assert_eq!(tally.admit(), 0);
        tally.hear(1, 9);
        tally.hear(0, 9);
        assert_eq!((tally.done.get(), tally.admit(), tally.heard.get()), (1, 1, 3));
        tally.hear(3, 9);
        tally.hear(1, 9);
        assert_eq!((tally.done.get(), tally.admit()), (2, 1));
    }
}
