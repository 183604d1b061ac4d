//! Reports: a message or a person brought before the admins, and what they say to it.

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_commands::Effect;
use crate::actors::chat_reads::page_size;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::MessageId;
use crate::models::error::StoreError;
use crate::models::report::{self, NewReport, Report};
use crate::models::store::DbConn;
use crate::models::{conversation, message, user};
use crate::protocol::command::report::{ReportCommand, ReportList, ReportResolve, ReportSend};
use crate::protocol::event::report::ReportEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::report::{ReportPage, ReportState, ReportView};

/// Longest note or resolution, in characters.
const MAX_NOTE_CHARS: usize = 1_000;
/// Most characters of a reported message that are kept with the report.
const EXCERPT_CHARS: usize = 500;

/// Does a command about reports.
///
/// # Errors
/// `bad_request` naming the field and the rule, the policy's refusal, or a fault.
pub fn perform(
    conn: &mut DbConn,
    who: &Identity,
    command: &ReportCommand,
) -> Result<Effect, Fault> {
    match command {
        ReportCommand::Send(send) => make(conn, who, send),
        ReportCommand::List(wish) => Ok(Effect::quiet(&list(conn, who, wish)?)),
        ReportCommand::Resolve(resolve) => settle(conn, who, resolve),
    }
}

/// Where admins hear of reports.
pub fn topic() -> Topic {
    Topic::Admin("reports".into())
}

fn check_note(field: &'static str, note: Option<&str>) -> Result<(), Refusal> {
    let fits = |note: &str| note.chars().count() <= MAX_NOTE_CHARS && !note.contains('\0');
    if note.is_none_or(fits) {
        return Ok(());
    }
    Err(Refusal::field(field, format!("at most {MAX_NOTE_CHARS} characters")))
}

fn make(conn: &mut DbConn, who: &Identity, send: &ReportSend) -> Result<Effect, Fault> {
    check_note("data.note", send.note.as_deref())?;
    require(who, TopicKind::Inbox, Action::Report, Relation::Stranger)?;
    let mut new = NewReport {
        reporter: who.user,
        person: send.user,
        message: None,
        reason: send.reason,
        note: send.note.as_deref().unwrap_or_default(),
        excerpt: "",
        at: clock::now_naive(),
    };
    let excerpt;
    match (send.message, send.user) {
        (Some(id), None) => {
            let (row, quoted) = readable(conn, who, id)?;
            excerpt = quoted;
            new.message = Some((id, row.conversation_id));
            new.person = row.sender_id;
            new.excerpt = &excerpt;
        }
        (None, Some(person)) if user::by_id(conn, person)?.is_none() => {
            return Err(Refusal::field("data.user", "someone who has an account").into());
        }
        (None, Some(_)) => {}
        _ => return Err(Refusal::field("data.message", "a message, or else a user").into()),
    }
    if new.person == Some(who.user) {
        return Err(Refusal::field("data.user", "someone other than yourself").into());
    }
    let (kept, is_new) = report::insert(conn, &new)?;
    let view = view(conn, &kept)?;
    let answer = Receipt { id: kept.id, state: view.state };
    if !is_new {
        return Ok(Effect::quiet(&answer));
    }
    Ok(Effect::with_event(&answer, told(ReportEvent::Opened(view))))
}

/// What the reporter is told.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Receipt {
    #[schema(value_type = String)]
    id: crate::ids::ReportId,
    state: ReportState,
}

/// A message that the reporter may read, and what is kept of it.
fn readable(
    conn: &mut DbConn,
    who: &Identity,
    id: MessageId,
) -> Result<(message::MessageRow, String), Fault> {
    let row = message::by_id(conn, id)?.filter(|row| row.deleted_at.is_none());
    let row = row.ok_or_else(Refusal::not_found)?;
    let home = conversation::by_id(conn, row.conversation_id)?.ok_or(StoreError::Missing)?;
    admit_for(conn, who, &home.topic(), Action::Read)?;
    let excerpt = row.content.chars().take(EXCERPT_CHARS).collect();
    Ok((row, excerpt))
}

fn view(conn: &mut DbConn, row: &Report) -> Result<ReportView, Fault> {
    let view = report::views(conn, std::slice::from_ref(row))?.pop();
    Ok(view.ok_or_else(Refusal::not_found)?)
}

fn told(event: ReportEvent) -> Event {
    Event { topic: topic(), seq: None, at: clock::now_naive(), body: EventBody::Report(event) }
}

/// A page of reports, for admins.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn list(conn: &mut DbConn, who: &Identity, wish: &ReportList) -> Result<ReportPage, Fault> {
    require(who, TopicKind::Admin, Action::Read, Relation::Stranger)?;
    let limit = page_size(wish.limit, 1)?;
    let state = wish.state.unwrap_or(ReportState::Open);
    let mut rows = report::list(conn, state, wish.before, limit + 1)?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    Ok(ReportPage { reports: report::views(conn, &rows)?, more })
}

fn settle(conn: &mut DbConn, who: &Identity, resolve: &ReportResolve) -> Result<Effect, Fault> {
    check_note("data.resolution", resolve.resolution.as_deref())?;
    require(who, TopicKind::Admin, Action::ResolveReport, Relation::Stranger)?;
    if resolve.state == ReportState::Open {
        return Err(Refusal::field("data.state", "resolved or dismissed").into());
    }
    let id = resolve.report;
    let text = resolve.resolution.as_deref().unwrap_or_default();
    let found = report::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    if !report::resolve(conn, id, resolve.state, who.user, text, clock::now_naive())? {
        return Err(Refusal::new(Code::Conflict, "it is resolved already").into());
    }
    log::info!("report settled report={id} state={} by={}", resolve.state.as_str(), who.user);
    let found = report::by_id(conn, found.id)?.ok_or_else(Refusal::not_found)?;
    let view = view(conn, &found)?;
    Ok(Effect::with_event(&view, told(ReportEvent::Resolved(view.clone()))))
}
