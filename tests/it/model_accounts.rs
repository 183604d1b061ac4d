//! Accounts and sign-ins, on both engines.

use std::time::Duration;

use chrono::NaiveDateTime;
use switchboard::auth::identity::Role;
use switchboard::clock;
use switchboard::ids::{LoginId, UserId};
use switchboard::models::error::StoreError;
use switchboard::models::imported::{self, OldAccount};
use switchboard::models::login::{self, NewApiToken, NewLogin, Refreshed};
use switchboard::models::store::{DbConn, Store};
use switchboard::models::user::{self, NewUser, ProfileChange, User};

use crate::harness::engines::for_each_engine;

const GRACE: Duration = Duration::from_secs(10);

fn seconds(count: i64) -> chrono::Duration {
    chrono::Duration::seconds(count)
}

fn person(conn: &mut DbConn, name: &str) -> User {
    user::insert(conn, NewUser::member(name, "hash")).unwrap()
}

fn sign_in(conn: &mut DbConn, user: UserId, cookie: &str, at: NaiveDateTime) -> LoginId {
    let new = NewLogin {
        user,
        cookie_hash: Some(cookie),
        client_ip: "192.0.2.1",
        user_agent: "test",
        created_at: at,
        expires_at: at + seconds(1_000),
        ends_at: at + seconds(10_000),
    };
    login::insert(conn, new).unwrap()
}

fn clash(result: Result<User, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(Some(name))) => name,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Runs `story` in one transaction.
fn write<T>(store: &Store, story: impl FnOnce(&mut DbConn) -> T) -> T {
    store.write(|conn| Ok(story(conn))).unwrap()
}

#[test]
fn an_imported_account_that_takes_an_id_ahead_leaves_the_next_one_an_id_of_its_own() {
    for_each_engine(|store| {
        write(store, |conn| {
            let first = person(conn, "first").id;
            let old = |id| OldAccount {
                is_active: true,
                is_available: true,
                last_login: None,
                date_joined: None,
                id: Some(id),
            };
            let second = person(conn, "second").id;
            let ahead = imported::settle_account(conn, second, &old(second.0 + 1)).unwrap();
            assert_eq!(ahead, UserId(second.0 + 1));
            let third = person(conn, "third").id;
            assert!(third > ahead && ahead > first, "{first} {ahead} {third}");
        });
    });
}

#[test]
fn an_account_is_found_by_username_email_or_phone_without_regard_to_case() {
    for_each_engine(|store| {
        write(store, |conn| {
            let new = NewUser {
                email: " Anna@Example.org ".to_owned(),
                phone: Some("+49 30 1234".to_owned()),
                role: Role::Dispatcher,
                ..NewUser::member("Ánna", "hash")
            };
            let made = user::insert(conn, new).unwrap();
            assert_eq!(made.role, Role::Dispatcher);
            assert_eq!(made.email, "Anna@Example.org");
            for name in ["ánna", " ÁNNA ", "anna@example.ORG", "+49 30 1234"] {
                let found = user::by_login_name(conn, name).unwrap();
                assert_eq!(found.as_ref(), Some(&made), "{name:?}");
            }
            assert_eq!(user::by_login_name(conn, "nobody").unwrap(), None);
        });
    });
}

#[test]
fn accounts_without_email_or_phone_do_not_clash_and_are_not_found_by_nothing() {
    for_each_engine(|store| {
        write(store, |conn| {
            person(conn, "one");
            let blank = NewUser { phone: Some(" ".to_owned()), ..NewUser::member("two", "hash") };
            assert_eq!(user::insert(conn, blank).unwrap().phone, None);
            assert_eq!(user::by_login_name(conn, "").unwrap(), None);
            assert_eq!(user::count(conn).unwrap(), 2);
        });
    });
}

