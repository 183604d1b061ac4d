//! Things as the messenger's clients read them, over REST and sockets alike. Ids are numbers.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::ids::{MessageId, UserId};
use crate::protocol::dialect::face::{Face, Faces};
use crate::protocol::dialect::links;
use crate::protocol::dialect::moment::zulu;
use crate::protocol::views::attachment::AttachmentView;
use crate::protocol::views::call::{CallState, CallView, PartState, PartView};
use crate::protocol::views::people::ClientSettingsView;
use crate::protocol::views::talk::{PinView, ReactorView};
use crate::protocol::views::{ConversationKind, ConversationView, MemberRole, MessageView};

/// The types of message that these clients know.
pub const MESSAGE_TYPES: &[&str] = &["text", "image", "video", "audio", "file"];

/// A person. `settings` are shown to themselves alone.
pub fn user(face: &Face, settings: Option<Value>) -> Value {
    let (about, privacy) = (&face.about, &face.about.privacy);
    json!({
        "id": face.id.0,
        "username": face.username,
        "email": face.email,
        "display_name": face.display_name,
        "phone_number": face.phone,
        "avatar": about.avatar,
        "status_message": about.status,
        "bio": about.bio,
        "is_online": about.is_online,
        "last_seen_at": about.last_seen_at.map(zulu),
        "date_of_birth": about.born,
        "country": about.country,
        "city": about.city,
        "website": about.website,
        "show_phone_number": privacy.shows_phone,
        "show_last_seen": privacy.shows_last_seen,
        "show_profile_photo": privacy.shows_photo,
        "allow_calls": privacy.allows_calls,
        "allow_group_invite": privacy.allows_group_invites,
        "settings": settings,
    })
}

/// A person by id; `null` once the account is erased.
pub fn user_of(faces: &Faces, id: Option<UserId>) -> Value {
    id.and_then(|id| faces.get(&id)).map_or(Value::Null, |face| user(face, None))
}

/// How far a message has come with one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub user: UserId,
    /// `sent`, `delivered` or `read`.
    pub state: &'static str,
    pub at: NaiveDateTime,
}

/// What one person felt about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    pub user: UserId,
    pub emoji: String,
    pub at: NaiveDateTime,
}

/// What belongs to a message beside what all its readers see of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    pub receipts: Vec<Receipt>,
    pub reactions: Vec<Reaction>,
}

impl Extras {
    /// What all readers are told: the receipt of its sender, and the reactions that it names.
    pub fn of(message: &MessageView) -> Self {
        let sender = message.sender.as_ref().map(|sender| sender.id);
        let receipt = |user| Receipt { user, state: "sent", at: message.created_at };
        let reactors = message.reactions.iter().flat_map(|reaction| &reaction.each);
        let reaction = |one: &ReactorView| Reaction {
            user: one.user.id,
            emoji: one.emoji.clone(),
            at: one.at,
        };
        Self {
            receipts: sender.map(receipt).into_iter().collect(),
            reactions: reactors.map(reaction).collect(),
        }
    }

    /// Everyone that a message in full speaks of.
    pub fn people(&self, message: &MessageView) -> Vec<UserId> {
        let sender = message.sender.as_ref().map(|sender| sender.id);
        let replied = message.reply_to.as_ref().and_then(|reply| reply.sender);
        let forwarded = forwarded_by(message);
        let receipts = self.receipts.iter().map(|receipt| receipt.user);
        let reactions = self.reactions.iter().map(|reaction| reaction.user);
        [sender, replied, forwarded]
            .into_iter()
            .flatten()
            .chain(receipts)
            .chain(reactions)
            .collect()
    }
}

/// Who wrote what a message was forwarded from.
fn forwarded_by(message: &MessageView) -> Option<UserId> {
    let sender = message.forwarded_from.as_ref()?.sender.as_ref()?;
    Some(sender.id)
}

fn attachment(file: &AttachmentView, base: &str) -> Value {
    json!({
        "id": file.id.0,
        "file": format!("{base}{}", links::open(file)),
        "file_name": file.name,
        "file_size": file.size,
        "mime_type": file.content_type,
        "download_url": links::download(file),
    })
}

