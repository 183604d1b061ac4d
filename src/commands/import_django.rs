//! `import-django`: brings people, conversations and messages over from a Django database.

pub mod extras;
pub mod mapping;
pub mod messages;
pub mod people;
pub mod pictures;
pub mod reading;
pub mod report;
pub mod sessions;
pub mod talk;

use std::path::PathBuf;

use crate::commands::failure::Failure;
use crate::commands::import_django::extras::Shelf;
use crate::commands::import_django::mapping::Mapping;
use crate::commands::import_django::people::People;
use crate::commands::import_django::report::Report;
use crate::commands::local;
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::error::StoreError;
use crate::models::foreign::{Foreign, Tables};
use crate::models::store::{DbConn, transaction};

/// The words behind `import-django`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_long_help = "Reads auth_user or the project's own user table, groups, SimpleJWT's \
    blacklist and, as the mapping file says, tables of conversations, members, messages, \
    reactions, files and pictures of people; docs/FROM-DJANGO-CHANNELS.md explains mapping \
    files. The Django database is only read. Doing it again brings over what is new. Every row \
    that is not brought over is told on stderr, with why.\n\n--dry-run writes all in one \
    transaction and takes it back: stop the server first, or name a copy of its \
    database.\n\nExamples:\n  \
    switchboard import-django --database sqlite:///srv/site/db.sqlite3 --dry-run\n  \
    switchboard import-django --database postgres://site@host/site --mapping site.toml"
)]
pub struct ImportDjango {
    /// The Django database: sqlite:///absolute/path or postgres://…
    #[arg(long, value_name = "URL")]
    pub database: String,
    /// What its tables and columns mean, as TOML
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// The folder that the paths of uploaded files begin in (Django's MEDIA_ROOT)
    #[arg(long, value_name = "FOLDER")]
    pub media: Option<PathBuf>,
    /// List what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// An import under way.
pub struct Import<'a> {
    pub from: &'a mut Foreign,
    pub tables: &'a Tables,
    pub mapping: &'a Mapping,
    pub report: Report,
    /// Where files come from and go to, when that is known.
    shelf: Option<&'a Shelf>,
}

/// Imports what is new, and says what it did.
///
/// # Errors
/// When a database fails or the mapping file names what is not there.
pub fn run(wish: &ImportDjango, config: &Config) -> Result<(), Failure> {
    let mapping = Mapping::load(wish.mapping.as_deref())?;
    let mut from = Foreign::open(&wish.database)?;
    let tables = from.tables()?;
    let store = local::open_ready(config)?;
    let mut conn = store.writer()?;
    let report = Report::new(wish.dry_run);
    let media = wish.media.as_deref();
    let shelf = media.map(|media| Shelf::open(media, config, wish.dry_run)).transpose()?;
    let shelf = shelf.as_ref();
    let mut import = Import { from: &mut from, tables: &tables, mapping: &mapping, report, shelf };
    if wish.dry_run {
        let mut outcome = Ok(());
        // Whatever this answers, the transaction is taken back.
        let taken_back: Result<(), StoreError> = transaction(&mut conn, |conn| {
            outcome = import.all(conn);
            Err(StoreError::Missing)
        });
        outcome?;
        if taken_back == Err(StoreError::Lost) {
            return Err(StoreError::Lost.into());
        }
    } else {
        import.all(&mut conn)?;
    }
    import.report.close();
    if wish.dry_run {
        tell("this was a dry run: nothing was changed");
    }
    Ok(())
}

impl Import<'_> {
    fn all(&mut self, conn: &mut DbConn) -> Result<(), Failure> {
        let people = People::bring(self, conn)?;
        for table in &self.mapping.pictures {
            pictures::bring(self, conn, &people, table)?;
        }
        self.tell_of_pictures(&people);
        talk::bring(self, conn, &people)?;
        sessions::bring(self, conn, &people)?;
        self.tell_unmapped(&people)
    }

    /// Says that pictures of people stay behind, when a column of theirs looks like it holds them
    /// and nothing names it.
    fn tell_of_pictures(&mut self, people: &People) {
        let table = &people.table;
        if self.mapping.pictures.iter().any(|named| named.table == *table) {
            return;
        }
        let there = self.tables.get(table);
        let is_there = |column: &&&str| there.is_some_and(|there| there.contains(**column));
        if let Some(column) = mapping::PICTURE_COLUMNS.iter().find(is_there) {
            let why = "stay behind; name the table under [[pictures]] in the mapping file";
            self.report.remark(&format!("{table}: pictures of people, column {column}, {why}"));
        }
    }

    /// Says which tables hold rows that nothing asked for. Those of Django's own machinery mean
    /// nothing here.
    fn tell_unmapped(&mut self, people: &People) -> Result<(), Failure> {
        let machinery = |table: &str| {
            table.starts_with("django_")
                || table.starts_with("token_blacklist_")
                || table.ends_with("_permissions")
                || ["auth_permission", "auth_group"].contains(&table)
        };
        let mapped = self.mapping.tables();
        for table in self.tables.keys() {
            let is_ours = *table == people.table || people.groups_table.as_ref() == Some(table);
            if is_ours || machinery(table) || mapped.contains(&table.as_str()) {
                continue;
            }
            let count = self.from.count(table)?;
            if count > 0 {
                self.report.unmapped(table, count);
            }
        }
        Ok(())
    }
}
