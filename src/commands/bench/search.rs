//! Search among many messages: rare words, common ones, two at once, phrases; newest first.
//!
//! Asked of the store as a request asks it, views and snippets included, without a socket between.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::actors::lane::Fault;
use crate::actors::search_reads;
use crate::auth::identity::{Carrier, Identity, Role};
use crate::clock;
use crate::commands::bench::report::{Figure, figure};
use crate::commands::terminal::tell;
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::message::{self, NewPost};
use crate::models::store::{DbConn, Store, StoreOptions};
use crate::models::user::{self, NewUser};
use crate::models::{membership, search};
use crate::protocol::command::search::Search;
use crate::protocol::views::{ConversationKind, MemberRole, PersonView};

/// Conversations that share the messages.
const HOMES: usize = 200;
/// People who write them.
const WRITERS: usize = 50;
/// Messages posted in one transaction, and indexed in one: the larger, the fewer wait for the disk.
const STEP: usize = 10_000;
/// Searches of each kind and reader in a round.
const ASKED: usize = 40;
/// Words of the vocabulary; the earlier, the more frequent.
const VOCABULARY: usize = 20_000;

/// Someone who searches, and of how many conversations they are a member.
const READERS: &[(&str, usize)] =
    &[("bench-all", HOMES), ("bench-half", HOMES / 2), ("bench-one", 1)];

/// Kinds of searches; `#` stands for a number.
const KINDS: &[(&str, &[&str])] = &[
    ("rare", &["needle#"]),
    ("common", &["the", "and"]),
    ("two_terms", &["the needle#", "alpha beta", "the word#", "word# and"]),
    ("quoted", &["\"alpha beta\"", "\"the needle#\"", "\"beta alpha\""]),
];

/// A database with messages in it.
pub struct Library {
    store: Store,
    messages: u64,
}

/// Numbers from a seed: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }
}

/// A message's text: some ten words; half hold `the`, a third `and`, few the rest.
fn text(dice: &mut Dice) -> String {
    let mut words: Vec<String> = Vec::with_capacity(16);
    for _ in 0..8 + dice.below(5) {
        // The square makes early words frequent, as in speech.
        let place = dice.below(VOCABULARY) * dice.below(VOCABULARY) / VOCABULARY;
        words.push(format!("word{place}"));
    }
    if dice.below(2) == 0 {
        words.insert(dice.below(words.len()), "the".to_owned());
    }
    if dice.below(3) == 0 {
        words.insert(dice.below(words.len()), "and".to_owned());
    }
    match dice.below(400) {
        0..4 => words.push("alpha".to_owned()),
        4..8 => words.push("beta".to_owned()),
        8 => words.extend(["alpha".to_owned(), "beta".to_owned()]),
        _ => {}
    }
    if dice.below(50) == 0 {
        words.push(format!("needle{}", dice.below(1_000)));
    }
    words.join(" ")
}

impl Library {
    /// Opens `url`, or a new SQLite file in `folder`, and fills it up to `messages`. What is there
    /// already is used again.
    ///
    /// # Errors
    /// A sentence when the database fails, or has other people in it.
    pub fn prepare(url: Option<&str>, folder: &Path, messages: u64) -> Result<Self, String> {
        let url = match url {
            Some(url) => url.to_owned(),
            None => {
                let fail = |fault: std::io::Error| format!("{}: {fault}", folder.display());
                fs::create_dir_all(folder).map_err(fail)?;
                let folder = folder.canonicalize().map_err(fail)?;
                format!("sqlite://{}", folder.join("search.db").display())
            }
        };
        let store = Store::open(StoreOptions::new(url)).map_err(|fault| fault.to_string())?;
        store.migrate().map_err(|fault| fault.to_string())?;
        let library = Self { store, messages };
        library.fill().map_err(|fault| fault.to_string())?;
        Ok(library)
    }

    fn fill(&self) -> Result<(), StoreError> {
        let (homes, writers) = self.store.write(ground)?;
        let there = self.store.read(|conn| Ok(message::newest_id(conn)?.map_or(0, |id| id.0)))?;
        let mut dice = Dice(7);
        let began = Instant::now();
        let mut left = self.messages.saturating_sub(u64::try_from(there).unwrap_or(0));
        while left > 0 {
            let count = left.min(STEP as u64);
            let posts: Vec<NewPost> =
                (0..count).map(|_| post(&mut dice, &homes, &writers)).collect();
            self.store.write(|conn| message::post_many(conn, &posts))?;
            left -= count;
            progress("written", self.messages - left, began);
        }
        let step = |conn: &mut DbConn| search::index_next(conn, STEP, clock::now_naive());
        let mut indexed = 0;
        loop {
            let count = self.store.write(step)?;
            if count == 0 {
                break;
            }
            indexed += count as u64;
            progress("indexed", indexed, began);
        }
        self.store.write(search::settle)
    }

