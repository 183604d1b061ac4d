//! Things as the classroom's clients read them, over REST and sockets alike. Ids are numbers.

use serde_json::{Map, Value, json};

use crate::ids::{MessageId, UserId};
use crate::protocol::dialect::face::{Face, Faces};
use crate::protocol::dialect::links;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::views::{ConversationKind, ConversationView, MessageView};

/// The types of message that these clients know.
pub const MESSAGE_TYPES: &[&str] = &["text", "image", "file", "system"];
/// The room that everyone is in.
pub const GENERAL: &str = "general";
/// Rooms whose names begin so are forums about a subject.
const FORUM: &str = "forum-";
/// Rooms whose names begin so are forums with a tutor.
const TUTOR_FORUM: &str = "forum-tutor-";
/// Most characters of a last message in a list.
const EXCERPT_CHARS: usize = 100;

/// Someone whose account is erased.
fn nobody() -> Face {
    Face { is_active: false, ..Face::named(UserId(0), "", "Deleted user") }
}

fn face_of(faces: &Faces, id: Option<UserId>) -> Face {
    id.and_then(|id| faces.get(&id)).cloned().unwrap_or_else(nobody)
}

/// The sender of a message: what the documents name, and what the pages read beside it.
fn sender(face: &Face) -> Value {
    json!({
        "id": face.id.0,
        "full_name": face.full_name(),
        "role": face.shown_role(),
        "username": face.username,
        "first_name": face.shown_first_name(),
        "last_name": face.last_name,
    })
}

/// Someone in a list of people.
pub fn participant(face: &Face) -> Value {
    json!({"id": face.id.0, "full_name": face.full_name(), "role": face.shown_role()})
}

/// Someone who came or types.
pub fn arrival(face: &Face) -> Value {
    json!({
        "id": face.id.0,
        "username": face.username,
        "first_name": face.shown_first_name(),
        "last_name": face.last_name,
    })
}

/// Someone who left or has stopped typing.
pub fn departure(face: &Face) -> Value {
    json!({"id": face.id.0, "username": face.username})
}

/// Media types of files that hold others.
const ARCHIVES: &[&str] = &["zip", "rar", "7z", "tar", "gzip", "bzip2", "xz", "compressed"];

/// What a file is, in the words of these clients.
fn file_type(media_type: &str) -> &'static str {
    match media_type {
        kind if kind.starts_with("image/") => "image",
        kind if ARCHIVES.iter().any(|archive| kind.contains(archive)) => "archive",
        _ => "document",
    }
}

/// What belongs to a message beside its row, as one reader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// The message that began the thread, and its title.
    pub thread: Option<(MessageId, String)>,
    pub is_read: bool,
    pub replies: i64,
}

/// A message in full. `base` stands before the paths of files: empty for sockets.
pub fn message(message: &MessageView, extras: &Extras, faces: &Faces, base: &str) -> Value {
    let face = face_of(faces, message.sender.as_ref().map(|sender| sender.id));
    // A message of theirs has one file at most.
    let file = message.attachments.first();
    let is_image = file.is_some_and(|file| file.content_type.starts_with("image/"));
    let url = file.map(|file| format!("{base}{}", links::open(file)));
    let (plain, picture) = if is_image { (None, url) } else { (url, None) };
    let updated_at = message.edited_at.unwrap_or(message.created_at);
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("id", json!(message.id.0));
    put("room", json!(message.conversation.0));
    put("thread", json!(extras.thread.as_ref().map(|(id, _)| id.0)));
    if let Some((_, title)) = &extras.thread {
        put("thread_title", json!(title));
    }
    put("sender", sender(&face));
    put("sender_name", json!(face.full_name()));
    put("sender_avatar", json!(face.about.avatar));
    put("sender_role", json!(face.shown_role()));
    put("content", json!(message.content));
    put("message_type", json!(message_type(&message.message_type)));
    put("file", json!(plain));
    put("file_url", json!(plain));
    put("image", json!(picture));
    put("image_url", json!(picture));
    put("is_edited", json!(message.edited_at.is_some()));
    put("reply_to", json!(message.reply_to.as_ref().map(|reply| reply.id.0)));
    put("created_at", json!(zulu(message.created_at)));
    put("updated_at", json!(zulu(updated_at)));
    put("is_read", json!(extras.is_read));
    put("replies_count", json!(extras.replies));
    put("file_name", json!(file.map(|file| &file.name)));
    put("file_size", json!(file.map(|file| file.size)));
    put("file_type", json!(file.map(|file| file_type(&file.content_type))));
    put("is_image", json!(is_image));
    Value::Object(shown)
}

/// A message's type in the words of these clients.
fn message_type(kind: &str) -> &str {
    if MESSAGE_TYPES.contains(&kind) { kind } else { "text" }
}

