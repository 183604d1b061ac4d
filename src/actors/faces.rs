//! People as clients of older systems are shown them: all that the older shapes have room for, less
//! what each hides from the one who looks.

use crate::actors::lane::Fault;
use crate::actors::online::Online;
use crate::actors::people_reads::shown;
use crate::actors::standing;
use crate::auth::identity::Identity;
use crate::ids::UserId;
use crate::models::error::StoreError;
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
        face.about = About {
            avatar: profile.avatar.clone().filter(|_| shown.photo),
            country: told(&profile.country),
            city: told(&profile.city),
            born: profile.date_of_birth.clone().filter(|_| shown.details),
            last_seen_at: profile.last_seen_at.filter(|_| shown.seen),
            ..about(profile, is_online)
        };
    }
    Ok(faces)
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
    Ok(Face { about: about(profile::of(conn, user.id)?, true), ..people::face(user) })
}
