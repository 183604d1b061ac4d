//! The `client_settings` table: how a person's own clients behave. Kept, and acted on by none here.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::client_settings;
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::people::ClientSettingsView;

/// A row of `client_settings`, or what stands for a missing one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = client_settings)]
pub struct ClientSettings {
    pub enable_notifications: bool,
    pub notification_sound: bool,
    pub message_preview: bool,
    pub enter_to_send: bool,
    pub auto_download_photos: bool,
    pub auto_download_videos: bool,
    pub auto_download_files: bool,
    pub two_factor_enabled: bool,
    pub show_typing_indicator: bool,
    pub theme: String,
    pub font_size: String,
    pub language: String,
    #[diesel(deserialize_as = NaiveDateTime)]
    pub created_at: Option<NaiveDateTime>,
    #[diesel(deserialize_as = NaiveDateTime)]
    pub updated_at: Option<NaiveDateTime>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            enable_notifications: true,
            notification_sound: true,
            message_preview: true,
            enter_to_send: true,
            auto_download_photos: true,
            auto_download_videos: false,
            auto_download_files: false,
            two_factor_enabled: false,
            show_typing_indicator: true,
            theme: "auto".to_owned(),
            font_size: "medium".to_owned(),
            language: "en".to_owned(),
            created_at: None,
            updated_at: None,
        }
    }
}

impl ClientSettings {
    /// As their owner sees them.
    pub fn view(self) -> ClientSettingsView {
        ClientSettingsView {
            enable_notifications: self.enable_notifications,
            notification_sound: self.notification_sound,
            message_preview: self.message_preview,
            enter_to_send: self.enter_to_send,
            auto_download_photos: self.auto_download_photos,
            auto_download_videos: self.auto_download_videos,
            auto_download_files: self.auto_download_files,
            two_factor_enabled: self.two_factor_enabled,
            show_typing_indicator: self.show_typing_indicator,
            theme: self.theme,
            font_size: self.font_size,
            language: self.language,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Someone's settings.
///
/// # Errors
/// Those of the database.
pub fn of(conn: &mut DbConn, user: UserId) -> Result<ClientSettings, StoreError> {
    let row = client_settings::table.find(user).select(ClientSettings::as_select());
    Ok(row.first(conn).optional()?.unwrap_or_default())
}

/// Keeps settings as they are given, and returns them with their moments.
///
/// # Errors
/// `Conflict` when there is no such account.
pub fn save(
    conn: &mut DbConn,
    user: UserId,
    settings: &ClientSettings,
    at: NaiveDateTime,
) -> Result<ClientSettings, StoreError> {
    let key = (
        client_settings::user_id.eq(user),
        client_settings::created_at.eq(at),
        client_settings::updated_at.eq(at),
    );
    let row = diesel::insert_into(client_settings::table).values(key).on_conflict_do_nothing();
    on_engine!(&mut *conn, |inner| row.execute(inner))?;
    diesel::update(client_settings::table.find(user))
        .set((
            client_settings::enable_notifications.eq(settings.enable_notifications),
            client_settings::notification_sound.eq(settings.notification_sound),
            client_settings::message_preview.eq(settings.message_preview),
            client_settings::enter_to_send.eq(settings.enter_to_send),
            client_settings::auto_download_photos.eq(settings.auto_download_photos),
            client_settings::auto_download_videos.eq(settings.auto_download_videos),
            client_settings::auto_download_files.eq(settings.auto_download_files),
            client_settings::two_factor_enabled.eq(settings.two_factor_enabled),
            client_settings::show_typing_indicator.eq(settings.show_typing_indicator),
            client_settings::theme.eq(&settings.theme),
            client_settings::font_size.eq(&settings.font_size),
            client_settings::language.eq(&settings.language),
            client_settings::updated_at.eq(at),
        ))
        .execute(conn)?;
    of(conn, user)
}
