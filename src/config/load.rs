//! Loading: gathers settings by precedence, reads each by its rule and checks them together.
//!
//! **Never:** the environment itself; it is handed in, so tests bring their own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::config::parse::Rule;
use crate::config::secret_key;
use crate::config::{Config, SETTINGS, Setting};

/// A setting that cannot be used: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}; {fix}")]
pub struct ConfigError {
    pub setting: String,
    pub problem: String,
    pub fix: String,
}

impl ConfigError {
    /// An error about `setting`.
    pub fn new(
        setting: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { setting: setting.into(), problem: problem.into(), fix: fix.into() }
    }
}

/// Where a value came from, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
    /// Kept beside the database, or made for this process alone.
    Made,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "command line",
            Self::Made => "made here",
        })
    }
}

/// The text of each setting, by its key, and where it came from.
pub struct Given {
    texts: BTreeMap<&'static str, (String, Source)>,
}

impl Given {
    /// Gathers the strongest text for every setting.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or it or a flag names no setting.
    pub fn gather(
        flags: &BTreeMap<String, String>,
        env: &dyn Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let filed = file.map(read_file).transpose()?.unwrap_or_default();
        for key in flags.keys() {
            find(&key.replace('-', "_"), &format!("--{}", key.replace('_', "-")))?;
        }
        let mut texts = BTreeMap::new();
        for setting in SETTINGS {
            let flag = flags.get(setting.key).or_else(|| flags.get(&setting.key.replace('_', "-")));
            let from_env = || env(&setting.name()).filter(|text| !text.trim().is_empty());
            let (text, source) = if let Some(text) = flag {
                (text.clone(), Source::Flag)
            } else if let Some(text) = from_env() {
                (text, Source::Environment)
            } else if let Some(text) = filed.get(setting.key) {
                (text.clone(), Source::File)
            } else {
                (setting.default.to_owned(), Source::Default)
            };
            texts.insert(setting.key, (text.trim().to_owned(), source));
        }
        Ok(Self { texts })
    }

    /// Reads one setting by its rule.
    ///
    /// # Errors
    /// Names the setting, where its text came from, the rule, and a text that would do.
    pub fn read<T>(&self, setting: &Setting, rule: &Rule<T>) -> Result<T, ConfigError> {
        let (text, source) = self.text(setting);
        (rule.read)(text).ok_or_else(|| {
            let shown = if text.is_empty() { "nothing".to_owned() } else { setting.show(text) };
            ConfigError::new(
                setting.name(),
                format!("{shown} (from the {source}) is not {}", rule.words),
                format!("write it like {}", rule.example),
            )
        })
    }

    /// The text of one setting and where it came from.
    pub fn text(&self, setting: &Setting) -> (&str, Source) {
        self.texts.get(setting.key).map_or(("", Source::Default), |(text, source)| (text, *source))
    }
}

/// Reads `switchboard.toml` into texts; lists become texts with commas.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(&shown, error.to_string(), "make it readable"))?;
    // The parser's own display quotes the line, which may hold a secret.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        ConfigError::new(&shown, format!("not TOML: {}", error.message()), "correct the file")
    })?;
    let mut texts = BTreeMap::new();
    for (key, value) in table {
        find(&key, &format!("{shown}: {key}"))?;
        let plain = plain_text(&value).ok_or_else(|| {
            let problem = "is neither text, number, true, false nor a list of these";
            ConfigError::new(format!("{shown}: {key}"), problem, format!("write {key} = \"…\""))
        })?;
        texts.insert(key, plain);
    }
    Ok(texts)
}

fn plain_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(is_on) => Some(is_on.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(plain_text).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// Finds the setting called `key`; `shown` is how the user wrote it.
fn find(key: &str, shown: &str) -> Result<&'static Setting, ConfigError> {
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
        return Ok(setting);
    }
    let near = SETTINGS
        .iter()
        .map(|setting| (distance(setting.key, &key.to_lowercase().replace('-', "_")), setting.key))
        .min()
        .filter(|(edits, _)| *edits <= 3);
    let fix = match near {
        Some((_, near)) => format!("did you mean {near}?"),
        None => "remove it, or see docs/CONFIGURATION.md".to_owned(),
    };
    Err(ConfigError::new(shown, "there is no such setting", fix))
}

