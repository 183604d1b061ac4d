//! The one task that writes for an outbox whose stream is full, and that sees it through its end.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use tokio::time::{Instant, timeout_at};

use crate::socket::outbox::{Ended, Outbox, Peer};
use crate::socket::queue::Sent;

/// Arrivals read in one run for a session that is gone.
pub(super) const TAIL_ARRIVALS: usize = 32;

/// What ended one wait for the stream.
enum Step {
    Flushed,
    Moved,
    Failed,
}

/// Sends until nothing waits; then, if the outbox is closing, waits for the peer and shuts down.
pub(super) async fn run(outbox: Rc<Outbox>) {
    if !flush(&outbox).await {
        return;
    }
    if outbox.is_open() {
        outbox.pump_done();
        return;
    }
    farewell(&outbox).await;
    outbox.release(Ended::Closed);
}

/// Whether all that waited has left and the stream still stands.
async fn flush(outbox: &Rc<Outbox>) -> bool {
    loop {
        let until = outbox.flush_by().unwrap_or_else(|| Instant::now() + outbox.settings().stall);
        match timeout_at(until, step(outbox)).await {
            Ok(Step::Flushed) => return true,
            Ok(Step::Moved) => (),
            Ok(Step::Failed) => {
                outbox.release(Ended::PeerGone);
                return false;
            }
            Err(_) if outbox.is_open() => outbox.too_slow(),
            Err(_) => {
                outbox.cut_off(Ended::TooSlow);
                return false;
            }
        }
    }
}

/// One wait until bytes leave, the outbox begins to close, or the stream fails.
async fn step(outbox: &Outbox) -> Step {
    let was_open = outbox.is_open();
    poll_fn(|cx| {
        outbox.wait_as_pump(cx);
        let sent = outbox.send(Some(cx));
        // Reading on finds the peer's close frame, or its end, while ours still waits.
        if !outbox.is_open() {
            outbox.poll_tail(cx);
        }
        match sent {
            Ok(Sent::All) => Poll::Ready(Step::Flushed),
            Ok(Sent::Some) => Poll::Ready(Step::Moved),
            Err(_) => Poll::Ready(Step::Failed),
            Ok(Sent::Nothing) if was_open != outbox.is_open() => Poll::Ready(Step::Moved),
            Ok(Sent::Nothing) => Poll::Pending,
        }
    })
    .await
}

/// Waits for the peer's close frame and shuts down (RFC 6455 section 7.1.1). A peer that broke the
/// rules is shut down first, then read to its end, so that no reset overtakes our close frame.
async fn farewell(outbox: &Rc<Outbox>) {
    let wait_until = Instant::now() + outbox.settings().peer_wait;
    let until = match (outbox.ended(), outbox.flush_by()) {
        (Some(Ended::TooSlow), Some(flush_by)) => wait_until.min(flush_by),
        _ => wait_until,
    };
    // Each wait that runs out is as good as one that was answered: the stream is dropped.
    let _ = timeout_at(until, peer_until(outbox, |peer| peer != Peer::Talking)).await;
    let _ = timeout_at(until, poll_fn(|cx| outbox.poll_shutdown(cx))).await;
    if outbox.peer() == Peer::Garbled {
        let _ = timeout_at(until, peer_until(outbox, |peer| peer == Peer::Gone)).await;
    }
}

async fn peer_until(outbox: &Outbox, is_enough: impl Fn(Peer) -> bool) {
    poll_fn(|cx| {
        outbox.wait_as_pump(cx);
        outbox.poll_tail(cx);
        match is_enough(outbox.peer()) || outbox.is_released() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
