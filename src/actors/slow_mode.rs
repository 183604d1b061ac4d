//! How often one person may write in one conversation: slow mode, and flood control.
//!
//! Slow mode is exact: asked inside the writer's transaction, from the messages themselves, so it
//! holds across sockets, REST and restarts. Flood control is a rate in memory.

use chrono::{Duration, NaiveDateTime};

use crate::actors::authorize::{Admission, require};
use crate::actors::lane::Fault;
use crate::actors::throttle::Throttles;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::models::message;
use crate::models::store::DbConn;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// Whether someone who stands so to a conversation writes without waiting.
pub fn is_exempt(who: &Identity, relation: Relation) -> bool {
    require(who, TopicKind::Chat, Action::PostFreely, relation).is_ok()
}

/// How long one must still wait, when `last` is when one wrote last.
///
/// # Errors
/// `rate_limited` with the wait.
pub fn waited(
    last: Option<NaiveDateTime>,
    slow_mode_s: i64,
    now: NaiveDateTime,
) -> Result<(), Refusal> {
    let Some(last) = last else { return Ok(()) };
    // A clock that went back must not lock anyone out for longer than the rule says.
    let since = (now - last).max(Duration::zero());
    let left = Duration::seconds(slow_mode_s) - since;
    if left <= Duration::zero() {
        return Ok(());
    }
    let wait = u64::try_from(left.num_milliseconds()).unwrap_or(0).max(1);
    let message = format!("slow mode: one message each {slow_mode_s} s here");
    Err(Refusal { message: message.into(), ..Refusal::rate_limited(wait) })
}

/// Asks both rules for one message of `who`.
///
/// # Errors
/// `rate_limited` with the wait, or a fault.
pub fn check(
    conn: &mut DbConn,
    who: &Identity,
    admission: &Admission,
    throttles: &Throttles,
) -> Result<(), Fault> {
    let conversation = admission.conversation()?;
    if is_exempt(who, admission.relation) {
        return Ok(());
    }
    if conversation.slow_mode_s > 0 {
        let last = message::last_written(conn, conversation.id, who.user)?;
        waited(last, conversation.slow_mode_s, clock::now_naive())?;
    }
    Ok(throttles.flood(who.user, conversation.id)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::refusal::Code;

    #[test]
    fn one_waits_what_is_left_of_the_time_and_no_more() {
        let start: NaiveDateTime = "2026-01-01T10:00:00".parse().unwrap();
        let after = |seconds| start + Duration::seconds(seconds);
        assert_eq!(waited(None, 30, start), Ok(()));
        let refusal = waited(Some(start), 30, after(10)).unwrap_err();
        assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(20_000)));
        assert_eq!(waited(Some(start), 30, after(30)), Ok(()));
        let refusal = waited(Some(start), 30, after(-500)).unwrap_err();
        assert_eq!(refusal.retry_after_ms, Some(30_000), "a clock that went back");
    }
}
