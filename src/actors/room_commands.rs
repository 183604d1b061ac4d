//! What commands do to one's place in a conversation: nickname, mute, ownership, invite links.

use chrono::Duration;

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_commands::{Effect, Noted, note};
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::membership_commands::{self as membership, seat_members, tell_inbox};
use crate::actors::replay::Delta;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::auth::secret;
use crate::clock;
use crate::models::conversation::{self, Conversation};
use crate::models::invite::{self, Invite, NewInvite};
use crate::models::membership as rows;
use crate::models::store::DbConn;
use crate::protocol::command::MemberPromote;
use crate::protocol::command::rooms::{
    ConversationMute, ConversationTransfer, InviteMake, InviteRevoke, InviteToken, MemberNickname,
    RoomCommand,
};
use crate::protocol::event::EventBody;
use crate::protocol::event::talk::TalkEvent;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::rooms::InviteMade;
use crate::protocol::views::{ConversationKind, MemberRole};

/// Longest nickname, in characters.
const MAX_NICKNAME_CHARS: usize = 64;
/// Longest life of an invite link, in seconds: a year.
const MAX_INVITE_S: i64 = 366 * 86_400;
/// Most people a link can be made for, when it counts them.
const MAX_INVITE_USES: i64 = 100_000;

/// Does one of these commands.
///
/// # Errors
/// The refusal, or a fault.
pub fn perform(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    command: &RoomCommand,
    house: &House,
) -> Result<Effect, Fault> {
    let here = || topic.ok_or_else(|| Refusal::field("topic", "required"));
    match command {
        RoomCommand::Nickname(wish) => nickname(conn, who, here()?, wish),
        RoomCommand::Mute(wish) => mute(conn, who, here()?, wish),
        RoomCommand::Transfer(wish) => transfer(conn, who, here()?, wish),
        RoomCommand::InviteMake(wish) => make_invite(conn, who, here()?, wish, house),
        RoomCommand::InviteRevoke(wish) => revoke_invite(conn, who, here()?, wish),
        RoomCommand::InviteJoin(wish) => join_by_invite(conn, who, wish),
    }
}

fn nickname(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &MemberNickname,
) -> Result<Effect, Fault> {
    let nickname = wish.nickname.trim();
    if nickname.chars().count() > MAX_NICKNAME_CHARS || nickname.chars().any(char::is_control) {
        let rule = format!("at most {MAX_NICKNAME_CHARS} characters, none of them a control");
        return Err(Refusal::field("data.nickname", rule).into());
    }
    let user = wish.user.unwrap_or(who.user);
    let action = if user == who.user { Action::NameOneself } else { Action::NameMember };
    let (admission, _grant) = admit_for(conn, who, topic, action)?;
    let conversation = admission.conversation()?;
    let target = rows::membership(conn, conversation.id, user)?
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    if target.nickname == nickname {
        return Ok(Effect::quiet(&Noted { seq: 0 }));
    }
    rows::set_nickname(conn, conversation.id, user, nickname)?;
    let nickname = nickname.to_owned();
    let delta = Delta { nickname: Some(nickname.clone()), ..Delta::default() };
    let body = EventBody::Talk(TalkEvent::MemberNicknamed { user, nickname, by: Some(who.user) });
    let event = note(conn, conversation, who.user, Some(user.0), Some(&delta), body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}

fn mute(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &ConversationMute,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::Mute)?;
    let conversation = admission.conversation()?;
    rows::set_muted(conn, conversation.id, who.user, wish.until)?;
    let (topic, until) = (conversation.topic(), wish.until);
    let delta = Delta { topic: Some(topic.clone()), until, ..Delta::default() };
    let body = EventBody::Talk(TalkEvent::ConversationMuted { topic, until });
    let event = tell_inbox(conn, who.user, who.user, None, Some(&delta), body)?;
    Ok(Effect::with_event(&Noted { seq: event.seq.unwrap_or(0) }, event))
}

