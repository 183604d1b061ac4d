//! Pictures of people and of conversations: who may set one, who may see it, and where it is.
//!
//! The file is an attachment that the picture's holder keeps. What is handed out is its small copy,
//! which has nothing in it but pixels.

use std::collections::HashMap;

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_commands::{Effect, note};
use crate::actors::lane::Fault;
use crate::actors::people_commands;
use crate::actors::people_reads::shown;
use crate::actors::standing;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::{AttachmentId, ConversationId, UserId};
use crate::models::attachment::{self, AttachmentRow, links};
use crate::models::conversation::{self, Conversation};
use crate::models::error::StoreError;
use crate::models::profile::{self, Profile};
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::event::EventBody;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::ConversationView;

/// What keeps the picture of a conversation.
fn of_conversation(home: ConversationId) -> String {
    format!("avatar:conversation:{home}")
}

/// Where clients that show no credential with a picture find it: a path that nobody can guess.
pub fn open_path(object_key: &str) -> String {
    let name = object_key.rsplit('/').next().unwrap_or_default();
    format!("/media/pictures/{name}")
}

/// Where the picture of a person is. A new one is at a new address, whatever a cache has.
pub fn own_path(user: UserId, file: AttachmentId) -> String {
    format!("/api/v1/users/{user}/avatar?v={file}")
}

/// Lets `holder` keep this file, or nothing, in place of what it kept.
fn keep(
    conn: &mut DbConn,
    who: &Identity,
    holder: &str,
    file: Option<AttachmentId>,
) -> Result<(), Fault> {
    let at = clock::now_naive();
    if let Some(file) = file
        && !attachment::hold(conn, file, Some(who.user), holder, at)?
    {
        return Err(Refusal::not_found().into());
    }
    attachment::release(conn, holder, file, at)?;
    Ok(())
}

/// Puts away the file of someone's picture.
///
/// # Errors
/// When the database failed.
pub fn put_away(conn: &mut DbConn, user: UserId) -> Result<(), StoreError> {
    attachment::release(conn, &profile::picture_holder(user), None, clock::now_naive())?;
    Ok(())
}

/// Gives oneself the picture of an uploaded file, or none.
///
/// # Errors
/// The policy's refusal, `not_found` for a file that is not one's own and free, or a fault.
pub fn portray_oneself(
    conn: &mut DbConn,
    who: &Identity,
    file: Option<AttachmentId>,
) -> Result<Effect, Fault> {
    require(who, TopicKind::Inbox, Action::ChangeProfile, Relation::Oneself)?;
    let account = user::by_id(conn, who.user)?.ok_or_else(Refusal::not_found)?;
    keep(conn, who, &profile::picture_holder(who.user), file)?;
    let avatar = file.map(|file| own_path(who.user, file));
    let new = Profile { avatar, ..profile::of(conn, who.user)? };
    people_commands::keep_profile(conn, &account, new)
}

/// A conversation whose picture `who` may set; of a direct one nobody, for it shows the other.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn may_portray(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
) -> Result<Conversation, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::ChangeConversation)?;
    Ok(admission.conversation()?.clone())
}

/// Gives a conversation the picture of an uploaded file, or none.
///
/// # Errors
/// Those of [`may_portray`], and `not_found` for a file that is not one's own and free.
pub fn portray(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    file: Option<AttachmentId>,
) -> Result<Effect, Fault> {
    let home = may_portray(conn, who, topic)?;
    keep(conn, who, &of_conversation(home.id), file)?;
    let avatar = file.map(|file| format!("/api/v1/conversations/{}/avatar?v={file}", home.id));
    let changed = conversation::set_avatar(conn, home.id, avatar.as_deref(), clock::now_naive())?;
    let body = EventBody::ConversationChanged(changed.view());
    let event = note(conn, &changed, who.user, Some(changed.id.0), None, body)?;
    Ok(Effect::with_event(&changed.view(), event))
}

fn kept(conn: &mut DbConn, holder: &str) -> Result<AttachmentRow, Fault> {
    attachment::held(conn, holder)?.ok_or_else(|| Refusal::not_found().into())
}

/// The picture of someone, for those to whom they show it.
///
/// # Errors
/// `not_found` for all others, and where there is none.
pub fn see_person(
    conn: &mut DbConn,
    who: &Identity,
    person: UserId,
) -> Result<AttachmentRow, Fault> {
    let standing = standing::to_one(conn, who.user, person)?;
    require(who, TopicKind::Inbox, Action::SeeProfile, standing.relation)?;
    let profile = profile::of(conn, person)?;
    if !shown(who, &standing, &profile).photo {
        return Err(Refusal::not_found().into());
    }
    kept(conn, &profile::picture_holder(person))
}

/// The picture of a conversation, for those who may read it.
///
/// # Errors
/// The policy's refusal, and `not_found` where there is none.
pub fn see_conversation(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
) -> Result<AttachmentRow, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
    let home = admission.conversation()?.id;
    kept(conn, &of_conversation(home))
}

/// Where clients that show no credential find the pictures of these conversations, of those that
/// have one.
///
/// # Errors
/// When the database failed.
pub fn open_of<'a>(
    conn: &mut DbConn,
    homes: impl Iterator<Item = &'a ConversationView>,
) -> Result<HashMap<ConversationId, String>, StoreError> {
    let portrayed = homes.filter(|home| home.avatar.is_some()).map(|home| home.id);
    let holders: Vec<_> = portrayed.map(|home| (home, of_conversation(home))).collect();
    let names: Vec<String> = holders.iter().map(|(_, holder)| holder.clone()).collect();
    let kept = links::held_by_each(conn, &names)?;
    let path = |(home, holder): (ConversationId, String)| {
        Some((home, open_path(&kept.get(&holder)?.object_key)))
    };
    Ok(holders.into_iter().filter_map(path).collect())
}

/// A picture by the key of its object, which its open path names.
///
/// # Errors
/// `not_found` for any other key.
pub fn see_open(conn: &mut DbConn, key: &str) -> Result<AttachmentRow, Fault> {
    let row = attachment::held_by_key(conn, key)?;
    let is_picture = |row: &AttachmentRow| {
        row.holder.as_deref().is_some_and(|holder| holder.starts_with("avatar:"))
    };
    row.filter(is_picture).ok_or_else(|| Fault::Refused(Refusal::not_found()))
}
