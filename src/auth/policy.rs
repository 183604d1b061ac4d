//! Policy: the one table of who may do what, and the one function that answers by it.
//!
//! REST and sockets ask here, at every action. The table is printed in `docs/AUTHORIZATION.md`.
//! **Never:** finding out how someone stands to a thing; the caller brings the [`Relation`].

pub mod actions;
pub mod rules;

use std::fmt::Write;

use crate::auth::identity::{Carrier, Identity, Purpose, Role};
use crate::ids::UserId;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::TopicKind;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Someone who has not signed in.
    Anyone,
    /// Someone who has.
    Person(&'a Identity),
    /// This server, on its own account.
    Server,
}

impl Subject<'_> {
    /// An identity that is nobody's is anyone.
    fn plain(self) -> Self {
        match self {
            Self::Person(person) if person.is_nobody() => Self::Anyone,
            other => other,
        }
    }
}

/// What may be done with a topic or with what lies behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Subscribe,
    Read,
    Post,
    Edit,
    Delete,
    MarkRead,
    Typing,
    Publish,
    AddMember,
    RemoveMember,
    PromoteMember,
    ChangeConversation,
    Create,
    Join,
    Leave,
    React,
    Pin,
    Forward,
    ReadVersions,
    ReadReceipts,
    MarkDelivered,
    PostFreely,
    KeepInvites,
    NameOneself,
    NameMember,
    Mute,
    TransferOwnership,
    Notify,
    Prefer,
    SeeFigures,
    Download,
    SeeProfile,
    SeeDetails,
    ChangeProfile,
    KeepContacts,
    CreateIncident,
    ChangeIncident,
    ChangePatient,
    ReadIncident,
    ReadPatient,
    ReadPatientLog,
    ReadFleet,
    AddImage,
    ExportIncidents,
    AssignUnit,
    OverrideUnit,
    AdvanceUnit,
    EndIncident,
    CorrectStatus,
    LinkIncident,
    NoteIncident,
    CheckIn,
    SetTimer,
    AnswerMayday,
    ChangeFleet,
    ChangeHospital,
    ChangeBeds,
    AnswerOrder,
    SetUnitStatus,
    KeepShift,
    ArrangeShifts,
    RaiseMayday,
    Call,
    TakeCall,
    EndCall,
    Report,
    ResolveReport,
    Export,
    Erase,
    /// Keeping a thread from being answered, and answering it all the same.
    LockThread,
}

/// How the subject stands to the thing asked about. One, the strongest that counts for the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// None; for such a person the thing does not exist.
    Stranger,
    /// It is open to whoever comes, signed in or not.
    Guest,
    /// It is a public conversation of which they are no member.
    Visitor,
    /// A member of a channel, where only admins and the owner post.
    Listener,
    Member,
    /// One of the two of a direct conversation.
    Peer,
    /// They hold a working invite link to it.
    Invited,
    /// They wrote the thing to be edited or deleted, and may still see it.
    Author,
    Admin,
    Owner,
    /// It is their own inbox or dashboard.
    Oneself,
    /// They are of the unit's crew.
    Crew,
    /// The person has them among their contacts.
    Contact,
    /// It is a direct conversation, and one of the two has blocked the other.
    Barred,
}

impl Relation {
    /// All relations, in the order of `docs/AUTHORIZATION.md`.
    pub const ALL: &'static [Self] = &[
        Self::Stranger,
        Self::Guest,
        Self::Visitor,
        Self::Listener,
        Self::Member,
        Self::Peer,
        Self::Invited,
        Self::Author,
        Self::Admin,
        Self::Owner,
        Self::Oneself,
        Self::Crew,
        Self::Contact,
        Self::Barred,
    ];
}

/// One way of being allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever stands to it like this, signed in or not.
    Anyone(Relation),
    AnyoneSignedIn,
    Role(Role),
    Relation(Relation),
    /// A service whose token has this purpose.
    Service(Purpose),
    Server,
}

