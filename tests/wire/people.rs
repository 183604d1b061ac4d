//! The events about a person's own entries, as their fixtures have them.

use switchboard::ids::{ContactId, UserId};
use switchboard::protocol::event::people::PeopleEvent;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::PersonView;
use switchboard::protocol::views::people::{
    ClientSettingsView, ContactMarks, ContactView, OwnProfile, PrivacyView,
};

use super::{alice, at, bob};

/// Every one of them, on an inbox.
pub fn events() -> Vec<Event> {
    let profile = OwnProfile {
        person: bob(),
        avatar: Some("/api/v1/files/7".into()),
        status_message: "on call".into(),
        bio: String::new(),
        website: "https://example.org/bob".into(),
        phone: Some("+2325550100".into()),
        email: "bob@example.org".into(),
        date_of_birth: Some("1990-02-28".into()),
        country: String::new(),
        city: String::new(),
        last_seen_at: Some(at()),
        privacy: PrivacyView {
            show_phone_number: true,
            show_last_seen: false,
            show_profile_photo: true,
            show_read_receipts: true,
            allow_calls: true,
            allow_group_invite: true,
        },
    };
    let settings = ClientSettingsView {
        enable_notifications: true,
        notification_sound: true,
        message_preview: true,
        enter_to_send: false,
        auto_download_photos: true,
        auto_download_videos: false,
        auto_download_files: false,
        two_factor_enabled: false,
        show_typing_indicator: true,
        theme: "dark".into(),
        font_size: "medium".into(),
        language: "en".into(),
        created_at: Some(at()),
        updated_at: Some(at()),
    };
    let marks = ContactMarks {
        id: ContactId(41),
        nickname: "Al".into(),
        is_contact: true,
        is_favorite: true,
        is_blocked: false,
    };
    let bodies = [
        PeopleEvent::ProfileChanged(profile),
        PeopleEvent::SettingsChanged(settings),
        PeopleEvent::ContactChanged(ContactView { user: alice(), marks, created_at: at() }),
        PeopleEvent::ContactRemoved { user: UserId(2) },
    ];
    let event = |(seq, body)| Event {
        topic: Topic::Inbox(UserId(3)),
        seq: Some(seq),
        at: at(),
        body: EventBody::People(body),
    };
    let mut events: Vec<Event> = (14..).zip(bodies).map(event).collect();
    let user = PersonView { avatar: Some("/api/v1/users/2/avatar?v=51".into()), ..alice() };
    events.push(Event {
        topic: Topic::room("general"),
        seq: None,
        at: at(),
        body: EventBody::People(PeopleEvent::PersonChanged { user }),
    });
    events
}
