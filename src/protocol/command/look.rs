//! Questions: commands that only read, and change nothing.

use serde::Deserialize;

use crate::protocol::command::rooms::InviteToken;
use crate::protocol::command::talk::OfMessage;
use crate::protocol::command::{CommandRow, read_data, row};

/// Look for public conversations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct Discover {
    /// Words that its name, title and description hold, each anywhere; absent for all.
    pub q: Option<String>,
    /// 1 to 100; 50 when absent.
    pub limit: Option<i64>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// What a message said before its edits.
    Versions(OfMessage),
    /// Whom a message has reached.
    Receipts(OfMessage),
    /// Everyone who reacted to a message.
    Reactions(OfMessage),
    /// The pinned messages.
    Pins,
    /// The invite links.
    Invites,
    /// Where an invite link leads.
    Invite(InviteToken),
    /// Public conversations.
    Discover(Discover),
}

/// Questions.
#[rustfmt::skip]
pub const LOOKS: &[CommandRow] = &[
    row("message.versions", true, |raw| read_data(raw).map(Look::Versions).map(Into::into)),
    row("message.receipts", true, |raw| read_data(raw).map(Look::Receipts).map(Into::into)),
    row("message.reactions", true, |raw| read_data(raw).map(Look::Reactions).map(Into::into)),
    row("conversation.pins", true, |_| Ok(Look::Pins.into())),
    row("conversation.discover", false, |raw| read_data(raw).map(Look::Discover).map(Into::into)),
    row("invite.list", true, |_| Ok(Look::Invites.into())),
    row("invite.look", false, |raw| read_data(raw).map(Look::Invite).map(Into::into)),
];
