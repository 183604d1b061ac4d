//! The end of an executor turn: what was pushed during it leaves socket by socket, joined.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::socket::outbox::Outbox;

thread_local! {
    static DIRTY: RefCell<Vec<Rc<Outbox>>> = const { RefCell::new(Vec::new()) };
    static SCHEDULED: Cell<bool> = const { Cell::new(false) };
}

/// The most outboxes for which the list keeps its room between turns.
const KEPT: usize = 1024;

/// Flushes the outbox after the tasks that are ready now have run.
pub(super) fn flush_at_end(outbox: &Rc<Outbox>) {
    if outbox.dirty.replace(true) {
        return;
    }
    DIRTY.with_borrow_mut(|dirty| dirty.push(Rc::clone(outbox)));
    if !SCHEDULED.replace(true) {
        let scheduled = Scheduled;
        tokio::task::spawn_local(async move {
            drop(scheduled);
            flush_all();
        });
    }
}

/// Takes the mark away even when the executor ends before the task runs.
struct Scheduled;

impl Drop for Scheduled {
    fn drop(&mut self) {
        SCHEDULED.set(false);
    }
}

fn flush_all() {
    let mut dirty = DIRTY.take();
    for outbox in dirty.drain(..) {
        outbox.dirty.set(false);
        outbox.flush();
    }
    DIRTY.with_borrow_mut(|next| {
        if next.is_empty() && dirty.capacity() <= KEPT {
            *next = dirty;
        }
    });
}
