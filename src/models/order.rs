//! The `orders` table: which unit is bound to which incident, and what its crew said to that.
//!
//! A unit has one order that has not ended at most; the database says so itself.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{HospitalId, IncidentId, OrderId, UnitId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{incidents, order_crew, orders, units};
use crate::models::store::{DbConn, on_engine};
use crate::models::user;
use crate::protocol::dispatch::{OrderState, Priority, UnitStatus};
use crate::protocol::views::dispatch::{OrderCrewView, OrderView};

/// A row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = orders)]
#[diesel(treat_none_as_null = true)]
pub struct Order {
    pub id: OrderId,
    pub incident_id: IncidentId,
    pub unit_id: UnitId,
    pub state: OrderState,
    /// How far the unit has come on the incident.
    pub stage: UnitStatus,
    pub priority: Priority,
    pub note: String,
    pub ordered_by: Option<UserId>,
    pub paramedic_id: Option<UserId>,
    pub override_reason: Option<String>,
    pub sent_at: NaiveDateTime,
    pub delivered_at: Option<NaiveDateTime>,
    pub seen_at: Option<NaiveDateTime>,
    pub answered_at: Option<NaiveDateTime>,
    pub answered_by: Option<UserId>,
    pub decline_reason: Option<String>,
    pub en_route_at: Option<NaiveDateTime>,
    pub on_scene_at: Option<NaiveDateTime>,
    pub transporting_at: Option<NaiveDateTime>,
    pub at_hospital_at: Option<NaiveDateTime>,
    /// When the unit was free again.
    pub ended_at: Option<NaiveDateTime>,
    pub ended_by: Option<UserId>,
    pub end_reason: Option<String>,
    pub repeats: i32,
    /// When it is next repeated on the crew's devices.
    pub repeat_at: Option<NaiveDateTime>,
    /// When it is next brought before the dispatchers.
    pub escalate_at: Option<NaiveDateTime>,
    pub escalated_at: Option<NaiveDateTime>,
    pub escalations: i32,
    pub nobody_heard: bool,
}

impl Order {
    /// When the unit came to a stage; `None` for stages that are no moment of an order.
    pub fn reached(&self, stage: UnitStatus) -> Option<NaiveDateTime> {
        match stage {
            UnitStatus::Assigned => Some(self.sent_at),
            UnitStatus::EnRoute => self.en_route_at,
            UnitStatus::OnScene => self.on_scene_at,
            UnitStatus::Transporting => self.transporting_at,
            UnitStatus::AtHospital => self.at_hospital_at,
            UnitStatus::Available | UnitStatus::Maintenance | UnitStatus::OutOfService => None,
        }
    }

    /// Notes when the unit came to a stage, or that it did not.
    pub fn set_reached(&mut self, stage: UnitStatus, at: Option<NaiveDateTime>) {
        match stage {
            UnitStatus::EnRoute => self.en_route_at = at,
            UnitStatus::OnScene => self.on_scene_at = at,
            UnitStatus::Transporting => self.transporting_at = at,
            UnitStatus::AtHospital => self.at_hospital_at = at,
            _ => {}
        }
    }

    /// The newest moment of the response: nothing that comes now happened before it.
    pub fn newest(&self) -> NaiveDateTime {
        let moments =
            [self.en_route_at, self.on_scene_at, self.transporting_at, self.at_hospital_at];
        moments.into_iter().flatten().fold(self.sent_at, NaiveDateTime::max)
    }

    /// Whether the unit is still bound.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }
}

/// An order to give.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub incident: IncidentId,
    pub unit: UnitId,
    pub priority: Priority,
    pub note: String,
    pub ordered_by: Option<UserId>,
    pub paramedic: Option<UserId>,
    pub override_reason: Option<String>,
    pub at: NaiveDateTime,
    pub repeat_at: Option<NaiveDateTime>,
    pub escalate_at: Option<NaiveDateTime>,
    /// Who is on shift on the unit.
    pub crew: Vec<UserId>,
}

/// Gives an order.
///
/// # Errors
/// `Conflict` when the unit is bound already.
pub fn give(conn: &mut DbConn, new: &NewOrder) -> Result<Order, StoreError> {
    let row = (
        orders::incident_id.eq(new.incident),
        orders::unit_id.eq(new.unit),
        orders::state.eq(OrderState::Sent),
        orders::stage.eq(UnitStatus::Assigned),
        orders::priority.eq(new.priority),
        orders::note.eq(&new.note),
        orders::ordered_by.eq(new.ordered_by),
        orders::paramedic_id.eq(new.paramedic),
        orders::override_reason.eq(&new.override_reason),
        orders::sent_at.eq(new.at),
        orders::repeat_at.eq(new.repeat_at),
        orders::escalate_at.eq(new.escalate_at),
    );
    let id: OrderId =
        diesel::insert_into(orders::table).values(row).returning(orders::id).get_result(conn)?;
    for &user in &new.crew {
        add_crew(conn, id, user)?;
    }
    by_id(conn, id)?.ok_or(StoreError::Missing)
}

