//! Files sent with messages, as their readers and their uploaders see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::AttachmentId;

/// A file that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentView {
    #[schema(value_type = String)]
    pub id: AttachmentId,
    /// As its uploader calls it; for display only.
    pub name: String,
    /// What its bytes are, whatever its uploader declared.
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// Of a picture, in pixels as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i32>,
    /// Where its bytes are, for those who may read the conversation it was sent to.
    pub url: String,
    /// Where a small picture of it is, when it is a picture larger than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// A word that nobody can guess, by which older clients are handed it; never on the native
    /// wire.
    #[serde(skip)]
    pub key: String,
}

/// An upload in several requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadView {
    /// The id its attachment will have, too.
    #[schema(value_type = String)]
    pub id: AttachmentId,
    pub name: String,
    /// In bytes, as announced.
    pub size: i64,
    /// The bytes that are safely here: go on from this offset.
    pub received: i64,
    /// There once all bytes are here and checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentView>,
}
