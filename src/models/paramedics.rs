//! Paramedics as dispatchers choose among them, and what each of them has been ordered to.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::auth::identity::Role;
use crate::ids::{IncidentId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::{order_crew, orders, users};
use crate::models::store::DbConn;
use crate::models::user::User;
use crate::models::{order, shift};
use crate::protocol::dispatch::OrderState;

/// Active paramedics by name; only those who say they are available if asked so.
pub fn all(conn: &mut DbConn, only_available: bool) -> Result<Vec<User>, StoreError> {
    let mut query = users::table
        .filter(users::role.eq(Role::Paramedic.as_str()))
        .filter(users::is_active.eq(true))
        .order((users::first_name, users::last_name, users::id))
        .select(User::as_select())
        .into_boxed();
    if only_available {
        query = query.filter(users::is_available.eq(true));
    }
    Ok(query.load(conn)?)
}

/// The first by name who is available, on shift nowhere and named by no order.
pub fn first_free(conn: &mut DbConn) -> Result<Option<UserId>, StoreError> {
    let on_duty = shift::on_duty(conn)?;
    let busy: BTreeSet<UserId> = on_duty.into_iter().map(|(user, _)| user).collect();
    let free = all(conn, true)?.into_iter().map(|user| user.id);
    Ok(free.into_iter().find(|id| !busy.contains(id)))
}

/// The incident that someone is on now: by the order that names them, else by that of their unit.
pub fn incident_of(conn: &mut DbConn, user: UserId) -> Result<Option<IncidentId>, StoreError> {
    let named = order::naming(conn, user)?;
    if let Some(named) = named {
        return Ok(Some(named.incident_id));
    }
    let Some(on) = shift::of_user(conn, user)? else { return Ok(None) };
    Ok(order::of_unit(conn, on.unit_id)?.map(|order| order.incident_id))
}

/// Every incident that someone was ordered to and was not let go from, newest first.
pub fn incidents_of(conn: &mut DbConn, user: UserId) -> Result<Vec<IncidentId>, StoreError> {
    let let_go = [OrderState::Declined, OrderState::Released];
    let named: Vec<IncidentId> = orders::table
        .filter(orders::paramedic_id.eq(user))
        .filter(orders::state.ne_all(let_go))
        .select(orders::incident_id)
        .load(conn)?;
    let crew: Vec<IncidentId> = order_crew::table
        .inner_join(orders::table)
        .filter(order_crew::user_id.eq(user))
        .filter(orders::state.ne_all(let_go))
        .select(orders::incident_id)
        .load(conn)?;
    let all: BTreeSet<IncidentId> = named.into_iter().chain(crew).collect();
    Ok(all.into_iter().rev().collect())
}
