//! The process: starts the logger and hands the command line to `commands`.

use std::io::Write;
use std::process::ExitCode;

use switchboard::commands::{logging, run};
use switchboard::config::parse::LogFormat;

fn main() -> ExitCode {
    run::main(start_logger)
}

fn start_logger(format: LogFormat) {
    let env = env_logger::Env::default().default_filter_or(logging::DEFAULT_FILTER);
    env_logger::Builder::from_env(env)
        .format(move |out, record| writeln!(out, "{}", logging::line(format, record)))
        .init();
}
