//! The real binary as a process of its own, for stories that kill it or measure it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child as Process, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use switchboard::auth::identity::Role;

use super::engines::Database;
use super::people::{Person, settings};
use super::socket::PATIENCE;

/// A running `switchboard serve`, killed when it is dropped.
pub struct Child {
    pub address: SocketAddr,
    process: Process,
    said: Arc<Mutex<Vec<String>>>,
}

/// Makes accounts in a database that no server holds.
pub fn enroll(database: &Database, names: &[&str]) -> Vec<Person> {
    let store = database.open();
    store.migrate().unwrap();
    let enroll =
        |name: &&str| store.write(|conn| Person::enroll(conn, name, Role::Member)).unwrap();
    names.iter().map(enroll).collect()
}

impl Child {
    /// Starts the binary on this database and waits until it listens.
    pub fn start(database: &Database, wanted: &[(&str, &str)]) -> Self {
        // Of lines about each connection there would be very many.
        Self::start_logging(database, wanted, "info", |line| !line.contains("connection attempt"))
    }

    /// The same with this filter of its log, of which the lines that `keeps` wants are kept.
    pub fn start_logging(
        database: &Database,
        wanted: &[(&str, &str)],
        filter: &str,
        keeps: impl Fn(&str) -> bool + Send + 'static,
    ) -> Self {
        let folder = std::env::temp_dir();
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        for (key, value) in settings(&database.url, wanted) {
            command.env(key.to_uppercase(), value);
        }
        command.env("RUST_LOG", filter).env("NO_COLOR", "1").current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (sender, listening) = std::sync::mpsc::channel();
        let (lines, kept) = (BufReader::new(process.stderr.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("serving at http://") {
                    let address = rest.split([' ', '/', '"']).next().unwrap_or_default();
                    drop(sender.send(address.to_owned()));
                }
                if keeps(&line) {
                    kept.lock().unwrap().push(line);
                }
            }
        });
        let Ok(address) = listening.recv_timeout(PATIENCE) else {
            drop(process.kill());
            drop(process.wait());
            panic!("the server did not start: {:#?}", said.lock().unwrap());
        };
        Self { address: address.parse().unwrap(), process, said }
    }

    /// What it has said so far on standard error.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap();
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4_096
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// kill -9.
    pub fn dies(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM.
    pub fn is_asked_to_stop(&self) {
        let id = libc::pid_t::try_from(self.process.id()).unwrap();
        // SAFETY: the process is ours and not waited for yet, so the id is still its own.
        let sent = unsafe { libc::kill(id, libc::SIGTERM) };
        assert_eq!(sent, 0);
    }

    /// Where its lines are kept, for those who read them when it has ended.
    pub fn lines(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.said)
    }

    /// Waits for its end; whether it ended well.
    pub async fn ends(mut self) -> bool {
        let deadline = Instant::now() + PATIENCE * 2;
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            look.tick().await;
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the server does not end");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
