//! What the store promises, on both engines.

use std::sync::Barrier;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use switchboard::clock;
use switchboard::ids::{TopicId, UserId};
use switchboard::models::attempt::{self, Attempt, AttemptFilter, AttemptUpdate, Outcome, Stage};
use switchboard::models::error::{OpenError, StoreError};
use switchboard::models::journal::{self, NewEntry};
use switchboard::models::migrate::{self, MIGRATIONS};
use switchboard::models::schema::users;
use switchboard::models::statistics;
use switchboard::models::store::{DbConn, Engine, Store, StoreOptions, transaction};
use switchboard::models::{answer, backup, facts};

use crate::harness::engines::{Database, for_each_database, for_each_engine};

fn start() -> NaiveDateTime {
    "2026-01-01T10:00:00".parse().unwrap()
}

fn minute(count: i64) -> NaiveDateTime {
    start() + chrono::Duration::minutes(count)
}

fn names() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|migration| migration.name).collect()
}

fn entry(number: i64) -> NewEntry {
    NewEntry {
        kind: "test.happened",
        actor: (number % 2 == 0).then_some(UserId(number + 1)),
        entity: (number % 3 == 0).then_some(number),
        delta: (number % 5 == 0).then(|| format!("{{\"it's\":\"{number}\"}}")),
        created_at: minute(number),
    }
}

fn entries(numbers: std::ops::Range<i64>) -> Vec<NewEntry> {
    numbers.map(entry).collect()
}

fn person(conn: &mut DbConn, name: &str) -> UserId {
    diesel::insert_into(users::table)
        .values((
            users::username.eq(name),
            users::username_key.eq(name),
            users::password.eq("hash"),
            users::date_joined.eq(start()),
            users::credentials_changed_at.eq(start()),
        ))
        .returning(users::id)
        .get_result(conn)
        .unwrap()
}

fn attempt(number: i64, outcome: Outcome) -> Attempt {
    Attempt {
        client_ip: Some(format!("192.0.2.{number}")),
        user_agent: "test".to_owned(),
        path: "/ws/v1/".to_owned(),
        user: None,
        username: String::new(),
        role: String::new(),
        stage: Stage::Handshake,
        outcome,
        close_code: None,
        reason: String::new(),
        started_at: minute(number),
        ended_at: None,
        duration_ms: None,
    }
}

fn topic(store: &Store, name: &str) -> TopicId {
    store.write(|conn| journal::ensure_topic(conn, name)).unwrap().topic
}

fn count_users(store: &Store) -> i64 {
    store.read(|conn| Ok(users::table.count().get_result(conn)?)).unwrap()
}

