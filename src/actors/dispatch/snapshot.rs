//! What a board and a crew's device start from.

use crate::ids::{IncidentId, UnitId};
use crate::models::error::StoreError;
use crate::models::store::DbConn;
use crate::models::{hospital, incident, incident_views, mayday, order, position, unit};
use crate::protocol::topic::Topic;
use crate::protocol::views::Snapshot;
use crate::protocol::views::dispatch::{BoardSnapshot, UnitSnapshot};
use crate::protocol::views::hospitals::HospitalView;
use crate::protocol::views::positions::PositionsSnapshot;

/// The snapshot of a dispatch topic; `None` for one that has none.
///
/// # Errors
/// When the database failed.
pub fn of(conn: &mut DbConn, topic: &Topic) -> Result<Option<Snapshot>, StoreError> {
    match topic {
        Topic::Board => Ok(Some(Snapshot::Board(board(conn)?))),
        Topic::Unit(unit) => Ok(of_unit(conn, *unit)?.map(Box::new).map(Snapshot::Unit)),
        Topic::Positions => {
            let positions = position::all(conn)?;
            Ok(Some(Snapshot::Positions(PositionsSnapshot { positions })))
        }
        _ => Ok(None),
    }
}

fn hospitals(conn: &mut DbConn) -> Result<Vec<HospitalView>, StoreError> {
    Ok(hospital::all(conn)?.iter().map(hospital::Hospital::view).collect())
}

/// Everything dispatchers see.
///
/// # Errors
/// When the database failed.
pub fn board(conn: &mut DbConn) -> Result<BoardSnapshot, StoreError> {
    let open = incident::open_ids(conn)?;
    Ok(BoardSnapshot {
        incidents: incident_views::views(conn, &open)?,
        units: unit::views(conn, None)?,
        hospitals: hospitals(conn)?,
        orders: order::views(conn, order::Which::Open)?,
        maydays: mayday::views(conn, mayday::Which::Open)?,
    })
}

/// What one unit's crew sees; `None` when there is no such unit.
///
/// # Errors
/// When the database failed.
pub fn of_unit(conn: &mut DbConn, id: UnitId) -> Result<Option<UnitSnapshot>, StoreError> {
    let Some(unit) = unit::views(conn, Some(&[id]))?.pop() else { return Ok(None) };
    let orders = order::views(conn, order::Which::OpenOf(id))?;
    let incidents: Vec<IncidentId> = orders.iter().map(|order| order.incident).collect();
    Ok(Some(UnitSnapshot {
        unit,
        orders,
        incidents: incident_views::views(conn, &incidents)?,
        hospitals: hospitals(conn)?,
        maydays: mayday::views(conn, mayday::Which::OpenOf(id))?,
    }))
}
