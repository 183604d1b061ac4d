//! Connection attempts: who tried to connect, how far they came, why it ended.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error::SerializationError;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamp};

use crate::clock;
use crate::ids::{AttemptId, UserId};
use crate::models::error::StoreError;
use crate::models::schema::connection_attempts as attempts;
use crate::models::store::{DbConn, MultiBackend, transaction};

/// Enums kept as text: their names in the table, on the wire and in filters.
macro_rules! kept_as_text {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[derive(AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the table and on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
        impl<DB: diesel::backend::Backend> ToSql<Text, DB> for $name
        where
            str: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.as_str().to_sql(out)
            }
        }
        impl<DB: diesel::backend::Backend> FromSql<Text, DB> for $name
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let text = String::from_sql(bytes)?;
                let value = Self::ALL.iter().find(|value| value.as_str() == text).copied();
                value.ok_or_else(|| format!("unknown {}: {text}", stringify!($name)).into())
            }
        }
    )+};
}

kept_as_text! {
    /// How far an attempt came.
    Stage {
        PreHandshake = "pre_handshake",
        Handshake = "handshake",
        Connected = "connected",
        MessageReceived = "message_received",
        Disconnected = "disconnected",
    }
    /// What became of an attempt.
    Outcome {
        /// The connection stood.
        Accepted = "accepted",
        /// It was told no.
        Refused = "refused",
        /// It broke.
        Failed = "failed",
    }
}

/// An attempt to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub client_ip: Option<String>,
    pub user_agent: String,
    pub path: String,
    pub user: Option<UserId>,
    pub username: String,
    pub role: String,
    pub stage: Stage,
    pub outcome: Outcome,
    pub close_code: Option<i32>,
    pub reason: String,
    pub started_at: NaiveDateTime,
    pub ended_at: Option<NaiveDateTime>,
    pub duration_ms: Option<i64>,
}

impl Attempt {
    /// Whether it is nothing but a connection that stands, as nearly all are when recorded.
    fn stands(&self) -> bool {
        self.stage == Stage::Connected
            && self.outcome == Outcome::Accepted
            && self.close_code.is_none()
            && self.reason.is_empty()
            && self.ended_at.is_none()
            && self.duration_ms.is_none()
    }
}

/// A recorded attempt.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AttemptRow {
    pub id: AttemptId,
    pub client_ip: Option<String>,
    pub user_agent: String,
    pub path: String,
    pub user: Option<UserId>,
    pub username: String,
    pub role: String,
    pub stage: Stage,
    pub outcome: Outcome,
    /// Whether the outcome is [`Outcome::Accepted`].
    pub successful: bool,
    pub close_code: Option<i32>,
    pub reason: String,
    pub started_at: NaiveDateTime,
    pub ended_at: Option<NaiveDateTime>,
    pub duration_ms: Option<i64>,
}

/// What is known of an attempt later on. Replaces all five.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptUpdate {
    pub id: AttemptId,
    pub stage: Stage,
    pub close_code: Option<i32>,
    pub reason: String,
    pub ended_at: Option<NaiveDateTime>,
    pub duration_ms: Option<i64>,
}

/// Rows in one statement: PostgreSQL allows 65,535 parameters, and a row has 14.
const ROWS_A_STATEMENT: usize = 1_000;

#[diesel::declare_sql_function]
extern "SQL" {
    /// The id that this connection gave last.
    fn last_insert_rowid() -> BigInt;
}

/// Records `new` and answers their ids in the same order.
///
/// # Errors
/// [`StoreError::Conflict`] when one names a user who is not there: then none is recorded.
pub fn insert_many(conn: &mut DbConn, new: &[Attempt]) -> Result<Vec<AttemptId>, StoreError> {
    transaction(conn, |conn| match conn {
        DbConn::Sqlite(conn) => {
            let mut ids = Vec::with_capacity(new.len());
            for chunk in new.chunks(ROWS_A_STATEMENT) {
                ids.extend(insert_from_json(conn, chunk)?);
            }
            Ok(ids)
        }
        DbConn::Postgres(conn) => {
            let mut ids = Vec::with_capacity(new.len());
            for chunk in new.chunks(ROWS_A_STATEMENT) {
                let rows: Vec<_> = chunk
                    .iter()
                    .map(|attempt| {
                        (
                            (
                                attempts::client_ip.eq(attempt.client_ip.as_deref()),
                                attempts::user_agent.eq(&attempt.user_agent),
                                attempts::path.eq(&attempt.path),
                                attempts::user_id.eq(attempt.user),
                                attempts::username.eq(&attempt.username),
                                attempts::role.eq(&attempt.role),
                                attempts::stage.eq(attempt.stage),
                            ),
                            (
                                attempts::outcome.eq(attempt.outcome),
                                attempts::successful.eq(attempt.outcome == Outcome::Accepted),
                                attempts::close_code.eq(attempt.close_code),
                                attempts::reason.eq(&attempt.reason),
                                attempts::started_at.eq(attempt.started_at),
                                attempts::ended_at.eq(attempt.ended_at),
                                attempts::duration_ms.eq(attempt.duration_ms),
                            ),
                        )
                    })
                    .collect();
                let insert = diesel::insert_into(attempts::table).values(rows);
                ids.extend(insert.returning(attempts::id).get_results::<AttemptId>(conn)?);
            }
            Ok(ids)
        }
    })
}