/// Counts someone among those an order must reach.
pub fn add_crew(conn: &mut DbConn, id: OrderId, user: UserId) -> Result<(), StoreError> {
    let row = (order_crew::order_id.eq(id), order_crew::user_id.eq(user));
    let statement = diesel::insert_into(order_crew::table).values(row).on_conflict_do_nothing();
    on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(())
}

/// No longer counts someone who neither got nor saw it.
pub fn drop_crew(conn: &mut DbConn, id: OrderId, user: UserId) -> Result<(), StoreError> {
    let row = order_crew::table.find((id, user)).filter(order_crew::delivered_at.is_null());
    diesel::delete(row).execute(conn)?;
    Ok(())
}

/// Notes that someone's device got it, or that they saw it; the first time stays.
pub fn confirm(
    conn: &mut DbConn,
    id: OrderId,
    user: UserId,
    seen: bool,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    add_crew(conn, id, user)?;
    let row = order_crew::table.find((id, user));
    let fresh = row.filter(order_crew::delivered_at.is_null());
    diesel::update(fresh).set(order_crew::delivered_at.eq(at)).execute(conn)?;
    if seen {
        let fresh = row.filter(order_crew::seen_at.is_null());
        diesel::update(fresh).set(order_crew::seen_at.eq(at)).execute(conn)?;
    }
    Ok(())
}

/// Writes an order as it stands.
pub fn update(conn: &mut DbConn, order: &Order) -> Result<(), StoreError> {
    diesel::update(orders::table.find(order.id)).set(order).execute(conn)?;
    Ok(())
}

/// The order with this id.
pub fn by_id(conn: &mut DbConn, id: OrderId) -> Result<Option<Order>, StoreError> {
    Ok(orders::table.find(id).select(Order::as_select()).first(conn).optional()?)
}

/// The order a unit is bound by.
pub fn of_unit(conn: &mut DbConn, unit: UnitId) -> Result<Option<Order>, StoreError> {
    let open = orders::table.filter(orders::unit_id.eq(unit)).filter(orders::ended_at.is_null());
    Ok(open.select(Order::as_select()).first(conn).optional()?)
}

/// The orders that bind units to an incident, first given first.
pub fn open_of(conn: &mut DbConn, incident: IncidentId) -> Result<Vec<Order>, StoreError> {
    Ok(orders::table
        .filter(orders::incident_id.eq(incident))
        .filter(orders::ended_at.is_null())
        .order(orders::id)
        .select(Order::as_select())
        .load(conn)?)
}

/// All orders ever given for an incident, first given first.
pub fn all_of(conn: &mut DbConn, incident: IncidentId) -> Result<Vec<Order>, StoreError> {
    Ok(orders::table
        .filter(orders::incident_id.eq(incident))
        .order(orders::id)
        .select(Order::as_select())
        .load(conn)?)
}

/// All orders ever given for these incidents, first given first, with the numbers of their units.
pub fn of_incidents(
    conn: &mut DbConn,
    incidents: &[IncidentId],
) -> Result<Vec<(Order, String)>, StoreError> {
    if incidents.is_empty() {
        return Ok(Vec::new());
    }
    Ok(orders::table
        .inner_join(units::table)
        .filter(orders::incident_id.eq_any(incidents))
        .order(orders::id)
        .select((Order::as_select(), units::unit_number))
        .load(conn)?)
}

/// Orders whose repeat or escalation is due at `now`, up to `limit`.
pub fn due(conn: &mut DbConn, now: NaiveDateTime, limit: i64) -> Result<Vec<Order>, StoreError> {
    Ok(orders::table
        .filter(orders::repeat_at.le(now).or(orders::escalate_at.le(now)))
        .order(orders::id)
        .limit(limit)
        .select(Order::as_select())
        .load(conn)?)
}

/// Which orders [`views`] shows.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those with these ids.
    Ids(&'a [OrderId]),
    /// All whose unit is not free again.
    Open,
    /// Those of a unit.
    OpenOf(UnitId),
}

