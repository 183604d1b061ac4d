//! What is asked and changes nothing: versions, receipts, reactions, pins, links, public
//! conversations.

use chrono::DateTime;

use crate::actors::authorize::{admit_for, require};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::actors::message_commands::find_message;
use crate::actors::room_commands::led_to;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::MessageId;
use crate::models::membership as rows;
use crate::models::receipt::{self, Mark};
use crate::models::store::DbConn;
use crate::models::{discover, invite, pin, reaction, version};
use crate::protocol::command::look::{Discover, Look};
use crate::protocol::command::rooms::InviteToken;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::rooms::{DiscoveryPage, InviteList, InvitePreview};
use crate::protocol::views::talk::{PinList, ReactorList, Receipts, VersionList};

/// Most people named in receipts.
const RECEIPTS_MAX: i64 = 500;
/// Most pinned messages and links listed.
const LISTED_MAX: i64 = 1_000;
/// Public conversations in a page when the asker does not say, and at most.
const PAGE: (i64, i64) = (50, 100);
/// Longest text to search for, in characters.
const MAX_QUERY_CHARS: usize = 100;

/// Answers a question of a socket.
///
/// # Errors
/// The refusal, or a fault.
pub fn look(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    look: &Look,
) -> Result<Answer, Fault> {
    let here = || topic.ok_or_else(|| Refusal::field("topic", "required"));
    Ok(match look {
        Look::Versions(of) => answer(&versions(conn, who, here()?, of.id)?),
        Look::Receipts(of) => answer(&receipts(conn, who, here()?, of.id)?),
        Look::Reactions(of) => answer(&reactions(conn, who, here()?, of.id)?),
        Look::Pins => answer(&pins(conn, who, here()?)?),
        Look::Invites => answer(&invites(conn, who, here()?)?),
        Look::Invite(token) => answer(&preview(conn, who, token)?),
        Look::Discover(wish) => answer(&public(conn, who, wish)?),
    })
}

/// All that a message has said.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn versions(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
) -> Result<VersionList, Fault> {
    let (_, row, relation) = find_message(conn, who, topic, id)?;
    require(who, TopicKind::Chat, Action::ReadVersions, relation)?;
    Ok(VersionList { versions: version::list(conn, &row)? })
}

/// Whom a message has reached, and who has read it.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn receipts(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
) -> Result<Receipts, Fault> {
    let (found, row, relation) = find_message(conn, who, topic, id)?;
    require(who, TopicKind::Chat, Action::ReadReceipts, relation)?;
    let shares = receipt::is_shared_by(conn, who.user)?;
    let mut reached =
        |mark| receipt::reached(conn, found.id, (mark, row.seq), row.sender_id, RECEIPTS_MAX);
    let delivered = reached(Mark::Delivered)?;
    let read = if shares { Some(reached(Mark::Read)?) } else { None };
    Ok(Receipts { id, delivered, read })
}

/// Everyone who reacted to a message.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn reactions(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    id: MessageId,
) -> Result<ReactorList, Fault> {
    let (_, row, _) = find_message(conn, who, topic, id)?;
    Ok(ReactorList { reactions: reaction::reactors(conn, row.id)? })
}

/// The pinned messages of a conversation.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn pins(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<PinList, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
    let messages = pin::list(conn, admission.conversation()?.id, LISTED_MAX)?;
    Ok(PinList { messages })
}

/// The invite links of a conversation, for those who keep it.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn invites(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<InviteList, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::KeepInvites)?;
    let found = invite::list(conn, admission.conversation()?.id, LISTED_MAX)?;
    let now = clock::now_naive();
    Ok(InviteList { invites: found.iter().map(|link| link.view(now)).collect() })
}

/// Where an invite link leads.
///
/// # Errors
/// `not_found` for a link that lets nobody in, or a fault.
pub fn preview(
    conn: &mut DbConn,
    who: &Identity,
    token: &InviteToken,
) -> Result<InvitePreview, Fault> {
    let (_, conversation) = led_to(conn, token)?;
    Ok(InvitePreview {
        member_count: rows::member_count(conn, conversation.id)?,
        joined: rows::membership(conn, conversation.id, who.user)?.is_some(),
        title: conversation.title,
        description: conversation.description,
    })
}

fn check_after(after: Option<&str>) -> Result<Option<discover::Place>, Refusal> {
    let Some(text) = after else { return Ok(None) };
    let read = |text: &str| {
        let (micros, id) = text.split_once('-')?;
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some((at.naive_utc(), id.parse().ok()?))
    };
    let place = read(text);
    place.map(Some).ok_or_else(|| Refusal::field("data.after", "the next of an earlier page"))
}

/// A page of public conversations.
///
/// # Errors
/// `bad_request`, or a fault.
pub fn public(conn: &mut DbConn, who: &Identity, wish: &Discover) -> Result<DiscoveryPage, Fault> {
    let words = wish.q.as_deref().unwrap_or("");
    if words.chars().count() > MAX_QUERY_CHARS || words.contains('\0') {
        let rule = format!("at most {MAX_QUERY_CHARS} characters");
        return Err(Refusal::field("data.q", rule).into());
    }
    let (usual, most) = PAGE;
    let limit = wish.limit.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(Refusal::field("data.limit", format!("from 1 to {most}")).into());
    }
    let after = check_after(wish.after.as_deref())?;
    let mut found = discover::page(conn, who.user, words, after, limit + 1)?;
    let more = i64::try_from(found.len()).is_ok_and(|count| count > limit);
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let last = found.last().filter(|_| more).map(|((at, id), _)| (*at, *id));
    let next = last.map(|(at, id)| format!("{}-{id}", at.and_utc().timestamp_micros()));
    let conversations = found.into_iter().map(|(_, view)| view).collect();
    Ok(DiscoveryPage { conversations, next })
}
