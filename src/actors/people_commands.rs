//! What a person does to their own entries: profile, privacy, client settings. Their other devices
//! learn of it on the inbox.

use chrono::NaiveDate;

use crate::actors::authorize::require;
use crate::actors::chat_commands::Effect;
use crate::actors::contact_commands;
use crate::actors::lane::Fault;
use crate::actors::membership_commands::tell_inbox;
use crate::actors::people_reads;
use crate::actors::pictures;
use crate::actors::receipt_commands;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::UserId;
use crate::models::client_settings::{self, ClientSettings};
use crate::models::error::StoreError;
use crate::models::people;
use crate::models::profile::{self, Profile};
use crate::models::receipt;
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::command::people::{PeopleCommand, ProfileChange, SettingsChange};
use crate::protocol::event::people::PeopleEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::TopicKind;

const MAX_STATUS_CHARS: usize = 150;
const MAX_BIO_CHARS: usize = 1_000;
const MAX_PLACE_CHARS: usize = 100;
const MAX_LINK_BYTES: usize = 500;
/// Most conversations, and most people whose contact one is, that are told how one looks.
const IN_SIGHT_MAX: i64 = 200;
const THEMES: &[&str] = &["light", "dark", "auto"];
const FONT_SIZES: &[&str] = &["small", "medium", "large"];

/// Does a command that changes one's own entries.
///
/// # Errors
/// `bad_request` naming the field and the rule, or a fault.
pub fn perform(
    conn: &mut DbConn,
    who: &Identity,
    command: &PeopleCommand,
) -> Result<Effect, Fault> {
    match command {
        PeopleCommand::ProfileChange(change) => change_profile(conn, who, change),
        PeopleCommand::SettingsChange(change) => change_settings(conn, who, change),
        PeopleCommand::SettingsReset => keep_settings(conn, who, &ClientSettings::default()),
        PeopleCommand::ContactAdd(add) => contact_commands::add(conn, who, add),
        PeopleCommand::ContactChange(change) => contact_commands::change(conn, who, change),
        PeopleCommand::ContactRemove(name) => contact_commands::remove(conn, who, name.user),
        PeopleCommand::ContactBlock(name) => contact_commands::block(conn, who, name.user),
        PeopleCommand::ContactUnblock(name) => contact_commands::unblock(conn, who, name.user),
        _ => Err(Refusal::new(Code::UnknownType, "a question, not a change").into()),
    }
}

fn change_profile(
    conn: &mut DbConn,
    who: &Identity,
    change: &ProfileChange,
) -> Result<Effect, Fault> {
    check(change)?;
    require(who, TopicKind::Inbox, Action::ChangeProfile, Relation::Oneself)?;
    let account = user::by_id(conn, who.user)?.ok_or_else(Refusal::not_found)?;
    let mut new = profile::of(conn, who.user)?;
    let (before, change) = (new.avatar.clone(), change.clone());
    new.avatar = change.avatar.unwrap_or(new.avatar).filter(|text| !text.is_empty());
    new.date_of_birth = change.date_of_birth.unwrap_or(new.date_of_birth);
    new.date_of_birth = new.date_of_birth.filter(|text| !text.is_empty());
    new.status_message = change.status_message.unwrap_or(new.status_message);
    new.bio = change.bio.unwrap_or(new.bio);
    new.website = change.website.unwrap_or(new.website);
    new.country = change.country.unwrap_or(new.country);
    new.city = change.city.unwrap_or(new.city);
    new.show_phone_number = change.show_phone_number.unwrap_or(new.show_phone_number);
    new.show_last_seen = change.show_last_seen.unwrap_or(new.show_last_seen);
    new.show_profile_photo = change.show_profile_photo.unwrap_or(new.show_profile_photo);
    new.show_read_receipts = change.show_read_receipts.unwrap_or(new.show_read_receipts);
    new.allow_calls = change.allow_calls.unwrap_or(new.allow_calls);
    new.allow_group_invite = change.allow_group_invite.unwrap_or(new.allow_group_invite);
    if new.avatar != before {
        pictures::put_away(conn, who.user)?;
    }
    let shares = new.show_read_receipts;
    let has_turned = receipt::is_shared_by(conn, who.user)? != shares;
    let mut effect = keep_profile(conn, &account, new)?;
    if has_turned {
        effect.events.push(receipt_commands::told_of_sharing(conn, who.user, shares)?);
    }
    Ok(effect)
}