/// How many letters must be added, removed or changed to make `left` of `right`.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (other_at, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[other_at + 1];
            row[other_at + 1] = changed.min(diagonal + 1).min(row[other_at] + 1);
        }
    }
    row[right.len()]
}

impl Config {
    /// Reads, checks and completes all settings.
    ///
    /// `flags` holds what the command line said, by key (`bind`) or flag name (`tls-cert`); an
    /// empty environment variable counts as unset; `file` must exist when it is given.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn load(
        flags: &BTreeMap<String, String>,
        env: &dyn Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::read(&Given::gather(flags, env, file)?)?;
        config.check_together()?;
        secret_key::settle(&mut config)?;
        Ok(config)
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        let refuse =
            |setting: &str, problem: &str, fix: &str| Err(ConfigError::new(setting, problem, fix));
        if self.tls_cert.is_some() && self.tls_key.is_none() {
            return refuse("TLS_KEY", "is needed with TLS_CERT", "name the key's file, or neither");
        }
        if self.tls_key.is_some() && self.tls_cert.is_none() {
            return refuse(
                "TLS_CERT",
                "is needed with TLS_KEY",
                "name the certificate, or neither",
            );
        }
        if self.message_max_size > self.ws_max_size {
            return refuse(
                "MESSAGE_MAX_SIZE",
                "is over WS_MAX_SIZE",
                "lower it or raise the other",
            );
        }
        if self.cookie_ttl > self.cookie_max_ttl {
            return refuse("COOKIE_TTL", "is over COOKIE_MAX_TTL", "lower it or raise the other");
        }
        if self.access_ttl > self.refresh_ttl {
            return refuse("ACCESS_TTL", "is over REFRESH_TTL", "lower it or raise the other");
        }
        let bursts = [
            ("FRAMES_BURST", self.frames_per_second, self.frames_burst),
            ("MESSAGES_BURST", self.messages_per_second_per_user, self.messages_burst),
        ];
        for (name, per_second, burst) in bursts {
            if per_second > 0 && burst == 0 {
                return refuse(name, "is 0 though the rate is not", "set it to 1 or more");
            }
        }
        Ok(())
    }

    /// Whether this is a developer's own machine: every address of BIND is loopback.
    pub fn is_development(&self) -> bool {
        self.is_loopback()
    }

    /// Whether the room without sign-in is open: where nobody said so, to this machine alone.
    pub fn has_lobby(&self) -> bool {
        self.lobby.unwrap_or_else(|| self.is_loopback())
    }

    /// Whether `address` is one of TRUSTED_PROXIES.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// Whether every address bound to is this machine's own.
    pub fn is_loopback(&self) -> bool {
        self.bind.iter().all(|address| address.ip().to_canonical().is_loopback())
    }

    /// Whether the database is SQLite (else PostgreSQL).
    pub fn is_sqlite(&self) -> bool {
        self.database_url.starts_with("sqlite:")
    }

    /// The SQLite database's file; `None` for one in memory and for PostgreSQL.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        let rest = self.database_url.strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        (path != ":memory:").then(|| PathBuf::from(path))
    }

    /// The folder of uploaded files: ATTACHMENTS_URL's, or one beside the database.
    pub fn attachments_folder(&self) -> PathBuf {
        match (&self.attachments_url, self.sqlite_path()) {
            (Some(url), _) => PathBuf::from(url.strip_prefix("file://").unwrap_or(url)),
            (None, Some(database)) => {
                let mut name = database.into_os_string();
                name.push(".attachments");
                PathBuf::from(name)
            }
            (None, None) => PathBuf::from("switchboard.attachments"),
        }
    }

    /// All keys tokens are verified with; the first one signs.
    pub fn token_keys(&self) -> Vec<String> {
        let mut keys = vec![self.secret_key.clone()];
        keys.extend(self.old_secret_keys.iter().cloned());
        keys
    }
}

