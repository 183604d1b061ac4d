//! Erasing an account: in steps small enough for the writer, taken up again after a restart.
//!
//! First the account is shut and its sign-ins end; then it leaves its conversations, which pass on
//! to others; then its messages go, where the settings say so; last the account itself.

use log::{info, warn};

use crate::actors::authorize::require;
use crate::actors::chat_commands::{Effect, note};
use crate::actors::effect_job;
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::actors::replay::Delta;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::UserId;
use crate::layer::contract::Whom;
use crate::models::erasure::{self, Erasure};
use crate::models::membership::{self as rows, MembershipRow};
use crate::models::store::DbConn;
use crate::models::{conversation, login, message, user};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::TopicKind;
use crate::protocol::views::MemberRole;

/// Conversations left in one step.
const CONVERSATIONS_A_STEP: i64 = 20;
/// Messages removed in one step.
const MESSAGES_A_STEP: i64 = 100;

/// Begins to erase an account, which is shut from here on.
///
/// # Errors
/// The policy's refusal, `not_found`, `conflict` for the last admin.
pub async fn begin(
    house: &House,
    who: &Identity,
    target: UserId,
    removes_messages: bool,
) -> Result<(), Refusal> {
    let relation = if who.user == target { Relation::Oneself } else { Relation::Stranger };
    require(who, TopicKind::Inbox, Action::Erase, relation)?;
    let by = who.user;
    house
        .lane
        .write(move |conn: &mut DbConn| {
            let account = user::by_id(conn, target)?.ok_or_else(Refusal::not_found)?;
            if erasure::is_last_admin(conn, target)? {
                let rule = "the last admin stays; make someone else an admin first";
                return Err(Refusal::new(Code::Conflict, rule).into());
            }
            let now = clock::now_naive();
            erasure::begin(conn, target, by, removes_messages, now)?;
            if account.is_active {
                user::set_active(conn, target, false, now)?;
            }
            login::revoke_all(conn, target, None, now)?;
            Ok(())
        })
        .await?;
    house.revoke(Whom::User(target), Refusal::not_authenticated("the account is erased"));
    info!("account erasure begun user={target} by={by} removes_messages={removes_messages}");
    Ok(())
}

/// Goes on with erasures that are under way, until there are none. Called by the housekeeper.
pub async fn go_on(house: &House) {
    loop {
        let next = house.lane.read(|conn| Ok(erasure::next(conn)?)).await;
        let Ok(Some(next)) = next else { return };
        let id = next.user_id;
        if let Err(refusal) = effect_job::write(house, move |conn| step(conn, &next)).await {
            warn!("an erasure did not move on and will be tried again user={id} cause={refusal}");
            return;
        }
    }
}

fn step(conn: &mut DbConn, erasure: &Erasure) -> Result<Effect, Fault> {
    let mut effect = Effect::quiet(&());
    let left = erasure::memberships_left(conn, erasure.user_id, CONVERSATIONS_A_STEP)?;
    if !left.is_empty() {
        for membership in &left {
            leave(conn, membership, &mut effect.events)?;
        }
        erasure::count(conn, erasure, 0, left.len())?;
        return Ok(effect);
    }
    if erasure.removes_messages {
        let left = erasure::messages_left(conn, erasure.user_id, MESSAGES_A_STEP)?;
        for (id, home) in &left {
            message::delete(conn, *id, erasure.user_id, clock::now_naive())?;
            let Some(home) = conversation::by_id(conn, *home)? else { continue };
            let body = EventBody::MessageDeleted { id: *id, by: Some(erasure.user_id) };
            effect.events.push(note(conn, &home, erasure.user_id, Some(id.0), None, body)?);
        }
        if !left.is_empty() {
            erasure::count(conn, erasure, left.len(), 0)?;
            return Ok(effect);
        }
    }
    erasure::finish(conn, erasure, clock::now_naive())?;
    info!(
        "account erased user={} by={:?} messages={} conversations={}",
        erasure.user_id,
        erasure.asked_by.map(|by| by.0),
        erasure.messages,
        erasure.conversations
    );
    Ok(effect)
}

/// Leaves a conversation; one that was theirs is handed on first.
fn leave(
    conn: &mut DbConn,
    membership: &MembershipRow,
    events: &mut Vec<Event>,
) -> Result<(), Fault> {
    let (home, user) = (membership.conversation_id, membership.user_id);
    let Some(found) = conversation::by_id(conn, home)? else { return Ok(()) };
    if membership.role == MemberRole::Owner {
        let heir = erasure::heir(conn, home, user)?;
        conversation::set_owner(conn, home, heir)?;
        if let Some(heir) = heir {
            rows::set_role(conn, home, heir, MemberRole::Owner)?;
            let role = MemberRole::Owner;
            let delta = Delta { role: Some(role), ..Delta::default() };
            let body = EventBody::MemberPromoted { user: heir, role, by: Some(user) };
            events.push(note(conn, &found, user, Some(heir.0), Some(&delta), body)?);
        }
    }
    if rows::remove_member(conn, home, user)? {
        let body = EventBody::MemberRemoved { user, by: Some(user) };
        events.push(note(conn, &found, user, Some(user.0), None, body)?);
    }
    Ok(())
}