/// A number for a reaction, which has none of its own: clients tell the entries of a list apart by
/// it. The same for the same person, emoji and message (FNV-1a, cut to what JavaScript can count).
fn reaction_number(message: MessageId, reaction: &Reaction) -> i64 {
    const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    let (message, user) = (message.0.to_be_bytes(), reaction.user.0.to_be_bytes());
    let bytes = message.iter().chain(&user).chain(reaction.emoji.as_bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    i64::try_from(hash >> 11).unwrap_or(1).max(1)
}

/// A reaction to a message by itself.
pub fn reaction(message: MessageId, reaction: &Reaction, faces: &Faces) -> Value {
    json!({
        "id": reaction_number(message, reaction),
        "user": user_of(faces, Some(reaction.user)),
        "emoji": reaction.emoji,
        "created_at": zulu(reaction.at),
    })
}

/// A message in full. `base` stands before the paths of files: empty for sockets.
pub fn message(message: &MessageView, extras: &Extras, faces: &Faces, base: &str) -> Value {
    let sender = message.sender.as_ref().map(|sender| sender.id);
    let reply = message.reply_to.as_ref();
    let receipts = extras.receipts.iter().map(|receipt| {
        let user = user_of(faces, Some(receipt.user));
        json!({"user": user, "state": receipt.state, "updated_at": zulu(receipt.at)})
    });
    let receipts: Vec<Value> = receipts.collect();
    let reactions = extras.reactions.iter().map(|one| reaction(message.id, one, faces));
    let origin = message.forwarded_from.as_ref().and_then(|forward| forward.of);
    let files = message.attachments.iter().map(|file| attachment(file, base));
    json!({
        "id": message.id.0,
        "conversation": message.conversation.0,
        "sender": user_of(faces, sender),
        "message_type": message.message_type,
        "content": message.content,
        "created_at": zulu(message.created_at),
        "edited_at": message.edited_at.map(zulu),
        "reply_to": reply.map(|reply| reply.id.0),
        "reply_to_message": reply.map(|reply| json!({
            "id": reply.id.0,
            "sender": user_of(faces, reply.sender),
            "content": reply.content,
        })),
        "forwarded_from": origin.map(|origin| origin.0),
        "forwarded_from_message": origin.map(|origin| json!({
            "id": origin.0,
            "sender": user_of(faces, forwarded_by(message)),
        })),
        "is_deleted": message.deleted,
        "attachments": files.collect::<Vec<_>>(),
        "receipts": receipts,
        "reactions": reactions.collect::<Vec<_>>(),
    })
}

/// A pinned message, under its own number: it is pinned once.
pub fn pin(message: Value, id: MessageId, pin: &PinView, faces: &Faces) -> Value {
    json!({
        "id": id.0,
        "message": message,
        "pinned_by": user_of(faces, pin.by),
        "pinned_at": zulu(pin.at),
    })
}

/// A call. It lasts from its first answer on; one that nobody answered has lasted for nothing.
pub fn call(call: &CallView, faces: &Faces) -> Value {
    let parts: Vec<Value> = call.participants.iter().map(|part| taker(part, faces)).collect();
    let caller = call.caller.as_ref().map(|caller| caller.id);
    json!({
        "id": call.id.0,
        "conversation": call.conversation.0,
        "caller": user_of(faces, caller),
        "call_type": call.kind.as_str(),
        "state": call.state.as_str(),
        "started_at": zulu(call.created_at),
        "ended_at": call.ended_at.map(zulu),
        "duration": call_seconds(call),
        "participants": parts,
    })
}

/// For how many seconds a call that is over was talked.
pub fn call_seconds(call: &CallView) -> i64 {
    let answered = call.answered_at.filter(|_| call.state == CallState::Ended);
    let lasted = answered.zip(call.ended_at).map(|(from, to)| (to - from).num_seconds());
    lasted.unwrap_or(0).max(0)
}

fn taker(part: &PartView, faces: &Faces) -> Value {
    json!({
        // Within a call the person's number is unique, too.
        "id": part.user.id.0,
        "user": user_of(faces, Some(part.user.id)),
        "joined_at": part.joined_at.map(zulu),
        "left_at": part.left_at.map(zulu),
        "is_answered": matches!(part.state, PartState::Joined | PartState::Left),
    })
}

/// Someone's place in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fellow {
    pub user: UserId,
    pub role: MemberRole,
    pub nickname: String,
    pub joined_at: NaiveDateTime,
    pub muted_until: Option<NaiveDateTime>,
}