/// The purpose of a service's token; a person has none.
fn purpose(subject: Subject<'_>) -> Option<Purpose> {
    match subject {
        Subject::Person(Identity { carrier: Carrier::Service(purpose), .. }) => Some(*purpose),
        _ => None,
    }
}

impl Who {
    fn admits(self, subject: Subject<'_>, relation: Relation) -> bool {
        if let Some(purpose) = purpose(subject) {
            return self == Self::Service(purpose);
        }
        match (self, subject) {
            (Self::AnyoneSignedIn, Subject::Person(_)) | (Self::Server, Subject::Server) => true,
            (Self::Role(role), Subject::Person(person)) => person.role == role,
            (Self::Relation(wanted), Subject::Person(_)) => wanted == relation,
            (Self::Anyone(wanted), Subject::Person(_) | Subject::Anyone) => wanted == relation,
            _ => false,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Anyone(relation) => format!("any {relation:?}").to_lowercase(),
            Self::AnyoneSignedIn => "anyone signed in".to_owned(),
            Self::Role(role) => format!("role {role}"),
            Self::Relation(relation) => format!("{relation:?}").to_lowercase(),
            Self::Service(purpose) => format!("service {}", purpose.as_str()),
            Self::Server => "server".to_owned(),
        }
    }
}

/// Proof that [`decide`] said yes. Owners take nothing without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    user: Option<UserId>,
    role: Option<Role>,
    kind: TopicKind,
    action: Action,
    relation: Relation,
}

impl Grant {
    /// Who was allowed; `None` for the server itself.
    pub fn user(&self) -> Option<UserId> {
        self.user
    }

    /// With which role; `None` for the server itself.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// On which kind of topic.
    pub fn kind(&self) -> TopicKind {
        self.kind
    }

    /// To do what.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Standing how to it.
    pub fn relation(&self) -> Relation {
        self.relation
    }
}

fn allowed(kind: TopicKind, action: Action) -> &'static [Who] {
    rules::all()
        .find(|(row_kind, row_action, _)| (*row_kind, *row_action) == (kind, action))
        .map_or(&[], |(_, _, who)| *who)
}

fn admits(who: &[Who], subject: Subject<'_>, relation: Relation) -> bool {
    who.iter().any(|who| who.admits(subject, relation))
}

/// Answers whether `subject`, standing to the thing as `relation` says, may do `action`.
///
/// # Errors
/// `not_authenticated` for [`Subject::Anyone`]; `not_found` for who may not even read where
/// reading depends on a relation, so that neither "not there" nor "not yours" can be told;
/// `not_a_member` for a visitor where members may; else `forbidden`, naming the action.
pub fn decide(
    kind: TopicKind,
    action: Action,
    subject: Subject<'_>,
    relation: Relation,
) -> Result<Grant, Refusal> {
    let subject = subject.plain();
    let who = allowed(kind, action);
    if !admits(who, subject, relation) {
        return Err(refusal(kind, action, subject, relation));
    }
    let (user, role) = match subject {
        Subject::Person(person) => (Some(person.user), Some(person.role)),
        Subject::Anyone | Subject::Server => (None, None),
    };
    Ok(Grant { user, role, kind, action, relation })
}

fn refusal(kind: TopicKind, action: Action, subject: Subject<'_>, relation: Relation) -> Refusal {
    match subject {
        Subject::Anyone => return Refusal::not_authenticated("sign in first"),
        Subject::Server => return Refusal::forbidden("the server itself never does this"),
        Subject::Person(_) => {}
    }
    let readers = allowed(kind, Action::Read);
    if !admits(readers, subject, relation) {
        let is_by_relation = readers.iter().any(|who| matches!(who, Who::Relation(_)));
        return if is_by_relation { Refusal::not_found() } else { wrong_role() };
    }
    if relation == Relation::Visitor
        && allowed(kind, action).contains(&Who::Relation(Relation::Owner))
    {
        return Refusal::new(Code::NotAMember, format!("only members may {}", action.words()));
    }
    Refusal::forbidden(format!("you may not {} here", action.words()))
}

fn wrong_role() -> Refusal {
    Refusal::forbidden("your role does not open this")
}

