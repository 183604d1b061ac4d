//! How loudly people want to be notified: `notification_preferences` and `quiet_hours`.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use crate::ids::UserId;
use crate::models::error::StoreError;
use crate::models::schema::{notification_preferences, quiet_hours};
use crate::models::store::{DbConn, on_engine};
use crate::protocol::views::inbox::Loudness;

/// Someone's quiet hours as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Quiet {
    /// A name of the IANA time zone database.
    pub zone: String,
    /// The first quiet minute of the day.
    pub begins: i32,
    /// The first minute that is not; before `begins` it is the next day's.
    pub ends: i32,
}

/// What of their wishes counts for one type of notification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub loudness: Loudness,
    pub quiet: Option<Quiet>,
}

/// What these people wish for notifications of `kind`; whoever has no wish is left out.
pub fn wishes(
    conn: &mut DbConn,
    users: &[UserId],
    kind: &str,
) -> Result<HashMap<UserId, Wish>, StoreError> {
    let mut wishes: HashMap<UserId, Wish> = HashMap::new();
    let rows: Vec<(UserId, String)> = notification_preferences::table
        .filter(notification_preferences::user_id.eq_any(users))
        .filter(notification_preferences::kind.eq(kind))
        .select((notification_preferences::user_id, notification_preferences::loudness))
        .load(conn)?;
    for (user, loudness) in rows {
        wishes.entry(user).or_default().loudness = Loudness::parse(&loudness).unwrap_or_default();
    }
    let rows: Vec<(UserId, Quiet)> = quiet_hours::table
        .filter(quiet_hours::user_id.eq_any(users))
        .select((quiet_hours::user_id, (quiet_hours::zone, quiet_hours::begins, quiet_hours::ends)))
        .load(conn)?;
    for (user, quiet) in rows {
        wishes.entry(user).or_default().quiet = Some(quiet);
    }
    Ok(wishes)
}

/// All that one person wishes.
pub fn of(
    conn: &mut DbConn,
    user: UserId,
) -> Result<(BTreeMap<String, Loudness>, Option<Quiet>), StoreError> {
    let rows: Vec<(String, String)> = notification_preferences::table
        .filter(notification_preferences::user_id.eq(user))
        .select((notification_preferences::kind, notification_preferences::loudness))
        .load(conn)?;
    let types = rows.into_iter().map(|(kind, loudness)| {
        let loudness = Loudness::parse(&loudness).unwrap_or_default();
        (kind, loudness)
    });
    let quiet = quiet_hours::table
        .find(user)
        .select((quiet_hours::zone, quiet_hours::begins, quiet_hours::ends))
        .first(conn)
        .optional()?;
    Ok((types.collect(), quiet))
}

/// Sets how loudly one type may come; loud is what holds without a row.
pub fn set(
    conn: &mut DbConn,
    user: UserId,
    kind: &str,
    loudness: Loudness,
) -> Result<(), StoreError> {
    if loudness == Loudness::Loud {
        let row = notification_preferences::table.find((user, kind));
        diesel::delete(row).execute(conn)?;
        return Ok(());
    }
    on_engine!(conn, |c| diesel::insert_into(notification_preferences::table)
        .values((
            notification_preferences::user_id.eq(user),
            notification_preferences::kind.eq(kind),
            notification_preferences::loudness.eq(loudness.as_str()),
        ))
        .on_conflict((notification_preferences::user_id, notification_preferences::kind))
        .do_update()
        .set(notification_preferences::loudness.eq(loudness.as_str()))
        .execute(c))?;
    Ok(())
}

/// Sets or ends someone's quiet hours.
pub fn set_quiet(conn: &mut DbConn, user: UserId, quiet: Option<&Quiet>) -> Result<(), StoreError> {
    diesel::delete(quiet_hours::table.find(user)).execute(conn)?;
    if let Some(quiet) = quiet {
        let row = (
            quiet_hours::user_id.eq(user),
            quiet_hours::zone.eq(&quiet.zone),
            quiet_hours::begins.eq(quiet.begins),
            quiet_hours::ends.eq(quiet.ends),
        );
        diesel::insert_into(quiet_hours::table).values(row).execute(conn)?;
    }
    Ok(())
}
