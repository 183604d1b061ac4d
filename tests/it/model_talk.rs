//! Reactions, pins, mentions, versions, links and what is unread, on both engines.

use chrono::NaiveDateTime;
use switchboard::ids::{MessageId, UserId};
use switchboard::models::conversation::{self, Conversation, NewConversation};
use switchboard::models::discover;
use switchboard::models::invite::{self, NewInvite};
use switchboard::models::membership;
use switchboard::models::mention;
use switchboard::models::message::{self, Forward, NewPost, Posted};
use switchboard::models::pin;
use switchboard::models::reaction;
use switchboard::models::receipt::{self, Mark};
use switchboard::models::store::{DbConn, Store};
use switchboard::models::unread::{self, Unread};
use switchboard::models::user::{self, NewUser};
use switchboard::models::version;
use switchboard::protocol::views::{ConversationKind, MemberRole, MessageView, PersonView};

use crate::harness::engines::for_each_engine;
use crate::harness::seeded::Seeded;

/// Runs `story` in one transaction.
fn write<T>(store: &Store, story: impl FnOnce(&mut DbConn) -> T) -> T {
    store.write(|conn| Ok(story(conn))).unwrap()
}

fn second(count: i64) -> NaiveDateTime {
    let start: NaiveDateTime = "2026-01-01T10:00:00".parse().unwrap();
    start + chrono::Duration::seconds(count)
}

fn person(conn: &mut DbConn, name: &str) -> PersonView {
    user::person(&user::insert(conn, NewUser::member(name, "hash")).unwrap())
}

fn room(conn: &mut DbConn, title: &str, people: &[&PersonView]) -> Conversation {
    let new = NewConversation {
        kind: ConversationKind::Group,
        name: None,
        direct: None,
        title: title.to_owned(),
        description: String::new(),
        owner: Some(people[0].id),
        is_public: true,
        at: second(0),
    };
    let made = conversation::insert(conn, new).unwrap();
    for person in people {
        membership::add_member(conn, made.id, person.id, MemberRole::Member, second(0)).unwrap();
    }
    made
}

fn post(to: &Conversation, sender: &PersonView, content: &str) -> NewPost {
    NewPost {
        conversation: to.id,
        topic: to.topic_id,
        sender: Some(sender.clone()),
        sender_name: None,
        client_id: None,
        message_type: "text".to_owned(),
        content: content.to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        forward: None,
        at: second(1),
    }
}

fn said(conn: &mut DbConn, post: NewPost) -> MessageView {
    match message::post_many(conn, &[post]).unwrap().pop() {
        Some(Posted::New(view)) => view,
        other => panic!("expected a new message, got {other:?}"),
    }
}

fn seen(conn: &mut DbConn, id: MessageId) -> MessageView {
    message::views(conn, &[id]).unwrap().remove(&id).unwrap()
}

fn left(conn: &mut DbConn, of: &Conversation, reader: &PersonView) -> (i64, i64) {
    let Unread { messages, mentions } = unread::of(conn, of.id, reader.id).unwrap();
    (messages, mentions)
}

#[test]
fn an_emoji_counts_once_a_person_and_names_the_first_of_them() {
    for_each_engine(|store| {
        write(store, |conn| {
            let people: Vec<_> = (0..25).map(|n| person(conn, &format!("p{n}"))).collect();
            let everyone: Vec<&PersonView> = people.iter().collect();
            let group = room(conn, "group", &everyone);
            let one = said(conn, post(&group, &people[0], "one"));
            let other = said(conn, post(&group, &people[0], "other"));
            for (n, who) in (0..).zip(&people) {
                assert!(reaction::add(conn, one.id, who.id, "👍", second(n)).unwrap());
            }
            assert!(!reaction::add(conn, one.id, people[3].id, "👍", second(99)).unwrap());
            assert!(reaction::add(conn, one.id, people[3].id, "🎉", second(3)).unwrap());
            let views = seen(conn, one.id).reactions;
            let shown: Vec<_> =
                views.iter().map(|view| (view.emoji.as_str(), view.count)).collect();
            assert_eq!(shown, [("👍", 25), ("🎉", 1)]);
            assert_eq!(views[0].users.len(), 20);
            assert_eq!(views[0].users[..2], [people[0].id, people[1].id]);
            assert!(seen(conn, other.id).reactions.is_empty());
            assert!(!reaction::is_full(conn, one.id, "👍", 2).unwrap());
            assert!(reaction::is_full(conn, one.id, "❤", 2).unwrap());
            assert!(!reaction::is_full(conn, one.id, "❤", 3).unwrap());
            assert!(reaction::remove(conn, one.id, people[3].id, "🎉").unwrap());
            assert!(!reaction::remove(conn, one.id, people[3].id, "🎉").unwrap());
            assert_eq!(reaction::count(conn, one.id, "👍").unwrap(), 25);
            assert_eq!(reaction::reactors(conn, one.id).unwrap().len(), 25);
        });
    });
}

