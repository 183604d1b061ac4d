//! What is shown of calls, and to whom their signals go.

use crate::actors::authorize::{admit, admit_for, require};
use crate::actors::chat_reads::page_size;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::ids::{CallId, UserId};
use crate::models::call::{self, Part};
use crate::models::store::DbConn;
use crate::protocol::command::call::{CallList, CallSignal};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::call::{CallPage, CallView, PartState};

/// Longest payload of a signal, in bytes of JSON.
pub const SIGNAL_BYTES: usize = 32 * 1024;

/// A call, for those who may read its conversation.
///
/// # Errors
/// `not_found`, or a fault.
pub fn show(conn: &mut DbConn, who: &Identity, id: CallId) -> Result<CallView, Fault> {
    let found = call::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    let home = call::home(conn, &found)?;
    admit_for(conn, who, &home.topic(), Action::Read)?;
    let view = call::views(conn, &[found])?.pop();
    Ok(view.ok_or_else(Refusal::not_found)?)
}

/// A page of the asker's calls, or of a conversation's, newest first.
///
/// # Errors
/// `bad_request`, the policy's refusal, or a fault.
pub fn list(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    wish: &CallList,
) -> Result<CallPage, Fault> {
    let limit = page_size(wish.limit, 1)?;
    let mut rows = match topic {
        Some(topic) => {
            let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
            let home = admission.conversation()?.id;
            call::of_conversation(conn, home, wish.before, limit + 1)?
        }
        None => call::of_user(conn, who.user, wish.before, limit + 1)?,
    };
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    Ok(CallPage { calls: call::views(conn, &rows)?, more })
}

/// To whom a signal goes: the other participants, or the one it names, of a call that is on; and
/// the topic of its conversation.
///
/// # Errors
/// `not_found` for who is no participant, `conflict` for a call that is over, `too_large`.
pub fn addressees(
    conn: &mut DbConn,
    who: &Identity,
    signal: &CallSignal,
) -> Result<(Topic, Vec<UserId>), Fault> {
    if signal.payload.get().len() > SIGNAL_BYTES {
        let rule = format!("at most {SIGNAL_BYTES} bytes");
        return Err(Refusal { code: Code::TooLarge, ..Refusal::field("data.payload", rule) }.into());
    }
    let found = call::by_id(conn, signal.call)?.ok_or_else(Refusal::not_found)?;
    let home = call::home(conn, &found)?;
    let admission = admit(conn, who, &home.topic())?;
    require(who, TopicKind::Chat, Action::TakeCall, admission.relation)?;
    let parts = call::participants(conn, signal.call)?;
    let takes_part = |part: &Part| part.state().is_waiting() || part.state() == PartState::Joined;
    if !parts.iter().any(|part| part.user_id == who.user) {
        return Err(Refusal::not_found().into());
    }
    if found.is_over() {
        return Err(Refusal::new(Code::Conflict, "the call is over").into());
    }
    let others = parts.iter().filter(|part| part.user_id != who.user && takes_part(part));
    let others: Vec<UserId> = others.map(|part| part.user_id).collect();
    match signal.to {
        None => Ok((home.topic(), others)),
        Some(to) if others.contains(&to) => Ok((home.topic(), vec![to])),
        Some(_) => Err(Refusal::field("data.to", "another participant of the call").into()),
    }
}
