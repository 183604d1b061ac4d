//! What is read of dispatch outside of topics: who may read it, and what of it they see.

use crate::actors::authorize::{admit_for, require};
use crate::actors::chat_reads::page_size;
use crate::actors::dispatch::snapshot;
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::ids::{EntryId, HospitalId, ImageId, IncidentId, MaydayId, OrderId, UnitId, UserId};
use crate::models::attachment::AttachmentRow;
use crate::models::error::StoreError;
use crate::models::incident_list::{self, Words};
use crate::models::store::DbConn;
use crate::models::{
    hospital, incident, incident_image, incident_views, mayday, order, patient_log, shift,
    timeline, unit,
};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::dispatch::{
    BoardSnapshot, IncidentView, MaydayView, OrderView, UnitSnapshot, UnitView,
};
use crate::protocol::views::dispatch_pages::{
    HospitalList, IncidentDetail, IncidentPage, MaydayPage, OrderPage, PatientReadPage,
    PatientReadView, ShiftPage, TimelinePage, UnitList,
};
use crate::protocol::views::hospitals::HospitalView;

/// Entries of the timeline that come with an incident.
const TIMELINE_BESIDE: i64 = 200;

/// Something read, and whose patients were shown with it: they must be logged before it is handed
/// out.
#[derive(Debug)]
pub struct Seen<T> {
    pub what: T,
    pub patients: Vec<IncidentId>,
}

/// Whose incidents someone sees whole.
#[derive(Debug)]
pub struct Eyes {
    sees_all: bool,
    /// Incidents that a unit is on of whose crew they are.
    own: Vec<IncidentId>,
    /// Units of whose crew they are.
    units: Vec<UnitId>,
}

impl Eyes {
    /// What someone sees who may read incidents at all.
    ///
    /// # Errors
    /// The policy's refusal, or a fault.
    pub fn of(conn: &mut DbConn, who: &Identity) -> Result<Self, Fault> {
        require(who, TopicKind::Board, Action::ReadIncident, Relation::Stranger)?;
        let sees = |relation| require(who, TopicKind::Board, Action::ReadPatient, relation).is_ok();
        let (mut own, mut units) = (Vec::new(), Vec::new());
        if let Some(on) = shift::of_user(conn, who.user)? {
            units.push(on.unit_id);
            own.extend(order::of_unit(conn, on.unit_id)?.map(|order| order.incident_id));
        }
        for (unit, incident) in order::all_naming(conn, who.user)? {
            units.push(unit);
            own.push(incident);
        }
        if !sees(Relation::Crew) {
            own.clear();
        }
        Ok(Self { sees_all: sees(Relation::Stranger), own, units })
    }

    /// Whether they see this one whole.
    pub fn see(&self, id: IncidentId) -> bool {
        self.sees_all || self.own.contains(&id)
    }

    /// Incidents as they see them.
    fn look(&self, views: Vec<IncidentView>) -> Seen<Vec<IncidentView>> {
        let patients = views.iter().map(|view| view.id).filter(|id| self.see(*id)).collect();
        let masked = |view: IncidentView| {
            if self.see(view.id) { view } else { view.redacted() }
        };
        Seen { what: views.into_iter().map(masked).collect(), patients }
    }
}

/// Cuts what was asked for with one more than a page holds; whether there is more.
fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    more
}

/// A page of incidents. Words are looked for only where the asker may look.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn incidents(
    conn: &mut DbConn,
    who: &Identity,
    mut wanted: incident_list::Wanted,
    limit: Option<i64>,
) -> Result<Seen<IncidentPage>, Fault> {
    let limit = page_size(limit, 1)?;
    let eyes = Eyes::of(conn, who)?;
    wanted.words = wanted.words.map(|words| Words { everywhere: eyes.sees_all, ..words });
    let mut ids = incident_list::ids(conn, &wanted, limit + 1)?;
    let more = cut(&mut ids, limit);
    let Seen { what: incidents, patients } = eyes.look(incident_views::views(conn, &ids)?);
    Ok(Seen { what: IncidentPage { incidents, more }, patients })
}

fn orders_of(conn: &mut DbConn, id: IncidentId, whole: bool) -> Result<Vec<OrderView>, StoreError> {
    let wanted = order::Wanted { incident: Some(id), ..order::Wanted::default() };
    let ids = order::ids(conn, &wanted, i64::from(u16::MAX))?;
    let views = order::views(conn, order::Which::Ids(&ids))?;
    Ok(views.into_iter().map(|view| if whole { view } else { view.redacted() }).collect())
}

/// An incident whole, with its orders and the beginning of its timeline.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn incident(
    conn: &mut DbConn,
    who: &Identity,
    id: IncidentId,
) -> Result<Seen<IncidentDetail>, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let view = incident_views::one(conn, id)?;
    let orders = orders_of(conn, id, eyes.see(id))?;
    let TimelinePage { entries, more } = entries(conn, &eyes, id, None, TIMELINE_BESIDE)?;
    let Seen { mut what, patients } = eyes.look(vec![view]);
    let incident = what.pop().ok_or_else(Refusal::not_found)?;
    Ok(Seen { what: IncidentDetail { incident, orders, timeline: entries, more }, patients })
}

