//! The process: starts the logger and hands the command line to `commands`.

use std::process::ExitCode;

use switchboard::commands::logging::{DEFAULT_FILTER, Journal};
use switchboard::commands::run;
use switchboard::config::parse::LogFormat;

fn main() -> ExitCode {
    let code = run::main(start_logger);
    log::logger().flush();
    code
}

fn start_logger(format: LogFormat) {
    let env = env_logger::Env::default().default_filter_or(DEFAULT_FILTER);
    let filter = env_logger::Builder::from_env(env).build();
    let level = filter.filter();
    let journal = Journal::to_stderr(Box::new(move |record| filter.matches(record)), format);
    // The command line is read once, so no logger can be there already.
    if log::set_boxed_logger(Box::new(journal)).is_ok() {
        log::set_max_level(level);
    }
    let telling = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log::logger().flush();
        telling(panic);
    }));
}
