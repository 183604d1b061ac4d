//! The tables `calls` and `call_participants`: who called whom, and what became of it.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{CallId, ConversationId, UserId};
use crate::models::conversation::{self, Conversation};
use crate::models::error::StoreError;
use crate::models::schema::{call_participants as parts, calls, conversations, memberships};
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::views::call::{CallKind, CallState, CallView, PartState, PartView};

/// A row of `calls`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = calls)]
pub struct Call {
    pub id: CallId,
    pub conversation_id: ConversationId,
    #[diesel(column_name = kind)]
    kind_name: String,
    #[diesel(column_name = state)]
    state_name: String,
    /// `None` once the account is erased.
    pub caller_id: Option<UserId>,
    pub created_at: NaiveDateTime,
    pub ring_until: NaiveDateTime,
    pub answered_at: Option<NaiveDateTime>,
    pub ended_at: Option<NaiveDateTime>,
    pub ended_by: Option<UserId>,
}

impl Call {
    /// What is carried.
    pub fn kind(&self) -> CallKind {
        CallKind::parse(&self.kind_name).unwrap_or(CallKind::Voice)
    }

    /// How far it has come.
    pub fn state(&self) -> CallState {
        CallState::parse(&self.state_name).unwrap_or(CallState::Ended)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.ended_at.is_some()
    }
}

/// A row of `call_participants`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = parts)]
pub struct Part {
    pub call_id: CallId,
    pub user_id: UserId,
    #[diesel(column_name = state)]
    state_name: String,
    pub joined_at: Option<NaiveDateTime>,
    pub left_at: Option<NaiveDateTime>,
}

impl Part {
    /// How far they have come.
    pub fn state(&self) -> PartState {
        PartState::parse(&self.state_name).unwrap_or(PartState::Left)
    }
}

/// A call to begin.
#[derive(Debug, Clone)]
pub struct NewCall<'a> {
    pub conversation: ConversationId,
    pub kind: CallKind,
    pub caller: UserId,
    /// Whom, without the caller.
    pub callees: &'a [UserId],
    pub at: NaiveDateTime,
    pub ring_until: NaiveDateTime,
}

/// Begins a call; its caller has joined it.
///
/// # Errors
/// `Conflict` when the conversation has one that is not over.
pub fn insert(conn: &mut DbConn, new: &NewCall<'_>) -> Result<CallId, StoreError> {
    let id: CallId = diesel::insert_into(calls::table)
        .values((
            calls::conversation_id.eq(new.conversation),
            calls::kind.eq(new.kind.as_str()),
            calls::state.eq(CallState::Initiated.as_str()),
            calls::caller_id.eq(new.caller),
            calls::created_at.eq(new.at),
            calls::ring_until.eq(new.ring_until),
        ))
        .returning(calls::id)
        .get_result(conn)?;
    set_part(conn, id, new.caller, PartState::Joined, new.at)?;
    for callee in new.callees {
        set_part(conn, id, *callee, PartState::Invited, new.at)?;
    }
    Ok(id)
}

/// The call with this id.
///
/// # Errors
/// Those of the database.
pub fn by_id(conn: &mut DbConn, id: CallId) -> Result<Option<Call>, StoreError> {
    Ok(calls::table.find(id).select(Call::as_select()).first(conn).optional()?)
}

/// The call of a conversation that is not over.
///
/// # Errors
/// Those of the database.
pub fn live_in(conn: &mut DbConn, home: ConversationId) -> Result<Option<Call>, StoreError> {
    let live = calls::table.filter(calls::conversation_id.eq(home).and(calls::ended_at.is_null()));
    Ok(live.select(Call::as_select()).first(conn).optional()?)
}

/// A call's participants, by id.
///
/// # Errors
/// Those of the database.
pub fn participants(conn: &mut DbConn, id: CallId) -> Result<Vec<Part>, StoreError> {
    Ok(parts::table
        .filter(parts::call_id.eq(id))
        .order(parts::user_id)
        .select(Part::as_select())
        .load(conn)?)
}