/// All rows in one statement: bound one by one, each costs three times what SQLite needs for it.
/// Ids of one statement of the only writer follow each other, so the last tells them all.
fn insert_from_json(conn: &mut SqliteConnection, new: &[Attempt]) -> QueryResult<Vec<AttemptId>> {
    // What all have alike stands in the statement: SQLite looks up each value in each row's JSON.
    let (rows, statement) = if new.iter().all(Attempt::stands) {
        (as_json(new.iter().map(standing_row).collect::<Vec<_>>())?, INSERT_STANDING)
    } else {
        (as_json(new.iter().map(whole_row).collect::<Vec<_>>())?, INSERT_WHOLE)
    };
    diesel::sql_query(statement).bind::<Text, _>(rows).execute(conn)?;
    let last: i64 = diesel::select(last_insert_rowid()).get_result(conn)?;
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    Ok((last - count + 1..=last).map(AttemptId).collect())
}

/// Materialized, or SQLite would write each row's JSON anew for each column that is read of it.
const INSERT_STANDING: &str = "
    WITH new AS MATERIALIZED (SELECT value AS v FROM json_each(?))
    INSERT INTO connection_attempts
        (client_ip, user_agent, path, user_id, username, role, started_at,
         stage, outcome, successful)
    SELECT v ->> 0, v ->> 1, v ->> 2, v ->> 3, v ->> 4, v ->> 5, v ->> 6,
           'connected', 'accepted', TRUE
    FROM new";
const INSERT_WHOLE: &str = "
    WITH new AS MATERIALIZED (SELECT value AS v FROM json_each(?))
    INSERT INTO connection_attempts
        (client_ip, user_agent, path, user_id, username, role, started_at,
         stage, outcome, successful, close_code, reason, ended_at, duration_ms)
    SELECT v ->> 0, v ->> 1, v ->> 2, v ->> 3, v ->> 4, v ->> 5, v ->> 6,
           v ->> 7, v ->> 8, v ->> 8 = 'accepted', v ->> 9, v ->> 10, v ->> 11, v ->> 12
    FROM new";

fn standing_row(attempt: &Attempt) -> impl serde::Serialize + '_ {
    let Attempt { client_ip, user_agent, path, username, role, .. } = attempt;
    let user = attempt.user.map(|id| id.0);
    (client_ip, user_agent, path, user, username, role, clock::stored(attempt.started_at))
}

fn whole_row(attempt: &Attempt) -> impl serde::Serialize + '_ {
    let Attempt { client_ip, user_agent, path, username, role, .. } = attempt;
    let Attempt { stage, outcome, close_code, reason, duration_ms, .. } = attempt;
    let user = attempt.user.map(|id| id.0);
    let started_at = clock::stored(attempt.started_at);
    let ended_at = attempt.ended_at.map(clock::stored);
    (
        client_ip,
        user_agent,
        path,
        user,
        username,
        role,
        started_at,
        stage,
        outcome,
        close_code,
        reason,
        ended_at,
        duration_ms,
    )
}

fn as_json(rows: impl serde::Serialize) -> QueryResult<String> {
    serde_json::to_string(&rows).map_err(|fault| SerializationError(fault.into()))
}

/// Brings `updates` to their rows, of several for one row the last; those whose rows were pruned
/// are passed over.
///
/// # Errors
/// Those of the database.
pub fn update_many(conn: &mut DbConn, updates: &[AttemptUpdate]) -> Result<(), StoreError> {
    // A statement that met a row twice would take either.
    let mut met = HashSet::new();
    let last: Vec<_> = updates.iter().rev().filter(|update| met.insert(update.id)).collect();
    transaction(conn, |conn| {
        match conn {
            DbConn::Sqlite(conn) => update_from_json(conn, &last)?,
            DbConn::Postgres(conn) => update_columns(conn, &last)?,
        }
        Ok(())
    })
}