fn entries(
    conn: &mut DbConn,
    eyes: &Eyes,
    id: IncidentId,
    after: Option<EntryId>,
    limit: i64,
) -> Result<TimelinePage, Fault> {
    let mut entries =
        timeline::of_incident(conn, id, after, limit + 1).map_err(|fault| match fault {
            StoreError::Missing => Fault::Refused(Refusal::field("after", "an entry of its own")),
            fault => fault.into(),
        })?;
    let more = cut(&mut entries, limit);
    if !eyes.see(id) {
        entries = entries.into_iter().map(|entry| entry.redacted()).collect();
    }
    Ok(TimelinePage { entries, more })
}

/// A page of an incident's timeline.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or a fault.
pub fn timeline(
    conn: &mut DbConn,
    who: &Identity,
    id: IncidentId,
    after: Option<EntryId>,
    limit: Option<i64>,
) -> Result<TimelinePage, Fault> {
    let limit = page_size(limit, 1)?;
    let eyes = Eyes::of(conn, who)?;
    incident::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    entries(conn, &eyes, id, after, limit)
}

/// Who saw an incident's patient, oldest first, those with an open board among them.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn readers(
    conn: &mut DbConn,
    who: &Identity,
    id: IncidentId,
) -> Result<PatientReadPage, Fault> {
    require(who, TopicKind::Board, Action::ReadPatientLog, Relation::Stranger)?;
    let found = incident::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    let view = |read: incident::PatientRead| PatientReadView {
        id: None,
        incident: read.incident,
        user: read.user,
        username: read.username,
        way: read.way,
        at: read.at,
    };
    let reads = incident::reads_of(conn, &found)?.into_iter().map(view).collect();
    Ok(PatientReadPage { reads, more: false })
}

/// Whether someone may add pictures to an incident.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn may_add_image(conn: &mut DbConn, who: &Identity, id: IncidentId) -> Result<(), Fault> {
    let eyes = Eyes::of(conn, who)?;
    let relation = if eyes.own.contains(&id) { Relation::Crew } else { Relation::Stranger };
    require(who, TopicKind::Board, Action::AddImage, relation)?;
    incident::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    Ok(())
}

/// The file of an incident's picture, for those who see the incident whole.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn image(
    conn: &mut DbConn,
    who: &Identity,
    id: IncidentId,
    image: ImageId,
) -> Result<AttachmentRow, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let file = incident_image::file(conn, id, image)?.filter(|_| eyes.see(id));
    file.ok_or_else(|| Refusal::not_found().into())
}

/// A page of the log of who saw which patient.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn patient_log(
    conn: &mut DbConn,
    who: &Identity,
    wanted: &patient_log::Wanted,
    limit: Option<i64>,
) -> Result<PatientReadPage, Fault> {
    let limit = page_size(limit, 1)?;
    require(who, TopicKind::Board, Action::ReadPatientLog, Relation::Stranger)?;
    let mut reads = patient_log::page(conn, wanted, limit + 1)?;
    let more = cut(&mut reads, limit);
    Ok(PatientReadPage { reads, more })
}

/// A page of orders: dispatchers see all, crews those of their unit.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn orders(
    conn: &mut DbConn,
    who: &Identity,
    mut wanted: order::Wanted,
    limit: Option<i64>,
) -> Result<OrderPage, Fault> {
    let limit = page_size(limit, 1)?;
    let eyes = Eyes::of(conn, who)?;
    if require(who, TopicKind::Unit, Action::Read, Relation::Stranger).is_err() {
        let asked = wanted.units.take();
        let mine = |unit: &UnitId| asked.as_ref().is_none_or(|asked| asked.contains(unit));
        wanted.units = Some(eyes.units.iter().copied().filter(mine).collect());
    }
    let mut ids = order::ids(conn, &wanted, limit + 1)?;
    let more = cut(&mut ids, limit);
    let mut orders = order::views(conn, order::Which::Ids(&ids))?;
    orders.reverse();
    Ok(OrderPage { orders, more })
}

/// An order, for dispatchers and the crew of its unit.
///
/// # Errors
/// `not_found` for everyone else; or a fault.
pub fn order(conn: &mut DbConn, who: &Identity, id: OrderId) -> Result<OrderView, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let view = order::views(conn, order::Which::Ids(&[id]))?.pop();
    let view = view.ok_or_else(Refusal::not_found)?;
    let is_crew = eyes.units.contains(&view.unit);
    let relation = if is_crew { Relation::Crew } else { Relation::Stranger };
    require(who, TopicKind::Unit, Action::Read, relation)?;
    Ok(view)
}

fn see_fleet(who: &Identity) -> Result<(), Refusal> {
    require(who, TopicKind::Board, Action::ReadFleet, Relation::Stranger).map(drop)
}

/// All units.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn units(conn: &mut DbConn, who: &Identity) -> Result<UnitList, Fault> {
    see_fleet(who)?;
    Ok(UnitList { units: unit::views(conn, None)? })
}

