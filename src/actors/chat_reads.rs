//! What chat readers ask: a page of history, and their conversations with unread counts.

use crate::actors::authorize::admit_for;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::models::store::DbConn;
use crate::models::{conversation, message};
use crate::protocol::command::History;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;
use crate::protocol::views::{ConversationEntry, HistoryPage};

/// Messages in a page when the asker does not say.
pub const PAGE_DEFAULT: i64 = 50;
/// Most messages in a page.
pub const PAGE_MAX: i64 = 200;
/// Most conversations listed.
const LIST_MAX: i64 = 1_000;

/// Checks a page's size.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn page_size(limit: Option<i64>, least: i64) -> Result<i64, Refusal> {
    match limit {
        None => Ok(PAGE_DEFAULT),
        Some(limit) if (least..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::field("data.limit", format!("from {least} to {PAGE_MAX}"))),
    }
}

/// A page of a conversation's messages.
///
/// # Errors
/// `bad_request`, the policy's refusal, or a fault.
pub fn history(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &History,
) -> Result<HistoryPage, Fault> {
    let limit = page_size(wish.limit, 1)?;
    if wish.before.is_some() && wish.after.is_some() {
        return Err(Refusal::field("data.before", "not together with after").into());
    }
    let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
    let id = admission.conversation()?.id;
    Ok(message::page(conn, id, wish.before, wish.after, limit)?)
}

/// The asker's conversations, most recently active first.
///
/// # Errors
/// When the database failed.
pub fn conversations(conn: &mut DbConn, who: &Identity) -> Result<Vec<ConversationEntry>, Fault> {
    Ok(conversation::list_of(conn, who.user, LIST_MAX, None)?)
}
