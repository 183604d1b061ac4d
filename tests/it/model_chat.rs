//! Conversations, memberships and messages, on both engines.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use switchboard::ids::{MessageId, UserId};
use switchboard::models::conversation::{self, Change, Conversation, NewConversation};
use switchboard::models::error::StoreError;
use switchboard::models::journal::{self, NewEntry};
use switchboard::models::membership;
use switchboard::models::message::{self, NewPost, Posted};
use switchboard::models::store::{DbConn, Store};
use switchboard::models::unread;
use switchboard::models::user::{self, NewUser};
use switchboard::protocol::topic::ChatKey;
use switchboard::protocol::views::{
    ConversationEntry, ConversationKind, MemberRole, MessageView, PersonView,
};

use crate::harness::engines::for_each_engine;

/// Runs `story` in one transaction.
fn write<T>(store: &Store, story: impl FnOnce(&mut DbConn) -> T) -> T {
    store.write(|conn| Ok(story(conn))).unwrap()
}

fn start() -> NaiveDateTime {
    "2026-01-01T10:00:00".parse().unwrap()
}

fn second(count: i64) -> NaiveDateTime {
    start() + chrono::Duration::seconds(count)
}

fn person(conn: &mut DbConn, name: &str) -> PersonView {
    user::person(&user::insert(conn, NewUser::member(name, "hash")).unwrap())
}

fn new_group(owner: UserId) -> NewConversation {
    NewConversation {
        kind: ConversationKind::Group,
        name: None,
        direct: None,
        title: "A group".to_owned(),
        description: String::new(),
        owner: Some(owner),
        is_public: false,
        at: start(),
    }
}

fn new_room(name: &str) -> NewConversation {
    NewConversation {
        kind: ConversationKind::Room,
        name: Some(name.to_owned()),
        owner: None,
        is_public: true,
        ..new_group(UserId(1))
    }
}

fn new_direct(a: UserId, b: UserId) -> NewConversation {
    NewConversation {
        kind: ConversationKind::Direct,
        direct: Some((a, b)),
        owner: None,
        ..new_group(a)
    }
}

/// A group of these people; the first owns it.
fn group(conn: &mut DbConn, people: &[&PersonView]) -> Conversation {
    let made = conversation::insert(conn, new_group(people[0].id)).unwrap();
    for (index, person) in people.iter().enumerate() {
        let role = if index == 0 { MemberRole::Owner } else { MemberRole::Member };
        assert!(membership::add_member(conn, made.id, person.id, role, start()).unwrap());
    }
    made
}

fn post(to: &Conversation, sender: &PersonView, content: &str) -> NewPost {
    NewPost {
        conversation: to.id,
        topic: to.topic_id,
        sender: sender.clone(),
        client_id: None,
        message_type: "text".to_owned(),
        content: content.to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        forward: None,
        at: second(1),
    }
}

fn once(post: NewPost, client_id: &str) -> NewPost {
    NewPost { client_id: Some(client_id.to_owned()), ..post }
}

fn new(outcome: &Posted) -> &MessageView {
    match outcome {
        Posted::New(view) => view,
        other => panic!("expected a new message, got {other:?}"),
    }
}

fn post_one(conn: &mut DbConn, post: NewPost) -> MessageView {
    new(&message::post_many(conn, &[post]).unwrap()[0]).clone()
}

fn listed(conn: &mut DbConn, reader: &PersonView) -> Vec<ConversationEntry> {
    conversation::list_of(conn, reader.id, 10, None).unwrap()
}

