//! From a command line to an exit code.

use std::process::ExitCode;

use crate::commands::failure::Failure;
use crate::commands::line::{Line, Settings, Verb};
use crate::commands::terminal::{one_line, tell};
use crate::commands::{
    backup, bench, changepassword, check, createsuperuser, createuser, demo, import_django,
    migrate, restore, send, serve, tail, token,
};
use crate::config::parse::LogFormat;

/// Reads the command line and does what it says. `start_logger` is called once.
///
/// 0 when done, 1 with a sentence on stderr when not; wrong usage exits with 2.
pub fn main(start_logger: impl Fn(LogFormat)) -> ExitCode {
    let line = Line::read();
    match run(line, start_logger) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentence)) => {
            tell(&format!("switchboard: {}", one_line(&sentence)));
            ExitCode::FAILURE
        }
    }
}

fn run(line: Line, start_logger: impl Fn(LogFormat)) -> Result<(), Failure> {
    let Line { verb, settings } = line;
    match verb {
        // Clients of another server need no settings here, and shall leave no key file behind.
        Verb::Tail(tail) => {
            start_logger(LogFormat::Human);
            tail::run(&tail, &settings)
        }
        Verb::Send(send) => {
            start_logger(LogFormat::Human);
            send::run(&send, &settings)
        }
        Verb::Bench(wish) => bench::run(wish, settings.flag("database_url")).map_err(Failure),
        verb => with_settings(verb, &settings, start_logger),
    }
}

fn with_settings(
    verb: Verb,
    settings: &Settings,
    start_logger: impl Fn(LogFormat),
) -> Result<(), Failure> {
    let config = settings.load()?;
    start_logger(config.log_format);
    match verb {
        Verb::Serve(serve) => serve::run(&serve, config),
        Verb::Migrate => migrate::run(&config),
        Verb::Createsuperuser(wish) => createsuperuser::run(&wish, &config),
        Verb::Createuser(wish) => createuser::run(&wish, &config),
        Verb::Changepassword(wish) => changepassword::run(&wish, &config),
        Verb::Backup(backup) => backup::run(&backup, &config),
        Verb::Restore(restore) => restore::run(&restore, &config),
        Verb::Demo => demo::run(&config),
        Verb::ImportDjango(wish) => import_django::run(&wish, &config),
        Verb::Check => check::run(&config),
        Verb::Token(token) => token::run(&token, &config),
        Verb::Tail(tail) => tail::run(&tail, settings),
        Verb::Send(send) => send::run(&send, settings),
        Verb::Bench(wish) => bench::run(wish, settings.flag("database_url")).map_err(Failure),
    }
}