/// Brings someone into a call, or notes how far they have come.
///
/// # Errors
/// `Conflict` when there is no such call or account.
pub fn set_part(
    conn: &mut DbConn,
    id: CallId,
    user: UserId,
    state: PartState,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    let row = parts::table.find((id, user));
    let change = parts::state.eq(state.as_str());
    let changed = diesel::update(row).set(change).execute(conn)?;
    if changed == 0 {
        let new = (parts::call_id.eq(id), parts::user_id.eq(user), change);
        diesel::insert_into(parts::table).values(new).execute(conn)?;
    }
    match state {
        PartState::Joined => {
            let none: Option<NaiveDateTime> = None;
            let change = (parts::joined_at.eq(at), parts::left_at.eq(none));
            diesel::update(row).set(change).execute(conn)?;
        }
        PartState::Left => {
            diesel::update(row).set(parts::left_at.eq(at)).execute(conn)?;
        }
        _ => {}
    }
    Ok(())
}

/// Notes how far a call has come, short of its end.
///
/// # Errors
/// Those of the database.
pub fn set_state(
    conn: &mut DbConn,
    id: CallId,
    state: CallState,
    answered_at: Option<NaiveDateTime>,
) -> Result<(), StoreError> {
    let change = (calls::state.eq(state.as_str()), calls::answered_at.eq(answered_at));
    diesel::update(calls::table.find(id)).set(change).execute(conn)?;
    Ok(())
}

/// Ends a call: who waits has missed it, who is in it leaves.
///
/// # Errors
/// Those of the database.
pub fn end(
    conn: &mut DbConn,
    id: CallId,
    state: CallState,
    by: Option<UserId>,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    for part in participants(conn, id)? {
        match part.state() {
            waiting if waiting.is_waiting() => {
                set_part(conn, id, part.user_id, PartState::Missed, at)?;
            }
            PartState::Joined => set_part(conn, id, part.user_id, PartState::Left, at)?,
            _ => {}
        }
    }
    let change = (calls::state.eq(state.as_str()), calls::ended_at.eq(at), calls::ended_by.eq(by));
    diesel::update(calls::table.find(id)).set(change).execute(conn)?;
    Ok(())
}

/// Up to `limit` calls that are not over and have rung for as long as they may.
///
/// # Errors
/// Those of the database.
pub fn rung_out(
    conn: &mut DbConn,
    now: NaiveDateTime,
    limit: i64,
) -> Result<Vec<Call>, StoreError> {
    Ok(calls::table
        .filter(calls::ended_at.is_null().and(calls::ring_until.le(now)))
        .order(calls::ring_until)
        .limit(limit)
        .select(Call::as_select())
        .load(conn)?)
}

/// Up to `limit` calls that `user` took part in, newest first.
///
/// # Errors
/// Those of the database.
pub fn of_user(
    conn: &mut DbConn,
    user: UserId,
    before: Option<CallId>,
    limit: i64,
) -> Result<Vec<Call>, StoreError> {
    Ok(calls::table
        .inner_join(parts::table)
        .filter(parts::user_id.eq(user).and(calls::id.lt(before.unwrap_or(CallId(i64::MAX)))))
        .order(calls::id.desc())
        .limit(limit)
        .select(Call::as_select())
        .load(conn)?)
}

/// Up to `limit` calls of the conversations that `user` is in, newest first.
///
/// # Errors
/// Those of the database.
pub fn within_reach(conn: &mut DbConn, user: UserId, limit: i64) -> Result<Vec<Call>, StoreError> {
    let mine = memberships::table
        .filter(memberships::user_id.eq(user))
        .select(memberships::conversation_id);
    Ok(calls::table
        .filter(calls::conversation_id.eq_any(mine))
        .order(calls::id.desc())
        .limit(limit)
        .select(Call::as_select())
        .load(conn)?)
}