/// Answers whether `subject` has one of `roles`; for paths and pages that stand on a role alone.
///
/// # Errors
/// `not_authenticated` or `forbidden`.
pub fn decide_role(roles: &[Role], subject: Subject<'_>) -> Result<(), Refusal> {
    match subject.plain() {
        Subject::Anyone => Err(Refusal::not_authenticated("sign in first")),
        Subject::Person(_) if purpose(subject).is_some() => Err(wrong_role()),
        Subject::Person(person) if !roles.contains(&person.role) => Err(wrong_role()),
        Subject::Person(_) | Subject::Server => Ok(()),
    }
}

/// Whether a role alone, whoever has it, may do this.
pub fn role_may(kind: TopicKind, action: Action, role: Role) -> bool {
    allowed(kind, action).contains(&Who::Role(role))
}

/// The rules as the Markdown table of `docs/AUTHORIZATION.md`.
pub fn table() -> String {
    let mut text = String::from("| topic | action | who may |\n| --- | --- | --- |\n");
    for (kind, action, who) in rules::all() {
        let names: Vec<String> = who.iter().map(|who| who.words()).collect();
        let kind = format!("{kind:?}").to_lowercase();
        let _ = writeln!(text, "| {kind} | {action:?} | {} |", names.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::topic::KINDS;

    fn person(role: Role) -> Identity {
        Identity {
            user: UserId(7),
            username: "alice".into(),
            display_name: "Alice".into(),
            role,
            carrier: Carrier::Access,
            login: None,
            expires_at: None,
            profile: None,
        }
    }

    fn service(purpose: Purpose) -> Identity {
        Identity { carrier: Carrier::Service(purpose), ..person(Role::Admin) }
    }

    fn code(kind: TopicKind, action: Action, role: Role, relation: Relation) -> Option<Code> {
        decide(kind, action, Subject::Person(&person(role)), relation).err().map(|no| no.code)
    }

    /// What the document says, read from its text alone.
    fn documented(kind: TopicKind, action: Action) -> Vec<String> {
        let row = format!("| {} | {action:?} | ", format!("{kind:?}").to_lowercase());
        include_str!("../../docs/AUTHORIZATION.md")
            .lines()
            .filter_map(|line| line.strip_prefix(&row)?.strip_suffix(" |"))
            .flat_map(|who| who.split(", ").map(str::to_owned))
            .collect()
    }

    #[test]
    fn every_kind_action_role_and_relation_is_answered_as_the_document_says() {
        let mut answers = 0;
        for kind in KINDS.iter().map(|row| row.kind) {
            for &action in Action::ALL {
                let who = documented(kind, action);
                let says = |name: &str| who.iter().any(|said| said == name);
                for &relation in Relation::ALL {
                    for role in Role::ALL {
                        let wanted = says("anyone signed in")
                            || says(&format!("role {role}"))
                            || says(&format!("{relation:?}").to_lowercase())
                            || says(&format!("any {relation:?}").to_lowercase());
                        let someone = person(role);
                        let answer = decide(kind, action, Subject::Person(&someone), relation);
                        assert_eq!(
                            answer.is_ok(),
                            wanted,
                            "{kind:?} {action:?} {role} {relation:?}"
                        );
                        answers += 1;
                    }
                    for &purpose in Purpose::ALL {
                        let wanted = says(&format!("service {}", purpose.as_str()));
                        let service = service(purpose);
                        let answer = decide(kind, action, Subject::Person(&service), relation);
                        assert_eq!(answer.is_ok(), wanted, "{kind:?} {action:?} {purpose:?}");
                    }
                    let server = decide(kind, action, Subject::Server, relation);
                    assert_eq!(server.is_ok(), says("server"), "{kind:?} {action:?} server");
                    let wanted = says(&format!("any {relation:?}").to_lowercase());
                    let nobody = Identity::nobody();
                    for subject in [Subject::Anyone, Subject::Person(&nobody)] {
                        let answer = decide(kind, action, subject, relation);
                        assert_eq!(answer.is_ok(), wanted, "{kind:?} {action:?} {relation:?}");
                        let code = answer.err().map(|no| no.code);
                        assert!(code.is_none_or(|code| code == Code::NotAuthenticated));
                    }
                }
            }
        }
        let all = KINDS.len() * Action::ALL.len() * Relation::ALL.len() * Role::ALL.len();
        assert_eq!(answers, all);
    }

    #[test]
    fn no_kind_and_action_has_two_rows() {
        for (kind, action, _) in rules::all() {
            let rows = rules::all().filter(|row| (row.0, row.1) == (*kind, *action));
            assert_eq!(rows.count(), 1);
        }
    }

    #[test]
    fn what_one_may_not_see_is_not_found_whatever_one_wants_with_it() {
        let for_all = [Action::Create, Action::SeeProfile, Action::Report];
        for action in Action::ALL.iter().copied().filter(|action| !for_all.contains(action)) {
            for kind in [TopicKind::Chat, TopicKind::Inbox, TopicKind::Dashboard, TopicKind::Unit] {
                let answer = code(kind, action, Role::Paramedic, Relation::Stranger);
                assert_eq!(answer, Some(Code::NotFound), "{kind:?} {action:?}");
            }
        }
    }

    #[test]
    fn a_member_without_the_right_is_told_so_and_a_visitor_that_members_may() {
        let chat = |action, relation| code(TopicKind::Chat, action, Role::Member, relation);
        assert_eq!(chat(Action::AddMember, Relation::Member), Some(Code::Forbidden));
        assert_eq!(chat(Action::Post, Relation::Listener), Some(Code::Forbidden));
        assert_eq!(chat(Action::Edit, Relation::Owner), Some(Code::Forbidden));
        assert_eq!(chat(Action::PromoteMember, Relation::Admin), Some(Code::Forbidden));
        assert_eq!(chat(Action::MarkRead, Relation::Visitor), Some(Code::NotAMember));
        assert_eq!(chat(Action::Join, Relation::Member), Some(Code::Forbidden));
        let refusal = decide(
            TopicKind::Chat,
            Action::AddMember,
            Subject::Person(&person(Role::Member)),
            Relation::Member,
        );
        assert_eq!(refusal.unwrap_err().message, "you may not add members here");
    }

    #[test]
    fn a_wrong_role_is_forbidden_on_the_board() {
        for kind in [TopicKind::Board, TopicKind::Positions, TopicKind::Admin] {
            let answer = code(kind, Action::Subscribe, Role::Paramedic, Relation::Stranger);
            assert_eq!(answer, Some(Code::Forbidden));
        }
        let medic = person(Role::Paramedic);
        let desk = [Role::Dispatcher, Role::Admin];
        let no = decide_role(&desk, Subject::Person(&medic)).unwrap_err();
        assert_eq!(no.code, Code::Forbidden);
        assert_eq!(decide_role(&desk, Subject::Anyone).unwrap_err().code, Code::NotAuthenticated);
        assert_eq!(decide_role(&desk, Subject::Person(&person(Role::Admin))), Ok(()));
    }

    #[test]
    fn a_service_of_an_admin_has_no_role_and_is_nobodys_self() {
        let service = service(Purpose::Notify);
        let subject = Subject::Person(&service);
        assert_eq!(decide_role(&[Role::Admin], subject).unwrap_err().code, Code::Forbidden);
        let read = decide(TopicKind::Inbox, Action::Read, subject, Relation::Oneself);
        assert_eq!(read.unwrap_err().code, Code::NotFound);
        assert!(decide(TopicKind::Admin, Action::Notify, subject, Relation::Stranger).is_ok());
    }

    #[test]
    fn a_grant_says_what_was_granted() {
        let alice = person(Role::Member);
        let grant =
            decide(TopicKind::Chat, Action::Post, Subject::Person(&alice), Relation::Visitor)
                .unwrap();
        assert_eq!((grant.user(), grant.role()), (Some(UserId(7)), Some(Role::Member)));
        assert_eq!((grant.kind(), grant.action()), (TopicKind::Chat, Action::Post));
        assert_eq!(grant.relation(), Relation::Visitor);
    }
}
