//! The `hospitals` table: beds, load, and who turns patients away for a while.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::ids::{HospitalId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::hospitals;
use crate::models::store::DbConn;
use crate::protocol::dispatch::{Degrees, Load};
use crate::protocol::views::hospitals::{DiversionView, HospitalView};

/// A row of `hospitals`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = hospitals)]
pub struct Hospital {
    pub id: HospitalId,
    pub name: String,
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub phone: String,
    pub total_beds: i32,
    pub available_beds: i32,
    pub emergency_load: Load,
    pub specialties: String,
    /// Set while it turns patients away.
    pub diversion_reason: Option<String>,
    pub diversion_since: Option<NaiveDateTime>,
    pub diversion_ends_at: Option<NaiveDateTime>,
    pub diversion_by: Option<UserId>,
    pub version: i64,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub retired_at: Option<NaiveDateTime>,
}

impl Hospital {
    /// One that has a name and nothing else yet.
    pub fn new(name: &str, at: NaiveDateTime) -> Self {
        Self {
            id: HospitalId(0),
            name: name.to_owned(),
            address: String::new(),
            latitude: None,
            longitude: None,
            phone: String::new(),
            total_beds: 0,
            available_beds: 0,
            emergency_load: Load::Low,
            specialties: String::new(),
            diversion_reason: None,
            diversion_since: None,
            diversion_ends_at: None,
            diversion_by: None,
            version: 1,
            created_at: at,
            updated_at: at,
            retired_at: None,
        }
    }

    /// As everyone in dispatch sees it.
    pub fn view(&self) -> HospitalView {
        HospitalView {
            id: self.id,
            name: self.name.clone(),
            address: self.address.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            phone: self.phone.clone(),
            total_beds: self.total_beds,
            available_beds: self.available_beds,
            emergency_load: self.emergency_load,
            specialties: self.specialties.clone(),
            diversion: self.diversion_reason.clone().map(|reason| DiversionView {
                reason,
                since: self.diversion_since,
                ends_at: self.diversion_ends_at,
                by: self.diversion_by,
            }),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Writes a hospital: a new one when its id is 0, else the row it came from, one version on.
///
/// # Errors
/// `Missing` when there is no such hospital any more.
pub fn save(conn: &mut DbConn, hospital: &Hospital) -> Result<Hospital, StoreError> {
    let columns = (
        hospitals::name.eq(&hospital.name),
        hospitals::address.eq(&hospital.address),
        hospitals::latitude.eq(hospital.latitude),
        hospitals::longitude.eq(hospital.longitude),
        hospitals::phone.eq(&hospital.phone),
        hospitals::total_beds.eq(hospital.total_beds),
        hospitals::available_beds.eq(hospital.available_beds),
        hospitals::emergency_load.eq(hospital.emergency_load),
        hospitals::specialties.eq(&hospital.specialties),
        hospitals::diversion_reason.eq(&hospital.diversion_reason),
        hospitals::diversion_since.eq(hospital.diversion_since),
        hospitals::diversion_ends_at.eq(hospital.diversion_ends_at),
        hospitals::diversion_by.eq(hospital.diversion_by),
        hospitals::created_at.eq(hospital.created_at),
        hospitals::updated_at.eq(hospital.updated_at),
        hospitals::retired_at.eq(hospital.retired_at),
    );
    let id = if hospital.id.0 == 0 {
        let made = diesel::insert_into(hospitals::table).values(columns);
        made.returning(hospitals::id).get_result(conn)?
    } else {
        let row = hospitals::table.find(hospital.id);
        let change = (columns, hospitals::version.eq(hospitals::version + 1));
        diesel::update(row).set(change).execute(conn)?;
        hospital.id
    };
    by_id(conn, id)?.ok_or(StoreError::Missing)
}

/// The hospital with this id, unless it was taken off the list.
pub fn by_id(conn: &mut DbConn, id: HospitalId) -> Result<Option<Hospital>, StoreError> {
    let found = hospitals::table.find(id).filter(hospitals::retired_at.is_null());
    Ok(found.select(Hospital::as_select()).first(conn).optional()?)
}

/// All hospitals on the list, by name.
pub fn all(conn: &mut DbConn) -> Result<Vec<Hospital>, StoreError> {
    Ok(hospitals::table
        .filter(hospitals::retired_at.is_null())
        .order((hospitals::name, hospitals::id))
        .select(Hospital::as_select())
        .load(conn)?)
}

/// Hospitals whose diversion ends at `now` or ended before.
pub fn diversions_over(conn: &mut DbConn, now: NaiveDateTime) -> Result<Vec<Hospital>, StoreError> {
    Ok(hospitals::table
        .filter(hospitals::diversion_ends_at.le(now))
        .order(hospitals::id)
        .select(Hospital::as_select())
        .load(conn)?)
}

/// Takes a hospital off the list.
///
/// # Errors
/// Those of the database.
pub fn retire(conn: &mut DbConn, hospital: &Hospital) -> Result<(), StoreError> {
    let change = (
        hospitals::retired_at.eq(hospital.retired_at),
        hospitals::diversion_reason.eq(None::<String>),
        hospitals::diversion_since.eq(None::<NaiveDateTime>),
        hospitals::diversion_ends_at.eq(None::<NaiveDateTime>),
        hospitals::updated_at.eq(hospital.updated_at),
        hospitals::version.eq(hospitals::version + 1),
    );
    diesel::update(hospitals::table.find(hospital.id)).set(change).execute(conn)?;
    Ok(())
}
