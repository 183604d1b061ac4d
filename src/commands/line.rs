//! The command line: its verbs, and one flag for every setting.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Subcommand};

use crate::commands::failure::Failure;
use crate::commands::{
    backup, bench, changepassword, createsuperuser, createuser, import_django, restore, send,
    serve, tail, token,
};
use crate::config::{Config, SETTINGS, Setting};

/// A verb of the command line.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Run the server (also when no command is given)
    Serve(serve::Serve),
    /// Bring the database's schema up to date, and say what was applied
    #[command(after_long_help = "`serve` does this too at its start, unless told --no-migrate. \
        Any number of processes may do it at once.\n\nExample:\n  switchboard migrate")]
    Migrate,
    /// Make an account with role admin, asking for what is not given
    Createsuperuser(createsuperuser::Createsuperuser),
    /// Make an account
    Createuser(createuser::Createuser),
    /// Set someone's password and sign them out everywhere
    Changepassword(changepassword::Changepassword),
    /// Copy the SQLite database into a file, while the server runs
    Backup(backup::Backup),
    /// Put a backup in the place of the SQLite database; the server must be stopped
    Restore(restore::Restore),
    /// Load people, rooms and messages to try the server with
    #[command(after_long_help = "People: admin, alice, bob, carol, test_dispatcher, \
        test_paramedic; the password of each is switchboard-demo.\nRefused when the database has \
        other people in it. Doing it twice changes nothing.\n\nExample:\n  switchboard demo")]
    Demo,
    /// Bring people, conversations and messages over from a Django database
    ImportDjango(import_django::ImportDjango),
    /// Check every setting, and show what is in force and whether the database answers
    #[command(after_long_help = "Secrets are masked. Exits with 1 and names the setting and the \
        fix when something is wrong.\n\nExamples:\n  switchboard check\n  \
        switchboard check --bind 0.0.0.0:8000")]
    Check,
    /// Print an access token for someone
    Token(token::Token),
    /// Listen to a topic and print what is said
    Tail(tail::Tail),
    /// Say something on a topic
    Send(send::Send),
    /// Measure this machine: fan-out, ingest, memory, connects, stalled readers
    Bench(bench::BenchArgs),
}

/// Rooms, notifications and dispatch boards over WebSocket and REST, in one process.
#[derive(Debug, clap::Parser)]
#[command(
    name = "switchboard",
    version,
    max_term_width = 100,
    long_about = "Rooms, notifications and dispatch boards over WebSocket and REST, in one \
        process, on SQLite or PostgreSQL.\n\nWithout a command it serves http://127.0.0.1:8000 \
        with the database switchboard.db in this folder.",
    after_help = "`switchboard COMMAND --help` says all about a command; `switchboard --help` \
        lists every setting.",
    after_long_help = "Examples:\n  \
        switchboard demo                               load people and rooms to try it with\n  \
        switchboard                                    serve http://127.0.0.1:8000\n  \
        switchboard tail chat:general                  listen, in another terminal\n  \
        switchboard send chat:general hello            speak, in a third\n  \
        switchboard serve --bind 0.0.0.0:8000 --database-url postgres://user@host/name\n\n\
        A setting is given as a flag, in the environment (BIND=…), or in switchboard.toml \
        (bind = …); the first of these that names it wins.\nWhat is logged is set by RUST_LOG \
        (default: info,actix_server=warn).\n\nExit codes: 0 done, 1 failed (one sentence on \
        stderr), 2 wrong usage."
)]
struct Words {
    /// Read settings from FILE instead of ./switchboard.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// A command line that has been read.
#[derive(Debug, Clone)]
pub struct Line {
    /// The verb, `serve` when none was given.
    pub verb: Verb,
    /// Where its settings come from.
    pub settings: Settings,
}

/// Where the settings of a command come from, beside the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    file: Option<PathBuf>,
    flags: BTreeMap<String, String>,
}

impl Settings {
    /// A setting as a flag of the command line names it.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Names the setting, what is wrong with it and the fix.
    pub fn load(&self) -> Result<Config, Failure> {
        Ok(Config::from_process(&self.flags, self.file.as_deref())?)
    }
}

impl Line {
    /// Reads this process's command line. Prints help or a usage error and exits with it.
    pub fn read() -> Self {
        let matches = command().get_matches();
        Self::from_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Reads `words`, the first of which is the program's name.
    ///
    /// # Errors
    /// A usage error, or the help that was asked for.
    pub fn parse<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, clap::Error> {
        Self::from_matches(&command().try_get_matches_from(words)?)
    }

    fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let words = Words::from_arg_matches(matches)?;
        let verb = words.verb.unwrap_or(Verb::Serve(serve::Serve::default()));
        let settings = Settings { file: words.config, flags: flags(matches) };
        Ok(Self { verb, settings })
    }
}