#[test]
fn a_clash_names_its_field_and_leaves_the_transaction_usable() {
    for_each_engine(|store| {
        write(store, |conn| {
            let new = |name: &str, email: &str, phone: &str| NewUser {
                email: email.to_owned(),
                phone: Some(phone.to_owned()),
                ..NewUser::member(name, "hash")
            };
            user::insert(conn, new("Anna", "a@example.org", "1")).unwrap();
            let same_name = user::insert(conn, new("aNNA", "b@example.org", "2"));
            assert_eq!(clash(same_name), "users.username");
            let same_email = user::insert(conn, new("b", "A@EXAMPLE.org", "2"));
            assert_eq!(clash(same_email), "users.email");
            let same_phone = user::insert(conn, new("b", "b@example.org", "1"));
            assert_eq!(clash(same_phone), "users.phone");
            let other = user::insert(conn, new("b", "b@example.org", "2")).unwrap();
            let taken = ProfileChange { email: Some("a@example.org".into()), ..Default::default() };
            assert_eq!(clash(user::change_profile(conn, other.id, taken)), "users.email");
            let taken = ProfileChange { phone: Some(Some("1".into())), ..Default::default() };
            assert_eq!(clash(user::change_profile(conn, other.id, taken)), "users.phone");
            assert_eq!(user::count(conn).unwrap(), 2);
        });
    });
}

#[test]
fn a_profile_change_touches_only_what_it_names() {
    for_each_engine(|store| {
        write(store, |conn| {
            let made = person(conn, "anna");
            assert_eq!(user::person(&made).display_name, "anna");
            let change = ProfileChange {
                display_name: Some("Anna B.".to_owned()),
                email: Some("anna@example.org".to_owned()),
                is_available: Some(false),
                ..Default::default()
            };
            let changed = user::change_profile(conn, made.id, change).unwrap();
            assert_eq!(user::by_id(conn, made.id).unwrap().as_ref(), Some(&changed));
            assert_eq!(user::person(&changed).display_name, "Anna B.");
            assert!(!user::account_view(&changed).is_available);
            let gone = ProfileChange { email: Some(String::new()), ..Default::default() };
            let changed = user::change_profile(conn, made.id, gone).unwrap();
            assert_eq!((changed.email.as_str(), changed.email_key), ("", None));
            assert_eq!(changed.display_name, "Anna B.");
            let nobody = user::change_profile(conn, UserId(999), ProfileChange::default());
            assert_eq!(nobody, Err(StoreError::Missing));
        });
    });
}

#[test]
fn a_hash_is_upgraded_only_while_it_is_the_one_that_was_checked() {
    for_each_engine(|store| {
        write(store, |conn| {
            let made = person(conn, "anna");
            let at = made.credentials_changed_at + seconds(60);
            assert!(user::upgrade_hash(conn, made.id, "hash", "better").unwrap());
            assert!(!user::upgrade_hash(conn, made.id, "hash", "late").unwrap());
            let now = user::by_id(conn, made.id).unwrap().unwrap();
            assert_eq!(now.password, "better");
            assert_eq!(now.credentials_changed_at, made.credentials_changed_at);
            user::set_password(conn, made.id, "other", at).unwrap();
            assert!(!user::upgrade_hash(conn, made.id, "better", "late").unwrap());
            let now = user::by_id(conn, made.id).unwrap().unwrap();
            assert_eq!((now.password.as_str(), now.credentials_changed_at), ("other", at));
            let missing = user::set_password(conn, UserId(999), "x", at);
            assert_eq!(missing, Err(StoreError::Missing));
        });
    });
}

#[test]
fn a_search_takes_its_text_literally_and_leaves_out_who_is_shut_out() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna_b");
            person(conn, "annab");
            let shown = NewUser { display_name: "Joanna".into(), ..NewUser::member("jo", "hash") };
            user::insert(conn, shown).unwrap();
            let names = |conn: &mut DbConn, text: &str| -> Vec<String> {
                let found = user::search(conn, text, 10).unwrap();
                found.into_iter().map(|user| user.username).collect()
            };
            assert_eq!(names(conn, "ANNA"), ["anna_b", "annab", "jo"]);
            assert_eq!(names(conn, "anna_"), ["anna_b"]);
            assert!(names(conn, "%").is_empty());
            user::set_active(conn, anna.id, false, clock::now_naive()).unwrap();
            assert_eq!(names(conn, "anna"), ["annab", "jo"]);
            let page = user::list(conn, Some(anna.id), 1).unwrap();
            assert_eq!(page[0].username, "annab");
        });
    });
}

