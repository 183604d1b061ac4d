//! `migrate`: brings the schema up to date.

use crate::commands::failure::Failure;
use crate::commands::local;
use crate::commands::terminal::tell;
use crate::config::Config;

/// Migrates and says what was applied.
///
/// # Errors
/// When the database cannot be opened, is newer than this binary, or a migration failed.
pub fn run(config: &Config) -> Result<(), Failure> {
    let applied = local::open(config)?.migrate()?;
    for name in &applied {
        tell(&format!("applied {name}"));
    }
    tell(match applied.len() {
        0 => "the schema is up to date; there was nothing to do",
        _ => "the schema is up to date",
    });
    Ok(())
}
