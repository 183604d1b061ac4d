//! What a client may say about people: its own profile and settings, contacts, who is online.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::ids::{ContactId, UserId};

/// Tells a `null` from an absent field.
fn given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(reader).map(Some)
}

/// Show a profile: one's own, or as another shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct ProfileShow {
    /// Whose; one's own when absent.
    pub user: Option<UserId>,
}

/// Change what one says of oneself and what one shows; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct ProfileChange {
    /// A path of this server or an `https` address; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub avatar: Option<Option<String>>,
    /// At most 150 characters.
    pub status_message: Option<String>,
    /// At most 1,000 characters.
    pub bio: Option<String>,
    /// An `http` or `https` address, or empty.
    pub website: Option<String>,
    /// `YYYY-MM-DD`; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub date_of_birth: Option<Option<String>>,
    /// At most 100 characters.
    pub country: Option<String>,
    /// At most 100 characters.
    pub city: Option<String>,
    pub show_phone_number: Option<bool>,
    pub show_last_seen: Option<bool>,
    pub show_profile_photo: Option<bool>,
    pub show_read_receipts: Option<bool>,
    pub allow_calls: Option<bool>,
    pub allow_group_invite: Option<bool>,
}

/// Change how one's own clients behave; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct SettingsChange {
    pub enable_notifications: Option<bool>,
    pub notification_sound: Option<bool>,
    pub message_preview: Option<bool>,
    pub enter_to_send: Option<bool>,
    pub auto_download_photos: Option<bool>,
    pub auto_download_videos: Option<bool>,
    pub auto_download_files: Option<bool>,
    pub two_factor_enabled: Option<bool>,
    pub show_typing_indicator: Option<bool>,
    /// `light`, `dark` or `auto`.
    pub theme: Option<String>,
    /// `small`, `medium` or `large`.
    pub font_size: Option<String>,
    /// A language tag of letters, digits and hyphens.
    pub language: Option<String>,
}

/// Ask who of these is online.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct PresenceAsk {
    /// At most 200.
    #[schema(value_type = Vec<String>)]
    pub users: Vec<UserId>,
}

/// List one's contacts and whom one has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct ContactList {
    /// The entry after which to go on.
    pub after: Option<ContactId>,
    /// 1 to 200; 200 when absent.
    pub limit: Option<i64>,
}

/// Make someone a contact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ContactAdd {
    #[schema(value_type = String)]
    pub user: UserId,
    /// What one calls them, at most 100 characters.
    pub nickname: Option<String>,
    pub is_favorite: Option<bool>,
}

/// Change what one has noted about a contact; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactChange {
    pub user: UserId,
    /// At most 100 characters; empty for none.
    pub nickname: Option<String>,
    pub is_favorite: Option<bool>,
    /// Whether they are shut out.
    pub is_blocked: Option<bool>,
}

/// About whom: to take a contact away, to block, to unblock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactName {
    pub user: UserId,
}

/// Everything a client may say about people.
#[derive(Debug, Clone)]
pub enum PeopleCommand {
    ProfileShow(ProfileShow),
    ProfileChange(ProfileChange),
    SettingsShow,
    SettingsChange(SettingsChange),
    SettingsReset,
    PresenceAsk(PresenceAsk),
    ContactList(ContactList),
    ContactAdd(ContactAdd),
    ContactChange(ContactChange),
    ContactRemove(ContactName),
    ContactBlock(ContactName),
    ContactUnblock(ContactName),
}

impl PeopleCommand {
    /// Whether it changes nothing, so that a reader answers it.
    pub fn is_question(&self) -> bool {
        matches!(
            self,
            Self::ProfileShow(_) | Self::SettingsShow | Self::PresenceAsk(_) | Self::ContactList(_)
        )
    }
}
