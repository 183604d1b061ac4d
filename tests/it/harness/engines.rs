//! Both database engines for a story: SQLite in a folder of its own, and a private PostgreSQL
//! server, one a test process, that dies with it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::RunQueryDsl;
use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use switchboard::models::error::StoreError;
use switchboard::models::store::{DbConn, Store, StoreOptions};

/// Runs `story` on a fresh, migrated database of each engine.
pub fn for_each_engine(story: impl Fn(&Store)) {
    for_each_database(|database| {
        let store = database.open();
        store.migrate().unwrap();
        story(&store);
    });
}

/// Runs `story` on a fresh, empty database of each engine.
pub fn for_each_database(story: impl Fn(&Database)) {
    println!("engine: SQLite");
    story(&Database::sqlite());
    if let Some(database) = Database::postgres() {
        println!("engine: PostgreSQL");
        story(&database);
    }
}

/// A database that is gone when this value is.
pub struct Database {
    /// What `DATABASE_URL` would hold.
    pub url: String,
    /// Holds the SQLite file.
    pub folder: Option<tempfile::TempDir>,
    postgres_name: Option<String>,
}

impl Database {
    /// An empty SQLite database.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url, folder: Some(folder), postgres_name: None }
    }

    /// An empty PostgreSQL database; none when PostgreSQL is not installed.
    pub fn postgres() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.run(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        let url = server.url(&name);
        Some(Self { url, folder: None, postgres_name: Some(name) })
    }

    /// Another's database, which stays when this value goes.
    pub fn borrowed(url: &str) -> Self {
        Self { url: url.to_owned(), folder: None, postgres_name: None }
    }

    /// The SQLite file.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().expect("a SQLite database").path().join("test.db")
    }

    /// How stories open a store on it: as the server does.
    pub fn options(&self) -> StoreOptions {
        StoreOptions::new(&self.url)
    }

    /// A store on it, opened as the server does.
    pub fn open(&self) -> Store {
        Store::open(self.options()).unwrap()
    }

    /// A store on it, opened as a tool beside the server does.
    pub fn open_beside(&self) -> Store {
        Store::open(StoreOptions { exclusive: false, ..self.options() }).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(name), Some(server)) = (&self.postgres_name, server()) {
            server.run(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

struct Server {
    folder: PathBuf,
    /// Waits for the end of its standard input, which is the end of this process.
    _keeper: Child,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.display())
    }

    fn run(&self, statement: &str) {
        let mut conn = PgConnection::establish(&self.url("postgres")).unwrap();
        conn.batch_execute(statement).unwrap();
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    let Some(programs) = find_programs() else {
        let must = variable("REQUIRE_ENGINES").is_some_and(|value| value == "1");
        assert!(!must, "PostgreSQL is not installed: install the Debian package `postgresql`");
        eprintln!(
            "\n*** PostgreSQL is not installed (Debian package `postgresql`): every story runs \
             on SQLite alone. ***\n"
        );
        return None;
    };
    let folder = tempfile::Builder::new().prefix("switchboard-pg-").tempdir().unwrap().keep();
    let owner = postgres_user();
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let keeper = keep(&programs, &folder, owner);
    Some(Server { folder, _keeper: keeper })
}

/// Makes and starts the server under a shell that stops it and removes its folder when this
/// process ends in whatever way: then the pipe to the shell closes.
fn keep(programs: &Path, folder: &Path, owner: Option<(u32, u32)>) -> Child {
    const SCRIPT: &str = r#"
        trap '' PIPE
        "$0/initdb" --username=postgres --auth=trust --no-sync --encoding=UTF8 --locale=C \
            --pgdata="$1/cluster" > "$1/log" 2>&1 \
        && "$0/pg_ctl" start --wait --silent --timeout=120 --pgdata="$1/cluster" --log="$1/log" \
            --options="-c listen_addresses='' -c unix_socket_directories='$1' -c fsync=off \
                -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
                -c shared_buffers=32MB -c autovacuum=off" \
        && echo ready
        # Without a start nothing is ever written: the closed pipe tells the story, which reads the
        # log and then ends.
        test -e "$1/cluster/postmaster.pid" || exec 1>&-
        cat > /dev/null
        "$0/pg_ctl" stop --silent --mode=immediate --pgdata="$1/cluster"
        rm -rf "$1"
    "#;
    let mut shell = as_owner(Command::new("sh"), owner, folder);
    shell.args(["-c", SCRIPT]).arg(programs).arg(folder).process_group(0);
    let mut keeper =
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut answer = BufReader::new(keeper.stdout.take().unwrap());
    answer.read_line(&mut line).unwrap();
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert_eq!(line, "ready\n", "PostgreSQL did not start:\n{log}");
    keeper
}

fn as_owner(mut command: Command, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir(folder);
    command
}

/// PostgreSQL refuses to run as root; its Debian package brings the user it runs as.
fn postgres_user() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        said_yes(&output);
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
}

fn said_yes(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The folder of `initdb` and `pg_ctl`: Debian's newest, else one of `PATH`.
fn find_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let version = |folder: &PathBuf| -> u32 {
        let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    if let Some(path) = variable("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders.into_iter().find(|folder| folder.join("initdb").exists())
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what must run")]
pub fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Runs statements that no function of the models makes: to bring about what a crash or another
/// process leaves behind.
pub fn execute(conn: &mut DbConn, statements: &str) -> Result<(), StoreError> {
    Ok(conn.batch_execute(statements)?)
}

/// The tables of a SQLite database with a foreign key to `users`.
pub fn tables_naming_people(store: &Store) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Named {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let sql = "SELECT DISTINCT t.name AS name FROM sqlite_master t, pragma_foreign_key_list(t.name) k \
               WHERE t.type = 'table' AND k.\"table\" = 'users' ORDER BY t.name";
    let rows: Vec<Named> = store.read(|conn| Ok(diesel::sql_query(sql).load(conn)?)).unwrap();
    rows.into_iter().map(|row| row.name).collect()
}
