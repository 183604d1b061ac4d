//! The `invites` table: links by which people join a conversation.
//!
//! **Never:** a link's secret; its hash comes in, and nothing goes out.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, InviteId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::invites;
use crate::models::store::DbConn;
use crate::protocol::views::rooms::InviteView;

/// A row of `invites`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = invites)]
pub struct Invite {
    pub id: InviteId,
    pub conversation_id: ConversationId,
    pub created_by: Option<UserId>,
    pub created_at: NaiveDateTime,
    pub expires_at: Option<NaiveDateTime>,
    /// How many may join by it; none for any number.
    pub max_uses: Option<i64>,
    pub uses: i64,
    pub revoked_at: Option<NaiveDateTime>,
}

impl Invite {
    /// Whether it lets someone in at this moment.
    pub fn works(&self, now: NaiveDateTime) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|ends| now < ends)
            && self.max_uses.is_none_or(|most| self.uses < most)
    }

    /// The link as those who keep the conversation see it.
    pub fn view(&self, now: NaiveDateTime) -> InviteView {
        InviteView {
            id: self.id,
            by: self.created_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
            max_uses: self.max_uses,
            uses: self.uses,
            works: self.works(now),
        }
    }
}

/// A link to make.
#[derive(Debug, Clone)]
pub struct NewInvite<'a> {
    pub conversation: ConversationId,
    pub token_hash: &'a str,
    pub by: UserId,
    pub at: NaiveDateTime,
    pub expires_at: Option<NaiveDateTime>,
    pub max_uses: Option<i64>,
}

/// Makes a link.
pub fn insert(conn: &mut DbConn, new: &NewInvite<'_>) -> Result<Invite, StoreError> {
    let row = (
        invites::conversation_id.eq(new.conversation),
        invites::token_hash.eq(new.token_hash),
        invites::created_by.eq(new.by),
        invites::created_at.eq(new.at),
        invites::expires_at.eq(new.expires_at),
        invites::max_uses.eq(new.max_uses),
    );
    let made: InviteId =
        diesel::insert_into(invites::table).values(row).returning(invites::id).get_result(conn)?;
    by_id(conn, made)?.ok_or(StoreError::Missing)
}

/// The link with this id, working or not.
pub fn by_id(conn: &mut DbConn, id: InviteId) -> Result<Option<Invite>, StoreError> {
    Ok(invites::table.find(id).select(Invite::as_select()).first(conn).optional()?)
}

/// The link whose secret has this hash, working or not.
pub fn by_hash(conn: &mut DbConn, hash: &str) -> Result<Option<Invite>, StoreError> {
    let found = invites::table.filter(invites::token_hash.eq(hash));
    Ok(found.select(Invite::as_select()).first(conn).optional()?)
}

/// A conversation's links, newest first, `limit` at most.
pub fn list(
    conn: &mut DbConn,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<Invite>, StoreError> {
    Ok(invites::table
        .filter(invites::conversation_id.eq(conversation))
        .order(invites::id.desc())
        .limit(limit)
        .select(Invite::as_select())
        .load(conn)?)
}

/// How many links of a conversation are not revoked.
pub fn count(conn: &mut DbConn, conversation: ConversationId) -> Result<i64, StoreError> {
    let kept = invites::conversation_id.eq(conversation).and(invites::revoked_at.is_null());
    Ok(invites::table.filter(kept).count().get_result(conn)?)
}

/// Counts one more who joined; `false` when it was used up meanwhile.
pub fn take(conn: &mut DbConn, id: InviteId) -> Result<bool, StoreError> {
    let left = invites::max_uses.is_null().or(invites::max_uses.gt(invites::uses.nullable()));
    let open = invites::table.find(id).filter(invites::revoked_at.is_null().and(left));
    Ok(diesel::update(open).set(invites::uses.eq(invites::uses + 1)).execute(conn)? == 1)
}

/// Ends a link; `false` when it had ended by that already.
pub fn revoke(conn: &mut DbConn, id: InviteId, at: NaiveDateTime) -> Result<bool, StoreError> {
    let open = invites::table.find(id).filter(invites::revoked_at.is_null());
    Ok(diesel::update(open).set(invites::revoked_at.eq(at)).execute(conn)? == 1)
}
