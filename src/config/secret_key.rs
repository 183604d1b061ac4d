//! The signing key: judged when given; made and kept beside the database when it may be absent.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::load::{ConfigError, Source};

/// Shortest key, in bytes (RFC 7518 section 3.2: no shorter than the hash).
const MIN_KEY_BYTES: usize = 32;
const FIX: &str = "set it to the output of `openssl rand -hex 32`";

/// Fills in and judges the keys of `config`.
///
/// # Errors
/// When a key is needed and absent, or known to everybody, or cannot be kept.
pub fn settle(config: &mut Config) -> Result<(), ConfigError> {
    if config.secret_key.is_empty() {
        if !config.is_loopback() || !config.is_sqlite() {
            let why = "is needed unless bound to loopback with SQLite";
            return Err(ConfigError::new("SECRET_KEY", why, FIX));
        }
        config.secret_key = match config.sqlite_path() {
            Some(database) => keep_beside(&database)?,
            None => make()?,
        };
        config.note("secret_key", Source::Made);
    } else if !config.is_loopback() && is_well_known(&config.secret_key) {
        let why = "is well known or too regular to be open to a network";
        return Err(ConfigError::new("SECRET_KEY", why, FIX));
    }
    Ok(())
}

fn is_well_known(key: &str) -> bool {
    let lower = key.to_lowercase();
    let is_placeholder = ["django-insecure-", "changeme", "change-me", "change_me", "your-secret"]
        .iter()
        .any(|part| lower.contains(part));
    let mut symbols: Vec<char> = key.chars().collect();
    symbols.sort_unstable();
    symbols.dedup();
    is_placeholder || symbols.len() < 8
}

fn make() -> Result<String, ConfigError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|_| ConfigError::new("SECRET_KEY", "no randomness to make one of", FIX))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn keep_beside(database: &Path) -> Result<String, ConfigError> {
    let path = beside(database, "secret");
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(missing) = folder.filter(|folder| !folder.is_dir()) {
        let why = format!("the folder {} does not exist", missing.display());
        return Err(ConfigError::new("DATABASE_URL", why, "make it, or name another place"));
    }
    let fail = |error: io::Error| {
        ConfigError::new("SECRET_KEY", format!("{}: {error}", path.display()), FIX)
    };
    if !path.exists() {
        write_once(&path, &beside(database, &format!("secret.{}", std::process::id())), &make()?)
            .map_err(fail)?;
    }
    let key = fs::read_to_string(&path).map_err(fail)?.trim().to_owned();
    if key.len() < MIN_KEY_BYTES {
        let why = format!("{} holds less than {MIN_KEY_BYTES} bytes", path.display());
        return Err(ConfigError::new("SECRET_KEY", why, "delete that file, or set SECRET_KEY"));
    }
    Ok(key)
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Of several processes that start at once, one writes the file; none ever sees half of it.
fn write_once(path: &Path, draft: &Path, key: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    let linked = fs::hard_link(draft, path);
    fs::remove_file(draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