#[test]
fn a_repeated_client_id_gets_the_first_answer_and_no_new_position() {
    for_each_engine(|store| {
        let (anna, ben, group) = write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let group = group(conn, &[&anna, &ben]);
            (anna, ben, group)
        });
        let slice = [
            once(post(&group, &anna, "one"), "a"),
            once(post(&group, &anna, "one again"), "a"),
            once(post(&group, &ben, "another's a"), "a"),
        ];
        let outcomes = store.write(|conn| message::post_many(conn, &slice)).unwrap();
        let first = new(&outcomes[0]).clone();
        assert_eq!(outcomes[1], Posted::Repeat { id: first.id, seq: 1 });
        assert_eq!(new(&outcomes[2]).seq, 2);
        let slice = [once(post(&group, &anna, "late"), "a"), post(&group, &anna, "new")];
        let outcomes = store.write(|conn| message::post_many(conn, &slice)).unwrap();
        assert_eq!(outcomes[0], Posted::Repeat { id: first.id, seq: 1 });
        assert_eq!(new(&outcomes[1]).seq, 3);
        store
            .read(|conn| {
                let page = message::page(conn, group.id, None, None, 10)?;
                let shown = new(&outcomes[1]);
                assert_eq!((&page.messages[0], &page.messages[2]), (&first, shown));
                assert_eq!(journal::head(conn, group.topic_id)?.head, 3);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_forgotten_client_id_may_be_used_for_a_new_message() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = group(conn, &[&anna]);
            let send = once(post(&group, &anna, "one"), "a");
            post_one(conn, send.clone());
            assert_eq!(message::forget_client_ids(conn, second(1), 10).unwrap(), 0);
            assert_eq!(message::forget_client_ids(conn, second(2), 10).unwrap(), 1);
            assert_eq!(post_one(conn, send).seq, 2);
        });
    });
}

#[test]
fn positions_are_dense_across_posts_edits_and_joins() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let group = group(conn, &[&anna, &ben]);
            let entry = |kind: &'static str, entity: i64| NewEntry {
                kind,
                actor: Some(anna.id),
                entity: Some(entity),
                delta: None,
                created_at: second(2),
            };
            let one = post_one(conn, post(&group, &anna, "one"));
            message::edit(conn, one.id, "uno", second(2)).unwrap();
            let edited = [entry("message.edited", one.id.0)];
            assert_eq!(journal::append(conn, group.topic_id, &edited).unwrap(), 2);
            let slice = [post(&group, &anna, "two"), post(&group, &ben, "three")];
            let outcomes = message::post_many(conn, &slice).unwrap();
            assert_eq!((new(&outcomes[0]).seq, new(&outcomes[1]).seq), (3, 4));
            let joined = [entry("member.added", ben.id.0)];
            assert_eq!(journal::append(conn, group.topic_id, &joined).unwrap(), 5);
            assert_eq!(post_one(conn, post(&group, &ben, "four")).seq, 6);

            let entries = journal::since(conn, group.topic_id, 0, 100).unwrap();
            let told: Vec<(i64, &str)> =
                entries.iter().map(|entry| (entry.seq, entry.kind.as_str())).collect();
            let expected = [
                (1, "message.new"),
                (2, "message.edited"),
                (3, "message.new"),
                (4, "message.new"),
                (5, "member.added"),
                (6, "message.new"),
            ];
            assert_eq!(told, expected);
            assert_eq!(entries[0].entity, Some(one.id.0));
            assert_eq!(entries[0].actor, Some(anna.id));
            assert!(entries.iter().all(|entry| entry.delta.is_none()), "text is with its row");
        });
    });
}

#[test]
fn a_reply_is_of_its_own_conversation_and_quotes_a_hundred_characters() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let (here, there) = (group(conn, &[&anna]), group(conn, &[&anna]));
            let long = post_one(conn, post(&here, &anna, &"ß".repeat(150)));
            let reply = |to: &Conversation, id: MessageId| NewPost {
                reply_to: Some(id),
                ..post(to, &anna, "yes")
            };
            let slice = [
                once(reply(&here, long.id), "r"),
                reply(&there, long.id),
                reply(&here, MessageId(9_999)),
                once(reply(&here, MessageId(9_999)), "r"),
                post(&here, &anna, "after"),
            ];
            let outcomes = message::post_many(conn, &slice).unwrap();
            let answered = new(&outcomes[0]);
            let quote = answered.reply_to.as_ref().unwrap();
            assert_eq!((quote.id, quote.sender), (long.id, Some(anna.id)));
            assert_eq!(quote.content, "ß".repeat(100));
            assert_eq!(outcomes[1], Posted::NoSuchReply);
            assert_eq!(outcomes[2], Posted::NoSuchReply);
            assert_eq!(outcomes[3], Posted::Repeat { id: answered.id, seq: answered.seq });
            assert_eq!(new(&outcomes[4]).seq, 3);
            assert_eq!(journal::head(conn, there.topic_id).unwrap().head, 0);

            message::delete(conn, long.id, anna.id, second(3)).unwrap();
            let seen = message::views(conn, &[answered.id]).unwrap().remove(&answered.id).unwrap();
            assert_eq!(seen.reply_to.unwrap().content, "");
        });
    });
}

