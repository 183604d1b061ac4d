//! `bench`: measures a server of this very program, and prints ratios and medians.
//!
//! **Never:** assertions on time; figures are read by people.

pub mod arrive;
pub mod client;
pub mod dialects;
pub mod fanout;
pub mod ground;
pub mod ingest;
pub mod meter;
pub mod reads;
pub mod report;
pub mod search;
pub mod tally;
pub mod upload;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::task::LocalSet;

use crate::commands::bench::client::Client;
use crate::commands::bench::dialects::Tongue;
use crate::commands::bench::ground::{Ground, Server};
use crate::commands::bench::report::{Figure, Report, figure};
use crate::commands::bench::search::Library;

/// Connections being opened at once.
const OPENING: usize = 64;
/// Descriptors that are not sockets, generously.
const OTHER_DESCRIPTORS: usize = 100;
/// Rooms of a ground for other load generators.
const ROOMS_PREPARED: usize = 1_024;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// One speaks in a room of many; ephemeral events
    Fanout,
    /// Durable messages, acknowledged after commit; many a transaction against one
    Ingest,
    /// Memory of connections that do nothing
    Idle,
    /// What opening a connection costs
    Connect,
    /// Memory that clients cost who do not read
    Stalled,
    /// Pages of a long history, unread counts and the list of 1,000 conversations
    Reads,
    /// Memory while 100 MB are uploaded and downloaded
    Upload,
    /// Searches among many messages; not part of `all`, for it takes minutes to fill
    Search,
    /// One writes, many hear it natively or in an older dialect: what a delivery costs in each
    Dialects,
    /// Every one of the above but `search`
    All,
    /// Make a database for another load generator, and say how to serve it
    Prepare,
}

/// The words behind `bench`.
#[derive(Debug, Clone, Args)]
#[command(
    after_long_help = "Starts servers of this program on free ports of 127.0.0.1, each on a fresh \
    SQLite database below --dir, with one worker and without rate limits; removes them \
    afterwards. Measure a release build, and only compare figures of one run. The generator runs \
    on one core, the server should have another.\n\nExamples:\n  \
    switchboard bench\n  \
    switchboard bench fanout --conns 5000 --json\n  \
    switchboard bench ingest --with db-readers=2\n  \
    switchboard bench reads --messages 100000 --rounds 1\n  \
    switchboard bench search --library postgres://bench@localhost/bench\n  \
    switchboard bench prepare --dir /var/tmp/ground --port 9100"
)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    pub scenario: Scenario,
    /// Connections [default: fanout 1000, ingest 16, idle 10000, connect 2000, stalled 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub conns: Option<u32>,
    /// Seconds a round measures
    #[arg(long, value_name = "S", default_value = "3",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Messages in flight [default: fanout and stalled 8, ingest 512]
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub window: Option<u32>,
    /// Rounds, of which the median is told
    #[arg(long, value_name = "R", default_value = "3",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// People who share the connections
    #[arg(long, value_name = "U", default_value = "100",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub people: u32,
    /// Print JSON, one object a line: each round, then the medians
    #[arg(long)]
    pub json: bool,
    /// Where databases are made, on the disk that is to be measured
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub dir: PathBuf,
    /// Another build of the server to measure instead of this one
    #[arg(long, value_name = "PROGRAM")]
    pub program: Option<PathBuf>,
    /// A setting of the measured servers; may be given several times
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = setting)]
    pub with: Vec<(String, String)>,
    /// Messages in the history that `reads` reads, and that `search` fills its database up to;
    /// what `search` finds there is used again
    #[arg(long, value_name = "N", default_value = "1000000",
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub messages: u64,
    /// The database of `search` [default: --database-url, else a SQLite file below --dir, which
    /// stays]
    #[arg(long, value_name = "URL")]
    pub library: Option<String>,
    /// The port of the command line that `prepare` prints
    #[arg(long, value_name = "PORT", default_value = "9100")]
    pub port: u16,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it like workers=2")?;
    Ok((key.to_lowercase().replace('_', "-"), value.to_owned()))
}

/// How much of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub conns: usize,
    pub window: usize,
    pub seconds: Duration,
}