/// A unit on the list.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn unit(conn: &mut DbConn, who: &Identity, id: UnitId) -> Result<UnitView, Fault> {
    see_fleet(who)?;
    unit::by_id(conn, id)?.ok_or_else(Refusal::not_found)?;
    let view = unit::views(conn, Some(&[id]))?.pop();
    Ok(view.ok_or_else(Refusal::not_found)?)
}

/// All hospitals.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn hospitals(conn: &mut DbConn, who: &Identity) -> Result<HospitalList, Fault> {
    see_fleet(who)?;
    let hospitals = hospital::all(conn)?.iter().map(hospital::Hospital::view).collect();
    Ok(HospitalList { hospitals })
}

/// A hospital on the list.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn hospital(conn: &mut DbConn, who: &Identity, id: HospitalId) -> Result<HospitalView, Fault> {
    see_fleet(who)?;
    Ok(hospital::by_id(conn, id)?.ok_or_else(Refusal::not_found)?.view())
}

/// A page of shifts: whoever arranges them sees all, others their own.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn shifts(
    conn: &mut DbConn,
    who: &Identity,
    mut wanted: shift::Wanted,
    limit: Option<i64>,
) -> Result<ShiftPage, Fault> {
    let limit = page_size(limit, 1)?;
    require(who, TopicKind::Board, Action::KeepShift, Relation::Stranger)?;
    if require(who, TopicKind::Board, Action::ArrangeShifts, Relation::Stranger).is_err() {
        let is_other = |user: UserId| user != who.user;
        if wanted.user.is_some_and(is_other) {
            return Err(Refusal::forbidden("you may see your own shifts alone").into());
        }
        wanted.user = Some(who.user);
    }
    let mut shifts = shift::page(conn, &wanted, limit + 1)?;
    let more = cut(&mut shifts, limit);
    Ok(ShiftPage { shifts, more })
}

/// A page of maydays, for dispatchers.
///
/// # Errors
/// The policy's refusal, `bad_request`, or a fault.
pub fn maydays(
    conn: &mut DbConn,
    who: &Identity,
    open: Option<bool>,
    before: Option<MaydayId>,
    limit: Option<i64>,
) -> Result<MaydayPage, Fault> {
    let limit = page_size(limit, 1)?;
    require(who, TopicKind::Board, Action::Read, Relation::Stranger)?;
    let mut ids = mayday::ids(conn, open, before, limit + 1)?;
    let more = cut(&mut ids, limit);
    let mut maydays = mayday::views(conn, mayday::Which::Ids(&ids))?;
    maydays.reverse();
    Ok(MaydayPage { maydays, more })
}

/// A mayday, for dispatchers, who raised it, and the crew of its unit.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn mayday(conn: &mut DbConn, who: &Identity, id: MaydayId) -> Result<MaydayView, Fault> {
    let eyes = Eyes::of(conn, who)?;
    let view = mayday::views(conn, mayday::Which::Ids(&[id]))?.pop();
    let view = view.ok_or_else(Refusal::not_found)?;
    let is_theirs = view.raised_by.as_ref().is_some_and(|person| person.id == who.user)
        || view.unit.is_some_and(|unit| eyes.units.contains(&unit));
    let relation = if is_theirs { Relation::Crew } else { Relation::Stranger };
    require(who, TopicKind::Unit, Action::Read, relation)?;
    Ok(view)
}

/// The board as it stands.
///
/// # Errors
/// The policy's refusal, or a fault.
pub fn board(conn: &mut DbConn, who: &Identity) -> Result<BoardSnapshot, Fault> {
    admit_for(conn, who, &Topic::Board, Action::Read)?;
    Ok(snapshot::board(conn)?)
}

/// A page of what happened to a unit, last told first, for dispatchers and its crew.
///
/// # Errors
/// The policy's refusal, `not_found`, `bad_request`, or a fault.
pub fn unit_timeline(
    conn: &mut DbConn,
    who: &Identity,
    id: UnitId,
    before: Option<EntryId>,
    limit: Option<i64>,
) -> Result<TimelinePage, Fault> {
    let limit = page_size(limit, 1)?;
    admit_for(conn, who, &Topic::Unit(id), Action::Read)?;
    let mut entries = timeline::of_unit(conn, id, before, limit + 1)?;
    let more = cut(&mut entries, limit);
    Ok(TimelinePage { entries, more })
}

/// What the crew of a unit sees, as it stands.
///
/// # Errors
/// The policy's refusal, `not_found`, or a fault.
pub fn unit_board(
    conn: &mut DbConn,
    who: &Identity,
    id: UnitId,
) -> Result<Seen<UnitSnapshot>, Fault> {
    admit_for(conn, who, &Topic::Unit(id), Action::Read)?;
    let what = snapshot::of_unit(conn, id)?.ok_or_else(Refusal::not_found)?;
    let patients = what.incidents.iter().map(|incident| incident.id).collect();
    Ok(Seen { what, patients })
}
