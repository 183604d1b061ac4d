//! How many sockets are alive, on this thread and in the process.
//!
//! A socket counts until its last byte is flushed and its stream shut down, so that a stopping
//! process can wait for zero without cutting anyone off.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

static PROCESS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// Sockets alive on this thread.
pub fn alive() -> usize {
    THREAD.get()
}

/// Sockets alive in the whole process.
pub fn alive_in_process() -> usize {
    PROCESS.load(Ordering::Acquire)
}

/// One counted socket; dropping it ends the count.
pub struct Counted(());

impl Counted {
    /// Counts one more.
    pub fn one() -> Self {
        THREAD.set(THREAD.get() + 1);
        PROCESS.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // A socket dropped while its thread ends finds the thread's count gone.
        let _ = THREAD.try_with(|count| count.set(count.get().saturating_sub(1)));
        PROCESS.fetch_sub(1, Ordering::AcqRel);
    }
}