/// Keeps one's profile and tells one's other devices; those who have one in sight, when they are
/// shown another picture.
///
/// # Errors
/// A fault.
pub fn keep_profile(conn: &mut DbConn, account: &User, new: Profile) -> Result<Effect, Fault> {
    let (user, is_shown_anew) = (account.id, new.shown_avatar() != account.avatar.as_deref());
    profile::save(conn, &new, clock::now_naive())?;
    let view = people_reads::own_view(account, new);
    let body = EventBody::People(PeopleEvent::ProfileChanged(view.clone()));
    let mut effect = Effect::with_event(&view, tell_inbox(conn, user, user, None, None, body)?);
    if is_shown_anew {
        tell_of(conn, user, &mut effect.events)?;
    }
    Ok(effect)
}

/// Tells those who have someone in sight how they look and what they are called now.
///
/// # Errors
/// When the database failed.
pub fn tell_of(conn: &mut DbConn, user: UserId, events: &mut Vec<Event>) -> Result<(), StoreError> {
    let Some(person) = user::persons(conn, &[user])?.remove(&user) else { return Ok(()) };
    let at = clock::now_naive();
    for topic in people::in_sight_of(conn, user, IN_SIGHT_MAX)? {
        let body = EventBody::People(PeopleEvent::PersonChanged { user: person.clone() });
        events.push(Event { topic, seq: None, at, body });
    }
    Ok(())
}

/// Checks what the database does not about a change of one's profile.
///
/// # Errors
/// `bad_request` naming the field and the rule.
pub fn check(change: &ProfileChange) -> Result<(), Refusal> {
    fits("data.status_message", change.status_message.as_deref(), MAX_STATUS_CHARS)?;
    fits("data.bio", change.bio.as_deref(), MAX_BIO_CHARS)?;
    fits("data.country", change.country.as_deref(), MAX_PLACE_CHARS)?;
    fits("data.city", change.city.as_deref(), MAX_PLACE_CHARS)?;
    if let Some(website) = change.website.as_deref()
        && !(website.is_empty() || is_link(website, &["https://", "http://"]))
    {
        return Err(Refusal::field("data.website", "an http or https address, at most 500 bytes"));
    }
    if let Some(Some(avatar)) = change.avatar.as_ref() {
        let is_own_path = is_link(avatar, &["/"]) && !avatar.starts_with("//");
        if !(avatar.is_empty() || is_own_path || is_link(avatar, &["https://"])) {
            let rule = "a path of this server or an https address, at most 500 bytes";
            return Err(Refusal::field("data.avatar", rule));
        }
    }
    if let Some(Some(date)) = change.date_of_birth.as_ref()
        && !(date.is_empty() || is_birthday(date))
    {
        return Err(Refusal::field("data.date_of_birth", "YYYY-MM-DD, from 1900 to today"));
    }
    Ok(())
}

fn fits(field: &'static str, text: Option<&str>, limit: usize) -> Result<(), Refusal> {
    let Some(text) = text else { return Ok(()) };
    let is_plain = |symbol: char| !symbol.is_control() || symbol == '\n';
    if text.chars().count() > limit || !text.chars().all(is_plain) {
        return Err(Refusal::field(field, format!("at most {limit} characters, no controls")));
    }
    Ok(())
}

