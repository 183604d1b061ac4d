//! What older clients send, read with the patience they are used to.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::ids::UserId;
use crate::protocol::dialect::contract::Said;
use crate::protocol::dialect::face::{Face, Faces};
use crate::protocol::frame::{MAX_DEPTH, depth};
use crate::protocol::views::{MessageView, PersonView};

/// What a client sent that is no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoObject {
    /// Not JSON, or not within limits.
    Unreadable,
    /// JSON, and something else.
    Other,
}

/// The object that a client sent.
///
/// # Errors
/// Which kind of nonsense it was.
pub fn object(said: Said<'_>) -> Result<Map<String, Value>, NoObject> {
    let Said::Text(text) = said else { return Err(NoObject::Unreadable) };
    if depth(text) > MAX_DEPTH {
        return Err(NoObject::Unreadable);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(NoObject::Other),
        Err(_) => Err(NoObject::Unreadable),
    }
}

/// Text; of anything else its JSON, and nothing for `null`.
pub fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// An id, as a number or as digits.
pub fn id<T: FromStr>(value: Option<&Value>) -> Option<T> {
    match value? {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Whether a value counts as yes in the languages these clients talk to.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) => true,
    }
}

/// A person as the whole room sees them: one frame goes to all, so what only some may see is not
/// in it.
pub fn face(person: &PersonView) -> Face {
    let named = Face::named(person.id, &person.username, &person.display_name);
    let Some(profile) = person.profile.as_deref() else { return named };
    Face {
        first_name: profile.first_name.to_string(),
        last_name: profile.last_name.to_string(),
        email: profile.email.to_string(),
        role: profile.role.to_string(),
        title: profile.title.to_string(),
        ..named
    }
}

/// Everyone that a message names.
pub fn faces(message: &MessageView) -> Faces {
    let replied = message.reply_to.iter().filter_map(|reply| reply.author.as_ref());
    let forwarded = message.forwarded_from.iter().filter_map(|forward| forward.sender.as_ref());
    let reactors = message.reactions.iter().flat_map(|reaction| &reaction.each);
    let people = message.sender.iter().chain(replied).chain(forwarded);
    let people = people.chain(reactors.map(|reactor| &reactor.user));
    people.map(|person| (person.id, face(person))).collect()
}

/// Whether this is who wrote it.
pub fn is_by(message: &MessageView, user: Option<UserId>) -> bool {
    message.sender.as_ref().is_some_and(|sender| Some(sender.id) == user)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::MessageId;

    #[test]
    fn nonsense_is_told_from_what_is_only_no_object() {
        assert!(object(Said::Text(r#"{"type":"ping"}"#)).is_ok());
        for text in ["[1]", "5", "null", r#""x""#] {
            assert_eq!(object(Said::Text(text)), Err(NoObject::Other), "{text}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        for text in ["", "{", "nonsense", &deep] {
            assert_eq!(object(Said::Text(text)), Err(NoObject::Unreadable), "{text}");
        }
        assert_eq!(object(Said::Binary(b"{}")), Err(NoObject::Unreadable));
    }

    #[test]
    fn ids_are_read_from_numbers_and_digits_and_nothing_else() {
        let id = |value: Value| super::id::<MessageId>(Some(&value)).map(|id| id.0);
        assert_eq!(id(json!(7)), Some(7));
        assert_eq!(id(json!("7")), Some(7));
        for value in [json!(0), json!(-1), json!(1.5), json!("x"), json!(null), json!([7])] {
            assert_eq!(id(value.clone()), None, "{value}");
        }
    }
}