/// What belongs to a conversation beside its row.
#[derive(Debug, Clone, Default)]
pub struct Within<'a> {
    pub fellows: &'a [Fellow],
    /// A message in full.
    pub last_message: Option<Value>,
    pub unread: i64,
    pub invite_link: Option<&'a str>,
    /// Where its picture is.
    pub avatar: Option<String>,
}

/// The kind of a conversation in the words of these clients, who know no rooms.
pub fn conversation_type(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Room => ConversationKind::Group.as_str(),
        other => other.as_str(),
    }
}

/// A conversation in full.
pub fn conversation(found: &ConversationView, within: &Within<'_>, faces: &Faces) -> Value {
    let is_direct = found.kind == ConversationKind::Direct;
    // A direct one has no owner here; these clients want somebody's number.
    let first = within.fellows.iter().map(|fellow| fellow.user).min();
    let owner = found.owner.or(if is_direct { first } else { None });
    let title = match (found.title.as_str(), &found.name) {
        ("", _) if is_direct => direct_title(within.fellows, faces),
        ("", Some(name)) => name.clone(),
        (title, _) => title.to_owned(),
    };
    let members: Vec<Value> = within.fellows.iter().map(|fellow| member(fellow, faces)).collect();
    json!({
        "id": found.id.0,
        "title": title,
        "conversation_type": conversation_type(found.kind),
        "owner": owner.map(|owner| owner.0),
        "description": found.description,
        "created_at": zulu(found.created_at),
        "updated_at": zulu(found.updated_at),
        "avatar": within.avatar,
        "is_public": found.is_public,
        "invite_link": within.invite_link,
        "members": members,
        "last_message": within.last_message,
        "unread_count": within.unread,
    })
}

fn direct_title(fellows: &[Fellow], faces: &Faces) -> String {
    let names = fellows.iter().filter_map(|fellow| faces.get(&fellow.user));
    names.map(|face| face.username.as_str()).collect::<Vec<_>>().join(" - ")
}

fn member(fellow: &Fellow, faces: &Faces) -> Value {
    json!({
        // A membership has no number of its own; within a conversation the person's is unique.
        "id": fellow.user.0,
        "user": user_of(faces, Some(fellow.user)),
        "nickname": fellow.nickname,
        "is_admin": fellow.role != MemberRole::Member,
        "joined_at": zulu(fellow.joined_at),
        "muted_until": fellow.muted_until.map(zulu),
    })
}

/// A profile, as its owner sees it: the person, and where the picture is.
pub fn profile(face: &Face, settings: Option<Value>) -> Value {
    let mut shown = user(face, settings);
    if let Value::Object(fields) = &mut shown {
        fields.insert("avatar_url".to_owned(), json!(face.about.avatar));
        fields.insert("date_joined".to_owned(), json!(face.date_joined.map(zulu)));
    }
    shown
}

/// A profile, as others see it: keys of what is hidden are absent.
pub fn profile_for_others(face: &Face) -> Value {
    let (about, privacy) = (&face.about, &face.about.privacy);
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("id", json!(face.id.0));
    put("username", json!(face.username));
    put("display_name", json!(face.display_name));
    put("status_message", json!(about.status));
    put("bio", json!(about.bio));
    if privacy.shows_photo {
        put("avatar", json!(about.avatar));
    }
    if privacy.shows_phone {
        put("phone_number", json!(face.phone));
    }
    if privacy.shows_last_seen {
        put("is_online", json!(about.is_online));
        put("last_seen_at", json!(about.last_seen_at.map(zulu)));
    }
    Value::Object(shown)
}

/// One's settings, under one's own number. Receipts are privacy here and a setting there.
pub fn settings(owner: UserId, kept: &ClientSettingsView, shows_receipts: bool) -> Value {
    json!({
        "id": owner.0,
        "enable_notifications": kept.enable_notifications,
        "notification_sound": kept.notification_sound,
        "message_preview": kept.message_preview,
        "enter_to_send": kept.enter_to_send,
        "auto_download_photos": kept.auto_download_photos,
        "auto_download_videos": kept.auto_download_videos,
        "auto_download_files": kept.auto_download_files,
        "two_factor_enabled": kept.two_factor_enabled,
        "show_typing_indicator": kept.show_typing_indicator,
        "show_read_receipts": shows_receipts,
        "theme": kept.theme,
        "font_size": kept.font_size,
        "language": kept.language,
        "created_at": kept.created_at.map(zulu),
        "updated_at": kept.updated_at.map(zulu),
    })
}