/// The whole command line, settings included.
pub fn command() -> Command {
    with_settings(Words::command(), true).mut_subcommands(|verb| {
        let is_about_settings = matches!(verb.get_name(), "serve" | "check");
        with_settings(verb, is_about_settings)
    })
}

/// The flags of [`SETTINGS`], in its order.
static FLAGS: LazyLock<Vec<String>> =
    LazyLock::new(|| SETTINGS.iter().map(Setting::flag).collect());

fn with_settings(command: Command, shown: bool) -> Command {
    let args = SETTINGS.iter().zip(FLAGS.iter()).map(|(setting, flag)| {
        let arg = Arg::new(setting.key)
            .long(flag.as_str())
            .value_name("VALUE")
            .help(help(setting))
            .help_heading("Settings (flag --name, environment NAME, or switchboard.toml name)")
            .hide_short_help(true)
            .hide(!shown);
        match form(setting) {
            Form::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            Form::List => arg.action(ArgAction::Append),
            Form::One => arg,
        }
    });
    command.args(args.collect::<Vec<_>>())
}

enum Form {
    /// `--echo` or `--echo=false`.
    Switch,
    /// May be given several times.
    List,
    One,
}

fn form(setting: &Setting) -> Form {
    let words = setting.words();
    if words == "true or false" {
        Form::Switch
    } else if words.contains("with commas between") {
        Form::List
    } else {
        Form::One
    }
}

fn help(setting: &Setting) -> String {
    let default = match setting.default {
        "" => String::new(),
        text => format!(" [default: {text}]"),
    };
    format!("{} Must be {}.{default}", setting.doc(), setting.words())
}

/// What the command line says about settings; a flag behind the verb beats one before it.
fn flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut level = Some(matches);
    while let Some(here) = level {
        for setting in SETTINGS {
            if let Some(texts) = here.get_many::<String>(setting.key) {
                let texts: Vec<&str> = texts.map(String::as_str).collect();
                found.insert(setting.key.to_owned(), texts.join(","));
            }
        }
        level = here.subcommand().map(|(_, below)| below);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Line {
        Line::parse(words.split_whitespace()).unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn no_verb_is_serve() {
        let line = parse("switchboard --bind 127.0.0.1:9000");
        assert!(matches!(line.verb, Verb::Serve(_)));
        assert_eq!(line.settings.flags["bind"], "127.0.0.1:9000");
    }

    #[test]
    fn every_setting_has_a_flag_before_and_behind_the_verb() {
        for setting in SETTINGS {
            for words in [
                vec!["switchboard".to_owned(), format!("--{}=x", setting.flag()), "serve".into()],
                vec!["switchboard".to_owned(), "serve".into(), format!("--{}=x", setting.flag())],
                vec!["switchboard".to_owned(), "demo".into(), format!("--{}=x", setting.flag())],
            ] {
                let line = Line::parse(words).unwrap();
                assert_eq!(line.settings.flags[setting.key], "x", "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_switch_needs_no_value_and_lists_may_be_repeated() {
        let line = parse("switchboard --echo serve --bind 127.0.0.1:1 --bind 127.0.0.1:2");
        assert_eq!(line.settings.flags["echo"], "true");
        assert_eq!(line.settings.flags["bind"], "127.0.0.1:1,127.0.0.1:2");
        assert_eq!(parse("switchboard --echo=false").settings.flags["echo"], "false");
    }

    #[test]
    fn every_verb_has_an_example_in_its_long_help() {
        for verb in command().get_subcommands_mut() {
            if verb.get_name() != "help" {
                let help = verb.render_long_help().to_string();
                let example = format!("\n  switchboard {}", verb.get_name());
                assert!(help.contains(&example), "{help}");
            }
        }
    }

    #[test]
    fn what_is_no_verb_or_flag_is_wrong_usage() {
        for words in ["switchboard dance", "switchboard --colour red", "switchboard createuser"] {
            let error = Line::parse(words.split_whitespace()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words}");
        }
    }

    #[test]
    fn the_words_of_a_message_are_joined() {
        let Verb::Send(send) = parse("switchboard send chat:general hello to all").verb else {
            panic!("not send");
        };
        assert_eq!(send.text.join(" "), "hello to all");
    }
}
