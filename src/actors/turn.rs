//! The end of an executor turn, as a future: work that is spawned behind it sees all that the turn
//! brought, which is what joins many small writes into one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Resolves at the second poll, after everything else that was ready has run.
#[derive(Debug, Default)]
pub struct EndOfTurn {
    yielded: bool,
}

impl Future for EndOfTurn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
