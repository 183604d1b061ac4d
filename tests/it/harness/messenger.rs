//! Conversations and sockets as an older messenger's clients open them.

use serde_json::json;

use crate::harness::older::Rest;
use crate::harness::people::Person;
use crate::harness::socket::Socket;

/// What these clients read of a person.
pub const USER_KEYS: &[&str] = &[
    "allow_calls",
    "allow_group_invite",
    "avatar",
    "bio",
    "city",
    "country",
    "date_of_birth",
    "display_name",
    "email",
    "id",
    "is_online",
    "last_seen_at",
    "phone_number",
    "settings",
    "show_last_seen",
    "show_phone_number",
    "show_profile_photo",
    "status_message",
    "username",
    "website",
];

/// A group of these people; the first opened it. Its number.
pub async fn group(people: &[&Person]) -> i64 {
    let ids: Vec<i64> = people[1..].iter().map(|person| person.id.0).collect();
    let wish = json!({"title": "Trip", "conversation_type": "group", "member_ids": ids});
    let made = Rest::bearer(people[0]).post(201, "/api/chat/conversations/", wish).await;
    made["id"].as_i64().unwrap()
}

/// A socket of a conversation, served or not.
pub async fn opens(person: &Person, conversation: i64) -> Socket {
    let path = format!("/ws/chat/{conversation}/?token={}", person.token);
    Socket::open(person.server, &path, &[]).await
}

/// A socket that is seated.
pub async fn seated(person: &Person, conversation: i64) -> Socket {
    let mut socket = opens(person, conversation).await;
    is_silent(&mut socket, "seated").await;
    socket
}

/// Asserts that nothing but the answer to a ping comes.
pub async fn is_silent(socket: &mut Socket, why: &str) {
    socket.sends_text(r#"{"type":"ping"}"#).await;
    assert_eq!(socket.next().await.unwrap(), json!({"type": "pong"}), "{why}");
}
