//! People as they show themselves: profiles by who looks, privacy, client settings, contacts.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{ContactId, UserId};
use crate::protocol::views::PersonView;

/// A person as the one who asks may see them. What is not set and what is not shown look alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileView {
    #[serde(flatten)]
    pub person: PersonView,
    /// Where their picture is: a path of this server or an `https` address.
    pub avatar: Option<String>,
    pub status_message: String,
    pub bio: String,
    pub website: String,
    pub phone: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    /// Whether they have a connection open now.
    pub is_online: Option<bool>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<NaiveDateTime>,
    /// The asker's own contact entry for them, if there is one.
    pub contact: Option<ContactMarks>,
}

/// What the owner of a contact entry has noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactMarks {
    #[schema(value_type = String)]
    pub id: ContactId,
    /// What the owner calls them; empty for none.
    pub nickname: String,
    /// Whether they are one of the owner's contacts; an entry may be a block alone.
    pub is_contact: bool,
    pub is_favorite: bool,
    pub is_blocked: bool,
}

/// A person in a list, with what of them is shown to everyone who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonCard {
    #[serde(flatten)]
    pub person: PersonView,
    pub avatar: Option<String>,
    pub status_message: String,
    pub is_online: Option<bool>,
}

/// What a person shows and allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrivacyView {
    /// To contacts; strangers never see it.
    pub show_phone_number: bool,
    /// Being online and when last seen.
    pub show_last_seen: bool,
    pub show_profile_photo: bool,
    /// Off: nobody is told what this person has read.
    pub show_read_receipts: bool,
    /// Off: nobody can call.
    pub allow_calls: bool,
    /// Off: only contacts can bring this person into a conversation.
    pub allow_group_invite: bool,
}

/// One's own profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnProfile {
    #[serde(flatten)]
    pub person: PersonView,
    pub avatar: Option<String>,
    pub status_message: String,
    pub bio: String,
    pub website: String,
    pub phone: Option<String>,
    pub email: String,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    pub country: String,
    pub city: String,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<NaiveDateTime>,
    pub privacy: PrivacyView,
}

/// How one's own clients behave. The server keeps these and acts on none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientSettingsView {
    pub enable_notifications: bool,
    pub notification_sound: bool,
    pub message_preview: bool,
    pub enter_to_send: bool,
    pub auto_download_photos: bool,
    pub auto_download_videos: bool,
    pub auto_download_files: bool,
    /// Kept for older clients; this server has no second factor.
    pub two_factor_enabled: bool,
    pub show_typing_indicator: bool,
    /// `light`, `dark` or `auto`.
    pub theme: String,
    /// `small`, `medium` or `large`.
    pub font_size: String,
    /// A language tag: `en`, `pt-BR`.
    pub language: String,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<NaiveDateTime>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<NaiveDateTime>,
}

/// One of a person's contacts, or someone they have blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactView {
    pub user: PersonView,
    #[serde(flatten)]
    pub marks: ContactMarks,
    #[serde(with = "clock::stamp")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
}

/// A page of contacts, by when they were noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactPage {
    pub contacts: Vec<ContactView>,
    /// Whether there are more after the last of these.
    pub more: bool,
}

/// Who of those asked about is online, and when the others were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenView {
    #[schema(value_type = String)]
    pub user: UserId,
    /// `null` when they do not show it.
    pub is_online: Option<bool>,
    #[serde(with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<NaiveDateTime>,
}
