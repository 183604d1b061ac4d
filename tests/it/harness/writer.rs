//! A server's writer that is held up, as by a disk or a database that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use switchboard::actors::lane::{Aftermath, Job};
use switchboard::models::error::StoreError;
use switchboard::models::store::DbConn;
use switchboard::protocol::refusal::Refusal;
use tokio::sync::oneshot;

use super::server::Server;

/// A writer in the middle of a transaction, which goes on when this value is dropped.
pub struct Held {
    _release: mpsc::Sender<()>,
}

impl Held {
    /// Holds up the writer of this server.
    pub async fn of(server: &Server) -> Self {
        let (release, held) = mpsc::channel::<()>();
        let (begins, began) = oneshot::channel();
        let (lane, mut begins) = (server.house.lane.clone(), Some(begins));
        let work = move |_: &mut DbConn| {
            if let Some(begins) = begins.take() {
                let _ = begins.send(());
            }
            // Nothing is ever sent: it is the end that is waited for.
            let _ = held.recv();
            Ok(())
        };
        tokio::spawn(async move { lane.write(work).await });
        began.await.unwrap();
        Self { _release: release }
    }

    /// Puts so many jobs into its queue that no more fits.
    pub fn is_full(&self, server: &Server) {
        let refused = Arc::new(AtomicBool::new(false));
        while !refused.load(Ordering::Relaxed) {
            server.house.lane.submit(Box::new(Filler { refused: Arc::clone(&refused) }));
        }
    }

    /// Puts this many jobs into its queue.
    pub fn is_busy(&self, server: &Server, jobs: usize) {
        for _ in 0..jobs {
            server.house.lane.submit(Box::new(Filler { refused: Arc::default() }));
        }
    }
}

struct Filler {
    refused: Arc<AtomicBool>,
}

impl Job for Filler {
    fn run(&mut self, _: &mut DbConn) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(self: Box<Self>, _: &mut Aftermath) {}

    fn failed(self: Box<Self>, _: Refusal, _: &mut Aftermath) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

/// A job that panics once it is committed, and counts how often it was.
pub struct Panicking(pub Arc<AtomicUsize>);

impl Job for Panicking {
    fn run(&mut self, _: &mut DbConn) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(self: Box<Self>, _: &mut Aftermath) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("as a fault of ours would");
    }

    fn failed(self: Box<Self>, _: Refusal, _: &mut Aftermath) {}
}
