//! The `memberships` table: who is in a conversation, as what, and how far they have read.

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use crate::clock;
use crate::ids::{ConversationId, UserId};
use crate::models::error::StoreError;
use crate::models::receipt;
use crate::models::schema::{memberships, messages, users};
use crate::models::store::{DbConn, on_engine};
use crate::models::user::{self, User};
use crate::protocol::views::{MemberRole, MemberView};

/// A member's role as stored. A name that is none of the three has the least power.
#[derive(FromSqlRow)]
pub struct StoredMemberRole(MemberRole);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for StoredMemberRole
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(bytes)?;
        Ok(Self(MemberRole::parse(&text).unwrap_or(MemberRole::Member)))
    }
}

impl From<StoredMemberRole> for MemberRole {
    fn from(stored: StoredMemberRole) -> Self {
        stored.0
    }
}

/// A row of `memberships`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = memberships)]
pub struct MembershipRow {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    #[diesel(deserialize_as = StoredMemberRole)]
    pub role: MemberRole,
    /// What this member is called here; empty for none.
    pub nickname: String,
    pub muted_until: Option<NaiveDateTime>,
    pub joined_at: NaiveDateTime,
    /// How far they have read, as a journal position.
    pub read_seq: i64,
    /// When that mark last moved.
    pub read_at: Option<NaiveDateTime>,
    /// How far events have reached a device of theirs, as a journal position.
    pub delivered_seq: i64,
    /// When that mark last moved.
    pub delivered_at: Option<NaiveDateTime>,
}

/// Someone's membership, if they are in.
pub fn membership(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
) -> Result<Option<MembershipRow>, StoreError> {
    let row = memberships::table.find((conversation, user));
    Ok(row.select(MembershipRow::as_select()).first(conn).optional()?)
}

/// Brings someone in; `false` when they were in already (their role stays).
pub fn add_member(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    role: MemberRole,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let row = (
        memberships::conversation_id.eq(conversation),
        memberships::user_id.eq(user),
        memberships::role.eq(role.as_str()),
        memberships::joined_at.eq(at),
    );
    let statement = diesel::insert_into(memberships::table).values(row).on_conflict_do_nothing();
    let made: usize = on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(made == 1)
}

/// Puts someone out; `false` when they were not in.
pub fn remove_member(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
) -> Result<bool, StoreError> {
    let row = memberships::table.find((conversation, user));
    Ok(diesel::delete(row).execute(conn)? == 1)
}

/// Changes what a member may do; `false` when they are not in.
pub fn set_role(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    role: MemberRole,
) -> Result<bool, StoreError> {
    let row = memberships::table.find((conversation, user));
    let changed = diesel::update(row).set(memberships::role.eq(role.as_str())).execute(conn)?;
    Ok(changed == 1)
}

/// Owners, then admins, then the rest.
const RANK: &str = "CASE memberships.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END";

type MemberColumns = (User, StoredMemberRole, String, NaiveDateTime, i64, i64, bool);

