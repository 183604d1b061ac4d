//! `serve`: runs the server until it is told to stop.

use crate::boot::{self, ServeOptions};
use crate::commands::failure::Failure;
use crate::config::Config;

/// The words behind `serve`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_long_help = "Stops on SIGTERM and SIGINT: takes no new connections, tells clients when \
        to come back, finishes what was begun. SIGHUP reads TLS certificates again.\n\n\
        Examples:\n  \
        switchboard serve\n  \
        switchboard serve --bind 127.0.0.1:8000 --bind '[::1]:8000'\n  \
        SECRET_KEY=… switchboard serve --bind 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem"
)]
pub struct Serve {
    /// Leave the database's schema as it is; refuse to start when it is not up to date
    #[arg(long)]
    pub no_migrate: bool,
}

/// Serves; returns once stopped.
///
/// # Errors
/// The sentence of why it could not start.
pub fn run(serve: &Serve, config: Config) -> Result<(), Failure> {
    boot::serve(config, ServeOptions { migrate: !serve.no_migrate }).map_err(Failure)
}