#[test]
fn a_deleted_message_keeps_its_place_and_loses_its_text() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let group = group(conn, &[&anna, &ben]);
            let one = post_one(conn, post(&group, &anna, "secret"));
            let edited = message::edit(conn, one.id, "secret too", second(2)).unwrap();
            assert_eq!(
                (edited.content.as_str(), edited.edited_at),
                ("secret too", Some(second(2)))
            );
            message::delete(conn, one.id, ben.id, second(3)).unwrap();
            let row = message::by_id(conn, one.id).unwrap().unwrap();
            assert_eq!((row.content.as_str(), row.deleted_by), ("", Some(ben.id)));
            let page = message::page(conn, group.id, None, None, 10).unwrap();
            assert_eq!(page.messages.len(), 1);
            assert!(page.messages[0].deleted);
            assert_eq!((page.messages[0].seq, page.messages[0].content.as_str()), (1, ""));
            let again = message::delete(conn, one.id, ben.id, second(4));
            assert_eq!(again, Err(StoreError::Missing));
            let edited = message::edit(conn, one.id, "back", second(4));
            assert_eq!(edited, Err(StoreError::Missing));
        });
    });
}

#[test]
fn pages_are_oldest_first_and_say_whether_there_is_more() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = group(conn, &[&anna]);
            let slice: Vec<NewPost> =
                (1..=10).map(|count| post(&group, &anna, &count.to_string())).collect();
            message::post_many(conn, &slice).unwrap();
            let mut page = |before: Option<i64>, after: Option<i64>, limit: i64| {
                let page = message::page(conn, group.id, before, after, limit).unwrap();
                let seqs: Vec<i64> = page.messages.iter().map(|view| view.seq).collect();
                (seqs, page.more)
            };
            assert_eq!(page(None, None, 3), (vec![8, 9, 10], true));
            assert_eq!(page(Some(3), None, 3), (vec![1, 2], false));
            assert_eq!(page(Some(5), None, 4), (vec![1, 2, 3, 4], false));
            assert_eq!(page(None, Some(3), 3), (vec![4, 5, 6], true));
            assert_eq!(page(None, Some(8), 3), (vec![9, 10], false));
            assert_eq!(page(None, None, 0), (vec![], true));
        });
    });
}