#[test]
fn pins_stand_newest_first_and_go_with_their_message() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = room(conn, "group", &[&anna]);
            let ids: Vec<MessageId> =
                ["a", "b", "c"].map(|text| said(conn, post(&group, &anna, text)).id).into();
            for (n, id) in (0..).zip(&ids) {
                assert!(pin::add(conn, group.id, *id, anna.id, second(n)).unwrap());
            }
            assert!(!pin::add(conn, group.id, ids[0], anna.id, second(9)).unwrap());
            let pinned = |conn: &mut DbConn| -> Vec<MessageId> {
                let views = pin::list(conn, group.id, 10).unwrap();
                views.iter().map(|view| view.id).collect()
            };
            assert_eq!(pinned(conn), [ids[2], ids[1], ids[0]]);
            assert_eq!(seen(conn, ids[0]).pinned.unwrap().by, Some(anna.id));
            message::delete(conn, ids[1], anna.id, second(9)).unwrap();
            assert!(pin::remove(conn, ids[2]).unwrap());
            assert_eq!(pinned(conn), [ids[0]]);
            assert_eq!(pin::count(conn, group.id).unwrap(), 1);
        });
    });
}

#[test]
fn only_members_are_mentioned_and_reading_clears_the_count() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben, carl) =
                (person(conn, "anna"), person(conn, "Ben"), person(conn, "carl"));
            let group = room(conn, "group", &[&anna, &ben]);
            let names = ["ben".to_owned(), "carl".to_owned(), "nobody".to_owned()];
            let found = mention::members_called(conn, group.id, &names).unwrap();
            assert_eq!(found, std::slice::from_ref(&ben), "carl is no member");
            let mentions = NewPost { mentions: found, ..post(&group, &anna, "@ben") };
            let one = said(conn, mentions.clone());
            said(conn, post(&group, &anna, "no one"));
            let two = said(conn, mentions);
            assert_eq!(seen(conn, one.id).mentions, std::slice::from_ref(&ben));
            assert_eq!(left(conn, &group, &ben), (3, 2));
            assert_eq!(left(conn, &group, &anna), (0, 0));
            assert_eq!(left(conn, &group, &carl), (0, 0), "no member");
            membership::mark_read(conn, group.id, ben.id, one.seq).unwrap();
            assert_eq!(left(conn, &group, &ben), (2, 1));
            message::delete(conn, two.id, anna.id, second(2)).unwrap();
            assert_eq!(left(conn, &group, &ben), (1, 0));
            assert!(seen(conn, two.id).mentions.is_empty());
            user::set_active(conn, ben.id, false, second(3)).unwrap();
            assert!(mention::members_called(conn, group.id, &names).unwrap().is_empty());
        });
    });
}

#[test]
fn versions_are_kept_and_go_when_the_message_does() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = room(conn, "group", &[&anna]);
            let one = said(conn, post(&group, &anna, "v1"));
            for n in 2..=120 {
                message::edit(conn, one.id, &format!("v{n}"), second(n)).unwrap();
            }
            let versions = |conn: &mut DbConn| -> Vec<(String, NaiveDateTime)> {
                let row = message::by_id(conn, one.id).unwrap().unwrap();
                let list = version::list(conn, &row).unwrap();
                list.into_iter().map(|view| (view.content, view.written_at)).collect()
            };
            let all = versions(conn);
            assert_eq!(all.len(), 100);
            assert_eq!(all[0], ("v21".to_owned(), second(21)));
            assert_eq!(all[99], ("v120".to_owned(), second(120)));
            message::delete(conn, one.id, anna.id, second(200)).unwrap();
            let row = message::by_id(conn, one.id).unwrap().unwrap();
            let rest = version::list(conn, &row).unwrap();
            assert_eq!((rest.len(), rest[0].content.as_str()), (1, ""));
        });
    });
}

