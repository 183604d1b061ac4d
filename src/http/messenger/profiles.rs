//! The messenger's profiles and settings over REST.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::actors::chat_commands::Effect;
use crate::actors::effect_job;
use crate::actors::lane::Fault;
use crate::actors::people_commands;
use crate::actors::people_reads;
use crate::actors::pictures::portray_oneself;
use crate::auth::identity::Identity;
use crate::http::accounts as native;
use crate::http::drf::{Fail, Fields, Told, path_id};
use crate::http::intake::discard;
use crate::http::messenger::accounts::of_account;
use crate::http::messenger::{Caller, Viewer};
use crate::http::parcels::Parcel;
use crate::http::pictures;
use crate::http::state::State;
use crate::ids::{AttachmentId, UserId};
use crate::layer::contract::Whom;
use crate::models::store::DbConn;
use crate::models::user;
use crate::protocol::command::Command;
use crate::protocol::command::people::{PeopleCommand, ProfileChange, SettingsChange};
use crate::protocol::dialect::face::Face;
use crate::protocol::dialect::messenger::shapes;
use crate::protocol::refusal::Refusal;

/// Longest name, in characters.
const NAME_CHARS: usize = 150;
/// The field of one's picture.
const PICTURE: &str = "avatar";

/// Oneself as one's own client reads it, and one's settings.
///
/// # Errors
/// `not_found` when the account is gone.
pub fn oneself(conn: &mut DbConn, viewer: &Viewer) -> Result<(Face, Value), Fault> {
    let id = viewer.who.user;
    let face = viewer.faces(conn, [id])?.remove(&id).ok_or_else(Refusal::not_found)?;
    let settings = people_reads::settings(conn, id)?;
    let privacy = people_reads::own(conn, id)?.privacy;
    Ok((face, shapes::settings(id, &settings, privacy.show_read_receipts)))
}

/// Text that may be taken away: absent, `null`, or a value.
fn clearable(fields: &Fields, name: &str) -> Result<Option<Option<String>>, Fail> {
    match fields.0.contains_key(name) {
        true => Ok(Some(fields.text(name)?)),
        false => Ok(None),
    }
}

/// What one request changes about oneself: all of it or nothing.
#[derive(Debug, Clone, Default)]
struct OwnChange {
    account: user::ProfileChange,
    profile: ProfileChange,
    /// A change of settings, or their reset.
    settings: Option<PeopleCommand>,
    /// Another picture, or none.
    picture: Option<Option<AttachmentId>>,
}

impl OwnChange {
    fn apply(&self, conn: &mut DbConn, who: &Identity) -> Result<Effect, Fault> {
        // The account is the last that may be refused.
        people_commands::check(&self.profile)?;
        if let Some(PeopleCommand::SettingsChange(settings)) = &self.settings {
            people_commands::check_settings(settings)?;
        }
        let mut effect = Effect::quiet(&());
        if self.account != user::ProfileChange::default() {
            native::write(conn, who.user, &self.account, &mut effect.events)?;
        }
        if self.profile != ProfileChange::default() {
            let change = PeopleCommand::ProfileChange(self.profile.clone());
            effect.events.extend(people_commands::perform(conn, who, &change)?.events);
        }
        if let Some(change) = &self.settings {
            effect.events.extend(people_commands::perform(conn, who, change)?.events);
        }
        if let Some(picture) = self.picture {
            effect.events.extend(portray_oneself(conn, who, picture)?.events);
        }
        Ok(effect)
    }

    async fn make(self, state: &State, who: &Caller) -> Result<(), Fail> {
        native::check(&self.account).map_err(of_account)?;
        state.house.throttles.message(who.user)?;
        let (user, who) = (who.user, Arc::clone(&who.0));
        let written = effect_job::write(&state.house, move |conn| self.apply(conn, &who)).await;
        written.map_err(of_account)?;
        state.house.authenticator.forget(Whom::User(user));
        Ok(())
    }
}

/// The picture a body brings: a file, or nothing in its place. An address is what one has already
/// and was sent along.
fn picture(parcel: &Parcel) -> Option<Option<AttachmentId>> {
    match parcel.ids().pop() {
        Some(file) => Some(Some(file)),
        None => match parcel.fields.0.get(PICTURE) {
            Some(Value::Null) => Some(None),
            Some(Value::String(text)) if text.is_empty() => Some(None),
            _ => None,
        },
    }
}

/// A refusal of a picture under the name of its field.
pub(super) fn of_picture(refusal: Refusal) -> Fail {
    match refusal.field.as_deref() {
        Some("body") => {
            let rule = refusal.rule.clone().unwrap_or_default();
            Refusal { code: refusal.code, ..Refusal::field(PICTURE, rule) }.into()
        }
        _ => refusal.into(),
    }
}

/// Reads what is to be changed about oneself: JSON, or a form that may bring a picture.
async fn read(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    body: web::Payload,
) -> Result<Parcel, Fail> {
    let wish = pictures::wish(state, who.user);
    let parcel = Parcel::read_as(state, request, body, (&wish, 1), of_picture).await?;
    let Some((name, row)) = parcel.files.first() else { return Ok(parcel) };
    if name != PICTURE {
        discard(&state.house, row.id).await;
        return Err(Fail::field(name, "No file is kept under this name."));
    }
    pictures::check(state, row).await.map_err(of_picture)?;
    Ok(parcel)
}

