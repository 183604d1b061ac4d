//! `restore`: puts a backup in the place of the SQLite database.

use std::path::PathBuf;

use crate::commands::failure::Failure;
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::backup;

/// The words behind `restore`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Stop the server first. What was in the database is lost; make a \
    backup of it if you are not sure. Clients that come back are told to start afresh, for their \
    positions mean nothing in another history.\n\nExample:\n  \
    switchboard restore switchboard-monday.db")]
pub struct Restore {
    /// A file that `switchboard backup` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Restores.
///
/// # Errors
/// A server that runs on the database, a file that is damaged or none of ours.
pub fn run(wish: &Restore, config: &Config) -> Result<(), Failure> {
    backup::restore(&config.database_url, &wish.file)?;
    tell(&format!("restored from {}", wish.file.display()));
    Ok(())
}
