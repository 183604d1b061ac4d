//! The `profiles` table: what people say of themselves, what they show, when they were last here.
//!
//! Most people have no row, which stands for one of defaults.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::named;
use crate::models::receipt;
use crate::models::schema::{attachments, profiles, users};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::people::PrivacyView;

/// Begins the name of what keeps the file of a person's picture.
const PICTURE_OF: &str = "avatar:user:";

/// A row of `profiles`, or what stands for a missing one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = profiles)]
pub struct Profile {
    pub user_id: UserId,
    /// A path of this server or an `https` address.
    pub avatar: Option<String>,
    pub status_message: String,
    pub bio: String,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    pub country: String,
    pub city: String,
    pub website: String,
    pub show_phone_number: bool,
    pub show_last_seen: bool,
    pub show_profile_photo: bool,
    pub show_read_receipts: bool,
    pub allow_calls: bool,
    pub allow_group_invite: bool,
    /// When their last connection ended; kept up now and then, not at once.
    pub last_seen_at: Option<NaiveDateTime>,
}

impl Profile {
    /// What holds for someone who has set nothing.
    pub fn blank(user: UserId) -> Self {
        Self {
            user_id: user,
            avatar: None,
            status_message: String::new(),
            bio: String::new(),
            date_of_birth: None,
            country: String::new(),
            city: String::new(),
            website: String::new(),
            show_phone_number: true,
            show_last_seen: true,
            show_profile_photo: true,
            show_read_receipts: true,
            allow_calls: true,
            allow_group_invite: true,
            last_seen_at: None,
        }
    }

    /// Where their picture is, unless they hide it.
    pub fn shown_avatar(&self) -> Option<&str> {
        self.avatar.as_deref().filter(|_| self.show_profile_photo)
    }

    /// What its owner shows and allows.
    pub fn privacy(&self) -> PrivacyView {
        PrivacyView {
            show_phone_number: self.show_phone_number,
            show_last_seen: self.show_last_seen,
            show_profile_photo: self.show_profile_photo,
            show_read_receipts: self.show_read_receipts,
            allow_calls: self.allow_calls,
            allow_group_invite: self.allow_group_invite,
        }
    }
}

/// Someone's profile.
///
/// # Errors
/// Those of the database.
pub fn of(conn: &mut DbConn, user: UserId) -> Result<Profile, StoreError> {
    let row = profiles::table.find(user).select(Profile::as_select()).first(conn).optional()?;
    // Whether receipts are shared is the account's: it is asked at each mark.
    let show_read_receipts = receipt::is_shared_by(conn, user)?;
    Ok(Profile { show_read_receipts, ..row.unwrap_or_else(|| Profile::blank(user)) })
}

/// The profiles of these people, one each, whether they are there or not.
///
/// # Errors
/// Those of the database.
pub fn of_many(
    conn: &mut DbConn,
    users: &[UserId],
) -> Result<HashMap<UserId, Profile>, StoreError> {
    let mut all: HashMap<UserId, Profile> =
        users.iter().map(|user| (*user, Profile::blank(*user))).collect();
    if !users.is_empty() {
        let rows: Vec<Profile> = profiles::table
            .filter(profiles::user_id.eq_any(users))
            .select(Profile::as_select())
            .load(conn)?;
        all.extend(rows.into_iter().map(|row| (row.user_id, row)));
    }
    Ok(all)
}

/// Keeps a profile as it is given; when its owner was last seen stays as it is.
///
/// # Errors
/// `Conflict` or `Missing` when there is no such account.
pub fn save(conn: &mut DbConn, profile: &Profile, at: NaiveDateTime) -> Result<(), StoreError> {
    let key = (profiles::user_id.eq(profile.user_id), profiles::updated_at.eq(at));
    let row = diesel::insert_into(profiles::table).values(key).on_conflict_do_nothing();
    on_engine!(&mut *conn, |inner| row.execute(inner))?;
    diesel::update(profiles::table.find(profile.user_id))
        .set((
            profiles::avatar.eq(profile.avatar.as_deref()),
            profiles::status_message.eq(&profile.status_message),
            profiles::bio.eq(&profile.bio),
            profiles::date_of_birth.eq(profile.date_of_birth.as_deref()),
            profiles::country.eq(&profile.country),
            profiles::city.eq(&profile.city),
            profiles::website.eq(&profile.website),
            profiles::show_phone_number.eq(profile.show_phone_number),
            profiles::show_last_seen.eq(profile.show_last_seen),
            profiles::show_profile_photo.eq(profile.show_profile_photo),
            profiles::show_read_receipts.eq(profile.show_read_receipts),
            profiles::allow_calls.eq(profile.allow_calls),
            profiles::allow_group_invite.eq(profile.allow_group_invite),
            profiles::updated_at.eq(at),
        ))
        .execute(conn)?;
    named::show_avatar(conn, profile.user_id, profile.shown_avatar())?;
    receipt::share(conn, profile.user_id, profile.show_read_receipts)
}

/// What keeps the file of someone's picture.
pub fn picture_holder(user: UserId) -> String {
    format!("{PICTURE_OF}{user}")
}

/// The keys of these people's pictures, of those whose picture is a file here.
///
/// # Errors
/// Those of the database.
pub fn picture_keys(
    conn: &mut DbConn,
    users: &[UserId],
) -> Result<HashMap<UserId, String>, StoreError> {
    let holders: Vec<String> = users.iter().map(|user| picture_holder(*user)).collect();
    let rows: Vec<(Option<String>, String)> = attachments::table
        .filter(attachments::holder.eq_any(holders))
        .filter(attachments::ready_at.is_not_null().and(attachments::doomed_at.is_null()))
        .select((attachments::holder, attachments::object_key))
        .load(conn)?;
    let keyed = |(holder, key): (Option<String>, String)| {
        Some((holder?.strip_prefix(PICTURE_OF)?.parse().ok()?, key))
    };
    Ok(rows.into_iter().filter_map(keyed).collect())
}

/// Notes when people were last here; accounts that are gone are passed over.
///
/// # Errors
/// Those of the database.
pub fn note_last_seen(
    conn: &mut DbConn,
    seen: &[(UserId, NaiveDateTime)],
) -> Result<(), StoreError> {
    let ids: Vec<UserId> = seen.iter().map(|(user, _)| *user).collect();
    let there: Vec<UserId> =
        users::table.filter(users::id.eq_any(ids)).select(users::id).load(conn)?;
    let there: HashSet<UserId> = there.into_iter().collect();
    for (user, at) in seen.iter().filter(|(user, _)| there.contains(user)) {
        let row = (
            profiles::user_id.eq(user),
            profiles::last_seen_at.eq(at),
            profiles::updated_at.eq(at),
        );
        on_engine!(&mut *conn, |inner| diesel::insert_into(profiles::table)
            .values(row)
            .on_conflict(profiles::user_id)
            .do_update()
            .set(profiles::last_seen_at.eq(at))
            .execute(inner))?;
    }
    Ok(())
}