/// Changes what of account, profile and picture a body names, all of it or nothing.
///
/// # Errors
/// 400 naming the field.
pub async fn apply(
    state: &State,
    request: &HttpRequest,
    who: &Caller,
    body: web::Payload,
) -> Result<(), Fail> {
    let parcel = read(state, request, who, body).await?;
    let files = parcel.ids();
    let changed = async {
        let picture = picture(&parcel);
        OwnChange { picture, ..own_change(&parcel.fields)? }.make(state, who).await
    };
    let changed = changed.await;
    Parcel::settle(state, &files, changed).await
}

fn own_change(fields: &Fields) -> Result<OwnChange, Fail> {
    let account = user::ProfileChange {
        first_name: fields.short_text("first_name", NAME_CHARS)?,
        last_name: fields.short_text("last_name", NAME_CHARS)?,
        display_name: fields.short_text("display_name", NAME_CHARS)?,
        email: fields.text("email")?,
        phone: clearable(fields, "phone_number")?,
        ..user::ProfileChange::default()
    };
    let profile = ProfileChange {
        avatar: None,
        status_message: fields.text("status_message")?,
        bio: fields.text("bio")?,
        website: fields.text("website")?,
        date_of_birth: clearable(fields, "date_of_birth")?,
        country: fields.text("country")?,
        city: fields.text("city")?,
        show_phone_number: fields.flag("show_phone_number")?,
        show_last_seen: fields.flag("show_last_seen")?,
        show_profile_photo: fields.flag("show_profile_photo")?,
        show_read_receipts: None,
        allow_calls: fields.flag("allow_calls")?,
        allow_group_invite: fields.flag("allow_group_invite")?,
    };
    Ok(OwnChange { account, profile, ..OwnChange::default() })
}

/// Does a command about oneself.
pub(super) async fn ask(
    state: &State,
    who: &Caller,
    command: PeopleCommand,
) -> Result<(), Refusal> {
    let command = Command::People(command);
    state.house.perform(Arc::clone(&who.0), None, command).await.map(|_| ())
}

/// One's own profile.
pub async fn me(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let (face, settings) = oneself(conn, &viewer)?;
        Ok(shapes::profile(&face, Some(settings)))
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// Changes one's own profile.
pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    body: web::Payload,
) -> Told {
    apply(&state, &request, &who, body).await?;
    me(state, request, who).await
}

/// Someone's profile, as far as they show it.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let id: UserId = path_id(&path)?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let face = viewer.faces(conn, [id])?.remove(&id);
        Ok(face.map(|face| shapes::profile_for_others(&face)))
    });
    match read.await? {
        Some(shown) => Ok(HttpResponse::Ok().json(shown)),
        None => Err(Fail::with(StatusCode::NOT_FOUND, json!({"error": "User not found"}))),
    }
}

/// One's settings.
pub async fn settings(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| Ok(oneself(conn, &viewer)?.1));
    Ok(HttpResponse::Ok().json(read.await?))
}

fn check_choice(fields: &Fields, name: &str, choices: &[&str]) -> Result<Option<String>, Fail> {
    let chosen = fields.text(name)?;
    match chosen.as_deref().filter(|word| !choices.contains(word)) {
        Some(word) => Err(Fail::no_choice(name, word)),
        None => Ok(chosen),
    }
}

/// Changes one's settings; names that are none of them are passed over.
pub async fn change_settings(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    fields: Fields,
) -> Told {
    let change = SettingsChange {
        enable_notifications: fields.flag("enable_notifications")?,
        notification_sound: fields.flag("notification_sound")?,
        message_preview: fields.flag("message_preview")?,
        enter_to_send: fields.flag("enter_to_send")?,
        auto_download_photos: fields.flag("auto_download_photos")?,
        auto_download_videos: fields.flag("auto_download_videos")?,
        auto_download_files: fields.flag("auto_download_files")?,
        two_factor_enabled: fields.flag("two_factor_enabled")?,
        show_typing_indicator: fields.flag("show_typing_indicator")?,
        theme: check_choice(&fields, "theme", &["light", "dark", "auto"])?,
        font_size: check_choice(&fields, "font_size", &["small", "medium", "large"])?,
        language: fields.text("language")?,
    };
    let show_read_receipts = fields.flag("show_read_receipts")?;
    let profile = ProfileChange { show_read_receipts, ..ProfileChange::default() };
    let settings_change = Some(PeopleCommand::SettingsChange(change));
    let change = OwnChange { profile, settings: settings_change, ..OwnChange::default() };
    change.make(&state, &who).await?;
    settings(state, request, who).await
}

/// Puts one's settings back to what they were at first.
pub async fn reset(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let profile = ProfileChange { show_read_receipts: Some(true), ..ProfileChange::default() };
    let settings_reset = Some(PeopleCommand::SettingsReset);
    let change = OwnChange { profile, settings: settings_reset, ..OwnChange::default() };
    change.make(&state, &who).await?;
    settings(state, request, who).await
}

/// Registers these routes below `prefix`.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    let at = |path: &str| format!("{prefix}{path}");
    let own = |path: &str| {
        web::resource(at(path))
            .route(web::get().to(settings))
            .route(web::patch().to(change_settings))
            .route(web::put().to(change_settings))
    };
    cfg.service(
        web::resource(at("/profile/me"))
            .route(web::get().to(me))
            .route(web::patch().to(change))
            .route(web::put().to(change)),
    )
    .route(&at("/profile/{id}"), web::get().to(show))
    .service(own("/settings"))
    .service(own("/settings/me"))
    .route(&at("/settings/reset"), web::post().to(reset));
}
