//! Joining a topic: authorize → seat → snapshot or replay, in one job off the workers.

use std::sync::Arc;

use actix::Addr;
use bytes::Bytes;

use crate::actors::authorize::{self, Admission};
use crate::actors::chat_reads;
use crate::actors::dispatch;
use crate::actors::exchange::Exchange;
use crate::actors::fanout::Fanout;
use crate::actors::inbox_commands;
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, Join, Seat, Veil, answer, tell};
use crate::actors::replay;
use crate::actors::veil;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::models::error::StoreError;
use crate::models::journal::{self, Head};
use crate::models::store::DbConn;
use crate::models::{membership as rows, message, pin, unread};
use crate::protocol::command::Subscribe;
use crate::protocol::frame;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::{ChatSnapshot, PersonView, Snapshot};
use crate::socket::wire;

/// Members listed in a snapshot.
const MEMBERS_MAX: i64 = 500;
/// Pinned messages in a snapshot; the rest are asked for.
const PINS_MAX: i64 = 50;

/// A join that is seated and read, but not yet announced.
#[derive(Debug)]
pub struct Prepared {
    pub relation: Relation,
    pub seq: i64,
    pub recovered: bool,
    pub snapshot: Option<Snapshot>,
    pub missed: Vec<Bytes>,
    pub missed_to: i64,
}

/// The `data` of the reply to `subscribe`.
#[derive(Debug, serde::Serialize)]
struct Subscribed<'a> {
    seq: i64,
    epoch: &'a str,
    recovered: bool,
    snapshot: Option<&'a Snapshot>,
    presence: Option<&'a [PersonView]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_count: Option<usize>,
}

impl Prepared {
    /// The `data` of the reply, with who is here when the topic has presence.
    pub fn answer(&self, epoch: &str, here: Option<(&[PersonView], usize)>) -> Answer {
        answer(&Subscribed {
            seq: self.seq,
            epoch,
            recovered: self.recovered,
            snapshot: self.snapshot.as_ref(),
            presence: here.map(|(people, _)| people),
            presence_count: here.map(|(_, count)| count),
        })
    }
}

fn check(wish: &Subscribe) -> Result<i64, Refusal> {
    if wish.after.is_some_and(|after| after < 0) {
        return Err(Refusal::field("data.after", "0 or more"));
    }
    chat_reads::page_size(wish.limit, 0)
}

/// Authorizes, seats and reads. Returns the canonical topic beside the outcome, so that a failure
/// after seating can be undone by whoever asked.
pub fn prepare(
    conn: &mut DbConn,
    exchange: &Arc<Exchange>,
    epoch: &str,
    join: &mut Join,
) -> (Topic, Result<Prepared, Fault>) {
    let admitted = check(&join.wish).map_err(Fault::from).and_then(|limit| {
        let found = authorize::admit_for(conn, &join.who, &join.topic, Action::Subscribe)?;
        let is_chat = found.0.conversation.is_some();
        Ok((limit, found.0, is_chat && veil::is_over(conn, join.who.user)?))
    });
    let (limit, admission, is_veiled) = match admitted {
        Ok(admitted) => admitted,
        Err(fault) => return (join.topic.clone(), Err(fault)),
    };
    let topic = admission.topic.clone();
    join.seeker.rename(&topic);
    // Seated before the position is read: whatever is committed after that read comes by the seat.
    exchange.rise(&topic, join.at.worker);
    if let Some(worker) = exchange.worker(join.at.worker) {
        let (session, ticket) = (join.at.number, join.seeker.ticket());
        tell(&worker, Seat { session, ticket, topic: topic.clone(), is_veiled });
        if let Err(fault) = settle_veil(conn, &worker, &join.who, &admission, is_veiled) {
            return (topic, Err(fault.into()));
        }
    }
    let read = read(conn, &join.who, &admission, &join.wish, (epoch, limit));
    (topic, read.map_err(Fault::from))
}