#[test]
fn a_forwarded_message_names_its_author_until_it_is_taken_back() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let (here, there) = (room(conn, "here", &[&anna]), room(conn, "there", &[&ben]));
            let first = said(conn, post(&here, &anna, "news"));
            let forward = Forward { of: first.id, sender: Some(anna.clone()) };
            let copy = said(conn, NewPost { forward: Some(forward), ..post(&there, &ben, "news") });
            assert_eq!(copy.forwarded_from.as_ref().unwrap().sender, Some(anna.clone()));
            assert_eq!(seen(conn, copy.id), copy);
            let row = message::by_id(conn, copy.id).unwrap().unwrap();
            assert_eq!((row.forward_of, row.forward_sender), (Some(first.id), Some(anna.id)));
            user::erase(conn, anna.id).unwrap();
            let view = seen(conn, copy.id);
            assert_eq!(view.forwarded_from.unwrap().sender, None, "a forward by nobody known");
            message::delete(conn, copy.id, ben.id, second(2)).unwrap();
            assert_eq!(seen(conn, copy.id).forwarded_from, None);
        });
    });
}

#[test]
fn what_is_unread_is_what_counting_would_give() {
    for_each_engine(|store| {
        write(store, |conn| {
            let mut dice = Seeded::new(7);
            let people = ["anna", "ben", "carl"].map(|name| person(conn, name));
            let everyone: Vec<&PersonView> = people.iter().collect();
            let groups = ["a", "b"].map(|title| room(conn, title, &everyone));
            for step in 0..300 {
                let (group, who) = (dice.one_of(&groups), dice.one_of(&people));
                match dice.below(6) {
                    0 => {
                        let head = groups_head(conn, group);
                        let seq = i64::try_from(dice.below(usize::try_from(head).unwrap() + 1));
                        membership::mark_read(conn, group.id, who.id, seq.unwrap()).unwrap();
                    }
                    1 => {
                        let page = message::page(conn, group.id, None, None, 20).unwrap();
                        if let Some(view) = page.messages.iter().find(|view| !view.deleted) {
                            message::delete(conn, view.id, who.id, second(step)).unwrap();
                        }
                    }
                    _ => {
                        said(conn, post(group, who, "text"));
                    }
                }
                for reader in &people {
                    assert_eq!(left(conn, group, reader).0, counted(conn, group, reader.id));
                }
            }
            let all = unread::all(conn, people[0].id).unwrap();
            for (topic, unread) in all {
                let group = groups.iter().find(|group| group.topic() == topic).unwrap();
                assert_eq!(unread.messages, counted(conn, group, people[0].id));
            }
        });
    });
}

fn groups_head(conn: &mut DbConn, group: &Conversation) -> i64 {
    switchboard::models::journal::head(conn, group.topic_id).unwrap().head
}

/// Messages by others after the mark, one by one.
fn counted(conn: &mut DbConn, group: &Conversation, reader: UserId) -> i64 {
    let mark = membership::membership(conn, group.id, reader).unwrap().unwrap().read_seq;
    let page = message::page(conn, group.id, None, Some(mark), 10_000).unwrap();
    let theirs = page.messages.iter().filter(|view| {
        !view.deleted && view.sender.as_ref().is_none_or(|sender| sender.id != reader)
    });
    i64::try_from(theirs.count()).unwrap()
}

