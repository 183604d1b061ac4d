//! Commands about conversations and one's place in them: nickname, mute, ownership, invite links.

use chrono::NaiveDateTime;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::clock;
use crate::ids::{InviteId, UserId};
use crate::protocol::command::{CommandRow, read_data, row};

/// Say what a member is called here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MemberNickname {
    /// Oneself when absent.
    pub user: Option<UserId>,
    /// At most 64 characters; empty for none.
    pub nickname: String,
    pub client_id: Option<String>,
}

/// Want no notifications of this conversation until then, or want them again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConversationMute {
    /// `null` or absent to want them again.
    #[serde(default, with = "clock::stamp_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<NaiveDateTime>,
}

/// Hand the conversation to another member; one stays as an admin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConversationTransfer {
    #[schema(value_type = String)]
    pub user: UserId,
    pub client_id: Option<String>,
}

/// Make a link by which people join.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default, ToSchema)]
pub struct InviteMake {
    /// Seconds until it ends, up to a year; absent for a link without end.
    pub expires_in_s: Option<i64>,
    /// How many may join by it, up to 100,000; absent for any number.
    pub max_uses: Option<i64>,
}

/// End a link.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InviteRevoke {
    pub id: InviteId,
}

/// Join by a link, or look where it leads.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct InviteToken {
    /// The link's secret.
    pub token: String,
}

// The secret must not reach a log.
impl std::fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InviteToken")
    }
}

/// What changes something about a conversation or one's place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomCommand {
    Nickname(MemberNickname),
    Mute(ConversationMute),
    Transfer(ConversationTransfer),
    InviteMake(InviteMake),
    InviteRevoke(InviteRevoke),
    InviteJoin(InviteToken),
}

impl RoomCommand {
    /// Its `type`, and the `client_id` it came with.
    pub fn once(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Nickname(nickname) => ("member.nickname", nickname.client_id.as_deref()),
            Self::Mute(_) => ("conversation.mute", None),
            Self::Transfer(transfer) => ("conversation.transfer", transfer.client_id.as_deref()),
            Self::InviteMake(_) => ("invite.make", None),
            Self::InviteRevoke(_) => ("invite.revoke", None),
            Self::InviteJoin(_) => ("invite.join", None),
        }
    }
}

/// Commands about conversations.
#[rustfmt::skip]
pub const ROOMS: &[CommandRow] = &[
    row("member.nickname", true, |raw| read_data(raw).map(RoomCommand::Nickname).map(Into::into)),
    row("conversation.mute", true, |raw| read_data(raw).map(RoomCommand::Mute).map(Into::into)),
    row("conversation.transfer", true, |raw| read_data(raw).map(RoomCommand::Transfer).map(Into::into)),
    row("invite.make", true, |raw| read_data(raw).map(RoomCommand::InviteMake).map(Into::into)),
    row("invite.revoke", true, |raw| read_data(raw).map(RoomCommand::InviteRevoke).map(Into::into)),
    row("invite.join", false, |raw| read_data(raw).map(RoomCommand::InviteJoin).map(Into::into)),
];
