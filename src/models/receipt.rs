//! Receipts: whom messages have reached, read from the marks of members, and who shares theirs.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, UserId};
use crate::models::error::StoreError;
use crate::models::named;
use crate::models::schema::{memberships, users};
use crate::models::store::DbConn;
use crate::protocol::views::talk::ReceiptView;

/// Whether someone shares read receipts, as everyone does who has not said otherwise.
pub fn is_shared_by(conn: &mut DbConn, id: UserId) -> Result<bool, StoreError> {
    let found: Option<bool> =
        users::table.find(id).select(users::read_receipts).first(conn).optional()?;
    Ok(found.unwrap_or(true))
}

/// Sets whether someone shares read receipts.
///
/// # Errors
/// `Missing` when there is no such account.
pub fn share(conn: &mut DbConn, id: UserId, on: bool) -> Result<(), StoreError> {
    let account = users::table.find(id);
    match diesel::update(account).set(users::read_receipts.eq(on)).execute(conn)? {
        0 => Err(StoreError::Missing),
        _ => Ok(()),
    }
}

/// Which mark a receipt is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Delivered,
    /// Of those alone who share read receipts.
    Read,
}

/// Up to `limit` members whose mark is at `seq` or beyond, `but` left out, by id.
pub fn reached(
    conn: &mut DbConn,
    conversation: ConversationId,
    (mark, seq): (Mark, i64),
    but: Option<UserId>,
    limit: i64,
) -> Result<Vec<ReceiptView>, StoreError> {
    let mut query = memberships::table
        .inner_join(users::table)
        .filter(memberships::conversation_id.eq(conversation))
        .filter(memberships::user_id.ne(but.unwrap_or(UserId(0))))
        .order(memberships::user_id)
        .limit(limit)
        .select((named::NAMED, memberships::delivered_at, memberships::read_at))
        .into_boxed();
    query = match mark {
        Mark::Delivered => query.filter(memberships::delivered_seq.ge(seq)),
        Mark::Read => query.filter(memberships::read_seq.ge(seq)).filter(users::read_receipts),
    };
    type Columns = (named::Named, Option<NaiveDateTime>, Option<NaiveDateTime>);
    let rows: Vec<Columns> = query.load(conn)?;
    let view = |(person, delivered_at, read_at): Columns| ReceiptView {
        user: named::named(person),
        at: if mark == Mark::Read { read_at } else { delivered_at },
    };
    Ok(rows.into_iter().map(view).collect())
}

/// How far one member has come, each mark with when it last moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub user: UserId,
    pub delivered: (i64, Option<NaiveDateTime>),
    /// `None` when it is kept from the reader.
    pub read: Option<(i64, Option<NaiveDateTime>)>,
}

/// The marks of up to `limit` members as `reader` sees them, by id. Read marks are shown between
/// people who share them; one's own is one's own.
pub fn marks(
    conn: &mut DbConn,
    conversation: ConversationId,
    reader: UserId,
    limit: i64,
) -> Result<Vec<Marks>, StoreError> {
    type Columns = (UserId, i64, Option<NaiveDateTime>, i64, Option<NaiveDateTime>, bool);
    let rows: Vec<Columns> = memberships::table
        .inner_join(users::table)
        .filter(memberships::conversation_id.eq(conversation))
        .order(memberships::user_id)
        .limit(limit)
        .select((
            memberships::user_id,
            memberships::delivered_seq,
            memberships::delivered_at,
            memberships::read_seq,
            memberships::read_at,
            users::read_receipts,
        ))
        .load(conn)?;
    let sees = is_shared_by(conn, reader)?;
    let marks = |(user, delivered, delivered_at, read, read_at, shares): Columns| Marks {
        user,
        delivered: (delivered, delivered_at),
        read: (user == reader || (sees && shares)).then_some((read, read_at)),
    };
    Ok(rows.into_iter().map(marks).collect())
}