#[test]
fn marks_move_forward_and_say_whom_a_message_has_reached() {
    for_each_engine(|store| {
        write(store, |conn| {
            let people = ["anna", "ben", "carl"].map(|name| person(conn, name));
            let [anna, ben, carl] = &people;
            let group = room(conn, "group", &[anna, ben, carl]);
            let one = said(conn, post(&group, anna, "one"));
            let two = said(conn, post(&group, anna, "two"));
            assert!(membership::mark_delivered(conn, group.id, ben.id, two.seq).unwrap());
            assert!(!membership::mark_delivered(conn, group.id, ben.id, one.seq).unwrap());
            assert!(membership::mark_read(conn, group.id, carl.id, one.seq).unwrap());
            let reached = |conn: &mut DbConn, mark, seq| -> Vec<UserId> {
                let wish = (mark, seq);
                let list = receipt::reached(conn, group.id, wish, Some(anna.id), 10).unwrap();
                assert!(list.iter().all(|receipt| receipt.at.is_some()));
                list.into_iter().map(|receipt| receipt.user.id).collect()
            };
            assert_eq!(reached(conn, Mark::Delivered, one.seq), [ben.id, carl.id]);
            assert_eq!(reached(conn, Mark::Delivered, two.seq), [ben.id]);
            assert_eq!(reached(conn, Mark::Read, one.seq), [carl.id]);
            let marks = |conn: &mut DbConn, reader: &PersonView| -> Vec<i64> {
                let list = membership::members(conn, group.id, reader.id, 10).unwrap();
                list.iter().map(|member| member.read_seq).collect()
            };
            assert_eq!(marks(conn, anna), [0, 0, one.seq]);
            receipt::share(conn, carl.id, false).unwrap();
            let none: [UserId; 0] = [];
            assert_eq!(reached(conn, Mark::Read, one.seq), none);
            assert_eq!(marks(conn, anna), [0, 0, 0]);
            assert_eq!(marks(conn, carl), [0, 0, one.seq], "one's own mark is one's own");
            assert_eq!(left(conn, &group, carl), (1, 0), "unread counts do not depend on it");
            assert!(membership::is_at_most(conn, group.id, 3).unwrap());
            assert!(!membership::is_at_most(conn, group.id, 2).unwrap());
        });
    });
}

#[test]
fn a_link_lets_in_as_many_as_it_was_made_for() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = room(conn, "group", &[&anna]);
            let new = |token_hash, max_uses, expires_at| NewInvite {
                conversation: group.id,
                token_hash,
                by: anna.id,
                at: second(0),
                expires_at,
                max_uses,
            };
            let twice = invite::insert(conn, &new("h1", Some(2), None)).unwrap();
            let brief = invite::insert(conn, &new("h2", None, Some(second(10)))).unwrap();
            assert!(invite::take(conn, twice.id).unwrap());
            assert!(invite::take(conn, twice.id).unwrap());
            assert!(!invite::take(conn, twice.id).unwrap());
            let found = invite::by_hash(conn, "h1").unwrap().unwrap();
            assert!(found.uses == 2 && !found.works(second(1)));
            assert!(brief.works(second(9)) && !brief.works(second(10)));
            assert_eq!(invite::count(conn, group.id).unwrap(), 2);
            assert!(invite::revoke(conn, brief.id, second(5)).unwrap());
            assert!(!invite::revoke(conn, brief.id, second(6)).unwrap());
            assert!(!invite::take(conn, brief.id).unwrap());
            let ids: Vec<_> = invite::list(conn, group.id, 10).unwrap();
            assert_eq!(ids.iter().map(|link| link.id).collect::<Vec<_>>(), [brief.id, twice.id]);
            assert_eq!(invite::by_hash(conn, "h3").unwrap(), None);
        });
    });
}

#[test]
fn public_conversations_are_found_by_their_words_page_by_page() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let rooms: Vec<_> =
                (0..5).map(|n| room(conn, &format!("Nachtschicht Süd {n}"), &[&anna])).collect();
            room(conn, "100%_sure", &[&anna, &ben]);
            let secret = room(conn, "Nachtschicht geheim", &[&anna]);
            let hidden = conversation::Change { is_public: Some(false), ..Default::default() };
            conversation::change(conn, secret.id, &hidden, second(1)).unwrap();
            let titles = |conn: &mut DbConn, words: &str| -> Vec<String> {
                let page = discover::page(conn, ben.id, words, None, 10).unwrap();
                page.into_iter().map(|(_, view)| view.conversation.title).collect()
            };
            assert_eq!(titles(conn, "süd NACHT").len(), 5);
            assert_eq!(titles(conn, "%_"), ["100%_sure"]);
            assert!(titles(conn, "geheim").is_empty());
            let first = discover::page(conn, ben.id, "süd", None, 3).unwrap();
            let place = first[2].0;
            let rest = discover::page(conn, ben.id, "süd", Some(place), 3).unwrap();
            let mut ids: Vec<_> =
                first.iter().chain(&rest).map(|(_, view)| view.conversation.id).collect();
            ids.reverse();
            assert_eq!(ids, rooms.iter().map(|room| room.id).collect::<Vec<_>>());
            let sure = discover::page(conn, ben.id, "sure", None, 3).unwrap();
            assert_eq!((sure[0].1.member_count, sure[0].1.my_role), (2, Some(MemberRole::Member)));
            assert_eq!(first[0].1.my_role, None);
        });
    });
}