/// All in one statement, which SQLite would otherwise read again for each row.
fn update_from_json(conn: &mut SqliteConnection, updates: &[&AttemptUpdate]) -> QueryResult<()> {
    let rows: Vec<_> = updates
        .iter()
        .map(|update| {
            let ended_at = update.ended_at.map(clock::stored);
            let AttemptUpdate { id, stage, close_code, reason, duration_ms, .. } = update;
            (id.0, stage, close_code, reason, ended_at, duration_ms)
        })
        .collect();
    let rows = as_json(rows)?;
    diesel::sql_query(
        "WITH new AS MATERIALIZED (SELECT value AS v FROM json_each(?))
         UPDATE connection_attempts
         SET stage = v ->> 1, close_code = v ->> 2, reason = v ->> 3, ended_at = v ->> 4,
             duration_ms = v ->> 5
         FROM new
         WHERE connection_attempts.id = v ->> 0",
    )
    .bind::<Text, _>(rows)
    .execute(conn)?;
    Ok(())
}

fn update_columns(conn: &mut PgConnection, updates: &[&AttemptUpdate]) -> QueryResult<()> {
    let ids: Vec<AttemptId> = updates.iter().map(|update| update.id).collect();
    let stages: Vec<Stage> = updates.iter().map(|update| update.stage).collect();
    let codes: Vec<Option<i32>> = updates.iter().map(|update| update.close_code).collect();
    let reasons: Vec<&str> = updates.iter().map(|update| update.reason.as_str()).collect();
    let ends: Vec<Option<NaiveDateTime>> = updates.iter().map(|update| update.ended_at).collect();
    let durations: Vec<Option<i64>> = updates.iter().map(|update| update.duration_ms).collect();
    diesel::sql_query(
        "UPDATE connection_attempts AS kept
         SET stage = new.stage, close_code = new.close_code, reason = new.reason,
             ended_at = new.ended_at, duration_ms = new.duration_ms
         FROM UNNEST($1, $2, $3, $4, $5, $6)
              AS new (id, stage, close_code, reason, ended_at, duration_ms)
         WHERE kept.id = new.id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Text>, _>(stages)
    .bind::<Array<Nullable<Integer>>, _>(codes)
    .bind::<Array<Text>, _>(reasons)
    .bind::<Array<Nullable<Timestamp>>, _>(ends)
    .bind::<Array<Nullable<BigInt>>, _>(durations)
    .execute(conn)?;
    Ok(())
}

/// Which attempts to show; what is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    pub user: Option<UserId>,
    pub client_ip: Option<String>,
    pub path: Option<String>,
    pub outcome: Option<Outcome>,
    /// Started at this moment or later.
    pub since: Option<NaiveDateTime>,
}

/// The newest `limit` attempts that pass `filter`, newest first.
///
/// # Errors
/// Those of the database.
pub fn recent(
    conn: &mut DbConn,
    limit: i64,
    filter: &AttemptFilter,
) -> Result<Vec<AttemptRow>, StoreError> {
    let mut query = attempts::table.into_boxed::<MultiBackend>();
    if let Some(user) = filter.user {
        query = query.filter(attempts::user_id.eq(user));
    }
    if let Some(client_ip) = &filter.client_ip {
        query = query.filter(attempts::client_ip.eq(client_ip));
    }
    if let Some(path) = &filter.path {
        query = query.filter(attempts::path.eq(path));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(attempts::outcome.eq(outcome));
    }
    if let Some(since) = filter.since {
        query = query.filter(attempts::started_at.ge(since));
    }
    Ok(query.order(attempts::id.desc()).limit(limit).load(conn)?)
}

/// Removes attempts that started before `before` and those beyond the newest `keep`, at most
/// `limit` in one call, oldest first. Answers how many went.
///
/// # Errors
/// Those of the database.
pub fn prune(
    conn: &mut DbConn,
    before: NaiveDateTime,
    keep: i64,
    limit: i64,
) -> Result<usize, StoreError> {
    transaction(conn, |conn| {
        let newest_too_many: Option<AttemptId> = attempts::table
            .order(attempts::id.desc())
            .offset(keep.max(0))
            .select(attempts::id)
            .limit(1)
            .first(conn)
            .optional()?;
        let last = newest_too_many.unwrap_or(AttemptId(0));
        let gone: Vec<AttemptId> = attempts::table
            .filter(attempts::started_at.lt(before).or(attempts::id.le(last)))
            .order(attempts::id)
            .limit(limit)
            .select(attempts::id)
            .load(conn)?;
        let mut removed = 0;
        for chunk in gone.chunks(ROWS_A_STATEMENT) {
            removed +=
                diesel::delete(attempts::table.filter(attempts::id.eq_any(chunk))).execute(conn)?;
        }
        Ok(removed)
    })
}
