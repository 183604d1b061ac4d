//! The classroom's two quiet streams: one's own notifications and one's own dashboard. Nothing is
//! said on connecting, nothing a client says is answered.

use serde_json::{Value, json};

use crate::clock;
use crate::protocol::close::Close;
use crate::protocol::dialect::contract::{Deed, Dialect, Frame, Here, Parting, Said};
use crate::protocol::event::inbox::InboxEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::inbox::NotificationView;

/// Notifications, at `/ws/notifications/{user}/`.
#[derive(Debug)]
pub struct Notifications;

/// The dashboard, at `/ws/dashboard/{user}/`.
#[derive(Debug)]
pub struct Board;

/// The error frame these clients draw; they read `error`, their own server sent `message`.
fn refused(close: Close, what: &str, refusal: &Refusal) -> Parting {
    let (message, code, close) = match close {
        Close::NotAuthorized => ("Authentication required".to_owned(), "auth_error", close),
        // Another's, or none: one word and one code for both.
        Close::NotYours | Close::NoSuchTopic | Close::BadRequest => {
            (format!("Access denied to {what}"), "access_error", Close::BadRequest)
        }
        _ => return Parting { frames: vec![], close, reason: refusal.message.to_string() },
    };
    let frame = json!({"type": "error", "message": message, "error": message, "code": code});
    Parting { frames: vec![frame.to_string()], close, reason: message }
}

/// An id as these clients hold it, when it is one.
fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| json!(id), |id| json!(id))
}

fn notice(notification: &NotificationView) -> Value {
    json!({
        "type": "notification",
        "data": {
            "id": notification.id.0,
            "type": notification.kind,
            "title": notification.title,
            "message": notification.message,
            "priority": notification.priority,
            "related_object_type": notification.object.as_ref().map(|object| &object.kind),
            "related_object_id": notification.object.as_ref().map(|object| number(&object.id)),
            "data": notification.data.clone().unwrap_or_else(|| json!({})),
            "created_at": clock::rfc3339(notification.created_at),
            "is_read": notification.read_at.is_some(),
            "action_url": notification.action_url,
        },
    })
}

impl Dialect for Notifications {
    fn read(&self, _: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        Vec::new()
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        match &event.body {
            EventBody::Inbox(InboxEvent::New { notification, .. }) => {
                vec![Frame::to_all(notice(notification).to_string())]
            }
            _ => Vec::new(),
        }
    }

    fn parting(&self, close: Close, refusal: &Refusal) -> Parting {
        refused(close, "notifications", refusal)
    }
}

impl Dialect for Board {
    fn read(&self, _: Said<'_>, _: &Here<'_>) -> Vec<Deed> {
        Vec::new()
    }

    fn event(&self, event: &Event) -> Vec<Frame> {
        let EventBody::Dashboard(view) = &event.body else { return Vec::new() };
        let data = json!({
            "type": "general", "data": view, "timestamp": clock::rfc3339(event.at),
        });
        vec![Frame::to_all(json!({"type": "dashboard_update", "data": data}).to_string())]
    }

    fn parting(&self, close: Close, refusal: &Refusal) -> Parting {
        refused(close, "dashboard", refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_so_under_both_names_and_closes_with_their_codes() {
        let nobody = Refusal::not_authenticated("sign in first");
        let parting = Notifications.parting(Close::NotAuthorized, &nobody);
        assert_eq!(parting.close, Close::NotAuthorized);
        let frame: Value = serde_json::from_str(&parting.frames[0]).unwrap();
        let expected = json!({"type": "error", "message": "Authentication required",
            "error": "Authentication required", "code": "auth_error"});
        assert_eq!(frame, expected);
        for close in [Close::NotYours, Close::NoSuchTopic, Close::BadRequest] {
            let parting = Board.parting(close, &Refusal::not_found());
            assert_eq!(parting.close, Close::BadRequest);
            assert!(parting.frames[0].contains("Access denied to dashboard"));
        }
        let busy = Refusal::unavailable(1);
        assert!(Board.parting(Close::Overloaded, &busy).frames.is_empty());
    }

    #[test]
    fn an_id_is_a_number_when_it_can_be() {
        assert_eq!(number("7"), json!(7));
        assert_eq!(number("INV-7"), json!("INV-7"));
    }
}