fn transfer(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &ConversationTransfer,
) -> Result<Effect, Fault> {
    admit_for(conn, who, topic, Action::TransferOwnership)?;
    let promote = MemberPromote { user: wish.user, role: MemberRole::Owner, client_id: None };
    membership::promote(conn, who, topic, &promote)
}

fn make_invite(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &InviteMake,
    house: &House,
) -> Result<Effect, Fault> {
    if wish.expires_in_s.is_some_and(|s| !(1..=MAX_INVITE_S).contains(&s)) {
        let rule = format!("from 1 to {MAX_INVITE_S}");
        return Err(Refusal::field("data.expires_in_s", rule).into());
    }
    if wish.max_uses.is_some_and(|uses| !(1..=MAX_INVITE_USES).contains(&uses)) {
        let rule = format!("from 1 to {MAX_INVITE_USES}");
        return Err(Refusal::field("data.max_uses", rule).into());
    }
    let (admission, _grant) = admit_for(conn, who, topic, Action::KeepInvites)?;
    let conversation = admission.conversation()?;
    if conversation.kind == ConversationKind::Direct {
        return Err(Refusal::field("topic", "a conversation that is not direct").into());
    }
    let limit = house.settings.invites_per_conversation;
    if invite::count(conn, conversation.id)? >= limit {
        let rule = format!("at most {limit} links are kept; revoke one first");
        return Err(Refusal::new(Code::Conflict, rule).into());
    }
    let (at, token) = (clock::now_naive(), secret::opaque_token());
    let new = NewInvite {
        conversation: conversation.id,
        token_hash: &secret::hash_at_rest(&token),
        by: who.user,
        at,
        expires_at: wish.expires_in_s.map(|seconds| at + Duration::seconds(seconds)),
        max_uses: wish.max_uses,
    };
    let made = invite::insert(conn, &new)?;
    Ok(Effect::quiet(&InviteMade { invite: made.view(at), token }))
}

fn revoke_invite(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    wish: &InviteRevoke,
) -> Result<Effect, Fault> {
    let (admission, _grant) = admit_for(conn, who, topic, Action::KeepInvites)?;
    let conversation = admission.conversation()?;
    let found = invite::by_id(conn, wish.id)?
        .filter(|found| found.conversation_id == conversation.id)
        .ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    let now = clock::now_naive();
    invite::revoke(conn, found.id, now)?;
    let ended = invite::by_id(conn, found.id)?.unwrap_or(found);
    Ok(Effect::quiet(&ended.view(now)))
}

/// The conversation that a working link leads to.
///
/// # Errors
/// `not_found` for a link that does not exist, has expired, is used up or was revoked: one answer
/// for all, so that nothing can be told from it.
pub fn led_to(conn: &mut DbConn, wish: &InviteToken) -> Result<(Invite, Conversation), Fault> {
    let missing = || Fault::Refused(Refusal::not_found());
    let found = invite::by_hash(conn, &secret::hash_at_rest(&wish.token))?
        .filter(|found| found.works(clock::now_naive()))
        .ok_or_else(missing)?;
    let conversation = conversation::by_id(conn, found.conversation_id)?.ok_or_else(missing)?;
    Ok((found, conversation))
}

fn join_by_invite(conn: &mut DbConn, who: &Identity, wish: &InviteToken) -> Result<Effect, Fault> {
    let (found, conversation) = led_to(conn, wish)?;
    let mut effect = Effect::quiet(&conversation.view());
    // Whoever is in already uses nothing up.
    if rows::membership(conn, conversation.id, who.user)?.is_some() {
        return Ok(effect);
    }
    require(who, TopicKind::Chat, Action::Join, Relation::Invited)?;
    if !invite::take(conn, found.id)? {
        return Err(Refusal::not_found().into());
    }
    let newcomer = [(who.user, MemberRole::Member)];
    seat_members(conn, who, &conversation, &newcomer, &mut effect.events)?;
    Ok(effect)
}
