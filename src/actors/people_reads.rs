//! What is shown of people, by who looks: profiles, cards in a list, who is online.

use std::sync::Arc;

use crate::actors::authorize::require;
use crate::actors::lane::Fault;
use crate::actors::mail::{Answer, answer};
use crate::actors::online::Online;
use crate::actors::standing::{self, Standing};
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::ids::UserId;
use crate::models::client_settings;
use crate::models::contact;
use crate::models::profile::{self, Profile};
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::command::people::{ContactList, PeopleCommand};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::PersonView;
use crate::protocol::views::people::{
    ClientSettingsView, ContactPage, OwnProfile, PersonCard, ProfileView, SeenView,
};

/// Most people asked about at once.
pub const ASKED_MAX: usize = 200;

/// Most contacts in a page.
const CONTACTS_MAX: i64 = 200;

/// Answers a question about people.
///
/// # Errors
/// The refusal of what was asked, or a fault.
pub fn answer_to(
    conn: &mut DbConn,
    online: &Online,
    who: &Identity,
    question: &PeopleCommand,
) -> Result<Answer, Fault> {
    match question {
        PeopleCommand::ProfileShow(wish) => match wish.user.filter(|user| *user != who.user) {
            Some(user) => Ok(answer(&show(conn, online, who, user)?)),
            None => Ok(answer(&own(conn, who.user)?)),
        },
        PeopleCommand::SettingsShow => Ok(answer(&settings(conn, who.user)?)),
        PeopleCommand::PresenceAsk(ask) => Ok(answer(&seen(conn, online, who, &ask.users)?)),
        PeopleCommand::ContactList(wish) => Ok(answer(&contacts(conn, who, wish)?)),
        _ => Err(Refusal::field("type", "a question").into()),
    }
}

/// [`answer_to`], to be run on a reader.
pub fn answering(
    online: Arc<Online>,
    who: Arc<Identity>,
    question: PeopleCommand,
) -> impl FnOnce(&mut DbConn) -> Result<Answer, Fault> + Send + 'static {
    move |conn| answer_to(conn, &online, &who, &question)
}

/// What of a profile is shown to someone standing so to its owner.
pub(super) struct Shown {
    pub(super) photo: bool,
    pub(super) seen: bool,
    pub(super) details: bool,
}

/// What of a profile `who` is shown, who stands so to its owner.
pub(super) fn shown(who: &Identity, standing: &Standing, profile: &Profile) -> Shown {
    let oneself = standing.relation == Relation::Oneself;
    let open = !standing.is_shut_out;
    let knows = require(who, TopicKind::Inbox, Action::SeeDetails, standing.relation).is_ok();
    Shown {
        photo: oneself || (open && profile.show_profile_photo),
        seen: oneself || (open && profile.show_last_seen),
        details: knows,
    }
}

/// A person's profile as `who` may see it.
///
/// # Errors
/// `not_found` for no active account.
pub fn show(
    conn: &mut DbConn,
    online: &Online,
    who: &Identity,
    person: UserId,
) -> Result<ProfileView, Fault> {
    let found = user::by_id(conn, person)?.filter(|user| user.is_active);
    let account = found.ok_or_else(Refusal::not_found)?;
    let standing = standing::to_one(conn, who.user, person)?;
    require(who, TopicKind::Inbox, Action::SeeProfile, standing.relation)?;
    let profile = profile::of(conn, person)?;
    let shown = shown(who, &standing, &profile);
    let oneself = standing.relation == Relation::Oneself;
    let is_online = online.among(conn, &[person])?.contains(&person);
    let told = |text: &str| (shown.details && !text.is_empty()).then(|| text.to_owned());
    Ok(ProfileView {
        person: bare(&account),
        avatar: profile.avatar.clone().filter(|_| shown.photo),
        status_message: profile.status_message.clone(),
        bio: profile.bio.clone(),
        website: profile.website.clone(),
        phone: account.phone.filter(|_| oneself || (shown.details && profile.show_phone_number)),
        date_of_birth: profile.date_of_birth.clone().filter(|_| shown.details),
        country: told(&profile.country),
        city: told(&profile.city),
        is_online: shown.seen.then_some(is_online),
        last_seen_at: profile.last_seen_at.filter(|_| shown.seen),
        contact: standing.noted.as_ref().map(|noted| noted.marks()),
    })
}

