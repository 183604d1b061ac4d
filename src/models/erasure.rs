//! The `erasures` table: accounts being erased, step by step, and the record of those that were.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::membership::{self, MembershipRow};
use crate::models::schema::{
    attachments, connection_attempts as attempts, erasures, memberships, messages, topics, users,
};
use crate::models::store::{DbConn, on_engine};
use crate::models::{profile, report, user};
use crate::protocol::topic::Topic;
use crate::protocol::views::MemberRole;

/// A row of `erasures`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = erasures)]
pub struct Erasure {
    pub id: i64,
    pub user_id: UserId,
    pub asked_by: Option<UserId>,
    /// Whether the messages go too, or stay as nobody's.
    pub removes_messages: bool,
    pub messages: i64,
    pub conversations: i64,
}

/// Begins to erase an account; `false` when that was begun before.
///
/// # Errors
/// Those of the database.
pub fn begin(
    conn: &mut DbConn,
    user: UserId,
    by: UserId,
    removes_messages: bool,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let row = (
        erasures::user_id.eq(user),
        erasures::asked_by.eq(by),
        erasures::removes_messages.eq(removes_messages),
        erasures::asked_at.eq(at),
    );
    let statement = diesel::insert_into(erasures::table).values(row).on_conflict_do_nothing();
    let made: usize = on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(made == 1)
}

/// An erasure that is not done, the oldest.
///
/// # Errors
/// Those of the database.
pub fn next(conn: &mut DbConn) -> Result<Option<Erasure>, StoreError> {
    Ok(erasures::table
        .filter(erasures::done_at.is_null())
        .order(erasures::id)
        .select(Erasure::as_select())
        .first(conn)
        .optional()?)
}

/// Adds to what an erasure has done so far.
///
/// # Errors
/// Those of the database.
pub fn count(
    conn: &mut DbConn,
    erasure: &Erasure,
    messages: usize,
    conversations: usize,
) -> Result<(), StoreError> {
    let wide = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    diesel::update(erasures::table.find(erasure.id))
        .set((
            erasures::messages.eq(erasures::messages + wide(messages)),
            erasures::conversations.eq(erasures::conversations + wide(conversations)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Up to `limit` memberships that are left of someone.
///
/// # Errors
/// Those of the database.
pub fn memberships_left(
    conn: &mut DbConn,
    user: UserId,
    limit: i64,
) -> Result<Vec<MembershipRow>, StoreError> {
    Ok(memberships::table
        .filter(memberships::user_id.eq(user))
        .order(memberships::conversation_id)
        .limit(limit)
        .select(MembershipRow::as_select())
        .load(conn)?)
}

/// Up to `limit` messages that are left of someone, by id.
///
/// # Errors
/// Those of the database.
pub fn messages_left(
    conn: &mut DbConn,
    user: UserId,
    limit: i64,
) -> Result<Vec<(MessageId, ConversationId)>, StoreError> {
    Ok(messages::table
        .filter(messages::sender_id.eq(user).and(messages::deleted_at.is_null()))
        .order(messages::id)
        .limit(limit)
        .select((messages::id, messages::conversation_id))
        .load(conn)?)
}

/// Who takes a conversation over: the admin, else the member, who has been in it the longest.
///
/// # Errors
/// Those of the database.
pub fn heir(
    conn: &mut DbConn,
    home: ConversationId,
    leaving: UserId,
) -> Result<Option<UserId>, StoreError> {
    let others = membership::members(conn, home, leaving, 2)?;
    let mut others = others.into_iter().filter(|member| member.user.id != leaving);
    Ok(others.next().filter(|heir| heir.role != MemberRole::Owner).map(|heir| heir.user.id))
}

/// Whether `user` is the only active admin there is.
///
/// # Errors
/// Those of the database.
pub fn is_last_admin(conn: &mut DbConn, user: UserId) -> Result<bool, StoreError> {
    let admins: Vec<UserId> = users::table
        .filter(users::role.eq("admin").and(users::is_active.eq(true)))
        .limit(2)
        .select(users::id)
        .load(conn)?;
    Ok(admins == [user])
}

/// The last step: the account goes with all that hangs on it, and what named it elsewhere is
/// forgotten.
///
/// # Errors
/// Those of the database.
pub fn finish(conn: &mut DbConn, erasure: &Erasure, at: NaiveDateTime) -> Result<(), StoreError> {
    let user = erasure.user_id;
    let nobody: Option<UserId> = None;
    let nowhere: Option<String> = None;
    diesel::update(attempts::table.filter(attempts::user_id.eq(user)))
        .set((
            attempts::user_id.eq(nobody),
            attempts::username.eq(""),
            attempts::user_agent.eq(""),
            attempts::client_ip.eq(nowhere),
        ))
        .execute(conn)?;
    if erasure.removes_messages {
        report::forget_excerpts(conn, user)?;
    }
    // What they had uploaded and not sent, and their picture, are for nobody any more.
    let unsent = attachments::table
        .filter(attachments::uploader_id.eq(user).and(attachments::message_id.is_null()))
        .filter(
            attachments::holder.is_null().or(attachments::holder.eq(profile::picture_holder(user))),
        )
        .filter(attachments::doomed_at.is_null());
    diesel::update(unsent).set(attachments::doomed_at.eq(at)).execute(conn)?;
    let own = [Topic::Inbox(user).to_string(), Topic::Dashboard(user).to_string()];
    diesel::delete(topics::table.filter(topics::name.eq_any(own))).execute(conn)?;
    user::erase(conn, user)?;
    diesel::update(erasures::table.find(erasure.id)).set(erasures::done_at.eq(at)).execute(conn)?;
    Ok(())
}