/// Up to `limit` calls of these that `user` takes part in and that are not over.
///
/// # Errors
/// Those of the database.
pub fn on_with(conn: &mut DbConn, user: UserId, limit: i64) -> Result<Vec<Call>, StoreError> {
    let mine = memberships::table
        .filter(memberships::user_id.eq(user))
        .select(memberships::conversation_id);
    let taken = parts::table.filter(parts::user_id.eq(user)).select(parts::call_id);
    Ok(calls::table
        .filter(calls::ended_at.is_null().and(calls::id.eq_any(taken)))
        .filter(calls::conversation_id.eq_any(mine))
        .order(calls::id.desc())
        .limit(limit)
        .select(Call::as_select())
        .load(conn)?)
}

/// Up to `limit` calls of a conversation, newest first.
///
/// # Errors
/// Those of the database.
pub fn of_conversation(
    conn: &mut DbConn,
    home: ConversationId,
    before: Option<CallId>,
    limit: i64,
) -> Result<Vec<Call>, StoreError> {
    Ok(calls::table
        .filter(calls::conversation_id.eq(home))
        .filter(calls::id.lt(before.unwrap_or(CallId(i64::MAX))))
        .order(calls::id.desc())
        .limit(limit)
        .select(Call::as_select())
        .load(conn)?)
}

/// The conversation a call is in.
///
/// # Errors
/// `Missing` when it is gone.
pub fn home(conn: &mut DbConn, call: &Call) -> Result<Conversation, StoreError> {
    conversation::by_id(conn, call.conversation_id)?.ok_or(StoreError::Missing)
}

/// Calls as clients see them, in the order given, in a constant number of queries.
///
/// # Errors
/// Those of the database.
pub fn views(conn: &mut DbConn, rows: &[Call]) -> Result<Vec<CallView>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<CallId> = rows.iter().map(|row| row.id).collect();
    let all: Vec<Part> = parts::table
        .filter(parts::call_id.eq_any(ids))
        .order((parts::call_id, parts::user_id))
        .select(Part::as_select())
        .load(conn)?;
    let homes: BTreeSet<ConversationId> = rows.iter().map(|row| row.conversation_id).collect();
    let homes: Vec<Conversation> = conversations::table
        .filter(conversations::id.eq_any(homes))
        .select(Conversation::as_select())
        .load(conn)?;
    let topics: HashMap<ConversationId, String> =
        homes.iter().map(|home| (home.id, home.topic().to_string())).collect();
    let people: BTreeSet<UserId> = all
        .iter()
        .map(|part| part.user_id)
        .chain(rows.iter().filter_map(|row| row.caller_id))
        .collect();
    let people = user::persons(conn, &people.into_iter().collect::<Vec<_>>())?;
    let part = |part: &Part| {
        let user = people.get(&part.user_id)?.clone();
        let (joined_at, left_at) = (part.joined_at, part.left_at);
        Some(PartView { user, state: part.state(), joined_at, left_at })
    };
    let view = |row: &Call| CallView {
        id: row.id,
        conversation: row.conversation_id,
        topic: topics.get(&row.conversation_id).cloned().unwrap_or_default(),
        kind: row.kind(),
        state: row.state(),
        caller: row.caller_id.and_then(|caller| people.get(&caller).cloned()),
        participants: all.iter().filter(|part| part.call_id == row.id).filter_map(part).collect(),
        created_at: row.created_at,
        ring_until: row.ring_until,
        answered_at: row.answered_at,
        ended_at: row.ended_at,
        ended_by: row.ended_by,
    };
    Ok(rows.iter().map(view).collect())
}

/// The calls with these ids, as clients see them.
///
/// # Errors
/// Those of the database.
pub fn views_of(
    conn: &mut DbConn,
    ids: &[CallId],
) -> Result<HashMap<CallId, CallView>, StoreError> {
    let rows: Vec<Call> =
        calls::table.filter(calls::id.eq_any(ids)).select(Call::as_select()).load(conn)?;
    Ok(views(conn, &rows)?.into_iter().map(|view| (view.id, view)).collect())
}