/// A person without their picture, for views that say for themselves where it is.
fn bare(account: &User) -> PersonView {
    PersonView { avatar: None, ..user::person(account) }
}

/// One's own profile.
///
/// # Errors
/// `not_found` when the account is gone.
pub fn own(conn: &mut DbConn, user: UserId) -> Result<OwnProfile, Fault> {
    let account = user::by_id(conn, user)?.ok_or_else(Refusal::not_found)?;
    Ok(own_view(&account, profile::of(conn, user)?))
}

/// An account and its profile as their owner sees them.
pub fn own_view(account: &User, profile: Profile) -> OwnProfile {
    OwnProfile {
        person: bare(account),
        privacy: profile.privacy(),
        avatar: profile.avatar,
        status_message: profile.status_message,
        bio: profile.bio,
        website: profile.website,
        phone: account.phone.clone(),
        email: account.email.clone(),
        date_of_birth: profile.date_of_birth,
        country: profile.country,
        city: profile.city,
        last_seen_at: profile.last_seen_at,
    }
}

/// A page of one's contacts and of whom one has blocked.
///
/// # Errors
/// `bad_request` for a page's size.
pub fn contacts(
    conn: &mut DbConn,
    who: &Identity,
    wish: &ContactList,
) -> Result<ContactPage, Fault> {
    let limit = wish.limit.unwrap_or(CONTACTS_MAX);
    if !(1..=CONTACTS_MAX).contains(&limit) {
        return Err(Refusal::field("data.limit", format!("from 1 to {CONTACTS_MAX}")).into());
    }
    let mut contacts = contact::list(conn, who.user, wish.after, limit + 1)?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = contacts.len() > size;
    contacts.truncate(size);
    Ok(ContactPage { contacts, more })
}

/// One's own client settings.
///
/// # Errors
/// When the database failed.
pub fn settings(conn: &mut DbConn, user: UserId) -> Result<ClientSettingsView, Fault> {
    Ok(client_settings::of(conn, user)?.view())
}

/// Who of these people is online, and when the others were, as far as they show it. Ids without
/// an account are left out.
///
/// # Errors
/// `bad_request` for too many.
pub fn seen(
    conn: &mut DbConn,
    online: &Online,
    who: &Identity,
    people: &[UserId],
) -> Result<Vec<SeenView>, Fault> {
    if people.len() > ASKED_MAX {
        return Err(Refusal::field("data.users", format!("at most {ASKED_MAX}")).into());
    }
    let mut there: Vec<UserId> = user::persons(conn, people)?.into_keys().collect();
    there.sort_unstable();
    let standings = standing::to_many(conn, who.user, &there)?;
    let profiles = profile::of_many(conn, &there)?;
    let here = online.among(conn, &there)?;
    let view = |user: &UserId| {
        let profile = profiles.get(user)?;
        let shown = shown(who, standings.get(user)?, profile);
        Some(SeenView {
            user: *user,
            is_online: shown.seen.then(|| here.contains(user)),
            last_seen_at: profile.last_seen_at.filter(|_| shown.seen),
        })
    };
    Ok(there.iter().filter_map(view).collect())
}

/// People in a list, with what each shows to `who`.
///
/// # Errors
/// When the database failed.
pub fn cards(
    conn: &mut DbConn,
    online: &Online,
    who: &Identity,
    people: &[User],
) -> Result<Vec<PersonCard>, Fault> {
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    let standings = standing::to_many(conn, who.user, &ids)?;
    let profiles = profile::of_many(conn, &ids)?;
    let here = online.among(conn, &ids)?;
    let card = |account: &User| {
        let profile = profiles.get(&account.id)?;
        let shown = shown(who, standings.get(&account.id)?, profile);
        Some(PersonCard {
            person: bare(account),
            avatar: profile.avatar.clone().filter(|_| shown.photo),
            status_message: profile.status_message.clone(),
            is_online: shown.seen.then(|| here.contains(&account.id)),
        })
    };
    Ok(people.iter().filter_map(card).collect())
}
