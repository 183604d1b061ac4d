//! Authorization of one request: finds what the topic is and how the asker relates to it, asks the
//! policy, and returns the grant.

use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{self, Action, Grant, Relation, Subject};
use crate::ids::{TopicId, UnitId, UserId};
use crate::models::contact;
use crate::models::conversation::{self, Conversation};
use crate::models::error::StoreError;
use crate::models::membership::{self as rows, MembershipRow};
use crate::models::store::DbConn;
use crate::models::{shift, unit};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::{ConversationKind, MemberRole};

/// What a topic is to one person.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The one name this topic's events carry.
    pub topic: Topic,
    pub relation: Relation,
    /// The conversation of a chat topic.
    pub conversation: Option<Conversation>,
    pub membership: Option<MembershipRow>,
}

impl Admission {
    /// The conversation of a chat topic.
    ///
    /// # Errors
    /// `bad_request` for any other kind of topic.
    pub fn conversation(&self) -> Result<&Conversation, Refusal> {
        self.conversation.as_ref().ok_or_else(|| Refusal::field("topic", "a chat topic"))
    }

    /// The journal of a chat topic; other topics find theirs by name.
    pub fn topic_id(&self) -> Option<TopicId> {
        self.conversation.as_ref().map(|conversation| conversation.topic_id)
    }
}

/// How a member with this role relates to a conversation of this kind.
fn relation_of(kind: ConversationKind, role: MemberRole) -> Relation {
    match (kind, role) {
        (_, MemberRole::Owner) => Relation::Owner,
        (_, MemberRole::Admin) => Relation::Admin,
        (ConversationKind::Direct, MemberRole::Member) => Relation::Peer,
        (ConversationKind::Channel, MemberRole::Member) => Relation::Listener,
        (_, MemberRole::Member) => Relation::Member,
    }
}

/// Whether it is direct and one of the two has blocked the other. Others pay nothing for it.
fn is_barred(
    conn: &mut DbConn,
    conversation: &Conversation,
    user: UserId,
) -> Result<bool, StoreError> {
    match conversation.peer_of(user) {
        Some(peer) => Ok(!contact::barred(conn, user, &[peer])?.is_empty()),
        None => Ok(false),
    }
}

/// Whether someone is of a unit's crew. A unit that is not on the list is not found.
fn of_unit(conn: &mut DbConn, who: &Identity, unit: UnitId) -> Result<Relation, Fault> {
    if unit::by_id(conn, unit)?.is_none() {
        return Err(Refusal::not_found().into());
    }
    let is_crew = shift::is_crew(conn, unit, who.user)?;
    Ok(if is_crew { Relation::Crew } else { Relation::Stranger })
}

/// Finds a topic and the asker's relation to it.
///
/// # Errors
/// `not_found` for a conversation that does not exist; a store error when the database failed.
pub fn admit(conn: &mut DbConn, who: &Identity, topic: &Topic) -> Result<Admission, Fault> {
    let Topic::Chat(key) = topic else {
        let mine = topic.person() == Some(who.user);
        let relation = match topic {
            _ if mine => Relation::Oneself,
            Topic::Unit(unit) => of_unit(conn, who, *unit)?,
            _ => Relation::Stranger,
        };
        return Ok(Admission {
            topic: topic.clone(),
            relation,
            conversation: None,
            membership: None,
        });
    };
    let conversation =
        conversation::by_key(conn, key)?.ok_or_else(|| Fault::Refused(Refusal::not_found()))?;
    let membership = rows::membership(conn, conversation.id, who.user)?;
    let relation = match &membership {
        Some(_) if is_barred(conn, &conversation, who.user)? => Relation::Barred,
        Some(membership) => relation_of(conversation.kind, membership.role),
        None if conversation.is_public => Relation::Visitor,
        None => Relation::Stranger,
    };
    let topic = conversation.topic();
    Ok(Admission { topic, relation, conversation: Some(conversation), membership })
}

/// Asks the policy for one action.
///
/// # Errors
/// The policy's refusal.
pub fn require(
    who: &Identity,
    kind: TopicKind,
    action: Action,
    relation: Relation,
) -> Result<Grant, Refusal> {
    policy::decide(kind, action, Subject::Person(who), relation)
}

/// [`admit`], then [`require`].
///
/// # Errors
/// Those of both.
pub fn admit_for(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    action: Action,
) -> Result<(Admission, Grant), Fault> {
    let admission = admit(conn, who, topic)?;
    let grant = require(who, admission.topic.kind(), action, admission.relation)?;
    Ok((admission, grant))
}