    /// One round: the 95th of 100 in milliseconds, for each kind of search and for all.
    ///
    /// # Errors
    /// A sentence when the database fails.
    pub fn round(&self, round: u64) -> Result<Vec<Figure>, String> {
        let titles: &[(&str, &str)] = &[
            ("rare_p95_ms", "rare word, p95 ms"),
            ("common_p95_ms", "common word, p95 ms"),
            ("two_terms_p95_ms", "two words, p95 ms"),
            ("quoted_p95_ms", "phrase, p95 ms"),
        ];
        let mut dice = Dice(round + 1);
        let (mut all, mut figures) = (Vec::new(), Vec::new());
        for ((_, searches), (key, title)) in KINDS.iter().zip(titles) {
            let mut times = Vec::new();
            for (name, _) in READERS {
                let who = self.reader(name)?;
                for turn in 0..ASKED {
                    let pattern = searches[turn % searches.len()];
                    let q = pattern.replace('#', &dice.below(1_000).to_string());
                    times.push(self.ask(&who, &q)?);
                }
            }
            figures.push(figure(key, title, at_95(&mut times)));
            all.extend(times);
        }
        figures.push(figure("median_ms", "all, median ms", {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        }));
        figures.push(figure("p95_ms", "all, p95 ms", at_95(&mut all)));
        Ok(figures)
    }

    fn reader(&self, name: &str) -> Result<Identity, String> {
        let found = self.store.read(|conn| user::by_username(conn, name));
        let found = found.map_err(|fault| fault.to_string())?;
        let found = found.ok_or_else(|| format!("{name} is not there"))?;
        Ok(identity(&user::person(&found)))
    }

    fn ask(&self, who: &Identity, q: &str) -> Result<f64, String> {
        let wish = Search { q: q.to_owned(), before: None, limit: None };
        let began = Instant::now();
        let asked = self.store.read(|conn| {
            search_reads::search(conn, who, None, &wish).map_err(|fault| match fault {
                Fault::Store(fault) => fault,
                Fault::Refused(refusal) => StoreError::Broken(refusal.to_string()),
            })
        });
        asked.map_err(|fault| fault.to_string())?;
        Ok(began.elapsed().as_secs_f64() * 1_000.0)
    }
}

/// Filling takes minutes: says on stderr how far it is.
fn progress(what: &str, count: u64, since: Instant) {
    if count.is_multiple_of(100_000) {
        tell(&format!("{count} messages {what} after {} s", since.elapsed().as_secs()));
    }
}

fn identity(person: &PersonView) -> Identity {
    Identity {
        user: person.id,
        username: person.username.clone().into(),
        display_name: person.display_name.clone().into(),
        role: Role::Member,
        carrier: Carrier::Opaque,
        login: None,
        expires_at: None,
        profile: None,
    }
}

fn post(dice: &mut Dice, homes: &[Conversation], writers: &[PersonView]) -> NewPost {
    let home = &homes[dice.below(homes.len())];
    NewPost {
        conversation: home.id,
        topic: home.topic_id,
        sender: Some(writers[dice.below(writers.len())].clone()),
        sender_name: None,
        client_id: None,
        message_type: "text".to_owned(),
        content: text(dice),
        reply_to: None,
        mentions: Vec::new(),
        forward: None,
        at: clock::now_naive(),
    }
}

/// The people and conversations, made when they are not there.
fn ground(conn: &mut DbConn) -> Result<(Vec<Conversation>, Vec<PersonView>), StoreError> {
    let person = |conn: &mut DbConn, name: &str| -> Result<PersonView, StoreError> {
        if let Some(found) = user::by_username(conn, name)? {
            return Ok(user::person(&found));
        }
        Ok(user::person(&user::insert(conn, NewUser::member(name, "!"))?))
    };
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        writers.push(person(conn, &format!("bench-writer{number}"))?);
    }
    let mut homes = Vec::new();
    for number in 0..HOMES {
        let name = format!("bench-{number}");
        let home = match conversation::by_name(conn, &name)? {
            Some(home) => home,
            None => conversation::insert(conn, room(name))?,
        };
        homes.push(home);
    }
    for (name, count) in READERS {
        let reader = person(conn, name)?;
        for home in &homes[..*count] {
            let at = clock::now_naive();
            membership::add_member(conn, home.id, reader.id, MemberRole::Member, at)?;
        }
    }
    Ok((homes, writers))
}

fn room(name: String) -> NewConversation {
    NewConversation {
        kind: ConversationKind::Room,
        name: Some(name),
        direct: None,
        title: String::new(),
        description: String::new(),
        owner: None,
        is_public: false,
        at: clock::now_naive(),
    }
}

fn at_95(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 95 / 100).copied().unwrap_or(0.0)
}
