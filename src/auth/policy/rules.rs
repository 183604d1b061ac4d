//! The rules: who may do what, a table for each part of the house.

use crate::auth::identity::{Purpose, Role};
use crate::auth::policy::{Action, Relation, Who};
use crate::protocol::topic::TopicKind;

/// One row: on this kind of topic, this action, whoever one of these admits.
pub type Rule = (TopicKind, Action, &'static [Who]);

const LISTENER: Who = Who::Relation(Relation::Listener);
const MEMBER: Who = Who::Relation(Relation::Member);
const PEER: Who = Who::Relation(Relation::Peer);
const INVITED: Who = Who::Relation(Relation::Invited);
const AUTHOR: Who = Who::Relation(Relation::Author);
const ADMIN: Who = Who::Relation(Relation::Admin);
const OWNER: Who = Who::Relation(Relation::Owner);
const GUEST: Who = Who::Anyone(Relation::Guest);
const VISITOR: Who = Who::Relation(Relation::Visitor);
const ONESELF: Who = Who::Relation(Relation::Oneself);
const CONTACT: Who = Who::Relation(Relation::Contact);
const BARRED: Who = Who::Relation(Relation::Barred);
const CREW: Who = Who::Relation(Relation::Crew);

const READERS: &[Who] = &[GUEST, VISITOR, LISTENER, MEMBER, PEER, AUTHOR, ADMIN, OWNER, BARRED];
const REACTORS: &[Who] = &[VISITOR, LISTENER, MEMBER, PEER, AUTHOR, ADMIN, OWNER];
const POSTERS: &[Who] = &[GUEST, VISITOR, MEMBER, PEER, AUTHOR, ADMIN, OWNER];
const SPEAKERS: &[Who] = &[VISITOR, MEMBER, PEER, AUTHOR, ADMIN, OWNER];
const MEMBERS: &[Who] = &[LISTENER, MEMBER, PEER, AUTHOR, ADMIN, OWNER];
const MEMBERS_OR_BARRED: &[Who] = &[LISTENER, MEMBER, PEER, AUTHOR, ADMIN, OWNER, BARRED];
const CALLERS: &[Who] = &[MEMBER, PEER, ADMIN, OWNER];
const TAKERS: &[Who] = &[LISTENER, MEMBER, PEER, ADMIN, OWNER, BARRED];
const KEEPERS: &[Who] = &[ADMIN, OWNER];
/// Rooms that are nobody's are kept by the admins of the server, where they may read.
const MODERATORS: &[Who] = &[ADMIN, OWNER, Who::Role(Role::Admin)];
const PINNERS: &[Who] = &[PEER, ADMIN, OWNER, Who::Role(Role::Admin)];
const DESK: &[Who] = &[Who::Role(Role::Dispatcher), Who::Role(Role::Admin)];
const UNIT: &[Who] = &[CREW, Who::Role(Role::Dispatcher), Who::Role(Role::Admin)];
const FIELD: &[Who] =
    &[Who::Role(Role::Paramedic), Who::Role(Role::Dispatcher), Who::Role(Role::Admin)];
const CREW_OR_FIELD: &[Who] =
    &[CREW, Who::Role(Role::Paramedic), Who::Role(Role::Dispatcher), Who::Role(Role::Admin)];
const DESK_OR_SERVER: &[Who] = &[Who::Role(Role::Dispatcher), Who::Role(Role::Admin), Who::Server];
const UNIT_OR_SERVER: &[Who] =
    &[CREW, Who::Role(Role::Dispatcher), Who::Role(Role::Admin), Who::Server];
const SPEAKERS_OR_SERVER: &[Who] = &[VISITOR, MEMBER, PEER, AUTHOR, ADMIN, OWNER, Who::Server];
const KEEPERS_OR_PEER: &[Who] = &[PEER, ADMIN, OWNER];
const NOTIFIERS: &[Who] = &[Who::Role(Role::Admin), Who::Service(Purpose::Notify), Who::Server];

/// Every rule, in the order of `docs/AUTHORIZATION.md`. What has no row here, nobody may.
pub const RULES: &[&[Rule]] = &[CHAT, PERSONAL, PEOPLE, DISPATCH];

/// All rules, one after the other.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().flat_map(|part| part.iter())
}