/// Up to `limit` members as `reader` sees them: owner and admins first, then by when they joined.
/// Read marks are shown between people who share them.
pub fn members(
    conn: &mut DbConn,
    conversation: ConversationId,
    reader: UserId,
    limit: i64,
) -> Result<Vec<MemberView>, StoreError> {
    let rows: Vec<MemberColumns> = memberships::table
        .inner_join(users::table)
        .filter(memberships::conversation_id.eq(conversation))
        .order((sql::<Integer>(RANK), memberships::joined_at, memberships::user_id))
        .limit(limit)
        .select((
            User::as_select(),
            memberships::role,
            memberships::nickname,
            memberships::joined_at,
            memberships::read_seq,
            memberships::delivered_seq,
            users::read_receipts,
        ))
        .load(conn)?;
    let sees = receipt::is_shared_by(conn, reader)?;
    let view = |row: MemberColumns| {
        let (user, role, nickname, joined_at, read_seq, delivered_seq, shares) = row;
        let shown = user.id == reader || (sees && shares);
        MemberView {
            user: user::person(&user),
            role: role.into(),
            nickname,
            joined_at,
            read_seq: if shown { read_seq } else { 0 },
            delivered_seq,
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

/// All members, by id.
pub fn member_ids(
    conn: &mut DbConn,
    conversation: ConversationId,
) -> Result<Vec<UserId>, StoreError> {
    Ok(memberships::table
        .filter(memberships::conversation_id.eq(conversation))
        .order(memberships::user_id)
        .select(memberships::user_id)
        .load(conn)?)
}

/// Up to `limit` members with an active account, by id, and until when each has muted it.
pub fn audience(
    conn: &mut DbConn,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<(UserId, Option<NaiveDateTime>)>, StoreError> {
    Ok(memberships::table
        .inner_join(users::table)
        .filter(memberships::conversation_id.eq(conversation).and(users::is_active.eq(true)))
        .order(memberships::user_id)
        .limit(limit)
        .select((memberships::user_id, memberships::muted_until))
        .load(conn)?)
}

/// How many members there are.
pub fn member_count(conn: &mut DbConn, conversation: ConversationId) -> Result<i64, StoreError> {
    let rows = memberships::table.filter(memberships::conversation_id.eq(conversation));
    Ok(rows.count().get_result(conn)?)
}

/// How many owners there are.
pub fn owners(conn: &mut DbConn, conversation: ConversationId) -> Result<i64, StoreError> {
    let rows = memberships::table
        .filter(memberships::conversation_id.eq(conversation))
        .filter(memberships::role.eq(MemberRole::Owner.as_str()));
    Ok(rows.count().get_result(conn)?)
}

/// Whether there are at most `limit` members; counts no further.
pub fn is_at_most(
    conn: &mut DbConn,
    conversation: ConversationId,
    limit: i64,
) -> Result<bool, StoreError> {
    let rows: Vec<UserId> = memberships::table
        .filter(memberships::conversation_id.eq(conversation))
        .select(memberships::user_id)
        .limit(1)
        .offset(limit)
        .load(conn)?;
    Ok(rows.is_empty())
}

/// Moves a member's read mark forward, and the delivery mark with it; `false` when it was there
/// already or they are not in.
pub fn mark_read(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    seq: i64,
) -> Result<bool, StoreError> {
    let behind =
        memberships::table.find((conversation, user)).filter(memberships::read_seq.lt(seq));
    let number: Option<i64> = messages::table
        .filter(messages::conversation_id.eq(conversation).and(messages::seq.le(seq)))
        .order(messages::seq.desc())
        .select(messages::number)
        .first(conn)
        .optional()?;
    let mark = (
        memberships::read_seq.eq(seq),
        memberships::read_at.eq(clock::now_naive()),
        memberships::read_number.eq(number.unwrap_or(0)),
    );
    if diesel::update(behind).set(mark).execute(conn)? == 0 {
        return Ok(false);
    }
    mark_delivered(conn, conversation, user, seq)?;
    Ok(true)
}

/// Moves a member's delivery mark forward; `false` when it was there already or they are not in.
pub fn mark_delivered(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    seq: i64,
) -> Result<bool, StoreError> {
    let behind =
        memberships::table.find((conversation, user)).filter(memberships::delivered_seq.lt(seq));
    let mark =
        (memberships::delivered_seq.eq(seq), memberships::delivered_at.eq(clock::now_naive()));
    Ok(diesel::update(behind).set(mark).execute(conn)? == 1)
}

/// Sets what a member is called here, empty for nothing; `false` when they are not in.
pub fn set_nickname(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    nickname: &str,
) -> Result<bool, StoreError> {
    let row = memberships::table.find((conversation, user));
    Ok(diesel::update(row).set(memberships::nickname.eq(nickname)).execute(conn)? == 1)
}

/// Sets until when a member wants no notifications; `false` when they are not in.
pub fn set_muted(
    conn: &mut DbConn,
    conversation: ConversationId,
    user: UserId,
    until: Option<NaiveDateTime>,
) -> Result<bool, StoreError> {
    let row = memberships::table.find((conversation, user));
    Ok(diesel::update(row).set(memberships::muted_until.eq(until)).execute(conn)? == 1)
}
