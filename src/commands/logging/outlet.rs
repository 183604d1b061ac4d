//! The outlet of log lines: gathered by whoever logs, written by a thread of its own, so that no
//! worker waits for a disk or a pipe, and many lines leave in one write.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a line may wait for others to leave with it.
const LINGER: Duration = Duration::from_millis(20);
/// Bytes that may wait; whoever logs beyond them writes all of it, and waits for that.
const WAITING_BYTES: usize = 256 * 1024;

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Whether the thread shall not wait for more lines.
    is_urgent: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// Held from before lines are taken until they are written, so that they stay in order.
    target: Mutex<Box<dyn Write + Send>>,
    has_thread: AtomicBool,
}

/// See the module. Clones share one target.
#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outlet {
    /// An outlet to `target`. Where no thread can be had, whoever logs a line writes it.
    pub fn new(target: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            target: Mutex::new(target),
            has_thread: AtomicBool::new(true),
        });
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let spawned = thread.spawn(move || writing.run());
        shared.has_thread.store(spawned.is_ok(), Ordering::Relaxed);
        Self(shared)
    }

    /// Takes one line, without its end. With an urgent one all that waits leaves at once.
    pub fn line(&self, text: &str, is_urgent: bool) {
        let mut waiting = locked(&self.0.waiting);
        let is_first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(text.as_bytes());
        waiting.bytes.push(b'\n');
        waiting.is_urgent |= is_urgent;
        let is_full = waiting.bytes.len() > WAITING_BYTES;
        drop(waiting);
        if is_full || !self.0.has_thread.load(Ordering::Relaxed) {
            self.flush();
        } else if is_first || is_urgent {
            self.0.arrived.notify_one();
        }
    }

    /// Writes what waits; returns once it is written.
    pub fn flush(&self) {
        let mut target = locked(&self.0.target);
        let bytes = {
            let mut waiting = locked(&self.0.waiting);
            waiting.is_urgent = false;
            std::mem::take(&mut waiting.bytes)
        };
        // Whether anybody reads the log does not matter to what is logged.
        drop(target.write_all(&bytes).and_then(|()| target.flush()));
    }
}

impl Shared {
    fn run(self: Arc<Self>) {
        let outlet = Outlet(self);
        loop {
            outlet.0.wait();
            outlet.flush();
        }
    }

    /// Waits for a line, and then for those that follow it closely.
    fn wait(&self) {
        let waiting = locked(&self.waiting);
        let waiting = self
            .arrived
            .wait_while(waiting, |waiting| waiting.bytes.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let lingered = self.arrived.wait_timeout_while(waiting, LINGER, |waiting| {
            !waiting.is_urgent && !waiting.bytes.is_empty()
        });
        drop(lingered);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Told(mpsc::Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            drop(self.0.send(String::from_utf8_lossy(bytes).into_owned()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn outlet() -> (Outlet, mpsc::Receiver<String>) {
        let (told, heard) = mpsc::channel();
        (Outlet::new(Box::new(Told(told))), heard)
    }

    #[test]
    fn lines_arrive_in_order_by_themselves() {
        let (outlet, heard) = outlet();
        for number in 0..1_000 {
            outlet.line(&number.to_string(), number % 100 == 0);
        }
        let expected: String = (0..1_000).map(|number| format!("{number}\n")).collect();
        let mut all = String::new();
        while all.len() < expected.len() {
            all += &heard.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        assert_eq!(all, expected);
    }

    #[test]
    fn a_flush_returns_once_all_is_written() {
        let (outlet, heard) = outlet();
        outlet.line("one", false);
        outlet.line("two", false);
        outlet.flush();
        assert_eq!(heard.try_iter().collect::<String>(), "one\ntwo\n");
    }

    #[test]
    fn more_than_may_wait_is_written_by_who_logs_it() {
        let (outlet, heard) = outlet();
        let long = "x".repeat(WAITING_BYTES);
        outlet.line(&long, false);
        assert_eq!(heard.try_iter().map(|text| text.len()).sum::<usize>(), WAITING_BYTES + 1);
    }
}