/// Conversations.
#[rustfmt::skip]
const CHAT: &[Rule] = &[
    (TopicKind::Chat, Action::Subscribe, READERS),
    (TopicKind::Chat, Action::Read, READERS),
    (TopicKind::Chat, Action::Post, POSTERS),
    (TopicKind::Chat, Action::Edit, &[AUTHOR]),
    (TopicKind::Chat, Action::Delete, &[AUTHOR, ADMIN, OWNER]),
    (TopicKind::Chat, Action::MarkRead, MEMBERS_OR_BARRED),
    (TopicKind::Chat, Action::Typing, SPEAKERS),
    (TopicKind::Chat, Action::Publish, SPEAKERS_OR_SERVER),
    (TopicKind::Chat, Action::AddMember, KEEPERS),
    (TopicKind::Chat, Action::RemoveMember, KEEPERS),
    (TopicKind::Chat, Action::PromoteMember, &[OWNER]),
    (TopicKind::Chat, Action::ChangeConversation, KEEPERS),
    (TopicKind::Chat, Action::Create, &[Who::AnyoneSignedIn]),
    (TopicKind::Chat, Action::Join, &[VISITOR, INVITED]),
    (TopicKind::Chat, Action::Leave, MEMBERS),
    (TopicKind::Chat, Action::React, REACTORS),
    (TopicKind::Chat, Action::Pin, PINNERS),
    (TopicKind::Chat, Action::Forward, READERS),
    (TopicKind::Chat, Action::ReadVersions, MEMBERS_OR_BARRED),
    (TopicKind::Chat, Action::ReadReceipts, MEMBERS_OR_BARRED),
    (TopicKind::Chat, Action::MarkDelivered, MEMBERS_OR_BARRED),
    (TopicKind::Chat, Action::PostFreely, KEEPERS_OR_PEER),
    (TopicKind::Chat, Action::KeepInvites, KEEPERS),
    (TopicKind::Chat, Action::NameOneself, MEMBERS),
    (TopicKind::Chat, Action::NameMember, KEEPERS),
    (TopicKind::Chat, Action::Mute, MEMBERS_OR_BARRED),
    (TopicKind::Chat, Action::TransferOwnership, &[OWNER]),
    (TopicKind::Chat, Action::Download, READERS),
    (TopicKind::Chat, Action::LockThread, MODERATORS),
];

/// What is one person's own, and the admin's tables.
#[rustfmt::skip]
const PERSONAL: &[Rule] = &[
    (TopicKind::Inbox, Action::Subscribe, &[ONESELF]),
    (TopicKind::Inbox, Action::Read, &[ONESELF]),
    (TopicKind::Inbox, Action::Publish, &[Who::Server]),
    (TopicKind::Inbox, Action::MarkRead, &[ONESELF]),
    (TopicKind::Inbox, Action::Delete, &[ONESELF]),
    (TopicKind::Inbox, Action::Prefer, &[ONESELF]),
    (TopicKind::Dashboard, Action::Subscribe, &[ONESELF]),
    (TopicKind::Dashboard, Action::Read, &[ONESELF]),
    (TopicKind::Dashboard, Action::Publish, &[Who::Server]),
    (TopicKind::Admin, Action::Subscribe, &[Who::Role(Role::Admin)]),
    (TopicKind::Admin, Action::Read, &[Who::Role(Role::Admin)]),
    (TopicKind::Admin, Action::Publish, &[Who::Server]),
    (TopicKind::Admin, Action::Create, &[Who::Role(Role::Admin)]),
    (TopicKind::Admin, Action::Delete, &[Who::Role(Role::Admin)]),
    (TopicKind::Admin, Action::Notify, NOTIFIERS),
    (TopicKind::Admin, Action::SeeFigures, &[Who::AnyoneSignedIn]),
];

