//! Another program's database, read and never written: its tables, and their rows as JSON.
//!
//! Its columns are known only at run time, so each row is asked for as one JSON array.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::models::engine::{Access, ConnectionSource, DatabaseUrl};
use crate::models::error::{OpenError, StoreError};
use crate::models::store::DbConn;

/// Rows handed over at once.
pub const BATCH_ROWS: usize = 500;

/// The columns of each table.
pub type Tables = BTreeMap<String, BTreeSet<String>>;

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub struct Query {
    pub table: String,
    /// What each column is called by whoever asks, and in the table.
    pub columns: Vec<(&'static str, String)>,
    /// Columns of the table.
    pub order: Vec<String>,
}

/// One row, by what its columns are called by whoever asked.
#[derive(Debug, Clone)]
pub struct Row(BTreeMap<&'static str, Value>);

impl Row {
    /// The value of a column; `None` for NULL and for a column that was not asked for.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Text)]
    written: String,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    column: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// See the module. All it reads is of one moment.
pub struct Foreign {
    conn: DbConn,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Foreign {
    /// Opens a database for reading.
    ///
    /// # Errors
    /// A sentence: the address is of neither engine, there is no such file, or nobody answers.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        let url = DatabaseUrl::parse(url)
            .map_err(|fault| OpenError(fault.0.replace("DATABASE_URL", "--database")))?;
        if let Some(path) = url.sqlite_path().filter(|path| !path.exists()) {
            return Err(OpenError(format!("--database: there is no file {}", path.display())));
        }
        let source = ConnectionSource::new(url, std::time::Duration::from_secs(10));
        let told = |fault: StoreError| OpenError(format!("--database: {fault}"));
        let mut conn = source.open(Access::Read).map_err(told)?;
        let begun = match &mut conn {
            DbConn::Sqlite(conn) => conn.batch_execute("BEGIN"),
            DbConn::Postgres(conn) => conn.batch_execute(
                "SET TIME ZONE 'UTC'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        };
        begun.map_err(|fault| told(fault.into()))?;
        Ok(Self { conn })
    }

    /// Its tables, without those of the engine.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tables(&mut self) -> Result<Tables, StoreError> {
        let text = match &self.conn {
            DbConn::Sqlite(_) => {
                "SELECT tables.name AS in_table, columns.name AS \"column\"
                 FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%'"
            }
            DbConn::Postgres(_) => {
                "SELECT columns.table_name::text AS in_table,
                        columns.column_name::text AS \"column\"
                 FROM information_schema.columns AS columns
                 JOIN information_schema.tables AS tables USING (table_schema, table_name)
                 WHERE table_schema = ANY (current_schemas(false))
                   AND tables.table_type = 'BASE TABLE'"
            }
        };
        let mut tables = Tables::new();
        for found in diesel::sql_query(text).load::<Column>(&mut self.conn)? {
            tables.entry(found.in_table).or_default().insert(found.column);
        }
        Ok(tables)
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count(&mut self, table: &str) -> Result<i64, StoreError> {
        let text = format!("SELECT count(*) AS \"count\" FROM {}", quoted(table));
        Ok(diesel::sql_query(text).get_result::<Count>(&mut self.conn)?.count)
    }

    /// Hands the rows that `query` asks for to `take`, a batch at a time; no more are in memory.
    ///
    /// # Errors
    /// Those of the database and of `take`.
    pub fn read(
        &mut self,
        query: &Query,
        mut take: impl FnMut(Vec<Row>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let text = query.text(&self.conn);
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut add = |written: QueryResult<Written>| {
            batch.push(query.row(&written?.written)?);
            if batch.len() == BATCH_ROWS { take(std::mem::take(&mut batch)) } else { Ok(()) }
        };
        let asked = diesel::sql_query(text);
        match &mut self.conn {
            DbConn::Sqlite(conn) => {
                asked.load_iter::<Written, DefaultLoadingMode>(conn)?.try_for_each(&mut add)?;
            }
            DbConn::Postgres(conn) => {
                asked.load_iter::<Written, PgRowByRowLoadingMode>(conn)?.try_for_each(&mut add)?;
            }
        }
        if batch.is_empty() { Ok(()) } else { take(batch) }
    }
}

impl Query {
    fn text(&self, conn: &DbConn) -> String {
        let columns = self.columns.iter().map(|(_, column)| quoted(column));
        let written = match conn {
            // SQLite has no JSON for a blob, and would refuse the row.
            DbConn::Sqlite(_) => {
                let plain = columns.map(|name| {
                    format!("CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE {name} END")
                });
                format!("json_array({})", plain.collect::<Vec<_>>().join(", "))
            }
            DbConn::Postgres(_) => {
                format!("json_build_array({})::text", columns.collect::<Vec<_>>().join(", "))
            }
        };
        let order: Vec<String> = self.order.iter().map(|column| quoted(column)).collect();
        let order = if order.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", order.join(", "))
        };
        format!("SELECT {written} AS written FROM {}{order}", quoted(&self.table))
    }

    fn row(&self, written: &str) -> Result<Row, StoreError> {
        let values: Vec<Value> = serde_json::from_str(written)
            .map_err(|fault| StoreError::Broken(format!("a row of {}: {fault}", self.table)))?;
        let names = self.columns.iter().map(|(name, _)| *name);
        Ok(Row(names.zip(values).collect()))
    }
}
