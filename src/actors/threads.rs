//! Threads that were locked: they take answers from those alone who may lock them.

use crate::actors::authorize::{Admission, require};
use crate::actors::chat_commands::{Effect, Noted};
use crate::actors::lane::Fault;
use crate::actors::message_commands::find_message;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::MessageId;
use crate::models::store::DbConn;
use crate::models::thread_lock;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};

/// Locks the thread that a message began, or unlocks it.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn lock(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    root: MessageId,
    on: bool,
) -> Result<Effect, Fault> {
    let (_, row, relation) = find_message(conn, who, topic, root)?;
    require(who, TopicKind::Chat, Action::LockThread, relation)?;
    if on {
        thread_lock::add(conn, row.id, who.user, clock::now_naive())?;
    } else {
        thread_lock::remove(conn, row.id)?;
    }
    Ok(Effect::quiet(&Noted { seq: 0 }))
}

/// Whether someone may answer this message. Asks nothing of who answers none.
///
/// # Errors
/// `forbidden` when its thread is locked, or a fault.
pub fn check_open(
    conn: &mut DbConn,
    who: &Identity,
    admission: &Admission,
    reply_to: Option<MessageId>,
) -> Result<(), Fault> {
    let Some(root) = reply_to else { return Ok(()) };
    if !thread_lock::is_on(conn, root)? {
        return Ok(());
    }
    let kept = require(who, TopicKind::Chat, Action::LockThread, admission.relation);
    kept.map(|_| ()).map_err(|_| {
        let rule = "a message whose thread is not locked";
        let locked = Refusal::field("data.reply_to", rule);
        Refusal { code: Code::Forbidden, ..locked }.into()
    })
}
