//! UUIDs for clients that know no other ids: each is computed from an id of ours and read back.
//!
//! Version 8 of RFC 9562, whose bits are ours to choose: no column keeps them, and no query is
//! needed to find what one means. They guard nothing, as ids do not.

use crate::ids::{ConversationId, MessageId, UserId};

/// What a UUID names; the first group of its digits.
const USER: u32 = 1;
const CONVERSATION: u32 = 2;
const MESSAGE: u32 = 3;

fn write(kind: u32, id: i64) -> String {
    let (high, low) = ((id >> 48) & 0xFFF, id & 0xFFFF_FFFF_FFFF);
    format!("{kind:08x}-0000-8{high:03x}-8000-{low:012x}")
}

fn read(kind: u32, text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let groups: Vec<&str> = text.split('-').collect();
    let [kind_digits, "0000", version, "8000", low] = groups[..] else { return None };
    let high = i64::from_str_radix(version.strip_prefix('8')?, 16).ok()?;
    let id = (high << 48) | i64::from_str_radix(low, 16).ok()?;
    // Written back the same, it has no sign, no missing digit and the right kind.
    let is_ours = write(kind, id) == text && kind_digits.len() == 8 && id > 0;
    is_ours.then_some(id)
}

/// A person's UUID.
pub fn of_user(id: UserId) -> String {
    write(USER, id.0)
}

/// A conversation's UUID.
pub fn of_conversation(id: ConversationId) -> String {
    write(CONVERSATION, id.0)
}

/// A message's UUID.
pub fn of_message(id: MessageId) -> String {
    write(MESSAGE, id.0)
}

/// The person a UUID names, or plain digits.
pub fn user(text: &str) -> Option<UserId> {
    read(USER, text).map(UserId).or_else(|| text.parse().ok())
}

/// The conversation a UUID names.
pub fn conversation(text: &str) -> Option<ConversationId> {
    read(CONVERSATION, text).map(ConversationId)
}

/// The message a UUID names, or plain digits.
pub fn message(text: &str) -> Option<MessageId> {
    read(MESSAGE, text).map(MessageId).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MAX_ID;

    #[test]
    fn a_uuid_is_read_back_as_the_id_it_was_made_of() {
        for id in [1, 42, (1 << 48) + 7, MAX_ID] {
            let text = of_conversation(ConversationId(id));
            assert_eq!(text.len(), 36, "{text}");
            assert_eq!(conversation(&text), Some(ConversationId(id)), "{text}");
            assert_eq!(conversation(&text.to_uppercase()), Some(ConversationId(id)));
        }
        assert_eq!(of_user(UserId(42)), "00000001-0000-8000-8000-00000000002a");
        assert_eq!(user("42"), Some(UserId(42)));
        assert_eq!(message(&of_message(MessageId(7))), Some(MessageId(7)));
    }

    #[test]
    fn what_names_something_else_or_nothing_is_not_read() {
        let person = of_user(UserId(42));
        assert_eq!(conversation(&person), None);
        for text in [
            "",
            "42",
            "00000002-0000-8000-8000-000000000000",
            "00000002-0000-8000-8000-00000000002",
            "00000002-0000-8000-8000-+0000000002a",
            "00000002-0000-4000-8000-00000000002a",
            "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        ] {
            assert_eq!(conversation(text), None, "{text}");
        }
    }
}