#[test]
fn two_people_have_one_direct_conversation() {
    for_each_engine(|store| {
        let (anna, ben, carl) = write(store, |conn| {
            (person(conn, "anna").id, person(conn, "ben").id, person(conn, "carl").id)
        });
        let opened: Vec<(Conversation, bool)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|index| {
                    let new = if index % 2 == 0 { (anna, ben) } else { (ben, anna) };
                    scope.spawn(move || {
                        store.write(|conn| conversation::open(conn, new_direct(new.0, new.1)))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert_eq!(opened.iter().filter(|(_, is_new)| *is_new).count(), 1);
        assert!(opened.iter().all(|(one, _)| one.id == opened[0].0.id));
        write(store, |conn| {
            let found = conversation::direct_between(conn, ben, anna).unwrap().unwrap();
            assert_eq!(found.topic().to_string(), format!("chat:{}", found.id));
            let topic = journal::find_topic(conn, &found.topic().to_string()).unwrap().unwrap();
            assert_eq!(topic.topic, found.topic_id);
            let other = conversation::insert(conn, new_direct(anna, carl)).unwrap();
            assert_ne!(other.id, found.id);
        });
    });
}

#[test]
fn a_room_name_is_given_once_and_is_its_topic() {
    for_each_engine(|store| {
        write(store, |conn| {
            let room = conversation::insert(conn, new_room("general")).unwrap();
            assert_eq!(room.topic().to_string(), "chat:general");
            let again = conversation::insert(conn, new_room("general"));
            assert_eq!(again, Err(StoreError::Conflict(Some("conversations.name".to_owned()))));
            let by_name = conversation::by_key(conn, &ChatKey::Name("general".into())).unwrap();
            let by_id = conversation::by_key(conn, &ChatKey::Id(room.id)).unwrap();
            assert_eq!((by_name.as_ref(), by_id.as_ref()), (Some(&room), Some(&room)));
            let wish = Change { title: Some("All"), ..Change::default() };
            let changed = conversation::change(conn, room.id, &wish, second(5)).unwrap();
            assert_eq!((changed.title.as_str(), changed.updated_at), ("All", second(5)));
        });
    });
}

#[test]
fn members_come_owner_and_admins_first_then_as_they_joined() {
    for_each_engine(|store| {
        write(store, |conn| {
            let people = ["anna", "ben", "carl", "dora"].map(|name| person(conn, name));
            let [anna, ben, carl, dora] = people;
            let made = conversation::insert(conn, new_group(dora.id)).unwrap();
            let mut add = |who: &PersonView, role, at| {
                membership::add_member(conn, made.id, who.id, role, at).unwrap()
            };
            assert!(add(&anna, MemberRole::Member, second(3)));
            assert!(add(&ben, MemberRole::Member, second(2)));
            assert!(add(&carl, MemberRole::Admin, second(4)));
            assert!(add(&dora, MemberRole::Owner, second(5)));
            assert!(!add(&dora, MemberRole::Member, second(6)), "already in");
            let names = |conn: &mut DbConn, limit| -> Vec<String> {
                let members = membership::members(conn, made.id, anna.id, limit).unwrap();
                members.into_iter().map(|member| member.user.username).collect()
            };
            assert_eq!(names(conn, 10), ["dora", "carl", "ben", "anna"]);
            assert_eq!(names(conn, 2), ["dora", "carl"]);
            assert_eq!(membership::owners(conn, made.id).unwrap(), 1);
            assert!(membership::set_role(conn, made.id, anna.id, MemberRole::Owner).unwrap());
            assert_eq!(membership::owners(conn, made.id).unwrap(), 2);
            assert!(membership::remove_member(conn, made.id, dora.id).unwrap());
            assert!(!membership::remove_member(conn, made.id, dora.id).unwrap());
            assert_eq!(membership::member_count(conn, made.id).unwrap(), 3);
            let ids = membership::member_ids(conn, made.id).unwrap();
            assert_eq!(ids, [anna.id, ben.id, carl.id]);
        });
    });
}

#[test]
fn a_read_mark_only_moves_forward() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let group = group(conn, &[&anna]);
            assert!(membership::mark_read(conn, group.id, anna.id, 5).unwrap());
            assert!(!membership::mark_read(conn, group.id, anna.id, 5).unwrap());
            assert!(!membership::mark_read(conn, group.id, anna.id, 4).unwrap());
            assert!(!membership::mark_read(conn, group.id, UserId(999), 4).unwrap());
            let row = membership::membership(conn, group.id, anna.id).unwrap().unwrap();
            assert_eq!((row.read_seq, row.role), (5, MemberRole::Owner));
        });
    });
}

