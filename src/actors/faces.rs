//! People as clients of older systems are shown them: all that the older shapes have room for, less
//! what each hides from the one who looks. And senders, with the picture they have now.

use std::collections::BTreeSet;

use crate::actors::lane::Fault;
use crate::actors::online::Online;
use crate::actors::people_reads::shown;
use crate::actors::pictures::open_path;
use crate::actors::standing;
use crate::auth::identity::Identity;
use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::message::NewPost;
use crate::models::named;
use crate::models::people;
use crate::models::profile::{self, Profile};
use crate::models::store::DbConn;
use crate::models::user::User;
use crate::protocol::dialect::face::{About, Face, Faces, Privacy};

/// The people with these ids, as `who` may see them; ids without an account are left out.
///
/// # Errors
/// When the database failed.
pub fn seen_by(
    conn: &mut DbConn,
    online: &Online,
    who: &Identity,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<Faces, Fault> {
    let mut faces = people::faces(conn, ids)?;
    let ids: Vec<UserId> = faces.keys().copied().collect();
    let standings = standing::to_many(conn, who.user, &ids)?;
    let mut profiles = profile::of_many(conn, &ids)?;
    let here = online.among(conn, &ids)?;
    let pictures = profile::picture_keys(conn, &ids)?;
    for (id, face) in &mut faces {
        let (Some(standing), Some(profile)) = (standings.get(id), profiles.remove(id)) else {
            continue;
        };
        let shown = shown(who, standing, &profile);
        let is_own = *id == who.user;
        let told = |text: &str| if shown.details { text.to_owned() } else { String::new() };
        let may_call = shown.details && profile.show_phone_number;
        if !is_own && !may_call {
            face.phone = None;
        }
        let is_online = shown.seen && here.contains(id);
        // Their pages show no credential with a picture.
        let open = pictures.get(id).map(|key| open_path(key));
        face.about = About {
            avatar: open.or(profile.avatar.clone()).filter(|_| shown.photo),
            country: told(&profile.country),
            city: told(&profile.city),
            born: profile.date_of_birth.clone().filter(|_| shown.details),
            last_seen_at: profile.last_seen_at.filter(|_| shown.seen),
            ..about(profile, is_online)
        };
    }
    Ok(faces)
}

/// Shows the senders of posts with the picture they have now: a socket is open for long.
///
/// # Errors
/// When the database failed.
pub fn renew(conn: &mut DbConn, posts: &mut [NewPost]) -> Result<(), StoreError> {
    let senders: BTreeSet<UserId> = posts.iter().filter_map(NewPost::sender_id).collect();
    if senders.is_empty() {
        return Ok(());
    }
    let senders: Vec<UserId> = senders.into_iter().collect();
    let avatars = named::avatars(conn, &senders)?;
    for sender in posts.iter_mut().filter_map(|post| post.sender.as_mut()) {
        sender.avatar = avatars.get(&sender.id).cloned();
    }
    Ok(())
}

/// All that a profile says.
fn about(profile: Profile, is_online: bool) -> About {
    About {
        privacy: Privacy {
            shows_phone: profile.show_phone_number,
            shows_last_seen: profile.show_last_seen,
            shows_photo: profile.show_profile_photo,
            allows_calls: profile.allow_calls,
            allows_group_invites: profile.allow_group_invite,
        },
        avatar: profile.avatar,
        status: profile.status_message,
        bio: profile.bio,
        country: profile.country,
        city: profile.city,
        website: profile.website,
        born: profile.date_of_birth,
        is_online,
        last_seen_at: profile.last_seen_at,
    }
}

/// Someone as they see themselves, a moment after they have signed in.
///
/// # Errors
/// When the database failed.
pub fn oneself(conn: &mut DbConn, user: &User) -> Result<Face, StoreError> {
    let mut about = about(profile::of(conn, user.id)?, true);
    if let Some(key) = profile::picture_keys(conn, &[user.id])?.remove(&user.id) {
        about.avatar = Some(open_path(&key));
    }
    Ok(Face { about, ..people::face(user) })
}