/// The listing of `switchboard check`: one line a setting, with secrets masked.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = SETTINGS.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
        for entry in &self.entries {
            let shown = if entry.shown.is_empty() { "-" } else { &entry.shown };
            writeln!(f, "{:width$} = {shown} ({})", entry.name, entry.source)?;
        }
        Ok(())
    }
}

/// The same as `Display`, so that printing a configuration by accident shows no secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load_with(flags, env, None)
    }

    fn load_with(
        flags: &[(&str, &str)],
        env: &[(&str, &str)],
        file: Option<&Path>,
    ) -> Result<Config, ConfigError> {
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let mut flags: BTreeMap<String, String> = flags.iter().map(own).collect();
        let names_database = flags.contains_key("database-url")
            || env.iter().any(|(name, _)| *name == "DATABASE_URL");
        if !names_database {
            flags.insert("database_url".to_owned(), "sqlite://:memory:".to_owned());
        }
        let env: BTreeMap<String, String> = env.iter().map(own).collect();
        Config::load(&flags, &|name| env.get(name).cloned(), file)
    }

    fn fault(flags: &[(&str, &str)], env: &[(&str, &str)]) -> String {
        load(flags, env).unwrap_err().to_string()
    }

    const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

    #[test]
    fn the_defaults_are_valid_and_as_documented() {
        let config = load(&[], &[]).unwrap();
        assert_eq!(config.bind, ["127.0.0.1:8000".parse().unwrap()]);
        assert_eq!((config.ws_max_size, config.message_max_size), (65_536, 16_384));
        assert_eq!(config.heartbeat.as_secs(), 25);
        assert_eq!(config.redis_url, None);
        assert!(config.registration && !config.echo && config.workers > 0);
        assert!(config.secret_key.len() >= 32);
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file_which_beats_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        std::fs::write(
            &file,
            "heartbeat = \"1s\"\npong_timeout = \"2s\"\noutbox_stall = \"3s\"\n\
             allowed_hosts = [\"a.example\", \"b.example\"]\necho = true\nwrite_batch = 7\n",
        )
        .unwrap();
        let config = load_with(
            &[("heartbeat", "11s")],
            &[("HEARTBEAT", "12s"), ("PONG_TIMEOUT", "13s"), ("OUTBOX_STALL", "")],
            Some(&file),
        )
        .unwrap();
        let seconds = [config.heartbeat, config.pong_timeout, config.outbox_stall]
            .map(|duration| duration.as_secs());
        assert_eq!(seconds, [11, 13, 3]);
        assert_eq!(config.outbox_linger.as_secs(), 5);
        assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
        assert!(config.echo);
        assert_eq!(config.write_batch, 7);
        let listing = config.to_string();
        assert!(listing.contains("= 11s (command line)"), "{listing}");
        assert!(listing.contains("= 13s (environment)"), "{listing}");
        assert!(listing.contains("= 3s (file)"), "{listing}");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_a_near_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        let fault_of = |text: &str| {
            std::fs::write(&file, text).unwrap();
            load_with(&[], &[], Some(&file)).unwrap_err().to_string()
        };
        let hint = fault_of("hartbeat = \"1s\"");
        assert!(
            hint.contains("hartbeat: there is no such setting; did you mean heartbeat?"),
            "{hint}"
        );
        assert!(fault_of("HEARTBEAT = \"1s\"").contains("did you mean heartbeat?"));
        assert!(fault_of("colour_of_the_sky = 1").contains("docs/CONFIGURATION.md"));
        assert!(fault_of("[heartbeat]\nx = 1").contains("heartbeat: is neither text"));
        assert!(fault_of("secret_key = \"canary").contains("not TOML"));
        assert!(!fault_of("secret_key = \"canary").contains("canary"));
        assert!(fault(&[("hart-beat", "1s")], &[]).contains("--hart-beat"));
        let absent = load_with(&[], &[], Some(&folder.path().join("absent.toml"))).unwrap_err();
        assert!(absent.setting.ends_with("absent.toml"));
    }

    #[test]
    fn a_bad_value_names_the_setting_its_source_the_rule_and_a_fix() {
        assert_eq!(
            fault(&[], &[("HEARTBEAT", "soon")]),
            "HEARTBEAT: \"soon\" (from the environment) is not a duration from 10ms to 1h; \
             write it like 25s"
        );
        assert!(fault(&[("bind", "8000")], &[]).contains("write it like 127.0.0.1:8000"));
        assert!(fault(&[("ws-max-size", "11MiB")], &[]).contains("10MiB"));
        assert!(fault(&[], &[("TRUSTED_PROXIES", "10.0.0.0/99")]).starts_with("TRUSTED_PROXIES"));
        assert!(fault(&[], &[("DATABASE_URL", "mysql://x")]).contains("sqlite:"));
        assert!(fault(&[], &[("CORS_ALLOWED_ORIGINS", "*")]).contains("https://app.example.org"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert!(fault(&[("tls-cert", "a.pem")], &[]).starts_with("TLS_KEY"));
        assert!(fault(&[("tls-key", "a.pem")], &[]).starts_with("TLS_CERT"));
        assert!(fault(&[("message-max-size", "1MiB")], &[]).starts_with("MESSAGE_MAX_SIZE"));
        assert!(fault(&[("cookie-ttl", "31d")], &[]).starts_with("COOKIE_TTL"));
        assert!(
            fault(&[("access-ttl", "2d"), ("refresh-ttl", "1d")], &[]).starts_with("ACCESS_TTL")
        );
        assert!(fault(&[("frames-burst", "0")], &[]).starts_with("FRAMES_BURST"));
        assert!(load(&[("frames-burst", "0"), ("frames-per-second", "0")], &[]).is_ok());
    }

    #[test]
    fn the_listing_and_errors_show_no_secret() {
        let config = load(
            &[],
            &[
                ("SECRET_KEY", KEY),
                ("OLD_SECRET_KEYS", &format!("canary-{KEY}")),
                ("DATABASE_URL", "postgres://sb:canary@db.example/sb"),
                ("REDIS_URL", "redis://:canary@cache.example/0"),
            ],
        )
        .unwrap();
        let listing = format!("{config} {config:?}");
        assert!(!listing.contains("canary") && !listing.contains(KEY), "{listing}");
        assert!(listing.contains("postgres://sb:••••@db.example/sb"), "{listing}");
        assert!(listing.contains("redis://:••••@cache.example/0"), "{listing}");
        assert_eq!(config.token_keys().len(), 2);
        assert!(!fault(&[], &[("SECRET_KEY", "short-canary")]).contains("canary"));
    }

    #[test]
    fn the_secret_key_is_demanded_off_loopback_and_must_not_be_well_known() {
        let open = ("bind", "0.0.0.0:8000");
        assert!(fault(&[open], &[]).starts_with("SECRET_KEY: is needed"));
        assert!(load(&[open], &[("SECRET_KEY", KEY)]).is_ok());
        let known = "django-insecure-0123456789abcdefghijk";
        assert!(fault(&[open], &[("SECRET_KEY", known)]).starts_with("SECRET_KEY: is well known"));
        assert!(load(&[], &[("SECRET_KEY", known)]).is_ok());
        assert!(fault(&[], &[("SECRET_KEY", "short")]).starts_with("SECRET_KEY"));
        let postgres = ("DATABASE_URL", "postgres://db.example/sb");
        assert!(fault(&[], &[postgres]).starts_with("SECRET_KEY: is needed"));
    }

    #[test]
    fn a_made_key_is_kept_beside_the_database_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("sb.db").display());
        let first = load(&[("database-url", &url)], &[]).unwrap();
        assert_eq!(first.sqlite_path(), Some(folder.path().join("sb.db")));
        let kept = folder.path().join("sb.db.secret");
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let second = load(&[("database-url", &url)], &[]).unwrap();
        assert_eq!(first.secret_key, second.secret_key);
        assert!(!first.to_string().contains(&first.secret_key));
        std::fs::write(&kept, "short").unwrap();
        let fault = load(&[("database-url", &url)], &[]).unwrap_err();
        assert!(fault.to_string().starts_with("SECRET_KEY"), "{fault}");
    }
}
