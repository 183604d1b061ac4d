//! `backup`: copies the SQLite database while it is in use.

use std::path::PathBuf;

use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::tell;
use crate::config::Config;
use crate::models::backup;

/// The words behind `backup`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "Works while the server runs; the copy is consistent. Refuses to \
    overwrite a file. Keep the signing key (switchboard.db.secret, or SECRET_KEY) too: without it \
    everyone signs in anew.\n\nExample:\n  \
    switchboard backup switchboard-monday.db")]
pub struct Backup {
    /// The file to write; must not exist yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Copies.
///
/// # Errors
/// A database that is not there or not SQLite, a file that is, a full disk.
pub fn run(wish: &Backup, config: &Config) -> Result<(), Failure> {
    backup::backup(&local::open_existing(config)?, &wish.file)?;
    tell(&format!("copied to {}", wish.file.display()));
    Ok(())
}