/// Measures, and prints figures to stdout. `database`: where searches are measured when the words
/// of `bench` themselves do not say.
///
/// # Errors
/// A sentence when a server cannot be started or a connection is lost.
pub fn run(mut args: BenchArgs, database: Option<&str>) -> Result<(), String> {
    args.library = args.library.or_else(|| database.map(str::to_owned));
    if args.scenario == Scenario::Prepare {
        return prepare(&args);
    }
    if args.scenario == Scenario::Search {
        return search(&args);
    }
    let program = program(&args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|fault| format!("the runtime cannot start: {fault}"))?;
    let each = [
        Scenario::Fanout,
        Scenario::Ingest,
        Scenario::Idle,
        Scenario::Connect,
        Scenario::Stalled,
        Scenario::Reads,
        Scenario::Upload,
        Scenario::Dialects,
    ];
    for scenario in each {
        if args.scenario == scenario || args.scenario == Scenario::All {
            let bench = Bench { args: &args, program: &program, scenario };
            // A set of one's own for each scenario ends what it has spawned.
            let tasks = LocalSet::new();
            runtime.block_on(tasks.run_until(bench.measure()))?;
        }
    }
    Ok(())
}

/// Fills a database up to the number asked for, and searches it.
fn search(args: &BenchArgs) -> Result<(), String> {
    let folder = args.dir.join("switchboard-bench-search");
    let library = Library::prepare(args.library.as_deref(), &folder, args.messages)?;
    let about = format!("{} messages, median of {} rounds", args.messages, args.rounds);
    let mut report = Report::new("search", about);
    for round in 0..args.rounds {
        let figures = library.round(u64::from(round))?;
        report.add(figures, args.json).map_err(|fault| fault.to_string())?;
    }
    report.print(args.json).map_err(|fault| fault.to_string())
}

fn program(args: &BenchArgs) -> Result<PathBuf, String> {
    match &args.program {
        Some(path) => path.canonicalize().map_err(|fault| format!("{}: {fault}", path.display())),
        None => std::fs::read_link("/proc/self/exe")
            .map_err(|fault| format!("bench needs Linux's /proc: {fault}")),
    }
}

/// Makes a ground that stays, and prints how to serve it, for another load generator.
fn prepare(args: &BenchArgs) -> Result<(), String> {
    let people = args.people as usize;
    let ground = Ground::prepare(&args.dir, people, ROOMS_PREPARED)?;
    let tokens = ground.write_tokens()?;
    let words = ground.words(&format!("127.0.0.1:{}", args.port), &args.with).join(" ");
    let program = program(args)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "serve: {} {words}\ntokens: {}", program.display(), tokens.display())
        .map_err(|fault| fault.to_string())
}

struct Bench<'a> {
    args: &'a BenchArgs,
    program: &'a Path,
    scenario: Scenario,
}