#[test]
fn a_revoked_sign_in_and_all_that_hangs_on_it_are_not_found() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let anna = person(conn, "anna");
            let id = sign_in(conn, anna.id, "cookie", at);
            let token = NewApiToken {
                user: anna.id,
                login: Some(id),
                hash: "token",
                name: "",
                at,
                expires_at: None,
            };
            login::add_api_token(conn, token.clone()).unwrap();
            login::add_api_token(conn, NewApiToken { login: None, hash: "alone", ..token })
                .unwrap();
            login::add_refresh(conn, id, "refresh", at, at + seconds(100)).unwrap();

            let (found, owner) = login::by_cookie(conn, "cookie").unwrap().unwrap();
            assert_eq!((found.id, owner.id), (id, anna.id));
            assert!(found.is_live(at) && !found.is_live(at + seconds(1_000)));
            let (through, owner, ends) = login::by_api_token(conn, "token").unwrap().unwrap();
            assert_eq!((through.map(|login| login.id), owner.id, ends), (Some(id), anna.id, None));

            assert!(login::revoke(conn, id, at).unwrap());
            assert!(!login::revoke(conn, id, at).unwrap());
            assert_eq!(login::by_cookie(conn, "cookie").unwrap(), None);
            assert_eq!(login::by_id(conn, id).unwrap(), None);
            assert_eq!(login::by_api_token(conn, "token").unwrap(), None);
            assert!(login::by_api_token(conn, "alone").unwrap().is_some());
            let refreshed = login::use_refresh(conn, "refresh", at, true, GRACE).unwrap();
            assert_eq!(refreshed, Refreshed::Revoked);
            assert_eq!(login::drop_api_tokens(conn, anna.id).unwrap(), 2);
            assert_eq!(login::by_api_token(conn, "alone").unwrap(), None);
        });
    });
}

#[test]
fn signing_out_everywhere_spares_the_sign_in_that_asks() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let (anna, ben) = (person(conn, "anna").id, person(conn, "ben").id);
            let (one, two) = (sign_in(conn, anna, "1", at), sign_in(conn, anna, "2", at));
            let other = sign_in(conn, ben, "3", at);
            assert_eq!(login::revoke_all(conn, anna, Some(two), at).unwrap(), [one]);
            assert_eq!(login::revoke_all(conn, anna, Some(two), at).unwrap(), []);
            let left: Vec<_> = login::of_user(conn, anna).unwrap();
            assert_eq!(left.iter().map(|login| login.id).collect::<Vec<_>>(), [two]);
            assert!(login::by_id(conn, other).unwrap().is_some());
            login::touch(conn, two, at + seconds(5), at + seconds(2_000)).unwrap();
            let (touched, _) = login::by_id(conn, two).unwrap().unwrap();
            assert_eq!(touched.seen_at, at + seconds(5));
            assert!(touched.is_live(at + seconds(1_500)));
        });
    });
}

#[test]
fn a_used_refresh_token_revokes_the_sign_in() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let anna = person(conn, "anna").id;
            let id = sign_in(conn, anna, "cookie", at);
            login::add_refresh(conn, id, "first", at, at + seconds(100)).unwrap();
            let mut show = |after: i64| {
                login::use_refresh(conn, "first", at + seconds(after), true, GRACE).unwrap()
            };
            assert!(
                matches!(show(0), Refreshed::Ok(login, user) if login.id == id && user.id == anna)
            );
            assert_eq!(show(10), Refreshed::Raced);
            assert_eq!(show(11), Refreshed::Reused(id));
            assert_eq!(show(11), Refreshed::Revoked);
            assert_eq!(login::by_cookie(conn, "cookie").unwrap(), None);
        });
    });
}