/// A change of mind between the question and the seat was told to the seats there were. Asked again
/// until the answer is the one the seat knows; later changes are told to it too.
fn settle_veil(
    conn: &mut DbConn,
    worker: &Addr<Fanout>,
    who: &Identity,
    admission: &Admission,
    mut is_veiled: bool,
) -> Result<(), StoreError> {
    if admission.conversation.is_none() {
        return Ok(());
    }
    loop {
        let is_now = veil::is_over(conn, who.user)?;
        if is_now == is_veiled {
            return Ok(());
        }
        is_veiled = is_now;
        tell(worker, Veil { user: who.user, is_veiled });
    }
}

fn read(
    conn: &mut DbConn,
    who: &Identity,
    admission: &Admission,
    wish: &Subscribe,
    (epoch, limit): (&str, i64),
) -> Result<Prepared, StoreError> {
    let topic = &admission.topic;
    let head = match admission.topic_id() {
        Some(id) => Some(journal::head(conn, id)?),
        None if topic.kind().row().journaled => journal::find_topic(conn, &topic.to_string())?,
        None => None,
    };
    let seq = head.as_ref().map_or(0, |head| head.head);
    let mut prepared = Prepared {
        relation: admission.relation,
        seq,
        recovered: false,
        snapshot: None,
        missed: Vec::new(),
        missed_to: seq,
    };
    match (&head, reaches(&head, topic.kind(), wish, epoch)) {
        (Some(head), Some(after)) => {
            prepared.recovered = true;
            let mut events = replay::page(conn, topic, head.topic, after, seq)?;
            veil::cover(conn, who.user, &mut events)?;
            prepared.missed_to = (after + replay::PAGE).min(seq);
            prepared.missed = events.iter().map(|event| wire::text(&frame::event(event))).collect();
        }
        (None, Some(_)) => prepared.recovered = true,
        (_, None) => prepared.snapshot = snapshot(conn, who, admission, seq, limit)?,
    }
    Ok(prepared)
}

/// The position to replay from, when the journal still reaches back to it.
fn reaches(head: &Option<Head>, kind: TopicKind, wish: &Subscribe, epoch: &str) -> Option<i64> {
    let after = wish.after?;
    let same_history = wish.epoch.as_deref().is_none_or(|known| known == epoch);
    let (newest, pruned) = head.as_ref().map_or((0, 0), |head| (head.head, head.pruned));
    let within = (pruned..=newest).contains(&after);
    (same_history && within && newest - after <= kind.row().replay_limit).then_some(after)
}

fn snapshot(
    conn: &mut DbConn,
    who: &Identity,
    admission: &Admission,
    seq: i64,
    limit: i64,
) -> Result<Option<Snapshot>, StoreError> {
    if admission.topic.kind() == TopicKind::Inbox {
        return Ok(Some(Snapshot::Inbox(inbox_commands::snapshot(conn, who.user, limit)?)));
    }
    let Some(found) = &admission.conversation else {
        return dispatch::snapshot::of(conn, &admission.topic);
    };
    let page = match limit {
        0 => None,
        _ => Some(message::page(conn, found.id, Some(seq + 1), None, limit)?),
    };
    let (messages, more) = page.map_or((Vec::new(), seq > 0), |page| (page.messages, page.more));
    let mine = admission.membership.as_ref();
    let unread = unread::of(conn, found.id, who.user)?;
    let members = match limit {
        0 => Vec::new(),
        _ => rows::members(conn, found.id, who.user, MEMBERS_MAX)?,
    };
    Ok(Some(Snapshot::Chat(ChatSnapshot {
        conversation: found.view(),
        my_role: mine.map(|mine| mine.role),
        messages,
        more,
        members,
        member_count: rows::member_count(conn, found.id)?,
        unread: unread.messages,
        mentions: unread.mentions,
        muted_until: mine.and_then(|mine| mine.muted_until),
        pins: match limit {
            0 => Vec::new(),
            _ => pin::list(conn, found.id, PINS_MAX)?,
        },
    })))
}
