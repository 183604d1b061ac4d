//! The `reports` table: what people report to the admins, and what became of it.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{ConversationId, MessageId, ReportId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::reports;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::views::report::{ReportReason, ReportState, ReportView};

/// A row of `reports`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = reports)]
pub struct Report {
    pub id: ReportId,
    pub reporter_id: Option<UserId>,
    pub person_id: Option<UserId>,
    pub message_id: Option<MessageId>,
    pub conversation_id: Option<ConversationId>,
    pub reason: String,
    pub note: String,
    pub excerpt: String,
    pub state: String,
    pub created_at: NaiveDateTime,
    pub resolved_at: Option<NaiveDateTime>,
    pub resolved_by: Option<UserId>,
    pub resolution: String,
}

/// A report to keep.
#[derive(Debug, Clone)]
pub struct NewReport<'a> {
    pub reporter: UserId,
    pub person: Option<UserId>,
    pub message: Option<(MessageId, ConversationId)>,
    pub reason: ReportReason,
    pub note: &'a str,
    pub excerpt: &'a str,
    pub at: NaiveDateTime,
}

/// Keeps a report, and whether it is new: one person's open report of the same thing is returned.
///
/// # Errors
/// Those of the database.
pub fn insert(conn: &mut DbConn, new: &NewReport<'_>) -> Result<(Report, bool), StoreError> {
    let mut open = reports::table
        .filter(reports::reporter_id.eq(new.reporter))
        .filter(reports::state.eq(ReportState::Open.as_str()))
        .select(Report::as_select())
        .into_boxed();
    open = match new.message {
        Some((message, _)) => open.filter(reports::message_id.eq(message)),
        None => open.filter(reports::message_id.is_null().and(reports::person_id.eq(new.person))),
    };
    if let Some(found) = open.first(conn).optional()? {
        return Ok((found, false));
    }
    let row = (
        reports::reporter_id.eq(new.reporter),
        reports::person_id.eq(new.person),
        reports::message_id.eq(new.message.map(|(message, _)| message)),
        reports::conversation_id.eq(new.message.map(|(_, home)| home)),
        reports::reason.eq(new.reason.as_str()),
        reports::note.eq(new.note),
        reports::excerpt.eq(new.excerpt),
        reports::created_at.eq(new.at),
    );
    let id: ReportId =
        diesel::insert_into(reports::table).values(row).returning(reports::id).get_result(conn)?;
    Ok((by_id(conn, id)?.ok_or(StoreError::Missing)?, true))
}

/// The report with this id.
///
/// # Errors
/// Those of the database.
pub fn by_id(conn: &mut DbConn, id: ReportId) -> Result<Option<Report>, StoreError> {
    Ok(reports::table.find(id).select(Report::as_select()).first(conn).optional()?)
}

/// Notes what became of an open report; what was quoted in it goes. `false` when it was not open.
///
/// # Errors
/// Those of the database.
pub fn resolve(
    conn: &mut DbConn,
    id: ReportId,
    state: ReportState,
    by: UserId,
    resolution: &str,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let open = reports::table.find(id).filter(reports::state.eq(ReportState::Open.as_str()));
    let change = (
        reports::state.eq(state.as_str()),
        reports::excerpt.eq(""),
        reports::resolved_at.eq(at),
        reports::resolved_by.eq(by),
        reports::resolution.eq(resolution),
    );
    Ok(diesel::update(open).set(change).execute(conn)? == 1)
}

/// Up to `limit` reports in this state, newest first.
///
/// # Errors
/// Those of the database.
pub fn list(
    conn: &mut DbConn,
    state: ReportState,
    before: Option<ReportId>,
    limit: i64,
) -> Result<Vec<Report>, StoreError> {
    Ok(reports::table
        .filter(reports::state.eq(state.as_str()))
        .filter(reports::id.lt(before.unwrap_or(ReportId(i64::MAX))))
        .order(reports::id.desc())
        .limit(limit)
        .select(Report::as_select())
        .load(conn)?)
}

/// Up to `limit` reports that `reporter` made, after the report `after`.
///
/// # Errors
/// Those of the database.
pub fn made_by(
    conn: &mut DbConn,
    reporter: UserId,
    after: ReportId,
    limit: i64,
) -> Result<Vec<Report>, StoreError> {
    Ok(reports::table
        .filter(reports::reporter_id.eq(reporter).and(reports::id.gt(after)))
        .order(reports::id)
        .limit(limit)
        .select(Report::as_select())
        .load(conn)?)
}

/// Takes what reports quote of a person's messages out of them.
///
/// # Errors
/// Those of the database.
pub fn forget_excerpts(conn: &mut DbConn, person: UserId) -> Result<(), StoreError> {
    let theirs = reports::table.filter(reports::person_id.eq(person));
    diesel::update(theirs).set(reports::excerpt.eq("")).execute(conn)?;
    Ok(())
}

/// Reports as admins see them.
///
/// # Errors
/// Those of the database.
pub fn views(conn: &mut DbConn, rows: &[Report]) -> Result<Vec<ReportView>, StoreError> {
    let ids: BTreeSet<UserId> =
        rows.iter().flat_map(|row| [row.reporter_id, row.person_id]).flatten().collect();
    let people = user::persons(conn, &ids.into_iter().collect::<Vec<_>>())?;
    let person = |id: Option<UserId>| id.and_then(|id| people.get(&id).cloned());
    let view = |row: &Report| ReportView {
        id: row.id,
        reporter: person(row.reporter_id),
        person: person(row.person_id),
        message: row.message_id,
        conversation: row.conversation_id,
        reason: ReportReason::parse(&row.reason).unwrap_or(ReportReason::Other),
        note: row.note.clone(),
        excerpt: row.excerpt.clone(),
        state: ReportState::parse(&row.state).unwrap_or(ReportState::Open),
        created_at: row.created_at,
        resolved_at: row.resolved_at,
        resolved_by: row.resolved_by,
        resolution: row.resolution.clone(),
    };
    Ok(rows.iter().map(view).collect())
}