/// Whether it can be shown as a link without doing more than leading there.
fn is_link(text: &str, beginnings: &[&str]) -> bool {
    let is_plain = |symbol: char| !symbol.is_control() && !symbol.is_whitespace();
    text.len() <= MAX_LINK_BYTES
        && text.chars().all(|symbol| is_plain(symbol) && !"<>\"'`\\".contains(symbol))
        && beginnings.iter().any(|begin| text.starts_with(begin) && text.len() >= begin.len())
}

fn is_birthday(text: &str) -> bool {
    let first = NaiveDate::from_ymd_opt(1900, 1, 1);
    NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|date| {
        text.len() == 10 && Some(date) >= first && date <= clock::now_naive().date()
    })
}

fn change_settings(
    conn: &mut DbConn,
    who: &Identity,
    change: &SettingsChange,
) -> Result<Effect, Fault> {
    check_settings(change)?;
    let mut new = client_settings::of(conn, who.user)?;
    let change = change.clone();
    new.enable_notifications = change.enable_notifications.unwrap_or(new.enable_notifications);
    new.notification_sound = change.notification_sound.unwrap_or(new.notification_sound);
    new.message_preview = change.message_preview.unwrap_or(new.message_preview);
    new.enter_to_send = change.enter_to_send.unwrap_or(new.enter_to_send);
    new.auto_download_photos = change.auto_download_photos.unwrap_or(new.auto_download_photos);
    new.auto_download_videos = change.auto_download_videos.unwrap_or(new.auto_download_videos);
    new.auto_download_files = change.auto_download_files.unwrap_or(new.auto_download_files);
    new.two_factor_enabled = change.two_factor_enabled.unwrap_or(new.two_factor_enabled);
    new.show_typing_indicator = change.show_typing_indicator.unwrap_or(new.show_typing_indicator);
    new.theme = change.theme.unwrap_or(new.theme);
    new.font_size = change.font_size.unwrap_or(new.font_size);
    new.language = change.language.unwrap_or(new.language);
    keep_settings(conn, who, &new)
}

/// Checks what the database does not about a change of one's client settings.
///
/// # Errors
/// `bad_request` naming the field and the rule.
pub fn check_settings(change: &SettingsChange) -> Result<(), Refusal> {
    let one_of = |text: &Option<String>, words: &[&str]| {
        text.as_deref().is_none_or(|text| words.contains(&text))
    };
    if !one_of(&change.theme, THEMES) {
        return Err(Refusal::field("data.theme", "light, dark or auto"));
    }
    if !one_of(&change.font_size, FONT_SIZES) {
        return Err(Refusal::field("data.font_size", "small, medium or large"));
    }
    let is_tag = |text: &str| {
        (2..=35).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !change.language.as_deref().is_none_or(is_tag) {
        return Err(Refusal::field("data.language", "a language tag, like en or pt-BR"));
    }
    Ok(())
}

fn keep_settings(
    conn: &mut DbConn,
    who: &Identity,
    settings: &ClientSettings,
) -> Result<Effect, Fault> {
    require(who, TopicKind::Inbox, Action::ChangeProfile, Relation::Oneself)?;
    let kept = client_settings::save(conn, who.user, settings, clock::now_naive())?;
    let view = kept.view();
    let body = EventBody::People(PeopleEvent::SettingsChanged(view.clone()));
    let event = tell_inbox(conn, who.user, who.user, None, None, body)?;
    Ok(Effect::with_event(&view, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_somewhere_and_does_nothing_else() {
        let web = ["https://", "http://"];
        assert!(is_link("https://example.org/a?b=c", &web));
        for bad in ["javascript:alert(1)", "ftp://x", "https://a b", "https://a\"b", "x"] {
            assert!(!is_link(bad, &web), "{bad}");
        }
    }

    #[test]
    fn a_birthday_is_a_day_that_was() {
        assert!(is_birthday("1990-02-28"));
        for bad in ["1990-02-30", "90-02-28", "1890-01-01", "2990-01-01", "1990-2-8", "x"] {
            assert!(!is_birthday(bad), "{bad}");
        }
    }
}