/// People: what they show, and to whom. Each person's entries stand under their inbox.
#[rustfmt::skip]
const PEOPLE: &[Rule] = &[
    (TopicKind::Inbox, Action::SeeProfile, &[Who::AnyoneSignedIn]),
    (TopicKind::Inbox, Action::SeeDetails, &[CONTACT, ONESELF]),
    (TopicKind::Inbox, Action::ChangeProfile, &[ONESELF]),
    (TopicKind::Inbox, Action::KeepContacts, &[ONESELF]),
    (TopicKind::Chat, Action::Call, CALLERS),
    (TopicKind::Chat, Action::TakeCall, TAKERS),
    (TopicKind::Chat, Action::EndCall, &[AUTHOR, ADMIN, OWNER]),
    (TopicKind::Inbox, Action::Report, &[Who::AnyoneSignedIn]),
    (TopicKind::Admin, Action::ResolveReport, &[Who::Role(Role::Admin)]),
    (TopicKind::Chat, Action::Export, MEMBERS_OR_BARRED),
    (TopicKind::Inbox, Action::Export, &[ONESELF, Who::Role(Role::Admin)]),
    (TopicKind::Inbox, Action::Erase, &[ONESELF, Who::Role(Role::Admin)]),
];

/// The boards.
#[rustfmt::skip]
const DISPATCH: &[Rule] = &[
    (TopicKind::Board, Action::Subscribe, DESK),
    (TopicKind::Board, Action::Read, DESK),
    (TopicKind::Board, Action::Publish, DESK_OR_SERVER),
    (TopicKind::Positions, Action::Subscribe, DESK),
    (TopicKind::Positions, Action::Read, DESK),
    (TopicKind::Positions, Action::Publish, DESK_OR_SERVER),
    (TopicKind::Unit, Action::Subscribe, UNIT),
    (TopicKind::Unit, Action::Read, UNIT),
    (TopicKind::Unit, Action::Publish, UNIT_OR_SERVER),
    (TopicKind::Board, Action::CreateIncident, DESK_OR_SERVER),
    (TopicKind::Board, Action::ChangeIncident, DESK),
    (TopicKind::Board, Action::ChangePatient, UNIT),
    (TopicKind::Board, Action::ReadIncident, FIELD),
    (TopicKind::Board, Action::ReadPatient, UNIT),
    (TopicKind::Board, Action::ReadPatientLog, &[Who::Role(Role::Admin)]),
    (TopicKind::Board, Action::ReadFleet, FIELD),
    (TopicKind::Board, Action::AddImage, UNIT_OR_SERVER),
    (TopicKind::Board, Action::ExportIncidents, DESK),
    (TopicKind::Board, Action::AssignUnit, DESK),
    (TopicKind::Board, Action::OverrideUnit, DESK),
    (TopicKind::Board, Action::AdvanceUnit, UNIT),
    (TopicKind::Board, Action::EndIncident, DESK),
    (TopicKind::Board, Action::CorrectStatus, DESK),
    (TopicKind::Board, Action::LinkIncident, DESK),
    (TopicKind::Board, Action::NoteIncident, UNIT),
    (TopicKind::Board, Action::CheckIn, UNIT),
    (TopicKind::Board, Action::SetTimer, DESK),
    (TopicKind::Board, Action::AnswerMayday, DESK),
    (TopicKind::Board, Action::ChangeFleet, DESK),
    (TopicKind::Board, Action::ChangeHospital, DESK),
    (TopicKind::Board, Action::ChangeBeds, FIELD),
    (TopicKind::Unit, Action::AnswerOrder, UNIT),
    (TopicKind::Unit, Action::SetUnitStatus, UNIT),
    (TopicKind::Board, Action::KeepShift, FIELD),
    (TopicKind::Board, Action::ArrangeShifts, DESK),
    (TopicKind::Board, Action::RaiseMayday, CREW_OR_FIELD),
];
