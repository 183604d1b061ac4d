//! The events about calls and reports, as their fixtures have them.

use serde_json::json;
use serde_json::value::to_raw_value;
use switchboard::ids::{CallId, ConversationId, MessageId, ReportId, UserId};
use switchboard::protocol::event::call::{CallEvent, CallStep};
use switchboard::protocol::event::report::ReportEvent;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::call::{CallKind, CallState, CallView, PartState, PartView};
use switchboard::protocol::views::report::{ReportReason, ReportState, ReportView};

use super::{alice, at, bob};

fn call() -> CallView {
    let caller =
        PartView { user: alice(), state: PartState::Joined, joined_at: Some(at()), left_at: None };
    let callee =
        PartView { user: bob(), state: PartState::Ringing, joined_at: None, left_at: None };
    CallView {
        id: CallId(9),
        conversation: ConversationId(1),
        topic: "chat:general".into(),
        kind: CallKind::Video,
        state: CallState::Active,
        caller: Some(alice()),
        participants: vec![caller, callee],
        created_at: at(),
        ring_until: at(),
        answered_at: None,
        ended_at: None,
        ended_by: None,
    }
}

fn report() -> ReportView {
    ReportView {
        id: ReportId(7),
        reporter: Some(alice()),
        person: Some(bob()),
        message: Some(MessageId(311)),
        conversation: Some(ConversationId(1)),
        reason: ReportReason::Spam,
        note: "again".into(),
        excerpt: "buy".into(),
        state: ReportState::Open,
        created_at: at(),
        resolved_at: None,
        resolved_by: None,
        resolution: String::new(),
    }
}

/// Every one of them, in its place.
pub fn events() -> Vec<Event> {
    let by = |by| CallStep { call: call(), by };
    let alice = Some(UserId(2));
    let (chat, inbox) = (Topic::room("general"), Topic::Inbox(UserId(3)));
    let event = |topic: &Topic, seq, body| Event { topic: topic.clone(), seq, at: at(), body };
    let in_chat = |body| event(&chat, Some(1300), EventBody::Call(body));
    let payload = to_raw_value(&json!({"sdp": "v=0"})).unwrap().into();
    let signal = CallEvent::Signal { call: CallId(9), from: UserId(2), payload };
    let settled = ReportView {
        excerpt: String::new(),
        state: ReportState::Resolved,
        resolved_at: Some(at()),
        resolved_by: Some(UserId(4)),
        resolution: "warned".into(),
        ..report()
    };
    let desk = Topic::Admin("reports".into());
    let to_admins = |body| event(&desk, None, EventBody::Report(body));
    vec![
        event(&inbox, Some(18), EventBody::Call(CallEvent::Incoming(by(alice)))),
        in_chat(CallEvent::Started(by(alice))),
        in_chat(CallEvent::Ringing(by(alice))),
        in_chat(CallEvent::Answered(by(alice))),
        in_chat(CallEvent::Declined(by(alice))),
        in_chat(CallEvent::Left(by(alice))),
        in_chat(CallEvent::Ended(by(alice))),
        in_chat(CallEvent::Missed(by(None))),
        event(&inbox, None, EventBody::Call(signal)),
        to_admins(ReportEvent::Opened(report())),
        to_admins(ReportEvent::Resolved(settled)),
    ]
}
