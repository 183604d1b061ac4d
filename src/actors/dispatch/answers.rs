//! What crews say to an order: that it arrived, that they saw it, that they take it or not.

use serde::Serialize;

use crate::actors::dispatch::ledger::What;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::dispatch::progress::{self, Freed};
use crate::actors::dispatch::work::{Moment, Work, check_said, clash};
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::auth::policy::{Action, Relation};
use crate::ids::OrderId;
use crate::models::incident;
use crate::models::lifecycle::Deed;
use crate::models::order::{self, Order};
use crate::models::timeline::NewEntry;
use crate::protocol::command::dispatch::OrderDecline;
use crate::protocol::dispatch::OrderState;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;

/// What an answer to an order is answered.
#[derive(Debug, Serialize)]
struct Stands {
    order: OrderId,
    state: OrderState,
    #[serde(skip_serializing_if = "Option::is_none")]
    nobody_heard: Option<bool>,
}

fn own_order(work: &mut Work<'_>, id: OrderId) -> Result<(Order, Relation), Fault> {
    let found = order::by_id(work.conn, id)?;
    let relation = match &found {
        Some(found) => work.relation_to_unit(found.unit_id)?,
        None => Relation::Stranger,
    };
    work.require(TopicKind::Unit, Action::AnswerOrder, relation)?;
    let found = found.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    Ok((found, relation))
}

/// `order.received` and `order.seen`: confirmations, each counted for the person and, the first,
/// for the order. They come late and twice, and then change nothing.
///
/// # Errors
/// The policy's refusal.
pub fn confirm(work: &mut Work<'_>, id: OrderId, seen: bool) -> Result<Answer, Fault> {
    let (mut found, relation) = own_order(work, id)?;
    if let (Some(user), Relation::Crew) = (work.who.id(), relation) {
        order::confirm(work.conn, id, user, seen, work.now)?;
    }
    let kind = if seen { "order.seen" } else { "order.delivered" };
    let first_delivery = found.delivered_at.is_none();
    let first_sight = seen && found.seen_at.is_none();
    found.delivered_at = found.delivered_at.or(Some(work.now));
    if seen {
        found.seen_at = found.seen_at.or(Some(work.now));
    }
    found.state = match (found.state, seen) {
        (OrderState::Sent, false) => OrderState::Delivered,
        (OrderState::Sent | OrderState::Delivered, true) => OrderState::Seen,
        (state, _) => state,
    };
    if first_delivery || first_sight {
        order::update(work.conn, &found)?;
        let entry = work.log(NewEntry {
            incident: Some(found.incident_id),
            unit: Some(found.unit_id),
            order: Some(id),
            kind,
            ..NewEntry::default()
        })?;
        work.ledger.note(What::OrderChanged(id), Some(entry));
        work.ledger.note(What::IncidentChanged(found.incident_id), None);
    }
    Ok(answer(&Stands { order: id, state: found.state, nobody_heard: None }))
}

/// `order.accept`. An order that timed out may still be accepted: late is better than never. A
/// dispatcher may accept for a crew that answered by radio; the timeline says who did.
///
/// # Errors
/// The policy's refusal; `conflict` when it was answered otherwise or has ended.
pub fn accept(work: &mut Work<'_>, id: OrderId) -> Result<Answer, Fault> {
    let (mut found, relation) = own_order(work, id)?;
    if found.is_open() && found.state == OrderState::Accepted {
        return Ok(answer(&Stands { order: id, state: found.state, nobody_heard: None }));
    }
    check_unanswered(&found)?;
    if let (Some(user), Relation::Crew) = (work.who.id(), relation) {
        order::confirm(work.conn, id, user, true, work.now)?;
        found.delivered_at = found.delivered_at.or(Some(work.now));
        found.seen_at = found.seen_at.or(Some(work.now));
    }
    found.state = OrderState::Accepted;
    (found.answered_at, found.answered_by) = (Some(work.now), work.who.id());
    (found.repeat_at, found.escalate_at, found.nobody_heard) = (None, None, false);
    order::update(work.conn, &found)?;
    let entry = work.log(NewEntry {
        incident: Some(found.incident_id),
        unit: Some(found.unit_id),
        order: Some(id),
        kind: "order.accepted",
        ..NewEntry::default()
    })?;
    work.ledger.note(What::OrderChanged(id), Some(entry));
    work.ledger.note(What::IncidentChanged(found.incident_id), None);
    Ok(answer(&Stands { order: id, state: found.state, nobody_heard: None }))
}

fn check_unanswered(order: &Order) -> Result<(), Fault> {
    if !order.is_open() {
        return Err(clash("data.order", format!("open; it ended as {}", order.state)));
    }
    if !order.state.is_unanswered() {
        return Err(clash("data.order", format!("unanswered; it is {}", order.state)));
    }
    Ok(())
}

/// `order.decline`: with a reason. The unit is free, and the incident waits for another.
///
/// # Errors
/// The policy's refusal, `bad_request`, or `conflict` when it was answered otherwise or has ended.
pub fn decline(work: &mut Work<'_>, wish: &OrderDecline) -> Result<Answer, Fault> {
    let (mut found, _) = own_order(work, wish.order)?;
    check_said("data.reason", &wish.reason, 500)?;
    check_unanswered(&found)?;
    let incident = incident::by_id(work.conn, found.incident_id)?;
    let incident = incident.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    (found.answered_at, found.answered_by) = (Some(work.now), work.who.id());
    found.decline_reason = Some(wish.reason.clone());
    let unit = found.unit_id;
    let how = Freed {
        deed: Deed::Decline,
        state: Some(OrderState::Declined),
        reason: &wish.reason,
        moment: &Moment::at(work.now),
    };
    progress::free(work, &incident, found, &how)?;
    let entry = work.log(NewEntry {
        incident: Some(incident.id),
        unit: Some(unit),
        order: Some(wish.order),
        kind: "order.declined",
        detail: wish.reason.clone(),
        ..NewEntry::default()
    })?;
    work.ledger.note(What::IncidentChanged(incident.id), Some(entry));
    let incident = progress::settle(work, incident)?;
    let missed = work.missed(Unheard {
        alarm: "declined order",
        id: wish.order.0,
        unit: Some(unit.0),
        incident: Some(incident.id.0),
    });
    let (order, state) = (wish.order, OrderState::Declined);
    Ok(answer(&Stands { order, state, nobody_heard: missed.then_some(true) }))
}