fn sentence<T>(result: Result<T, OpenError>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn migrations_run_up_down_and_up_again() {
    for_each_database(|database| {
        let store = database.open();
        assert_eq!(store.schema_state().unwrap().pending, names());
        assert_eq!(store.migrate().unwrap(), names());
        assert_eq!(store.migrate().unwrap(), Vec::<String>::new(), "the second time does nothing");
        assert!(store.schema_state().unwrap().is_current());

        let reverted = migrate::revert_all(&mut store.writer().unwrap()).unwrap();
        assert_eq!(reverted, names().into_iter().rev().collect::<Vec<_>>());
        assert!(!migrate::has_table(&mut store.writer().unwrap(), "users").unwrap());
        assert_eq!(store.schema_state().unwrap().pending, names());

        assert_eq!(store.migrate().unwrap(), names());
        assert_eq!(count_users(&store), 0);
    });
}

#[test]
fn processes_that_migrate_at_once_apply_each_migration_once() {
    const TOGETHER: usize = 4;
    for_each_database(|database| {
        let barrier = Barrier::new(TOGETHER);
        let applied: Vec<Vec<String>> = std::thread::scope(|scope| {
            let migrate = || {
                let store = database.open_beside();
                barrier.wait();
                store.migrate().unwrap()
            };
            let threads: Vec<_> = (0..TOGETHER).map(|_| scope.spawn(migrate)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(applied.iter().filter(|names| !names.is_empty()).count(), 1, "{applied:?}");
        assert_eq!(applied.concat(), names());
        let epochs = [database.open_beside().epoch(), database.open_beside().epoch()];
        assert_eq!(epochs[0], epochs[1]);
        assert_eq!(epochs[0].len(), 16);
    });
}

#[test]
fn a_schema_newer_than_the_binary_is_refused() {
    for_each_engine(|store| {
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000001')";
        store.write(|conn| Ok(conn.batch_execute(newer)?)).unwrap();
        let sentence = sentence(store.migrate());
        assert!(sentence.contains("newer switchboard"), "{sentence}");
        assert!(sentence.contains("20990101000001"), "{sentence}");
        assert_eq!(store.schema_state().unwrap().unknown, ["20990101000001"]);
    });
}

#[test]
fn a_second_server_on_one_sqlite_file_is_refused_until_the_first_is_gone() {
    let database = Database::sqlite();
    let first = database.open();
    let clone = first.clone();
    let sentence = sentence(Store::open(database.options()));
    assert!(sentence.contains("is open in another switchboard process"), "{sentence}");
    database.open_beside().migrate().expect("a tool may work beside the server");
    drop(first);
    assert!(Store::open(database.options()).is_err(), "a clone still holds it");
    drop(clone);
    database.open();
}

#[test]
fn a_database_that_is_not_there_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/no/such/folder.db", folder.path().display());
    let sqlite = sentence(Store::open(StoreOptions::new(url)));
    assert!(sqlite.contains("no/such/folder.db"), "{sqlite}");
    let url = format!("postgres://me:hunter2@/x?host={}", folder.path().display());
    let postgres = sentence(Store::open(StoreOptions::new(url)));
    assert!(postgres.starts_with("PostgreSQL cannot be reached"), "{postgres}");
    assert!(!postgres.contains("hunter2"), "{postgres}");
}

#[test]
fn a_reading_connection_refuses_to_write() {
    for_each_engine(|store| {
        let written = store.read(|conn| facts::set(conn, "color", "red"));
        assert!(matches!(written, Err(StoreError::Broken(_))), "{written:?}");
        assert_eq!(store.read(|conn| facts::get(conn, "color")).unwrap(), None);
    });
}

#[test]
fn sqlite_commits_to_disk_and_checks_references() {
    let database = Database::sqlite();
    let store = database.open();
    let mut conn = store.writer().unwrap();
    let mut pragma = |question: &str| {
        let query = diesel::dsl::sql::<diesel::sql_types::Text>(question);
        diesel::select(query).get_result::<String>(&mut conn).unwrap()
    };
    assert_eq!(pragma("(SELECT journal_mode FROM pragma_journal_mode)"), "wal");
    assert_eq!(pragma("(SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous)"), "2");
    assert_eq!(pragma("(SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys)"), "1");
}

#[test]
fn a_row_that_points_nowhere_is_refused() {
    for_each_engine(|store| {
        let kept = store
            .write(|conn| answer::keep(conn, UserId(404), "post", "room:a", "1", "{}", start()));
        assert_eq!(kept, Err(StoreError::Conflict(Some("foreign_key".to_owned()))));
    });
}

#[test]
fn a_clash_names_the_column_the_same_on_both_engines() {
    for_each_engine(|store| {
        store.write(|conn| Ok(person(conn, "anna"))).unwrap();
        let again = store.write(|conn| {
            let insert = diesel::insert_into(users::table).values((
                users::username.eq("anna"),
                users::username_key.eq("anna"),
                users::password.eq("hash"),
                users::date_joined.eq(start()),
                users::credentials_changed_at.eq(start()),
            ));
            Ok(insert.execute(conn)?)
        });
        assert_eq!(again, Err(StoreError::Conflict(Some("users.username_key".to_owned()))));
    });
}

#[test]
fn a_transaction_that_refuses_leaves_nothing_behind() {
    for_each_engine(|store| {
        let mut conn = store.writer().unwrap();
        let refused: Result<(), StoreError> = transaction(&mut conn, |conn| {
            facts::set(conn, "outer", "1")?;
            let inner: Result<(), StoreError> = transaction(conn, |conn| {
                facts::set(conn, "inner", "1")?;
                Err(StoreError::Missing)
            });
            assert_eq!(inner, Err(StoreError::Missing));
            assert_eq!(facts::get(conn, "inner")?, None);
            assert_eq!(facts::get(conn, "outer")?.as_deref(), Some("1"));
            Err(StoreError::Busy)
        });
        assert_eq!(refused, Err(StoreError::Busy));
        assert_eq!(facts::get(&mut conn, "outer").unwrap(), None);
        transaction(&mut conn, |conn| facts::set(conn, "outer", "2")).unwrap();
        assert_eq!(facts::get(&mut conn, "outer").unwrap().as_deref(), Some("2"));
    });
}

#[test]
fn the_journal_gives_positions_without_gaps_and_reads_back_in_order() {
    for_each_engine(|store| {
        let topic = topic(store, "room:a");
        let append = |batch: Vec<NewEntry>| {
            store.write(|conn| journal::append(conn, topic, &batch)).unwrap()
        };
        assert_eq!(append(entries(0..1)), 1);
        assert_eq!(append(Vec::new()), 2, "nothing takes no position");
        assert_eq!(append(entries(1..600)), 2);
        assert_eq!(append(entries(600..601)), 601);
        store
            .read(|conn| {
                assert_eq!(journal::head(conn, topic)?.head, 601);
                let all = journal::since(conn, topic, 0, 1_000)?;
                assert!(all.iter().map(|entry| entry.seq).eq(1..=601));
                for (kept, given) in all.iter().zip(entries(0..601)) {
                    assert_eq!(kept.kind, given.kind);
                    assert_eq!(kept.actor, given.actor);
                    assert_eq!(kept.entity, given.entity);
                    assert_eq!(kept.delta, given.delta);
                    assert_eq!(kept.created_at, given.created_at);
                }
                let some = journal::since(conn, topic, 598, 2)?;
                assert_eq!(some.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [599, 600]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_topic_that_is_not_there_takes_no_entries() {
    for_each_engine(|store| {
        let append = store.write(|conn| journal::append(conn, TopicId(404), &entries(0..2)));
        assert_eq!(append, Err(StoreError::Missing));
        assert_eq!(store.read(|conn| journal::find_topic(conn, "room:a")).unwrap(), None);
    });
}

#[test]
fn writers_at_once_share_the_positions_of_a_topic_without_gaps() {
    const WRITERS: usize = 4;
    const BATCHES: i64 = 20;
    for_each_engine(|store| {
        let topic = topic(store, "room:a");
        let write = || {
            let mut conn = store.writer().unwrap();
            for batch in 0..BATCHES {
                let two = entries(batch * 2..batch * 2 + 2);
                transaction(&mut conn, |conn| journal::append(conn, topic, &two)).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(write);
            }
        });
        let total = i64::try_from(WRITERS).unwrap() * BATCHES * 2;
        let all = store.read(|conn| journal::since(conn, topic, 0, 1_000)).unwrap();
        assert!(all.iter().map(|entry| entry.seq).eq(1..=total));
        assert_eq!(store.read(|conn| journal::head(conn, topic)).unwrap().head, total);
    });
}

#[test]
fn pruning_by_age_and_by_count_goes_in_steps_and_says_what_is_gone() {
    for_each_engine(|store| {
        let (aged, long) = (topic(store, "room:aged"), topic(store, "room:long"));
        store.write(|conn| journal::append(conn, aged, &entries(0..10))).unwrap();
        store.write(|conn| journal::append(conn, long, &entries(100..130))).unwrap();
        let prune = |limit| store.write(|conn| journal::prune(conn, minute(4), 20, limit)).unwrap();
        let pruned = |topic| store.read(|conn| journal::head(conn, topic)).unwrap().pruned;

        assert_eq!(prune(3), 3, "no more than the limit in one call");
        assert_eq!((pruned(aged), pruned(long)), (3, 0));
        assert_eq!(prune(100), 11);
        assert_eq!((pruned(aged), pruned(long)), (4, 10));
        assert_eq!(prune(100), 0, "and then there is nothing to do");

        let first = |topic| {
            store.read(|conn| journal::since(conn, topic, 0, 1)).unwrap().first().unwrap().seq
        };
        assert_eq!((first(aged), first(long)), (5, 11));
        assert_eq!(store.write(|conn| journal::append(conn, aged, &entries(0..1))).unwrap(), 11);
    });
}

#[test]
fn the_first_answer_stays_and_is_forgotten_with_age() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                let user = person(conn, "anna");
                let find = |conn: &mut DbConn, id| answer::find(conn, user, "post", "room:a", id);
                assert_eq!(find(conn, "1")?, None);
                answer::keep(conn, user, "post", "room:a", "1", "first", minute(0))?;
                answer::keep(conn, user, "post", "room:a", "1", "second", minute(1))?;
                answer::keep(conn, user, "post", "room:a", "2", "other", minute(2))?;
                assert_eq!(find(conn, "1")?.as_deref(), Some("first"));
                assert_eq!(answer::prune(conn, minute(2))?, 1);
                assert_eq!(find(conn, "1")?, None);
                assert_eq!(find(conn, "2")?.as_deref(), Some("other"));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn attempts_are_recorded_in_order_brought_up_to_date_and_found_again() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                let user = person(conn, "anna");
                let mut new: Vec<Attempt> =
                    (0..20).map(|number| attempt(number, Outcome::Accepted)).collect();
                new[7].user = Some(user);
                new[8].outcome = Outcome::Refused;
                let ids = attempt::insert_many(conn, &new)?;
                let updates: Vec<AttemptUpdate> = ids[..2]
                    .iter()
                    .map(|&id| AttemptUpdate {
                        id,
                        stage: Stage::Disconnected,
                        close_code: Some(1001),
                        reason: "going away".to_owned(),
                        ended_at: Some(minute(30)),
                        duration_ms: Some(90_000),
                    })
                    .collect();
                attempt::update_many(conn, &updates)?;
                attempt::update_many(conn, &[])?;

                let all = attempt::recent(conn, 100, &AttemptFilter::default())?;
                assert!(all.iter().rev().map(|row| row.id).eq(ids.iter().copied()));
                for (row, given) in all.iter().rev().zip(&new) {
                    assert_eq!(row.client_ip, given.client_ip);
                    assert_eq!(row.started_at, given.started_at);
                    assert_eq!(row.successful, given.outcome == Outcome::Accepted);
                }
                let oldest = all.last().unwrap();
                assert_eq!(oldest.stage, Stage::Disconnected);
                assert_eq!((oldest.close_code, oldest.duration_ms), (Some(1001), Some(90_000)));
                assert_eq!(oldest.ended_at, Some(minute(30)));
                assert_eq!(all[17].stage, Stage::Handshake, "the third is as it was");

                let mut found = |filter| -> Vec<i64> {
                    let rows = attempt::recent(conn, 2, &filter).unwrap();
                    rows.iter().map(|row| row.id.0 - ids[0].0).collect()
                };
                let any = AttemptFilter::default;
                assert_eq!(found(AttemptFilter { user: Some(user), ..any() }), [7]);
                assert_eq!(found(AttemptFilter { outcome: Some(Outcome::Refused), ..any() }), [8]);
                let ip = Some("192.0.2.3".to_owned());
                assert_eq!(found(AttemptFilter { client_ip: ip, ..any() }), [3]);
                assert_eq!(found(AttemptFilter { since: Some(minute(5)), ..any() }), [19, 18]);
                assert_eq!(found(AttemptFilter { since: Some(minute(19)), ..any() }), [19]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn connections_that_stand_are_recorded_as_whole_as_all_others() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                let user = person(conn, "anna");
                let mut new: Vec<Attempt> =
                    (0..3).map(|number| attempt(number, Outcome::Accepted)).collect();
                for attempt in &mut new {
                    attempt.stage = Stage::Connected;
                    attempt.user = Some(user);
                }
                let mut all = new.clone();
                attempt::insert_many(conn, &new)?;
                new[1].stage = Stage::Disconnected;
                new[1].close_code = Some(1000);
                new[1].ended_at = Some(minute(30));
                new[1].duration_ms = Some(1);
                attempt::insert_many(conn, &new)?;
                all.extend(new);
                let rows = attempt::recent(conn, 100, &AttemptFilter::default())?;
                let kept = rows.into_iter().map(|row| {
                    assert!(row.successful);
                    Attempt {
                        client_ip: row.client_ip,
                        user_agent: row.user_agent,
                        path: row.path,
                        user: row.user,
                        username: row.username,
                        role: row.role,
                        stage: row.stage,
                        outcome: row.outcome,
                        close_code: row.close_code,
                        reason: row.reason,
                        started_at: row.started_at,
                        ended_at: row.ended_at,
                        duration_ms: row.duration_ms,
                    }
                });
                assert!(kept.rev().eq(all));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn attempts_leave_by_age_and_by_number_the_oldest_first() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                let new: Vec<Attempt> =
                    (0..20).map(|number| attempt(number, Outcome::Accepted)).collect();
                let ids = attempt::insert_many(conn, &new)?;
                assert_eq!(attempt::prune(conn, minute(5), 100, 3)?, 3);
                assert_eq!(attempt::prune(conn, minute(5), 100, 100)?, 2);
                assert_eq!(attempt::prune(conn, minute(5), 10, 100)?, 5);
                assert_eq!(attempt::prune(conn, minute(5), 10, 100)?, 0);
                let left = attempt::recent(conn, 100, &AttemptFilter::default())?;
                assert!(left.iter().rev().map(|row| row.id).eq(ids[10..].iter().copied()));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn statistics_count_what_came_since_a_moment() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                let nothing = statistics::attempts_since(conn, start())?;
                assert_eq!((nothing.total, nothing.average_duration_ms), (0, None));
                assert!(nothing.success_percent.abs() < f64::EPSILON);

                let mut new = vec![attempt(0, Outcome::Failed)];
                new.extend((30..33).map(|number| attempt(number, Outcome::Accepted)));
                for (number, reason) in [(90, "no"), (91, "later"), (92, "no"), (151, "")] {
                    let reason = reason.to_owned();
                    new.push(Attempt { reason, ..attempt(number, Outcome::Refused) });
                }
                for number in 0..6 {
                    let reason = format!("rare {number}");
                    new.push(Attempt { reason, ..attempt(152, Outcome::Failed) });
                }
                new[1].duration_ms = Some(100);
                new[2].duration_ms = Some(401);
                attempt::insert_many(conn, &new)?;

                let found = statistics::attempts_since(conn, minute(30))?;
                assert_eq!((found.total, found.successful, found.failed), (13, 3, 10));
                assert!((found.success_percent - 300.0 / 13.0).abs() < 1e-9);
                assert!((found.average_duration_ms.unwrap() - 250.5).abs() < 1e-9);
                assert_eq!(found.common_reasons.len(), 5);
                assert_eq!(found.common_reasons[0], ("no".to_owned(), 2));
                let hours = [(minute(0), 3), (minute(60), 3), (minute(120), 7)];
                assert_eq!(found.hourly, hours);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn moments_compare_by_time_whatever_their_fraction() {
    for_each_engine(|store| {
        let micros = [0, 1, 10, 999, 1_000, 100_000, 120_000, 123_456, 999_999, 1_000_000];
        store
            .write(|conn| {
                let moments: Vec<NaiveDateTime> = micros
                    .iter()
                    .map(|&micros| start() + chrono::Duration::microseconds(micros))
                    .collect();
                let new: Vec<Attempt> = moments
                    .iter()
                    .map(|&at| Attempt { started_at: at, ..attempt(0, Outcome::Accepted) })
                    .collect();
                attempt::insert_many(conn, &new)?;
                for (index, &at) in moments.iter().enumerate() {
                    let filter = AttemptFilter { since: Some(at), ..AttemptFilter::default() };
                    let found = attempt::recent(conn, 100, &filter)?;
                    assert_eq!(found.len(), moments.len() - index, "since {at}");
                    assert_eq!(found.last().unwrap().started_at, at);
                }
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_process_sees_the_others_that_are_alive() {
    for_each_engine(|store| {
        store
            .write(|conn| {
                facts::beat(conn, "one", minute(0), true)?;
                facts::beat(conn, "two", minute(1), false)?;
                assert_eq!(facts::others(conn, "one", minute(1))?, ["two"]);
                assert_eq!(facts::others(conn, "two", minute(1))?, Vec::<String>::new());
                facts::beat(conn, "one", minute(2), true)?;
                assert_eq!(facts::others(conn, "two", minute(1))?, ["one"]);
                facts::leave(conn, "one")?;
                assert_eq!(facts::others(conn, "two", minute(0))?, Vec::<String>::new());
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn the_epoch_stays_over_restarts() {
    for_each_database(|database| {
        let first = database.open();
        assert_eq!(&*first.epoch(), "", "no schema, no epoch");
        first.migrate().unwrap();
        let epoch = first.epoch();
        assert_eq!(epoch.len(), 16);
        drop(first);
        assert_eq!(database.open().epoch(), epoch);
    });
}

#[test]
fn a_file_put_in_the_place_of_another_gets_a_new_epoch() {
    let (old, new) = (Database::sqlite(), Database::sqlite());
    for database in [&old, &new] {
        database.open().migrate().unwrap();
    }
    let epoch_of_new = new.open().epoch();
    std::fs::copy(new.path(), old.path()).unwrap();
    let swapped = old.open().epoch();
    assert_ne!(swapped, epoch_of_new);
    assert_eq!(old.open().epoch(), swapped, "and keeps it");
}

#[test]
fn a_backup_of_a_running_server_restores_its_rows_under_a_new_epoch() {
    let database = Database::sqlite();
    let copy = database.folder.as_ref().unwrap().path().join("copy.db");
    let store = database.open();
    store.migrate().unwrap();
    let epoch = store.epoch();
    let topic = topic(&store, "room:a");
    store.write(|conn| Ok(person(conn, "anna"))).unwrap();
    store.write(|conn| journal::append(conn, topic, &entries(0..3))).unwrap();
    backup::backup(&store, &copy).unwrap();
    store.write(|conn| Ok(person(conn, "too late"))).unwrap();

    let refused = sentence(backup::backup(&store, &copy));
    assert!(refused.contains("already there"), "{refused}");
    let refused = sentence(backup::restore(&database.url, &copy));
    assert!(refused.contains("is open in another switchboard process"), "{refused}");
    assert_eq!(count_users(&store), 2);
    drop(store);

    backup::restore(&database.url, &copy).unwrap();
    let store = database.open();
    assert_eq!(count_users(&store), 1);
    assert_ne!(store.epoch(), epoch);
    assert_eq!(store.read(|conn| journal::head(conn, topic)).unwrap().head, 3);
    assert_eq!(store.write(|conn| Ok(person(conn, "next"))).unwrap(), UserId(2));
}

#[test]
fn what_is_no_whole_backup_is_not_restored_and_nothing_is_lost() {
    let database = Database::sqlite();
    let folder = database.folder.as_ref().unwrap().path();
    let (copy, bad) = (folder.join("copy.db"), folder.join("bad.db"));
    let store = database.open();
    store.migrate().unwrap();
    store.write(|conn| Ok(person(conn, "anna"))).unwrap();
    backup::backup(&store, &copy).unwrap();
    let epoch = store.epoch();
    drop(store);

    let mut bytes = std::fs::read(&copy).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xA5);
    std::fs::write(&bad, &bytes).unwrap();
    assert!(sentence(backup::restore(&database.url, &bad)).contains("cannot be restored"));
    std::fs::write(&bad, "not a database at all").unwrap();
    assert!(sentence(backup::restore(&database.url, &bad)).contains("cannot be restored"));
    std::fs::write(&bad, "").unwrap();
    assert!(sentence(backup::restore(&database.url, &bad)).contains("not a database of"));
    assert!(sentence(backup::restore(&database.url, &folder.join("no.db"))).contains("no.db"));

    let store = database.open();
    assert_eq!((count_users(&store), store.epoch()), (1, epoch));
}

#[test]
fn postgres_is_backed_up_with_its_own_tools() {
    let url = "postgres://me@host/db";
    let refused = sentence(backup::restore(url, std::path::Path::new("any.db")));
    assert!(refused.contains("pg_restore"), "{refused}");
    for_each_engine(|store| {
        if store.engine() == Engine::Postgres {
            let refused = sentence(backup::backup(store, std::path::Path::new("any.db")));
            assert!(refused.contains("pg_dump"), "{refused}");
        }
    });
}

#[test]
fn times_of_the_clock_come_back_unchanged() {
    for_each_engine(|store| {
        let at = clock::now_naive();
        let new = Attempt { started_at: at, ..attempt(0, Outcome::Accepted) };
        store.write(|conn| attempt::insert_many(conn, &[new])).unwrap();
        let rows = store.read(|conn| attempt::recent(conn, 1, &AttemptFilter::default())).unwrap();
        assert_eq!(rows[0].started_at, at);
    });
}