impl Bench<'_> {
    fn load(&self) -> Load {
        let (conns, window) = match self.scenario {
            Scenario::Ingest => (16, 512),
            Scenario::Idle => (10_000, 1),
            Scenario::Connect => (2_000, 1),
            Scenario::Stalled => (20, 8),
            Scenario::Upload => (1, 1),
            _ => (1_000, 8),
        };
        let conns = self.args.conns.map_or(conns, |conns| conns as usize);
        let sockets = meter::descriptors().map_or(conns, |all| {
            let each = if self.scenario == Scenario::Stalled { 2 } else { 1 };
            conns.min(all.saturating_sub(OTHER_DESCRIPTORS) / each).max(1)
        });
        Load {
            conns: sockets,
            window: self.args.window.map_or(window, |window| window as usize),
            seconds: Duration::from_secs(self.args.seconds),
        }
    }

    async fn measure(&self) -> Result<(), String> {
        let load = self.load();
        let name = match self.scenario {
            Scenario::Fanout => "fanout",
            Scenario::Ingest => "ingest",
            Scenario::Idle => "idle",
            Scenario::Connect => "connect",
            Scenario::Reads => "reads",
            Scenario::Upload => "upload",
            Scenario::Dialects => "dialects",
            _ => "stalled",
        };
        let mut about = format!(
            "{} connections of {} people, {} s, median of {}",
            load.conns, self.args.people, self.args.seconds, self.args.rounds
        );
        if self.scenario == Scenario::Reads {
            about = format!(
                "one reader after another answer, {} messages, {} conversations, median of {}",
                self.args.messages,
                reads::CONVERSATIONS,
                self.args.rounds
            );
        }
        match self.scenario {
            Scenario::Idle | Scenario::Connect | Scenario::Reads | Scenario::Upload => {}
            Scenario::Stalled => about.push_str(", as many stalled as reading"),
            _ => about.push_str(&format!(", {} in flight", load.window)),
        }
        if self.args.conns.is_some_and(|asked| asked as usize > load.conns) {
            about.push_str(", fewer than asked for want of descriptors (see ulimit -n)");
        }
        let mut report = Report::new(name, about);
        if self.scenario == Scenario::Reads {
            for figures in self.reads(&load).await? {
                report.add(figures, self.args.json).map_err(|fault| fault.to_string())?;
            }
            return report.print(self.args.json).map_err(|fault| fault.to_string());
        }
        for _ in 0..self.args.rounds {
            let figures = self.round(&load).await?;
            report.add(figures, self.args.json).map_err(|fault| fault.to_string())?;
        }
        report.print(self.args.json).map_err(|fault| fault.to_string())
    }

    /// All rounds of reading: they share one ground, for it takes longer to fill than to read.
    async fn reads(&self, load: &Load) -> Result<Vec<Vec<Figure>>, String> {
        let (rounds, messages) = (self.args.rounds, self.args.messages as usize);
        let read = async |server: &Server, ground: &Ground| {
            let mut all = Vec::new();
            for _ in 0..rounds {
                all.push(reads::read(server, ground, messages).await?);
            }
            Ok(all)
        };
        self.served(load, &[], read).await
    }

    async fn round(&self, load: &Load) -> Result<Vec<Figure>, String> {
        if self.scenario == Scenario::Dialects {
            return self.dialects(load).await;
        }
        if self.scenario != Scenario::Ingest {
            return self
                .served(load, &[], async |server, ground| match self.scenario {
                    Scenario::Idle => arrive::idle(server, ground, load).await,
                    Scenario::Connect => arrive::arrive(server, ground, load).await,
                    Scenario::Stalled => fanout::stalled(server, ground, load).await,
                    Scenario::Upload => upload::upload(server, ground, load).await,
                    _ => fanout::fanout(server, ground, load).await,
                })
                .await;
        }
        let ingest =
            async |server: &Server, ground: &Ground| ingest::ingest(server, ground, load).await;
        let many = self.served(load, &[], ingest).await?;
        let one = self.served(load, &[("write-batch", "1")], ingest).await?;
        let ratio = many.per_second / one.per_second.max(1.0);
        Ok(vec![
            figure("acked_per_s", "acked per second", many.per_second),
            figure("acked_per_s_unbatched", "acked per second, one a transaction", one.per_second),
            figure("ratio", "ratio of the two", ratio),
            figure("acked_per_cpu_s", "acked per CPU-second", many.per_cpu_second),
        ])
    }

    /// The same room heard in one tongue after the other, each on a server of its own.
    async fn dialects(&self, load: &Load) -> Result<Vec<Figure>, String> {
        let read = async |tongue: Tongue| {
            let work = async |server: &Server, ground: &Ground| {
                dialects::read(server, ground, load, tongue).await
            };
            self.served(load, &[], work).await
        };
        let native = read(Tongue::Native).await?;
        let classroom = read(Tongue::Classroom).await?;
        Ok(dialects::figures(native, classroom, read(Tongue::Messenger).await?))
    }

    /// Runs `work` against a fresh server on a fresh ground.
    async fn served<T>(
        &self,
        load: &Load,
        settings: &[(&str, &str)],
        work: impl AsyncFnOnce(&Server, &Ground) -> Result<T, String>,
    ) -> Result<T, String> {
        let mark = crate::auth::secret::token_id();
        let folder = self.args.dir.join(format!("switchboard-bench-{}", &mark[..12]));
        let rooms = if self.scenario == Scenario::Ingest { load.conns } else { 1 };
        let ground = Ground::prepare(&folder, self.args.people as usize, rooms)?;
        let filled = match self.scenario {
            Scenario::Reads => ground.fill(|store| reads::fill(store, self.args.messages as usize)),
            Scenario::Dialects => {
                ground.fill(|store| dialects::fill(store, self.args.people as usize))
            }
            _ => Ok(()),
        };
        let mut all = self.args.with.clone();
        all.extend(settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
        let outcome = match filled {
            Ok(()) => match ground.serve(self.program, &all).await {
                Ok(server) => work(&server, &ground).await,
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        ground.clear();
        outcome
    }
}

/// Opens `count` sockets, and subscribes each to the topic `place` names for its number.
///
/// # Errors
/// A sentence when one of them is refused.
pub async fn connect(
    server: &Server,
    ground: &Ground,
    count: usize,
    place: Option<fn(usize) -> String>,
) -> Result<Vec<Client>, String> {
    let open = |number: usize| async move {
        let mut client = Client::open(server.at, ground.token(number), None).await?;
        if let Some(place) = place {
            client.subscribe(&place(number)).await?;
        }
        Ok::<Client, String>(client)
    };
    stream::iter(0..count).map(open).buffer_unordered(OPENING).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_written_like_its_variable_or_its_flag() {
        assert_eq!(setting("DB_READERS=2"), Ok(("db-readers".to_owned(), "2".to_owned())));
        assert_eq!(setting("bind=[::1]:9=x").unwrap().1, "[::1]:9=x");
        assert!(setting("workers").is_err());
    }
}