#[test]
fn a_list_shows_what_was_written_last_and_what_is_unread() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let quiet = group(conn, &[&anna]);
            let busy = group(conn, &[&ben, &anna]);
            let direct = conversation::insert(conn, new_direct(anna.id, ben.id)).unwrap();
            let member = MemberRole::Member;
            membership::add_member(conn, direct.id, anna.id, member, start()).unwrap();
            group(conn, &[&ben]);
            let slice = [
                post(&busy, &ben, "read"),
                post(&busy, &ben, "deleted"),
                post(&busy, &anna, "mine"),
                NewPost { at: second(9), ..post(&busy, &ben, "unread") },
                NewPost { at: second(5), ..post(&direct, &ben, "hello") },
            ];
            let outcomes = message::post_many(conn, &slice).unwrap();
            message::delete(conn, new(&outcomes[1]).id, ben.id, second(9)).unwrap();
            membership::mark_read(conn, busy.id, anna.id, 1).unwrap();

            let list = listed(conn, &anna);
            let ids: Vec<_> = list.iter().map(|entry| entry.conversation.id).collect();
            assert_eq!(ids, [busy.id, direct.id, quiet.id]);
            let [first, second_entry, last] = &list[..] else { panic!("three entries") };
            assert_eq!((first.unread, first.read_seq, first.head), (1, 1, 4));
            assert_eq!(first.conversation.updated_at, second(9));
            assert_eq!(first.last_message.as_ref(), Some(new(&outcomes[3])));
            assert_eq!((first.my_role, first.peer.as_ref()), (Some(member), None));
            assert_eq!((second_entry.peer.as_ref(), second_entry.unread), (Some(&ben), 1));
            assert_eq!((last.unread, last.head, last.last_message.as_ref()), (0, 0, None));
            assert_eq!(unread::of(conn, busy.id, anna.id).unwrap().messages, 1);

            let mark = (second_entry.conversation.updated_at, second_entry.conversation.id);
            let rest = conversation::list_of(conn, anna.id, 10, Some(mark)).unwrap();
            assert_eq!(rest, std::slice::from_ref(last));
            let page = conversation::list_of(conn, anna.id, 2, None).unwrap();
            assert_eq!(page, list[..2]);
        });
    });
}

#[test]
fn an_erased_account_leaves_its_messages_and_conversations_behind() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let group = group(conn, &[&anna, &ben]);
            let one = post_one(conn, post(&group, &anna, "kept"));
            let two = post_one(conn, post(&group, &ben, "deleted"));
            message::delete(conn, two.id, anna.id, second(2)).unwrap();
            assert!(user::erase(conn, anna.id).unwrap());
            let page = message::page(conn, group.id, None, None, 10).unwrap();
            assert_eq!((page.messages[0].sender.as_ref(), page.messages[0].id), (None, one.id));
            assert_eq!(page.messages[0].content, "kept");
            assert_eq!(message::by_id(conn, two.id).unwrap().unwrap().deleted_by, None);
            let left = conversation::by_id(conn, group.id).unwrap().unwrap();
            assert_eq!(left.owner_id, None);
            assert_eq!(membership::member_ids(conn, group.id).unwrap(), [ben.id]);
            assert_eq!(listed(conn, &ben)[0].unread, 1, "nobody's message is still another's");
            assert!(!user::erase(conn, anna.id).unwrap());
        });
    });
}

#[test]
fn two_writers_on_the_same_topics_leave_no_hole_and_no_double() {
    for_each_engine(|store| {
        let (anna, groups) = write(store, |conn| {
            let anna = person(conn, "anna");
            let groups = [group(conn, &[&anna]), group(conn, &[&anna])];
            (anna, groups)
        });
        std::thread::scope(|scope| {
            for writer in 0..2_usize {
                let (anna, groups) = (&anna, &groups);
                scope.spawn(move || {
                    for round in 0..20 {
                        // Each writer names the topics in its own order, and every send twice.
                        let (near, far) = (&groups[writer], &groups[1 - writer]);
                        let shared = format!("both-{round}");
                        let slice = [
                            once(post(near, anna, "near"), &shared),
                            once(post(far, anna, "far"), &shared),
                            post(near, anna, "own"),
                        ];
                        store.write(|conn| message::post_many(conn, &slice)).unwrap();
                    }
                });
            }
        });
        for group in &groups {
            let page = store.read(|conn| message::page(conn, group.id, None, None, 200)).unwrap();
            let seqs: Vec<i64> = page.messages.iter().map(|view| view.seq).collect();
            assert_eq!(seqs, (1..=40).collect::<Vec<_>>(), "20 shared and 20 own");
        }
    });
}

