//! The ground a server is measured on: a fresh database with people and rooms, and the process.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::auth::token::{Holder, TokenSettings, Tokens};
use crate::clock;
use crate::config::Config;
use crate::ids::ConversationId;
use crate::models::conversation::{self, NewConversation};
use crate::models::error::StoreError;
use crate::models::login::{self, NewLogin};
use crate::models::store::{DbConn, Store, StoreOptions};
use crate::models::user::{self, NewUser};
use crate::protocol::views::ConversationKind;

/// How long people stay signed in here: longer than any run.
const SIGNED_IN: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a server may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// Limits that would refuse a generator, which is one address; the rest is as people have it.
const UNLIMITED: &[(&str, &str)] = &[
    ("max-connections", "100000"),
    ("max-connections-per-address", "0"),
    ("max-connections-per-user", "0"),
    ("connects-per-second-per-address", "0"),
    ("frames-per-second", "0"),
    ("messages-per-second-per-user", "0"),
    ("flood-messages", "0"),
];

/// The name of the room with this number.
pub fn room(number: usize) -> String {
    format!("bench-{number}")
}

/// The topic of the room with this number.
pub fn topic(number: usize) -> String {
    format!("chat:{}", room(number))
}

/// A database with people signed in and public rooms.
pub struct Ground {
    folder: PathBuf,
    /// One access token a person.
    pub tokens: Vec<String>,
    /// The first room's number, for clients that know no names.
    pub first_room: ConversationId,
}

impl Ground {
    /// Makes `folder`, a database in it, `people` and `rooms`.
    ///
    /// # Errors
    /// A sentence: the folder is there already or cannot be made, or the database fails.
    pub fn prepare(folder: &Path, people: usize, rooms: usize) -> Result<Self, String> {
        let fail = |fault: std::io::Error| format!("{}: {fault}", folder.display());
        fs::DirBuilder::new().mode(0o700).create(folder).map_err(fail)?;
        let folder = folder.canonicalize().map_err(fail)?;
        let first_room = ConversationId(0);
        let mut ground = Self { folder, tokens: Vec::new(), first_room };
        let flags = BTreeMap::from([("database-url".to_owned(), ground.url())]);
        let config = Config::load(&flags, &|_| None, None).map_err(|fault| fault.to_string())?;
        let store = ground.store()?;
        store.migrate().map_err(|fault| fault.to_string())?;
        let tokens = Tokens::new(TokenSettings {
            keys: config.token_keys(),
            access_ttl: SIGNED_IN,
            refresh_ttl: SIGNED_IN,
            audience: None,
            issuer: None,
        });
        (ground.tokens, ground.first_room) = store
            .write(|conn| populate(conn, &tokens, people.max(1), rooms))
            .map_err(|fault| fault.to_string())?;
        Ok(ground)
    }

    fn store(&self) -> Result<Store, String> {
        let options = StoreOptions { exclusive: false, ..StoreOptions::new(self.url()) };
        Store::open(options).map_err(|fault| fault.to_string())
    }

    /// Adds to its database, before it is served.
    ///
    /// # Errors
    /// A sentence when the database fails.
    pub fn fill(&self, work: impl FnOnce(&Store) -> Result<(), StoreError>) -> Result<(), String> {
        work(&self.store()?).map_err(|fault| fault.to_string())
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.folder.join("bench.db").display())
    }

    /// The token of connection `number`; people take turns.
    pub fn token(&self, number: usize) -> &str {
        &self.tokens[number % self.tokens.len()]
    }

    /// The words behind the program's name that serve this ground at `bind`.
    pub fn words(&self, bind: &str, settings: &[(String, String)]) -> Vec<String> {
        let (bind, url) = (("bind", bind.to_owned()), ("database-url", self.url()));
        let usual = UNLIMITED.iter().map(|&(key, value)| (key, value.to_owned()));
        let mut all: BTreeMap<&str, String> = [bind, url, ("workers", "1".to_owned())].into();
        all.extend(usual);
        all.extend(settings.iter().map(|(key, value)| (key.as_str(), value.clone())));
        all.into_iter().flat_map(|(key, value)| [format!("--{key}"), value]).collect()
    }

    /// Writes the tokens, one a line, for other load generators; only the owner may read them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_tokens(&self) -> Result<PathBuf, String> {
        let path = self.folder.join("tokens.txt");
        let fail = |fault: std::io::Error| format!("{}: {fault}", path.display());
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&path).map_err(fail)?;
        writeln!(file, "{}", self.tokens.join("\n")).map_err(fail)?;
        Ok(path)
    }

    /// Starts `program` on this ground and waits until it listens.
    ///
    /// # Errors
    /// A sentence with the last line of its log when it does not.
    pub async fn serve(
        &self,
        program: &Path,
        settings: &[(String, String)],
    ) -> Result<Server, String> {
        let at = free_address()?;
        let log = self.folder.join("server.log");
        let file = fs::File::create(&log).map_err(|fault| format!("{}: {fault}", log.display()))?;
        // Neither the environment nor a settings file of whoever measures shall change figures.
        let child = Command::new(program)
            .args(self.words(&at.to_string(), settings))
            .env_clear()
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|fault| format!("{} cannot be started: {fault}", program.display()))?;
        let mut server = Server { child, at };
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(at).await.is_err() {
            let has_ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            if has_ended || Instant::now() > deadline {
                let told = fs::read_to_string(&log).unwrap_or_default();
                let last = told.lines().last().unwrap_or("it said nothing");
                return Err(format!("the server does not listen: {last}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Removes the folder and all that is in it.
    pub fn clear(self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A running server; dropping it kills it.
pub struct Server {
    child: Child,
    pub at: SocketAddr,
}

impl Server {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|fault| format!("no free port: {fault}"))
}

fn populate(
    conn: &mut DbConn,
    tokens: &Tokens,
    people: usize,
    rooms: usize,
) -> Result<(Vec<String>, ConversationId), StoreError> {
    let mut issued = Vec::with_capacity(people);
    let mut owner = None;
    for number in 0..people {
        // No password has this hash: the only way in is the token.
        let account = user::insert(conn, NewUser::member(&format!("bench{number}"), "!"))?;
        owner = owner.or(Some(account.id));
        let now = clock::now_naive();
        let end = now + SIGNED_IN;
        let sign_in = NewLogin {
            user: account.id,
            cookie_hash: None,
            client_ip: "127.0.0.1",
            user_agent: "switchboard bench",
            created_at: now,
            expires_at: end,
            ends_at: end,
        };
        let login = login::insert(conn, sign_in)?;
        let holder = Holder { user: account.id, username: &account.username, role: account.role };
        issued.push(tokens.issue_access(&holder, login).token);
    }
    let mut first_room = None;
    for number in 0..rooms {
        let new = NewConversation {
            kind: ConversationKind::Room,
            name: Some(room(number)),
            direct: None,
            title: String::new(),
            description: String::new(),
            owner,
            is_public: true,
            at: clock::now_naive(),
        };
        let made = conversation::insert(conn, new)?;
        first_room = first_room.or(Some(made.id));
    }
    Ok((issued, first_room.ok_or(StoreError::Missing)?))
}
