//! Commands given beside a running server, and what its clients see of them.

use std::process::{Command, Stdio};

use crate::harness::engines::Database;
use crate::harness::server::Server;

/// Runs the binary on a database with this on its standard input; panics unless it succeeds.
async fn command(database_url: &str, words: &[&str], input: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(words).env("DATABASE_URL", database_url).env("NO_COLOR", "1");
    command.env("SECRET_KEY", "a key for commands given beside a server");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = running.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn changepassword_closes_the_sockets_of_a_running_server_with_4001() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let url = database.url.clone();
        let server = Server::start_on(database, &[]).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut hers, mut his) = (ada.connects().await, bob.connects().await);
        hers.is_served().await;
        command(&url, &["changepassword", "ada", "--password-stdin"], "a new long password\n")
            .await;
        let ended = hers.ends().await;
        assert_eq!((ended.code, ended.reason.as_str()), (Some(4001), "the password was changed"));
        his.is_served().await;
    }
}