/// Orders as everyone in dispatch sees them, by id.
pub fn views(conn: &mut DbConn, which: Which<'_>) -> Result<Vec<OrderView>, StoreError> {
    let mut query = orders::table
        .inner_join(incidents::table)
        .inner_join(units::table)
        .order(orders::id)
        .select((Order::as_select(), incidents::call_id, units::unit_number))
        .into_boxed();
    query = match which {
        Which::Ids([]) => return Ok(Vec::new()),
        Which::Ids(ids) => query.filter(orders::id.eq_any(ids)),
        Which::Open => query.filter(orders::ended_at.is_null()),
        Which::OpenOf(unit) => {
            query.filter(orders::ended_at.is_null()).filter(orders::unit_id.eq(unit))
        }
    };
    let rows: Vec<(Order, String, String)> = query.load(conn)?;
    let ids: Vec<OrderId> = rows.iter().map(|(order, _, _)| order.id).collect();
    let confirmed: Vec<(OrderId, UserId, Option<NaiveDateTime>, Option<NaiveDateTime>)> =
        order_crew::table
            .filter(order_crew::order_id.eq_any(&ids))
            .order((order_crew::order_id, order_crew::user_id))
            .load(conn)?;
    let mut people: Vec<UserId> = confirmed.iter().map(|row| row.1).collect();
    for (order, _, _) in &rows {
        people.extend([order.ordered_by, order.paramedic_id, order.answered_by].iter().flatten());
    }
    people.sort_unstable();
    people.dedup();
    let people = user::persons(conn, &people)?;
    let mut crews: HashMap<OrderId, Vec<OrderCrewView>> = HashMap::new();
    for (order, user, delivered_at, seen_at) in confirmed {
        if let Some(user) = people.get(&user).cloned() {
            let view = OrderCrewView { user, delivered_at, seen_at };
            crews.entry(order).or_default().push(view);
        }
    }
    let person = |id: Option<UserId>| id.and_then(|id| people.get(&id).cloned());
    let view = |(row, call_id, unit_number): (Order, String, String)| OrderView {
        id: row.id,
        incident: row.incident_id,
        call_id,
        unit: row.unit_id,
        unit_number,
        state: row.state,
        stage: row.stage,
        priority: row.priority,
        note: row.note,
        ordered_by: person(row.ordered_by),
        paramedic: person(row.paramedic_id),
        override_reason: row.override_reason,
        sent_at: row.sent_at,
        delivered_at: row.delivered_at,
        seen_at: row.seen_at,
        answered_at: row.answered_at,
        answered_by: person(row.answered_by),
        decline_reason: row.decline_reason,
        ended_at: row.ended_at,
        end_reason: row.end_reason,
        repeats: row.repeats,
        escalate_at: row.escalate_at,
        escalations: row.escalations,
        nobody_heard: row.nobody_heard,
        crew: crews.remove(&row.id).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Which orders [`ids`] lists; what is absent does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub incident: Option<IncidentId>,
    /// None of other units, when given.
    pub units: Option<Vec<UnitId>>,
    /// Whether they still bind their unit.
    pub open: Option<bool>,
    /// Those given before this one.
    pub before: Option<OrderId>,
}

/// The ids of up to `limit` such orders, newest first.
pub fn ids(conn: &mut DbConn, wanted: &Wanted, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let mut query =
        orders::table.order(orders::id.desc()).limit(limit).select(orders::id).into_boxed();
    if let Some(incident) = wanted.incident {
        query = query.filter(orders::incident_id.eq(incident));
    }
    if let Some(units) = &wanted.units {
        query = query.filter(orders::unit_id.eq_any(units));
    }
    match wanted.open {
        Some(true) => query = query.filter(orders::ended_at.is_null()),
        Some(false) => query = query.filter(orders::ended_at.is_not_null()),
        None => {}
    }
    if let Some(before) = wanted.before {
        query = query.filter(orders::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// The units and incidents of the open orders that name someone.
pub fn all_naming(
    conn: &mut DbConn,
    user: UserId,
) -> Result<Vec<(UnitId, IncidentId)>, StoreError> {
    let open = orders::table.filter(orders::paramedic_id.eq(user));
    let open = open.filter(orders::ended_at.is_null()).order(orders::id);
    Ok(open.select((orders::unit_id, orders::incident_id)).load(conn)?)
}

/// The order that names someone, while it binds its unit.
pub fn naming(conn: &mut DbConn, user: UserId) -> Result<Option<Order>, StoreError> {
    let open = orders::table.filter(orders::paramedic_id.eq(user));
    let open = open.filter(orders::ended_at.is_null()).order(orders::id.desc());
    Ok(open.select(Order::as_select()).first(conn).optional()?)
}

/// The units on incidents whose patients go to a hospital.
pub fn units_bound_for(conn: &mut DbConn, hospital: HospitalId) -> Result<Vec<UnitId>, StoreError> {
    Ok(orders::table
        .inner_join(incidents::table)
        .filter(orders::ended_at.is_null())
        .filter(incidents::hospital_id.eq(hospital))
        .order(orders::unit_id)
        .select(orders::unit_id)
        .load(conn)?)
}