#[test]
fn a_refresh_token_that_does_not_rotate_serves_until_it_ends() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let anna = person(conn, "anna").id;
            let id = sign_in(conn, anna, "cookie", at);
            login::add_refresh(conn, id, "kept", at, at + seconds(100)).unwrap();
            for after in [0, 50, 99] {
                let used = login::use_refresh(conn, "kept", at + seconds(after), false, GRACE);
                assert!(matches!(used.unwrap(), Refreshed::Ok(..)), "after {after} s");
            }
            let late = login::use_refresh(conn, "kept", at + seconds(100), false, GRACE);
            assert_eq!(late.unwrap(), Refreshed::Expired);
            let other = login::use_refresh(conn, "other", at, false, GRACE).unwrap();
            assert_eq!(other, Refreshed::Unknown);
            user::set_active(conn, anna, false, at).unwrap();
            let out = login::use_refresh(conn, "kept", at, false, GRACE).unwrap();
            assert_eq!(out, Refreshed::Revoked);
        });
    });
}

#[test]
fn of_twenty_requests_with_one_refresh_token_exactly_one_wins() {
    for_each_engine(|store| {
        let at = clock::now_naive();
        let id = write(store, |conn| {
            let anna = person(conn, "anna").id;
            let id = sign_in(conn, anna, "cookie", at);
            login::add_refresh(conn, id, "refresh", at, at + seconds(100)).unwrap();
            id
        });
        let outcomes: Vec<Refreshed> = std::thread::scope(|scope| {
            let show = || store.write(|conn| login::use_refresh(conn, "refresh", at, true, GRACE));
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(show)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        let won = |outcome: &&Refreshed| matches!(outcome, Refreshed::Ok(..));
        assert_eq!(outcomes.iter().filter(won).count(), 1);
        assert_eq!(outcomes.iter().filter(|it| **it == Refreshed::Raced).count(), 19);
        let found = store.read(|conn| login::by_id(conn, id)).unwrap();
        assert!(found.is_some(), "a race revokes nothing");
    });
}

#[test]
fn a_reset_token_works_once_and_in_time() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let anna = person(conn, "anna").id;
            login::add_reset(conn, anna, "reset", at, at + seconds(100)).unwrap();
            login::add_reset(conn, anna, "late", at, at + seconds(100)).unwrap();
            assert_eq!(login::use_reset(conn, "reset", at).unwrap(), Some(anna));
            assert_eq!(login::use_reset(conn, "reset", at).unwrap(), None);
            assert_eq!(login::use_reset(conn, "late", at + seconds(100)).unwrap(), None);
        });
    });
}

#[test]
fn purging_takes_what_is_over_and_leaves_what_lives() {
    for_each_engine(|store| {
        write(store, |conn| {
            let at = clock::now_naive();
            let anna = person(conn, "anna").id;
            let revoked = sign_in(conn, anna, "1", at);
            let live = sign_in(conn, anna, "2", at);
            login::add_refresh(conn, live, "old", at, at + seconds(1)).unwrap();
            login::add_refresh(conn, live, "new", at, at + seconds(100)).unwrap();
            login::revoke(conn, revoked, at).unwrap();
            assert_eq!(login::purge(conn, at + seconds(2)).unwrap(), 2);
            assert!(login::by_id(conn, live).unwrap().is_some());
            let old = login::use_refresh(conn, "old", at, true, GRACE).unwrap();
            assert_eq!(old, Refreshed::Unknown);
            let new = login::use_refresh(conn, "new", at, true, GRACE).unwrap();
            assert!(matches!(new, Refreshed::Ok(..)));
            assert_eq!(login::purge(conn, at + seconds(20_000)).unwrap(), 1);
        });
    });
}