/// The type of a room in the words of these clients.
pub fn room_type(room: &ConversationView) -> &'static str {
    match (room.kind, room.name.as_deref()) {
        (ConversationKind::Direct, _) => "direct",
        (ConversationKind::Channel, _) => "class",
        (_, Some(GENERAL)) => "general",
        (_, Some(name)) if name.starts_with(TUTOR_FORUM) => "forum_tutor",
        (_, Some(name)) if name.starts_with(FORUM) => "forum_subject",
        _ => "group",
    }
}

/// Whether a room is a forum.
pub fn is_forum(room: &ConversationView) -> bool {
    room_type(room).starts_with("forum_")
}

/// What belongs to a room beside its row, as one reader sees it.
#[derive(Debug, Clone, Default)]
pub struct Within<'a> {
    /// The first people of the room.
    pub people: &'a [UserId],
    pub people_count: i64,
    pub last_message: Option<&'a MessageView>,
    pub unread: i64,
}

/// A room in a list.
pub fn room(found: &ConversationView, within: &Within<'_>, faces: &Faces) -> Value {
    let people: Vec<Face> = within.people.iter().filter_map(|id| faces.get(id)).cloned().collect();
    let kind = room_type(found);
    let name = match (found.title.as_str(), &found.name) {
        ("", Some(name)) => name.clone(),
        ("", None) => people.iter().map(Face::full_name).collect::<Vec<_>>().join(", "),
        (title, _) => title.to_owned(),
    };
    let subject = (kind == "forum_subject").then(|| json!({"id": found.id.0, "name": name}));
    let last = within.last_message.map(|last| {
        let face = face_of(faces, last.sender.as_ref().map(|sender| sender.id));
        json!({
            "id": last.id.0,
            "content": last.content.chars().take(EXCERPT_CHARS).collect::<String>(),
            "sender": participant(&face),
            "created_at": zulu(last.created_at),
        })
    });
    json!({
        "id": found.id.0,
        "name": name,
        "description": found.description,
        "type": kind,
        "participants_count": within.people_count,
        "participants": people.iter().map(participant).collect::<Vec<_>>(),
        "subject": subject,
        "is_active": true,
        "created_at": zulu(found.created_at),
        "updated_at": zulu(found.updated_at),
        "last_message": last,
        "unread_count": within.unread,
    })
}

/// A thread: a message of the general room with what was said about it.
#[derive(Debug, Clone, Copy)]
pub struct Thread<'a> {
    pub root: &'a MessageView,
    /// Whether the first message is the title and nothing that was said.
    pub is_titled: bool,
    pub replies: i64,
    pub last_reply: Option<&'a MessageView>,
    pub is_locked: bool,
}

/// What a thread is called: the beginning of its first message.
pub fn thread_title(root: &MessageView) -> String {
    root.content.chars().take(EXCERPT_CHARS).collect()
}

/// A thread in a list.
pub fn thread(thread: &Thread<'_>, faces: &Faces) -> Value {
    let root = thread.root;
    let face = face_of(faces, root.sender.as_ref().map(|sender| sender.id));
    let last = thread.last_reply.map(|last| {
        let by = face_of(faces, last.sender.as_ref().map(|sender| sender.id));
        let content: String = last.content.chars().take(EXCERPT_CHARS).collect();
        json!({
            "id": last.id.0,
            "content": content,
            "sender": by.full_name(),
            "created_at": zulu(last.created_at),
        })
    });
    let updated_at = thread.last_reply.map_or(root.created_at, |last| last.created_at);
    json!({
        "id": root.id.0,
        "room": root.conversation.0,
        "title": thread_title(root),
        "created_by": face.id.0,
        "created_by_name": face.full_name(),
        "created_by_role": face.shown_role(),
        "is_pinned": root.pinned.is_some(),
        "is_locked": thread.is_locked,
        "created_at": zulu(root.created_at),
        "updated_at": zulu(updated_at),
        "messages_count": thread.replies + i64::from(!thread.is_titled),
        "last_message": last,
    })
}

/// The person of a profile page.
pub fn profile_user(face: &Face) -> Value {
    json!({
        "id": face.id.0,
        "email": face.email,
        "first_name": face.shown_first_name(),
        "last_name": face.last_name,
        "phone": face.phone.as_deref().unwrap_or_default(),
        "avatar": face.about.avatar,
        "role": face.shown_role(),
    })
}

/// The person that a sign-in answers with.
pub fn account(face: &Face) -> Map<String, Value> {
    let fields = json!({
        "id": face.id.0,
        "email": face.email,
        "first_name": face.first_name,
        "last_name": face.last_name,
        "role": face.shown_role(),
        "role_display": face.role_display(),
        "phone": face.phone.as_deref().unwrap_or_default(),
        "avatar": face.about.avatar,
        "is_verified": true,
        "is_active": face.is_active,
        "is_staff": face.is_staff,
        "date_joined": face.date_joined.map(zulu),
        "full_name": face.full_name(),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