/// A small generator with a fixed seed (xorshift), so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What `post_many` must do, in memory and without haste.
#[derive(Default)]
struct Model {
    heads: HashMap<i64, i64>,
    firsts: HashMap<(UserId, i64, String), (MessageId, i64)>,
    homes: HashMap<MessageId, i64>,
}

impl Model {
    /// Checks one outcome against the rules and remembers what it made.
    fn check(&mut self, post: &NewPost, outcome: &Posted) {
        let home = post.conversation.0;
        let key = post.client_id.clone().map(|id| (post.sender.id, home, id));
        if let Some(&(id, seq)) = key.as_ref().and_then(|key| self.firsts.get(key)) {
            assert_eq!(*outcome, Posted::Repeat { id, seq });
            return;
        }
        if post.reply_to.is_some_and(|id| self.homes.get(&id) != Some(&home)) {
            assert_eq!(*outcome, Posted::NoSuchReply);
            return;
        }
        let view = new(outcome);
        let head = self.heads.entry(home).or_default();
        *head += 1;
        assert_eq!((view.seq, view.conversation), (*head, post.conversation));
        assert_eq!((&view.content, &view.client_id), (&post.content, &post.client_id));
        assert_eq!(view.reply_to.as_ref().map(|reply| reply.id), post.reply_to);
        assert!(self.homes.insert(view.id, home).is_none(), "an id was given twice");
        if let Some(key) = key {
            self.firsts.insert(key, (view.id, view.seq));
        }
    }
}

fn roll(dice: &mut Dice, people: &[PersonView], groups: &[Conversation], known: u64) -> NewPost {
    let pick = |sides: usize, dice: &mut Dice| usize::try_from(dice.below(sides as u64)).unwrap();
    let to = &groups[pick(groups.len(), dice)];
    let sender = &people[pick(people.len(), dice)];
    let content = format!("text {}", dice.below(1_000));
    let client_id = (dice.below(3) > 0).then(|| format!("c{}", dice.below(60)));
    // Only ids of earlier slices: within a slice nobody can know one.
    let reply_to = (dice.below(4) == 0)
        .then(|| MessageId(i64::try_from(dice.below(known + 3) + 1).unwrap()))
        .filter(|id| id.0 <= i64::try_from(known).unwrap() || id.0 > 1_000_000);
    NewPost { client_id, reply_to, ..post(to, sender, &content) }
}

#[test]
fn posting_many_does_what_a_simple_model_does() {
    for_each_engine(|store| {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let (people, groups) = write(store, |conn| {
            let people = ["anna", "ben", "carl"].map(|name| person(conn, name));
            let everyone: Vec<&PersonView> = people.iter().collect();
            let groups = [(); 4].map(|()| group(conn, &everyone));
            (people, groups)
        });
        let mut model = Model::default();
        for round in 0..40 {
            let known = model.homes.keys().map(|id| id.0).max().unwrap_or(0);
            let known = u64::try_from(known).unwrap();
            let size = dice.below(40);
            let slice: Vec<NewPost> =
                (0..size).map(|_| roll(&mut dice, &people, &groups, known)).collect();
            let outcomes = store.write(|conn| message::post_many(conn, &slice)).unwrap();
            assert_eq!(outcomes.len(), slice.len(), "round {round}");
            for (post, outcome) in slice.iter().zip(&outcomes) {
                model.check(post, outcome);
            }
        }
        store
            .read(|conn| {
                for group in &groups {
                    let head = model.heads[&group.id.0];
                    assert_eq!(journal::head(conn, group.topic_id)?.head, head);
                    let page = message::page(conn, group.id, None, Some(0), 10_000)?;
                    let entries = journal::since(conn, group.topic_id, 0, 10_000)?;
                    let rows = page.messages.iter().map(|view| (view.seq, Some(view.id.0)));
                    let told = entries.iter().map(|entry| (entry.seq, entry.entity));
                    assert!(rows.eq(told), "the journal names every message at its place");
                    let count = usize::try_from(head).unwrap();
                    assert_eq!(page.messages.len(), count);
                }
                Ok(())
            })
            .unwrap();
    });
}
